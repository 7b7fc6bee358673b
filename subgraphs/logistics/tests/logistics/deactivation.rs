//! `user.deactivated`: what an account had under way is called off, and it drives no more.

use futures::StreamExt;
use migrations::Owner;
use serde_json::{Value, json};
use service::testing::told;
use service::{NewEvent, Outbox, Tasks};

use crate::auth::Mood;
use crate::world::{Account, OnTheRoad, PICKUP, World, change, each_world, problem, text};

/// Auth tells that the account is closed, and logistics has heard it.
async fn deactivate(world: &World, user_id: &str) {
    migrations::up(&world.parts.database.write, Owner::Auth).await.unwrap();
    let mut heard = told(&world.parts.bus, &["user.deactivated"]);
    let auth = Outbox::new("auth", world.parts.clock.clone());
    let mut tasks = Tasks::new();
    auth.start_relay(world.parts.database.clone(), world.parts.bus.clone(), &mut tasks);
    let event = NewEvent {
        kind: "user.deactivated",
        aggregate: "user",
        aggregate_id: user_id.parse().unwrap(),
        payload: json!({ "userId": user_id, "reason": "closed on request" }),
    };
    let transaction = world.parts.database.begin().await.unwrap();
    auth.record(&transaction, event).await.unwrap();
    auth.commit(transaction).await.unwrap();
    // In-process, an event is heard after its consumers have applied it.
    heard.next().await.unwrap();
    tasks.stop().await;
}

async fn ride(world: &World, ride: &Value) -> Value {
    let query = "query ($id: ID!) { ride(id: $id) { status cancellation { by fee { amount } } driver { id } } }";
    world.operator().data(query, json!({ "id": ride["id"] })).await["ride"].take()
}

async fn driver(world: &World, driver: &OnTheRoad) -> Value {
    let query = "query ($id: ID!) { driver(id: $id) { availability suspendedAt } }";
    world.operator().data(query, json!({ "id": driver.driver_id })).await["driver"].take()
}

async fn step(driver: &OnTheRoad, mutation: &str, ride: &Value, version: i32, more: Value) {
    let mut input = json!({ "rideId": ride["id"], "expectedVersion": version });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let payload = change(&driver.account.client, mutation, input).await;
    assert_eq!(payload["problems"], json!([]), "{mutation}");
}

async fn accepted(world: &World) -> (Account, OnTheRoad, Value) {
    let rider = world.sign_in(&[]);
    let driver = world.driver_at(PICKUP).await;
    let ride = world.requested_ride(&rider).await;
    step(&driver, "acceptRide", &ride, 1, json!({})).await;
    (rider, driver, ride)
}

#[tokio::test]
async fn a_riders_open_rides_are_called_off_and_the_driver_is_free() {
    each_world(async |world| {
        let (rider, on_the_way, accepted) = accepted(&world).await;
        let token = text(&world.quote(&rider.client).await["token"]);
        let tomorrow = world.parts.clock.now() + chrono::TimeDelta::days(1);
        let scheduled = json!({ "scheduledFor": tomorrow.to_rfc3339() });
        let scheduled = world.try_request(&rider, &token, scheduled).await["ride"].take();
        assert_eq!(scheduled["status"], "SCHEDULED");

        deactivate(&world, &rider.id).await;
        for called_off in [&accepted, &scheduled] {
            let shown = ride(&world, called_off).await;
            assert_eq!(shown["status"], "CANCELLED");
            assert_eq!(shown["cancellation"], json!({ "by": "SYSTEM", "fee": null }));
        }
        assert_eq!(driver(&world, &on_the_way).await["availability"], "AVAILABLE");
    })
    .await;
}

#[tokio::test]
async fn a_driver_goes_offline_and_the_ride_they_were_on_the_way_to_is_called_off() {
    each_world(async |world| {
        let (_, gone, accepted) = accepted(&world).await;
        deactivate(&world, &gone.account.id).await;
        assert_eq!(ride(&world, &accepted).await["status"], "CANCELLED");
        let shown = driver(&world, &gone).await;
        assert_eq!(shown["availability"], "OFFLINE");
        assert!(shown["suspendedAt"].is_string());
        let online = "mutation { setDriverAvailability(input: { availability: AVAILABLE }) { problems { code } } }";
        let again = gone.account.client.data(online, json!({})).await["setDriverAvailability"].take();
        assert_eq!(problem(&again), "DRIVER_NOT_APPROVED", "the access token lives on");
    })
    .await;
}

#[tokio::test]
async fn a_ride_with_a_passenger_goes_on_to_its_end_and_no_further() {
    each_world(async |world| {
        let (_, gone, under_way) = accepted(&world).await;
        step(&gone, "arriveAtPickup", &under_way, 2, json!({})).await;
        step(&gone, "startRide", &under_way, 3, json!({ "pin": under_way["startPin"] })).await;
        deactivate(&world, &gone.account.id).await;
        assert_eq!(ride(&world, &under_way).await["status"], "IN_PROGRESS");
        assert_eq!(driver(&world, &gone).await["availability"], "ON_RIDE");
        step(&gone, "completeRide", &under_way, 4, json!({ "distanceMeters": 1 })).await;
        assert_eq!(driver(&world, &gone).await["availability"], "OFFLINE");
    })
    .await;
}

#[tokio::test]
async fn a_registration_under_way_is_undone() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let registered = world.register(&robin, json!({})).await;
        world.auth.set(Mood::Down);
        world.work_off_registrations().await;
        deactivate(&world, &robin.id).await;
        world.auth.set(Mood::Well);
        world.work_off_registrations().await;
        let query = "query ($id: ID!) { driverRegistration(id: $id) { status failure } }";
        let session =
            robin.client.data(query, json!({ "id": registered["registration"]["id"] })).await;
        let undone = json!({ "status": "COMPENSATED", "failure": "the account was deactivated" });
        assert_eq!(session["driverRegistration"], undone);
    })
    .await;
}
