//! Prints the operation that leads to a field.

use std::rc::Rc;

use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

/// A field on the way from the root, and the type that its value turned out to have.
pub(super) struct Step {
    pub(super) before: Option<Rc<Step>>,
    pub(super) parent: Name,
    pub(super) field: Name,
    pub(super) type_condition: Option<Name>,
}

/// An operation that clients may send: `mutation { rate(stars: 0) { ride { id } } }`.
pub(super) fn text(api_schema: &Schema, last: &Step) -> String {
    let is_composite = api_schema
        .type_field(&last.parent, &last.field)
        .ok()
        .and_then(|field| api_schema.types.get(field.ty.inner_named_type()))
        .is_some_and(|ty| ty.is_object() || ty.is_interface() || ty.is_union());
    let mut text = field_text(api_schema, last);
    if is_composite {
        text += " { __typename }";
    }
    let mut step = last;
    while let Some(before) = &step.before {
        if let Some(type_condition) = &before.type_condition {
            text = format!("... on {type_condition} {{ {text} }}");
        }
        text = format!("{} {{ {text} }}", field_text(api_schema, before));
        step = before;
    }
    let root = api_schema
        .schema_definition
        .iter_root_operations()
        .find(|(_, root)| root.name == step.parent);
    match root {
        Some((operation_type, _)) if operation_type.name() != "query" => {
            format!("{} {{ {text} }}", operation_type.name())
        }
        _ => format!("{{ {text} }}"),
    }
}

/// The field with a value for each argument that it wants.
fn field_text(api_schema: &Schema, step: &Step) -> String {
    let Ok(field) = api_schema.type_field(&step.parent, &step.field) else {
        return step.field.to_string();
    };
    let arguments: Vec<String> = field
        .arguments
        .iter()
        .filter(|argument| argument.is_required())
        .map(|argument| format!("{}: {}", argument.name, sample(api_schema, &argument.ty, 0)))
        .collect();
    if arguments.is_empty() {
        field.name.to_string()
    } else {
        format!("{}({})", field.name, arguments.join(", "))
    }
}

/// The simplest value of an input type.
fn sample(api_schema: &Schema, ty: &Type, depth: usize) -> String {
    if ty.is_list() {
        return "[]".to_owned();
    }
    match api_schema.types.get(ty.inner_named_type()) {
        Some(ExtendedType::Enum(enumeration)) => {
            enumeration.values.keys().next().map(ToString::to_string).unwrap_or_default()
        }
        // An input object cannot require itself, so the depth only guards against a schema that was never valid.
        Some(ExtendedType::InputObject(input)) if depth < 8 => {
            let fields: Vec<String> = input
                .fields
                .values()
                .filter(|field| field.is_required())
                .map(|field| {
                    format!("{}: {}", field.name, sample(api_schema, &field.ty, depth + 1))
                })
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        _ => match ty.inner_named_type().as_str() {
            "Int" | "Float" => "0".to_owned(),
            "Boolean" => "true".to_owned(),
            _ => "\"…\"".to_owned(),
        },
    }
}
