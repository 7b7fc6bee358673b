//! The tables of auth: who you are.

use sea_orm_migration::prelude::*;

mod accounts;
mod verification;

/// The migrations of auth, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(accounts::Migration), Box::new(verification::Migration)]
}
