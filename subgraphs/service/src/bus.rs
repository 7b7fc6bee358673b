//! The bus: brings events to consumers, inside one process or over NATS JetStream.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, AckKind, stream};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use tokio::sync::{broadcast, watch};

use crate::error::StartError;
use crate::event::Event;
use crate::tasks::{Stop, Tasks};

/// Live listeners that fall further behind than this lose events.
const LIVE_CAPACITY: usize = 1_024;
/// The JetStream stream of all services.
const STREAM: &str = "RIDEGRAPH";
const SUBJECT: &str = "ridegraph.events";
/// How long JetStream remembers an event's id, to drop a second copy.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What a consumer does with an event; a failure means: again, later.
///
/// Delivery is at least once: go through [`crate::inbox::Inbox`] to apply an event once.
pub type Handler = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), HandlerError>> + Send + Sync>;

/// Why an event was not applied.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// The way from a service's outbox to everyone's consumers. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    carrier: Carrier,
    live: broadcast::Sender<Event>,
}

#[derive(Clone)]
enum Carrier {
    InProcess(Arc<InProcess>),
    Nats(Box<jetstream::Context>),
}

struct InProcess {
    consumers: RwLock<Vec<Consumer>>,
    open: watch::Sender<bool>,
}

#[derive(Clone)]
struct Consumer {
    name: &'static str,
    kinds: &'static [&'static str],
    handler: Handler,
}

impl Bus {
    /// A bus inside this process. Nothing is delivered before [`Bus::open`], so that no consumer comes too late.
    pub fn in_process() -> Self {
        let carrier = InProcess { consumers: RwLock::default(), open: watch::Sender::new(false) };
        Self {
            carrier: Carrier::InProcess(Arc::new(carrier)),
            live: broadcast::Sender::new(LIVE_CAPACITY),
        }
    }

    /// The bus over NATS JetStream; makes the stream where it is missing, and feeds [`Bus::listen`].
    pub async fn nats(url: &str, tasks: &mut Tasks) -> Result<Self, StartError> {
        let failed = |reason: String| StartError::Bus { url: url.to_owned(), reason };
        let client = async_nats::connect(url).await.map_err(|error| failed(error.to_string()))?;
        let context = jetstream::new(client.clone());
        let stream = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec![format!("{SUBJECT}.>")],
            duplicate_window: DUPLICATE_WINDOW,
            max_age: Duration::from_hours(7 * 24),
            ..stream::Config::default()
        };
        context.get_or_create_stream(stream).await.map_err(|error| failed(error.to_string()))?;

        let live = broadcast::Sender::new(LIVE_CAPACITY);
        let mut messages = client
            .subscribe(format!("{SUBJECT}.>"))
            .await
            .map_err(|error| failed(error.to_string()))?;
        let feed = live.clone();
        tasks.start(|mut stop| async move {
            while let Some(message) = tokio::select! { message = messages.next() => message, () = stop.requested() => None } {
                if let Ok(event) = serde_json::from_slice(&message.payload) {
                    let _ = feed.send(event);
                }
            }
        });
        Ok(Self { carrier: Carrier::Nats(Box::new(context)), live })
    }

    /// Lets events through: every consumer is registered. (NATS keeps them for consumers that come later.)
    pub fn open(&self) {
        if let Carrier::InProcess(bus) = &self.carrier {
            bus.open.send_replace(true);
        }
    }

    /// Registers the consumer `name` of these kinds of events. Each event reaches it until it says `Ok`, whichever
    /// replica of it; the events of one entity in order.
    pub fn consume(
        &self,
        name: &'static str,
        kinds: &'static [&'static str],
        handler: Handler,
        tasks: &mut Tasks,
    ) {
        let consumer = Consumer { name, kinds, handler };
        match &self.carrier {
            Carrier::InProcess(bus) => {
                bus.consumers.write().unwrap_or_else(PoisonError::into_inner).push(consumer);
            }
            Carrier::Nats(context) => {
                let context = context.as_ref().clone();
                tasks.start(|stop| consumer.run(context, stop));
            }
        }
    }

    /// The events from now on, for whoever is watching: not kept, not repeated.
    pub fn listen(&self) -> impl Stream<Item = Event> + use<> {
        futures::stream::unfold(self.live.subscribe(), |mut events| async move {
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, events)),
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "a listener is too slow");
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
    }

    /// Brings one event to the bus; `Ok` means that it will not be lost.
    pub(crate) async fn publish(&self, event: &Event) -> Result<(), String> {
        match &self.carrier {
            Carrier::InProcess(bus) => {
                bus.deliver(event).await?;
                let _ = self.live.send(event.clone());
            }
            Carrier::Nats(context) => {
                let mut headers = async_nats::HeaderMap::new();
                headers.insert("Nats-Msg-Id", event.id.to_string());
                let payload = serde_json::to_vec(event).map_err(|error| error.to_string())?;
                let subject = format!("{SUBJECT}.{}", event.kind);
                let sent = context.publish_with_headers(subject, headers, payload.into()).await;
                sent.map_err(|error| error.to_string())?
                    .await
                    .map_err(|error| error.to_string())?;
            }
        }
        metrics::counter!("events_published_total", "kind" => event.kind.clone()).increment(1);
        Ok(())
    }
}

impl InProcess {
    /// Every consumer in turn; the first failure is the event's, and it comes again.
    async fn deliver(&self, event: &Event) -> Result<(), String> {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        let consumers = self.consumers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for consumer in
            consumers.iter().filter(|consumer| consumer.kinds.contains(&event.kind.as_str()))
        {
            let applied = (consumer.handler)(event.clone()).await;
            applied.map_err(|error| format!("{}: {error}", consumer.name))?;
        }
        Ok(())
    }
}

impl Consumer {
    /// Pulls from JetStream until told to stop; begins again where the connection breaks.
    async fn run(self, context: jetstream::Context, mut stop: Stop) {
        while !stop.is_requested() {
            let ended = tokio::select! {
                ended = self.pull(&context) => ended,
                () = stop.requested() => return,
            };
            if let Err(error) = ended {
                tracing::warn!(consumer = self.name, %error, "events cannot be pulled");
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_AFTER) => {}
                () = stop.requested() => return,
            }
        }
    }

    async fn pull(&self, context: &jetstream::Context) -> Result<(), HandlerError> {
        let stream = context.get_stream(STREAM).await?;
        let config = pull::Config {
            durable_name: Some(self.name.to_owned()),
            // Several filters need a server of 2.10 or later; other kinds are passed over below instead.
            filter_subject: format!("{SUBJECT}.>"),
            ack_policy: AckPolicy::Explicit,
            // One at a time keeps the order of each entity's events.
            max_ack_pending: 1,
            ..pull::Config::default()
        };
        let consumer: PullConsumer = stream.get_or_create_consumer(self.name, config).await?;
        let mut messages = consumer.messages().await?;
        while let Some(message) = messages.next().await {
            let message = message?;
            let event: Event = match serde_json::from_slice(&message.payload) {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(consumer = self.name, %error, "an event cannot be read; it is dropped");
                    message.ack_with(AckKind::Term).await?;
                    continue;
                }
            };
            if !self.kinds.contains(&event.kind.as_str()) {
                message.ack().await?;
                continue;
            }
            match (self.handler)(event).await {
                Ok(()) => message.ack().await?,
                Err(error) => {
                    tracing::warn!(consumer = self.name, %error, "an event was not applied; again later");
                    message.ack_with(AckKind::Nak(Some(RETRY_AFTER))).await?;
                }
            }
        }
        Ok(())
    }
}
