//! Builds the fetches: walks the demands from the root, placing each where the search found it cheapest met.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::{OperationType, Type};
use indexmap::IndexMap;
use supergraph::{
    FieldPresence, FieldSet, FieldSetSelection, SubgraphId, TypeId, TypeKind, TypeSet,
};

use crate::choice::Way;
use crate::demand::Demand;
use crate::draft::{
    Draft, DraftBatch, DraftId, DraftRepresentation, DraftRequest, Drafts, represent,
};
use crate::entry_name::{EntryNames, position};
use crate::overlay::OverlayId;
use crate::search::{Frame, Hop, Node, Place, Search, Solution};
use crate::selection::{SelectionId, Selections, typename};
use crate::{
    Condition, EntityBatch, Fetch, FetchField, FetchId, FetchRequest, PathElement, PlanError,
    Representation, RepresentationSelection, ResponsePath,
};

/// The fetches that something was put into.
type Touched = BTreeSet<DraftId>;

/// A demand, and the classes of which it is wanted.
type Wanted = (Rc<Demand>, Vec<TypeId>);

/// The fetches in the making.
pub(crate) struct Builder<'a> {
    search: Search<'a>,
    selections: Selections,
    names: EntryNames,
    drafts: Drafts,
    /// The step of a mutation being built, and what must have ended before it.
    step: usize,
    before: Touched,
}

/// Where objects stand in a fetch.
#[derive(Debug, Clone)]
struct Position {
    path: Vec<PathElement>,
    draft: DraftId,
    subgraph: SubgraphId,
    /// The selection sets in which the objects are asked for: several where they stand under different fragments.
    cursors: Vec<Cursor>,
    overlay: OverlayId,
    /// Holds for everything here.
    condition: Condition,
    /// All classes that objects at the path can have, here or elsewhere.
    universe: TypeSet,
}

/// A selection set, and what its objects are.
#[derive(Debug, Clone)]
struct Cursor {
    set: SelectionId,
    /// The type of the selection set, as the subgraph knows it.
    type_id: TypeId,
    classes: TypeSet,
}

/// A demand with the way it is met for objects of some classes.
struct Placement {
    demand: Rc<Demand>,
    way: Way,
    classes: Vec<TypeId>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(search: Search<'a>, client: &[Rc<Demand>]) -> Self {
        Self {
            search,
            selections: Selections::default(),
            names: EntryNames::of_client(client),
            drafts: Drafts::default(),
            step: 0,
            before: Touched::new(),
        }
    }

    /// Builds the fetches of a query or subscription.
    pub(crate) fn query(
        &mut self,
        operation_type: OperationType,
        root: TypeId,
        demands: &[Rc<Demand>],
    ) -> Result<(), PlanError> {
        let solution = self.root_solution(root, demands)?;
        for (to, demands) in by_subgraph(&solution) {
            let position = self.root_position(operation_type, root, to);
            self.locals(&demands, &position)?;
        }
        Ok(())
    }

    /// Builds the fetches of a mutation: each root field waits for all of the one before, unless one request asks for
    /// both.
    pub(crate) fn mutation(
        &mut self,
        root: TypeId,
        demands: &[Rc<Demand>],
    ) -> Result<(), PlanError> {
        let mut open: Option<Position> = None;
        // What the open request asks for: the same again, under another condition, is executed at its own place.
        let mut asked: Vec<&Option<Name>> = Vec::new();
        for demand in demands {
            let solution = self.root_solution(root, std::slice::from_ref(demand))?;
            let [(Way::Hop(to), _)] = solution.assignments.as_slice() else {
                // The root field would be asked for twice.
                return Err(self.search.explain(
                    &solution.assignments[..1].iter().map(|(_, d)| d.clone()).collect::<Vec<_>>(),
                    root_place(root),
                ));
            };
            let alone = self.drafts.all.len() - self.before.len() == 1;
            let again = asked.contains(&&demand.output);
            let reused = open.take().filter(|open| alone && !again && open.subgraph == *to);
            let position = if let Some(open) = reused {
                open
            } else {
                self.before = (0..self.drafts.all.len()).collect();
                self.step += 1;
                asked.clear();
                self.root_position(OperationType::Mutation, root, *to)
            };
            asked.push(&demand.output);
            self.locals(std::slice::from_ref(demand), &position)?;
            open = Some(position);
        }
        Ok(())
    }

