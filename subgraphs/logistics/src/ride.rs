//! Rides: the entity, who may see it, and lists of rides.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder};
use service::{
    Batch, BatchLoad, Caller, Connection, DateTime, Direction, Keyset, Page, authenticated,
    paginate, wants_total_count,
};
use uuid::Uuid;

use crate::driver::{Driver, DriverById, DriverByUser};
use crate::fare::Trip;
use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{CancellationReason, RideActor, RideStatus};
use crate::product::Product;
use crate::relation::{Acquainted, OpenOffers, UnderWay};
use crate::safety_alert::{self, SafetyAlert};
use crate::scalar::{Money, Stop};
use crate::table::{ride, ride_event};
use crate::user::User;
use crate::vehicle::{Vehicle, VehicleById};

/// The states in which a ride has a driver on it.
pub(crate) const DRIVEN: [RideStatus; 3] =
    [RideStatus::Accepted, RideStatus::DriverArrived, RideStatus::InProgress];
/// The states in which a ride keeps its rider busy.
pub(crate) const ACTIVE: [RideStatus; 4] = [
    RideStatus::Requested,
    RideStatus::Accepted,
    RideStatus::DriverArrived,
    RideStatus::InProgress,
];

/// A ride, shown to somebody who may see it.
#[derive(Clone)]
pub(crate) struct Ride(pub(crate) Arc<ride::Model>);

/// One step of a ride.
#[derive(SimpleObject)]
struct RideEvent {
    id: ID,
    status: RideStatus,
    occurred_at: DateTime,
    actor: RideActor,
}

/// Why a ride was called off, and what that costs.
#[derive(SimpleObject)]
struct RideCancellation {
    by: RideActor,
    reason: CancellationReason,
    note: Option<String>,
    fee: Option<Money>,
    cancelled_at: DateTime,
}

/// What one side thinks of the other.
#[derive(SimpleObject)]
struct RideRating {
    score: i32,
    comment: Option<String>,
    created_at: DateTime,
}

impl Ride {
    fn rating(
        score: Option<i32>,
        comment: Option<&String>,
        at: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Option<RideRating> {
        Some(RideRating { score: score?, comment: comment.cloned(), created_at: at?.into() })
    }

    /// Where it begins.
    pub(crate) fn pickup_stop(&self) -> Stop {
        Stop { address: self.0.pickup_address.clone(), coordinates: self.pickup_point().into() }
    }

    /// Where it ends.
    pub(crate) fn dropoff_stop(&self) -> Stop {
        let (latitude, longitude) = (self.0.dropoff_latitude, self.0.dropoff_longitude);
        Stop {
            address: self.0.dropoff_address.clone(),
            coordinates: Point { latitude, longitude }.into(),
        }
    }

    fn pickup_point(&self) -> Point {
        Point { latitude: self.0.pickup_latitude, longitude: self.0.pickup_longitude }
    }

    /// How long the driver needs to the pickup, while on the way there.
    pub(crate) async fn eta(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        if self.0.status != RideStatus::Accepted {
            return None;
        }
        let driver = match Batch::<DriverById>::of(ctx).one(self.0.driver_id?).await.transpose()? {
            Ok(driver) => driver,
            Err(error) => return Some(Err(error)),
        };
        let at = Point { latitude: driver.latitude?, longitude: driver.longitude? };
        i32::try_from(Trip::between(at, self.pickup_point()).seconds).ok().map(Ok)
    }
}

#[Object]
impl Ride {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn rider(&self) -> User {
        User { id: self.0.rider_id }
    }

    async fn driver(&self, ctx: &Context<'_>) -> Option<Result<Driver>> {
        Batch::<DriverById>::of(ctx)
            .one(self.0.driver_id?)
            .await
            .transpose()
            .map(|row| row.map(Driver))
    }

    async fn vehicle(&self, ctx: &Context<'_>) -> Option<Result<Vehicle>> {
        Batch::<VehicleById>::of(ctx)
            .one(self.0.vehicle_id?)
            .await
            .transpose()
            .map(|row| row.map(Vehicle))
    }

    async fn product(&self) -> Product {
        Product::reference(self.0.product_id)
    }

    async fn status(&self) -> RideStatus {
        self.0.status
    }

    async fn pickup(&self) -> Stop {
        self.pickup_stop()
    }

