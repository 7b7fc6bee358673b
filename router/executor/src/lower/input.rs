//! Lowers the variables of an operation and the input types that they use.

use apollo_compiler::ast::{InputValueDefinition, Type, Value};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

use crate::json::write_string;
use crate::variables::{InputType, InputTypeReference, VariableDefinition, VariableTypes};

struct Lowering<'a> {
    schema: &'a Schema,
    names: Vec<Name>,
    types: Vec<InputType>,
}

/// The variables that the operation defines, typed by the API schema.
pub(crate) fn variable_types(schema: &Schema, operation: &Operation) -> VariableTypes {
    let mut lowering = Lowering { schema, names: Vec::new(), types: Vec::new() };
    let definitions = operation
        .variables
        .iter()
        .map(|variable| {
            lowering.definition(&variable.name, &variable.ty, variable.default_value.as_deref())
        })
        .collect();
    VariableTypes { definitions, types: lowering.types }
}

impl Lowering<'_> {
    fn definition(
        &mut self,
        name: &Name,
        ty: &Type,
        default: Option<&Value>,
    ) -> VariableDefinition {
        let mut non_null = vec![ty.is_non_null()];
        let mut item = ty;
        while item.is_list() {
            item = item.item_type();
            non_null.push(item.is_non_null());
        }
        let ty = InputTypeReference {
            text: ty.to_string().into(),
            non_null: non_null.into(),
            named: self.named(ty.inner_named_type()),
        };
        let default = default.map(|value| {
            let mut json = Vec::new();
            write_value(value, &mut json);
            json.into()
        });
        VariableDefinition { name: name.clone(), ty, default }
    }

    fn named(&mut self, name: &Name) -> usize {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return index;
        }
        let index = self.names.len();
        self.names.push(name.clone());
        // Its place is taken before its fields are looked at, which may be of the same type.
        self.types.push(InputType::Any);
        let lowered = match name.as_str() {
            "Int" => InputType::Int,
            "Float" => InputType::Float,
            "String" => InputType::String,
            "Boolean" => InputType::Boolean,
            "ID" => InputType::Id,
            _ => match self.schema.types.get(name) {
                Some(ExtendedType::Enum(definition)) => {
                    InputType::Enum(definition.values.keys().cloned().collect())
                }
                Some(ExtendedType::InputObject(definition)) => {
                    let fields = definition.fields.values().map(|field| self.field(field));
                    InputType::Object {
                        fields: fields.collect(),
                        is_one_of: definition.directives.has("oneOf"),
                    }
                }
                _ => InputType::Any,
            },
        };
        self.types[index] = lowered;
        index
    }

    fn field(&mut self, field: &InputValueDefinition) -> VariableDefinition {
        self.definition(&field.name, &field.ty, field.default_value.as_deref())
    }
}

/// A constant as JSON.
fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        // Validation allows no variable in a default.
        Value::Null | Value::Variable(_) => out.extend_from_slice(b"null"),
        Value::Enum(name) => write_string(name, out),
        Value::String(text) => write_string(text, out),
        Value::Boolean(boolean) => out.extend_from_slice(boolean.to_string().as_bytes()),
        Value::Int(int) => out.extend_from_slice(int.as_str().as_bytes()),
        Value::Float(float) => out.extend_from_slice(float.as_str().as_bytes()),
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(name, out);
                out.push(b':');
                write_value(value, out);
            }
            out.push(b'}');
        }
    }
}
