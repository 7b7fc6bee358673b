//! A registration that is stuck: operations see it, try it again, or call it off.

use chrono::TimeDelta;
use serde_json::{Value, json};
use service::testing::Client;

use crate::auth::Mood;
use crate::world::{Account, World, each_world, problem, text};

async fn rescue(client: &Client, mutation: &str, id: &Value) -> Value {
    let mut name = mutation[..1].to_uppercase();
    name.push_str(&mutation[1..]);
    let document = format!(
        "mutation ($input: {name}Input!) {{ {mutation}(input: $input) \
         {{ registration {{ status failure }} problems {{ __typename code }} }} }}"
    );
    client.data(&document, json!({ "input": { "registrationId": id } })).await[mutation].take()
}

async fn status(account: &Account, id: &Value) -> String {
    let query = "query ($id: ID!) { driverRegistration(id: $id) { status } }";
    text(&account.client.data(query, json!({ "id": id })).await["driverRegistration"]["status"])
}

async fn begun(world: &World, mood: Mood) -> (Account, Value) {
    let robin = world.sign_in(&[]);
    let registered = world.register(&robin, json!({})).await;
    world.auth.set(mood);
    world.work_off_registrations().await;
    (robin, registered["registration"]["id"].clone())
}

#[tokio::test]
async fn operations_see_a_stuck_one_and_resume_it_before_its_pause_is_over() {
    each_world(async |world| {
        let (robin, id) = begun(&world, Mood::Down).await;
        let operator = world.operator();
        let list = "{ driverRegistrations(filter: { status: RUNNING }) { nodes { id steps { name status attempts } } } }";
        let seen = operator.data(list, json!({})).await["driverRegistrations"]["nodes"][0].take();
        assert_eq!(seen["id"], id);
        assert_eq!(seen["steps"][0], json!({ "name": "VALIDATE_USER", "status": "RUNNING", "attempts": 1 }));

        world.auth.set(Mood::Well);
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "RUNNING", "the pause is not over");
        let resumed = rescue(&operator, "resumeDriverRegistration", &id).await;
        assert_eq!(resumed["registration"]["status"], "RUNNING");
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "COMPLETED");
        let again = rescue(&operator, "resumeDriverRegistration", &id).await;
        assert_eq!(problem(&again), "INVALID_TRANSITION", "it is over");
        let late = rescue(&operator, "cancelDriverRegistration", &id).await;
        assert_eq!(problem(&late), "INVALID_TRANSITION", "it is over");
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_one_is_undone_and_the_user_may_try_again() {
    each_world(async |world| {
        let (robin, id) = begun(&world, Mood::LosesAnswers).await;
        assert!(world.auth.has_granted(&robin.id), "granted, though nobody knows");
        let cancelled = rescue(&world.operator(), "cancelDriverRegistration", &id).await;
        assert_eq!(cancelled["registration"]["status"], "COMPENSATING");
        assert_eq!(cancelled["registration"]["failure"], "cancelled by operations");
        world.auth.set(Mood::Well);
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "COMPENSATED");
        assert!(!world.auth.has_granted(&robin.id));
        assert_eq!(world.register(&robin, json!({})).await["problems"], json!([]));
    })
    .await;
}

/// What is under way when operations cancel is over before it is undone.
#[tokio::test]
async fn a_grant_that_comes_after_the_cancellation_is_taken_back() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let id = world.register(&robin, json!({})).await["registration"]["id"].take();
        world.auth.set(Mood::HoldsGrants);
        let worker = async { while world.workers.step_registration().await.unwrap() {} };
        let operator = async {
            world.auth.holds_one().await;
            world.auth.set(Mood::Well);
            rescue(&world.operator(), "cancelDriverRegistration", &id).await;
            world.work_off_registrations().await;
            assert_eq!(status(&robin, &id).await, "COMPENSATING", "the lease is not over");
            world.auth.let_go();
        };
        futures::join!(worker, operator);
        assert!(world.auth.has_granted(&robin.id), "it came late");
        world.advance(TimeDelta::seconds(31));
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "COMPENSATED");
        assert!(!world.auth.has_granted(&robin.id));
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_undone_is_undone_when_operations_say_so() {
    each_world(async |world| {
        let (robin, id) = begun(&world, Mood::LosesAnswers).await;
        let operator = world.operator();
        rescue(&operator, "cancelDriverRegistration", &id).await;
        world.auth.set(Mood::RefusesRevocation);
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "FAILED");
        world.auth.set(Mood::Well);
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "FAILED", "nobody tries it by themselves");
        rescue(&operator, "resumeDriverRegistration", &id).await;
        world.work_off_registrations().await;
        assert_eq!(status(&robin, &id).await, "COMPENSATED");
        assert!(!world.auth.has_granted(&robin.id));
    })
    .await;
}

#[tokio::test]
async fn only_operations_rescue() {
    each_world(async |world| {
        let (robin, id) = begun(&world, Mood::Down).await;
        for mutation in ["resumeDriverRegistration", "cancelDriverRegistration"] {
            let document = format!(
                "mutation ($id: ID!) {{ {mutation}(input: {{ registrationId: $id }}) {{ problems {{ code }} }} }}"
            );
            let variables = json!({ "id": id });
            assert_eq!(robin.client.error_code(&document, variables.clone()).await, "FORBIDDEN");
            let support = world.sign_in(&["read:drivers"]).client;
            assert_eq!(support.error_code(&document, variables.clone()).await, "FORBIDDEN");
            assert_eq!(world.client.error_code(&document, variables).await, "UNAUTHENTICATED");
            let unknown = rescue(&world.operator(), mutation, &json!("unknown")).await;
            assert_eq!(problem(&unknown), "NOT_FOUND");
        }
    })
    .await;
}
