//! `router check`: what changed between two graphs, and which operations it breaks.

use std::path::Path;

use expect_test::{Expect, expect};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{router, stdout};

const OLD: &str = r"directive @trace(level: Int) on QUERY | FIELD

type Query {
  user(id: ID!, name: String): User
  users(by: Filter, order: Order = NAME): [User!]!
  node(id: ID!): Node
  any: Any
  gone: Gone
}

interface Node {
  id: ID!
}

type User implements Node {
  id: ID!
  name: String
  age: Int
  mail: String!
}

type Bot implements Node {
  id: ID!
  owner: User
}

type Gone {
  x: Int
}

union Any = User | Bot

input Filter {
  name: String
  old: Boolean
  limit: Int
}

enum Order {
  NAME
  AGE
}

scalar Date
";

const NEW: &str = r#"directive @trace on QUERY

type Query {
  user(id: ID!, name: String!): User
  users(by: Filter, order: Order = AGE, page: Int!): [User!]!
  node(id: ID!): Node
  any: Any
  more: Int
}

interface Node {
  id: ID!
}

type User implements Node {
  "What they are called"
  id: ID!
  name: String!
  mail: String
  nick: String @deprecated
}

type Bot {
  id: ID!
  owner: User
}

type Robot implements Node {
  id: ID!
}

union Any = User | Robot

input Filter {
  name: String!
  limit: Int = 5
  deep: Boolean
  must: Int!
}

enum Order {
  AGE
  RANK
}

enum Date {
  TODAY
}
"#;

/// A folder with the two schemas and some operations.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("operations/web")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("old.graphql", OLD);
    write("new.graphql", NEW);
    write("operations/ages.graphql", "{ user(id: 1) { age } }");
    write("operations/ids.graphql", "query Ids { user(id: 1) { id } }");
    write(
        "operations/web/list.graphql",
        "query ByName { users(by: { name: \"x\" }) { ...Name } } query Filtered($by: Filter) { users(by: $by) { id } }
         query Nodes { node(id: 1) { ... on Bot { owner { id } } } } fragment Name on User { name }",
    );
    write("operations/stale.graphql", "{ never }");
    write("operations/notes.txt", "no operation");
    folder
}

