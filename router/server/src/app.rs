//! The routes: `/graphql` for clients, `/` for people, the rest for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use chrono::SecondsFormat;
use futures::future::join_all;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use metrics::{Counter, Gauge, Histogram};
use playground::{Example, Page};
use serde_json::{Map, Value, json};
use telemetry::PrometheusHandle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tower_http::cors::CorsLayer;

use crate::config::{Config, CorsConfig, Limits, SubscriptionsConfig};
use crate::error::RequestError;
use crate::graph::CurrentGraph;
use crate::request_context::always_forwarded;
use crate::respond::graphql;
use crate::serve::{Live, Serving};
use crate::service_token::Clock;
use crate::workers::Workers;

/// Where GraphQL is served.
pub(crate) const GRAPHQL_PATH: &str = "/graphql";
/// For what never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// How long browsers remember that a page may ask.
const PREFLIGHT_LIFE: Duration = Duration::from_hours(1);

/// What an app is made of, beside its settings.
pub struct AppParts {
    /// What is served; it may be loaded, and replaced, later.
    pub graph: CurrentGraph,
    /// What renders `/metrics`.
    pub metrics: PrometheusHandle,
    /// What GraphiQL shows in its tabs.
    pub examples: Vec<Example>,
    /// Tells the time to `/health`.
    pub clock: Clock,
}

/// What requests share.
pub(crate) struct App {
    /// What is served.
    pub(crate) graph: CurrentGraph,
    /// What is too much.
    pub(crate) limits: Limits,
    /// How operations are executed.
    pub(crate) execution: executor::Options,
    /// The headers that pass from client to subgraphs.
    pub(crate) forward: Vec<HeaderName>,
    /// A place for each request at work.
    pub(crate) places: Semaphore,
    /// What `/metrics` shows of requests.
    pub(crate) measures: Measures,
    /// Whether the traces of clients are gone on with.
    pub(crate) continue_clients: bool,
    /// Whose pages may ask.
    pub(crate) origins: Vec<HeaderValue>,
    /// Operations with many answers.
    pub(crate) subscriptions: Subscriptions,
    /// What the server ends before it has ended.
    pub(crate) live: Live,
    clock: Clock,
}

impl App {
    /// Gives work its place and its time.
    pub(crate) async fn at_work<T>(
        &self,
        work: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        let _place = self.places.try_acquire().map_err(|_| RequestError::Overloaded)?;
        let done = tokio::time::timeout(self.limits.request_timeout(), work).await;
        done.unwrap_or(Err(RequestError::Timeout))
    }
}

/// How many subscriptions there are, and may be.
pub(crate) struct Subscriptions {
    pub(crate) config: SubscriptionsConfig,
    /// A place for each WebSocket.
    pub(crate) connections: Arc<Semaphore>,
    places: Semaphore,
    active: Gauge,
}

impl Subscriptions {
    fn new(config: &SubscriptionsConfig) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(config.connections)),
            places: Semaphore::new(config.in_all),
            active: metrics::gauge!("router_subscriptions"),
            config: config.clone(),
        }
    }

    /// A place for one more.
    pub(crate) fn take_place(&self) -> Result<Place<'_>, RequestError> {
        let permit = self.places.try_acquire().map_err(|_| RequestError::TooManySubscriptions)?;
        self.active.increment(1.0);
        Ok(Place { active: &self.active, _permit: permit })
    }
}

/// The place of a subscription, free again when this is dropped.
pub(crate) struct Place<'a> {
    active: &'a Gauge,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.active.decrement(1.0);
    }
}

/// What `/metrics` shows of clients' requests.
pub(crate) struct Measures {
    requests: Counter,
    seconds: Histogram,
}

impl Measures {
    fn new() -> Self {
        Self {
            requests: metrics::counter!("router_requests_total"),
            seconds: metrics::histogram!("router_request_seconds"),
        }
    }

    /// Counts a request, and why it was refused where it was.
    pub(crate) fn record(&self, elapsed: Duration, refused: Option<&RequestError>) {
        self.requests.increment(1);
        self.seconds.record(elapsed);
        if let Some(error) = refused {
            metrics::counter!("router_request_errors_total", "code" => error.code()).increment(1);
        }
    }
}

