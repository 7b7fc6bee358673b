//! Licences end: whoever's has ended takes no rides, and is taken offline; operations note a new one.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ActiveValue::Set, DbErr, IntoActiveModel, QuerySelect};
use service::{Caller, Problem, ValidationCode};
use uuid::Uuid;

use crate::driver::Driver;
use crate::fleet::Fleet;
use crate::kind::DriverAvailability;
use crate::shift;
use crate::table::driver;
use crate::vehicle::required_text;

/// How many drivers one look takes offline.
const READ_LIMIT: u64 = 500;

/// A date of four digits for the year: dates are stored as they are written, and their order is that of their texts.
pub(crate) fn date(text: &str, path: &[&str]) -> Result<NaiveDate, Problem> {
    let date =
        text.parse::<NaiveDate>().ok().filter(|date| text.len() == 10 && date.to_string() == text);
    date.ok_or_else(|| {
        let message = "a date is written like 2030-12-31";
        Problem::validation(ValidationCode::INVALID_FORMAT, path, message)
    })
}

/// What is wrong with the last day of a document: it is no date, or it has passed.
pub(crate) fn expiry_problem(text: &str, path: &[&str], today: NaiveDate) -> Option<Problem> {
    match date(text, path) {
        Ok(last) if last < today => {
            let message = "the document is no longer valid";
            Some(Problem::validation(ValidationCode::EXPIRED_DOCUMENT, path, message))
        }
        Ok(_) => None,
        Err(problem) => Some(problem),
    }
}

/// Whether the driver's licence is valid today.
pub(crate) fn is_valid(driver: &driver::Model, now: DateTime<Utc>) -> bool {
    driver.license_expires_on >= now.date_naive().to_string()
}

/// The same, as a condition on the table.
pub(crate) fn valid(now: DateTime<Utc>) -> SimpleExpr {
    driver::Column::LicenseExpiresOn.gte(now.date_naive().to_string())
}

/// Takes the drivers offline whose licence has ended while they waited for rides.
pub(crate) async fn take_offline(fleet: &Fleet, now: DateTime<Utc>) -> Result<(), DbErr> {
    let ended = || {
        driver::Entity::find()
            .filter(driver::Column::Availability.eq(DriverAvailability::Available))
            .filter(driver::Column::LicenseExpiresOn.lt(now.date_naive().to_string()))
    };
    let found: Vec<Uuid> = ended()
        .select_only()
        .column(driver::Column::Id)
        .limit(READ_LIMIT)
        .into_tuple()
        .all(&fleet.parts.database.read)
        .await?;
    for id in found {
        let transaction = fleet.parts.database.begin().await?;
        // Unless they accepted a ride just now, or the licence was renewed.
        let still = ended().filter(driver::Column::Id.eq(id)).lock_exclusive();
        let Some(row) = still.one(&transaction).await? else { continue };
        let mut change = row.into_active_model();
        change.availability = Set(DriverAvailability::Offline);
        change.update(&transaction).await?;
        shift::end(fleet, &transaction, id).await?;
        fleet.outbox.commit(transaction).await?;
    }
    Ok(())
}

#[derive(InputObject)]
struct RenewDriverLicenseInput {
    driver_id: ID,
    license_number: String,
    license_expires_on: String,
}

#[derive(SimpleObject)]
struct RenewDriverLicensePayload {
    driver: Option<Driver>,
    problems: Vec<Problem>,
}

/// The mutation of licences.
#[derive(Default)]
pub(crate) struct LicenseMutation;

#[Object]
impl LicenseMutation {
    /// Operations: note the licence that a driver has shown anew. One whose licence has ended takes no rides until then.
    #[graphql(requires_scopes = "write:drivers")]
    async fn renew_driver_license(
        &self,
        ctx: &Context<'_>,
        input: RenewDriverLicenseInput,
    ) -> Option<Result<RenewDriverLicensePayload>> {
        let renewed = renew(ctx, input).await;
        Some(renewed.map(|renewed| match renewed {
            Ok(row) => {
                RenewDriverLicensePayload { driver: Some(Driver(Arc::new(row))), problems: vec![] }
            }
            Err(problems) => RenewDriverLicensePayload { driver: None, problems },
        }))
    }
}

async fn renew(
    ctx: &Context<'_>,
    input: RenewDriverLicenseInput,
) -> Result<Result<driver::Model, Vec<Problem>>> {
    Caller::of(ctx).require_scope("write:drivers")?;
    let fleet = Fleet::of(ctx);
    let today = fleet.parts.clock.now().date_naive();
    let checks = [
        required_text(&input.license_number, &["licenseNumber"]),
        expiry_problem(&input.license_expires_on, &["licenseExpiresOn"], today),
    ];
    let problems: Vec<Problem> = checks.into_iter().flatten().collect();
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let Some(row) = fleet.driver(&input.driver_id).await? else {
        return Ok(Err(vec![Problem::not_found("driver")]));
    };
    // These two columns alone: the driver may be accepting a ride.
    driver::Entity::update_many()
        .col_expr(driver::Column::LicenseNumber, Expr::value(input.license_number.clone()))
        .col_expr(driver::Column::LicenseExpiresOn, Expr::value(input.license_expires_on.clone()))
        .filter(driver::Column::Id.eq(row.id))
        .exec(&fleet.parts.database.write)
        .await?;
    let renewed = fleet.driver(&input.driver_id).await?;
    Ok(renewed.ok_or_else(|| vec![Problem::not_found("driver")]))
}
