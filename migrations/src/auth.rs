//! The tables of auth: who you are.

use sea_orm_migration::prelude::*;

use crate::events::Traceparent;

mod accounts;
mod verification;

/// The migrations of auth, in order.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(accounts::Migration),
        Box::new(verification::Migration),
        Box::new(Traceparent { name: "auth_0003_traceparent", outbox: "auth_outbox" }),
    ]
}
