//! Licences that end: no offers, no rides, offline; and a new one.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{OnTheRoad, PICKUP, World, change, each_world, problem, text};

/// A driver at the pickup whose licence is valid today and not tomorrow.
async fn driver(world: &World) -> OnTheRoad {
    let today = world.parts.clock.now().date_naive().to_string();
    world.driver_with(json!({ "personalInfo": { "licenseExpiresOn": today } }), PICKUP).await
}

/// The first moment of the next day, as far as positions are concerned that were reported a moment ago.
async fn next_day(world: &World, driver: &mut OnTheRoad) {
    let now = world.parts.clock.now();
    let midnight =
        (now.date_naive() + TimeDelta::days(1)).and_time(chrono::NaiveTime::MIN).and_utc();
    world.advance(midnight - now);
    driver.account = world.renew(&driver.account);
    let point = json!({ "coordinates": { "latitude": PICKUP.0, "longitude": PICKUP.1 }, "recordedAt": midnight.to_rfc3339() });
    let report = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) { accepted } }";
    driver.account.client.data(report, json!({ "points": [point] })).await;
}

async fn availability(world: &World, driver: &OnTheRoad) -> String {
    let query = "query ($id: ID!) { driver(id: $id) { availability } }";
    let seen = world.operator().data(query, json!({ "id": driver.driver_id })).await;
    text(&seen["driver"]["availability"])
}

async fn go_online(driver: &OnTheRoad) -> String {
    let document = "mutation { setDriverAvailability(input: { availability: AVAILABLE }) { problems { __typename code } } }";
    problem(&driver.account.client.data(document, json!({})).await["setDriverAvailability"])
}

async fn renew(world: &World, driver: &OnTheRoad, expires_on: &str) -> Value {
    let document = "mutation ($input: RenewDriverLicenseInput!) { renewDriverLicense(input: $input) \
         { driver { licenseNumber } problems { __typename code ... on ValidationProblem { path } } } }";
    let input = json!({ "driverId": driver.driver_id, "licenseNumber": "N2", "licenseExpiresOn": expires_on });
    world.operator().data(document, json!({ "input": input })).await["renewDriverLicense"].take()
}

#[tokio::test]
async fn take_their_drivers_offline_until_they_are_renewed() {
    each_world(async |world| {
        let mut driver = driver(&world).await;
        assert_eq!(world.offers(&driver).await.len(), 0);
        next_day(&world, &mut driver).await;
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        assert_eq!(world.offers(&driver).await, Vec::<String>::new(), "no offer");
        assert_eq!(availability(&world, &driver).await, "OFFLINE");
        assert_eq!(go_online(&driver).await, "EXPIRED_DOCUMENT");

        let past = renew(&world, &driver, "2020-01-01").await;
        assert_eq!(past["problems"][0]["code"], "EXPIRED_DOCUMENT");
        assert_eq!(past["problems"][0]["path"], json!(["licenseExpiresOn"]));
        assert_eq!(problem(&renew(&world, &driver, "2040-1-1").await), "INVALID_FORMAT");
        let renewed = renew(&world, &driver, "2040-01-01").await;
        assert_eq!(renewed, json!({ "driver": { "licenseNumber": "N2" }, "problems": [] }));
        assert_eq!(go_online(&driver).await, "");
        world.advance(TimeDelta::seconds(2));
        world.dispatch().await;
        assert_eq!(world.offers(&driver).await, [text(&ride["id"])]);
    })
    .await;
}

#[tokio::test]
async fn let_no_offer_be_accepted_after_their_end() {
    each_world(async |world| {
        let mut driver = driver(&world).await;
        let now = world.parts.clock.now();
        let midnight = (now.date_naive() + TimeDelta::days(1)).and_time(chrono::NaiveTime::MIN).and_utc();
        world.advance(midnight - now - TimeDelta::seconds(5));
        driver.account = world.renew(&driver.account);
        let point = json!({
            "coordinates": { "latitude": PICKUP.0, "longitude": PICKUP.1 },
            "recordedAt": world.parts.clock.now().to_rfc3339(),
        });
        let report = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) { accepted } }";
        driver.account.client.data(report, json!({ "points": [point] })).await;
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        assert_eq!(world.offers(&driver).await, [text(&ride["id"])], "still today");
        world.advance(TimeDelta::seconds(5));
        let accept = json!({ "rideId": ride["id"], "expectedVersion": 1 });
        let late = change(&driver.account.client, "acceptRide", accept.clone()).await;
        assert_eq!(problem(&late), "NOT_AVAILABLE");
        let mut assign = accept;
        assign["driverId"] = json!(driver.driver_id);
        let assigned = change(&world.operator(), "assignRide", assign).await;
        assert_eq!(problem(&assigned), "NOT_AVAILABLE");
    })
    .await;
}

/// Nobody is put on the street at midnight: the ride goes on, and the driver is offline after it.
#[tokio::test]
async fn end_after_the_ride_that_is_under_way() {
    each_world(async |world| {
        let mut driver = driver(&world).await;
        let rider = world.sign_in(&[]);
        let ride = world.requested_ride(&rider).await;
        let accept = json!({ "rideId": ride["id"], "expectedVersion": 1 });
        change(&driver.account.client, "acceptRide", accept).await;
        next_day(&world, &mut driver).await;
        world.dispatch().await;
        assert_eq!(availability(&world, &driver).await, "ON_RIDE");
        let cancel = json!({ "rideId": ride["id"], "reason": "OTHER" });
        let cancelled = change(&world.renew(&rider).client, "cancelRide", cancel).await;
        assert_eq!(cancelled["problems"], json!([]));
        assert_eq!(availability(&world, &driver).await, "OFFLINE");
    })
    .await;
}
