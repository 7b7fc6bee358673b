//! A typed client of another service: its subgraph endpoint, asked directly with a service token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::Span;

use crate::clock::Clock;
use crate::random::Random;
use crate::service_token::{SERVICE_TOKEN_HEADER, ServiceKeys};
use crate::span;
use crate::transport::{Transport, TransportError};

/// Asks another service. Cheap to clone; the clones share the token.
#[derive(Clone)]
pub struct Peer(Arc<Inner>);

struct Inner {
    identity: PeerIdentity,
    keys: ServiceKeys,
    transport: Transport,
    clock: Clock,
    random: Random,
    token: Mutex<Option<Token>>,
}

/// Who asks whom, and what for.
#[derive(Debug, Clone, Copy)]
pub struct PeerIdentity {
    /// The service that asks.
    pub caller: &'static str,
    /// The service that is asked.
    pub callee: &'static str,
    /// The permissions to claim.
    pub permissions: &'static [&'static str],
}

struct Token {
    text: String,
    renew_at: DateTime<Utc>,
}

/// Why a peer's answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No answer, or no sensible one: whether the peer acted is unknown. Ask again, with the same idempotency key.
    #[error("`{peer}` is not available: {reason}")]
    Unavailable {
        /// The service asked.
        peer: &'static str,
        /// What kind of failure it is.
        failure: Failure,
        /// What went wrong.
        reason: String,
    },
    /// A definite refusal: asking again will not help.
    #[error("`{peer}` refused with {code}: {message}")]
    Refused {
        /// The service asked.
        peer: &'static str,
        /// `extensions.code` of the first error.
        code: String,
        /// Its message.
        message: String,
    },
}

/// Why whether a peer acted is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It could not be reached, or did not answer in time.
    Unreachable,
    /// It does not know our service token: a mistake of configuration.
    Unrecognised,
    /// It was asked too often.
    RateLimited,
    /// A fault of its own, or an answer that is none.
    Fault,
}

impl Failure {
    /// The failure as `/metrics` names it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unrecognised => "unrecognised",
            Self::RateLimited => "rate_limited",
            Self::Fault => "fault",
        }
    }
}

impl PeerError {
    /// Whether the same question may be answered if it is asked again at once.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { failure, .. } => *failure != Failure::RateLimited,
            Self::Refused { .. } => false,
        }
    }

    fn as_label(&self) -> &'static str {
        match self {
            Self::Unavailable { failure, .. } => failure.as_str(),
            Self::Refused { .. } => "refused",
        }
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    message: String,
    #[serde(default)]
    extensions: AnswerExtensions,
}

#[derive(Default, Deserialize)]
struct AnswerExtensions {
    #[serde(default)]
    code: String,
}

/// Codes that say nothing about the question: asking again, at once or later, may help.
fn passing(code: &str) -> Option<Failure> {
    match code {
        "INTERNAL" | "UPSTREAM_UNAVAILABLE" => Some(Failure::Fault),
        "RATE_LIMITED" => Some(Failure::RateLimited),
        _ => None,
    }
}

/// One attempt may take this long.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often an idempotent call is tried.
const ATTEMPTS: u32 = 3;
/// A token is renewed when four fifths of its life are over.
const RENEW_AFTER_FIFTHS: i32 = 4;

impl Peer {
    /// A client that speaks for `identity.caller`.
    pub fn new(
        identity: PeerIdentity,
        keys: ServiceKeys,
        transport: Transport,
        clock: Clock,
        random: Random,
    ) -> Self {
        Self(Arc::new(Inner { identity, keys, transport, clock, random, token: Mutex::default() }))
    }

    /// Asks what changes nothing, or may safely be done twice; tried up to three times.
    ///
    /// `T` is the shape of `data`. An error anywhere in the answer is an error.
    pub async fn call<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: impl Serialize,
    ) -> Result<T, PeerError> {
        let body = body(document, variables);
        let mut attempt = 1;
        loop {
            match self.attempt(&body).await {
                Err(error) if error.may_pass() && attempt < ATTEMPTS => {
                    tokio::time::sleep(self.pause(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Asks for what must not be done twice; tried once.
    pub async fn call_once<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: impl Serialize,
    ) -> Result<T, PeerError> {
        self.attempt(&body(document, variables)).await
    }

    /// Doubling pauses with full jitter, so that callers of a peer that comes back do not come all at once.
    fn pause(&self, attempt: u32) -> Duration {
        Duration::from_millis(u64::from(self.0.random.below(100 << attempt)))
    }

    async fn attempt<T: DeserializeOwned>(&self, body: &Bytes) -> Result<T, PeerError> {
        let peer = self.0.identity.callee;
        let started = Instant::now();
        let span = span::call(self.0.identity);
        let outcome = self.exchange(body, &span).await;
        metrics::counter!("service_calls_total", "peer" => peer).increment(1);
        metrics::histogram!("service_calls_seconds", "peer" => peer)
            .record(started.elapsed().as_secs_f64());
        if let Err(error) = &outcome {
            span.record("error.type", error.as_label());
            span::failed(&span);
            metrics::counter!("service_calls_errors_total", "peer" => peer, "error" => error.as_label())
                .increment(1);
        }
        outcome
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        body: &Bytes,
        span: &Span,
    ) -> Result<T, PeerError> {
        let peer = self.0.identity.callee;
        let unavailable =
            |failure, reason: String| PeerError::Unavailable { peer, failure, reason };
        let mut request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(SERVICE_TOKEN_HEADER, self.token())
            .body(body.clone())
            .expect("a fixed path and printable headers make a request");
        telemetry::context::inject(span, request.headers_mut());
        let sent = self.0.transport.send(request, TIMEOUT).await;
        let answer = sent.map_err(|error: TransportError| {
            unavailable(Failure::Unreachable, error.to_string())
        })?;
        // The peer does not know us, which is no answer to the question. A key may have been rotated: the next attempt
        // comes with a new token.
        if answer.status() == http::StatusCode::UNAUTHORIZED {
            *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let reason = "it refuses our service token".to_owned();
            return Err(unavailable(Failure::Unrecognised, reason));
        }
        let status = answer.status();
        let answer: Answer<T> = serde_json::from_slice(answer.body())
            .map_err(|error| unavailable(Failure::Fault, format!("{status}: {error}")))?;
        let Some(AnswerError { message, extensions: AnswerExtensions { code } }) =
            answer.errors.into_iter().next()
        else {
            let nothing = || unavailable(Failure::Fault, "an answer without data".to_owned());
            return answer.data.ok_or_else(nothing);
        };
        match passing(&code) {
            Some(failure) => Err(unavailable(failure, message)),
            None => Err(PeerError::Refused { peer, code, message }),
        }
    }

    fn token(&self) -> String {
        let inner = &self.0;
        let now = inner.clock.now();
        let mut token = inner.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = token.as_ref().filter(|token| now < token.renew_at) {
            return token.text.clone();
        }
        let PeerIdentity { caller, callee, permissions } = inner.identity;
        let (text, expires) = inner.keys.mint(caller, callee, permissions, now);
        *token = Some(Token {
            text: text.clone(),
            renew_at: now + (expires - now) * RENEW_AFTER_FIFTHS / 5,
        });
        text
    }
}

fn body(document: &str, variables: impl Serialize) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a, V> {
        query: &'a str,
        variables: V,
    }
    serde_json::to_vec(&Body { query: document, variables })
        .expect("variables are plain data")
        .into()
}
