//! The endpoint `/graphql`, whatever the transport: who asks, what is asked, and the answer or answers to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::{Executor, Request, Response, ServerError};
use axum::body::Bytes;
use axum::extract::{FromRequestParts, State, WebSocketUpgrade};
use axum::response::IntoResponse;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use tracing::{Instrument, Span};

use crate::access_token::AccessTokenError;
use crate::app::Subgraph;
use crate::caller::{Caller, SignedIn};
use crate::error::{Code, bad_user_input, disclose};
use crate::pace::Pace;
use crate::parts::Parts;
use crate::service_token::{InvalidServiceToken, SERVICE_TOKEN_HEADER};
use crate::tasks::Stop;
use crate::{span, sse, text, websocket};

/// The service whose word on the client's address counts.
const ROUTER: &str = "router";
/// So many streams and sockets a process keeps open.
const STREAM_LIMIT: usize = 10_000;

/// A subgraph and the parts that it answers with.
pub(crate) struct Endpoint<E> {
    pub(crate) subgraph: Subgraph<E>,
    pub(crate) parts: Parts,
}

/// `POST /graphql`: one answer, or a stream of them where the client accepts Server-Sent Events.
pub(crate) async fn post<E: Executor>(
    State(endpoint): State<Arc<Endpoint<E>>>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    let Ok(caller) = endpoint.service(&headers) else { return unknown_service() };
    if sse::is_accepted(&headers) {
        return match endpoint.room() {
            Some(stop) => sse::respond(endpoint, caller, &headers, &body, stop).await,
            None => too_many_streams(),
        };
    }
    let is_anonymous =
        !headers.contains_key(header::AUTHORIZATION) && caller.permissions.is_empty();
    let started = Instant::now();
    let name = endpoint.subgraph.name;
    let span = span::request(name, &caller.service, &headers);
    let response = endpoint.respond(caller, &headers, &body).instrument(span.clone()).await;
    metrics::histogram!("graphql_request_seconds", "service" => name)
        .record(started.elapsed().as_secs_f64());
    if response.is_err() {
        span::failed(&span);
        metrics::counter!("graphql_errors_total", "service" => name).increment(1);
    }
    let cache = cache_control(&response, is_anonymous);
    ([(header::CACHE_CONTROL, cache)], axum::Json(response)).into_response()
}

/// For how long anybody may be given this answer: as its fields say, where nobody in particular asked for it.
fn cache_control(response: &Response, is_anonymous: bool) -> String {
    let hint = response.cache_control;
    if is_anonymous && response.is_ok() && hint.public && hint.max_age > 0 {
        format!("public, max-age={}", hint.max_age)
    } else {
        "no-store".to_owned()
    }
}

/// `GET /graphql`: a WebSocket, for subscriptions.
pub(crate) async fn get<E: Executor>(
    State(endpoint): State<Arc<Endpoint<E>>>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (mut parts, _) = request.into_parts();
    let Ok(caller) = endpoint.service(&parts.headers) else { return unknown_service() };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    match endpoint.room() {
        Some(stop) => websocket::upgrade(upgrade, endpoint, caller, parts.headers, stop),
        None => too_many_streams(),
    }
}

impl<E: Executor> Endpoint<E> {
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

    /// A place for a stream, as long as there are any.
    fn room(&self) -> Option<Stop> {
        (self.parts.drain.open() < STREAM_LIMIT).then(|| self.parts.drain.enter())
    }

