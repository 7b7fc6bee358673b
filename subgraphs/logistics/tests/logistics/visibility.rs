//! Who may see what: each row of the table, for nobody, a stranger, the owner and operations, by query and by entity.

use serde_json::{Value, json};
use service::testing::{Client, Metrics};

use crate::world::{PICKUP, change, each_world, point, text};

const SYDNEY: (f64, f64) = (-33.8688, 151.2093);

/// One field of an entity by its key.
async fn field(client: &Client, type_name: &str, id: &str, selection: &str) -> Value {
    let document = format!(
        "query ($id: ID!) {{ _entities(representations: [{{ __typename: \"{type_name}\", id: $id }}]) \
         {{ ... on {type_name} {{ {selection} }} }} }}"
    );
    client.data(&document, json!({ "id": id })).await["_entities"][0].take()
}

#[tokio::test]
async fn a_ride_is_for_its_rider_its_driver_and_operations() {
    each_world(async |world| {
        let (rider, stranger) = (world.sign_in(&[]), world.sign_in(&[]));
        let support = world.sign_in(&["read:rides"]).client;
        let driver = world.driver_at(PICKUP).await;
        // Far away: no offer reaches them.
        let other_driver = world.driver_at(SYDNEY).await.account.client;
        let ride = world.requested_ride(&rider).await;
        let id = text(&ride["id"]);
        let by_query = "query ($id: ID!) { ride(id: $id) { id } }";
        let offer = driver.account.client.data("{ rideOffers { ride { id } } }", json!({})).await;
        assert_eq!(offer["rideOffers"][0]["ride"]["id"], json!(id), "through the offer");

        let accept = json!({ "rideId": id, "expectedVersion": ride["version"] });
        assert_eq!(
            change(&driver.account.client, "acceptRide", accept).await["problems"],
            json!([])
        );
        for (name, client) in
            [("rider", &rider.client), ("driver", &driver.account.client), ("support", &support)]
        {
            assert_eq!(
                client.data(by_query, json!({ "id": id })).await["ride"]["id"],
                json!(id),
                "{name}"
            );
            assert_eq!(field(client, "Ride", &id, "id").await, json!({ "id": id }), "{name}");
        }
        for (name, client) in [("stranger", &stranger.client), ("another driver", &other_driver)] {
            let seen = client.data(by_query, json!({ "id": id })).await;
            assert_eq!(seen, json!({ "ride": null }), "{name}");
            assert_eq!(field(client, "Ride", &id, "id").await, json!(null), "{name}, by entity");
        }
        assert_eq!(world.client.error_code(by_query, json!({ "id": id })).await, "UNAUTHENTICATED");
        assert_eq!(field(&world.client, "Ride", &id, "id").await, json!(null), "nobody, by entity");
    })
    .await;
}

#[tokio::test]
async fn an_offered_ride_is_its_drivers_to_see_only_while_the_offer_stands() {
    each_world(async |world| {
        let (first, second) = (world.driver_at(PICKUP).await, world.driver_at(PICKUP).await);
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        let id = text(&ride["id"]);
        let sees = async |client: &Client| field(client, "Ride", &id, "id startPin").await;
        let offered = json!({ "id": id, "startPin": null });
        assert_eq!(sees(&first.account.client).await, offered);
        assert_eq!(sees(&second.account.client).await, offered);
        let accept = json!({ "rideId": id, "expectedVersion": ride["version"] });
        change(&first.account.client, "acceptRide", accept).await;
        assert_eq!(sees(&first.account.client).await, offered, "the assigned driver");
        assert_eq!(sees(&second.account.client).await, json!(null), "another has it");
    })
    .await;
}

