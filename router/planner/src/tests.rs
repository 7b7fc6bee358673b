//! Operations and graphs that are hard on a planner: what planning them takes, and what comes of it, has a bound.

use std::fmt::Write as _;

use apollo_compiler::ExecutableDocument;
use supergraph::{Labels, Supergraph};

use crate::{Budget, PlanError, Planned, plan_counted, request_text};

/// A supergraph of subgraphs `s0`, `s1`, …
fn supergraph(subgraphs: usize, types: &str) -> Supergraph {
    let graphs = (0..subgraphs).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "S{n} @join__graph(name: \"s{n}\", url: \"\")");
        text
    });
    let join = "@link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION)";
    let sdl = format!("schema {join} {{ query: Query }}\nenum join__Graph {{\n{graphs}}}\n{types}");
    Supergraph::parse(&sdl).unwrap()
}

fn try_plan(
    supergraph: &Supergraph,
    operation: &str,
    budget: Budget,
) -> Result<Planned, PlanError> {
    let document =
        ExecutableDocument::parse_and_validate(supergraph.api_schema(), operation, "hard.graphql")
            .unwrap();
    let only = document.operations.get(None).unwrap();
    plan_counted(supergraph, &document, only, &Labels::default(), budget)
}

/// Plans, and checks that it takes no more steps than this, nor more requests, nor more bytes in them.
fn check(supergraph: &Supergraph, operation: &str, steps: usize, requests: usize, bytes: usize) {
    let planned = try_plan(supergraph, operation, Budget::default()).unwrap();
    assert!(planned.steps <= steps, "{} steps", planned.steps);
    let fetches = &planned.query_plan.fetches;
    assert!(fetches.len() <= requests, "{} requests", fetches.len());
    let texts = fetches.iter().map(|fetch| request_text(fetch, &[]).text.len());
    let written: usize = texts.sum();
    assert!(written <= bytes, "{written} bytes");
}

/// `@join__type` for each of some subgraphs.
fn joined(subgraphs: impl IntoIterator<Item = usize>, rest: &str) -> String {
    let directive = |n| format!("@join__type(graph: S{n}{rest}) ");
    subgraphs.into_iter().map(directive).collect()
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join("\n")
}

/// 60 subgraphs that know the same 20 types; each has a field of its own.
fn equivalent_subgraphs() -> Supergraph {
    let count = 60;
    let all = || joined(0..count, ", key: \"id\"");
    let only = numbered(count, |n| format!("only{n}: Int @join__field(graph: S{n})"));
    let types = numbered(20, |n| {
        let next = (n + 1) % 20;
        format!("type T{n} {} {{ id: ID! shared: Int {only} next: T{next} }}", all())
    });
    let start = "start: T0 @join__field(graph: S0)";
    supergraph(count, &format!("type Query {} {{ {start} }}\n{types}", joined(0..count, "")))
}

/// Fields of 10 subgraphs on each of 10 levels.
fn operation_across_all() -> String {
    let mut operation = "shared".to_owned();
    for n in 0..10 {
        let fields = numbered(10, |m| format!("only{}", (n * 5 + m) % 60));
        operation = format!("{fields} next {{ {operation} }}");
    }
    format!("{{ start {{ {operation} }} }}")
}

#[test]
fn an_interface_of_hundreds_of_types_is_asked_for_as_one() {
    let implementing = numbered(300, |n| {
        let node = |s| format!("@join__implements(graph: S{s}, interface: \"Node\")");
        let fields = format!(
            "id: ID! name: String @join__field(graph: S0) extra: Int @join__field(graph: S1) \
             more: Node @join__field(graph: S1) own{n}: Int @join__field(graph: S1)"
        );
        let keys = joined([0, 1], ", key: \"id\"");
        format!("type T{n} implements Node {} {} {keys} {{ {fields} }}", node(0), node(1))
    });
    let types = format!(
        "type Query {both} {{ nodes: [Node] @join__field(graph: S0) }}\n\
         interface Node {both} {{ id: ID! name: String @join__field(graph: S0) \
         extra: Int @join__field(graph: S1) more: Node @join__field(graph: S1) }}\n{implementing}",
        both = joined([0, 1], ""),
    );
    let operation =
        "{ nodes { name extra more { name more { name more { extra ... on T7 { own7 } } } } } }";
    check(&supergraph(2, &types), operation, 10_000, 3, 500);
}

#[test]
fn equivalent_subgraphs_do_not_multiply() {
    let mut operation = "shared".to_owned();
    for n in 0..20 {
        let fields = format!("shared only{} only{}", n + 3, n * 7 % 60);
        operation = format!("{fields} next {{ {operation} }}");
    }
    let operation = format!("{{ start {{ {operation} }} }}");
    check(&equivalent_subgraphs(), &operation, 150_000, 40, 5_000);
}

