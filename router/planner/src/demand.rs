//! Normalises an operation into a tree of demands: which field is wanted of which runtime types, under what condition.

use std::sync::Arc;

use apollo_compiler::ast::{Argument, Type, Value};
use apollo_compiler::executable::{
    DirectiveList, ExecutableDocument, Field, Selection, SelectionSet,
};
use apollo_compiler::{Name, Node};
use supergraph::{FieldSet, FieldSetSelection, Supergraph, arguments_text};

use crate::{Condition, Literal};

/// Object types of the supergraph, sorted.
pub(crate) type Types = Arc<[Name]>;

/// A field that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    /// Unique in the plan; memos are kept by it.
    pub(crate) id: usize,
    /// The entry of the response tree; `None` where the planner has to choose a free one.
    pub(crate) output: Option<Name>,
    pub(crate) name: Name,
    /// The type on which the field was selected.
    pub(crate) parent: Name,
    /// The runtime types of which it is wanted.
    pub(crate) types: Types,
    pub(crate) arguments: String,
    pub(crate) variables: Vec<Name>,
    pub(crate) condition: Condition,
    pub(crate) children: Vec<Demand>,
}

/// Makes demands, numbering them.
pub(crate) struct Demands<'a> {
    supergraph: &'a Supergraph,
    document: &'a ExecutableDocument,
    next: usize,
}

/// What holds for a whole selection set.
struct Scope<'s> {
    parent: &'s Name,
    types: Types,
    condition: Vec<Literal>,
}

impl<'a> Demands<'a> {
    pub(crate) fn new(supergraph: &'a Supergraph, document: &'a ExecutableDocument) -> Self {
        Self { supergraph, document, next: 0 }
    }

    /// The demands of a selection set on a type; introspection fields are the router's own and left out at the root.
    pub(crate) fn of_selection_set(&mut self, selection_set: &SelectionSet) -> Vec<Demand> {
        let scope = Scope {
            parent: &selection_set.ty,
            types: self.runtime_types(&selection_set.ty),
            condition: Vec::new(),
        };
        let mut demands = Vec::new();
        self.collect(&selection_set.selections, &scope, &mut demands);
        demands
    }

    /// A demand's number.
    pub(crate) fn next_id(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// The demands of a field set on a type, with outputs to be chosen.
    pub(crate) fn of_field_set(
        &mut self,
        set: &FieldSet,
        parent: &Name,
        types: &Types,
        condition: &Condition,
    ) -> Vec<Demand> {
        let mut demands = Vec::new();
        for selection in &set.selections {
            match selection {
                FieldSetSelection::Field(field) => {
                    let child_type = self.field_type(parent, types, &field.name);
                    let children = match child_type {
                        Some(child) if !field.selections.is_empty() => {
                            let child_types = self.runtime_types(&child);
                            self.of_field_set(&field.selections, &child, &child_types, condition)
                        }
                        _ => Vec::new(),
                    };
                    demands.push(Demand {
                        id: self.next_id(),
                        output: None,
                        name: field.name.clone(),
                        parent: parent.clone(),
                        types: types.clone(),
                        arguments: field.arguments.clone(),
                        variables: Vec::new(),
                        condition: condition.clone(),
                        children,
                    });
                }
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    let on = type_condition.as_ref().unwrap_or(parent);
                    let narrowed = intersection(types, &self.runtime_types(on));
                    demands.extend(self.of_field_set(selections, on, &narrowed, condition));
                }
            }
        }
        demands
    }

    /// The object types that a composite type can be.
    pub(crate) fn runtime_types(&self, type_name: &str) -> Types {
        self.supergraph
            .composite_type(type_name)
            .map(|ty| ty.runtime_types.clone())
            .unwrap_or_default()
    }

    fn field_type(&self, parent: &Name, types: &Types, field: &Name) -> Option<Name> {
        let on = |name: &str| self.supergraph.composite_type(name)?.fields.get(field);
        let field = on(parent).or_else(|| types.iter().find_map(|name| on(name)))?;
        Some(field.ty.inner_named_type().clone())
    }

