//! The three services in one process: their tables, their ways to each other, and what they start with.

use std::collections::HashMap;

use axum::Router;
use logistics::QuoteKey;
use migrations::Owner;
use secrecy::SecretString;
use service::{Database, InProcessPeer, Parts, Peers, Random, Tasks, Transport};

use crate::error::StartError;
use crate::keys::Keys;
use crate::running::{NewAdministrator, PasswordOrigin};
use crate::settings::Settings;

/// The characters of a password that is printed for somebody to type: 120 bits.
const PASSWORD_LENGTH: usize = 20;

/// The services, at work.
pub(crate) struct Services {
    pub(crate) auth: Router,
    pub(crate) logistics: Router,
    pub(crate) platform: Router,
    /// What runs beside them.
    pub(crate) tasks: Tasks,
    /// The administrator, where it was made just now.
    pub(crate) administrator: Option<NewAdministrator>,
}

/// Each service's database. Who has the same URL shares one: a SQLite file has one writer.
pub(crate) struct Databases {
    pub(crate) auth: Database,
    pub(crate) logistics: Database,
    pub(crate) platform: Database,
}

/// Connects to the databases, and brings everyone's tables up.
pub(crate) async fn open(settings: &Settings) -> Result<Databases, StartError> {
    let mut opened = HashMap::new();
    Ok(Databases {
        auth: open_for(Owner::Auth, settings, &mut opened).await?,
        logistics: open_for(Owner::Logistics, settings, &mut opened).await?,
        platform: open_for(Owner::Platform, settings, &mut opened).await?,
    })
}

async fn open_for(
    owner: Owner,
    settings: &Settings,
    opened: &mut HashMap<String, Database>,
) -> Result<Database, StartError> {
    let url = settings.database_url(owner);
    let database = match opened.get(&url) {
        Some(database) => database.clone(),
        None => Database::connect(&url, settings.db_schema.as_deref()).await?,
    };
    opened.insert(url, database.clone());
    migrations::up(&database.write, owner)
        .await
        .map_err(|source| StartError::Migration { owner: owner.name(), source })?;
    Ok(database)
}

/// Ways to services that have not started yet.
pub(crate) fn unbound_peers() -> Peers {
    let peer = || Transport::in_process(&InProcessPeer::unbound());
    Peers { auth: peer(), logistics: peer(), platform: peer() }
}

impl Services {
    /// Starts all three, and lets events through once everybody listens.
    pub(crate) async fn start(
        settings: &Settings,
        keys: &Keys,
        parts: Parts,
        databases: Databases,
    ) -> Result<Self, StartError> {
        let on = |database: Database| Parts { database, ..parts.clone() };
        let administrator = new_administrator(settings, &parts.random, &databases.auth).await?;
        let auth = auth::Config {
            administrator: administrator.as_ref().map(NewAdministrator::as_account),
            ..auth::Config::new(keys.signing.clone())
        };
        let auth = auth::start(auth, on(databases.auth)).await?;
        let logistics = logistics::Config::new(QuoteKey::new(keys.quote_secret.as_bytes()));
        let logistics = logistics::start(logistics, on(databases.logistics)).await?;
        let of_platform = on(databases.platform);
        let platform = platform::start(of_platform.clone()).await?;
        platform::seed(&of_platform).await.map_err(StartError::Catalogue)?;

        let mut tasks = Tasks::new();
        for (way, running) in [
            (&parts.peers.auth, &auth),
            (&parts.peers.logistics, &logistics),
            (&parts.peers.platform, &platform),
        ] {
            if let Transport::InProcess(peer) = way {
                peer.bind(running.app.clone());
            }
        }
        parts.bus.open();
        let [auth, logistics, platform] = [auth, logistics, platform].map(|running| {
            tasks.absorb(running.tasks);
            running.app
        });
        Ok(Self { auth, logistics, platform, tasks, administrator })
    }
}

/// The administrator to be made, where the database has none.
async fn new_administrator(
    settings: &Settings,
    random: &Random,
    database: &Database,
) -> Result<Option<NewAdministrator>, StartError> {
    if auth::has_administrator(database).await? {
        return Ok(None);
    }
    let email = settings.admin_email.clone();
    let origin = match &settings.admin_password {
        _ if auth::has_account(database, &email).await? => PasswordOrigin::Kept,
        Some(_) => PasswordOrigin::Given,
        None => PasswordOrigin::MadeUp,
    };
    let password = settings.admin_password.clone();
    let password = password.unwrap_or_else(|| random_password(random));
    Ok(Some(NewAdministrator { email, password, origin }))
}

fn random_password(random: &Random) -> SecretString {
    let mut secret = random.secret();
    secret.truncate(PASSWORD_LENGTH);
    secret.into()
}
