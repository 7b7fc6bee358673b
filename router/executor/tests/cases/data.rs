//! A schema and its data: what the fields of fake subgraphs, and of a server that knows everything, are resolved from.
//!
//! The format is documented in `router/cases/README.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apollo_compiler::ast::{Argument, FieldDefinition, InputValueDefinition, OperationType, Type};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::{ExtendedType, ObjectType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// `data/NAME.json`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    pub(crate) query: Map<String, Value>,
    pub(crate) mutation: Map<String, Value>,
    pub(crate) subscription: Map<String, Value>,
    pub(crate) entities: Vec<Map<String, Value>>,
    /// The answers to the first, second, … request, instead of execution; the last one stands for all that follow.
    pub(crate) answers: Vec<Answer>,
}

impl Data {
    /// The fields of a root type.
    pub(crate) fn root(&self, operation_type: OperationType) -> &Map<String, Value> {
        match operation_type {
            OperationType::Query => &self.query,
            OperationType::Mutation => &self.mutation,
            OperationType::Subscription => &self.subscription,
        }
    }
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

/// A schema with data for its fields.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) schema: Valid<Schema>,
    pub(crate) data: Data,
    /// How many root fields of mutations were resolved, here or anywhere else in the federation.
    pub(crate) mutations: Arc<AtomicUsize>,
}

/// The coerced arguments of a field, in the order of its definition.
pub(crate) type Arguments = Vec<(String, Value)>;

impl Source {
    pub(crate) fn new(schema: Valid<Schema>, data: Data, mutations: Arc<AtomicUsize>) -> Self {
        Self { schema, data, mutations }
    }

    /// The object type of a value whose field has type `declared`.
    pub(crate) fn type_of<'d>(
        &'d self,
        declared: &'d str,
        says: &'d Map<String, Value>,
    ) -> &'d str {
        let says_type = |says: &'d Map<String, Value>| says.get("__typename")?.as_str();
        if self.schema.get_object(declared).is_some() {
            return declared;
        }
        says_type(says).or_else(|| says_type(self.entity(declared, says)?)).unwrap_or(declared)
    }

    /// The first entity of a type that agrees with all that is said of an object, and in one thing at least.
    pub(crate) fn entity(
        &self,
        type_name: &str,
        says: &Map<String, Value>,
    ) -> Option<&Map<String, Value>> {
        let implements = |object: &ObjectType| object.implements_interfaces.contains(type_name);
        let is_of_type = |entity_type: &str| {
            entity_type == type_name
                || self.schema.get_object(entity_type).is_some_and(|it| implements(it))
        };
        self.data.entities.iter().find(|entity| {
            entity["__typename"].as_str().is_some_and(is_of_type)
                && says.iter().any(|(key, _)| key != "__typename" && entity.contains_key(key))
                && agree(entity, says)
        })
    }

    /// What the data says of a field with these arguments, for an object of which `says` is known where it stands.
    pub(crate) fn value(
        &self,
        type_name: &str,
        says: &Map<String, Value>,
        field_name: &str,
        arguments: &Arguments,
    ) -> Option<Value> {
        let with_arguments = with_arguments(field_name, arguments);
        let find = |says: &Map<String, Value>| {
            says.get(&with_arguments).or_else(|| says.get(field_name)).cloned()
        };
        let value = find(says).or_else(|| find(self.entity(type_name, says)?))?;
        Some(fill_in(value, arguments, self.mutations.load(Ordering::Relaxed)))
    }

    /// The values of an operation's variables: given, or by default, or absent.
    ///
    /// <https://spec.graphql.org/October2021/#CoerceVariableValues()>
    pub(crate) fn variables(
        &self,
        operation: &Operation,
        given: &Map<String, Value>,
    ) -> Map<String, Value> {
        let values = operation.variables.iter().filter_map(|definition| {
            let default = || definition.default_value.as_ref().map(|it| literal(it, &|_| None));
            let value = given.get(definition.name.as_str()).cloned().or_else(default)?;
            Some((definition.name.to_string(), self.coerce(&definition.ty, value)))
        });
        values.collect()
    }

    /// The values of a field's arguments: given, or by default, or absent.
    ///
    /// <https://spec.graphql.org/October2021/#CoerceArgumentValues()>
    pub(crate) fn arguments(
        &self,
        definition: &FieldDefinition,
        given: &[Node<Argument>],
        variables: &Map<String, Value>,
    ) -> Arguments {
        let variable = |name: &str| variables.get(name).cloned();
        let value_of = |definition: &InputValueDefinition| {
            let argument = given.iter().find(|argument| argument.name == definition.name);
            let value = argument.and_then(|argument| match argument.value.as_variable() {
                Some(name) => variable(name),
                None => Some(literal(&argument.value, &variable)),
            });
            value.or_else(|| Some(literal(definition.default_value.as_ref()?, &|_| None)))
        };
        let values = definition.arguments.iter().filter_map(|definition| {
            let value = self.coerce(&definition.ty, value_of(definition)?);
            Some((definition.name.to_string(), value))
        });
        values.collect()
    }

    /// Input coercion of a value that is valid.
    pub(crate) fn coerce(&self, ty: &Type, value: Value) -> Value {
        if value.is_null() {
            return value;
        }
        if ty.is_list() {
            let items = if let Value::Array(items) = value { items } else { vec![value] };
            return items.into_iter().map(|item| self.coerce(ty.item_type(), item)).collect();
        }
        match (self.schema.types.get(ty.inner_named_type()), value) {
            (Some(ExtendedType::InputObject(definition)), Value::Object(mut given)) => {
                let fields = definition.fields.values().filter_map(|field| {
                    let default = || field.default_value.as_ref().map(|it| literal(it, &|_| None));
                    let value = given.remove(field.name.as_str()).or_else(default)?;
                    Some((field.name.to_string(), self.coerce(&field.ty, value)))
                });
                Value::Object(fields.collect())
            }
            (_, Value::Number(number)) if ty.inner_named_type() == "ID" => {
                number.to_string().into()
            }
            (_, Value::Number(number)) if ty.inner_named_type() == "Float" => {
                number.as_f64().into()
            }
            (_, value) => value,
        }
    }
}

