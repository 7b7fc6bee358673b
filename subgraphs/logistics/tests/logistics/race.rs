//! Races: many want the same at once, and one gets it, round after round.

use futures::future::join_all;
use serde_json::{Value, json};
use service::testing::Client;

use crate::world::{Account, OnTheRoad, PICKUP, World, change, each_world, problem, text};

/// How often each race is run, on each database.
const ROUNDS: usize = 10;

fn has_won(payload: &Value) -> bool {
    payload["problems"] == json!([])
}

/// One has won, and the others know why they have not.
fn one_won(payloads: &[Value], codes: &[&str]) {
    assert_eq!(payloads.iter().filter(|it| has_won(it)).count(), 1, "{payloads:?}");
    for lost in payloads.iter().filter(|payload| !has_won(payload)) {
        assert!(codes.contains(&problem(lost).as_str()), "{lost}");
    }
}

fn versioned(ride: &Value, version: i32) -> Value {
    json!({ "rideId": ride["id"], "expectedVersion": version })
}

async fn accept(driver: &OnTheRoad, ride: &Value) -> Value {
    change(&driver.account.client, "acceptRide", versioned(ride, 1)).await
}

/// Clears the road for the next round: operations call the ride off, wherever it stands.
async fn call_off(world: &World, ride: &Value) {
    let cancel = json!({ "rideId": ride["id"], "reason": "OTHER" });
    change(&world.operator(), "cancelRide", cancel).await;
}

async fn status(world: &World, ride: &Value) -> Value {
    let query = "query ($id: ID!) { ride(id: $id) { status driver { id availability } events { status } } }";
    world.operator().data(query, json!({ "id": ride["id"] })).await["ride"].take()
}

async fn go(client: &Client, availability: &str) -> Value {
    let document = "mutation ($to: DriverAvailability!) { setDriverAvailability(input: { availability: $to }) { problems { code } } }";
    client.data(document, json!({ "to": availability })).await["setDriverAvailability"].take()
}

