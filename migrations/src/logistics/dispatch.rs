//! What dispatch searches by, cells of the globe; and an index for each list that grows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    double_null, integer, integer_null, timestamp_with_time_zone_null,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "logistics_0004_dispatch"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        // Without it, a position that stays in its cell changes no index.
        manager.drop_index(drop_index("Driver_available", "Driver")).await?;
        for index in &INDEXES {
            manager.create_index(index.create()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in &INDEXES {
            manager.drop_index(drop_index(index.name, index.table)).await?;
        }
        for (table, column) in columns() {
            let column = Alias::new(column.get_column_name());
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        let available = NamedIndex {
            name: "Driver_available",
            table: "Driver",
            columns: &["latitude", "longitude"],
            only: Some(("availability", "AVAILABLE")),
        };
        manager.create_index(available.create()).await
    }
}

fn columns() -> [(&'static str, ColumnDef); 8] {
    [
        // Where the driver is: the cell, and the point of the unit sphere. The positions of before get none: they are
        // out of date by the next report.
        ("Driver", integer_null("cell")),
        ("Driver", double_null("x")),
        ("Driver", double_null("y")),
        ("Driver", double_null("z")),
        ("Ride", integer_null("pickup_cell")),
        ("Ride", timestamp_with_time_zone_null("accepted_at")),
        // How many PINs were tried, and when that is forgotten.
        ("Ride", integer("pin_attempts").default(0).take()),
        ("Ride", timestamp_with_time_zone_null("pin_attempts_until")),
    ]
}

/// An index, of the rows alone whose column has this value.
struct NamedIndex {
    name: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
    only: Option<(&'static str, &'static str)>,
}

const NEWEST: &[&str] = &["created_at", "id"];

const INDEXES: [NamedIndex; 10] = [
    index("Driver_cell", "Driver", &["cell"], Some(("availability", "AVAILABLE"))),
    index("Driver_created", "Driver", NEWEST, None),
    index("Ride_scheduled", "Ride", &["next_offer_at"], Some(("status", "SCHEDULED"))),
    index("Ride_demand", "Ride", &["pickup_cell"], Some(("status", "REQUESTED"))),
    index("Ride_driver", "Ride", &["driver_id", "created_at", "id"], None),
    index("Ride_earned", "Ride", &["driver_id", "ended_at"], Some(("status", "COMPLETED"))),
    index("Ride_created", "Ride", NEWEST, None),
    index("logistics_alert_open", "logistics_safety_alert", NEWEST, Some(("status", "OPEN"))),
    index("Registration_created", "DriverRegistrationSession", NEWEST, None),
    index("Registration_user", "DriverRegistrationSession", &["user_id", "id"], None),
];

const fn index(
    name: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
    only: Option<(&'static str, &'static str)>,
) -> NamedIndex {
    NamedIndex { name, table, columns, only }
}

impl NamedIndex {
    fn create(&self) -> IndexCreateStatement {
        let mut create = Index::create().name(self.name).table(self.table).to_owned();
        for column in self.columns {
            create.col(*column);
        }
        if let Some((column, value)) = self.only {
            create.and_where(Expr::col(column).eq(value));
        }
        create
    }
}

fn drop_index(name: &str, table: &'static str) -> IndexDropStatement {
    Index::drop().name(name).table(table).to_owned()
}
