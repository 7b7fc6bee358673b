//! Surge: where more riders wait than drivers are free, a ride costs more.
//!
//! The rule: within 3 km of the pickup, count the rides that wait for a driver (of the same kind of service) and the
//! drivers who are free and may serve the product. Where fewer than three wait, or no more than are free, the price is
//! the rate card's. Otherwise each waiting ride too many adds a quarter, divided by the free drivers; in whole tenths,
//! and never more than three times the price.

use sea_orm::entity::prelude::*;
use sea_orm::{DbErr, QuerySelect};

use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::RideStatus;
use crate::search::{Wanted, in_cells};
use crate::table::{driver, ride};

/// How far from the pickup riders and drivers are counted.
const AREA_METERS: f64 = 3_000.0;
/// Fewer waiting rides are chance.
const FEWEST_WAITING: usize = 3;
/// More waiting rides change nothing any more.
const COUNT_LIMIT: u64 = 500;

/// What the price is multiplied by, in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surge(i64);

impl Surge {
    /// The price as the rate card says.
    pub(crate) const NONE: Self = Self(10);
    const MOST: Self = Self(30);

    /// The rule.
    fn of(waiting: usize, free: usize) -> Self {
        let short = i64::try_from(waiting.saturating_sub(free)).unwrap_or(i64::MAX / 5);
        if waiting < FEWEST_WAITING || short == 0 {
            return Self::NONE;
        }
        let free = i64::try_from(free.max(1)).unwrap_or(i64::MAX / 2);
        Self((Self::NONE.0 + 5 * short / (2 * free)).min(Self::MOST.0))
    }

    /// The surge that was stored as tenths.
    pub(crate) fn from_tenths(tenths: i64) -> Self {
        Self(tenths)
    }

    /// In tenths.
    pub(crate) fn tenths(self) -> i64 {
        self.0
    }

    /// As a number that people read: 1.2.
    pub(crate) fn multiplier(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "it is a number of two digits")]
        let tenths = self.0 as f64;
        tenths / 10.0
    }
}

/// The surge at a pickup, now.
pub(crate) async fn at(fleet: &Fleet, wanted: &Wanted) -> Result<Surge, DbErr> {
    let waiting = waiting(fleet, wanted).await?;
    if waiting < FEWEST_WAITING {
        return Ok(Surge::NONE);
    }
    // No more are counted than would make it no surge.
    let free: Vec<Uuid> = wanted
        .drivers(AREA_METERS, fleet.parts.clock.now())
        .select_only()
        .column(driver::Column::Id)
        .limit(u64::try_from(waiting).unwrap_or(COUNT_LIMIT))
        .into_tuple()
        .all(&fleet.parts.database.read)
        .await?;
    Ok(Surge::of(waiting, free.len()))
}

/// How many rides wait for a driver near the pickup.
async fn waiting(fleet: &Fleet, wanted: &Wanted) -> Result<usize, DbErr> {
    let places: Vec<(f64, f64)> = ride::Entity::find()
        .select_only()
        .column(ride::Column::PickupLatitude)
        .column(ride::Column::PickupLongitude)
        .filter(ride::Column::Status.eq(RideStatus::Requested))
        .filter(in_cells(ride::Column::PickupCell, wanted.pickup, AREA_METERS))
        .filter(ride::Column::ServiceType.eq(wanted.service_type))
        .limit(COUNT_LIMIT)
        .into_tuple()
        .all(&fleet.parts.database.read)
        .await?;
    let near = |(latitude, longitude): &(f64, f64)| {
        let place = Point { latitude: *latitude, longitude: *longitude };
        wanted.pickup.meters_to(place) <= AREA_METERS
    };
    Ok(places.iter().filter(|place| near(place)).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_rule() {
        let cases = [
            ((0, 0), 10),
            ((2, 0), 10),
            ((3, 3), 10),
            ((3, 5), 10),
            ((3, 2), 11),
            ((3, 0), 17),
            ((10, 5), 12),
            ((20, 5), 17),
            ((50, 1), 30),
            ((usize::MAX, 0), 30),
        ];
        for ((waiting, free), tenths) in cases {
            assert_eq!(Surge::of(waiting, free), Surge(tenths), "{waiting} waiting, {free} free");
        }
    }

    #[test]
    fn more_riders_never_make_it_cheaper_and_more_drivers_never_dearer() {
        for waiting in 0..60 {
            for free in 0..60 {
                let surge = Surge::of(waiting, free).0;
                assert!(surge <= Surge::of(waiting + 1, free).0, "{waiting} {free}");
                assert!(surge >= Surge::of(waiting, free + 1).0, "{waiting} {free}");
            }
        }
    }
}
