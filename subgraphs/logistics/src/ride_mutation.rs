//! What riders, drivers and operations do with a ride.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, SqlErr};
use serde::Serialize;
use service::{
    Batch, Caller, Claim, ConflictCode, DateTime, Problem, RequestKey, ValidationCode,
    authenticated,
};
use uuid::Uuid;

use crate::dispatch::SEARCH_LIFE;
use crate::driver::DriverByUser;
use crate::fleet::Fleet;
use crate::kind::{
    CancellationReason, DriverAvailability, DriverStatus, OfferState, RideActor, RideStatus,
};
use crate::quote::Quote;
use crate::ride::{self as rides, Ride};
use crate::ride_change::{self, Change, Refusal};
use crate::scalar::StopInput;
use crate::table::{driver, offer, ride};
use crate::transition::Step;
use crate::vehicle::out_of_range;

#[derive(InputObject)]
struct RequestRideInput {
    product_id: ID,
    pickup: StopInput,
    dropoff: StopInput,
    quote_token: String,
    scheduled_for: Option<DateTime>,
    idempotency_key: ID,
}

#[derive(InputObject)]
struct AcceptRideInput {
    ride_id: ID,
    expected_version: i32,
}

#[derive(InputObject)]
struct DeclineRideInput {
    ride_id: ID,
}

#[derive(InputObject)]
struct ArriveAtPickupInput {
    ride_id: ID,
    expected_version: i32,
}

#[derive(InputObject)]
struct StartRideInput {
    ride_id: ID,
    pin: String,
    expected_version: i32,
}

#[derive(InputObject)]
struct CompleteRideInput {
    ride_id: ID,
    distance_meters: i32,
    expected_version: i32,
}

#[derive(InputObject)]
struct CancelRideInput {
    ride_id: ID,
    reason: CancellationReason,
    note: Option<String>,
    expected_version: Option<i32>,
}

#[derive(InputObject)]
struct AssignRideInput {
    ride_id: ID,
    driver_id: ID,
    expected_version: i32,
}

/// A ride, or why not.
type Changed = Result<Result<ride::Model, Problem>>;

macro_rules! ride_payload {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        struct $name {
            ride: Option<Ride>,
            problems: Vec<Problem>,
        }

        impl From<Result<ride::Model, Problem>> for $name {
            fn from(changed: Result<ride::Model, Problem>) -> Self {
                match changed {
                    Ok(row) => Self { ride: Some(Ride(Arc::new(row))), problems: vec![] },
                    Err(problem) => Self { ride: None, problems: vec![problem] },
                }
            }
        }
    )*};
}

ride_payload!(RequestRidePayload AcceptRidePayload ArriveAtPickupPayload StartRidePayload CompleteRidePayload CancelRidePayload AssignRidePayload);

#[derive(SimpleObject)]
struct DeclineRidePayload {
    problems: Vec<Problem>,
}

/// The mutations of rides.
#[derive(Default)]
pub(crate) struct RideMutation;

#[Object]
impl RideMutation {
    #[graphql(directive = authenticated::apply())]
    async fn request_ride(
        &self,
        ctx: &Context<'_>,
        input: RequestRideInput,
    ) -> Option<Result<RequestRidePayload>> {
        Some(request(ctx, &input).await.map(Into::into))
    }

    #[graphql(directive = authenticated::apply())]
    async fn accept_ride(
        &self,
        ctx: &Context<'_>,
        input: AcceptRideInput,
    ) -> Option<Result<AcceptRidePayload>> {
        Some(accept(ctx, &input).await.map(Into::into))
    }

    #[graphql(directive = authenticated::apply())]
    async fn decline_ride(
        &self,
        ctx: &Context<'_>,
        input: DeclineRideInput,
    ) -> Option<Result<DeclineRidePayload>> {
        let declined = decline(ctx, &input.ride_id).await;
        Some(declined.map(|problem| DeclineRidePayload { problems: problem.into_iter().collect() }))
    }

    #[graphql(directive = authenticated::apply())]
    async fn arrive_at_pickup(
        &self,
        ctx: &Context<'_>,
        input: ArriveAtPickupInput,
    ) -> Option<Result<ArriveAtPickupPayload>> {
        let step = DriverStep {
            ride_id: &input.ride_id,
            expected_version: input.expected_version,
            step: Step::Arrive,
        };
        Some(step.take(ctx, |_| Ok(()), |_, _| {}).await.map(Into::into))
    }

