//! Moves an owner's tables into a schema of their own, and back, while the services run.
//!
//! In / Out: an owner and the schema it is to have; its tables there, with views in their old place. One transaction
//! makes the schema, moves every table, and leaves the views, so that nobody sees half of it. It waits for the tables
//! no longer than [`LOCK_TIMEOUT_MS`] and then lets go: requests queue behind a lock that is waited for. Tables take
//! their indexes, sequences and grants along. A statement that a service has prepared is planned anew at its next use.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};

use crate::sql::{code, execute, identifier, names, qualified};
use crate::view::{Invoker, View};
use crate::{Owner, lock, place, role, table, view};

/// How long the move waits for a table. Below Postgres's `deadlock_timeout` (1 s): the move yields, never a service.
const LOCK_TIMEOUT_MS: u32 = 200;
/// How often it tries.
const ATTEMPTS: u32 = 100;
/// How much longer it pauses after each attempt, in which requests go through, up to the longest pause.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The statements of the transaction, in order; none where everything stands as asked.
    pub statements: Vec<String>,
    /// How many attempts it took.
    pub attempts: u32,
}

/// Whether to change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Do it.
    Real,
    /// Only say what would be done.
    Dry,
}

/// Moves the owner's tables into `schema`, which is made where it is missing.
pub async fn split(
    database: &DatabaseConnection,
    owner: Owner,
    schema: &str,
    run: Run,
) -> Result<Change, DbErr> {
    change(database, owner, run, async |transaction, home| {
        if home == schema {
            return Ok(Vec::new());
        }
        refuse_foreign(transaction, owner, schema).await?;
        let path = [schema, home].map(str::to_owned);
        move_tables(transaction, owner, home, schema, &path).await
    })
    .await
}

/// Moves the owner's tables back to where their views stand: the schema `public`, where there are none.
pub async fn unsplit(
    database: &DatabaseConnection,
    owner: Owner,
    schema: &str,
    run: Run,
) -> Result<Change, DbErr> {
    change(database, owner, run, async |transaction, home| {
        // Where they already stand with the others, they stay.
        if home != schema {
            return Ok(Vec::new());
        }
        let views = view::all(transaction, owner).await?;
        let back = views.first().map_or("public", |view| view.schema.as_str());
        let path = [home, back].map(str::to_owned);
        move_tables(transaction, owner, home, back, &path).await
    })
    .await
}

/// Drops the views that a move left, once nobody looks there, and the schema that has become empty by it.
pub async fn finish(
    database: &DatabaseConnection,
    owner: Owner,
    schema: &str,
    run: Run,
) -> Result<Change, DbErr> {
    change(database, owner, run, async |transaction, _| {
        let views = view::all(transaction, owner).await?;
        if views.is_empty() {
            return Ok(Vec::new());
        }
        let mut statements = vec![wait_briefly()];
        statements.extend(views.iter().map(view::drop));
        let is_ours = views.iter().any(|view| view.schema == schema);
        if is_ours && table::foreign(transaction, owner, schema).await?.is_empty() {
            statements.push(format!("DROP SCHEMA {}", identifier(schema)));
        }
        Ok(statements)
    })
    .await
}

