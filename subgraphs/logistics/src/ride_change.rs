//! How a ride changes: one conditional update, with its event and its row of history, in one transaction.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbErr, SqlErr};
use serde_json::json;
use service::{ConflictCode, NewEvent, Problem};
use uuid::Uuid;

use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, DriverStatus, RideActor, RideStatus};
use crate::table::{driver, ride, ride_event};
use crate::transition::{Step, is_final, transition};
use crate::{license, rating, shift};

/// Who does what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) step: Step,
    pub(crate) actor: RideActor,
}

/// Why a change was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The state does not allow it.
    InvalidTransition,
    /// Somebody else was faster.
    VersionConflict,
    /// The driver, or the rider, is on another ride.
    Busy,
    /// The driver has just gone offline, or was suspended.
    NotAvailable,
}

impl Refusal {
    /// As the client sees it.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::InvalidTransition => Problem::conflict(
                ConflictCode::INVALID_TRANSITION,
                "the ride's state does not allow this",
            ),
            Self::VersionConflict => Problem::conflict(
                ConflictCode::VERSION_CONFLICT,
                "the ride has changed: read it again",
            ),
            Self::Busy => {
                Problem::conflict(ConflictCode::DRIVER_BUSY, "the driver is on another ride")
            }
            Self::NotAvailable => {
                Problem::conflict(ConflictCode::NOT_AVAILABLE, "the driver does not take rides now")
            }
        }
    }
}

/// Makes a change in a transaction of its own. `edit` sets what changes beside the status.
pub(crate) async fn apply(
    fleet: &Fleet,
    ride: &ride::Model,
    change: Change,
    edit: impl FnOnce(&mut ride::ActiveModel) + Send,
) -> Result<Result<ride::Model, Refusal>, DbErr> {
    let transaction = fleet.parts.database.begin().await?;
    let changed = apply_in(fleet, &transaction, ride, change, edit).await?;
    if changed.is_ok() {
        fleet.outbox.commit(transaction).await?;
        fleet.bell.notify_waiters();
    }
    Ok(changed)
}

/// Makes a change, unless the ride is no longer as it was read.
pub(crate) async fn apply_in(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    ride: &ride::Model,
    change: Change,
    edit: impl FnOnce(&mut ride::ActiveModel) + Send,
) -> Result<Result<ride::Model, Refusal>, DbErr> {
    let Some(status) = transition(ride.status, change.step, change.actor) else {
        return Ok(Err(Refusal::InvalidTransition));
    };
    let now = fleet.parts.clock.now();
    let mut set = ride::ActiveModel {
        status: Set(status),
        version: Set(ride.version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    if is_final(status) {
        set.ended_at = Set(Some(now));
    }
    edit(&mut set);
    let updated = ride::Entity::update_many()
        .set(set)
        .filter(ride::Column::Id.eq(ride.id))
        .filter(ride::Column::Version.eq(ride.version))
        .filter(ride::Column::Status.eq(ride.status))
        .exec(transaction)
        .await;
    let updated = match updated {
        // The partial unique indexes: one ride of a driver, and of a rider, at a time.
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Ok(Err(Refusal::Busy));
        }
        other => other?,
    };
    if updated.rows_affected == 0 {
        return Ok(Err(Refusal::VersionConflict));
    }
    let row = ride::Entity::find_by_id(ride.id).one(transaction).await?;
    let row =
        row.ok_or_else(|| DbErr::RecordNotFound("the ride that was just changed".to_owned()))?;
    note(fleet, transaction, &row, change.actor).await?;
    Ok(follow(fleet, transaction, ride, &row).await?.map(|()| row))
}

/// Writes the row of history and the event.
pub(crate) async fn note(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    ride: &ride::Model,
    actor: RideActor,
) -> Result<(), DbErr> {
    let row = ride_event::ActiveModel {
        id: Set(fleet.parts.clock.new_id()),
        ride_id: Set(ride.id),
        status: Set(ride.status),
        actor: Set(actor),
        version: Set(ride.version),
        occurred_at: Set(fleet.parts.clock.now()),
    };
    row.insert(transaction).await?;
    let event = NewEvent {
        kind: event_kind(ride.status),
        aggregate: "ride",
        aggregate_id: ride.id,
        payload: json!({
            "rideId": ride.id,
            "riderId": ride.rider_id,
            "driverId": ride.driver_id,
            "productId": ride.product_id,
            "status": ride.status,
            "version": ride.version,
        }),
    };
    fleet.outbox.record(transaction, event).await
}

fn event_kind(status: RideStatus) -> &'static str {
    match status {
        RideStatus::Scheduled => "ride.scheduled",
        RideStatus::Requested => "ride.requested",
        RideStatus::Accepted => "ride.accepted",
        RideStatus::DriverArrived => "ride.driver_arrived",
        RideStatus::InProgress => "ride.started",
        RideStatus::Completed => "ride.completed",
        RideStatus::Cancelled => "ride.cancelled",
        RideStatus::Expired => "ride.expired",
    }
}

/// A driver is on a ride from its acceptance to its end, or until it is given to another; a rider's rides are counted.
async fn follow(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    before: &ride::Model,
    after: &ride::Model,
) -> Result<Result<(), Refusal>, DbErr> {
    let released =
        before.driver_id.filter(|id| is_final(after.status) || after.driver_id != Some(*id));
    if let Some(driver_id) = released {
        release(fleet, transaction, driver_id).await?;
    }
    if let Some(driver_id) = after.driver_id.filter(|id| before.driver_id != Some(*id))
        && !engage(fleet, transaction, driver_id).await?
    {
        return Ok(Err(Refusal::NotAvailable));
    }
    if after.status == RideStatus::Completed {
        rating::count_ride(fleet, transaction, after.rider_id).await?;
    }
    Ok(Ok(()))
}

/// Puts the driver on a ride; says whether they still take rides.
async fn engage(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
) -> Result<bool, DbErr> {
    let engaged = driver::Entity::update_many()
        .col_expr(driver::Column::Availability, Expr::value(DriverAvailability::OnRide))
        .filter(driver::Column::Id.eq(driver_id))
        .filter(driver::Column::Availability.eq(DriverAvailability::Available))
        .filter(driver::Column::Status.eq(DriverStatus::Approved))
        .filter(driver::Column::SuspendedAt.is_null())
        .filter(license::valid(fleet.parts.clock.now()))
        .exec(transaction)
        .await?;
    Ok(engaged.rows_affected == 1)
}

/// Takes the driver off a ride: free for the next one, unless they were suspended meanwhile or the licence has ended.
async fn release(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
) -> Result<(), DbErr> {
    let leaves = |availability: DriverAvailability| {
        driver::Entity::update_many()
            .col_expr(driver::Column::Availability, Expr::value(availability))
            .filter(driver::Column::Id.eq(driver_id))
            .filter(driver::Column::Availability.eq(DriverAvailability::OnRide))
    };
    let free = leaves(DriverAvailability::Available)
        .filter(driver::Column::SuspendedAt.is_null())
        .filter(license::valid(fleet.parts.clock.now()))
        .exec(transaction)
        .await?;
    if free.rows_affected == 0 {
        leaves(DriverAvailability::Offline).exec(transaction).await?;
        shift::end(fleet, transaction, driver_id).await?;
    }
    Ok(())
}
