//! The first administrator: made where there is none, so that somebody can grant roles.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel};
use secrecy::ExposeSecret;
use service::{Database, StartError};

use crate::accounts::Accounts;
use crate::registration::{self, NewAccount};
use crate::role::{self, Role};
use crate::settings::Administrator;
use crate::table::{user, user_role};
use crate::{input, password};

/// Whether the database, whose tables are there, has an administrator.
pub async fn has_administrator(database: &Database) -> Result<bool, StartError> {
    let administrators = user_role::Entity::find()
        .filter(user_role::Column::Role.eq(Role::Admin))
        .count(&database.read);
    Ok(administrators.await? > 0)
}

/// Whether somebody has an account under this mail address already.
pub async fn has_account(database: &Database, email: &str) -> Result<bool, StartError> {
    let email = email.trim().to_lowercase();
    let accounts = user::Entity::find().filter(user::Column::Email.eq(email)).count(&database.read);
    Ok(accounts.await? > 0)
}

/// Makes the administrator where none exists. Somebody who has an account under this address becomes it, and keeps the
/// password.
pub(crate) async fn ensure(
    accounts: &Accounts,
    administrator: &Administrator,
) -> Result<(), StartError> {
    let database = &accounts.parts.database;
    if has_administrator(database).await? {
        return Ok(());
    }
    let email = checked_email(administrator)?;
    let secret = administrator.password.expose_secret();
    if let Some(problem) = password::check(secret, &email, &[]) {
        return Err(invalid("ADMIN_PASSWORD", &problem));
    }
    let password_hash = accounts.passwords.hash(secret.to_owned()).await.map_err(|error| {
        StartError::Setting { setting: "ADMIN_PASSWORD", reason: error.to_string() }
    })?;

    let transaction = database.begin().await?;
    let existing =
        user::Entity::find().filter(user::Column::Email.eq(&email)).one(&transaction).await?;
    if let Some(user) = existing {
        promote(accounts, &transaction, user).await?;
        tracing::warn!(email, "an account became the administrator, and keeps its password");
    } else {
        let account = NewAccount {
            email: email.clone(),
            password_hash,
            first_name: "Ada".to_owned(),
            last_name: "Administrator".to_owned(),
            phone: None,
            locale: None,
            role: Role::Admin,
        };
        let user = registration::insert(accounts, &transaction, account).await?;
        let mut change = user.into_active_model();
        change.email_verified = Set(true);
        change.update(&transaction).await?;
        tracing::info!(email, "an administrator was made");
    }
    accounts.outbox.commit(transaction).await?;
    Ok(())
}

/// Grants the role to an account that is there, and opens it where it was closed.
async fn promote(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user: user::Model,
) -> Result<(), StartError> {
    role::grant_and_tell(accounts, transaction, user.id, Role::Admin).await?;
    if !user.is_active {
        let mut change = user.into_active_model();
        change.is_active = Set(true);
        change.deactivation_reason = Set(None);
        change.updated_at = Set(accounts.parts.clock.now());
        change.update(transaction).await?;
    }
    Ok(())
}

fn checked_email(administrator: &Administrator) -> Result<String, StartError> {
    let mut problems = Vec::new();
    let email = input::email(&administrator.email, &mut problems);
    problems.first().map_or(Ok(email), |problem| Err(invalid("ADMIN_EMAIL", problem)))
}

fn invalid(setting: &'static str, problem: &service::Problem) -> StartError {
    StartError::Setting { setting, reason: problem.text().to_owned() }
}
