//! The HTTP face of a subgraph: `/graphql` for services with a token, and what operators look at.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{
    Executor, ObjectType, SDLExportOptions, Schema, SchemaBuilder, SubscriptionType,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use chrono::SecondsFormat;
use http::{Request, StatusCode};
use serde_json::json;

use crate::access_token::AccessTokens;
use crate::endpoint::{self, Endpoint};
use crate::entity::Entities;
use crate::parts::Parts;
use crate::service_token::AllowList;
use crate::transport::Transport;

/// Representations of a large `_entities` fetch fit in.
pub(crate) const BODY_LIMIT_BYTES: usize = 2 << 20;
/// Deeper operations are refused.
const DEPTH_LIMIT: usize = 30;
/// Operations of more fields are refused.
const COMPLEXITY_LIMIT: usize = 10_000;
/// More directives on one field are refused.
const DIRECTIVE_LIMIT: usize = 8;
/// How long `/health` waits for a peer.
const PEER_PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A schema builder with federation (subscriptions included) and the house limits switched on.
pub fn schema<Q, M, S>(query: Q, mutation: M, subscription: S) -> SchemaBuilder<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    Schema::build(query, mutation, subscription)
        .enable_federation()
        .enable_subscription_in_federation()
        .limit_depth(DEPTH_LIMIT)
        .limit_complexity(COMPLEXITY_LIMIT)
        .limit_directives(DIRECTIVE_LIMIT)
}

/// The schema as composition reads it: the same text as `_service { sdl }`.
pub fn federation_sdl<Q, M, S>(schema: &Schema<Q, M, S>) -> String
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    schema.sdl_with_options(SDLExportOptions::new().federation().compose_directive())
}

/// A subgraph, ready to be served.
pub struct Subgraph<E> {
    /// Its name, which is also the audience of tokens for it.
    pub name: &'static str,
    /// What executes operations.
    pub schema: E,
    /// The schema as composition reads it: [`federation_sdl`].
    pub sdl: String,
    /// The loaders of its requests.
    pub entities: Entities,
    /// What verifies its users.
    pub access_tokens: AccessTokens,
    /// The services that may call it, and what each may do.
    pub allow_list: AllowList,
    /// The peers that it asks, for `/health`.
    pub dependencies: Vec<(&'static str, Transport)>,
}

/// The routes of a subgraph: `/graphql`, `/sdl`, `/health`, `/livez`, `/readyz`, `/metrics`.
pub fn app<E: Executor>(subgraph: Subgraph<E>, parts: &Parts) -> Router {
    let metrics = parts.metrics.clone();
    let sdl: Arc<str> = subgraph.sdl.as_str().into();
    let endpoint = Arc::new(Endpoint { subgraph, parts: parts.clone() });
    Router::new()
        .route("/graphql", post(endpoint::post::<E>).get(endpoint::get::<E>))
        .route("/health", get(health::<E>))
        .route("/readyz", get(readyz::<E>))
        .with_state(endpoint)
        .route("/sdl", get(|| async move { sdl.to_string() }))
        .route("/livez", get(|| async { "ok" }))
        .route("/metrics", get(|| async move { metrics.render() }))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
}

impl<E> Endpoint<E> {
    async fn dependencies(&self) -> serde_json::Map<String, serde_json::Value> {
        let probes = self.subgraph.dependencies.iter().map(|(name, transport)| async move {
            let request =
                Request::get("/livez").body(Bytes::new()).expect("a fixed path makes a request");
            let answer = transport.send(request, PEER_PROBE_TIMEOUT).await;
            let status = if answer.is_ok_and(|answer| answer.status().is_success()) {
                "ok"
            } else {
                "unavailable"
            };
            ((*name).to_owned(), status.into())
        });
        futures::future::join_all(probes).await.into_iter().collect()
    }
}

async fn health<E: Executor>(State(endpoint): State<Arc<Endpoint<E>>>) -> impl IntoResponse {
    let database = endpoint.parts.database.ping().await.is_ok();
    let dependencies = endpoint.dependencies().await;
    let all_there = dependencies.values().all(|status| status == "ok");
    let status = match (database, all_there) {
        (false, _) => "unavailable",
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    let code = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": status,
        "database": if database { "ok" } else { "unavailable" },
        "dependencies": dependencies,
        "timestamp": endpoint.parts.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    (code, axum::Json(body))
}

/// Ready where the database answers; never dependent on peers, which would wait for each other in a ring.
async fn readyz<E: Executor>(State(endpoint): State<Arc<Endpoint<E>>>) -> impl IntoResponse {
    match endpoint.parts.database.ping().await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer"),
    }
}
