//! What the services share, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod access_token;
mod app;
mod database;
mod idempotency;
mod listener;
mod outbox;
mod peer;
mod service_token;
mod subscription;
