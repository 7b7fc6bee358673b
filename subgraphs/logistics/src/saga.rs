//! The registration saga: validate the user, create the driver, grant the role; or undo, in reverse.
//!
//! The session row is the saga's whole memory. A worker claims it by a lease and writes down which step it is about to
//! try; every write carries the version it read, so that a worker whose lease ran out cannot write over its successor.
//! Wherever it dies, what is written leads on: a step that was tried is tried again, and twice is once. An unknown
//! outcome is not a failure; only a definite refusal is undone.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, DatabaseTransaction, DbErr, QueryOrder};
use serde_json::json;
use service::{NewEvent, Stop};

use crate::fleet::Fleet;
use crate::kind::RegistrationStatus;
use crate::registration::{Step, StepName, StepStatus};
use crate::saga_step::{self, Outcome};
use crate::table::registration;

/// How long a worker may take for one step before another takes over; no call of a peer takes as long.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often a worker looks for sessions that nobody rang for.
const POLL: Duration = Duration::from_secs(1);
/// The longest pause between two tries of a step.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// The states of a session that is not over.
pub(crate) const OPEN: [RegistrationStatus; 2] =
    [RegistrationStatus::Running, RegistrationStatus::Compensating];

/// Works until asked to stop.
pub(crate) async fn run(fleet: Arc<Fleet>, mut stop: Stop) {
    while !stop.is_requested() {
        let bell = fleet.bell.notified();
        match run_once(&fleet).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the registration saga cannot read its sessions"),
        }
        if let Err(error) = measure(&fleet).await {
            tracing::warn!(%error, "the age of the oldest registration is not known");
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
    let Some((session, steps)) = claim(fleet).await? else { return Ok(false) };
    let saga = Saga { fleet, session, steps };
    match saga.session.status {
        RegistrationStatus::Running => saga.forward().await?,
        _ => saga.backward().await?,
    }
    Ok(true)
}

/// Tells `/metrics` how long the oldest registration has been under way: one that is stuck shows there.
async fn measure(fleet: &Fleet) -> Result<(), DbErr> {
    let oldest = registration::Entity::find()
        .filter(registration::Column::Status.is_in(OPEN))
        .order_by_asc(registration::Column::CreatedAt)
        .one(&fleet.parts.database.read)
        .await?;
    let age = oldest.map_or(0, |row| (fleet.parts.clock.now() - row.created_at).num_seconds());
    #[expect(clippy::cast_precision_loss, reason = "an age of 2^52 seconds does not matter")]
    metrics::gauge!("driver_registration_oldest_seconds").set(age as f64);
    Ok(())
}

/// Leases the session that has waited longest, and writes down which step is about to be tried.
async fn claim(fleet: &Fleet) -> Result<Option<(registration::Model, Vec<Step>)>, DbErr> {
    while let Some(session) = due(fleet).await? {
        let mut steps: Vec<Step> = serde_json::from_value(session.steps.clone())
            .map_err(|error| DbErr::Custom(format!("session {}: {error}", session.id)))?;
        if session.status == RegistrationStatus::Running
            && let Some(step) = steps.iter_mut().find(|step| step.status != StepStatus::Done)
        {
            step.attempts += 1;
            step.status = StepStatus::Running;
        }
        let (version, lease_until) = (session.version + 1, fleet.parts.clock.now() + LEASE);
        let leased = registration::Entity::update_many()
            .col_expr(registration::Column::LeaseUntil, Expr::value(lease_until))
            .col_expr(registration::Column::Steps, Expr::value(json_of(&steps)?))
            .col_expr(registration::Column::Version, Expr::value(version))
            .filter(registration::Column::Id.eq(session.id))
            .filter(registration::Column::Version.eq(session.version))
            .exec(&fleet.parts.database.write)
            .await?;
        if leased.rows_affected == 1 {
            return Ok(Some((registration::Model { version, ..session }, steps)));
        }
        // Somebody else was faster: look again.
    }
    Ok(None)
}

/// The session that has waited longest, of those that nobody holds.
async fn due(fleet: &Fleet) -> Result<Option<registration::Model>, DbErr> {
    let now = fleet.parts.clock.now();
    let free = Condition::any()
        .add(registration::Column::LeaseUntil.is_null())
        .add(registration::Column::LeaseUntil.lte(now));
    registration::Entity::find()
        .filter(registration::Column::Status.is_in(OPEN))
        .filter(registration::Column::NextAt.lte(now))
        .filter(free)
        .order_by_asc(registration::Column::NextAt)
        .one(&fleet.parts.database.read)
        .await
}

/// What is stored as JSON.
pub(crate) fn json_of(value: &impl serde::Serialize) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Custom(error.to_string()))
}

/// A session that this worker has leased.
struct Saga<'a> {
    fleet: &'a Fleet,
    session: registration::Model,
    steps: Vec<Step>,
}

/// What is written of a session.
struct Change {
    status: RegistrationStatus,
    failure: Option<String>,
    next_at: DateTime<Utc>,
}

