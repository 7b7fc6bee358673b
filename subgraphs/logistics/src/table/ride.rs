//! The table `Ride`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::{CancellationReason, RideActor, RideStatus, ServiceType};

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "Ride")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub rider_id: Uuid,
    pub driver_id: Option<Uuid>,
    pub vehicle_id: Option<Uuid>,
    pub product_id: Uuid,
    pub service_type: ServiceType,
    pub vehicle_types: Json,
    pub status: RideStatus,
    pub pickup_address: Option<String>,
    pub pickup_latitude: f64,
    pub pickup_longitude: f64,
    pub pickup_cell: Option<i32>,
    pub dropoff_address: Option<String>,
    pub dropoff_latitude: f64,
    pub dropoff_longitude: f64,
    pub currency: String,
    pub quoted_fare: i64,
    pub cancellation_fee: i64,
    pub final_fare: Option<i64>,
    pub quoted_meters: i32,
    pub quoted_seconds: i32,
    pub distance_meters: Option<i32>,
    pub start_pin: String,
    pub pin_attempts: i32,
    pub pin_attempts_until: Option<DateTime<Utc>>,
    pub scheduled_for: Option<DateTime<Utc>>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub cancelled_by: Option<RideActor>,
    pub cancellation_reason: Option<CancellationReason>,
    pub cancellation_note: Option<String>,
    pub charged_fee: Option<i64>,
    pub driver_score: Option<i32>,
    pub driver_comment: Option<String>,
    pub driver_rated_at: Option<DateTime<Utc>>,
    pub rider_score: Option<i32>,
    pub rider_comment: Option<String>,
    pub rider_rated_at: Option<DateTime<Utc>>,
    pub next_offer_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
