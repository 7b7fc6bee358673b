//! Share links and safety alerts.

use serde_json::{Value, json};
use service::testing::Client;

use crate::auth::Mood;
use crate::world::{OnTheRoad, PICKUP, World, change, each_world, problem, text};

const SHARED: &str = "query ($token: String!) { sharedRide(token: $token) { status driverFirstName \
     vehicle { plateNumber } location { coordinates { latitude } } } }";

/// A ride with a driver on the way, and its rider's client.
async fn accepted(world: &World) -> (Client, OnTheRoad, Value) {
    let rider = world.sign_in(&[]);
    let driver = world.driver_at(PICKUP).await;
    let ride = world.requested_ride(&rider).await;
    let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
    change(&driver.account.client, "acceptRide", accept).await;
    (rider.client, driver, ride["id"].clone())
}

async fn share(client: &Client, ride_id: &Value) -> Value {
    let document = "mutation ($id: ID!) { shareRide(input: { rideId: $id }) { url token problems { __typename code } } }";
    client.data(document, json!({ "id": ride_id })).await["shareRide"].take()
}

async fn raise(client: &Client, ride_id: &Value, key: &str) -> Value {
    let document = "mutation ($id: ID!, $key: ID!) { raiseSafetyAlert(input: { rideId: $id, kind: THREAT, idempotencyKey: $key }) \
         { alert { id status raisedBy ride { id } } problems { __typename code } } }";
    client.data(document, json!({ "id": ride_id, "key": key })).await["raiseSafetyAlert"].take()
}

#[tokio::test]
async fn whoever_holds_the_link_follows_the_ride_until_it_ends() {
    each_world(async |world| {
        let (rider, driver, ride_id) = accepted(&world).await;
        let shared = share(&rider, &ride_id).await;
        let token = text(&shared["token"]);
        assert_eq!(shared["url"], json!(format!("https://ride.example/follow/{token}")));
        let seen = world.client.data(SHARED, json!({ "token": token })).await["sharedRide"].take();
        assert_eq!(seen["status"], "ACCEPTED");
        assert_eq!(seen["driverFirstName"], "Robin");
        assert_eq!(seen["vehicle"]["plateNumber"], "B RG 2026");
        assert!(seen["location"].is_object());

        let cancel = json!({ "rideId": ride_id, "reason": "VEHICLE_ISSUE" });
        change(&driver.account.client, "cancelRide", cancel).await;
        let after = world.client.data(SHARED, json!({ "token": token })).await;
        assert_eq!(after, json!({ "sharedRide": null }));
        assert_eq!(problem(&share(&rider, &ride_id).await), "INVALID_TRANSITION");
    })
    .await;
}

#[tokio::test]
async fn without_auth_a_shared_ride_lacks_the_name_alone() {
    each_world(async |world| {
        let (rider, _, ride_id) = accepted(&world).await;
        let token = share(&rider, &ride_id).await["token"].clone();
        world.auth.set(Mood::Down);
        let answer = world.client.execute(SHARED, json!({ "token": token })).await;
        assert_eq!(answer["data"]["sharedRide"]["status"], "ACCEPTED");
        assert_eq!(answer["data"]["sharedRide"]["driverFirstName"], json!(null));
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UPSTREAM_UNAVAILABLE");
    })
    .await;
}

#[tokio::test]
async fn only_the_rider_shares_and_only_a_share_token_opens() {
    each_world(async |world| {
        let (rider, driver, ride_id) = accepted(&world).await;
        assert_eq!(problem(&share(&driver.account.client, &ride_id).await), "NOT_FOUND");
        let quote = world.quote(&rider).await["token"].clone();
        for token in [quote, json!("no token"), ride_id] {
            assert_eq!(
                world.client.data(SHARED, json!({ "token": token })).await,
                json!({ "sharedRide": null })
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_alert_is_for_operations_and_the_side_that_raised_it() {
    each_world(async |world| {
        let (rider, driver, ride_id) = accepted(&world).await;
        let raised = raise(&rider, &ride_id, "one").await;
        assert_eq!(raised["alert"]["status"], "OPEN");
        assert_eq!(raised["alert"]["raisedBy"], "RIDER");
        assert_eq!(raise(&rider, &ride_id, "one").await["alert"]["id"], raised["alert"]["id"], "once per key");
        let stranger = world.sign_in(&[]).client;
        assert_eq!(problem(&raise(&stranger, &ride_id, "one").await), "NOT_FOUND");

        let query = "query ($id: ID!) { ride(id: $id) { safetyAlerts { id } } }";
        let of_ride = async |client: &Client| {
            client.data(query, json!({ "id": ride_id })).await["ride"]["safetyAlerts"].as_array().map(Vec::len)
        };
        let entity = "query ($id: ID!) { _entities(representations: [{ __typename: \"SafetyAlert\", id: $id }]) \
             { ... on SafetyAlert { id } } }";
        let by_key = async |client: &Client| {
            client.data(entity, json!({ "id": raised["alert"]["id"] })).await["_entities"][0].is_object()
        };
        let operator = world.operator();
        assert_eq!((of_ride(&rider).await, by_key(&rider).await), (Some(1), true), "rider");
        assert_eq!((of_ride(&operator).await, by_key(&operator).await), (Some(1), true), "operations");
        let driver = driver.account.client;
        assert_eq!((of_ride(&driver).await, by_key(&driver).await), (Some(0), false), "the driver it may be about");
        assert!(!by_key(&stranger).await && !by_key(&world.client).await);
    })
    .await;
}

#[tokio::test]
async fn operations_resolve_an_alert_once() {
    each_world(async |world| {
        let (rider, _, ride_id) = accepted(&world).await;
        let id = raise(&rider, &ride_id, "one").await["alert"]["id"].clone();
        let document = "mutation ($id: ID!) { resolveSafetyAlert(input: { alertId: $id, falseAlarm: true }) \
             { alert { status resolvedAt } problems { __typename code } } }";
        assert_eq!(rider.error_code(document, json!({ "id": id })).await, "FORBIDDEN");
        let operator = world.operator();
        let open = "{ safetyAlerts(filter: { status: OPEN }) { totalCount nodes { id } } }";
        assert_eq!(operator.data(open, json!({})).await["safetyAlerts"]["totalCount"], 1);
        let resolved = operator.data(document, json!({ "id": id })).await["resolveSafetyAlert"].take();
        assert_eq!(resolved["alert"]["status"], "FALSE_ALARM");
        let again = operator.data(document, json!({ "id": id })).await["resolveSafetyAlert"].take();
        assert_eq!(problem(&again), "INVALID_TRANSITION");
        assert_eq!(operator.data(open, json!({})).await["safetyAlerts"]["totalCount"], 0);
        assert_eq!(rider.error_code(open, json!({})).await, "FORBIDDEN");
    })
    .await;
}
