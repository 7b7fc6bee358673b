//! Rides, as logistics tells of them: how many were booked of each product, and how they ended.

use std::collections::HashMap;

use async_graphql::SimpleObject;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, DatabaseConnection, DatabaseTransaction};
use sea_orm::{FromQueryResult, QuerySelect};
use serde::Deserialize;
use service::bus::HandlerError;
use service::{BatchLoad, Event, Inbox, Parts, Tasks};
use uuid::Uuid;

use crate::table::ride;

/// Every transition of a ride.
const TRANSITIONS: [&str; 8] = [
    "ride.scheduled",
    "ride.requested",
    "ride.accepted",
    "ride.driver_arrived",
    "ride.started",
    "ride.completed",
    "ride.cancelled",
    "ride.expired",
];

/// How a product is booked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, SimpleObject)]
pub(crate) struct ProductStats {
    /// The rides booked, whatever became of them.
    rides: i32,
    /// Those that were driven to their end.
    completed_rides: i32,
    /// Those that the rider, the driver or operations cancelled.
    cancelled_rides: i32,
}

/// What platform reads of a ride's event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    ride_id: Uuid,
    product_id: Uuid,
    status: String,
    version: i32,
}

/// Listens to what logistics tells of rides.
pub(crate) fn consume(name: &str, parts: &Parts, tasks: &mut Tasks) {
    let inbox = Inbox::new(name, parts.database.clone(), parts.clock.clone());
    inbox.consume(
        &parts.bus,
        "platform-rides",
        &TRANSITIONS,
        |transaction, event| Box::pin(note(transaction, event)),
        tasks,
    );
}

/// Writes down what a ride has come to, unless something later is known.
async fn note(transaction: &DatabaseTransaction, event: &Event) -> Result<(), HandlerError> {
    let told = Told::deserialize(&event.payload)?;
    let row = ride::ActiveModel {
        id: Set(told.ride_id),
        product_id: Set(told.product_id),
        status: Set(told.status),
        version: Set(told.version),
    };
    let known = Expr::col((ride::Entity, ride::Column::Version));
    let later = OnConflict::column(ride::Column::Id)
        .update_columns([ride::Column::Status, ride::Column::Version])
        .action_and_where(known.lt(told.version))
        .to_owned();
    ride::Entity::insert(row).on_conflict(later).exec_without_returning(transaction).await?;
    Ok(())
}

/// The statistics of products.
pub(crate) struct StatsByProduct(pub(crate) DatabaseConnection);

#[derive(FromQueryResult)]
struct Count {
    product_id: Uuid,
    status: String,
    rides: i64,
}

impl BatchLoad for StatsByProduct {
    type Key = Uuid;
    type Value = ProductStats;
    const NAME: &'static str = "ProductStats";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, ProductStats>, DbErr> {
        let counts = ride::Entity::find()
            .select_only()
            .column(ride::Column::ProductId)
            .column(ride::Column::Status)
            .column_as(ride::Column::Id.count(), "rides")
            .filter(ride::Column::ProductId.is_in(keys.iter().copied()))
            .group_by(ride::Column::ProductId)
            .group_by(ride::Column::Status)
            .into_model::<Count>()
            .all(&self.0)
            .await?;
        let mut found: HashMap<Uuid, ProductStats> = HashMap::new();
        for Count { product_id, status, rides } in counts {
            let rides = i32::try_from(rides).unwrap_or(i32::MAX);
            let stats = found.entry(product_id).or_default();
            stats.rides = stats.rides.saturating_add(rides);
            match status.as_str() {
                "COMPLETED" => stats.completed_rides = rides,
                "CANCELLED" => stats.cancelled_rides = rides,
                _ => {}
            }
        }
        Ok(found)
    }
}
