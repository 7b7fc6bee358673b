//! What it costs to answer a demand from a subgraph: the memoised search over the demand tree.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::Name;
use supergraph::{FieldSet, SubgraphId, Supergraph, TypeKind};

use crate::PlanError;
use crate::demand::{Demand, Types};
use crate::hop::{Overlay, Router, fields_for, overlaid, overlay_for, union};

/// The cost of one more request; a field costs one.
pub(crate) const REQUEST: u64 = 1000;

/// How many steps planning one operation may take.
const STEPS: usize = 2_000_000;

/// Where a demand stands: the class of the object, the subgraph, and what is provided there.
type Place = (usize, Name, SubgraphId, Overlay);

/// Answers whether and how dearly a demand can be met.
pub(crate) struct Costs<'a> {
    pub(crate) router: Router<'a>,
    memo: RefCell<HashMap<Place, Option<u64>>>,
    /// The fields whose requirements are being looked at, to end circles.
    requiring: RefCell<Vec<(Name, Name)>>,
    steps: Cell<usize>,
}

impl<'a> Costs<'a> {
    pub(crate) fn new(supergraph: &'a Supergraph) -> Self {
        Self {
            router: Router::new(supergraph),
            memo: RefCell::default(),
            requiring: RefCell::default(),
            steps: Cell::new(0),
        }
    }

    /// Fails where planning has taken more steps than it may.
    pub(crate) fn check_budget(&self) -> Result<(), PlanError> {
        if self.steps.get() > STEPS { Err(PlanError::TooComplex { limit: STEPS }) } else { Ok(()) }
    }

    /// The cost of a demand on an object in a subgraph, there or by a hop; `None` where nobody can meet it.
    pub(crate) fn anywhere(
        &self,
        demand: &Demand,
        class: &Name,
        from: SubgraphId,
        overlay: &Overlay,
    ) -> Option<u64> {
        let place = (demand.id, class.clone(), from, overlay.clone());
        if let Some(known) = self.memo.borrow().get(&place) {
            return *known;
        }
        if self.steps.replace(self.steps.get() + 1) > STEPS {
            return None;
        }
        let here = self.here(demand, class, from, overlay);
        let cost = here.or_else(|| {
            self.candidates(demand, class, from, overlay).into_iter().map(|(_, cost)| cost).min()
        });
        // Within a requirement the answer may be "not in this circle", which is not the answer elsewhere.
        if self.requiring.borrow().is_empty() {
            self.memo.borrow_mut().insert(place, cost);
        }
        cost
    }

    /// The subgraphs that can meet a demand by a hop from here, with the cost.
    pub(crate) fn candidates(
        &self,
        demand: &Demand,
        class: &Name,
        from: SubgraphId,
        overlay: &Overlay,
    ) -> Vec<(SubgraphId, u64)> {
        let hops = self.router.hops(class, from, overlay);
        let mut candidates = Vec::new();
        for (index, hop) in hops.iter().enumerate() {
            let to = SubgraphId(u16::try_from(index).expect("at most 256 subgraphs"));
            let Some(hop) = hop else { continue };
            let requires = self
                .router
                .resolution(class, &demand.name, to)
                .and_then(|r| r.presence.requires.as_ref());
            // A hop back to where we are helps only a field that requires something.
            if to == from && requires.is_none() {
                continue;
            }
            let Some(needs) = self.requirement(requires, demand, class, from, overlay) else {
                continue;
            };
            let cost = if self.concrete_needed(demand, class) {
                self.concrete(demand, class, to)
            } else {
                self.resolved(demand, class, to, &Overlay::default())
            };
            candidates
                .extend(cost.map(|cost| (to, cost + needs + REQUEST * u64::from(hop.rounds))));
        }
        candidates
    }

    /// The cost in the subgraph itself, without a requirement.
    pub(crate) fn here(
        &self,
        demand: &Demand,
        class: &Name,
        subgraph: SubgraphId,
        overlay: &Overlay,
    ) -> Option<u64> {
        if self.concrete_needed(demand, class) {
            return None;
        }
        let requires = self
            .router
            .resolution(class, &demand.name, subgraph)
            .is_some_and(|r| r.presence.requires.is_some());
        if requires { None } else { self.resolved(demand, class, subgraph, overlay) }
    }

    /// Whether the object's own type has to be known, while only an interface object stands for it.
    pub(crate) fn concrete_needed(&self, demand: &Demand, class: &Name) -> bool {
        let Some(ty) = self.router.supergraph.composite_type(class) else { return false };
        ty.kind == TypeKind::Interface
            && (demand.name == "__typename" || demand.types != ty.runtime_types)
    }

    /// The cost by way of a subgraph that knows the interface's own types.
    fn concrete(&self, demand: &Demand, interface: &Name, to: SubgraphId) -> Option<u64> {
        let presence = self.router.supergraph.type_presence(interface, to)?;
        if presence.is_interface_object {
            return None;
        }
        let wanted: Vec<&Name> =
            presence.runtime_types.iter().filter(|class| demand.types.contains(class)).collect();
        if demand.name == "__typename" {
            return Some(1);
        }
        wanted
            .into_iter()
            .map(|class| self.anywhere(demand, class, to, &Overlay::default()))
            .sum::<Option<u64>>()
    }

