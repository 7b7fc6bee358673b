//! The table `Driver`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::{DriverAvailability, DriverStatus, VehicleType};

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "Driver")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub license_number: String,
    pub license_expires_on: String,
    pub personal_info: Json,
    pub vehicle_type: VehicleType,
    pub service_types: Json,
    pub status: DriverStatus,
    pub rejection_reason: Option<String>,
    pub suspended_at: Option<DateTime<Utc>>,
    pub suspended_until: Option<DateTime<Utc>>,
    pub rating_sum: i64,
    pub rating_count: i32,
    pub availability: DriverAvailability,
    pub active_vehicle_id: Option<Uuid>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub heading: Option<f64>,
    pub speed: Option<f64>,
    pub located_at: Option<DateTime<Utc>>,
    pub cell: Option<i32>,
    pub x: Option<f64>,
    pub y: Option<f64>,
    pub z: Option<f64>,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
