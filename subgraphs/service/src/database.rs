//! The database of a service: Postgres, or one SQLite file with a single writer.

use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tracing::Instrument;
use url::Url;

use crate::error::StartError;

mod postgres;

/// How long a connection may be waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first connection, and the answer to a ping, may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that read a SQLite file.
const SQLITE_READERS: u32 = 4;

/// What of this name stands in the schemas of the search path: tables, and the views that `migrate split` leaves in
/// the old place for who still looks there.
const POSTGRES_PLACES: &str = "SELECT c.relkind = 'v' AS is_view FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v') AND n.nspname = ANY (current_schemas(false))";

/// Two ways into one database. On Postgres both are the same pool; on SQLite `write` is the one connection that
/// writes, and `read` the connections beside it.
///
/// Cheap to clone. No service awaits a peer inside a transaction: on SQLite it would hold the only writer.
#[derive(Debug, Clone)]
pub struct Database {
    /// For everything that only reads.
    pub read: DatabaseConnection,
    /// For single statements that write; several go into [`Database::begin`].
    pub write: DatabaseConnection,
}

/// A turn that one replica has: see [`Database::lease`]. It ends with the transaction that holds the lock.
#[derive(Debug)]
pub(crate) struct Lease(
    #[expect(dead_code, reason = "held for its drop")] Option<DatabaseTransaction>,
);

impl Database {
    /// Connects to `url`: `postgres://…`, `sqlite://path/to/file.db` (created where missing).
    ///
    /// `schema`, or `?schema=` in the URL, names the Postgres schema whose tables are meant.
    pub async fn connect(url: &str, schema: Option<&str>) -> Result<Self, StartError> {
        let (url, place, schema) = parse(url, schema)?;
        if url.starts_with("sqlite:") {
            let connected = connect_sqlite(&url).await;
            return connected.map_err(|source| StartError::Database { place, source });
        }
        let pool = postgres::connect(&url, schema.as_deref(), &place).await?;
        Ok(Self { read: pool.clone(), write: pool })
    }

    /// Which kind it is.
    pub fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    /// Begins a transaction that writes. Dropped without `commit`, it changes nothing.
    ///
    /// On SQLite it holds the writer from the start (`BEGIN IMMEDIATE`).
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let database = self.write.clone();
        // Whoever waits may go away, as a client does that hangs up. Left in the middle of `BEGIN`, sqlx gives the
        // connection back with the transaction open, and what the next one writes on it is never committed.
        #[expect(
            clippy::disallowed_methods,
            reason = "the task lives as long as one statement, and its transaction ends with it where nobody takes it"
        )]
        let begun = tokio::spawn(
            async move {
                let options = TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                database.begin_with_options(options).await
            }
            .in_current_span(),
        );
        begun.await.map_err(|error| DbErr::Custom(error.to_string()))?
    }

    /// A turn at `what`, which one replica has at a time, until it is dropped; none where another has it. SQLite has
    /// one process, whose turn it always is.
    pub(crate) async fn lease(&self, what: &str) -> Result<Option<Lease>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(Some(Lease(None)));
        }
        let transaction = self.begin().await?;
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_try_advisory_xact_lock(hashtext($1)) AS held",
            [what.into()],
        );
        let row = transaction.query_one_raw(lock).await?;
        let is_held = row.is_some_and(|row| row.try_get("", "held").unwrap_or(false));
        Ok(is_held.then_some(Lease(Some(transaction))))
    }

    /// Lets one transaction at a time go on with `what`, until it ends. On SQLite writers take turns anyway.
    pub async fn serialize(
        &self,
        transaction: &DatabaseTransaction,
        what: &str,
    ) -> Result<(), DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(());
        }
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            [what.into()],
        );
        transaction.execute_raw(lock).await.map(drop)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        in_time(self.read.ping()).await
    }

    /// Fails, naming the first, where one of `tables` is missing, or stands in two schemas that are searched: then
    /// nobody can say which one has the rows.
    pub async fn require_tables(&self, tables: &[&str]) -> Result<(), StartError> {
        let places = match self.backend() {
            DbBackend::Sqlite => {
                "SELECT type = 'view' AS is_view FROM sqlite_master WHERE type = 'table' AND name = $1"
            }
            _ => POSTGRES_PLACES,
        };
        for table in tables {
            let place = Statement::from_sql_and_values(self.backend(), places, [(*table).into()]);
            let found = self.read.query_all_raw(place).await?;
            let tables = found.iter().filter(|row| !row.try_get("", "is_view").unwrap_or(false));
            let table = (*table).to_owned();
            match (tables.count(), found.len()) {
                (0, 0) => return Err(StartError::MissingTable { table }),
                (0 | 1, _) => {}
                _ => return Err(StartError::AmbiguousTable { table }),
            }
        }
        Ok(())
    }
}

/// Splits `?schema=` off the URL; the place is the URL without credentials, for messages.
fn parse(url: &str, schema: Option<&str>) -> Result<(String, String, Option<String>), StartError> {
    let invalid = |reason: String| StartError::Setting { setting: "DATABASE_URL", reason };
    if url.starts_with("sqlite:") {
        return Ok((url.to_owned(), url.to_owned(), None));
    }
    let mut parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
    if !matches!(parsed.scheme(), "postgres" | "postgresql") {
        return Err(invalid(format!(
            "`{}` is not a database we know: use postgres or sqlite",
            parsed.scheme()
        )));
    }
    let named =
        parsed.query_pairs().find(|(key, _)| key == "schema").map(|(_, value)| value.into_owned());
    let rest: Vec<(String, String)> = parsed
        .query_pairs()
        .filter(|(key, _)| key != "schema")
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect();
    parsed.set_query(None);
    if !rest.is_empty() {
        parsed.query_pairs_mut().extend_pairs(rest);
    }
    let host = parsed.host_str().unwrap_or("localhost");
    let place = format!("{host}:{}{}", parsed.port().unwrap_or(5432), parsed.path());
    Ok((parsed.into(), place, named.or_else(|| schema.map(str::to_owned))))
}

/// The answer, or an error when it takes too long.
async fn in_time<T>(answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let too_late = |_| {
        let seconds = ANSWER_TIMEOUT.as_secs();
        Err(DbErr::Conn(RuntimeErr::Internal(format!("no answer within {seconds} seconds"))))
    };
    tokio::time::timeout(ANSWER_TIMEOUT, answer).await.unwrap_or_else(too_late)
}

async fn connect_sqlite(url: &str) -> Result<Database, DbErr> {
    let write = sea_orm::Database::connect(sqlite(url, 1, false)).await?;
    let read = sea_orm::Database::connect(sqlite(url, SQLITE_READERS, true)).await?;
    Ok(Database { read, write })
}

fn sqlite(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |options| {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        if read_only { options.pragma("query_only", "ON") } else { options }
    });
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_schema_out_of_the_url() {
        let (url, place, schema) =
            parse("postgres://me:secret@db/rides?schema=logistics&sslmode=disable", None).unwrap();
        assert_eq!(url, "postgres://me:secret@db/rides?sslmode=disable");
        assert_eq!(place, "db:5432/rides");
        assert_eq!(schema.as_deref(), Some("logistics"));
    }

    #[test]
    fn refuses_a_database_it_does_not_know() {
        let error = parse("mysql://db/rides", None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "DATABASE_URL: `mysql` is not a database we know: use postgres or sqlite"
        );
    }
}
