//! The enums of platform: in the graph, in the tables and in events under the same names.

use async_graphql::Enum;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What drives.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Enum, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
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
    Debug, Clone, Copy, PartialEq, Eq, Enum, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
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

/// Where an advertisement shows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Enum, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdPlacement {
    /// On the home screen.
    #[sea_orm(string_value = "HOME_BANNER")]
    HomeBanner,
    /// While a driver is looked for.
    #[sea_orm(string_value = "RIDE_WAITING")]
    RideWaiting,
    /// During the ride.
    #[sea_orm(string_value = "RIDE_IN_PROGRESS")]
    RideInProgress,
    /// Under the receipt.
    #[sea_orm(string_value = "RECEIPT")]
    Receipt,
    /// On the driver's home screen.
    #[sea_orm(string_value = "DRIVER_HOME")]
    DriverHome,
}

/// What somebody did with an advertisement.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Enum, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdEventType {
    /// Saw it.
    #[sea_orm(string_value = "IMPRESSION")]
    Impression,
    /// Followed it.
    #[sea_orm(string_value = "CLICK")]
    Click,
}

/// How an advertisement stands: what people decided, and what the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AdvertisementStatus {
    /// Not to be shown yet.
    Draft,
    /// To be shown later.
    Scheduled,
    /// Shown.
    Active,
    /// No longer shown.
    Ended,
    /// Put away.
    Archived,
}
