//! What Ridegraph must know to start: nothing, and what may be said instead of the defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use secrecy::{ExposeSecret, SecretString};

/// Ridegraph in one process: a ride-hailing backend behind one GraphQL endpoint.
#[derive(Debug, Clone, Parser)]
#[command(name = "ridegraph", version, about)]
pub struct Settings {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:4000")]
    pub listen: SocketAddr,

    /// The folder of the database and the development keys; made where it is missing. Nothing is written elsewhere.
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,

    /// A database instead of the embedded one: `postgres://…`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// The mail address of the first administrator.
    #[arg(long, env = "ADMIN_EMAIL", default_value = "admin@example.com")]
    pub admin_email: String,

    /// The password of the first administrator, of 12 characters or more; by default a random one is printed once.
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true)]
    pub admin_password: Option<SecretString>,

    /// The secret by which the services know each other, of 32 characters or more; by default one is made and kept in
    /// the data folder.
    #[arg(long, env = "SERVICE_JWT_SECRET", hide_env_values = true)]
    pub service_jwt_secret: Option<SecretString>,

    /// Which log lines to print.
    #[arg(long, env = "RUST_LOG", default_value = "warn")]
    pub log: String,
}

impl Settings {
    /// The database's URL.
    pub(crate) fn database_url(&self) -> String {
        if let Some(url) = &self.database_url {
            return url.expose_secret().to_owned();
        }
        let path = self.data_dir.join("ridegraph.db").display().to_string();
        // What a path may contain and a URL gives a meaning to.
        let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        format!("sqlite://{path}")
    }

    /// The database, as people are told of it: without credentials.
    pub(crate) fn database_in_words(&self) -> String {
        match &self.database_url {
            None => format!("SQLite in {}", self.data_dir.display()),
            Some(url) if url.expose_secret().starts_with("sqlite:") => {
                format!("SQLite at {}", url.expose_secret())
            }
            Some(_) => "Postgres, as DATABASE_URL says".to_owned(),
        }
    }

    /// The secrets of service tokens, where they are given.
    pub(crate) fn service_secrets(&self) -> Option<String> {
        self.service_jwt_secret.as_ref().map(|secret| secret.expose_secret().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Settings::command().debug_assert();
    }

    #[test]
    fn a_folder_may_have_any_name() {
        let settings = Settings::parse_from(["ridegraph", "--data-dir", "/tmp/100%? #1"]);
        assert_eq!(settings.database_url(), "sqlite:///tmp/100%25%3F %231/ridegraph.db");
    }
}
