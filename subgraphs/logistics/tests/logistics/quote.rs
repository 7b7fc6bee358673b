//! Quotes: what a trip costs, and that the price is bound to rider, product, trip and time.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{PICKUP, World, each_world, point, problem, text};

#[tokio::test]
async fn a_quote_follows_the_rate_card() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let quote = world.quote(&rider.client).await;
        let number = |name: &str| quote[name].as_i64().unwrap();
        let (meters, seconds) = (number("distanceMeters"), number("durationSeconds"));
        // The road is longer than the 11.4 km as the crow flies.
        assert!((12_000..25_000).contains(&meters), "{meters}");
        // In sixty-thousandths of a minor unit, so that nothing is lost.
        let exact = 250 * 60_000 + 120 * meters * 60 + 30 * seconds * 1_000;
        let amount = quote["fare"]["amount"].as_i64().unwrap();
        assert!((amount * 60_000 - exact).abs() <= 30_000, "{amount} for {exact}");
        assert_eq!(quote["fare"]["currency"], "EUR");
        assert_eq!(quote["product"]["id"], json!(world.product_id));
    })
    .await;
}

#[tokio::test]
async fn a_product_without_its_facts_has_no_quote_and_harms_no_other() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let mut bare = world.product();
        bare["rateCard"] = Value::Null;
        let query = "query ($representations: [_Any!]!, $at: CoordinatesInput!) { _entities(representations: $representations) \
             { ... on Product { quote(pickup: $at, dropoff: $at) { fare { amount } } } } }";
        let representations = json!([bare, world.product()]);
        let variables = json!({ "representations": representations, "at": point(PICKUP) });
        let answer = rider.client.execute(query, variables).await;
        assert_eq!(answer["data"]["_entities"][0]["quote"], json!(null));
        assert_eq!(answer["data"]["_entities"][1]["quote"]["fare"]["amount"], 500, "the minimum fare");
    })
    .await;
}

#[tokio::test]
async fn a_quote_is_for_its_rider_product_and_trip_alone() {
    each_world(async |world| {
        let (rider, other) = (world.sign_in(&[]), world.sign_in(&[]));
        let token = text(&world.quote(&rider.client).await["token"]);
        let elsewhere = json!({ "pickup": { "coordinates": point((52.0, 13.0)) } });
        let product = json!({ "productId": Uuid::from_u128(2).to_string() });
        let cases = [
            ("another rider", &other, token.clone(), json!({})),
            ("another product", &rider, token.clone(), product),
            ("another trip", &rider, token.clone(), elsewhere),
            ("tampered with", &rider, tampered(&token), json!({})),
            ("no token", &rider, "quote".to_owned(), json!({})),
        ];
        for (name, account, token, changes) in cases {
            let payload = world.try_request(account, &token, changes).await;
            assert_eq!(problem(&payload), "QUOTE_INVALID", "{name}");
            assert_eq!(payload["ride"], json!(null), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_quote_that_nobody_signed_in_for_books_nothing() {
    each_world(async |world: World| {
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&world.client).await["token"]);
        assert_eq!(problem(&world.try_request(&rider, &token, json!({})).await), "QUOTE_INVALID");
    })
    .await;
}

#[tokio::test]
async fn a_quote_ends_when_it_says() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let quote = world.quote(&rider.client).await;
        let expires: chrono::DateTime<chrono::Utc> = text(&quote["expiresAt"]).parse().unwrap();
        let token = text(&quote["token"]);
        world.advance(expires - world.parts.clock.now());
        let rider = world.renew(&rider);
        assert_eq!(problem(&world.try_request(&rider, &token, json!({})).await), "QUOTE_EXPIRED");
        world.advance(TimeDelta::seconds(-1));
        assert_eq!(world.try_request(&rider, &token, json!({})).await["problems"], json!([]));
    })
    .await;
}

/// The same token with one letter of its claims changed.
fn tampered(token: &str) -> String {
    let middle = token.len() / 2;
    let letter = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    format!("{}{letter}{}", &token[..middle], &token[middle + 1..])
}
