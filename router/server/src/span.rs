//! The spans of the router: a request, its planning, and each request to a subgraph. Where no traces are sent, they are
//! none, and what is recorded in them goes nowhere.
//!
//! Spec: <https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/>.

use apollo_compiler::ast::OperationType;
use executor::{SubgraphError, SubgraphResponse};
use http::{HeaderMap, Method, StatusCode};
use telemetry::{SPAN, context};
use tracing::field::Empty;
use tracing::{Span, info_span};

/// Longer names of operations are cut: a name is what a client sends.
const NAME_BYTES: usize = 100;
/// How spans say that something went wrong.
const STATUS: &str = "otel.status_code";
const ERROR: &str = "ERROR";

/// A client's request, over HTTP.
pub(crate) fn request(method: &Method, headers: &HeaderMap, continue_clients: bool) -> Span {
    let span = info_span!(
        target: SPAN, parent: None, "request",
        otel.kind = "server", otel.status_code = Empty,
        http.request.method = %method, http.response.status_code = Empty,
        graphql.operation.type = Empty, graphql.operation.name = Empty,
    );
    of_client(&span, headers, continue_clients);
    span
}

/// An operation that a client sent over its WebSocket, or whose answers it is told as a stream.
pub(crate) fn operation(headers: &HeaderMap, continue_clients: bool) -> Span {
    let span = info_span!(
        target: SPAN, parent: None, "operation",
        otel.kind = "server", otel.status_code = Empty,
        graphql.operation.type = Empty, graphql.operation.name = Empty,
    );
    of_client(&span, headers, continue_clients);
    span
}

/// An event of a subscription, and what is fetched to answer it.
pub(crate) fn event() -> Span {
    info_span!(
        target: SPAN, parent: None, "event",
        otel.kind = "consumer", otel.status_code = Empty,
        graphql.operation.type = Empty, graphql.operation.name = Empty,
    )
}

/// Goes on with the trace of a client that is trusted to say what is recorded; points to that of any other.
fn of_client(span: &Span, headers: &HeaderMap, continue_clients: bool) {
    if continue_clients {
        context::continue_trace(span, headers);
    } else {
        context::link(span, headers);
    }
}

/// Says what a request asks for.
pub(crate) fn name(span: &Span, kind: OperationType, name: Option<&str>) {
    if span.is_disabled() {
        return;
    }
    let kind = kind.name();
    span.record("graphql.operation.type", kind);
    match name {
        Some(name) => {
            let name = &name[..name.floor_char_boundary(NAME_BYTES)];
            span.record("graphql.operation.name", name);
            context::rename(span, format!("{kind} {name}"));
        }
        None => context::rename(span, kind.to_owned()),
    }
}

/// Says how a request was answered.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status.as_u16());
    if !status.is_success() {
        failed(span);
    }
}

/// Says that something went wrong.
pub(crate) fn failed(span: &Span) {
    span.record(STATUS, ERROR);
}

/// Parsing, validating, planning and lowering an operation that was not prepared yet.
pub(crate) fn plan(parent: &Span) -> Span {
    if parent.is_disabled() {
        return Span::none();
    }
    info_span!(target: SPAN, parent: parent, "plan", otel.status_code = Empty)
}

/// A request to a subgraph.
pub(crate) fn fetch(parent: &Span, subgraph_name: &str) -> Span {
    if parent.is_disabled() {
        return Span::none();
    }
    info_span!(
        target: SPAN, parent: parent, "fetch",
        otel.kind = "client", otel.name = format!("fetch {subgraph_name}"), otel.status_code = Empty,
        subgraph.name = subgraph_name,
        http.response.status_code = Empty, error.type = Empty,
    )
}

/// Says how a subgraph answered.
pub(crate) fn fetched(span: &Span, answer: &Result<SubgraphResponse, SubgraphError>) {
    if span.is_disabled() {
        return;
    }
    match answer {
        Ok(SubgraphResponse { status, .. }) => {
            span.record("http.response.status_code", status);
            if *status >= 400 {
                failed(span);
            }
        }
        Err(error) => {
            span.record("error.type", format!("{error:?}"));
            failed(span);
        }
    }
}