    async fn dropoff(&self) -> Stop {
        self.dropoff_stop()
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn quoted_fare(&self) -> Result<Money> {
        Money::of(self.0.quoted_fare, &self.0.currency)
    }

    async fn final_fare(&self) -> Option<Result<Money>> {
        self.0.final_fare.map(|amount| Money::of(amount, &self.0.currency))
    }

    /// As driven, once the ride is over; before, as estimated.
    async fn distance_meters(&self) -> Option<i32> {
        Some(self.0.distance_meters.unwrap_or(self.0.quoted_meters))
    }

    /// As driven, once the ride is over; before, as estimated.
    async fn duration_seconds(&self) -> Option<i32> {
        match (self.0.started_at, self.0.ended_at) {
            (Some(started), Some(ended)) => i32::try_from((ended - started).num_seconds()).ok(),
            _ => Some(self.0.quoted_seconds),
        }
    }

    /// How long the driver needs to the pickup, while on the way there.
    async fn eta_seconds(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        self.eta(ctx).await
    }

    /// Shown to the rider only; the driver types it in to start.
    #[graphql(directive = authenticated::apply())]
    async fn start_pin(&self, ctx: &Context<'_>) -> Option<&str> {
        Caller::of(ctx).is_user(self.0.rider_id).then_some(&self.0.start_pin)
    }

    async fn scheduled_for(&self) -> Option<DateTime> {
        self.0.scheduled_for.map(Into::into)
    }

    async fn cancellation(&self) -> Option<Result<RideCancellation>> {
        let (by, reason, at) =
            (self.0.cancelled_by?, self.0.cancellation_reason?, self.0.ended_at?);
        let fee = self.0.charged_fee.map(|fee| Money::of(fee, &self.0.currency)).transpose();
        Some(fee.map(|fee| RideCancellation {
            by,
            reason,
            note: self.0.cancellation_note.clone(),
            fee,
            cancelled_at: at.into(),
        }))
    }

    /// The driver's rating of the rider.
    async fn rider_rating(&self) -> Option<RideRating> {
        Self::rating(self.0.rider_score, self.0.rider_comment.as_ref(), self.0.rider_rated_at)
    }

    /// The rider's rating of the driver.
    async fn driver_rating(&self) -> Option<RideRating> {
        Self::rating(self.0.driver_score, self.0.driver_comment.as_ref(), self.0.driver_rated_at)
    }

    async fn events(&self, ctx: &Context<'_>) -> Result<Vec<RideEvent>> {
        let rows = Batch::<EventsByRide>::of(ctx).one(self.0.id).await?.unwrap_or_default();
        let event = |row: Arc<ride_event::Model>| RideEvent {
            id: row.id.into(),
            status: row.status,
            occurred_at: row.occurred_at.into(),
            actor: row.actor,
        };
        Ok(rows.into_iter().map(event).collect())
    }

    /// All for operations; for rider and driver, what they raised themselves.
    #[graphql(directive = authenticated::apply())]
    async fn safety_alerts(&self, ctx: &Context<'_>) -> Option<Result<Vec<SafetyAlert>>> {
        safety_alert::of_ride(ctx, &self.0).await.transpose()
    }

    /// Optimistic lock: send it back as expectedVersion.
    async fn version(&self) -> i32 {
        self.0.version
    }

    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

/// The ride, where the caller may see it: its rider, its driver, read:rides; while open, the drivers it is offered to.
pub(crate) async fn visible(ctx: &Context<'_>, row: Arc<ride::Model>) -> Result<Option<Ride>> {
    let caller = Caller::of(ctx);
    if caller.is_user_or_has_scope(row.rider_id, "read:rides") {
        return Ok(Some(Ride(row)));
    }
    let Some(user_id) = caller.user_id() else { return Ok(None) };
    let Some(driver) = Batch::<DriverByUser>::of(ctx).one(user_id).await? else { return Ok(None) };
    let is_theirs = row.driver_id == Some(driver.id)
        || row.status == RideStatus::Requested
            && Batch::<OpenOffers>::of(ctx).one((row.id, driver.id)).await?.is_some();
    Ok(is_theirs.then_some(Ride(row)))
}

/// Whether the driver is on the way with, or to, this rider.
pub(crate) async fn is_driven_by(
    ctx: &Context<'_>,
    rider_id: Uuid,
    driver_id: Uuid,
) -> Result<bool> {
    Ok(Batch::<UnderWay>::of(ctx).one((rider_id, driver_id)).await?.is_some())
}

/// Whether the user is a driver with a ride of this rider, or an open offer of one.
pub(crate) async fn has_to_do_with(
    ctx: &Context<'_>,
    user_id: Uuid,
    rider_id: Uuid,
) -> Result<bool> {
    let Some(driver) = Batch::<DriverByUser>::of(ctx).one(user_id).await? else { return Ok(false) };
    Ok(Batch::<Acquainted>::of(ctx).one((rider_id, driver.id)).await?.is_some())
}

/// Rides by id.
pub(crate) struct RideById(pub(crate) DatabaseConnection);

impl BatchLoad for RideById {
    type Key = Uuid;
    type Value = Arc<ride::Model>;
    const NAME: &'static str = "Ride";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<ride::Model>>, DbErr> {
        let rows = ride::Entity::find().filter(ride::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// What happened to rides, oldest first.
pub(crate) struct EventsByRide(pub(crate) DatabaseConnection);

impl BatchLoad for EventsByRide {
    type Key = Uuid;
    type Value = Vec<Arc<ride_event::Model>>;
    const NAME: &'static str = "Ride.events";

    async fn load(
        &self,
        keys: &[Uuid],
    ) -> Result<HashMap<Uuid, Vec<Arc<ride_event::Model>>>, DbErr> {
        let rows = ride_event::Entity::find()
            .filter(ride_event::Column::RideId.is_in(keys.iter().copied()))
            .order_by_asc(ride_event::Column::RideId)
            .order_by_asc(ride_event::Column::Version);
        let mut found: HashMap<Uuid, Vec<Arc<ride_event::Model>>> = HashMap::new();
        for row in rows.all(&self.0).await? {
            found.entry(row.ride_id).or_default().push(Arc::new(row));
        }
        Ok(found)
    }
}

/// The ride that keeps a rider busy.
pub(crate) struct ActiveRideByRider(pub(crate) DatabaseConnection);

impl BatchLoad for ActiveRideByRider {
    type Key = Uuid;
    type Value = Arc<ride::Model>;
    const NAME: &'static str = "Ride.active";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<ride::Model>>, DbErr> {
        let rows = ride::Entity::find()
            .filter(ride::Column::RiderId.is_in(keys.iter().copied()))
            .filter(ride::Column::Status.is_in(ACTIVE));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.rider_id, Arc::new(row))).collect())
    }
}

/// Whose rides a list shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// A rider's.
    Rider(Uuid),
    /// A driver's.
    Driver(Uuid),
    /// Everybody's.
    All,
}

