//! A rider asks for a ride, at the price that was quoted.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, SqlErr};
use serde::Serialize;
use service::{
    Batch, Caller, Claim, ConflictCode, DateTime, Problem, RequestKey, ValidationCode,
    authenticated,
};
use uuid::Uuid;

use crate::catalogue::WithdrawnProduct;
use crate::cell;
use crate::dispatch::{LEAD, SEARCH_LIFE};
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{RideActor, RideStatus};
use crate::quote::Quote;
use crate::ride_change;
use crate::ride_payload::{Changed, ride_payload};
use crate::scalar::StopInput;
use crate::table::ride;
use crate::vehicle::{TEXT_LIMIT, out_of_range};

/// No ride is scheduled further ahead.
const SCHEDULE_LIMIT: TimeDelta = TimeDelta::days(30);

#[derive(InputObject)]
struct RequestRideInput {
    product_id: ID,
    pickup: StopInput,
    dropoff: StopInput,
    quote_token: String,
    scheduled_for: Option<DateTime>,
    idempotency_key: ID,
}

ride_payload!(RequestRidePayload);

/// The mutation that asks for a ride.
#[derive(Default)]
pub(crate) struct RequestMutation;

#[Object]
impl RequestMutation {
    #[graphql(directive = authenticated::apply())]
    async fn request_ride(
        &self,
        ctx: &Context<'_>,
        input: RequestRideInput,
    ) -> Option<Result<RequestRidePayload>> {
        Some(request(ctx, &input).await.map(Into::into))
    }
}

/// What a request for a ride is remembered by.
#[derive(Serialize)]
struct Asked<'a> {
    product_id: &'a str,
    pickup: Place<'a>,
    dropoff: Place<'a>,
    quote_token: &'a str,
    scheduled_for: Option<i64>,
}

/// Coordinates and address.
type Place<'a> = (f64, f64, Option<&'a str>);

fn place(stop: &StopInput) -> Place<'_> {
    (stop.coordinates.latitude, stop.coordinates.longitude, stop.address.as_deref())
}

async fn request(ctx: &Context<'_>, input: &RequestRideInput) -> Changed {
    let caller = Caller::of(ctx);
    let rider_id = caller.require_user()?;
    let fleet = Fleet::of(ctx);
    let now = fleet.parts.clock.now();
    let id = fleet.parts.clock.new_id();
    let is_withdrawn = match input.product_id.parse() {
        Ok(product_id) => Batch::<WithdrawnProduct>::of(ctx).one(product_id).await?.is_some(),
        Err(_) => false,
    };
    let transaction = fleet.parts.database.begin().await?;
    let label = caller.label();
    let key = RequestKey { caller: &label, operation: "requestRide", key: &input.idempotency_key };
    let asked = Asked {
        product_id: &input.product_id,
        pickup: place(&input.pickup),
        dropoff: place(&input.dropoff),
        quote_token: &input.quote_token,
        scheduled_for: input.scheduled_for.as_ref().map(|time| time.0.timestamp_millis()),
    };
    match fleet.idempotency.claim(&transaction, key, &asked, id).await? {
        Claim::New => {}
        Claim::Reused => return Ok(Err(Claim::reused())),
        Claim::Replay(made) => {
            let row = ride::Entity::find_by_id(made).one(&transaction).await?;
            return Ok(row.ok_or_else(|| Problem::not_found("ride")));
        }
    }
    let checked = input.check(now).and_then(|()| locked_price(fleet, rider_id, input));
    let quote = match checked {
        Ok(quote) => quote,
        Err(problem) => return Ok(Err(problem)),
    };
    if is_withdrawn {
        let message = "the product is no longer on offer: choose another";
        return Ok(Err(Problem::conflict(ConflictCode::PRODUCT_INACTIVE, message)));
    }
    let row = new_ride(fleet, id, rider_id, input, &quote)?;
    let row = match row.insert(&transaction).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            let message = "the rider has a ride that is not over";
            return Ok(Err(Problem::conflict(ConflictCode::ACTIVE_RIDE_EXISTS, message)));
        }
        other => other?,
    };
    ride_change::note(fleet, &transaction, &row, RideActor::Rider).await?;
    fleet.outbox.commit(transaction).await?;
    fleet.bell.notify_waiters();
    Ok(Ok(row))
}

