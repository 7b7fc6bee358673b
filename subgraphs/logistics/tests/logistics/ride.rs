//! A ride from the request to the ratings, and what may not happen to it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{Account, OnTheRoad, PICKUP, World, change, each_world, problem, text};

/// About 9 km from the pickup.
const FAR: (f64, f64) = (52.6019, 13.4132);
const SYDNEY: (f64, f64) = (-33.8688, 151.2093);

/// A ride that the driver has accepted, with its PIN.
async fn accepted(world: &World) -> (Account, OnTheRoad, Value, String) {
    let rider = world.sign_in(&[]);
    let driver = world.driver_at(PICKUP).await;
    let requested = world.requested_ride(&rider).await;
    let pin = text(&requested["startPin"]);
    let ride = must(&driver.account, "acceptRide", &requested, json!({})).await;
    (rider, driver, ride, pin)
}

/// The ride after a mutation that must succeed.
async fn must(account: &Account, mutation: &str, ride: &Value, more: Value) -> Value {
    let mut payload = attempt(account, mutation, ride, more).await;
    assert_eq!(payload["problems"], json!([]), "{mutation}");
    payload["ride"].take()
}

async fn attempt(account: &Account, mutation: &str, ride: &Value, more: Value) -> Value {
    let mut input = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    change(&account.client, mutation, input).await
}

/// As `rateRide` takes it: a rating has no version.
async fn rate(account: &Account, ride: &Value, score: i32) -> String {
    problem(
        &change(&account.client, "rateRide", json!({ "rideId": ride["id"], "score": score })).await,
    )
}

async fn started(world: &World) -> (Account, OnTheRoad, Value) {
    let (rider, driver, ride, pin) = accepted(world).await;
    let ride = must(&driver.account, "arriveAtPickup", &ride, json!({})).await;
    let ride = must(&driver.account, "startRide", &ride, json!({ "pin": pin })).await;
    (rider, driver, ride)
}

async fn completed(world: &World) -> (Account, OnTheRoad, Value) {
    let (rider, driver, ride) = started(world).await;
    let ride =
        must(&driver.account, "completeRide", &ride, json!({ "distanceMeters": 99_000 })).await;
    (rider, driver, ride)
}

#[tokio::test]
async fn goes_from_the_request_to_the_end() {
    each_world(async |world| {
        let (rider, driver, ride) = completed(&world).await;
        assert_eq!(ride["status"], "COMPLETED");
        let query = "query ($id: ID!) { ride(id: $id) { status rider { id } driver { id availability } vehicle { id } \
             product { id } quotedFare { amount currency } finalFare { amount currency } events { status actor } } }";
        let ride = rider.client.data(query, json!({ "id": ride["id"] })).await["ride"].take();
        assert_eq!(ride["rider"]["id"], json!(rider.id));
        assert_eq!(ride["driver"], json!({ "id": driver.driver_id, "availability": "AVAILABLE" }));
        assert_eq!(ride["vehicle"]["id"], json!(driver.vehicle_id));
        assert_eq!(ride["product"]["id"], json!(world.product_id));
        assert_eq!(ride["finalFare"], ride["quotedFare"], "what the driver says of the distance costs nothing");
        let events = json!([
            { "status": "REQUESTED", "actor": "RIDER" },
            { "status": "ACCEPTED", "actor": "DRIVER" },
            { "status": "DRIVER_ARRIVED", "actor": "DRIVER" },
            { "status": "IN_PROGRESS", "actor": "DRIVER" },
            { "status": "COMPLETED", "actor": "DRIVER" },
        ]);
        assert_eq!(ride["events"], events);
    })
    .await;
}

