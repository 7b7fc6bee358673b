//! Cars on the home screen's map: near, nameless, and not quite where they are.

use async_graphql::{Context, Object, Result, SimpleObject};
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use service::error::bad_user_input;
use service::{Caller, authenticated};

use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::VehicleType;
use crate::scalar::{Coordinates, CoordinatesInput};
use crate::search;
use crate::table::driver;

/// Positions are snapped to a grid of this many degrees: about 220 m from north to south.
const GRID_DEGREES: f64 = 0.002;
/// A car is shown no further from where it is, in metres.
const GRID_METERS: f64 = 160.0;
/// How many cars one search reads.
const READ_LIMIT: u64 = 500;
/// No search goes further, in metres.
const RADIUS_LIMIT_METERS: i32 = 20_000;
/// The most cars on a map.
const CARS_LIMIT: usize = 100;

/// A car that could come.
#[derive(SimpleObject)]
struct NearbyDriver {
    coordinates: Coordinates,
    heading: Option<f64>,
    vehicle_type: VehicleType,
}

/// The query of the map.
#[derive(Default)]
pub(crate) struct NearbyQuery;

#[Object]
impl NearbyQuery {
    /// Anonymised cars for the home-screen map; positions are snapped to a grid.
    #[graphql(directive = authenticated::apply())]
    async fn nearby_drivers(
        &self,
        ctx: &Context<'_>,
        near: CoordinatesInput,
        #[graphql(default = 3000)] radius_meters: i32,
        vehicle_type: Option<VehicleType>,
        #[graphql(default = 20)] first: i32,
    ) -> Option<Result<Vec<NearbyDriver>>> {
        Some(nearby(ctx, near.into(), radius_meters, vehicle_type, first).await)
    }
}

async fn nearby(
    ctx: &Context<'_>,
    near: Point,
    radius_meters: i32,
    vehicle_type: Option<VehicleType>,
    first: i32,
) -> Result<Vec<NearbyDriver>> {
    Caller::of(ctx).require_identity()?;
    if !near.is_valid() {
        return Err(bad_user_input("`near` is not on the globe"));
    }
    if !(1..=RADIUS_LIMIT_METERS).contains(&radius_meters) {
        let message = format!("`radiusMeters` must be between 1 and {RADIUS_LIMIT_METERS}");
        return Err(bad_user_input(message));
    }
    let Some(most) = usize::try_from(first).ok().filter(|most| *most <= CARS_LIMIT) else {
        return Err(bad_user_input(format!("`first` must be between 0 and {CARS_LIMIT}")));
    };
    let radius = f64::from(radius_meters);
    // Sorted by where they are shown: the order tells no more than the map.
    let mut cars: Vec<(f64, NearbyDriver)> = places(ctx, near, radius, vehicle_type)
        .await?
        .into_iter()
        .map(|(latitude, longitude, heading, vehicle_type)| {
            let shown = Point { latitude, longitude }.snapped(GRID_DEGREES);
            let car = NearbyDriver { coordinates: shown.into(), heading, vehicle_type };
            (near.meters_to(shown), car)
        })
        .filter(|(meters, _)| *meters <= radius)
        .collect();
    cars.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    Ok(cars.into_iter().take(most).map(|(_, car)| car).collect())
}

/// Latitude, longitude, heading and kind of a car.
type Place = (f64, f64, Option<f64>, VehicleType);

/// The cars that may be shown: the nearest, and many more than are, so that which ones tells nothing of where they are.
async fn places(
    ctx: &Context<'_>,
    near: Point,
    radius: f64,
    vehicle_type: Option<VehicleType>,
) -> Result<Vec<Place>> {
    let fleet = Fleet::of(ctx);
    let mut cars = search::available(near, radius + GRID_METERS, fleet.parts.clock.now());
    if let Some(vehicle_type) = vehicle_type {
        cars = cars.filter(driver::Column::VehicleType.eq(vehicle_type));
    }
    let places = search::nearest_first(cars, near)
        .select_only()
        .column(driver::Column::Latitude)
        .column(driver::Column::Longitude)
        .column(driver::Column::Heading)
        .column(driver::Column::VehicleType)
        .limit(READ_LIMIT)
        .into_tuple()
        .all(&fleet.parts.database.read);
    Ok(places.await?)
}
