//! A subgraph without a server: its SDL and some data, run through apollo-compiler's own execution.
//!
//! It is strict: it refuses a request that does not validate against its schema or sends a variable that the document does
//! not declare, a representation without one of its keys, and what it does not resolve there: an external field that
//! was not provided, a field whose requirements the representation lacks (in Federation 1, those that are other
//! subgraphs' fields). A refusal fails the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use apollo_compiler::ast::{self, Selection};
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::{ExecutionResponse, JsonMap};
use apollo_compiler::{ExecutableDocument, Schema};
use bytes::Bytes;
use executor::{SubgraphError, SubgraphResponse};
use serde::Deserialize;
use serde_json::Value;

use crate::data::{Answer, Data, Failure, Source};
use crate::resolver::{Asked, Object, selections};

/// What a subgraph's own SDL need not define.
const FEDERATION: &str = include_str!("federation.graphql");

/// Stands around a text that is answered verbatim, where apollo-compiler would see a string.
pub(crate) const RAW: char = '\u{1}';

/// One subgraph of a case.
pub(crate) struct FakeSubgraph {
    pub(crate) source: Source,
    is_federation_2: bool,
    answered: AtomicUsize,
    refusals: Mutex<Vec<String>>,
}

/// What a subgraph is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) query: String,
    #[serde(default)]
    pub(crate) variables: JsonMap,
}

impl FakeSubgraph {
    /// Reads the subgraph's SDL, with or without the federation's own definitions.
    pub(crate) fn new(name: &str, sdl: &str, data: Data, mutations: Arc<AtomicUsize>) -> Self {
        let mut builder = Schema::builder()
            .adopt_orphan_extensions()
            .parse(FEDERATION, "federation.graphql")
            .parse(sdl, name);
        let parsed = ast::Document::parse(sdl, name).expect("the subgraph parses");
        if !sdl.contains("directive @oneOf") {
            builder = builder.parse("directive @oneOf on INPUT_OBJECT", "one_of.graphql");
        }
        let entities = entity_types(&parsed);
        if !entities.is_empty() {
            let union = format!(
                "union _Entity = {}\nextend type {} {{ _entities(representations: [_Any!]!): [_Entity]! }}",
                entities.join(" | "),
                query_root(&parsed)
            );
            builder = builder.parse(union, "entities.graphql");
        }
        let schema = builder
            .build()
            .and_then(Schema::validate)
            .unwrap_or_else(|invalid| panic!("{name} is not a subgraph:\n{}", invalid.errors));
        let source = Source::new(schema, data, mutations);
        Self {
            source,
            is_federation_2: sdl.contains("specs.apollo.dev/federation/v2"),
            answered: AtomicUsize::new(0),
            refusals: Mutex::default(),
        }
    }

    /// Answers a request, whose body is `{"query":…,"variables":…}`.
    pub(crate) fn answer(&self, request: &Request) -> Result<SubgraphResponse, SubgraphError> {
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        let answers = &self.source.data.answers;
        match answers.get(number).or(answers.last()) {
            Some(Answer::Failure { failure }) => Err((*failure).into()),
            Some(Answer::Http { status, body }) => {
                Ok(SubgraphResponse { status: *status, body: Bytes::from(body.clone()) })
            }
            None => Ok(SubgraphResponse { status: 200, body: self.execute(request) }),
        }
    }

    /// What it was asked since the last time that it should not have been.
    pub(crate) fn take_refusals(&self) -> Vec<String> {
        std::mem::take(&mut *self.refusals.lock().expect("nothing panics while it is locked"))
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) {
        self.refusals.lock().expect("nothing panics while it is locked").push(reason.into());
    }

    /// The keys by which objects of a type can be asked for.
    pub(crate) fn resolvable_keys(&self, type_name: &str) -> Vec<Vec<Selection>> {
        self.keys(type_name, |key| {
            key.specified_argument_by_name("resolvable").and_then(|it| it.to_bool()) != Some(false)
        })
    }

    pub(crate) fn is_in_a_key(&self, type_name: &str, field_name: &str) -> bool {
        let is_field = |it: &Selection| it.as_field().is_some_and(|it| it.name == field_name);
        self.keys(type_name, |_| true).iter().flatten().any(is_field)
    }

    /// What of a requirement must be sent: in Federation 1, only the fields that are others'.
    pub(crate) fn required(&self, type_name: &str, field_set: &[Selection]) -> Vec<Selection> {
        if self.is_federation_2 {
            return field_set.to_vec();
        }
        let part = |selection: &Selection| match selection {
            Selection::Field(field) => {
                let definition = self.source.schema.type_field(type_name, &field.name).ok()?;
                let is_others = definition.directives.has("external");
                if is_others && !self.is_in_a_key(type_name, &field.name) {
                    return Some(selection.clone());
                }
                let below = definition.ty.inner_named_type();
                let selection_set = self.required(below, &field.selection_set);
                let part = ast::Field { selection_set, ..field.as_ref().clone() };
                (!part.selection_set.is_empty()).then(|| Selection::Field(part.into()))
            }
            Selection::InlineFragment(_) | Selection::FragmentSpread(_) => Some(selection.clone()),
        };
        field_set.iter().filter_map(part).collect()
    }

