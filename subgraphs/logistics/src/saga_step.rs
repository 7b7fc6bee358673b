//! The steps of the registration saga and how each is undone. Done twice, each is done once.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, DbErr, SqlErr};
use serde::Deserialize;
use serde_json::json;
use service::PeerError;

use crate::fleet::Fleet;
use crate::kind::{DriverAvailability, DriverStatus};
use crate::registration::{RegisterDriverInput, StepName};
use crate::saga::json_of;
use crate::table::{driver, registration};

/// What became of a step.
pub(crate) enum Outcome {
    Done,
    /// Not known, or not now: the same again later.
    Later(String),
    /// It will never be: undo.
    Refused(String),
}

/// Takes the step.
pub(crate) async fn take(
    fleet: &Fleet,
    session: &registration::Model,
    step: StepName,
) -> Result<Outcome, DbErr> {
    match step {
        StepName::ValidateUser => Ok(validate_user(fleet, session).await),
        StepName::CreateDriver => create_driver(fleet, session).await,
        StepName::GrantDriverRole => Ok(change_role(fleet, session, RoleChange::Grant).await),
    }
}

/// Undoes the step.
pub(crate) async fn undo(
    fleet: &Fleet,
    session: &registration::Model,
    step: StepName,
) -> Result<Outcome, DbErr> {
    match step {
        StepName::ValidateUser => Ok(Outcome::Done),
        StepName::CreateDriver => {
            // The vehicle goes with it.
            let delete = driver::Entity::delete_by_id(session.driver_id);
            delete.exec(&fleet.parts.database.write).await?;
            Ok(Outcome::Done)
        }
        StepName::GrantDriverRole => Ok(change_role(fleet, session, RoleChange::Revoke).await),
    }
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
        personal_info: Set(json_of(&input.personal_info)?),
        vehicle_type: Set(input.vehicle_type),
        service_types: Set(json_of(&input.distinct_service_types())?),
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
    let id = fleet.parts.clock.new_id();
    let vehicle = input.vehicle_details.row(id, session.driver_id, input.vehicle_type, now);
    vehicle.insert(&transaction).await?;
    transaction.commit().await?;
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