    /// The finished fetches, each after those it depends on.
    pub(crate) fn finish(mut self) -> Result<Vec<Fetch>, PlanError> {
        self.search.check_budget()?;
        crate::merge::merge(&mut self.drafts, &mut self.selections);
        self.drafts.reduce();
        let order = self.drafts.order();
        let id_of = |draft: &DraftId| {
            let place = order.iter().position(|id| id == draft).expect("merged ones were replaced");
            FetchId(u32::try_from(place).expect("a plan has few fetches"))
        };
        let fetch = |draft: &DraftId| {
            let mut depends_on: Vec<FetchId> =
                self.drafts.all[*draft].depends_on.iter().map(id_of).collect();
            depends_on.sort();
            self.fetch(id_of(draft), &self.drafts.all[*draft], depends_on)
        };
        Ok(order.iter().map(fetch).collect())
    }

    fn fetch(&self, id: FetchId, draft: &Draft, depends_on: Vec<FetchId>) -> Fetch {
        let condition = |set: SelectionId| match self.selections.condition(set) {
            condition if condition.any.is_empty() => Condition::always(),
            condition => condition,
        };
        let (condition, request) = match &draft.request {
            DraftRequest::Root { operation_type, set } => {
                let condition = condition(*set);
                let root = self.search.supergraph.root_type(*operation_type);
                let root = root.and_then(|name| self.search.supergraph.type_id(name));
                let selection_set = self.finished(*set, root, draft.subgraph, &condition);
                (condition, FetchRequest::Root { operation_type: *operation_type, selection_set })
            }
            DraftRequest::Entities(batches) => {
                let condition = batches
                    .iter()
                    .fold(Condition::never(), |either, batch| either.or(&condition(batch.set)));
                let batches = batches.iter().map(|batch| EntityBatch {
                    path: ResponsePath(batch.path.clone()),
                    representations: batch
                        .representations
                        .iter()
                        .map(|representation| self.representation(representation))
                        .collect(),
                    selection_set: self.finished(batch.set, None, draft.subgraph, &condition),
                });
                let batches = batches.collect();
                (condition, FetchRequest::Entities(batches))
            }
        };
        Fetch { id, subgraph: draft.subgraph, depends_on, condition, request }
    }

    fn finished(
        &self,
        set: SelectionId,
        parent: Option<TypeId>,
        subgraph: SubgraphId,
        condition: &Condition,
    ) -> crate::FetchSelectionSet {
        let mut finished = self.selections.finish(set, condition);
        crate::alias::separate_conflicts(&mut finished, parent, self.search.supergraph, subgraph);
        finished
    }

    fn representation(&self, draft: &DraftRepresentation) -> Representation {
        let types = if draft.any { Arc::new([]) } else { self.runtime_types(&[draft.class]) };
        Representation {
            runtime_types: types,
            typename: draft.typename.clone(),
            fields: draft.fields.clone(),
        }
    }

    fn root_solution(
        &self,
        root: TypeId,
        demands: &[Rc<Demand>],
    ) -> Result<Rc<Solution>, PlanError> {
        let node = match demands {
            [only] => Node::Alone(only.id),
            _ => Node::Below(0),
        };
        let solution = self.search.solve(node, demands, root_place(root));
        self.search.check_budget()?;
        solution.ok_or_else(|| self.search.explain(demands, root_place(root)))
    }

    fn root_position(
        &mut self,
        operation_type: OperationType,
        root: TypeId,
        subgraph: SubgraphId,
    ) -> Position {
        let set = self.selections.add_set();
        let draft = self.drafts.add(Draft {
            subgraph,
            depends_on: self.before.clone(),
            step: self.step,
            request: DraftRequest::Root { operation_type, set },
            merged: false,
        });
        Position {
            path: Vec::new(),
            draft,
            subgraph,
            cursors: vec![Cursor { set, type_id: root, classes: TypeSet::one(root) }],
            overlay: OverlayId::NONE,
            condition: Condition::always(),
            universe: TypeSet::one(root),
        }
    }