    /// Needs the PIN shown to the rider.
    #[graphql(directive = authenticated::apply())]
    async fn start_ride(
        &self,
        ctx: &Context<'_>,
        input: StartRideInput,
    ) -> Option<Result<StartRidePayload>> {
        let step = DriverStep {
            ride_id: &input.ride_id,
            expected_version: input.expected_version,
            step: Step::Start,
        };
        let check = |ride: &ride::Model| {
            if ride.start_pin == input.pin {
                Ok(())
            } else {
                Err(Problem::validation(
                    ValidationCode::WRONG_PIN,
                    &["pin"],
                    "this is not the rider's PIN",
                ))
            }
        };
        Some(
            step.take(ctx, check, |set, now| set.started_at = Set(Some(now))).await.map(Into::into),
        )
    }

    #[graphql(directive = authenticated::apply())]
    async fn complete_ride(
        &self,
        ctx: &Context<'_>,
        input: CompleteRideInput,
    ) -> Option<Result<CompleteRidePayload>> {
        let step = DriverStep {
            ride_id: &input.ride_id,
            expected_version: input.expected_version,
            step: Step::Complete,
        };
        let check = |_: &ride::Model| {
            if input.distance_meters >= 0 {
                Ok(())
            } else {
                Err(out_of_range(&["distanceMeters"], "a distance is not negative"))
            }
        };
        let completed = step.complete(ctx, check, input.distance_meters).await;
        Some(completed.map(Into::into))
    }

    #[graphql(directive = authenticated::apply())]
    async fn cancel_ride(
        &self,
        ctx: &Context<'_>,
        input: CancelRideInput,
    ) -> Option<Result<CancelRidePayload>> {
        Some(cancel(ctx, input).await.map(Into::into))
    }

    /// Operations: assign or re-assign by hand.
    #[graphql(requires_scopes = "write:rides")]
    async fn assign_ride(
        &self,
        ctx: &Context<'_>,
        input: AssignRideInput,
    ) -> Option<Result<AssignRidePayload>> {
        Some(assign(ctx, &input).await.map(Into::into))
    }
}

/// What a request for a ride is remembered by.
#[derive(Serialize)]
struct Asked<'a> {
    product_id: &'a str,
    pickup: (f64, f64),
    dropoff: (f64, f64),
    quote_token: &'a str,
    scheduled_for: Option<i64>,
}

async fn request(ctx: &Context<'_>, input: &RequestRideInput) -> Changed {
    let caller = Caller::of(ctx);
    let rider_id = caller.require_user()?;
    let fleet = Fleet::of(ctx);
    let now = fleet.parts.clock.now();
    let id = fleet.parts.clock.new_id();
    let transaction = fleet.parts.database.begin().await?;
    let label = caller.label();
    let key = RequestKey { caller: &label, operation: "requestRide", key: &input.idempotency_key };
    let place = |stop: &StopInput| (stop.coordinates.latitude, stop.coordinates.longitude);
    let asked = Asked {
        product_id: &input.product_id,
        pickup: place(&input.pickup),
        dropoff: place(&input.dropoff),
        quote_token: &input.quote_token,
        scheduled_for: input.scheduled_for.as_ref().map(|time| time.0.timestamp_millis()),
    };
    match fleet.idempotency.claim(&transaction, key, &asked, id).await? {
        Claim::New => {}
        Claim::Reused => return Ok(Err(Claim::reused())),
        Claim::Replay(made) => {
            let row = ride::Entity::find_by_id(made).one(&transaction).await?;
            return Ok(row.ok_or_else(|| Problem::not_found("ride")));
        }
    }
    let quote = match locked_price(fleet, rider_id, input) {
        Ok(quote) => quote,
        Err(problem) => return Ok(Err(problem)),
    };
    let scheduled_for = input.scheduled_for.as_ref().map(|time| time.0);
    if scheduled_for.is_some_and(|time| time <= now) {
        let message = "a ride is scheduled for the future";
        return Ok(Err(Problem::validation(
            ValidationCode::IN_THE_PAST,
            &["scheduledFor"],
            message,
        )));
    }
    let row = new_ride(fleet, id, rider_id, input, &quote)?;
    let row = match row.insert(&transaction).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            let message = "the rider has a ride that is not over";
            return Ok(Err(Problem::conflict(ConflictCode::ACTIVE_RIDE_EXISTS, message)));
        }
        other => other?,
    };
    ride_change::note(fleet, &transaction, &row, RideActor::Rider).await?;
    fleet.outbox.commit(transaction).await?;
    fleet.bell.notify_waiters();
    Ok(Ok(row))
}

