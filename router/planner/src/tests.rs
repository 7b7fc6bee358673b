//! Graphs and operations that are hard on a planner: what planning them takes, and what comes of it, has a bound.

mod hard;

use apollo_compiler::ExecutableDocument;
use supergraph::{Labels, Supergraph};

use crate::{Budget, PlanError, Planned, plan_counted, request_text};

use self::hard::Hard;

fn try_plan(supergraph: &Supergraph, hard: &Hard, budget: Budget) -> Result<Planned, PlanError> {
    let schema = supergraph.api_schema();
    let document =
        ExecutableDocument::parse_and_validate(schema, &hard.operation, "hard.graphql").unwrap();
    let only = document.operations.get(None).unwrap();
    plan_counted(supergraph, &document, only, &Labels::default(), budget)
}

/// Plans, and checks that it takes no more steps than this, nor more requests, nor more bytes in them.
fn check(hard: &Hard, steps: usize, requests: usize, bytes: usize) {
    let supergraph = Supergraph::parse(&hard.sdl).unwrap();
    let planned = try_plan(&supergraph, hard, Budget::default()).unwrap();
    assert!(planned.steps <= steps, "{} steps", planned.steps);
    let fetches = &planned.query_plan.fetches;
    assert!(fetches.len() <= requests, "{} requests", fetches.len());
    let texts = fetches.iter().map(|fetch| request_text(fetch, &[]).text.len());
    let written: usize = texts.sum();
    assert!(written <= bytes, "{written} bytes");
}

#[test]
fn an_interface_of_hundreds_of_types_is_asked_for_as_one() {
    check(&hard::wide_interface(), 10_000, 3, 500);
}

#[test]
fn types_are_asked_for_where_they_are() {
    check(&hard::types_in_different_subgraphs(), 5_000, 20, 10_000);
}

#[test]
fn equivalent_subgraphs_do_not_multiply() {
    check(&hard::equivalent_subgraphs(20, 3), 150_000, 80, 10_000);
}

#[test]
fn thousands_of_fields_take_steps_by_the_thousand() {
    check(&hard::thousands_of_fields(), 20_000, 6, 200_000);
}

#[test]
fn each_level_may_be_in_another_subgraph() {
    check(&hard::levels_in_turn(), 10_000, 61, 10_000);
}

#[test]
fn fragments_that_spread_each_other_twice_count_once() {
    check(&hard::fragments_in_fragments(), 1_000, 1, 1_000);
}

#[test]
fn keys_lead_from_one_to_the_next() {
    check(&hard::chain_of_keys(), 50_000, 210, 25_000);
}

#[test]
fn requirements_lead_from_one_to_the_next() {
    check(&hard::chain_of_requirements(), 1_000, 60, 10_000);
}

#[test]
fn interface_objects_are_asked_once_on_each_level() {
    check(&hard::interface_objects(), 10_000, 41, 10_000);
}

#[test]
fn a_plan_made_in_haste_has_all_that_is_wanted() {
    let hard = hard::equivalent_subgraphs(10, 10);
    let supergraph = Supergraph::parse(&hard.sdl).unwrap();
    let budget = Budget { thorough_steps: 1_000, ..Budget::default() };
    let hasty = try_plan(&supergraph, &hard, budget).unwrap();
    let thorough = Budget { thorough_steps: usize::MAX, ..budget };
    let thorough = try_plan(&supergraph, &hard, thorough).unwrap();
    assert!(hasty.steps * 10 < thorough.steps, "{} of {} steps", hasty.steps, thorough.steps);
    let printed = hasty.query_plan.display(&supergraph).to_string();
    for fields in hard.operation.split_whitespace().filter(|word| word.starts_with("only")) {
        assert!(printed.contains(fields), "{fields}");
    }
    let requests = hasty.query_plan.fetches.len();
    assert!(requests <= 2 * thorough.query_plan.fetches.len(), "{requests} requests");
}

#[test]
fn haste_makes_a_plan_of_whatever_is_hard() {
    for hard in hard::all() {
        let supergraph = Supergraph::parse(&hard.sdl).unwrap();
        let hasty = Budget { thorough_steps: 0, ..Budget::default() };
        let hasty = try_plan(&supergraph, &hard, hasty).unwrap();
        let thorough = try_plan(&supergraph, &hard, Budget::default()).unwrap();
        assert!(hasty.steps <= thorough.steps, "{}", hard.name);
    }
}

#[test]
fn a_plan_that_takes_too_much_is_refused() {
    let hard = hard::equivalent_subgraphs(10, 10);
    let supergraph = Supergraph::parse(&hard.sdl).unwrap();
    let refused = try_plan(&supergraph, &hard, Budget { thorough_steps: 10, steps: 100 });
    assert_eq!(refused.err(), Some(PlanError::TooComplex { limit: 100 }));
}