#[tokio::test]
async fn a_riders_rides_and_rating_are_theirs_and_their_drivers() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        let other_driver = world.driver_at(SYDNEY).await.account.client;
        let ride = world.requested_ride(&rider).await;
        for ((mutation, mut input), version) in [
            ("acceptRide", json!({})),
            ("arriveAtPickup", json!({})),
            ("startRide", json!({ "pin": ride["startPin"] })),
            ("completeRide", json!({ "distanceMeters": 1 })),
        ]
        .into_iter()
        .zip(1..)
        {
            input["rideId"] = ride["id"].clone();
            input["expectedVersion"] = json!(version);
            change(&driver.account.client, mutation, input).await;
        }
        let rate = json!({ "rideId": ride["id"], "score": 4 });
        change(&driver.account.client, "rateRide", rate).await;
        let next = world.requested_ride(&rider).await;

        let of = async |client: &Client| {
            field(client, "User", &rider.id, "riderRating rides { nodes { id } } activeRide { id }")
                .await
        };
        let all = json!({
            "riderRating": 4.0, "activeRide": { "id": next["id"] },
            "rides": { "nodes": [{ "id": next["id"] }, { "id": ride["id"] }] },
        });
        assert_eq!(of(&rider.client).await, all, "themselves");
        assert_eq!(of(&world.sign_in(&["read:rides"]).client).await, all, "operations");
        let nothing = json!({ "riderRating": null, "rides": null, "activeRide": null });
        assert_eq!(of(&world.client).await, nothing, "nobody");
        assert_eq!(of(&world.sign_in(&[]).client).await, nothing, "a stranger");
        assert_eq!(of(&other_driver).await, nothing, "a driver who has nothing to do with them");
        let mut rating_alone = nothing;
        rating_alone["riderRating"] = json!(4.0);
        assert_eq!(of(&driver.account.client).await, rating_alone, "a driver of theirs");
    })
    .await;
}

#[tokio::test]
async fn cars_near_by_are_for_whoever_signed_in_nameless_and_on_a_grid() {
    each_world(async |world| {
        let (latitude, longitude) = PICKUP;
        world.driver_at((latitude + 0.000_7, longitude - 0.000_6)).await;
        let map = "query ($near: CoordinatesInput!) { nearbyDrivers(near: $near) { coordinates { latitude longitude } vehicleType } }";
        let near = json!({ "near": point(PICKUP) });
        assert_eq!(world.client.error_code(map, near.clone()).await, "UNAUTHENTICATED");
        let seen = world.sign_in(&[]).client.data(map, near).await["nearbyDrivers"][0].take();
        for axis in ["latitude", "longitude"] {
            let steps = seen["coordinates"][axis].as_f64().unwrap() / 0.002;
            assert!((steps - steps.round()).abs() < 1e-6, "{axis} is not on the grid: {seen}");
        }
    })
    .await;
}

#[tokio::test]
async fn earnings_and_registrations_are_for_the_driver_and_operations() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let other_driver = world.driver_at(SYDNEY).await.account.client;
        let found = field(&driver.account.client, "User", &driver.account.id, "driverRegistration { id }").await;
        let id = text(&found["driverRegistration"]["id"]);
        let by_query = "query ($id: ID!) { driverRegistration(id: $id) { id } }";
        let strangers = [&world.sign_in(&[]).client, &other_driver];
        for client in strangers {
            assert_eq!(field(client, "DriverRegistrationSession", &id, "id").await, json!(null));
            let seen = client.data(by_query, json!({ "id": id })).await;
            assert_eq!(seen, json!({ "driverRegistration": null }));
        }
        assert_eq!(field(&world.client, "DriverRegistrationSession", &id, "id").await, json!(null));
        assert_eq!(world.client.error_code(by_query, json!({ "id": id })).await, "UNAUTHENTICATED");
        for client in [&driver.account.client, &world.sign_in(&["read:drivers"]).client] {
            assert_eq!(field(client, "DriverRegistrationSession", &id, "id").await, json!({ "id": id }));
        }
        // Refused is null without a word; what one may see is answered, here with a complaint about the times.
        let earnings = "query ($id: ID!) { driver(id: $id) { earnings(from: \"2026-02-01T00:00:00Z\", to: \"2026-01-01T00:00:00Z\") { rideCount } } }";
        let asked = json!({ "id": driver.driver_id });
        for client in strangers {
            assert_eq!(client.data(earnings, asked.clone()).await["driver"]["earnings"], json!(null));
        }
        for client in [&driver.account.client, &world.sign_in(&["read:drivers"]).client] {
            assert_eq!(client.error_code(earnings, asked.clone()).await, "BAD_USER_INPUT");
        }
    })
    .await;
}

#[tokio::test]
async fn the_pin_is_for_the_rider_alone() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        let support = world.sign_in(&["read:rides", "write:rides"]).client;
        let ride = world.requested_ride(&rider).await;
        let id = text(&ride["id"]);
        change(
            &driver.account.client,
            "acceptRide",
            json!({ "rideId": id, "expectedVersion": ride["version"] }),
        )
        .await;
        let pin =
            async |client: &Client| field(client, "Ride", &id, "startPin").await["startPin"].take();
        assert_eq!(pin(&rider.client).await, ride["startPin"]);
        assert!(text(&ride["startPin"]).chars().all(|digit| digit.is_ascii_digit()));
        assert_eq!(pin(&driver.account.client).await, json!(null), "driver");
        assert_eq!(pin(&support).await, json!(null), "support");
    })
    .await;
}

