//! The bus over a real NATS JetStream, whose address is in `TEST_NATS_URL`.
//!
//! `scripts/test services` starts one and runs this. A plain `cargo test` does not: it would have to pass without
//! having tried.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "service/listener.rs"]
mod listener;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use serde_json::json;
use service::bus::{Handler, HandlerError};
use service::testing::{Metrics, each_database};
use service::{Bus, NewEvent, Outbox, Parts, Tasks};

use tokio::sync::Semaphore;

use listener::{Listener, record, start};

fn url() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    std::env::var("TEST_NATS_URL").expect("TEST_NATS_URL names a NATS server with JetStream")
}

/// The relay of this database, bringing events to NATS.
async fn relay(parts: Parts, outbox: &Outbox, tasks: &mut Tasks) -> Parts {
    let sender = Parts { bus: Bus::nats(&url(), tasks).await.unwrap(), ..parts };
    outbox.start_relay(sender.database.clone(), sender.bus.clone(), tasks);
    sender
}

#[tokio::test]
async fn events_reach_consumers_of_another_process() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let mut tasks = Tasks::new();
        let sender = relay(parts, &outbox, &mut tasks).await;
        let entity = sender.clock.new_id();
        record(&sender, &outbox, entity, 1).await;

        // Comes later, as a process of its own would, and misses nothing.
        let receiver =
            Parts { bus: Bus::nats(&url(), &mut tasks).await.unwrap(), ..sender.clone() };
        let listener = Listener::default();
        listener.consume("test", &receiver, &mut tasks);
        record(&sender, &outbox, entity, 2).await;
        record(&sender, &outbox, entity, 3).await;
        listener.until(|listener| listener.of(entity).len() == 3).await;
        assert_eq!(listener.of(entity), ["1", "2", "3"]);
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn watchers_of_every_replica_hear_of_their_entity() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let mut tasks = Tasks::new();
        let sender = relay(parts, &outbox, &mut tasks).await;
        let other = Bus::nats(&url(), &mut tasks).await.unwrap();
        let (entity, another) = (sender.clock.new_id(), sender.clock.new_id());
        let mut here = Box::pin(sender.bus.watch(entity));
        let mut there = Box::pin(other.watch(entity));
        record(&sender, &outbox, another, 0).await;
        record(&sender, &outbox, entity, 1).await;
        for watcher in [&mut here, &mut there] {
            assert_eq!(watcher.next().await.unwrap().unwrap().payload, json!({ "number": 1 }));
        }
        let position = NewEvent {
            kind: "thing.moved",
            aggregate: "thing",
            aggregate_id: entity,
            payload: json!("there"),
        };
        other.tell(&position.now(&sender.clock)).await;
        for watcher in [&mut here, &mut there] {
            assert_eq!(watcher.next().await.unwrap().unwrap().payload, "there");
        }
        tasks.stop().await;
    })
    .await;
}

/// Waits until the gauge of the consumer `held-up` has a value like this.
async fn until_pending(metrics: &Metrics, is_so: impl Fn(u64) -> bool) {
    let waiting = async {
        while !is_so(metrics.value(r#"events_pending{consumer="held-up"}"#)) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.expect("the events that wait are counted every few seconds");
}

/// Other tests may tell of things meanwhile, which then wait as well.
#[tokio::test]
async fn events_that_wait_in_the_stream_are_counted_until_they_are_taken() {
    each_database(async |database| {
        let metrics = Metrics::record();
        let (parts, outbox) = start(database).await;
        let mut tasks = Tasks::new();
        let sender = relay(parts, &outbox, &mut tasks).await;
        let open = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&open);
        let handler: Handler = Arc::new(move |_| -> BoxFuture<'static, Result<(), HandlerError>> {
            let open = Arc::clone(&held);
            Box::pin(async move { Ok(open.acquire().await.map(drop)?) })
        });
        sender.bus.consume("held-up", &["thing.changed"], handler, &mut tasks);
        for number in 1..=3 {
            record(&sender, &outbox, sender.clock.new_id(), number).await;
        }
        until_pending(&metrics, |pending| pending >= 3).await;
        open.add_permits(1);
        until_pending(&metrics, |pending| pending == 0).await;
        tasks.stop().await;
    })
    .await;
}
