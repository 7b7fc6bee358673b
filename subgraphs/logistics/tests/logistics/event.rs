//! Events: what logistics tells, and what it does when others tell something.

use futures::StreamExt;
use migrations::Owner;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use serde_json::json;
use service::testing::told;
use service::{NewEvent, Outbox, Tasks};
use uuid::Uuid;

use crate::world::{PICKUP, World, change, each_world};

const TRANSITIONS: [&str; 5] =
    ["driver.registered", "driver.approved", "ride.requested", "ride.accepted", "ride.cancelled"];

#[tokio::test]
async fn each_transition_is_told_in_order() {
    each_world(async |world| {
        let mut told = told(&world.parts.bus, &TRANSITIONS);
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        let ride = world.requested_ride(&rider).await;
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        change(&driver.account.client, "acceptRide", accept).await;
        change(&rider.client, "cancelRide", json!({ "rideId": ride["id"], "reason": "OTHER" }))
            .await;
        let mut kinds = Vec::new();
        while kinds.last().is_none_or(|kind| kind != "ride.cancelled") {
            kinds.push(told.next().await.unwrap().kind);
        }
        assert_eq!(kinds, TRANSITIONS);
    })
    .await;
}

#[tokio::test]
async fn a_new_user_has_a_riders_record_and_a_second_telling_changes_nothing() {
    each_world(async |world| {
        migrations::up(&world.parts.database.write, Owner::Auth).await.unwrap();
        let mut told = told(&world.parts.bus, &["user.created"]);
        let auth = Outbox::new("auth", world.parts.clock.clone());
        let mut tasks = Tasks::new();
        auth.start_relay(world.parts.database.clone(), world.parts.bus.clone(), &mut tasks);
        let user_id: Uuid = world.sign_in(&[]).id.parse().unwrap();
        for _ in 0..2 {
            let event = NewEvent {
                kind: "user.created",
                aggregate: "user",
                aggregate_id: user_id,
                payload: json!({ "userId": user_id, "firstName": "Robin", "lastName": "Doe", "roles": ["RIDER"] }),
            };
            let transaction = world.parts.database.begin().await.unwrap();
            auth.record(&transaction, event).await.unwrap();
            auth.commit(transaction).await.unwrap();
            // In-process, an event is heard after its consumers have applied it.
            assert_eq!(told.next().await.unwrap().kind, "user.created");
        }
        assert_eq!(records(&world, user_id).await, 1);
        assert_eq!(records(&world, Uuid::nil()).await, 0);
        tasks.stop().await;
    })
    .await;
}

async fn records(world: &World, user_id: Uuid) -> i64 {
    let count = Query::select()
        .expr_as(Expr::col("user_id").count(), "records")
        .from("logistics_rider")
        .and_where(Expr::col("user_id").eq(user_id))
        .to_owned();
    let row = world.parts.database.read.query_one(&count).await.unwrap().unwrap();
    row.try_get::<i64>("", "records").unwrap()
}
