//! Drivers and vehicles: what operations decide, going online, positions, and the map.

use chrono::TimeDelta;
use serde_json::{Value, json};
use service::testing::Client;

use crate::world::{OnTheRoad, PICKUP, World, change, each_world, point, problem};

const NEARBY: &str = "query ($near: CoordinatesInput!, $radius: Int!) { nearbyDrivers(near: $near, radiusMeters: $radius) \
     { coordinates { latitude longitude } vehicleType } }";
const REPORT: &str = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) \
     { accepted problems { __typename code } } }";

async fn nearby(client: &Client, at: (f64, f64)) -> Vec<Value> {
    let found = client.data(NEARBY, json!({ "near": point(at), "radius": 3_000 })).await;
    found["nearbyDrivers"].as_array().unwrap().clone()
}

async fn set_availability(client: &Client, availability: &str, vehicle_id: Option<&str>) -> String {
    let document = "mutation ($input: SetDriverAvailabilityInput!) { setDriverAvailability(input: $input) \
         { driver { availability } problems { __typename code } } }";
    let input = json!({ "availability": availability, "vehicleId": vehicle_id });
    problem(&client.data(document, json!({ "input": input })).await["setDriverAvailability"])
}

async fn decide(world: &World, driver: &OnTheRoad, mutation: &str, more: &str) -> Value {
    let document = format!(
        "mutation ($id: ID!) {{ {mutation}(input: {{ driverId: $id {more} }}) \
         {{ driver {{ status availability suspendedAt }} problems {{ __typename code }} }} }}"
    );
    world.operator().data(&document, json!({ "id": driver.driver_id })).await[mutation].take()
}

#[tokio::test]
async fn the_map_shows_cars_without_names_on_a_grid() {
    each_world(async |world| {
        world.driver_at(PICKUP).await;
        let cars = nearby(&world.sign_in(&[]).client, PICKUP).await;
        assert_eq!(cars.len(), 1);
        assert_eq!(cars[0]["vehicleType"], "SEDAN");
        let latitude = cars[0]["coordinates"]["latitude"].as_f64().unwrap();
        assert!((latitude - 52.522).abs() < 1e-9, "{latitude} is on the grid, not at {}", PICKUP.0);
        let variables = json!({ "near": point(PICKUP), "radius": 3_000 });
        assert_eq!(world.client.error_code(NEARBY, variables).await, "UNAUTHENTICATED");
        let variables = json!({ "near": point(PICKUP), "radius": 1_000_000 });
        assert_eq!(world.sign_in(&[]).client.error_code(NEARBY, variables).await, "BAD_USER_INPUT");
    })
    .await;
}

#[tokio::test]
async fn the_map_knows_the_antimeridian_and_the_poles() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        for (driver, rider_at) in
            [((-16.5, 179.995), (-16.5, -179.995)), ((89.99, 10.0), (89.99, -170.0))]
        {
            world.driver_at(driver).await;
            assert_eq!(nearby(&rider.client, rider_at).await.len(), 1, "{driver:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_newest_point_wins_whatever_order_they_come_in() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let at = |latitude: f64, seconds: i64| {
            let time = world.parts.clock.now() + TimeDelta::seconds(seconds);
            json!({ "coordinates": point((latitude, 13.0)), "recordedAt": time.to_rfc3339() })
        };
        let report = async |points: Value| {
            driver.account.client.data(REPORT, json!({ "points": points })).await["reportDriverLocation"].take()
        };
        let seen = async || {
            let query = "query ($id: ID!) { driver(id: $id) { location { coordinates { latitude } } } }";
            let found = driver.account.client.data(query, json!({ "id": driver.driver_id })).await;
            found["driver"]["location"]["coordinates"]["latitude"].as_f64().unwrap()
        };
        let accepted = report(json!([at(50.1, 20), at(50.3, 40), at(50.2, 30)])).await;
        assert_eq!(accepted, json!({ "accepted": 3, "problems": [] }));
        assert!((seen().await - 50.3).abs() < 1e-9);
        report(json!([at(50.0, 10)])).await;
        assert!((seen().await - 50.3).abs() < 1e-9, "an older point comes too late");
        assert_eq!(problem(&report(json!([at(91.0, 50)])).await), "OUT_OF_RANGE");
        assert_eq!(problem(&report(json!([at(50.0, 3_600)])).await), "OUT_OF_RANGE", "an hour ahead");
    })
    .await;
}

#[tokio::test]
async fn only_an_approved_driver_goes_online() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        world.register(&robin, json!({})).await;
        world.work_off_registrations().await;
        assert_eq!(set_availability(&robin.client, "AVAILABLE", None).await, "DRIVER_NOT_APPROVED");
        assert_eq!(
            set_availability(&world.sign_in(&[]).client, "AVAILABLE", None).await,
            "NOT_FOUND"
        );

        let driver = world.driver_at(PICKUP).await;
        assert_eq!(
            set_availability(&driver.account.client, "ON_RIDE", None).await,
            "INVALID_TRANSITION"
        );
        let others = world.driver_at(PICKUP).await.vehicle_id;
        let theirs = set_availability(&driver.account.client, "AVAILABLE", Some(&others)).await;
        assert_eq!(theirs, "NOT_FOUND", "somebody else's vehicle");
    })
    .await;
}

