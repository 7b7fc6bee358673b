//! `user.deactivated`: an account that is closed neither rides nor drives any more.
//!
//! The user's open rides are called off; as a driver they are suspended and offline, and the rides they were on the way
//! to are called off. A ride with a passenger in the car goes on to its end, after which the driver is offline.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbErr, IntoActiveModel, QuerySelect};
use serde_json::json;
use service::{Event, NewEvent, bus::HandlerError};
use uuid::Uuid;

use crate::fleet::Fleet;
use crate::kind::{
    CancellationReason, DriverAvailability, RegistrationStatus, RideActor, RideStatus,
};
use crate::ride_change::{self, Change};
use crate::table::{driver, registration, ride};
use crate::transition::Step;
use crate::{registration_rescue, shift};

/// Why, for all that is called off.
const REASON: &str = "the account was deactivated";
/// What is called off: a ride that has not begun.
const NOT_BEGUN: [RideStatus; 4] =
    [RideStatus::Scheduled, RideStatus::Requested, RideStatus::Accepted, RideStatus::DriverArrived];

/// Applies the event in the transaction; a failure means that somebody changed something at the same time: again.
pub(crate) async fn user_deactivated(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    event: &Event,
) -> Result<(), HandlerError> {
    let user_id = event.aggregate_id;
    cancel_rides(fleet, transaction, ride::Column::RiderId, user_id).await?;
    let found = driver::Entity::find().filter(driver::Column::UserId.eq(user_id));
    if let Some(driver) = found.one(transaction).await? {
        // Rides are locked before drivers, as in an acceptance. One that slipped in between is called off after all.
        cancel_rides(fleet, transaction, ride::Column::DriverId, driver.id).await?;
        suspend(fleet, transaction, driver.id).await?;
        cancel_rides(fleet, transaction, ride::Column::DriverId, driver.id).await?;
    }
    cancel_registration(fleet, transaction, user_id).await
}

async fn cancel_rides(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    of: ride::Column,
    id: Uuid,
) -> Result<(), HandlerError> {
    let open = ride::Entity::find()
        .filter(of.eq(id))
        .filter(ride::Column::Status.is_in(NOT_BEGUN))
        .all(transaction)
        .await?;
    let change = Change { step: Step::Cancel, actor: RideActor::System };
    for ride in open {
        let cancelled = ride_change::apply_in(fleet, transaction, &ride, change, |set| {
            set.cancelled_by = Set(Some(RideActor::System));
            set.cancellation_reason = Set(Some(CancellationReason::Other));
            set.cancellation_note = Set(Some(REASON.to_owned()));
        })
        .await?;
        if let Err(refusal) = cancelled {
            return Err(format!("ride {} has just changed: {refusal:?}", ride.id).into());
        }
    }
    Ok(())
}

/// Whoever is on a ride stays so until it ends; the suspension takes them offline then.
async fn suspend(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
) -> Result<(), DbErr> {
    let locked = driver::Entity::find_by_id(driver_id).lock_exclusive().one(transaction).await?;
    let Some(driver) = locked.filter(|driver| driver.suspended_at.is_none()) else {
        return Ok(());
    };
    let user_id = driver.user_id;
    let is_on_ride = driver.availability == DriverAvailability::OnRide;
    let mut change = driver.into_active_model();
    change.suspended_at = Set(Some(fleet.parts.clock.now()));
    change.suspended_until = Set(None);
    if !is_on_ride {
        change.availability = Set(DriverAvailability::Offline);
        shift::end(fleet, transaction, driver_id).await?;
    }
    change.update(transaction).await?;
    let event = NewEvent {
        kind: "driver.suspended",
        aggregate: "driver",
        aggregate_id: driver_id,
        payload: json!({ "driverId": driver_id, "userId": user_id, "reason": REASON }),
    };
    fleet.outbox.record(transaction, event).await
}

async fn cancel_registration(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    user_id: Uuid,
) -> Result<(), HandlerError> {
    let running = registration::Entity::find()
        .filter(registration::Column::UserId.eq(user_id))
        .filter(registration::Column::Status.eq(RegistrationStatus::Running))
        .one(transaction)
        .await?;
    let Some(session) = running else { return Ok(()) };
    let undo = RegistrationStatus::Compensating;
    if registration_rescue::turn(fleet, transaction, &session, undo, Some(REASON)).await? {
        Ok(())
    } else {
        Err(format!("registration {} has just changed", session.id).into())
    }
}
