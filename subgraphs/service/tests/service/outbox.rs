//! Events: from the transaction of a change to every consumer, applied once.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::Query;
use service::Tasks;
use service::parked::{Command, EventsAction, parked};
use service::testing::each_database;

use crate::listener::{Listener, event, record, start};

#[tokio::test]
async fn events_of_an_entity_arrive_in_order_and_a_failure_holds_back_no_other() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let (one, other) = (parts.clock.new_id(), parts.clock.new_id());
        let listener = Listener::default();
        *listener.refusing.lock().unwrap() = Some(one);
        let mut tasks = Tasks::new();
        listener.consume("test", &parts, &mut tasks);
        record(&parts, &outbox, one, 1).await;
        record(&parts, &outbox, one, 2).await;
        record(&parts, &outbox, other, 3).await;
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);

        listener.until(|listener| listener.of(other) == ["3"]).await;
        assert_eq!(listener.of(one), [] as [&str; 0]);
        *listener.refusing.lock().unwrap() = None;
        record(&parts, &outbox, one, 4).await;
        parts.clock.advance(TimeDelta::seconds(1));
        listener.until(|listener| listener.of(one).len() == 3).await;
        assert_eq!(listener.of(one), ["1", "2", "4"]);
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_applied_is_parked_for_an_operator_and_the_later_ones_pass() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let entity = parts.clock.new_id();
        let listener = Listener::default();
        *listener.refusing.lock().unwrap() = Some(entity);
        let mut tasks = Tasks::new();
        listener.consume("test", &parts, &mut tasks);
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
        record(&parts, &outbox, entity, 1).await;
        for attempts in 1..=12 {
            listener.until(|listener| *listener.refused.lock().unwrap() == attempts).await;
            // The next attempt is due.
            parts.clock.advance(TimeDelta::hours(1));
        }
        *listener.refusing.lock().unwrap() = None;
        record(&parts, &outbox, entity, 2).await;
        listener.until(|listener| !listener.of(entity).is_empty()).await;
        assert_eq!(listener.of(entity), ["2"]);

        let [seen] = &parked("auth", &parts.database).await.unwrap()[..] else {
            panic!("one event is parked")
        };
        assert_eq!(
            (&seen.place[..], &seen.kind[..], seen.aggregate_id, &seen.reason[..]),
            ("test", "thing.changed", entity, "not now")
        );
        let run =
            async |action| Command::Events { action }.run("auth", &parts.database).await.unwrap();
        assert!(run(EventsAction::Parked).await.contains(&seen.event_id.to_string()));
        let unknown = parts.clock.new_id();
        let replay = EventsAction::Replay { event_id: Some(unknown), all: false };
        assert_eq!(run(replay).await, format!("no event {unknown} is parked\n"));
        let replay = EventsAction::Replay { event_id: Some(seen.event_id), all: false };
        assert_eq!(run(replay).await, "1 to be tried again\n");
        listener.until(|listener| listener.of(entity).len() == 2).await;
        assert_eq!(listener.of(entity), ["2", "1"]);
        tasks.stop().await;
        assert_eq!(run(EventsAction::Parked).await, "no event is parked\n");
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
        listener.consume("test", &parts, &mut tasks);
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
        listener.until(|listener| listener.of(kept) == ["2"]).await;
        assert_eq!(listener.of(lost), [] as [&str; 0]);
        tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_published_twice_is_applied_once_by_each_consumer() {
    each_database(async |database| {
        let (parts, outbox) = start(database).await;
        let entity = parts.clock.new_id();
        let (one, other) = (Listener::default(), Listener::default());
        let mut tasks = Tasks::new();
        one.consume("one", &parts, &mut tasks);
        other.consume("other", &parts, &mut tasks);
        record(&parts, &outbox, entity, 1).await;
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
        other.until(|other| other.of(entity) == ["1"]).await;
        tasks.stop().await;

        // As if the relay had died before it noted what it published.
        let again = Query::update()
            .table("auth_outbox")
            .value("published_at", Option::<DateTime<Utc>>::None)
            .to_owned();
        parts.database.write.execute(&again).await.unwrap();
        let mut tasks = Tasks::new();
        outbox.start_relay(parts.database.clone(), parts.bus.clone(), &mut tasks);
        record(&parts, &outbox, entity, 2).await;
        other.until(|other| other.of(entity).len() == 2).await;
        for listener in [&one, &other] {
            assert_eq!(listener.of(entity), ["1", "2"]);
        }
        tasks.stop().await;
    })
    .await;
}
