//! Errands: messages are sent, and accounts looked up for them, after the answer. So the answer neither waits for the
//! mail server, nor tells by its time whether the account exists.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use service::Stop;
use tokio::sync::mpsc;

use crate::accounts::Accounts;
use crate::notifier::{Message, NotSent};
use crate::table::verification::Purpose;
use crate::verification;

/// So many errands wait at most; more are dropped, and users ask again.
const CAPACITY: usize = 1_024;
/// So many are run at once.
const AT_ONCE: usize = 8;
/// How often a message is tried.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is done after the answer.
pub(crate) enum Errand {
    /// A secret to whoever has an account under this mail address, if anybody.
    Secret { email: String, purpose: Purpose },
    /// A message.
    Message(Message),
}

/// Where errands are left. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Errands(mpsc::Sender<Errand>);

/// Where they are taken up: by [`run`].
pub(crate) struct Waiting(mpsc::Receiver<Errand>);

/// A place for errands: its two ends.
pub(crate) fn errands() -> (Errands, Waiting) {
    let (leave, take) = mpsc::channel(CAPACITY);
    (Errands(leave), Waiting(take))
}

impl Errands {
    /// Leaves an errand, without waiting.
    pub(crate) fn leave(&self, errand: Errand) {
        if self.0.try_send(errand).is_err() {
            metrics::counter!("auth_errands_dropped_total").increment(1);
            tracing::error!("too many messages wait to be sent: one is dropped");
        }
    }
}

/// Runs errands until told to stop, and then those that are under way.
pub(crate) async fn run(accounts: Arc<Accounts>, Waiting(mut errands): Waiting, mut stop: Stop) {
    let errands = futures::stream::poll_fn(move |context| errands.poll_recv(context));
    errands
        .take_until(Box::pin(async move { stop.requested().await }))
        .for_each_concurrent(AT_ONCE, |errand| run_one(&accounts, errand))
        .await;
}

async fn run_one(accounts: &Accounts, errand: Errand) {
    let message = match errand {
        Errand::Message(message) => Ok(Some(message)),
        Errand::Secret { email, purpose } => {
            verification::for_account(accounts, &email, purpose).await
        }
    };
    match message {
        Ok(None) => {}
        Ok(Some(message)) => {
            let subject = message.subject;
            match send(accounts, message).await {
                Ok(()) => {
                    metrics::counter!("auth_messages_total", "outcome" => "sent").increment(1);
                }
                Err(reason) => {
                    metrics::counter!("auth_messages_total", "outcome" => "failed").increment(1);
                    tracing::error!(subject, reason, "a message was not sent");
                }
            }
        }
        Err(error) => tracing::error!(%error, "a message could not be written"),
    }
}

async fn send(accounts: &Accounts, message: Message) -> Result<(), String> {
    let mut attempt = 1;
    loop {
        let sent = tokio::time::timeout(TIMEOUT, accounts.notifier.send(message.clone())).await;
        let reason = match sent {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error @ (NotSent::Address(_) | NotSent::Mail(_) | NotSent::NoGateway))) => {
                return Err(error.to_string());
            }
            Ok(Err(NotSent::Smtp(error))) if error.is_permanent() => return Err(error.to_string()),
            Ok(Err(NotSent::Smtp(error))) => error.to_string(),
            Err(_) => "the mail server does not answer".to_owned(),
        };
        if attempt == ATTEMPTS {
            return Err(reason);
        }
        let pause = accounts.parts.random.below(1_000 << attempt);
        tokio::time::sleep(Duration::from_millis(u64::from(pause))).await;
        attempt += 1;
    }
}
