//! Auth through its real app, on SQLite always and on Postgres where `TEST_DATABASE_URL` is set.

mod endpoint;
mod registration;
mod role;
mod session;
mod user;
mod verification;
mod world;
