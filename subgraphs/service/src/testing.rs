//! The test harness of the subgraphs: GraphQL text in, JSON out, through the real app, on a fresh database.

pub(crate) mod event_schema;
mod recording;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use futures::channel::mpsc;
use futures::{Stream, StreamExt, future};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::access_token::{AUDIENCE, AccessClaims, ISSUER};
use crate::bus::{Bus, Handler};
use crate::clock::Clock;
use crate::database::Database;
use crate::event::Event;
use crate::parts::{Parts, Peers};
use crate::random::Random;
use crate::service_token::{SERVICE_TOKEN_HEADER, ServiceKeys};
use crate::signing_key::SigningKeys;
use crate::tasks::{Drain, Tasks};
use crate::transport::{InProcessPeer, Transport};

/// Where a real Postgres is: `postgres://user@host/database`, whose user may create databases.
const POSTGRES_VARIABLE: &str = "TEST_DATABASE_URL";

/// Runs the test on a fresh SQLite file, and on a fresh Postgres database where `TEST_DATABASE_URL` is set.
pub async fn each_database(test: impl AsyncFn(Database)) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    test(Database::connect(&url, None).await.expect("a fresh SQLite file")).await;

    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(url) = std::env::var(POSTGRES_VARIABLE) else { return };
    let admin = sea_orm::Database::connect(&url).await.expect("TEST_DATABASE_URL names a Postgres");
    let name = format!("test_{}", Uuid::now_v7().simple());
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a fresh database");
    let mut fresh = url::Url::parse(&url).expect("TEST_DATABASE_URL is a URL");
    fresh.set_path(&name);
    let database = Database::connect(fresh.as_str(), None).await.expect("the fresh database");
    test(database.clone()).await;
    // A failed test leaves its database behind, to be looked at; the server of `scripts/test` goes away whole.
    database.read.close().await.expect("no connection is in use");
    admin
        .execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .expect("the database is ours");
}

/// When tests begin.
pub fn beginning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).expect("a time of this century")
}

/// Parts on this database: a clock that stands still, seeded randomness, peers that are not there until bound.
pub fn parts(database: Database) -> (Parts, InProcessPeers) {
    let peers = InProcessPeers::default();
    let bus = Bus::in_process();
    bus.open();
    let parts = Parts {
        clock: Clock::set_to(beginning()),
        random: Random::seeded(7),
        database,
        keys: ServiceKeys::shared("a secret that only tests know and all of them")
            .expect("long enough"),
        bus,
        peers: peers.transports(),
        drain: Drain::new(),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
    };
    (parts, peers)
}

/// The services as a test binds them, real ones or others that answer like them.
#[derive(Debug, Clone, Default)]
pub struct InProcessPeers {
    /// Auth.
    pub auth: InProcessPeer,
    /// Logistics.
    pub logistics: InProcessPeer,
    /// Platform.
    pub platform: InProcessPeer,
}

impl InProcessPeers {
    fn transports(&self) -> Peers {
        Peers {
            auth: Transport::in_process(&self.auth),
            logistics: Transport::in_process(&self.logistics),
            platform: Transport::in_process(&self.platform),
        }
    }
}

/// Signs access tokens as auth does, for subgraphs tested without it.
pub fn signing_keys() -> SigningKeys {
    SigningKeys::from_pem(&SigningKeys::generate_pem(&Random::seeded(1))).expect("just generated")
}

/// An access token of this user, with these scopes, for a quarter of an hour.
pub fn access_token(
    keys: &SigningKeys,
    user_id: Uuid,
    scopes: &[&str],
    now: DateTime<Utc>,
) -> String {
    keys.sign(&AccessClaims {
        iss: ISSUER.to_owned(),
        sub: user_id,
        aud: AUDIENCE.to_owned(),
        iat: now.timestamp(),
        exp: (now + TimeDelta::minutes(15)).timestamp(),
        jti: Uuid::nil(),
        sid: None,
        scope: scopes.join(" "),
        permissions: scopes.iter().map(ToString::to_string).collect::<BTreeSet<_>>(),
    })
}

/// Sends operations to a subgraph, as the router does unless told otherwise.
#[derive(Clone)]
pub struct Client {
    app: Router,
    audience: &'static str,
    parts: Parts,
    service: &'static str,
    permissions: &'static [&'static str],
    bearer: Option<String>,
    address: Option<String>,
}

impl Client {
    /// A client of the subgraph `audience`, whose routes are `app`.
    pub fn new(audience: &'static str, app: Router, parts: &Parts) -> Self {
        let parts = parts.clone();
        Self {
            app,
            audience,
            parts,
            service: "router",
            permissions: &[],
            bearer: None,
            address: None,
        }
    }

    /// The same, for a signed-in user.
    #[must_use]
    pub fn bearer(&self, token: impl Into<String>) -> Self {
        Self { bearer: Some(token.into()), ..self.clone() }
    }

    /// The same, from another service.
    #[must_use]
    pub fn service(&self, service: &'static str, permissions: &'static [&'static str]) -> Self {
        Self { service, permissions, ..self.clone() }
    }

    /// The same, from this address.
    #[must_use]
    pub fn address(&self, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..self.clone() }
    }

