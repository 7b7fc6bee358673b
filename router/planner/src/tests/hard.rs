//! Graphs and operations that are hard on a planner, for its tests and its bench.

use std::fmt::Write as _;

/// An operation, and the graph it is hard on.
pub(crate) struct Hard {
    pub(crate) name: &'static str,
    pub(crate) sdl: String,
    pub(crate) operation: String,
}

/// All of them.
pub(crate) fn all() -> Vec<Hard> {
    vec![
        wide_interface(),
        types_in_different_subgraphs(),
        equivalent_subgraphs(20, 3),
        thousands_of_fields(),
        levels_in_turn(),
        fragments_in_fragments(),
        chain_of_keys(),
        chain_of_requirements(),
        interface_objects(),
    ]
}

/// A supergraph of subgraphs `s0`, `s1`, …
fn supergraph(subgraphs: usize, types: &str) -> String {
    let graphs = (0..subgraphs).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "S{n} @join__graph(name: \"s{n}\", url: \"\")");
        text
    });
    let join = "@link(url: \"https://specs.apollo.dev/join/v0.3\", for: EXECUTION)";
    format!("schema {join} {{ query: Query }}\nenum join__Graph {{\n{graphs}}}\n{types}")
}

/// `@join__type` for each of some subgraphs.
fn joined(subgraphs: impl IntoIterator<Item = usize>, rest: &str) -> String {
    let directive = |n| format!("@join__type(graph: S{n}{rest}) ");
    subgraphs.into_iter().map(directive).collect()
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join("\n")
}

/// An interface of 300 types, asked for on three levels.
pub(crate) fn wide_interface() -> Hard {
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
    Hard { name: "wide_interface", sdl: supergraph(2, &types), operation: operation.to_owned() }
}

/// An interface of 120 types, whose fields are spread over 20 subgraphs by type; asked for on three levels.
pub(crate) fn types_in_different_subgraphs() -> Hard {
    let count = 20;
    let implementing = numbered(120, |n| {
        let home = n % (count - 1) + 1;
        let node = |s| format!("@join__implements(graph: S{s}, interface: \"Node\")");
        let keys = joined([0, home], ", key: \"id\"");
        let fields = format!(
            "id: ID! name: String @join__field(graph: S{home}) more: Node @join__field(graph: S0)"
        );
        format!("type T{n} implements Node {} {} {keys} {{ {fields} }}", node(0), node(home))
    });
    let types = format!(
        "type Query {all} {{ nodes: [Node] @join__field(graph: S0) }}\n\
         interface Node {all} {{ id: ID! name: String more: Node @join__field(graph: S0) }}\n{implementing}",
        all = joined(0..count, ""),
    );
    let operation = "{ nodes { name more { name more { name } } } }".to_owned();
    Hard { name: "types_in_different_subgraphs", sdl: supergraph(count, &types), operation }
}

/// 60 subgraphs that know the same 20 types; each has a field of its own. On each level some are asked for.
pub(crate) fn equivalent_subgraphs(levels: usize, on_each: usize) -> Hard {
    let count = 60;
    let all = || joined(0..count, ", key: \"id\"");
    let only = numbered(count, |n| format!("only{n}: Int @join__field(graph: S{n})"));
    let types = numbered(20, |n| {
        let next = (n + 1) % 20;
        format!("type T{n} {} {{ id: ID! shared: Int {only} next: T{next} }}", all())
    });
    let start = "start: T0 @join__field(graph: S0)";
    let types = format!("type Query {} {{ {start} }}\n{types}", joined(0..count, ""));
    let mut operation = "shared".to_owned();
    for n in 0..levels {
        let fields = numbered(on_each, |m| format!("only{}", (n * 7 + m * 5) % count));
        operation = format!("shared {fields} next {{ {operation} }}");
    }
    let operation = format!("{{ start {{ {operation} }} }}");
    Hard { name: "equivalent_subgraphs", sdl: supergraph(count, &types), operation }
}

