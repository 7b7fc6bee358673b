//! The start PIN: four digits, so few wrong ones are allowed.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, DbErr};
use service::{Problem, ValidationCode};

use crate::fleet::Fleet;
use crate::table::ride;

/// So many PINs may be tried within [`WINDOW`].
const ATTEMPTS: i32 = 5;
/// How long tries are remembered, from the first on.
const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// Whether it is the rider's PIN.
///
/// The try is counted before the PIN is looked at: many at once are no way around the limit.
pub(crate) async fn check(
    fleet: &Fleet,
    ride: &ride::Model,
    pin: &str,
) -> Result<Result<(), Problem>, DbErr> {
    let now = fleet.parts.clock.now();
    if !count(fleet, ride, now).await? {
        let until = fleet.ride_of(ride.id).await?.and_then(|ride| ride.pin_attempts_until);
        let left = until.map_or(WINDOW, |until| until - now).num_seconds() + 1;
        return Ok(Err(Problem::rate_limit(i32::try_from(left).unwrap_or(i32::MAX))));
    }
    if ride.start_pin == pin {
        return Ok(Ok(()));
    }
    let message = "this is not the rider's PIN";
    Ok(Err(Problem::validation(ValidationCode::WRONG_PIN, &["pin"], message)))
}

/// Counts a try; says whether it is allowed.
async fn count(fleet: &Fleet, ride: &ride::Model, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let forgotten = Condition::any()
        .add(ride::Column::PinAttemptsUntil.is_null())
        .add(ride::Column::PinAttemptsUntil.lte(now));
    let first = ride::Entity::update_many()
        .col_expr(ride::Column::PinAttempts, Expr::value(1))
        .col_expr(ride::Column::PinAttemptsUntil, Expr::value(now + WINDOW))
        .filter(ride::Column::Id.eq(ride.id))
        .filter(forgotten)
        .exec(&fleet.parts.database.write)
        .await?;
    if first.rows_affected == 1 {
        return Ok(true);
    }
    let further = ride::Entity::update_many()
        .col_expr(ride::Column::PinAttempts, Expr::col(ride::Column::PinAttempts).add(1))
        .filter(ride::Column::Id.eq(ride.id))
        .filter(ride::Column::PinAttempts.lt(ATTEMPTS))
        .exec(&fleet.parts.database.write)
        .await?;
    Ok(further.rows_affected == 1)
}
