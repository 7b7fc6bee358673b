//! Live events: what happens to an entity, told at once to whoever watches it in this process, and kept nowhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::event::Event;

/// A watcher that falls further behind than this misses events, and is told so.
const CAPACITY: usize = 64;

/// Who watches which entity. Cheap to clone; the clones share the watchers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live(Arc<Mutex<Topics>>);

type Topics = HashMap<Uuid, broadcast::Sender<Heard>>;

/// What a watcher hears: an event, or that some were missed.
pub type Heard = Result<Arc<Event>, Missed>;

/// Events were missed: the watcher was too slow, or the bus was lost for a while. Read the entity again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("some events were missed")]
pub struct Missed;

impl Live {
    /// The events of one entity from now on.
    pub(crate) fn watch(&self, entity: Uuid) -> impl Stream<Item = Heard> + Send + use<> {
        let topic = Topic {
            heard: Some(
                self.topics()
                    .entry(entity)
                    .or_insert_with(|| broadcast::Sender::new(CAPACITY))
                    .subscribe(),
            ),
            entity,
            live: self.clone(),
        };
        futures::stream::unfold(topic, |mut topic| async move {
            let heard = topic.heard.as_mut()?;
            match heard.recv().await {
                Ok(heard) => Some((heard, topic)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some((Err(Missed), topic)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        })
    }

    /// Tells the watchers of the event's entity.
    pub(crate) fn tell(&self, event: &Event) {
        if let Some(topic) = self.topics().get(&event.aggregate_id) {
            // Nobody listens where the last watcher is just going.
            let _ = topic.send(Ok(Arc::new(event.clone())));
        }
    }

    /// Tells all watchers that events were missed.
    pub(crate) fn lose(&self) {
        for topic in self.topics().values() {
            let _ = topic.send(Err(Missed));
        }
    }

    /// How many watch the entity.
    #[cfg(feature = "testing")]
    pub(crate) fn watchers(&self, entity: Uuid) -> usize {
        self.topics().get(&entity).map_or(0, broadcast::Sender::receiver_count)
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watcher; the last one of an entity takes the topic with it.
struct Topic {
    heard: Option<broadcast::Receiver<Heard>>,
    entity: Uuid,
    live: Live,
}

impl Drop for Topic {
    fn drop(&mut self) {
        self.heard = None;
        let mut topics = self.live.topics();
        if topics.get(&self.entity).is_some_and(|topic| topic.receiver_count() == 0) {
            topics.remove(&self.entity);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use futures::StreamExt;

    use super::*;

    fn event(entity: Uuid, number: usize) -> Event {
        Event {
            id: Uuid::from_u128(number as u128),
            kind: "thing.changed".to_owned(),
            aggregate: "thing".to_owned(),
            aggregate_id: entity,
            payload: number.into(),
            created_at: DateTime::UNIX_EPOCH,
            traceparent: None,
        }
    }

    #[tokio::test]
    async fn a_watcher_hears_of_its_entity_alone() {
        let live = Live::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut watcher = Box::pin(live.watch(one));
        live.tell(&event(other, 1));
        live.tell(&event(one, 2));
        assert_eq!(watcher.next().await.unwrap().unwrap().payload, 2);
        live.lose();
        assert_eq!(watcher.next().await, Some(Err(Missed)));
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_that_it_missed_some() {
        let live = Live::default();
        let entity = Uuid::from_u128(1);
        let mut watcher = Box::pin(live.watch(entity));
        for number in 0..=CAPACITY {
            live.tell(&event(entity, number));
        }
        assert_eq!(watcher.next().await, Some(Err(Missed)));
        assert_eq!(watcher.next().await.unwrap().unwrap().payload, 1);
    }

    #[test]
    fn the_last_watcher_takes_the_topic_with_it() {
        let live = Live::default();
        let (first, second) = (live.watch(Uuid::nil()), live.watch(Uuid::nil()));
        drop(first);
        assert_eq!(live.topics().len(), 1);
        drop(second);
        assert_eq!(live.topics().len(), 0);
    }
}
