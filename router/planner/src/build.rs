//! Builds the fetches: walks the demands from the root, placing each where the search found it cheapest met.

mod context;
mod finish;
mod hop;
mod local;
mod represent;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::{OperationType, VariableDefinition};
use apollo_compiler::{Node as AstNode, name};
use indexmap::IndexMap;
use supergraph::{SubgraphId, TypeId, TypeKind, TypeSet};

use crate::choice::Way;
use crate::demand::Demand;
use crate::draft::{Draft, DraftId, DraftRequest, Drafts};
use crate::entry_name::EntryNames;
use crate::overlay::OverlayId;
use crate::search::{Frame, Node, Place, Search, Solution};
use crate::selection::{SelectionId, Selections, typename};
use crate::{Condition, PathElement, PlanError};

use self::context::ContextVariables;

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
    context_variables: ContextVariables,
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
    /// The fetches that tell the types of objects above, where the path goes by them: what is asked from here waits for them.
    after: Touched,
    /// The fetches that tell the types of these objects, where only an interface object stands for them here.
    told: Touched,
    /// Where the objects stand of which these are fields.
    above: Option<Rc<Position>>,
    /// Where the same objects stood first, before hops.
    origin: Option<Rc<Position>>,
}

/// A selection set, and what its objects are.
#[derive(Debug, Clone)]
struct Cursor {
    set: SelectionId,
    /// The type of the selection set, as the subgraph knows it.
    type_id: TypeId,
    classes: TypeSet,
}

/// Demands with the way each is met, and the classes of the objects for which it is met so.
type Placements = IndexMap<(u32, Way), (Rc<Demand>, Vec<TypeId>)>;

impl<'a> Builder<'a> {
    pub(crate) fn new(
        search: Search<'a>,
        client: &[Rc<Demand>],
        variables: &[AstNode<VariableDefinition>],
    ) -> Self {
        Self {
            search,
            selections: Selections::default(),
            names: EntryNames::of_client(client),
            drafts: Drafts::default(),
            context_variables: ContextVariables::beside(variables),
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

    /// What the search has taken so far.
    pub(crate) fn steps(&self) -> usize {
        self.search.steps()
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
        self.solution(node, demands, root_place(root))
    }

    fn solution(
        &self,
        node: Node,
        demands: &[Rc<Demand>],
        place: Place,
    ) -> Result<Rc<Solution>, PlanError> {
        let solution = self.search.solve(node, demands, place);
        self.search.check_budget()?;
        solution.ok_or_else(|| self.search.explain(demands, place))
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
            request: DraftRequest::Root { operation_type, path: Vec::new(), set },
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
            after: Touched::new(),
            told: Touched::new(),
            above: None,
            origin: None,
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
                let field = typename(Some(name!("__typename")), at.condition.clone());
                self.selections.field(cursor.set, field, false);
            }
        }
        let mut placements = Placements::new();
        for class in at.classes().iter() {
            let solution = self.solution(node, demands, self.place_of(class, at))?;
            add_placements(&mut placements, &solution, class);
        }
        placements.sort_by(|_, (a, _), _, (b, _)| a.order.cmp(&b.order));
        self.placements(placements, at)
    }

    fn placements(&mut self, placements: Placements, at: &Position) -> Result<Touched, PlanError> {
        let (types, placements) = placements.into_iter().partition(|((_, way), (demand, _))| {
            demand.is_typename() && matches!(way, Way::Hop(_))
        });
        let mut touched = self.tell_types(types, &placements, at)?;
        let with_types;
        let at = if touched.is_empty() {
            at
        } else {
            with_types = Position { told: &at.told | &touched, ..at.clone() };
            &with_types
        };
        let mut hops: IndexMap<SubgraphId, Vec<Wanted>> = IndexMap::new();
        for ((_, way), (demand, classes)) in placements {
            match way {
                Way::Local => touched.extend(self.local(&demand, &classes, at)?),
                Way::Hop(to) => hops.entry(to).or_default().push((demand, classes)),
            }
        }
        for (to, wanted) in hops {
            touched.extend(self.hop(to, &wanted, at)?);
        }
        Ok(touched)
    }

    /// Asks for the types of objects for which only an interface object stands: it comes first, since what is wanted of some
    /// types only may have to wait for it.
    fn tell_types(
        &mut self,
        types: Placements,
        others: &Placements,
        at: &Position,
    ) -> Result<Touched, PlanError> {
        let mut touched = Touched::new();
        for ((_, way), (demand, classes)) in types {
            let Way::Hop(to) = way else { continue };
            // Where it is the planner that wants it, then for the sake of the others.
            let mut condition = at.condition.clone();
            if demand.output.is_none() {
                let others = others.values().map(|(other, _)| other);
                let others = others.filter(|other| self.is_narrower(other, &classes));
                let any = others.fold(Condition::never(), |any, other| any.or(&other.condition));
                condition = condition.and(&any);
            }
            let at = Position { condition, ..at.clone() };
            touched.extend(self.hop(to, &[(demand, classes)], &at)?);
        }
        Ok(touched)
    }

    /// Whether something is wanted of some objects of these classes only.
    fn is_narrower(&self, demand: &Demand, classes: &[TypeId]) -> bool {
        classes.iter().any(|class| demand.is_narrower_than(self.search.supergraph, *class))
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

    /// The runtime types of objects of these classes of which something is wanted.
    fn wanted_types(&self, demand: &Demand, classes: &[TypeId]) -> TypeSet {
        let graph = self.search.supergraph.query_graph();
        let all: TypeSet =
            classes.iter().flat_map(|class| graph.runtime_types(*class).iter()).collect();
        demand.types.as_ref().map_or_else(|| all.clone(), |wanted| wanted.intersection(&all))
    }

    /// The names of the object types that objects of these classes have.
    fn runtime_types(&self, classes: impl IntoIterator<Item = TypeId>) -> Arc<[Name]> {
        let supergraph = self.search.supergraph;
        let graph = supergraph.query_graph();
        let runtime = classes.into_iter().flat_map(|id| graph.runtime_types(id).iter());
        runtime.map(|id| supergraph.type_of(id).name.clone()).collect()
    }
}

impl Position {
    fn classes(&self) -> TypeSet {
        union(&self.cursors)
    }

    fn origin(&self) -> Rc<Self> {
        self.origin.clone().unwrap_or_else(|| Rc::new(self.clone()))
    }

    /// Where the objects are that fields asked for here have above them: where they stood first, unless only an interface
    /// object stood for them there, which does not know what they set.
    fn above_below(&self) -> Rc<Self> {
        let origin = self.origin();
        if self.classes().is_subset(&origin.classes()) { origin } else { Rc::new(self.clone()) }
    }
}

fn union(cursors: &[Cursor]) -> TypeSet {
    match cursors {
        [only] => only.classes.clone(),
        several => several.iter().flat_map(|cursor| cursor.classes.iter()).collect(),
    }
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
fn add_placements(placements: &mut Placements, solution: &Solution, class: TypeId) {
    for (way, demand) in &solution.assignments {
        let known = placements.entry((demand.id, *way));
        known.or_insert_with(|| (demand.clone(), Vec::new())).1.push(class);
    }
}
