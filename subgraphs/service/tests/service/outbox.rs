//! Events: from the transaction of a change to every consumer, applied once.

use chrono::TimeDelta;
use serde_json::json;
use service::testing::each_database;
use service::{Event, Inbox, Tasks};

use crate::listener::{Listener, event, record, start};

#[tokio::test]
async fn events_of_an_entity_arrive_in_order_and_a_failure_holds_back_no_other() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let (one, other) = (parts.clock.new_id(), parts.clock.new_id());
        let listener = Listener::default();
        *listener.refusing.lock().unwrap() = Some(one);
        let mut tasks = Tasks::new();
        parts.bus.consume("test", &["thing.changed"], listener.handler(), &mut tasks);
        record(&parts, &outbox, one, 1).await;
        record(&parts, &outbox, one, 2).await;
        record(&parts, &outbox, other, 3).await;
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);

        listener.until(|listener| listener.of(other) == ["3"]).await;
        assert_eq!(listener.of(one), [] as [&str; 0]);
        *listener.refusing.lock().unwrap() = None;
        parts.clock.advance(TimeDelta::seconds(1));
        record(&parts, &outbox, one, 4).await;
        listener.until(|listener| listener.of(one).len() == 3).await;
        assert_eq!(listener.of(one), ["1", "2", "4"]);
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_nobody_can_apply_is_parked_and_the_later_ones_pass() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let entity = parts.clock.new_id();
        let listener = Listener::default();
        *listener.refusing.lock().unwrap() = Some(entity);
        let mut tasks = Tasks::new();
        parts.bus.consume("test", &["thing.changed"], listener.handler(), &mut tasks);
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
        record(&parts, &outbox, entity, 1).await;
        for attempts in 1..=12 {
            listener.until(|listener| *listener.refused.lock().unwrap() == attempts).await;
            // The next attempt is due, and whatever is recorded wakes the relay.
            parts.clock.advance(TimeDelta::hours(1));
            record(&parts, &outbox, parts.clock.new_id(), 0).await;
        }
        *listener.refusing.lock().unwrap() = None;
        record(&parts, &outbox, entity, 2).await;
        listener.until(|listener| !listener.of(entity).is_empty()).await;
        assert_eq!(listener.of(entity), ["2"]);
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_rolled_back_tells_nobody() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let (lost, kept) = (parts.clock.new_id(), parts.clock.new_id());
        let transaction = parts.database.begin().await.unwrap();
        outbox.record(&transaction, event(lost, 1)).await.unwrap();
        drop(transaction);
        record(&parts, &outbox, kept, 2).await;
        let listener = Listener::default();
        let mut tasks = Tasks::new();
        parts.bus.consume("test", &["thing.changed"], listener.handler(), &mut tasks);
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
        listener.until(|listener| listener.of(kept) == ["2"]).await;
        assert_eq!(listener.of(lost), [] as [&str; 0]);
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_delivered_twice_is_applied_once_by_each_consumer() {
    each_database(async |database| {
        let (parts, _) = start(database).await;
        let inbox = Inbox::new("auth", parts.database.clone(), parts.clock.clone());
        let event = Event {
            id: parts.clock.new_id(),
            kind: "thing.changed".to_owned(),
            aggregate: "thing".to_owned(),
            aggregate_id: parts.clock.new_id(),
            payload: json!({}),
            created_at: parts.clock.now(),
        };
        // Not committed: as if it had never come.
        drop(inbox.open("one", &event).await.unwrap().unwrap());
        inbox.open("one", &event).await.unwrap().unwrap().commit().await.unwrap();
        assert!(inbox.open("one", &event).await.unwrap().is_none());
        assert!(inbox.open("other", &event).await.unwrap().is_some());
    })
    .await;
}
