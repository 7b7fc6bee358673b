//! How files open, what they are called, and what may not stand in them.

use crate::tree::SourceFile;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["utils", "helpers", "common", "core", "types", "misc", "manager", "processor", "internal"];

/// Lowercase extensions of files that are read as text.
const PROSE_AND_CODE: [&str; 13] = [
    "rs", "md", "toml", "yaml", "yml", "json", "js", "mjs", "css", "html", "graphql", "sh",
    "example",
];

/// Every Rust file begins with `//!` and a sentence.
pub fn opens_with_a_sentence(file: &SourceFile) -> Vec<String> {
    if file.extension() != "rs" {
        return Vec::new();
    }
    let opening = file.text.lines().next().unwrap_or_default();
    match opening.strip_prefix("//! ") {
        Some(sentence) if !sentence.trim().is_empty() => Vec::new(),
        _ => vec![format!("{} does not open with a `//!` sentence", file.path)],
    }
}

/// Files are called by their type or verb; a module with children is `foo.rs` beside `foo/`.
pub fn has_a_telling_name(file: &SourceFile, allowed: &[&str]) -> Vec<String> {
    let Some(stem) = file.name().strip_suffix(".rs") else { return Vec::new() };
    let mut breaches = Vec::new();
    let folders = file.path.split('/').rev().skip(1);
    let names = std::iter::once(stem).chain(folders);
    for name in names.filter(|name| EMPTY_NAMES.contains(name)) {
        if !allowed.contains(&file.path.as_str()) {
            breaches.push(format!("{}: `{name}` says nothing of what is inside", file.path));
        }
    }
    if stem == "mod" && !file.path.contains("/tests/") {
        breaches.push(format!("{} should be the file beside its folder", file.path));
    }
    breaches
}

/// A mark of unfinished work says, in parentheses, what would make it go away.
pub fn leaves_no_loose_end(file: &SourceFile) -> Vec<String> {
    on_lines(file, |line| {
        // In halves, so that this file keeps the rule.
        let (todo, marks) = (concat!("TO", "DO"), [concat!("FIX", "ME"), concat!("XX", "X")]);
        // The last is a currency, too: ISO 4217's code for none.
        let is_currency = line.to_lowercase().contains("currency");
        let loose = words(line).any(|word| marks.contains(&word) && !is_currency)
            || (words(line).any(|word| word == todo) && !line.contains(&format!("{todo}(")));
        loose.then(|| format!("a mark without an end: `{}`", line.trim()))
    })
}

/// No path of somebody's machine.
pub fn names_no_machine(file: &SourceFile) -> Vec<String> {
    const HOMES: [&str; 4] = ["home", "work", "Users", "root"];
    on_lines(file, |line| {
        let paths = HOMES.iter().find_map(|home| {
            let path = format!("/{home}/");
            let at = line.find(&path)?;
            // A URL's path, or a path inside something else, is no machine's.
            let before = line[..at].chars().next_back();
            before
                .is_none_or(|before| !before.is_alphanumeric() && !"._-}/".contains(before))
                .then_some(path)
        });
        paths.map(|path| format!("a path of a machine: `{path}…`"))
    })
}

fn on_lines(file: &SourceFile, rule: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let is_read = PROSE_AND_CODE.contains(&file.extension()) || !file.name().contains('.');
    if !is_read || file.name() == "package-lock.json" {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    let breaches = lines.filter_map(|(index, line)| {
        rule(line).map(|breach| format!("{}:{}: {breach}", file.path, index + 1))
    });
    breaches.collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_module_opens_with_a_sentence() {
        let rule = |text| opens_with_a_sentence(&file("a/src/lib.rs", text));
        assert!(rule("//! Says what it is.\n").is_empty());
        let breach = ["a/src/lib.rs does not open with a `//!` sentence"];
        assert_eq!(rule("use std::fmt;\n"), breach);
        assert_eq!(rule("//!\n//! Too late.\n"), breach);
        assert_eq!(rule("/// For something else.\n"), breach);
        assert_eq!(rule(""), breach);
        assert!(opens_with_a_sentence(&file("a/README.md", "# A")).is_empty());
    }

    #[test]
    fn a_name_tells_what_is_inside() {
        let rule = |path| has_a_telling_name(&file(path, ""), &["a/src/types.rs"]);
        assert!(rule("a/src/ride.rs").is_empty());
        assert!(rule("a/src/types.rs").is_empty(), "allowed by name");
        assert!(rule("a/core.md").is_empty(), "no module");
        assert_eq!(rule("a/src/utils.rs").len(), 1);
        assert_eq!(rule("a/src/common/ride.rs").len(), 1);
        assert_eq!(
            rule("a/src/ride/mod.rs"),
            ["a/src/ride/mod.rs should be the file beside its folder"]
        );
        assert!(rule("a/tests/story/mod.rs").is_empty(), "tests share modules this way");
    }

    #[test]
    fn a_mark_says_what_ends_it() {
        let rule = |text: &str| leaves_no_loose_end(&file("a.rs", text));
        let [todo, fixme] = [concat!("TO", "DO"), concat!("FIX", "ME")];
        assert!(rule(&format!("// {todo}(async-graphql 8 prints it): drop this.")).is_empty());
        assert!(rule("let todos = 3;").is_empty());
        let breach = rule(&format!("fn a() {{}}\n// {todo}: later"));
        assert_eq!(breach, [format!("a.rs:2: a mark without an end: `// {todo}: later`")]);
        assert_eq!(rule(&format!("// {fixme} this")).len(), 1);
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        let rule = |text: &str| names_no_machine(&file("scripts/run", text));
        for home in ["home", "work", "Users", "root"] {
            let breach = rule(&format!("cd /{home}/ann/ridegraph"));
            assert_eq!(breach, [format!("scripts/run:1: a path of a machine: `/{home}/…`")]);
            let elsewhere =
                format!("https://example.com/{home}/page, $OUT/{home}/x and ./{home}/y");
            assert!(rule(&elsewhere).is_empty());
        }
    }
}
