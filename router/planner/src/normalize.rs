//! Normalizes an operation into demands: fragments merged, impossible types dropped, `@skip` and `@include` as conditions.

use std::rc::Rc;

use apollo_compiler::ast::{Argument, Value};
use apollo_compiler::executable::{
    DirectiveList, ExecutableDocument, Field, Selection, SelectionSet,
};
use apollo_compiler::{Name, Node};
use supergraph::{Labels, SubgraphSet, Supergraph, TypeId, TypeSet, arguments_text};

use crate::demand::{Demand, Ids};
use crate::{Condition, Literal};

/// Makes demands of an operation.
pub(crate) struct Normalizer<'a> {
    pub(crate) supergraph: &'a Supergraph,
    pub(crate) document: &'a ExecutableDocument,
    pub(crate) labels: &'a Labels,
    pub(crate) ids: &'a Ids,
}

/// What holds for a whole selection set.
#[derive(Clone)]
struct Scope {
    parent: TypeId,
    /// The runtime types that objects here can have.
    types: TypeSet,
    /// What must hold inside the selection set for its fields to be wanted.
    condition: Vec<Literal>,
    /// What holds already where the selection set is looked at: the conditions of the fields around.
    outer: Vec<Literal>,
    /// The subgraphs that can resolve the object on this path.
    candidates: SubgraphSet,
    /// The runtime types that all candidates know here: a fragment on another one never matches, whoever is asked.
    common: Option<TypeSet>,
}

impl Scope {
    /// The condition with that of `@skip` and `@include` added; `None` where it can never hold here.
    fn and(&self, directives: &DirectiveList) -> Option<Vec<Literal>> {
        let mut all = self.condition.clone();
        for (name, holds_if) in [("include", true), ("skip", false)] {
            let directive = directives.get(name);
            let Some(value) = directive.and_then(|d| d.specified_argument_by_name("if")) else {
                continue;
            };
            match &**value {
                Value::Boolean(value) if *value == holds_if => {}
                Value::Variable(variable) => {
                    let variable = variable.clone();
                    match self.outer.iter().find(|known| known.variable == variable) {
                        Some(known) if known.holds_if == holds_if => {}
                        Some(_) => return None,
                        None => all.push(Literal { variable, holds_if }),
                    }
                }
                _ => return None,
            }
        }
        all.sort();
        all.dedup();
        let contradicts = all.windows(2).any(|pair| pair[0].variable == pair[1].variable);
        (!contradicts).then_some(all)
    }
}

