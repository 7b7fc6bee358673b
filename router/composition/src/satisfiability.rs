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
mod walk;

use std::collections::BTreeSet;

use supergraph::{LabelId, Labels, Supergraph, SupergraphError};

use crate::default::wrong_defaults;
use crate::error::CompositionError;
use walk::{Order, Walk};

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
