//! The table `Vehicle`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::VehicleType;

#[expect(clippy::struct_field_names, reason = "`type` is a keyword")]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "Vehicle")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub driver_id: Uuid,
    pub vehicle_type: VehicleType,
    pub make: String,
    pub model: String,
    pub year: i32,
    pub color: String,
    pub plate_number: String,
    pub seats: i32,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