/// The quote of the token, where it is for this rider, product and trip, and still holds.
fn locked_price(fleet: &Fleet, rider_id: Uuid, input: &RequestRideInput) -> Result<Quote, Problem> {
    let invalid = || {
        let message = "the quote is not for this rider, product and trip";
        Problem::validation(ValidationCode::QUOTE_INVALID, &["quoteToken"], message)
    };
    let product_id = input.product_id.parse::<Uuid>().map_err(|_| invalid())?;
    let quote = fleet.quotes.verify(&input.quote_token).ok_or_else(invalid)?;
    let (pickup, dropoff) = (input.pickup.coordinates.into(), input.dropoff.coordinates.into());
    if !quote.is_for(rider_id, product_id, pickup, dropoff) {
        return Err(invalid());
    }
    if quote.is_expired(fleet.parts.clock.now()) {
        let message = "the price no longer holds: ask for a new quote";
        return Err(Problem::validation(ValidationCode::QUOTE_EXPIRED, &["quoteToken"], message));
    }
    Ok(quote)
}

fn new_ride(
    fleet: &Fleet,
    id: Uuid,
    rider_id: Uuid,
    input: &RequestRideInput,
    quote: &Quote,
) -> Result<ride::ActiveModel> {
    let now = fleet.parts.clock.now();
    let scheduled_for = input.scheduled_for.as_ref().map(|time| time.0);
    let starts = scheduled_for.unwrap_or(now);
    Ok(ride::ActiveModel {
        id: Set(id),
        rider_id: Set(rider_id),
        product_id: Set(quote.product_id),
        service_type: Set(quote.service_type),
        vehicle_types: Set(serde_json::to_value(&quote.vehicle_types)?),
        status: Set(if scheduled_for.is_some() {
            RideStatus::Scheduled
        } else {
            RideStatus::Requested
        }),
        pickup_address: Set(input.pickup.address.clone()),
        pickup_latitude: Set(quote.pickup.0),
        pickup_longitude: Set(quote.pickup.1),
        dropoff_address: Set(input.dropoff.address.clone()),
        dropoff_latitude: Set(quote.dropoff.0),
        dropoff_longitude: Set(quote.dropoff.1),
        currency: Set(quote.currency.clone()),
        quoted_fare: Set(quote.fare),
        cancellation_fee: Set(quote.cancellation_fee),
        quoted_meters: Set(quote.meters),
        quoted_seconds: Set(quote.seconds),
        start_pin: Set(format!("{:04}", fleet.parts.random.below(10_000))),
        scheduled_for: Set(scheduled_for),
        next_offer_at: Set(starts),
        expires_at: Set(starts + SEARCH_LIFE),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    })
}

/// The signed-in driver.
async fn signed_in_driver(ctx: &Context<'_>) -> Result<Option<Arc<driver::Model>>> {
    let user_id = Caller::of(ctx).require_user()?;
    Batch::<DriverByUser>::of(ctx).one(user_id).await
}

