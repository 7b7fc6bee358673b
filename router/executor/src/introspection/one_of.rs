//! `__Type.isOneOf`, which apollo-compiler does not answer: it is asked for the type's name in its place, which then says.
//!
//! Spec: <https://spec.graphql.org/September2025/#sec-The-__Type-Type>

use apollo_compiler::collections::HashSet;
use apollo_compiler::executable::{ExecutableDocument, Field, Selection, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::{Name, Schema, name};

/// Puts `name` in the place of each `isOneOf`, under the same response key; whether there is any.
pub(super) fn ask_names(schema: &Schema, document: &mut ExecutableDocument) -> bool {
    let mut asked = false;
    for fragment in document.fragments.values_mut() {
        asked |= ask_names_in(schema, &mut fragment.make_mut().selection_set);
    }
    let operations = document.operations.anonymous.iter_mut();
    for operation in operations.chain(document.operations.named.values_mut()) {
        asked |= ask_names_in(schema, &mut operation.make_mut().selection_set);
    }
    asked
}

fn ask_names_in(schema: &Schema, selection_set: &mut SelectionSet) -> bool {
    let mut asked = false;
    for selection in &mut selection_set.selections {
        match selection {
            Selection::Field(field) if is_one_of(&selection_set.ty, field) => {
                if let Ok(definition) = schema.type_field("__Type", "name") {
                    let field = field.make_mut();
                    field.alias = Some(field.response_key().clone());
                    field.name = name!("name");
                    field.definition = definition.node.clone();
                    asked = true;
                }
            }
            Selection::Field(field) => {
                asked |= ask_names_in(schema, &mut field.make_mut().selection_set);
            }
            Selection::InlineFragment(fragment) => {
                asked |= ask_names_in(schema, &mut fragment.make_mut().selection_set);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
    asked
}

/// Answers each `isOneOf` of a document, where the name of the type stands.
pub(super) struct Answers<'a> {
    pub(super) schema: &'a Schema,
    /// The document as the client wrote it.
    pub(super) document: &'a ExecutableDocument,
}

impl Answers<'_> {
    /// Answers below an object.
    pub(super) fn object(&self, selection_set: &SelectionSet, object: &mut JsonMap) {
        self.selected(selection_set, object, &mut HashSet::default());
    }

    fn selected<'s>(
        &'s self,
        selection_set: &'s SelectionSet,
        object: &mut JsonMap,
        seen: &mut HashSet<&'s Name>,
    ) {
        for selection in &selection_set.selections {
            match selection {
                Selection::Field(field) => {
                    let Some(value) = object.get_mut(field.response_key().as_str()) else {
                        continue;
                    };
                    if !is_one_of(&selection_set.ty, field) {
                        self.value(&field.selection_set, value);
                    } else if let JsonValue::String(name) = value {
                        *value = self.of_type(name.as_str());
                    }
                }
                Selection::InlineFragment(fragment) => {
                    self.selected(&fragment.selection_set, object, seen);
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|it| seen.insert(&it.name)) {
                        self.selected(&fragment.selection_set, object, seen);
                    }
                }
            }
        }
    }

    fn value(&self, selection_set: &SelectionSet, value: &mut JsonValue) {
        match value {
            JsonValue::Object(object) => self.object(selection_set, object),
            JsonValue::Array(items) => {
                for item in items {
                    self.value(selection_set, item);
                }
            }
            _ => {}
        }
    }

    /// What is said of a type: null of all but input types.
    fn of_type(&self, name: &str) -> JsonValue {
        let input = self.schema.get_input_object(name);
        input.map_or(JsonValue::Null, |input| input.directives.has("oneOf").into())
    }
}

fn is_one_of(on: &Name, field: &Field) -> bool {
    on == "__Type" && field.name == "isOneOf"
}
