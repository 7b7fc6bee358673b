//! Logistics through its real app, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod event;
mod fleet;
mod quote;
mod race;
mod registration;
mod ride;
mod safety;
mod visibility;
mod world;
