//! Resolves the fields of a fake subgraph from its data, and minds what its schema does not promise.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use apollo_compiler::ast::{self, Selection, Type};
use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Map, Value};

use crate::data::{agree, is_composite, with_arguments};
use crate::fake_subgraph::{FakeSubgraph, RAW};

/// A request to a subgraph.
pub(crate) struct Asked<'d> {
    pub(crate) subgraph: &'d FakeSubgraph,
    pub(crate) variables: Map<String, Value>,
}

/// An object, and what the data says of it where it stands. What is not said there, an entity says.
pub(crate) struct Object<'d> {
    asked: &'d Asked<'d>,
    type_name: Cow<'d, str>,
    says: Cow<'d, Map<String, Value>>,
    /// What the router said of it, if it asked for it by `_entities`.
    representation: Option<Map<String, Value>>,
}

impl<'d> Object<'d> {
    pub(crate) fn new(
        asked: &'d Asked<'d>,
        type_name: &'d str,
        says: &'d Map<String, Value>,
    ) -> Self {
        let type_name = Cow::Borrowed(asked.subgraph.source.type_of(type_name, says));
        Self { asked, type_name, says: Cow::Borrowed(says), representation: None }
    }

    /// The entity that a representation means, if there is one. What the entity itself does not say, such as a field
    /// that another field requires, the representation says.
    fn of_representation(
        asked: &'d Asked<'d>,
        representation: &apollo_compiler::response::JsonValue,
    ) -> Option<Self> {
        let subgraph = asked.subgraph;
        let Ok(Value::Object(representation)) = serde_json::to_value(representation) else {
            subgraph.refuse("a representation is no object");
            return None;
        };
        let Some(represented_type) = representation.get("__typename").and_then(Value::as_str)
        else {
            subgraph.refuse("a representation without a `__typename`");
            return None;
        };
        let keys = subgraph.resolvable_keys(represented_type);
        let Some(key) = keys.iter().find(|key| has_fields(&representation, key)) else {
            subgraph.refuse(format!("no key of `{represented_type}` is in {representation:?}"));
            return None;
        };
        // One that agrees in all goes before one with the same key.
        let source = &subgraph.source;
        let by_key = || source.entity(represented_type, &only(&representation, key));
        let entity = source.entity(represented_type, &representation).or_else(by_key)?;
        let mut says = representation.clone();
        says.extend(entity.clone());
        // A representation of an interface's object does not say its type.
        let type_name = entity["__typename"].as_str().expect("it has a `__typename`").to_owned();
        Some(Self {
            asked,
            type_name: Cow::Owned(type_name),
            says: Cow::Owned(says),
            representation: Some(representation),
        })
    }

    fn entities<'a>(&'a self, info: &ResolveInfo<'_>) -> ResolvedValue<'a> {
        let representations = info.arguments()["representations"].as_array();
        let entities: Vec<_> = representations
            .expect("validated")
            .iter()
            .map(|representation| Object::of_representation(self.asked, representation))
            .map(ResolvedValue::nullable_object)
            .collect();
        ResolvedValue::list(entities)
    }

    /// Minds what the subgraph may not resolve here: what another one owns only where it was provided, and what requires
    /// other fields only for a representation that has them. Says whether they have the values that they should have.
    fn check(&self, info: &ResolveInfo<'_>) -> bool {
        let (subgraph, definition) = (self.asked.subgraph, info.field_definition());
        let (type_name, name) = (&self.type_name, info.field_name());
        let is_provided = self.representation.is_none() && self.says.contains_key(name);
        let is_external = definition.directives.has("external") && !is_provided;
        if is_external && !subgraph.is_in_a_key(type_name, name) {
            subgraph.refuse(format!("`{type_name}.{name}` is external and not provided"));
        }
        let Some(requires) = definition.directives.get("requires") else { return true };
        let fields = requires.specified_argument_by_name("fields").and_then(|it| it.as_str());
        let field_set = selections(fields.expect("a field set"));
        let field_set = subgraph.required(type_name, &field_set);
        match &self.representation {
            _ if field_set.is_empty() => true,
            Some(it) if has_fields(it, &field_set) => agree(&only(it, &field_set), &self.says),
            other => {
                subgraph.refuse(format!("what `{type_name}.{name}` requires is not in {other:?}"));
                false
            }
        }
    }
}

