//! A ride is called off, by its rider, its driver or operations.

use async_graphql::{Context, ID, InputObject, Object, Result};
use sea_orm::ActiveValue::Set;
use service::{Batch, Caller, Problem, ValidationCode, authenticated};

use crate::cancellation_fee::{Cancellation, cancellation_fee};
use crate::driver::DriverByUser;
use crate::fleet::Fleet;
use crate::kind::{CancellationReason, RideActor};
use crate::ride_change::{self, Change, Refusal};
use crate::ride_payload::{Changed, ride_payload};
use crate::table::ride;
use crate::transition::Step;

/// The longest note, in characters.
const NOTE_LIMIT: usize = 1_000;

#[derive(InputObject)]
struct CancelRideInput {
    ride_id: ID,
    reason: CancellationReason,
    note: Option<String>,
    expected_version: Option<i32>,
}

ride_payload!(CancelRidePayload);

/// The mutation that calls a ride off.
#[derive(Default)]
pub(crate) struct CancelMutation;

#[Object]
impl CancelMutation {
    #[graphql(directive = authenticated::apply())]
    async fn cancel_ride(
        &self,
        ctx: &Context<'_>,
        input: CancelRideInput,
    ) -> Option<Result<CancelRidePayload>> {
        Some(cancel(ctx, input).await.map(Into::into))
    }
}

async fn cancel(ctx: &Context<'_>, input: CancelRideInput) -> Changed {
    Caller::of(ctx).require_identity()?;
    let fleet = Fleet::of(ctx);
    let Some(row) = fleet.ride(&input.ride_id).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let Some(actor) = actor(ctx, &row).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    if input.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_LIMIT) {
        let message = format!("a note has {NOTE_LIMIT} characters at most");
        return Ok(Err(Problem::validation(ValidationCode::TOO_LONG, &["note"], message)));
    }
    if input.expected_version.is_some_and(|version| version != row.version) {
        return Ok(Err(Refusal::VersionConflict.problem()));
    }
    let cancellation = Cancellation {
        status: row.status,
        by: actor,
        reason: input.reason,
        since_accepted: row.accepted_at.map(|accepted| fleet.parts.clock.now() - accepted),
    };
    let owed = cancellation_fee(cancellation, row.cancellation_fee);
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

/// As whom the caller may call the ride off; none where they may not.
async fn actor(ctx: &Context<'_>, row: &ride::Model) -> Result<Option<RideActor>> {
    let caller = Caller::of(ctx);
    if caller.is_user(row.rider_id) {
        return Ok(Some(RideActor::Rider));
    }
    if let (Some(user_id), Some(driver_id)) = (caller.user_id(), row.driver_id) {
        let driver = Batch::<DriverByUser>::of(ctx).one(user_id).await?;
        if driver.is_some_and(|driver| driver.id == driver_id) {
            return Ok(Some(RideActor::Driver));
        }
    }
    Ok(caller.has_scope("write:rides").then_some(RideActor::Operator))
}
