//! Whether clients can reach every field by every path; where they cannot, the shortest operation that shows it.
//!
//! A state is an object type and the positions at which the router may stand when it holds such an object: a subgraph,
//! and what was provided there. A field is reachable where one of these positions, or one that a key leads to, resolves
//! it. A state that can do at least what an earlier one of its type could need not be walked: so the states that can do
//! least are walked first, and few remain. Where that finds an error, another walk goes breadth first, so that the first
//! operation to fail is the shortest.

mod context;
mod operation;
mod reach;
mod reason;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::{Name, name};
use supergraph::{LabelId, Labels, SubgraphId, Supergraph, SupergraphError};

use crate::default::wrong_defaults;
use crate::error::{CompositionError, SubgraphLocation};
use context::{Contexts, Given};
use operation::Step;
use reach::{Position, Reach, Reached};

/// How many states are walked before the answer is that there are too many.
const STATE_LIMIT: usize = 1_000_000;

/// How many states are walked for the shortest operations that fail; beyond it they are any.
const SHORTEST_STATE_LIMIT: usize = 20_000;

/// Of how many labels every choice is checked.
const FEW_LABELS: usize = 5;

/// Checks that every field that clients see is reachable from every place where its type stands.
pub(crate) fn check(supergraph_sdl: &str) -> Vec<CompositionError> {
    match Supergraph::parse(supergraph_sdl) {
        Ok(supergraph) => {
            // Enum values that not all know are gone, and so are input fields; defaults may have used them.
            let wrong = wrong_defaults(supergraph.schema());
            if wrong.is_empty() {
                return check_with_labels(&supergraph);
            }
            wrong.iter().map(|default| invalid(&default.message())).collect()
        }
        Err(
            SupergraphError::InvalidGraphql(reason) | SupergraphError::InvalidApiSchema(reason),
        ) => {
            vec![invalid(&reason)]
        }
        Err(error) => vec![invalid(&error.to_string())],
    }
}

/// Checks the supergraph as it is with each choice of the labels of `@override`; the errors of the first that fails.
fn check_with_labels(supergraph: &Supergraph) -> Vec<CompositionError> {
    let names = supergraph.override_labels();
    for on in choices(names.len()) {
        let ids = names.iter().enumerate().filter(|(place, _)| on.contains(place));
        let ids: Vec<LabelId> = ids.filter_map(|(_, name)| supergraph.label_id(name)).collect();
        let walk = |order| Walk::new(supergraph, Labels::on(ids.iter().copied()), order);
        let found = walk(Order::SmallestFirst).errors(STATE_LIMIT, usize::MAX);
        if found.is_empty() {
            continue;
        }
        let shortest = walk(Order::ShortestFirst).errors(SHORTEST_STATE_LIMIT, found.len());
        let is_whole = shortest.iter().all(|error| error.code == found[0].code);
        let mut errors = if is_whole { shortest } else { found };
        if !names.is_empty() {
            let states: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(place, name)| {
                    format!("`{name}` is {}", if on.contains(&place) { "on" } else { "off" })
                })
                .collect();
            for error in &mut errors {
                error.message = format!("while {}: {}", states.join(" and "), error.message);
            }
        }
        return errors;
    }
    Vec::new()
}

/// Which labels to turn on: every choice of a few; of many, none, each, all but each, and all.
fn choices(count: usize) -> Vec<BTreeSet<usize>> {
    if count <= FEW_LABELS {
        let chosen = |choice: usize| (0..count).filter(|place| choice >> place & 1 == 1).collect();
        return (0..1 << count).map(chosen).collect();
    }
    let all: BTreeSet<usize> = (0..count).collect();
    let each = (0..count).map(|place| BTreeSet::from([place]));
    let but_each =
        (0..count).map(|place| all.iter().copied().filter(|one| *one != place).collect());
    let mut choices = vec![BTreeSet::new()];
    choices.extend(each.chain(but_each));
    choices.push(all.clone());
    choices
}

/// What no earlier step found: types that merge to something that GraphQL does not allow.
fn invalid(reason: &str) -> CompositionError {
    let message = format!("the subgraphs merge to a schema that is not valid GraphQL: {reason}");
    CompositionError { code: "INVALID_GRAPHQL", message, locations: Vec::new() }
}

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
enum Order {
    /// Those with the fewest positions: most others can do at least as much.
    SmallestFirst,
    /// Those that the shortest operations lead to.
    ShortestFirst,
}

struct Walk<'a> {
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
    fn new(supergraph: &'a Supergraph, labels: Labels, order: Order) -> Self {
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
    fn errors(mut self, state_limit: usize, error_count: usize) -> Vec<CompositionError> {
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
            if is_mutation && positions.len() > 1 {
                if let Some(caller) = self.caller(state, field, &positions) {
                    self.follow(state, field, &BTreeSet::from([caller]));
                }
            } else if !self.follow(state, field, &positions) {
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

    /// Where a mutation is called: once, so that one of the subgraphs that resolve it has to be enough for all that may
    /// be asked of its result. `None` if none is, which is reported.
    fn caller(
        &mut self,
        state: &State,
        field: &FieldDefinition,
        positions: &BTreeSet<Position>,
    ) -> Option<Position> {
        let mut failures = Vec::new();
        for position in positions {
            let alone = BTreeSet::from([position.clone()]);
            let labels = self.reach.labels().clone();
            let mut walk = Walk::new(self.supergraph, labels, Order::SmallestFirst);
            if !walk.follow(state, field, &alone) {
                continue;
            }
            match walk.walk(STATE_LIMIT, 1).pop() {
                None => return Some(position.clone()),
                Some(error) => failures.push((position.subgraph, error)),
            }
        }
        if failures.len() == 1 {
            self.errors.extend(failures.into_iter().map(|(_, error)| error));
            return None;
        }
        if failures.is_empty() {
            self.report(state, &field.name);
            return None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SubgraphSource, compose};

    fn errors(supergraph_sdl: &str, order: Order, limit: usize) -> Vec<CompositionError> {
        let supergraph = Supergraph::parse(supergraph_sdl).unwrap();
        Walk::new(&supergraph, Labels::on([]), order).errors(limit, usize::MAX)
    }

    #[test]
    fn gives_up_beyond_the_limit() {
        let sdl = include_str!("../../cases/entities/shop/supergraph.graphql");
        for order in [Order::SmallestFirst, Order::ShortestFirst] {
            assert_eq!(errors(sdl, order, STATE_LIMIT), []);
            assert_eq!(errors(sdl, order, 2)[0].code, "MAX_VALIDATION_SUBGRAPH_PATHS_EXCEEDED");
        }
    }

    #[test]
    fn sees_few_of_many_combinations_of_subgraphs() {
        // Each step leaves another subgraph behind: 2^24 combinations lead to values of one type.
        let subgraphs = 24;
        let sources: Vec<SubgraphSource> = (0..subgraphs)
            .map(|own| {
                let steps = (0..subgraphs).filter(|step| *step != own);
                let steps: Vec<String> = steps.map(|step| format!("step{step}: Value")).collect();
                let steps = steps.join(" ");
                SubgraphSource {
                    name: format!("s{own}"),
                    url: String::new(),
                    sdl: format!(
                        "type Query {{ value: Value }} type Value {{ last: Int {steps} }}"
                    ),
                }
            })
            .collect();
        let errors = compose(&sources).unwrap_err();
        let codes: BTreeSet<&str> = errors.0.iter().map(|error| error.code).collect();
        assert_eq!(codes, BTreeSet::from(["SATISFIABILITY_ERROR"]));
    }
}
