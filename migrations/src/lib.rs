//! The tables of the services, a folder per owner.
//!
//! Each [`Owner`] has its own list of migrations and its own table that records them (`auth_migrations` and so on), so
//! that all can share one database now and part later. No migration names another owner's table.
//!
//! 1. [`up`], [`down`] and [`status`] work on one owner. What they change, they change in one transaction: all of it or
//!    nothing. [`up_sql`] and [`down_sql`] answer the statements instead.
//! 2. That transaction holds a lock from its beginning (`lock`), so that two at once follow one another, and works
//!    where the owner's tables stand (`place`).
//! 3. [`up_with_role`] gives a service's role its own tables and no others; what later migrations make, [`up`] grants.
//! 4. [`split`] moves an owner's tables into a schema of their own while the services run, and [`unsplit`] moves them
//!    back; views stand where they were (`view`) until [`finish`] drops them.
//! 5. The tables that every service has for its events come from `events`.
//!
//! There is no way to empty a database here: dropping everything is a decision for whoever owns the server. Migrations
//! do not use `execute_unprepared`: a dry run would not show it.

#![expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` matches methods only where written as in the trait"
)]

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use sea_orm_migration::{MigrationStatus, MigratorTraitSelf};

mod auth;
mod events;
mod lock;
mod logistics;
mod owner;
mod place;
mod platform;
mod role;
mod split;
mod sql;
mod table;
mod view;

pub use owner::Owner;
pub use place::Place;
pub use role::Role;
pub use split::{Change, Run, finish, split, unsplit};

use crate::sql::Recorder;

/// A migration, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name: `auth_0001_accounts`.
    pub name: String,
    /// Whether it is applied.
    pub is_applied: bool,
}

/// Applies the owner's migrations that are missing, all or none, and answers which they were.
pub async fn up(database: &DatabaseConnection, owner: Owner) -> Result<Vec<String>, DbErr> {
    let transaction = lock::begin(database, owner).await?;
    let applied = apply(&transaction, owner).await?;
    transaction.commit().await?;
    Ok(applied)
}

/// The same, and sees to it that the owner's service has this role.
pub async fn up_with_role(
    database: &DatabaseConnection,
    owner: Owner,
    role: &Role,
) -> Result<Vec<String>, DbErr> {
    let transaction = lock::begin(database, owner).await?;
    let applied = apply(&transaction, owner).await?;
    role::ensure(&transaction, owner, role).await?;
    transaction.commit().await?;
    Ok(applied)
}

/// What [`up`], or [`up_with_role`], would run. It is run, and taken back.
pub async fn up_sql(
    database: &DatabaseConnection,
    owner: Owner,
    role: Option<&Role>,
) -> Result<Vec<String>, DbErr> {
    let recorder = Recorder::default();
    let transaction = lock::begin(&recorder.observe(database), owner).await?;
    apply(&transaction, owner).await?;
    if let Some(role) = role {
        role::ensure(&transaction, owner, role).await?;
    }
    transaction.rollback().await?;
    Ok(recorder.statements())
}

/// Takes back the owner's latest `steps` migrations, and with them the rows of their tables; answers which they were.
pub async fn down(
    database: &DatabaseConnection,
    owner: Owner,
    steps: u32,
) -> Result<Vec<String>, DbErr> {
    let transaction = lock::begin(database, owner).await?;
    let taken_back = take_back(&transaction, owner, steps).await?;
    transaction.commit().await?;
    Ok(taken_back)
}

/// What [`down`] would run. It is run, and taken back.
pub async fn down_sql(
    database: &DatabaseConnection,
    owner: Owner,
    steps: u32,
) -> Result<Vec<String>, DbErr> {
    let recorder = Recorder::default();
    let transaction = lock::begin(&recorder.observe(database), owner).await?;
    take_back(&transaction, owner, steps).await?;
    transaction.rollback().await?;
    Ok(recorder.statements())
}

/// The owner's migrations in order, each with whether the database has it. Changes nothing.
pub async fn status(database: &DatabaseConnection, owner: Owner) -> Result<Vec<Migration>, DbErr> {
    let transaction = lock::begin(database, owner).await?;
    place::settle(&transaction, owner).await?;
    let migrations = owner.get_migration_with_status_read_only(&transaction).await?;
    transaction.rollback().await?;
    Ok(migrations
        .iter()
        .map(|migration| Migration {
            name: migration.name().to_owned(),
            is_applied: migration.status() == MigrationStatus::Applied,
        })
        .collect())
}

async fn apply(transaction: &DatabaseTransaction, owner: Owner) -> Result<Vec<String>, DbErr> {
    place::settle(transaction, owner).await?;
    let pending = owner.get_pending_migrations(transaction).await?;
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    // A table cannot lose a column that a view shows, and the view would not show a new one.
    let views = view::drop_all(transaction, owner).await?;
    owner.up(transaction, None).await?;
    view::create_all(transaction, owner, views).await?;
    role::grant_new_tables(transaction, owner).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

async fn take_back(
    transaction: &DatabaseTransaction,
    owner: Owner,
    steps: u32,
) -> Result<Vec<String>, DbErr> {
    place::settle(transaction, owner).await?;
    let applied = owner.get_applied_migrations(transaction).await?;
    let views = view::drop_all(transaction, owner).await?;
    owner.down(transaction, Some(steps)).await?;
    view::create_all(transaction, owner, views).await?;
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    Ok(applied.iter().rev().take(steps).map(|migration| migration.name().to_owned()).collect())
}