impl Saga<'_> {
    /// Tries the step that is written down as running.
    async fn forward(mut self) -> Result<(), DbErr> {
        let now = self.fleet.parts.clock.now();
        let Some(running) = self.steps.iter().position(|step| step.status == StepStatus::Running)
        else {
            return self.save(RegistrationStatus::Completed, None).await;
        };
        let name = self.steps[running].name;
        let outcome = saga_step::take(self.fleet, &self.session, name).await?;
        let step = &mut self.steps[running];
        match outcome {
            Outcome::Done => {
                step.status = StepStatus::Done;
                step.finished_at = Some(now.into());
                let last = self.steps.iter().all(|step| step.status == StepStatus::Done);
                let status =
                    if last { RegistrationStatus::Completed } else { RegistrationStatus::Running };
                self.save(status, None).await
            }
            Outcome::Later(reason) => self.postpone(name, &reason).await,
            Outcome::Refused(reason) => {
                step.status = StepStatus::Failed;
                step.finished_at = Some(now.into());
                self.save(RegistrationStatus::Compensating, Some(reason)).await
            }
        }
    }

    /// Undoes the last step that may have been done; what failed or never began needs no undoing.
    async fn backward(mut self) -> Result<(), DbErr> {
        let Some(last) = self.steps.iter().rposition(may_have_been_done) else {
            let waiting = self.steps.iter_mut().filter(|step| step.status == StepStatus::Pending);
            waiting.for_each(|step| step.status = StepStatus::Skipped);
            return self.save(RegistrationStatus::Compensated, None).await;
        };
        let name = self.steps[last].name;
        match saga_step::undo(self.fleet, &self.session, name).await? {
            Outcome::Done => {
                self.steps[last].status = StepStatus::Compensated;
                self.save(RegistrationStatus::Compensating, None).await
            }
            Outcome::Later(reason) => self.postpone(name, &reason).await,
            Outcome::Refused(reason) => self.save(RegistrationStatus::Failed, Some(reason)).await,
        }
    }

    /// Writes what became of the session, to be taken up again at once.
    async fn save(self, status: RegistrationStatus, failure: Option<String>) -> Result<(), DbErr> {
        let next_at = self.fleet.parts.clock.now();
        self.write(Change { status, failure, next_at }).await
    }

    /// Gives the session back, to be taken up after a pause that doubles with each try.
    async fn postpone(self, name: StepName, reason: &str) -> Result<(), DbErr> {
        tracing::warn!(session = %self.session.id, step = ?name, reason, "a registration step is tried again");
        metrics::counter!("driver_registration_retries_total", "step" => name.as_str())
            .increment(1);
        let attempts =
            self.steps.iter().find(|step| step.name == name).map_or(1, |step| step.attempts);
        let pause = TimeDelta::milliseconds(250 << attempts.clamp(0, 10)).min(LONGEST_PAUSE);
        let next_at = self.fleet.parts.clock.now() + pause;
        let status = self.session.status;
        self.write(Change { status, failure: None, next_at }).await
    }

    /// Writes the session with its events; without effect where somebody else has changed it.
    async fn write(self, change: Change) -> Result<(), DbErr> {
        let Self { fleet, session, steps } = self;
        let no_lease: Option<DateTime<Utc>> = None;
        let transaction = fleet.parts.database.begin().await?;
        let written = registration::Entity::update_many()
            .col_expr(registration::Column::Status, Expr::value(change.status))
            .col_expr(registration::Column::Steps, Expr::value(json_of(&steps)?))
            .col_expr(
                registration::Column::Failure,
                Expr::value(change.failure.or_else(|| session.failure.clone())),
            )
            .col_expr(registration::Column::LeaseUntil, Expr::value(no_lease))
            .col_expr(registration::Column::NextAt, Expr::value(change.next_at))
            .col_expr(registration::Column::UpdatedAt, Expr::value(fleet.parts.clock.now()))
            .col_expr(registration::Column::Version, Expr::value(session.version + 1))
            .filter(registration::Column::Id.eq(session.id))
            .filter(registration::Column::Version.eq(session.version))
            .exec(&transaction)
            .await?;
        if written.rows_affected == 0 {
            return Ok(());
        }
        tell(fleet, &transaction, &session, change.status).await?;
        fleet.outbox.commit(transaction).await
    }
}

/// Whether there may be something to undo: what was being tried when operations cancelled, and a grant that was refused
/// in the end but may have been made by an earlier try.
fn may_have_been_done(step: &Step) -> bool {
    match step.status {
        StepStatus::Done | StepStatus::Running => true,
        StepStatus::Failed => step.name == StepName::GrantDriverRole && step.attempts > 1,
        StepStatus::Pending | StepStatus::Compensated | StepStatus::Skipped => false,
    }
}

/// Records that the session has changed, and with its end that there is a driver.
pub(crate) async fn tell(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    session: &registration::Model,
    status: RegistrationStatus,
) -> Result<(), DbErr> {
    let updated = NewEvent {
        kind: "driver_registration.updated",
        aggregate: "driver_registration",
        aggregate_id: session.id,
        payload: json!({
            "registrationId": session.id,
            "userId": session.user_id,
            "driverId": session.driver_id,
            "status": status,
        }),
    };
    fleet.outbox.record(transaction, updated).await?;
    if status != RegistrationStatus::Completed {
        return Ok(());
    }
    let registered = NewEvent {
        kind: "driver.registered",
        aggregate: "driver",
        aggregate_id: session.driver_id,
        payload: json!({ "driverId": session.driver_id, "userId": session.user_id }),
    };
    fleet.outbox.record(transaction, registered).await
}
