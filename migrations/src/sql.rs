//! SQL as text: names and values quoted, statements run, and what was run written down.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    RuntimeErr, Statement, Value,
};

/// A name as SQL reads it, whatever is in it: `"User"`.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table of a schema: `"public"."User"`.
pub(crate) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(table))
}

/// A text as SQL reads it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Runs a statement of ours so that a [`Recorder`] hears of it.
pub(crate) async fn execute(
    transaction: &DatabaseTransaction,
    sql: impl Into<String>,
) -> Result<(), DbErr> {
    let statement = Statement::from_string(transaction.get_database_backend(), sql);
    transaction.execute_raw(statement).await.map(drop)
}

/// Asks Postgres; the answer's rows.
pub(crate) async fn query<C: ConnectionTrait>(
    connection: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    connection.query_all_raw(statement).await
}

/// The first column of the answer's rows.
pub(crate) async fn names<C: ConnectionTrait>(
    connection: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<String>, DbErr> {
    query(connection, sql, values).await?.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Postgres's code of the error, where it is Postgres that said no.
pub(crate) fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(error) = runtime else { return None };
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Writes down what changes a database, in order. What only asks is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// The same connection, under observation.
    pub(crate) fn observe(&self, database: &DatabaseConnection) -> DatabaseConnection {
        let (mut observed, recorder) = (database.clone(), self.clone());
        observed.set_metric_callback(move |info| {
            let sql = info.statement.to_string();
            if !sql.starts_with("SELECT ") {
                recorder.0.lock().unwrap_or_else(PoisonError::into_inner).push(sql);
            }
        });
        observed
    }

    /// What was written down.
    pub(crate) fn statements(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_would_end_a_name_or_a_text() {
        assert_eq!(qualified("a\"b", "User"), "\"a\"\"b\".\"User\"");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
