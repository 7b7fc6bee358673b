//! The router's settings: `router.yaml`, typed, with a default for every key.

mod checked;
mod durations;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use crate::config::checked::{forwardable, origins, shares};
use crate::error::{StartError, yaml_error};

/// All settings. The file `router.yaml` of the repository is the commented example.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen: `127.0.0.1:4000`. The flag `--listen` and the variable `LISTEN` go before.
    pub listen: SocketAddr,
    /// Where the supergraph comes from.
    pub supergraph: SupergraphConfig,
    /// What is too much.
    pub limits: Limits,
    /// Operations with many answers.
    pub subscriptions: SubscriptionsConfig,
    /// How subgraphs are reached.
    pub subgraphs: SubgraphsConfig,
    /// Which headers pass from client to subgraphs.
    pub headers: HeadersConfig,
    /// Which web sites' pages may ask.
    pub cors: CorsConfig,
    /// The cache of parsed, validated and planned operations.
    pub plan_cache: PlanCacheConfig,
    /// Whether a query takes an entity from an earlier answer of the same subgraph rather than fetch it again: true.
    pub entity_store: bool,
    /// For how many of a hundred requests each label of `@override` is on; true and false are all and none: `percent(N)` for
    /// N, any other for none.
    #[serde(deserialize_with = "shares")]
    pub override_labels: BTreeMap<String, f64>,
    /// Whether a client that sends `x-query-plan: true` finds the plan in the answer's `extensions.queryPlan`: false.
    pub expose_query_plan: bool,
    /// Whether clients may ask for the schema: true.
    pub introspection: bool,
    /// GraphiQL, at `/`.
    pub graphiql: GraphiqlConfig,
    /// Which part of a request took how long.
    pub traces: TracesConfig,
}

/// Where the supergraph comes from. The flags `--supergraph` and `--compose` go before.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupergraphConfig {
    /// A supergraph that was composed elsewhere: none.
    pub path: Option<PathBuf>,
    /// A `supergraph.yaml` whose subgraphs the router composes itself: none.
    pub compose: Option<PathBuf>,
    /// Where the supergraph is kept that was composed last, to be served where the subgraphs do not compose, or do not
    /// tell their schemas, when the router starts: nowhere.
    pub last_good: Option<PathBuf>,
    /// Whether a change of the files, or of the schemas behind URLs, replaces the graph while it serves: true.
    pub reload: bool,
    /// How often subgraphs are asked for their schema, in milliseconds: 10000. Files are looked at each second.
    pub poll_ms: NonZeroU64,
}

/// What is too much.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The body of a request, in bytes: 2097152 (2 MiB).
    pub body_bytes: usize,
    /// The requests in a list that is sent as one: 1, which means that lists are refused.
    pub batch_requests: usize,
    /// The nesting of an operation's fields: 30.
    pub depth: usize,
    /// The nesting of fields below `__schema` and `__type`: 20.
    pub introspection_depth: usize,
    /// The tokens of a document: 15000.
    pub tokens: usize,
    /// The fields of an operation, with its fragments written out: 10000.
    pub fields: usize,
    /// The entities fetched for one request: 10000.
    pub entities: usize,
    /// A subgraph's answer, and the answer to the client, in bytes: 67108864 (64 MiB).
    pub answer_bytes: usize,
    /// The connections of clients at the same time: 10000. More wait to be accepted.
    pub connections: usize,
    /// The time for the head of a request to arrive, and for which an unused connection is kept, in milliseconds: 30000.
    pub head_timeout_ms: NonZeroU64,
    /// The requests at work at the same time: 1000. More are refused.
    pub concurrent_requests: usize,
    /// The time for a whole request, in milliseconds: 30000.
    pub request_timeout_ms: NonZeroU64,
    /// The time for what is at work when the router is asked to end, in milliseconds: 30000.
    pub drain_timeout_ms: NonZeroU64,
}

/// Operations with many answers: how many there may be, and how their connections are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionsConfig {
    /// The WebSockets of clients that are open at the same time: 10000. More are refused.
    pub connections: usize,
    /// The operations at work on one WebSocket: 100. More are refused.
    pub per_connection: usize,
    /// The subscriptions at the same time, by whatever transport: 10000. More are refused.
    pub in_all: usize,
    /// The time for a client to begin, after its WebSocket is open, in milliseconds: 10000.
    pub init_timeout_ms: NonZeroU64,
    /// How often a sign of life goes over a silent connection, in milliseconds: 15000. Who gives none back for twice as
    /// long is gone.
    pub keep_alive_ms: NonZeroU64,
    /// How long a client may take to take what it is sent, in milliseconds: 30000. Then its connection is ended.
    /// Meanwhile the subgraph waits: nothing piles up in the router, and nothing is left out.
    pub client_timeout_ms: NonZeroU64,
}

/// How subgraphs are reached: settings for all, and under a subgraph's name those that differ.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SubgraphsConfig {
    /// The time for one subgraph request, its answer's body included, in milliseconds: 10000.
    pub timeout_ms: NonZeroU64,
    /// Certificates (PEM) that are trusted beside those that the system trusts: none.
    pub ca_file: Option<PathBuf>,
    /// What differs for a subgraph: nothing.
    #[serde(flatten)]
    pub by_name: BTreeMap<String, SubgraphConfig>,
}

/// What differs for one subgraph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "the settings of a subgraph")]
pub struct SubgraphConfig {
    /// The time for one request to it, in milliseconds: that of all.
    pub timeout_ms: Option<NonZeroU64>,
    /// How the router shows the subgraph who it is, in `x-service-token`: not at all.
    pub service_token: Option<ServiceTokenConfig>,
    /// Whether it speaks HTTP/2 without TLS, from the first byte: false. With TLS, the two sides agree on the version.
    pub http2: bool,
    /// How the router subscribes to it: `websocket`.
    pub subscription_protocol: SubscriptionProtocol,
    /// Where it subscribes: at the address of the subgraph.
    pub subscription_url: Option<Url>,
}