    /// Puts demands, all of which the subgraph resolves, at a position.
    fn locals(&mut self, demands: &[Rc<Demand>], at: &Position) -> Result<Touched, PlanError> {
        let mut touched = Touched::new();
        for demand in demands {
            let classes: Vec<TypeId> = at.classes().iter().collect();
            touched.extend(self.local(demand, &classes, at)?);
        }
        Ok(touched)
    }

    /// Places the demands of a node at a position, each as the search says.
    fn place(
        &mut self,
        node: Node,
        demands: &[Rc<Demand>],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        for cursor in &at.cursors {
            if self.is_abstract(cursor.type_id, at.subgraph) {
                let field =
                    typename(Some(apollo_compiler::name!("__typename")), at.condition.clone());
                self.selections.field(cursor.set, field, false);
            }
        }
        let mut placements: Vec<Placement> = Vec::new();
        for class in at.classes().iter() {
            let place = self.place_of(class, at);
            let Some(solution) = self.search.solve(node, demands, place) else {
                self.search.check_budget()?;
                return Err(self.search.explain(demands, place));
            };
            add_placements(&mut placements, &solution, class);
        }
        placements.sort_by_key(|placement| {
            demands.iter().position(|demand| {
                demand.output == placement.demand.output && demand.name == placement.demand.name
            })
        });
        self.placements(placements, at)
    }

    fn placements(
        &mut self,
        placements: Vec<Placement>,
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let mut touched = Touched::new();
        let mut hops: IndexMap<SubgraphId, Vec<Wanted>> = IndexMap::new();
        for placement in placements {
            match placement.way {
                Way::Local => {
                    touched.extend(self.local(&placement.demand, &placement.classes, at)?);
                }
                Way::Hop(to) => {
                    hops.entry(to).or_default().push((placement.demand, placement.classes));
                }
            }
        }
        for (to, wanted) in hops {
            touched.extend(self.hop(to, &wanted, at)?);
        }
        Ok(touched)
    }

    /// Puts a demand of objects of some classes into the fetch where they stand, and goes on below it.
    fn local(
        &mut self,
        demand: &Rc<Demand>,
        classes: &[TypeId],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let mut touched = Touched::from([at.draft]);
        let classes: TypeSet = classes
            .iter()
            .copied()
            .filter(|c| demand.concerns(self.search.supergraph, *c))
            .collect();
        let condition = at.condition.and(&demand.condition);
        if demand.is_typename() {
            for cursor in &at.cursors {
                let field = typename(Some(demand.name.clone()), condition.clone());
                if !cursor.classes.intersection(&classes).is_empty() {
                    self.selections.field(cursor.set, field, false);
                }
            }
            return Ok(touched);
        }
        let output = demand.output.clone().unwrap_or_else(|| {
            self.names.choose(&position(&at.path), &demand.name, &demand.arguments)
        });
        let mut below: IndexMap<OverlayId, Vec<Cursor>> = IndexMap::new();
        let mut ty = None;
        for cursor in &at.cursors {
            let here = classes.intersection(&cursor.classes);
            for (set, on, classes) in self.targets(cursor, &here, demand, at) {
                let (presence, field_type) = self.field_in(on, demand, at.subgraph);
                let child = self.search.supergraph.type_id(field_type.inner_named_type());
                let field = FetchField {
                    name: demand.name.clone(),
                    alias: (output != demand.name).then(|| output.clone()),
                    output: Some(output.clone()),
                    arguments: demand.arguments.clone(),
                    variables: demand.variables.clone(),
                    condition: condition.clone(),
                    selection_set: crate::FetchSelectionSet::default(),
                };
                let below_set = self.selections.field(set, field, child.is_some());
                if let Some((set, child)) = below_set.zip(child) {
                    let overlay = self.overlay_below(classes[0], &demand.name, presence, at);
                    let classes = self.classes_in(child, at.subgraph);
                    below.entry(overlay).or_default().push(Cursor { set, type_id: child, classes });
                }
                ty = Some(field_type);
            }
        }
        let path = ty.map(|ty| self.path_below(at, &classes, &output, &ty)).unwrap_or_default();
        for (overlay, cursors) in below {
            let universe = union(&cursors);
            let position = Position {
                path: path.clone(),
                cursors,
                overlay,
                condition: condition.clone(),
                universe,
                ..at.clone()
            };
            touched.extend(self.place(Node::Below(demand.id), &demand.children, &position)?);
        }
        Ok(touched)
    }

