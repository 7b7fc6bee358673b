//! What operations and drivers do with a driver: approve, reject, suspend; go online and offline.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, DbErr, IntoActiveModel, QueryOrder, QuerySelect,
};
use serde_json::json;
use service::{Caller, ConflictCode, DateTime, NewEvent, Problem, ValidationCode, authenticated};
use uuid::Uuid;

use crate::driver::Driver;
use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, DriverStatus};
use crate::table::{driver, registration, vehicle};
use crate::vehicle::required_text;
use crate::{license, saga, shift};

#[derive(InputObject)]
struct ApproveDriverInput {
    driver_id: ID,
}

#[derive(InputObject)]
struct RejectDriverInput {
    driver_id: ID,
    reason: String,
}

#[derive(InputObject)]
struct SuspendDriverInput {
    driver_id: ID,
    reason: String,
    until: Option<DateTime>,
}

#[derive(InputObject)]
struct SetDriverAvailabilityInput {
    availability: DriverAvailability,
    vehicle_id: Option<ID>,
}

/// A driver, or why not.
type Changed = Result<Result<driver::Model, Problem>>;

macro_rules! driver_payload {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        struct $name {
            driver: Option<Driver>,
            problems: Vec<Problem>,
        }

        impl From<Result<driver::Model, Problem>> for $name {
            fn from(changed: Result<driver::Model, Problem>) -> Self {
                match changed {
                    Ok(row) => Self { driver: Some(Driver(Arc::new(row))), problems: vec![] },
                    Err(problem) => Self { driver: None, problems: vec![problem] },
                }
            }
        }
    )*};
}

driver_payload!(ApproveDriverPayload RejectDriverPayload SuspendDriverPayload SetDriverAvailabilityPayload);

/// The mutations of drivers.
#[derive(Default)]
pub(crate) struct DriverMutation;

#[Object]
impl DriverMutation {
    #[graphql(requires_scopes = "write:drivers")]
    async fn approve_driver(
        &self,
        ctx: &Context<'_>,
        input: ApproveDriverInput,
    ) -> Option<Result<ApproveDriverPayload>> {
        Some(decide(ctx, &input.driver_id, &Decision::Approve).await.map(Into::into))
    }

    #[graphql(requires_scopes = "write:drivers")]
    async fn reject_driver(
        &self,
        ctx: &Context<'_>,
        input: RejectDriverInput,
    ) -> Option<Result<RejectDriverPayload>> {
        let decision = Decision::Reject { reason: input.reason };
        Some(decide(ctx, &input.driver_id, &decision).await.map(Into::into))
    }

    #[graphql(requires_scopes = "write:drivers")]
    async fn suspend_driver(
        &self,
        ctx: &Context<'_>,
        input: SuspendDriverInput,
    ) -> Option<Result<SuspendDriverPayload>> {
        let decision =
            Decision::Suspend { reason: input.reason, until: input.until.map(|until| until.0) };
        Some(decide(ctx, &input.driver_id, &decision).await.map(Into::into))
    }

    #[graphql(directive = authenticated::apply())]
    async fn set_driver_availability(
        &self,
        ctx: &Context<'_>,
        input: SetDriverAvailabilityInput,
    ) -> Option<Result<SetDriverAvailabilityPayload>> {
        Some(set_availability(ctx, &input).await.map(Into::into))
    }
}

/// What operations decide of a driver.
enum Decision {
    Approve,
    Reject { reason: String },
    Suspend { reason: String, until: Option<chrono::DateTime<chrono::Utc>> },
}

async fn decide(ctx: &Context<'_>, id: &ID, decision: &Decision) -> Changed {
    Caller::of(ctx).require_scope("write:drivers")?;
    let fleet = Fleet::of(ctx);
    let now = fleet.parts.clock.now();
    if let Decision::Reject { reason } | Decision::Suspend { reason, .. } = decision
        && let Some(problem) = required_text(reason, &["reason"])
    {
        return Ok(Err(problem));
    }
    if let Decision::Suspend { until: Some(until), .. } = decision
        && *until <= now
    {
        let message = "a suspension ends in the future";
        return Ok(Err(Problem::validation(ValidationCode::IN_THE_PAST, &["until"], message)));
    }
    let Ok(id) = id.parse::<Uuid>() else { return Ok(Err(Problem::not_found("driver"))) };
    let transaction = fleet.parts.database.begin().await?;
    let found = driver::Entity::find_by_id(id).lock_exclusive().one(&transaction).await?;
    let Some(row) = found else { return Ok(Err(Problem::not_found("driver"))) };
    if is_being_registered(&transaction, id).await? {
        let message = "the registration is not over: wait for it, or cancel it";
        return Ok(Err(Problem::conflict(ConflictCode::IN_PROGRESS, message)));
    }
    if row.availability == DriverAvailability::OnRide && !matches!(decision, Decision::Approve) {
        return Ok(Err(Problem::conflict(
            ConflictCode::DRIVER_BUSY,
            "the driver is on a ride: end it first",
        )));
    }
    let (user_id, status) = (row.user_id, row.status);
    let mut change = row.into_active_model();
    let (kind, reason) = match decision {
        Decision::Approve => {
            change.status = Set(DriverStatus::Approved);
            change.suspended_at = Set(None);
            change.suspended_until = Set(None);
            change.rejection_reason = Set(None);
            ("driver.approved", None)
        }
        Decision::Reject { reason } => {
            if status == DriverStatus::Approved {
                let message = "the driver is approved: suspend instead";
                return Ok(Err(Problem::conflict(ConflictCode::INVALID_TRANSITION, message)));
            }
            change.status = Set(DriverStatus::Rejected);
            change.rejection_reason = Set(Some(reason.clone()));
            change.availability = Set(DriverAvailability::Offline);
            ("driver.rejected", Some(reason))
        }
        Decision::Suspend { reason, until } => {
            change.suspended_at = Set(Some(now));
            change.suspended_until = Set(*until);
            change.availability = Set(DriverAvailability::Offline);
            ("driver.suspended", Some(reason))
        }
    };
    if change.availability.is_set() {
        shift::end(fleet, &transaction, id).await?;
    }
    let row = change.update(&transaction).await?;
    let payload = json!({ "driverId": id, "userId": user_id, "reason": reason });
    fleet
        .outbox
        .record(&transaction, NewEvent { kind, aggregate: "driver", aggregate_id: id, payload })
        .await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Ok(row))
}

