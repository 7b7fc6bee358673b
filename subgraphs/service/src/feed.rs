//! Feeds a process's watchers from NATS: every replica reads every event, from its own start on.

use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::{self, consumer};
use futures::StreamExt;

use crate::bus::{HandlerError, RETRY_AFTER, STREAM, SUBJECT};
use crate::live::Live;
use crate::tasks::Stop;

/// An ephemeral, ordered consumer of this process alone: after a broken connection it goes on where it was.
pub(crate) struct Feed {
    context: jetstream::Context,
    messages: Ordered,
    live: Live,
}

impl Feed {
    /// Reads the events from now on.
    pub(crate) async fn open(
        context: jetstream::Context,
        live: Live,
    ) -> Result<Self, HandlerError> {
        let messages = messages(&context).await?;
        Ok(Self { context, messages, live })
    }

    /// Tells the watchers until told to stop. Where it has to begin anew, it tells them that they missed events.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        loop {
            let message = tokio::select! {
                message = self.messages.next() => message,
                () = stop.requested() => return,
            };
            if let Some(Ok(message)) = message {
                tell(&self.live, &message.payload);
                continue;
            }
            let reason = message.and_then(Result::err).map(|error| error.to_string());
            tracing::warn!(reason, "the live events broke off");
            tokio::select! {
                () = tokio::time::sleep(RETRY_AFTER) => {}
                () = stop.requested() => return,
            }
            match messages(&self.context).await {
                Ok(messages) => {
                    self.messages = messages;
                    self.live.lose();
                }
                Err(error) => tracing::warn!(%error, "the live events do not come back"),
            }
        }
    }
}

async fn messages(context: &jetstream::Context) -> Result<Ordered, HandlerError> {
    let config = OrderedConfig {
        filter_subject: format!("{SUBJECT}.>"),
        deliver_policy: consumer::DeliverPolicy::New,
        ..OrderedConfig::default()
    };
    let stream = context.get_stream(STREAM).await?;
    Ok(stream.create_consumer(config).await?.messages().await?)
}

/// Tells the watchers what other replicas tell and nobody keeps.
pub(crate) async fn pass_on(mut told: async_nats::Subscriber, live: Live, mut stop: Stop) {
    loop {
        tokio::select! {
            Some(message) = told.next() => tell(&live, &message.payload),
            () = stop.requested() => return,
            else => return,
        }
    }
}

fn tell(live: &Live, payload: &[u8]) {
    match serde_json::from_slice(payload) {
        Ok(event) => live.tell(&event),
        Err(error) => tracing::error!(%error, "a live event cannot be read"),
    }
}