async fn accept(ctx: &Context<'_>, input: &AcceptRideInput) -> Changed {
    let fleet = Fleet::of(ctx);
    let now = fleet.parts.clock.now();
    let Some(driver) = signed_in_driver(ctx).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let Ok(ride_id) = input.ride_id.parse::<Uuid>() else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let offered =
        offer::Entity::find_by_id((ride_id, driver.id)).one(&fleet.parts.database.read).await?;
    let Some(offered) = offered else { return Ok(Err(Problem::not_found("ride"))) };
    let Some(row) = ride::Entity::find_by_id(ride_id).one(&fleet.parts.database.read).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    if row.driver_id.is_some() && row.driver_id != Some(driver.id) {
        return Ok(Err(taken()));
    }
    if driver.status != DriverStatus::Approved || driver.suspended_at.is_some() {
        let message = "the driver is not approved, or suspended";
        return Ok(Err(Problem::conflict(ConflictCode::DRIVER_NOT_APPROVED, message)));
    }
    if driver.availability == DriverAvailability::Offline {
        return Ok(Err(Problem::conflict(ConflictCode::NOT_AVAILABLE, "the driver is offline")));
    }
    if offered.state != OfferState::Open || offered.expires_at <= now {
        return Ok(Err(Problem::conflict(
            ConflictCode::OFFER_EXPIRED,
            "the offer no longer stands",
        )));
    }
    if row.version != input.expected_version {
        return Ok(Err(Refusal::VersionConflict.problem()));
    }
    let transaction = fleet.parts.database.begin().await?;
    let change = Change { step: Step::Accept, actor: RideActor::Driver };
    let changed = ride_change::apply_in(fleet, &transaction, &row, change, |set| {
        set.driver_id = Set(Some(driver.id));
        set.vehicle_id = Set(driver.active_vehicle_id);
    })
    .await?;
    let row = match changed {
        Ok(row) => row,
        Err(Refusal::VersionConflict) => return Ok(Err(taken())),
        Err(refusal) => return Ok(Err(refusal.problem())),
    };
    offer::Entity::update_many()
        .col_expr(offer::Column::State, Expr::value(OfferState::Accepted))
        .filter(offer::Column::RideId.eq(row.id))
        .filter(offer::Column::DriverId.eq(driver.id))
        .exec(&transaction)
        .await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

fn taken() -> Problem {
    Problem::conflict(ConflictCode::RIDE_TAKEN, "another driver has the ride")
}

async fn decline(ctx: &Context<'_>, ride_id: &ID) -> Result<Option<Problem>> {
    let fleet = Fleet::of(ctx);
    let Some(driver) = signed_in_driver(ctx).await? else {
        return Ok(Some(Problem::not_found("ride")));
    };
    let Ok(ride_id) = ride_id.parse::<Uuid>() else { return Ok(Some(Problem::not_found("ride"))) };
    let now = fleet.parts.clock.now();
    let transaction = fleet.parts.database.begin().await?;
    let declined = offer::Entity::update_many()
        .col_expr(offer::Column::State, Expr::value(OfferState::Declined))
        .filter(offer::Column::RideId.eq(ride_id))
        .filter(offer::Column::DriverId.eq(driver.id))
        .filter(offer::Column::State.eq(OfferState::Open))
        .exec(&transaction)
        .await?;
    if declined.rows_affected == 0 {
        return Ok(Some(Problem::not_found("ride")));
    }
    let others = offer::Entity::find()
        .filter(offer::Column::RideId.eq(ride_id))
        .filter(offer::Column::State.eq(OfferState::Open))
        .filter(offer::Column::ExpiresAt.gt(now))
        .count(&transaction)
        .await?;
    if others == 0 {
        // Nobody is left to wait for: the next are asked at once.
        ride::Entity::update_many()
            .col_expr(ride::Column::NextOfferAt, Expr::value(now))
            .filter(ride::Column::Id.eq(ride_id))
            .filter(ride::Column::Status.eq(RideStatus::Requested))
            .exec(&transaction)
            .await?;
    }
    fleet.outbox.commit(transaction).await?;
    fleet.bell.notify_waiters();
    Ok(None)
}

/// A step that the ride's own driver takes.
struct DriverStep<'a> {
    ride_id: &'a ID,
    expected_version: i32,
    step: Step,
}

impl DriverStep<'_> {
    async fn take(
        &self,
        ctx: &Context<'_>,
        check: impl FnOnce(&ride::Model) -> Result<(), Problem> + Send,
        edit: impl FnOnce(&mut ride::ActiveModel, chrono::DateTime<chrono::Utc>) + Send,
    ) -> Changed {
        let fleet = Fleet::of(ctx);
        let Some(driver) = signed_in_driver(ctx).await? else {
            return Ok(Err(Problem::not_found("ride")));
        };
        let Some(row) =
            fleet.ride(self.ride_id).await?.filter(|row| row.driver_id == Some(driver.id))
        else {
            return Ok(Err(Problem::not_found("ride")));
        };
        if row.version != self.expected_version {
            return Ok(Err(Refusal::VersionConflict.problem()));
        }
        let change = Change { step: self.step, actor: RideActor::Driver };
        if crate::transition::transition(row.status, change.step, change.actor).is_none() {
            return Ok(Err(Refusal::InvalidTransition.problem()));
        }
        if let Err(problem) = check(&row) {
            return Ok(Err(problem));
        }
        let now = fleet.parts.clock.now();
        let changed = ride_change::apply(fleet, &row, change, |set| edit(set, now)).await?;
        Ok(changed.map_err(Refusal::problem))
    }

    /// The last step: the fare is the one that was quoted, whatever the way was.
    async fn complete(
        &self,
        ctx: &Context<'_>,
        check: impl FnOnce(&ride::Model) -> Result<(), Problem> + Send,
        distance_meters: i32,
    ) -> Changed {
        let fare = Fleet::of(ctx).ride(self.ride_id).await?.map(|ride| ride.quoted_fare);
        self.take(ctx, check, |set, _| {
            set.distance_meters = Set(Some(distance_meters));
            set.final_fare = Set(fare);
        })
        .await
    }
}

