//! Who you are: users, roles, sessions.
//!
//! 1. [`start`] takes the [`Config`] and the parts that all services share, makes the first administrator
//!    (`administrator`), and returns the routes and the outbox's relay.
//! 2. An account is made in `registration` and signed in, there and in `credentials`; passwords are kept by `password`,
//!    attempts are counted by `throttle`.
//! 3. A sign-in opens a `session`: a short access token that every service verifies by the published keys, and a refresh
//!    token that is rotated at each use. `token_validation` tells services of a token what its signature cannot.
//! 4. `user` is the entity, and says who may see what of it; `role` says what each role allows.
//! 5. `verification` writes one-time secrets; they are sent through the [`Notifier`] after the answer, as an `errand`.
//! 6. `housekeeping` deletes what nobody will ask for again.

mod accounts;
mod administrator;
mod credentials;
mod errand;
mod housekeeping;
mod input;
mod notifier;
mod password;
mod registration;
mod role;
mod session;
mod settings;
mod table;
mod throttle;
mod token_validation;
mod user;
mod verification;

use std::sync::Arc;

use async_graphql::{EmptySubscription, MergedObject, Schema};
use axum::Json;
use axum::routing::get;
use service::access_token::JWKS_PATH;
use service::{
    AccessTokens, AllowList, Entities, Idempotency, Outbox, Parts, Running, StartError, Subgraph,
    Tasks, federation_sdl,
};

pub use administrator::{has_account, has_administrator};
pub use notifier::{Message, Notifier, Smtp};
pub use password::PasswordCost;
pub use settings::{Administrator, Config, Limits, Settings};
pub use throttle::Limit;

use accounts::Accounts;
use password::Passwords;
use role::RolesByUser;
use user::UserById;

const NAME: &str = "auth";
const TABLES: [&str; 10] = [
    "User",
    "UserRole",
    "RefreshToken",
    "auth_session",
    "auth_attempt",
    "auth_verification",
    "auth_outbox",
    "auth_inbox",
    "auth_delivery",
    "auth_idempotency",
];

#[derive(Default, MergedObject)]
struct Query(user::UserQuery, token_validation::TokenQuery);

#[derive(Default, MergedObject)]
struct Mutation(
    registration::RegistrationMutation,
    credentials::CredentialMutation,
    session::SessionMutation,
    verification::VerificationMutation,
    user::UserMutation,
    role::RoleMutation,
);

/// The schema as composition reads it.
pub fn sdl() -> String {
    federation_sdl(
        &service::schema(Query::default(), Mutation::default(), EmptySubscription).finish(),
    )
}

/// Starts auth on a database whose tables are there.
pub async fn start(config: Config, parts: Parts) -> Result<Running, StartError> {
    parts.database.require_tables(&TABLES).await?;
    if matches!(config.notifier, Notifier::Log) {
        tracing::warn!("messages to users go to the log, secrets included: for development only");
    }
    let passwords = Passwords::new(config.password_cost).map_err(|error| StartError::Setting {
        setting: "password cost",
        reason: error.to_string(),
    })?;
    let (errands, waiting) = errand::errands();
    let accounts = Arc::new(Accounts {
        outbox: Outbox::new(NAME, parts.clock.clone()),
        idempotency: Idempotency::new(NAME, parts.clock.clone()),
        signing: config.signing,
        passwords,
        notifier: config.notifier,
        errands,
        limits: config.limits,
        parts: parts.clone(),
    });
    if let Some(administrator) = &config.administrator {
        administrator::ensure(&accounts, administrator).await?;
    }
    let mut tasks = Tasks::new();
    let (swept, sent) = (Arc::clone(&accounts), Arc::clone(&accounts));
    tasks.start(|stop| errand::run(sent, waiting, stop));
    tasks.start(|stop| housekeeping::run(swept, stop));
    accounts.outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);

    let keys = accounts.signing.public().clone();
    let schema: Schema<Query, Mutation, EmptySubscription> =
        service::schema(Query::default(), Mutation::default(), EmptySubscription)
            .data(accounts)
            .finish();
    let subgraph = Subgraph {
        name: NAME,
        sdl: federation_sdl(&schema),
        schema,
        entities: entities(&parts),
        access_tokens: AccessTokens::from_keys(keys.clone()),
        allow_list: AllowList::router_only()
            .with("logistics", &["read:users", "write:roles"])
            .with("platform", &[]),
        dependencies: vec![],
    };
    let app = service::app(subgraph, &parts).route(JWKS_PATH, get(|| async { Json(keys) }));
    Ok(Running { app, tasks })
}

fn entities(parts: &Parts) -> Entities {
    Entities::new(parts.database.read.clone()).with(UserById).with(RolesByUser)
}
