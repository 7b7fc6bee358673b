//! The outbox: events written in the transaction of the change, and the relay that brings them to the bus.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult};
use tokio::sync::Notify;

use crate::bus::{Bus, PublishError};
use crate::clock::Clock;
use crate::database::Database;
use crate::event::{Event, NewEvent};
use crate::tasks::{Stop, Tasks};

/// What is written of an event.
const NEW_COLUMNS: [&str; 7] =
    ["id", "kind", "aggregate", "aggregate_id", "payload", "created_at", "traceparent"];
/// How many events are read at once.
const BATCH: u64 = 100;
/// The relay looks this often where nobody wakes it: for events of a replica that died.
const POLL: Duration = Duration::from_millis(500);
/// Published events are kept this long, to be looked at.
const KEEP: TimeDelta = TimeDelta::days(3);

/// The outbox of one service: the table `<owner>_outbox`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    table: Arc<str>,
    clock: Clock,
    written: Arc<Notify>,
}

impl Outbox {
    /// The outbox of `owner`; its relay is started by [`Outbox::start_relay`].
    pub fn new(owner: &str, clock: Clock) -> Self {
        Self { table: format!("{owner}_outbox").into(), clock, written: Arc::default() }
    }

    /// Writes an event down, in the transaction of the change that it tells of.
    pub async fn record(
        &self,
        transaction: &DatabaseTransaction,
        event: NewEvent,
    ) -> Result<(), DbErr> {
        #[cfg(feature = "testing")]
        crate::testing::event_schema::check(event.kind, event.aggregate, &event.payload);
        let now = self.clock.now();
        let insert = Query::insert()
            .into_table(self.table())
            .columns(NEW_COLUMNS)
            .values_panic([
                self.clock.new_id().into(),
                event.kind.into(),
                event.aggregate.into(),
                event.aggregate_id.into(),
                event.payload.into(),
                now.into(),
                telemetry::context::traceparent().into(),
            ])
            .to_owned();
        transaction.execute(&insert).await.map(drop)
    }

    /// Commits a transaction in which events were recorded, and wakes the relay.
    pub async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), DbErr> {
        transaction.commit().await?;
        self.written.notify_one();
        Ok(())
    }

    /// Starts the task that publishes what is recorded: at least once, and in order for each entity.
    pub fn start_relay(&self, database: Database, bus: Bus, tasks: &mut Tasks) {
        let relay = Relay { outbox: self.clone(), database, bus };
        tasks.start(|stop| relay.run(stop));
    }

    fn table(&self) -> Alias {
        Alias::new(self.table.as_ref())
    }
}

struct Relay {
    outbox: Outbox,
    database: Database,
    bus: Bus,
}

/// A row of the outbox.
struct Pending {
    seq: i64,
    event: Event,
}

impl Relay {
    async fn run(self, mut stop: Stop) {
        loop {
            // Until nothing is left, or what is left must wait. Ended in the middle, an event is published again.
            loop {
                let published = tokio::select! {
                    published = self.publish_batch() => published,
                    () = stop.requested() => return,
                };
                match published {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(outbox = %self.outbox.table, %error, "the outbox cannot be relayed");
                        break;
                    }
                }
            }
            tokio::select! {
                () = stop.requested() => return,
                () = self.outbox.written.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Publishes what is due; says how many were.
    async fn publish_batch(&self) -> Result<usize, DbErr> {
        let Some(lease) = self.database.lease(&self.outbox.table).await? else { return Ok(0) };
        let now = self.outbox.clock.now();
        let pending = self.pending().await?;
        let lag =
            pending.first().map_or(0, |first| (now - first.event.created_at).num_milliseconds());
        #[expect(clippy::cast_precision_loss, reason = "a lag of 2^52 ms does not matter")]
        metrics::gauge!("outbox_lag_seconds", "outbox" => self.outbox.table.to_string())
            .set(lag as f64 / 1000.0);

        metrics::gauge!("outbox_parked", "outbox" => self.outbox.table.to_string())
            .set(self.parked().await?);
        let mut published = Vec::new();
        let mut failure = None;
        for row in pending {
            match self.bus.publish(&row.event).await {
                Ok(()) => published.push(row.seq),
                Err(PublishError::Refused(reason)) => self.park(&row, reason, now).await?,
                Err(PublishError::Unavailable(reason)) => {
                    failure = Some(reason);
                    break;
                }
            }
        }
        self.mark_published(&published, now).await?;
        drop(lease);
        if let Some(reason) = failure {
            tracing::warn!(outbox = %self.outbox.table, reason, "the bus takes no events; again later");
            return Ok(0);
        }
        Ok(published.len())
    }

    async fn pending(&self) -> Result<Vec<Pending>, DbErr> {
        let select = Query::select()
            .column("seq")
            .columns(NEW_COLUMNS)
            .from(self.outbox.table())
            .and_where(Expr::col("published_at").is_null())
            .and_where(Expr::col("parked_at").is_null())
            .order_by("seq", Order::Asc)
            .limit(BATCH)
            .to_owned();
        self.database.read.query_all(&select).await?.iter().map(Pending::read).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "so many events are never parked")]
    async fn parked(&self) -> Result<f64, DbErr> {
        let count = Query::select()
            .expr_as(Expr::col("seq").count(), "parked")
            .from(self.outbox.table())
            .and_where(Expr::col("parked_at").is_not_null())
            .to_owned();
        let row = self.database.read.query_one(&count).await?;
        row.map_or(Ok(0.0), |row| Ok(row.try_get::<i64>("", "parked")? as f64))
    }

    async fn mark_published(&self, published: &[i64], now: DateTime<Utc>) -> Result<(), DbErr> {
        if published.is_empty() {
            return Ok(());
        }
        let update = Query::update()
            .table(self.outbox.table())
            .value("published_at", now)
            .and_where(Expr::col("seq").is_in(published.iter().copied()))
            .to_owned();
        self.database.write.execute(&update).await?;
        let prune = Query::delete()
            .from_table(self.outbox.table())
            .and_where(Expr::col("published_at").lt(now - KEEP))
            .to_owned();
        self.database.write.execute(&prune).await.map(drop)
    }

    /// Puts aside what the bus will never take: it waits for an operator, and the later ones pass.
    async fn park(&self, row: &Pending, reason: String, now: DateTime<Utc>) -> Result<(), DbErr> {
        let Event { id, kind, .. } = &row.event;
        tracing::error!(event = %id, kind, reason, "an event is parked");
        let update = Query::update()
            .table(self.outbox.table())
            .value("parked_at", now)
            .value("reason", reason)
            .and_where(Expr::col("seq").eq(row.seq))
            .to_owned();
        self.database.write.execute(&update).await.map(drop)
    }
}

impl Pending {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            seq: row.try_get("", "seq")?,
            event: Event {
                id: row.try_get("", "id")?,
                kind: row.try_get("", "kind")?,
                aggregate: row.try_get("", "aggregate")?,
                aggregate_id: row.try_get("", "aggregate_id")?,
                payload: row.try_get("", "payload")?,
                created_at: row.try_get("", "created_at")?,
                traceparent: row.try_get("", "traceparent")?,
            },
        })
    }
}
