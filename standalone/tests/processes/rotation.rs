//! Auth's signing key is rotated while users are signed in: each step a restart of auth, and of auth alone.

use std::time::Instant;

use reqwest::Client;
use serde_json::{Value, json};
use service::SigningKeys;

use crate::database::{FreshDatabase, required};
use crate::running::{PATIENCE, Processes, authority};
use crate::story::{Place, Story};
use crate::{place, variables};

const KEY: &str = "AUTH_SIGNING_KEY";

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_is_rotated_while_users_stay_signed_in() {
    let database = FreshDatabase::create("rotation").await;
    let variables = variables(&database);
    let mut processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    processes.start();
    let place = place(&processes, &variables);
    let (old, new) =
        (variables[KEY].clone(), SigningKeys::generate_pem(&service::Random::system()));
    let [old_id, new_id] = [&old, &new].map(|pem| key_ids(pem).remove(0));
    let before = log_in(&place).await;
    assert!(works(&place, &before).await);

    // Published, and not yet used.
    processes.set("auth", KEY, &format!("{old}{new}"));
    processes.restart("auth");
    assert_eq!(published(&processes).await, [&*old_id, &*new_id]);
    assert!(works(&place, &before).await);
    assert_eq!(signer(&log_in(&place).await), old_id);

    // Used: the others learn of it by themselves, and go on to know the old one.
    processes.set("auth", KEY, &format!("{new}{old}"));
    processes.restart("auth");
    let after = log_in(&place).await;
    assert_eq!(signer(&after), new_id);
    let started = Instant::now();
    while !works(&place, &after).await {
        assert!(works(&place, &before).await);
        assert!(started.elapsed() < PATIENCE, "the services did not learn of the new key");
    }
    assert!(works(&place, &before).await);

    // Withdrawn: auth itself takes tokens of the old key no more.
    processes.set("auth", KEY, &new);
    processes.restart("auth");
    assert_eq!(published(&processes).await, [&*new_id]);
    assert!(!works(&place, &before).await);
    assert!(works(&place, &after).await);
    processes.end();
    database.drop().await;
}

/// An access token of the administrator, of now.
async fn log_in(place: &Place) -> String {
    Story::new(place).log_in(&place.admin_email, &place.admin_password).await.token
}

/// Whether all three services take the token.
async fn works(place: &Place, token: &str) -> bool {
    let query = "{ me { email isDriver } products(filter: { isActive: false }) { totalCount } }";
    let request = Client::new().post(format!("{}/graphql", place.url)).bearer_auth(token);
    let answer = request.json(&json!({ "query": query })).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let codes: Vec<&Value> = answer["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| &error["extensions"]["code"])
        .collect();
    assert!(codes.iter().all(|code| *code == "UNAUTHENTICATED"), "{answer:#}");
    codes.is_empty()
}

/// The ids of the keys that auth publishes.
async fn published(processes: &Processes) -> Vec<String> {
    let url = format!("{}/.well-known/jwks.json", processes.url("auth"));
    let keys: Value = Client::new().get(url).send().await.unwrap().json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn key_ids(pem: &str) -> Vec<String> {
    let keys = SigningKeys::from_pem(pem).unwrap();
    keys.public().keys.iter().map(|key| key.common.key_id.clone().unwrap()).collect()
}

/// The key that a token is signed with, as its head says.
fn signer(token: &str) -> String {
    use base64::Engine as _;
    let head = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let head: Value = serde_json::from_slice(&head.unwrap()).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}