#[tokio::test]
async fn a_suspension_takes_offline_and_ends_when_it_says() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let until = (world.parts.clock.now() + TimeDelta::minutes(5)).to_rfc3339();
        let more = format!("reason: \"complaints\" until: \"{until}\"");
        let suspended = decide(&world, &driver, "suspendDriver", &more).await;
        assert_eq!(suspended["driver"]["availability"], "OFFLINE");
        assert_eq!(suspended["driver"]["status"], "APPROVED", "a suspension is no fourth status");
        assert!(suspended["driver"]["suspendedAt"].is_string());
        assert_eq!(
            set_availability(&driver.account.client, "AVAILABLE", None).await,
            "DRIVER_NOT_APPROVED"
        );
        world.advance(TimeDelta::minutes(5));
        let query = "query ($id: ID!) { driver(id: $id) { suspendedAt } }";
        let seen = world.operator().data(query, json!({ "id": driver.driver_id })).await;
        assert_eq!(seen["driver"]["suspendedAt"], json!(null), "it is over");
        assert_eq!(set_availability(&driver.account.client, "AVAILABLE", None).await, "");
    })
    .await;
}

#[tokio::test]
async fn a_driver_on_a_ride_is_not_suspended_and_an_approved_one_not_rejected() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let rejected = decide(&world, &driver, "rejectDriver", "reason: \"papers\"").await;
        assert_eq!(problem(&rejected), "INVALID_TRANSITION");
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        change(&driver.account.client, "acceptRide", accept).await;
        let suspended = decide(&world, &driver, "suspendDriver", "reason: \"complaints\"").await;
        assert_eq!(problem(&suspended), "DRIVER_BUSY");
        assert_eq!(set_availability(&driver.account.client, "OFFLINE", None).await, "DRIVER_BUSY");
    })
    .await;
}

#[tokio::test]
async fn vehicles_are_added_once_and_retired_when_idle() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let add = "mutation ($input: AddVehicleInput!) { addVehicle(input: $input) \
             { vehicle { id type driver { id } } problems { __typename code } } }";
        let input = json!({
            "driverId": driver.driver_id, "type": "VAN", "idempotencyKey": "one",
            "details": { "make": "VW", "model": "T7", "year": 2024, "color": "blue", "plateNumber": "B VW 7", "seats": 7 },
        });
        let added = driver.account.client.data(add, json!({ "input": input })).await["addVehicle"].take();
        assert_eq!(added["vehicle"]["type"], "VAN");
        assert_eq!(added["vehicle"]["driver"]["id"], json!(driver.driver_id));
        let again = driver.account.client.data(add, json!({ "input": input })).await["addVehicle"].take();
        assert_eq!(again, added);
        let theirs = world.sign_in(&[]).client.data(add, json!({ "input": input })).await["addVehicle"].take();
        assert_eq!(problem(&theirs), "NOT_FOUND");

        let retire = "mutation ($id: ID!) { retireVehicle(input: { vehicleId: $id }) \
             { vehicle { isActive } problems { __typename code } } }";
        let retired = async |id: Value| {
            driver.account.client.data(retire, json!({ "id": id })).await["retireVehicle"].take()
        };
        assert_eq!(problem(&retired(json!(driver.vehicle_id)).await), "VEHICLE_IN_USE");
        assert_eq!(retired(added["vehicle"]["id"].clone()).await["vehicle"], json!({ "isActive": false }));
    })
    .await;
}

#[tokio::test]
async fn a_driver_whose_last_vehicle_is_retired_goes_online_with_another() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let client = &driver.account.client;
        let add = "mutation ($input: AddVehicleInput!) { addVehicle(input: $input) { vehicle { id } } }";
        let input = json!({
            "driverId": driver.driver_id, "type": "VAN",
            "details": { "make": "VW", "model": "T7", "year": 2024, "color": "blue", "plateNumber": "B VW 7", "seats": 7 },
        });
        let van = client.data(add, json!({ "input": input })).await["addVehicle"]["vehicle"]["id"].take();
        assert_eq!(set_availability(client, "OFFLINE", None).await, "");
        let retire = "mutation ($id: ID!) { retireVehicle(input: { vehicleId: $id }) { problems { code } } }";
        client.data(retire, json!({ "id": driver.vehicle_id })).await;
        assert_eq!(set_availability(client, "AVAILABLE", None).await, "");
        let query = "query ($id: ID!) { driver(id: $id) { activeVehicle { id } vehicleType } }";
        let seen = client.data(query, json!({ "id": driver.driver_id })).await;
        assert_eq!(seen["driver"], json!({ "activeVehicle": { "id": van }, "vehicleType": "VAN" }));
        let retired = set_availability(client, "AVAILABLE", Some(&driver.vehicle_id)).await;
        assert_eq!(retired, "NOT_FOUND", "the one that is retired");
    })
    .await;
}

#[tokio::test]
async fn a_point_that_nothing_can_have_is_not_kept() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let time = (world.parts.clock.now() + TimeDelta::seconds(1)).to_rfc3339();
        for (heading, speed, code) in [
            (json!(-1.0), json!(null), "OUT_OF_RANGE"),
            (json!(360.5), json!(null), "OUT_OF_RANGE"),
            (json!(null), json!(-0.1), "OUT_OF_RANGE"),
            (json!(360.0), json!(0.0), ""),
        ] {
            let point = json!({
                "coordinates": point(PICKUP), "heading": heading, "speedMetersPerSecond": speed, "recordedAt": time,
            });
            let answer = driver.account.client.data(REPORT, json!({ "points": [point] })).await;
            assert_eq!(problem(&answer["reportDriverLocation"]), code, "{point}");
        }
    })
    .await;
}
