//! What logistics must know to start.

use clap::Parser;
use secrecy::{ExposeSecret, SecretString};
use service::StartError;

use crate::quote::QuoteKey;

/// The command line of the binary `logistics`.
#[derive(Debug, Parser)]
#[command(name = "logistics", version, about = "Who moves where: drivers, vehicles, rides")]
pub struct Settings {
    /// What every service needs.
    #[command(flatten)]
    pub service: service::Settings,

    /// The secret that quotes are signed with, of 32 characters or more; the same for all replicas.
    #[arg(long, env = "QUOTE_SECRET", hide_env_values = true)]
    quote_secret: SecretString,

    /// The page that shows a shared ride; the link's token is appended to it. Without one, clients get the token alone.
    #[arg(long, env = "SHARE_PAGE_URL")]
    share_page_url: Option<String>,
}

/// How logistics behaves.
#[derive(Clone)]
pub struct Config {
    /// What signs and verifies quotes.
    pub quotes: QuoteKey,
    /// The page that shows a shared ride, to which the token is appended.
    pub share_page: Option<String>,
}

impl Config {
    /// The defaults, with this key.
    pub fn new(quotes: QuoteKey) -> Self {
        Self { quotes, share_page: None }
    }
}

impl Settings {
    /// The configuration, or what is wrong with it.
    pub fn config(&self) -> Result<Config, StartError> {
        let secret = self.quote_secret.expose_secret();
        if secret.len() < 32 {
            let reason = "it needs 32 characters or more".to_owned();
            return Err(StartError::Setting { setting: "QUOTE_SECRET", reason });
        }
        Ok(Config {
            share_page: self.share_page_url.clone(),
            ..Config::new(QuoteKey::new(secret.as_bytes()))
        })
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
}
