//! Drivers, their vehicles, and the sagas that register them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, double_null, integer, json, pk_uuid, string, string_null, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::events;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "logistics_0001_fleet"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        events::create(manager, "logistics").await?;
        for table in [driver(), vehicle(), registration()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["DriverRegistrationSession", "Vehicle", "Driver"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        events::drop(manager, "logistics").await
    }
}

fn driver() -> TableCreateStatement {
    Table::create()
        .table("Driver")
        .col(pk_uuid("id"))
        .col(ColumnDef::new("user_id").uuid().not_null().unique_key())
        .col(string("license_number"))
        .col(string("license_expires_on"))
        .col(json("personal_info"))
        .col(string("vehicle_type"))
        // A list of names, read and written whole.
        .col(json("service_types"))
        .col(string("status"))
        .col(text_null("rejection_reason"))
        .col(timestamp_with_time_zone_null("suspended_at"))
        .col(timestamp_with_time_zone_null("suspended_until"))
        .col(big_integer("rating_sum"))
        .col(integer("rating_count"))
        .col(string("availability"))
        .col(uuid_null("active_vehicle_id"))
        .col(double_null("latitude"))
        .col(double_null("longitude"))
        .col(double_null("heading"))
        .col(double_null("speed"))
        .col(timestamp_with_time_zone_null("located_at"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn vehicle() -> TableCreateStatement {
    Table::create()
        .table("Vehicle")
        .col(pk_uuid("id"))
        .col(uuid("driver_id"))
        .col(string("vehicle_type"))
        .col(string("make"))
        .col(string("model"))
        .col(integer("year"))
        .col(string("color"))
        .col(string("plate_number"))
        .col(integer("seats"))
        .col(boolean("is_active"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(
            ForeignKey::create()
                .name("Vehicle_driver")
                .from("Vehicle", "driver_id")
                .to("Driver", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// A registration is a saga, and this row is all of its memory.
fn registration() -> TableCreateStatement {
    Table::create()
        .table("DriverRegistrationSession")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(uuid("driver_id"))
        .col(string("status"))
        .col(json("input"))
        .col(json("steps"))
        .col(text_null("failure"))
        .col(string_null("lease_owner"))
        .col(timestamp_with_time_zone_null("lease_until"))
        .col(timestamp_with_time_zone("next_at"))
        .col(integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 4] {
    let index =
        |name: &str, table: &'static str| Index::create().name(name).table(table).to_owned();
    let open = || Expr::col("status").is_in(["RUNNING", "COMPENSATING"]);
    [
        index("Vehicle_driver", "Vehicle").col("driver_id").to_owned(),
        index("Driver_available", "Driver")
            .col("latitude")
            .col("longitude")
            .and_where(Expr::col("availability").eq("AVAILABLE"))
            .to_owned(),
        // One registration of a user at a time.
        index("DriverRegistrationSession_open", "DriverRegistrationSession")
            .col("user_id")
            .unique()
            .and_where(open())
            .to_owned(),
        index("DriverRegistrationSession_due", "DriverRegistrationSession")
            .col("next_at")
            .and_where(open())
            .to_owned(),
    ]
}