    /// The cost where the subgraph resolves the field, given what it requires.
    pub(crate) fn resolved(
        &self,
        demand: &Demand,
        class: &Name,
        subgraph: SubgraphId,
        overlay: &Overlay,
    ) -> Option<u64> {
        if demand.name == "__typename" {
            return Some(1);
        }
        let below = self.overlay_below(&demand.name, class, subgraph, overlay)?;
        let children = demand.children.iter();
        children
            .map(|child| self.child(child, demand, class, subgraph, &below))
            .sum::<Option<u64>>()
            .map(|sum| sum + 1)
    }

    /// The cost of one demand below a field that the subgraph resolves.
    pub(crate) fn child(
        &self,
        child: &Demand,
        demand: &Demand,
        class: &Name,
        subgraph: SubgraphId,
        below: &Overlay,
    ) -> Option<u64> {
        let ty = self.router.field_type(class, &demand.name)?;
        let classes = self.router.classes(&ty, subgraph);
        let mut dearest = 0;
        for class in classes.iter().filter(|class| self.concerns(child, class)) {
            let overlay = Arc::new(overlay_for(self.router.supergraph, below, class));
            dearest = dearest.max(self.anywhere(child, class, subgraph, &overlay)?);
        }
        Some(dearest)
    }

    /// Whether a demand is for objects of a class.
    pub(crate) fn concerns(&self, demand: &Demand, class: &Name) -> bool {
        demand.types.contains(class)
            || self.router.supergraph.composite_type(class).is_some_and(|ty| {
                ty.kind == TypeKind::Interface
                    && ty.runtime_types.iter().any(|name| demand.types.contains(name))
            })
    }

    /// What is provided below a field that the subgraph resolves here; `None` where it does not resolve it.
    pub(crate) fn overlay_below(
        &self,
        field: &Name,
        class: &Name,
        subgraph: SubgraphId,
        overlay: &Overlay,
    ) -> Option<Overlay> {
        let from_above = overlaid(overlay, field);
        let resolution = self.router.resolution(class, field, subgraph);
        if resolution.is_none() && from_above.is_none() {
            return None;
        }
        let provides = resolution.and_then(|r| r.presence.provides.clone()).unwrap_or_default();
        Some(Arc::new(union(from_above.unwrap_or_default(), provides)))
    }

    /// The cost of what a field requires, from where the object was; zero without a requirement.
    fn requirement(
        &self,
        requires: Option<&FieldSet>,
        demand: &Demand,
        class: &Name,
        from: SubgraphId,
        overlay: &Overlay,
    ) -> Option<u64> {
        let Some(set) = requires else { return Some(0) };
        let circle = (class.clone(), demand.name.clone());
        if self.requiring.borrow().contains(&circle) {
            return None;
        }
        self.requiring.borrow_mut().push(circle);
        let cost = self.required(set, class, from, overlay);
        self.requiring.borrow_mut().pop();
        cost
    }

    /// The cost of a field set on an object: who has its fields, or whether a hop leads to somebody who has.
    fn required(
        &self,
        set: &FieldSet,
        class: &Name,
        from: SubgraphId,
        overlay: &Overlay,
    ) -> Option<u64> {
        let supergraph = self.router.supergraph;
        let mut sum = 0;
        for field in fields_for(supergraph, set, class) {
            let demand = self.throwaway(&field.name, class, &field.selections);
            let here = self.here(&demand, class, from, overlay);
            let cost = here.or_else(|| {
                self.candidates(&demand, class, from, overlay)
                    .into_iter()
                    .map(|(_, cost)| cost)
                    .min()
            })?;
            sum += cost;
        }
        Some(sum)
    }

    /// A demand for a field of a field set that is only asked about.
    fn throwaway(&self, field: &Name, class: &Name, selections: &FieldSet) -> Demand {
        let supergraph = self.router.supergraph;
        let types: Types =
            supergraph.composite_type(class).map(|ty| ty.runtime_types.clone()).unwrap_or_default();
        let children = self.router.field_type(class, field).map(|child| {
            let child_types = supergraph
                .composite_type(&child)
                .map(|ty| ty.runtime_types.clone())
                .unwrap_or_default();
            child_types
                .iter()
                .flat_map(|class| {
                    fields_for(supergraph, selections, class)
                        .into_iter()
                        .map(move |f| (class.clone(), f))
                })
                .map(|(class, f)| Demand {
                    types: Arc::new([class.clone()]),
                    ..self.throwaway(&f.name, &class, &f.selections)
                })
                .collect()
        });
        let id = usize::MAX - self.steps.replace(self.steps.get() + 1);
        Demand {
            id,
            output: None,
            name: field.clone(),
            parent: class.clone(),
            types,
            arguments: String::new(),
            variables: Vec::new(),
            condition: crate::Condition::always(),
            children: children.unwrap_or_default(),
        }
    }
}