fn complete<'a>(
    asked: &'a Asked<'a>,
    value: Value,
    ty: &Type,
) -> Result<ResolvedValue<'a>, FieldError> {
    match value {
        Value::Object(object) if object.contains_key("$error") => {
            Err(FieldError { message: object["$error"].to_string() })
        }
        Value::Object(object) if object.contains_key("$json") => Ok(ResolvedValue::leaf(format!(
            "{RAW}{}{RAW}",
            object["$json"].as_str().expect("a text")
        ))),
        Value::Array(items) if ty.is_list() => {
            let item_type = ty.item_type().clone();
            let items = items.into_iter().map(move |item| complete(asked, item, &item_type));
            Ok(ResolvedValue::List(Box::new(items)))
        }
        Value::Object(says)
            if is_composite(&asked.subgraph.source.schema, ty.inner_named_type()) =>
        {
            let type_name = asked.subgraph.source.type_of(ty.inner_named_type(), &says).to_owned();
            let (type_name, says) = (Cow::Owned(type_name), Cow::Owned(says));
            Ok(ResolvedValue::object(Object { asked, type_name, says, representation: None }))
        }
        leaf => Ok(ResolvedValue::leaf(leaf)),
    }
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let (source, definition) = (&self.asked.subgraph.source, info.field_definition());
        if info.field_name() == "_entities" {
            return Ok(self.entities(info));
        }
        if source
            .schema
            .schema_definition
            .mutation
            .as_deref()
            .is_some_and(|it| it.as_str() == self.type_name)
        {
            source.mutations.fetch_add(1, Ordering::Relaxed);
        }
        if !self.check(info) {
            return Ok(ResolvedValue::null());
        }
        let given = &info.field_selections()[0].arguments;
        let arguments = source.arguments(definition, given, &self.asked.variables);
        let value = source.value(&self.type_name, &self.says, info.field_name(), &arguments);
        let Some(value) = value else {
            let field = with_arguments(info.field_name(), &arguments);
            let (type_name, says) = (&self.type_name, &self.says);
            self.asked
                .subgraph
                .refuse(format!("the data says nothing of `{type_name}.{field}` for {says:?}"));
            return Ok(ResolvedValue::null());
        };
        complete(self.asked, value, &definition.ty)
    }
}

/// The selections of a field set.
pub(crate) fn selections(field_set: &str) -> Vec<Selection> {
    let document = ast::Document::parse(format!("{{ {field_set} }}"), "fields.graphql");
    let document = document.unwrap_or_else(|invalid| panic!("{field_set}: {}", invalid.errors));
    match document.definitions.into_iter().next() {
        Some(ast::Definition::OperationDefinition(operation)) => operation.selection_set.clone(),
        other => panic!("{field_set} is no field set: {other:?}"),
    }
}

/// The fields of an object that a field set names.
fn only(object: &Map<String, Value>, field_set: &[Selection]) -> Map<String, Value> {
    let fields = field_set.iter().filter_map(|it| it.as_field());
    let named = fields.filter_map(|it| object.get_key_value(it.name.as_str()));
    named.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether an object has all fields of a field set, null or not.
fn has_fields(object: &Map<String, Value>, field_set: &[Selection]) -> bool {
    field_set.iter().all(|selection| match selection {
        Selection::Field(field) => object
            .get(field.name.as_str())
            .is_some_and(|value| value_has_fields(value, &field.selection_set)),
        // Objects inside a representation need not say their types.
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => true,
    })
}

fn value_has_fields(value: &Value, field_set: &[Selection]) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| value_has_fields(item, field_set)),
        Value::Object(object) => has_fields(object, field_set),
        _ => true,
    }
}
