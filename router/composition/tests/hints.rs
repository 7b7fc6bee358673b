//! What composes, but makes one wonder: each hint, in the words that an author reads.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them when it blesses")]

use composition::{SubgraphSource, compose};
use expect_test::{Expect, expect};

/// Composes subgraphs `a`, `b`, … and compares their hints, one a line.
fn check(schemas: &[&str], expected: &Expect) {
    let sources: Vec<SubgraphSource> = schemas
        .iter()
        .zip('a'..)
        .map(|(sdl, name)| SubgraphSource {
            name: name.to_string(),
            url: format!("http://{name}.test/graphql"),
            sdl: format!(
                "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.7\", import: [\"@key\", \"@shareable\", \
                 \"@override\", \"@external\"])\n{sdl}"
            ),
        })
        .collect();
    let composition = compose(&sources).expect("the subgraphs compose");
    let lines: Vec<String> =
        composition.hints.iter().map(|hint| format!("{}  {}", hint.code, hint.message)).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn says_nothing_where_all_agree() {
    let same = "type Query { price(in: String = \"EUR\"): Int @shareable }";
    check(&[same, same], &expect![""]);
}

#[test]
fn compares_descriptions_by_what_most_say() {
    let described = |text| {
        format!(
            "\"{text}\" type Money @shareable {{ sum: Int }} type Query {{ sum: Money @shareable }}"
        )
    };
    let (one, other) = (described("An amount"), described("Cash"));
    check(
        &[&one, &other, &one],
        &expect![
            "INCONSISTENT_DESCRIPTION  `Money` is described differently in `b` than in `a` and `c`, whose description is used"
        ],
    );
}

#[test]
fn compares_types_and_arguments() {
    check(
        &[
            "type Query { price(of: ID, day: String = \"1\"): Int! @shareable }",
            "type Query { price(of: ID!, day: String, unit: ID): Int @shareable }",
        ],
        &expect![[r#"
            INCONSISTENT_ARGUMENT_PRESENCE  argument `Query.price(unit:)` is in `b` but not in `a`: the supergraph does not have it
            INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE  argument `Query.price(of:)` is `ID` in `a`, `ID!` in `b`: the supergraph says `ID!`
            INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE  field `Query.price` is `Int!` in `a`, `Int` in `b`: the supergraph says `Int`
            INCONSISTENT_DEFAULT_VALUE_PRESENCE  argument `Query.price(day:)` has a default in `a` but none in `b`: the supergraph has none"#]],
    );
}

#[test]
fn compares_the_parts_of_value_types() {
    check(
        &[
            "type Query { a(by: Filter, in: Unit): State thing: Thing node: Node } input Filter { name: String }
             enum Unit { EUR } enum State { OPEN } type Value @shareable { x: Int y: Int } union Thing = Value
             interface Node { id: ID }",
            "type Query { b(by: Filter, in: Unit): State value: Value @shareable } input Filter { name: String id: ID }
             enum Unit { EUR USD } enum State { OPEN DONE } type Value @shareable { x: Int y: Int } union Thing = Other
             type Other { z: Int } interface Node { id: ID name: String }",
        ],
        &expect![[r#"
            INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM  value `USD` of enum `Unit` is in `b` but not in `a`
            INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM  value `DONE` of enum `State` is in `b` but not in `a`
            INCONSISTENT_INPUT_OBJECT_FIELD  input field `Filter.id` is in `b` but not in `a`: the supergraph does not have it
            INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD  field `Node.name` is in `b` but not in `a`
            INCONSISTENT_UNION_MEMBER  member `Other` of union `Thing` is in `b` but not in `a`
            INCONSISTENT_UNION_MEMBER  member `Value` of union `Thing` is in `a` but not in `b`"#]],
    );
}

#[test]
fn tells_which_overrides_are_done() {
    check(
        &[
            "type Query { t: T } type T @key(fields: \"id\") { id: ID name: String size: Int }",
            "type T @key(fields: \"id\") { id: ID name: String @override(from: \"a\")
             size: Int @override(from: \"a\", label: \"percent(5)\") color: String @override(from: \"a\")
             age: Int @override(from: \"z\") }",
        ],
        &expect![[r#"
            FROM_SUBGRAPH_DOES_NOT_EXIST  field `T.age` of `b` overrides the one of `z`, and there is no such subgraph
            OVERRIDDEN_FIELD_CAN_BE_REMOVED  field `T.name` is overridden by `b`: in `a` it can be removed
            OVERRIDE_DIRECTIVE_CAN_BE_REMOVED  field `T.color` of `b` overrides the one of `a`, which does not resolve it: the `@override` can be removed
            OVERRIDE_MIGRATION_IN_PROGRESS  field `T.size` is moving from `a` to `b` under the label `percent(5)`"#]],
    );
}

#[test]
fn asks_why_a_type_is_an_entity_in_some_subgraphs_only() {
    check(
        &[
            "type Query { t: T } type T @key(fields: \"id\") { id: ID @shareable }",
            "type Query { u: T } type T { id: ID @shareable }",
        ],
        &expect!["INCONSISTENT_ENTITY  `T` has a `@key` in `a` but none in `b`"],
    );
}

#[test]
fn compares_what_shared_fields_can_return() {
    check(
        &[
            "type Query { any: Any @shareable } union Any = A | B type A @shareable { x: Int } type B { y: Int }",
            "type Query { any: Any @shareable } union Any = A type A @shareable { x: Int }",
        ],
        &expect![[r#"
            INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN  shared field `Query.any` returns `A`, `B` in `a` but `A` in `b`: clients see the common types only
            INCONSISTENT_UNION_MEMBER  member `B` of union `Any` is in `a` but not in `b`"#]],
    );
}
