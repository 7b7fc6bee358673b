//! Registration: a new account, signed in at once.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::Utc;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction};
use serde_json::json;
use service::{Caller, ConflictCode, NewEvent, Problem};

use crate::accounts::Accounts;
use crate::errand::Errand;
use crate::role::{self, Role};
use crate::session::{self, AuthTokens};
use crate::table::user;
use crate::throttle::{Attempt, Counted};
use crate::user::User;
use crate::{input, password, verification};

#[derive(InputObject)]
struct RegisterUserInput {
    email: String,
    password: String,
    first_name: String,
    last_name: String,
    phone: Option<String>,
    locale: Option<String>,
}

#[derive(SimpleObject)]
struct RegisterUserPayload {
    user: Option<User>,
    tokens: Option<AuthTokens>,
    problems: Vec<Problem>,
}

/// The mutation that makes accounts.
#[derive(Default)]
pub(crate) struct RegistrationMutation;

#[Object]
impl RegistrationMutation {
    /// Makes an account, signs it in, and sends a message to verify its mail address.
    async fn register_user(
        &self,
        ctx: &Context<'_>,
        input: RegisterUserInput,
    ) -> Result<RegisterUserPayload> {
        Ok(match register(Accounts::of(ctx), Caller::of(ctx), input).await? {
            Ok((user, tokens)) => {
                RegisterUserPayload { user: Some(user), tokens: Some(tokens), problems: vec![] }
            }
            Err(problems) => RegisterUserPayload { user: None, tokens: None, problems },
        })
    }
}

/// An account to be made: its fields are sound.
pub(crate) struct NewAccount {
    pub(crate) email: String,
    pub(crate) password_hash: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) phone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) role: Role,
}

async fn register(
    accounts: &Accounts,
    caller: &Caller,
    input: RegisterUserInput,
) -> Result<Result<(User, AuthTokens), Vec<Problem>>> {
    let mut problems = Vec::new();
    let email = input::email(&input.email, &mut problems);
    let first_name = input::name(&input.first_name, "firstName", &mut problems);
    let last_name = input::name(&input.last_name, "lastName", &mut problems);
    let phone = input.phone.map(|phone| input::phone(&phone, &mut problems));
    let locale = input.locale.map(|locale| input::locale(&locale, &mut problems));
    problems.extend(password::check(&input.password, &email, &["password"]));
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    if let Err(problem) = throttle(accounts, caller).await? {
        return Ok(Err(vec![problem]));
    }
    let taken = user::Entity::find()
        .filter(user::Column::Email.eq(&email))
        .one(&accounts.parts.database.read)
        .await?;
    if taken.is_some() {
        let problem =
            Problem::conflict(ConflictCode::EMAIL_TAKEN, "an account has this mail address");
        return Ok(Err(vec![problem]));
    }

    let password_hash = accounts.passwords.hash(input.password).await?;
    let account = NewAccount {
        email,
        password_hash,
        first_name,
        last_name,
        phone,
        locale,
        role: Role::Rider,
    };
    let transaction = accounts.parts.database.begin().await?;
    let user = match insert(accounts, &transaction, account).await {
        Ok(user) => user,
        // Somebody was faster.
        Err(error) => return Ok(Err(vec![input::taken(error)?])),
    };
    let tokens = session::open(accounts, &transaction, caller, &user, None).await?;
    let message = verification::of_email(accounts, &transaction, &user).await?;
    accounts.outbox.commit(transaction).await?;
    accounts.errands.leave(Errand::Message(message));
    Ok(Ok((User::own(user), tokens)))
}

async fn throttle(accounts: &Accounts, caller: &Caller) -> Result<Result<(), Problem>, DbErr> {
    let Some(address) = caller.address.map(|address| address.to_string()) else {
        return Ok(Ok(()));
    };
    let limit = accounts.limits.registrations_per_address;
    let counted = Counted { kind: "registration:address", subject: &address, limit };
    Ok(Attempt::begin(accounts, &[counted]).await?.map(drop))
}

/// Makes the account, with its first role and its event, in the transaction.
pub(crate) async fn insert(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    account: NewAccount,
) -> Result<user::Model, DbErr> {
    let now: chrono::DateTime<Utc> = accounts.parts.clock.now();
    let user = user::ActiveModel {
        id: Set(accounts.parts.clock.new_id()),
        email: Set(account.email),
        email_verified: Set(false),
        phone: Set(account.phone),
        phone_verified: Set(false),
        password_hash: Set(account.password_hash),
        first_name: Set(account.first_name),
        last_name: Set(account.last_name),
        avatar_url: Set(None),
        locale: Set(account.locale),
        is_active: Set(true),
        deactivation_reason: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let user = user.insert(transaction).await?;
    role::grant(accounts, transaction, user.id, account.role).await?;
    let payload = json!({
        "userId": user.id,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "roles": [account.role],
    });
    let event =
        NewEvent { kind: "user.created", aggregate: "user", aggregate_id: user.id, payload };
    accounts.outbox.record(transaction, event).await?;
    Ok(user)
}
