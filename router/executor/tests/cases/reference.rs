//! The reference executor: one server, one schema, straight from the specification, with nothing in common with ours.
//!
//! Spec: <https://spec.graphql.org/October2021/#sec-Execution>

use std::sync::atomic::Ordering;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::{DirectiveList, Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::contextual::Contextual;
use crate::data::{Source, is_composite, literal};

/// What the server answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `data`, as compact JSON with keys in the order of the selection set.
    pub(crate) data: String,
    /// Where there are errors: `me.reviews.0.author`.
    pub(crate) errors: Vec<String>,
    /// Objects in the data of types that their fields cannot return: nothing follows from such an answer.
    pub(crate) misfits: Vec<String>,
}

/// Executes an operation that is valid, with variables that fit.
pub(crate) fn execute(
    source: &Source,
    contextual: &[Contextual],
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    variables: &Map<String, Value>,
) -> Answer {
    let variables = source.variables(operation, variables);
    let (above, errors, misfits) = (Vec::new(), Vec::new(), Vec::new());
    let mut execution =
        Execution { source, contextual, document, variables, above, errors, misfits };
    let says = source.data.root(operation.operation_type);
    let object = Object { type_name: operation.object_type(), says };
    let sets = [&operation.selection_set];
    let data = execution.selection_set(&object, &sets, operation, "");
    let data = data.unwrap_or_else(|Null| "null".to_owned());
    Answer { data, errors: execution.errors, misfits: execution.misfits }
}

/// A null that its parent has to take, since the field's type forbids it.
struct Null;

struct Object<'a> {
    type_name: &'a str,
    says: &'a Map<String, Value>,
}

struct Execution<'a> {
    source: &'a Source,
    contextual: &'a [Contextual],
    document: &'a Valid<ExecutableDocument>,
    variables: Map<String, Value>,
    /// The objects whose fields are being executed, and their types.
    above: Vec<(String, Map<String, Value>)>,
    errors: Vec<String>,
    misfits: Vec<String>,
}

type Fields<'a> = IndexMap<&'a str, Vec<&'a Field>>;

