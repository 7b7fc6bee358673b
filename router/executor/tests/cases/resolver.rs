//! Resolves the fields of a fake subgraph from its data.

use std::borrow::Cow;

use apollo_compiler::ast::Type;
use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::ObjectType;
use serde_json::{Map, Value};

use crate::fake_subgraph::{FakeSubgraph, Missing, is_composite};

/// An object, and what the data says of it where it stands. What is not said there, an entity says.
pub(crate) struct Object<'d> {
    subgraph: &'d FakeSubgraph,
    type_name: Cow<'d, str>,
    says: Cow<'d, Map<String, Value>>,
}

impl<'d> Object<'d> {
    pub(crate) fn new(
        subgraph: &'d FakeSubgraph,
        type_name: &'d str,
        says: &'d Map<String, Value>,
    ) -> Self {
        let says_type = |says: &'d Map<String, Value>| says.get("__typename")?.as_str();
        let is_abstract = subgraph.schema.get_object(type_name).is_none();
        let type_name = says_type(says)
            .or_else(
                || if is_abstract { says_type(entity(subgraph, type_name, says)?) } else { None },
            )
            .unwrap_or(type_name);
        Self { subgraph, type_name: Cow::Borrowed(type_name), says: Cow::Borrowed(says) }
    }

    /// The entity that a representation means, if there is one. What the entity itself does not say, such as a field
    /// that another field requires, the representation says.
    fn of_representation(
        subgraph: &'d FakeSubgraph,
        representation: &apollo_compiler::response::JsonValue,
    ) -> Option<Self> {
        let Ok(Value::Object(mut says)) = serde_json::to_value(representation) else {
            panic!("a representation is an object");
        };
        let represented_type = says["__typename"].as_str().expect("it has a `__typename`");
        let entity = entity(subgraph, represented_type, &says)?.clone();
        says.extend(entity);
        // A representation of an interface's object does not say its type.
        let type_name = says["__typename"].as_str().expect("it has a `__typename`").to_owned();
        Some(Self { subgraph, type_name: Cow::Owned(type_name), says: Cow::Owned(says) })
    }

    /// What the data says of a field with these arguments.
    fn value<'a>(&'a self, field_name: &str, arguments: &JsonMap) -> Option<&'a Value> {
        let with_arguments = with_arguments(field_name, arguments);
        let find = |says: &'a Map<String, Value>| {
            says.get(&with_arguments).or_else(|| says.get(field_name))
        };
        find(&self.says).or_else(|| find(entity(self.subgraph, &self.type_name, &self.says)?))
    }

    fn entities<'a>(&'a self, info: &ResolveInfo<'_>) -> ResolvedValue<'a> {
        let representations = info.arguments()["representations"].as_array();
        let entities: Vec<_> = representations
            .expect("validated")
            .iter()
            .map(|representation| Object::of_representation(self.subgraph, representation))
            .map(ResolvedValue::nullable_object)
            .collect();
        ResolvedValue::list(entities)
    }

    fn complete<'a>(
        &'a self,
        value: &'a Value,
        ty: &'a Type,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        match value {
            Value::Object(object) if object.contains_key("$error") => {
                Err(FieldError { message: object["$error"].to_string() })
            }
            Value::Array(items) if ty.is_list() => {
                let items = items.iter().map(|item| self.complete(item, ty.item_type()));
                Ok(ResolvedValue::List(Box::new(items)))
            }
            Value::Object(object) if is_composite(&self.subgraph.schema, ty.inner_named_type()) => {
                Ok(ResolvedValue::object(Object::new(self.subgraph, ty.inner_named_type(), object)))
            }
            leaf => Ok(ResolvedValue::leaf(leaf.clone())),
        }
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
        if info.field_name() == "_entities" {
            return Ok(self.entities(info));
        }
        match self.value(info.field_name(), info.arguments()) {
            Some(value) => self.complete(value, &info.field_definition().ty),
            None if self.subgraph.missing == Missing::IsNull => Ok(ResolvedValue::null()),
            None => panic!(
                "the data says nothing of `{}.{}` for {:?}",
                self.type_name,
                with_arguments(info.field_name(), info.arguments()),
                self.says,
            ),
        }
    }
}

/// `name(first:5,order:NAME)`, in the order of the definition; just `name` without arguments.
fn with_arguments(field_name: &str, arguments: &JsonMap) -> String {
    if arguments.is_empty() {
        return field_name.to_owned();
    }
    let arguments: Vec<String> = arguments
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            format!("{}:{value}", name.as_str())
        })
        .collect();
    format!("{field_name}({})", arguments.join(","))
}

/// The first entity of a type that agrees with all that is said of an object, and in one thing at least.
fn entity<'d>(
    subgraph: &'d FakeSubgraph,
    type_name: &str,
    says: &Map<String, Value>,
) -> Option<&'d Map<String, Value>> {
    let is_of_type = |entity_type: &str| {
        let implements = |object: &ObjectType| object.implements_interfaces.contains(type_name);
        entity_type == type_name
            || subgraph.schema.get_object(entity_type).is_some_and(|it| implements(it))
    };
    subgraph.data.entities.iter().find(|entity| {
        entity["__typename"].as_str().is_some_and(is_of_type)
            && says.iter().any(|(key, _)| key != "__typename" && entity.contains_key(key))
            && agree(entity, says)
    })
}

/// Whether two objects say the same wherever both say something; types aside.
pub(crate) fn agree(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    left.iter().all(|(key, left)| match (left, right.get(key)) {
        (_, None) => true,
        _ if key == "__typename" => true,
        (Value::Object(left), Some(Value::Object(right))) => agree(left, right),
        (left, Some(right)) => left == right,
    })
}