/// Which rides a list shows.
#[derive(InputObject)]
pub(crate) struct RideFilterInput {
    status: Option<Vec<RideStatus>>,
    from: Option<DateTime>,
    to: Option<DateTime>,
}

/// A page of rides, newest first.
pub(crate) async fn page(
    ctx: &Context<'_>,
    of: Of,
    filter: Option<RideFilterInput>,
    page: &Page,
) -> Result<Connection<Ride>> {
    let mut rows = match of {
        Of::Rider(id) => ride::Entity::find().filter(ride::Column::RiderId.eq(id)),
        Of::Driver(id) => ride::Entity::find().filter(ride::Column::DriverId.eq(id)),
        Of::All => ride::Entity::find(),
    };
    if let Some(filter) = filter {
        if let Some(statuses) = filter.status {
            rows = rows.filter(ride::Column::Status.is_in(statuses));
        }
        if let Some(from) = filter.from {
            rows = rows.filter(ride::Column::CreatedAt.gte(from.0));
        }
        if let Some(to) = filter.to {
            rows = rows.filter(ride::Column::CreatedAt.lt(to.0));
        }
    }
    let database = &Fleet::of(ctx).parts.database.read;
    let total =
        if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
    let keyset = Keyset {
        sort: ride::Column::CreatedAt,
        id: ride::Column::Id,
        direction: Direction::Descending,
    };
    let slice = paginate(rows, keyset, page, |row| (row.created_at, row.id), database).await?;
    Ok(slice.into_connection(total, |row| Ride(Arc::new(row))))
}

/// The queries of rides.
#[derive(Default)]
pub(crate) struct RideQuery;

#[Object]
impl RideQuery {
    #[graphql(directive = authenticated::apply())]
    async fn ride(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Ride>> {
        if let Err(error) = Caller::of(ctx).require_identity() {
            return Some(Err(error));
        }
        by_id(ctx, &id).await
    }

    #[graphql(requires_scopes = "read:rides")]
    async fn rides(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<RideFilterInput>,
    ) -> Option<Result<Connection<Ride>>> {
        if let Err(error) = Caller::of(ctx).require_scope("read:rides") {
            return Some(Err(error));
        }
        match Page::new(first, after, last, before) {
            Ok(asked) => Some(page(ctx, Of::All, filter, &asked).await),
            Err(error) => Some(Err(error)),
        }
    }

    #[graphql(entity)]
    async fn find_ride_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Ride>> {
        by_id(ctx, &id).await
    }
}

async fn by_id(ctx: &Context<'_>, id: &ID) -> Option<Result<Ride>> {
    match Batch::<RideById>::of(ctx).one(id.parse().ok()?).await.transpose()? {
        Ok(row) => visible(ctx, row).await.transpose(),
        Err(error) => Some(Err(error)),
    }
}
