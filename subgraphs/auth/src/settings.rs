//! The settings of auth: as the binary reads them, and as the service takes them.

use secrecy::{ExposeSecret, SecretString};
use service::{SigningKeys, StartError};

use crate::notifier::{Notifier, Smtp};
use crate::password::PasswordCost;
use crate::throttle::Limit;

/// Signs users in, and says who they are.
#[derive(Debug, clap::Parser)]
#[command(version, about)]
pub struct Settings {
    /// What every service must know.
    #[command(flatten)]
    pub service: service::Settings,

    /// The Ed25519 keys that access tokens are signed with (PKCS#8 PEM): the first signs, all are published.
    #[arg(long, env = "AUTH_SIGNING_KEY", hide_env_values = true)]
    auth_signing_key: SecretString,

    /// The administrator to be made where there is none.
    #[arg(long, env = "ADMIN_EMAIL", requires = "admin_password")]
    admin_email: Option<String>,

    /// The administrator's password, of 12 characters or more.
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<SecretString>,

    /// The mail server, as in `smtps://user:password@mail.example.com` or `smtp://mail.example.com:587?tls=required`.
    /// Without one, messages go to the log: for development.
    #[arg(long, env = "SMTP_URL", hide_env_values = true, requires = "mail_from")]
    smtp_url: Option<SecretString>,

    /// Who writes, as in `Ridegraph <ride@example.com>`.
    #[arg(long, env = "MAIL_FROM")]
    mail_from: Option<String>,

    /// The domain under which an SMS gateway takes mail to phone numbers: `+4930123456@sms.example.com`.
    #[arg(long, env = "SMS_MAIL_DOMAIN", requires = "smtp_url")]
    sms_mail_domain: Option<String>,

    /// How often somebody may try.
    #[command(flatten)]
    limits: Limits,
}

impl Settings {
    /// What the service takes.
    pub fn config(&self) -> Result<Config, StartError> {
        let administrator = match (&self.admin_email, &self.admin_password) {
            (Some(email), Some(password)) => {
                Some(Administrator { email: email.clone(), password: password.clone() })
            }
            _ => None,
        };
        let signing = SigningKeys::from_pem(self.auth_signing_key.expose_secret())?;
        let (limits, notifier) = (self.limits, self.notifier()?);
        Ok(Config { administrator, limits, notifier, ..Config::new(signing) })
    }

    fn notifier(&self) -> Result<Notifier, StartError> {
        // Compose sets what nobody has set to nothing.
        let url =
            self.smtp_url.as_ref().map(SecretString::expose_secret).filter(|it| !it.is_empty());
        let Some(url) = url else { return Ok(Notifier::Log) };
        let sender = self.mail_from.as_deref().unwrap_or_default();
        let sms_domain = self.sms_mail_domain.as_deref().filter(|domain| !domain.is_empty());
        Ok(Notifier::Smtp(Smtp::new(url, sender, sms_domain)?))
    }
}

/// What the service takes, beside the parts that all services share.
#[derive(Clone)]
pub struct Config {
    /// What access tokens are signed with.
    pub signing: SigningKeys,
    /// Made where no administrator exists.
    pub administrator: Option<Administrator>,
    /// How much work a password's hash is.
    pub password_cost: PasswordCost,
    /// How often somebody may try.
    pub limits: Limits,
    /// How users are told.
    pub notifier: Notifier,
}

impl Config {
    /// The defaults, with these keys and without an administrator.
    pub fn new(signing: SigningKeys) -> Self {
        Self {
            signing,
            administrator: None,
            password_cost: PasswordCost::default(),
            limits: Limits::default(),
            notifier: Notifier::default(),
        }
    }
}

/// The first administrator.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// The mail address to log in with.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// How often somebody may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Limits {
    /// Failed log-ins to one account: so many within so many minutes.
    #[arg(long, env = "FAILURES_PER_ACCOUNT", value_name = "LIMIT", default_value = "10/15m")]
    pub failures_per_account: Limit,
    /// Failed log-ins from one address.
    #[arg(long, env = "FAILURES_PER_ADDRESS", value_name = "LIMIT", default_value = "100/15m")]
    pub failures_per_address: Limit,
    /// Registrations from one address.
    #[arg(long, env = "REGISTRATIONS_PER_ADDRESS", value_name = "LIMIT", default_value = "20/60m")]
    pub registrations_per_address: Limit,
    /// Messages to one account or number.
    #[arg(long, env = "MESSAGES_PER_TARGET", value_name = "LIMIT", default_value = "5/60m")]
    pub messages_per_target: Limit,
}

impl Limits {
    /// The longest window: attempts older than that count nowhere.
    pub(crate) fn longest_minutes(&self) -> i64 {
        let windows = [
            self.failures_per_account,
            self.failures_per_address,
            self.registrations_per_address,
            self.messages_per_target,
        ];
        windows.map(|limit| limit.minutes).into_iter().fold(0, i64::max)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures_per_account: Limit { most: 10, minutes: 15 },
            failures_per_address: Limit { most: 100, minutes: 15 },
            registrations_per_address: Limit { most: 20, minutes: 60 },
            messages_per_target: Limit { most: 5, minutes: 60 },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Settings::command().debug_assert();
    }

    #[test]
    fn limits_are_settings() {
        let settings = |limits: &[&str]| {
            let required = [
                "auth",
                "--database-url=sqlite://auth.db",
                "--service-jwt-secret=secret",
                "--auth-signing-key=key",
            ];
            Settings::try_parse_from(required.iter().chain(limits))
        };
        assert_eq!(settings(&[]).unwrap().limits, Limits::default());
        let limits = settings(&["--failures-per-account=3/1m"]).unwrap().limits;
        assert_eq!(limits.failures_per_account, Limit { most: 3, minutes: 1 });
        for wrong in ["", "3", "3/1", "3/1h", "0/1m", "3/0m", "-3/1m", "3/-1m", "3/999999m"] {
            let refused = settings(&[&format!("--registrations-per-address={wrong}")]).unwrap_err();
            assert!(wrong.is_empty() || refused.to_string().contains("`10/15m`"), "{refused}");
        }
    }

    #[tokio::test]
    async fn what_is_set_to_nothing_is_not_set() {
        let settings = |url: &str, sender: &str| {
            let command_line = [
                "auth",
                "--database-url=sqlite://auth.db",
                "--service-jwt-secret=secret",
                "--auth-signing-key=key",
                &format!("--smtp-url={url}"),
                &format!("--mail-from={sender}"),
                "--sms-mail-domain=",
            ];
            Settings::parse_from(command_line).notifier()
        };
        assert!(matches!(settings("", ""), Ok(Notifier::Log)));
        assert!(matches!(
            settings("smtp://mail", "Ride <ride@example.com>"),
            Ok(Notifier::Smtp(_))
        ));
        let nobody = settings("smtp://mail", "").unwrap_err().to_string();
        assert!(nobody.starts_with("MAIL_FROM: "), "{nobody}");
    }
}
