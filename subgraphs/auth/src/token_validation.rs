//! Token validation: for services that ask whether an access token holds, and whose it is.

use async_graphql::{Context, Object, Result, SimpleObject};
use sea_orm::EntityTrait;
use service::error::Code;
use service::{AccessTokens, Caller, DateTime};

use crate::accounts::Accounts;
use crate::session;
use crate::table::user;
use crate::user::User;

/// Contract: `TokenValidationResponse`.
#[derive(Default, SimpleObject)]
struct TokenValidation {
    valid: bool,
    user: Option<User>,
    permissions: Vec<String>,
    expires_at: Option<DateTime>,
}

/// The query of tokens.
#[derive(Default)]
pub(crate) struct TokenQuery;

#[Object]
impl TokenQuery {
    /// Contract: POST /api/auth/validate. For services, which call this subgraph directly; hidden from the public graph.
    /// A bad token is no error: valid is false.
    #[graphql(inaccessible)]
    async fn token_validation(&self, ctx: &Context<'_>, token: String) -> Result<TokenValidation> {
        let caller = Caller::of(ctx);
        if caller.service == "router" || caller.user.is_some() {
            return Err(Code::Forbidden.error("only services may ask about tokens"));
        }
        let accounts = Accounts::of(ctx);
        let verifier = AccessTokens::from_keys(accounts.signing.public().clone());
        let Ok(claims) = verifier.verify(&token, accounts.parts.clock.now()).await else {
            return Ok(TokenValidation::default());
        };
        let user = user::Entity::find_by_id(claims.sub).one(&accounts.parts.database.read).await?;
        let goes_on = match claims.sid {
            Some(session) => session::is_open(accounts, session).await?,
            None => true,
        };
        let Some(user) = user.filter(|user| user.is_active && goes_on) else {
            return Ok(TokenValidation::default());
        };
        Ok(TokenValidation {
            valid: true,
            user: Some(User::seen(user)),
            permissions: claims.permissions.into_iter().collect(),
            expires_at: chrono::DateTime::from_timestamp(claims.exp, 0).map(Into::into),
        })
    }
}