    async fn respond(&self, caller: Caller, headers: &HeaderMap, body: &[u8]) -> Response {
        let prepared = match self.read(caller, headers, body).await {
            Ok((caller, request)) => self.prepare(caller, request),
            Err(error) => Err(error),
        };
        let (request, pace) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return refused(&error),
        };
        let mut response = pace.execute(self.subgraph.schema.execute(request)).await;
        disclose(&mut response.errors);
        response
    }

    /// The user that the headers name, and the request that the body holds.
    pub(crate) async fn read(
        &self,
        mut caller: Caller,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(Caller, Request), async_graphql::Error> {
        caller.user = self.signed_in(headers.get(header::AUTHORIZATION)).await?;
        let request = serde_json::from_slice(body)
            .map_err(|error| bad_user_input(format!("not a GraphQL request: {error}")))?;
        Ok((caller, request))
    }

    /// The request with its document parsed, the loaders of its entities, and its caller; and the pace for it.
    fn prepare(
        &self,
        caller: Caller,
        mut request: Request,
    ) -> Result<(Request, Pace), async_graphql::Error> {
        request.parsed_query().map_err(|error| Code::GraphqlParseFailed.error(error.message))?;
        if text::has_nul(&request) {
            return Err(bad_user_input(
                "a text holds the character NUL (U+0000), which no database keeps",
            ));
        }
        let (request, pace) = self.subgraph.entities.prepare(request)?;
        Ok((request.data(caller), pace))
    }

    /// The user whose token the request carries. A token that does not verify is an error, never nobody.
    pub(crate) async fn signed_in(
        &self,
        authorization: Option<&HeaderValue>,
    ) -> Result<Option<SignedIn>, async_graphql::Error> {
        let Some(value) = authorization else { return Ok(None) };
        let refused = || Code::Unauthenticated.error(AccessTokenError::Invalid.to_string());
        let value = value.to_str().map_err(|_| refused())?;
        let (scheme, token) = value.split_once(' ').ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        let claims = self.subgraph.access_tokens.verify(token.trim(), self.parts.clock.now()).await;
        match claims {
            Ok(claims) => Ok(Some(claims.into())),
            Err(AccessTokenError::Invalid) => Err(refused()),
            Err(error @ AccessTokenError::KeysUnavailable) => {
                Err(Code::UpstreamUnavailable.error(error.to_string()))
            }
        }
    }

    /// The answers to an operation, a subscription's one for each event. They end by themselves, or with an error of
    /// their own when the user's token ends (`UNAUTHENTICATED`) or the service does (`UPSTREAM_UNAVAILABLE`).
    /// All of it is one span, in the trace that the headers name.
    pub(crate) fn stream(
        self: Arc<Self>,
        caller: Caller,
        headers: &HeaderMap,
        request: Request,
        stop: Stop,
    ) -> impl Stream<Item = Response> + Send + use<E> {
        let answers = Answers {
            span: span::request(self.subgraph.name, &caller.service, headers),
            ending: Some(self.ending(&caller, stop)),
            stream: Arc::clone(&self).answers(caller, request),
            _open: OpenStream::new(self.subgraph.name),
        };
        futures::stream::unfold(answers, Answers::next)
    }

    fn answers(self: Arc<Self>, caller: Caller, request: Request) -> BoxStream<'static, Response> {
        let prepared = async move {
            match self.prepare(caller, request) {
                Ok((request, pace)) => {
                    pace.stream(self.subgraph.schema.execute_stream(request, None)).boxed()
                }
                Err(error) => futures::stream::iter([refused(&error)]).boxed(),
            }
        };
        futures::stream::once(prepared).flatten().boxed()
    }

    fn ending(&self, caller: &Caller, mut stop: Stop) -> BoxFuture<'static, Response> {
        let clock = self.parts.clock.clone();
        let expires_at = caller.user.as_ref().map(|user| user.expires_at);
        let expired = async move {
            match expires_at {
                Some(time) => clock.reached(time).await,
                None => std::future::pending().await,
            }
        };
        let name = self.subgraph.name;
        Box::pin(async move {
            let error = tokio::select! {
                () = expired => Code::Unauthenticated.error("the access token has expired: renew it and subscribe again"),
                () = stop.requested() => Code::UpstreamUnavailable.error(format!("`{name}` is ending: subscribe again")),
            };
            refused(&error)
        })
    }
}

/// A stream of answers, and what ends it before its time.
struct Answers {
    span: Span,
    stream: BoxStream<'static, Response>,
    /// The last answer of a stream that is ended; none once it was given.
    ending: Option<BoxFuture<'static, Response>>,
    _open: OpenStream,
}

impl Answers {
    async fn next(mut self) -> Option<(Response, Self)> {
        let ending = self.ending.as_mut()?;
        let mut response = tokio::select! {
            biased;
            last = ending => {
                self.ending = None;
                last
            }
            next = self.stream.next().instrument(self.span.clone()) => next?,
        };
        if response.is_err() {
            span::failed(&self.span);
        }
        disclose(&mut response.errors);
        Some((response, self))
    }
}

/// Counts a stream for as long as it is open.
struct OpenStream(&'static str);

impl OpenStream {
    fn new(service: &'static str) -> Self {
        metrics::gauge!("graphql_streams", "service" => service).increment(1);
        Self(service)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!("graphql_streams", "service" => self.0).decrement(1);
    }
}

/// The first address of `x-forwarded-for`: the client, as the router saw it.
fn client_address(forwarded_for: &str) -> Option<IpAddr> {
    forwarded_for.split(',').next()?.trim().parse().ok()
}

/// The whole request is refused: nothing was executed.
pub(crate) fn refused(error: &async_graphql::Error) -> Response {
    let mut refusal = ServerError::new(error.message.clone(), None);
    refusal.extensions.clone_from(&error.extensions);
    Response::from_errors(vec![refusal])
}

fn unknown_service() -> axum::response::Response {
    let body = json!({"error": "Invalid service token"});
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}

fn too_many_streams() -> axum::response::Response {
    let body = json!({"error": "Too many open subscriptions"});
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
}
