//! What Ridegraph must know to start: nothing, and what may be said instead of the defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use migrations::Owner;
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

    /// The Postgres schema of the tables, where the URL names none.
    #[arg(long, env = "DB_SCHEMA")]
    pub db_schema: Option<String>,

    /// A database of auth's own.
    #[arg(long, env = "AUTH_DB_URL", hide_env_values = true)]
    pub auth_db_url: Option<SecretString>,

    /// A database of logistics' own.
    #[arg(long, env = "LOGISTICS_DB_URL", hide_env_values = true)]
    pub logistics_db_url: Option<SecretString>,

    /// A database of platform's own.
    #[arg(long, env = "PLATFORM_DB_URL", hide_env_values = true)]
    pub platform_db_url: Option<SecretString>,

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
    /// The URL of the owner's database: of its own, or else of the one for all.
    pub(crate) fn database_url(&self, owner: Owner) -> String {
        let given = self.own_database_url(owner).or(self.database_url.as_ref());
        if let Some(url) = given.map(SecretString::expose_secret).filter(|url| !url.is_empty()) {
            return url.to_owned();
        }
        let path = self.data_dir.join("ridegraph.db").display().to_string();
        // What a path may contain and a URL gives a meaning to.
        let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        format!("sqlite://{path}")
    }

    fn own_database_url(&self, owner: Owner) -> Option<&SecretString> {
        let url = match owner {
            Owner::Auth => &self.auth_db_url,
            Owner::Logistics => &self.logistics_db_url,
            Owner::Platform => &self.platform_db_url,
        };
        url.as_ref().filter(|url| !url.expose_secret().is_empty())
    }

    /// The database, as people are told of it: without credentials.
    pub(crate) fn database_in_words(&self) -> String {
        let shared = match &self.database_url {
            None => format!("SQLite in {}", self.data_dir.display()),
            Some(url) if url.expose_secret().starts_with("sqlite:") => {
                format!("SQLite at {}", url.expose_secret())
            }
            Some(_) => "Postgres, as DATABASE_URL says".to_owned(),
        };
        let own: Vec<&str> = Owner::ALL
            .into_iter()
            .filter(|owner| self.own_database_url(*owner).is_some())
            .map(Owner::name)
            .collect();
        match own.len() {
            0 => shared,
            3 => "one for each service, as its variable says".to_owned(),
            _ => format!("{shared}; for {}, as its variable says", own.join(" and ")),
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
        let url = settings.database_url(Owner::Auth);
        assert_eq!(url, "sqlite:///tmp/100%25%3F %231/ridegraph.db");
    }
}
