//! The HTTP face of a subgraph: `POST /graphql` for services with a token, and what operators look at.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::{
    Executor, ObjectType, Response, SDLExportOptions, Schema, SchemaBuilder, ServerError,
    SubscriptionType,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use chrono::SecondsFormat;
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::json;

use crate::access_token::AccessTokens;
use crate::caller::{Caller, SignedIn};
use crate::entity::Entities;
use crate::error::{Code, bad_user_input, disclose};
use crate::parts::Parts;
use crate::service_token::{AllowList, InvalidServiceToken, SERVICE_TOKEN_HEADER};
use crate::transport::Transport;

/// Representations of a large `_entities` fetch fit in.
const BODY_LIMIT_BYTES: usize = 2 << 20;
/// Deeper operations are refused.
const DEPTH_LIMIT: usize = 30;
/// Operations of more fields are refused.
const COMPLEXITY_LIMIT: usize = 10_000;
/// More directives on one field are refused.
const DIRECTIVE_LIMIT: usize = 8;
/// How long `/health` waits for a peer.
const PEER_PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// The service whose word on the client's address counts.
const ROUTER: &str = "router";

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

struct App<E> {
    subgraph: Subgraph<E>,
    parts: Parts,
}

/// The routes of a subgraph: `/graphql`, `/sdl`, `/health`, `/livez`, `/readyz`, `/metrics`.
pub fn app<E: Executor>(subgraph: Subgraph<E>, parts: &Parts) -> Router {
    let metrics = parts.metrics.clone();
    let sdl: Arc<str> = subgraph.sdl.as_str().into();
    let app = Arc::new(App { subgraph, parts: parts.clone() });
    Router::new()
        .route("/graphql", post(graphql::<E>))
        .route("/health", get(health::<E>))
        .route("/readyz", get(readyz::<E>))
        .with_state(app)
        .route("/sdl", get(|| async move { sdl.to_string() }))
        .route("/livez", get(|| async { "ok" }))
        .route("/metrics", get(|| async move { metrics.render() }))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
}

async fn graphql<E: Executor>(
    State(app): State<Arc<App<E>>>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    let Ok(caller) = app.service(&headers) else {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({"error": "Invalid service token"})))
            .into_response();
    };
    let started = Instant::now();
    let response = app.respond(caller, &headers, &body).await;
    let name = app.subgraph.name;
    metrics::histogram!("graphql_request_seconds", "service" => name)
        .record(started.elapsed().as_secs_f64());
    if response.is_err() {
        metrics::counter!("graphql_errors_total", "service" => name).increment(1);
    }
    axum::Json(response).into_response()
}

impl<E: Executor> App<E> {
    /// The service that calls, with what we allow it; nobody's word counts before its token is verified.
    fn service(&self, headers: &HeaderMap) -> Result<Caller, InvalidServiceToken> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = text(SERVICE_TOKEN_HEADER).ok_or(InvalidServiceToken)?;
        let claims = self.parts.keys.verify(token, self.subgraph.name, self.parts.clock.now())?;
        let permissions = self.subgraph.allow_list.grant(&claims)?;
        let routed = claims.iss == ROUTER;
        Ok(Caller {
            permissions,
            user: None,
            address: text("x-forwarded-for").filter(|_| routed).and_then(client_address),
            user_agent: text("user-agent").filter(|_| routed).map(str::to_owned),
            service: claims.iss,
        })
    }

    async fn respond(&self, mut caller: Caller, headers: &HeaderMap, body: &Bytes) -> Response {
        match self.signed_in(headers).await {
            Ok(user) => caller.user = user,
            Err(error) => return refused(&error),
        }
        let prepared = match read(body) {
            Ok(request) => self.subgraph.entities.prepare(request).await,
            Err(error) => Err(error),
        };
        let request = match prepared {
            Ok(request) => request.data(caller),
            Err(error) => return refused(&error),
        };
        let mut response = self.subgraph.schema.execute(request).await;
        disclose(&mut response.errors);
        response
    }

    /// The user whose token the request carries. A token that does not verify is an error, never nobody.
    async fn signed_in(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<SignedIn>, async_graphql::Error> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let refused = || Code::Unauthenticated.error("the access token is invalid or has expired");
        let value = value.to_str().map_err(|_| refused())?;
        let (scheme, token) = value.split_once(' ').ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        let claims = self.subgraph.access_tokens.verify(token.trim(), self.parts.clock.now()).await;
        claims.map(|claims| Some(claims.into())).map_err(|_| refused())
    }

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

/// The request of a body, its document parsed.
fn read(body: &[u8]) -> Result<async_graphql::Request, async_graphql::Error> {
    let mut request: async_graphql::Request = serde_json::from_slice(body)
        .map_err(|error| bad_user_input(format!("not a GraphQL request: {error}")))?;
    request.parsed_query().map_err(|error| Code::GraphqlParseFailed.error(error.message))?;
    Ok(request)
}

/// The first address of `x-forwarded-for`: the client, as the router saw it.
fn client_address(forwarded_for: &str) -> Option<IpAddr> {
    forwarded_for.split(',').next()?.trim().parse().ok()
}

/// The whole request is refused: nothing was executed.
fn refused(error: &async_graphql::Error) -> Response {
    let mut refusal = ServerError::new(error.message.clone(), None);
    refusal.extensions.clone_from(&error.extensions);
    Response::from_errors(vec![refusal])
}

async fn health<E: Executor>(State(app): State<Arc<App<E>>>) -> impl IntoResponse {
    let database = app.parts.database.ping().await.is_ok();
    let dependencies = app.dependencies().await;
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
        "timestamp": app.parts.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    (code, axum::Json(body))
}

/// Ready where the database answers; never dependent on peers, which would wait for each other in a ring.
async fn readyz<E: Executor>(State(app): State<Arc<App<E>>>) -> impl IntoResponse {
    match app.parts.database.ping().await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer"),
    }
}