    /// Where in a cursor a field of some classes goes: in the set itself where that means the same, else in a fragment for
    /// each class.
    fn targets(
        &mut self,
        cursor: &Cursor,
        classes: &TypeSet,
        demand: &Demand,
        at: &Position,
    ) -> Vec<(SelectionId, TypeId, Vec<TypeId>)> {
        if classes.is_empty() {
            return Vec::new();
        }
        let all: Vec<TypeId> = classes.iter().collect();
        let whole = *classes == cursor.classes && self.means_the_same(cursor, &all, demand, at);
        if whole || !self.is_abstract(cursor.type_id, at.subgraph) {
            return vec![(cursor.set, cursor.type_id, all)];
        }
        all.into_iter()
            .map(|class| {
                let types = self.runtime_types(&[class]);
                let name = self.search.supergraph.type_of(class).name.clone();
                (self.selections.fragment(cursor.set, &name, &types), class, vec![class])
            })
            .collect()
    }

    /// Whether a field, selected on the cursor's abstract type, is what it is on each of the classes.
    fn means_the_same(
        &self,
        cursor: &Cursor,
        classes: &[TypeId],
        demand: &Demand,
        at: &Position,
    ) -> bool {
        let supergraph = self.search.supergraph;
        let on = supergraph.field_of(cursor.type_id, &demand.name);
        if on.is_none_or(|field| field.presences.get(at.subgraph).is_none()) {
            return false;
        }
        if demand.children.is_empty() {
            return true;
        }
        let (presence, ty) = self.field_in(cursor.type_id, demand, at.subgraph);
        let Some(child) = supergraph.type_id(ty.inner_named_type()) else { return true };
        let overlay = self.overlay_below(cursor.type_id, &demand.name, presence, at);
        let mut each = TypeSet::from_iter([]);
        for class in classes {
            let (presence, ty) = self.field_in(*class, demand, at.subgraph);
            let Some(child) = supergraph.type_id(ty.inner_named_type()) else { return false };
            if self.overlay_below(*class, &demand.name, presence, at) != overlay {
                return false;
            }
            each = each.union(&self.classes_in(child, at.subgraph));
        }
        each == self.classes_in(child, at.subgraph)
    }

    /// A field as a subgraph has it on a type.
    fn field_in(
        &self,
        on: TypeId,
        demand: &Demand,
        subgraph: SubgraphId,
    ) -> (Option<&'a FieldPresence>, Type) {
        let supergraph = self.search.supergraph;
        let field = supergraph.field_of(on, &demand.name);
        let presence = field.and_then(|field| field.presences.get(subgraph));
        let resolution = || self.search.resolution(demand, on, subgraph);
        let presence = presence.or_else(|| resolution().map(|resolution| resolution.presence));
        let ty = presence.map(|p| &p.ty).or(field.map(|f| &f.ty)).cloned();
        (presence, ty.unwrap_or_else(|| Type::Named(apollo_compiler::name!("Unknown"))))
    }

    fn overlay_below(
        &self,
        class: TypeId,
        field: &str,
        presence: Option<&FieldPresence>,
        at: &Position,
    ) -> OverlayId {
        let overlays = &self.search.overlays;
        overlays.below(overlays.for_class(at.overlay, class), field, presence)
    }

    /// The path to the values of a field.
    fn path_below(
        &self,
        at: &Position,
        classes: &TypeSet,
        output: &Name,
        ty: &Type,
    ) -> Vec<PathElement> {
        let mut path = at.path.clone();
        if at.universe.len() > 1 && !at.universe.is_subset(classes) {
            let classes: Vec<TypeId> = classes.iter().collect();
            path.push(PathElement::TypeCondition(self.runtime_types(&classes)));
        }
        path.push(PathElement::Key(output.clone()));
        path.extend(std::iter::repeat_n(PathElement::Items, list_depth(ty)));
        path
    }

