//! Logistics through its real app, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.

mod auth;
mod quote;
mod race;
mod registration;
mod ride;
mod visibility;
mod world;
