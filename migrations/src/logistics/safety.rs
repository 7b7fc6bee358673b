//! Safety alerts, and the shifts of drivers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    double_null, pk_uuid, string, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "logistics_0003_safety"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(safety_alert()).await?;
        manager.create_table(shift()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["logistics_shift", "logistics_safety_alert"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn safety_alert() -> TableCreateStatement {
    Table::create()
        .table("logistics_safety_alert")
        .col(pk_uuid("id"))
        .col(uuid("ride_id"))
        .col(string("raised_by"))
        .col(string("kind"))
        .col(text_null("note"))
        .col(double_null("latitude"))
        .col(double_null("longitude"))
        .col(string("status"))
        .col(text_null("resolution_note"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("resolved_at"))
        .to_owned()
}

/// When a driver was online, from going online to going offline.
fn shift() -> TableCreateStatement {
    Table::create()
        .table("logistics_shift")
        .col(pk_uuid("id"))
        .col(uuid("driver_id"))
        .col(timestamp_with_time_zone("began_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 4] {
    let index =
        |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    [
        index("logistics_safety_alert_ride", "logistics_safety_alert").col("ride_id").to_owned(),
        index("logistics_safety_alert_created", "logistics_safety_alert")
            .col("created_at")
            .col("id")
            .to_owned(),
        index("logistics_shift_driver", "logistics_shift")
            .col("driver_id")
            .col("began_at")
            .to_owned(),
        // A driver is online once.
        index("logistics_shift_open", "logistics_shift")
            .col("driver_id")
            .unique()
            .and_where(Expr::col("ended_at").is_null())
            .to_owned(),
    ]
}
