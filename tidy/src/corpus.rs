//! A case has all of its outputs, and nothing that no runner reads.
//!
//! ```text
//! compose_errors/NAME/   subgraphs/*.graphql   errors.txt
//! GROUP/NAME/            subgraphs/*.graphql   supergraph.graphql   hints.txt (in hints/, and where a case wants it)
//!                        OPERATION.graphql     OPERATION.plan
//!                        data/SUBGRAPH.json    OPERATION.json
//! and where a case wants them                  OPERATION.variables.json   OPERATION.labels   OPERATION.requests
//! ```

use std::collections::{BTreeMap, BTreeSet};

/// Checks the paths of the corpus, from its root and with `/`. Files beside the cases (a README) are nobody's.
pub fn is_complete<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut cases: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        let slashes = path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
        if let [_, end, ..] = slashes[..] {
            cases.entry(&path[..end]).or_default().insert(&path[end + 1..]);
        }
    }
    if cases.is_empty() {
        return vec!["there are no cases".to_owned()];
    }
    let breaches = cases.iter().flat_map(|(case, files)| {
        let breaches = missing(case, files).into_iter().chain(orphans(case, files));
        breaches.map(move |breach| format!("{case}: {breach}"))
    });
    breaches.collect()
}

fn has_errors(case: &str) -> bool {
    case.starts_with("compose_errors/")
}

/// The operations: every GraphQL file of the case itself but its supergraph.
fn operations<'a>(files: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let own = files.iter().filter(|file| !file.contains('/') && **file != "supergraph.graphql");
    own.filter_map(|file| file.strip_suffix(".graphql")).collect()
}

fn missing(case: &str, files: &BTreeSet<&str>) -> Vec<String> {
    let mut breaches = Vec::new();
    if !files.iter().any(|file| file.starts_with("subgraphs/")) {
        breaches.push("no subgraphs".to_owned());
    }
    let composed = if has_errors(case) { "errors.txt" } else { "supergraph.graphql" };
    let mut outputs = vec![composed.to_owned()];
    if case.starts_with("hints/") {
        outputs.push("hints.txt".to_owned());
    }
    let has_data = files.iter().any(|file| file.starts_with("data/"));
    for operation in operations(files) {
        outputs.push(format!("{operation}.plan"));
        if has_data {
            outputs.push(format!("{operation}.json"));
        }
    }
    outputs.retain(|output| !files.contains(output.as_str()));
    breaches.extend(outputs.into_iter().map(|output| format!("no {output}")));
    breaches
}

fn orphans(case: &str, files: &BTreeSet<&str>) -> Vec<String> {
    let operations = if has_errors(case) { Vec::new() } else { operations(files) };
    let is_read = |file: &str| match file.split_once('/') {
        Some(("subgraphs", name)) => name.ends_with(".graphql") && !name.contains('/'),
        Some(("data", name)) => name.strip_suffix(".json").is_some_and(|subgraph| {
            files.contains(format!("subgraphs/{subgraph}.graphql").as_str())
        }),
        Some(_) => false,
        None if has_errors(case) => file == "errors.txt",
        None => {
            let endings = [".graphql", ".plan", ".json", ".variables.json", ".labels", ".requests"];
            matches!(file, "supergraph.graphql" | "hints.txt")
                || operations.iter().any(|operation| {
                    file.strip_prefix(operation).is_some_and(|rest| endings.contains(&rest))
                })
        }
    };
    let unread = files.iter().filter(|file| !is_read(file));
    unread.map(|file| format!("nobody reads {file}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [&str; 9] = [
        "README.md",
        "entities/key/subgraphs/books.graphql",
        "entities/key/supergraph.graphql",
        "entities/key/one.graphql",
        "entities/key/one.plan",
        "entities/key/one.json",
        "entities/key/one.variables.json",
        "entities/key/one.requests",
        "entities/key/data/books.json",
    ];

    fn check(added: &[&str], removed: &[&str]) -> Vec<String> {
        let kept = COMPLETE.into_iter().filter(|path| !removed.contains(path));
        is_complete(kept.chain(added.iter().copied()))
    }

    #[test]
    fn a_complete_case_is_fine() {
        assert!(check(&[], &[]).is_empty());
        let errors = ["compose_errors/a/subgraphs/b.graphql", "compose_errors/a/errors.txt"];
        assert!(check(&errors, &[]).is_empty());
    }

    #[test]
    fn an_output_that_is_missing_is_named() {
        for (path, breach) in [
            ("entities/key/supergraph.graphql", "entities/key: no supergraph.graphql"),
            ("entities/key/one.plan", "entities/key: no one.plan"),
            ("entities/key/one.json", "entities/key: no one.json"),
        ] {
            assert_eq!(check(&[], &[path]), [breach]);
        }
        let failing = ["compose_errors/a/subgraphs/b.graphql"];
        assert_eq!(check(&failing, &[]), ["compose_errors/a: no errors.txt"]);
        assert_eq!(
            check(&["a/b/errors.txt"], &[]).len(),
            3,
            "no subgraphs, no supergraph, an orphan"
        );
        assert_eq!(is_complete([]), ["there are no cases"]);
    }

    #[test]
    fn what_nobody_reads_is_named() {
        for orphan in [
            "two.plan",
            "two.json",
            "two.requests",
            "notes.txt",
            "errors.txt",
            "data/gone.json",
            "subgraphs/books.json",
            "more/one.graphql",
        ] {
            let path = format!("entities/key/{orphan}");
            assert_eq!(check(&[&path], &[]), [format!("entities/key: nobody reads {orphan}")]);
        }
    }
}
