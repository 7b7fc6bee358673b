//! The search for drivers who could come: near a point, nearest first, in one statement.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{ActiveEnum, Condition, Order, QueryOrder, Select};

use crate::cell;
use crate::geo::{Point, chord_squared};
use crate::kind::{DriverAvailability, DriverStatus, OfferState, ServiceType, VehicleType};
use crate::license;
use crate::table::{driver, offer, ride};

/// A position that is older says nothing.
const FRESH: TimeDelta = TimeDelta::minutes(15);

/// The available drivers within `meters` of a point.
///
/// The cells are what the index is read by; the chord between two points of the sphere is exact wherever they are.
pub(crate) fn available(center: Point, meters: f64, now: DateTime<Utc>) -> Select<driver::Entity> {
    driver::Entity::find()
        .filter(driver::Column::Availability.eq(DriverAvailability::Available))
        .filter(in_cells(driver::Column::Cell, center, meters))
        .filter(chord_to(center).lte(chord_squared(meters)))
        .filter(driver::Column::Status.eq(DriverStatus::Approved))
        .filter(driver::Column::SuspendedAt.is_null())
        .filter(driver::Column::LocatedAt.gt(now - FRESH))
        .filter(license::valid(now))
}

/// The nearest of the drivers first.
pub(crate) fn nearest_first(
    drivers: Select<driver::Entity>,
    center: Point,
) -> Select<driver::Entity> {
    drivers.order_by(chord_to(center), Order::Asc)
}

/// Whether the column names a cell in which something may be that near.
pub(crate) fn in_cells(column: impl ColumnTrait, center: Point, meters: f64) -> Condition {
    cell::around(center, meters)
        .into_iter()
        .fold(Condition::any(), |any, (first, last)| any.add(column.between(first, last)))
}

/// The square of the chord from a driver to the point.
fn chord_to(center: Point) -> SimpleExpr {
    let [x, y, z] = center.vector();
    let squared = |column: driver::Column, at: f64| {
        Expr::col((driver::Entity, column)).sub(at).mul(Expr::col((driver::Entity, column)).sub(at))
    };
    squared(driver::Column::X, x)
        .add(squared(driver::Column::Y, y))
        .add(squared(driver::Column::Z, z))
}

/// What a ride asks of its driver.
pub(crate) struct Wanted {
    pub(crate) pickup: Point,
    pub(crate) service_type: ServiceType,
    pub(crate) vehicle_types: Vec<VehicleType>,
}

impl Wanted {
    /// What this ride asks.
    pub(crate) fn of(ride: &ride::Model) -> Self {
        Self {
            pickup: Point { latitude: ride.pickup_latitude, longitude: ride.pickup_longitude },
            service_type: ride.service_type,
            vehicle_types: serde_json::from_value(ride.vehicle_types.clone()).unwrap_or_default(),
        }
    }

    /// The available drivers who may serve it, within `meters` of the pickup.
    pub(crate) fn drivers(&self, meters: f64, now: DateTime<Utc>) -> Select<driver::Entity> {
        // A short list of short names, written as JSON: `["RIDE","DELIVERY"]`.
        let service = format!("%\"{}\"%", self.service_type.to_value());
        available(self.pickup, meters, now)
            .filter(driver::Column::VehicleType.is_in(self.vehicle_types.iter().copied()))
            .filter(
                Expr::col((driver::Entity, driver::Column::ServiceTypes))
                    .cast_as("text")
                    .like(service),
            )
    }
}

/// Whom a ride may be offered to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// Drivers who have not been asked.
    Never,
    /// Drivers who let an offer lapse.
    Lapsed,
}

impl Asked {
    /// The condition on the driver. The rider does not drive themselves.
    pub(crate) fn condition(self, ride: &ride::Model, now: DateTime<Utc>) -> Condition {
        let mut offers = Query::select()
            .column(offer::Column::DriverId)
            .from(offer::Entity)
            .and_where(offer::Column::RideId.eq(ride.id))
            .to_owned();
        let other = Condition::all().add(driver::Column::UserId.ne(ride.rider_id));
        match self {
            Self::Never => other.add(driver::Column::Id.not_in_subquery(offers)),
            Self::Lapsed => {
                offers
                    .and_where(offer::Column::State.eq(OfferState::Open))
                    .and_where(offer::Column::ExpiresAt.lte(now));
                other.add(driver::Column::Id.in_subquery(offers))
            }
        }
    }
}