async fn cancel(ctx: &Context<'_>, input: CancelRideInput) -> Changed {
    let caller = Caller::of(ctx);
    caller.require_identity()?;
    let fleet = Fleet::of(ctx);
    let Some(row) = fleet.ride(&input.ride_id).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let driver_id = match caller.user_id() {
        Some(user_id) => Batch::<DriverByUser>::of(ctx).one(user_id).await?.map(|driver| driver.id),
        None => None,
    };
    let actor = if caller.is_user(row.rider_id) {
        RideActor::Rider
    } else if driver_id.is_some() && row.driver_id == driver_id {
        RideActor::Driver
    } else if caller.has_scope("write:rides") {
        RideActor::Operator
    } else {
        return Ok(Err(Problem::not_found("ride")));
    };
    if input.expected_version.is_some_and(|version| version != row.version) {
        return Ok(Err(Refusal::VersionConflict.problem()));
    }
    // A rider pays once a driver is on the way, unless the driver is to blame.
    let blameless = matches!(
        input.reason,
        CancellationReason::DriverNoShow
            | CancellationReason::VehicleIssue
            | CancellationReason::Safety
    );
    let no_show = actor == RideActor::Driver && input.reason == CancellationReason::RiderNoShow;
    let under_way = rides::DRIVEN.contains(&row.status);
    let owed = (under_way && (actor == RideActor::Rider && !blameless || no_show))
        .then_some(row.cancellation_fee);
    let change = Change { step: Step::Cancel, actor };
    let changed = ride_change::apply(fleet, &row, change, |set| {
        set.cancelled_by = Set(Some(actor));
        set.cancellation_reason = Set(Some(input.reason));
        set.cancellation_note = Set(input.note);
        set.charged_fee = Set(owed);
    })
    .await?;
    Ok(changed.map_err(Refusal::problem))
}

async fn assign(ctx: &Context<'_>, input: &AssignRideInput) -> Changed {
    Caller::of(ctx).require_scope("write:rides")?;
    let fleet = Fleet::of(ctx);
    let Some(row) = fleet.ride(&input.ride_id).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let Some(driver) = fleet.driver(&input.driver_id).await? else {
        return Ok(Err(Problem::not_found("driver")));
    };
    if row.version != input.expected_version {
        return Ok(Err(Refusal::VersionConflict.problem()));
    }
    if driver.status != DriverStatus::Approved || driver.suspended_at.is_some() {
        let message = "the driver is not approved, or suspended";
        return Ok(Err(Problem::conflict(ConflictCode::DRIVER_NOT_APPROVED, message)));
    }
    if row.driver_id == Some(driver.id) {
        return Ok(Ok(row));
    }
    match driver.availability {
        DriverAvailability::Available => {}
        DriverAvailability::OnRide => return Ok(Err(Refusal::Busy.problem())),
        DriverAvailability::Offline => {
            let message = "the driver is offline";
            return Ok(Err(Problem::conflict(ConflictCode::NOT_AVAILABLE, message)));
        }
    }
    let step = if row.driver_id.is_none() { Step::Accept } else { Step::Reassign };
    let change = Change { step, actor: RideActor::Operator };
    let changed = ride_change::apply(fleet, &row, change, |set| {
        set.driver_id = Set(Some(driver.id));
        set.vehicle_id = Set(driver.active_vehicle_id);
    })
    .await?;
    Ok(changed.map_err(Refusal::problem))
}