#[tokio::test]
async fn a_position_is_for_the_driver_the_rider_under_way_and_operations() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        let id = driver.driver_id.clone();
        let sees = async |client: &Client| {
            field(client, "Driver", &id, "location { coordinates { latitude } }").await["location"]
                .is_object()
        };
        let ride = world.requested_ride(&rider).await;
        assert!(!sees(&rider.client).await, "a rider whose ride nobody has accepted");
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        change(&driver.account.client, "acceptRide", accept).await;
        assert!(sees(&rider.client).await, "the rider of the active ride");
        assert!(sees(&driver.account.client).await, "themselves");
        assert!(sees(&world.sign_in(&["read:drivers"]).client).await, "operations");
        assert!(!sees(&world.sign_in(&[]).client).await, "a stranger");
        assert!(!sees(&world.driver_at(SYDNEY).await.account.client).await, "another driver");
        assert!(!sees(&world.client).await, "nobody");
    })
    .await;
}

#[tokio::test]
async fn licence_rides_and_registration_are_for_the_driver_and_operations() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let stranger = world.sign_in(&[]).client;
        let licence = async |client: &Client| {
            field(client, "Driver", &driver.driver_id, "licenseNumber rides { nodes { id } }").await
        };
        let hidden = json!({ "licenseNumber": null, "rides": null });
        assert_eq!(licence(&world.client).await, hidden, "nobody");
        assert_eq!(licence(&stranger).await, hidden, "stranger");
        let other_driver = world.driver_at(SYDNEY).await.account.client;
        assert_eq!(licence(&other_driver).await, hidden, "another driver");
        let own = json!({ "licenseNumber": "B072RRE2I55", "rides": { "nodes": [] } });
        assert_eq!(licence(&driver.account.client).await, own);
        assert_eq!(licence(&world.sign_in(&["read:drivers", "read:rides"]).client).await, own);

        let registration = async |client: &Client| {
            let found =
                field(client, "User", &driver.account.id, "driverRegistration { status }").await;
            found["driverRegistration"].clone()
        };
        assert_eq!(registration(&stranger).await, json!(null));
        assert_eq!(registration(&driver.account.client).await, json!({ "status": "COMPLETED" }));
    })
    .await;
}

