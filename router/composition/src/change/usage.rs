//! Which parts of a schema an operation uses.

use std::collections::BTreeSet;

use apollo_compiler::ast::{Argument, Directive, Value};
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};

use super::Change;

/// The coordinates that an operation uses: types, fields, arguments, input fields, enum values, directives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage(BTreeSet<String>);

impl Usage {
    /// What an operation of a document uses, by the schema that the document is valid against.
    pub fn of(schema: &Schema, document: &ExecutableDocument, operation: &Operation) -> Self {
        let mut reader =
            Reader { schema, document, used: BTreeSet::new(), spread: BTreeSet::new() };
        for variable in &operation.variables {
            reader.input_type(variable.ty.inner_named_type());
            if let Some(default) = &variable.default_value {
                reader.value(variable.ty.inner_named_type(), default);
            }
            reader.directives(&variable.directives);
        }
        reader.directives(&operation.directives);
        reader.selections(&operation.selection_set);
        Self(reader.used)
    }

    /// Whether a change touches something that the operation uses.
    pub fn meets(&self, change: &Change) -> bool {
        change.touches.iter().any(|coordinate| self.0.contains(coordinate))
    }
}

struct Reader<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    used: BTreeSet<String>,
    /// The fragments that were read already.
    spread: BTreeSet<&'a Name>,
}

impl<'a> Reader<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        self.used.insert(set.ty.to_string());
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    let coordinate = format!("{}.{}", set.ty, field.name);
                    self.used.insert(field.definition.ty.inner_named_type().to_string());
                    self.arguments(&coordinate, &field.arguments, &field.definition.arguments);
                    self.used.insert(coordinate);
                    self.directives(&field.directives);
                    if !field.selection_set.selections.is_empty() {
                        self.selections(&field.selection_set);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives);
                    self.selections(&fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives);
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.spread.insert(&fragment.name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn arguments(
        &mut self,
        on: &str,
        arguments: &[Node<Argument>],
        definitions: &[Node<apollo_compiler::ast::InputValueDefinition>],
    ) {
        for argument in arguments {
            self.used.insert(format!("{on}({}:)", argument.name));
            let definition = definitions.iter().find(|candidate| candidate.name == argument.name);
            if let Some(definition) = definition {
                self.value(definition.ty.inner_named_type(), &argument.value);
            }
        }
    }

    fn directives(&mut self, directives: &[Node<Directive>]) {
        for directive in directives {
            let coordinate = format!("@{}", directive.name);
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&coordinate, &directive.arguments, &definition.arguments);
            }
            self.used.insert(coordinate);
        }
    }

    /// What a written value uses.
    fn value(&mut self, type_name: &Name, value: &Value) {
        self.used.insert(type_name.to_string());
        match (value, self.schema.types.get(type_name)) {
            (Value::Enum(value), _) => {
                self.used.insert(format!("{type_name}.{value}"));
            }
            (Value::List(items), _) => {
                for item in items {
                    self.value(type_name, item);
                }
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(input))) => {
                for (name, value) in fields {
                    self.used.insert(format!("{type_name}.{name}"));
                    if let Some(field) = input.fields.get(name) {
                        self.value(field.ty.inner_named_type(), value);
                    }
                }
            }
            _ => {}
        }
    }

    /// What a variable may bring: any field of its input object, at any depth.
    fn input_type(&mut self, type_name: &Name) {
        if !self.used.insert(type_name.to_string()) {
            return;
        }
        if let Some(input) = self.schema.get_input_object(type_name) {
            for field in input.fields.values() {
                self.used.insert(format!("{type_name}.{}", field.name));
                self.input_type(field.ty.inner_named_type());
            }
        }
    }
}
