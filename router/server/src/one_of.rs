//! Literals of `@oneOf` inputs: each gives exactly one field, and not null. Values of variables are the executor's affair.
//!
//! Spec: <https://spec.graphql.org/September2025/#sec-OneOf-Input-Objects>; apollo-compiler's validation does not know it.

use apollo_compiler::ast::{Argument, DirectiveList, InputValueDefinition, Type, Value};
use apollo_compiler::executable::{ExecutableDocument, Selection, SelectionSet};
use apollo_compiler::response::GraphQLError;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema};

/// What is wrong with the literals of a document that is valid otherwise.
pub(crate) fn one_of_errors(
    schema: &Schema,
    document: &Valid<ExecutableDocument>,
) -> Vec<GraphQLError> {
    if !schema.types.values().any(|ty| is_one_of(Some(ty))) {
        return Vec::new();
    }
    let mut check = Check { schema, document, errors: Vec::new() };
    for operation in document.operations.iter() {
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                check.value(default, &variable.ty);
            }
        }
        check.directives(&operation.directives);
        check.selection_set(&operation.selection_set);
    }
    for fragment in document.fragments.values() {
        check.directives(&fragment.directives);
        check.selection_set(&fragment.selection_set);
    }
    check.errors
}

struct Check<'a> {
    schema: &'a Schema,
    document: &'a Valid<ExecutableDocument>,
    errors: Vec<GraphQLError>,
}

impl Check<'_> {
    fn selection_set(&mut self, selection_set: &SelectionSet) {
        for selection in &selection_set.selections {
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selection_set(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => self.selection_set(&fragment.selection_set),
                Selection::FragmentSpread(_) => {}
            }
            self.directives(selection.directives());
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        let schema = self.schema;
        for directive in directives {
            if let Some(definition) = schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(
        &mut self,
        arguments: &[Node<Argument>],
        definitions: &[Node<InputValueDefinition>],
    ) {
        for argument in arguments {
            let definition = definitions.iter().find(|it| it.name == argument.name);
            if let Some(definition) = definition {
                self.value(&argument.value, &definition.ty);
            }
        }
    }

    fn value(&mut self, value: &Node<Value>, ty: &Type) {
        let (name, schema) = (ty.inner_named_type(), self.schema);
        let definition = schema.types.get(name);
        match (&**value, definition) {
            (Value::List(items), _) => items.iter().for_each(|item| self.value(item, ty)),
            (Value::Object(given), Some(ExtendedType::InputObject(input))) => {
                if is_one_of(definition) && !self.is_one(given) {
                    let message = format!("`{name}` takes exactly one of its fields, and no null");
                    let error =
                        GraphQLError::new(message, value.location(), &self.document.sources);
                    self.errors.push(error);
                }
                for (field, value) in given {
                    if let Some(field) = input.fields.get(field) {
                        self.value(value, &field.ty);
                    }
                }
            }
            _ => {}
        }
    }

    fn is_one(&self, given: &[(Name, Node<Value>)]) -> bool {
        match given {
            [(_, value)] => match &**value {
                Value::Null => false,
                Value::Variable(variable) => self.is_never_null(variable),
                _ => true,
            },
            _ => false,
        }
    }

    /// A fragment's variables are those of the operations that spread it.
    fn is_never_null(&self, variable: &Name) -> bool {
        let variables = self.document.operations.iter().flat_map(|operation| &operation.variables);
        variables.filter(|it| it.name == *variable).all(|it| it.ty.is_non_null())
    }
}

fn is_one_of(ty: Option<&ExtendedType>) -> bool {
    ty.is_some_and(|ty| ty.is_input_object() && ty.directives().has("oneOf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_gives_one_field() {
        let schema = Schema::parse_and_validate(
            "directive @oneOf on INPUT_OBJECT
             directive @by(by: By) on FIELD
             input By @oneOf { id: ID name: String nested: Nested }
             input Nested { by: [By!] }
             type Query { ride(by: By, any: [By]): Int }",
            "schema.graphql",
        )
        .unwrap();
        let refused = "`By` takes exactly one of its fields, and no null";
        for (operation, places) in [
            ("{ ride(by: { id: 1 }) }", vec![]),
            ("{ ride(by: null) }", vec![]),
            ("{ ride(by: {}) }", vec![12]),
            ("{ ride(by: { id: null }) }", vec![12]),
            ("{ ride(by: { id: 1, name: null }) }", vec![12]),
            ("{ ride(any: [{ id: 1 }, {}, { id: 1, name: \"a\" }]) }", vec![25, 29]),
            ("{ ride(by: { nested: { by: { name: \"a\", id: 2 } } }) }", vec![28]),
            ("query ($id: ID!) { ride(by: { id: $id }) }", vec![]),
            ("query ($id: ID) { ride(by: { id: $id }) }", vec![28]),
            ("query ($by: By = {}) { ride(by: $by) }", vec![18]),
            ("{ ride @by(by: {}) }", vec![16]),
            ("{ ...F } fragment F on Query { ... on Query { ride(by: {}) } }", vec![56]),
        ] {
            let document =
                ExecutableDocument::parse_and_validate(&schema, operation, "operation.graphql")
                    .unwrap();
            let errors = one_of_errors(&schema, &document);
            assert!(errors.iter().all(|error| error.message == refused), "{errors:?}");
            let found: Vec<_> = errors.iter().map(|error| error.locations[0].column).collect();
            assert_eq!(found, places, "{operation}");
        }
    }
}
