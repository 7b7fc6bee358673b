//! Connects to Postgres, and finds out at the start whether what is in between keeps what we rely on.

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _, PgPool};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement,
};

use super::{ACQUIRE_TIMEOUT, in_time};
use crate::error::StartError;

/// Connections of a pool.
const CONNECTIONS: u32 = 16;
/// How often two connections take turns in the probe.
const TURNS: usize = 4;

/// Connects; `place` is the URL without credentials, for messages. Statements name no schema: the search path does,
/// which is `schema` alone, or else what the server has for the role.
pub(super) async fn connect(
    url: &str,
    schema: Option<&str>,
    place: &str,
) -> Result<DatabaseConnection, StartError> {
    let path = schema.map(|schema| format!("\"{}\"", schema.replace('"', "\"\"")));
    let mut options = ConnectOptions::new(url);
    options.max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT).sqlx_logging(false);
    let asked = path.clone();
    options.map_sqlx_postgres_opts(move |options| {
        // Floats are sent in binary: there are no digits to ask for, and poolers refuse who asks.
        let options = options.extra_float_digits(None);
        match &asked {
            // A start-up parameter, which survives wherever a session `SET` would not.
            Some(path) => options.options([("search_path", path)]),
            None => options,
        }
    });
    let classify = |source| classify(source, place);
    try_once(url).await.map_err(classify)?;
    let connection = sea_orm::Database::connect(options).await.map_err(classify)?;
    require_prepared_statements(connection.get_postgres_connection_pool())
        .await
        .map_err(|error| classify(DbErr::Query(sea_orm::RuntimeErr::SqlxError(error.into()))))?;
    if let Some(path) = path {
        require_path(&connection, path).await?;
    }
    Ok(connection)
}

/// Makes one connection, and closes it: the pool would try in vain for long, and not say why. What a pooler says about
/// our parameters comes later.
async fn try_once(url: &str) -> Result<(), DbErr> {
    let failed = |error: sqlx::Error| DbErr::Conn(RuntimeErr::Internal(error.to_string()));
    in_time(async {
        let options: PgConnectOptions = url.parse().map_err(failed)?;
        let options = options.extra_float_digits(None);
        options.connect().await.map_err(failed)?.close().await.map_err(failed)
    })
    .await
}

/// Has two connections prepare statements in turns. Behind a transaction-mode pooler they meet on one connection of the
/// server, where the second finds the first one's name taken: so it fails now rather than under load.
async fn require_prepared_statements(pool: &PgPool) -> Result<(), sqlx::Error> {
    let (mut one, mut other) = (pool.acquire().await?, pool.acquire().await?);
    for turn in 0..TURNS {
        for connection in [&mut one, &mut other] {
            let sql = format!("SELECT $1::int + {turn}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(1_i32).fetch_one(&mut **connection).await?;
        }
    }
    Ok(())
}

/// Refuses a connection that lost the search path on its way: another's tables would be used.
async fn require_path(connection: &DatabaseConnection, path: String) -> Result<(), StartError> {
    let sql = "SELECT current_setting('search_path') AS path";
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let found: Option<String> = row.map(|row| row.try_get("", "path")).transpose()?;
    if found.as_ref() == Some(&path) { Ok(()) } else { Err(StartError::PathLost { path }) }
}

fn classify(source: DbErr, place: &str) -> StartError {
    let text = source.to_string();
    if text.contains("prepared statement") && text.contains("sqlx_s_") {
        StartError::TransactionPooler
    } else if text.contains("unsupported startup parameter") && text.contains("options") {
        StartError::PathRefused
    } else {
        StartError::Database { place: place.to_owned(), source }
    }
}
