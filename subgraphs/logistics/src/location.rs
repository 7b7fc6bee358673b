//! Where drivers are: reported often, kept once, told to who follows the ride.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, DbErr};
use serde_json::json;
use service::error::bad_user_input;
use service::{Batch, Caller, DateTime, NewEvent, Problem, ValidationCode, authenticated};

use crate::cell;
use crate::driver::DriverByUser;
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::DriverAvailability;
use crate::ride::DRIVEN;
use crate::scalar::CoordinatesInput;
use crate::table::{driver, ride};

/// Clocks of phones differ: a point may be this far ahead.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);
/// The most points in one report.
const POINTS_LIMIT: usize = 500;

#[derive(InputObject)]
struct ReportDriverLocationInput {
    points: Vec<LocationPointInput>,
}

#[derive(InputObject)]
struct LocationPointInput {
    coordinates: CoordinatesInput,
    heading: Option<f64>,
    speed_meters_per_second: Option<f64>,
    recorded_at: DateTime,
}

impl LocationPointInput {
    /// Whether the point is on the globe, and moves as something can.
    fn is_sound(&self) -> bool {
        Point::from(self.coordinates).is_valid()
            && self.heading.is_none_or(|degrees| (0.0..=360.0).contains(&degrees))
            && self.speed_meters_per_second.is_none_or(|speed| speed >= 0.0)
    }
}

#[derive(SimpleObject)]
struct ReportDriverLocationPayload {
    accepted: i32,
    problems: Vec<Problem>,
}

/// The mutation of positions.
#[derive(Default)]
pub(crate) struct LocationMutation;

#[Object]
impl LocationMutation {
    /// High-frequency; batches of points are accepted, the newest wins.
    #[graphql(directive = authenticated::apply())]
    async fn report_driver_location(
        &self,
        ctx: &Context<'_>,
        input: ReportDriverLocationInput,
    ) -> Option<Result<ReportDriverLocationPayload>> {
        Some(report(ctx, input.points).await)
    }
}

/// Keeps the newest point: one row per driver, however often they report.
async fn report(
    ctx: &Context<'_>,
    points: Vec<LocationPointInput>,
) -> Result<ReportDriverLocationPayload> {
    let user_id = Caller::of(ctx).require_user()?;
    if points.len() > POINTS_LIMIT {
        return Err(bad_user_input(format!("a report holds {POINTS_LIMIT} points at most")));
    }
    let fleet = Fleet::of(ctx);
    let refused = |problem| ReportDriverLocationPayload { accepted: 0, problems: vec![problem] };
    let Some(driver) = Batch::<DriverByUser>::of(ctx).one(user_id).await? else {
        return Ok(refused(Problem::not_found("driver")));
    };
    let latest = fleet.parts.clock.now() + CLOCK_SKEW;
    let sound = |point: &&LocationPointInput| point.is_sound() && point.recorded_at.0 <= latest;
    let accepted = points.iter().filter(sound).count();
    let Some(newest) = points.iter().filter(sound).max_by_key(|point| point.recorded_at.0) else {
        let message = "no point is on the globe, in the past, and with a heading of 0 to 360 degrees and a speed of 0 or more";
        return Ok(refused(Problem::validation(
            ValidationCode::OUT_OF_RANGE,
            &["points"],
            message,
        )));
    };
    if keep(fleet, &driver, newest).await? && driver.availability == DriverAvailability::OnRide {
        tell(fleet, &driver).await?;
    }
    Ok(ReportDriverLocationPayload { accepted: i32::try_from(accepted)?, problems: vec![] })
}

/// Writes the point, unless a newer one is known; says whether it did.
///
/// The cell, which alone is indexed, changes seldom: the other writes touch no index.
async fn keep(
    fleet: &Fleet,
    driver: &driver::Model,
    point: &LocationPointInput,
) -> Result<bool, DbErr> {
    let place = Point::from(point.coordinates);
    let [x, y, z] = place.vector();
    let older = Condition::any()
        .add(driver::Column::LocatedAt.is_null())
        .add(driver::Column::LocatedAt.lt(point.recorded_at.0));
    let kept = driver::Entity::update_many()
        .col_expr(driver::Column::Latitude, Expr::value(place.latitude))
        .col_expr(driver::Column::Longitude, Expr::value(place.longitude))
        .col_expr(driver::Column::Heading, Expr::value(point.heading))
        .col_expr(driver::Column::Speed, Expr::value(point.speed_meters_per_second))
        .col_expr(driver::Column::LocatedAt, Expr::value(point.recorded_at.0))
        .col_expr(driver::Column::Cell, Expr::value(cell::of(place)))
        .col_expr(driver::Column::X, Expr::value(x))
        .col_expr(driver::Column::Y, Expr::value(y))
        .col_expr(driver::Column::Z, Expr::value(z))
        .filter(driver::Column::Id.eq(driver.id))
        .filter(older)
        .exec(&fleet.parts.database.write)
        .await?;
    Ok(kept.rows_affected == 1)
}

/// Tells who follows the driver's ride. What is missed is worth nothing once the next point comes: nothing is stored.
async fn tell(fleet: &Fleet, driver: &driver::Model) -> Result<(), DbErr> {
    let ride = ride::Entity::find()
        .filter(ride::Column::DriverId.eq(driver.id))
        .filter(ride::Column::Status.is_in(DRIVEN))
        .one(&fleet.parts.database.read)
        .await?;
    if let Some(ride) = ride {
        let moved = NewEvent {
            kind: "driver.moved",
            aggregate: "ride",
            aggregate_id: ride.id,
            payload: json!({ "rideId": ride.id, "driverId": driver.id }),
        };
        fleet.parts.bus.tell(&moved.now(&fleet.parts.clock)).await;
    }
    Ok(())
}
