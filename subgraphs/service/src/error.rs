//! Errors: what a client is told in `errors[].extensions.code`, and why a service cannot start.

use std::sync::Arc;

use async_graphql::{Error, ErrorExtensions, ServerError};
use sea_orm::DbErr;

/// The codes of top-level errors (`schema/ERRORS.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Nobody is signed in, or the token presented does not verify.
    Unauthenticated,
    /// Somebody is signed in, but may not do this.
    Forbidden,
    /// The arguments cannot be understood.
    BadUserInput,
    /// The operation is not one of this schema.
    GraphqlValidationFailed,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// Too often.
    RateLimited,
    /// A peer that is needed did not answer.
    UpstreamUnavailable,
    /// A fault of ours; the cause is in the log.
    Internal,
}

impl Code {
    /// The code as clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::RateLimited => "RATE_LIMITED",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// An error with this code.
    pub fn error(self, message: impl Into<String>) -> Error {
        Error::new(message).extend_with(|_, extensions| extensions.set("code", self.as_str()))
    }
}

/// Nobody is signed in.
pub fn unauthenticated() -> Error {
    Code::Unauthenticated.error("sign in first")
}

/// The caller lacks `scope`.
pub fn forbidden(scope: &str) -> Error {
    Code::Forbidden.error(format!("this needs the scope `{scope}`"))
}

/// The argument cannot be understood; `message` names it.
pub fn bad_user_input(message: impl Into<String>) -> Error {
    Code::BadUserInput.error(message)
}

/// The peer that is needed did not answer.
pub fn upstream_unavailable(peer: &str) -> Error {
    Code::UpstreamUnavailable.error(format!("`{peer}` is not available, try again"))
}

/// Gives every error a code; what came from a fault of ours is logged here, once, and hidden from the client.
///
/// A resolver may therefore use `?` on any Rust error: the client reads `INTERNAL`, the operator reads the cause.
pub(crate) fn disclose(errors: &mut [ServerError]) {
    for error in errors {
        let coded =
            error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
        if coded {
            continue;
        }
        let code = classify(error);
        if code == Code::UpstreamUnavailable {
            tracing::error!(path = ?error.path, error = error.message, "the database does not answer");
            "the database does not answer, try again".clone_into(&mut error.message);
        }
        if code == Code::Internal {
            tracing::error!(path = ?error.path, error = error.message, "a resolver failed");
            "internal error".clone_into(&mut error.message);
        }
        error.extensions.get_or_insert_default().set("code", code.as_str());
    }
}

fn classify(error: &ServerError) -> Code {
    // async-graphql tells these apart by their texts alone.
    let of_input = |message: &str| {
        message.starts_with("Failed to parse ")
            || message.starts_with("Expected input type ")
            || message == "Entity not found."
            || (message.starts_with("Variable ") && message.ends_with(" is not defined."))
    };
    if is_without_database(error) {
        Code::UpstreamUnavailable
    } else if error.source.is_some() {
        // `?` on a Rust error keeps it as the source: its text was never meant for clients.
        Code::Internal
    } else if error.path.is_empty() {
        Code::GraphqlValidationFailed
    } else if of_input(&error.message) {
        Code::BadUserInput
    } else {
        Code::Internal
    }
}

/// Whether a resolver failed because no connection to the database could be had.
fn is_without_database(error: &ServerError) -> bool {
    let loaded = error.source::<Arc<DbErr>>().map(Arc::as_ref);
    let cause = loaded.or_else(|| error.source::<DbErr>());
    matches!(cause, Some(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)))
}

/// Why a service does not start, in one sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where it should have listened.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No connection to the database.
    #[error("cannot reach the database at {place}: {source}")]
    Database {
        /// The database's URL, without credentials.
        place: String,
        /// What the driver said.
        source: sea_orm::DbErr,
    },
    /// A table is missing.
    #[error("the database has no table `{table}`: run `migrate up` first")]
    MissingTable {
        /// The first table that is missing.
        table: String,
    },
    /// A table stands in two places.
    #[error(
        "the table `{table}` stands in two schemas of the search path: drop the one that nobody uses, \
         or name the other with `?schema=`"
    )]
    AmbiguousTable {
        /// The first such table.
        table: String,
    },
    /// The database is behind a pooler that breaks prepared statements.
    #[error(
        "the database is behind a transaction-mode pooler, which breaks named prepared statements: \
         use the session-mode port (5432), a direct connection, or PgBouncer 1.21 or later with \
         `max_prepared_statements`"
    )]
    TransactionPooler,
    /// A pooler does not pass the search path on, and says so.
    #[error(
        "a pooler in between refuses the schema of `?schema=` or DB_SCHEMA: leave it out, and have \
         `migrate up --roles` set the search path of the service's role"
    )]
    PathRefused,
    /// A pooler does not pass the search path on, and says nothing.
    #[error(
        "the connection does not search the schema {path}, which a pooler in between drops: leave it out, \
         and have `migrate up --roles` set the search path of the service's role"
    )]
    PathLost {
        /// The search path that was asked for.
        path: String,
    },
    /// No connection to the bus.
    #[error("cannot reach NATS at {url}: {reason}")]
    Bus {
        /// The URL.
        url: String,
        /// What the client said.
        reason: String,
    },
    /// Logs, metrics or traces cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] telemetry::InstallError),
    /// A setting that cannot be used.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The server stopped by itself.
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
    /// A statement that start-up needs failed.
    #[error("the database refused a statement: {0}")]
    Statement(#[from] sea_orm::DbErr),
}
