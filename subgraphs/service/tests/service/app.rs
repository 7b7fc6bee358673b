//! The HTTP face, on a schema of its own: what is hidden, whom it believes, and how it says that it is well.

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Result};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use sea_orm::DbErr;
use sea_orm::error::ConnAcquireErr;
use serde_json::json;
use service::testing::{Client, InProcessPeers, access_token, each_database, parts, signing_keys};
use service::{AccessTokens, AllowList, Caller, Entities, MinorUnits, Parts, Subgraph};
use uuid::Uuid;

struct Query;

#[Object]
impl Query {
    async fn caller(&self, ctx: &Context<'_>) -> String {
        let caller = Caller::of(ctx);
        let scopes: Vec<&str> = caller.scopes().iter().map(String::as_str).collect();
        format!("{} {:?} [{}]", caller.label(), caller.address, scopes.join(" "))
    }

    async fn fault(&self) -> Option<Result<i32>> {
        Some(Err(DbErr::Custom("the password of the database is swordfish".to_owned()).into()))
    }

    async fn stuck(&self) -> Option<Result<i32>> {
        Some(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout).into()))
    }

    async fn double(&self, amount: MinorUnits) -> Option<MinorUnits> {
        MinorUnits::new(amount.amount() * 2)
    }
}

async fn with_app(test: impl AsyncFn(Client, Parts, InProcessPeers)) {
    each_database(async |database| {
        let (parts, peers) = parts(database);
        let schema = service::schema(Query, EmptyMutation, EmptySubscription).finish();
        let subgraph = Subgraph {
            name: "rides",
            sdl: service::federation_sdl(&schema),
            schema,
            entities: Entities::new(parts.database.read.clone()),
            access_tokens: AccessTokens::from_keys(signing_keys().public().clone()),
            allow_list: AllowList::router_only().with("logistics", &["read:users"]),
            dependencies: vec![("auth", parts.peers.auth.clone())],
        };
        let client = Client::new("rides", service::app(subgraph, &parts), &parts);
        test(client, parts, peers).await;
    })
    .await;
}

#[tokio::test]
async fn a_fault_is_hidden_and_costs_one_field() {
    with_app(async |client, _, _| {
        let answer = client.execute("{ fault double(amount: 2) }", json!({})).await;
        assert_eq!(answer["data"], json!({ "fault": null, "double": 4 }));
        assert_eq!(answer["errors"][0]["message"], "internal error");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
        assert!(!answer.to_string().contains("swordfish"));
    })
    .await;
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_no_fault_of_ours() {
    with_app(async |client, _, _| {
        assert_eq!(client.error_code("{ stuck }", json!({})).await, "UPSTREAM_UNAVAILABLE");
    })
    .await;
}

#[tokio::test]
async fn an_argument_that_is_not_its_type_is_the_clients_mistake() {
    with_app(async |client, _, _| {
        let double = "query ($amount: MinorUnits!) { double(amount: $amount) }";
        for amount in [json!("2"), json!(2.5), json!(9_007_199_254_740_992_i64)] {
            let code = client.error_code(double, json!({ "amount": amount })).await;
            assert_eq!(code, "BAD_USER_INPUT", "{amount}");
        }
        assert_eq!(client.error_code("{ double(amount: 0.5) }", json!({})).await, "BAD_USER_INPUT");
    })
    .await;
}

#[tokio::test]
async fn the_caller_is_the_user_or_else_the_service() {
    with_app(async |client, parts, _| {
        let ask = async |client: &Client| {
            client.data("{ caller }", json!({})).await["caller"].as_str().unwrap().to_owned()
        };
        let routed = client.address("192.0.2.1");
        assert_eq!(ask(&routed).await, "service:router Some(192.0.2.1) []");
        let peer = routed.service("logistics", &["read:users", "write:users"]);
        assert_eq!(ask(&peer).await, "service:logistics None [read:users]");
        let token = access_token(&signing_keys(), Uuid::nil(), &["read:rides"], parts.clock.now());
        let user = format!("user:{} None [read:rides]", Uuid::nil());
        assert_eq!(ask(&peer.bearer(token)).await, user, "only the user's scopes count");
    })
    .await;
}

#[tokio::test]
async fn it_is_degraded_without_a_peer_and_ready_all_the_same() {
    with_app(async |client, _, peers| {
        let (status, health) = client.get("/health").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(health["status"], "degraded");
        assert_eq!(health["dependencies"], json!({ "auth": "unavailable" }));
        assert_eq!(client.get("/readyz").await.0, StatusCode::OK);
        peers.auth.bind(Router::new().route("/livez", get(async || "ok")));
        let (_, health) = client.get("/health").await;
        assert_eq!(health["status"], "ok");
        assert_eq!(health["dependencies"], json!({ "auth": "ok" }));
    })
    .await;
}

#[tokio::test]
async fn too_large_and_too_wide_are_refused() {
    with_app(async |client, _, _| {
        let many = "a".repeat(3 << 20);
        // Before even the token is read.
        let (status, _) = client.post(None, &json!({ "query": many })).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        let fields: Vec<String> = (0..10_001).map(|number| format!("f{number}: caller")).collect();
        let wide = fields.join(" ");
        let code = client.error_code(&format!("{{ {wide} }}"), json!({})).await;
        assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
    })
    .await;
}
