//! What logistics adds to a user: the driver they may be, their rides, their rating as a rider.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use sea_orm::DatabaseConnection;
use sea_orm::entity::prelude::*;
use service::{Batch, BatchLoad, Caller, Connection, Page, authenticated};
use uuid::Uuid;

use crate::driver::{Driver, DriverByUser, mean};
use crate::registration::{DriverRegistrationSession, RegistrationByUser};
use crate::ride::{self, ActiveRideByRider, Ride, RideFilterInput};
use crate::table::rider;

/// A user of auth, by key.
pub(crate) struct User {
    pub(crate) id: Uuid,
}

#[Object]
impl User {
    async fn id(&self) -> ID {
        self.id.into()
    }

    async fn driver(&self, ctx: &Context<'_>) -> Option<Result<Driver>> {
        Batch::<DriverByUser>::of(ctx).one(self.id).await.transpose().map(|row| row.map(Driver))
    }

    /// Contract: GET /api/drivers/check/{userId}.
    async fn is_driver(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Batch::<DriverByUser>::of(ctx).one(self.id).await?.is_some())
    }

    /// Mean of the scores that drivers gave this rider; null before the first. Own account, a driver with an offer or ride
    /// of this rider, or read:rides.
    #[graphql(directive = authenticated::apply())]
    async fn rider_rating(&self, ctx: &Context<'_>) -> Option<Result<f64>> {
        rider_rating(ctx, self.id).await.transpose()
    }

    #[graphql(directive = authenticated::apply())]
    async fn active_ride(&self, ctx: &Context<'_>) -> Option<Result<Ride>> {
        if !Caller::of(ctx).is_user_or_has_scope(self.id, "read:rides") {
            return None;
        }
        Batch::<ActiveRideByRider>::of(ctx).one(self.id).await.transpose().map(|row| row.map(Ride))
    }

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
        if !Caller::of(ctx).is_user_or_has_scope(self.id, "read:rides") {
            return None;
        }
        let page = match Page::new(first, after, last, before) {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        Some(ride::page(ctx, ride::Of::Rider(self.id), filter, &page).await)
    }

    #[graphql(directive = authenticated::apply())]
    async fn driver_registration(
        &self,
        ctx: &Context<'_>,
    ) -> Option<Result<DriverRegistrationSession>> {
        if !Caller::of(ctx).is_user_or_has_scope(self.id, "read:drivers") {
            return None;
        }
        let row = Batch::<RegistrationByUser>::of(ctx).one(self.id).await;
        row.transpose().map(|row| row.map(DriverRegistrationSession))
    }
}

async fn rider_rating(ctx: &Context<'_>, rider_id: Uuid) -> Result<Option<f64>> {
    let caller = Caller::of(ctx);
    let visible = caller.is_user_or_has_scope(rider_id, "read:rides")
        || match caller.user_id() {
            Some(user_id) => ride::has_to_do_with(ctx, user_id, rider_id).await?,
            None => false,
        };
    if !visible {
        return Ok(None);
    }
    let row = Batch::<RiderById>::of(ctx).one(rider_id).await?;
    Ok(row.and_then(|row| mean(row.rating_sum, row.rating_count)))
}

/// What is known of riders.
pub(crate) struct RiderById(pub(crate) DatabaseConnection);

impl BatchLoad for RiderById {
    type Key = Uuid;
    type Value = Arc<rider::Model>;
    const NAME: &'static str = "Rider";

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, Arc<rider::Model>>, DbErr> {
        let rows = rider::Entity::find().filter(rider::Column::UserId.is_in(keys.iter().copied()));
        Ok(rows.all(&self.0).await?.into_iter().map(|row| (row.user_id, Arc::new(row))).collect())
    }
}

/// The entity of a user. Whether there is such a user is for auth to say.
#[derive(Default)]
pub(crate) struct UserQuery;

#[Object]
impl UserQuery {
    #[graphql(entity)]
    async fn find_user_by_id(&self, id: ID) -> Option<Result<User>> {
        Some(Ok(User { id: id.parse().ok()? }))
    }
}
