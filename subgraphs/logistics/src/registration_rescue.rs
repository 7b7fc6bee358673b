//! What operations do with a registration that is stuck: try it again now, or call it off.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{DatabaseTransaction, DbErr};
use service::{Caller, ConflictCode, Problem};
use uuid::Uuid;

use crate::fleet::Fleet;
use crate::kind::RegistrationStatus;
use crate::registration::DriverRegistrationSession;
use crate::saga;
use crate::table::registration;

#[derive(InputObject)]
struct ResumeDriverRegistrationInput {
    registration_id: ID,
}

#[derive(InputObject)]
struct CancelDriverRegistrationInput {
    registration_id: ID,
}

#[derive(SimpleObject)]
struct ResumeDriverRegistrationPayload {
    registration: Option<DriverRegistrationSession>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct CancelDriverRegistrationPayload {
    registration: Option<DriverRegistrationSession>,
    problems: Vec<Problem>,
}

/// The mutations of registrations that are stuck.
#[derive(Default)]
pub(crate) struct RegistrationRescue;

#[Object]
impl RegistrationRescue {
    /// Operations: try a registration again at once, rather than after its pause; one that FAILED goes on undoing.
    #[graphql(requires_scopes = "write:drivers")]
    async fn resume_driver_registration(
        &self,
        ctx: &Context<'_>,
        input: ResumeDriverRegistrationInput,
    ) -> Option<Result<ResumeDriverRegistrationPayload>> {
        let resumed = rescue(ctx, &input.registration_id, Rescue::Resume).await;
        Some(resumed.map(|resumed| match resumed {
            Ok(row) => ResumeDriverRegistrationPayload {
                registration: Some(DriverRegistrationSession(Arc::new(row))),
                problems: vec![],
            },
            Err(problem) => {
                ResumeDriverRegistrationPayload { registration: None, problems: vec![problem] }
            }
        }))
    }

    /// Operations: call off a registration that is RUNNING; what it has done is undone.
    #[graphql(requires_scopes = "write:drivers")]
    async fn cancel_driver_registration(
        &self,
        ctx: &Context<'_>,
        input: CancelDriverRegistrationInput,
    ) -> Option<Result<CancelDriverRegistrationPayload>> {
        let cancelled = rescue(ctx, &input.registration_id, Rescue::Cancel).await;
        Some(cancelled.map(|cancelled| match cancelled {
            Ok(row) => CancelDriverRegistrationPayload {
                registration: Some(DriverRegistrationSession(Arc::new(row))),
                problems: vec![],
            },
            Err(problem) => {
                CancelDriverRegistrationPayload { registration: None, problems: vec![problem] }
            }
        }))
    }
}

#[derive(Clone, Copy)]
enum Rescue {
    Resume,
    Cancel,
}

async fn rescue(
    ctx: &Context<'_>,
    id: &ID,
    rescue: Rescue,
) -> Result<Result<registration::Model, Problem>> {
    Caller::of(ctx).require_scope("write:drivers")?;
    let fleet = Fleet::of(ctx);
    let not_found = || Problem::not_found("registration");
    let Ok(id) = id.parse::<Uuid>() else { return Ok(Err(not_found())) };
    let transaction = fleet.parts.database.begin().await?;
    let found = registration::Entity::find_by_id(id).one(&transaction).await?;
    let Some(session) = found else { return Ok(Err(not_found())) };
    let (status, failure) = match (rescue, session.status) {
        (Rescue::Cancel, RegistrationStatus::Running) => {
            (RegistrationStatus::Compensating, Some("cancelled by operations"))
        }
        (Rescue::Resume, RegistrationStatus::Failed) => (RegistrationStatus::Compensating, None),
        (Rescue::Resume, RegistrationStatus::Running | RegistrationStatus::Compensating) => {
            (session.status, None)
        }
        _ => {
            let message = "the registration's state does not allow this";
            return Ok(Err(Problem::conflict(ConflictCode::INVALID_TRANSITION, message)));
        }
    };
    if !turn(fleet, &transaction, &session, status, failure).await? {
        let message = "the registration has just changed: read it again";
        return Ok(Err(Problem::conflict(ConflictCode::VERSION_CONFLICT, message)));
    }
    let row = registration::Entity::find_by_id(id).one(&transaction).await?;
    fleet.outbox.commit(transaction).await?;
    fleet.bell.notify_waiters();
    Ok(row.ok_or_else(not_found))
}

/// Gives the session this status, to be taken up at once; says whether it was still as it was read.
///
/// A lease stays: whoever holds it may be in the middle of a step, and what that does must be over before it is undone.
pub(crate) async fn turn(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    session: &registration::Model,
    status: RegistrationStatus,
    failure: Option<&str>,
) -> Result<bool, DbErr> {
    let now = fleet.parts.clock.now();
    let failure = failure.map(str::to_owned).or_else(|| session.failure.clone());
    let turned = registration::Entity::update_many()
        .col_expr(registration::Column::Status, Expr::value(status))
        .col_expr(registration::Column::Failure, Expr::value(failure))
        .col_expr(registration::Column::NextAt, Expr::value(now))
        .col_expr(registration::Column::UpdatedAt, Expr::value(now))
        .col_expr(registration::Column::Version, Expr::value(session.version + 1))
        .filter(registration::Column::Id.eq(session.id))
        .filter(registration::Column::Version.eq(session.version))
        .exec(transaction)
        .await?;
    if turned.rows_affected == 1 {
        saga::tell(fleet, transaction, session, status).await?;
    }
    Ok(turned.rows_affected == 1)
}
