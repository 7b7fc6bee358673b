//! What all resolvers of platform share: the parts, the outbox, and the rules of input.

use std::sync::Arc;

use async_graphql::Context;
use sea_orm::DatabaseTransaction;
use serde::Serialize;
use service::{Caller, Claim, Idempotency, Outbox, Parts, Problem, RequestKey, ValidationCode};
use uuid::Uuid;

/// What all resolvers share.
pub(crate) struct Catalogue {
    pub(crate) parts: Parts,
    pub(crate) outbox: Outbox,
    pub(crate) idempotency: Idempotency,
}

/// What an idempotency key makes of a creation.
pub(crate) enum Creation {
    /// Make it, under this id.
    New(Uuid),
    /// It was made.
    Made(Uuid),
    /// The key came with other input.
    Reused(Problem),
}

impl Catalogue {
    /// The catalogue of the schema that `ctx` belongs to.
    pub(crate) fn of<'a>(ctx: &Context<'a>) -> &'a Arc<Self> {
        ctx.data_unchecked::<Arc<Self>>()
    }

    /// Claims the key of a creation, where there is one.
    pub(crate) async fn creation(
        &self,
        ctx: &Context<'_>,
        transaction: &DatabaseTransaction,
        operation: &str,
        key: Option<&str>,
        input: &(impl Serialize + Sync),
    ) -> Result<Creation, sea_orm::DbErr> {
        let id = self.parts.clock.new_id();
        let Some(key) = key else { return Ok(Creation::New(id)) };
        let label = Caller::of(ctx).label();
        let request = RequestKey { caller: &label, operation, key };
        Ok(match self.idempotency.claim(transaction, request, input, id).await? {
            Claim::New => Creation::New(id),
            Claim::Replay(made) => Creation::Made(made),
            Claim::Reused => Creation::Reused(Claim::reused()),
        })
    }
}

/// A text of the catalogue: it must be there, and not be a novel.
pub(crate) fn text(text: &str, name: &str, most: usize) -> Option<Problem> {
    if text.trim().is_empty() {
        return Some(Problem::validation(
            ValidationCode::REQUIRED,
            &[name],
            format!("{name} is missing"),
        ));
    }
    (text.chars().count() > most).then(|| {
        Problem::validation(
            ValidationCode::TOO_LONG,
            &[name],
            format!("{name} is longer than {most} characters"),
        )
    })
}

/// A web address.
pub(crate) fn web_address(text: &str, name: &str) -> Option<Problem> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let sound = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text.len() <= 2_000
        && text.chars().all(|c| c.is_ascii_graphic());
    (!sound).then(|| {
        Problem::validation(
            ValidationCode::INVALID_FORMAT,
            &[name],
            format!("{name} is no http or https address"),
        )
    })
}
