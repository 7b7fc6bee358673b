//! Drivers: the entity, who may see what of it, and the directory.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::DatabaseConnection;
use sea_orm::entity::prelude::*;
use service::{
    Batch, BatchLoad, Caller, Connection, DateTime, Direction, Keyset, Page, authenticated,
    paginate, wants_total_count,
};
use uuid::Uuid;

use crate::fleet::Fleet;
use crate::geo::Point;
use crate::kind::{DriverAvailability, DriverStatus, ServiceType, VehicleType};
use crate::ride::{self, Ride, RideFilterInput};
use crate::scalar::Coordinates;
use crate::shift::{self, DriverEarnings};
use crate::table::driver;
use crate::user::User;
use crate::vehicle::{Vehicle, VehicleById, VehiclesByDriver};

/// Contract: `DriverResponse`.
#[derive(Clone)]
pub(crate) struct Driver(pub(crate) Arc<driver::Model>);

/// Where a driver was last.
#[derive(SimpleObject)]
pub(crate) struct DriverLocation {
    coordinates: Coordinates,
    heading: Option<f64>,
    speed_meters_per_second: Option<f64>,
    recorded_at: DateTime,
}

impl Driver {
    fn is_private_to(&self, ctx: &Context<'_>) -> bool {
        Caller::of(ctx).is_user_or_has_scope(self.0.user_id, "read:drivers")
    }

    /// Where the driver is, for those who may know: themselves, the rider of their ride, `read:drivers`.
    async fn visible_location(&self, ctx: &Context<'_>) -> Result<Option<DriverLocation>> {
        let visible = self.is_private_to(ctx)
            || match Caller::of(ctx).user_id() {
                Some(user_id) => ride::is_driven_by(ctx, user_id, self.0.id).await?,
                None => false,
            };
        Ok(if visible { location(&self.0) } else { None })
    }
}

/// Where a row says that a driver is.
pub(crate) fn location(row: &driver::Model) -> Option<DriverLocation> {
    Some(DriverLocation {
        coordinates: Point { latitude: row.latitude?, longitude: row.longitude? }.into(),
        heading: row.heading,
        speed_meters_per_second: row.speed,
        recorded_at: row.located_at?.into(),
    })
}

#[Object]
impl Driver {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn user_id(&self) -> ID {
        self.0.user_id.into()
    }

    async fn user(&self) -> User {
        User { id: self.0.user_id }
    }

    /// Own profile, or scope read:drivers.
    #[graphql(directive = authenticated::apply())]
    async fn license_number(&self, ctx: &Context<'_>) -> Option<&str> {
        self.is_private_to(ctx).then_some(&self.0.license_number)
    }

    async fn vehicle_type(&self) -> VehicleType {
        self.0.vehicle_type
    }

    #[expect(clippy::unused_async, reason = "the macro takes async resolvers alone")]
    async fn service_types(&self) -> Result<Vec<ServiceType>> {
        Ok(serde_json::from_value(self.0.service_types.clone())?)
    }

    async fn status(&self) -> DriverStatus {
        self.0.status
    }

    /// Null once the suspension is over.
    async fn suspended_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        let now = Fleet::of(ctx).parts.clock.now();
        let since = self.0.suspended_at?;
        self.0.suspended_until.is_none_or(|until| until > now).then(|| since.into())
    }

    /// 1 to 5; null before the first rating.
    async fn rating(&self) -> Option<f64> {
        mean(self.0.rating_sum, self.0.rating_count)
    }

    async fn rating_count(&self) -> i32 {
        self.0.rating_count
    }

    async fn availability(&self) -> DriverAvailability {
        self.0.availability
    }

    #[graphql(directive = authenticated::apply())]
    async fn location(&self, ctx: &Context<'_>) -> Option<Result<DriverLocation>> {
        self.visible_location(ctx).await.transpose()
    }

    async fn vehicles(&self, ctx: &Context<'_>) -> Result<Vec<Vehicle>> {
        let rows = Batch::<VehiclesByDriver>::of(ctx).one(self.0.id).await?;
        Ok(rows.unwrap_or_default().into_iter().map(Vehicle).collect())
    }

    async fn active_vehicle(&self, ctx: &Context<'_>) -> Option<Result<Vehicle>> {
        let id = self.0.active_vehicle_id?;
        Batch::<VehicleById>::of(ctx).one(id).await.transpose().map(|row| row.map(Vehicle))
    }

    /// Own profile, or scope read:rides.
    #[graphql(directive = authenticated::apply())]
    async fn rides(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<RideFilterInput>,
    ) -> Option<Result<Connection<Ride>>> {
        if !Caller::of(ctx).is_user_or_has_scope(self.0.user_id, "read:rides") {
            return None;
        }
        let page = match Page::new(first, after, last, before) {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        Some(ride::page(ctx, ride::Of::Driver(self.0.id), filter, &page).await)
    }

    /// Own profile, or scope read:drivers.
    #[graphql(directive = authenticated::apply())]
    async fn earnings(
        &self,
        ctx: &Context<'_>,
        from: DateTime,
        to: DateTime,
    ) -> Option<Result<DriverEarnings>> {
        if !self.is_private_to(ctx) {
            return None;
        }
        Some(shift::earnings(ctx, self.0.id, from.0, to.0).await)
    }

    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// The mean of scores; none before the first.
pub(crate) fn mean(sum: i64, count: i32) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "scores of five add up to far less than 2^53")]
    (count > 0).then(|| sum as f64 / f64::from(count))
}

