//! The client's variables on their way to subgraphs.

use super::*;

#[test]
fn variables_keep_their_digits_and_are_coerced() {
    let operation =
        "query($first: Int, $filter: Filter) { products(first: $first, filter: $filter) { id } }";
    for (variables, expected) in [
        (
            r#"{"first":1.0,"filter":{"minimum":0.100000000000000000001,"tags":"one"}}"#,
            expect![[r#"
                catalog: query($first:Int,$filter:Filter){products(first: $first, filter: $filter){id}} {"first":1,"filter":{"minimum":0.100000000000000000001,"tags":["one"]}}
                {"data":{"products":null}}"#]],
        ),
        (
            r#"{"filter":{}}"#,
            expect![[r#"
                catalog: query($first:Int,$filter:Filter){products(first: $first, filter: $filter){id}} {"filter":{"minimum":0.10}}
                {"data":{"products":null}}"#]],
        ),
        (
            r#"{"first":null}"#,
            expect![[r#"
            catalog: query($first:Int,$filter:Filter){products(first: $first, filter: $filter){id}} {"first":null}
            {"data":{"products":null}}"#]],
        ),
        (
            r#"{"first":"1"}"#,
            expect![[r#"BAD_USER_INPUT: variable `$first`: `"1"` is no value of type `Int`"#]],
        ),
        (
            r#"{"first":2147483648}"#,
            expect!["BAD_USER_INPUT: variable `$first`: `2147483648` is no value of type `Int`"],
        ),
        (
            r#"{"filter":{"tags":["a",null]}}"#,
            expect![
                "BAD_USER_INPUT: variable `$filter`: at `tags[1]`, null is no value of type `[String!]`"
            ],
        ),
        (
            r#"{"filter":{"kind":"SECRET"}}"#,
            expect![[
                r#"BAD_USER_INPUT: variable `$filter`: at `kind`, `"SECRET"` is no value of type `Kind`"#
            ]],
        ),
        (
            r#"{"filter":{"limit":1}}"#,
            expect!["BAD_USER_INPUT: variable `$filter`: there is no field `limit`"],
        ),
        ("[]", expect!["BAD_USER_INPUT: the variables are not a JSON object"]),
    ] {
        let answers = vec![ok("catalog", r#"{"data":{"products":null}}"#)];
        expected.assert_eq(&run(operation, variables, answers, &Options::default()));
    }
}

#[test]
fn a_one_of_input_takes_one_field() {
    let operation = "query($filter: Filter) { products(filter: $filter) { id } }";
    let refused = "BAD_USER_INPUT: variable `$filter`: at `by`, `By` takes exactly one of its fields, and no null";
    for (by, taken) in [
        (r#"{"id":1}"#, Some(r#"{"id":"1"}"#)),
        (r#"{"name":"a"}"#, Some(r#"{"name":"a"}"#)),
        ("null", Some("null")),
        ("{}", None),
        (r#"{"id":null}"#, None),
        (r#"{"id":1,"name":"a"}"#, None),
        (r#"{"id":1,"name":null}"#, None),
    ] {
        let answers = vec![ok("catalog", r#"{"data":{"products":null}}"#)];
        let variables = format!(r#"{{"filter":{{"by":{by}}}}}"#);
        let said = run(operation, &variables, answers, &Options::default());
        match taken {
            Some(taken) => assert!(said.contains(&format!(r#""by":{taken}"#)), "{said}"),
            None => assert_eq!(said, refused),
        }
    }
}
