//! One migrator at a time: the transaction that a migration runs in, with a lock taken first.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use crate::Owner;

/// The first half of our advisory locks' keys, so that nobody else's lock is met: "ride" in ASCII.
const NAMESPACE: i32 = 0x7269_6465;

/// Begins the transaction once no other migrator of this owner is at work; the lock ends with the transaction.
///
/// On Postgres that is an advisory lock, which leaves the services' statements alone; on SQLite the file's one writer.
pub(crate) async fn begin(
    database: &DatabaseConnection,
    owner: Owner,
) -> Result<DatabaseTransaction, DbErr> {
    #[expect(clippy::disallowed_methods, reason = "the process ends with whoever waits for it")]
    let transaction = database
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock($1, $2)",
            [NAMESPACE.into(), key(owner).into()],
        );
        transaction.execute_raw(lock).await?;
    }
    Ok(transaction)
}

fn key(owner: Owner) -> i32 {
    match owner {
        Owner::Auth => 1,
        Owner::Logistics => 2,
        Owner::Platform => 3,
    }
}
