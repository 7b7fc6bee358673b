//! What is watched: each change is shown as it happens, to whom it concerns, as long as it does.

use chrono::TimeDelta;
use futures::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};
use service::testing::{Client, watchers};

use crate::world::{Account, OnTheRoad, PICKUP, World, change, each_world, point, text};

const RIDE: &str = "subscription ($id: ID!) { rideUpdated(rideId: $id) { status version driver { id availability } } }";
const PLACE: &str = "subscription ($id: ID!) { rideDriverLocation(rideId: $id) { coordinates { latitude } recordedAt } }";
const OFFERS: &str = "subscription { rideOffered { ride { id status } pickupDistanceMeters } }";
const REGISTRATION: &str =
    "subscription ($id: ID!) { driverRegistrationUpdated(id: $id) { status steps { status } } }";

type Answers = Box<dyn Stream<Item = Value> + Send + Unpin>;

/// Subscribes to what happens to `entity`, and returns once the service watches it: what happens from then on is shown.
///
/// The answers begin when they are first asked for, so that is done beside the waiting.
async fn watch(
    world: &World,
    client: &Client,
    document: &str,
    (entity, id): (&str, &Value),
) -> Answers {
    let entity = entity.parse().unwrap();
    let before = watchers(&world.parts.bus, entity);
    let answers = client.subscribe(document, json!({ "id": id })).await;
    let mut answers = Box::pin(answers.peekable());
    let watched = async {
        while watchers(&world.parts.bus, entity) == before {
            tokio::task::yield_now().await;
        }
    };
    let asked = answers.as_mut().peek();
    futures::future::select(std::pin::pin!(watched), std::pin::pin!(asked)).await;
    Box::new(answers)
}

/// The first answer to a subscription that is refused; and nothing follows.
async fn refusal(client: &Client, document: &str, id: &Value) -> String {
    let answers = client.subscribe(document, json!({ "id": id })).await;
    let answers: Vec<Value> = answers.collect().await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    text(&answers[0]["errors"][0]["extensions"]["code"])
}

async fn requested(world: &World) -> (Account, OnTheRoad, Value) {
    let rider = world.sign_in(&[]);
    let driver = world.driver_at(PICKUP).await;
    let ride = world.requested_ride(&rider).await;
    (rider, driver, ride)
}

async fn take(driver: &OnTheRoad, mutation: &str, ride: &Value, version: i32, more: Value) {
    let mut input = json!({ "rideId": ride["id"], "expectedVersion": version });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let payload = change(&driver.account.client, mutation, input).await;
    assert_eq!(payload["problems"], json!([]), "{mutation}");
}

async fn report(world: &World, driver: &OnTheRoad, latitude: f64) {
    world.advance(TimeDelta::seconds(1));
    let report = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) { accepted } }";
    let at = json!({
        "coordinates": point((latitude, PICKUP.1)), "recordedAt": world.parts.clock.now().to_rfc3339(),
    });
    driver.account.client.data(report, json!({ "points": [at] })).await;
}

