//! What an operator does about parked events: look at them, and have them tried again (`auth events parked | replay`).

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use crate::database::Database;
use crate::event::Event;

/// What is done instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Parked events: those that could not be published or applied.
    Events {
        /// What to do with them.
        #[command(subcommand)]
        action: EventsAction,
    },
}

/// What is done about parked events.
#[derive(Debug, Clone, Subcommand)]
pub enum EventsAction {
    /// Lists them, the oldest first, with the reason of the last failure.
    Parked,
    /// Has them tried again, by the service as it runs; the cause should be mended first.
    Replay {
        /// The event's id, for every consumer that parked it.
        #[arg(required_unless_present = "all")]
        event_id: Option<Uuid>,
        /// All that are parked.
        #[arg(long, conflicts_with = "event_id")]
        all: bool,
    },
}

/// A parked event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The event's id.
    pub event_id: Uuid,
    /// Where it is parked: the consumer that could not apply it, or the outbox that could not publish it.
    pub place: String,
    /// What happened: `user.created`.
    pub kind: String,
    /// To which entity.
    pub aggregate_id: Uuid,
    /// Since when.
    pub parked_at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

impl Command {
    /// Does it to the events of `owner`, and says what was done.
    pub async fn run(&self, owner: &str, database: &Database) -> Result<String, DbErr> {
        let Self::Events { action } = self;
        match action {
            EventsAction::Parked => Ok(table(&parked(owner, database).await?)),
            EventsAction::Replay { event_id, .. } => {
                let replayed = replay(owner, database, *event_id).await?;
                Ok(match (replayed, event_id) {
                    (0, Some(id)) => format!("no event {id} is parked\n"),
                    (0, None) => "no event is parked\n".to_owned(),
                    (count, _) => format!("{count} to be tried again\n"),
                })
            }
        }
    }
}

/// The parked events of a service, the oldest first.
pub async fn parked(owner: &str, database: &Database) -> Result<Vec<Parked>, DbErr> {
    let outbox = select(&format!("{owner}_outbox"), &["id", "kind", "aggregate_id"]);
    let delivery = select(&format!("{owner}_delivery"), &["consumer", "event"]);
    let mut parked = Vec::new();
    for row in database.read.query_all(&outbox).await? {
        parked.push(Parked {
            event_id: row.try_get("", "id")?,
            place: format!("{owner}_outbox"),
            kind: row.try_get("", "kind")?,
            aggregate_id: row.try_get("", "aggregate_id")?,
            parked_at: row.try_get("", "parked_at")?,
            reason: reason(&row)?,
        });
    }
    for row in database.read.query_all(&delivery).await? {
        let event: Event = serde_json::from_value(row.try_get("", "event")?)
            .map_err(|error| DbErr::Type(format!("not an event: {error}")))?;
        parked.push(Parked {
            event_id: event.id,
            place: row.try_get("", "consumer")?,
            kind: event.kind,
            aggregate_id: event.aggregate_id,
            parked_at: row.try_get("", "parked_at")?,
            reason: reason(&row)?,
        });
    }
    parked.sort_by_key(|parked| parked.parked_at);
    Ok(parked)
}

/// Has one parked event, or all, tried again; says how many.
pub async fn replay(
    owner: &str,
    database: &Database,
    event_id: Option<Uuid>,
) -> Result<u64, DbErr> {
    let mut publish = Query::update();
    publish
        .table(Alias::new(format!("{owner}_outbox")))
        .value("parked_at", Option::<DateTime<Utc>>::None)
        .and_where(Expr::col("parked_at").is_not_null());
    let mut deliver = Query::update();
    deliver
        .table(Alias::new(format!("{owner}_delivery")))
        .value("parked_at", Option::<DateTime<Utc>>::None)
        .value("attempts", 0)
        .value("next_at", DateTime::UNIX_EPOCH)
        .and_where(Expr::col("parked_at").is_not_null());
    if let Some(id) = event_id {
        publish.and_where(Expr::col("id").eq(id));
        deliver.and_where(Expr::col("event_id").eq(id));
    }
    let published = database.write.execute(&publish).await?.rows_affected();
    let delivered = database.write.execute(&deliver).await?.rows_affected();
    Ok(published + delivered)
}

fn select(table: &str, columns: &[&'static str]) -> SelectStatement {
    Query::select()
        .columns(columns.iter().copied())
        .columns(["parked_at", "reason"])
        .from(Alias::new(table))
        .and_where(Expr::col("parked_at").is_not_null())
        .order_by("seq", Order::Asc)
        .to_owned()
}

fn reason(row: &QueryResult) -> Result<String, DbErr> {
    Ok(row.try_get::<Option<String>>("", "reason")?.unwrap_or_default())
}

fn table(parked: &[Parked]) -> String {
    if parked.is_empty() {
        return "no event is parked\n".to_owned();
    }
    let mut table = String::new();
    for Parked { event_id, place, kind, aggregate_id, parked_at, reason } in parked {
        let since = parked_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let written =
            writeln!(table, "{event_id}  {since}  {place}  {kind}  {aggregate_id}  {reason}");
        written.expect("a string takes what it is given");
    }
    table
}
