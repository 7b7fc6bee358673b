//! Messages to users, by mail or SMS.

use std::sync::{Arc, Mutex, PoisonError};

/// How a message reaches a user. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub enum Notifier {
    /// Writes it to the log, secrets included: for development alone.
    #[default]
    Log,
    /// Keeps it, for tests.
    Kept(Arc<Mutex<Vec<Message>>>),
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
}

impl Notifier {
    pub(crate) fn send(&self, message: Message) {
        match self {
            Self::Log => {
                let Message { to, subject, secret } = message;
                tracing::info!(to, subject, secret, "a message that production would send");
            }
            Self::Kept(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push(message),
        }
    }
}
