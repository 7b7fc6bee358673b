//! The subgraphs as the executor reaches them: with the headers that belong there, and a deadline.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use executor::{SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use http_body_util::Full;
use metrics::{Counter, Histogram};
use rustls::RootCertStore;
use serde::Deserialize;
use supergraph::SubgraphId;
use tracing::Span;

use crate::config::{Config, SubgraphConfig, SubgraphsConfig, SubscriptionProtocol};
use crate::connections::{Connections, roots};
use crate::error::StartError;
use crate::event_source::{EventSource, EventStream, Failure, WebSocket, WebSocketOptions};
use crate::http1::Posted;
use crate::request_context::RequestContext;
use crate::service_token::{Clock, SERVICE_TOKEN_HEADER, ServiceKey, ServiceToken};
use crate::span;
use crate::transport::{Transport, call, post};

/// How long a subgraph may take to show that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Knows how any subgraph is reached, given its name and address. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Settings>);

struct Settings {
    /// Those without TLS, and, where there is any, those with it.
    plain: Arc<Connections>,
    secure: OnceLock<Arc<Connections>>,
    in_process: BTreeMap<String, Router>,
    keys: BTreeMap<String, ServiceKey>,
    config: SubgraphsConfig,
    answer_bytes: usize,
    keep_alive: Duration,
    clock: Clock,
}

impl Connector {
    /// Over HTTP, with the service tokens that the settings name. `environment` reads a variable.
    pub fn http(
        config: &Config,
        environment: &dyn Fn(&str) -> Option<String>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let mut keys = BTreeMap::new();
        for (name, subgraph) in &config.subgraphs.by_name {
            if let Some(service_token) = &subgraph.service_token {
                keys.insert(name.clone(), ServiceKey::from_config(service_token, environment)?);
            }
        }
        Ok(Self::new(config, BTreeMap::new(), keys, clock))
    }

    /// In the same process: each subgraph by its name, and all with tokens of one key.
    pub fn in_process(
        config: &Config,
        subgraphs: BTreeMap<String, Router>,
        key: &ServiceKey,
        clock: Clock,
    ) -> Self {
        let keys = subgraphs.keys().map(|name| (name.clone(), key.clone())).collect();
        Self::new(config, subgraphs, keys, clock)
    }

    fn new(
        config: &Config,
        in_process: BTreeMap<String, Router>,
        keys: BTreeMap<String, ServiceKey>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Settings {
            plain: Arc::new(Connections::new(RootCertStore::empty())),
            secure: OnceLock::new(),
            in_process,
            keys,
            config: config.subgraphs.clone(),
            answer_bytes: config.limits.answer_bytes,
            keep_alive: config.subscriptions.keep_alive(),
            clock,
        }))
    }

    /// The way to one subgraph.
    pub(crate) fn connect(&self, name: &str, url: &str) -> Result<Subgraph, StartError> {
        let settings = &self.0;
        let config = settings.config.by_name.get(name).cloned().unwrap_or_default();
        let (transport, subscriptions) = match settings.in_process.get(name) {
            Some(service) => (
                Transport::InProcess { service: service.clone() },
                SubscriptionTransport::InProcess { service: service.clone() },
            ),
            None => self.over_http(url, &config).map_err(|reason| StartError::Address {
                subgraph_name: name.to_owned(),
                url: url.to_owned(),
                reason,
            })?,
        };
        let token = settings.keys.get(name);
        Ok(Subgraph {
            name: name.to_owned(),
            transport,
            subscriptions,
            service_token: token.map(|key| ServiceToken::new(key.clone(), name, settings.clock)),
            timeout: settings.config.timeout(name),
            answer_bytes: settings.answer_bytes,
            keep_alive: settings.keep_alive,
            measures: Measures::new(name),
        })
    }

    /// The ways to an address; or why there is none.
    fn over_http(
        &self,
        url: &str,
        config: &SubgraphConfig,
    ) -> Result<(Transport, SubscriptionTransport), String> {
        let (url, connections) = self.connections(url)?;
        let is_plain = url.scheme_str() == Some("http") && !config.http2;
        let transport = if is_plain {
            Transport::http(&url)
        } else {
            Transport::Shared { url: url.clone(), connections: Arc::clone(&connections) }
        };
        let (url, connections) = match &config.subscription_url {
            Some(url) => self.connections(url.as_str())?,
            None => (url, connections),
        };
        let protocol = config.subscription_protocol;
        Ok((transport, SubscriptionTransport::Http { url, connections, protocol }))
    }

    /// An address that the router can use, and the connections for it. The schemes of WebSockets are names for those of
    /// HTTP.
    fn connections(&self, url: &str) -> Result<(Uri, Arc<Connections>), String> {
        let url = match url.strip_prefix("ws") {
            Some(rest) => format!("http{rest}"),
            None => url.to_owned(),
        };
        let url: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let settings = &self.0;
        match url.scheme_str() {
            Some("http") if url.host().is_some() => Ok((url, Arc::clone(&settings.plain))),
            Some("https") if url.host().is_some() => {
                if let Some(secure) = settings.secure.get() {
                    return Ok((url, Arc::clone(secure)));
                }
                let roots = roots(settings.config.ca_file.as_deref());
                let secure = Connections::new(roots.map_err(|error| error.to_string())?);
                let secure = settings.secure.get_or_init(|| Arc::new(secure));
                Ok((url, Arc::clone(secure)))
            }
            _ => Err("it must begin with `http://` or `https://`".to_owned()),
        }
    }
}

