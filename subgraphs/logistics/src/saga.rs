//! The registration saga: validate the user, create the driver, grant the role; or undo, in reverse.
//!
//! The session row is the saga's whole memory. A worker claims it by a lease, and every write carries the version it
//! read, so that a worker whose lease ran out cannot write over its successor. An unknown outcome is not a failure: the
//! step is tried again with the same key. Only a definite refusal is undone.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, Condition, DbErr, QueryOrder, SqlErr};
use serde::Deserialize;
use serde_json::json;
use service::{NewEvent, PeerError, Stop};

use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, DriverStatus, RegistrationStatus};
use crate::registration::{RegisterDriverInput, Step, StepName, StepStatus};
use crate::table::{driver, registration};

/// How long a worker may take for one step before another takes over.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often a worker looks for sessions that nobody rang for.
const POLL: Duration = Duration::from_secs(1);
/// The longest pause between two tries of a step.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);

/// What became of a step.
enum Outcome {
    Done,
    /// Not known, or not now: the same again later.
    Later(String),
    /// It will never be: undo.
    Refused(String),
}

/// Works until asked to stop.
pub(crate) async fn run(fleet: Arc<Fleet>, mut stop: Stop) {
    while !stop.is_requested() {
        let bell = fleet.bell.notified();
        match run_once(&fleet).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the registration saga cannot read its sessions"),
        }
        tokio::select! {
            () = bell => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.requested() => return,
        }
    }
}

/// Takes one due session one step further; says whether there was one.
pub(crate) async fn run_once(fleet: &Fleet) -> Result<bool, DbErr> {
    let Some((session, mut steps)) = claim(fleet).await? else { return Ok(false) };
    match session.status {
        RegistrationStatus::Running => forward(fleet, session, &mut steps).await?,
        _ => backward(fleet, session, &mut steps).await?,
    }
    Ok(true)
}

/// Leases the session that has waited longest, and writes down which step is about to be tried.
async fn claim(fleet: &Fleet) -> Result<Option<(registration::Model, Vec<Step>)>, DbErr> {
    let now = fleet.parts.clock.now();
    let free = Condition::any()
        .add(registration::Column::LeaseUntil.is_null())
        .add(registration::Column::LeaseUntil.lt(now));
    let due = registration::Entity::find()
        .filter(
            registration::Column::Status
                .is_in([RegistrationStatus::Running, RegistrationStatus::Compensating]),
        )
        .filter(registration::Column::NextAt.lte(now))
        .filter(free)
        .order_by_asc(registration::Column::NextAt)
        .one(&fleet.parts.database.read)
        .await?;
    let Some(session) = due else { return Ok(None) };
    let mut steps: Vec<Step> = serde_json::from_value(session.steps.clone())
        .map_err(|error| DbErr::Custom(format!("session {}: {error}", session.id)))?;
    if session.status == RegistrationStatus::Running
        && let Some(step) = steps.iter_mut().find(|step| step.status != StepStatus::Done)
    {
        step.attempts += 1;
        step.status = StepStatus::Running;
    }
    let version = session.version + 1;
    let leased = registration::Entity::update_many()
        .col_expr(registration::Column::LeaseUntil, Expr::value(now + LEASE))
        .col_expr(registration::Column::Steps, Expr::value(json(&steps)?))
        .col_expr(registration::Column::Version, Expr::value(version))
        .filter(registration::Column::Id.eq(session.id))
        .filter(registration::Column::Version.eq(session.version))
        .exec(&fleet.parts.database.write)
        .await?;
    // Somebody else may have been faster: look again.
    let session = registration::Model { version, ..session };
    Ok((leased.rows_affected == 1).then_some((session, steps)))
}

fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Custom(error.to_string()))
}

async fn forward(
    fleet: &Fleet,
    session: registration::Model,
    steps: &mut [Step],
) -> Result<(), DbErr> {
    let Some(step) = steps.iter_mut().find(|step| step.status == StepStatus::Running) else {
        return save(fleet, session, steps, RegistrationStatus::Completed, None).await;
    };
    let name = step.name;
    let outcome = match name {
        StepName::ValidateUser => validate_user(fleet, &session).await,
        StepName::CreateDriver => create_driver(fleet, &session).await?,
        StepName::GrantDriverRole => change_role(fleet, &session, RoleChange::Grant).await,
    };
    match outcome {
        Outcome::Done => {
            step.status = StepStatus::Done;
            step.finished_at = Some(fleet.parts.clock.now().into());
            let last = steps.iter().all(|step| step.status == StepStatus::Done);
            let status =
                if last { RegistrationStatus::Completed } else { RegistrationStatus::Running };
            save(fleet, session, steps, status, None).await
        }
        Outcome::Later(reason) => {
            tracing::warn!(session = %session.id, step = ?name, reason, "a registration step is tried again");
            postpone(fleet, session, steps, name).await
        }
        Outcome::Refused(reason) => {
            step.status = StepStatus::Failed;
            step.finished_at = Some(fleet.parts.clock.now().into());
            save(fleet, session, steps, RegistrationStatus::Compensating, Some(reason)).await
        }
    }
}

