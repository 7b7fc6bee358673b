//! The bus over NATS JetStream, where `TEST_NATS_URL` names a server.

use migrations::Owner;
use service::testing::{each_database, parts};
use service::{Bus, Outbox, Parts, Tasks};

use crate::outbox::{Listener, record};

#[tokio::test]
async fn events_reach_consumers_and_listeners_of_another_process() {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(url) = std::env::var("TEST_NATS_URL") else { return };
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, _) = parts(database);
        let mut tasks = Tasks::new();
        let sender = Parts { bus: Bus::nats(&url, &mut tasks).await.unwrap(), ..parts };
        let outbox = Outbox::new("auth", sender.clock.clone());
        outbox.start_relay(sender.database.clone(), sender.bus.clone(), &mut tasks);
        let entity = sender.clock.new_id();
        record(&sender, &outbox, entity, 1).await;

        // Comes later, as a process of its own would, and misses nothing.
        let receiver = Bus::nats(&url, &mut tasks).await.unwrap();
        let listener = Listener::default();
        receiver.consume("test", &["thing.changed"], listener.handler(), &mut tasks);
        record(&sender, &outbox, entity, 2).await;
        record(&sender, &outbox, entity, 3).await;
        listener.until(|listener| listener.of(entity).len() == 3).await;
        assert_eq!(listener.of(entity), ["1", "2", "3"]);
        tasks.stop().await;
    })
    .await;
}
