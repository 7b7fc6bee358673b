//! The settings that the three services share: flags, then environment, then defaults.

use std::net::SocketAddr;

use clap::{Args, Command, Parser};
use secrecy::{ExposeSecret, SecretString};
use telemetry::{InstallError, LogFormat, Telemetry, Traces};
use url::Url;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::database::Database;
use crate::error::StartError;
use crate::parked;
use crate::parts::{Parts, Peers};
use crate::random::Random;
use crate::service_token::ServiceKeys;
use crate::tasks::{Drain, Tasks};
use crate::transport::{Transport, install_tls};

/// What a service must know to start. Flattened into the settings of each binary.
#[derive(Debug, Clone, Args)]
#[group(id = "service")]
pub struct Settings {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:4001")]
    pub listen: SocketAddr,

    /// The database: `postgres://…` (with `?schema=` where its tables have a schema of their own) or `sqlite://…`.
    ///
    /// A variable of the service's own (`AUTH_DB_URL`, `LOGISTICS_DB_URL`, `PLATFORM_DB_URL`) goes before.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: SecretString,

    /// The Postgres schema of a service that runs alone.
    #[arg(long, env = "DB_SCHEMA")]
    pub db_schema: Option<String>,

    #[command(flatten)]
    keys: KeySettings,

    /// Where auth is.
    #[arg(long, env = "AUTH_URL", default_value = "http://127.0.0.1:4001")]
    pub auth_url: Url,

    /// Where logistics is.
    #[arg(long, env = "LOGISTICS_URL", default_value = "http://127.0.0.1:4002")]
    pub logistics_url: Url,

    /// Where platform is.
    #[arg(long, env = "PLATFORM_URL", default_value = "http://127.0.0.1:4003")]
    pub platform_url: Url,

    /// The NATS server that carries events between services; without one they stay inside the process.
    #[arg(long, env = "NATS_URL")]
    pub nats_url: Option<String>,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<parked::Command>,

    /// Which log lines to print.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,

    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// How services know each other.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_field_names, reason = "the fields name the flags")]
struct KeySettings {
    /// A secret that all services share, of 32 characters or more; several, separated by commas, while it is
    /// rotated: the first signs. For development: whoever holds it can speak for any service.
    #[arg(
        long,
        env = "SERVICE_JWT_SECRET",
        hide_env_values = true,
        required_unless_present = "service_signing_key"
    )]
    service_jwt_secret: Option<SecretString>,

    /// This service's own Ed25519 key (PKCS#8 PEM): for production, with the peers' public keys.
    #[arg(long, env = "SERVICE_SIGNING_KEY", hide_env_values = true, requires_all = ["service_key_id", "service_peer_keys"])]
    service_signing_key: Option<SecretString>,

    /// The `kid` of that key, beginning with the service's name: `logistics/2`.
    #[arg(long, env = "SERVICE_KEY_ID")]
    service_key_id: Option<String>,

    /// The public keys of the services (JWKS), the router's included.
    #[arg(long, env = "SERVICE_PEER_KEYS")]
    service_peer_keys: Option<String>,
}

impl KeySettings {
    fn keys(&self) -> Result<ServiceKeys, StartError> {
        if let (Some(own), Some(key_id), Some(peers)) =
            (&self.service_signing_key, &self.service_key_id, &self.service_peer_keys)
        {
            return ServiceKeys::per_service(own.expose_secret(), key_id, peers);
        }
        ServiceKeys::shared(
            self.service_jwt_secret.as_ref().map_or("", |secret| secret.expose_secret()),
        )
    }
}

/// What differs between the services' command lines.
#[derive(Debug, Clone, Copy)]
pub struct CommandLine {
    /// Where it listens by default.
    pub listen: &'static str,
    /// The variable that goes before `DATABASE_URL`.
    pub database_variable: &'static str,
}

impl CommandLine {
    /// Reads the process's flags and environment; prints help or the error, and exits, as clap does.
    pub fn parse<S: Parser>(self) -> S {
        let matches = self.apply(S::command()).get_matches();
        S::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    fn apply(self, command: Command) -> Command {
        let command = command.mut_arg("listen", |argument| argument.default_value(self.listen));
        if std::env::var_os(self.database_variable).is_some_and(|url| !url.is_empty()) {
            command.mut_arg("database_url", |argument| argument.env(self.database_variable))
        } else {
            command
        }
    }
}

impl Settings {
    /// Connects to the database alone: for a [`Command`](parked::Command).
    pub async fn database(&self) -> Result<Database, StartError> {
        let schema = self.db_schema.as_deref().filter(|schema| !schema.is_empty());
        Database::connect(self.database_url.expose_secret(), schema).await
    }

    /// Installs logs and, where the environment asks for them, traces of the service `name`.
    pub fn install_telemetry(&self, name: &str) -> Result<Telemetry, StartError> {
        let traces = Traces::from_environment(name, None, &environment);
        Ok(telemetry::install(&self.log, self.log_format, traces.map_err(InstallError::Traces)?)?)
    }

    /// Installs metrics and TLS, and connects to the database and the bus. `tasks` owns what runs beside.
    pub async fn connect(&self, tasks: &mut Tasks) -> Result<Parts, StartError> {
        install_tls();
        let metrics = telemetry::install_metrics()?;
        let tended = metrics.clone();
        tasks.start(|mut stop| async move {
            tokio::select! {
                never = telemetry::tend(tended) => match never {},
                () = stop.requested() => {}
            }
        });
        let bus = match self.nats_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Bus::nats(url, tasks).await?,
            None => Bus::in_process(),
        };
        Ok(Parts {
            clock: Clock::system(),
            random: Random::system(),
            database: self.database().await?,
            keys: self.keys.keys()?,
            bus,
            peers: Peers {
                auth: Transport::http(&self.auth_url),
                logistics: Transport::http(&self.logistics_url),
                platform: Transport::http(&self.platform_url),
            },
            drain: Drain::new(),
            metrics,
        })
    }
}

/// Reads a variable of the process's environment: one of those that OpenTelemetry names, and clap does not.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
