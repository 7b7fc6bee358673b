//! Products that platform withdraws, or sells at another price.

use futures::StreamExt;
use migrations::Owner;
use serde_json::{Value, json};
use service::testing::told;
use service::{NewEvent, Outbox, Tasks};
use uuid::Uuid;

use crate::world::{World, each_world, problem, text};

const CHANNEL: Uuid = Uuid::from_u128(7);

/// Platform, as far as logistics hears of it.
struct Platform {
    outbox: Outbox,
    tasks: Tasks,
}

impl Platform {
    async fn start(world: &World) -> Self {
        migrations::up(&world.parts.database.write, Owner::Platform).await.unwrap();
        let outbox = Outbox::new("platform", world.parts.clock.clone());
        let mut tasks = Tasks::new();
        outbox.start_relay(world.parts.database.clone(), world.parts.bus.clone(), &mut tasks);
        Self { outbox, tasks }
    }

    /// Tells of the product, and waits until everybody has heard it.
    async fn product(&self, world: &World, is_active: bool, version: i32) {
        let id: Uuid = world.product_id.parse().unwrap();
        let payload = json!({ "productId": id, "channelId": CHANNEL, "isActive": is_active, "version": version });
        self.tell(
            world,
            NewEvent { kind: "product.updated", aggregate: "product", aggregate_id: id, payload },
        )
        .await;
    }

    async fn channel(&self, world: &World, is_active: bool) {
        let payload = json!({ "channelId": CHANNEL, "slug": "rides", "isActive": is_active });
        let event = NewEvent {
            kind: "channel.updated",
            aggregate: "channel",
            aggregate_id: CHANNEL,
            payload,
        };
        self.tell(world, event).await;
    }

    async fn tell(&self, world: &World, event: NewEvent) {
        let mut told = told(&world.parts.bus, &["product.updated", "channel.updated"]);
        let transaction = world.parts.database.begin().await.unwrap();
        self.outbox.record(&transaction, event).await.unwrap();
        self.outbox.commit(transaction).await.unwrap();
        // In-process, an event is heard after its consumers have applied it.
        told.next().await.unwrap();
    }
}

#[tokio::test]
async fn an_inactive_product_is_neither_quoted_nor_ridden() {
    each_world(async |world| {
        let platform = Platform::start(&world).await;
        let rider = world.sign_in(&[]);
        platform.product(&world, true, 1).await;
        let token = text(&world.quote(&rider.client).await["token"]);
        platform.product(&world, false, 2).await;
        assert_eq!(world.quote(&rider.client).await, Value::Null);
        let payload = world.try_request(&rider, &token, json!({})).await;
        assert_eq!(
            payload["problems"],
            json!([{ "__typename": "ConflictProblem", "code": "PRODUCT_INACTIVE" }])
        );
        assert_eq!(payload["ride"], Value::Null);

        platform.product(&world, true, 1).await;
        assert_eq!(
            world.quote(&rider.client).await,
            Value::Null,
            "told late: a later version is known"
        );
        platform.product(&world, true, 3).await;
        assert_eq!(world.try_request(&rider, &token, json!({})).await["problems"], json!([]));
        platform.tasks.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_products_of_an_inactive_channel_are_inactive() {
    each_world(async |world| {
        let platform = Platform::start(&world).await;
        let rider = world.sign_in(&[]);
        platform.product(&world, true, 1).await;
        let token = text(&world.quote(&rider.client).await["token"]);
        platform.channel(&world, false).await;
        assert_eq!(world.quote(&rider.client).await, Value::Null);
        assert_eq!(
            problem(&world.try_request(&rider, &token, json!({})).await),
            "PRODUCT_INACTIVE"
        );
        platform.channel(&world, true).await;
        assert_eq!(world.try_request(&rider, &token, json!({})).await["problems"], json!([]));
        platform.tasks.stop().await;
    })
    .await;
}

/// A ride that was booked stays so, and a price that was quoted holds.
#[tokio::test]
async fn neither_a_new_price_nor_a_withdrawal_alters_what_was_agreed() {
    each_world(async |world| {
        let platform = Platform::start(&world).await;
        let (rider, driver) = (world.sign_in(&[]), world.driver_at(crate::world::PICKUP).await);
        let quote = world.quote(&rider.client).await;
        let mut dearer = world.product();
        for price in ["baseFare", "perKilometer", "perMinute", "minimumFare", "cancellationFee"] {
            dearer["rateCard"][price] = json!(90_000);
        }
        platform.product(&world, true, 2).await;
        assert_ne!(world.quote_of(&rider.client, dearer).await["fare"], quote["fare"]);
        let booked = world.try_request(&rider, &text(&quote["token"]), json!({})).await;
        assert_eq!(booked["ride"]["quotedFare"], quote["fare"]);
        platform.product(&world, false, 3).await;
        world.dispatch().await;
        world.drive(&driver, &booked["ride"]).await;
        let query = "query ($id: ID!) { ride(id: $id) { status finalFare { amount currency } } }";
        let seen = rider.client.data(query, json!({ "id": booked["ride"]["id"] })).await;
        assert_eq!(seen["ride"], json!({ "status": "COMPLETED", "finalFare": quote["fare"] }));
        platform.tasks.stop().await;
    })
    .await;
}