    /// Asks a subgraph, in a request of its own, for demands on objects of some classes.
    fn hop(
        &mut self,
        to: SubgraphId,
        wanted: &[Wanted],
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let mut touched = Touched::new();
        for (hop, classes) in self.hop_groups(to, wanted, at) {
            let concerned = |classes: &[TypeId], of: &[TypeId]| -> Vec<TypeId> {
                classes.iter().copied().filter(|class| of.contains(class)).collect()
            };
            let condition = wanted
                .iter()
                .filter(|(_, of)| !concerned(&classes, of).is_empty())
                .fold(Condition::never(), |either, (d, _)| {
                    either.or(&at.condition.and(&d.condition))
                });
            let mut placements = Vec::new();
            for class in &classes {
                add_placements(&mut placements, &hop.inputs, *class);
            }
            let inner = Position { condition, ..at.clone() };
            let frame = Frame::Hops(self.place_of(classes[0], at));
            let mut ready = self.framed(frame, |this| this.placements(placements, &inner))?;
            ready.insert(at.draft);
            touched.extend(&ready);
            let keys = self.represented(&hop.key, &classes, &position(&at.path), true);
            let mut jobs: Vec<(Option<&FieldSet>, &Rc<Demand>, Vec<TypeId>)> = Vec::new();
            for (demand, of) in wanted {
                for class in concerned(&classes, of) {
                    let requires = self.search.requirement(demand, class, to);
                    match jobs.iter_mut().find(|(r, d, _)| *r == requires && d.id == demand.id) {
                        Some((_, _, classes)) => classes.push(class),
                        None => jobs.push((requires, demand, vec![class])),
                    }
                }
            }
            jobs.sort_by_key(|(requires, _, _)| requires.is_some());
            for (requires, demand, classes) in jobs {
                let (ready, fields) = match requires {
                    None => (ready.clone(), Vec::new()),
                    Some(set) => self.require(set, demand, to, &classes, at, &ready)?,
                };
                let landing = self.enter(to, &hop, &keys, &classes, &fields, &ready, at);
                touched.extend(self.land(demand, &classes, &landing)?);
            }
        }
        Ok(touched)
    }

    /// The classes that take the same way into a subgraph.
    fn hop_groups(
        &self,
        to: SubgraphId,
        wanted: &[Wanted],
        at: &Position,
    ) -> Vec<(Rc<Hop>, Vec<TypeId>)> {
        let classes: TypeSet = wanted.iter().flat_map(|(_, classes)| classes).copied().collect();
        let mut groups: Vec<(Rc<Hop>, Vec<TypeId>)> = Vec::new();
        for class in classes.iter() {
            let hops = self.search.hops(self.place_of(class, at));
            let hop = hops[to.index()].clone().expect("the search found this way");
            let same = groups.iter_mut().find(|(known, classes)| {
                known.key == hop.key
                    && known.inputs == hop.inputs
                    && (known.typename == classes[0]) == (hop.typename == class)
                    && (known.typename == hop.typename || hop.typename == class)
            });
            match same {
                Some((_, classes)) => classes.push(class),
                None => groups.push((hop, vec![class])),
            }
        }
        groups
    }

    /// Gets what a field requires; the fetches to wait for, and what is sent.
    fn require(
        &mut self,
        set: &FieldSet,
        demand: &Rc<Demand>,
        to: SubgraphId,
        classes: &[TypeId],
        at: &Position,
        ready: &Touched,
    ) -> Result<(Touched, Vec<RepresentationSelection>), PlanError> {
        let hidden = self.search.hidden(set);
        let inner = Position { condition: at.condition.and(&demand.condition), ..at.clone() };
        let frame = Frame::Requirement(classes[0], demand.name.clone(), to);
        let touched = self.framed(frame, |this| {
            let mut placements = Vec::new();
            for class in classes {
                let place = this.place_of(*class, at);
                let solution = this.search.solve(hidden.node, &hidden.demands, place);
                let Some(solution) = solution else {
                    this.search.check_budget()?;
                    return Err(this.search.explain(&hidden.demands, place));
                };
                add_placements(&mut placements, &solution, *class);
            }
            this.placements(placements, &inner)
        })?;
        let fields = self.represented(set, classes, &position(&at.path), false);
        Ok((touched.union(ready).copied().collect(), fields))
    }

