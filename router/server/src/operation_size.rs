//! How large an operation is, with its fragments written out, and whether that is too large.

use std::collections::HashMap;

use apollo_compiler::Name;
use apollo_compiler::executable::{ExecutableDocument, Operation, Selection, SelectionSet};
use apollo_compiler::validation::Valid;

use crate::config::Limits;

/// What an operation, or a part of one, measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OperationSize {
    /// Nested fields, from the root or from here.
    depth: usize,
    /// Nested fields below `__schema` or `__type`.
    introspection_depth: usize,
    /// Fields, each as often as a fragment brings it in.
    fields: usize,
}

impl OperationSize {
    /// Measures an operation. Every fragment is walked once, however often it is spread.
    pub(crate) fn of(document: &Valid<ExecutableDocument>, operation: &Operation) -> Self {
        Measure { document, fragments: HashMap::new() }.selection_set(&operation.selection_set)
    }

    /// Which limit it exceeds, if any.
    pub(crate) fn check(self, limits: &Limits) -> Result<(), String> {
        let measures = [
            ("nests fields", self.depth, limits.depth),
            ("nests introspection", self.introspection_depth, limits.introspection_depth),
            ("selects fields", self.fields, limits.fields),
        ];
        match measures.into_iter().find(|(_, size, limit)| size > limit) {
            Some((what, size, limit)) => {
                Err(format!("the operation {what} {size} times; the limit is {limit}"))
            }
            None => Ok(()),
        }
    }

    /// The size of two selections side by side.
    fn beside(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            introspection_depth: self.introspection_depth.max(other.introspection_depth),
            fields: self.fields.saturating_add(other.fields),
        }
    }

    /// The size of a field with this below it.
    fn below(self, field: &Name) -> Self {
        let fields = self.fields.saturating_add(1);
        match field.as_str() {
            // Introspection nests deeper than sensible operations do; it has a limit of its own.
            "__schema" | "__type" => Self { depth: 1, introspection_depth: self.depth, fields },
            _ => Self { depth: self.depth + 1, fields, ..self },
        }
    }
}

struct Measure<'a> {
    document: &'a Valid<ExecutableDocument>,
    fragments: HashMap<&'a Name, OperationSize>,
}

impl<'a> Measure<'a> {
    fn selection_set(&mut self, selection_set: &'a SelectionSet) -> OperationSize {
        selection_set
            .selections
            .iter()
            .map(|selection| self.selection(selection))
            .fold(OperationSize::default(), OperationSize::beside)
    }

    fn selection(&mut self, selection: &'a Selection) -> OperationSize {
        match selection {
            Selection::Field(field) => self.selection_set(&field.selection_set).below(&field.name),
            Selection::InlineFragment(fragment) => self.selection_set(&fragment.selection_set),
            Selection::FragmentSpread(spread) => {
                if let Some(&size) = self.fragments.get(&spread.fragment_name) {
                    return size;
                }
                let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else {
                    return OperationSize::default();
                };
                let size = self.selection_set(&fragment.selection_set);
                self.fragments.insert(&spread.fragment_name, size);
                size
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use apollo_compiler::Schema;

    use super::*;

    fn size(document: &str) -> OperationSize {
        let schema =
            Schema::parse_and_validate("type Query { a: Query b: Int }", "schema").unwrap();
        let document =
            ExecutableDocument::parse_and_validate(&schema, document, "document").unwrap();
        OperationSize::of(&document, document.operations.get(None).unwrap())
    }

    #[test]
    fn fragments_count_where_they_are_spread() {
        let written_out = size("{ a { a { b } b } }");
        assert_eq!(written_out, OperationSize { depth: 3, introspection_depth: 0, fields: 4 });
        let spread = size("{ a { ...f } } fragment f on Query { a { b } ... { b } }");
        assert_eq!(spread, written_out);
    }

    #[test]
    fn introspection_is_measured_apart() {
        assert_eq!(
            size("{ a { b } __schema { types { fields { name } } } }"),
            OperationSize { depth: 2, introspection_depth: 3, fields: 6 }
        );
    }

    #[test]
    fn fragments_that_double_are_measured_without_writing_them_out() {
        let doubling = (0..70).map(|index| {
            let next = index + 1;
            format!("fragment f{index} on Query {{ ...f{next} x: a {{ ...f{next} }} }}")
        });
        let fragments: Vec<String> = doubling.collect();
        let document = format!("{{ ...f0 }} {} fragment f70 on Query {{ b }}", fragments.join(" "));
        let size = size(&document);
        assert_eq!(size.fields, usize::MAX);
        assert_eq!(size.depth, 71);
        let error = size.check(&Limits::default()).unwrap_err();
        assert_eq!(error, "the operation nests fields 71 times; the limit is 30");
    }
}
