//! What is there of drivers, rides and alerts, field by field, for those who may see all of it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::world::{DROPOFF, PICKUP, World, change, each_world, point, text};

const ALL_PAGES: &str = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount";

fn time(value: &Value) -> DateTime<Utc> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The one node of a list, which its edge must show as well.
async fn only_one(world: &World, list: &str, selection: &str) -> Value {
    let document = format!(
        "{{ {list} {{ edges {{ cursor node {{ {selection} }} }} nodes {{ {selection} }} {ALL_PAGES} }} }}"
    );
    let mut page = world.operator().data(&document, json!({})).await[list].take();
    let cursor = &page["edges"][0]["cursor"];
    let expected = json!({ "hasNextPage": false, "hasPreviousPage": false, "startCursor": cursor, "endCursor": cursor });
    assert_eq!((&page["pageInfo"], &page["totalCount"]), (&expected, &json!(1)));
    assert_eq!(page["edges"][0]["node"], page["nodes"][0]);
    page["nodes"][0].take()
}

#[tokio::test]
async fn a_driver_is_shown_whole() {
    each_world(async |world| {
        let now = world.parts.clock.now();
        let driver = world.driver_at(PICKUP).await;
        let report = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) { accepted } }";
        let moved = json!({ "coordinates": point(PICKUP), "heading": 90.5, "speedMetersPerSecond": 12.5, "recordedAt": now + TimeDelta::seconds(1) });
        world.advance(TimeDelta::seconds(2));
        driver.account.client.data(report, json!({ "points": [moved] })).await;
        let selection = "id user { id } createdAt location { coordinates { latitude longitude } heading speedMetersPerSecond recordedAt }
            vehicles { make model year color plateNumber seats type isActive driver { id } }";
        let shown = only_one(&world, "drivers", selection).await;
        assert_eq!(shown["id"], json!(driver.driver_id));
        assert_eq!(shown["user"], json!({ "id": driver.account.id }));
        assert_eq!(time(&shown["createdAt"]), now);
        let location = &shown["location"];
        assert_eq!((&location["heading"], &location["speedMetersPerSecond"]), (&json!(90.5), &json!(12.5)));
        assert_eq!(time(&location["recordedAt"]), now + TimeDelta::seconds(1));
        assert_eq!(location["coordinates"], point(PICKUP));
        let vehicle = json!({
            "make": "Toyota", "model": "Prius", "year": 2022, "color": "white", "plateNumber": "B RG 2026", "seats": 4,
            "type": "SEDAN", "isActive": true, "driver": { "id": driver.driver_id },
        });
        assert_eq!(shown["vehicles"], json!([vehicle]));
        let map = "query ($near: CoordinatesInput!) { nearbyDrivers(near: $near) { heading } }";
        let cars = world.sign_in(&[]).client.data(map, json!({ "near": point(PICKUP) })).await;
        assert_eq!(cars["nearbyDrivers"], json!([{ "heading": 90.5 }]));

        let registration = only_one(&world, "driverRegistrations", "createdAt updatedAt driver { id } steps { name status finishedAt }").await;
        assert_eq!((time(&registration["createdAt"]), time(&registration["updatedAt"])), (now, now));
        assert_eq!(registration["driver"], json!({ "id": driver.driver_id }));
        for step in registration["steps"].as_array().unwrap() {
            assert_eq!((&step["status"], time(&step["finishedAt"])), (&json!("DONE"), now));
        }
    })
    .await;
}

#[tokio::test]
async fn a_driver_who_is_turned_down_is_shown_as_such() {
    each_world(async |world| {
        let account = world.sign_in(&[]);
        world.register(&account, json!({})).await;
        world.work_off_registrations().await;
        let mine = "query ($id: ID!) { driverByUserId(userId: $id) { id } }";
        let id = account.client.data(mine, json!({ "id": account.id })).await["driverByUserId"]["id"].take();
        let reject = "mutation ($id: ID!) { rejectDriver(input: { driverId: $id, reason: \"papers\" }) { driver { status } problems { code message } } }";
        let rejected = world.operator().data(reject, json!({ "id": id })).await["rejectDriver"].take();
        assert_eq!(rejected, json!({ "driver": { "status": "REJECTED" }, "problems": [] }));
        let unknown = world.operator().data(reject, json!({ "id": "no driver" })).await["rejectDriver"].take();
        let problem = json!({ "code": "NOT_FOUND", "message": "no such driver" });
        assert_eq!(unknown, json!({ "driver": null, "problems": [problem] }));
    })
    .await;
}