#[tokio::test]
async fn a_ride_is_followed_from_state_to_state_until_it_ends() {
    each_world(async |world| {
        let (rider, driver, ride) = requested(&world).await;
        let mut seen = watch(&world, &rider.client, RIDE, (&text(&ride["id"]), &ride["id"])).await;
        let pin = json!({ "pin": ride["startPin"] });
        let steps = [
            ("acceptRide", json!({}), "ACCEPTED"),
            ("arriveAtPickup", json!({}), "DRIVER_ARRIVED"),
            ("startRide", pin, "IN_PROGRESS"),
            ("completeRide", json!({ "distanceMeters": 9_000 }), "COMPLETED"),
        ];
        for ((mutation, more, status), version) in steps.into_iter().zip(1..) {
            take(&driver, mutation, &ride, version, more).await;
            let shown = seen.next().await.unwrap()["data"]["rideUpdated"].take();
            assert_eq!(shown["status"], status);
            assert_eq!(shown["version"], version + 1);
            let availability = if status == "COMPLETED" { "AVAILABLE" } else { "ON_RIDE" };
            assert_eq!(shown["driver"]["availability"], availability, "read anew: {status}");
        }
        assert_eq!(seen.next().await, None, "it is over");
        assert_eq!(world.parts.drain.open(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_ride_is_followed_by_its_rider_its_driver_and_operations_alone() {
    each_world(async |world| {
        let (rider, driver, ride) = requested(&world).await;
        let id = &ride["id"];
        let stranger = world.driver_at((40.0, -70.0)).await;
        assert_eq!(refusal(&world.client, RIDE, id).await, "UNAUTHENTICATED");
        assert_eq!(refusal(&world.sign_in(&[]).client, RIDE, id).await, "FORBIDDEN");
        assert_eq!(refusal(&stranger.account.client, RIDE, id).await, "FORBIDDEN");
        assert_eq!(
            refusal(&driver.account.client, RIDE, id).await,
            "FORBIDDEN",
            "an offer is no ride yet"
        );
        assert_eq!(refusal(&rider.client, RIDE, &json!("no id")).await, "FORBIDDEN");
        take(&driver, "acceptRide", &ride, 1, json!({})).await;

        let support = world.sign_in(&["read:rides"]).client;
        let mut seen_by_support = watch(&world, &support, RIDE, (&text(id), id)).await;
        let mut seen_by_driver = watch(&world, &driver.account.client, RIDE, (&text(id), id)).await;
        take(&driver, "arriveAtPickup", &ride, 2, json!({})).await;
        for seen in [&mut seen_by_support, &mut seen_by_driver] {
            let shown = seen.next().await.unwrap()["data"]["rideUpdated"].take();
            assert_eq!(shown["status"], "DRIVER_ARRIVED");
        }
        // Given to another driver, it is no longer the first one's to watch.
        let other = world.driver_at(PICKUP).await;
        let assign = json!({ "rideId": id, "driverId": other.driver_id, "expectedVersion": 3 });
        assert_eq!(change(&world.operator(), "assignRide", assign).await["problems"], json!([]));
        let shown = seen_by_support.next().await.unwrap()["data"]["rideUpdated"].take();
        assert_eq!(shown["driver"]["id"], json!(other.driver_id));
        assert_eq!(seen_by_driver.next().await, None);
    })
    .await;
}

#[tokio::test]
async fn the_drivers_place_is_shown_from_acceptance_to_the_end() {
    each_world(async |world| {
        let (rider, driver, ride) = requested(&world).await;
        let id = &ride["id"];
        assert_eq!(refusal(&world.client, PLACE, id).await, "UNAUTHENTICATED");
        assert_eq!(refusal(&world.sign_in(&[]).client, PLACE, id).await, "FORBIDDEN");
        let support = world.sign_in(&["read:rides"]).client;
        assert_eq!(refusal(&support, PLACE, id).await, "FORBIDDEN", "that takes read:drivers");

        let mut seen = watch(&world, &rider.client, PLACE, (&text(id), id)).await;
        report(&world, &driver, 52.6).await;
        take(&driver, "acceptRide", &ride, 1, json!({})).await;
        let mut latitude = async || {
            seen.next()
                .await
                .map(|it| it["data"]["rideDriverLocation"]["coordinates"]["latitude"].clone())
        };
        assert_eq!(latitude().await, Some(json!(52.6)), "with the acceptance, where the driver is");
        for place in [52.61, 52.62] {
            report(&world, &driver, place).await;
            assert_eq!(latitude().await, Some(json!(place)));
        }
        change(&rider.client, "cancelRide", json!({ "rideId": id, "reason": "OTHER" })).await;
        assert_eq!(latitude().await, None, "it is over");
    })
    .await;
}

#[tokio::test]
async fn a_driver_is_told_of_each_offer_and_nobody_elses() {
    each_world(async |world| {
        let near = world.driver_at(PICKUP).await;
        let away = world.driver_at((40.0, -70.0)).await;
        assert_eq!(refusal(&world.client, OFFERS, &Value::Null).await, "UNAUTHENTICATED");
        assert_eq!(
            refusal(&world.sign_in(&[]).client, OFFERS, &Value::Null).await,
            "FORBIDDEN",
            "no driver"
        );
        let mut offers =
            watch(&world, &near.account.client, OFFERS, (&near.driver_id, &Value::Null)).await;
        let mut others =
            watch(&world, &away.account.client, OFFERS, (&away.driver_id, &Value::Null)).await;
        for _ in 0..2 {
            let ride = world.requested_ride(&world.sign_in(&[])).await;
            let offer = offers.next().await.unwrap()["data"]["rideOffered"].take();
            assert_eq!(offer["ride"], json!({ "id": ride["id"], "status": "REQUESTED" }));
            assert_eq!(offer["pickupDistanceMeters"], 0);
        }
        assert!(others.next().now_or_never().is_none(), "far away");
    })
    .await;
}

#[tokio::test]
async fn a_registration_is_followed_by_its_user_to_its_end() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let registered = world.register(&robin, json!({})).await;
        let id = &registered["registration"]["id"];
        assert_eq!(refusal(&world.client, REGISTRATION, id).await, "UNAUTHENTICATED");
        assert_eq!(refusal(&world.sign_in(&[]).client, REGISTRATION, id).await, "FORBIDDEN");
        let mut seen = watch(&world, &robin.client, REGISTRATION, (&text(id), id)).await;
        let operator = world.sign_in(&["read:drivers"]).client;
        let mut seen_by_operations = watch(&world, &operator, REGISTRATION, (&text(id), id)).await;
        for step in 1..=3 {
            assert!(world.workers.step_registration().await.unwrap());
            for seen in [&mut seen, &mut seen_by_operations] {
                let shown = seen.next().await.unwrap()["data"]["driverRegistrationUpdated"].take();
                let done =
                    shown["steps"].as_array().unwrap().iter().filter(|it| it["status"] == "DONE");
                assert_eq!(done.count(), step);
                assert_eq!(shown["status"], if step == 3 { "COMPLETED" } else { "RUNNING" });
            }
        }
        assert_eq!(seen.next().await, None, "it is over");
    })
    .await;
}
