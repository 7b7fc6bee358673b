//! Whether clients can reach every field by every path; where they cannot, the shortest operation that shows it.
//!
//! A state is an object type and the positions at which the router may stand when it holds such an object: a subgraph,
//! and what was provided there. A field is reachable where one of these positions, or one that a key leads to, resolves
//! it. States are walked breadth first, so that the first operation to fail is the shortest; a state that can do at
//! least what an earlier one of its type could is not walked again.

mod context;
mod operation;
mod reach;
mod reason;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use apollo_compiler::{Name, name};
use supergraph::{Labels, SubgraphId, Supergraph, SupergraphError};

use crate::error::{CompositionError, SubgraphLocation};
use context::{Contexts, Given};
use operation::Step;
use reach::{Position, Reach, Reached};

/// How many states are walked before the answer is that there are too many.
const STATE_LIMIT: usize = 1_000_000;

/// Of how many labels every choice is checked.
const FEW_LABELS: usize = 5;

/// Checks that every field that clients see is reachable from every place where its type stands.
pub(crate) fn check(supergraph_sdl: &str) -> Vec<CompositionError> {
    match Supergraph::parse(supergraph_sdl) {
        Ok(supergraph) => check_with_labels(&supergraph),
        Err(error) => vec![invalid(&error)],
    }
}

/// Checks the supergraph as it is with each choice of the labels of `@override`; the errors of the first that fails.
fn check_with_labels(supergraph: &Supergraph) -> Vec<CompositionError> {
    let names = supergraph.override_labels();
    for on in choices(names.len()) {
        let ids = names.iter().enumerate().filter(|(place, _)| on.contains(place));
        let labels = Labels::on(ids.filter_map(|(_, name)| supergraph.label_id(name)));
        let mut errors = Walk::new(supergraph, labels).errors(STATE_LIMIT);
        if errors.is_empty() {
            continue;
        }
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
fn invalid(error: &SupergraphError) -> CompositionError {
    let reason = match error {
        SupergraphError::InvalidGraphql(reason) | SupergraphError::InvalidApiSchema(reason) => {
            reason.clone()
        }
        other => other.to_string(),
    };
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

struct Walk<'a> {
    supergraph: &'a Supergraph,
    reach: Reach<'a>,
    contexts: Contexts<'a>,
    queue: VecDeque<State>,
    /// The positions that were walked already and what was given there, by object type.
    walked: HashMap<Name, Vec<(BTreeSet<Position>, Given)>>,
    /// The fields that an error was reported for.
    reported: HashSet<(Name, Name)>,
    errors: Vec<CompositionError>,
}

impl<'a> Walk<'a> {
    fn new(supergraph: &'a Supergraph, labels: Labels) -> Self {
        Self {
            supergraph,
            reach: Reach::new(supergraph, labels),
            contexts: Contexts::of(supergraph),
            queue: VecDeque::new(),
            walked: HashMap::new(),
            reported: HashSet::new(),
            errors: Vec::new(),
        }
    }

    fn errors(mut self, state_limit: usize) -> Vec<CompositionError> {
        for (_, root) in self.supergraph.api_schema().schema_definition.iter_root_operations() {
            self.arrive(root.name.clone(), &BTreeSet::new(), &Given::new(), None);
        }
        let mut count = 0;
        while let Some(state) = self.queue.pop_front() {
            count += 1;
            if count > state_limit {
                self.errors.push(too_many(state_limit));
                break;
            }
            self.leave(&state);
        }
        self.errors
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
        let walked = self.walked.entry(object.clone()).or_default();
        let does_no_more = |(earlier, had): &(BTreeSet<Position>, Given)| {
            had.is_subset(given) && does_no_more(earlier, &positions)
        };
        if walked.iter().any(does_no_more) {
            return;
        }
        walked.push((positions.clone(), given.clone()));
        self.queue.push_back(State { object, positions, given: given.clone(), last_step });
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
        let below =
            self.contexts.below(&state.object, &state.positions, &state.given, &mut self.reach);
        for field in object.fields.values() {
            let positions = self.with_contexts(state, &field.name);
            match self.reach.field(&state.object, &positions, &field.name) {
                None => self.report(state, &field.name),
                Some(Reached::Leaf) => {}
                Some(Reached::Objects(objects)) => {
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
                }
            }
        }
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

    #[test]
    fn gives_up_beyond_the_limit() {
        let sdl = include_str!("../../cases/entities/shop/supergraph.graphql");
        let supergraph = Supergraph::parse(sdl).unwrap();
        assert_eq!(Walk::new(&supergraph, Labels::on([])).errors(STATE_LIMIT), []);
        let errors = Walk::new(&supergraph, Labels::on([])).errors(2);
        assert_eq!(errors[0].code, "MAX_VALIDATION_SUBGRAPH_PATHS_EXCEEDED");
    }
}
