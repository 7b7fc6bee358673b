//! Earnings: the fares of a time and the hours online, in whatever currencies.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use service::testing::Client;

use crate::world::{Account, OnTheRoad, PICKUP, World, each_world, text};

const EARNINGS: &str = "query ($id: ID!, $from: DateTime!, $to: DateTime!) { driver(id: $id) { earnings(from: $from, to: $to) \
     { gross { amount currency } grossByCurrency { amount currency } rideCount onlineSeconds } } }";

async fn earned(world: &World, client: &Client, driver: &OnTheRoad, from: DateTime<Utc>) -> Value {
    let to = world.parts.clock.now();
    let of = json!({ "id": driver.driver_id, "from": from.to_rfc3339(), "to": to.to_rfc3339() });
    client.data(EARNINGS, of).await["driver"]["earnings"].take()
}

/// A ride that is sold in this currency, from its request to its end; its fare.
async fn ride_in(world: &World, currency: &str, rider: &Account, driver: &OnTheRoad) -> i64 {
    let mut product = world.product();
    product["rateCard"]["currency"] = json!(currency);
    let quote = world.quote_of(&rider.client, product).await;
    let requested = world.try_request(rider, &text(&quote["token"]), json!({})).await;
    world.dispatch().await;
    world.drive(driver, &requested["ride"]).await;
    quote["fare"]["amount"].as_i64().unwrap()
}

#[tokio::test]
async fn are_the_fares_of_the_time_and_the_hours_online() {
    each_world(async |world| {
        let mut driver = world.driver_at(PICKUP).await;
        let from = world.parts.clock.now();
        let fare = ride_in(&world, "EUR", &world.sign_in(&[]), &driver).await;
        world.advance(TimeDelta::minutes(10));
        let rest = "mutation { setDriverAvailability(input: { availability: OFFLINE }) { problems { code } } }";
        driver.account.client.data(rest, json!({})).await;
        world.advance(TimeDelta::hours(1));
        driver.account = world.renew(&driver.account);

        let client = &driver.account.client;
        let (all, nothing) = (json!({ "amount": fare, "currency": "EUR" }), json!({ "amount": 0, "currency": "EUR" }));
        let own = earned(&world, client, &driver, from).await;
        let expected = json!({ "gross": all, "grossByCurrency": [all], "rideCount": 1, "onlineSeconds": 600 });
        assert_eq!(own, expected);
        let later = earned(&world, client, &driver, from + TimeDelta::minutes(5)).await;
        let expected = json!({ "gross": nothing, "grossByCurrency": [], "rideCount": 0, "onlineSeconds": 300 });
        assert_eq!(later, expected);
        let stranger = world.sign_in(&[]).client;
        assert_eq!(earned(&world, &stranger, &driver, from).await, json!(null), "a stranger");
    })
    .await;
}

#[tokio::test]
async fn are_nothing_of_no_currency_before_the_first_ride() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let from = world.parts.clock.now();
        world.advance(TimeDelta::minutes(1));
        let earned = earned(&world, &driver.account.client, &driver, from).await;
        let nothing = json!({ "amount": 0, "currency": "XXX" });
        let expected =
            json!({ "gross": nothing, "grossByCurrency": [], "rideCount": 0, "onlineSeconds": 60 });
        assert_eq!(earned, expected);
    })
    .await;
}

/// At a border, a driver earns in two currencies: neither is lost, and neither is added to the other.
#[tokio::test]
async fn of_several_currencies_are_an_amount_for_each() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let from = world.parts.clock.now();
        let rider = world.sign_in(&[]);
        let mut fares = Vec::new();
        for currency in ["KWD", "EUR", "JPY", "EUR"] {
            world.advance(TimeDelta::seconds(1));
            fares.push(ride_in(&world, currency, &rider, &driver).await);
        }
        world.advance(TimeDelta::seconds(1));
        let earned = earned(&world, &driver.account.client, &driver, from).await;
        let amount =
            |amount: i64, currency: &str| json!({ "amount": amount, "currency": currency });
        let euros = amount(fares[1] + fares[3], "EUR");
        assert_eq!(earned["gross"], euros, "as the last ride");
        assert_eq!(
            earned["grossByCurrency"],
            json!([euros, amount(fares[2], "JPY"), amount(fares[0], "KWD")])
        );
        assert_eq!(earned["rideCount"], 4);
    })
    .await;
}