    /// The fetch of entities that takes up these objects, and where they stand in it.
    #[expect(
        clippy::too_many_arguments,
        reason = "all of it describes one way of one kind of objects"
    )]
    fn enter(
        &mut self,
        to: SubgraphId,
        hop: &Hop,
        keys: &[RepresentationSelection],
        classes: &[TypeId],
        fields: &[RepresentationSelection],
        ready: &Touched,
        at: &Position,
    ) -> Position {
        let supergraph = self.search.supergraph;
        let own = !supergraph.is_interface_object(hop.typename, to)
            && supergraph.type_of(hop.typename).kind == TypeKind::Object;
        let name_of = |class: TypeId| {
            let id = if own { class } else { hop.typename };
            supergraph.type_of(id).name.clone()
        };
        let representations: Vec<DraftRepresentation> = classes
            .iter()
            .map(|class| DraftRepresentation {
                class: *class,
                any: at.universe.len() <= 1,
                typename: name_of(*class),
                fields: keys.iter().chain(fields).cloned().collect(),
            })
            .collect();
        let known = self.drafts.joinable(to, &at.path, self.step, ready, &representations);
        let draft = known.unwrap_or_else(|| {
            let set = self.selections.add_set();
            let batch = DraftBatch { path: at.path.clone(), representations: Vec::new(), set };
            self.drafts.add(Draft {
                subgraph: to,
                depends_on: ready.clone(),
                step: self.step,
                request: DraftRequest::Entities(vec![batch]),
                merged: false,
            })
        });
        let DraftRequest::Entities(batches) = &mut self.drafts.all[draft].request else {
            unreachable!("only fetches of entities are joined");
        };
        represent(&mut batches[0].representations, representations);
        let root = batches[0].set;
        let cursors: Vec<Cursor> = if own {
            classes
                .iter()
                .map(|class| {
                    let types = self.runtime_types(&[*class]);
                    let set = self.selections.fragment(root, &name_of(*class), &types);
                    Cursor { set, type_id: *class, classes: TypeSet::one(*class) }
                })
                .collect()
        } else {
            let all: Vec<TypeId> =
                supergraph.query_graph().runtime_types(hop.typename).iter().collect();
            let types = self.runtime_types(&all);
            let set = self.selections.fragment(root, &name_of(hop.typename), &types);
            let landed = match classes {
                [class] if *class == hop.typename => self.classes_in(hop.typename, to),
                _ => classes.iter().copied().collect(),
            };
            vec![Cursor { set, type_id: hop.typename, classes: landed }]
        };
        let landed = union(&cursors);
        let universe = if landed.is_subset(&at.universe) { at.universe.clone() } else { landed };
        Position { draft, subgraph: to, cursors, overlay: OverlayId::NONE, universe, ..at.clone() }
    }

    /// Puts a demand into the fetch of entities that was entered for it.
    fn land(
        &mut self,
        demand: &Rc<Demand>,
        classes: &[TypeId],
        landing: &Position,
    ) -> Result<Touched, PlanError> {
        let landed: Vec<TypeId> = landing.classes().iter().collect();
        if landed == classes {
            return self.local(demand, classes, landing);
        }
        // An interface's objects have got their own types: from here, each is a place of its own.
        let node = Node::Alone(demand.id);
        Ok(&self.place(node, std::slice::from_ref(demand), landing)?
            | &Touched::from([landing.draft]))
    }

    /// What is sent of a field set that has been put at a position.
    fn represented(
        &mut self,
        set: &FieldSet,
        classes: &[TypeId],
        at: &[Name],
        key: bool,
    ) -> Vec<RepresentationSelection> {
        let fields = self.search.fields_for(set, classes[0]).into_iter().cloned();
        let flat = FieldSet { selections: fields.map(FieldSetSelection::Field).collect() };
        self.represented_below(&flat, Some(classes[0]), at, key)
    }

    fn represented_below(
        &mut self,
        set: &FieldSet,
        ty: Option<TypeId>,
        at: &[Name],
        key: bool,
    ) -> Vec<RepresentationSelection> {
        let supergraph = self.search.supergraph;
        let mut fields = Vec::new();
        for selection in &set.selections {
            match selection {
                FieldSetSelection::Field(field) if field.name == "__typename" => {}
                FieldSetSelection::Field(field) => {
                    let input = self.names.choose(at, &field.name, &field.arguments);
                    let child = ty.and_then(|ty| self.composite_type(ty, &field.name));
                    let mut below = at.to_vec();
                    below.push(input.clone());
                    let mut inner = self.represented_below(&field.selections, child, &below, key);
                    if child.is_some_and(|id| supergraph.type_of(id).kind != TypeKind::Object) {
                        let name = apollo_compiler::name!("__typename");
                        inner.insert(
                            0,
                            RepresentationSelection::Field {
                                input: name.clone(),
                                name,
                                key: false,
                                fields: Vec::new(),
                            },
                        );
                    }
                    let name = field.name.clone();
                    fields.push(RepresentationSelection::Field { name, input, key, fields: inner });
                }
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    let on = type_condition.as_ref().and_then(|name| supergraph.type_id(name));
                    let inner = self.represented_below(selections, on.or(ty), at, key);
                    let types = on.or(ty).map(|on| supergraph.query_graph().runtime_types(on));
                    let types: Vec<TypeId> = types.into_iter().flat_map(TypeSet::iter).collect();
                    fields.push(RepresentationSelection::InlineFragment {
                        runtime_types: self.runtime_types(&types),
                        fields: inner,
                    });
                }
            }
        }
        fields
    }

    /// The composite type of a field in the supergraph.
    fn composite_type(&self, on: TypeId, field: &str) -> Option<TypeId> {
        let supergraph = self.search.supergraph;
        let field = supergraph.field_of(on, field)?;
        supergraph.type_id(field.ty.inner_named_type())
    }

    /// Builds something with a frame open, as the search had it when it found the way.
    fn framed<T>(
        &mut self,
        frame: Frame,
        build: impl FnOnce(&mut Self) -> Result<T, PlanError>,
    ) -> Result<T, PlanError> {
        self.search.open(frame);
        let result = build(self);
        self.search.close();
        result
    }

    fn place_of(&self, class: TypeId, at: &Position) -> Place {
        let overlay = self.search.overlays.for_class(at.overlay, class);
        Place { class, subgraph: Some(at.subgraph), overlay }
    }

    /// Whether a type's objects differ in a subgraph.
    fn is_abstract(&self, id: TypeId, subgraph: SubgraphId) -> bool {
        self.search.supergraph.type_of(id).kind != TypeKind::Object
            && !self.search.supergraph.is_interface_object(id, subgraph)
    }

    fn classes_in(&self, id: TypeId, subgraph: SubgraphId) -> TypeSet {
        let classes = self.search.supergraph.query_graph().classes(id, subgraph);
        classes.cloned().unwrap_or_else(|| TypeSet::one(id))
    }

    /// The names of the object types that objects of these classes have.
    fn runtime_types(&self, classes: &[TypeId]) -> Arc<[Name]> {
        let supergraph = self.search.supergraph;
        let runtime =
            classes.iter().flat_map(|id| supergraph.query_graph().runtime_types(*id).iter());
        runtime.map(|id| supergraph.type_of(id).name.clone()).collect()
    }
}

