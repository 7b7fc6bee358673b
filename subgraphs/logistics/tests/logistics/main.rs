//! Logistics through its real app, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod catalogue;
mod deactivation;
mod dispatch;
mod earnings;
mod event;
mod explain;
mod fleet;
mod input;
mod license;
mod model;
mod quote;
mod race;
mod registration;
mod registration_rescue;
mod ride;
mod safety;
mod saga_kill;
mod subscription;
mod visibility;
mod whole;
mod world;
