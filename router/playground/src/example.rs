//! What a tab of the page shows at first: an operation, its variables, and the headers to send.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a tab of the page shows at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// The text of an operation; its name becomes the tab's.
    pub operation: String,
    /// A JSON object, or empty.
    pub variables: String,
    /// A JSON object, or empty.
    pub headers: String,
}

impl Example {
    /// Reads a folder in the order of its file names: `me.graphql` is an operation; `me.variables.json` and
    /// `me.headers.json` beside it, where they are there, its variables and headers.
    pub fn read_folder(folder: &Path) -> io::Result<Vec<Self>> {
        let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut paths = entries.collect::<io::Result<Vec<PathBuf>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "graphql"));
        paths.sort();
        let examples = paths.iter().map(|path| {
            Ok(Self {
                operation: fs::read_to_string(path)?,
                variables: read_or_empty(&path.with_extension("variables.json"))?,
                headers: read_or_empty(&path.with_extension("headers.json"))?,
            })
        });
        examples.collect()
    }
}

fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_the_order_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("2-me.graphql", "query Me { me { id } }"),
            ("2-me.headers.json", r#"{ "authorization": "Bearer …" }"#),
            ("1-login.graphql", "mutation Login { login }"),
            ("1-login.variables.json", "{}"),
            ("README.md", "not an operation"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let login = Example {
            operation: "mutation Login { login }".to_owned(),
            variables: "{}".to_owned(),
            ..Example::default()
        };
        let me = Example {
            operation: "query Me { me { id } }".to_owned(),
            headers: r#"{ "authorization": "Bearer …" }"#.to_owned(),
            ..Example::default()
        };
        assert_eq!(Example::read_folder(folder.path()).unwrap(), [login, me]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Example::read_folder(&folder.path().join("nowhere")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
