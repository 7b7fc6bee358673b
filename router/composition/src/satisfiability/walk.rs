//! The walk over all states: where the router may stand, and every field that clients may ask for there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::{Name, name};
use supergraph::{Labels, SubgraphId, Supergraph};

use super::context::{Contexts, Given};
use super::operation::{self, Step};
use super::reach::{Position, Reach, Reached};
use super::{STATE_LIMIT, reason};
use crate::error::{CompositionError, SubgraphLocation};

/// Where the router may stand with an object of one type, and the operation that leads there.
struct State {
    object: Name,
    positions: BTreeSet<Position>,
    /// What the objects on the way give to contextual arguments.
    given: Given,
    last_step: Option<Rc<Step>>,
}

/// Which states are walked first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Those with the fewest positions: most others can do at least as much.
    SmallestFirst,
    /// Those that the shortest operations lead to.
    ShortestFirst,
}

/// One walk over the states of a supergraph.
pub(super) struct Walk<'a> {
    supergraph: &'a Supergraph,
    reach: Reach<'a>,
    contexts: Contexts<'a>,
    order: Order,
    /// By the number of positions where that is the order, and as they came.
    queue: BTreeMap<(usize, usize), State>,
    /// How many states were queued.
    count: usize,
    /// The positions that were or will be walked and what was given there, by object type.
    known: HashMap<Name, Vec<(BTreeSet<Position>, Given)>>,
    /// The fields that an error was reported for.
    reported: HashSet<(Name, Name)>,
    errors: Vec<CompositionError>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(supergraph: &'a Supergraph, labels: Labels, order: Order) -> Self {
        Self {
            supergraph,
            reach: Reach::new(supergraph, labels),
            contexts: Contexts::of(supergraph),
            order,
            queue: BTreeMap::new(),
            count: 0,
            known: HashMap::new(),
            reported: HashSet::new(),
            errors: Vec::new(),
        }
    }

    /// Walks until all states are walked, as many errors found as there are, or the limit is reached.
    pub(super) fn errors(
        mut self,
        state_limit: usize,
        error_count: usize,
    ) -> Vec<CompositionError> {
        for (_, root) in self.supergraph.api_schema().schema_definition.iter_root_operations() {
            self.arrive(root.name.clone(), &BTreeSet::new(), &Given::new(), None);
        }
        self.walk(state_limit, error_count)
    }

    /// Walks what is queued, to the same end.
    fn walk(mut self, state_limit: usize, error_count: usize) -> Vec<CompositionError> {
        let mut walked = 0;
        while let Some((_, state)) = self.queue.pop_first() {
            if self.errors.len() >= error_count {
                break;
            }
            if self.is_covered(&state) {
                continue;
            }
            walked += 1;
            if walked > state_limit {
                self.errors.push(too_many(state_limit));
                break;
            }
            self.leave(&state);
        }
        self.errors
    }

    /// Whether a state that came after this one can do no more, so that this one need not be walked any more.
    fn is_covered(&self, state: &State) -> bool {
        let known = self.known.get(&state.object).into_iter().flatten();
        known.into_iter().any(|(positions, given)| {
            (positions, given) != (&state.positions, &state.given)
                && given.is_subset(&state.given)
                && does_no_more(positions, &state.positions)
        })
    }

    /// Queues a state, unless one that could do no more was queued before.
    fn arrive(
        &mut self,
        object: Name,
        positions: &BTreeSet<Position>,
        given: &Given,
        last_step: Option<Rc<Step>>,
    ) {
        let positions = self.reach.closure(&object, positions);
        if positions.iter().all(|position| position.ty != object) {
            self.report_unknown_type(&object, &positions, last_step);
            return;
        }
        let known = self.known.entry(object.clone()).or_default();
        let does_no_more = |(earlier, had): &(BTreeSet<Position>, Given)| {
            had.is_subset(given) && does_no_more(earlier, &positions)
        };
        if known.iter().any(does_no_more) {
            return;
        }
        known.push((positions.clone(), given.clone()));
        let rank = if self.order == Order::SmallestFirst { positions.len() } else { 0 };
        self.count += 1;
        let state = State { object, positions, given: given.clone(), last_step };
        self.queue.insert((rank, self.count), state);
    }

    /// An interface object does not know the types behind it, and here nobody else tells.
    fn report_unknown_type(
        &mut self,
        object: &Name,
        positions: &BTreeSet<Position>,
        last_step: Option<Rc<Step>>,
    ) {
        let interface = positions.iter().map(|position| position.ty.clone()).next();
        let (Some(interface), true) =
            (interface, self.reported.insert((object.clone(), name!("__typename"))))
        else {
            return;
        };
        let step = Step {
            before: last_step,
            parent: object.clone(),
            field: name!("__typename"),
            type_condition: None,
        };
        let operation = operation::text(self.supergraph.api_schema(), &step);
        let subgraphs: BTreeSet<SubgraphId> =
            positions.iter().map(|position| position.subgraph).collect();
        let names: Vec<String> = subgraphs
            .iter()
            .map(|id| format!("`{}`", self.supergraph.subgraph(*id).name))
            .collect();
        let message = format!(
            "which objects are `{object}` cannot be found out by `{operation}`: `{interface}` is an `@interfaceObject` in \
             {}, and no resolvable `@key` of interface `{interface}` leads to a subgraph that knows",
            names.join(" and ")
        );
        let locations = subgraphs.iter().map(|id| self.location(*id)).collect();
        self.errors.push(CompositionError { code: "SATISFIABILITY_ERROR", message, locations });
    }

    fn location(&self, subgraph: SubgraphId) -> SubgraphLocation {
        SubgraphLocation {
            subgraph: self.supergraph.subgraph(subgraph).name.0.clone(),
            line_column: None,
        }
    }

    /// Follows every field of a state's type.
    fn leave(&mut self, state: &State) {
        let api_schema = self.supergraph.api_schema();
        let Some(object) = api_schema.get_object(&state.object) else { return };
        let roots = &api_schema.schema_definition;
        let is_mutation = roots.mutation.as_ref().is_some_and(|root| root.name == state.object);
        for field in object.fields.values() {
            let positions = self.with_contexts(state, &field.name);
            if is_mutation {
                let callers = self.resolving(state, field, &positions);
                if callers.len() > 1 {
                    if let Some(caller) = self.caller(state, field, callers) {
                        self.follow(state, field, &BTreeSet::from([caller]));
                    }
                    continue;
                }
            }
            if !self.follow(state, field, &positions) {
                self.report(state, &field.name);
            }
        }
    }

    /// Arrives at what a field leads to from these positions; whether any of them resolves it.
    fn follow(
        &mut self,
        state: &State,
        field: &FieldDefinition,
        positions: &BTreeSet<Position>,
    ) -> bool {
        let api_schema = self.supergraph.api_schema();
        let Some(reached) = self.reach.field(&state.object, positions, &field.name) else {
            return false;
        };
        let Reached::Objects(objects) = reached else { return true };
        let below =
            self.contexts.below(&state.object, &state.positions, &state.given, &mut self.reach);
        let is_abstract = api_schema.get_object(field.ty.inner_named_type()).is_none();
        for (runtime_type, positions) in objects {
            if api_schema.get_object(&runtime_type).is_none() {
                continue;
            }
            let step = Step {
                before: state.last_step.clone(),
                parent: state.object.clone(),
                field: field.name.clone(),
                type_condition: is_abstract.then(|| runtime_type.clone()),
            };
            self.arrive(runtime_type, &positions, &below, Some(Rc::new(step)));
        }
        true
    }

    /// The positions that resolve a field by themselves.
    fn resolving(
        &mut self,
        state: &State,
        field: &FieldDefinition,
        positions: &BTreeSet<Position>,
    ) -> Vec<Position> {
        let mut resolves = |position: &&Position| {
            let alone = BTreeSet::from([(*position).clone()]);
            self.reach.field(&state.object, &alone, &field.name).is_some()
        };
        positions.iter().filter(|position| resolves(position)).cloned().collect()
    }

    /// Where a mutation is called: once, so that one of the subgraphs that resolve it has to be enough for all that may
    /// be asked of its result. `None` if none is, which is reported.
    fn caller(
        &mut self,
        state: &State,
        field: &FieldDefinition,
        positions: Vec<Position>,
    ) -> Option<Position> {
        let mut failures = Vec::new();
        for position in positions {
            let labels = self.reach.labels().clone();
            let mut walk = Walk::new(self.supergraph, labels, Order::SmallestFirst);
            walk.follow(state, field, &BTreeSet::from([position.clone()]));
            match walk.walk(STATE_LIMIT, 1).pop() {
                None => return Some(position),
                Some(error) => failures.push((position.subgraph, error)),
            }
        }
        let reasons: Vec<String> = failures
            .iter()
            .map(|(subgraph, error)| {
                format!("from `{}`: {}", self.supergraph.subgraph(*subgraph).name, error.message)
            })
            .collect();
        let message = format!(
            "mutation `{}` is called once, and no subgraph that resolves it is enough for all of its result: {}",
            field.name,
            reasons.join("; ")
        );
        let locations = failures.iter().map(|(subgraph, _)| self.location(*subgraph)).collect();
        self.errors.push(CompositionError { code: "SATISFIABILITY_ERROR", message, locations });
        None
    }

    /// The positions of a state at which a field has the contexts that it takes values from.
    fn with_contexts<'s>(&self, state: &'s State, field: &Name) -> Cow<'s, BTreeSet<Position>> {
        let lacks = |position: &&Position| {
            let presence = self.supergraph.field_presence(&position.ty, field, position.subgraph);
            presence.is_some_and(|presence| self.contexts.missing(presence, &state.given).is_some())
        };
        if state.positions.iter().any(|position| lacks(&position)) {
            Cow::Owned(state.positions.iter().filter(|p| !lacks(p)).cloned().collect())
        } else {
            Cow::Borrowed(&state.positions)
        }
    }

    fn report(&mut self, state: &State, field: &Name) {
        if !self.reported.insert((state.object.clone(), field.clone())) {
            return;
        }
        let step = Step {
            before: state.last_step.clone(),
            parent: state.object.clone(),
            field: field.clone(),
            type_condition: None,
        };
        let operation = operation::text(self.supergraph.api_schema(), &step);
        let reasons = reason::reasons(
            self.supergraph,
            &mut self.reach,
            &state.object,
            &state.positions,
            field,
            &|presence| self.contexts.missing(presence, &state.given),
        );
        let sentences: Vec<&str> = reasons.iter().map(|(_, sentence)| sentence.as_str()).collect();
        let locations = reasons.iter().map(|(subgraph, _)| self.location(*subgraph)).collect();
        self.errors.push(CompositionError {
            code: "SATISFIABILITY_ERROR",
            message: format!(
                "field `{}.{field}` cannot be reached by `{operation}`: {}",
                state.object,
                sentences.join("; ")
            ),
            locations,
        });
    }
}

/// Whether whatever can be done from `earlier` can be done from `later` as well.
fn does_no_more(earlier: &BTreeSet<Position>, later: &BTreeSet<Position>) -> bool {
    let covered = |position: &Position| {
        later.contains(position)
            || (position.provided.is_empty()
                && later
                    .iter()
                    .any(|other| other.subgraph == position.subgraph && other.ty == position.ty))
    };
    earlier.iter().all(covered)
}

fn too_many(state_limit: usize) -> CompositionError {
    CompositionError {
        code: "MAX_VALIDATION_SUBGRAPH_PATHS_EXCEEDED",
        message: format!(
            "the supergraph is too entangled to prove that every field can be reached: more than {state_limit} \
             combinations of type and subgraphs"
        ),
        locations: Vec::new(),
    }
}
