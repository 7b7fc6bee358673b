//! The time of an answer does not tell whether an account exists: what takes time, a hash, is done for all alike.

use chrono::TimeDelta;
use serde_json::json;
use service::testing::Metrics;

use crate::world::{PASSWORD, RESET, World, each_world};

const HASHES: &str = "password_hashes_total";

/// How many passwords an attempt to log in hashes, and how it ends.
async fn attempt(world: &World, metrics: &Metrics, email: &str, password: &str) -> (u64, String) {
    let before = metrics.value(HASHES);
    let payload = world.try_login(&world.client, email, password).await;
    let code = payload["problems"][0]["code"].as_str().unwrap_or("none").to_owned();
    (metrics.value(HASHES) - before, code)
}

#[tokio::test]
async fn a_login_hashes_once_whoever_asks() {
    each_world(async |world| {
        let metrics = Metrics::record();
        world.register("robin").await;
        let gone = world.register("gone").await;
        let admin = world.login("admin").await.client;
        let deactivate = "mutation ($id: ID!) { deactivateUser(input: { userId: $id, reason: \"fraud\" }) { problems { code } } }";
        admin.data(deactivate, json!({ "id": gone.id })).await;

        let refused = (1, "INVALID_CREDENTIALS".to_owned());
        for (email, password) in [
            ("nobody@example.com", PASSWORD),
            ("not even an address", PASSWORD),
            ("robin@example.com", "another passphrase"),
            ("gone@example.com", PASSWORD),
        ] {
            assert_eq!(attempt(&world, &metrics, email, password).await, refused, "{email}");
        }
        let accepted = (1, "none".to_owned());
        assert_eq!(attempt(&world, &metrics, "robin@example.com", PASSWORD).await, accepted);

        // Guessed at too often, an account that exists and one that does not answer alike again: without a hash.
        let too_often = (0, "RATE_LIMITED".to_owned());
        for email in ["nobody@example.com", "robin@example.com"] {
            while attempt(&world, &metrics, email, "a guess at something").await != too_often {}
        }
        world.parts.clock.advance(TimeDelta::minutes(16));
        assert_eq!(attempt(&world, &metrics, "nobody@example.com", PASSWORD).await, refused);
    })
    .await;
}

#[tokio::test]
async fn asking_for_a_reset_hashes_nothing_and_a_reset_once() {
    each_world(async |world| {
        let metrics = Metrics::record();
        world.register("robin").await;
        let before = metrics.value(HASHES);
        let ask = "mutation ($email: String!) { requestPasswordReset(input: { email: $email }) { problems { code } } }";
        for email in ["robin@example.com", "nobody@example.com"] {
            world.client.data(ask, json!({ "email": email })).await;
        }
        let token = world.secret_sent_to("robin@example.com", RESET).await;
        let reset = "mutation ($token: String!) { resetPassword(input: { token: $token, newPassword: \"another long passphrase\" }) \
             { problems { code } } }";
        for guess in ["nonsense", "another nonsense"] {
            let payload = world.client.data(reset, json!({ "token": guess })).await;
            assert_eq!(payload["resetPassword"]["problems"], json!([{ "code": "TOKEN_INVALID" }]));
        }
        assert_eq!(metrics.value(HASHES), before);
        let payload = world.client.data(reset, json!({ "token": token })).await;
        assert_eq!(payload["resetPassword"]["problems"], json!([]));
        assert_eq!(metrics.value(HASHES), before + 1);
    })
    .await;
}