/// The way to what is subscribed to.
enum SubscriptionTransport {
    Http { url: Uri, connections: Arc<Connections>, protocol: SubscriptionProtocol },
    InProcess { service: Router },
}

/// One subgraph and the way to it.
pub(crate) struct Subgraph {
    name: String,
    transport: Transport,
    subscriptions: SubscriptionTransport,
    service_token: Option<ServiceToken>,
    timeout: Duration,
    answer_bytes: usize,
    keep_alive: Duration,
    measures: Measures,
}

/// What `/metrics` shows of a subgraph.
struct Measures {
    requests: Counter,
    errors: Counter,
    seconds: Histogram,
}

impl Measures {
    fn new(name: &str) -> Self {
        let subgraph = name.to_owned();
        Self {
            requests: metrics::counter!("router_subgraph_requests_total", "subgraph" => subgraph.clone()),
            errors: metrics::counter!("router_subgraph_errors_total", "subgraph" => subgraph.clone()),
            seconds: metrics::histogram!("router_subgraph_request_seconds", "subgraph" => subgraph),
        }
    }
}

impl Subgraph {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    async fn post(
        &self,
        SubgraphRequest { body, repeatable, .. }: SubgraphRequest,
        context: &RequestContext,
    ) -> Result<SubgraphResponse, SubgraphError> {
        let started = Instant::now();
        let span = span::fetch(&context.span, &self.name);
        let posted = Posted { headers: self.headers(context, &span), body, repeatable };
        let answer = self.post_before(self.timeout, posted).await;
        span::fetched(&span, &answer);
        self.measures.requests.increment(1);
        self.measures.seconds.record(started.elapsed());
        if !answer.as_ref().is_ok_and(|answer| answer.status < 400) {
            self.measures.errors.increment(1);
        }
        answer
    }

    async fn post_before(
        &self,
        timeout: Duration,
        posted: Posted<'_>,
    ) -> Result<SubgraphResponse, SubgraphError> {
        let answer = self.transport.post(posted, self.answer_bytes);
        tokio::time::timeout(timeout, answer).await.unwrap_or(Err(SubgraphError::Timeout))
    }

