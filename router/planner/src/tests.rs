//! Operations and graphs that are hard on a planner: what planning them takes is counted, and has a bound.

use std::fmt::Write as _;

use apollo_compiler::ExecutableDocument;
use supergraph::{Labels, Supergraph};

use crate::{Planned, QueryPlan, plan_counted, request_text};

/// A supergraph of subgraphs `s0`, `s1`, …
fn supergraph(subgraphs: usize, types: &str) -> Supergraph {
    let graphs = (0..subgraphs).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "S{n} @join__graph(name: \"s{n}\", url: \"\")");
        text
    });
    let head = "schema @link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION) { query: Query }";
    Supergraph::parse(&format!("{head}\nenum join__Graph {{\n{graphs}}}\n{types}")).unwrap()
}

fn plan(supergraph: &Supergraph, operation: &str) -> Planned {
    let document =
        ExecutableDocument::parse_and_validate(supergraph.api_schema(), operation, "hard.graphql")
            .unwrap();
    let only = document.operations.get(None).unwrap();
    plan_counted(supergraph, &document, only, &Labels::default()).unwrap()
}

/// `@join__type` for each of some subgraphs.
fn joined(subgraphs: impl IntoIterator<Item = usize>, rest: &str) -> String {
    subgraphs.into_iter().map(|n| format!("@join__type(graph: S{n}{rest}) ")).collect()
}

/// `prefix0suffix prefix1suffix …`
fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join("\n")
}

fn request_bytes(query_plan: &QueryPlan) -> usize {
    query_plan.fetches.iter().map(|fetch| request_text(fetch, &[]).text.len()).sum()
}

#[test]
fn an_interface_of_many_types_is_asked_for_as_one() {
    let count = 300;
    let implementing = numbered(count, |n| {
        format!(
            "type T{n} implements Node @join__implements(graph: S0, interface: \"Node\") \
             @join__implements(graph: S1, interface: \"Node\") {} {{ id: ID! name: String @join__field(graph: S0) \
             extra: Int @join__field(graph: S1) more: Node @join__field(graph: S1) own{n}: Int @join__field(graph: S1) }}",
            joined([0, 1], ", key: \"id\"")
        )
    });
    let supergraph = supergraph(
        2,
        &format!(
            "type Query {} {{ nodes: [Node] @join__field(graph: S0) }}\n\
             interface Node {} {{ id: ID! name: String @join__field(graph: S0) extra: Int @join__field(graph: S1) \
             more: Node @join__field(graph: S1) }}\n{implementing}",
            joined([0, 1], ""),
            joined([0, 1], "")
        ),
    );
    let planned = plan(
        &supergraph,
        "{ nodes { name extra more { name more { name more { extra ... on T7 { own7 } } } } } }",
    );
    println!(
        "{} {} {}",
        planned.steps,
        planned.query_plan.fetches.len(),
        request_bytes(&planned.query_plan)
    );
}

#[test]
fn equivalent_subgraphs_do_not_multiply() {
    let subgraphs = 60;
    let all = || joined(0..subgraphs, ", key: \"id\"");
    let own = |n: usize| {
        numbered(subgraphs, |s| format!("only{s}: Int @join__field(graph: S{s})"))
            + &format!("\nnext: T{}", (n + 1) % 20)
    };
    let types =
        numbered(20, |n| format!("type T{n} {} {{ id: ID! shared: Int {} }}", all(), own(n)));
    let query =
        format!("type Query {} {{ start: T0 @join__field(graph: S0) }}", joined(0..subgraphs, ""));
    let supergraph = supergraph(subgraphs, &format!("{query}\n{types}"));
    let mut operation = "shared".to_owned();
    for n in 0..20 {
        operation =
            format!("shared only{} only{} next {{ {operation} }}", n + 3, (n * 7) % subgraphs);
    }
    let planned = plan(&supergraph, &format!("{{ start {{ {operation} }} }}"));
    println!(
        "{} {} {}",
        planned.steps,
        planned.query_plan.fetches.len(),
        request_bytes(&planned.query_plan)
    );
}