impl RequestRideInput {
    fn check(&self, now: chrono::DateTime<chrono::Utc>) -> Result<(), Problem> {
        let stops = [("pickup", &self.pickup), ("dropoff", &self.dropoff)];
        for (name, stop) in stops {
            let address = stop.address.as_deref().unwrap_or_default();
            if address.chars().count() > TEXT_LIMIT {
                let message = format!("an address has {TEXT_LIMIT} characters at most");
                let path = &[name, "address"];
                return Err(Problem::validation(ValidationCode::TOO_LONG, path, message));
            }
        }
        match self.scheduled_for.as_ref().map(|time| time.0) {
            Some(time) if time <= now => {
                let message = "a ride is scheduled for the future";
                Err(Problem::validation(ValidationCode::IN_THE_PAST, &["scheduledFor"], message))
            }
            Some(time) if time > now + SCHEDULE_LIMIT => {
                Err(out_of_range(&["scheduledFor"], "a ride is scheduled 30 days ahead at most"))
            }
            _ => Ok(()),
        }
    }
}

/// The quote of the token, where it is for this rider, product and trip, and still holds.
fn locked_price(fleet: &Fleet, rider_id: Uuid, input: &RequestRideInput) -> Result<Quote, Problem> {
    let invalid = || {
        let message = "the quote is not for this rider, product and trip";
        Problem::validation(ValidationCode::QUOTE_INVALID, &["quoteToken"], message)
    };
    let product_id = input.product_id.parse::<Uuid>().map_err(|_| invalid())?;
    let quote = fleet.quotes.verify(&input.quote_token).ok_or_else(invalid)?;
    let (pickup, dropoff) = (input.pickup.coordinates.into(), input.dropoff.coordinates.into());
    if !quote.is_for(rider_id, product_id, pickup, dropoff) {
        return Err(invalid());
    }
    if quote.is_expired(fleet.parts.clock.now()) {
        let message = "the price no longer holds: ask for a new quote";
        return Err(Problem::validation(ValidationCode::QUOTE_EXPIRED, &["quoteToken"], message));
    }
    Ok(quote)
}

fn new_ride(
    fleet: &Fleet,
    id: Uuid,
    rider_id: Uuid,
    input: &RequestRideInput,
    quote: &Quote,
) -> Result<ride::ActiveModel> {
    let now = fleet.parts.clock.now();
    let scheduled_for = input.scheduled_for.as_ref().map(|time| time.0);
    let starts = scheduled_for.unwrap_or(now);
    let pickup = Point { latitude: quote.pickup.0, longitude: quote.pickup.1 };
    Ok(ride::ActiveModel {
        id: Set(id),
        rider_id: Set(rider_id),
        product_id: Set(quote.product_id),
        service_type: Set(quote.service_type),
        vehicle_types: Set(serde_json::to_value(&quote.vehicle_types)?),
        status: Set(if scheduled_for.is_some() {
            RideStatus::Scheduled
        } else {
            RideStatus::Requested
        }),
        pickup_address: Set(input.pickup.address.clone()),
        pickup_latitude: Set(pickup.latitude),
        pickup_longitude: Set(pickup.longitude),
        pickup_cell: Set(Some(cell::of(pickup))),
        dropoff_address: Set(input.dropoff.address.clone()),
        dropoff_latitude: Set(quote.dropoff.0),
        dropoff_longitude: Set(quote.dropoff.1),
        currency: Set(quote.currency.clone()),
        quoted_fare: Set(quote.fare),
        cancellation_fee: Set(quote.cancellation_fee),
        quoted_meters: Set(quote.meters),
        quoted_seconds: Set(quote.seconds),
        start_pin: Set(format!("{:04}", fleet.parts.random.below(10_000))),
        scheduled_for: Set(scheduled_for),
        next_offer_at: Set(scheduled_for.map_or(now, |time| (time - LEAD).max(now))),
        expires_at: Set(starts + SEARCH_LIFE),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    })
}
