//! The tables of the services, a folder per owner.
//!
//! Each owner has its own list of migrations and its own table that records them, so that all can share one database
//! now and part later.

#![expect(elided_lifetimes_in_paths, reason = "`async_trait` matches methods only where written as in the trait")]

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

mod auth;
mod events;

/// Who owns tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Who you are.
    Auth,
}

/// Applies what is missing of the owner's migrations.
pub async fn up(database: &DatabaseConnection, owner: Owner) -> Result<(), DbErr> {
    match owner {
        Owner::Auth => auth::Migrator::up(database, None).await,
    }
}

/// Takes back all of the owner's migrations, and with them its rows.
pub async fn down(database: &DatabaseConnection, owner: Owner) -> Result<(), DbErr> {
    match owner {
        Owner::Auth => auth::Migrator::down(database, None).await,
    }
}
