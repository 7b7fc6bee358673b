//! The spans of a service: a request, a call to a peer, an event applied. Statements have spans of their own, from
//! SeaORM: with placeholders, never with values.
//!
//! Where no traces are sent, they are none.

use http::HeaderMap;
use telemetry::{SPAN, context};
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::event::Event;
use crate::peer::PeerIdentity;

/// A request to a service, in the trace of whoever asks. It has shown that it is one of us.
pub(crate) fn request(service: &'static str, caller: &str, headers: &HeaderMap) -> Span {
    let span = info_span!(
        target: SPAN, parent: None, "answer",
        otel.kind = "server", otel.name = format!("answer {service}"), otel.status_code = Empty,
        subgraph.name = service, peer.service = caller,
    );
    context::continue_trace(&span, headers);
    span
}

/// A call to another service.
pub(crate) fn call(identity: PeerIdentity) -> Span {
    let PeerIdentity { caller, callee, .. } = identity;
    info_span!(
        target: SPAN, "call",
        otel.kind = "client", otel.name = format!("call {callee}"), otel.status_code = Empty,
        subgraph.name = caller, peer.service = callee, error.type = Empty,
    )
}

/// An event that is applied: work of its own, which points to the request that the event comes from.
pub(crate) fn apply(consumer: &'static str, event: &Event) -> Span {
    let span = info_span!(
        target: SPAN, parent: None, "apply",
        otel.kind = "consumer", otel.name = format!("apply {}", event.kind), otel.status_code = Empty,
        messaging.consumer.group.name = consumer,
        messaging.message.id = %event.id,
    );
    context::follow(&span, event.traceparent.as_deref());
    span
}

/// Says that something went wrong.
pub(crate) fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}
