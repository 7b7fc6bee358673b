//! Ratings: after a ride, each side says once what it thinks of the other.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{DatabaseTransaction, DbErr};
use service::{Batch, Caller, ConflictCode, Event, Problem, ValidationCode, authenticated};
use uuid::Uuid;

use crate::driver::{DriverById, DriverByUser};
use crate::fleet::Fleet;
use crate::kind::RideStatus;
use crate::ride::Ride;
use crate::ride_change::Refusal;
use crate::table::{driver, ride, rider};
use crate::vehicle::out_of_range;

/// The longest comment, in characters.
const COMMENT_LIMIT: usize = 1_000;

#[derive(InputObject)]
struct RateRideInput {
    ride_id: ID,
    score: i32,
    comment: Option<String>,
}

#[derive(SimpleObject)]
struct RateRidePayload {
    ride: Option<Ride>,
    problems: Vec<Problem>,
}

/// The mutation of ratings.
#[derive(Default)]
pub(crate) struct RatingMutation;

#[Object]
impl RatingMutation {
    #[graphql(directive = authenticated::apply())]
    async fn rate_ride(
        &self,
        ctx: &Context<'_>,
        input: RateRideInput,
    ) -> Option<Result<RateRidePayload>> {
        let rated = rate(ctx, input).await;
        Some(rated.map(|rated| match rated {
            Ok(row) => RateRidePayload { ride: Some(Ride(Arc::new(row))), problems: vec![] },
            Err(problem) => RateRidePayload { ride: None, problems: vec![problem] },
        }))
    }
}

async fn rate(ctx: &Context<'_>, input: RateRideInput) -> Result<Result<ride::Model, Problem>> {
    let user_id = Caller::of(ctx).require_user()?;
    let fleet = Fleet::of(ctx);
    if !(1..=5).contains(&input.score) {
        return Ok(Err(out_of_range(&["score"], "a score lies between 1 and 5")));
    }
    if input.comment.as_ref().is_some_and(|comment| comment.chars().count() > COMMENT_LIMIT) {
        let message = format!("a comment has {COMMENT_LIMIT} characters at most");
        return Ok(Err(Problem::validation(ValidationCode::TOO_LONG, &["comment"], message)));
    }
    let Some(row) = fleet.ride(&input.ride_id).await? else {
        return Ok(Err(Problem::not_found("ride")));
    };
    let is_rider = row.rider_id == user_id;
    let driver = Batch::<DriverByUser>::of(ctx).one(user_id).await?;
    let is_driver = driver.is_some_and(|driver| row.driver_id == Some(driver.id));
    if !is_rider && !is_driver {
        return Ok(Err(Problem::not_found("ride")));
    }
    if row.status != RideStatus::Completed {
        return Ok(Err(Refusal::InvalidTransition.problem()));
    }
    let transaction = fleet.parts.database.begin().await?;
    let now = fleet.parts.clock.now();
    let mut set = ride::ActiveModel { updated_at: Set(now), ..Default::default() };
    let unrated = if is_rider {
        set.driver_score = Set(Some(input.score));
        set.driver_comment = Set(input.comment);
        set.driver_rated_at = Set(Some(now));
        ride::Column::DriverScore.is_null()
    } else {
        set.rider_score = Set(Some(input.score));
        set.rider_comment = Set(input.comment);
        set.rider_rated_at = Set(Some(now));
        ride::Column::RiderScore.is_null()
    };
    let updated = ride::Entity::update_many()
        .set(set)
        .filter(ride::Column::Id.eq(row.id))
        .filter(unrated)
        .exec(&transaction)
        .await?;
    if updated.rows_affected == 0 {
        return Ok(Err(Problem::conflict(
            ConflictCode::ALREADY_RATED,
            "this side has rated the ride",
        )));
    }
    match row.driver_id {
        Some(driver_id) if is_rider => {
            count_for_driver(&transaction, driver_id, input.score).await?;
        }
        _ => count_for_rider(fleet, &transaction, row.rider_id, input.score).await?,
    }
    let rated = ride::Entity::find_by_id(row.id)
        .one(&transaction)
        .await?
        .ok_or("a ride that was just rated is gone")?;
    let driver = match row.driver_id {
        Some(driver_id) => driver::Entity::find_by_id(driver_id).one(&transaction).await?,
        None => None,
    };
    fleet.outbox.commit(transaction).await?;
    // What is shown of the driver in this answer is as it is now.
    if let Some(driver) = driver {
        Batch::<DriverById>::of(ctx).feed(driver.id, Arc::new(driver));
    }
    Ok(Ok(rated))
}

async fn count_for_driver(
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
    score: i32,
) -> Result<(), DbErr> {
    driver::Entity::update_many()
        .col_expr(driver::Column::RatingSum, Expr::col(driver::Column::RatingSum).add(score))
        .col_expr(driver::Column::RatingCount, Expr::col(driver::Column::RatingCount).add(1))
        .filter(driver::Column::Id.eq(driver_id))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn count_for_rider(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    rider_id: Uuid,
    score: i32,
) -> Result<(), DbErr> {
    open_record(fleet, transaction, rider_id).await?;
    rider::Entity::update_many()
        .col_expr(rider::Column::RatingSum, Expr::col(rider::Column::RatingSum).add(score))
        .col_expr(rider::Column::RatingCount, Expr::col(rider::Column::RatingCount).add(1))
        .filter(rider::Column::UserId.eq(rider_id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The rider has completed a ride.
pub(crate) async fn count_ride(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    rider_id: Uuid,
) -> Result<(), DbErr> {
    open_record(fleet, transaction, rider_id).await?;
    rider::Entity::update_many()
        .col_expr(rider::Column::RideCount, Expr::col(rider::Column::RideCount).add(1))
        .filter(rider::Column::UserId.eq(rider_id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Opens a rider's record, where there is none.
async fn open_record(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    user_id: Uuid,
) -> Result<(), DbErr> {
    let row = rider::ActiveModel {
        user_id: Set(user_id),
        rating_sum: Set(0),
        rating_count: Set(0),
        ride_count: Set(0),
        created_at: Set(fleet.parts.clock.now()),
    };
    rider::Entity::insert(row)
        .on_conflict(OnConflict::column(rider::Column::UserId).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// `user.created`: opens the rider's record.
pub(crate) async fn user_created(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    event: &Event,
) -> Result<(), DbErr> {
    open_record(fleet, transaction, event.aggregate_id).await
}
