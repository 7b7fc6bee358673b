//! The table `Advertisement`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::AdPlacement;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "Advertisement")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub title: String,
    pub body: Option<String>,
    pub image_url: String,
    pub target_url: Option<String>,
    pub placement: AdPlacement,
    pub priority: i32,
    pub channel_id: Option<Uuid>,
    pub product_id: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: Option<DateTime<Utc>>,
    pub is_draft: bool,
    pub archived_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
