//! Builds the fetches: places every demand where it is cheapest met, and hops where it is not met at hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use apollo_compiler::ast::OperationType;
use apollo_compiler::{Name, name};
use supergraph::{SubgraphId, TypeKind};

use crate::cost::{Costs, REQUEST};
use crate::demand::{Demand, Demands, Types, list_depth};
use crate::hop::{Overlay, overlay_for};
use crate::selection::{SelectionId, Selections, typename};
use crate::{
    Condition, EntityBatch, Fetch, FetchField, FetchId, FetchRequest, PathElement, PlanError,
    Representation, RepresentationSelection, ResponsePath,
};

/// Up to how many subgraphs the cheapest combination is looked for among all combinations.
const EXACT_CHOICE: usize = 10;

/// The plan while it grows.
pub(crate) struct Builder<'a> {
    pub(crate) costs: Costs<'a>,
    pub(crate) demands: Demands<'a>,
    selections: Selections,
    drafts: Vec<Draft>,
    /// The entries of the response tree that are taken, by path: which field they hold; `None` for different ones.
    outputs: HashMap<String, HashMap<Name, Option<(Name, String)>>>,
}

/// A fetch that is not finished.
struct Draft {
    subgraph: SubgraphId,
    stage: u32,
    depends_on: BTreeSet<usize>,
    request: DraftRequest,
    set: SelectionId,
}

enum DraftRequest {
    Root(OperationType),
    Entities {
        path: Vec<PathElement>,
        representations: BTreeMap<Name, DraftRepresentation>,
        abstract_position: bool,
    },
}

struct DraftRepresentation {
    typename: Name,
    fields: Vec<RepresentationSelection>,
}

/// An object in the response tree, as one fetch sees it.
#[derive(Clone)]
struct Position {
    path: Vec<PathElement>,
    fetch: usize,
    subgraph: SubgraphId,
    /// The static type of the selection set.
    type_name: Name,
    /// What the object can be: runtime types, or the interface itself where only an interface object stands for it.
    classes: Vec<Name>,
    set: SelectionId,
    overlay: Overlay,
    /// A field whose requirement was sent with the representation, so that it is resolved here.
    granted: Option<Name>,
}

/// The fetches that were needed for something.
type Used = BTreeSet<usize>;

impl<'a> Builder<'a> {
    pub(crate) fn new(costs: Costs<'a>, demands: Demands<'a>) -> Self {
        Self {
            costs,
            demands,
            selections: Selections::default(),
            drafts: Vec::new(),
            outputs: HashMap::new(),
        }
    }

    /// Plans the root fields of a query or subscription: they are independent.
    pub(crate) fn query(
        &mut self,
        operation_type: OperationType,
        root: &Name,
        demands: &[Demand],
    ) -> Result<(), PlanError> {
        self.register("", demands);
        let choice = self.choose_roots(root, demands)?;
        for (subgraph, demands) in choice {
            self.root_fetch(operation_type, root, subgraph, &demands, BTreeSet::new())?;
        }
        Ok(())
    }

    /// Plans the root fields of a mutation: one after the other, each with all that hangs on it.
    pub(crate) fn mutation(&mut self, root: &Name, demands: &[Demand]) -> Result<(), PlanError> {
        self.register("", demands);
        let mut runs: Vec<(SubgraphId, Vec<Demand>)> = Vec::new();
        for demand in demands {
            for (subgraph, demands) in self.choose_roots(root, std::slice::from_ref(demand))? {
                match runs.last_mut() {
                    Some((last, run)) if *last == subgraph => run.extend(demands),
                    _ => runs.push((subgraph, demands)),
                }
            }
        }
        for (subgraph, demands) in runs {
            let before = (0..self.drafts.len()).collect();
            self.root_fetch(OperationType::Mutation, root, subgraph, &demands, before)?;
        }
        Ok(())
    }

    fn root_fetch(
        &mut self,
        operation_type: OperationType,
        root: &Name,
        subgraph: SubgraphId,
        demands: &[Demand],
        depends_on: BTreeSet<usize>,
    ) -> Result<(), PlanError> {
        let set = self.selections.add_set();
        let stage = self.stage_after(&depends_on);
        let request = DraftRequest::Root(operation_type);
        self.drafts.push(Draft { subgraph, stage, depends_on, request, set });
        let position = Position {
            path: Vec::new(),
            fetch: self.drafts.len() - 1,
            subgraph,
            type_name: root.clone(),
            classes: vec![root.clone()],
            set,
            overlay: Overlay::default(),
            granted: None,
        };
        self.place(&position, demands).map(drop)
    }

