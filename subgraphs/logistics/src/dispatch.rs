//! Dispatch: who is offered a ride, in batches that widen until somebody accepts or the time is over.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, Condition, DatabaseTransaction, DbErr, QueryOrder, QuerySelect};
use serde_json::json;
use service::{NewEvent, Stop};

use crate::fare::Trip;
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{OfferState, RideActor, RideStatus};
use crate::license;
use crate::ride_change::{self, Change};
use crate::search::{Asked, Wanted, nearest_first};
use crate::table::{driver, offer, ride};
use crate::transition::Step;

/// How long an offer stands.
pub(crate) const OFFER_LIFE: TimeDelta = TimeDelta::seconds(20);
/// How long a ride looks for a driver.
pub(crate) const SEARCH_LIFE: TimeDelta = TimeDelta::minutes(10);
/// A scheduled ride looks for its driver so long before its time.
pub(crate) const LEAD: TimeDelta = TimeDelta::minutes(10);
/// How many drivers are asked at first, and at most, at once. Each batch is as large as all before it, and this.
const FIRST_BATCH: u64 = 5;
const LAST_BATCH: u64 = 40;
/// Where the search begins and how far it goes, in metres; it doubles in between.
const FIRST_RADIUS_METERS: f64 = 2_000.0;
const LAST_RADIUS_METERS: f64 = 32_000.0;
/// Where nobody is near, the search begins again after so long.
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(2);
/// How many rides one look takes up.
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
    license::take_offline(fleet, now).await?;
    for ride in due(fleet, RideStatus::Scheduled, now).await? {
        // A rider who is on another ride now waits for the next look, but not for ever.
        let step = if ride.expires_at <= now { Step::Expire } else { Step::Request };
        step_by_system(fleet, &ride, step).await?;
    }
    for ride in due(fleet, RideStatus::Requested, now).await? {
        if ride.expires_at <= now {
            // A driver who accepts at the last moment is faster, and wins.
            step_by_system(fleet, &ride, Step::Expire).await?;
        } else {
            offer_ride(fleet, &ride, now).await?;
        }
    }
    Ok(())
}

async fn due(
    fleet: &Fleet,
    status: RideStatus,
    now: DateTime<Utc>,
) -> Result<Vec<ride::Model>, DbErr> {
    ride::Entity::find()
        .filter(ride::Column::Status.eq(status))
        .filter(ride::Column::NextOfferAt.lte(now))
        .order_by_asc(ride::Column::NextOfferAt)
        .limit(READ_LIMIT)
        .all(&fleet.parts.database.read)
        .await
}

/// Takes a step that nobody asked for; whoever was faster has decided otherwise.
async fn step_by_system(fleet: &Fleet, ride: &ride::Model, step: Step) -> Result<(), DbErr> {
    let change = Change { step, actor: RideActor::System };
    ride_change::apply(fleet, ride, change, |_| {}).await.map(drop)
}

/// Offers a ride to the nearest drivers who have not been asked; where there are none, to those who let an offer lapse.
async fn offer_ride(fleet: &Fleet, ride: &ride::Model, now: DateTime<Utc>) -> Result<(), DbErr> {
    let asked = offer::Entity::find()
        .filter(offer::Column::RideId.eq(ride.id))
        .count(&fleet.parts.database.read)
        .await?;
    let most = Ord::min(FIRST_BATCH + asked, LAST_BATCH);
    let wanted = Wanted::of(ride);
    let mut chosen = nearest(fleet, &wanted, most, Asked::Never.condition(ride, now)).await?;
    if chosen.is_empty() && asked > 0 {
        chosen = nearest(fleet, &wanted, most, Asked::Lapsed.condition(ride, now)).await?;
    }
    let again_at = now + if chosen.is_empty() { RETRY_AFTER } else { OFFER_LIFE };
    let transaction = fleet.parts.database.begin().await?;
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
    make_offers(fleet, &transaction, ride, &chosen).await?;
    fleet.outbox.commit(transaction).await
}

/// Writes the offers, and tells each driver.
async fn make_offers(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    ride: &ride::Model,
    drivers: &[(driver::Model, i32)],
) -> Result<(), DbErr> {
    if drivers.is_empty() {
        return Ok(());
    }
    let now = fleet.parts.clock.now();
    let expires_at = now + OFFER_LIFE;
    let rows = drivers.iter().map(|(driver, meters)| offer::ActiveModel {
        ride_id: Set(ride.id),
        driver_id: Set(driver.id),
        state: Set(OfferState::Open),
        pickup_meters: Set(*meters),
        created_at: Set(now),
        expires_at: Set(expires_at),
    });
    // An offer that lapsed is made anew; one that was declined in the meantime stays so.
    let again = OnConflict::columns([offer::Column::RideId, offer::Column::DriverId])
        .update_columns([
            offer::Column::PickupMeters,
            offer::Column::CreatedAt,
            offer::Column::ExpiresAt,
        ])
        .action_and_where(Expr::col((offer::Entity, offer::Column::State)).eq(OfferState::Open))
        .to_owned();
    offer::Entity::insert_many(rows).on_conflict(again).exec_without_returning(transaction).await?;
    for (driver, meters) in drivers {
        let event = NewEvent {
            kind: "ride.offered",
            aggregate: "driver",
            aggregate_id: driver.id,
            payload: json!({
                "rideId": ride.id,
                "driverId": driver.id,
                "pickupDistanceMeters": meters,
                "expiresAt": expires_at,
            }),
        };
        fleet.outbox.record(transaction, event).await?;
    }
    Ok(())
}

/// The nearest drivers with their distance in metres: a circle that doubles until enough are within it.
async fn nearest(
    fleet: &Fleet,
    wanted: &Wanted,
    most: u64,
    admitted: Condition,
) -> Result<Vec<(driver::Model, i32)>, DbErr> {
    let now = fleet.parts.clock.now();
    let mut radius = FIRST_RADIUS_METERS;
    loop {
        let drivers = wanted.drivers(radius, now).filter(admitted.clone());
        let found = nearest_first(drivers, wanted.pickup)
            .limit(most)
            .all(&fleet.parts.database.read)
            .await?;
        if found.len() as u64 == most || radius >= LAST_RADIUS_METERS {
            let with_distance = |driver: driver::Model| {
                let meters = wanted.pickup.meters_to(place_of(&driver)?).round();
                #[expect(clippy::cast_possible_truncation, reason = "no radius is that large")]
                Some((driver, meters as i32))
            };
            return Ok(found.into_iter().filter_map(with_distance).collect());
        }
        radius *= 2.0;
    }
}

fn place_of(driver: &driver::Model) -> Option<Point> {
    Some(Point { latitude: driver.latitude?, longitude: driver.longitude? })
}

/// How long the nearest driver needs to the pickup; `None` where none is near.
pub(crate) async fn pickup_eta_seconds(
    fleet: &Fleet,
    wanted: &Wanted,
) -> Result<Option<i32>, DbErr> {
    let nearest = nearest(fleet, wanted, 1, Condition::all()).await?.into_iter().next();
    let place = nearest.and_then(|(driver, _)| place_of(&driver));
    Ok(place.and_then(|at| i32::try_from(Trip::between(at, wanted.pickup).seconds).ok()))
}
