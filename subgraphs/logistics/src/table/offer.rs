//! The table `logistics_offer`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::OfferState;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "logistics_offer")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub ride_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub driver_id: Uuid,
    pub state: OfferState,
    pub pickup_meters: i32,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
