//! Operations give a ride to a driver by hand.

use async_graphql::{Context, ID, InputObject, Object, Result};
use sea_orm::ActiveValue::Set;
use service::{Caller, ConflictCode, Problem};

use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, DriverStatus, RideActor};
use crate::ride_change::{self, Change, Refusal};
use crate::ride_payload::{Changed, ride_payload};
use crate::transition::{Step, transition};

#[derive(InputObject)]
struct AssignRideInput {
    ride_id: ID,
    driver_id: ID,
    expected_version: i32,
}

ride_payload!(AssignRidePayload);

/// The mutation of operations.
#[derive(Default)]
pub(crate) struct AssignMutation;

#[Object]
impl AssignMutation {
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
    let step = if row.driver_id.is_none() { Step::Accept } else { Step::Reassign };
    if transition(row.status, step, RideActor::Operator).is_none() {
        return Ok(Err(Refusal::InvalidTransition.problem()));
    }
    if row.driver_id == Some(driver.id) {
        return Ok(Ok(row));
    }
    if driver.user_id == row.rider_id {
        let message = "nobody drives themselves";
        return Ok(Err(Problem::conflict(ConflictCode::NOT_AVAILABLE, message)));
    }
    match driver.availability {
        DriverAvailability::Available => {}
        DriverAvailability::OnRide => return Ok(Err(Refusal::Busy.problem())),
        DriverAvailability::Offline => {
            let message = "the driver is offline";
            return Ok(Err(Problem::conflict(ConflictCode::NOT_AVAILABLE, message)));
        }
    }
    let now = fleet.parts.clock.now();
    let change = Change { step, actor: RideActor::Operator };
    let changed = ride_change::apply(fleet, &row, change, |set| {
        set.driver_id = Set(Some(driver.id));
        set.vehicle_id = Set(driver.active_vehicle_id);
        set.accepted_at = Set(Some(now));
    })
    .await?;
    Ok(changed.map_err(Refusal::problem))
}
