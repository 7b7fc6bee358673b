//! Ridegraph in one process: three services and the router before them, on an embedded database.
//!
//! 1. [`start`] takes the address first: whoever finds it taken has changed nothing.
//! 2. `keys` reads the development keys in the data folder, or makes them at the first start.
//! 3. `services` migrates the database and starts auth, logistics and platform. They reach each other, and the router
//!    reaches them, by the same requests with the same tokens as over the network, without sockets.
//! 4. `gateway` composes their schemas and makes the router's routes.
//! 5. [`Running`] says where things are, and ends it all in order: requests first, then what runs beside.

mod error;
mod examples;
mod gateway;
mod keys;
mod running;
mod services;
mod settings;

use service::{Clock, Drain, Parts, Random, Tasks};
use telemetry::PrometheusHandle;

pub use error::StartError;
pub use running::{NewAdministrator, PasswordOrigin, Running};
pub use settings::Settings;

use crate::keys::Keys;
use crate::services::Services;

/// Starts everything, and answers when it can be asked. `metrics` renders what the process has counted.
pub async fn start(settings: &Settings, metrics: PrometheusHandle) -> Result<Running, StartError> {
    let listener = server::bind(settings.listen).await?;
    let address = listener.local_addr().map_err(server::StartError::Serve)?;
    let random = Random::system();
    let keys = Keys::read_or_make(&settings.data_dir, &random)?;
    let secrets = settings.service_secrets().unwrap_or(keys.service_secret.clone());

    let databases = services::open(settings).await?;
    let parts = Parts {
        clock: Clock::system(),
        random,
        // Each service gets its own instead, which is the same where all share one.
        database: databases.auth.clone(),
        keys: service::ServiceKeys::shared(&secrets)?,
        bus: service::Bus::in_process(),
        peers: services::unbound_peers(),
        drain: Drain::new(),
        metrics: metrics.clone(),
    };
    let drain = parts.drain.clone();
    let services = Services::start(settings, &keys, parts, databases).await?;
    let app = gateway::app(&services, &secrets, metrics)?;

    let mut serving = Tasks::new();
    serving.start(|mut stop| async move {
        let stopped = async move { stop.requested().await };
        if let Err(error) = server::serve(listener, app, stopped).await {
            tracing::error!(%error, "no more requests are taken");
        }
    });
    Ok(Running {
        address,
        database: settings.database_in_words(),
        data_dir: settings.data_dir.clone(),
        administrator: services.administrator,
        drain,
        serving,
        services: services.tasks,
    })
}
