//! What auth's resolvers share: the parts of the service, and those of accounts.

use async_graphql::{Context, ID};
use sea_orm::{DbErr, EntityTrait};
use service::{Idempotency, Outbox, Parts, SigningKeys};
use uuid::Uuid;

use crate::errand::Errands;
use crate::notifier::Notifier;
use crate::password::Passwords;
use crate::settings::Limits;
use crate::table::user;

/// The shared parts; one for the life of the service.
pub(crate) struct Accounts {
    pub(crate) parts: Parts,
    pub(crate) outbox: Outbox,
    pub(crate) idempotency: Idempotency,
    pub(crate) signing: SigningKeys,
    pub(crate) passwords: Passwords,
    pub(crate) notifier: Notifier,
    pub(crate) errands: Errands,
    pub(crate) limits: Limits,
}

impl Accounts {
    pub(crate) fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<std::sync::Arc<Self>>()
    }

    /// The user of this id; none for a malformed or unknown one.
    pub(crate) async fn user(&self, id: &ID) -> Result<Option<user::Model>, DbErr> {
        let Ok(id) = Uuid::parse_str(id) else { return Ok(None) };
        user::Entity::find_by_id(id).one(&self.parts.database.read).await
    }
}
