//! The inbox: an event that is delivered twice is applied once.

use std::sync::Arc;

use sea_orm::sea_query::{Alias, OnConflict, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

use crate::clock::Clock;
use crate::database::Database;
use crate::event::Event;

/// The inbox of one service: the table `<owner>_inbox`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    table: Arc<str>,
    database: Database,
    clock: Clock,
}

impl Inbox {
    /// The inbox of `owner`.
    pub fn new(owner: &str, database: Database, clock: Clock) -> Self {
        Self { table: format!("{owner}_inbox").into(), database, clock }
    }

    /// A transaction in which `consumer` applies this event, to be committed by it; none where it has been applied.
    pub async fn open(
        &self,
        consumer: &str,
        event: &Event,
    ) -> Result<Option<DatabaseTransaction>, DbErr> {
        let transaction = self.database.begin().await?;
        let insert = Query::insert()
            .into_table(Alias::new(self.table.as_ref()))
            .columns(["consumer", "event_id", "applied_at"])
            .values_panic([consumer.into(), event.id.into(), self.clock.now().into()])
            .on_conflict(OnConflict::columns(["consumer", "event_id"]).do_nothing().to_owned())
            .to_owned();
        let inserted = transaction.execute(&insert).await?.rows_affected();
        if inserted == 1 {
            metrics::counter!("events_applied_total", "kind" => event.kind.clone()).increment(1);
            Ok(Some(transaction))
        } else {
            Ok(None)
        }
    }
}
