//! Input that nobody should send, and what it is told.

use serde_json::{Value, json};

use crate::world::{PICKUP, World, change, each_world, problem, text};

const ADD: &str = "mutation ($input: AddVehicleInput!) { addVehicle(input: $input) \
     { vehicle { id } problems { code ... on ValidationProblem { path } } } }";

/// The only problem of a registration that differs by `changes` from the usual: its code and path.
async fn registration_problem(world: &World, changes: Value) -> (String, Value) {
    let payload = world.register(&world.sign_in(&[]), changes).await;
    assert_eq!(payload["problems"].as_array().map(Vec::len), Some(1), "{payload}");
    (problem(&payload), payload["problems"][0]["path"].clone())
}

#[tokio::test]
async fn a_registration_names_what_is_wrong_with_it() {
    each_world(async |world| {
        let long = "x".repeat(201);
        for name in ["nationalId", "emergencyContactName", "emergencyContactPhone"] {
            let found =
                registration_problem(&world, json!({ "personalInfo": { name: long } })).await;
            assert_eq!(found, ("TOO_LONG".to_owned(), json!(["personalInfo", name])));
        }
        let policy = json!({ "vehicleDetails": { "insurancePolicyNumber": long } });
        let path = json!(["vehicleDetails", "insurancePolicyNumber"]);
        assert_eq!(registration_problem(&world, policy).await, ("TOO_LONG".to_owned(), path));
        for date in ["2030-1-5", "05.01.2030", "+12030-01-05", "2030-02-30", "", " 2030-01-05"] {
            let changes = json!({ "personalInfo": { "licenseExpiresOn": date } });
            let (code, path) = registration_problem(&world, changes).await;
            assert_eq!(code, "INVALID_FORMAT", "{date}");
            assert_eq!(path, json!(["personalInfo", "licenseExpiresOn"]));
        }
        for (seats, year) in
            [(0, 2022), (61, 2022), (-1, 2022), (4, 1949), (4, 2028), (4, i32::MIN)]
        {
            let changes = json!({ "vehicleDetails": { "seats": seats, "year": year } });
            assert_eq!(
                registration_problem(&world, changes).await.0,
                "OUT_OF_RANGE",
                "{seats} {year}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_that_is_named_twice_is_one() {
    each_world(async |world| {
        let services = json!({ "serviceTypes": ["DELIVERY", "RIDE", "DELIVERY"] });
        let driver = world.driver_with(services, PICKUP).await;
        let query = "query ($id: ID!) { driver(id: $id) { serviceTypes } }";
        let seen = driver.account.client.data(query, json!({ "id": driver.driver_id })).await;
        assert_eq!(seen["driver"]["serviceTypes"], json!(["DELIVERY", "RIDE"]));
    })
    .await;
}

#[tokio::test]
async fn a_further_vehicle_is_looked_at_as_the_first() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        for (expires_on, code) in [("2020-12-31", "EXPIRED_DOCUMENT"), ("soon", "INVALID_FORMAT")] {
            let details = json!({
                "make": "VW", "model": "T7", "year": 2024, "color": "blue", "plateNumber": "B VW 7", "seats": 7,
                "insuranceExpiresOn": expires_on,
            });
            let input = json!({ "driverId": driver.driver_id, "type": "VAN", "details": details });
            let answer = driver.account.client.data(ADD, json!({ "input": input })).await;
            let expected = json!([{ "code": code, "path": ["details", "insuranceExpiresOn"] }]);
            assert_eq!(answer["addVehicle"], json!({ "vehicle": null, "problems": expected }));
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_remembers_the_addresses_too() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&rider.client).await["token"]);
        let at =
            |address: &str| json!({ "pickup": { "address": address }, "idempotencyKey": "one" });
        let first = world.try_request(&rider, &token, at("the front door")).await;
        assert_eq!(first["problems"], json!([]));
        let other = world.try_request(&rider, &token, at("the back door")).await;
        assert_eq!(problem(&other), "IDEMPOTENCY_KEY_REUSED");
    })
    .await;
}

#[tokio::test]
async fn nobody_is_assigned_to_drive_themselves() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let ride = world.requested_ride(&driver.account).await;
        let assign =
            json!({ "rideId": ride["id"], "driverId": driver.driver_id, "expectedVersion": 1 });
        assert_eq!(
            problem(&change(&world.operator(), "assignRide", assign).await),
            "NOT_AVAILABLE"
        );
    })
    .await;
}

/// Postgres has no such character: both databases are spared it, wherever it stands.
#[tokio::test]
async fn the_character_nul_is_bad_input() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let cancel = "mutation ($input: CancelRideInput!) { cancelRide(input: $input) { problems { code } } }";
        let ride = world.requested_ride(&rider).await;
        let input = json!({ "rideId": ride["id"], "reason": "OTHER", "note": "a\u{0}b" });
        assert_eq!(rider.client.error_code(cancel, json!({ "input": input })).await, "BAD_USER_INPUT");
        let literal = "{ sharedRide(token: \"\\u0000\") { status } }";
        assert_eq!(rider.client.error_code(literal, json!({})).await, "BAD_USER_INPUT");
    })
    .await;
}

#[tokio::test]
async fn a_ride_that_is_over_is_assigned_to_nobody_its_own_driver_included() {
    each_world(async |world| {
        let (driver, rider) = (world.driver_at(PICKUP).await, world.sign_in(&[]));
        let ride = world.requested_ride(&rider).await;
        world.drive(&driver, &ride).await;
        let assign =
            json!({ "rideId": ride["id"], "driverId": driver.driver_id, "expectedVersion": 5 });
        assert_eq!(
            problem(&change(&world.operator(), "assignRide", assign).await),
            "INVALID_TRANSITION"
        );
    })
    .await;
}

/// The first answer may have been lost: the offer has not expired, the ride is theirs.
#[tokio::test]
async fn a_driver_who_accepts_twice_is_told_that_the_ride_has_changed() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        let accept = json!({ "rideId": ride["id"], "expectedVersion": 1 });
        let client = &driver.account.client;
        assert_eq!(change(client, "acceptRide", accept.clone()).await["problems"], json!([]));
        assert_eq!(problem(&change(client, "acceptRide", accept).await), "VERSION_CONFLICT");
    })
    .await;
}

#[tokio::test]
async fn a_key_may_be_of_any_length() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&rider.client).await["token"]);
        // Nothing repeats in it: an index would take it as it is, compressed, otherwise.
        let scattered = (0..2_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_string());
        let long = scattered.collect::<Vec<_>>().concat();
        let key = json!({ "idempotencyKey": long });
        let first = world.try_request(&rider, &token, key.clone()).await;
        assert_eq!(first["problems"], json!([]));
        let again = world.try_request(&rider, &token, key).await;
        assert_eq!(again["ride"]["id"], first["ride"]["id"]);
    })
    .await;
}