/// How the router subscribes to a subgraph. One in the same process is always asked for an event stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionProtocol {
    /// `graphql-transport-ws`, a WebSocket for each subscription.
    #[default]
    Websocket,
    /// Server-sent events, a request for each subscription.
    EventStream,
}

/// What service tokens are signed with. The key itself is in the environment, never in the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ServiceTokenConfig {
    /// The variable that holds a secret shared by all services, for development; of several, separated by commas,
    /// the first signs.
    SharedSecret(String),
    /// The router's own Ed25519 key, for production.
    SigningKey {
        /// The variable that holds the key (PKCS#8 PEM).
        variable: String,
        /// Its `kid`, by which subgraphs know its public half: `router`, or `router/2`.
        key_id: String,
    },
}

/// Which headers pass from client to subgraphs. Trace context always does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadersConfig {
    /// The names of the headers: none.
    #[serde(deserialize_with = "forwardable")]
    pub forward: Vec<HeaderName>,
}

/// Which web sites' pages may ask, beside those that the router serves itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// The sites' origins, as in `https://app.example.com`: none.
    #[serde(deserialize_with = "origins")]
    pub origins: Vec<HeaderValue>,
}

/// The cache of parsed, validated and planned operations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanCacheConfig {
    /// How many operations it holds: 1000.
    pub capacity: NonZeroUsize,
}

/// GraphiQL, at `/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphiqlConfig {
    /// Whether it is served: true.
    pub enabled: bool,
    /// A folder of operations that its tabs show at first: none.
    pub examples: Option<PathBuf>,
}

/// Traces: which part of a request took how long, sent to a collector by OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// The base address of the collector, as in `http://127.0.0.1:4318`: none, which means that there are no traces. The
    /// variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`…) go before.
    pub endpoint: Option<Url>,
    /// Whether the trace context of clients is gone on with, and with it their decision what is recorded: false. Then a
    /// request begins a trace of its own, which points to theirs.
    pub continue_clients: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            supergraph: SupergraphConfig {
                path: None,
                compose: None,
                last_good: None,
                reload: true,
                poll_ms: positive(10_000),
            },
            limits: Limits {
                body_bytes: 2 << 20,
                batch_requests: 1,
                depth: 30,
                introspection_depth: 20,
                tokens: 15_000,
                fields: 10_000,
                entities: 10_000,
                answer_bytes: 64 << 20,
                connections: 10_000,
                head_timeout_ms: positive(30_000),
                concurrent_requests: 1000,
                request_timeout_ms: positive(30_000),
                drain_timeout_ms: positive(30_000),
            },
            subscriptions: SubscriptionsConfig {
                connections: 10_000,
                per_connection: 100,
                in_all: 10_000,
                init_timeout_ms: positive(10_000),
                keep_alive_ms: positive(15_000),
                client_timeout_ms: positive(30_000),
            },
            subgraphs: SubgraphsConfig {
                timeout_ms: positive(10_000),
                ca_file: None,
                by_name: BTreeMap::new(),
            },
            headers: HeadersConfig { forward: Vec::new() },
            cors: CorsConfig { origins: Vec::new() },
            plan_cache: PlanCacheConfig {
                capacity: NonZeroUsize::new(1000).expect("1000 is not zero"),
            },
            entity_store: true,
            override_labels: BTreeMap::new(),
            expose_query_plan: false,
            introspection: true,
            graphiql: GraphiqlConfig { enabled: true, examples: None },
            traces: TracesConfig { endpoint: None, continue_clients: false },
        }
    }
}

impl Default for SupergraphConfig {
    fn default() -> Self {
        Config::default().supergraph
    }
}

impl Default for Limits {
    fn default() -> Self {
        Config::default().limits
    }
}

impl Default for SubscriptionsConfig {
    fn default() -> Self {
        Config::default().subscriptions
    }
}

impl Default for SubgraphsConfig {
    fn default() -> Self {
        Config::default().subgraphs
    }
}

impl Default for HeadersConfig {
    fn default() -> Self {
        Config::default().headers
    }
}

impl Default for CorsConfig {
    fn default() -> Self {
        Config::default().cors
    }
}

impl Default for PlanCacheConfig {
    fn default() -> Self {
        Config::default().plan_cache
    }
}

impl Default for GraphiqlConfig {
    fn default() -> Self {
        Config::default().graphiql
    }
}

impl Default for TracesConfig {
    fn default() -> Self {
        Config::default().traces
    }
}

impl Config {
    /// Reads a `router.yaml`; its relative paths are meant from where it stands.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| StartError::Read { path: path.to_owned(), source })?;
        let mut config = Self::parse(&text)
            .map_err(|reason| StartError::Config { path: path.to_owned(), reason })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let Self { supergraph, subgraphs, graphiql, .. } = &mut config;
        let paths = [
            &mut supergraph.path,
            &mut supergraph.compose,
            &mut supergraph.last_good,
            &mut subgraphs.ca_file,
            &mut graphiql.examples,
        ];
        for path in paths {
            *path = path.as_ref().map(|path| folder.join(path));
        }
        Ok(config)
    }

    /// Reads the text of a `router.yaml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A file of nothing but comments is a null document, and means the defaults.
        let config: Option<Self> =
            serde_saphyr::from_str(text).map_err(|error| yaml_error(&error))?;
        Ok(config.unwrap_or_default())
    }
}

/// Reads a variable of the process's environment.
#[expect(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
pub fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn positive(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).expect("the defaults are not zero")
}