impl Position {
    fn classes(&self) -> TypeSet {
        union(&self.cursors)
    }
}

fn union(cursors: &[Cursor]) -> TypeSet {
    cursors.iter().flat_map(|cursor| cursor.classes.iter()).collect()
}

fn root_place(root: TypeId) -> Place {
    Place { class: root, subgraph: None, overlay: OverlayId::NONE }
}

fn by_subgraph(solution: &Solution) -> IndexMap<SubgraphId, Vec<Rc<Demand>>> {
    let mut found: IndexMap<SubgraphId, Vec<Rc<Demand>>> = IndexMap::new();
    for (way, demand) in &solution.assignments {
        if let Way::Hop(to) = way {
            found.entry(*to).or_default().push(demand.clone());
        }
    }
    found
}

/// Adds how the demands of objects of one more class are met.
fn add_placements(placements: &mut Vec<Placement>, solution: &Solution, class: TypeId) {
    for (way, demand) in &solution.assignments {
        match placements.iter_mut().find(|p| p.way == *way && p.demand.id == demand.id) {
            Some(known) => known.classes.push(class),
            None => placements.push(Placement {
                demand: demand.clone(),
                way: *way,
                classes: vec![class],
            }),
        }
    }
}

/// How many lists a type is wrapped in.
fn list_depth(ty: &Type) -> usize {
    match ty {
        Type::List(inner) | Type::NonNullList(inner) => 1 + list_depth(inner),
        Type::Named(_) | Type::NonNullNamed(_) => 0,
    }
}
