//! Finds how demands are met from where an object stands: at hand, or by a hop to a subgraph that has one of its keys.
//!
//! Nothing is enumerated twice: what a selection set costs depends only on the class of the object, the subgraph it
//! stands in, and what is provided there ([`Place`]), and is remembered by that.

use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use foldhash::HashMap;
use supergraph::{
    ContextArgument, FieldSet, Labels, Resolution, SubgraphId, Supergraph, TypeId, TypeKind,
    TypeSet,
};

use crate::PlanError;
use crate::budget::Budget;
use crate::choice::{Open, Way, choose};
use crate::cost::Cost;
use crate::demand::{Demand, Ids};
use crate::overlay::{OverlayId, Overlays, fields_for};

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) class: TypeId,
    /// `None` above the root, where nothing has been asked yet.
    pub(crate) subgraph: Option<SubgraphId>,
    pub(crate) overlay: OverlayId,
}

/// Which demands are meant: those below a demand, or one by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Below(u32),
    Alone(u32),
}

/// How demands on an object are met.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Solution {
    pub(crate) cost: Cost,
    pub(crate) assignments: Vec<(Way, Rc<Demand>)>,
}

/// A way into a subgraph.
#[derive(Debug)]
pub(crate) struct Hop {
    /// The `__typename` that is sent.
    pub(crate) typename: TypeId,
    /// The key whose fields are sent.
    pub(crate) key: Arc<FieldSet>,
    /// How the key's fields are had.
    pub(crate) inputs: Solution,
    /// The cost of that, and the request.
    cost: Cost,
}

/// What a field needs before a subgraph can resolve it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs<'a> {
    /// Fields of the object that other subgraphs have.
    pub(crate) requires: Option<&'a FieldSet>,
    /// Values from objects above.
    pub(crate) context: &'a [ContextArgument],
}

impl Needs<'_> {
    fn is_nothing(self) -> bool {
        self.requires.is_none() && self.context.is_empty()
    }
}

/// The ways from one place, by subgraph.
pub(crate) type Hops = Rc<Vec<Option<Rc<Hop>>>>;

/// How subgraphs resolve a field, ascending by subgraph.
type Resolutions<'a> = Rc<[(SubgraphId, Resolution<'a>)]>;

/// What is known of how demands are met; `None` where they cannot be.
type Solutions = HashMap<(Node, Place), Option<Rc<Solution>>>;

/// The demands of a field set.
#[derive(Debug, Clone)]
pub(crate) struct Hidden {
    pub(crate) node: Node,
    pub(crate) demands: Rc<[Rc<Demand>]>,
}

/// What is being looked into, to end circles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    Requirement(TypeId, Name, SubgraphId),
    Hops(Place),
}

/// The search of one plan.
pub(crate) struct Search<'a> {
    pub(crate) supergraph: &'a Supergraph,
    pub(crate) labels: &'a Labels,
    pub(crate) overlays: Overlays<'a>,
    pub(crate) typename: Rc<Demand>,
    query_type: Option<TypeId>,
    ids: &'a Ids,
    resolutions: RefCell<HashMap<(u32, TypeId), Resolutions<'a>>>,
    solutions: RefCell<Solutions>,
    hops: RefCell<HashMap<Place, Hops>>,
    hidden: RefCell<HashMap<FieldSet, Hidden>>,
    parts: RefCell<HashMap<u32, Option<Vec<Rc<Demand>>>>>,
    frames: RefCell<Vec<Frame>>,
    /// The outermost frame that a circle has led back to, while it is open; what was found meanwhile holds only inside.
    circle: Cell<usize>,
    budget: Budget,
    steps: Cell<usize>,
}

/// No circle is open.
const NO_CIRCLE: usize = usize::MAX;

impl<'a> Search<'a> {
    pub(crate) fn new(
        supergraph: &'a Supergraph,
        labels: &'a Labels,
        ids: &'a Ids,
        budget: Budget,
    ) -> Self {
        let query = supergraph.root_type(OperationType::Query);
        Self {
            supergraph,
            labels,
            overlays: Overlays::new(supergraph),
            typename: Demand::typename(ids),
            query_type: query.and_then(|name| supergraph.type_id(name)),
            ids,
            resolutions: RefCell::default(),
            solutions: RefCell::default(),
            hops: RefCell::default(),
            hidden: RefCell::default(),
            parts: RefCell::default(),
            frames: RefCell::default(),
            circle: Cell::new(NO_CIRCLE),
            budget,
            steps: Cell::new(0),
        }
    }

