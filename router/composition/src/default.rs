//! Default values, and the others that stand in a schema: what they are values of, and when two are the same.

use apollo_compiler::ast::{InputValueDefinition, Type, Value};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

use crate::subgraph::all_fields;

/// A default that is not a value of its type.
pub(crate) struct WrongDefault<'a> {
    /// `Query.user(role:)` or `Filter.role`.
    pub(crate) coordinate: String,
    pub(crate) definition: &'a Node<InputValueDefinition>,
    default: &'a Value,
}

impl WrongDefault<'_> {
    /// What is wrong.
    pub(crate) fn message(&self) -> String {
        let Self { coordinate, definition, default } = self;
        let (default, ty) = (default.serialize().no_indent(), &definition.ty);
        format!("the default `{default}` of `{coordinate}` is not a value of `{ty}`")
    }
}

/// The defaults of a schema that are not values of their types, which the validator leaves to its users.
pub(crate) fn wrong_defaults(schema: &Schema) -> Vec<WrongDefault<'_>> {
    let mut wrong = Vec::new();
    let mut check = |coordinate: &dyn Fn() -> String, definition| {
        let definition: &Node<InputValueDefinition> = definition;
        let Some(default) = definition.default_value.as_deref() else { return };
        if !is_value(schema, default, &definition.ty) {
            wrong.push(WrongDefault { coordinate: coordinate(), definition, default });
        }
    };
    for ty in schema.types.values().filter(|ty| !ty.is_built_in()) {
        for field in all_fields(ty).into_iter().flat_map(|fields| fields.values()) {
            for argument in &field.arguments {
                let coordinate = || format!("{}.{}({}:)", ty.name(), field.name, argument.name);
                check(&coordinate, argument);
            }
        }
        if let ExtendedType::InputObject(input) = ty {
            for field in input.fields.values() {
                check(&|| format!("{}.{}", input.name, field.name), &field.node);
            }
        }
    }
    wrong
}

/// Whether a value, as it is written in a schema, is one of a type.
pub(crate) fn is_value(schema: &Schema, value: &Value, ty: &Type) -> bool {
    if value.as_variable().is_some() {
        return false;
    }
    if value.is_null() {
        return !ty.is_non_null();
    }
    match (value, ty.is_list()) {
        (Value::List(items), true) => {
            items.iter().all(|item| is_value(schema, item, ty.item_type()))
        }
        // A single value stands for a list of one.
        (_, true) => is_value(schema, value, ty.item_type()),
        (_, false) => is_named_value(schema, value, ty.inner_named_type()),
    }
}

fn is_named_value(schema: &Schema, value: &Value, name: &Name) -> bool {
    match (schema.types.get(name), value) {
        (Some(ExtendedType::Enum(enumeration)), Value::Enum(value)) => {
            enumeration.values.contains_key(value)
        }
        // The field takes the name of an enum value as a string, too, as code-first libraries print it.
        (Some(ExtendedType::Enum(enumeration)), Value::String(value)) => {
            enumeration.values.contains_key(value.as_str())
        }
        (Some(ExtendedType::InputObject(input)), Value::Object(fields)) => {
            fields.iter().all(|(name, value)| {
                input.fields.get(name).is_some_and(|field| is_value(schema, value, &field.ty))
            }) && input.fields.values().all(|field| {
                !field.is_required() || fields.iter().any(|(name, _)| *name == field.name)
            })
        }
        (Some(ExtendedType::Enum(_) | ExtendedType::InputObject(_)), _) => false,
        _ => match name.as_str() {
            "Int" => matches!(value, Value::Int(_)),
            "Float" => matches!(value, Value::Int(_) | Value::Float(_)),
            "String" => matches!(value, Value::String(_)),
            "Boolean" => matches!(value, Value::Boolean(_)),
            "ID" => matches!(value, Value::String(_) | Value::Int(_)),
            // Only a custom scalar's own server knows its values.
            _ => true,
        },
    }
}

/// A value with the names of enum values written as names, where they may stand as texts.
pub(crate) fn with_names(schema: &Schema, value: &Value, ty: &Type) -> Value {
    let named = schema.types.get(ty.inner_named_type());
    match (value, named) {
        (Value::List(items), _) => {
            let item_type = if ty.is_list() { ty.item_type() } else { ty };
            let items = items.iter().map(|item| with_names(schema, item, item_type).into());
            Value::List(items.collect())
        }
        (Value::String(text), Some(ExtendedType::Enum(_))) => {
            Name::new(text).map_or_else(|_| value.clone(), Value::Enum)
        }
        (Value::Object(fields), Some(ExtendedType::InputObject(input))) => {
            let field = |(name, value): &(Name, Node<Value>)| {
                let ty = input.fields.get(name).map(|field| &field.ty);
                let value =
                    ty.map_or_else(|| value.clone(), |ty| with_names(schema, value, ty).into());
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(field).collect())
        }
        _ => value.clone(),
    }
}

/// Whether two values are the same, however they are written: numbers by what they are, objects in any order.
pub(crate) fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            a == b || (a.to_f64().is_some() && a.to_f64() == b.to_f64())
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let field = |name: &Name| b.iter().find(|(other, _)| other == name);
            a.len() == b.len()
                && a.iter().all(|(name, value)| field(name).is_some_and(|(_, b)| is_same(value, b)))
        }
        _ => a == b,
    }
}
