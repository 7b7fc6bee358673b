//! One-time secrets: to verify a mail address or a phone number, and to reset a password.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel, QueryOrder};
use service::{AuthenticationCode, Caller, Problem, authenticated, digest};

use crate::accounts::Accounts;
use crate::errand::Errand;
use crate::notifier::Message;
use crate::table::user;
use crate::table::verification::{self, Purpose};
use crate::throttle::{Attempt, Counted};
use crate::user::{User, refreshed};
use crate::{credentials, input, password};

/// A code is guessed wrong at most so often.
const GUESSES: i32 = 5;

impl Purpose {
    fn life(self) -> TimeDelta {
        match self {
            Self::Email => TimeDelta::days(1),
            Self::Phone => TimeDelta::minutes(10),
            Self::PasswordReset => TimeDelta::minutes(30),
        }
    }

    /// The same, in words.
    fn life_in_words(self) -> &'static str {
        match self {
            Self::Email => "a day",
            Self::Phone => "ten minutes",
            Self::PasswordReset => "half an hour",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Email => "verify your mail address",
            Self::Phone => "verify your phone number",
            Self::PasswordReset => "reset your password",
        }
    }
}

#[derive(InputObject)]
struct RequestEmailVerificationInput {
    email: String,
}

#[derive(InputObject)]
struct VerifyEmailInput {
    token: String,
}

#[derive(InputObject)]
struct RequestPhoneVerificationInput {
    phone: String,
}

#[derive(InputObject)]
struct VerifyPhoneInput {
    phone: String,
    code: String,
}

#[derive(InputObject)]
struct RequestPasswordResetInput {
    email: String,
}

#[derive(InputObject)]
struct ResetPasswordInput {
    token: String,
    new_password: String,
}

