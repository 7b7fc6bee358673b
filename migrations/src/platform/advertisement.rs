//! Advertisements, and how often each was seen and followed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer, pk_uuid, string, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "platform_0002_advertisement"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [advertisement(), ad_event()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["platform_ad_event", "Advertisement"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn advertisement() -> TableCreateStatement {
    Table::create()
        .table("Advertisement")
        .col(pk_uuid("id"))
        .col(string("title"))
        .col(text_null("body"))
        .col(text("image_url"))
        .col(text_null("target_url"))
        .col(string("placement"))
        .col(integer("priority"))
        .col(uuid_null("channel_id"))
        .col(uuid_null("product_id"))
        .col(timestamp_with_time_zone("starts_at"))
        .col(timestamp_with_time_zone_null("ends_at"))
        // What people decided; what the clock adds to it is computed.
        .col(boolean("is_draft"))
        .col(timestamp_with_time_zone_null("archived_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .foreign_key(&mut reference("channel_id", "ServiceChannel"))
        .foreign_key(&mut reference("product_id", "Product"))
        .to_owned()
}

fn reference(column: &'static str, table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("Advertisement_{column}"))
        .from("Advertisement", column)
        .to(table, "id")
        .to_owned()
}

/// Impressions and clicks, a row each: no counter that everyone must wait for, and each event counts once.
fn ad_event() -> TableCreateStatement {
    Table::create()
        .table("platform_ad_event")
        .col(pk_uuid("id"))
        .col(uuid("advertisement_id"))
        .col(string("kind"))
        .col(timestamp_with_time_zone("occurred_at"))
        .foreign_key(
            ForeignKey::create()
                .name("platform_ad_event_advertisement")
                .from("platform_ad_event", "advertisement_id")
                .to("Advertisement", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 4] {
    let index =
        |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    [
        index("Advertisement_shown", "Advertisement")
            .col("placement")
            .col("starts_at")
            .and_where(Expr::col("archived_at").is_null())
            .to_owned(),
        index("Advertisement_created", "Advertisement").col("created_at").col("id").to_owned(),
        index("Advertisement_channel", "Advertisement").col("channel_id").to_owned(),
        index("platform_ad_event_counted", "platform_ad_event")
            .col("advertisement_id")
            .col("kind")
            .to_owned(),
    ]
}