/// Whether there may be something to undo: a grant that was refused in the end may have been made by an earlier try.
fn may_have_been_done(step: &Step) -> bool {
    let tried_before = step.status == StepStatus::Failed && step.attempts > 1;
    step.status == StepStatus::Done || (step.name == StepName::GrantDriverRole && tried_before)
}

/// Undoes the last step that was done; what failed or never began needs no undoing.
async fn backward(
    fleet: &Fleet,
    session: registration::Model,
    steps: &mut [Step],
) -> Result<(), DbErr> {
    let Some(step) = steps.iter_mut().rev().find(|step| may_have_been_done(step)) else {
        let waiting = steps.iter_mut().filter(|step| step.status == StepStatus::Pending);
        waiting.for_each(|step| step.status = StepStatus::Skipped);
        return save(fleet, session, steps, RegistrationStatus::Compensated, None).await;
    };
    let name = step.name;
    let outcome = match name {
        StepName::ValidateUser => Outcome::Done,
        StepName::CreateDriver => {
            driver::Entity::delete_by_id(session.driver_id)
                .exec(&fleet.parts.database.write)
                .await?;
            Outcome::Done
        }
        StepName::GrantDriverRole => change_role(fleet, &session, RoleChange::Revoke).await,
    };
    match outcome {
        Outcome::Done => {
            step.status = StepStatus::Compensated;
            save(fleet, session, steps, RegistrationStatus::Compensating, None).await
        }
        Outcome::Later(reason) => {
            tracing::warn!(session = %session.id, step = ?name, reason, "undoing a registration step is tried again");
            postpone(fleet, session, steps, name).await
        }
        Outcome::Refused(reason) => {
            save(fleet, session, steps, RegistrationStatus::Failed, Some(reason)).await
        }
    }
}

/// Writes what became of the session; without effect where another worker has taken over.
async fn save(
    fleet: &Fleet,
    session: registration::Model,
    steps: &[Step],
    status: RegistrationStatus,
    failure: Option<String>,
) -> Result<(), DbErr> {
    let now = fleet.parts.clock.now();
    write(fleet, session, steps, status, failure, now).await?;
    Ok(())
}

/// Gives the session back, to be taken up after a pause that doubles with each try.
async fn postpone(
    fleet: &Fleet,
    session: registration::Model,
    steps: &[Step],
    name: StepName,
) -> Result<(), DbErr> {
    let attempts = steps.iter().find(|step| step.name == name).map_or(1, |step| step.attempts);
    let pause = TimeDelta::milliseconds(250 << attempts.clamp(0, 10)).min(LONGEST_PAUSE);
    let status = session.status;
    let next_at = fleet.parts.clock.now() + pause;
    write(fleet, session, steps, status, None, next_at).await
}

async fn write(
    fleet: &Fleet,
    session: registration::Model,
    steps: &[Step],
    status: RegistrationStatus,
    failure: Option<String>,
    next_at: chrono::DateTime<chrono::Utc>,
) -> Result<(), DbErr> {
    let steps = json(&steps)?;
    registration::Entity::update_many()
        .col_expr(registration::Column::Status, Expr::value(status))
        .col_expr(registration::Column::Steps, Expr::value(steps))
        .col_expr(registration::Column::Failure, Expr::value(failure.or(session.failure)))
        .col_expr(
            registration::Column::LeaseUntil,
            Expr::value(Option::<chrono::DateTime<chrono::Utc>>::None),
        )
        .col_expr(registration::Column::NextAt, Expr::value(next_at))
        .col_expr(registration::Column::UpdatedAt, Expr::value(fleet.parts.clock.now()))
        .col_expr(registration::Column::Version, Expr::value(session.version + 1))
        .filter(registration::Column::Id.eq(session.id))
        .filter(registration::Column::Version.eq(session.version))
        .exec(&fleet.parts.database.write)
        .await?;
    Ok(())
}

