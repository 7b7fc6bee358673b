//! The tables of logistics: who moves where.

use sea_orm_migration::prelude::*;

use crate::events::Traceparent;

mod catalogue;
mod dispatch;
mod fleet;
mod ride;
mod safety;

/// The migrations of logistics, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(fleet::Migration),
        Box::new(ride::Migration),
        Box::new(safety::Migration),
        Box::new(dispatch::Migration),
        Box::new(Traceparent { name: "logistics_0005_traceparent", outbox: "logistics_outbox" }),
        Box::new(catalogue::Migration),
    ]
}
