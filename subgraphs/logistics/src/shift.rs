//! Shifts: when a driver was online, and what they earned.

use async_graphql::{Context, Result, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set, Condition, DatabaseTransaction, DbErr, FromQueryResult, QueryOrder,
    QuerySelect,
};
use service::error::bad_user_input;
use uuid::Uuid;

use crate::fleet::Fleet;
use crate::kind::RideStatus;
use crate::scalar::Money;
use crate::table::{ride, shift};

/// What a driver earned in a time.
#[derive(SimpleObject)]
pub(crate) struct DriverEarnings {
    /// In the currency of the last ride of that time, or else of the last before; XXX, "no currency", where there was none.
    gross: Money,
    /// All of it: an amount for each currency.
    gross_by_currency: Vec<Money>,
    ride_count: i32,
    online_seconds: i32,
}

/// The driver goes online, in the transaction; without effect where they are.
pub(crate) async fn begin(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
) -> Result<(), DbErr> {
    let open = shift::Entity::find()
        .filter(shift::Column::DriverId.eq(driver_id))
        .filter(shift::Column::EndedAt.is_null())
        .count(transaction)
        .await?;
    if open == 0 {
        let row = shift::ActiveModel {
            id: Set(fleet.parts.clock.new_id()),
            driver_id: Set(driver_id),
            began_at: Set(fleet.parts.clock.now()),
            ended_at: Set(None),
        };
        row.insert(transaction).await?;
    }
    Ok(())
}

/// The driver goes offline, in the transaction; without effect where they are.
pub(crate) async fn end(
    fleet: &Fleet,
    transaction: &DatabaseTransaction,
    driver_id: Uuid,
) -> Result<(), DbErr> {
    shift::Entity::update_many()
        .col_expr(shift::Column::EndedAt, Expr::value(fleet.parts.clock.now()))
        .filter(shift::Column::DriverId.eq(driver_id))
        .filter(shift::Column::EndedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

/// ISO 4217's code for "no currency": of who has earned nothing yet.
const NO_CURRENCY: &str = "XXX";

/// What was earned in one currency.
#[derive(FromQueryResult)]
struct Earned {
    currency: String,
    gross: i64,
    rides: i64,
    last: DateTime<Utc>,
}

/// The fares of the rides that ended in `[from, to)`, and the time online in it.
pub(crate) async fn earnings(
    ctx: &Context<'_>,
    driver_id: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<DriverEarnings> {
    if to < from {
        return Err(bad_user_input("`to` must not be before `from`"));
    }
    let fleet = Fleet::of(ctx);
    let read = &fleet.parts.database.read;
    let completed = ride::Entity::find()
        .filter(ride::Column::DriverId.eq(driver_id))
        .filter(ride::Column::Status.eq(RideStatus::Completed));
    let earned: Vec<Earned> = completed
        .clone()
        .filter(ride::Column::EndedAt.gte(from))
        .filter(ride::Column::EndedAt.lt(to))
        .select_only()
        .column(ride::Column::Currency)
        // Postgres adds bigints to a numeric.
        .column_as(Expr::col(ride::Column::FinalFare).sum().cast_as("bigint"), "gross")
        .column_as(ride::Column::Id.count(), "rides")
        .column_as(ride::Column::EndedAt.max(), "last")
        .group_by(ride::Column::Currency)
        .order_by_asc(ride::Column::Currency)
        .into_model()
        .all(read)
        .await?;
    let by_currency = earned.iter().map(|earned| Money::of(earned.gross, &earned.currency));
    let gross = if let Some(latest) = earned.iter().max_by_key(|earned| earned.last) {
        Money::of(latest.gross, &latest.currency)?
    } else {
        let newest = completed.order_by_desc(ride::Column::EndedAt).one(read).await?;
        Money::of(0, newest.as_ref().map_or(NO_CURRENCY, |ride| &ride.currency))?
    };
    Ok(DriverEarnings {
        gross,
        gross_by_currency: by_currency.collect::<Result<_>>()?,
        ride_count: i32::try_from(earned.iter().map(|earned| earned.rides).sum::<i64>())?,
        online_seconds: online_seconds(fleet, driver_id, from, to).await?,
    })
}

async fn online_seconds(
    fleet: &Fleet,
    driver_id: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<i32> {
    let now = fleet.parts.clock.now();
    let still_on =
        Condition::any().add(shift::Column::EndedAt.is_null()).add(shift::Column::EndedAt.gt(from));
    let shifts = shift::Entity::find()
        .filter(shift::Column::DriverId.eq(driver_id))
        .filter(shift::Column::BeganAt.lt(to))
        .filter(still_on)
        .all(&fleet.parts.database.read)
        .await?;
    let within = |shift: shift::Model| {
        let (began, ended) =
            (Ord::max(shift.began_at, from), Ord::min(shift.ended_at.unwrap_or(now), to));
        Ord::max((ended - began).num_seconds(), 0)
    };
    Ok(i32::try_from(shifts.into_iter().map(within).sum::<i64>())?)
}
