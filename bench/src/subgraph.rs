//! A subgraph of the bench: a schema and its data, run through apollo-compiler's own execution, once for each request
//! body; what it has answered before it answers from memory, so that the machine is left to the routers.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use anyhow::anyhow;
use apollo_compiler::ast::{Document, Type};
use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a subgraph's own SDL need not define.
const FEDERATION: &str = include_str!("../../router/executor/tests/cases/federation.graphql");
/// Bodies that are remembered: every router asks in its own words, with few bodies each.
const REMEMBERED: usize = 1_000;

/// A subgraph.
pub struct Subgraph {
    schema: Valid<Schema>,
    data: Data,
    /// For each type, by the value of its key, the place among its entities.
    index: HashMap<String, HashMap<String, usize>>,
    answers: RwLock<foldhash::HashMap<Bytes, Bytes>>,
}

/// `data/SUBGRAPH.json`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    query: Map<String, Value>,
    mutation: Map<String, Value>,
    entities: HashMap<String, Entities>,
}

/// The entities of a type. An object that has the key has all that its entity has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entities {
    key: String,
    items: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Request {
    query: String,
    #[serde(default)]
    variables: JsonMap,
}

impl Subgraph {
    pub(crate) fn new(name: &str, sdl: &str, data: Data) -> anyhow::Result<Self> {
        let document = Document::parse(sdl, name).map_err(|error| anyhow!("{}", error.errors))?;
        let mut builder = Schema::builder()
            .adopt_orphan_extensions()
            .parse(FEDERATION, "federation.graphql")
            .parse(sdl, name);
        let entity_types = entity_types(&document);
        if !entity_types.is_empty() {
            let definitions = format!(
                "union _Entity = {}\nextend type Query {{ _entities(representations: [_Any!]!): [_Entity]! }}",
                entity_types.join(" | ")
            );
            builder = builder.parse(definitions, "entities.graphql");
        }
        let schema = builder
            .build()
            .and_then(Schema::validate)
            .map_err(|invalid| anyhow!("`{name}` is not a subgraph:\n{}", invalid.errors))?;
        let index = data.entities.iter().map(|(type_name, entities)| {
            let key_of = |(at, item): (usize, &Map<String, Value>)| {
                item.get(&entities.key).map(|key| (key.to_string(), at))
            };
            (type_name.clone(), entities.items.iter().enumerate().filter_map(key_of).collect())
        });
        let index = index.collect();
        Ok(Self { schema, data, index, answers: RwLock::default() })
    }

    /// The answer to a request body.
    pub fn answer(&self, body: &Bytes) -> Bytes {
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner).get(body).cloned();
        known.unwrap_or_else(|| {
            let answer = self.execute(body).unwrap_or_else(|error| {
                let error = serde_json::json!({ "errors": [{ "message": error.to_string() }] });
                error.to_string().into()
            });
            let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
            if answers.len() < REMEMBERED {
                answers.insert(Bytes::copy_from_slice(body), answer.clone());
            }
            answer
        })
    }

    fn execute(&self, body: &Bytes) -> anyhow::Result<Bytes> {
        let request: Request = serde_json::from_slice(body)?;
        let document =
            ExecutableDocument::parse_and_validate(&self.schema, &request.query, "request.graphql")
                .map_err(|invalid| anyhow!("{}", invalid.errors))?;
        let operation = document.operations.get(None).map_err(|error| anyhow!("{error:?}"))?;
        let says = if operation.is_query() { &self.data.query } else { &self.data.mutation };
        let root = Object { subgraph: self, type_name: operation.object_type(), says, sent: None };
        let response = Execution::new(&self.schema, &document)
            .operation(operation)
            .raw_variable_values(&request.variables)
            .execute_sync(&root)
            .map_err(|error| anyhow!("{}", error.message()))?;
        Ok(serde_json::to_vec(&response)?.into())
    }

    /// The entity that an object means by its key.
    fn entity(
        &self,
        type_name: &str,
        key_of: impl Fn(&str) -> Option<String>,
    ) -> Option<&Map<String, Value>> {
        let entities = self.data.entities.get(type_name)?;
        let at = *self.index.get(type_name)?.get(&key_of(&entities.key)?)?;
        Some(&entities.items[at])
    }
}

/// The object types with a `@key`.
fn entity_types(document: &Document) -> Vec<String> {
    let keyed = document.definitions.iter().filter(|it| it.directives().has("key"));
    let objects = keyed.filter(|it| it.as_object_type_definition().is_some());
    objects.filter_map(|it| it.name()).map(ToString::to_string).collect()
}

/// An object, and what is said of it where it stands.
struct Object<'d> {
    subgraph: &'d Subgraph,
    type_name: &'d str,
    says: &'d Map<String, Value>,
    /// The representation that asked for it: fields that others require are there.
    sent: Option<&'d JsonMap>,
}

impl<'d> Object<'d> {
    fn value(&self, field_name: &str) -> Option<&'d Value> {
        let says = self.says;
        says.get(field_name).or_else(|| {
            let key_of = |key: &str| says.get(key).map(ToString::to_string);
            self.subgraph.entity(self.type_name, key_of)?.get(field_name)
        })
    }

    fn entities<'a>(&'a self, info: &'a ResolveInfo<'a>) -> ResolvedValue<'a> {
        let representations = info.arguments().get("representations").and_then(|it| it.as_array());
        let objects = representations.into_iter().flatten().map(|representation| {
            let sent = representation.as_object()?;
            let type_name = sent.get("__typename")?.as_str()?;
            let key_of = |key: &str| sent.get(key).map(ToString::to_string);
            let says = self.subgraph.entity(type_name, key_of)?;
            let (type_name, _) = self.subgraph.data.entities.get_key_value(type_name)?;
            Some(Object { subgraph: self.subgraph, type_name, says, sent: Some(sent) })
        });
        let objects: Vec<_> = objects.map(ResolvedValue::nullable_object).collect();
        ResolvedValue::list(objects)
    }

    fn complete<'a>(
        &'a self,
        value: &'a Value,
        ty: &'a Type,
        first: Option<usize>,
    ) -> ResolvedValue<'a> {
        match value {
            Value::Array(items) if ty.is_list() => {
                let items = items.iter().take(first.unwrap_or(usize::MAX));
                let items = items.map(|item| Ok(self.complete(item, ty.item_type(), None)));
                ResolvedValue::List(Box::new(items))
            }
            Value::Object(says)
                if self.subgraph.schema.get_object(ty.inner_named_type()).is_some() =>
            {
                let type_name = ty.inner_named_type();
                ResolvedValue::object(Object {
                    subgraph: self.subgraph,
                    type_name,
                    says,
                    sent: None,
                })
            }
            leaf => ResolvedValue::leaf(leaf.clone()),
        }
    }
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        if info.field_name() == "_entities" {
            return Ok(self.entities(info));
        }
        let first = info.arguments().get("first");
        let first = first.and_then(JsonValue::as_u64);
        match self.value(info.field_name()) {
            Some(value) => {
                let first = first.and_then(|first| usize::try_from(first).ok());
                Ok(self.complete(value, &info.field_definition().ty, first))
            }
            None => Ok(self
                .sent
                .and_then(|sent| sent.get(info.field_name()))
                .map_or(ResolvedValue::null(), |value| ResolvedValue::leaf(value.clone()))),
        }
    }
}
