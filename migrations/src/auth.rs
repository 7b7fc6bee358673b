//! The tables of auth: who you are.

use sea_orm_migration::prelude::*;

mod accounts;
mod verification;

/// Brings auth's tables up, in the order of the list.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(accounts::Migration), Box::new(verification::Migration)]
    }

    fn migration_table_name() -> DynIden {
        "auth_migrations".into_iden()
    }
}
