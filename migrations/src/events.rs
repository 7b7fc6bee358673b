//! The tables that every service has for its events and idempotency keys: `<owner>_outbox`, `_inbox`,
//! `_delivery`, `_idempotency`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_pk_auto, integer, json, string, string_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_uniq,
};

/// Keeps beside an owner's events the traces of the requests that they happened in.
pub(crate) struct Traceparent {
    /// The name of the migration.
    pub(crate) name: &'static str,
    /// The table of the events.
    pub(crate) outbox: &'static str,
}

impl MigrationName for Traceparent {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Traceparent {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add =
            Table::alter().table(self.outbox).add_column(string_null("traceparent")).to_owned();
        manager.alter_table(add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::alter().table(self.outbox).drop_column("traceparent").to_owned();
        manager.alter_table(drop).await
    }
}

/// Creates the four tables of `owner`.
pub(crate) async fn create(manager: &SchemaManager<'_>, owner: &str) -> Result<(), DbErr> {
    let outbox = format!("{owner}_outbox");
    let create = Table::create()
        .table(Alias::new(&outbox))
        // Not the id: it says in which order the events were written.
        .col(big_pk_auto("seq"))
        .col(uuid_uniq("id"))
        .col(string("kind"))
        .col(string("aggregate"))
        .col(uuid("aggregate_id"))
        .col(json("payload"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("published_at"))
        .col(timestamp_with_time_zone_null("parked_at"))
        .col(text_null("reason"))
        .to_owned();
    manager.create_table(create).await?;
    let pending = Index::create()
        .name(format!("{outbox}_pending"))
        .table(Alias::new(&outbox))
        .col("seq")
        .and_where(Expr::col("published_at").is_null())
        .and_where(Expr::col("parked_at").is_null())
        .to_owned();
    manager.create_index(pending).await?;
    let published = Index::create()
        .name(format!("{outbox}_published"))
        .table(Alias::new(&outbox))
        .col("published_at")
        .and_where(Expr::col("published_at").is_not_null())
        .to_owned();
    manager.create_index(published).await?;
    let parked = Index::create()
        .name(format!("{outbox}_parked"))
        .table(Alias::new(&outbox))
        .col("seq")
        .and_where(Expr::col("parked_at").is_not_null())
        .to_owned();
    manager.create_index(parked).await?;

    let inbox = Table::create()
        .table(Alias::new(format!("{owner}_inbox")))
        .col(string("consumer"))
        .col(uuid("event_id"))
        .col(timestamp_with_time_zone("applied_at"))
        .primary_key(Index::create().col("consumer").col("event_id"))
        .to_owned();
    manager.create_table(inbox).await?;

    let delivery = format!("{owner}_delivery");
    let create = Table::create()
        .table(Alias::new(&delivery))
        .col(big_pk_auto("seq"))
        .col(string("consumer"))
        .col(uuid("event_id"))
        .col(uuid("aggregate_id"))
        .col(json("event"))
        .col(integer("attempts"))
        .col(timestamp_with_time_zone("next_at"))
        .col(timestamp_with_time_zone_null("parked_at"))
        .col(text_null("reason"))
        .index(Index::create().unique().col("consumer").col("event_id"))
        .to_owned();
    manager.create_table(create).await?;
    let waiting = Index::create()
        .name(format!("{delivery}_waiting"))
        .table(Alias::new(&delivery))
        .col("consumer")
        .col("aggregate_id")
        .and_where(Expr::col("parked_at").is_null())
        .to_owned();
    manager.create_index(waiting).await?;

    let idempotency = Table::create()
        .table(Alias::new(format!("{owner}_idempotency")))
        .col(string("caller"))
        .col(string("operation"))
        .col(string("key"))
        .col(text("request_hash"))
        .col(uuid("result_id"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("caller").col("operation").col("key"))
        .to_owned();
    manager.create_table(idempotency).await
}

/// Drops them.
pub(crate) async fn drop(manager: &SchemaManager<'_>, owner: &str) -> Result<(), DbErr> {
    for table in ["outbox", "inbox", "delivery", "idempotency"] {
        manager
            .drop_table(Table::drop().table(Alias::new(format!("{owner}_{table}"))).to_owned())
            .await?;
    }
    Ok(())
}
