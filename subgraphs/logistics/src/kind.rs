//! The enums of logistics: in the graph, in the tables and in events under the same names.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What drives.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VehicleType {
    /// Two wheels.
    #[sea_orm(string_value = "MOTORCYCLE")]
    Motorcycle,
    /// Three wheels.
    #[sea_orm(string_value = "AUTO_RICKSHAW")]
    AutoRickshaw,
    /// A small car.
    #[sea_orm(string_value = "HATCHBACK")]
    Hatchback,
    /// A car.
    #[sea_orm(string_value = "SEDAN")]
    Sedan,
    /// A large car.
    #[sea_orm(string_value = "SUV")]
    Suv,
    /// A bus or a van.
    #[sea_orm(string_value = "VAN")]
    Van,
}

/// What is sold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceType {
    /// People are driven.
    #[sea_orm(string_value = "RIDE")]
    Ride,
    /// Things are driven.
    #[sea_orm(string_value = "DELIVERY")]
    Delivery,
    /// A car with driver, by the hour.
    #[sea_orm(string_value = "RENTAL")]
    Rental,
}

/// How far a registration was approved.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DriverStatus {
    /// Waits for approval.
    #[sea_orm(string_value = "PENDING")]
    Pending,
    /// May drive.
    #[sea_orm(string_value = "APPROVED")]
    Approved,
    /// May not drive.
    #[sea_orm(string_value = "REJECTED")]
    Rejected,
}

/// Whether a driver takes rides.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DriverAvailability {
    /// Takes none.
    #[sea_orm(string_value = "OFFLINE")]
    Offline,
    /// Takes one.
    #[sea_orm(string_value = "AVAILABLE")]
    Available,
    /// Has one.
    #[sea_orm(string_value = "ON_RIDE")]
    OnRide,
}

/// Where a ride stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RideStatus {
    /// For later.
    #[sea_orm(string_value = "SCHEDULED")]
    Scheduled,
    /// Looks for a driver.
    #[sea_orm(string_value = "REQUESTED")]
    Requested,
    /// A driver is on the way.
    #[sea_orm(string_value = "ACCEPTED")]
    Accepted,
    /// The driver waits.
    #[sea_orm(string_value = "DRIVER_ARRIVED")]
    DriverArrived,
    /// Under way.
    #[sea_orm(string_value = "IN_PROGRESS")]
    InProgress,
    /// Arrived.
    #[sea_orm(string_value = "COMPLETED")]
    Completed,
    /// Called off.
    #[sea_orm(string_value = "CANCELLED")]
    Cancelled,
    /// No driver was found.
    #[sea_orm(string_value = "EXPIRED")]
    Expired,
}

/// Who did it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RideActor {
    /// The rider.
    #[sea_orm(string_value = "RIDER")]
    Rider,
    /// The driver.
    #[sea_orm(string_value = "DRIVER")]
    Driver,
    /// Somebody in operations.
    #[sea_orm(string_value = "OPERATOR")]
    Operator,
    /// Nobody: time did.
    #[sea_orm(string_value = "SYSTEM")]
    System,
}

/// Why a ride was called off.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationReason {
    /// No longer wanted.
    #[sea_orm(string_value = "CHANGED_MIND")]
    ChangedMind,
    /// It would take too long.
    #[sea_orm(string_value = "DRIVER_TOO_FAR")]
    DriverTooFar,
    /// The rider did not come.
    #[sea_orm(string_value = "RIDER_NO_SHOW")]
    RiderNoShow,
    /// The driver did not come.
    #[sea_orm(string_value = "DRIVER_NO_SHOW")]
    DriverNoShow,
    /// The wrong place.
    #[sea_orm(string_value = "WRONG_PICKUP")]
    WrongPickup,
    /// Something with the vehicle.
    #[sea_orm(string_value = "VEHICLE_ISSUE")]
    VehicleIssue,
    /// Somebody felt unsafe.
    #[sea_orm(string_value = "SAFETY")]
    Safety,
    /// Another reason.
    #[sea_orm(string_value = "OTHER")]
    Other,
}

/// How a registration goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "DriverRegistrationStatus")]
pub enum RegistrationStatus {
    /// Under way.
    #[sea_orm(string_value = "RUNNING")]
    Running,
    /// The user is a driver, waiting for approval.
    #[sea_orm(string_value = "COMPLETED")]
    Completed,
    /// Being undone.
    #[sea_orm(string_value = "COMPENSATING")]
    Compensating,
    /// Undone.
    #[sea_orm(string_value = "COMPENSATED")]
    Compensated,
    /// Neither done nor undone: an operator is needed.
    #[sea_orm(string_value = "FAILED")]
    Failed,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OfferState {
    /// Waits for the driver.
    #[sea_orm(string_value = "OPEN")]
    Open,
    /// Taken.
    #[sea_orm(string_value = "ACCEPTED")]
    Accepted,
    /// Declined.
    #[sea_orm(string_value = "DECLINED")]
    Declined,
}

/// What somebody needs help with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SafetyAlertKind {
    /// Help, at once.
    #[sea_orm(string_value = "SOS")]
    Sos,
    /// A collision.
    #[sea_orm(string_value = "ACCIDENT")]
    Accident,
    /// Somebody is unwell.
    #[sea_orm(string_value = "MEDICAL")]
    Medical,
    /// Somebody is threatened.
    #[sea_orm(string_value = "THREAT")]
    Threat,
    /// Not the way it should be.
    #[sea_orm(string_value = "ROUTE_DEVIATION")]
    RouteDeviation,
    /// Standing for too long.
    #[sea_orm(string_value = "LONG_STOP")]
    LongStop,
    /// Something else.
    #[sea_orm(string_value = "OTHER")]
    Other,
}

/// What became of a call for help.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SafetyAlertStatus {
    /// Nobody has answered.
    #[sea_orm(string_value = "OPEN")]
    Open,
    /// Operations have helped.
    #[sea_orm(string_value = "RESOLVED")]
    Resolved,
    /// Nothing was wrong.
    #[sea_orm(string_value = "FALSE_ALARM")]
    FalseAlarm,
}
