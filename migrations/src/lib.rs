//! The tables of the services, a folder per owner.
//!
//! Each [`Owner`] has its own list of migrations and its own table that records them (`auth_migrations` and so on), so
//! that all can share one database now and part later. No migration names another owner's table.
//!
//! 1. [`up`], [`down`] and [`status`] work on one owner. What they change, they change in one transaction: all of it or
//!    nothing.
//! 2. That transaction holds a lock from its beginning (`lock`), so that two at once follow one another.
//! 3. The tables that every service has for its events come from `events`.
//!
//! There is no way to empty a database here: dropping everything is a decision for whoever owns the server.

#![expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` matches methods only where written as in the trait"
)]

use sea_orm::{DatabaseConnection, DbErr, DynIden};
use sea_orm_migration::prelude::{IntoIden, MigrationTrait};
use sea_orm_migration::{MigrationStatus, MigratorTraitSelf};

mod auth;
mod events;
mod lock;
mod logistics;
mod place;
mod platform;

pub use place::Place;

/// Who owns tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Who you are.
    Auth,
    /// Who moves where.
    Logistics,
    /// What is on offer.
    Platform,
}

impl Owner {
    /// All owners.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Logistics, Self::Platform];

    /// The name that the owner's further tables begin with: `auth`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Logistics => "logistics",
            Self::Platform => "platform",
        }
    }

    /// The table that records the owner's migrations: `auth_migrations`.
    pub fn migration_table(self) -> String {
        format!("{}_migrations", self.name())
    }
}

impl MigratorTraitSelf for Owner {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        match self {
            Self::Auth => auth::migrations(),
            Self::Logistics => logistics::migrations(),
            Self::Platform => platform::migrations(),
        }
    }

    fn migration_table_name(&self) -> DynIden {
        self.migration_table().into_iden()
    }
}

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
    place::settle(&transaction, owner).await?;
    let pending = owner.get_pending_migrations(&transaction).await?;
    owner.up(&transaction, None).await?;
    transaction.commit().await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

/// Takes back the owner's latest `steps` migrations, and with them the rows of their tables; answers which they were.
pub async fn down(
    database: &DatabaseConnection,
    owner: Owner,
    steps: u32,
) -> Result<Vec<String>, DbErr> {
    let transaction = lock::begin(database, owner).await?;
    let applied = owner.get_applied_migrations(&transaction).await?;
    owner.down(&transaction, Some(steps)).await?;
    transaction.commit().await?;
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    Ok(applied.iter().rev().take(steps).map(|migration| migration.name().to_owned()).collect())
}

/// The owner's migrations in order, each with whether the database has it. Changes nothing.
pub async fn status(database: &DatabaseConnection, owner: Owner) -> Result<Vec<Migration>, DbErr> {
    let migrations = owner.get_migration_with_status_read_only(database).await?;
    Ok(migrations
        .iter()
        .map(|migration| Migration {
            name: migration.name().to_owned(),
            is_applied: migration.status() == MigrationStatus::Applied,
        })
        .collect())
}
