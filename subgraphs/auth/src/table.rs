//! The rows of auth's tables, as SeaORM reads and writes them. Nobody else imports them.

pub(crate) mod attempt;
pub(crate) mod refresh_token;
pub(crate) mod session;
pub(crate) mod user;
pub(crate) mod user_role;
pub(crate) mod verification;
