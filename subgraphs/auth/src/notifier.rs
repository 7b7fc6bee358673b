//! Messages to users: how they are worded, and how they travel: by SMTP, or into the log.

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error as SmtpError;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use service::StartError;
use tokio::sync::mpsc;

/// How a message reaches a user. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub enum Notifier {
    /// Writes it to the log, secrets included: for development alone.
    #[default]
    Log,
    /// By mail; to a phone number by the mail of an SMS gateway.
    Smtp(Smtp),
    /// Hands it to whoever holds the other end: tests.
    Handed(mpsc::UnboundedSender<Message>),
}

/// What a user is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// A mail address, or a phone number.
    pub to: String,
    /// What it is about.
    pub subject: &'static str,
    /// The one-time secret that it carries: a token, or a code.
    pub secret: String,
    /// For how long it is good.
    pub life: &'static str,
}

/// A mail server, and who writes.
#[derive(Debug, Clone)]
pub struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
    sms_domain: Option<String>,
}

/// Why a message did not reach the mail server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSent {
    #[error("not an address: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("not a mail: {0}")]
    Mail(#[from] lettre::error::Error),
    #[error("{0}")]
    Smtp(#[from] SmtpError),
    #[error("phone numbers cannot be reached: set SMS_MAIL_DOMAIN")]
    NoGateway,
}

impl Smtp {
    /// A server such as `smtps://user:password@mail.example.com`, a sender such as `Ridegraph <ride@example.com>`, and
    /// the domain under which an SMS gateway takes mail to phone numbers.
    pub fn new(url: &str, sender: &str, sms_domain: Option<&str>) -> Result<Self, StartError> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| invalid("SMTP_URL", &error))?;
        let sender = sender.parse().map_err(|error| invalid("MAIL_FROM", &error))?;
        let sms_domain = sms_domain.map(str::to_owned);
        Ok(Self { server: server.build(), sender, sms_domain })
    }

    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let to = if message.to.contains('@') {
            message.to.parse()?
        } else {
            let domain = self.sms_domain.as_ref().ok_or(NotSent::NoGateway)?;
            format!("{}@{domain}", message.to).parse()?
        };
        let mail = lettre::Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(format!("Ridegraph: {}", message.subject))
            .header(ContentType::TEXT_PLAIN)
            .body(message.text())?;
        self.server.send(mail).await?;
        Ok(())
    }
}

fn invalid(setting: &'static str, error: &dyn std::fmt::Display) -> StartError {
    StartError::Setting { setting, reason: error.to_string() }
}

impl Message {
    fn text(&self) -> String {
        let Self { subject, secret, life, .. } = self;
        format!(
            "To {subject}, use this code:\n\n{secret}\n\nIt is good for {life}, once. If you did not ask for it, do \
             nothing: without the code nothing happens.\n"
        )
    }
}

impl Notifier {
    /// Sends a message; a failure is the operator's, and says nothing of the secret.
    pub(crate) async fn send(&self, message: Message) -> Result<(), NotSent> {
        match self {
            Self::Log => {
                let Message { to, subject, secret, .. } = message;
                tracing::info!(to, subject, secret, "a message that production would send");
                Ok(())
            }
            Self::Smtp(smtp) => smtp.send(&message).await,
            Self::Handed(receiver) => {
                // Whoever listened may have heard enough.
                let _ = receiver.send(message);
                Ok(())
            }
        }
    }
}
