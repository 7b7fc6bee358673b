//! Passwords at work: logging in, and changing the password.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, IntoActiveModel};
use service::{AuthenticationCode, Caller, Problem, authenticated, digest};

use crate::accounts::Accounts;
use crate::password;
use crate::session::{self, AuthTokens};
use crate::table::user;
use crate::throttle::{Attempt, Counted};
use crate::user::User;

#[derive(InputObject)]
struct LoginInput {
    email: String,
    password: String,
    device_name: Option<String>,
}

#[derive(SimpleObject)]
struct LoginPayload {
    user: Option<User>,
    tokens: Option<AuthTokens>,
    problems: Vec<Problem>,
}

#[derive(InputObject)]
struct ChangePasswordInput {
    current_password: String,
    new_password: String,
}

#[derive(SimpleObject)]
struct ChangePasswordPayload {
    problems: Vec<Problem>,
}

/// The mutations that take a password.
#[derive(Default)]
pub(crate) struct CredentialMutation;

#[Object]
impl CredentialMutation {
    /// Signs in. Unknown account, wrong password and deactivated account are told alike, and take as long.
    async fn login(&self, ctx: &Context<'_>, input: LoginInput) -> Result<LoginPayload> {
        Ok(match login(Accounts::of(ctx), Caller::of(ctx), input).await? {
            Ok((user, tokens)) => {
                LoginPayload { user: Some(user), tokens: Some(tokens), problems: vec![] }
            }
            Err(problem) => LoginPayload { user: None, tokens: None, problems: vec![problem] },
        })
    }

    /// Changes the password; all sessions end.
    #[graphql(directive = authenticated::apply())]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        input: ChangePasswordInput,
    ) -> Option<Result<ChangePasswordPayload>> {
        let changed = change_password(ctx, input).await;
        Some(
            changed
                .map(|problem| ChangePasswordPayload { problems: problem.into_iter().collect() }),
        )
    }
}

async fn login(
    accounts: &Accounts,
    caller: &Caller,
    input: LoginInput,
) -> Result<Result<(User, AuthTokens), Problem>> {
    let email = input.email.trim().to_lowercase();
    let attempt = match begin_attempt(accounts, caller, &email).await? {
        Ok(attempt) => attempt,
        Err(problem) => return Ok(Err(problem)),
    };
    let user = user::Entity::find()
        .filter(user::Column::Email.eq(&email))
        .one(&accounts.parts.database.read)
        .await?;
    let known = user.as_ref().map(|user| user.password_hash.as_str());
    let matches = accounts.passwords.verify(input.password, known).await?;
    let Some(user) = user.filter(|user| matches && user.is_active) else {
        let message = "no account has this mail address and password";
        return Ok(Err(Problem::authentication(AuthenticationCode::INVALID_CREDENTIALS, message)));
    };

    let transaction = accounts.parts.database.begin().await?;
    let tokens = session::open(accounts, &transaction, caller, &user, input.device_name).await?;
    transaction.commit().await?;
    attempt.forgive(accounts).await?;
    Ok(Ok((User::own(user), tokens)))
}

async fn begin_attempt(
    accounts: &Accounts,
    caller: &Caller,
    account: &str,
) -> Result<Result<Attempt, Problem>, DbErr> {
    let limits = accounts.limits;
    let address = caller.address.map(|address| address.to_string());
    // Digested: what somebody guesses at may be long, or another's address.
    let account = digest(account);
    let mut counted = vec![Counted {
        kind: "login:account",
        subject: &account,
        limit: limits.failures_per_account,
    }];
    if let Some(address) = &address {
        counted.push(Counted {
            kind: "login:address",
            subject: address,
            limit: limits.failures_per_address,
        });
    }
    Attempt::begin(accounts, &counted).await
}

async fn change_password(ctx: &Context<'_>, input: ChangePasswordInput) -> Result<Option<Problem>> {
    let caller = Caller::of(ctx);
    let id = caller.require_user()?;
    let accounts = Accounts::of(ctx);
    let Some(user) = user::Entity::find_by_id(id).one(&accounts.parts.database.read).await? else {
        return Ok(Some(Problem::not_found("user")));
    };
    if let Some(problem) = password::check(&input.new_password, &user.email, &["newPassword"]) {
        return Ok(Some(problem));
    }
    let attempt = match begin_attempt(accounts, caller, &user.email).await? {
        Ok(attempt) => attempt,
        Err(problem) => return Ok(Some(problem)),
    };
    if !accounts.passwords.verify(input.current_password, Some(&user.password_hash)).await? {
        let message = "this is not the current password";
        return Ok(Some(Problem::authentication(AuthenticationCode::INVALID_CREDENTIALS, message)));
    }
    set_password(accounts, user, input.new_password).await?;
    attempt.forgive(accounts).await?;
    Ok(None)
}

/// Sets a new password and ends all sessions: whoever knew the old one is out.
pub(crate) async fn set_password(
    accounts: &Accounts,
    user: user::Model,
    password: String,
) -> Result<()> {
    let now = accounts.parts.clock.now();
    let hash = accounts.passwords.hash(password).await?;
    let transaction = accounts.parts.database.begin().await?;
    let id = user.id;
    let mut change = user.into_active_model();
    change.password_hash = Set(hash);
    change.updated_at = Set(now);
    change.update(&transaction).await?;
    session::revoke_all(&transaction, id, now).await?;
    Ok(transaction.commit().await?)
}