/// 3,000 fields in each of two subgraphs, and 200 objects in a third one.
pub(crate) fn thousands_of_fields() -> Hard {
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
    Hard { name: "thousands_of_fields", sdl: supergraph(3, &types), operation }
}

/// 60 levels, each in another subgraph than the one above.
pub(crate) fn levels_in_turn() -> Hard {
    let types = format!(
        "type Query {} {{ a: A @join__field(graph: S0) }}\n\
         type A {} {{ id: ID! x: A @join__field(graph: S0) y: A @join__field(graph: S1) \
         leaf: Int @join__field(graph: S0) }}",
        joined(0..2, ""),
        joined(0..2, ", key: \"id\""),
    );
    let operation = format!("{{ a {{ {} leaf {} }} }}", "x { y { ".repeat(30), "} } ".repeat(30));
    Hard { name: "levels_in_turn", sdl: supergraph(2, &types), operation }
}

/// 40 fragments that spread each other twice beside one another, and 12 below one another.
pub(crate) fn fragments_in_fragments() -> Hard {
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
    Hard { name: "fragments_in_fragments", sdl: supergraph(1, &types), operation }
}

/// 60 subgraphs, each of which shares one key with the next: to get to the last, all are asked.
pub(crate) fn chain_of_keys() -> Hard {
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
    let operation = "{ t { f59 { f0 { f30 { k7 } } } f20 { f40 { f20 { k1 } } } } }".to_owned();
    Hard { name: "chain_of_keys", sdl: supergraph(count, &types), operation }
}

/// 30 fields, each of which requires the one before, in three subgraphs by turns; the last one of a list on three levels.
pub(crate) fn chain_of_requirements() -> Hard {
    let (count, links) = (3, 30);
    let fields = numbered(links, |n| {
        let here = n % count;
        let Some(before) = n.checked_sub(1) else {
            return "r0: Int @join__field(graph: S0) @join__field(graph: S1, external: true)"
                .to_owned();
        };
        let next = if n + 1 < links {
            format!("@join__field(graph: S{}, external: true)", (n + 1) % count)
        } else {
            String::new()
        };
        format!("r{n}: Int @join__field(graph: S{here}, requires: \"r{before}\") {next}")
    });
    let types = format!(
        "type Query {} {{ ts: [T] @join__field(graph: S0) }}\n\
         type T {} {{ id: ID! more: [T] @join__field(graph: S1)\n{fields} }}",
        joined(0..count, ""),
        joined(0..count, ", key: \"id\""),
    );
    let last = links - 1;
    let operation = format!("{{ ts {{ r{last} more {{ r{last} more {{ r{last} }} }} }} }}");
    Hard { name: "chain_of_requirements", sdl: supergraph(count, &types), operation }
}

/// 40 subgraphs that add to an interface of 50 types without knowing them; asked for by type on three levels.
pub(crate) fn interface_objects() -> Hard {
    let count = 41;
    let implementing = numbered(50, |n| {
        let added = numbered(count - 1, |s| format!("added{}: Int @join__field", s + 1));
        format!(
            "type T{n} implements Node @join__implements(graph: S0, interface: \"Node\") \
             @join__type(graph: S0, key: \"id\") {{ id: ID! {added} next: Node @join__field }}"
        )
    });
    let added =
        numbered(count - 1, |s| format!("added{n}: Int @join__field(graph: S{n})", n = s + 1));
    let types = format!(
        "type Query {} {{ nodes: [Node] @join__field(graph: S1) }}\n\
         interface Node @join__type(graph: S0, key: \"id\") {} {{ id: ID! {added} \
         next: Node @join__field(graph: S1) }}\n{implementing}",
        joined(0..count, ""),
        joined(1..count, ", key: \"id\", isInterfaceObject: true"),
    );
    let fields = numbered(count - 1, |n| format!("... on T{n} {{ added{} }}", n + 1));
    let operation = format!("{{ nodes {{ {fields} next {{ {fields} next {{ {fields} }} }} }} }}");
    Hard { name: "interface_objects", sdl: supergraph(count, &types), operation }
}
