//! Cars on the home screen's map: near, nameless, and not quite where they are.

use async_graphql::{Context, Object, Result, SimpleObject};
use service::error::bad_user_input;
use service::{Caller, authenticated};

use crate::dispatch;
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::VehicleType;
use crate::scalar::{Coordinates, CoordinatesInput};

/// Positions are snapped to a grid of this many degrees: about 220 m from north to south.
const GRID_DEGREES: f64 = 0.002;
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
    // Sorted by where they are shown: the order tells no more than the map.
    let mut cars: Vec<(f64, NearbyDriver)> =
        dispatch::within(Fleet::of(ctx), near, f64::from(radius_meters))
            .await?
            .into_iter()
            .filter(|driver| vehicle_type.is_none_or(|wanted| wanted == driver.vehicle_type))
            .filter_map(|driver| {
                let shown = Point { latitude: driver.latitude?, longitude: driver.longitude? }
                    .snapped(GRID_DEGREES);
                let meters = near.meters_to(shown);
                let car = NearbyDriver {
                    coordinates: shown.into(),
                    heading: driver.heading,
                    vehicle_type: driver.vehicle_type,
                };
                (meters <= f64::from(radius_meters)).then_some((meters, car))
            })
            .collect();
    cars.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    Ok(cars.into_iter().take(most).map(|(_, car)| car).collect())
}
