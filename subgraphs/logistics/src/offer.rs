//! Offers, as the drivers see them: the open ones, and each new one as it is made.

use async_graphql::{Context, Object, Result};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{DbErr, QueryOrder, Select};
use service::{Batch, Caller, authenticated};
use uuid::Uuid;

use crate::driver::DriverByUser;
use crate::fleet::Fleet;
use crate::kind::{OfferState, RideStatus};
use crate::ride::{Ride, RideById};
use crate::table::{offer, ride};

/// A ride that the signed-in driver may accept.
pub(crate) struct RideOffer(pub(crate) offer::Model);

#[Object]
impl RideOffer {
    async fn ride(&self, ctx: &Context<'_>) -> Result<Ride> {
        let row = Batch::<RideById>::of(ctx).one(self.0.ride_id).await?;
        Ok(Ride(row.ok_or("an offer without its ride")?))
    }

    async fn pickup_distance_meters(&self) -> i32 {
        self.0.pickup_meters
    }

    async fn expires_at(&self) -> service::DateTime {
        self.0.expires_at.into()
    }
}

/// The query of offers.
#[derive(Default)]
pub(crate) struct OfferQuery;

#[Object]
impl OfferQuery {
    /// Open offers made to the signed-in driver, newest first; the same that rideOffered announces.
    #[graphql(directive = authenticated::apply())]
    async fn ride_offers(&self, ctx: &Context<'_>) -> Option<Result<Vec<RideOffer>>> {
        open_offers(ctx).await.transpose()
    }
}

async fn open_offers(ctx: &Context<'_>) -> Result<Option<Vec<RideOffer>>> {
    let user_id = Caller::of(ctx).require_user()?;
    let Some(driver) = Batch::<DriverByUser>::of(ctx).one(user_id).await? else { return Ok(None) };
    let offers = open_offers_of(Fleet::of(ctx), driver.id).await?;
    Ok(Some(offers.into_iter().map(RideOffer).collect()))
}

/// The offers to a driver that stand, newest first.
pub(crate) async fn open_offers_of(
    fleet: &Fleet,
    driver_id: Uuid,
) -> Result<Vec<offer::Model>, DbErr> {
    standing(fleet)
        .filter(offer::Column::DriverId.eq(driver_id))
        .order_by_desc(offer::Column::CreatedAt)
        .order_by_desc(offer::Column::RideId)
        .all(&fleet.parts.database.read)
        .await
}

/// The offers that stand: open, and the ride still looks for a driver.
fn standing(fleet: &Fleet) -> Select<offer::Entity> {
    let waiting = Query::select()
        .column(ride::Column::Id)
        .from(ride::Entity)
        .and_where(ride::Column::Status.eq(RideStatus::Requested))
        .to_owned();
    offer::Entity::find()
        .filter(offer::Column::State.eq(OfferState::Open))
        .filter(offer::Column::ExpiresAt.gt(fleet.parts.clock.now()))
        .filter(offer::Column::RideId.in_subquery(waiting))
}

/// The offer of a ride to a driver, where it stands.
pub(crate) async fn open_offer(
    fleet: &Fleet,
    ride_id: Uuid,
    driver_id: Uuid,
) -> Result<Option<offer::Model>, DbErr> {
    standing(fleet)
        .filter(offer::Column::RideId.eq(ride_id))
        .filter(offer::Column::DriverId.eq(driver_id))
        .one(&fleet.parts.database.read)
        .await
}