fn check_fails(folder: &Path, arguments: &[&str], printed: &Expect, said: &Expect) {
    let output = router(folder, &[&["check"], arguments].concat());
    printed.assert_eq(&String::from_utf8_lossy(&output.stdout));
    said.assert_eq(&String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn all_changes_are_told_the_worst_first() {
    let folder = folder();
    check_fails(
        folder.path(),
        &["--against", "old.graphql", "new.graphql"],
        &expect![[r"
            breaking   ARGUMENT_REMOVED  argument `@trace(level:)` was removed
            breaking   ARGUMENT_TYPE_CHANGED  argument `Query.user(name:)` was `String` and is `String!`
            breaking   DIRECTIVE_LOCATION_REMOVED  `@trace` cannot stand on FIELD any more
            breaking   ENUM_VALUE_REMOVED  value `NAME` of enum `Order` was removed
            breaking   FIELD_REMOVED  field `Query.gone` was removed
            breaking   FIELD_REMOVED  field `User.age` was removed
            breaking   FIELD_TYPE_CHANGED  field `User.mail` was `String!` and is `String`
            breaking   INPUT_FIELD_REMOVED  input field `Filter.old` was removed
            breaking   INPUT_FIELD_TYPE_CHANGED  input field `Filter.name` was `String` and is `String!`
            breaking   INTERFACE_REMOVED  `Bot` does not implement `Node` any more
            breaking   REQUIRED_ARGUMENT_ADDED  the required argument `Query.users(page:)` was added
            breaking   REQUIRED_INPUT_FIELD_ADDED  the required input field `Filter.must` was added
            breaking   TYPE_KIND_CHANGED  `Date` was a scalar and is an enum
            breaking   TYPE_REMOVED  object type `Gone` was removed
            breaking   UNION_MEMBER_REMOVED  `Bot` is no member of union `Any` any more
            dangerous  ARGUMENT_DEFAULT_CHANGED  the default of argument `Query.users(order:)` was `NAME` and is `AGE`
            dangerous  ENUM_VALUE_ADDED  value `RANK` of enum `Order` was added: who reads the enum gets a value that was not there
            dangerous  INPUT_FIELD_DEFAULT_CHANGED  the default of input field `Filter.limit` was none and is `5`
            dangerous  UNION_MEMBER_ADDED  `Robot` is a member of union `Any` now: who reads it gets a type that was not there
            safe       DESCRIPTION_CHANGED  the description of `User.id` changed
            safe       FIELD_ADDED  field `Query.more` was added
            safe       FIELD_ADDED  field `User.nick` was added
            safe       FIELD_TYPE_CHANGED  field `User.name` was `String` and is `String!`
            safe       INPUT_FIELD_ADDED  the optional input field `Filter.deep` was added
            safe       TYPE_ADDED  object type `Robot` was added
            15 breaking, 4 dangerous, 6 safe
        "]],
        &expect![[r"
            router: 15 changes are breaking
        "]],
    );
}

#[test]
fn operations_weigh_the_changes() {
    let folder = folder();
    check_fails(
        folder.path(),
        &["--against", "old.graphql", "new.graphql", "--operations", "operations"],
        &expect![[r"
            breaking   ARGUMENT_REMOVED  argument `@trace(level:)` was removed
                         no operation uses it
            breaking   ARGUMENT_TYPE_CHANGED  argument `Query.user(name:)` was `String` and is `String!`
                         breaks ages.graphql
                         breaks ids.graphql
            breaking   DIRECTIVE_LOCATION_REMOVED  `@trace` cannot stand on FIELD any more
                         no operation uses it
            breaking   ENUM_VALUE_REMOVED  value `NAME` of enum `Order` was removed
                         no operation uses it
            breaking   FIELD_REMOVED  field `Query.gone` was removed
                         no operation uses it
            breaking   FIELD_REMOVED  field `User.age` was removed
                         breaks ages.graphql
            breaking   FIELD_TYPE_CHANGED  field `User.mail` was `String!` and is `String`
                         no operation uses it
            breaking   INPUT_FIELD_REMOVED  input field `Filter.old` was removed
                         breaks web/list.graphql#Filtered
            breaking   INPUT_FIELD_TYPE_CHANGED  input field `Filter.name` was `String` and is `String!`
                         breaks web/list.graphql#ByName
                         breaks web/list.graphql#Filtered
            breaking   INTERFACE_REMOVED  `Bot` does not implement `Node` any more
                         breaks web/list.graphql#Nodes
            breaking   REQUIRED_ARGUMENT_ADDED  the required argument `Query.users(page:)` was added
                         breaks web/list.graphql#ByName
                         breaks web/list.graphql#Filtered
            breaking   REQUIRED_INPUT_FIELD_ADDED  the required input field `Filter.must` was added
                         breaks web/list.graphql#ByName
                         breaks web/list.graphql#Filtered
            breaking   TYPE_KIND_CHANGED  `Date` was a scalar and is an enum
                         no operation uses it
            breaking   TYPE_REMOVED  object type `Gone` was removed
                         no operation uses it
            breaking   UNION_MEMBER_REMOVED  `Bot` is no member of union `Any` any more
                         no operation uses it
            dangerous  ARGUMENT_DEFAULT_CHANGED  the default of argument `Query.users(order:)` was `NAME` and is `AGE`
                         concerns web/list.graphql#ByName
                         concerns web/list.graphql#Filtered
            dangerous  ENUM_VALUE_ADDED  value `RANK` of enum `Order` was added: who reads the enum gets a value that was not there
                         no operation uses it
            dangerous  INPUT_FIELD_DEFAULT_CHANGED  the default of input field `Filter.limit` was none and is `5`
                         concerns web/list.graphql#ByName
                         concerns web/list.graphql#Filtered
            dangerous  UNION_MEMBER_ADDED  `Robot` is a member of union `Any` now: who reads it gets a type that was not there
                         no operation uses it
            safe       DESCRIPTION_CHANGED  the description of `User.id` changed
            safe       FIELD_ADDED  field `Query.more` was added
            safe       FIELD_ADDED  field `User.nick` was added
            safe       FIELD_TYPE_CHANGED  field `User.name` was `String` and is `String!`
            safe       INPUT_FIELD_ADDED  the optional input field `Filter.deep` was added
            safe       TYPE_ADDED  object type `Robot` was added
            unchecked  stale.graphql is not valid by the old schema: type `Query` does not have a field `never`
            15 breaking, 4 dangerous, 6 safe; 5 of 5 operations break
        "]],
        &expect![[r"
            router: 5 operations break
        "]],
    );
}

#[test]
fn a_breaking_change_that_no_operation_uses_passes() {
    let folder = folder();
    std::fs::remove_dir_all(folder.path().join("operations/web")).unwrap();
    std::fs::remove_file(folder.path().join("operations/ages.graphql")).unwrap();
    let without_age = OLD.replace("  age: Int\n", "");
    std::fs::write(folder.path().join("new.graphql"), without_age).unwrap();
    let arguments =
        ["check", "--against", "old.graphql", "new.graphql", "--operations", "operations"];
    expect![[r"
        breaking   FIELD_REMOVED  field `User.age` was removed
                     no operation uses it
        unchecked  stale.graphql is not valid by the old schema: type `Query` does not have a field `never`
        1 breaking, 0 dangerous, 0 safe; 0 of 1 operations break
    "]].assert_eq(&stdout(&router(folder.path(), &arguments)));
}

#[test]
fn what_is_equal_passes() {
    let folder = folder();
    let arguments = ["check", "--against", "old.graphql", "old.graphql"];
    let printed = stdout(&router(folder.path(), &arguments));
    assert_eq!(printed, "0 breaking, 0 dangerous, 0 safe\n");
}

#[test]
fn json_is_for_programs() {
    let folder = folder();
    let arguments = [
        "check",
        "--against",
        "old.graphql",
        "new.graphql",
        "--operations",
        "operations",
        "--format",
        "json",
    ];
    let output = router(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["operations"]["checked"], 5);
    expect![[r#"
        {
          "broken": [
            "ages.graphql",
            "ids.graphql",
            "web/list.graphql#ByName",
            "web/list.graphql#Filtered",
            "web/list.graphql#Nodes"
          ],
          "checked": 5,
          "unchecked": [
            {
              "file": "stale.graphql",
              "reason": "type `Query` does not have a field `never`"
            }
          ]
        }"#]]
    .assert_eq(&format!("{:#}", report["operations"]));
    let removed = report["changes"].as_array().unwrap();
    let removed = removed.iter().find(|change| change["coordinate"] == "User.age").unwrap();
    expect![[r#"
        {
          "coordinate": "User.age",
          "impact": "breaking",
          "kind": "FIELD_REMOVED",
          "message": "field `User.age` was removed",
          "operations": [
            "ages.graphql"
          ]
        }"#]]
    .assert_eq(&format!("{removed:#}"));
}

#[test]
fn graphs_are_compared_as_clients_see_them() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.graphql", "type Query { a: Int b: Int }");
    write("b.graphql", "type Query { c: Int }");
    write(
        "supergraph.yaml",
        "subgraphs:
  a: { routing_url: 'http://127.0.0.1:4001/graphql', schema: { file: a.graphql } }
  b: { routing_url: 'http://127.0.0.1:4002/graphql', schema: { file: b.graphql } }
",
    );
    let supergraph = stdout(&router(folder.path(), &["compose", "supergraph.yaml"]));
    write("supergraph.graphql", &supergraph);
    write("a.graphql", "type Query { a: Int }");
    check_fails(
        folder.path(),
        &["--against", "supergraph.graphql", "supergraph.yaml"],
        &expect![[r"
            breaking   FIELD_REMOVED  field `Query.b` was removed
            1 breaking, 0 dangerous, 0 safe
        "]],
        &expect![[r"
            router: a change is breaking
        "]],
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = folder();
    std::fs::write(folder.path().join("broken.graphql"), "type Query {").unwrap();
    check_fails(
        folder.path(),
        &["--against", "nowhere.graphql", "new.graphql"],
        &expect![""],
        &expect![[r"
            router: cannot read `nowhere.graphql`: there is no such file or folder
        "]],
    );
    let output = router(folder.path(), &["check", "--against", "old.graphql", "broken.graphql"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("router: the schema of `broken.graphql` cannot be used: "), "{said}");
}