#[derive(SimpleObject)]
struct RequestEmailVerificationPayload {
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct VerifyEmailPayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct RequestPhoneVerificationPayload {
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct VerifyPhonePayload {
    user: Option<User>,
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct RequestPasswordResetPayload {
    problems: Vec<Problem>,
}

#[derive(SimpleObject)]
struct ResetPasswordPayload {
    problems: Vec<Problem>,
}

/// The mutations of one-time secrets.
#[derive(Default)]
pub(crate) struct VerificationMutation;

#[Object]
impl VerificationMutation {
    /// Always succeeds, whether or not the address is known.
    async fn request_email_verification(
        &self,
        ctx: &Context<'_>,
        input: RequestEmailVerificationInput,
    ) -> Result<RequestEmailVerificationPayload> {
        let problem = send_to_account(Accounts::of(ctx), &input.email, Purpose::Email).await?;
        Ok(RequestEmailVerificationPayload { problems: problem.into_iter().collect() })
    }

    /// Takes the token of the message.
    async fn verify_email(
        &self,
        ctx: &Context<'_>,
        input: VerifyEmailInput,
    ) -> Result<VerifyEmailPayload> {
        Ok(match verify_email(ctx, &input.token).await? {
            Ok(user) => VerifyEmailPayload { user: Some(user), problems: vec![] },
            Err(problem) => VerifyEmailPayload { user: None, problems: vec![problem] },
        })
    }

    /// Sends a code of six digits to a number, which becomes the account's when it is verified.
    #[graphql(directive = authenticated::apply())]
    async fn request_phone_verification(
        &self,
        ctx: &Context<'_>,
        input: RequestPhoneVerificationInput,
    ) -> Option<Result<RequestPhoneVerificationPayload>> {
        let problems = request_phone_verification(ctx, &input.phone).await;
        Some(problems.map(|problems| RequestPhoneVerificationPayload { problems }))
    }

    /// Takes the code of the message.
    #[graphql(directive = authenticated::apply())]
    async fn verify_phone(
        &self,
        ctx: &Context<'_>,
        input: VerifyPhoneInput,
    ) -> Option<Result<VerifyPhonePayload>> {
        Some(verify_phone(ctx, input).await.map(|outcome| match outcome {
            Ok(user) => VerifyPhonePayload { user: Some(user), problems: vec![] },
            Err(problem) => VerifyPhonePayload { user: None, problems: vec![problem] },
        }))
    }

    /// Always succeeds, whether or not the address is known.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload> {
        let problem =
            send_to_account(Accounts::of(ctx), &input.email, Purpose::PasswordReset).await?;
        Ok(RequestPasswordResetPayload { problems: problem.into_iter().collect() })
    }

    /// Takes the token of the message; all sessions end, and nobody is signed in.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload> {
        let problem = reset_password(Accounts::of(ctx), input).await?;
        Ok(ResetPasswordPayload { problems: problem.into_iter().collect() })
    }
}

/// The message that verifies a new account's mail address, to be sent when the transaction is through.
pub(crate) async fn of_email(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user: &user::Model,
) -> Result<Message, DbErr> {
    write(accounts, transaction, user, Purpose::Email, &user.email).await
}

/// Writes a secret down, in place of earlier ones for the same purpose.
async fn write(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user: &user::Model,
    purpose: Purpose,
    target: &str,
) -> Result<Message, DbErr> {
    let now = accounts.parts.clock.now();
    let random = &accounts.parts.random;
    let secret = match purpose {
        Purpose::Phone => format!("{:06}", random.below(1_000_000)),
        Purpose::Email | Purpose::PasswordReset => random.secret(),
    };
    let earlier = verification::Entity::delete_many()
        .filter(verification::Column::UserId.eq(user.id))
        .filter(verification::Column::Purpose.eq(purpose));
    earlier.exec(transaction).await?;
    let row = verification::ActiveModel {
        id: Set(accounts.parts.clock.new_id()),
        user_id: Set(user.id),
        purpose: Set(purpose),
        target: Set(target.to_owned()),
        secret_hash: Set(digest(&secret)),
        attempts: Set(0),
        created_at: Set(now),
        expires_at: Set(now + purpose.life()),
        used_at: Set(None),
    };
    verification::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(Message {
        to: target.to_owned(),
        subject: purpose.subject(),
        secret,
        life: purpose.life_in_words(),
    })
}

/// Has a secret sent to the account of this address, if there is one; neither the answer nor its time tells.
async fn send_to_account(
    accounts: &Accounts,
    email: &str,
    purpose: Purpose,
) -> Result<Option<Problem>> {
    let email = email.trim().to_lowercase();
    let limit = accounts.limits.messages_per_target;
    let subject = digest(&email);
    let counted = Counted { kind: "message:email", subject: &subject, limit };
    if let Err(problem) = Attempt::begin(accounts, &[counted]).await? {
        return Ok(Some(problem));
    }
    accounts.errands.leave(Errand::Secret { email, purpose });
    Ok(None)
}

/// The message with a secret for the account of this address, where there is one that needs it.
pub(crate) async fn for_account(
    accounts: &Accounts,
    email: &str,
    purpose: Purpose,
) -> Result<Option<Message>, DbErr> {
    let user = user::Entity::find()
        .filter(user::Column::Email.eq(email))
        .one(&accounts.parts.database.read)
        .await?;
    let needed =
        |user: &user::Model| user.is_active && !(purpose == Purpose::Email && user.email_verified);
    let Some(user) = user.filter(needed) else { return Ok(None) };
    let transaction = accounts.parts.database.begin().await?;
    let message = write(accounts, &transaction, &user, purpose, email).await?;
    transaction.commit().await?;
    Ok(Some(message))
}

/// Takes a token: once, in its time. Of two at the same time one gets it.
async fn take(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    purpose: Purpose,
    secret: &str,
) -> Result<Result<(verification::Model, user::Model), Problem>, DbErr> {
    let now = accounts.parts.clock.now();
    let invalid =
        || Problem::authentication(AuthenticationCode::TOKEN_INVALID, "ask for a new message");
    let found = verification::Entity::find()
        .filter(verification::Column::SecretHash.eq(digest(secret)))
        .filter(verification::Column::Purpose.eq(purpose))
        .one(transaction)
        .await?;
    let Some(row) = found else { return Ok(Err(invalid())) };
    if row.expires_at <= now {
        return Ok(Err(Problem::authentication(
            AuthenticationCode::TOKEN_EXPIRED,
            "ask for a new message",
        )));
    }
    if !mark_used(transaction, &row, now).await? {
        return Ok(Err(Problem::authentication(
            AuthenticationCode::TOKEN_REUSED,
            "this token was used before",
        )));
    }
    let user = user::Entity::find_by_id(row.user_id).one(transaction).await?;
    Ok(user.filter(|user| user.is_active).map(|user| (row, user)).ok_or_else(invalid))
}

async fn mark_used(
    transaction: &DatabaseTransaction,
    row: &verification::Model,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<bool, DbErr> {
    let used = verification::Entity::update_many()
        .col_expr(verification::Column::UsedAt, Expr::value(now))
        .filter(verification::Column::Id.eq(row.id))
        .filter(verification::Column::UsedAt.is_null());
    Ok(used.exec(transaction).await?.rows_affected == 1)
}

async fn verify_email(ctx: &Context<'_>, token: &str) -> Result<Result<User, Problem>> {
    let accounts = Accounts::of(ctx);
    let transaction = accounts.parts.database.begin().await?;
    let (row, user) = match take(accounts, &transaction, Purpose::Email, token).await? {
        Ok(spent) => spent,
        Err(problem) => return Ok(Err(problem)),
    };
    if row.target != user.email {
        return Ok(Err(Problem::authentication(
            AuthenticationCode::TOKEN_INVALID,
            "the address has changed since",
        )));
    }
    let mut change = user.into_active_model();
    change.email_verified = Set(true);
    change.updated_at = Set(accounts.parts.clock.now());
    let user = change.update(&transaction).await?;
    transaction.commit().await?;
    Ok(Ok(User::own(user)))
}

async fn request_phone_verification(ctx: &Context<'_>, phone: &str) -> Result<Vec<Problem>> {
    let id = Caller::of(ctx).require_user()?;
    let accounts = Accounts::of(ctx);
    let mut problems = Vec::new();
    let phone = input::phone(phone, &mut problems);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let limit = accounts.limits.messages_per_target;
    let account = id.to_string();
    let counted = [
        Counted { kind: "message:phone", subject: &phone, limit },
        Counted { kind: "message:account", subject: &account, limit },
    ];
    if let Err(problem) = Attempt::begin(accounts, &counted).await? {
        return Ok(vec![problem]);
    }
    let transaction = accounts.parts.database.begin().await?;
    let Some(user) = user::Entity::find_by_id(id).one(&transaction).await? else {
        return Ok(vec![Problem::not_found("user")]);
    };
    let message = write(accounts, &transaction, &user, Purpose::Phone, &phone).await?;
    transaction.commit().await?;
    accounts.errands.leave(Errand::Message(message));
    Ok(vec![])
}

async fn verify_phone(ctx: &Context<'_>, input: VerifyPhoneInput) -> Result<Result<User, Problem>> {
    let id = Caller::of(ctx).require_user()?;
    let accounts = Accounts::of(ctx);
    let now = accounts.parts.clock.now();
    let phone = input::phone(&input.phone, &mut Vec::new());
    let invalid =
        || Problem::authentication(AuthenticationCode::CODE_INVALID, "ask for a new code");
    let transaction = accounts.parts.database.begin().await?;
    let sent = verification::Entity::find()
        .filter(verification::Column::UserId.eq(id))
        .filter(verification::Column::Purpose.eq(Purpose::Phone))
        .filter(verification::Column::Target.eq(&phone))
        .filter(verification::Column::UsedAt.is_null())
        .filter(verification::Column::ExpiresAt.gt(now))
        .filter(verification::Column::Attempts.lt(GUESSES))
        .order_by_desc(verification::Column::CreatedAt)
        .one(&transaction)
        .await?;
    let Some(sent) = sent else { return Ok(Err(invalid())) };
    if sent.secret_hash != digest(input.code.trim()) {
        let guessed = verification::Entity::update_many()
            .col_expr(
                verification::Column::Attempts,
                Expr::col(verification::Column::Attempts).add(1),
            )
            .filter(verification::Column::Id.eq(sent.id));
        guessed.exec(&transaction).await?;
        transaction.commit().await?;
        return Ok(Err(invalid()));
    }
    let user = user::Entity::find_by_id(id).one(&transaction).await?;
    let Some(user) = user.filter(|user| user.is_active) else {
        return Ok(Err(Problem::not_found("user")));
    };
    if !mark_used(&transaction, &sent, now).await? {
        return Ok(Err(invalid()));
    }
    let mut change = user.into_active_model();
    change.phone = Set(Some(phone));
    change.phone_verified = Set(true);
    change.updated_at = Set(now);
    let user = match change.update(&transaction).await {
        Ok(user) => user,
        Err(error) => return Ok(Err(input::taken(error)?)),
    };
    transaction.commit().await?;
    Ok(Ok(refreshed(ctx, user)))
}

async fn reset_password(accounts: &Accounts, input: ResetPasswordInput) -> Result<Option<Problem>> {
    let transaction = accounts.parts.database.begin().await?;
    let (_, user) = match take(accounts, &transaction, Purpose::PasswordReset, &input.token).await?
    {
        Ok(spent) => spent,
        Err(problem) => return Ok(Some(problem)),
    };
    // Refused before the token is spent: the transaction is dropped.
    if let Some(problem) = password::check(&input.new_password, &user.email, &["newPassword"]) {
        return Ok(Some(problem));
    }
    transaction.commit().await?;
    credentials::set_password(accounts, user, input.new_password).await?;
    Ok(None)
}
