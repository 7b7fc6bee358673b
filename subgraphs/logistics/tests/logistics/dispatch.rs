//! Dispatch: whom a ride is offered to, in which order, how often; and what riders who wait do to the price.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{Account, OnTheRoad, PICKUP, World, change, each_world, point, text};

/// A place so many metres north of the pickup.
fn north(meters: f64) -> (f64, f64) {
    (PICKUP.0 + meters / 111_195.0, PICKUP.1)
}

async fn drivers_at(world: &World, meters: impl IntoIterator<Item = f64>) -> Vec<OnTheRoad> {
    let mut drivers = Vec::new();
    for meters in meters {
        drivers.push(world.driver_at(north(meters)).await);
    }
    drivers
}

/// Which of the drivers have an open offer.
async fn asked(world: &World, drivers: &[OnTheRoad]) -> Vec<usize> {
    let mut asked = Vec::new();
    for (number, driver) in drivers.iter().enumerate() {
        let account = world.renew(&driver.account);
        if !world.offers(&OnTheRoad { account, ..driver.clone() }).await.is_empty() {
            asked.push(number);
        }
    }
    asked
}

async fn decline(world: &World, driver: &OnTheRoad, ride: &Value) {
    let decline =
        "mutation ($id: ID!) { declineRide(input: { rideId: $id }) { problems { code } } }";
    let client = world.renew(&driver.account).client;
    let declined = client.data(decline, json!({ "id": ride["id"] })).await;
    assert_eq!(declined["declineRide"]["problems"], json!([]));
}

#[tokio::test]
async fn batches_begin_with_the_nearest_and_widen() {
    each_world(async |world| {
        // Not in the order of their distance: the twelfth is the nearest.
        let drivers = drivers_at(&world, (0..12).rev().map(|it| f64::from(it) * 300.0)).await;
        world.requested_ride(&world.sign_in(&[])).await;
        assert_eq!(asked(&world, &drivers).await, [7, 8, 9, 10, 11], "the five nearest");
        world.advance(TimeDelta::seconds(21));
        world.dispatch().await;
        assert_eq!(
            asked(&world, &drivers).await,
            [0, 1, 2, 3, 4, 5, 6],
            "then ten more, of which there are seven"
        );
    })
    .await;
}

#[tokio::test]
async fn whoever_let_an_offer_lapse_is_asked_again_and_whoever_declined_is_not() {
    each_world(async |world| {
        let drivers = drivers_at(&world, [100.0, 200.0]).await;
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        decline(&world, &drivers[0], &ride).await;
        assert_eq!(asked(&world, &drivers).await, [1]);
        world.advance(TimeDelta::seconds(21));
        assert_eq!(asked(&world, &drivers).await, [0; 0], "the offer has lapsed");
        world.dispatch().await;
        assert_eq!(asked(&world, &drivers).await, [1], "nobody else is left");
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        let accepted = change(&world.renew(&drivers[1].account).client, "acceptRide", accept).await;
        assert_eq!(accepted["ride"]["status"], "ACCEPTED");
    })
    .await;
}

#[tokio::test]
async fn where_all_decline_the_next_are_asked_at_once() {
    each_world(async |world| {
        let drivers = drivers_at(&world, (0..6).map(|it| f64::from(it) * 100.0)).await;
        let ride = world.requested_ride(&world.sign_in(&[])).await;
        for driver in &drivers[..5] {
            decline(&world, driver, &ride).await;
        }
        world.dispatch().await;
        assert_eq!(asked(&world, &drivers).await, [5]);
    })
    .await;
}

#[tokio::test]
async fn a_driver_who_comes_later_is_found_by_the_next_look() {
    each_world(async |world| {
        world.requested_ride(&world.sign_in(&[])).await;
        let late = drivers_at(&world, [9_000.0]).await;
        world.dispatch().await;
        assert_eq!(asked(&world, &late).await, [0; 0], "it looks every two seconds");
        world.advance(TimeDelta::seconds(2));
        world.dispatch().await;
        assert_eq!(asked(&world, &late).await, [0]);
    })
    .await;
}