/// Whether the driver may still be taken back: then nothing is decided about them.
async fn is_being_registered(
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
) -> Result<bool, DbErr> {
    let open = registration::Entity::find()
        .filter(registration::Column::DriverId.eq(driver_id))
        .filter(registration::Column::Status.is_in(saga::OPEN));
    Ok(open.count(transaction).await? > 0)
}

async fn set_availability(ctx: &Context<'_>, input: &SetDriverAvailabilityInput) -> Changed {
    let user_id = Caller::of(ctx).require_user()?;
    let fleet = Fleet::of(ctx);
    let now = fleet.parts.clock.now();
    let transaction = fleet.parts.database.begin().await?;
    let found = driver::Entity::find()
        .filter(driver::Column::UserId.eq(user_id))
        .lock_exclusive()
        .one(&transaction)
        .await?;
    let Some(row) = found else { return Ok(Err(Problem::not_found("driver"))) };
    if row.availability == DriverAvailability::OnRide {
        return Ok(Err(Problem::conflict(ConflictCode::DRIVER_BUSY, "the driver is on a ride")));
    }
    let mut change = row.clone().into_active_model();
    match input.availability {
        DriverAvailability::OnRide => {
            let message = "a driver is on a ride by accepting one";
            return Ok(Err(Problem::conflict(ConflictCode::INVALID_TRANSITION, message)));
        }
        DriverAvailability::Offline => {
            change.availability = Set(DriverAvailability::Offline);
            shift::end(fleet, &transaction, row.id).await?;
        }
        DriverAvailability::Available => {
            let suspended =
                row.suspended_at.is_some() && row.suspended_until.is_none_or(|until| until > now);
            if row.status != DriverStatus::Approved || suspended {
                let message = "the driver is not approved, or suspended";
                return Ok(Err(Problem::conflict(ConflictCode::DRIVER_NOT_APPROVED, message)));
            }
            if !license::is_valid(&row, now) {
                let message = "the licence has expired: show the new one to operations";
                let path = &["availability"];
                return Ok(Err(Problem::validation(
                    ValidationCode::EXPIRED_DOCUMENT,
                    path,
                    message,
                )));
            }
            let Some(vehicle) =
                wanted_vehicle(&transaction, &row, input.vehicle_id.as_ref()).await?
            else {
                return Ok(Err(Problem::not_found("vehicle")));
            };
            change.availability = Set(DriverAvailability::Available);
            change.active_vehicle_id = Set(Some(vehicle.id));
            change.vehicle_type = Set(vehicle.vehicle_type);
            shift::begin(fleet, &transaction, row.id).await?;
            change.suspended_at = Set(None);
            change.suspended_until = Set(None);
        }
    }
    let row = change.update(&transaction).await?;
    fleet.outbox.commit(transaction).await?;
    fleet.bell.notify_waiters();
    Ok(Ok(row))
}

/// The vehicle that is named, or else the last one, or else the first that is in service.
async fn wanted_vehicle(
    transaction: &DatabaseTransaction,
    driver: &driver::Model,
    id: Option<&ID>,
) -> Result<Option<vehicle::Model>, DbErr> {
    let in_service = vehicle::Entity::find()
        .filter(vehicle::Column::DriverId.eq(driver.id))
        .filter(vehicle::Column::IsActive.eq(true))
        .order_by_asc(vehicle::Column::Id)
        .all(transaction)
        .await?;
    let find = |wanted: Uuid| in_service.iter().find(|vehicle| vehicle.id == wanted);
    let found = match id {
        Some(id) => id.parse().ok().and_then(find),
        None => driver.active_vehicle_id.and_then(find).or(in_service.first()),
    };
    Ok(found.cloned())
}