/// Plans in the transaction that holds the migrators' lock, and runs the plan in it; again, where a table is in use.
async fn change(
    database: &DatabaseConnection,
    owner: Owner,
    run: Run,
    plan: impl AsyncFn(&DatabaseTransaction, &str) -> Result<Vec<String>, DbErr>,
) -> Result<Change, DbErr> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let transaction = lock::begin(database, owner).await?;
        let home = home(&transaction, owner).await?;
        let statements = plan(&transaction, &home).await?;
        if run == Run::Dry || statements.is_empty() {
            transaction.rollback().await?;
            return Ok(Change { statements, attempts });
        }
        match execute_all(&transaction, &statements).await {
            Ok(()) => {
                transaction.commit().await?;
                return Ok(Change { statements, attempts });
            }
            Err(error) if is_in_use(&error) && attempts < ATTEMPTS => {
                transaction.rollback().await?;
                tokio::time::sleep((PAUSE * attempts).min(LONGEST_PAUSE)).await;
            }
            Err(error) if is_in_use(&error) => {
                transaction.rollback().await?;
                return Err(in_use(database, owner).await?);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn execute_all(
    transaction: &DatabaseTransaction,
    statements: &[String],
) -> Result<(), DbErr> {
    for statement in statements {
        execute(transaction, statement).await?;
    }
    Ok(())
}

/// Where the owner's tables stand.
async fn home(transaction: &DatabaseTransaction, owner: Owner) -> Result<String, DbErr> {
    let name = owner.name();
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Err(DbErr::Migration(format!(
            "the tables of {name} cannot have a schema: their database is SQLite, which has none"
        )));
    }
    place::settle(transaction, owner).await?;
    table::schemas(transaction, owner).await?.into_iter().next().ok_or_else(|| {
        DbErr::Migration(format!("there are no tables of {name}: run `migrate up` first"))
    })
}

/// The statements that move the owner's tables. `path` is what the owner's roles search from then on: the schema of the
/// owner's own first, whichever way it goes, as connections made before have that path, too.
async fn move_tables(
    transaction: &DatabaseTransaction,
    owner: Owner,
    from: &str,
    to: &str,
    path: &[String],
) -> Result<Vec<String>, DbErr> {
    let name = owner.name();
    if let Some(table) = table::owned(transaction, owner, to).await?.first() {
        return Err(DbErr::Migration(format!(
            "the schema `{to}` has a table `{table}` already, and {name} has its own in `{from}`: drop the one that nobody uses"
        )));
    }
    let tables = table::owned(transaction, owner, from).await?;
    let stale: Vec<View> = view::all(transaction, owner).await?;
    let roles = role::grantees(transaction, owner, from).await?;
    let here: Vec<String> = tables.iter().map(|table| qualified(from, table)).collect();

    let mut statements =
        vec![wait_briefly(), format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(to))];
    // All locks before the first change, views first, as those take them who ask through views.
    let views = stale.iter().map(|view| qualified(&view.schema, &view.table));
    let locked: Vec<String> = views.chain(here.iter().cloned()).collect();
    statements.push(format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", locked.join(", ")));
    statements.extend(stale.iter().map(view::drop));
    let schema = identifier(to);
    statements.extend(here.iter().map(|table| format!("ALTER TABLE {table} SET SCHEMA {schema}")));
    statements.extend(roles.iter().map(|role| role::use_of(to, role)));
    let invoker = Invoker::of(transaction).await?;
    for table in tables.into_iter().filter(|table| *table != owner.migration_table()) {
        let view = View { schema: from.to_owned(), table };
        statements.extend(view::create(&view, to, invoker, &roles));
    }
    for role in &roles {
        statements.extend(role::search_path(transaction, role, path).await?);
    }
    Ok(statements)
}

/// Refuses a schema that is somebody else's.
async fn refuse_foreign(
    transaction: &DatabaseTransaction,
    owner: Owner,
    schema: &str,
) -> Result<(), DbErr> {
    let Some(other) = table::foreign(transaction, owner, schema).await?.into_iter().next() else {
        return Ok(());
    };
    let name = owner.name();
    Err(DbErr::Migration(format!(
        "the schema `{schema}` has `{other}` in it, which is no table of {name}: choose another with {}_DB_SCHEMA",
        name.to_uppercase()
    )))
}

fn wait_briefly() -> String {
    format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
}

/// Whether the error says that a table is in use: `lock_not_available`, or `deadlock_detected`.
fn is_in_use(error: &DbErr) -> bool {
    matches!(code(error).as_deref(), Some("55P03" | "40P01"))
}

/// Says who has held the tables all the time.
async fn in_use(database: &DatabaseConnection, owner: Owner) -> Result<DbErr, DbErr> {
    let sql = "SELECT format('process %s is %s, its transaction %s s old', pid, state, \
        extract(epoch FROM now() - xact_start)::int) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL \
        ORDER BY xact_start LIMIT 1";
    let oldest = names(database, sql, []).await?.into_iter().next();
    Ok(DbErr::Migration(format!(
        "the tables of {} were in use at each of {ATTEMPTS} attempts; nothing was changed ({})",
        owner.name(),
        oldest.as_deref().unwrap_or("nobody uses them now: try again")
    )))
}
