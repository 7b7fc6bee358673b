//! Composes the subgraphs of every case, and compares with its `supergraph.graphql` and `hints.txt`, or its `errors.txt`.

use std::fs;
use std::path::Path;

use composition::{Hint, SubgraphSource, compose};
use expect_test::expect_file;

/// A case is found by its `subgraphs` directory: any file in it names the case, the first by name runs it.
fn composes(file: &Path) -> datatest_stable::Result<()> {
    let folder = file.parent().expect("a file has a folder");
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    if files[0].as_path() != file {
        return Ok(());
    }
    let sources = files
        .iter()
        .map(|path| {
            let name =
                path.file_stem().expect("a schema has a name").to_string_lossy().into_owned();
            let url = format!("http://{name}.test/graphql");
            Ok(SubgraphSource { name, url, sdl: fs::read_to_string(path)? })
        })
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    let case = fs::canonicalize(folder)?.parent().expect("subgraphs stand in a case").to_owned();
    let mut reversed = sources.clone();
    reversed.reverse();
    let composed = compose(&sources);
    assert_eq!(composed, compose(&reversed), "the order of the subgraphs changes the result");
    let expects_errors = case.components().any(|part| part.as_os_str() == "compose_errors");
    match composed {
        Ok(composition) if expects_errors => panic!("composes:\n{}", composition.supergraph_sdl),
        Ok(composition) => {
            expect_file![case.join("supergraph.graphql")].assert_eq(&composition.supergraph_sdl);
            check_hints(&case, &composition.hints);
        }
        Err(errors) if expects_errors => {
            let lines: Vec<String> =
                errors.0.iter().map(|error| format!("{}  {}", error.code, error.message)).collect();
            expect_file![case.join("errors.txt")].assert_eq(&(lines.join("\n") + "\n"));
        }
        Err(errors) => panic!("does not compose:\n{errors}"),
    }
    Ok(())
}

/// Hints are compared where a case is about them: below `hints/`, or wherever it has the file.
fn check_hints(case: &Path, hints: &[Hint]) {
    let file = case.join("hints.txt");
    if file.exists() || case.components().any(|part| part.as_os_str() == "hints") {
        let lines: Vec<String> =
            hints.iter().map(|hint| format!("{}  {}\n", hint.code, hint.message)).collect();
        expect_file![file].assert_eq(&lines.concat());
    }
}

datatest_stable::harness! {
    { test = composes, root = "../cases", pattern = r"subgraphs/[^/]+\.graphql$" },
}
