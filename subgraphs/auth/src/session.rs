//! Sessions: a signed-in device, its access tokens, and the refresh token that is rotated at each use.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::TimeDelta;
use chrono::Utc;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, QueryOrder, QuerySelect};
use service::access_token::{AUDIENCE, ISSUER};
use service::{AccessClaims, AuthenticationCode, Caller, DateTime, Problem, authenticated, digest};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::role::{roles_of, scopes};
use crate::table::{refresh_token, session, user};

/// The life of an access token.
const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);
/// A session ends when it was not used for so long…
const IDLE_LIFE: TimeDelta = TimeDelta::days(30);
/// …and after so long in any case.
const WHOLE_LIFE: TimeDelta = TimeDelta::days(90);
/// A refresh whose answer was lost may be repeated within this time.
const FORGIVEN_WITHIN: TimeDelta = TimeDelta::seconds(30);

/// A signed-in device.
pub(crate) struct Session(session::Model);

#[Object]
impl Session {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    async fn last_used_at(&self) -> DateTime {
        self.0.last_used_at.into()
    }

    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    async fn user_agent(&self) -> Option<&str> {
        self.0.device_name.as_deref().or(self.0.user_agent.as_deref())
    }

    async fn ip_address(&self) -> Option<&str> {
        self.0.ip_address.as_deref()
    }

    async fn is_current(&self, ctx: &Context<'_>) -> bool {
        Caller::of(ctx).user.as_ref().and_then(|user| user.session_id) == Some(self.0.id)
    }
}

/// What a client signs in with from now on.
#[derive(SimpleObject)]
pub(crate) struct AuthTokens {
    access_token: String,
    access_token_expires_at: DateTime,
    refresh_token: String,
    refresh_token_expires_at: DateTime,
}

/// The sessions of a user that go on, the last used first.
pub(crate) async fn of_user(ctx: &Context<'_>, user_id: Uuid) -> Result<Vec<Session>> {
    let parts = &Accounts::of(ctx).parts;
    let sessions = session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(parts.clock.now()))
        .order_by_desc(session::Column::LastUsedAt)
        .order_by_desc(session::Column::Id);
    Ok(sessions.all(&parts.database.read).await?.into_iter().map(Session).collect())
}

/// Whether the session goes on.
pub(crate) async fn is_open(accounts: &Accounts, id: Uuid) -> Result<bool, DbErr> {
    let session = session::Entity::find_by_id(id).one(&accounts.parts.database.read).await?;
    Ok(session.is_some_and(|session| session.revoked_at.is_none()))
}

/// Ends all sessions of a user; says how many went on until now.
pub(crate) async fn revoke_all(
    transaction: &DatabaseTransaction,
    user_id: Uuid,
    now: chrono::DateTime<Utc>,
) -> Result<u64, DbErr> {
    revoke(transaction, session::Column::UserId, user_id, now).await
}

async fn revoke(
    connection: &impl ConnectionTrait,
    column: session::Column,
    id: Uuid,
    now: chrono::DateTime<Utc>,
) -> Result<u64, DbErr> {
    let revoked = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(now))
        .filter(column.eq(id))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now));
    Ok(revoked.exec(connection).await?.rows_affected)
}

/// Opens a session of the user on the caller's device, in the transaction.
pub(crate) async fn open(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    caller: &Caller,
    user: &user::Model,
    device_name: Option<String>,
) -> Result<AuthTokens, DbErr> {
    let now = accounts.parts.clock.now();
    let session = session::ActiveModel {
        id: Set(accounts.parts.clock.new_id()),
        user_id: Set(user.id),
        device_name: Set(device_name.map(|name| shortened(&name))),
        user_agent: Set(caller.user_agent.as_deref().map(shortened)),
        ip_address: Set(caller.address.map(|address| address.to_string())),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(now + IDLE_LIFE),
        revoked_at: Set(None),
    };
    let session = session.insert(transaction).await?;
    issue(accounts, transaction, user, &session, accounts.parts.clock.new_id()).await
}