#[tokio::test]
async fn a_ride_is_shown_whole_from_the_offer_to_what_both_sides_say() {
    each_world(async |world| {
        let (rider, driver) = (world.sign_in(&[]), world.driver_at((52.53, 13.42)).await);
        let price = "query ($representations: [_Any!]!, $pickup: CoordinatesInput!, $dropoff: CoordinatesInput!)
            { _entities(representations: $representations) { ... on Product { quote(pickup: $pickup, dropoff: $dropoff) { pickupEtaSeconds } } } }";
        let trip = json!({ "representations": [world.product()], "pickup": point(PICKUP), "dropoff": point(DROPOFF) });
        let eta = rider.client.data(price, trip).await["_entities"][0]["quote"]["pickupEtaSeconds"].take();
        assert!(eta.as_i64().unwrap() > 0, "{eta}");
        let requested_at = world.parts.clock.now();
        let ride = world.requested_ride(&rider).await;
        let offers = driver.account.client.data("{ rideOffers { expiresAt ride { id } } }", json!({})).await["rideOffers"].take();
        assert!(time(&offers[0]["expiresAt"]) > requested_at);
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        change(&driver.account.client, "acceptRide", accept).await;

        let selection = "distanceMeters durationSeconds etaSeconds pickup { address coordinates { latitude longitude } }
            dropoff { address coordinates { latitude longitude } } events { id status }";
        let shown = only_one(&world, "rides", selection).await;
        let pickup = json!({ "address": "Alexanderplatz", "coordinates": point(PICKUP) });
        let dropoff = json!({ "address": null, "coordinates": point(DROPOFF) });
        assert_eq!((&shown["pickup"], &shown["dropoff"], &shown["etaSeconds"]), (&pickup, &dropoff, &eta));
        assert!(shown["distanceMeters"].as_i64().unwrap() > 10_000 && shown["durationSeconds"].as_i64().unwrap() > 600);
        let events: Vec<&Value> = shown["events"].as_array().unwrap().iter().map(|event| &event["status"]).collect();
        assert_eq!(events, ["REQUESTED", "ACCEPTED"]);
        assert_ne!(shown["events"][0]["id"], shown["events"][1]["id"]);

        let share = "mutation ($id: ID!) { shareRide(input: { rideId: $id }) { token expiresAt } }";
        let shared = rider.client.data(share, json!({ "id": ride["id"] })).await["shareRide"].take();
        assert_eq!(time(&shared["expiresAt"]), requested_at + TimeDelta::hours(24));
        let follow = "query ($token: String!) { sharedRide(token: $token) { etaSeconds pickup { address } dropoff { address coordinates { latitude } }
            vehicle { make model color } } }";
        let seen = world.client.data(follow, json!({ "token": shared["token"] })).await["sharedRide"].take();
        assert_eq!((&seen["etaSeconds"], &seen["pickup"]["address"]), (&eta, &json!("Alexanderplatz")));
        assert_eq!(seen["dropoff"]["coordinates"]["latitude"], json!(DROPOFF.0));
        assert_eq!(seen["vehicle"], json!({ "make": "Toyota", "model": "Prius", "color": "white" }));

        let steps = [
            ("arriveAtPickup", json!({})),
            ("startRide", json!({ "pin": ride["startPin"] })),
            ("completeRide", json!({ "distanceMeters": 15_000 })),
        ];
        for ((mutation, mut input), version) in steps.into_iter().zip(2..) {
            input["rideId"] = ride["id"].clone();
            input["expectedVersion"] = json!(version);
            assert_eq!(change(&driver.account.client, mutation, input).await["problems"], json!([]), "{mutation}");
        }
        let rate = "mutation ($id: ID!) { rateRide(input: { rideId: $id, score: 5, comment: \"on time\" }) { ride { driverRating { score comment createdAt } } } }";
        let rated = rider.client.data(rate, json!({ "id": ride["id"] })).await["rateRide"]["ride"]["driverRating"].take();
        assert_eq!((&rated["score"], &rated["comment"]), (&json!(5), &json!("on time")));
        assert_eq!(time(&rated["createdAt"]), world.parts.clock.now());
    })
    .await;
}

#[tokio::test]
async fn a_ride_for_later_that_is_called_off_and_an_alert_are_shown_whole() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let later = world.parts.clock.now() + TimeDelta::hours(2);
        let token = text(&world.quote(&rider.client).await["token"]);
        let ride = world.try_request(&rider, &token, json!({ "scheduledFor": later })).await["ride"].take();
        let raise = "mutation ($id: ID!, $at: CoordinatesInput!) { raiseSafetyAlert(input: { rideId: $id, kind: ACCIDENT, note: \"a bump\", coordinates: $at })
            { alert { id } problems { code } } }";
        rider.client.data(raise, json!({ "id": ride["id"], "at": point(PICKUP) })).await;
        let alert = only_one(&world, "safetyAlerts", "kind note createdAt coordinates { latitude longitude } ride { scheduledFor }").await;
        assert_eq!((&alert["kind"], &alert["note"]), (&json!("ACCIDENT"), &json!("a bump")));
        assert_eq!(alert["coordinates"], point(PICKUP));
        assert_eq!(time(&alert["createdAt"]), world.parts.clock.now());
        assert_eq!(time(&alert["ride"]["scheduledFor"]), later);

        let cancel = "mutation ($id: ID!) { cancelRide(input: { rideId: $id, reason: CHANGED_MIND, note: \"it rains\" })
            { ride { cancellation { by reason note cancelledAt } } problems { code } } }";
        let cancelled = rider.client.data(cancel, json!({ "id": ride["id"] })).await["cancelRide"]["ride"]["cancellation"].take();
        assert_eq!((&cancelled["by"], &cancelled["reason"], &cancelled["note"]), (&json!("RIDER"), &json!("CHANGED_MIND"), &json!("it rains")));
        assert_eq!(time(&cancelled["cancelledAt"]), world.parts.clock.now());
    })
    .await;
}
