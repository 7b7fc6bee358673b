//! Ridegraph at work: where it is, what a newcomer must know, and how it ends.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use service::{Drain, Tasks};

/// How long requests at work, and then the tasks beside them, may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ridegraph at work. Its [`Display`](fmt::Display) says where things are.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The administrator, where it was made at this start.
    pub administrator: Option<NewAdministrator>,
    pub(crate) database: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) drain: Drain,
    pub(crate) serving: Tasks,
    pub(crate) services: Tasks,
}

/// An administrator that was made just now.
#[derive(Debug, Clone)]
pub struct NewAdministrator {
    /// The mail address to sign in with.
    pub email: String,
    /// The password, where it is a new account.
    pub password: SecretString,
    /// Where the password comes from.
    pub origin: PasswordOrigin,
}

/// Where a first administrator's password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOrigin {
    /// Made up: nobody has seen it yet.
    MadeUp,
    /// Given in the settings.
    Given,
    /// The account was there, and keeps its own.
    Kept,
}

impl NewAdministrator {
    pub(crate) fn as_account(&self) -> auth::Administrator {
        auth::Administrator { email: self.email.clone(), password: self.password.clone() }
    }
}

impl Running {
    /// Takes no more requests, answers those at work, ends the subscriptions and what runs beside them.
    pub async fn stop(self) {
        self.drain.begin();
        // Whoever is not done by then is cut off: dropped, tasks are aborted.
        for (what, tasks) in [("requests", self.serving), ("tasks", self.services)] {
            if tokio::time::timeout(PATIENCE, tasks.stop()).await.is_err() {
                tracing::warn!("some {what} did not end in time");
            }
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = format!("http://{}", self.address);
        writeln!(f, "Ridegraph is running.")?;
        writeln!(f)?;
        writeln!(f, "  GraphQL     {base}/graphql")?;
        writeln!(f, "  GraphiQL    {base}/")?;
        writeln!(f, "  health      {base}/health")?;
        writeln!(f, "  metrics     {base}/metrics")?;
        writeln!(f, "  database    {}", self.database)?;
        writeln!(f)?;
        if let Some(administrator) = &self.administrator {
            let NewAdministrator { email, password, origin } = administrator;
            match origin {
                PasswordOrigin::MadeUp => {
                    let password = password.expose_secret();
                    writeln!(
                        f,
                        "An administrator was made: {email}, password {password} (not shown again)."
                    )?;
                }
                PasswordOrigin::Given => {
                    writeln!(
                        f,
                        "An administrator was made: {email}, with the password from ADMIN_PASSWORD."
                    )?;
                }
                PasswordOrigin::Kept => {
                    writeln!(
                        f,
                        "The account {email} is an administrator from now on, and keeps its password."
                    )?;
                }
            }
        }
        let keys = self.data_dir.join("keys");
        writeln!(
            f,
            "For development only: one process, and its keys are plain files in {}.",
            keys.display()
        )?;
        write!(f, "Ctrl-C ends it.")
    }
}
