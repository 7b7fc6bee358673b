//! The tables of platform: what is on offer.

use sea_orm_migration::prelude::*;

use crate::events::Traceparent;

mod advertisement;
mod catalogue;

/// The migrations of platform, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(catalogue::Migration),
        Box::new(advertisement::Migration),
        Box::new(Traceparent { name: "platform_0003_traceparent", outbox: "platform_outbox" }),
    ]
}