#[tokio::test]
async fn one_of_many_drivers_gets_the_ride() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let mut drivers = Vec::new();
        for _ in 0..4 {
            drivers.push(world.driver_at(PICKUP).await);
        }
        for _ in 0..ROUNDS {
            let ride = world.requested_ride(&rider).await;
            let payloads = join_all(drivers.iter().map(|driver| accept(driver, &ride))).await;
            one_won(&payloads, &["RIDE_TAKEN"]);
            let shown = status(&world, &ride).await;
            assert_eq!(shown["driver"]["availability"], "ON_RIDE");
            assert_eq!(shown["events"].as_array().unwrap().len(), 2, "accepted once");
            call_off(&world, &ride).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_driver_gets_one_of_two_rides() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let riders = [world.sign_in(&[]), world.sign_in(&[])];
        for _ in 0..ROUNDS {
            let first = world.requested_ride(&riders[0]).await;
            let second = world.requested_ride(&riders[1]).await;
            assert_eq!(world.offers(&driver).await.len(), 2, "a race needs two");
            let accepts = [&first, &second].map(|ride| accept(&driver, ride));
            one_won(&join_all(accepts).await, &["DRIVER_BUSY"]);
            call_off(&world, &first).await;
            call_off(&world, &second).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_ride_is_cancelled_or_accepted_but_not_both() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        for _ in 0..ROUNDS {
            let ride = world.requested_ride(&rider).await;
            let mut cancel = versioned(&ride, 1);
            cancel["reason"] = json!("CHANGED_MIND");
            let (cancelled, accepted) =
                futures::join!(change(&rider.client, "cancelRide", cancel), accept(&driver, &ride));
            let codes = ["VERSION_CONFLICT", "RIDE_TAKEN", "INVALID_TRANSITION", "OFFER_EXPIRED"];
            one_won(&[cancelled, accepted.clone()], &codes);
            let expected = if has_won(&accepted) { "ACCEPTED" } else { "CANCELLED" };
            assert_eq!(status(&world, &ride).await["status"], expected);
            call_off(&world, &ride).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_ride_is_started_once() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        for _ in 0..ROUNDS {
            let ride = world.requested_ride(&rider).await;
            accept(&driver, &ride).await;
            change(&driver.account.client, "arriveAtPickup", versioned(&ride, 2)).await;
            let mut start = versioned(&ride, 3);
            start["pin"] = ride["startPin"].clone();
            let starts = (0..3).map(|_| change(&driver.account.client, "startRide", start.clone()));
            one_won(&join_all(starts).await, &["VERSION_CONFLICT"]);
            assert_eq!(status(&world, &ride).await["events"].as_array().unwrap().len(), 4);
            call_off(&world, &ride).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_driver_goes_offline_or_on_a_ride_but_not_both() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        for _ in 0..ROUNDS {
            let ride = world.requested_ride(&rider).await;
            let (offline, accepted) =
                futures::join!(go(&driver.account.client, "OFFLINE"), accept(&driver, &ride));
            one_won(&[offline, accepted], &["DRIVER_BUSY", "NOT_AVAILABLE"]);
            call_off(&world, &ride).await;
            assert!(has_won(&go(&driver.account.client, "AVAILABLE").await));
        }
    })
    .await;
}

#[tokio::test]
async fn a_driver_is_suspended_or_on_a_ride_but_not_both() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let operator = world.operator();
        let suspend = "mutation ($id: ID!) { suspendDriver(input: { driverId: $id, reason: \"complaints\" }) { problems { code } } }";
        for _ in 0..ROUNDS {
            let driver = world.driver_at(PICKUP).await;
            let ride = world.requested_ride(&rider).await;
            let (suspended, accepted) = futures::join!(
                operator.data(suspend, json!({ "id": driver.driver_id })),
                accept(&driver, &ride)
            );
            let codes = ["DRIVER_BUSY", "NOT_AVAILABLE", "DRIVER_NOT_APPROVED"];
            one_won(&[suspended["suspendDriver"].clone(), accepted], &codes);
            call_off(&world, &ride).await;
            go(&driver.account.client, "OFFLINE").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_user_who_registers_twice_at_once_is_registered_once() {
    each_world(async |world| {
        for _ in 0..ROUNDS {
            let robin = world.sign_in(&[]);
            let payloads = join_all((0..4).map(|_| world.register(&robin, json!({})))).await;
            one_won(&payloads, &["ALREADY_REGISTERED"]);
        }
    })
    .await;
}

#[tokio::test]
async fn one_key_used_twice_at_once_is_one_registration() {
    each_world(async |world| {
        for _ in 0..ROUNDS {
            let robin = world.sign_in(&[]);
            let key = json!({ "idempotencyKey": "one" });
            let payloads = join_all((0..4).map(|_| world.register(&robin, key.clone()))).await;
            let ids: Vec<String> =
                payloads.iter().map(|payload| text(&payload["registration"]["id"])).collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "{payloads:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_rider_who_asks_twice_at_once_has_one_ride() {
    each_world(async |world| {
        for _ in 0..ROUNDS {
            let rider: Account = world.sign_in(&[]);
            let token = text(&world.quote(&rider.client).await["token"]);
            let asks = (0..4).map(|_| world.try_request(&rider, &token, json!({})));
            one_won(&join_all(asks).await, &["ACTIVE_RIDE_EXISTS"]);
        }
    })
    .await;
}

/// Two workers of two replicas step the same sagas and the same rides.
#[tokio::test]
async fn two_replicas_register_each_user_and_offer_each_ride_once() {
    each_world(async |world| {
        let other = world.another_process(world.parts.database.clone()).await;
        let workers = [world.workers.clone(), other.workers()];
        for _ in 0..ROUNDS {
            let robin = world.sign_in(&[]);
            world.register(&robin, json!({})).await;
            join_all(workers.iter().map(
                async |workers| {
                    while workers.step_registration().await.unwrap() {}
                },
            ))
            .await;
            world.work_off_registrations().await;
            let query = "query ($id: ID!) { driverByUserId(userId: $id) { vehicles { id } } }";
            let found = robin.client.data(query, json!({ "id": robin.id })).await;
            assert_eq!(found["driverByUserId"]["vehicles"].as_array().unwrap().len(), 1);
        }
        let driver = world.driver_at(PICKUP).await;
        let rider = world.sign_in(&[]);
        for _ in 0..ROUNDS {
            let token = text(&world.quote(&rider.client).await["token"]);
            let ride = world.try_request(&rider, &token, json!({})).await["ride"].take();
            let dispatched = join_all(workers.iter().map(logistics::Workers::step_dispatch)).await;
            assert!(dispatched.iter().all(Result::is_ok), "{dispatched:?}");
            assert_eq!(world.offers(&driver).await, [text(&ride["id"])]);
            call_off(&world, &ride).await;
        }
    })
    .await;
}
