//! Makes a failing case smaller, as long as it fails in the same way.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, Directive, DirectiveList, Document, FieldDefinition, Selection,
};
use serde_json::Value;

use crate::case::{Failure, Federation, Kind};
use crate::data::Data;
use crate::detour;
use crate::mutate::has_implementations;
use crate::neat::{drop_unused_variables, without_fragments};
use crate::operation::Operation;

/// How often a smaller case is looked for.
const ATTEMPTS: usize = 4_000;

/// A failing case, made small.
pub(crate) fn shrink(
    mut federation: Federation,
    mut operation: Operation,
    like: &Failure,
) -> (Federation, Operation) {
    let plain = Federation { renaming: Vec::new(), ..federation.clone() };
    if fails(&plain, &operation, like) {
        federation = plain;
    }
    let mut attempts = if like.kind == Kind::Detour { ATTEMPTS / 8 } else { ATTEMPTS };
    loop {
        let before = attempts;
        let found = smaller_operation(&federation, &operation, like, &mut attempts)
            .map(|it| operation = it);
        let found = smaller_subgraphs(&federation, &operation, like, &mut attempts)
            .map(|it| federation.subgraphs = it)
            .or(found);
        let found = smaller_truth(&federation, &operation, like, &mut attempts)
            .map(|it| federation = it)
            .or(found);
        if found.is_none() || attempts == 0 || attempts == before {
            return (federation, operation);
        }
    }
}

/// How a case fails. Whether there is a detour is looked for only where there was one: it takes long.
pub(crate) fn failure(
    federation: &Federation,
    operation: &Operation,
    like: &Failure,
) -> Option<Failure> {
    let composed = match federation.compose() {
        Err(failure) => return Some(failure),
        Ok(composed) => composed,
    };
    let document = composed.validate(operation)?;
    let failure = composed.check(&document, operation).err();
    if failure.is_some() || like.kind != Kind::Detour {
        return failure;
    }
    let mut harder = detour::harder(federation).into_iter().filter_map(|it| it.compose().ok());
    harder.find_map(|harder| detour::compare(&composed, &harder, operation).err())
}

fn fails(federation: &Federation, operation: &Operation, like: &Failure) -> bool {
    let failure = std::panic::catch_unwind(|| failure(federation, operation, like));
    failure.ok().flatten().is_some_and(|failure| failure.is_like(like))
}

/// Leaves out one thing after the other, the largest first, and keeps what still fails.
fn leave_out(
    document: &Document,
    attempts: &mut usize,
    still_fails: impl Fn(&Document) -> bool,
) -> Option<Document> {
    let mut smallest = None;
    let mut current = document.clone();
    let mut index = 0;
    while *attempts > 0 {
        let mut candidate = current.clone();
        if !Scissors::new(index).cut(&mut candidate) {
            break;
        }
        *attempts -= 1;
        if still_fails(&candidate) {
            current = candidate.clone();
            smallest = Some(candidate);
        } else {
            index += 1;
        }
    }
    smallest
}

fn smaller_operation(
    federation: &Federation,
    operation: &Operation,
    like: &Failure,
    attempts: &mut usize,
) -> Option<Operation> {
    let with_text = |document: &Document| {
        let mut document = document.clone();
        drop_unused_variables(&mut document);
        Operation { text: document.to_string(), ..operation.clone() }
    };
    let mut document = Document::parse(&operation.text, "operation.graphql").ok()?;
    let flat = without_fragments(&document);
    if fails(federation, &with_text(&flat), like) {
        document = flat;
    }
    let smaller =
        leave_out(&document, attempts, |document| fails(federation, &with_text(document), like));
    let mut smaller = with_text(&smaller.unwrap_or(document));
    // Variables that are no longer defined are not sent.
    let names: Vec<String> = smaller.variables.keys().cloned().collect();
    for name in names {
        if !smaller.text.contains(&format!("${name}")) {
            smaller.variables.remove(&name);
        }
    }
    // Labels that make no difference are off.
    for label in operation.labels.clone() {
        let mut without = smaller.clone();
        without.labels.retain(|it| *it != label);
        if fails(federation, &without, like) {
            smaller = without;
        }
    }
    (smaller.text != operation.text || smaller.labels != operation.labels).then_some(smaller)
}

fn smaller_subgraphs(
    federation: &Federation,
    operation: &Operation,
    like: &Failure,
    attempts: &mut usize,
) -> Option<Vec<(String, String)>> {
    let mut current = federation.clone();
    for index in (0..federation.subgraphs.len()).rev() {
        let mut without = current.clone();
        let (name, _) = without.subgraphs.remove(index);
        without.renaming.retain(|it| *it != name);
        if fails(&without, operation, like) {
            current = without;
            continue;
        }
        let (name, sdl) = current.subgraphs[index].clone();
        let Ok(document) = Document::parse(&sdl, &name) else { continue };
        let needs_implementations = has_implementations(&document);
        let smaller = leave_out(&document, attempts, |document| {
            // A field of an interface without types has no value: that would be another failure.
            if needs_implementations && !has_implementations(document) {
                return false;
            }
            let mut candidate = current.clone();
            candidate.subgraphs[index].1 = document.to_string();
            fails(&candidate, operation, like)
        });
        if let Some(smaller) = smaller {
            current.subgraphs[index].1 = smaller.to_string();
        }
    }
    (current.subgraphs != federation.subgraphs).then_some(current.subgraphs)
}

