//! What all resolvers of logistics share: the parts, the outbox, the peer, and the workers' bell.

use std::sync::Arc;

use async_graphql::{Context, ID};
use sea_orm::DbErr;
use sea_orm::entity::prelude::*;
use service::{Idempotency, Outbox, Parts, Peer};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::quote::QuoteKey;
use crate::table::{driver, ride};

/// What all resolvers share.
pub(crate) struct Fleet {
    pub(crate) parts: Parts,
    pub(crate) outbox: Outbox,
    pub(crate) idempotency: Idempotency,
    pub(crate) auth: Peer,
    pub(crate) quotes: QuoteKey,
    pub(crate) share_page: Option<String>,
    /// Rung after a change that a worker should see at once; workers look by themselves besides.
    pub(crate) bell: Notify,
}

impl Fleet {
    /// The fleet of the schema that `ctx` belongs to.
    pub(crate) fn of<'a>(ctx: &Context<'a>) -> &'a Arc<Self> {
        ctx.data_unchecked::<Arc<Self>>()
    }

    /// The driver of an id, as a client writes it.
    pub(crate) async fn driver(&self, id: &ID) -> Result<Option<driver::Model>, DbErr> {
        let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
        driver::Entity::find_by_id(id).one(&self.parts.database.read).await
    }

    /// The ride of an id, as a client writes it.
    pub(crate) async fn ride(&self, id: &ID) -> Result<Option<ride::Model>, DbErr> {
        let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
        self.ride_of(id).await
    }

    /// The ride of an id, as it is now.
    pub(crate) async fn ride_of(&self, id: Uuid) -> Result<Option<ride::Model>, DbErr> {
        ride::Entity::find_by_id(id).one(&self.parts.database.read).await
    }
}
