//! Throttling: how often somebody may fail to log in, or register, within a window of time.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};
use service::Problem;
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::table::attempt;

/// So many within so long; written `10/15m`, for ten within a quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub most: u64,
    /// Within how many minutes.
    pub minutes: i64,
}

/// What is no limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a limit says how many, and within how many minutes, as `10/15m` does")]
pub struct NoLimit;

impl FromStr for Limit {
    type Err = NoLimit;

    fn from_str(text: &str) -> Result<Self, NoLimit> {
        let (most, minutes) =
            text.strip_suffix('m').and_then(|text| text.split_once('/')).ok_or(NoLimit)?;
        let most = most.parse().map_err(|_| NoLimit)?;
        let minutes = minutes.parse().map_err(|_| NoLimit)?;
        // Attempts are forgotten after the longest window: a year is more than anybody waits.
        if most == 0 || !(1..=525_600).contains(&minutes) {
            return Err(NoLimit);
        }
        Ok(Self { most, minutes })
    }
}

/// What is counted: a kind of attempt, by an account or an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) kind: &'static str,
    pub(crate) subject: &'a str,
    pub(crate) limit: Limit,
}

/// An attempt that was let through, and counts until it is forgiven.
pub(crate) struct Attempt(Vec<Uuid>);

impl Attempt {
    /// Counts an attempt against every limit, before it is made, so that many at once gain nothing; refuses it where
    /// one is reached. A refused attempt does not count.
    pub(crate) async fn begin(
        accounts: &Accounts,
        counted: &[Counted<'_>],
    ) -> Result<Result<Self, Problem>, DbErr> {
        let now = accounts.parts.clock.now();
        let transaction = accounts.parts.database.begin().await?;
        let mut ids = Vec::new();
        for Counted { kind, subject, limit } in counted {
            // Whoever tries at the same time counts after us.
            let what = format!("auth_attempt/{kind}/{subject}");
            accounts.parts.database.serialize(&transaction, &what).await?;
            let since = now - TimeDelta::minutes(limit.minutes);
            let of_subject = attempt::Entity::find()
                .filter(attempt::Column::Kind.eq(*kind))
                .filter(attempt::Column::Subject.eq(*subject));
            let outdated = attempt::Entity::delete_many()
                .filter(attempt::Column::Kind.eq(*kind))
                .filter(attempt::Column::Subject.eq(*subject))
                .filter(attempt::Column::At.lte(since));
            outdated.exec(&transaction).await?;
            // The oldest of the newest `most`: when it leaves the window, there is room again.
            let blocking = of_subject
                .order_by_desc(attempt::Column::At)
                .offset(limit.most.saturating_sub(1))
                .limit(1)
                .one(&transaction)
                .await?;
            if let Some(blocking) = blocking {
                return Ok(Err(Problem::rate_limit(seconds_until(
                    blocking.at + TimeDelta::minutes(limit.minutes),
                    now,
                ))));
            }
            let id = accounts.parts.clock.new_id();
            let row = attempt::ActiveModel {
                id: Set(id),
                kind: Set((*kind).to_owned()),
                subject: Set((*subject).to_owned()),
                at: Set(now),
            };
            attempt::Entity::insert(row).exec_without_returning(&transaction).await?;
            ids.push(id);
        }
        transaction.commit().await?;
        Ok(Ok(Self(ids)))
    }

    /// It succeeded: it does not count.
    pub(crate) async fn forgive(self, accounts: &Accounts) -> Result<(), DbErr> {
        let forgiven = attempt::Entity::delete_many().filter(attempt::Column::Id.is_in(self.0));
        forgiven.exec(&accounts.parts.database.write).await.map(drop)
    }
}

fn seconds_until(time: DateTime<Utc>, now: DateTime<Utc>) -> i32 {
    i32::try_from((time - now).num_seconds()).unwrap_or(i32::MAX).max(1)
}
