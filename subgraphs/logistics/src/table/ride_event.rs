//! The table `logistics_ride_event`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::{RideActor, RideStatus};

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "logistics_ride_event")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub ride_id: Uuid,
    pub status: RideStatus,
    pub actor: RideActor,
    pub version: i32,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
