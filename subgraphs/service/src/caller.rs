//! Who asks: the service that sent the request, and the user it speaks for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use async_graphql::{Context, Error};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::{forbidden, unauthenticated};

/// Permissions such as `read:users`.
pub type Scopes = BTreeSet<String>;

/// Who asks, verified: a peer service always, and the user in whose name, where the request carries one's token.
///
/// Where there is a user only the user's scopes count; without one, the service's permissions do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The service that sent the request: `router`, or a peer.
    pub service: String,
    /// What the service may do here: what it claims, of what we allow it.
    pub permissions: Scopes,
    /// The signed-in user.
    pub user: Option<SignedIn>,
    /// The client's address, as the router tells it; none from any other service.
    pub address: Option<IpAddr>,
    /// The client's `user-agent`, as the router tells it.
    pub user_agent: Option<String>,
}

/// The user of an access token that verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user's id.
    pub user_id: Uuid,
    /// The session (refresh-token family) that the token belongs to.
    pub session_id: Option<Uuid>,
    /// What the user's roles allow.
    pub scopes: Scopes,
    /// When the token ends, and with it every subscription that it opened.
    pub expires_at: DateTime<Utc>,
}

impl Caller {
    /// The caller of the request that `ctx` resolves.
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Self>()
    }

    /// The signed-in user's id.
    pub fn user_id(&self) -> Option<Uuid> {
        self.user.as_ref().map(|user| user.user_id)
    }

    /// Whether the signed-in user is this one.
    pub fn is_user(&self, id: Uuid) -> bool {
        self.user_id() == Some(id)
    }

    /// The scopes that count: the user's, or without a user the service's.
    pub fn scopes(&self) -> &Scopes {
        self.user.as_ref().map_or(&self.permissions, |user| &user.scopes)
    }

    /// Whether the caller holds `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope)
    }

    /// Whether it is the user `id`, or holds `scope`: the rule of most private fields.
    pub fn is_user_or_has_scope(&self, id: Uuid, scope: &str) -> bool {
        self.is_user(id) || self.has_scope(scope)
    }

    /// The signed-in user's id, or `UNAUTHENTICATED`.
    pub fn require_user(&self) -> Result<Uuid, Error> {
        self.user_id().ok_or_else(unauthenticated)
    }

    /// Nothing where somebody is known, user or trusted service; otherwise `UNAUTHENTICATED`.
    pub fn require_identity(&self) -> Result<(), Error> {
        if self.user.is_some() || !self.permissions.is_empty() {
            Ok(())
        } else {
            Err(unauthenticated())
        }
    }

    /// Nothing where the caller holds `scope`; `UNAUTHENTICATED` for nobody, else `FORBIDDEN`.
    pub fn require_scope(&self, scope: &str) -> Result<(), Error> {
        self.require_identity()?;
        if self.has_scope(scope) { Ok(()) } else { Err(forbidden(scope)) }
    }

    /// Names the caller in idempotency keys and logs: `user:<id>` or `service:<name>`.
    pub fn label(&self) -> String {
        match &self.user {
            Some(user) => format!("user:{}", user.user_id),
            None => format!("service:{}", self.service),
        }
    }
}
