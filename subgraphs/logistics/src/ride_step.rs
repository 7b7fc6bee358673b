//! What a driver does with a ride: accept or decline it, arrive, start, complete.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use service::{Batch, Caller, ConflictCode, Problem, authenticated};
use uuid::Uuid;

use crate::driver::DriverByUser;
use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, DriverStatus, OfferState, RideActor, RideStatus};
use crate::pin;
use crate::ride_change::{self, Change, Refusal};
use crate::ride_payload::{Changed, ride_payload};
use crate::table::{driver, offer, ride};
use crate::transition::{Step, transition};
use crate::vehicle::out_of_range;

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

ride_payload!(AcceptRidePayload ArriveAtPickupPayload StartRidePayload CompleteRidePayload);

#[derive(SimpleObject)]
struct DeclineRidePayload {
    problems: Vec<Problem>,
}

/// The mutations of drivers.
#[derive(Default)]
pub(crate) struct StepMutation;

#[Object]
impl StepMutation {
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
        let step = DriverStep::new(Step::Arrive, &input.ride_id, input.expected_version);
        Some(arrive(ctx, step).await.map(Into::into))
    }

    /// Needs the PIN shown to the rider.
    #[graphql(directive = authenticated::apply())]
    async fn start_ride(
        &self,
        ctx: &Context<'_>,
        input: StartRideInput,
    ) -> Option<Result<StartRidePayload>> {
        let step = DriverStep::new(Step::Start, &input.ride_id, input.expected_version);
        Some(start(ctx, step, &input.pin).await.map(Into::into))
    }

    #[graphql(directive = authenticated::apply())]
    async fn complete_ride(
        &self,
        ctx: &Context<'_>,
        input: CompleteRideInput,
    ) -> Option<Result<CompleteRidePayload>> {
        let step = DriverStep::new(Step::Complete, &input.ride_id, input.expected_version);
        Some(complete(ctx, step, input.distance_meters).await.map(Into::into))
    }
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
    if row.driver_id.is_some_and(|id| id != driver.id) {
        return Ok(Err(taken()));
    }
    if row.driver_id == Some(driver.id) {
        // It was theirs before they asked: an answer may have been lost.
        return Ok(Err(Refusal::VersionConflict.problem()));
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
        set.accepted_at = Set(Some(now));
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
#[derive(Clone, Copy)]
struct DriverStep<'a> {
    step: Step,
    ride_id: &'a ID,
    expected_version: i32,
}

impl<'a> DriverStep<'a> {
    fn new(step: Step, ride_id: &'a ID, expected_version: i32) -> Self {
        Self { step, ride_id, expected_version }
    }

    /// The ride, where the caller drives it and may take the step now.
    async fn ride(self, ctx: &Context<'_>) -> Changed {
        let not_found = || Problem::not_found("ride");
        let Some(driver) = signed_in_driver(ctx).await? else { return Ok(Err(not_found())) };
        let row = Fleet::of(ctx).ride(self.ride_id).await?;
        let Some(row) = row.filter(|row| row.driver_id == Some(driver.id)) else {
            return Ok(Err(not_found()));
        };
        if row.version != self.expected_version {
            return Ok(Err(Refusal::VersionConflict.problem()));
        }
        if transition(row.status, self.step, RideActor::Driver).is_none() {
            return Ok(Err(Refusal::InvalidTransition.problem()));
        }
        Ok(Ok(row))
    }

    async fn take(
        self,
        ctx: &Context<'_>,
        row: &ride::Model,
        edit: impl FnOnce(&mut ride::ActiveModel) + Send,
    ) -> Changed {
        let change = Change { step: self.step, actor: RideActor::Driver };
        let changed = ride_change::apply(Fleet::of(ctx), row, change, edit).await?;
        Ok(changed.map_err(Refusal::problem))
    }
}

async fn arrive(ctx: &Context<'_>, step: DriverStep<'_>) -> Changed {
    match step.ride(ctx).await? {
        Ok(row) => step.take(ctx, &row, |_| {}).await,
        Err(problem) => Ok(Err(problem)),
    }
}

async fn start(ctx: &Context<'_>, step: DriverStep<'_>, pin: &str) -> Changed {
    let row = match step.ride(ctx).await? {
        Ok(row) => row,
        Err(problem) => return Ok(Err(problem)),
    };
    let fleet = Fleet::of(ctx);
    if let Err(problem) = pin::check(fleet, &row, pin).await? {
        return Ok(Err(problem));
    }
    let now = fleet.parts.clock.now();
    step.take(ctx, &row, |set| set.started_at = Set(Some(now))).await
}

/// The last step: the fare is the one that was quoted, whatever the way was.
async fn complete(ctx: &Context<'_>, step: DriverStep<'_>, distance_meters: i32) -> Changed {
    let row = match step.ride(ctx).await? {
        Ok(row) => row,
        Err(problem) => return Ok(Err(problem)),
    };
    if distance_meters < 0 {
        return Ok(Err(out_of_range(&["distanceMeters"], "a distance is not negative")));
    }
    step.take(ctx, &row, |set| {
        set.distance_meters = Set(Some(distance_meters));
        set.final_fare = Set(Some(row.quoted_fare));
    })
    .await
}