impl Normalizer<'_> {
    /// The demands of an operation, without what the router answers by itself.
    pub(crate) fn operation(&self, root: TypeId, selection_set: &SelectionSet) -> Vec<Rc<Demand>> {
        let mut demands = self.selection_set(&selection_set.selections, &self.root(root));
        demands.retain(|demand| !demand.name.starts_with("__"));
        demands
    }

    /// The demands of a mutation, in the order in which they must be met. A field that is selected again elsewhere is
    /// executed at the first place whose condition holds: it is demanded at each, where none before holds.
    pub(crate) fn mutation(&self, root: TypeId, selection_set: &SelectionSet) -> Vec<Rc<Demand>> {
        let merged = self.operation(root, selection_set);
        let mut places = Vec::new();
        self.collect(&selection_set.selections, &self.root(root), &mut |demand| {
            places.push((demand.output, demand.condition));
        });
        let mut in_order: Vec<Rc<Demand>> = Vec::new();
        for (index, (output, condition)) in places.iter().enumerate() {
            let Some(demand) = merged.iter().find(|demand| demand.output == *output) else {
                continue;
            };
            let before = places[..index].iter().filter(|(known, _)| known == output);
            let before = before.fold(Condition::never(), |all, (_, it)| all.or(it));
            let condition = condition.and(&before.not());
            if !condition.any.is_empty() {
                in_order.push(Rc::new(Demand {
                    id: self.ids.next(),
                    condition,
                    ..Demand::clone(demand)
                }));
            }
        }
        in_order
    }

    fn root(&self, root: TypeId) -> Scope {
        Scope {
            parent: root,
            types: TypeSet::one(root),
            condition: Vec::new(),
            outer: Vec::new(),
            candidates: self.supergraph.subgraph_ids().collect(),
            common: None,
        }
    }

    fn selection_set(&self, selections: &[Selection], scope: &Scope) -> Vec<Rc<Demand>> {
        let mut demands = Vec::new();
        self.collect(selections, scope, &mut |demand| add(&mut demands, demand));
        demands
    }

    /// Hands on each field, in the order of the document.
    fn collect(&self, selections: &[Selection], scope: &Scope, field: &mut dyn FnMut(Demand)) {
        for selection in selections {
            if self.ids.is_exhausted() {
                return;
            }
            let (directives, on, inner) = match selection {
                Selection::Field(selection) => {
                    self.field(selection, scope).into_iter().for_each(&mut *field);
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
            let Some(condition) = scope.and(directives) else { continue };
            let narrowed = Scope { condition, ..self.narrowed(scope, on) };
            if !narrowed.types.is_empty() {
                self.collect(&inner.selections, &narrowed, field);
            }
        }
    }

    /// The scope of a fragment.
    fn narrowed(&self, scope: &Scope, on: Option<&Name>) -> Scope {
        let Some(on) = on.and_then(|name| self.supergraph.type_id(name)) else {
            return scope.clone();
        };
        let mut types = scope.types.intersection(self.supergraph.query_graph().runtime_types(on));
        if types != scope.types
            && let Some(common) = &scope.common
        {
            types = types.intersection(common);
        }
        Scope { parent: on, types, ..scope.clone() }
    }

    fn field(&self, field: &Node<Field>, scope: &Scope) -> Option<Demand> {
        let condition = scope.and(&field.directives)?;
        let children = match self.supergraph.type_id(&field.selection_set.ty) {
            Some(ty) if !field.selection_set.is_empty() => {
                let mut below = self.below(ty, &field.name, scope);
                below.outer = scope.outer.iter().chain(&condition).cloned().collect();
                self.selection_set(&field.selection_set.selections, &below)
            }
            _ => Vec::new(),
        };
        Some(Demand {
            id: self.ids.next(),
            output: Some(field.response_key().clone()),
            name: field.name.clone(),
            arguments: arguments_text(&field.arguments),
            variables: variables(&field.arguments),
            parent: Some(scope.parent),
            types: Some(scope.types.clone()),
            condition: Condition { any: vec![condition] },
            children,
        })
    }

    /// The scope of the selection set of a field.
    fn below(&self, ty: TypeId, field: &str, scope: &Scope) -> Scope {
        let graph = self.supergraph.query_graph();
        let mut candidates = SubgraphSet::default();
        let mut common: Option<TypeSet> = None;
        for class in scope.types.iter() {
            for subgraph in graph.subgraphs_of(class).iter() {
                let parent = Some(scope.parent);
                let resolution =
                    self.supergraph.resolution(parent, class, field, subgraph, self.labels);
                let reachable = scope.candidates.contains(subgraph)
                    || !graph.entries(class, subgraph).is_empty();
                let Some(resolution) = resolution.filter(|_| reachable) else { continue };
                candidates.insert(subgraph);
                let named = resolution.presence.ty.inner_named_type();
                let Some(here) = self.supergraph.type_id(named) else { continue };
                if self.supergraph.is_interface_object(here, subgraph) {
                    continue;
                }
                if let Some(classes) = graph.classes(here, subgraph).filter(|c| !c.contains(ty)) {
                    common = Some(common.map_or(classes.clone(), |c| c.intersection(classes)));
                }
            }
        }
        let types = graph.runtime_types(ty).clone();
        Scope { parent: ty, types, condition: Vec::new(), outer: Vec::new(), candidates, common }
    }
}

/// Adds a demand; one for the same entry of the same types is merged with it.
fn add(demands: &mut Vec<Rc<Demand>>, demand: Demand) {
    let same_field = |known: &Demand| {
        known.output == demand.output
            && known.name == demand.name
            && known.arguments == demand.arguments
            && known.parent.is_some() == demand.parent.is_some()
    };
    let covered = demand.children.is_empty()
        && demands.iter().any(|known| {
            let types = known.types.as_ref().zip(demand.types.as_ref());
            same_field(known)
                && known.parent == demand.parent
                && (known.condition.is_always() || known.condition == demand.condition)
                && types.is_none_or(|(wide, narrow)| narrow.is_subset(wide))
        });
    if covered {
        return;
    }
    let same = demands.iter_mut().find(|known| {
        same_field(known) && known.types == demand.types && known.parent == demand.parent
    });
    let Some(known) = same else {
        demands.push(Rc::new(demand));
        return;
    };
    let known = Rc::make_mut(known);
    let mut incoming = demand.children;
    if known.condition != demand.condition {
        // What is below keeps to the condition under which it was wanted.
        under(&mut known.children, &known.condition);
        under(&mut incoming, &demand.condition);
        known.condition = known.condition.or(&demand.condition);
    }
    for child in incoming {
        add(&mut known.children, Rc::unwrap_or_clone(child));
    }
}

fn under(demands: &mut [Rc<Demand>], condition: &Condition) {
    for demand in demands {
        let demand = Rc::make_mut(demand);
        demand.condition = demand.condition.and(condition);
    }
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
    for argument in arguments {
        walk(&argument.value, &mut found);
    }
    found
}
