//! Housekeeping: rows that nobody will ask for again are deleted.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use service::Stop;

use crate::accounts::Accounts;
use crate::table::{attempt, session, verification};

const EVERY: Duration = Duration::from_mins(10);
/// Ended sessions are kept this long, so that a replayed token is still recognised.
const KEEP_SESSIONS: TimeDelta = TimeDelta::days(30);
const KEEP_SECRETS: TimeDelta = TimeDelta::days(7);

/// Sweeps now and then, until told to stop.
pub(crate) async fn run(accounts: Arc<Accounts>, mut stop: Stop) {
    loop {
        if let Err(error) = sweep(&accounts).await {
            tracing::warn!(%error, "housekeeping failed; again later");
        }
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(accounts: &Accounts) -> Result<(), DbErr> {
    let now = accounts.parts.clock.now();
    let database = &accounts.parts.database.write;
    let counted_until = now - TimeDelta::minutes(accounts.limits.longest_minutes());
    let attempts = attempt::Entity::delete_many().filter(attempt::Column::At.lte(counted_until));
    attempts.exec(database).await?;
    let secrets = verification::Entity::delete_many()
        .filter(verification::Column::ExpiresAt.lte(now - KEEP_SECRETS));
    secrets.exec(database).await?;
    // Their refresh tokens go with them.
    let sessions =
        session::Entity::delete_many().filter(session::Column::ExpiresAt.lte(now - KEEP_SESSIONS));
    sessions.exec(database).await.map(drop)
}
