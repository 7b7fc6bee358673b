//! The table `DriverRegistrationSession`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::RegistrationStatus;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "DriverRegistrationSession")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub driver_id: Uuid,
    pub status: RegistrationStatus,
    pub input: Json,
    pub steps: Json,
    pub failure: Option<String>,
    pub lease_owner: Option<String>,
    pub lease_until: Option<DateTime<Utc>>,
    pub next_at: DateTime<Utc>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
