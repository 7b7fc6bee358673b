//! Dispatch: who is offered a ride, in batches that widen until somebody accepts or the time is over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Object, Result};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, Condition, DbErr, QueryOrder, QuerySelect};
use service::{Batch, Caller, Stop, authenticated};
use uuid::Uuid;

use crate::driver::DriverByUser;
use crate::fare::Trip;
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{
    DriverAvailability, DriverStatus, OfferState, RideActor, RideStatus, ServiceType, VehicleType,
};
use crate::quote::Quote;
use crate::ride::{Ride, RideById};
use crate::ride_change::{self, Change};
use crate::table::{driver, offer, ride};
use crate::transition::Step;

/// How long an offer stands.
pub(crate) const OFFER_LIFE: TimeDelta = TimeDelta::seconds(20);
/// How long a ride looks for a driver.
pub(crate) const SEARCH_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How many drivers are asked at once.
const BATCH: usize = 5;
/// Where the search begins and how far it goes, in metres; it doubles in between.
const FIRST_RADIUS_METERS: f64 = 1_000.0;
const LAST_RADIUS_METERS: f64 = 32_000.0;
/// A position that is older says nothing.
const FRESH: TimeDelta = TimeDelta::minutes(15);
/// How many rows one search reads.
const READ_LIMIT: u64 = 500;
/// How often the worker looks for rides that nobody rang for.
const POLL: Duration = Duration::from_secs(1);

/// Works until asked to stop.
pub(crate) async fn run(fleet: Arc<Fleet>, mut stop: Stop) {
    while !stop.is_requested() {
        let bell = fleet.bell.notified();
        if let Err(error) = run_once(&fleet).await {
            tracing::error!(%error, "dispatch cannot read or write its offers");
        }
        tokio::select! {
            () = bell => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.requested() => return,
        }
    }
}

/// Requests the scheduled rides whose time has come, expires those nobody took, and offers the others.
pub(crate) async fn run_once(fleet: &Fleet) -> Result<(), DbErr> {
    let now = fleet.parts.clock.now();
    let read = &fleet.parts.database.read;
    let due = ride::Entity::find()
        .filter(ride::Column::Status.eq(RideStatus::Scheduled))
        .filter(ride::Column::NextOfferAt.lte(now))
        .limit(READ_LIMIT);
    for ride in due.all(read).await? {
        // A rider who is on another ride now waits for the next look, but not for ever.
        let step = if ride.expires_at <= now { Step::Expire } else { Step::Request };
        let change = Change { step, actor: RideActor::System };
        drop(ride_change::apply(fleet, &ride, change, |_| {}).await?);
    }
    let waiting = ride::Entity::find()
        .filter(ride::Column::Status.eq(RideStatus::Requested))
        .filter(ride::Column::NextOfferAt.lte(now))
        .order_by_asc(ride::Column::NextOfferAt)
        .limit(READ_LIMIT);
    for ride in waiting.all(read).await? {
        if ride.expires_at <= now {
            // A driver who accepts at the last moment is faster, and wins.
            let change = Change { step: Step::Expire, actor: RideActor::System };
            drop(ride_change::apply(fleet, &ride, change, |_| {}).await?);
        } else {
            offer_ride(fleet, &ride, now).await?;
        }
    }
    Ok(())
}

/// Offers a ride to the nearest drivers who have not been asked.
async fn offer_ride(fleet: &Fleet, ride: &ride::Model, now: DateTime<Utc>) -> Result<(), DbErr> {
    let asked: HashSet<Uuid> = offer::Entity::find()
        .filter(offer::Column::RideId.eq(ride.id))
        .all(&fleet.parts.database.read)
        .await?
        .into_iter()
        .map(|offer| offer.driver_id)
        .collect();
    let wanted = Wanted::of(ride);
    let chosen = nearest(fleet, &wanted, BATCH, |driver| {
        !asked.contains(&driver.id) && driver.user_id != ride.rider_id
    })
    .await?;
    let transaction = fleet.parts.database.begin().await?;
    let again_at = now + if chosen.is_empty() { TimeDelta::seconds(2) } else { OFFER_LIFE };
    let moved = ride::Entity::update_many()
        .col_expr(ride::Column::NextOfferAt, Expr::value(again_at))
        .filter(ride::Column::Id.eq(ride.id))
        .filter(ride::Column::Status.eq(RideStatus::Requested))
        .filter(ride::Column::NextOfferAt.eq(ride.next_offer_at))
        .exec(&transaction)
        .await?;
    // Another replica offers it, or somebody has accepted.
    if moved.rows_affected == 0 {
        return Ok(());
    }
    for (driver, meters) in chosen {
        let row = offer::ActiveModel {
            ride_id: Set(ride.id),
            driver_id: Set(driver.id),
            state: Set(OfferState::Open),
            pickup_meters: Set(meters),
            created_at: Set(now),
            expires_at: Set(now + OFFER_LIFE),
        };
        row.insert(&transaction).await?;
    }
    transaction.commit().await
}

/// What a ride asks of its driver.
struct Wanted {
    pickup: Point,
    service_type: ServiceType,
    vehicle_types: Vec<VehicleType>,
}

impl Wanted {
    fn of(ride: &ride::Model) -> Self {
        Self {
            pickup: Point { latitude: ride.pickup_latitude, longitude: ride.pickup_longitude },
            service_type: ride.service_type,
            vehicle_types: serde_json::from_value(ride.vehicle_types.clone()).unwrap_or_default(),
        }
    }