#[tokio::test]
async fn both_rate_once_and_each_the_other() {
    each_world(async |world| {
        let (rider, driver, ride) = completed(&world).await;
        assert_eq!(rate(&rider, &ride, 6).await, "OUT_OF_RANGE");
        assert_eq!(rate(&rider, &ride, 4).await, "");
        assert_eq!(rate(&rider, &ride, 5).await, "ALREADY_RATED");
        assert_eq!(rate(&driver.account, &ride, 5).await, "");
        let query = "query ($ride: ID!, $driver: ID!, $rider: ID!) { \
             ride(id: $ride) { driverRating { score } riderRating { score } version } \
             driver(id: $driver) { rating ratingCount } \
             _entities(representations: [{ __typename: \"User\", id: $rider }]) { ... on User { riderRating } } }";
        let variables = json!({ "ride": ride["id"], "driver": driver.driver_id, "rider": rider.id });
        let seen = rider.client.data(query, variables).await;
        assert_eq!(seen["ride"]["driverRating"]["score"], 4, "the rider rates the driver");
        assert_eq!(seen["ride"]["riderRating"]["score"], 5, "the driver rates the rider");
        assert_eq!(seen["ride"]["version"], ride["version"], "a rating is no new state");
        assert_eq!(seen["driver"], json!({ "rating": 4.0, "ratingCount": 1 }));
        assert_eq!(seen["_entities"][0]["riderRating"], 5.0);
    })
    .await;
}

#[tokio::test]
async fn is_rated_only_when_it_is_over() {
    each_world(async |world| {
        let (rider, _, ride) = started(&world).await;
        assert_eq!(rate(&rider, &ride, 5).await, "INVALID_TRANSITION");
    })
    .await;
}

#[tokio::test]
async fn starts_with_the_riders_pin_alone() {
    each_world(async |world| {
        let (_, driver, ride, pin) = accepted(&world).await;
        let early = attempt(&driver.account, "startRide", &ride, json!({ "pin": pin })).await;
        assert_eq!(problem(&early), "INVALID_TRANSITION", "the driver has not arrived");
        let ride = must(&driver.account, "arriveAtPickup", &ride, json!({})).await;
        let wrong = if pin == "0000" { "0001" } else { "0000" };
        let refused = attempt(&driver.account, "startRide", &ride, json!({ "pin": wrong })).await;
        assert_eq!(problem(&refused), "WRONG_PIN");
        must(&driver.account, "startRide", &ride, json!({ "pin": pin })).await;
    })
    .await;
}

#[tokio::test]
async fn wrong_pins_are_throttled_and_the_right_one_with_them() {
    each_world(async |world| {
        let (_, driver, ride, pin) = accepted(&world).await;
        let ride = must(&driver.account, "arriveAtPickup", &ride, json!({})).await;
        let wrong = if pin == "0000" { "0001" } else { "0000" };
        let mut input = json!({ "rideId": ride["id"], "expectedVersion": ride["version"], "pin": wrong });
        let start = "mutation ($input: StartRideInput!) { startRide(input: $input) { ride { status } \
             problems { code ... on RateLimitProblem { retryAfterSeconds } } } }";
        // All at once: the tries are counted before they are looked at.
        let guesses = (0..8).map(|_| driver.account.client.data(start, json!({ "input": input })));
        let answers = futures::future::join_all(guesses).await;
        let codes: Vec<String> = answers.iter().map(|answer| problem(&answer["startRide"])).collect();
        assert_eq!(codes.iter().filter(|code| *code == "WRONG_PIN").count(), 5, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| *code == "RATE_LIMITED").count(), 3, "{codes:?}");

        input["pin"] = json!(pin);
        let locked = driver.account.client.data(start, json!({ "input": input })).await["startRide"].take();
        assert_eq!(locked["problems"], json!([{ "code": "RATE_LIMITED", "retryAfterSeconds": 301 }]));
        world.advance(TimeDelta::minutes(5));
        let started = driver.account.client.data(start, json!({ "input": input })).await["startRide"].take();
        assert_eq!(started["ride"]["status"], "IN_PROGRESS");
    })
    .await;
}

