//! A subgraph without a server: its SDL and some data, run through apollo-compiler's own execution.
//!
//! It is strict: a request that does not validate against the subgraph, or that sends a variable which the document
//! does not declare, fails the test. The data's format is documented in `router/cases/README.md`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use apollo_compiler::ast::OperationType;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::{ExecutionResponse, JsonMap};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use bytes::Bytes;
use executor::{SubgraphError, SubgraphResponse};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::resolver::Object;

/// What a subgraph's own SDL need not define.
const FEDERATION: &str = include_str!("federation.graphql");

/// One subgraph of a case.
pub(crate) struct FakeSubgraph {
    pub(crate) schema: Valid<Schema>,
    pub(crate) data: Data,
    pub(crate) missing: Missing,
    answered: AtomicUsize,
}

/// What a field means of which the data says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The data is not complete: the test fails.
    Fails,
    IsNull,
}

/// `data/NAME.json`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    pub(crate) query: Map<String, Value>,
    pub(crate) mutation: Map<String, Value>,
    pub(crate) subscription: Map<String, Value>,
    pub(crate) entities: Vec<Map<String, Value>>,
    /// The answers to the first, second, … request, instead of execution; the last one stands for all that follow.
    pub(crate) answers: Vec<Answer>,
}

/// An answer that is not executed.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Answer {
    Failure { failure: Failure },
    Http { status: u16, body: String },
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    Timeout,
    Unreachable,
    TooLarge,
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
    pub(crate) fn new(sdl: &str, path: &Path, data: Data) -> Self {
        let mut builder = Schema::builder()
            .adopt_orphan_extensions()
            .parse(FEDERATION, "federation.graphql")
            .parse(sdl, path);
        let parsed = apollo_compiler::ast::Document::parse(sdl, path).expect("the subgraph parses");
        let entities = entity_types(&parsed);
        if !entities.is_empty() {
            let union = format!(
                "union _Entity = {}\nextend type Query {{ _entities(representations: [_Any!]!): [_Entity]! }}",
                entities.join(" | ")
            );
            builder = builder.parse(union, "entities.graphql");
        }
        let schema = builder.build().and_then(Schema::validate).unwrap_or_else(|invalid| {
            panic!("{} is not a subgraph:\n{}", path.display(), invalid.errors)
        });
        Self::with_schema(schema, data, Missing::Fails)
    }

    pub(crate) fn with_schema(schema: Valid<Schema>, data: Data, missing: Missing) -> Self {
        Self { schema, data, missing, answered: AtomicUsize::new(0) }
    }

    /// Answers a request, whose body is `{"query":…,"variables":…}`.
    pub(crate) fn answer(&self, request: &Request) -> Result<SubgraphResponse, SubgraphError> {
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        let answers = &self.data.answers;
        match answers.get(number).or(answers.last()) {
            Some(Answer::Failure { failure }) => Err((*failure).into()),
            Some(Answer::Http { status, body }) => {
                Ok(SubgraphResponse { status: *status, body: Bytes::from(body.clone()) })
            }
            None => Ok(SubgraphResponse { status: 200, body: self.execute(request) }),
        }
    }

    /// Executes a request, whatever `answers` says.
    pub(crate) fn execute(&self, request: &Request) -> Bytes {
        let document =
            ExecutableDocument::parse_and_validate(&self.schema, &request.query, "request.graphql")
                .unwrap_or_else(|invalid| {
                    panic!("the subgraph refuses {}\n{}", request.query, invalid.errors)
                });
        let operation = document.operations.get(None).expect("a request has one operation");
        for name in request.variables.keys() {
            let declared = operation.variables.iter().any(|it| it.name == name.as_str());
            assert!(declared, "`${}` is sent, but not declared: {}", name.as_str(), request.query);
        }
        let says = match operation.operation_type {
            OperationType::Query => &self.data.query,
            OperationType::Mutation => &self.data.mutation,
            OperationType::Subscription => &self.data.subscription,
        };
        let root = Object::new(self, operation.object_type(), says);
        let mut response = Execution::new(&self.schema, &document)
            .operation(operation)
            .enable_schema_introspection(true)
            .raw_variable_values(&request.variables)
            .execute_sync(&root)
            .unwrap_or_else(|error| panic!("{}: {}", error.message(), request.query));
        restore_errors(&mut response);
        Bytes::from(serde_json::to_vec(&response).expect("a response is JSON"))
    }
}

/// The object types with a `@key` that may be asked for.
fn entity_types(document: &apollo_compiler::ast::Document) -> Vec<String> {
    use apollo_compiler::ast::Definition;
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

/// Errors of the data went through execution as JSON in the message.
fn restore_errors(response: &mut ExecutionResponse) {
    #[derive(Deserialize)]
    struct DataError {
        message: String,
        #[serde(default)]
        extensions: JsonMap,
    }
    for error in &mut response.errors {
        let json = error.message.trim_start_matches("resolver error: ");
        if let Ok(data_error) = serde_json::from_str::<DataError>(json) {
            error.message = data_error.message;
            error.extensions = data_error.extensions;
        }
    }
}

/// Whether fields can be selected in values of this type.
pub(crate) fn is_composite(schema: &Schema, type_name: &str) -> bool {
    matches!(
        schema.types.get(type_name),
        Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
    )
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