    /// What the search has taken so far.
    pub(crate) fn steps(&self) -> usize {
        self.steps.get()
    }

    /// Fails where planning has taken more work than it may.
    pub(crate) fn check_budget(&self) -> Result<(), PlanError> {
        if self.steps.get() > self.budget.steps || self.ids.is_exhausted() {
            return Err(self.too_complex());
        }
        Ok(())
    }

    fn too_complex(&self) -> PlanError {
        PlanError::TooComplex { limit: self.budget.steps }
    }

    /// Counts a step; `None` where there have been too many.
    fn step(&self) -> Option<()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        (steps <= self.budget.steps).then_some(())
    }

    /// Whether so much has been looked into that the first way counts as the best. Demands can be met whichever ways the
    /// others take, so the plan is as complete as ever.
    fn is_hasty(&self) -> bool {
        self.steps.get() > self.budget.thorough_steps
    }

    /// How the demands of a node are met from a place; `None` where they cannot be.
    pub(crate) fn solve(
        &self,
        node: Node,
        demands: &[Rc<Demand>],
        place: Place,
    ) -> Option<Rc<Solution>> {
        if let Some(known) = self.solutions.borrow().get(&(node, place)) {
            return known.clone();
        }
        self.remember(&self.solutions, (node, place), || {
            self.assign(demands, place, None).map(Rc::new)
        })
    }

    /// The demands of a field set, the same ones each time.
    pub(crate) fn hidden(&self, set: &FieldSet) -> Hidden {
        if let Some(known) = self.hidden.borrow().get(set) {
            return known.clone();
        }
        let demands = Demand::of_field_set(self.supergraph, set, self.ids);
        let hidden = Hidden { node: Node::Below(self.ids.next()), demands: demands.into() };
        self.hidden.borrow_mut().insert(set.clone(), hidden.clone());
        hidden
    }

    /// The ways from a place into the subgraphs.
    pub(crate) fn hops(&self, place: Place) -> Hops {
        if let Some(known) = self.hops.borrow().get(&place) {
            return known.clone();
        }
        self.remember(&self.hops, place, || {
            let found = self.within(Frame::Hops(place), || Some(self.find_hops(place)));
            Rc::new(found.unwrap_or_else(|| vec![None; self.supergraph.subgraphs().len()]))
        })
    }

    /// How a subgraph resolves a field of an object.
    pub(crate) fn resolution(
        &self,
        demand: &Demand,
        class: TypeId,
        subgraph: SubgraphId,
    ) -> Option<Resolution<'a>> {
        let resolutions = self.resolutions(demand, class);
        let place = resolutions.binary_search_by_key(&subgraph, |(id, _)| *id).ok()?;
        Some(resolutions[place].1)
    }

    /// The subgraphs that resolve a field of an object, ascending.
    fn resolutions(&self, demand: &Demand, class: TypeId) -> Resolutions<'a> {
        let key = (demand.id, class);
        if let Some(known) = self.resolutions.borrow().get(&key) {
            return known.clone();
        }
        let resolutions: Resolutions<'a> =
            self.supergraph.resolutions(demand.parent, class, &demand.name, self.labels).collect();
        self.resolutions.borrow_mut().insert(key, resolutions.clone());
        resolutions
    }

    /// What a field of an object needs in a subgraph beside the object itself.
    pub(crate) fn needs(&self, demand: &Demand, class: TypeId, subgraph: SubgraphId) -> Needs<'a> {
        let presence = self.resolution(demand, class, subgraph).map(|found| found.presence);
        Needs {
            requires: presence.and_then(|presence| presence.requires.as_ref()),
            context: presence.map_or(&[], |presence| &presence.context_arguments),
        }
    }

    /// Whether it is the query's root type, which every subgraph can be asked for.
    pub(crate) fn is_query(&self, class: TypeId) -> bool {
        self.query_type == Some(class)
    }

    /// Looks into something that must not lead back to itself; `None` where it does.
    pub(crate) fn within<T>(&self, frame: Frame, look: impl FnOnce() -> Option<T>) -> Option<T> {
        let known = self.frames.borrow().iter().position(|open| *open == frame);
        if let Some(outermost) = known {
            self.circle.set(self.circle.get().min(outermost));
            return None;
        }
        self.frames.borrow_mut().push(frame);
        let found = look();
        self.frames.borrow_mut().pop();
        if self.circle.get() >= self.frames.borrow().len() {
            self.circle.set(NO_CIRCLE);
        }
        found
    }

    /// Opens a frame while what was found in it is built.
    pub(crate) fn open(&self, frame: Frame) {
        self.frames.borrow_mut().push(frame);
    }

    /// Closes the frame that was opened last.
    pub(crate) fn close(&self) {
        self.frames.borrow_mut().pop();
        self.circle.set(NO_CIRCLE);
    }

    /// What an interface's objects are in a subgraph that has it; `None` for anything that stays what it is.
    fn landing_classes(&self, class: TypeId, subgraph: SubgraphId) -> Option<&'a TypeSet> {
        if !self.changes_class(class) {
            return None;
        }
        let classes = self.supergraph.query_graph().classes(class, subgraph)?;
        (*classes != TypeSet::one(class)).then_some(classes)
    }

    /// Whether objects of a class can be more than that where a hop leads.
    fn changes_class(&self, class: TypeId) -> bool {
        self.supergraph.type_of(class).kind == TypeKind::Interface
    }

    /// The first field, from the top, that cannot be met from a place.
    pub(crate) fn explain(&self, demands: &[Rc<Demand>], place: Place) -> PlanError {
        for demand in demands {
            if self.assign(std::slice::from_ref(demand), place, None).is_some() {
                continue;
            }
            let parts = self.parts(demand);
            if let Some(parts) = parts {
                return self.explain(&parts, place);
            }
            let mut path = Vec::new();
            let mut last = demand;
            loop {
                path.push(last.output.as_ref().unwrap_or(&last.name).as_str());
                let Some(child) = last.children.first() else { break };
                last = child;
            }
            let parent = last.parent.unwrap_or(place.class);
            return PlanError::Unsatisfiable {
                type_name: self.supergraph.type_of(parent).name.clone(),
                field: last.name.clone(),
                path: path.join("."),
            };
        }
        self.too_complex()
    }

    /// Computes and remembers, unless the result hangs on a circle that is still open.
    fn remember<K: Eq + Hash, V: Clone>(
        &self,
        memo: &RefCell<HashMap<K, V>>,
        key: K,
        compute: impl FnOnce() -> V,
    ) -> V {
        let outer = self.circle.replace(NO_CIRCLE);
        let value = compute();
        if self.circle.get() == NO_CIRCLE {
            memo.borrow_mut().insert(key, value.clone());
        }
        self.circle.set(outer.min(self.circle.get()));
        value
    }

    /// Assigns a way to each demand, or to each part of one that cannot be met whole. `hops` are those that may be used;
    /// `None` for all there are.
    fn assign(
        &self,
        demands: &[Rc<Demand>],
        place: Place,
        hops: Option<&[Option<Rc<Hop>>]>,
    ) -> Option<Solution> {
        let mut wanted: Vec<Rc<Demand>> = demands
            .iter()
            .filter(|d| d.concerns(self.supergraph, place.class))
            .rev()
            .cloned()
            .collect();
        if self.needs_typename(&wanted, place) {
            wanted.insert(0, self.typename.clone());
        }
        let mut open = Vec::new();
        while let Some(demand) = wanted.pop() {
            self.step()?;
            let ways = self.ways(&demand, place, hops);
            if ways.is_empty() {
                wanted.extend(self.parts(&demand)?.into_iter().rev());
            } else {
                open.push(Open { demand, ways });
            }
        }
        let all;
        let hops = match hops {
            Some(hops) => hops,
            None if open.iter().all(|o| matches!(o.ways.as_slice(), [(Way::Local, _)])) => &[],
            None => {
                all = self.hops(place);
                all.as_slice()
            }
        };
        let opening = |to: SubgraphId| hops[to.index()].as_ref().expect("it is a way").cost;
        let (assignments, cost) = choose(open, opening);
        Some(Solution { cost, assignments })
    }

    /// Where only an interface object stands for an object, what is wanted of some types only asks for the type too.
    fn needs_typename(&self, demands: &[Rc<Demand>], place: Place) -> bool {
        self.is_nameless(place)
            && demands.iter().any(|d| d.is_narrower_than(self.supergraph, place.class))
            && !demands.iter().any(|d| d.is_typename())
    }

    /// Whether the object's own type is not known where it stands.
    fn is_nameless(&self, place: Place) -> bool {
        place.subgraph.is_some_and(|id| self.supergraph.is_interface_object(place.class, id))
    }

    fn parts(&self, demand: &Rc<Demand>) -> Option<Vec<Rc<Demand>>> {
        self.parts.borrow_mut().entry(demand.id).or_insert_with(|| demand.parts(self.ids)).clone()
    }

    /// All ways to meet a demand from a place.
    fn ways(
        &self,
        demand: &Rc<Demand>,
        place: Place,
        hops: Option<&[Option<Rc<Hop>>]>,
    ) -> Vec<(Way, Cost)> {
        let mut ways = Vec::new();
        if let Some(cost) = self.local(demand, place) {
            ways.push((Way::Local, cost));
            if cost.is_free() || self.is_hasty() {
                return ways;
            }
        }
        let all;
        let hops = if let Some(hops) = hops {
            hops
        } else {
            all = self.hops(place);
            all.as_slice()
        };
        let hops = self.supergraph.subgraph_ids().zip(hops);
        let hops = hops.filter_map(|(to, hop)| Some((to, hop.as_deref()?)));
        let mut open: Vec<(SubgraphId, &Hop)> =
            if self.changes_class(place.class) || demand.is_typename() {
                hops.collect()
            } else {
                let resolutions = self.resolutions(demand, place.class);
                let resolves =
                    |to: SubgraphId| resolutions.binary_search_by_key(&to, |(id, _)| *id).is_ok();
                hops.filter(|(to, _)| resolves(*to)).collect()
            };
        if self.is_hasty() {
            open.sort_by_key(|(_, hop)| hop.cost.weight());
        }
        for (to, _) in open {
            let needs = self.needs(demand, place.class, to);
            // A hop back to where the object stands helps only a field that needs something.
            if place.subgraph == Some(to) && needs.is_nothing() {
                continue;
            }
            let landed = self.landed(demand, place.class, to);
            let cost = landed.and_then(|cost| {
                Some(self.required(needs.requires, demand, place, to)?.then(cost))
            });
            ways.extend(cost.map(|cost| (Way::Hop(to), cost)));
            if cost.is_some() && self.is_hasty() {
                break;
            }
        }
        ways
    }

    /// The cost of a demand in the subgraph where the object stands; `None` where it cannot be met there.
    fn local(&self, demand: &Demand, place: Place) -> Option<Cost> {
        let subgraph = place.subgraph?;
        if demand.is_typename() {
            return (!self.is_nameless(place)).then_some(Cost::FIELD);
        }
        let needs = self.needs(demand, place.class, subgraph);
        let provided =
            needs.requires.is_some() && self.overlays.provides(place.overlay, &demand.name);
        if !needs.context.is_empty() || (needs.requires.is_some() && !provided) {
            return None;
        }
        self.resolved(demand, place)
    }

    /// The cost of a demand in a subgraph that a hop led to.
    fn landed(&self, demand: &Rc<Demand>, class: TypeId, to: SubgraphId) -> Option<Cost> {
        let at = |class| Place { class, subgraph: Some(to), overlay: OverlayId::NONE };
        let classes = self.landing_classes(class, to);
        if classes.is_none() {
            if demand.is_typename() {
                return (!self.is_nameless(at(class))).then_some(Cost::FIELD);
            }
            return self.resolved(demand, at(class));
        }
        let mut dearest = None;
        let classes = classes.into_iter().flat_map(TypeSet::iter);
        for class in classes.filter(|class| demand.concerns(self.supergraph, *class)) {
            let solution =
                self.solve(Node::Alone(demand.id), std::slice::from_ref(demand), at(class))?;
            dearest = Some(dearest.unwrap_or(Cost::default()).either(solution.cost));
        }
        dearest
    }

    /// The cost of a field that a subgraph resolves, what it requires being given, with all below it.
    fn resolved(&self, demand: &Demand, place: Place) -> Option<Cost> {
        let subgraph = place.subgraph?;
        let provided = self.overlays.provides(place.overlay, &demand.name);
        let resolution = self.resolution(demand, place.class, subgraph);
        if resolution.is_none() && !provided {
            return None;
        }
        self.step()?;
        if demand.children.is_empty() {
            return Some(Cost::FIELD);
        }
        let presence = resolution.map(|resolution| resolution.presence);
        let below = self.overlays.below(place.overlay, &demand.name, presence);
        let child = self.child_type(place.class, &demand.name, subgraph, presence)?;
        let classes = self.supergraph.query_graph().classes(child, subgraph)?;
        let mut dearest = Cost::default();
        for class in classes.iter() {
            let overlay = self.overlays.for_class(below, class);
            let place = Place { class, subgraph: Some(subgraph), overlay };
            let solution = self.solve(Node::Below(demand.id), &demand.children, place)?;
            dearest = dearest.either(solution.cost);
        }
        Some(Cost::FIELD + dearest)
    }

    /// The composite type of a field, as a subgraph has it.
    fn child_type(
        &self,
        class: TypeId,
        field: &str,
        subgraph: SubgraphId,
        presence: Option<&supergraph::FieldPresence>,
    ) -> Option<TypeId> {
        let field = self.supergraph.field_of(class, field);
        let external = || field.and_then(|f| f.presences.get(subgraph));
        let ty = presence.or_else(external).map(|p| &p.ty).or(field.map(|f| &f.ty))?;
        self.supergraph.type_id(ty.inner_named_type())
    }

    /// The cost of what a field requires, from where the object stands.
    fn required(
        &self,
        requires: Option<&FieldSet>,
        demand: &Demand,
        place: Place,
        to: SubgraphId,
    ) -> Option<Cost> {
        let Some(set) = requires else { return Some(Cost::default()) };
        let hidden = self.hidden(set);
        self.within(Frame::Requirement(place.class, demand.name.clone(), to), || {
            Some(self.solve(hidden.node, &hidden.demands, place)?.cost)
        })
    }

    /// Breadth first: in each round, every subgraph one of whose keys can be had from those reached before.
    fn find_hops(&self, place: Place) -> Vec<Option<Rc<Hop>>> {
        let mut hops: Vec<Option<Rc<Hop>>> = vec![None; self.supergraph.subgraphs().len()];
        if place.subgraph.is_none() || self.is_query(place.class) {
            return self.root_hops(place.class);
        }
        loop {
            let mut found = Vec::new();
            for to in self.supergraph.subgraph_ids().filter(|to| hops[to.index()].is_none()) {
                let entries = self.supergraph.query_graph().entries(place.class, to).iter();
                let ways = entries.filter_map(|entry| {
                    let inputs =
                        self.assign(&self.hidden(&entry.key).demands, place, Some(&hops))?;
                    let cost = inputs.cost.then_request();
                    Some(Hop { typename: entry.typename, key: entry.key.clone(), inputs, cost })
                });
                let mut ways = ways;
                let best = if self.is_hasty() {
                    ways.next()
                } else {
                    ways.min_by_key(|hop| hop.cost.weight())
                };
                found.extend(best.map(|hop| (to, hop)));
            }
            if found.is_empty() {
                return hops;
            }
            for (to, hop) in found {
                hops[to.index()] = Some(Rc::new(hop));
            }
        }
    }

    /// Every subgraph that has the root type.
    fn root_hops(&self, root: TypeId) -> Vec<Option<Rc<Hop>>> {
        let has = |to| self.supergraph.query_graph().classes(root, to).is_some();
        let hop = || Hop {
            typename: root,
            key: Arc::default(),
            inputs: Solution { cost: Cost::default(), assignments: Vec::new() },
            cost: Cost::default().then_request(),
        };
        self.supergraph.subgraph_ids().map(|to| has(to).then(|| Rc::new(hop()))).collect()
    }

    /// The fields of a field set that are selected of objects of a class.
    pub(crate) fn fields_for<'s>(
        &self,
        set: &'s FieldSet,
        class: TypeId,
    ) -> Vec<&'s supergraph::FieldSetField> {
        fields_for(self.supergraph, set, class)
    }
}
