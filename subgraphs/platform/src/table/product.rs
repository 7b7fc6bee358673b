//! The table `Product`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::ServiceType;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "Product")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub channel_id: Uuid,
    pub code: String,
    pub name: String,
    pub description: String,
    pub icon_url: Option<String>,
    pub seats: i32,
    pub is_active: bool,
    pub sort_order: i32,
    pub service_type: ServiceType,
    pub vehicle_types: Json,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