#[tokio::test]
async fn a_scheduled_ride_looks_for_its_driver_ahead_of_its_time() {
    each_world(async |world| {
        let drivers = drivers_at(&world, [100.0]).await;
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&rider.client).await["token"]);
        let time = world.parts.clock.now() + TimeDelta::minutes(20);
        let scheduled =
            world.try_request(&rider, &token, json!({ "scheduledFor": time.to_rfc3339() })).await;
        assert_eq!(scheduled["ride"]["status"], "SCHEDULED");
        world.dispatch().await;
        assert_eq!(asked(&world, &drivers).await, [0; 0], "too early");
        world.advance(TimeDelta::minutes(10));
        world.dispatch().await;
        assert_eq!(asked(&world, &drivers).await, [0]);
    })
    .await;
}

#[tokio::test]
async fn a_ride_is_not_scheduled_for_the_past_nor_for_next_year() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&rider.client).await["token"]);
        for (days, code) in [(-1, "IN_THE_PAST"), (365, "OUT_OF_RANGE")] {
            let time = world.parts.clock.now() + TimeDelta::days(days);
            let refused = world
                .try_request(&rider, &token, json!({ "scheduledFor": time.to_rfc3339() }))
                .await;
            assert_eq!(crate::world::problem(&refused), code);
        }
    })
    .await;
}

/// Cars near a place, as anybody signed in sees them.
async fn cars(world: &World, at: (f64, f64)) -> usize {
    let map = "query ($near: CoordinatesInput!) { nearbyDrivers(near: $near, radiusMeters: 3000, first: 100) { vehicleType } }";
    let seen = world.sign_in(&[]).client.data(map, json!({ "near": point(at) })).await;
    seen["nearbyDrivers"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_search_crosses_the_antimeridian_and_the_poles() {
    each_world(async |world| {
        for (here, there) in [
            ((-17.0, 179.995), (-17.0, -179.995)),
            ((89.99, 20.0), (89.99, -160.0)),
            ((-90.0, 0.0), (-89.99, 90.0)),
        ] {
            world.driver_at(there).await;
            assert_eq!(cars(&world, here).await, 1, "{here:?} {there:?}");
        }
        assert_eq!(cars(&world, (0.0, 0.0)).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_map_shows_the_nearest_where_there_are_more() {
    each_world(async |world| {
        for meters in [2_500.0, 300.0, 1_400.0] {
            world.driver_at(north(meters)).await;
        }
        let map = "query ($near: CoordinatesInput!) { nearbyDrivers(near: $near, first: 2) { coordinates { latitude } } }";
        let seen = world.sign_in(&[]).client.data(map, json!({ "near": point(PICKUP) })).await;
        let shown: Vec<f64> = seen["nearbyDrivers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|car| (car["coordinates"]["latitude"].as_f64().unwrap() - PICKUP.0) * 111_195.0)
            .collect();
        assert!(shown.len() == 2 && shown[0] < 600.0 && (1_000.0..1_800.0).contains(&shown[1]), "{shown:?}");
    })
    .await;
}

async fn surge(world: &World, rider: &Account) -> (f64, i64) {
    let quote = world.quote(&rider.client).await;
    (quote["surgeMultiplier"].as_f64().unwrap(), quote["fare"]["amount"].as_i64().unwrap())
}

#[tokio::test]
async fn where_more_riders_wait_than_drivers_are_free_the_price_rises_and_what_was_quoted_holds() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let early = world.quote(&rider.client).await;
        let (calm, price) = surge(&world, &rider).await;
        assert!((calm - 1.0).abs() < f64::EPSILON);
        for _ in 0..4 {
            world.requested_ride(&world.sign_in(&[])).await;
        }
        // Four wait and nobody is free: 1 + 4 × 0.25.
        let (risen, raised) = surge(&world, &rider).await;
        assert!((risen - 2.0).abs() < f64::EPSILON, "{risen}");
        assert!((raised - price * 2).abs() <= 1, "rounded once: {raised} for {price}");
        let ride = world.try_request(&rider, &text(&early["token"]), json!({})).await;
        assert_eq!(ride["ride"]["quotedFare"]["amount"], price, "the price was locked before");

        for _ in 0..5 {
            world.driver_at(PICKUP).await;
        }
        let (calm, _) = surge(&world, &rider).await;
        assert!((calm - 1.0).abs() < f64::EPSILON, "five wait, and five are free");
    })
    .await;
}
