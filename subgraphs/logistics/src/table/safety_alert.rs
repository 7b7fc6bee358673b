//! The table `logistics_safety_alert`.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::kind::{RideActor, SafetyAlertKind, SafetyAlertStatus};

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "logistics_safety_alert")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub ride_id: Uuid,
    pub raised_by: RideActor,
    pub kind: SafetyAlertKind,
    pub note: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub status: SafetyAlertStatus,
    pub resolution_note: Option<String>,
    pub created_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
