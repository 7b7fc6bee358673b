//! What riders, drivers and operations watch: a ride, the place of its driver, offers, a registration.
//!
//! Each is fed by the bus, so that any replica serves it. An event says only that something has changed: what is shown is
//! read anew, and so is who may see it; whoever may no longer is not shown the end either, the stream just ends.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use futures::{Stream, StreamExt};
use sea_orm::entity::prelude::*;
use serde::Deserialize;
use service::{Caller, Heard, authenticated, error::Code};
use uuid::Uuid;

use crate::driver::{DriverLocation, location};
use crate::fleet::Fleet;
use crate::kind::RegistrationStatus;
use crate::offer::{RideOffer, open_offer, open_offers_of};
use crate::registration::DriverRegistrationSession;
use crate::ride::{DRIVEN, Ride};
use crate::table::{driver, offer, registration, ride};
use crate::transition::is_final;

/// What can be watched.
#[derive(Default)]
pub(crate) struct Subscription;

#[Subscription]
impl Subscription {
    /// Every state change of one ride; rider, assigned driver and operations only.
    #[graphql(directive = authenticated::apply())]
    async fn ride_updated(
        &self,
        ctx: &Context<'_>,
        ride_id: ID,
    ) -> Result<impl Stream<Item = Result<Ride>> + use<>> {
        let watcher = Watcher::of(ctx, &ride_id)?;
        let ride = watcher.view.ride("read:rides").await?.ok_or_else(hidden)?;
        let is_over = is_final(ride.status);
        let following = Following { watcher, shown: 0, ended: is_over.then_some(ride), is_over };
        Ok(futures::stream::unfold(following, Following::next))
    }

    /// Driver position while the ride is `ACCEPTED`, `DRIVER_ARRIVED` or `IN_PROGRESS`.
    #[graphql(directive = authenticated::apply())]
    async fn ride_driver_location(
        &self,
        ctx: &Context<'_>,
        ride_id: ID,
    ) -> Result<impl Stream<Item = Result<DriverLocation>> + use<>> {
        let watcher = Watcher::of(ctx, &ride_id)?;
        let ride = watcher.view.ride("read:drivers").await?.ok_or_else(hidden)?;
        let tracking = Tracking { is_over: is_final(ride.status), shown: None, watcher };
        Ok(futures::stream::unfold(tracking, Tracking::next))
    }

