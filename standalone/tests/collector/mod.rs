//! A collector of traces, as small as can be: takes what is sent by OTLP over HTTP, and knows what belongs to what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use service::Tasks;
use tokio::net::TcpListener;

/// A collector at work.
pub(crate) struct Collector {
    /// Its base address: `http://127.0.0.1:4318`.
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Bytes>>>,
    tasks: Tasks,
}

/// Everything that was sent.
pub(crate) struct Traces {
    /// By their ids.
    pub(crate) spans: HashMap<Vec<u8>, Span>,
    bodies: Vec<Bytes>,
}

/// A span.
pub(crate) struct Span {
    /// The process that it comes from.
    pub(crate) process: String,
    pub(crate) id: Vec<u8>,
    pub(crate) trace_id: Vec<u8>,
    /// Empty where it is the first of its trace.
    pub(crate) parent_id: Vec<u8>,
    /// The traces of the spans that it points to.
    pub(crate) linked: Vec<Vec<u8>>,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) attributes: HashMap<String, String>,
}

impl Collector {
    /// Starts one on a free port.
    pub(crate) async fn start() -> Self {
        let received = Arc::<Mutex<Vec<Bytes>>>::default();
        let bodies = Arc::clone(&received);
        let routes = Router::new().route(
            "/v1/traces",
            post(move |body: Bytes| async move { bodies.lock().unwrap().push(body) }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = Tasks::new();
        tasks.start(|mut stop| async move {
            let stopped = async move { stop.requested().await };
            axum::serve(listener, routes).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { url, received, tasks }
    }

    /// Ends it; what it was sent.
    pub(crate) async fn end(self) -> Traces {
        self.tasks.stop().await;
        let bodies = std::mem::take(&mut *self.received.lock().unwrap());
        let spans = bodies.iter().flat_map(read).map(|span| (span.id.clone(), span)).collect();
        Traces { spans, bodies }
    }
}

fn read(body: &Bytes) -> Vec<Span> {
    let export = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut spans = Vec::new();
    for process in export.resource_spans {
        let resource = attributes(process.resource.unwrap().attributes);
        for span in process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                process: resource["service.name"].clone(),
                kind: span.kind(),
                id: span.span_id,
                trace_id: span.trace_id,
                parent_id: span.parent_span_id,
                linked: span.links.into_iter().map(|link| link.trace_id).collect(),
                name: span.name,
                attributes: attributes(span.attributes),
            });
        }
    }
    spans
}

fn attributes(attributes: Vec<KeyValue>) -> HashMap<String, String> {
    let text = |attribute: KeyValue| {
        let value = match attribute.value.unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key, value)
    };
    attributes.into_iter().map(text).collect()
}

impl Traces {
    /// The spans of a process.
    pub(crate) fn of<'a>(&'a self, process: &'a str) -> impl Iterator<Item = &'a Span> {
        self.spans.values().filter(move |span| span.process == process)
    }

    /// The span that one belongs to.
    pub(crate) fn parent(&self, span: &Span) -> Option<&Span> {
        self.spans.get(&span.parent_id)
    }

    /// The first span of the same trace.
    pub(crate) fn root<'a>(&'a self, span: &'a Span) -> &'a Span {
        self.parent(span).map_or(span, |parent| self.root(parent))
    }

    /// The only span of this name.
    pub(crate) fn named(&self, name: &str) -> &Span {
        let mut named = self.spans.values().filter(|span| span.name == name);
        let span = named.next().unwrap_or_else(|| panic!("no span is called `{name}`"));
        assert!(named.next().is_none(), "several spans are called `{name}`");
        span
    }

    /// The only part of a span that has this name.
    pub(crate) fn within(&self, span: &Span, name: &str) -> &Span {
        let mut parts =
            self.spans.values().filter(|part| part.parent_id == span.id && part.name == name);
        let part = parts.next().unwrap_or_else(|| panic!("`{}` has no `{name}`", span.name));
        assert!(parts.next().is_none(), "`{}` has several of `{name}`", span.name);
        part
    }

    /// What was done for a span, indented by who did it for whom; equal neighbours are one.
    pub(crate) fn tree(&self, root: &Span) -> String {
        let mut lines = Vec::new();
        self.draw(root, 0, &mut lines);
        lines.join("\n")
    }

    fn draw(&self, span: &Span, depth: usize, lines: &mut Vec<String>) {
        let operation = span.attributes.get("db.operation").map(|it| format!(" {it}"));
        let line = format!("{}{}{}", "  ".repeat(depth), span.name, operation.unwrap_or_default());
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        let mut children: Vec<&Span> =
            self.spans.values().filter(|child| child.parent_id == span.id).collect();
        children.sort_by_key(|child| (&child.name, child.attributes.get("db.operation")));
        for child in children {
            self.draw(child, depth + 1, lines);
        }
    }

    /// Holds all that was sent to what is true of every trace. `secrets` must be nowhere.
    pub(crate) fn check(&self, secrets: &[&str]) {
        for span in self.spans.values() {
            let parent = self.parent(span);
            let name = &span.name;
            assert_eq!(
                parent.is_none(),
                span.parent_id.is_empty(),
                "the parent of `{name}` is lost"
            );
            if let Some(parent) = parent {
                assert_eq!(parent.trace_id, span.trace_id, "`{name}` left its trace");
            }
            if let Some(service) = name.strip_prefix("answer ") {
                assert_eq!(span.kind, SpanKind::Server);
                let asked = [format!("fetch {service}"), format!("call {service}")];
                match parent {
                    Some(parent) => {
                        assert!(asked.contains(&parent.name), "`{}` has `{name}`", parent.name);
                        assert_eq!(parent.kind, SpanKind::Client);
                    }
                    // The router looks whether it is there, which is no part of any request.
                    None => assert_eq!(self.tree(span), *name),
                }
            }
            if name.starts_with("sea_orm.") {
                assert!(parent.is_some(), "`{name}` is part of nothing");
            }
        }
        for secret in secrets {
            let is_said =
                |body: &Bytes| body.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!self.bodies.iter().any(is_said), "`{secret}` was sent to the collector");
        }
    }
}