/// A literal as JSON.
pub(crate) fn literal(
    value: &apollo_compiler::ast::Value,
    variable: &dyn Fn(&str) -> Option<Value>,
) -> Value {
    use apollo_compiler::ast::Value as Literal;
    let number = |text: &str| serde_json::from_str(text).expect("a number literal is JSON");
    match value {
        Literal::Null => Value::Null,
        Literal::Enum(name) => name.as_str().into(),
        Literal::Variable(name) => variable(name).unwrap_or_default(),
        Literal::String(text) => text.as_str().into(),
        Literal::Float(text) => number(text.as_str()),
        Literal::Int(text) => number(text.as_str()),
        Literal::Boolean(value) => (*value).into(),
        Literal::List(items) => items.iter().map(|item| literal(item, variable)).collect(),
        Literal::Object(entries) => {
            // An absent variable is an absent field.
            let is_absent = |value: &Literal| matches!(value, Literal::Variable(name) if variable(name).is_none());
            let given = entries.iter().filter(|(_, value)| !is_absent(value));
            Value::Object(
                given.map(|(name, value)| (name.to_string(), literal(value, variable))).collect(),
            )
        }
    }
}

/// Whether two objects say the same wherever both say something; types aside.
pub(crate) fn agree(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    left.iter().filter(|(key, _)| *key != "__typename").all(|(key, left)| match right.get(key) {
        None => true,
        Some(right) => values_agree(left, right),
    })
}

fn values_agree(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(raw), right) | (right, Value::Object(raw)) if raw.contains_key("$json") => {
            raw["$json"].as_str().and_then(|json| serde_json::from_str(json).ok()).as_ref()
                == Some(right)
                || right.get("$json") == raw.get("$json")
        }
        (Value::Object(left), Value::Object(right)) => agree(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| values_agree(a, b))
        }
        (left, right) => left == right,
    }
}

/// `name(first:5,order:NAME)`, in the order of the definition; just `name` without arguments.
pub(crate) fn with_arguments(field_name: &str, arguments: &Arguments) -> String {
    if arguments.is_empty() {
        field_name.to_owned()
    } else {
        format!("{field_name}({})", text(arguments))
    }
}

fn text(arguments: &Arguments) -> String {
    let argument = |(name, value): &(String, Value)| match value {
        Value::String(value) => format!("{name}:{value}"),
        value => format!("{name}:{}", compact(value)),
    };
    arguments.iter().map(argument).collect::<Vec<_>>().join(",")
}

/// JSON with the keys of objects in alphabetical order.
fn compact(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(","))
        }
        Value::Object(entries) => {
            let mut entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}:{}", compact(value))).collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        leaf => leaf.to_string(),
    }
}

/// Texts may speak of the field's arguments and of the mutations so far.
fn fill_in(value: Value, arguments: &Arguments, mutations: usize) -> Value {
    match value {
        Value::String(it) if it.contains('$') => it
            .replace("$arguments", &text(arguments))
            .replace("$mutations", &mutations.to_string())
            .into(),
        Value::Array(items) => {
            items.into_iter().map(|item| fill_in(item, arguments, mutations)).collect()
        }
        other => other,
    }
}

/// Whether fields can be selected in values of this type.
pub(crate) fn is_composite(schema: &Schema, type_name: &str) -> bool {
    matches!(
        schema.types.get(type_name),
        Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
    )
}