async fn validate_user(fleet: &Fleet, session: &registration::Model) -> Outcome {
    #[derive(Deserialize)]
    struct Answer {
        user: Option<User>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        is_active: bool,
    }
    let document = "query ($id: ID!) { user(id: $id) { isActive } }";
    match fleet.auth.call::<Answer>(document, json!({ "id": session.user_id })).await {
        Ok(Answer { user: Some(User { is_active: true }) }) => Outcome::Done,
        Ok(Answer { user: Some(_) }) => Outcome::Refused("the account is deactivated".to_owned()),
        Ok(Answer { user: None }) => Outcome::Refused("there is no such user".to_owned()),
        Err(error) => unless_refused(&error),
    }
}

/// The driver and the first vehicle, in one transaction; a second try finds them there.
async fn create_driver(fleet: &Fleet, session: &registration::Model) -> Result<Outcome, DbErr> {
    let input: RegisterDriverInput = serde_json::from_value(session.input.clone())
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    let now = fleet.parts.clock.now();
    let transaction = fleet.parts.database.begin().await?;
    // Holds the row until the commit: nobody takes over, and compensates, in between.
    let ours = registration::Entity::update_many()
        .col_expr(registration::Column::UpdatedAt, Expr::value(now))
        .filter(registration::Column::Id.eq(session.id))
        .filter(registration::Column::Version.eq(session.version))
        .exec(&transaction)
        .await?;
    if ours.rows_affected == 0 {
        return Ok(Outcome::Later("another worker has taken over".to_owned()));
    }
    let known = driver::Entity::find()
        .filter(driver::Column::UserId.eq(session.user_id))
        .one(&transaction)
        .await?;
    match known {
        Some(known) if known.id == session.driver_id => return Ok(Outcome::Done),
        Some(_) => return Ok(Outcome::Refused("the user is a driver already".to_owned())),
        None => {}
    }
    let row = driver::ActiveModel {
        id: Set(session.driver_id),
        user_id: Set(session.user_id),
        license_number: Set(input.personal_info.license_number.clone()),
        license_expires_on: Set(input.personal_info.license_expires_on.clone()),
        personal_info: Set(json(&input.personal_info)?),
        vehicle_type: Set(input.vehicle_type),
        service_types: Set(json(&input.service_types)?),
        status: Set(DriverStatus::Pending),
        rating_sum: Set(0),
        rating_count: Set(0),
        availability: Set(DriverAvailability::Offline),
        created_at: Set(now),
        ..Default::default()
    };
    let inserted = row.insert(&transaction).await;
    if let Err(error) = &inserted
        && matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    {
        return Ok(Outcome::Later("the user is being registered elsewhere".to_owned()));
    }
    inserted?;
    let vehicle = input.vehicle_details.row(
        fleet.parts.clock.new_id(),
        session.driver_id,
        input.vehicle_type,
        now,
    );
    vehicle.insert(&transaction).await?;
    let event = NewEvent {
        kind: "driver.registered",
        aggregate: "driver",
        aggregate_id: session.driver_id,
        payload: json!({ "driverId": session.driver_id, "userId": session.user_id }),
    };
    fleet.outbox.record(&transaction, event).await?;
    fleet.outbox.commit(transaction).await?;
    Ok(Outcome::Done)
}

#[derive(Clone, Copy)]
enum RoleChange {
    Grant,
    Revoke,
}

/// Asks auth to grant or revoke the role, under a key of this session: twice is once.
async fn change_role(fleet: &Fleet, session: &registration::Model, change: RoleChange) -> Outcome {
    #[derive(Deserialize)]
    struct Answer {
        change: Option<Payload>,
    }
    #[derive(Deserialize)]
    struct Payload {
        problems: Vec<Problem>,
    }
    #[derive(Deserialize)]
    struct Problem {
        message: String,
    }
    let (document, step) = match change {
        RoleChange::Grant => (
            "mutation ($input: GrantRoleInput!) { change: grantRole(input: $input) { problems { message } } }",
            "grant",
        ),
        RoleChange::Revoke => (
            "mutation ($input: RevokeRoleInput!) { change: revokeRole(input: $input) { problems { message } } }",
            "revoke",
        ),
    };
    let key = format!("{}:{step}", session.id);
    let input =
        json!({ "input": { "userId": session.user_id, "role": "DRIVER", "idempotencyKey": key } });
    match fleet.auth.call::<Answer>(document, input).await {
        Ok(Answer { change: Some(payload) }) => {
            let refusal = payload.problems.into_iter().next();
            refusal.map_or(Outcome::Done, |problem| Outcome::Refused(problem.message))
        }
        Ok(Answer { change: None }) => Outcome::Later("auth gave no answer".to_owned()),
        Err(error) => unless_refused(&error),
    }
}

fn unless_refused(error: &PeerError) -> Outcome {
    match error {
        PeerError::Unavailable { .. } => Outcome::Later(error.to_string()),
        PeerError::Refused { .. } => Outcome::Refused(error.to_string()),
    }
}