impl<'a> Execution<'a> {
    /// <https://spec.graphql.org/October2021/#ExecuteSelectionSet()>
    fn selection_set(
        &mut self,
        object: &Object<'_>,
        sets: &[&'a SelectionSet],
        operation: &Operation,
        path: &str,
    ) -> Result<String, Null> {
        let mut fields = Fields::new();
        for set in sets {
            self.collect_fields(object.type_name, set, &mut fields);
        }
        let mut entries = Vec::new();
        let mut propagates = false;
        self.above.push((object.type_name.to_owned(), object.says.clone()));
        for (response_key, fields) in fields {
            let path = format!("{path}{response_key}");
            match self.field(object, &fields, operation, &path) {
                Ok(value) => entries.push(format!("\"{response_key}\":{value}")),
                Err(Null) => propagates = true,
            }
        }
        self.above.pop();
        if propagates { Err(Null) } else { Ok(format!("{{{}}}", entries.join(","))) }
    }

    /// <https://spec.graphql.org/October2021/#CollectFields()>
    fn collect_fields(&self, type_name: &str, set: &'a SelectionSet, fields: &mut Fields<'a>) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) if self.is_included(&field.directives) => {
                    fields.entry(field.response_key()).or_default().push(field);
                }
                Selection::InlineFragment(fragment) if self.is_included(&fragment.directives) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.applies(type_name, condition)) {
                        self.collect_fields(type_name, &fragment.selection_set, fields);
                    }
                }
                Selection::FragmentSpread(spread) if self.is_included(&spread.directives) => {
                    let fragment = &self.document.fragments[&spread.fragment_name];
                    if self.applies(type_name, fragment.type_condition()) {
                        self.collect_fields(type_name, &fragment.selection_set, fields);
                    }
                }
                _ => {}
            }
        }
    }

    fn is_included(&self, directives: &DirectiveList) -> bool {
        let condition = |directive: &str| {
            let argument = directives.get(directive)?.specified_argument_by_name("if")?;
            literal(argument, &|name| self.variables.get(name).cloned()).as_bool()
        };
        condition("skip") != Some(true) && condition("include") != Some(false)
    }

    fn applies(&self, object_type: &str, condition: &str) -> bool {
        object_type == condition || self.source.schema.is_subtype(condition, object_type)
    }

    /// <https://spec.graphql.org/October2021/#ExecuteField()>
    fn field(
        &mut self,
        object: &Object<'_>,
        fields: &[&'a Field],
        operation: &Operation,
        path: &str,
    ) -> Result<String, Null> {
        let field = fields[0];
        match field.name.as_str() {
            "__typename" => return Ok(format!("\"{}\"", object.type_name)),
            "__schema" | "__type" => return Ok(self.introspect(field, operation)),
            _ => {}
        }
        let schema = &self.source.schema;
        let definition = schema.type_field(object.type_name, &field.name).expect("validated");
        if operation.is_mutation() && operation.object_type() == object.type_name {
            self.source.mutations.fetch_add(1, Ordering::Relaxed);
        }
        let mut arguments = self.source.arguments(definition, &field.arguments, &self.variables);
        let contextual =
            self.contextual.iter().filter(|it| it.is_of(object.type_name, &field.name));
        arguments.extend(contextual.map(|it| it.value(self.source, &self.above)));
        let value = self.source.value(object.type_name, object.says, &field.name, &arguments);
        self.complete(&definition.ty, &value.unwrap_or_default(), fields, operation, path)
    }

    /// <https://spec.graphql.org/October2021/#CompleteValue()>
    fn complete(
        &mut self,
        ty: &Type,
        value: &Value,
        fields: &[&'a Field],
        operation: &Operation,
        path: &str,
    ) -> Result<String, Null> {
        let known = self.errors.len();
        let completed = match value {
            Value::Null => Err(Null),
            Value::Object(object) if object.contains_key("$error") => {
                self.errors.push(path.to_owned());
                Err(Null)
            }
            Value::Array(items) if ty.is_list() => {
                let mut completed = Vec::new();
                let mut propagates = false;
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}.{index}");
                    match self.complete(ty.item_type(), item, fields, operation, &path) {
                        Ok(item) => completed.push(item),
                        Err(Null) => propagates = true,
                    }
                }
                if propagates { Err(Null) } else { Ok(format!("[{}]", completed.join(","))) }
            }
            Value::Object(says) if is_composite(&self.source.schema, ty.inner_named_type()) => {
                let type_name = self.source.type_of(ty.inner_named_type(), says);
                let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
                if self.source.schema.get_object(type_name).is_some() {
                    if !self.applies(type_name, ty.inner_named_type()) {
                        self.misfits.push(format!("`{type_name}` at {path}"));
                        return Err(Null);
                    }
                    let object = Object { type_name, says };
                    self.selection_set(&object, &sets, operation, &format!("{path}."))
                } else {
                    // An inaccessible type is none of the types that there can be.
                    self.errors.push(path.to_owned());
                    Err(Null)
                }
            }
            leaf => self.leaf(ty.inner_named_type(), leaf, path),
        };
        match completed {
            Err(Null) if ty.is_non_null() => {
                if self.errors.len() == known {
                    self.errors.push(path.to_owned());
                }
                Err(Null)
            }
            Err(Null) => Ok("null".to_owned()),
            Ok(completed) => Ok(completed),
        }
    }

    fn leaf(&mut self, type_name: &str, value: &Value, path: &str) -> Result<String, Null> {
        match (self.source.schema.types.get(type_name), value) {
            // An inaccessible value is none of the values that there can be.
            (Some(ExtendedType::Enum(definition)), Value::String(name))
                if !definition.values.contains_key(name.as_str()) =>
            {
                self.errors.push(path.to_owned());
                Err(Null)
            }
            (_, Value::Object(raw)) if raw.contains_key("$json") => {
                Ok(raw["$json"].as_str().expect("a text").to_owned())
            }
            (_, value) => Ok(value.to_string()),
        }
    }

    fn introspect(&self, field: &Field, operation: &Operation) -> String {
        let schema = &self.source.schema;
        let variables: JsonMap = self
            .variables
            .iter()
            .map(|(name, value)| (name.as_str().into(), JsonValue::from(value.clone())))
            .collect();
        let response = apollo_compiler::introspection::partial_execute(
            schema,
            &schema.implementers_map(),
            self.document,
            operation,
            Valid::assume_valid_ref(&variables),
        );
        let data = response.expect("introspection succeeds").data.expect("it has data");
        data[field.response_key().as_str()].to_string()
    }
}
