//! The registration saga: it ends as it should, whatever auth does, and never twice.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::auth::Mood;
use crate::world::{Account, World, each_world, problem, text};

const SESSION: &str = "query ($id: ID!) { driverRegistration(id: $id) { status failure driver { status } \
     user { id } steps { name status } } }";

async fn session(account: &Account, registered: &Value) -> Value {
    account.client.data(SESSION, json!({ "id": registered["registration"]["id"] })).await["driverRegistration"].take()
}

fn steps(session: &Value) -> Vec<String> {
    session["steps"].as_array().unwrap().iter().map(|step| text(&step["status"])).collect()
}

async fn is_driver(world: &World, account: &Account) -> Value {
    let query = "query ($id: ID!) { _entities(representations: [{ __typename: \"User\", id: $id }]) \
         { ... on User { isDriver } } }";
    world.client.data(query, json!({ "id": account.id })).await["_entities"][0]["isDriver"].take()
}

/// Steps the saga while time passes, so that every pause between two tries is over.
async fn let_time_pass(world: &World) {
    for _ in 0..4 {
        world.advance(TimeDelta::minutes(2));
        world.work_off_registrations().await;
    }
}

#[tokio::test]
async fn answers_at_once_and_ends_with_a_driver_who_waits_for_approval() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let registered = world.register(&robin, json!({})).await;
        assert_eq!(registered["registration"]["status"], "RUNNING");
        assert_eq!(is_driver(&world, &robin).await, false, "nothing has run yet");

        world.work_off_registrations().await;
        let session = session(&robin, &registered).await;
        assert_eq!(session["status"], "COMPLETED");
        assert_eq!(session["driver"]["status"], "PENDING");
        assert_eq!(session["user"]["id"], json!(robin.id));
        assert_eq!(steps(&session), ["DONE", "DONE", "DONE"]);
        assert_eq!(is_driver(&world, &robin).await, true);
        assert!(world.auth.has_granted(&robin.id));
    })
    .await;
}

#[tokio::test]
async fn waits_for_an_auth_that_is_down() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let registered = world.register(&robin, json!({})).await;
        world.auth.set(Mood::Down);
        world.work_off_registrations().await;
        assert_eq!(session(&robin, &registered).await["status"], "RUNNING");

        world.auth.set(Mood::Well);
        world.work_off_registrations().await;
        assert_eq!(
            session(&robin, &registered).await["status"],
            "RUNNING",
            "the pause is not over"
        );
        world.advance(TimeDelta::minutes(2));
        world.work_off_registrations().await;
        assert_eq!(session(&world.renew(&robin), &registered).await["status"], "COMPLETED");
    })
    .await;
}

#[tokio::test]
async fn undoes_nothing_where_the_user_is_unknown() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        world.auth.set(Mood::UserUnknown);
        let registered = world.register(&robin, json!({})).await;
        world.work_off_registrations().await;
        let session = session(&robin, &registered).await;
        assert_eq!(session["status"], "COMPENSATED");
        assert_eq!(steps(&session), ["FAILED", "SKIPPED", "SKIPPED"]);
        assert!(session["failure"].is_string());
        assert_eq!(is_driver(&world, &robin).await, false);
    })
    .await;
}

#[tokio::test]
async fn takes_the_driver_back_where_the_role_is_refused() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        world.auth.set(Mood::RefusesRole);
        let registered = world.register(&robin, json!({})).await;
        world.work_off_registrations().await;
        let session = session(&robin, &registered).await;
        assert_eq!(session["status"], "COMPENSATED");
        assert_eq!(steps(&session), ["COMPENSATED", "COMPENSATED", "FAILED"]);
        assert_eq!(session["driver"], json!(null));
        assert_eq!(is_driver(&world, &robin).await, false);
        assert!(!world.auth.has_granted(&robin.id));

        world.auth.set(Mood::Well);
        let again = world.register(&robin, json!({})).await;
        assert_eq!(again["problems"], json!([]), "what was undone does not stand in the way");
    })
    .await;
}

#[tokio::test]
async fn asks_again_under_the_same_key_where_the_answer_was_lost() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        world.auth.set(Mood::LosesAnswers);
        let registered = world.register(&robin, json!({})).await;
        world.work_off_registrations().await;
        assert_eq!(
            session(&robin, &registered).await["status"],
            "RUNNING",
            "unknown is not refused"
        );

        world.auth.set(Mood::Well);
        let_time_pass(&world).await;
        assert_eq!(session(&world.renew(&robin), &registered).await["status"], "COMPLETED");
        let mut keys = world.auth.keys_seen();
        assert!(keys.len() > 1, "{keys:?}");
        keys.dedup();
        assert_eq!(keys.len(), 1, "every try of a step has the same key");
    })
    .await;
}

#[tokio::test]
async fn a_user_is_registered_once() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        world.register(&robin, json!({})).await;
        assert_eq!(
            problem(&world.register(&robin, json!({})).await),
            "ALREADY_REGISTERED",
            "under way"
        );
        world.work_off_registrations().await;
        assert_eq!(
            problem(&world.register(&robin, json!({})).await),
            "ALREADY_REGISTERED",
            "a driver"
        );
    })
    .await;
}

#[tokio::test]
async fn the_same_key_answers_with_the_same_session() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let key = json!({ "idempotencyKey": "one" });
        let first = world.register(&robin, key.clone()).await;
        let second = world.register(&robin, key).await;
        assert_eq!(first["registration"]["id"], second["registration"]["id"]);
        let other =
            world.register(&robin, json!({ "idempotencyKey": "one", "vehicleType": "SUV" })).await;
        assert_eq!(problem(&other), "IDEMPOTENCY_KEY_REUSED");
    })
    .await;
}

#[tokio::test]
async fn nobody_registers_somebody_else() {
    each_world(async |world| {
        let (robin, marian) = (world.sign_in(&[]), world.sign_in(&[]));
        let registered = world.register(&robin, json!({ "userId": marian.id })).await;
        assert_eq!(problem(&registered), "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn names_all_that_is_wrong_with_the_input() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let registered = world
            .register(
                &robin,
                json!({
                    "serviceTypes": [],
                    "personalInfo": { "licenseExpiresOn": "2020-01-01", "dateOfBirth": "yesterday" },
                    "vehicleDetails": { "seats": 0 },
                }),
            )
            .await;
        let found: Vec<(String, Value)> = registered["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| (text(&problem["code"]), problem["path"].clone()))
            .collect();
        let mut expected = [
            ("REQUIRED", json!(["serviceTypes"])),
            ("EXPIRED_DOCUMENT", json!(["personalInfo", "licenseExpiresOn"])),
            ("INVALID_FORMAT", json!(["personalInfo", "dateOfBirth"])),
            ("OUT_OF_RANGE", json!(["vehicleDetails", "seats"])),
        ]
        .into_iter();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(expected.all(|(code, path)| found.contains(&(code.to_owned(), path))), "{found:?}");
    })
    .await;
}
