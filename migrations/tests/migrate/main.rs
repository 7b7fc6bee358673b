//! Migrations, roles and moves, on fresh databases: SQLite, and Postgres where `TEST_DATABASE_URL` is set.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod binary;
mod role;
mod split;
mod up;
mod world;