#[tokio::test]
async fn a_list_of_rides_is_read_a_page_at_a_time_in_both_directions() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let mut newest_first = Vec::new();
        for _ in 0..5 {
            let ride = world.requested_ride(&rider).await;
            must(&rider, "cancelRide", &ride, json!({ "reason": "OTHER" })).await;
            newest_first.insert(0, text(&ride["id"]));
            world.advance(TimeDelta::seconds(1));
        }
        let document = "query ($user: ID!, $first: Int, $after: String, $last: Int, $before: String) \
             { _entities(representations: [{ __typename: \"User\", id: $user }]) { ... on User \
             { rides(first: $first, after: $after, last: $last, before: $before) { totalCount nodes { id } \
             pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }";
        let page = async |mut arguments: Value| {
            arguments["user"] = json!(rider.id);
            let mut page = rider.client.data(document, arguments).await["_entities"][0]["rides"].take();
            assert_eq!(page["totalCount"], 5);
            let ids: Vec<String> =
                page["nodes"].as_array().unwrap().iter().map(|node| text(&node["id"])).collect();
            (ids, page["pageInfo"].take())
        };
        let (first, place) = page(json!({ "first": 2 })).await;
        assert_eq!(first, newest_first[..2]);
        assert_eq!((&place["hasNextPage"], &place["hasPreviousPage"]), (&json!(true), &json!(false)));
        let (second, place) = page(json!({ "first": 2, "after": place["endCursor"] })).await;
        assert_eq!(second, newest_first[2..4]);
        assert_eq!((&place["hasNextPage"], &place["hasPreviousPage"]), (&json!(true), &json!(true)));
        let (back, _) = page(json!({ "last": 2, "before": place["startCursor"] })).await;
        assert_eq!(back, newest_first[..2]);
        let (last, place) = page(json!({ "last": 2 })).await;
        assert_eq!(last, newest_first[3..]);
        assert_eq!((&place["hasNextPage"], &place["hasPreviousPage"]), (&json!(false), &json!(true)));
        for refused in [json!({ "first": 101 }), json!({ "last": 101 }), json!({ "first": 1, "last": 1 })] {
            let mut arguments = refused;
            arguments["user"] = json!(rider.id);
            assert_eq!(rider.client.error_code(document, arguments).await, "BAD_USER_INPUT");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_with_other_input_is_a_conflict() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let key = json!({ "idempotencyKey": "one" });
        let token = text(&world.quote(&rider.client).await["token"]);
        world.try_request(&rider, &token, key.clone()).await;
        world.advance(TimeDelta::seconds(1));
        let other = text(&world.quote(&rider.client).await["token"]);
        assert_eq!(
            problem(&world.try_request(&rider, &other, key).await),
            "IDEMPOTENCY_KEY_REUSED"
        );
    })
    .await;
}

#[tokio::test]
async fn operations_assign_a_ride_and_give_it_to_another_driver() {
    each_world(async |world| {
        let (first, second) = (world.driver_at(FAR).await, world.driver_at(SYDNEY).await);
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        let operator = world.operator();
        let assign = async |driver: &OnTheRoad, version: i32| {
            let input = json!({ "rideId": ride["id"], "driverId": driver.driver_id, "expectedVersion": version });
            change(&operator, "assignRide", input).await
        };
        assert_eq!(assign(&first, 1).await["ride"]["status"], "ACCEPTED");
        assert_eq!(problem(&assign(&second, 1).await), "VERSION_CONFLICT");
        assert_eq!(assign(&second, 2).await["ride"]["version"], 3);
        let query = "query ($id: ID!, $first: ID!) { ride(id: $id) { driver { id availability } events { status actor } } \
             driver(id: $first) { availability } }";
        let seen = operator.data(query, json!({ "id": ride["id"], "first": first.driver_id })).await;
        assert_eq!(seen["ride"]["driver"], json!({ "id": second.driver_id, "availability": "ON_RIDE" }));
        assert_eq!(seen["driver"]["availability"], "AVAILABLE", "free again");
        assert_eq!(seen["ride"]["events"][2], json!({ "status": "ACCEPTED", "actor": "OPERATOR" }));
        let rest = "mutation { setDriverAvailability(input: { availability: OFFLINE }) { problems { code } } }";
        first.account.client.data(rest, json!({})).await;
        assert_eq!(problem(&assign(&first, 3).await), "NOT_AVAILABLE");
    })
    .await;
}

