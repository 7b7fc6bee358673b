//! The inbox: what is delivered twice is applied once, and what cannot be applied waits its turn without holding up
//! the events of other entities.
//!
//! An event is applied in one transaction with the note that it was (`<owner>_inbox`). One that fails is written down
//! (`<owner>_delivery`) and tried again with growing pauses; later events of its entity queue up behind it. After
//! [`ATTEMPTS`] failures it is parked: it waits for an operator ([`crate::parked`]), and the later ones pass.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Order, Query, SimpleExpr};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use tokio::sync::Notify;
use tracing::Instrument;
use uuid::Uuid;

use crate::bus::{Bus, HandlerError};
use crate::clock::Clock;
use crate::database::Database;
use crate::event::Event;
use crate::span;
use crate::tasks::{Stop, Tasks};

/// After so many failures an event is parked.
pub const ATTEMPTS: i32 = 12;
/// How many waiting events are read at once.
const BATCH: u64 = 100;
/// A consumer looks this often for events that wait since another replica wrote them down.
const POLL: Duration = Duration::from_millis(500);

/// The inbox of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    owner: Arc<str>,
    database: Database,
    clock: Clock,
}

/// What a consumer does with an event, in the transaction that notes it as applied.
type Apply = dyn for<'a> Fn(&'a DatabaseTransaction, &'a Event) -> BoxFuture<'a, Result<(), HandlerError>>
    + Send
    + Sync;

impl Inbox {
    /// The inbox of `owner`.
    pub fn new(owner: &str, database: Database, clock: Clock) -> Self {
        Self { owner: owner.into(), database, clock }
    }

    /// Registers the consumer `name` of these kinds of events: each is applied once, those of one entity in order.
    /// What `apply` writes is committed with the note that the event was applied, or not at all.
    pub fn consume(
        &self,
        bus: &Bus,
        name: &'static str,
        kinds: &'static [&'static str],
        apply: impl for<'a> Fn(
            &'a DatabaseTransaction,
            &'a Event,
        ) -> BoxFuture<'a, Result<(), HandlerError>>
        + Send
        + Sync
        + 'static,
        tasks: &mut Tasks,
    ) {
        let consumer = Arc::new(Consumer {
            name,
            inbox: self.clone(),
            apply: Box::new(apply),
            failed: Notify::new(),
        });
        let delivered = Arc::clone(&consumer);
        let handler = Arc::new(move |event| -> BoxFuture<'static, Result<(), HandlerError>> {
            let consumer = Arc::clone(&delivered);
            Box::pin(async move { Ok(consumer.deliver(&event).await?) })
        });
        bus.consume(name, kinds, handler, tasks);
        tasks.start(|stop| consumer.retry(stop));
    }

    fn deliveries(&self) -> Alias {
        Alias::new(format!("{}_delivery", self.owner))
    }
}

struct Consumer {
    name: &'static str,
    inbox: Inbox,
    apply: Box<Apply>,
    /// Told when an event was written down, to be tried again.
    failed: Notify,
}

/// An event that waits.
struct Waiting {
    seq: i64,
    attempts: i32,
    next_at: DateTime<Utc>,
    event: Event,
}