    /// Offers made to the signed-in driver.
    #[graphql(directive = authenticated::apply())]
    async fn ride_offered(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<RideOffer>> + use<>> {
        let user_id = Caller::of(ctx).require_user()?;
        let fleet = Fleet::of(ctx);
        let driver = driver::Entity::find()
            .filter(driver::Column::UserId.eq(user_id))
            .one(&fleet.parts.database.read)
            .await?;
        let driver = driver.ok_or_else(|| Code::Forbidden.error("offers are made to drivers"))?;
        let watcher = Watcher::new(ctx, driver.id);
        let waiting = Waiting { watcher, ready: VecDeque::new() };
        Ok(futures::stream::unfold(waiting, Waiting::next))
    }

    /// A registration from step to step, for its user and for operations.
    #[graphql(directive = authenticated::apply())]
    async fn driver_registration_updated(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Result<impl Stream<Item = Result<DriverRegistrationSession>> + use<>> {
        let watcher = Watcher::of(ctx, &id)?;
        let session = watcher.view.session().await?.ok_or_else(hidden)?;
        let is_over = is_settled(session.status);
        let attending =
            Attending { watcher, shown: -1, ended: is_over.then_some(session), is_over };
        Ok(futures::stream::unfold(attending, Attending::next))
    }
}

/// There is nothing here for this caller.
fn hidden() -> async_graphql::Error {
    Code::Forbidden.error("there is no such thing, or it is not yours to watch")
}

/// Who watches which entity.
struct Watcher {
    view: View,
    heard: Pin<Box<dyn Stream<Item = Heard> + Send>>,
}

/// What the watcher sees of the entity, each time anew.
struct View {
    fleet: Arc<Fleet>,
    caller: Caller,
    entity: Uuid,
}

/// What is heard of an entity.
enum Said {
    /// An event of this kind.
    Event(Arc<service::Event>),
    /// Some were missed.
    Missed,
}

impl Said {
    fn is(&self, kind: &str) -> bool {
        match self {
            Self::Event(event) => event.kind.starts_with(kind),
            Self::Missed => true,
        }
    }
}

impl Watcher {
    /// Watches from now on: what is read after this is no older than what is heard.
    fn new(ctx: &Context<'_>, entity: Uuid) -> Self {
        let fleet = Arc::clone(Fleet::of(ctx));
        let heard = Box::pin(fleet.parts.bus.watch(entity));
        Self { view: View { fleet, caller: Caller::of(ctx).clone(), entity }, heard }
    }

    fn of(ctx: &Context<'_>, id: &ID) -> Result<Self> {
        Caller::of(ctx).require_identity()?;
        Ok(Self::new(ctx, id.parse().map_err(|_| hidden())?))
    }

    async fn next(&mut self) -> Option<Said> {
        Some(self.heard.next().await?.map_or(Said::Missed, Said::Event))
    }
}

impl View {
    /// The ride, where the caller is its rider, its driver, or holds the scope.
    async fn ride(&self, scope: &str) -> Result<Option<ride::Model>, DbErr> {
        let Some(ride) = self.fleet.ride_of(self.entity).await? else { return Ok(None) };
        if self.caller.is_user_or_has_scope(ride.rider_id, scope) {
            return Ok(Some(ride));
        }
        let drives = self.driver(&ride).await?.is_some_and(|it| self.caller.is_user(it.user_id));
        Ok(drives.then_some(ride))
    }

    async fn driver(&self, ride: &ride::Model) -> Result<Option<driver::Model>, DbErr> {
        let Some(driver_id) = ride.driver_id else { return Ok(None) };
        driver::Entity::find_by_id(driver_id).one(&self.fleet.parts.database.read).await
    }

    /// The registration, for its user and `read:drivers`.
    async fn session(&self) -> Result<Option<registration::Model>, DbErr> {
        let found = registration::Entity::find_by_id(self.entity);
        let session = found.one(&self.fleet.parts.database.read).await?;
        Ok(session.filter(|it| self.caller.is_user_or_has_scope(it.user_id, "read:drivers")))
    }
}

/// A ride is followed from version to version.
struct Following {
    watcher: Watcher,
    shown: i32,
    /// A ride that was over when this began: shown once, for it may have ended just then.
    ended: Option<ride::Model>,
    is_over: bool,
}

impl Following {
    async fn next(mut self) -> Option<(Result<Ride>, Self)> {
        if let Some(ride) = self.ended.take() {
            return Some((Ok(Ride(Arc::new(ride))), self));
        }
        while !self.is_over {
            if !self.watcher.next().await?.is("ride.") {
                continue;
            }
            match self.watcher.view.ride("read:rides").await {
                Ok(Some(ride)) if ride.version > self.shown => {
                    (self.shown, self.is_over) = (ride.version, is_final(ride.status));
                    return Some((Ok(Ride(Arc::new(ride))), self));
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some((Err(error.into()), self)),
            }
        }
        None
    }
}

/// A driver is tracked from point to point, while on the ride.
struct Tracking {
    watcher: Watcher,
    shown: Option<chrono::DateTime<chrono::Utc>>,
    is_over: bool,
}

impl Tracking {
    async fn next(mut self) -> Option<(Result<DriverLocation>, Self)> {
        while !self.is_over {
            self.watcher.next().await?;
            match self.place().await {
                Ok(Some(place)) => return Some((Ok(place), self)),
                Ok(None) => {}
                Err(error) => return Some((Err(error.into()), self)),
            }
        }
        None
    }

    /// Where the driver is now, where that is new and for the caller to see.
    async fn place(&mut self) -> Result<Option<DriverLocation>, DbErr> {
        let ride = self.watcher.view.ride("read:drivers").await?;
        let Some(ride) = ride.filter(|ride| !is_final(ride.status)) else {
            self.is_over = true;
            return Ok(None);
        };
        if !DRIVEN.contains(&ride.status) {
            return Ok(None);
        }
        let driver = self.watcher.view.driver(&ride).await?;
        let Some(driver) = driver.filter(|driver| driver.located_at > self.shown) else {
            return Ok(None);
        };
        self.shown = driver.located_at;
        Ok(location(&driver))
    }
}

/// A driver waits for offers; some may be ready to be shown.
struct Waiting {
    watcher: Watcher,
    ready: VecDeque<offer::Model>,
}

/// What `ride.offered` says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offered {
    ride_id: Uuid,
}

impl Waiting {
    async fn next(mut self) -> Option<(Result<RideOffer>, Self)> {
        loop {
            if let Some(offer) = self.ready.pop_front() {
                return Some((Ok(RideOffer(offer)), self));
            }
            let said = self.watcher.next().await?;
            if said.is("ride.offered")
                && let Err(error) = self.read(said).await
            {
                return Some((Err(error), self));
            }
        }
    }

    /// The offer that was made, where it still stands; where some were missed, all that do.
    async fn read(&mut self, said: Said) -> Result<()> {
        let driver_id = self.watcher.view.entity;
        match said {
            Said::Event(event) => {
                let Offered { ride_id } = serde_json::from_value(event.payload.clone())?;
                self.ready.extend(open_offer(&self.watcher.view.fleet, ride_id, driver_id).await?);
            }
            Said::Missed => {
                self.ready.extend(open_offers_of(&self.watcher.view.fleet, driver_id).await?);
            }
        }
        Ok(())
    }
}

/// A registration is attended from version to version.
struct Attending {
    watcher: Watcher,
    shown: i32,
    /// A registration that was over when this began: shown once, for it may have ended just then.
    ended: Option<registration::Model>,
    is_over: bool,
}

impl Attending {
    async fn next(mut self) -> Option<(Result<DriverRegistrationSession>, Self)> {
        if let Some(session) = self.ended.take() {
            return Some((Ok(DriverRegistrationSession(Arc::new(session))), self));
        }
        while !self.is_over {
            self.watcher.next().await?;
            match self.watcher.view.session().await {
                Ok(Some(session)) if session.version > self.shown => {
                    (self.shown, self.is_over) = (session.version, is_settled(session.status));
                    return Some((Ok(DriverRegistrationSession(Arc::new(session))), self));
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some((Err(error.into()), self)),
            }
        }
        None
    }
}

/// Whether nothing can happen any more; operations may yet resume one that FAILED.
fn is_settled(status: RegistrationStatus) -> bool {
    matches!(status, RegistrationStatus::Completed | RegistrationStatus::Compensated)
}