/// Drivers by id.
pub(crate) struct DriverById(pub(crate) DatabaseConnection);

impl BatchLoad for DriverById {
    type Key = Uuid;
    type Value = Arc<driver::Model>;
    const NAME: &'static str = "Driver";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<driver::Model>>, DbErr> {
        let rows = driver::Entity::find().filter(driver::Column::Id.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.id, Arc::new(row))).collect())
    }
}

/// Drivers by the user that they are.
pub(crate) struct DriverByUser(pub(crate) DatabaseConnection);

impl BatchLoad for DriverByUser {
    type Key = Uuid;
    type Value = Arc<driver::Model>;
    const NAME: &'static str = "Driver.user";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<driver::Model>>, DbErr> {
        let rows =
            driver::Entity::find().filter(driver::Column::UserId.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.user_id, Arc::new(row))).collect())
    }
}

#[derive(InputObject)]
struct DriverFilterInput {
    status: Option<DriverStatus>,
    availability: Option<DriverAvailability>,
    vehicle_type: Option<VehicleType>,
}

/// The queries of drivers.
#[derive(Default)]
pub(crate) struct DriverQuery;

#[Object]
impl DriverQuery {
    #[graphql(directive = authenticated::apply())]
    async fn driver(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Driver>> {
        if let Err(error) = Caller::of(ctx).require_identity() {
            return Some(Err(error));
        }
        Batch::<DriverById>::of(ctx)
            .one(id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Driver))
    }

    /// Contract: GET /api/drivers/{userId}. Also reachable as User.driver.
    #[graphql(directive = authenticated::apply())]
    async fn driver_by_user_id(&self, ctx: &Context<'_>, user_id: ID) -> Option<Result<Driver>> {
        if let Err(error) = Caller::of(ctx).require_identity() {
            return Some(Err(error));
        }
        Batch::<DriverByUser>::of(ctx)
            .one(user_id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Driver))
    }

    #[graphql(requires_scopes = "read:drivers")]
    async fn drivers(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<DriverFilterInput>,
    ) -> Option<Result<Connection<Driver>>> {
        Some(directory(ctx, Page::new(first, after, last, before), filter).await)
    }

    #[graphql(entity)]
    async fn find_driver_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Driver>> {
        Batch::<DriverById>::of(ctx)
            .one(id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Driver))
    }

    #[graphql(entity)]
    async fn find_driver_by_user_id(
        &self,
        ctx: &Context<'_>,
        user_id: ID,
    ) -> Option<Result<Driver>> {
        Batch::<DriverByUser>::of(ctx)
            .one(user_id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Driver))
    }

    #[graphql(entity)]
    async fn find_vehicle_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Vehicle>> {
        Batch::<VehicleById>::of(ctx)
            .one(id.parse().ok()?)
            .await
            .transpose()
            .map(|row| row.map(Vehicle))
    }
}

async fn directory(
    ctx: &Context<'_>,
    page: Result<Page>,
    filter: Option<DriverFilterInput>,
) -> Result<Connection<Driver>> {
    Caller::of(ctx).require_scope("read:drivers")?;
    let page = page?;
    let mut rows = driver::Entity::find();
    if let Some(filter) = filter {
        if let Some(status) = filter.status {
            rows = rows.filter(driver::Column::Status.eq(status));
        }
        if let Some(availability) = filter.availability {
            rows = rows.filter(driver::Column::Availability.eq(availability));
        }
        if let Some(vehicle_type) = filter.vehicle_type {
            rows = rows.filter(driver::Column::VehicleType.eq(vehicle_type));
        }
    }
    let database = &Fleet::of(ctx).parts.database.read;
    let total =
        if wants_total_count(ctx) { Some(rows.clone().count(database).await?) } else { None };
    let keyset = Keyset {
        sort: driver::Column::CreatedAt,
        id: driver::Column::Id,
        direction: Direction::Descending,
    };
    let slice = paginate(rows, keyset, &page, |row| (row.created_at, row.id), database).await?;
    Ok(slice.into_connection(total, |row| Driver(Arc::new(row))))
}