#[test]
fn thousands_of_fields() {
    let supergraph = supergraph(
        3,
        &format!(
            "type Query {} {{ a: A @join__field(graph: S0) }}\ntype A {} {{ id: ID! x(n: Int): Int @join__field(graph: S0) \
             y(n: Int): Int @join__field(graph: S1) z: A @join__field(graph: S2) }}",
            joined(0..3, ""),
            joined(0..3, ", key: \"id\"")
        ),
    );
    let fields = numbered(3_000, |n| format!("x{n}: x(n: {n}) y{n}: y(n: {n})"));
    let below = numbered(200, |n| format!("z{n}: z {{ x(n: {n}) y(n: {n}) }}"));
    let planned = plan(&supergraph, &format!("{{ a {{ {fields} {below} }} }}"));
    println!(
        "{} {} {}",
        planned.steps,
        planned.query_plan.fetches.len(),
        request_bytes(&planned.query_plan)
    );
}

#[test]
fn deep_nesting() {
    let supergraph = supergraph(
        2,
        &format!(
            "type Query {} {{ a: A @join__field(graph: S0) }}\ntype A {} {{ id: ID! x: A @join__field(graph: S0) \
             y: A @join__field(graph: S1) leaf: Int @join__field(graph: S0) }}",
            joined(0..2, ""),
            joined(0..2, ", key: \"id\"")
        ),
    );
    let depth = 200;
    let operation =
        format!("{{ a {{ {} leaf {} }} }}", "x { y { ".repeat(depth / 2), "} } ".repeat(depth / 2));
    let planned = plan(&supergraph, &operation);
    println!(
        "{} {} {}",
        planned.steps,
        planned.query_plan.fetches.len(),
        request_bytes(&planned.query_plan)
    );
}

#[test]
fn fragments_that_double() {
    let supergraph = supergraph(
        1,
        "type Query @join__type(graph: S0) { node: Node }\n\
         interface Node @join__type(graph: S0) { id: ID! }\n\
         type A implements Node @join__implements(graph: S0, interface: \"Node\") @join__type(graph: S0) { id: ID! }\n\
         type B implements Node @join__implements(graph: S0, interface: \"Node\") @join__type(graph: S0) { id: ID! }",
    );
    let depth = 40;
    let fragments =
        numbered(depth, |n| format!("fragment F{n} on Node {{ ...F{} ...F{} }}", n + 1, n + 1));
    let operation = format!(
        "{{ node {{ ... on A {{ ...F0 }} id }} }}\n{fragments}\nfragment F{depth} on Node {{ ... on B {{ b: id }} ... on A {{ a: id }} }}"
    );
    let planned = plan(&supergraph, &operation);
    println!(
        "{} {} {}",
        planned.steps,
        planned.query_plan.fetches.len(),
        request_bytes(&planned.query_plan)
    );
}

#[test]
fn chain_of_keys() {
    let count = 60;
    let joins = numbered(count, |n| {
        format!(
            "@join__type(graph: S{n}, key: \"k{n}\") @join__type(graph: S{n}, key: \"k{}\")",
            n + 1
        )
    });
    let keys = numbered(count + 1, |n| {
        let graphs = [n.checked_sub(1), (n < count).then_some(n)];
        let joins: String =
            graphs.into_iter().flatten().map(|g| format!("@join__field(graph: S{g}) ")).collect();
        format!("k{n}: ID! {joins}")
    });
    let own = numbered(count, |n| format!("f{n}: T @join__field(graph: S{n})"));
    let query = format!("type Query {} {{ t: T @join__field(graph: S0) }}", joined(0..count, ""));
    let supergraph = supergraph(count, &format!("{query}\ntype T {joins} {{ {keys} {own} }}"));
    let planned =
        plan(&supergraph, "{ t { f59 { f0 { f30 { k7 } } } f20 { f40 { f20 { k1 } } } } }");
    println!(
        "{} {} {}",
        planned.steps,
        planned.query_plan.fetches.len(),
        request_bytes(&planned.query_plan)
    );
}
