//! The bus: brings events to consumers, inside one process or over NATS JetStream.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::PublishError as PublishFailure;
use async_nats::jetstream::{self, AckKind, stream};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::watch;
use uuid::Uuid;

use crate::error::StartError;
use crate::event::Event;
use crate::feed::{self, Feed};
use crate::live::{Heard, Live};
use crate::tasks::{Stop, Tasks};

/// The JetStream stream of all services.
pub(crate) const STREAM: &str = "RIDEGRAPH";
pub(crate) const SUBJECT: &str = "ridegraph.events";
/// What an event's header takes of a message.
const HEADER_BYTES: usize = 128;
/// What is told and not kept.
const LIVE_SUBJECT: &str = "ridegraph.live";
/// How long JetStream remembers an event's id, to drop a second copy.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// How often the events that wait for a consumer are counted.
const LAG_INTERVAL: Duration = Duration::from_secs(5);
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What a consumer does with an event; a failure means: not now, keep all that follow.
///
/// Delivery is at least once: go through [`Inbox::consume`](crate::Inbox::consume) to apply an event once.
pub type Handler = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), HandlerError>> + Send + Sync>;

/// Why an event was not applied.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// Why an event is not on the bus.
#[derive(Debug)]
pub(crate) enum PublishError {
    /// Not now: the bus, or a consumer's database, cannot be reached.
    Unavailable(String),
    /// Never: the bus does not take this event.
    Refused(String),
}

/// The way from a service's outbox to everyone's consumers. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    carrier: Carrier,
    live: Live,
}

#[derive(Clone)]
enum Carrier {
    InProcess(Arc<InProcess>),
    Nats(Box<Nats>),
}

#[derive(Clone)]
struct Nats {
    client: async_nats::Client,
    context: jetstream::Context,
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
        Self { carrier: Carrier::InProcess(Arc::new(carrier)), live: Live::default() }
    }

    /// The bus over NATS JetStream; makes the stream where it is missing, and feeds [`Bus::watch`].
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

        let live = Live::default();
        let feed = Feed::open(context.clone(), live.clone()).await;
        let feed = feed.map_err(|error| failed(error.to_string()))?;
        let told = client.subscribe(format!("{LIVE_SUBJECT}.>")).await;
        let told = told.map_err(|error| failed(error.to_string()))?;
        tasks.start(|stop| feed.run(stop));
        tasks.start(|stop| feed::pass_on(told, live.clone(), stop));
        Ok(Self { carrier: Carrier::Nats(Box::new(Nats { client, context })), live })
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
            Carrier::Nats(nats) => {
                let (context, lag) = (nats.context.clone(), nats.context.clone());
                tasks.start(|stop| consumer.run(context, stop));
                tasks.start(|stop| measure_lag(name, lag, stop));
            }
        }
    }

    /// What happens to one entity from now on, on whichever replica: the events with this `aggregate_id`. Nothing is
    /// kept for a watcher; one that missed some is told ([`Missed`](crate::Missed)) and reads the entity again.
    pub fn watch(&self, entity: Uuid) -> impl Stream<Item = Heard> + Send + use<> {
        self.live.watch(entity)
    }

    /// How many in this process watch the entity.
    #[cfg(feature = "testing")]
    pub(crate) fn watchers(&self, entity: Uuid) -> usize {
        self.live.watchers(entity)
    }

    /// Tells whoever watches the event's entity, on every replica, at most once and with no outbox: for what the next
    /// telling makes worthless, such as a position.
    pub async fn tell(&self, event: &Event) {
        #[cfg(feature = "testing")]
        crate::testing::event_schema::check(&event.kind, &event.aggregate, &event.payload);
        match &self.carrier {
            Carrier::InProcess(_) => self.live.tell(event),
            Carrier::Nats(nats) => {
                let payload = serde_json::to_vec(event).expect("an event is plain data");
                let subject = format!("{LIVE_SUBJECT}.{}", event.kind);
                if let Err(error) = nats.client.publish(subject, payload.into()).await {
                    tracing::warn!(kind = event.kind, %error, "an event could not be told");
                }
            }
        }
    }

    /// Brings one event to the bus; `Ok` means that it will not be lost.
    pub(crate) async fn publish(&self, event: &Event) -> Result<(), PublishError> {
        match &self.carrier {
            Carrier::InProcess(bus) => {
                bus.deliver(event).await.map_err(PublishError::Unavailable)?;
                self.live.tell(event);
            }
            Carrier::Nats(nats) => nats.publish(event).await?,
        }
        metrics::counter!("events_published_total", "kind" => event.kind.clone()).increment(1);
        Ok(())
    }
}