    /// A query of the router's own.
    fn question(&self, body: Bytes) -> Posted<'static> {
        let context = RequestContext::of_the_router();
        let headers = self.headers(&context, &Span::none()).into_owned();
        Posted { headers: Cow::Owned(headers), body, repeatable: true }
    }

    /// The headers of a request that belongs to a span.
    fn headers<'c>(&self, context: &'c RequestContext, span: &Span) -> Cow<'c, HeaderMap> {
        let mut headers = Cow::Borrowed(&context.headers);
        if !span.is_disabled() {
            telemetry::context::inject(span, headers.to_mut());
        }
        if let Some(service_token) = &self.service_token {
            headers.to_mut().insert(SERVICE_TOKEN_HEADER, service_token.current());
        }
        headers
    }

    /// Subscribes, within the time for a request.
    pub(crate) async fn subscribe(
        &self,
        body: Bytes,
        context: &RequestContext,
    ) -> Result<EventSource, Failure> {
        let span = span::fetch(&context.span, &self.name);
        let subscribed = self.open(body, context, &span);
        let subscribed = tokio::time::timeout(self.timeout, subscribed).await;
        subscribed.unwrap_or(Err(Err(SubgraphError::Timeout)))
    }

    async fn open(
        &self,
        body: Bytes,
        context: &RequestContext,
        span: &Span,
    ) -> Result<EventSource, Failure> {
        let mut headers = self.headers(context, span).into_owned();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let answer = match &self.subscriptions {
            SubscriptionTransport::InProcess { service } => call(service, headers, body).await,
            SubscriptionTransport::Http { url, connections, protocol } => match protocol {
                SubscriptionProtocol::EventStream => {
                    let request = post(url.clone(), headers, Full::new(body));
                    connections.send(request).await.map_err(Err)?
                }
                SubscriptionProtocol::Websocket => {
                    headers.remove(header::ACCEPT);
                    headers.remove(header::CONTENT_TYPE);
                    let options = WebSocketOptions {
                        url: url.clone(),
                        headers,
                        limit_bytes: self.answer_bytes,
                        keep_alive: self.keep_alive,
                    };
                    let connection = connections.open(url.clone()).await.map_err(Err)?;
                    let init = context.connection_init();
                    let socket = WebSocket::subscribe(connection, options, &init, &body).await?;
                    return Ok(EventSource::WebSocket(Box::new(socket)));
                }
            },
        };
        Ok(EventSource::EventStream(EventStream::of(answer, self.answer_bytes).await?))
    }

    /// Whether it answers a query.
    pub(crate) async fn is_there(&self) -> bool {
        let question = self.question(Bytes::from_static(br#"{"query":"{__typename}"}"#));
        let answer = self.post_before(PROBE_TIMEOUT, question).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Its schema, as `_service { sdl }` tells it where these headers are sent along; or why it does not.
    pub(crate) async fn sdl(
        &self,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<String, String> {
        let mut question = self.question(Bytes::from_static(br#"{"query":"{_service{sdl}}"}"#));
        question.headers.to_mut().extend(headers.iter().cloned());
        let answer =
            self.post_before(self.timeout, question).await.map_err(|error| error.to_string())?;
        let body: Answer = serde_json::from_slice(&answer.body)
            .map_err(|_| match answer.status {
                401 | 403 => format!(
                    "status {}: it refuses the router; does `subgraphs.{}.service_token` have the right key?",
                    answer.status, self.name
                ),
                status => format!("status {status}, and no GraphQL answer"),
            })?;
        let told = body.data.map(|data| data.service.and_then(|service| service.sdl));
        match (told, body.errors.into_iter().next()) {
            (Some(Some(sdl)), _) if sdl.trim().is_empty() => Err("its schema is empty".to_owned()),
            (Some(Some(sdl)), _) => Ok(sdl),
            (_, Some(error)) => {
                Err(format!("it refuses `{{ _service {{ sdl }} }}`: {}; {WAY_OUT}", error.message))
            }
            (Some(None), None) => {
                Err(format!("its answer to `{{ _service {{ sdl }} }}` is null; {WAY_OUT}"))
            }
            (None, None) => Err(format!("status {}, and no `data`", answer.status)),
        }
    }
}

/// What to do about a server that does not tell its schema.
const WAY_OUT: &str = "a subgraph has to answer this, as introspection does not tell keys; or name its SDL by \
                       `schema: { file: … }`";

#[derive(Deserialize)]
struct Answer {
    data: Option<ServiceData>,
    #[serde(default)]
    errors: Vec<AnswerError>,
}

#[derive(Deserialize)]
struct ServiceData {
    #[serde(rename = "_service")]
    service: Option<Service>,
}

#[derive(Deserialize)]
struct Service {
    sdl: Option<String>,
}

#[derive(Deserialize)]
struct AnswerError {
    message: String,
}

/// All subgraphs of a graph, by their ids.
pub(crate) struct Subgraphs(pub(crate) Vec<Subgraph>);

impl Subgraphs {
    /// A subgraph's name.
    pub(crate) fn name(&self, id: SubgraphId) -> &str {
        &self.0[id.index()].name
    }
}

impl SubgraphClient for Subgraphs {
    type Context = RequestContext;

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let subgraph = &self.0[request.subgraph.index()];
        subgraph.post(request, context).boxed()
    }
}
