//! Registration and log-in.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{PASSWORD, each_world};

fn input(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "firstName": "Robin", "lastName": "Hood" })
}

#[tokio::test]
async fn a_new_account_is_signed_in_and_known_to_itself() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let me = "{ me { id firstName displayName email emailVerified roles isActive createdAt sessions { isCurrent ipAddress } } }";
        let me = robin.client.data(me, json!({})).await;
        assert_eq!(
            me["me"],
            json!({
                "id": robin.id,
                "firstName": "robin",
                "displayName": "robin D.",
                "email": "robin@example.com",
                "emailVerified": false,
                "roles": ["RIDER"],
                "isActive": true,
                "createdAt": "2026-05-28T20:26:40Z",
                "sessions": [{ "isCurrent": true, "ipAddress": "192.0.2.1" }],
            })
        );
        assert_eq!(world.client.data("{ me { id } }", json!({})).await, json!({ "me": null }));
    })
    .await;
}

#[tokio::test]
async fn an_unacceptable_account_is_told_all_that_is_wrong() {
    each_world(async |world| {
        let bad = json!({ "email": "robin", "password": "short", "firstName": " ", "lastName": "Hood", "phone": "0151", "locale": "english" });
        let problems = world.try_register(bad).await["problems"].take();
        let problems: Vec<(&str, &str)> = problems.as_array().unwrap().iter().map(|problem| {
            (problem["code"].as_str().unwrap(), problem["path"][0].as_str().unwrap())
        }).collect();
        assert_eq!(problems, [
            ("INVALID_FORMAT", "email"),
            ("REQUIRED", "firstName"),
            ("INVALID_FORMAT", "phone"),
            ("INVALID_FORMAT", "locale"),
            ("TOO_SHORT", "password"),
        ]);
        let weak = world.try_register(input("robin@example.com", "password1234")).await;
        assert_eq!(weak["problems"][0]["code"], "WEAK_PASSWORD");
    })
    .await;
}

#[tokio::test]
async fn one_account_has_an_address_however_it_is_written() {
    each_world(async |world| {
        world.register("robin").await;
        let second = world.try_register(input("Robin@Example.COM", PASSWORD)).await;
        assert_eq!(
            second["problems"],
            json!([{ "__typename": "ConflictProblem", "code": "EMAIL_TAKEN" }])
        );

        // At the same time, only one gets it.
        let both = [
            world.try_register(input("one@example.com", PASSWORD)),
            world.try_register(input("one@example.com", PASSWORD)),
        ];
        let outcomes = futures::future::join_all(both).await;
        let made = outcomes.iter().filter(|payload| !payload["user"].is_null()).count();
        let refused = outcomes
            .iter()
            .filter(|payload| payload["problems"][0]["code"] == "EMAIL_TAKEN")
            .count();
        assert_eq!((made, refused), (1, 1), "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_told_alike() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let wrong = world.try_login(&world.client, "robin@example.com", "not the password").await;
        let unknown = world.try_login(&world.client, "nobody@example.com", PASSWORD).await;
        assert_eq!(
            wrong["problems"],
            json!([{ "__typename": "AuthenticationProblem", "code": "INVALID_CREDENTIALS" }])
        );
        assert_eq!(wrong, unknown);
        let right = world.try_login(&world.client, " ROBIN@example.com", PASSWORD).await;
        assert_eq!(
            right["user"],
            json!({ "id": robin.id, "email": "robin@example.com", "roles": ["RIDER"] })
        );
    })
    .await;
}

#[tokio::test]
async fn ten_failures_close_an_account_to_guesses_for_a_quarter_of_an_hour() {
    each_world(async |world| {
        world.register("robin").await;
        let login = async |password: &str| world.try_login(&world.client, "robin@example.com", password).await;
        for _ in 0..20 {
            assert_eq!(login(PASSWORD).await["problems"], json!([]), "successes do not count");
        }
        for _ in 0..10 {
            assert_eq!(login("a wrong password").await["problems"][0]["code"], "INVALID_CREDENTIALS");
        }
        let refused = login(PASSWORD).await;
        assert_eq!(
            refused["problems"],
            json!([{ "__typename": "RateLimitProblem", "code": "RATE_LIMITED", "retryAfterSeconds": 900 }])
        );
        world.parts.clock.advance(TimeDelta::minutes(15));
        assert_eq!(login(PASSWORD).await["problems"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn an_address_that_guesses_at_many_accounts_is_throttled_and_others_are_not() {
    each_world(async |world| {
        world.register("robin").await;
        for guess in 0..100 {
            world
                .try_login(&world.client, &format!("nobody{guess}@example.com"), "a wrong password")
                .await;
        }
        let refused = world.try_login(&world.client, "robin@example.com", PASSWORD).await;
        assert_eq!(refused["problems"][0]["code"], "RATE_LIMITED");
        let elsewhere = world.client.address("192.0.2.2");
        let let_in = world.try_login(&elsewhere, "robin@example.com", PASSWORD).await;
        assert_eq!(let_in["problems"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn an_address_registers_twenty_accounts_an_hour() {
    each_world(async |world| {
        for number in 0..20 {
            world.register(&format!("user{number}")).await;
        }
        let refused = world.try_register(input("more@example.com", PASSWORD)).await;
        assert_eq!(refused["problems"][0]["code"], "RATE_LIMITED");
        world.parts.clock.advance(TimeDelta::hours(1));
        world.register("more").await;
    })
    .await;
}

#[tokio::test]
async fn many_guesses_at_once_gain_nothing() {
    each_world(async |world| {
        world.register("robin").await;
        let guesses = (0..30)
            .map(|_| world.try_login(&world.client, "robin@example.com", "a wrong password"));
        let outcomes = futures::future::join_all(guesses).await;
        let counted = |code: &str| {
            outcomes.iter().filter(|outcome| outcome["problems"][0]["code"] == code).count()
        };
        assert_eq!((counted("INVALID_CREDENTIALS"), counted("RATE_LIMITED")), (10, 20));
    })
    .await;
}