impl Consumer {
    /// Applies an event, or writes it down to wait; an error means that the database could do neither.
    async fn deliver(&self, event: &Event) -> Result<(), DbErr> {
        let (name, kind) = (self.name, event.kind.clone());
        metrics::counter!("events_delivered_total", "consumer" => name, "kind" => kind)
            .increment(1);
        let now = self.inbox.clock.now();
        if self.is_behind_another(event).await? {
            return self.write_down(event, 0, now, None).await;
        }
        match self.apply(event, None).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!(consumer = name, event = %event.id, kind = event.kind, reason, "an event was not applied; again later");
                self.write_down(event, 1, now, Some(reason)).await
            }
        }
    }

    async fn apply(&self, event: &Event, waited: Option<i64>) -> Result<(), HandlerError> {
        let span = span::apply(self.name, event);
        let applied = self.apply_within(event, waited).instrument(span.clone()).await;
        if applied.is_err() {
            span::failed(&span);
        }
        applied
    }

    /// In one transaction: notes the event, applies it unless it was, and forgets that it waited.
    async fn apply_within(&self, event: &Event, waited: Option<i64>) -> Result<(), HandlerError> {
        let inbox = &self.inbox;
        let transaction = inbox.database.begin().await?;
        let note = Query::insert()
            .into_table(Alias::new(format!("{}_inbox", inbox.owner)))
            .columns(["consumer", "event_id", "applied_at"])
            .values_panic([self.name.into(), event.id.into(), inbox.clock.now().into()])
            .on_conflict(OnConflict::columns(["consumer", "event_id"]).do_nothing().to_owned())
            .to_owned();
        let is_new = transaction.execute(&note).await?.rows_affected() == 1;
        if is_new {
            (self.apply)(&transaction, event).await?;
        }
        if let Some(seq) = waited {
            let forget = Query::delete()
                .from_table(inbox.deliveries())
                .and_where(Expr::col("seq").eq(seq))
                .to_owned();
            transaction.execute(&forget).await?;
        }
        transaction.commit().await?;
        if is_new {
            let (name, kind) = (self.name, event.kind.clone());
            metrics::counter!("events_applied_total", "consumer" => name, "kind" => kind)
                .increment(1);
            let age = (inbox.clock.now() - event.created_at).to_std().unwrap_or_default();
            metrics::histogram!("event_delivery_seconds", "consumer" => name).record(age);
        }
        Ok(())
    }

    /// Whether an event of the same entity waits: it goes first.
    async fn is_behind_another(&self, event: &Event) -> Result<bool, DbErr> {
        let select = Query::select()
            .expr(Expr::val(1))
            .from(self.inbox.deliveries())
            .and_where(self.is_waiting())
            .and_where(Expr::col("aggregate_id").eq(event.aggregate_id))
            .limit(1)
            .to_owned();
        Ok(self.inbox.database.read.query_one(&select).await?.is_some())
    }

    async fn write_down(
        &self,
        event: &Event,
        attempts: i32,
        now: DateTime<Utc>,
        reason: Option<String>,
    ) -> Result<(), DbErr> {
        let insert = Query::insert()
            .into_table(self.inbox.deliveries())
            .columns([
                "consumer",
                "event_id",
                "aggregate_id",
                "event",
                "attempts",
                "next_at",
                "reason",
            ])
            .values_panic([
                self.name.into(),
                event.id.into(),
                event.aggregate_id.into(),
                serde_json::to_value(event).expect("an event is plain data").into(),
                attempts.into(),
                (now + pause(attempts)).into(),
                reason.into(),
            ])
            // Delivered again while it waits: it waits already.
            .on_conflict(OnConflict::columns(["consumer", "event_id"]).do_nothing().to_owned())
            .to_owned();
        self.inbox.database.write.execute(&insert).await?;
        self.failed.notify_one();
        Ok(())
    }

    /// Tries what waits again when its time comes, until told to stop.
    async fn retry(self: Arc<Self>, mut stop: Stop) {
        loop {
            let tried = tokio::select! {
                tried = self.retry_due() => tried,
                () = stop.requested() => return,
            };
            let next_at = tried.unwrap_or_else(|error| {
                tracing::error!(consumer = self.name, %error, "waiting events cannot be read");
                None
            });
            let due = async {
                match next_at {
                    Some(time) => self.inbox.clock.reached(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.failed.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// Tries what is due, of each entity the first; says when the next one is.
    async fn retry_due(&self) -> Result<Option<DateTime<Utc>>, DbErr> {
        let lease = format!("{}_delivery/{}", self.inbox.owner, self.name);
        let Some(lease) = self.inbox.database.lease(&lease).await? else { return Ok(None) };
        let waiting = self.waiting().await?;
        let now = self.inbox.clock.now();
        let mut held_up: HashSet<Uuid> = HashSet::new();
        let mut next_at: Option<DateTime<Utc>> = None;
        let mut remaining = 0_u32;
        for row in waiting {
            let entity = row.event.aggregate_id;
            let again_at = if held_up.contains(&entity) {
                remaining += 1;
                continue;
            } else if row.next_at > now {
                Some(row.next_at)
            } else {
                self.try_again(&row, now).await?
            };
            if let Some(time) = again_at {
                remaining += 1;
                held_up.insert(entity);
                next_at = next_at.into_iter().chain([time]).min();
            }
        }
        drop(lease);
        metrics::gauge!("events_waiting", "consumer" => self.name).set(remaining);
        metrics::gauge!("events_parked", "consumer" => self.name).set(self.parked().await?);
        Ok(next_at)
    }

    /// Applies a waiting event; says when it is tried again, if ever.
    async fn try_again(
        &self,
        row: &Waiting,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        let Err(error) = self.apply(&row.event, Some(row.seq)).await else { return Ok(None) };
        let attempts = row.attempts + 1;
        let is_parked = attempts >= ATTEMPTS;
        let again_at = now + pause(attempts);
        let (consumer, reason, Event { id, kind, .. }) = (self.name, error.to_string(), &row.event);
        if is_parked {
            tracing::error!(consumer, event = %id, kind, attempts, reason, "an event is parked");
        } else {
            tracing::warn!(consumer, event = %id, kind, attempts, reason, "an event was not applied; again later");
        }
        let update = Query::update()
            .table(self.inbox.deliveries())
            .value("attempts", attempts)
            .value("next_at", again_at)
            .value("reason", reason)
            .value("parked_at", is_parked.then_some(now))
            .and_where(Expr::col("seq").eq(row.seq))
            .to_owned();
        self.inbox.database.write.execute(&update).await?;
        Ok((!is_parked).then_some(again_at))
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, DbErr> {
        let select = Query::select()
            .columns(["seq", "attempts", "next_at", "event"])
            .from(self.inbox.deliveries())
            .and_where(self.is_waiting())
            .order_by("seq", Order::Asc)
            .limit(BATCH)
            .to_owned();
        let rows = self.inbox.database.read.query_all(&select).await?;
        let rows = rows.iter().map(|row| {
            let event = row.try_get("", "event")?;
            Ok(Waiting {
                seq: row.try_get("", "seq")?,
                attempts: row.try_get("", "attempts")?,
                next_at: row.try_get("", "next_at")?,
                event: serde_json::from_value(event)
                    .map_err(|error| DbErr::Type(format!("not an event: {error}")))?,
            })
        });
        rows.collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "so many events are never parked")]
    async fn parked(&self) -> Result<f64, DbErr> {
        let count = Query::select()
            .expr_as(Expr::col("seq").count(), "parked")
            .from(self.inbox.deliveries())
            .and_where(Expr::col("consumer").eq(self.name))
            .and_where(Expr::col("parked_at").is_not_null())
            .to_owned();
        let row = self.inbox.database.read.query_one(&count).await?;
        row.map_or(Ok(0.0), |row| Ok(row.try_get::<i64>("", "parked")? as f64))
    }

    fn is_waiting(&self) -> SimpleExpr {
        Expr::col("consumer").eq(self.name).and(Expr::col("parked_at").is_null())
    }
}

/// A quarter of a second, doubling up to about four minutes.
fn pause(attempts: i32) -> TimeDelta {
    match attempts {
        0 => TimeDelta::zero(),
        _ => TimeDelta::milliseconds(250 << attempts.clamp(1, 10)),
    }
}
