//! Normalizes an operation into demands: fragments merged, impossible types dropped, `@skip` and `@include` as conditions.

use std::collections::{HashMap, HashSet};
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
    /// The type of the field whose selection set it is, as clients see it.
    of: TypeId,
    /// The runtime types that objects here can have.
    types: TypeSet,
    /// What must hold inside the selection set for its fields to be wanted.
    condition: Vec<Literal>,
    /// What holds already where the selection set is looked at: the conditions of the fields around.
    outer: Vec<Literal>,
    /// The subgraphs that can resolve the object on this path.
    candidates: SubgraphSet,
    /// The runtime types that all candidates know here: a fragment on another one never matches, whoever is asked. An
    /// interface that nothing implements there has no objects, and is the one type that is left.
    common: Option<TypeSet>,
}

/// Selection sets, each with the condition under which it counts.
type Parts<'d> = Vec<(Vec<Literal>, &'d SelectionSet)>;

/// What is selected of an object.
#[derive(Default)]
struct Collected<'d> {
    fields: Vec<CollectedField<'d>>,
    /// Where fields are selected, in the order of the document: their response keys, and when.
    places: Vec<(&'d Name, Vec<Literal>)>,
    by_output: HashMap<&'d Name, Vec<usize>>,
    /// Fragments that have been spread here: once more adds nothing.
    spread: HashSet<(&'d Name, TypeSet, Vec<Literal>)>,
}

/// A field, wherever it is selected of the same types.
struct CollectedField<'d> {
    field: &'d Field,
    scope: Scope,
    arguments: String,
    condition: Condition,
    parts: Parts<'d>,
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

impl<'d> Normalizer<'d> {
    /// The demands of an operation, without what the router answers by itself.
    pub(crate) fn operation(
        &self,
        root: TypeId,
        selection_set: &'d SelectionSet,
    ) -> Vec<Rc<Demand>> {
        self.root_demands(self.collected(vec![(Vec::new(), selection_set)], &self.root(root)))
    }

    /// The demands of a mutation, in the order in which they must be met. A field that is selected again elsewhere is
    /// executed at the first place whose condition holds: it is demanded at each, where none before holds.
    pub(crate) fn mutation(
        &self,
        root: TypeId,
        selection_set: &'d SelectionSet,
    ) -> Vec<Rc<Demand>> {
        let mut collected = self.collected(vec![(Vec::new(), selection_set)], &self.root(root));
        let places = std::mem::take(&mut collected.places);
        let merged = self.root_demands(collected);
        let mut before: HashMap<&Name, Condition> = HashMap::new();
        let mut in_order: Vec<Rc<Demand>> = Vec::new();
        for (output, condition) in places {
            let Some(demand) = merged.iter().find(|demand| demand.output.as_ref() == Some(output))
            else {
                continue;
            };
            let condition = Condition { any: vec![condition] };
            let before = before.entry(output).or_insert_with(Condition::never);
            let here = condition.and(&before.not());
            *before = before.or(&condition);
            if !here.any.is_empty() {
                let children = self.possible(&demand.children, &here);
                let (id, condition) = (self.ids.next(), here);
                let demand = Demand { id, condition, children, ..Demand::clone(demand) };
                in_order.push(Rc::new(demand));
            }
        }
        in_order
    }

    /// The demands that can be wanted where `outer` holds.
    fn possible(&self, demands: &[Rc<Demand>], outer: &Condition) -> Vec<Rc<Demand>> {
        let possible = demands.iter().filter_map(|demand| {
            let absolute = outer.and(&demand.condition);
            let is_possible = !absolute.any.is_empty();
            is_possible.then(|| {
                let children = self.possible(&demand.children, &absolute);
                Rc::new(Demand { id: self.ids.next(), children, ..Demand::clone(demand) })
            })
        });
        possible.collect()
    }

    fn root(&self, root: TypeId) -> Scope {
        Scope {
            parent: root,
            of: root,
            types: TypeSet::one(root),
            condition: Vec::new(),
            outer: Vec::new(),
            candidates: self.supergraph.subgraph_ids().collect(),
            common: None,
        }
    }

    fn root_demands(&self, collected: Collected<'d>) -> Vec<Rc<Demand>> {
        let mut demands = self.demands(collected);
        demands.retain(|demand| !demand.name.starts_with("__"));
        demands
    }

    fn demands(&self, collected: Collected<'d>) -> Vec<Rc<Demand>> {
        collected.fields.into_iter().map(|field| Rc::new(self.demand(field))).collect()
    }

    /// What selection sets select of the same object.
    fn collected(&self, parts: Parts<'d>, scope: &Scope) -> Collected<'d> {
        let mut collected = Collected::default();
        for (condition, selection_set) in parts {
            let scope = Scope { condition, ..scope.clone() };
            self.collect(&selection_set.selections, &scope, &mut collected);
        }
        collected
    }

    fn collect(&self, selections: &'d [Selection], scope: &Scope, collected: &mut Collected<'d>) {
        for selection in selections {
            if self.ids.is_exhausted() {
                return;
            }
            let (directives, on, inner) = match selection {
                Selection::Field(field) => {
                    if let Some(condition) = scope.and(&field.directives) {
                        collected.add(field, scope, condition);
                    }
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
            let is_new = match selection {
                Selection::FragmentSpread(spread) => {
                    let (types, condition) = (narrowed.types.clone(), narrowed.condition.clone());
                    collected.spread.insert((&spread.fragment_name, types, condition))
                }
                _ => true,
            };
            if is_new && !narrowed.types.is_empty() {
                self.collect(&inner.selections, &narrowed, collected);
            }
        }
    }

    /// The scope of a fragment.
    fn narrowed(&self, scope: &Scope, on: Option<&Name>) -> Scope {
        let Some(on) = on.and_then(|name| self.supergraph.type_id(name)) else {
            return scope.clone();
        };
        let mut types = scope.types.intersection(self.supergraph.query_graph().runtime_types(on));
        if let Some(common) = &scope.common
            && !self.is_any(scope.of, on)
        {
            types = types.intersection(common);
        }
        Scope { parent: on, types, ..scope.clone() }
    }

    /// Whether a fragment on the second type matches every object of the first by definition, even where there is none.
    fn is_any(&self, of: TypeId, on: TypeId) -> bool {
        let name = |id| &self.supergraph.type_of(id).name;
        of == on || self.supergraph.api_schema().is_subtype(name(on), name(of))
    }

    fn demand(&self, collected: CollectedField<'d>) -> Demand {
        let CollectedField { field, scope, arguments, condition, mut parts } = collected;
        // What is below keeps to the condition under which it was wanted, where there are several.
        let mut outer = scope.outer.clone();
        if parts.iter().all(|(other, _)| *other == parts[0].0) {
            outer.extend(parts[0].0.iter().cloned());
            for (condition, _) in &mut parts {
                condition.clear();
            }
        }
        let id = self.ids.next();
        let children = match self.supergraph.type_id(&field.selection_set.ty) {
            Some(ty) if !field.selection_set.is_empty() => {
                let below = Scope { outer, ..self.below(ty, &field.name, &scope) };
                self.demands(self.collected(parts, &below))
            }
            _ => Vec::new(),
        };
        Demand {
            id,
            order: id,
            output: Some(field.response_key().clone()),
            name: field.name.clone(),
            arguments,
            variables: variables(&field.arguments),
            parent: Some(scope.parent),
            types: Some(scope.types),
            condition,
            children,
        }
    }

    /// The scope of the selection set of a field.
    fn below(&self, ty: TypeId, field: &str, scope: &Scope) -> Scope {
        let graph = self.supergraph.query_graph();
        let mut candidates = SubgraphSet::default();
        let mut common: Option<TypeSet> = None;
        let mut is_any = false;
        for class in scope.types.iter() {
            let parent = Some(scope.parent);
            for (subgraph, resolution) in
                self.supergraph.resolutions(parent, class, field, self.labels)
            {
                let reachable = scope.candidates.contains(subgraph)
                    || !graph.entries(class, subgraph).is_empty();
                if !reachable {
                    continue;
                }
                candidates.insert(subgraph);
                let named = resolution.presence.ty.inner_named_type();
                let Some(here) = self.supergraph.type_id(named) else { continue };
                if self.supergraph.is_interface_object(here, subgraph) {
                    is_any = true;
                } else if let Some(classes) = graph.classes(here, subgraph) {
                    common = Some(common.map_or(classes.clone(), |c| c.intersection(classes)));
                }
            }
        }
        // Behind an interface object there can be any type.
        common = common.filter(|_| !is_any);
        let types = graph.runtime_types(ty).clone();
        let (condition, outer) = (Vec::new(), Vec::new());
        Scope { parent: ty, of: ty, types, condition, outer, candidates, common }
    }
}

impl<'d> Collected<'d> {
    /// Adds a field; the same one of the same types is one field.
    fn add(&mut self, field: &'d Node<Field>, scope: &Scope, condition: Vec<Literal>) {
        self.places.push((field.response_key(), condition.clone()));
        let arguments = arguments_text(&field.arguments);
        let places = self.by_output.entry(field.response_key()).or_default();
        let condition_here = Condition { any: vec![condition.clone()] };
        for place in places.iter() {
            let known = &mut self.fields[*place];
            if known.field.name != field.name
                || known.arguments != arguments
                || known.scope.parent != scope.parent
            {
                continue;
            }
            let covers = field.selection_set.is_empty()
                && (known.condition.is_always() || known.condition == condition_here)
                && scope.types.is_subset(&known.scope.types);
            if covers {
                return;
            }
            if known.scope.types == scope.types {
                known.condition = known.condition.or(&condition_here);
                known.parts.push((condition, &field.selection_set));
                return;
            }
        }
        places.push(self.fields.len());
        self.fields.push(CollectedField {
            field,
            scope: scope.clone(),
            arguments,
            condition: condition_here,
            parts: vec![(condition, &field.selection_set)],
        });
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
