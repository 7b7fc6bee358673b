//! The development keys: files in the data folder, which only their owner may read, made at the first start.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use service::{Random, SigningKeys};

use crate::error::StartError;

/// What is secret in a house of one process.
pub(crate) struct Keys {
    /// By which the services know each other.
    pub(crate) service_secret: String,
    /// What users' tokens are signed with.
    pub(crate) signing: SigningKeys,
    /// What quotes are signed with.
    pub(crate) quote_secret: String,
}

impl Keys {
    /// Reads the keys in `data_dir`, and makes those that are missing, the folder included.
    pub(crate) fn read_or_make(data_dir: &Path, random: &Random) -> Result<Self, StartError> {
        let folder = data_dir.join("keys");
        make_private_folder(&folder)
            .map_err(|source| StartError::Write { path: data_dir.to_owned(), source })?;
        let secret = || random.secret();
        let (_, service_secret) = read_or_make(folder.join("service-secret"), secret)?;
        let (_, quote_secret) = read_or_make(folder.join("quote-secret"), secret)?;
        let (path, pem) =
            read_or_make(folder.join("access-tokens.pem"), || SigningKeys::generate_pem(random))?;
        let signing = SigningKeys::from_pem(&pem)
            .map_err(|error| StartError::Key { path, reason: error.to_string() })?;
        Ok(Self { service_secret, signing, quote_secret })
    }
}

fn read_or_make(
    path: PathBuf,
    make: impl FnOnce() -> String,
) -> Result<(PathBuf, String), StartError> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make();
            match write_private(&path, &text) {
                Ok(()) => Ok((path, text)),
                Err(source) => Err(StartError::Write { path, source }),
            }
        }
        Err(source) => Err(StartError::Read { path, source }),
    }
}

/// Writes the file whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

/// Makes the folder and what it is in; what is new only its owner may enter.
fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keys::read_or_make(folder.path(), &Random::seeded(1)).unwrap();
        let again = Keys::read_or_make(folder.path(), &Random::seeded(2)).unwrap();
        assert_eq!(first.service_secret, again.service_secret);
        assert_eq!(first.quote_secret, again.quote_secret);
        assert_eq!(first.signing.public(), again.signing.public());
        assert_ne!(first.service_secret, first.quote_secret);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_them() {
        use std::os::unix::fs::PermissionsExt as _;

        let parent = tempfile::tempdir().unwrap();
        let data_dir = parent.path().join("data");
        Keys::read_or_make(&data_dir, &Random::seeded(1)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data_dir), 0o700);
        let files: Vec<PathBuf> = fs::read_dir(data_dir.join("keys"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(files.len(), 3);
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }

    #[test]
    fn a_broken_key_is_named_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys").join("access-tokens.pem");
        make_private_folder(path.parent().unwrap()).unwrap();
        fs::write(&path, "no key").unwrap();
        let Err(error) = Keys::read_or_make(folder.path(), &Random::seeded(1)) else {
            panic!("a text that is no key was taken for one")
        };
        assert!(error.to_string().contains("access-tokens.pem` cannot be used"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "no key");
    }
}
