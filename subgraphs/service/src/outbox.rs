//! The outbox: events written in the transaction of the change, and the relay that brings them to the bus.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::database::Database;
use crate::event::{Event, NewEvent};
use crate::tasks::{Stop, Tasks};

/// How many events are read at once.
const BATCH: u64 = 100;
/// The relay looks this often where nobody wakes it: for events of a replica that died.
const POLL: Duration = Duration::from_millis(500);
/// After so many failures an event is parked: it waits for an operator, and the later ones pass.
const ATTEMPTS: i32 = 12;
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
        let now = self.clock.now();
        let insert = Query::insert()
            .into_table(self.table())
            .columns([
                "id",
                "kind",
                "aggregate",
                "aggregate_id",
                "payload",
                "created_at",
                "attempts",
                "next_at",
            ])
            .values_panic([
                self.clock.new_id().into(),
                event.kind.into(),
                event.aggregate.into(),
                event.aggregate_id.into(),
                event.payload.into(),
                now.into(),
                0.into(),
                now.into(),
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
    attempts: i32,
    next_at: DateTime<Utc>,
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
        let Some(lease) = self.lease().await? else { return Ok(0) };
        let now = self.outbox.clock.now();
        let pending = self.pending().await?;
        let lag =
            pending.first().map_or(0, |first| (now - first.event.created_at).num_milliseconds());
        #[expect(clippy::cast_precision_loss, reason = "a lag of 2^52 ms does not matter")]
        metrics::gauge!("outbox_lag_seconds", "outbox" => self.outbox.table.to_string())
            .set(lag as f64 / 1000.0);

        let mut published = Vec::new();
        let mut waiting: HashSet<Uuid> = HashSet::new();
        for row in pending {
            let entity = row.event.aggregate_id;
            if waiting.contains(&entity) {
                continue;
            }
            if row.next_at > now {
                waiting.insert(entity);
                continue;
            }
            match self.bus.publish(&row.event).await {
                Ok(()) => published.push(row.seq),
                Err(reason) => {
                    waiting.insert(entity);
                    self.postpone(&row, &reason, now).await?;
                }
            }
        }
        self.mark_published(&published, now).await?;
        drop(lease);
        Ok(published.len())
    }

    /// One relay per service, however many replicas: whoever holds the lock publishes. SQLite has one process.
    async fn lease(&self) -> Result<Option<Option<DatabaseTransaction>>, DbErr> {
        if self.database.backend() != DbBackend::Postgres {
            return Ok(Some(None));
        }
        let transaction = self.database.begin().await?;
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_try_advisory_xact_lock(hashtext($1)) AS held",
            [self.outbox.table.as_ref().into()],
        );
        let row = transaction.query_one_raw(lock).await?;
        let held = row.is_some_and(|row| row.try_get("", "held").unwrap_or(false));
        Ok(held.then_some(Some(transaction)))
    }

    async fn pending(&self) -> Result<Vec<Pending>, DbErr> {
        let select = Query::select()
            .columns([
                "seq",
                "id",
                "kind",
                "aggregate",
                "aggregate_id",
                "payload",
                "created_at",
                "attempts",
                "next_at",
            ])
            .from(self.outbox.table())
            .and_where(Expr::col("published_at").is_null())
            .and_where(Expr::col("parked_at").is_null())
            .order_by("seq", Order::Asc)
            .limit(BATCH)
            .to_owned();
        self.database.read.query_all(&select).await?.iter().map(Pending::read).collect()
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

    async fn postpone(&self, row: &Pending, reason: &str, now: DateTime<Utc>) -> Result<(), DbErr> {
        let attempts = row.attempts + 1;
        let pause = TimeDelta::milliseconds(250 << attempts.clamp(0, 10));
        let parked = attempts >= ATTEMPTS;
        let Event { id, kind, .. } = &row.event;
        if parked {
            metrics::counter!("outbox_parked_total", "outbox" => self.outbox.table.to_string())
                .increment(1);
            tracing::error!(event = %id, kind, attempts, reason, "an event is parked");
        } else {
            tracing::warn!(event = %id, kind, attempts, reason, "an event could not be published");
        }
        let update = Query::update()
            .table(self.outbox.table())
            .value("attempts", attempts)
            .value("next_at", now + pause)
            .value("parked_at", parked.then_some(now))
            .and_where(Expr::col("seq").eq(row.seq))
            .to_owned();
        self.database.write.execute(&update).await.map(drop)
    }
}

impl Pending {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            seq: row.try_get("", "seq")?,
            attempts: row.try_get("", "attempts")?,
            next_at: row.try_get("", "next_at")?,
            event: Event {
                id: row.try_get("", "id")?,
                kind: row.try_get("", "kind")?,
                aggregate: row.try_get("", "aggregate")?,
                aggregate_id: row.try_get("", "aggregate_id")?,
                payload: row.try_get("", "payload")?,
                created_at: row.try_get("", "created_at")?,
            },
        })
    }
}