#[tokio::test]
async fn operations_need_their_scope() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let rider = world.sign_in(&[]).client;
        let approve =
            "mutation ($id: ID!) { approveDriver(input: { driverId: $id }) { driver { id } } }";
        let id = json!({ "id": driver.driver_id });
        assert_eq!(rider.error_code(approve, id.clone()).await, "FORBIDDEN");
        assert_eq!(driver.account.client.error_code(approve, id.clone()).await, "FORBIDDEN");
        assert_eq!(world.client.error_code(approve, id).await, "UNAUTHENTICATED");
        for list in ["drivers", "rides", "driverRegistrations"] {
            let document = format!("{{ {list} {{ nodes {{ id }} }} }}");
            assert_eq!(rider.error_code(&document, json!({})).await, "FORBIDDEN", "{list}");
            assert_eq!(
                world.client.error_code(&document, json!({})).await,
                "UNAUTHENTICATED",
                "{list}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_and_malformed_keys_are_null_and_harm_no_other() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let document = "query ($representations: [_Any!]!) { _entities(representations: $representations) \
             { ... on Driver { id } } }";
        let representations = json!([
            { "__typename": "Driver", "id": "malformed" },
            { "__typename": "Driver", "id": driver.driver_id },
            { "__typename": "Driver", "id": world.parts.clock.new_id().to_string() },
            { "__typename": "Driver", "userId": driver.account.id },
        ]);
        let found = world.client.data(document, json!({ "representations": representations })).await;
        let id = json!({ "id": driver.driver_id });
        assert_eq!(found["_entities"], json!([null, id, null, id]));
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_entities_is_loaded_in_one_statement() {
    each_world(async |world| {
        let mut representations = Vec::new();
        for _ in 0..3 {
            let driver = world.driver_at(PICKUP).await;
            representations.push(json!({ "__typename": "Driver", "id": driver.driver_id }));
        }
        let metrics = Metrics::record();
        let document = "query ($representations: [_Any!]!) { _entities(representations: $representations) \
             { ... on Driver { id status vehicles { __typename } } } }";
        world.client.data(document, json!({ "representations": representations })).await;
        assert_eq!(metrics.value("entity_loads_total{entity=\"Driver\"}"), 1);
        assert_eq!(metrics.value("entity_loads_total{entity=\"Vehicle.driver\"}"), 1);
    })
    .await;
}

/// Of each row of the table that says "their driver" or "their rider": whoever asks of a thousand is one statement's worth.
#[tokio::test]
async fn who_has_to_do_with_whom_is_one_statement_for_a_thousand() {
    each_world(async |world| {
        let (rider, driver) = (world.sign_in(&[]), world.driver_at(PICKUP).await);
        let ride = world.requested_ride(&rider).await;
        let others = |type_name: &str, id: &Value| {
            let other = |_| json!({ "__typename": type_name, "id": world.parts.clock.new_id() });
            let mut representations: Vec<Value> = (1..1_000).map(other).collect();
            representations.push(json!({ "__typename": type_name, "id": id }));
            json!({ "representations": representations })
        };
        let last = async |client: &Client, selection: &str, representations: Value| {
            let document = format!("query ($representations: [_Any!]!) {{ _entities(representations: $representations) {{ {selection} }} }}");
            client.data(&document, representations).await["_entities"][999].take()
        };
        let driving = &driver.account.client;
        let loads = |metrics: &Metrics, entity: &str| metrics.value(&format!("entity_loads_total{{entity=\"{entity}\"}}"));

        let metrics = Metrics::record();
        last(driving, "... on User { riderRating }", others("User", &json!(rider.id))).await;
        assert_eq!((loads(&metrics, "Rider.acquainted"), loads(&metrics, "Rider")), (1, 1));
        drop(metrics);

        let second = world.requested_ride(&world.sign_in(&[])).await;
        let representations: Vec<Value> = (0..1_000)
            .map(|number| json!({ "__typename": "Ride", "id": if number % 2 == 0 { &ride } else { &second }["id"] }))
            .collect();
        let metrics = Metrics::record();
        let seen = last(driving, "... on Ride { id }", json!({ "representations": representations })).await;
        assert_eq!(seen["id"], second["id"], "offered");
        assert_eq!((loads(&metrics, "Ride"), loads(&metrics, "Offer")), (1, 1));
        drop(metrics);

        let mut drivers = Vec::new();
        for _ in 0..3 {
            drivers.push(world.driver_at(SYDNEY).await.driver_id);
        }
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        change(driving, "acceptRide", accept).await;
        drivers.push(driver.driver_id.clone());
        let representations: Vec<Value> = (0..1_000)
            .map(|number| json!({ "__typename": "Driver", "id": drivers[number % 4] }))
            .collect();
        let metrics = Metrics::record();
        let seen = last(&rider.client, "... on Driver { id location { recordedAt } }", json!({ "representations": representations })).await;
        assert_eq!(seen["id"], json!(driver.driver_id));
        assert!(seen["location"].is_object(), "on the way");
        assert_eq!((loads(&metrics, "Driver"), loads(&metrics, "Ride.underWay")), (1, 1));
    })
    .await;
}

/// The founding document's `DriverResponse`, by user id, by both keys of the entity, and from the user.
#[tokio::test]
async fn a_driver_is_the_same_whichever_way_it_is_reached() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let fields = "id userId licenseNumber vehicleType status rating";
        let query = format!(
            "query ($user: ID!, $driver: ID!, $representations: [_Any!]!) {{ driverByUserId(userId: $user) {{ {fields} }} \
             driver(id: $driver) {{ {fields} }} _entities(representations: $representations) {{ \
             ... on Driver {{ {fields} }} ... on User {{ isDriver driver {{ {fields} }} }} }} }}"
        );
        let (user_id, driver_id) = (&driver.account.id, &driver.driver_id);
        let representations = json!([
            { "__typename": "Driver", "id": driver_id },
            { "__typename": "Driver", "userId": user_id },
            { "__typename": "User", "id": user_id },
        ]);
        let variables = json!({ "user": user_id, "driver": driver_id, "representations": representations });
        let seen = driver.account.client.data(&query, variables).await;
        let expected = json!({
            "id": driver_id, "userId": user_id, "licenseNumber": "B072RRE2I55", "vehicleType": "SEDAN",
            "status": "APPROVED", "rating": null,
        });
        assert_eq!(seen["driverByUserId"], expected);
        assert_eq!(seen["driver"], expected);
        let of_user = json!({ "isDriver": true, "driver": expected });
        assert_eq!(seen["_entities"], json!([expected, expected, of_user]));
    })
    .await;
}