#[tokio::test]
async fn a_change_of_an_old_version_is_a_conflict() {
    each_world(async |world| {
        let (_, driver, ride, _) = accepted(&world).await;
        must(&driver.account, "arriveAtPickup", &ride, json!({})).await;
        let late =
            attempt(&driver.account, "completeRide", &ride, json!({ "distanceMeters": 1 })).await;
        assert_eq!(problem(&late), "VERSION_CONFLICT");
        let again = attempt(&driver.account, "arriveAtPickup", &ride, json!({})).await;
        assert_eq!(problem(&again), "VERSION_CONFLICT");
    })
    .await;
}

#[tokio::test]
async fn a_stranger_changes_nothing() {
    each_world(async |world| {
        let (_, _, ride, pin) = accepted(&world).await;
        let stranger = world.driver_at(PICKUP).await.account;
        let cases = [
            ("arriveAtPickup", json!({})),
            ("startRide", json!({ "pin": pin })),
            ("completeRide", json!({ "distanceMeters": 1 })),
            ("cancelRide", json!({ "reason": "OTHER" })),
        ];
        for (mutation, more) in cases {
            assert_eq!(
                problem(&attempt(&stranger, mutation, &ride, more).await),
                "NOT_FOUND",
                "{mutation}"
            );
        }
        assert_eq!(rate(&stranger, &ride, 1).await, "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn a_rider_has_one_ride_at_a_time_and_the_same_key_is_the_same_ride() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&rider.client).await["token"]);
        let key = json!({ "idempotencyKey": "one" });
        let first = world.try_request(&rider, &token, key.clone()).await;
        let again = world.try_request(&rider, &token, key).await;
        assert_eq!(first["ride"]["id"], again["ride"]["id"]);
        assert_eq!(
            problem(&world.try_request(&rider, &token, json!({})).await),
            "ACTIVE_RIDE_EXISTS"
        );
    })
    .await;
}

#[tokio::test]
async fn cancelling_is_free_until_a_driver_is_on_the_way() {
    each_world(async |world| {
        let fee_of = async |rider: &Account, ride: &Value| {
            let query = "query ($id: ID!) { ride(id: $id) { cancellation { by reason fee { amount currency } } } }";
            rider.client.data(query, json!({ "id": ride["id"] })).await["ride"]["cancellation"].take()
        };
        let rider = world.sign_in(&[]);
        let ride = world.requested_ride(&rider).await;
        must(&rider, "cancelRide", &ride, json!({ "reason": "CHANGED_MIND" })).await;
        assert_eq!(fee_of(&rider, &ride).await, json!({ "by": "RIDER", "reason": "CHANGED_MIND", "fee": null }));

        let (rider, driver, ride, _) = accepted(&world).await;
        let ride = must(&driver.account, "arriveAtPickup", &ride, json!({})).await;
        must(&rider, "cancelRide", &ride, json!({ "reason": "CHANGED_MIND" })).await;
        assert_eq!(fee_of(&rider, &ride).await["fee"], json!({ "amount": 300, "currency": "EUR" }));

        let (rider, driver, ride, _) = accepted(&world).await;
        must(&driver.account, "cancelRide", &ride, json!({ "reason": "VEHICLE_ISSUE" })).await;
        let cancellation = fee_of(&rider, &ride).await;
        assert_eq!(cancellation, json!({ "by": "DRIVER", "reason": "VEHICLE_ISSUE", "fee": null }));
    })
    .await;
}

#[tokio::test]
async fn a_ride_under_way_is_not_called_off_by_its_rider() {
    each_world(async |world| {
        let (rider, _, ride) = started(&world).await;
        let payload =
            attempt(&rider, "cancelRide", &ride, json!({ "reason": "CHANGED_MIND" })).await;
        assert_eq!(problem(&payload), "INVALID_TRANSITION");
    })
    .await;
}

#[tokio::test]
async fn is_offered_only_to_drivers_who_are_near_and_take_it() {
    each_world(async |world| {
        let near = world.driver_at(PICKUP).await;
        let away = world.driver_at(SYDNEY).await;
        let offline = world.driver_at(PICKUP).await;
        let suspended = world.driver_at(PICKUP).await;
        let rest = "mutation { setDriverAvailability(input: { availability: OFFLINE }) { problems { code } } }";
        offline.account.client.data(rest, json!({})).await;
        let suspend = "mutation ($id: ID!) { suspendDriver(input: { driverId: $id, reason: \"complaints\" }) \
             { driver { suspendedAt } problems { code } } }";
        world.operator().data(suspend, json!({ "id": suspended.driver_id })).await;

        let ride = world.requested_ride(&world.sign_in(&[])).await;
        assert_eq!(world.offers(&near).await, [text(&ride["id"])]);
        for (name, driver) in [("far away", &away), ("offline", &offline), ("suspended", &suspended)] {
            assert_eq!(world.offers(driver).await, Vec::<String>::new(), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn is_not_offered_to_a_vehicle_that_the_product_does_not_admit() {
    each_world(async |world| {
        let sedan = world.driver_at(PICKUP).await;
        let rider = world.sign_in(&[]);
        let mut product = world.product();
        product["vehicleTypes"] = json!(["VAN"]);
        let token = text(&world.quote_of(&rider.client, product).await["token"]);
        let payload = world.try_request(&rider, &token, json!({})).await;
        assert_eq!(payload["problems"], json!([]));
        world.dispatch().await;
        assert_eq!(world.offers(&sedan).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_driver_who_declines_is_not_asked_again_and_the_next_one_is() {
    each_world(async |world| {
        let far = world.driver_at(FAR).await;
        let near = world.driver_at(PICKUP).await;
        for _ in 0..4 {
            world.driver_at(PICKUP).await;
        }
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        let decline =
            "mutation ($id: ID!) { declineRide(input: { rideId: $id }) { problems { code } } }";
        let declined = near.account.client.data(decline, json!({ "id": ride["id"] })).await;
        assert_eq!(declined["declineRide"]["problems"], json!([]));
        assert_eq!(world.offers(&near).await, Vec::<String>::new(), "declined");
        assert_eq!(world.offers(&far).await, Vec::<String>::new(), "the nearest are asked first");
        world.advance(TimeDelta::seconds(21));
        world.dispatch().await;
        assert_eq!(world.offers(&near).await, Vec::<String>::new(), "declined for good");
        assert_eq!(world.offers(&far).await, [text(&ride["id"])]);
    })
    .await;
}

#[tokio::test]
async fn expires_where_no_driver_is_found() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let ride = world.requested_ride(&rider).await;
        world.advance(TimeDelta::hours(1));
        world.dispatch().await;
        let rider = world.renew(&rider);
        let query = "query ($id: ID!) { ride(id: $id) { status events { actor status } } }";
        let ride = rider.client.data(query, json!({ "id": ride["id"] })).await["ride"].take();
        assert_eq!(ride["status"], "EXPIRED");
        assert_eq!(ride["events"][1], json!({ "status": "EXPIRED", "actor": "SYSTEM" }));
    })
    .await;
}

#[tokio::test]
async fn an_offer_whose_time_is_over_is_not_accepted() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        world.advance(TimeDelta::seconds(61));
        let payload = attempt(&world.renew(&driver.account), "acceptRide", &ride, json!({})).await;
        assert_eq!(problem(&payload), "OFFER_EXPIRED");
    })
    .await;
}