#[test]
fn thousands_of_fields_take_steps_by_the_thousand() {
    let types = format!(
        "type Query {} {{ a: A @join__field(graph: S0) }}\n\
         type A {} {{ id: ID! x(n: Int): Int @join__field(graph: S0) \
         y(n: Int): Int @join__field(graph: S1) z: A @join__field(graph: S2) }}",
        joined(0..3, ""),
        joined(0..3, ", key: \"id\""),
    );
    let fields = numbered(3_000, |n| format!("x{n}: x(n: {n}) y{n}: y(n: {n})"));
    let below = numbered(200, |n| format!("z{n}: z {{ x(n: {n}) y(n: {n}) }}"));
    let operation = format!("{{ a {{ {fields} {below} }} }}");
    check(&supergraph(3, &types), &operation, 20_000, 6, 200_000);
}

#[test]
fn each_level_may_be_in_another_subgraph() {
    let types = format!(
        "type Query {} {{ a: A @join__field(graph: S0) }}\n\
         type A {} {{ id: ID! x: A @join__field(graph: S0) y: A @join__field(graph: S1) \
         leaf: Int @join__field(graph: S0) }}",
        joined(0..2, ""),
        joined(0..2, ", key: \"id\""),
    );
    let levels = 30;
    let operation =
        format!("{{ a {{ {} leaf {} }} }}", "x { y { ".repeat(levels), "} } ".repeat(levels));
    check(&supergraph(2, &types), &operation, 10_000, 2 * levels + 1, 10_000);
}

#[test]
fn fragments_that_spread_each_other_twice_count_once() {
    let node = |name| {
        format!(
            "type {name} implements Node @join__implements(graph: S0, interface: \"Node\") \
             @join__type(graph: S0) {{ id: ID! next: Node }}"
        )
    };
    let types = format!(
        "type Query @join__type(graph: S0) {{ node: Node }}\n\
         interface Node @join__type(graph: S0) {{ id: ID! next: Node }}\n{}\n{}",
        node("A"),
        node("B"),
    );
    let beside =
        numbered(40, |n| format!("fragment F{n} on Node {{ ...F{m} ...F{m} }}", m = n + 1));
    let last = "fragment F40 on Node { ... on B { b: id } ... on A { a: id ...G0 } }";
    let below = numbered(12, |n| {
        format!("fragment G{n} on Node {{ next {{ ...G{m} }} next {{ ...G{m} id }} }}", m = n + 1)
    });
    let operation = format!(
        "{{ node {{ ... on A {{ ...F0 }} id }} }}\n{beside}\n{last}\n{below}\n\
         fragment G12 on Node {{ id }}"
    );
    check(&supergraph(1, &types), &operation, 1_000, 1, 1_000);
}

#[test]
fn keys_lead_from_one_to_the_next() {
    let count = 60;
    let keys = numbered(count, |n| {
        let key = |k| format!("@join__type(graph: S{n}, key: \"k{k}\") ");
        key(n) + &key(n + 1)
    });
    let fields = numbered(count + 1, |n| {
        let graphs = [n.checked_sub(1), (n < count).then_some(n)];
        let joins = graphs.into_iter().flatten().map(|g| format!("@join__field(graph: S{g}) "));
        format!("k{n}: ID! {}", joins.collect::<String>())
    });
    let own = numbered(count, |n| format!("f{n}: T @join__field(graph: S{n})"));
    let types = format!(
        "type Query {} {{ t: T @join__field(graph: S0) }}\ntype T {keys} {{ {fields} {own} }}",
        joined(0..count, ""),
    );
    let operation = "{ t { f59 { f0 { f30 { k7 } } } f20 { f40 { f20 { k1 } } } } }";
    check(&supergraph(count, &types), operation, 50_000, 210, 25_000);
}

#[test]
fn a_plan_made_in_haste_has_all_that_is_wanted() {
    let (supergraph, operation) = (equivalent_subgraphs(), operation_across_all());
    let budget = Budget { thorough_steps: 1_000, ..Budget::default() };
    let hasty = try_plan(&supergraph, &operation, budget).unwrap();
    let thorough =
        try_plan(&supergraph, &operation, Budget { thorough_steps: usize::MAX, ..budget });
    let thorough = thorough.unwrap();
    assert!(hasty.steps * 10 < thorough.steps, "{} of {} steps", hasty.steps, thorough.steps);
    let printed = hasty.query_plan.display(&supergraph).to_string();
    for fields in operation.split_whitespace().filter(|word| word.starts_with("only")) {
        assert!(printed.contains(fields), "{fields}");
    }
    let requests = hasty.query_plan.fetches.len();
    assert!(requests <= 2 * thorough.query_plan.fetches.len(), "{requests} requests");
}

#[test]
fn a_plan_that_takes_too_much_is_refused() {
    let budget = Budget { thorough_steps: 10, steps: 100 };
    let refused = try_plan(&equivalent_subgraphs(), &operation_across_all(), budget);
    assert_eq!(refused.err(), Some(PlanError::TooComplex { limit: 100 }));
}
