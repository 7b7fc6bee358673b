//! The text of a fetch: the GraphQL document that a subgraph is sent.

use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::Node;
use apollo_compiler::ast::{OperationType, VariableDefinition};

use crate::{Condition, Fetch, FetchRequest, FetchSelection, FetchSelectionSet, Literal};

/// The document of a fetch, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestText {
    /// The document, on one line.
    pub text: String,
    /// The client's variables that it declares, in the order of the client's operation.
    pub variables: Vec<Name>,
    /// For each entity batch, the variable that takes its representations.
    pub representation_variables: Vec<String>,
    /// For each entity batch, the response key of its entities.
    pub entity_keys: Vec<String>,
}

/// Writes the document of a fetch. `variables` are the definitions of the client's operation.
pub fn request_text(fetch: &Fetch, variables: &[Node<VariableDefinition>]) -> RequestText {
    let mut body = String::new();
    let mut used: Vec<Name> = Vec::new();
    let mut representation_variables = Vec::new();
    let mut entity_keys = Vec::new();
    let mut definitions = Vec::new();
    let operation_type = match &fetch.request {
        FetchRequest::Root { operation_type, selection_set, .. } => {
            write_selection_set(selection_set, &mut body, &mut used);
            *operation_type
        }
        FetchRequest::Entities(batches) => {
            body.push('{');
            let alone = batches.len() == 1;
            for (index, batch) in batches.iter().enumerate() {
                let variable =
                    if alone { "representations".to_owned() } else { format!("_r{index}") };
                let variable = free_variable(variable, variables);
                let key = if alone { "_entities".to_owned() } else { format!("_e{index}") };
                let alias = if alone { String::new() } else { format!("{key}:") };
                if index > 0 {
                    body.push(' ');
                }
                let condition = batch.condition.inside(&fetch.condition);
                conditional(&condition, &mut body, &mut used, |directives, body, used| {
                    let arguments = format!("(representations:${variable})");
                    let _ = write!(body, "{alias}_entities{arguments}{directives}");
                    write_selection_set(&batch.selection_set, body, used);
                });
                definitions.push(format!("${variable}:[_Any!]!"));
                representation_variables.push(variable);
                let given =
                    batch.context.iter().map(|value| format!("${}:{}", value.variable, value.ty));
                definitions.extend(given);
                entity_keys.push(key);
            }
            body.push('}');
            OperationType::Query
        }
    };
    let declared: Vec<&Node<VariableDefinition>> =
        variables.iter().filter(|v| used.contains(&v.name)).collect();
    definitions.extend(declared.iter().map(|variable| definition(variable)));
    let head =
        if definitions.is_empty() { String::new() } else { format!("({})", definitions.join(",")) };
    RequestText {
        text: format!("{}{head}{body}", operation_type.name()),
        variables: declared.iter().map(|variable| variable.name.clone()).collect(),
        representation_variables,
        entity_keys,
    }
}

/// A name that none of the client's variables has.
fn free_variable(mut name: String, variables: &[Node<VariableDefinition>]) -> String {
    while variables.iter().any(|variable| variable.name == name.as_str()) {
        name.insert(0, '_');
    }
    name
}

/// `$name:Type=default`; directives are the router's business.
fn definition(variable: &VariableDefinition) -> String {
    let default =
        variable.default_value.as_ref().map(|value| format!("={}", value.serialize().no_indent()));
    format!("${}:{}{}", variable.name, variable.ty, default.unwrap_or_default())
}

/// Writes `{a b{c}}` and notes the variables in it.
pub(crate) fn write_selection_set(set: &FetchSelectionSet, out: &mut String, used: &mut Vec<Name>) {
    out.push('{');
    for (index, selection) in set.selections.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_selection(selection, out, used);
    }
    out.push('}');
}

fn write_selection(selection: &FetchSelection, out: &mut String, used: &mut Vec<Name>) {
    match selection {
        FetchSelection::Field(field) => {
            conditional(&field.condition, out, used, |directives, out, used| {
                if let Some(alias) = &field.alias {
                    let _ = write!(out, "{alias}:");
                }
                let _ = write!(out, "{}{}{directives}", field.name, field.arguments);
                note(&field.variables, used);
                if !field.selection_set.selections.is_empty() {
                    write_selection_set(&field.selection_set, out, used);
                }
            });
        }
        FetchSelection::InlineFragment(fragment) => {
            conditional(&fragment.condition, out, used, |directives, out, used| {
                let _ = write!(out, "...on {}{directives}", fragment.type_condition);
                write_selection_set(&fragment.selection_set, out, used);
            });
        }
    }
}

/// Writes a selection under its condition: once with directives, or once for each alternative.
fn conditional(
    condition: &Condition,
    out: &mut String,
    used: &mut Vec<Name>,
    mut write: impl FnMut(&str, &mut String, &mut Vec<Name>),
) {
    for (index, all) in condition.any.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        for literal in all {
            note(std::slice::from_ref(&literal.variable), used);
        }
        // One field or fragment carries `@include` and `@skip` once each; more of them wrap it in fragments.
        let (own, wrapping) = split_literals(all);
        for literal in &wrapping {
            let _ = write!(out, "...{}{{", directive(literal));
        }
        let directives: String = own.iter().map(|literal| directive(literal)).collect();
        write(&directives, out, used);
        out.extend(std::iter::repeat_n('}', wrapping.len()));
    }
}

fn split_literals(all: &[Literal]) -> (Vec<&Literal>, Vec<&Literal>) {
    let include = all.iter().find(|literal| literal.holds_if);
    let skip = all.iter().find(|literal| !literal.holds_if);
    let own: Vec<&Literal> = include.into_iter().chain(skip).collect();
    let wrapping =
        all.iter().filter(|literal| !own.iter().any(|o| std::ptr::eq(*o, *literal))).collect();
    (own, wrapping)
}

/// ` @include(if: $a)`
fn directive(literal: &Literal) -> String {
    let name = if literal.holds_if { "include" } else { "skip" };
    format!(" @{name}(if:${})", literal.variable)
}

fn note(variables: &[Name], used: &mut Vec<Name>) {
    for variable in variables {
        if !used.contains(variable) {
            used.push(variable.clone());
        }
    }
}
