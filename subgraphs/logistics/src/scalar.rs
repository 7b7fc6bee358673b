//! The small values of the graph: money, coordinates, stops.

use async_graphql::{InputObject, SimpleObject};
use service::{CurrencyCode, MinorUnits};

use crate::geo::Point;

/// An amount of one currency.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub(crate) struct Money {
    pub(crate) amount: MinorUnits,
    pub(crate) currency: CurrencyCode,
}

impl Money {
    /// An amount that was stored, or computed within the limits of a fare.
    pub(crate) fn of(amount: i64, currency: &str) -> async_graphql::Result<Self> {
        let amount = MinorUnits::new(amount).ok_or("an amount is larger than money can be")?;
        Ok(Self { amount, currency: currency.parse()? })
    }
}

/// A point on the globe, in degrees.
#[derive(Debug, Clone, Copy, SimpleObject)]
#[graphql(shareable)]
pub(crate) struct Coordinates {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

/// A point on the globe, in degrees.
#[derive(Debug, Clone, Copy, InputObject)]
pub(crate) struct CoordinatesInput {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

impl From<CoordinatesInput> for Point {
    fn from(input: CoordinatesInput) -> Self {
        Self { latitude: input.latitude, longitude: input.longitude }
    }
}

impl From<Point> for Coordinates {
    fn from(point: Point) -> Self {
        Self { latitude: point.latitude, longitude: point.longitude }
    }
}

/// Where a ride begins or ends.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Stop {
    pub(crate) address: Option<String>,
    pub(crate) coordinates: Coordinates,
}

/// Where a ride is to begin or end.
#[derive(Debug, Clone, InputObject)]
pub(crate) struct StopInput {
    pub(crate) address: Option<String>,
    pub(crate) coordinates: CoordinatesInput,
}