    fn collect(&mut self, selections: &[Selection], scope: &Scope<'_>, demands: &mut Vec<Demand>) {
        for selection in selections {
            let (directives, type_condition, inner) = match selection {
                Selection::Field(field) => {
                    self.field(field, scope, demands);
                    continue;
                }
                Selection::InlineFragment(fragment) => (
                    &fragment.directives,
                    fragment.type_condition.as_ref(),
                    &fragment.selection_set,
                ),
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else {
                        continue;
                    };
                    (&spread.directives, Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            let Some(condition) = and(&scope.condition, directives) else { continue };
            let parent = type_condition.unwrap_or(scope.parent);
            let types = intersection(&scope.types, &self.runtime_types(parent));
            if !types.is_empty() {
                self.collect(&inner.selections, &Scope { parent, types, condition }, demands);
            }
        }
    }

    fn field(&mut self, field: &Node<Field>, scope: &Scope<'_>, demands: &mut Vec<Demand>) {
        let Some(condition) = and(&scope.condition, &field.directives) else { return };
        let mut children = Vec::new();
        if !field.selection_set.is_empty() {
            let parent = &field.selection_set.ty;
            let below = Scope { parent, types: self.runtime_types(parent), condition: Vec::new() };
            self.collect(&field.selection_set.selections, &below, &mut children);
        }
        let demand = Demand {
            id: self.next_id(),
            output: Some(field.response_key().clone()),
            name: field.name.clone(),
            parent: scope.parent.clone(),
            types: scope.types.clone(),
            arguments: arguments_text(&field.arguments),
            variables: variables(&field.arguments),
            condition: Condition { any: vec![condition] },
            children,
        };
        add(demands, demand);
    }
}

/// Adds a demand; one for the same entry of the same types is merged with it.
pub(crate) fn add(demands: &mut Vec<Demand>, demand: Demand) {
    let same = demands.iter_mut().find(|known| {
        known.output == demand.output
            && known.name == demand.name
            && known.types == demand.types
            && known.arguments == demand.arguments
    });
    let Some(known) = same else {
        demands.push(demand);
        return;
    };
    let mut incoming = demand.children;
    if known.condition != demand.condition {
        // What is below keeps to the condition under which it was wanted.
        known
            .children
            .iter_mut()
            .for_each(|child| child.condition = child.condition.and(&known.condition));
        incoming
            .iter_mut()
            .for_each(|child| child.condition = child.condition.and(&demand.condition));
        known.condition = known.condition.or(&demand.condition);
    }
    incoming.into_iter().for_each(|child| add(&mut known.children, child));
}

/// The condition with that of `@skip` and `@include` added; `None` where it can never hold.
fn and(condition: &[Literal], directives: &DirectiveList) -> Option<Vec<Literal>> {
    let mut all = condition.to_vec();
    for (name, holds_if) in [("include", true), ("skip", false)] {
        let Some(value) = directives.get(name).and_then(|d| d.specified_argument_by_name("if"))
        else {
            continue;
        };
        match &**value {
            Value::Boolean(value) if *value == holds_if => {}
            Value::Variable(variable) => {
                let literal = Literal { variable: variable.clone(), holds_if };
                let opposite = Literal { variable: variable.clone(), holds_if: !holds_if };
                if all.contains(&opposite) {
                    return None;
                }
                if !all.contains(&literal) {
                    all.push(literal);
                }
            }
            _ => return None,
        }
    }
    all.sort();
    Some(all)
}

/// The variables that arguments use, in order of appearance, once each.
fn variables(arguments: &[Node<Argument>]) -> Vec<Name> {
    fn walk(value: &Value, found: &mut Vec<Name>) {
        match value {
            Value::Variable(name) if !found.contains(name) => found.push(name.clone()),
            Value::List(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(fields) => fields.iter().for_each(|(_, value)| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    arguments.iter().for_each(|argument| walk(&argument.value, &mut found));
    found
}

/// The types that are in both.
pub(crate) fn intersection(a: &Types, b: &Types) -> Types {
    if a == b { a.clone() } else { a.iter().filter(|name| b.contains(name)).cloned().collect() }
}

/// How many lists a type is wrapped in.
pub(crate) fn list_depth(ty: &Type) -> usize {
    match ty {
        Type::List(inner) | Type::NonNullList(inner) => 1 + list_depth(inner),
        Type::Named(_) | Type::NonNullNamed(_) => 0,
    }
}