    /// The whole answer: `data` and `errors`.
    pub async fn execute(&self, document: &str, variables: Value) -> Value {
        let (token, _) = self.parts.keys.mint(
            self.service,
            self.audience,
            self.permissions,
            self.parts.clock.now(),
        );
        let (status, answer) =
            self.post(Some(&token), &json!({"query": document, "variables": variables})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        recording::note(self.audience, document, &answer);
        answer
    }

    /// `data` of an operation that must succeed.
    pub async fn data(&self, document: &str, variables: Value) -> Value {
        let mut answer = self.execute(document, variables).await;
        assert_eq!(answer.get("errors"), None, "{document}: {answer}");
        answer["data"].take()
    }

    /// The code of the first error of an operation that must fail.
    pub async fn error_code(&self, document: &str, variables: Value) -> String {
        let answer = self.execute(document, variables).await;
        answer["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no error in {answer}"))
            .to_owned()
    }

    /// Posts a body with this service token, or none.
    pub async fn post(&self, service_token: Option<&str>, body: &Value) -> (StatusCode, Value) {
        self.send(self.request(service_token, body)).await
    }

    fn request(&self, service_token: Option<&str>, body: &Value) -> Request<Body> {
        let mut request =
            Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = service_token {
            request = request.header(SERVICE_TOKEN_HEADER, token);
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(address) = &self.address {
            request = request.header("x-forwarded-for", address);
        }
        request.body(Body::from(body.to_string())).expect("printable headers")
    }

    /// For how long the answer to an operation may be kept, and by whom: its `cache-control`.
    pub async fn cache_control(&self, document: &str) -> String {
        let now = self.parts.clock.now();
        let (token, _) = self.parts.keys.mint(self.service, self.audience, self.permissions, now);
        let request = self.request(Some(&token), &json!({ "query": document }));
        let Ok(answer) = self.app.clone().oneshot(request).await;
        let value = answer.headers().get(header::CACHE_CONTROL).expect("every answer says so");
        value.to_str().expect("printable").to_owned()
    }

    /// Subscribes; the answers are `data` and `errors`, as they come, until the subscription ends.
    pub async fn subscribe(
        &self,
        document: &str,
        variables: Value,
    ) -> impl Stream<Item = Value> + Send + Unpin + use<> {
        let now = self.parts.clock.now();
        let (token, _) = self.parts.keys.mint(self.service, self.audience, self.permissions, now);
        let body = json!({"query": document, "variables": variables});
        let mut request = self.request(Some(&token), &body);
        let accept = HeaderValue::from_static("text/event-stream");
        request.headers_mut().insert(header::ACCEPT, accept);
        let Ok(answer) = self.app.clone().oneshot(request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let events = futures::stream::unfold(
            (answer.into_body().into_data_stream(), String::new()),
            |(mut body, mut unread)| async move {
                loop {
                    if let Some((event, rest)) = unread.split_once("\n\n") {
                        let (event, rest) = (event.to_owned(), rest.to_owned());
                        return Some((event, (body, rest)));
                    }
                    let bytes = body.next().await?.expect("a stream that ends by itself");
                    unread.push_str(std::str::from_utf8(&bytes).expect("whole events"));
                }
            },
        );
        let (service, document) = (self.audience, document.to_owned());
        let answers = events.take_while(|event| future::ready(!event.contains("event: complete")));
        answers
            .filter_map(|event| {
                let json = event.lines().find_map(|line| line.strip_prefix("data: "));
                future::ready(json.map(|json| serde_json::from_str(json).expect("JSON")))
            })
            .inspect(move |answer| recording::note(service, &document, answer))
            .boxed()
    }

    /// Asks for a page that is not GraphQL: `/health`, say.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Request::get(path).body(Body::empty()).expect("a path")).await
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let Ok(answer) = self.app.clone().oneshot(request).await;
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("the whole body").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        (status, serde_json::from_slice(&body).unwrap_or(Value::String(text)))
    }
}

/// The events of these kinds from now on, in-process heard after every consumer that was there before.
pub fn told(bus: &Bus, kinds: &'static [&'static str]) -> impl Stream<Item = Event> + Unpin {
    let (sender, receiver) = mpsc::unbounded();
    let handler: Handler = Arc::new(move |event| {
        // A test that has heard enough is no reason to tell again.
        let _ = sender.unbounded_send(event);
        Box::pin(future::ready(Ok(())))
    });
    let mut tasks = Tasks::new();
    bus.consume("test", kinds, handler, &mut tasks);
    receiver.inspect(move |_| {
        let _ = &tasks;
    })
}

/// How many in this process watch the entity: a subscription watches from its beginning.
pub fn watchers(bus: &Bus, entity: Uuid) -> usize {
    bus.watchers(entity)
}

/// Counts what this thread does, for as long as it lives: `#[tokio::test]` runs on one thread.
pub struct Metrics {
    recorder: &'static PrometheusRecorder,
    _installed: metrics::LocalRecorderGuard<'static>,
}

impl Metrics {
    /// Begins to count.
    pub fn record() -> Self {
        // The guard borrows the recorder; a test's few hundred bytes may as well stay.
        let recorder: &'static PrometheusRecorder =
            Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self { recorder, _installed: metrics::set_default_local_recorder(recorder) }
    }

    /// The value of a counter or a gauge, as `/metrics` names it: `entity_loads_total{entity="User"}`.
    pub fn value(&self, name: &str) -> u64 {
        let text = self.recorder.handle().render();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }
}