/// What a client calls itself is kept no longer than anyone reads.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// An access token with the roles of now, and the session's next refresh token, whose row is `id`.
async fn issue(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user: &user::Model,
    session: &session::Model,
    id: Uuid,
) -> Result<AuthTokens, DbErr> {
    let now = accounts.parts.clock.now();
    let secret = accounts.parts.random.secret();
    let row = refresh_token::ActiveModel {
        id: Set(id),
        session_id: Set(session.id),
        token_hash: Set(digest(&secret)),
        created_at: Set(now),
        expires_at: Set(session.expires_at),
        used_at: Set(None),
        replaced_by: Set(None),
    };
    refresh_token::Entity::insert(row).exec_without_returning(transaction).await?;

    let roles = roles_of(transaction, &[user.id]).await?.remove(&user.id).unwrap_or_default();
    let permissions = scopes(&roles);
    let expires = now + ACCESS_LIFE;
    let access_token = accounts.signing.sign(&AccessClaims {
        iss: ISSUER.to_owned(),
        sub: user.id,
        aud: AUDIENCE.to_owned(),
        iat: now.timestamp(),
        exp: expires.timestamp(),
        jti: accounts.parts.clock.new_id(),
        sid: Some(session.id),
        scope: permissions.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        permissions,
    });
    Ok(AuthTokens {
        access_token,
        access_token_expires_at: expires.into(),
        refresh_token: secret,
        refresh_token_expires_at: session.expires_at.into(),
    })
}

#[derive(InputObject)]
struct RefreshSessionInput {
    refresh_token: String,
}

#[derive(InputObject)]
struct LogoutInput {
    refresh_token: String,
}

#[derive(InputObject)]
struct RevokeSessionInput {
    session_id: ID,
}