    fn is_met_by(&self, driver: &driver::Model) -> bool {
        let services: Vec<ServiceType> =
            serde_json::from_value(driver.service_types.clone()).unwrap_or_default();
        services.contains(&self.service_type) && self.vehicle_types.contains(&driver.vehicle_type)
    }
}

/// The nearest available drivers with their distance in metres: a box that doubles until enough are within it.
async fn nearest(
    fleet: &Fleet,
    wanted: &Wanted,
    most: usize,
    admits: impl Fn(&driver::Model) -> bool,
) -> Result<Vec<(driver::Model, i32)>, DbErr> {
    let mut radius = FIRST_RADIUS_METERS;
    loop {
        let mut found: Vec<(f64, driver::Model)> = within(fleet, wanted.pickup, radius)
            .await?
            .into_iter()
            .filter(|driver| wanted.is_met_by(driver) && admits(driver))
            .filter_map(|driver| {
                let at = Point { latitude: driver.latitude?, longitude: driver.longitude? };
                let meters = wanted.pickup.meters_to(at);
                (meters <= radius).then_some((meters, driver))
            })
            .collect();
        if found.len() >= most || radius >= LAST_RADIUS_METERS {
            found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            found.truncate(most);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "no radius is larger than 32,000 m"
            )]
            return Ok(found
                .into_iter()
                .map(|(meters, driver)| (driver, meters.round() as i32))
                .collect());
        }
        radius *= 2.0;
    }
}

/// The available drivers in the box around a point.
pub(crate) async fn within(
    fleet: &Fleet,
    center: Point,
    meters: f64,
) -> Result<Vec<driver::Model>, DbErr> {
    let bounds = center.bounds(meters);
    let longitudes = bounds.longitudes.iter().fold(Condition::any(), |any, (west, east)| {
        any.add(driver::Column::Longitude.between(*west, *east))
    });
    driver::Entity::find()
        .filter(driver::Column::Availability.eq(DriverAvailability::Available))
        .filter(driver::Column::Status.eq(DriverStatus::Approved))
        .filter(driver::Column::SuspendedAt.is_null())
        .filter(driver::Column::Latitude.between(bounds.latitudes.0, bounds.latitudes.1))
        .filter(longitudes)
        .filter(driver::Column::LocatedAt.gt(fleet.parts.clock.now() - FRESH))
        .limit(READ_LIMIT)
        .all(&fleet.parts.database.read)
        .await
}

/// How long the nearest driver needs to the pickup of a quote.
pub(crate) async fn pickup_eta_seconds(fleet: &Fleet, quote: &Quote) -> Result<Option<i32>, DbErr> {
    let (latitude, longitude) = quote.pickup;
    let pickup = Point { latitude, longitude };
    let wanted = Wanted {
        pickup,
        service_type: quote.service_type,
        vehicle_types: quote.vehicle_types.clone(),
    };
    let nearest = nearest(fleet, &wanted, 1, |_| true).await?.into_iter().next();
    Ok(nearest.and_then(|(driver, _)| {
        let at = Point { latitude: driver.latitude?, longitude: driver.longitude? };
        i32::try_from(Trip::between(at, pickup).seconds).ok()
    }))
}

/// A ride that the signed-in driver may accept.
pub(crate) struct RideOffer(offer::Model);

#[Object]
impl RideOffer {
    async fn ride(&self, ctx: &Context<'_>) -> Result<Ride> {
        let row = Batch::<RideById>::of(ctx).one(self.0.ride_id).await?;
        Ok(Ride(row.ok_or("an offer without its ride")?))
    }

    async fn pickup_distance_meters(&self) -> i32 {
        self.0.pickup_meters
    }

    async fn expires_at(&self) -> service::DateTime {
        self.0.expires_at.into()
    }
}

/// The query of offers.
#[derive(Default)]
pub(crate) struct OfferQuery;

#[Object]
impl OfferQuery {
    /// Open offers made to the signed-in driver, newest first; the same that rideOffered announces.
    #[graphql(directive = authenticated::apply())]
    async fn ride_offers(&self, ctx: &Context<'_>) -> Option<Result<Vec<RideOffer>>> {
        open_offers(ctx).await.transpose()
    }
}

async fn open_offers(ctx: &Context<'_>) -> Result<Option<Vec<RideOffer>>> {
    let user_id = Caller::of(ctx).require_user()?;
    let Some(driver) = Batch::<DriverByUser>::of(ctx).one(user_id).await? else { return Ok(None) };
    let fleet = Fleet::of(ctx);
    let rows = offer::Entity::find()
        .filter(offer::Column::DriverId.eq(driver.id))
        .filter(offer::Column::State.eq(OfferState::Open))
        .filter(offer::Column::ExpiresAt.gt(fleet.parts.clock.now()))
        .order_by_desc(offer::Column::CreatedAt)
        .order_by_desc(offer::Column::RideId)
        .all(&fleet.parts.database.read)
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.ride_id).collect();
    let rides = Batch::<RideById>::of(ctx).many(ids).await?;
    let waiting = rows.into_iter().filter(|row| {
        rides.get(&row.ride_id).is_some_and(|ride| ride.status == RideStatus::Requested)
    });
    Ok(Some(waiting.map(RideOffer).collect()))
}
