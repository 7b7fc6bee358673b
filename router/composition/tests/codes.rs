//! The table of codes, `CODES.md`: every code is emitted by a case of the corpus, and no other is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use composition::{CODES, Code, Severity};
use expect_test::expect_file;

/// Codes that no case of the corpus can emit, and what proves them.
const PROVEN_ELSEWHERE: [(&str, &str); 1] = [(
    "MAX_VALIDATION_SUBGRAPH_PATHS_EXCEEDED",
    "unit test of `satisfiability`, with a lower limit",
)];

/// Codes that other compositions have, and what stands for them here.
const NOT_USED: [(&str, &str); 11] = [
    ("DOWNSTREAM_SERVICE_ERROR", "of `router compose`: a subgraph does not tell its schema"),
    ("INVALID_FEDERATION_SUPERGRAPH", "of the commands that read a supergraph: it cannot be read"),
    ("INPUT_FIELD_MERGE_FAILED", "`FIELD_TYPE_MISMATCH`"),
    ("QUERY_ROOT_MISSING", "`NO_QUERIES`"),
    ("CONTEXT_NAME_CONTAINS_UNDERSCORE", "`CONTEXT_NAME_INVALID`"),
    ("NO_CONTEXT_REFERENCED", "`NO_CONTEXT_IN_SELECTION`"),
    ("NO_SELECTION_FOR_CONTEXT", "`NO_CONTEXT_IN_SELECTION`"),
    ("CONTEXT_SELECTION_INVALID", "`CONTEXT_INVALID_SELECTION`"),
    ("NO_EXECUTABLE_DIRECTIVE_LOCATIONS_INTERSECTION", "`NO_EXECUTABLE_DIRECTIVE_INTERSECTION`"),
    ("QUERY_PLAN_COMPLEXITY_EXCEEDED", "of the planner, which has a budget and no such error"),
    ("NO_PLAN_FOUND_WITH_DISABLED_SUBGRAPHS", "of the planner, which disables no subgraph"),
];

#[test]
fn every_code_is_proven() {
    let cases = cases_by_code();
    let is_proven = |code: &Code| {
        cases.contains_key(&key(code))
            || PROVEN_ELSEWHERE.iter().any(|(name, _)| *name == code.name)
    };
    let unproven: Vec<&str> =
        CODES.iter().filter(|code| !is_proven(code)).map(|code| code.name).collect();
    assert!(unproven.is_empty(), "no case of the corpus emits {unproven:?}");
    let known: BTreeSet<(bool, &str)> = CODES.iter().map(key).collect();
    let unknown: Vec<_> = cases.keys().filter(|key| !known.contains(*key)).collect();
    assert!(unknown.is_empty(), "the table does not have {unknown:?}");
}

#[test]
fn the_source_uses_no_other_code() {
    let mut unknown = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in &files(source.clone(), "rs") {
        // The kinds of changes are no codes of composition.
        let module = file.strip_prefix(&source).expect("the file stands in the source");
        if module.starts_with("change") || module == Path::new("change.rs") {
            continue;
        }
        let text = fs::read_to_string(file).expect("the source can be read");
        for word in text.split('"').filter(|word| is_code(word)) {
            let is_location = word.ends_with("_DEFINITION")
                || word.ends_with("FRAGMENT")
                || word == "FRAGMENT_SPREAD";
            if !is_location && !CODES.iter().any(|code| code.name == word) {
                unknown.insert(word.to_owned());
            }
        }
    }
    assert!(unknown.is_empty(), "the table does not have {unknown:?}");
}

#[test]
fn the_page_is_up_to_date() {
    let cases = cases_by_code();
    let mut page = String::from(
        "# The codes of composition\n\nWritten by `tests/codes.rs` from `src/code.rs` and the corpus (`router/cases/`): every \
         code is emitted by the cases\nnamed beside it. `UPDATE_EXPECT=1 cargo test -p composition` rewrites it.\n",
    );
    for (severity, title) in [
        (Severity::Error, "Errors"),
        (Severity::Warn, "Hints: warn"),
        (Severity::Info, "Hints: info"),
        (Severity::Debug, "Hints: debug"),
    ] {
        let codes: Vec<&Code> = CODES.iter().filter(|code| code.severity == severity).collect();
        let _ = writeln!(
            page,
            "\n## {title} ({})\n\n| code | it says | proven by |\n|---|---|---|",
            codes.len()
        );
        for code in codes {
            let proof = proof(code, &cases);
            let _ = writeln!(page, "| `{}` | {} | {proof} |", code.name, code.meaning);
        }
    }
    page += "\n## Not emitted by composition\n\nWhat other compositions emit besides, without the codes of connectors.\n\n| code | here |\n|---|---|\n";
    for (name, instead) in NOT_USED {
        let _ = writeln!(page, "| `{name}` | {instead} |");
    }
    expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join("CODES.md")].assert_eq(&page);
}

/// Errors and hints may have the same code.
fn key(code: &Code) -> (bool, &str) {
    (code.severity == Severity::Error, code.name)
}

fn proof(code: &Code, cases: &BTreeMap<(bool, &str), BTreeSet<String>>) -> String {
    if let Some((_, elsewhere)) = PROVEN_ELSEWHERE.iter().find(|(name, _)| *name == code.name) {
        return (*elsewhere).to_owned();
    }
    let cases = cases.get(&key(code)).into_iter().flatten();
    cases.map(|case| format!("`{case}`")).collect::<Vec<_>>().join(", ")
}

/// The cases that emit each code, by whether it is an error.
fn cases_by_code() -> BTreeMap<(bool, &'static str), BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases");
    let mut cases: BTreeMap<(bool, &'static str), BTreeSet<String>> = BTreeMap::new();
    for file in files(root.clone(), "txt") {
        let is_error = file.ends_with("errors.txt");
        if !is_error && !file.ends_with("hints.txt") {
            continue;
        }
        let case = file.parent().and_then(|case| case.strip_prefix(&root).ok());
        let case = case.expect("a case stands below the root").to_string_lossy().into_owned();
        for line in fs::read_to_string(&file).expect("an output can be read").lines() {
            // Some messages have several lines.
            let Some(code) = line.split("  ").next().filter(|word| is_code(word)) else { continue };
            let name = CODES.iter().find(|known| known.name == code).map(|known| known.name);
            let name =
                name.unwrap_or_else(|| panic!("{}: `{code}` is not in the table", file.display()));
            cases.entry((is_error, name)).or_default().insert(case.clone());
        }
    }
    cases
}

fn is_code(word: &str) -> bool {
    word.contains('_')
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        && !word.ends_with('_')
}

/// All files below a folder with an extension, in order.
fn files(folder: PathBuf, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
