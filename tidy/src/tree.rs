//! The files of the repository, without what is built, installed or downloaded.

use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold no source.
const SKIPPED: [&str; 4] = [".git", "target", "node_modules", "data"];

/// A file: where it stands, from the root and with `/`, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path.
    pub path: String,
    /// Its text; what is not UTF-8 is replaced.
    pub text: String,
}

impl SourceFile {
    /// The part of the path after the last `/`.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The part of the name after the last dot, if any.
    pub fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// Reads all files below `root`, in the order of their paths.
pub fn read(root: &Path) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            // Case data is source too: only a top-level `data` is a database folder.
            let is_skipped = SKIPPED.iter().any(|skipped| name == *skipped)
                && (name != "data" || folder == root);
            match entry.file_type()? {
                kind if kind.is_dir() && !is_skipped => folders.push(path),
                kind if kind.is_file() => files.push(read_file(root, &path)?),
                _ => {}
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_file(root: &Path, path: &Path) -> io::Result<SourceFile> {
    let relative: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    let parts = relative.iter().map(|part| part.to_string_lossy());
    Ok(SourceFile {
        path: parts.collect::<Vec<_>>().join("/"),
        text: String::from_utf8_lossy(&std::fs::read(path)?).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_or_installed_is_no_source() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "src/lib.rs",
            "target/debug/out.rs",
            "web/node_modules/left/index.js",
            "data/ridegraph.db",
            "cases/one/data/books.json",
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        }
        let files = read(root.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["cases/one/data/books.json", "src/lib.rs"]);
        assert_eq!((files[1].name(), files[1].extension()), ("lib.rs", "rs"));
    }
}
