//! Share links: whoever holds one follows a ride until it ends.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::error::upstream_unavailable;
use service::{Batch, Caller, ConflictCode, DateTime, Problem, authenticated};
use uuid::Uuid;

use crate::driver::{DriverById, DriverLocation, location};
use crate::fleet::Fleet;
use crate::kind::RideStatus;
use crate::ride::{DRIVEN, Ride, RideById};
use crate::scalar::Stop;
use crate::table::ride;
use crate::transition::is_final;
use crate::vehicle::VehicleById;

/// A link lasts no longer, however long the ride takes.
const LIFE: TimeDelta = TimeDelta::hours(24);
/// What the tokens are: no other token of ours opens a ride.
const TYPE: &str = "share";

/// What a share token says.
#[derive(Debug, Serialize, Deserialize)]
struct Share {
    ride_id: Uuid,
    /// Seconds since the epoch.
    exp: i64,
}

/// What a follower sees of a ride.
pub(crate) struct SharedRide(Arc<ride::Model>);

/// What a follower of a shared ride may know of the car.
#[derive(SimpleObject)]
struct SharedVehicle {
    make: String,
    model: String,
    color: String,
    plate_number: String,
}

#[Object]
impl SharedRide {
    async fn status(&self) -> RideStatus {
        self.0.status
    }

    async fn pickup(&self) -> Stop {
        Ride(Arc::clone(&self.0)).pickup_stop()
    }

    async fn dropoff(&self) -> Stop {
        Ride(Arc::clone(&self.0)).dropoff_stop()
    }

    async fn driver_first_name(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        first_name(ctx, self.0.driver_id?).await.transpose()
    }

    async fn vehicle(&self, ctx: &Context<'_>) -> Option<Result<SharedVehicle>> {
        let row = Batch::<VehicleById>::of(ctx).one(self.0.vehicle_id?).await.transpose()?;
        Some(row.map(|row| SharedVehicle {
            make: row.make.clone(),
            model: row.model.clone(),
            color: row.color.clone(),
            plate_number: row.plate_number.clone(),
        }))
    }

    async fn location(&self, ctx: &Context<'_>) -> Option<Result<DriverLocation>> {
        if !DRIVEN.contains(&self.0.status) {
            return None;
        }
        match Batch::<DriverById>::of(ctx).one(self.0.driver_id?).await.transpose()? {
            Ok(driver) => location(&driver).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    async fn eta_seconds(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        Ride(Arc::clone(&self.0)).eta(ctx).await
    }
}

/// The driver's first name, which auth knows.
async fn first_name(ctx: &Context<'_>, driver_id: Uuid) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Answer {
        user: Option<User>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        first_name: String,
    }
    let Some(driver) = Batch::<DriverById>::of(ctx).one(driver_id).await? else { return Ok(None) };
    let document = "query ($id: ID!) { user(id: $id) { firstName } }";
    let answer =
        Fleet::of(ctx).auth.call::<Answer>(document, json!({ "id": driver.user_id })).await;
    let answer = answer.map_err(|error| {
        tracing::warn!(%error, "the name of a shared ride's driver is not known");
        upstream_unavailable("auth")
    })?;
    Ok(answer.user.map(|user| user.first_name))
}

/// The query of shared rides.
#[derive(Default)]
pub(crate) struct ShareQuery;

#[Object]
impl ShareQuery {
    /// Live view behind a share link; no sign-in needed.
    async fn shared_ride(&self, ctx: &Context<'_>, token: String) -> Option<Result<SharedRide>> {
        let fleet = Fleet::of(ctx);
        let share: Share = fleet.quotes.open(TYPE, &token)?;
        if share.exp <= fleet.parts.clock.now().timestamp() {
            return None;
        }
        match Batch::<RideById>::of(ctx).one(share.ride_id).await.transpose()? {
            Ok(row) => (!is_final(row.status)).then_some(Ok(SharedRide(row))),
            Err(error) => Some(Err(error)),
        }
    }
}

#[derive(InputObject)]
struct ShareRideInput {
    ride_id: ID,
}

#[derive(SimpleObject, Default)]
struct ShareRidePayload {
    /// Null where this installation has no page for shared rides.
    url: Option<String>,
    token: Option<String>,
    expires_at: Option<DateTime>,
    problems: Vec<Problem>,
}

/// The mutation of share links.
#[derive(Default)]
pub(crate) struct ShareMutation;

#[Object]
impl ShareMutation {
    /// A link that lets anyone follow this ride until it ends.
    #[graphql(directive = authenticated::apply())]
    async fn share_ride(
        &self,
        ctx: &Context<'_>,
        input: ShareRideInput,
    ) -> Option<Result<ShareRidePayload>> {
        Some(share(ctx, &input.ride_id).await)
    }
}

async fn share(ctx: &Context<'_>, ride_id: &ID) -> Result<ShareRidePayload> {
    let user_id = Caller::of(ctx).require_user()?;
    let fleet = Fleet::of(ctx);
    let refused =
        |problem| ShareRidePayload { problems: vec![problem], ..ShareRidePayload::default() };
    // The driver's place and plate are shown: it is for the rider alone to show them.
    let Some(ride) = fleet.ride(ride_id).await?.filter(|ride| ride.rider_id == user_id) else {
        return Ok(refused(Problem::not_found("ride")));
    };
    if is_final(ride.status) {
        return Ok(refused(Problem::conflict(
            ConflictCode::INVALID_TRANSITION,
            "the ride is over",
        )));
    }
    let expires_at = ride.scheduled_for.unwrap_or_default().max(fleet.parts.clock.now()) + LIFE;
    let token =
        fleet.quotes.seal(TYPE, &Share { ride_id: ride.id, exp: expires_at.timestamp() })?;
    Ok(ShareRidePayload {
        url: fleet.share_page.as_ref().map(|page| format!("{page}{token}")),
        token: Some(token),
        expires_at: Some(expires_at.into()),
        problems: vec![],
    })
}
