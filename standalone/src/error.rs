//! Why Ridegraph does not start, in one sentence for whoever started it.

use std::io;
use std::path::PathBuf;

/// Why Ridegraph does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something in the data folder cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The data folder cannot be written to.
    #[error("cannot write to the data folder: `{}`: {source}", path.display())]
    Write {
        /// What should have been written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A key in the data folder is no key.
    #[error("`{}` cannot be used ({reason}): bring the old file back, or remove it to have a new one made", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tables cannot be brought up.
    #[error("the tables of {owner} cannot be brought up: {source}")]
    Migration {
        /// Whose tables.
        owner: &'static str,
        /// What the database said.
        source: sea_orm::DbErr,
    },
    /// The first catalogue cannot be made.
    #[error("the first catalogue cannot be made: {0}")]
    Catalogue(sea_orm::DbErr),
    /// A service does not start.
    #[error(transparent)]
    Service(#[from] service::StartError),
    /// The router does not start.
    #[error(transparent)]
    Router(#[from] server::StartError),
    /// Logs, metrics or traces cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] telemetry::InstallError),
}
