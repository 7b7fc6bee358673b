//! The endpoint: who may speak to it at all, and what operators see.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;

use crate::world::each_world;

const ME: &str = "{ me { id } }";

#[tokio::test]
async fn nothing_is_resolved_without_a_service_token() {
    each_world(async |world| {
        let refusal = (StatusCode::UNAUTHORIZED, json!({ "error": "Invalid service token" }));
        let body = json!({ "query": "{ __typename }" });
        assert_eq!(world.client.post(None, &body).await, refusal);
        assert_eq!(world.client.post(Some("forged"), &body).await, refusal);
        let now = world.parts.clock.now();
        let (for_platform, _) = world.parts.keys.mint("router", "platform", &[], now);
        assert_eq!(world.client.post(Some(&for_platform), &body).await, refusal);
        let (stranger, _) = world.parts.keys.mint("billing", "auth", &[], now);
        assert_eq!(world.client.post(Some(&stranger), &body).await, refusal);
        let (expired, _) = world.parts.keys.mint("router", "auth", &[], now - TimeDelta::hours(1));
        assert_eq!(world.client.post(Some(&expired), &body).await, refusal);
        let (valid, _) = world.parts.keys.mint("router", "auth", &[], now);
        assert_eq!(world.client.post(Some(&valid), &body).await.0, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_does_not_verify_refuses_the_whole_request() {
    each_world(async |world| {
        let forged = world.client.bearer("forged");
        assert_eq!(forged.error_code(ME, json!({})).await, "UNAUTHENTICATED");
        assert_eq!(forged.execute(ME, json!({})).await["data"], json!(null));

        let account = world.register("robin").await;
        world.parts.clock.advance(TimeDelta::minutes(16));
        assert_eq!(account.client.error_code(ME, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn mistakes_of_a_client_have_codes() {
    each_world(async |world| {
        assert_eq!(
            world.client.error_code("{ nothing }", json!({})).await,
            "GRAPHQL_VALIDATION_FAILED"
        );
        let missing = "query ($id: ID!) { user(id: $id) { id } }";
        assert_eq!(world.client.error_code(missing, json!({})).await, "BAD_USER_INPUT");
        assert_eq!(world.client.error_code("{ me ", json!({})).await, "GRAPHQL_PARSE_FAILED");
        let users = "{ users(first: 1000) { nodes { id } } }";
        let support = world.client.service("logistics", &["read:users"]);
        assert_eq!(support.error_code(users, json!({})).await, "BAD_USER_INPUT");
        let many = json!({ "r": vec![json!({ "__typename": "User", "id": "x" }); 1001] });
        let entities = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
        assert_eq!(world.client.error_code(entities, many).await, "BAD_USER_INPUT");
    })
    .await;
}

#[tokio::test]
async fn operators_need_no_token() {
    each_world(async |world| {
        let (status, health) = world.client.get("/health").await;
        assert_eq!(status, StatusCode::OK);
        let timestamp = "2026-05-28T20:26:40.000Z";
        assert_eq!(
            health,
            json!({ "status": "ok", "database": "ok", "dependencies": {}, "timestamp": timestamp })
        );
        assert_eq!(world.client.get("/livez").await.0, StatusCode::OK);
        assert_eq!(world.client.get("/readyz").await.0, StatusCode::OK);
        assert_eq!(world.client.get("/metrics").await.0, StatusCode::OK);
        let (_, keys) = world.client.get("/.well-known/jwks.json").await;
        assert_eq!(keys["keys"][0]["crv"], "Ed25519");
        assert_eq!(keys["keys"][0].get("d"), None);
        let (_, sdl) = world.client.get("/sdl").await;
        assert_eq!(sdl.as_str(), Some(auth::sdl().as_str()));
        let service = world.client.data("{ _service { sdl } }", json!({})).await;
        assert_eq!(service["_service"]["sdl"].as_str(), Some(auth::sdl().as_str()));
    })
    .await;
}
