//! A subgraph for tests: SDL and JSON, executed by apollo-compiler, served by axum, remembering what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Version};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::feed::Feed;

/// What the SDL may use, and what federation adds to the root.
const FEDERATION: &str = r"
    scalar _Any
    scalar FieldSet
    type _Service { sdl: String! }
    directive @key(fields: FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
    directive @shareable repeatable on OBJECT | FIELD_DEFINITION
    directive @oneOf on INPUT_OBJECT
    directive @link(url: String!, import: [String!]) repeatable on SCHEMA
    extend type Query { _service: _Service!, _entities(representations: [_Any!]!): [_Entity]! }
";

/// Cheap to clone; the clones share what they were asked.
#[derive(Clone)]
pub(crate) struct Subgraph(Arc<Inner>);

struct Inner {
    sdl: String,
    schema: Valid<Schema>,
    data: Value,
    requests: Mutex<Vec<Request>>,
    feed: Feed,
    held: Mutex<Option<Held>>,
}

/// A request that is held back: it tells that it is there, and waits until it may go on.
type Held = (oneshot::Sender<()>, oneshot::Receiver<()>);

/// What the subgraph was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) version: Version,
    /// What a WebSocket began with.
    pub(crate) connection_init: Value,
}

impl Subgraph {
    /// `data` has an object for each root type, and a list for each entity.
    pub(crate) fn new(sdl: &str, entities: &str, data: Value) -> Self {
        let sdl = format!(
            "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.5\", import: [\"@key\", \"@shareable\"])\n{sdl}"
        );
        let whole = format!("{sdl}\n{FEDERATION}\nunion _Entity = {entities}");
        let schema = Schema::parse_and_validate(whole, "subgraph.graphql").unwrap();
        Self(Arc::new(Inner {
            sdl,
            schema,
            data,
            requests: Mutex::default(),
            feed: Feed::default(),
            held: Mutex::default(),
        }))
    }

    pub(crate) fn sdl(&self) -> &str {
        &self.0.sdl
    }

    /// Holds back the next request: resolves when that is there; and lets it go on.
    pub(crate) fn hold(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (is_there, asked) = oneshot::channel();
        let (go_on, may) = oneshot::channel();
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) = Some((is_there, may));
        (asked, go_on)
    }

    /// What its subscriptions are told.
    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// `/graphql` by POST, by WebSocket and as an event stream, like any subgraph.
    pub(crate) fn app(&self) -> Router {
        Router::new()
            .route("/graphql", post(answer).get(open_socket))
            .route("/livez", get(|| async { "ok" }))
            .with_state(self.clone())
    }

    /// What it was asked since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.0.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn note(
        &self,
        version: Version,
        headers: HeaderMap,
        body: Value,
        connection_init: Value,
    ) {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(Request { headers, body, version, connection_init });
    }

    fn execute(&self, body: &Value) -> Value {
        self.execute_on(body, None)
    }

    /// The answer to an event: what its root object says.
    pub(crate) fn execute_event(&self, body: &Value, event: &Value) -> Value {
        self.execute_on(body, Some(event))
    }

    fn execute_on(&self, body: &Value, event: Option<&Value>) -> Value {
        let Inner { schema, data, .. } = &*self.0;
        let text = body["query"].as_str().unwrap();
        let document = ExecutableDocument::parse_and_validate(schema, text, "request").unwrap();
        let operation = document.operations.get(None).unwrap();
        let variables = serde_json::from_value(body["variables"].clone()).unwrap_or_default();
        let root = Object {
            subgraph: &self.0,
            type_name: operation.object_type(),
            value: event.unwrap_or(&data[operation.object_type().as_str()]),
        };
        let execution = Execution::new(schema, &document).operation(operation);
        let response = execution.raw_variable_values(&variables).execute_sync(&root).unwrap();
        serde_json::to_value(response).unwrap()
    }
}

async fn answer(
    State(subgraph): State<Subgraph>,
    version: Version,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let held = subgraph.0.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((is_there, may)) = held {
        is_there.send(()).unwrap();
        may.await.unwrap();
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    if headers.get("accept").is_some_and(|accept| accept == "text/event-stream") {
        subgraph.note(version, headers, body.clone(), Value::Null);
        return crate::feed::event_stream(subgraph, body);
    }
    let answer = subgraph.execute(&body);
    subgraph.note(version, headers, body, Value::Null);
    axum::Json(answer).into_response()
}

async fn open_socket(
    State(subgraph): State<Subgraph>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.protocols(["graphql-transport-ws"]);
    upgrade.on_upgrade(move |socket| crate::feed::speak(subgraph, headers, socket))
}

struct Object<'a> {
    subgraph: &'a Inner,
    type_name: &'a str,
    value: &'a Value,
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        match info.field_name() {
            "_service" => {
                let service = json!({ "sdl": self.subgraph.sdl });
                Ok(ResolvedValue::object(Owned("_Service", service)))
            }
            "_entities" => {
                let representations = info.arguments()["representations"].as_array().unwrap();
                let entities: Vec<_> = representations
                    .iter()
                    .map(|representation| self.entity(&json!(representation)))
                    .collect();
                Ok(ResolvedValue::list(entities))
            }
            name => {
                Ok(self.value_of(&self.value[name], info.field_definition().ty.inner_named_type()))
            }
        }
    }
}

impl Object<'_> {
    fn value_of<'a>(&'a self, value: &'a Value, type_name: &'a str) -> ResolvedValue<'a> {
        match value {
            Value::Object(_) => {
                ResolvedValue::object(Object { subgraph: self.subgraph, type_name, value })
            }
            Value::Array(items) => {
                let items: Vec<_> =
                    items.iter().map(|item| self.value_of(item, type_name)).collect();
                ResolvedValue::list(items)
            }
            leaf => ResolvedValue::leaf(serde_json_bytes(leaf)),
        }
    }

    fn entity(&self, representation: &Value) -> ResolvedValue<'_> {
        let known = self.subgraph.data.as_object().unwrap();
        let found = known.get_key_value(representation["__typename"].as_str().unwrap()).and_then(
            |(type_name, entities)| {
                let matches = |entity: &&Value| {
                    let fields = representation.as_object().unwrap().iter();
                    fields
                        .filter(|(name, _)| *name != "__typename")
                        .all(|(name, value)| entity[name] == *value)
                };
                Some((type_name, entities.as_array()?.iter().find(matches)?))
            },
        );
        ResolvedValue::nullable_object(found.map(|(type_name, value)| Object {
            subgraph: self.subgraph,
            type_name,
            value,
        }))
    }
}

/// An object that is made for one answer.
struct Owned(&'static str, Value);

impl ObjectValue for Owned {
    fn type_name(&self) -> &str {
        self.0
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(ResolvedValue::leaf(serde_json_bytes(&self.1[info.field_name()])))
    }
}

fn serde_json_bytes(value: &Value) -> apollo_compiler::response::JsonValue {
    serde_json::from_value(value.clone()).unwrap()
}
