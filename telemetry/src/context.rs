//! Trace context on its way from process to process: `traceparent` and `tracestate`.
//!
//! Spec: <https://www.w3.org/TR/trace-context/>.

use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Makes the span a child of the one that the headers name, in its trace. To be called before the span is entered.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if !span.is_disabled() && headers.contains_key(TRACEPARENT) {
        // It fails where nobody listens any more: then there is no trace to be broken.
        let _ = span.set_parent(extract(&HeaderExtractor(headers)));
    }
}

/// Makes the span point to the one that the headers name, in a trace of its own: who sent them is not trusted to say
/// what is recorded.
pub fn link(span: &Span, headers: &HeaderMap) {
    if !span.is_disabled() && headers.contains_key(TRACEPARENT) {
        add_link(span, &HeaderExtractor(headers));
    }
}

/// Makes the span point to another one, whose [`traceparent`] was kept.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent.filter(|_| !span.is_disabled()) {
        add_link(span, &Kept(traceparent));
    }
}

/// Writes into headers that the span is the parent of what they are sent to do. Without traces, headers stay as they are.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return;
    }
    headers.remove(TRACESTATE);
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
    if headers.get(TRACESTATE).is_some_and(HeaderValue::is_empty) {
        headers.remove(TRACESTATE);
    }
}

/// Gives the span a name that was not known when it began. (Once a span has children, recording `otel.name` does not.)
pub fn rename(span: &Span, name: String) {
    if !span.is_disabled() {
        span.context().span().update_name(name);
    }
}

/// The current span, to be kept beside what others will do later because of it.
pub fn traceparent() -> Option<String> {
    let mut headers = HeaderMap::new();
    inject(&Span::current(), &mut headers);
    headers.get(TRACEPARENT)?.to_str().ok().map(str::to_owned)
}

fn extract(carrier: &dyn Extractor) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), carrier)
}

fn add_link(span: &Span, carrier: &dyn Extractor) {
    let linked = extract(carrier).span().span_context().clone();
    if linked.is_valid() {
        span.add_link(linked);
    }
}

/// A `traceparent` alone.
struct Kept<'a>(&'a str);

impl Extractor for Kept<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
