//! Auth through its real app, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod administrator;
mod endpoint;
mod event;
mod notifier;
mod registration;
mod role;
mod session;
mod timing;
mod user;
mod verification;
mod whole;
mod world;