/// The routes: `/graphql`, `/` (GraphiQL), `/health`, `/livez`, `/readyz`, `/metrics`.
pub fn app(config: &Config, parts: AppParts) -> Serving {
    let AppParts { graph, metrics, examples, clock } = parts;
    let app = Arc::new(App {
        graph,
        limits: config.limits.clone(),
        execution: execution(config),
        forward: always_forwarded().chain(config.headers.forward.iter().cloned()).collect(),
        places: Semaphore::new(config.limits.concurrent_requests),
        measures: Measures::new(),
        continue_clients: config.traces.continue_clients,
        origins: config.cors.origins.clone(),
        subscriptions: Subscriptions::new(&config.subscriptions),
        live: Live::default(),
        clock,
    });
    let (live, limits) = (app.live.clone(), app.limits.clone());
    let cors = cors(&config.cors, &app.forward);
    let routes = Router::new()
        .route(GRAPHQL_PATH, any(graphql).layer(cors))
        .route("/health", get(health))
        .route("/readyz", get(readyz))
        .with_state(Arc::clone(&app))
        .route("/livez", get(|| async { "ok" }))
        .route("/metrics", get(|| async move { metrics.render() }));
    let routes = if config.graphiql.enabled { routes.merge(graphiql(&examples)) } else { routes };
    Serving { routes, app: Some(app), live, limits, workers: Workers::default() }
}

fn execution(config: &Config) -> executor::Options {
    let mut options = executor::Options::default();
    options.limits.entities = config.limits.entities;
    options.limits.answer_bytes = config.limits.answer_bytes;
    options.entity_store = config.entity_store;
    options
}

/// Lets the pages of other sites ask, where they are named.
fn cors(config: &CorsConfig, forward: &[HeaderName]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(config.origins.clone())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([&[header::CONTENT_TYPE], forward].concat())
        .max_age(PREFLIGHT_LIFE)
}

/// The page at `/` and the files that it loads.
fn graphiql(examples: &[Example]) -> Router {
    let page = Arc::new(playground::page(GRAPHQL_PATH, examples));
    let routes = Router::new().route("/", get(|| async move { html(&page) }));
    playground::assets().fold(routes, |routes, asset| {
        // A path that names a version never means anything else.
        let lifetime = if asset.path.contains('@') { FOREVER } else { "no-cache" };
        let headers = [
            (header::CONTENT_TYPE, asset.content_type),
            (header::CACHE_CONTROL, lifetime),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        routes.route(asset.path, get(move || async move { (headers, asset.bytes) }))
    })
}

fn html(page: &Page) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut response = (headers, page.html.clone()).into_response();
    if let Ok(policy) = HeaderValue::try_from(&page.content_security_policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// How the router and each subgraph fare. The router itself is well as long as it has a graph.
async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let timestamp = (app.clock)().to_rfc3339_opts(SecondsFormat::Millis, true);
    let Ok(graph) = app.graph.get() else {
        let body = json!({ "status": "unavailable", "subgraphs": {}, "timestamp": timestamp });
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body));
    };
    let probes = graph.subgraphs.0.iter().map(|subgraph| async {
        let status = if subgraph.is_there().await { "ok" } else { "unavailable" };
        (subgraph.name().to_owned(), Value::from(status))
    });
    let subgraphs: Map<String, Value> = join_all(probes).await.into_iter().collect();
    let all_there = subgraphs.values().all(|status| status == "ok");
    let status = if all_there { "ok" } else { "degraded" };
    let body = json!({ "status": status, "subgraphs": subgraphs, "timestamp": timestamp });
    (StatusCode::OK, axum::Json(body))
}

/// Ready as soon as a graph is loaded, and never dependent on subgraphs: a client gets more from a part of the graph
/// than from none. No longer ready when asked to end: other replicas are.
async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    if app.live.ending.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the router ends");
    }
    match app.graph.get() {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the graph is not loaded yet"),
    }
}
