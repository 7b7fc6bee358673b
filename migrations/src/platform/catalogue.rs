//! Channels, products, and their rate cards.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, integer, json, pk_uuid, string, string_uniq, text, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::events;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "platform_0001_catalogue"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        events::create(manager, "platform").await?;
        for table in [service_channel(), product(), rate_card(), ride()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["platform_ride", "platform_rate_card", "Product", "ServiceChannel"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        events::drop(manager, "platform").await
    }
}

fn service_channel() -> TableCreateStatement {
    Table::create()
        .table("ServiceChannel")
        .col(pk_uuid("id"))
        .col(string_uniq("slug"))
        .col(string("name"))
        .col(text("description"))
        .col(boolean("is_active"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned()
}

fn product() -> TableCreateStatement {
    Table::create()
        .table("Product")
        .col(pk_uuid("id"))
        .col(uuid("channel_id"))
        .col(string("code"))
        .col(string("name"))
        .col(text("description"))
        .col(text_null("icon_url"))
        .col(integer("seats"))
        .col(boolean("is_active"))
        .col(integer("sort_order"))
        .col(string("service_type"))
        // A list of names, read and written whole.
        .col(json("vehicle_types"))
        .col(integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .foreign_key(
            ForeignKey::create()
                .name("Product_channel")
                .from("Product", "channel_id")
                .to("ServiceChannel", "id"),
        )
        .to_owned()
}

/// What a product costs, and what it cost before: a price is never changed, only superseded.
fn rate_card() -> TableCreateStatement {
    Table::create()
        .table("platform_rate_card")
        .col(uuid("product_id"))
        .col(integer("version"))
        .col(string("currency"))
        .col(big_integer("base_fare"))
        .col(big_integer("per_kilometer"))
        .col(big_integer("per_minute"))
        .col(big_integer("minimum_fare"))
        .col(big_integer("cancellation_fee"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("superseded_at"))
        .primary_key(Index::create().col("product_id").col("version"))
        .foreign_key(
            ForeignKey::create()
                .name("platform_rate_card_product")
                .from("platform_rate_card", "product_id")
                .to("Product", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// What logistics told of each ride last: a row each, so that rides are counted once however often they are told of.
fn ride() -> TableCreateStatement {
    Table::create()
        .table("platform_ride")
        .col(pk_uuid("id"))
        // Of a product that may be gone by now: no reference.
        .col(uuid("product_id"))
        .col(string("status"))
        .col(integer("version"))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 5] {
    let index =
        |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    [
        index("ServiceChannel_created", "ServiceChannel").col("created_at").col("id").to_owned(),
        index("Product_channel_code", "Product").col("channel_id").col("code").unique().to_owned(),
        index("Product_sorted", "Product").col("sort_order").col("id").to_owned(),
        index("platform_ride_counted", "platform_ride").col("product_id").col("status").to_owned(),
        // One price at a time.
        index("platform_rate_card_current", "platform_rate_card")
            .col("product_id")
            .unique()
            .and_where(Expr::col("superseded_at").is_null())
            .to_owned(),
    ]
}
