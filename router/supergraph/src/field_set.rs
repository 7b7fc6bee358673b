//! A field set: the selection text inside `@key`, `@requires` and `@provides`, as a small tree.

use std::fmt;

use apollo_compiler::ast::{self, Definition, Document};
use apollo_compiler::{Name, Node};

/// The fields of a key, a requirement or a provision: `id organization { id } ... on Book { isbn }`.
///
/// It is syntax only; whether the fields exist is for the reader to check.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldSet {
    /// The selections, in the order of the text.
    pub selections: Vec<FieldSetSelection>,
}

/// One selection of a [`FieldSet`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldSetSelection {
    /// A field.
    Field(FieldSetField),
    /// `... on Type { … }`; without a type condition the selections count as the parent's.
    InlineFragment {
        /// The type condition.
        type_condition: Option<Name>,
        /// What is selected under it.
        selections: FieldSet,
    },
}

/// A field of a [`FieldSet`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldSetField {
    /// The alias, which only broken field sets have.
    pub alias: Option<Name>,
    /// The field's name.
    pub name: Name,
    /// The arguments as they are sent, e.g. `(unit: METER)`; empty without.
    pub arguments: String,
    /// The names of directives on the field, which only broken field sets have.
    pub directives: Vec<Name>,
    /// The fields below; empty for leaves.
    pub selections: FieldSet,
}

/// Why a text is not a field set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a field set: {reason}")]
pub struct FieldSetError {
    /// The text.
    pub text: String,
    /// What the parser says.
    pub reason: String,
}

impl FieldSet {
    /// Parses `id name`, with or without braces around it.
    pub fn parse(text: &str) -> Result<Self, FieldSetError> {
        if let Some(field_set) = plain(text) {
            return Ok(field_set);
        }
        let error = |reason: String| FieldSetError { text: text.to_owned(), reason };
        let inner =
            text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let document =
            Document::parse(format!("{{ {inner} }}"), "field set").map_err(|broken| {
                let reason = broken.errors.iter().next().map(|e| e.error.to_string());
                error(reason.unwrap_or_else(|| "it does not parse".to_owned()))
            })?;
        let [Definition::OperationDefinition(operation)] = document.definitions.as_slice() else {
            return Err(error("it is not one selection set".to_owned()));
        };
        convert(&operation.selection_set).map_err(error)
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.selections.is_empty()
    }

    /// The fields at the top, those in fragments included, in order.
    pub fn fields(&self) -> impl Iterator<Item = &FieldSetField> {
        let mut stack: Vec<&FieldSetSelection> = self.selections.iter().rev().collect();
        std::iter::from_fn(move || {
            loop {
                match stack.pop()? {
                    FieldSetSelection::Field(field) => return Some(field),
                    FieldSetSelection::InlineFragment { selections, .. } => {
                        stack.extend(selections.selections.iter().rev());
                    }
                }
            }
        })
    }
}

impl FieldSetField {
    /// The arguments with their values, to be looked into.
    pub fn argument_values(&self) -> Vec<Node<ast::Argument>> {
        if self.arguments.is_empty() {
            return Vec::new();
        }
        let document = Document::parse(format!("{{ field{} }}", self.arguments), "field set");
        let document = document.expect("the arguments were printed from parsed ones");
        let [Definition::OperationDefinition(operation)] = document.definitions.as_slice() else {
            return Vec::new();
        };
        let field = operation.selection_set.first().and_then(ast::Selection::as_field);
        field.map(|field| field.arguments.clone()).unwrap_or_default()
    }
}

/// What most field sets are: `id name`, fields without anything. It need not be parsed as a document.
fn plain(text: &str) -> Option<FieldSet> {
    let mut names = text.split_ascii_whitespace().peekable();
    names.peek()?;
    let selections = names.map(|name| {
        let field = FieldSetField {
            alias: None,
            name: Name::new(name).ok()?,
            arguments: String::new(),
            directives: Vec::new(),
            selections: FieldSet::default(),
        };
        Some(FieldSetSelection::Field(field))
    });
    Some(FieldSet { selections: selections.collect::<Option<_>>()? })
}

fn convert(selections: &[ast::Selection]) -> Result<FieldSet, String> {
    let selections = selections
        .iter()
        .map(|selection| match selection {
            ast::Selection::Field(field) => Ok(FieldSetSelection::Field(FieldSetField {
                alias: field.alias.clone(),
                name: field.name.clone(),
                arguments: arguments_text(&field.arguments),
                directives: field.directives.iter().map(|d| d.name.clone()).collect(),
                selections: convert(&field.selection_set)?,
            })),
            ast::Selection::InlineFragment(fragment) => Ok(FieldSetSelection::InlineFragment {
                type_condition: fragment.type_condition.clone(),
                selections: convert(&fragment.selection_set)?,
            }),
            ast::Selection::FragmentSpread(spread) => Err(format!(
                "it spreads the fragment `{}`, which cannot be defined in it",
                spread.fragment_name
            )),
        })
        .collect::<Result<_, _>>()?;
    Ok(FieldSet { selections })
}

/// Arguments as they are sent: `(first: 5, after: $cursor)`, or nothing.
pub fn arguments_text(arguments: &[Node<ast::Argument>]) -> String {
    if arguments.is_empty() {
        return String::new();
    }
    let list: Vec<String> = arguments
        .iter()
        .map(|a| format!("{}: {}", a.name, a.value.serialize().no_indent()))
        .collect();
    format!("({})", list.join(", "))
}

impl fmt::Display for FieldSet {
    /// `id organization { id }`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, selection) in self.selections.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            match selection {
                FieldSetSelection::Field(field) => {
                    write!(f, "{space}{}{}", field.name, field.arguments)?;
                    if !field.selections.is_empty() {
                        write!(f, " {{ {} }}", field.selections)?;
                    }
                }
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    let on =
                        type_condition.as_ref().map(|t| format!("on {t} ")).unwrap_or_default();
                    write!(f, "{space}... {on}{{ {selections} }}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, printed: &str) {
        assert_eq!(FieldSet::parse(text).unwrap().to_string(), printed);
    }

    #[test]
    fn prints_what_it_parsed() {
        check("id", "id");
        check("{ id }", "id");
        check("id organization{id name}", "id organization { id name }");
        check("size(unit: METER) ... on Book { isbn }", "size(unit: METER) ... on Book { isbn }");
    }

    #[test]
    fn refuses_what_is_no_field_set() {
        for text in ["", "id {", "id } query Q { x", "...F", "{", "id name)"] {
            assert!(FieldSet::parse(text).is_err(), "{text}");
        }
    }
}
