//! The table `platform_ad_event`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::AdEventType;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "platform_ad_event")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub advertisement_id: Uuid,
    pub kind: AdEventType,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