#[derive(SimpleObject)]
struct RefreshSessionPayload {
    tokens: Option<AuthTokens>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct LogoutPayload {
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct RevokeSessionPayload {
    session_id: Option<ID>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct RevokeAllSessionsPayload {
    revoked_count: i32,
    problems: Vec<Problem>,
}

/// The mutations of sessions.
#[derive(Default)]
pub(crate) struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Rotates the refresh token. Presenting an already used token revokes its whole family (a retry within 30 seconds
    /// is forgiven while the successor is unused).
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        Ok(match refresh(Accounts::of(ctx), &input.refresh_token).await? {
            Ok(tokens) => RefreshSessionPayload { tokens: Some(tokens), problems: vec![] },
            Err(problem) => RefreshSessionPayload { tokens: None, problems: vec![problem] },
        })
    }

    /// Ends the session of the given refresh token.
    async fn logout(&self, ctx: &Context<'_>, input: LogoutInput) -> Result<LogoutPayload> {
        let parts = &Accounts::of(ctx).parts;
        let token = by_secret(&parts.database.read, &input.refresh_token).await?;
        let Some(token) = token else { return Ok(LogoutPayload { problems: vec![invalid()] }) };
        revoke(&parts.database.write, session::Column::Id, token.session_id, parts.clock.now())
            .await?;
        Ok(LogoutPayload { problems: vec![] })
    }

    /// Ends one of the caller's sessions.
    #[graphql(directive = authenticated::apply())]
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        input: RevokeSessionInput,
    ) -> Option<Result<RevokeSessionPayload>> {
        Some(revoke_session(ctx, &input.session_id).await)
    }

    /// Ends all of the caller's sessions, this one included.
    #[graphql(directive = authenticated::apply())]
    async fn revoke_all_sessions(
        &self,
        ctx: &Context<'_>,
    ) -> Option<Result<RevokeAllSessionsPayload>> {
        Some(revoke_all_sessions(ctx).await)
    }
}

async fn revoke_session(ctx: &Context<'_>, id: &ID) -> Result<RevokeSessionPayload> {
    let user_id = Caller::of(ctx).require_user()?;
    let parts = &Accounts::of(ctx).parts;
    let session = match Uuid::parse_str(id) {
        Ok(id) => session::Entity::find_by_id(id).one(&parts.database.read).await?,
        Err(_) => None,
    };
    match session.filter(|session| session.user_id == user_id) {
        Some(session) => {
            revoke(&parts.database.write, session::Column::Id, session.id, parts.clock.now())
                .await?;
            Ok(RevokeSessionPayload { session_id: Some(session.id.into()), problems: vec![] })
        }
        None => Ok(RevokeSessionPayload {
            session_id: None,
            problems: vec![Problem::not_found("session")],
        }),
    }
}

async fn revoke_all_sessions(ctx: &Context<'_>) -> Result<RevokeAllSessionsPayload> {
    let user_id = Caller::of(ctx).require_user()?;
    let parts = &Accounts::of(ctx).parts;
    let revoked =
        revoke(&parts.database.write, session::Column::UserId, user_id, parts.clock.now()).await?;
    Ok(RevokeAllSessionsPayload {
        revoked_count: i32::try_from(revoked).unwrap_or(i32::MAX),
        problems: vec![],
    })
}

async fn by_secret(
    connection: &impl ConnectionTrait,
    secret: &str,
) -> Result<Option<refresh_token::Model>, DbErr> {
    refresh_token::Entity::find()
        .filter(refresh_token::Column::TokenHash.eq(digest(secret)))
        .one(connection)
        .await
}

fn invalid() -> Problem {
    Problem::authentication(AuthenticationCode::TOKEN_INVALID, "sign in again")
}

/// Takes a refresh token for its successor, in one transaction.
///
/// It holds the session's row from the first step: of several at once with tokens of one session, each sees what the
/// one before it left.
async fn refresh(accounts: &Accounts, secret: &str) -> Result<Result<AuthTokens, Problem>> {
    let now = accounts.parts.clock.now();
    let transaction = accounts.parts.database.begin().await?;
    let Some(token) = by_secret(&transaction, secret).await? else { return Ok(Err(invalid())) };
    let session =
        session::Entity::find_by_id(token.session_id).lock_exclusive().one(&transaction).await?;
    let Some(session) = session.filter(|session| session.revoked_at.is_none()) else {
        return Ok(Err(invalid()));
    };
    // Again, now that nobody else changes it.
    let token = refresh_token::Entity::find_by_id(token.id).one(&transaction).await?;
    let Some(token) = token else { return Ok(Err(invalid())) };
    let user = user::Entity::find_by_id(session.user_id).one(&transaction).await?;
    let Some(user) = user.filter(|user| user.is_active) else { return Ok(Err(invalid())) };
    if token.expires_at <= now {
        return Ok(Err(Problem::authentication(
            AuthenticationCode::TOKEN_EXPIRED,
            "sign in again",
        )));
    }

    let successor = accounts.parts.clock.new_id();
    if !take(&transaction, token, successor, now).await? {
        revoke(&transaction, session::Column::Id, session.id, now).await?;
        transaction.commit().await?;
        tracing::warn!(user = %user.id, session = %session.id, "a used refresh token was presented: its session is revoked");
        let message = "this token was used before: all tokens of its session are revoked";
        return Ok(Err(Problem::authentication(AuthenticationCode::TOKEN_REUSED, message)));
    }
    let mut touched = session::ActiveModel::from(session.clone());
    touched.last_used_at = Set(now);
    touched.expires_at = Set((now + IDLE_LIFE).min(session.created_at + WHOLE_LIFE));
    let session = touched.update(&transaction).await?;
    let tokens = issue(accounts, &transaction, &user, &session, successor).await?;
    transaction.commit().await?;
    Ok(Ok(tokens))
}

/// Marks the token used, in favour of `successor`; false where that is a replay.
///
/// A second use is forgiven where the answer to the first may have been lost, that is, while the successor is young and
/// unused: the successor is withdrawn.
async fn take(
    transaction: &DatabaseTransaction,
    token: refresh_token::Model,
    successor: Uuid,
    now: chrono::DateTime<Utc>,
) -> Result<bool, DbErr> {
    if let Some(used_at) = token.used_at {
        let Some(unseen) = token.replaced_by.filter(|_| now - used_at <= FORGIVEN_WITHIN) else {
            return Ok(false);
        };
        let withdrawn = refresh_token::Entity::delete_many()
            .filter(refresh_token::Column::Id.eq(unseen))
            .filter(refresh_token::Column::UsedAt.is_null());
        if withdrawn.exec(transaction).await?.rows_affected == 0 {
            return Ok(false);
        }
    }
    let used_at = token.used_at.unwrap_or(now);
    let mut change = refresh_token::ActiveModel::from(token);
    change.used_at = Set(Some(used_at));
    change.replaced_by = Set(Some(successor));
    change.update(transaction).await?;
    Ok(true)
}