/// Shows in `/metrics` how many events wait in the stream for the consumer `name`, until told to stop.
async fn measure_lag(name: &'static str, context: jetstream::Context, mut stop: Stop) {
    loop {
        // Not there yet, or not to be reached: the last figure stands.
        if let Ok(consumer) =
            context.get_consumer_from_stream::<pull::Config, _, _>(name, STREAM).await
        {
            let info = consumer.cached_info();
            let waiting =
                info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "so many events never wait")]
            metrics::gauge!("events_pending", "consumer" => name).set(waiting as f64);
        }
        tokio::select! {
            () = tokio::time::sleep(LAG_INTERVAL) => {}
            () = stop.requested() => return,
        }
    }
}

impl Nats {
    async fn publish(&self, event: &Event) -> Result<(), PublishError> {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", event.id.to_string());
        let payload = serde_json::to_vec(event).expect("an event is plain data");
        let limit = self.client.server_info().max_payload;
        if payload.len() + HEADER_BYTES > limit {
            let size = payload.len();
            return Err(PublishError::Refused(format!(
                "{size} bytes, of which NATS takes {limit}"
            )));
        }
        let subject = format!("{SUBJECT}.{}", event.kind);
        let unavailable = |error: PublishFailure| PublishError::Unavailable(error.to_string());
        let sent = self.context.publish_with_headers(subject, headers, payload.into()).await;
        sent.map_err(unavailable)?.await.map_err(unavailable)?;
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
            let taken = (consumer.handler)(event.clone()).await;
            taken.map_err(|error| format!("{}: {error}", consumer.name))?;
        }
        Ok(())
    }
}

impl Consumer {
    /// Pulls from JetStream until told to stop; begins again where the connection breaks.
    async fn run(self, context: jetstream::Context, mut stop: Stop) {
        while !stop.is_requested() {
            if let Err(error) = self.pull(&context, &mut stop).await {
                tracing::warn!(consumer = self.name, %error, "events cannot be pulled");
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_AFTER) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// Takes one event after the other. Told to stop, it finishes the one at hand and gives back the next, which else
    /// nobody would get before the server misses its acknowledgement.
    async fn pull(
        &self,
        context: &jetstream::Context,
        stop: &mut Stop,
    ) -> Result<(), HandlerError> {
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
        loop {
            let message = tokio::select! {
                message = messages.next() => message,
                () = stop.requested() => {
                    if let Some(Some(Ok(message))) = messages.next().now_or_never() {
                        message.ack_with(AckKind::Nak(None)).await?;
                    }
                    return Ok(());
                }
            };
            let Some(message) = message.transpose()? else { return Ok(()) };
            let event: Event = match serde_json::from_slice(&message.payload) {
                Ok(event) => event,
                Err(error) => {
                    metrics::counter!("events_unreadable_total", "consumer" => self.name)
                        .increment(1);
                    tracing::error!(consumer = self.name, %error, "an event cannot be read; it is passed over");
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
                    tracing::warn!(consumer = self.name, %error, "an event was not taken; again later");
                    message.ack_with(AckKind::Nak(Some(RETRY_AFTER))).await?;
                }
            }
        }
    }
}
