//! Finds how demands are met from where an object stands: at hand, or by a hop to a subgraph that has one of its keys.
//!
//! Nothing is enumerated twice: what a selection set costs depends only on the class of the object, the subgraph it
//! stands in, and what is provided there ([`Place`]), and is remembered by that.

mod ways;

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
use crate::choice::Way;
use crate::cost::Cost;
use crate::demand::{Demand, Ids};
use crate::overlay::{OverlayId, Overlays};

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

/// The ways from one place, by subgraph: several where different interface objects stand for the object there.
pub(crate) type Hops = Rc<Vec<Vec<Rc<Hop>>>>;

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
            Rc::new(found.unwrap_or_else(|| vec![Vec::new(); self.supergraph.subgraphs().len()]))
        })
    }

    /// Of the ways of objects of a class into a subgraph, the one to the type that has the field there.
    pub(crate) fn hop_for<'h>(
        &self,
        demand: &Demand,
        class: TypeId,
        to: SubgraphId,
        hops: &'h [Rc<Hop>],
    ) -> Option<&'h Rc<Hop>> {
        let is_object = |id: TypeId| self.supergraph.is_interface_object(id, to);
        let on = self.resolution(demand, class, to).map(|resolution| resolution.on);
        match on.filter(|on| is_object(*on)) {
            Some(object) => hops.iter().find(|hop| hop.typename == object),
            None => hops.iter().find(|hop| !is_object(hop.typename)).or(hops.first()),
        }
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
}
