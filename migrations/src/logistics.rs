//! The tables of logistics: who moves where.

use sea_orm_migration::prelude::*;

/// The migrations of logistics, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![]
}
