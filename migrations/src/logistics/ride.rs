//! Rides, what happened to them, to whom they are offered, and the riders' ratings.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, double, integer, integer_null, json, pk_uuid, string,
    string_null, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
    uuid_null,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "logistics_0002_ride"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [ride(), ride_event(), offer(), rider()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["logistics_rider", "logistics_offer", "logistics_ride_event", "Ride"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn ride() -> TableCreateStatement {
    Table::create()
        .table("Ride")
        .col(pk_uuid("id"))
        .col(uuid("rider_id"))
        .col(uuid_null("driver_id"))
        .col(uuid_null("vehicle_id"))
        .col(uuid("product_id"))
        .col(string("service_type"))
        .col(json("vehicle_types"))
        .col(string("status"))
        .col(text_null("pickup_address"))
        .col(double("pickup_latitude"))
        .col(double("pickup_longitude"))
        .col(text_null("dropoff_address"))
        .col(double("dropoff_latitude"))
        .col(double("dropoff_longitude"))
        .col(string("currency"))
        .col(big_integer("quoted_fare"))
        .col(big_integer("cancellation_fee"))
        .col(big_integer_null("final_fare"))
        .col(integer("quoted_meters"))
        .col(integer("quoted_seconds"))
        .col(integer_null("distance_meters"))
        .col(string("start_pin"))
        .col(timestamp_with_time_zone_null("scheduled_for"))
        .col(timestamp_with_time_zone_null("started_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .col(string_null("cancelled_by"))
        .col(string_null("cancellation_reason"))
        .col(text_null("cancellation_note"))
        .col(big_integer_null("charged_fee"))
        .col(integer_null("driver_score"))
        .col(text_null("driver_comment"))
        .col(timestamp_with_time_zone_null("driver_rated_at"))
        .col(integer_null("rider_score"))
        .col(text_null("rider_comment"))
        .col(timestamp_with_time_zone_null("rider_rated_at"))
        .col(timestamp_with_time_zone("next_offer_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned()
}

fn ride_event() -> TableCreateStatement {
    Table::create()
        .table("logistics_ride_event")
        .col(pk_uuid("id"))
        .col(uuid("ride_id"))
        .col(string("status"))
        .col(string("actor"))
        // The ride's version that it led to: what events are sorted by.
        .col(integer("version"))
        .col(timestamp_with_time_zone("occurred_at"))
        .to_owned()
}

fn offer() -> TableCreateStatement {
    Table::create()
        .table("logistics_offer")
        .col(uuid("ride_id"))
        .col(uuid("driver_id"))
        .col(string("state"))
        .col(integer("pickup_meters"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .primary_key(Index::create().col("ride_id").col("driver_id"))
        .to_owned()
}

fn rider() -> TableCreateStatement {
    Table::create()
        .table("logistics_rider")
        .col(pk_uuid("user_id"))
        .col(big_integer("rating_sum"))
        .col(integer("rating_count"))
        .col(integer("ride_count"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 6] {
    let index =
        |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    let with_driver = || Expr::col("status").is_in(["ACCEPTED", "DRIVER_ARRIVED", "IN_PROGRESS"]);
    let active =
        || Expr::col("status").is_in(["REQUESTED", "ACCEPTED", "DRIVER_ARRIVED", "IN_PROGRESS"]);
    [
        // One ride of a driver, and of a rider, at a time.
        index("Ride_driver_active", "Ride")
            .col("driver_id")
            .unique()
            .and_where(with_driver())
            .to_owned(),
        index("Ride_rider_active", "Ride").col("rider_id").unique().and_where(active()).to_owned(),
        index("Ride_rider", "Ride").col("rider_id").col("created_at").col("id").to_owned(),
        index("Ride_waiting", "Ride")
            .col("next_offer_at")
            .and_where(Expr::col("status").eq("REQUESTED"))
            .to_owned(),
        index("logistics_ride_event_ride", "logistics_ride_event")
            .col("ride_id")
            .col("version")
            .unique()
            .to_owned(),
        index("logistics_offer_driver", "logistics_offer")
            .col("driver_id")
            .col("expires_at")
            .to_owned(),
    ]
}