    fn keys(
        &self,
        type_name: &str,
        filter: impl Fn(&ast::Directive) -> bool,
    ) -> Vec<Vec<Selection>> {
        let Some(ty) = self.source.schema.types.get(type_name) else { return Vec::new() };
        let keys = ty.directives().get_all("key").filter(|key| filter(key));
        let texts = keys.filter_map(|key| key.specified_argument_by_name("fields")?.as_str());
        texts.map(selections).collect()
    }

    fn execute(&self, request: &Request) -> Bytes {
        self.response(request).unwrap_or_else(|reason| {
            self.refuse(format!("{reason}\n{}", request.query));
            Bytes::from_static(br#"{"errors":[{"message":"refused"}]}"#)
        })
    }

    fn response(&self, request: &Request) -> Result<Bytes, String> {
        let schema = &self.source.schema;
        let document =
            ExecutableDocument::parse_and_validate(schema, &request.query, "request.graphql")
                .map_err(|invalid| invalid.errors.to_string())?;
        let operation =
            document.operations.get(None).map_err(|error| error.message().to_string())?;
        for name in request.variables.keys() {
            if !operation.variables.iter().any(|it| it.name == name.as_str()) {
                return Err(format!("`${}` is sent, but not declared", name.as_str()));
            }
        }
        let says = self.source.data.root(operation.operation_type);
        let Ok(Value::Object(given)) = serde_json::to_value(&request.variables) else {
            return Err("the variables are no object".to_owned());
        };
        let asked = Asked { subgraph: self, variables: self.source.variables(operation, &given) };
        let root = Object::new(&asked, operation.object_type(), says);
        let mut response = Execution::new(schema, &document)
            .operation(operation)
            .enable_schema_introspection(true)
            .raw_variable_values(&request.variables)
            .execute_sync(&root)
            .map_err(|error| error.message().to_string())?;
        if let Some(error) = restore_errors(&mut response) {
            self.refuse(format!("the data does not fit: {error}"));
        }
        let json = serde_json::to_string(&response).map_err(|error| error.to_string())?;
        Ok(Bytes::from(with_raw(&json)))
    }
}

/// The name of the query's root type, which a subgraph may choose.
fn query_root(document: &ast::Document) -> &str {
    let definitions = document.definitions.iter().filter_map(|definition| match definition {
        ast::Definition::SchemaDefinition(schema) => Some(&schema.root_operations),
        ast::Definition::SchemaExtension(schema) => Some(&schema.root_operations),
        _ => None,
    });
    let mut roots = definitions.flatten();
    let query = roots.find(|root| root.0 == ast::OperationType::Query);
    query.map_or("Query", |root| root.1.as_str())
}

/// Takes the texts between `RAW`s for what they are, JSON.
fn with_raw(json: &str) -> String {
    let mut parts = json.split("\"\\u0001");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (raw, rest) = part.split_once("\\u0001\"").expect("there are two");
        out += &serde_json::from_str::<String>(&format!("\"{raw}\"")).expect("a string");
        out += rest;
    }
    out
}

/// The object types with a `@key` that may be asked for.
fn entity_types(document: &ast::Document) -> Vec<String> {
    use ast::Definition;
    let mut types: Vec<String> = document
        .definitions
        .iter()
        .filter(|it| {
            matches!(it, Definition::ObjectTypeDefinition(_) | Definition::ObjectTypeExtension(_))
        })
        .filter(|it| it.directives().has("key"))
        .filter_map(|it| it.name())
        .map(ToString::to_string)
        .collect();
    types.sort();
    types.dedup();
    types
}

/// Errors of the data went through execution as JSON in the message. Gives one that did not.
fn restore_errors(response: &mut ExecutionResponse) -> Option<String> {
    #[derive(Deserialize)]
    struct DataError {
        message: String,
        #[serde(default)]
        extensions: JsonMap,
    }
    let mut other = None;
    for error in &mut response.errors {
        let json = error.message.trim_start_matches("resolver error: ");
        match serde_json::from_str::<DataError>(json) {
            Ok(data_error) => {
                error.message = data_error.message;
                error.extensions = data_error.extensions;
            }
            Err(_) if error.message.starts_with("resolver returned") => {
                other = Some(error.message.clone());
            }
            Err(_) => {}
        }
    }
    other
}

impl From<Failure> for SubgraphError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Timeout => Self::Timeout,
            Failure::Unreachable => Self::Unreachable,
            Failure::TooLarge => Self::TooLarge,
        }
    }
}
