//! What the tests of events share: a listener that keeps what it is told, and a sender.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{FutureExt, future};
use migrations::Owner;
use serde_json::json;
use service::testing::parts;
use service::{Database, Event, Inbox, NewEvent, Outbox, Parts, Tasks};
use tokio::sync::Notify;
use uuid::Uuid;

/// A consumer that keeps what it is told, and refuses some of it.
#[derive(Clone, Default)]
pub(crate) struct Listener {
    heard: Arc<Mutex<Vec<(Uuid, String)>>>,
    pub(crate) refusing: Arc<Mutex<Option<Uuid>>>,
    pub(crate) refused: Arc<Mutex<usize>>,
    told: Arc<Notify>,
}

impl Listener {
    /// Listens as the consumer `name` of auth.
    pub(crate) fn consume(&self, name: &'static str, parts: &Parts, tasks: &mut Tasks) {
        let inbox = Inbox::new("auth", parts.database.clone(), parts.clock.clone());
        let listener = self.clone();
        inbox.consume(
            &parts.bus,
            name,
            &["thing.changed"],
            move |_, event| future::ready(listener.hear(event).map_err(Into::into)).boxed(),
            tasks,
        );
    }

    fn hear(&self, event: &Event) -> Result<(), String> {
        self.told.notify_one();
        if *self.refusing.lock().unwrap() == Some(event.aggregate_id) {
            *self.refused.lock().unwrap() += 1;
            return Err("not now".to_owned());
        }
        let number = event.payload["number"].to_string();
        self.heard.lock().unwrap().push((event.aggregate_id, number));
        Ok(())
    }

    pub(crate) fn of(&self, entity: Uuid) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(of, _)| *of == entity).map(|(_, number)| number.clone()).collect()
    }

    /// Waits until `enough`, which each event may make true.
    pub(crate) async fn until(&self, enough: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !enough(self) {
                self.told.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the event arrives");
    }
}

pub(crate) async fn start(database: Database) -> (Parts, Outbox) {
    migrations::up(&database.write, Owner::Auth).await.unwrap();
    let (parts, _) = parts(database);
    let outbox = Outbox::new("auth", parts.clock.clone());
    (parts, outbox)
}

pub(crate) async fn record(parts: &Parts, outbox: &Outbox, entity: Uuid, number: i32) {
    let transaction = parts.database.begin().await.unwrap();
    outbox.record(&transaction, event(entity, number)).await.unwrap();
    outbox.commit(transaction).await.unwrap();
}

pub(crate) fn event(entity: Uuid, number: i32) -> NewEvent {
    let payload = json!({ "number": number });
    NewEvent { kind: "thing.changed", aggregate: "thing", aggregate_id: entity, payload }
}