    /// Which subgraphs are asked for which root fields.
    fn choose_roots(
        &mut self,
        root: &Name,
        demands: &[Demand],
    ) -> Result<Vec<(SubgraphId, Vec<Demand>)>, PlanError> {
        let everyone: Vec<SubgraphId> = self.costs.router.supergraph.subgraph_ids().collect();
        self.choose(root, demands, "", |costs, demand| {
            let cost = |to: SubgraphId| {
                costs.here(demand, root, to, &Overlay::default()).map(|cost| (to, cost + REQUEST))
            };
            everyone.iter().filter_map(|to| cost(*to)).collect()
        })
    }

    /// The cheapest combination of subgraphs for these demands: each subgraph costs a request once, each demand what it
    /// costs there. A demand that no single subgraph can meet is split among several.
    fn choose(
        &mut self,
        class: &Name,
        demands: &[Demand],
        path: &str,
        candidates: impl Fn(&Costs<'a>, &Demand) -> Vec<(SubgraphId, u64)>,
    ) -> Result<Vec<(SubgraphId, Vec<Demand>)>, PlanError> {
        let mut open: Vec<(Demand, Vec<(SubgraphId, u64)>)> = Vec::new();
        let mut waiting: Vec<Demand> = demands.iter().rev().cloned().collect();
        while let Some(demand) = waiting.pop() {
            self.costs.check_budget()?;
            let found = candidates(&self.costs, &demand);
            if !found.is_empty() {
                open.push((demand, found));
                continue;
            }
            let (part, rest) = self.split(class, &demand, path, &candidates)?;
            waiting.extend(rest);
            waiting.push(part);
        }
        let chosen = cheapest(&open);
        let mut grouped: BTreeMap<SubgraphId, Vec<Demand>> = BTreeMap::new();
        for (demand, found) in open {
            let among = found.into_iter().filter(|(to, _)| chosen.contains(to));
            let (to, _) = among
                .min_by_key(|(to, cost)| (*cost, *to))
                .expect("the choice covers every demand");
            grouped.entry(to).or_default().push(demand);
        }
        Ok(grouped.into_iter().collect())
    }

    /// The largest part of a demand that one subgraph can meet, and the rest.
    fn split(
        &mut self,
        class: &Name,
        demand: &Demand,
        path: &str,
        candidates: &impl Fn(&Costs<'a>, &Demand) -> Vec<(SubgraphId, u64)>,
    ) -> Result<(Demand, Option<Demand>), PlanError> {
        let unsatisfiable = |name: &Name| PlanError::Unsatisfiable {
            type_name: class.clone(),
            field: name.clone(),
            path: if path.is_empty() { name.to_string() } else { format!("{path}.{name}") },
        };
        let with = |builder: &mut Self, children: Vec<Demand>| Demand {
            id: builder.demands.next_id(),
            children,
            ..demand.clone()
        };
        if demand.children.is_empty() {
            return Err(unsatisfiable(&demand.name));
        }
        let mut by_subgraph: BTreeMap<SubgraphId, Vec<usize>> = BTreeMap::new();
        for (index, child) in demand.children.iter().enumerate() {
            let single = with(self, vec![child.clone()]);
            for (to, _) in candidates(&self.costs, &single) {
                by_subgraph.entry(to).or_default().push(index);
            }
        }
        let best = by_subgraph.values().max_by_key(|indices| indices.len()).cloned();
        let Some(best) = best else { return self.split_child(class, demand, path, candidates) };
        let part = demand
            .children
            .iter()
            .enumerate()
            .filter(|(i, _)| best.contains(i))
            .map(|(_, c)| c.clone())
            .collect();
        let rest: Vec<Demand> = demand
            .children
            .iter()
            .enumerate()
            .filter(|(i, _)| !best.contains(i))
            .map(|(_, c)| c.clone())
            .collect();
        let part = with(self, part);
        let rest = (!rest.is_empty()).then(|| with(self, rest));
        Ok((part, rest))
    }

    /// Where not even one whole child can be met together with the field: splits the first child further.
    fn split_child(
        &mut self,
        class: &Name,
        demand: &Demand,
        path: &str,
        candidates: &impl Fn(&Costs<'a>, &Demand) -> Vec<(SubgraphId, u64)>,
    ) -> Result<(Demand, Option<Demand>), PlanError> {
        let (first, others) = demand.children.split_first().expect("the caller saw children");
        let mut parts: Vec<Demand> = Vec::new();
        for grandchild in &first.children {
            let narrowed = Demand {
                id: self.demands.next_id(),
                children: vec![grandchild.clone()],
                ..first.clone()
            };
            parts.push(Demand {
                id: self.demands.next_id(),
                children: vec![narrowed],
                ..demand.clone()
            });
        }
        let met = |builder: &Self, part: &Demand| !candidates(&builder.costs, part).is_empty();
        if parts.is_empty() || !parts.iter().any(|part| met(self, part)) {
            let missing = first.children.first().unwrap_or(first).name.clone();
            return Err(PlanError::Unsatisfiable {
                type_name: class.clone(),
                field: missing,
                path: format!(
                    "{path}{}{}.{}",
                    if path.is_empty() { "" } else { "." },
                    demand.name,
                    first.name
                ),
            });
        }
        let place = parts.iter().position(|part| met(self, part)).expect("one of them was met");
        let part = parts.swap_remove(place);
        let remaining: Vec<Demand> = first
            .children
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != place)
            .map(|(_, c)| c.clone())
            .collect();
        let mut rest = others.to_vec();
        if !remaining.is_empty() {
            rest.insert(
                0,
                Demand { id: self.demands.next_id(), children: remaining, ..first.clone() },
            );
        }
        let rest = (!rest.is_empty()).then(|| Demand {
            id: self.demands.next_id(),
            children: rest,
            ..demand.clone()
        });
        Ok((part, rest))
    }

    /// Places demands on an object: those at hand go into its selection set, the others behind hops.
    fn place(&mut self, position: &Position, demands: &[Demand]) -> Result<Used, PlanError> {
        let mut used = Used::from([position.fetch]);
        self.tell_types(position);
        let mut remote: BTreeMap<Name, Vec<Demand>> = BTreeMap::new();
        for demand in demands {
            let (local, far): (Vec<Name>, Vec<Name>) = position
                .classes
                .iter()
                .filter(|class| self.costs.concerns(demand, class))
                .cloned()
                .partition(|class| self.is_local(position, demand, class));
            for class in far {
                remote.entry(class).or_default().push(demand.clone());
            }
            if !local.is_empty() {
                used.extend(self.select(position, demand, &local)?);
            }
        }
        for (class, demands) in remote {
            used.extend(self.place_remote(position, &class, demands)?);
        }
        Ok(used)
    }

    /// Whether a demand is met where the object already is.
    fn is_local(&self, position: &Position, demand: &Demand, class: &Name) -> bool {
        let overlay = self.overlay(position, class);
        if position.granted.as_ref() == Some(&demand.name) {
            return self.costs.resolved(demand, class, position.subgraph, &overlay).is_some();
        }
        self.costs.here(demand, class, position.subgraph, &overlay).is_some()
    }

    fn overlay(&self, position: &Position, class: &Name) -> Overlay {
        Arc::new(overlay_for(self.costs.router.supergraph, &position.overlay, class))
    }

    /// Asks for the type of objects that can be of several.
    fn tell_types(&mut self, position: &Position) {
        let is_abstract = self.kind(&position.type_name) != Some(TypeKind::Object);
        if is_abstract && !self.is_interface_object(position) {
            self.selections.field(position.set, typename(Some(name!("__typename"))), false);
        }
    }

    fn is_interface_object(&self, position: &Position) -> bool {
        let presence =
            self.costs.router.supergraph.type_presence(&position.type_name, position.subgraph);
        presence.is_some_and(|presence| presence.is_interface_object)
    }

    fn kind(&self, type_name: &Name) -> Option<TypeKind> {
        self.costs.router.supergraph.composite_type(type_name).map(|ty| ty.kind)
    }

    /// Selects a field of these classes in the position's own request, and places what is below it.
    fn select(
        &mut self,
        position: &Position,
        demand: &Demand,
        classes: &[Name],
    ) -> Result<Used, PlanError> {
        let output = demand.output.clone().expect("outputs are chosen before a demand is placed");
        if demand.name == "__typename" {
            let field =
                FetchField { condition: demand.condition.clone(), ..typename(Some(output)) };
            for set in self.sets_for(position, demand, classes) {
                self.selections.field(set.0, field.clone(), false);
            }
            return Ok(Used::from([position.fetch]));
        }
        let field = FetchField {
            name: demand.name.clone(),
            alias: (output != demand.name).then(|| output.clone()),
            output: Some(output.clone()),
            arguments: demand.arguments.clone(),
            variables: demand.variables.clone(),
            condition: demand.condition.clone(),
            selection_set: crate::FetchSelectionSet::default(),
        };
        let mut used = Used::new();
        for (set, classes) in self.sets_for(position, demand, classes) {
            let Some(below) =
                self.selections.field(set, field.clone(), !demand.children.is_empty())
            else {
                used.insert(position.fetch);
                continue;
            };
            let child = self.child_position(position, demand, &output, &classes, below);
            used.extend(self.place(&child, &demand.children)?);
        }
        Ok(used)
    }

    /// The selection sets in which a field of these classes is asked for: the position's own where all its classes want
    /// it and its static type has the field, else fragments.
    fn sets_for(
        &mut self,
        position: &Position,
        demand: &Demand,
        classes: &[Name],
    ) -> Vec<(SelectionId, Vec<Name>)> {
        let supergraph = self.costs.router.supergraph;
        let has = |ty: &Name| {
            demand.name == "__typename"
                || supergraph.field_presence(ty, &demand.name, position.subgraph).is_some()
        };
        if classes.len() == position.classes.len() && has(&position.type_name) {
            return vec![(position.set, classes.to_vec())];
        }
        let parent_classes: Vec<Name> = {
            let of_parent = self.costs.router.classes(&demand.parent, position.subgraph);
            position.classes.iter().filter(|class| of_parent.contains(class)).cloned().collect()
        };
        if parent_classes == classes
            && has(&demand.parent)
            && self.kind(&demand.parent) == Some(TypeKind::Interface)
        {
            let types: Types = classes.iter().cloned().collect();
            return vec![(
                self.selections.fragment(position.set, &demand.parent, &types),
                classes.to_vec(),
            )];
        }
        classes
            .iter()
            .map(|class| {
                let types: Types = Arc::new([class.clone()]);
                (self.selections.fragment(position.set, class, &types), vec![class.clone()])
            })
            .collect()
    }

    fn child_position(
        &self,
        position: &Position,
        demand: &Demand,
        output: &Name,
        classes: &[Name],
        set: SelectionId,
    ) -> Position {
        let router = &self.costs.router;
        let class = &classes[0];
        let ty = router
            .supergraph
            .composite_type(class)
            .and_then(|ty| ty.fields.get(&demand.name))
            .map(|field| field.ty.clone())
            .expect("a local field is a field of the class");
        let here = router.resolution(class, &demand.name, position.subgraph);
        let static_type = router
            .supergraph
            .field_presence(class, &demand.name, position.subgraph)
            .or(here.map(|r| r.presence))
            .map_or_else(
                || ty.inner_named_type().clone(),
                |presence| presence.ty.inner_named_type().clone(),
            );
        let mut path = position.path.clone();
        if classes.len() < position.classes.len() {
            path.push(PathElement::TypeCondition(classes.iter().cloned().collect()));
        }
        path.push(PathElement::Key(output.clone()));
        path.extend(std::iter::repeat_n(PathElement::Items, list_depth(&ty)));
        let overlay = self.overlay(position, class);
        let overlay = self
            .costs
            .overlay_below(&demand.name, class, position.subgraph, &overlay)
            .unwrap_or_default();
        Position {
            path,
            fetch: position.fetch,
            subgraph: position.subgraph,
            classes: router.classes(&static_type, position.subgraph),
            type_name: static_type,
            set,
            overlay,
            granted: None,
        }
    }

    /// Places demands that need a hop.
    fn place_remote(
        &mut self,
        position: &Position,
        class: &Name,
        demands: Vec<Demand>,
    ) -> Result<Used, PlanError> {
        let overlay = self.overlay(position, class);
        let path = ResponsePath(position.path.clone()).to_string();
        let from = position.subgraph;
        let mut used = Used::new();
        // A field that is resolved here, but not all that is wanted below it, is split: what is at hand stays.
        let chosen = self.choose(class, &demands, &path, |costs, demand| {
            let here = costs.here(demand, class, from, &overlay).map(|cost| (from, cost));
            here.into_iter().chain(costs.candidates(demand, class, from, &overlay)).collect()
        })?;
        for (to, demands) in chosen {
            let (mut later, mut plain): (Vec<Demand>, Vec<Demand>) =
                demands.into_iter().partition(|demand| self.requires(class, &demand.name, to));
            if to == from {
                let (local, hopping) =
                    plain.into_iter().partition(|demand| self.is_local(position, demand, class));
                plain = hopping;
                let local: Vec<Demand> = local;
                for demand in &local {
                    used.extend(self.select(position, demand, std::slice::from_ref(class))?);
                }
            }
            later.append(&mut plain);
            for demand in &later {
                let entity =
                    self.hop(position, class, to, Some(&demand.name), &demand.condition)?;
                used.extend(self.place(&entity, std::slice::from_ref(demand))?);
            }
        }
        Ok(used)
    }

    fn requires(&self, class: &Name, field: &Name, subgraph: SubgraphId) -> bool {
        self.costs
            .router
            .resolution(class, field, subgraph)
            .is_some_and(|r| r.presence.requires.is_some())
    }

    /// Goes from an object to the same entity in another subgraph, and gives the position there. With a field, what that
    /// field requires is sent along.
    fn hop(
        &mut self,
        position: &Position,
        class: &Name,
        to: SubgraphId,
        field: Option<&Name>,
        condition: &Condition,
    ) -> Result<Position, PlanError> {
        self.costs.check_budget()?;
        let overlay = self.overlay(position, class);
        let hops = self.costs.router.hops(class, position.subgraph, &overlay);
        let hop =
            hops[to.index()].clone().expect("the choice is among subgraphs that a hop reaches");
        let mut depends_on = Used::new();
        let mut fields = Vec::new();
        for (key_field, provider) in &hop.providers {
            let provider = if *provider == position.subgraph {
                position.clone()
            } else {
                self.hop(position, class, *provider, None, condition)?
            };
            let set = supergraph::FieldSet {
                selections: vec![supergraph::FieldSetSelection::Field(key_field.clone())],
            };
            fields.extend(self.hidden(&provider, class, &set, true, condition, &mut depends_on)?);
        }
        let requires = field
            .and_then(|field| self.costs.router.resolution(class, field, to))
            .and_then(|resolution| resolution.presence.requires.clone());
        if let Some(set) = requires {
            fields.extend(self.hidden(position, class, &set, false, condition, &mut depends_on)?);
        }
        let entity = self.entity_position(position, class, to, hop.typename, fields, depends_on);
        Ok(Position { granted: field.cloned(), ..entity })
    }

    /// Asks for what a representation needs, under entries that do not clash with the client's.
    fn hidden(
        &mut self,
        position: &Position,
        class: &Name,
        set: &supergraph::FieldSet,
        key: bool,
        condition: &Condition,
        depends_on: &mut Used,
    ) -> Result<Vec<RepresentationSelection>, PlanError> {
        let types = self.demands.runtime_types(class);
        let mut demands = self.demands.of_field_set(set, class, &types, condition);
        demands.retain(|demand| demand.name != "__typename" && self.costs.concerns(demand, class));
        let path = key_path(&position.path);
        self.choose_outputs(&path, &mut demands);
        let narrowed = Position { classes: vec![class.clone()], ..position.clone() };
        let narrowed = if position.classes.len() == 1 {
            narrowed
        } else {
            let types: Types = Arc::new([class.clone()]);
            let set = self.selections.fragment(position.set, class, &types);
            Position { set, type_name: class.clone(), ..narrowed }
        };
        depends_on.extend(self.place(&narrowed, &demands)?);
        Ok(self.represent(&demands, class, key))
    }

    /// What is sent of demands that have been placed.
    fn represent(
        &self,
        demands: &[Demand],
        class: &str,
        key: bool,
    ) -> Vec<RepresentationSelection> {
        demands
            .iter()
            .filter(|demand| demand.name != "__typename")
            .map(|demand| {
                let child = self.costs.router.field_type(class, &demand.name);
                let child_types =
                    child.as_ref().map(|name| self.demands.runtime_types(name)).unwrap_or_default();
                let mut fields = Vec::new();
                for inner in &demand.children {
                    let on = inner.types.first().cloned().unwrap_or_else(|| inner.parent.clone());
                    let one = self.represent(std::slice::from_ref(inner), &on, key);
                    if inner.types == child_types {
                        fields.extend(one);
                    } else {
                        fields.push(RepresentationSelection::InlineFragment {
                            runtime_types: inner.types.clone(),
                            fields: one,
                        });
                    }
                }
                RepresentationSelection::Field {
                    name: demand.name.clone(),
                    input: demand.output.clone().expect("outputs were chosen"),
                    key,
                    fields,
                }
            })
            .collect()
    }

    /// The position of an entity in a fetch that can still take it up, or in a new one.
    fn entity_position(
        &mut self,
        position: &Position,
        class: &Name,
        to: SubgraphId,
        typename: Name,
        fields: Vec<RepresentationSelection>,
        depends_on: Used,
    ) -> Position {
        let stage = self.stage_after(&depends_on);
        let known = self.drafts.iter().position(|draft| {
            let DraftRequest::Entities { path, representations, .. } = &draft.request else {
                return false;
            };
            let same_name =
                representations.get(class).is_none_or(|known| known.typename == typename);
            draft.subgraph == to && *path == position.path && draft.stage == stage && same_name
        });
        let fetch = known.unwrap_or_else(|| {
            let set = self.selections.add_set();
            let abstract_position = position.classes.len() > 1
                || self.kind(&position.type_name) != Some(TypeKind::Object);
            let request = DraftRequest::Entities {
                path: position.path.clone(),
                representations: BTreeMap::new(),
                abstract_position,
            };
            self.drafts.push(Draft { subgraph: to, stage, depends_on: Used::new(), request, set });
            self.drafts.len() - 1
        });
        let classes = if self.kind(class) == Some(TypeKind::Interface) {
            self.costs.router.classes(class, to)
        } else {
            vec![class.clone()]
        };
        let draft = &mut self.drafts[fetch];
        draft.depends_on.extend(depends_on);
        if let DraftRequest::Entities { representations, .. } = &mut draft.request {
            let representation = representations.entry(class.clone()).or_insert_with(|| {
                DraftRepresentation { typename: typename.clone(), fields: Vec::new() }
            });
            for field in fields {
                if !representation.fields.contains(&field) {
                    representation.fields.push(field);
                }
            }
        }
        let types: Types = classes.iter().cloned().collect();
        let set = self.selections.fragment(draft.set, &typename, &types);
        Position {
            path: position.path.clone(),
            fetch,
            subgraph: to,
            type_name: typename,
            classes,
            set,
            overlay: Overlay::default(),
            granted: None,
        }
    }

    fn stage_after(&self, depends_on: &Used) -> u32 {
        depends_on.iter().map(|fetch| self.drafts[*fetch].stage + 1).max().unwrap_or(0)
    }

    /// Notes the entries that the client's fields take.
    fn register(&mut self, path: &str, demands: &[Demand]) {
        for demand in demands {
            let Some(output) = &demand.output else { continue };
            let holds = (demand.name.clone(), demand.arguments.clone());
            let taken = self.outputs.entry(path.to_owned()).or_default();
            let entry = taken.entry(output.clone()).or_insert_with(|| Some(holds.clone()));
            if entry.as_ref() != Some(&holds) {
                *entry = None;
            }
            self.register(&format!("{path}.{output}"), &demand.children);
        }
    }

    /// Chooses entries for demands without one: an entry that holds the same field, else a free name.
    fn choose_outputs(&mut self, path: &str, demands: &mut [Demand]) {
        for demand in demands {
            let holds = (demand.name.clone(), demand.arguments.clone());
            let taken = self.outputs.entry(path.to_owned()).or_default();
            let known = taken
                .iter()
                .filter(|(_, held)| held.as_ref() == Some(&holds))
                .map(|(output, _)| output)
                .min();
            let output = known.cloned().unwrap_or_else(|| {
                let numbered = (0..).map(|n| format!("_{n}_{}", demand.name));
                let mut names = std::iter::once(demand.name.to_string()).chain(numbered);
                let free = names
                    .find(|name| !taken.contains_key(name.as_str()))
                    .expect("there is always another number");
                Name::new(&free).expect("a name with a prefix is a name")
            });
            taken.insert(output.clone(), Some(holds));
            self.choose_outputs(&format!("{path}.{output}"), &mut demand.children);
            demand.output = Some(output);
        }
    }

    /// The finished fetches, each after those it depends on.
    pub(crate) fn finish(self) -> Vec<Fetch> {
        let mut order: Vec<usize> = (0..self.drafts.len()).collect();
        order.sort_by_key(|index| (self.drafts[*index].stage, *index));
        let place: HashMap<usize, FetchId> =
            order.iter().zip(0u32..).map(|(draft, id)| (*draft, FetchId(id))).collect();
        order
            .iter()
            .map(|index| {
                let draft = &self.drafts[*index];
                let mut depends_on: Vec<FetchId> =
                    draft.depends_on.iter().map(|fetch| place[fetch]).collect();
                depends_on.sort();
                let condition = self.selections.condition(draft.set);
                let selection_set = self.selections.finish(draft.set);
                Fetch {
                    id: place[index],
                    subgraph: draft.subgraph,
                    depends_on,
                    condition: if condition.any.is_empty() {
                        Condition::always()
                    } else {
                        condition
                    },
                    request: match &draft.request {
                        DraftRequest::Root(operation_type) => {
                            FetchRequest::Root { operation_type: *operation_type, selection_set }
                        }
                        DraftRequest::Entities { path, representations, abstract_position } => {
                            FetchRequest::Entities(vec![EntityBatch {
                                path: ResponsePath(path.clone()),
                                representations: self
                                    .representations(representations, *abstract_position),
                                selection_set,
                            }])
                        }
                    },
                }
            })
            .collect()
    }

    fn representations(
        &self,
        drafts: &BTreeMap<Name, DraftRepresentation>,
        abstract_position: bool,
    ) -> Vec<Representation> {
        drafts
            .iter()
            .map(|(class, draft)| Representation {
                runtime_types: if abstract_position {
                    self.demands.runtime_types(class)
                } else {
                    Arc::new([])
                },
                typename: draft.typename.clone(),
                fields: draft.fields.clone(),
            })
            .collect()
    }
}

/// The cheapest set of subgraphs that together meet all demands.
fn cheapest(demands: &[(Demand, Vec<(SubgraphId, u64)>)]) -> Vec<SubgraphId> {
    let mut subgraphs: Vec<SubgraphId> =
        demands.iter().flat_map(|(_, found)| found.iter().map(|(to, _)| *to)).collect();
    subgraphs.sort();
    subgraphs.dedup();
    if subgraphs.len() > EXACT_CHOICE {
        let each = demands
            .iter()
            .filter_map(|(_, found)| found.iter().min_by_key(|(to, cost)| (*cost, *to)));
        return each.map(|(to, _)| *to).collect();
    }
    let cost_of = |mask: usize| -> Option<u64> {
        let chosen = |to: SubgraphId| {
            subgraphs.iter().position(|s| *s == to).is_some_and(|place| mask & (1 << place) != 0)
        };
        let each = demands.iter().map(|(_, found)| {
            found.iter().filter(|(to, _)| chosen(*to)).map(|(_, cost)| *cost).min()
        });
        Some(each.sum::<Option<u64>>()? + REQUEST * u64::from(mask.count_ones()))
    };
    let best = (1..1usize << subgraphs.len())
        .filter_map(|mask| cost_of(mask).map(|cost| (cost, mask)))
        .min()
        .map_or(0, |(_, mask)| mask);
    subgraphs
        .iter()
        .enumerate()
        .filter(|(place, _)| best & (1 << place) != 0)
        .map(|(_, to)| *to)
        .collect()
}

/// The path by entries alone, as `register` counts it.
fn key_path(path: &[PathElement]) -> String {
    path.iter()
        .filter_map(|element| match element {
            PathElement::Key(key) => Some(format!(".{key}")),
            PathElement::Items | PathElement::TypeCondition(_) => None,
        })
        .collect()
}
