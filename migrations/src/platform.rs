//! The tables of platform: what is on offer.

use sea_orm_migration::prelude::*;

mod advertisement;
mod catalogue;

/// The migrations of platform, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(catalogue::Migration), Box::new(advertisement::Migration)]
}