/// Takes items out of lists, and arguments out of texts.
fn smaller_truth(
    federation: &Federation,
    operation: &Operation,
    like: &Failure,
    attempts: &mut usize,
) -> Option<Federation> {
    let mut current = federation.clone();
    let mut found = false;
    let mut index = 0;
    while *attempts > 0 {
        let mut candidate = current.clone();
        if !shorten_one(&mut candidate.truth, index) {
            break;
        }
        *attempts -= 1;
        if fails(&candidate, operation, like) {
            current = candidate;
            found = true;
        } else {
            index += 1;
        }
    }
    found.then_some(current)
}

fn shorten_one(truth: &mut Data, mut left: usize) -> bool {
    let roots = [&mut truth.query, &mut truth.mutation, &mut truth.subscription];
    let objects = truth.entities.iter_mut().chain(roots);
    let entries = objects.flat_map(|object| object.iter_mut());
    // Keys stay: shorter ones could be the same.
    entries
        .filter(|(name, _)| !["marks", "legs"].contains(&name.as_str()))
        .any(|(_, value)| shorten(value, &mut left))
}

/// Takes the item with this number out of the lists in a value.
fn shorten(value: &mut Value, left: &mut usize) -> bool {
    match value {
        Value::Array(items) => {
            if *left < items.len() {
                items.remove(*left);
                return true;
            }
            *left -= items.len();
            items.iter_mut().any(|item| shorten(item, left))
        }
        Value::Object(entries) => entries.values_mut().any(|value| shorten(value, left)),
        _ => false,
    }
}

/// Cuts one thing out of a document: the one with this number.
pub(crate) struct Scissors {
    left: usize,
}

impl Scissors {
    pub(crate) fn new(number: usize) -> Self {
        Self { left: number }
    }

    fn here(&mut self) -> bool {
        let is_here = self.left == 0;
        self.left = self.left.wrapping_sub(1);
        is_here
    }

    fn one_of<T>(&mut self, items: &mut Vec<T>) -> bool {
        if self.left < items.len() {
            items.remove(self.left);
            return true;
        }
        self.left -= items.len();
        false
    }

    /// Says whether there was such a thing.
    pub(crate) fn cut(&mut self, document: &mut Document) -> bool {
        // The first definition is the operation, or what links to the federation.
        let mut others = document.definitions.split_off(1);
        let is_cut = self.one_of(&mut others);
        document.definitions.append(&mut others);
        if is_cut {
            return true;
        }
        document.definitions.iter_mut().any(|definition| self.definition(definition))
    }

    fn definition(&mut self, definition: &mut Definition) -> bool {
        match definition {
            Definition::OperationDefinition(operation) => {
                let operation = operation.make_mut();
                self.one_of(&mut operation.variables)
                    || self.selections(&mut operation.selection_set)
            }
            Definition::FragmentDefinition(fragment) => {
                self.selections(&mut fragment.make_mut().selection_set)
            }
            Definition::ObjectTypeDefinition(object) => {
                let object = object.make_mut();
                self.one_of(&mut object.implements_interfaces)
                    || self.directives(&mut object.directives)
                    || self.fields(&mut object.fields)
            }
            Definition::InterfaceTypeDefinition(interface) => {
                let interface = interface.make_mut();
                self.directives(&mut interface.directives) || self.fields(&mut interface.fields)
            }
            Definition::UnionTypeDefinition(union) => self.one_of(&mut union.make_mut().members),
            Definition::EnumTypeDefinition(definition) => {
                self.one_of(&mut definition.make_mut().values)
            }
            Definition::InputObjectTypeDefinition(input) => {
                self.one_of(&mut input.make_mut().fields)
            }
            _ => false,
        }
    }

    fn fields(&mut self, fields: &mut Vec<Node<FieldDefinition>>) -> bool {
        fields.len() > 1 && self.one_of(fields)
            || fields.iter_mut().any(|field| {
                let field = field.make_mut();
                self.one_of(&mut field.arguments) || self.directives(&mut field.directives)
            })
    }

    fn directives(&mut self, directives: &mut DirectiveList) -> bool {
        let list: &mut Vec<Node<Directive>> = &mut directives.0;
        self.one_of(list)
    }

    fn selections(&mut self, selections: &mut Vec<Selection>) -> bool {
        if selections.len() > 1 && self.one_of(selections) {
            return true;
        }
        for index in 0..selections.len() {
            // What is in a fragment takes its place.
            if let Selection::InlineFragment(fragment) = &selections[index]
                && self.here()
            {
                let inside = fragment.selection_set.clone();
                selections.splice(index..=index, inside);
                return true;
            }
            if match &mut selections[index] {
                Selection::Field(field) => {
                    let field = field.make_mut();
                    let has_alias = field.alias.is_some();
                    if has_alias && self.here() {
                        field.alias = None;
                        return true;
                    }
                    self.directives(&mut field.directives)
                        || self.one_of(&mut field.arguments)
                        || self.selections(&mut field.selection_set)
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = fragment.make_mut();
                    self.directives(&mut fragment.directives)
                        || self.selections(&mut fragment.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&mut spread.make_mut().directives)
                }
            } {
                return true;
            }
        }
        false
    }
}
