//! An answer is passed on as it came only where it is just what the client is to be told.

use super::*;

/// What the client is told where `catalog` answers so.
fn told(operation: &str, answer: &str) -> String {
    let printed = run(operation, "", vec![ok("catalog", answer)], &Options::default());
    printed.lines().skip(1).collect()
}

const OPERATION: &str = "{ products { id name tags kind related { weight } } }";

#[test]
fn what_says_what_was_asked_is_passed_on() {
    for answer in [
        r#"{"data":{"products":null}}"#,
        r#"{"data":{"products":[]}}"#,
        r#"{"data":{"products":[{"id":"1","name":"\u00e9","tags":["a"],"kind":"BOOK","related":[{"weight":1.50}]}]}}"#,
        r#"{ "data": {"products":[{"id":"1" ,"name":null,"tags":null,"kind":null,"related":null}] } }"#,
    ] {
        assert_eq!(told(OPERATION, answer), answer);
    }
}

#[test]
fn a_type_name_may_stand_where_the_client_has_it() {
    let operation = "{ products { id related { __typename weight } name __typename } }";
    let answer = r#"{"data": {"products": [{"id":"1","related":[{"__typename":"Product","weight":1.50}],"name":null,"__typename":"Product"}]}}"#;
    assert_eq!(told(operation, answer), answer);
}

#[test]
fn what_says_it_otherwise_is_written_anew() {
    let expected =
        r#"{"data":{"products":[{"id":"1","name":null,"tags":[],"kind":"BOOK","related":[]}]}}"#;
    for answer in [
        // In another order.
        r#"{"data":{"products":[{"name":null,"id":"1","tags":[],"kind":"BOOK","related":[]}]}}"#,
        // A key less, a key more, a key twice.
        r#"{"data":{"products":[{"id":"1","tags":[],"kind":"BOOK","related":[]}]}}"#,
        r#"{"data":{"products":[{"id":"1","name":null,"tags":[],"kind":"BOOK","related":[],"secret":1}]}}"#,
        r#"{"data":{"products":[{"id":"1","id":"1","name":null,"tags":[],"kind":"BOOK","related":[]}]}}"#,
        // An integer for an ID; a value that is written in another way.
        r#"{"data":{"products":[{"id":1,"name":null,"tags":[],"kind":"BOOK","related":[]}]}}"#,
        r#"{"data":{"products":[{"\u0069d":"1","name":null,"tags":[],"kind":"BOOK","related":[]}]}}"#,
        // Something beside the data.
        r#"{"data":{"products":[{"id":"1","name":null,"tags":[],"kind":"BOOK","related":[]}]},"extensions":{"cost":1}}"#,
        r#"{"errors":[],"data":{"products":[{"id":"1","name":null,"tags":[],"kind":"BOOK","related":[]}]}}"#,
    ] {
        assert_eq!(told(OPERATION, answer), expected, "{answer}");
    }
}

#[test]
fn what_must_not_be_told_is_an_error() {
    for (answer, code) in [
        (
            r#"{"data":{"products":[{"id":null,"name":null,"tags":[],"kind":null,"related":[]}]}}"#,
            "UNEXPECTED_NULL",
        ),
        (r#"{"data":{"products":[null]}}"#, "UNEXPECTED_NULL"),
        (
            r#"{"data":{"products":[{"id":"1","name":null,"tags":[null],"kind":null,"related":[]}]}}"#,
            "UNEXPECTED_NULL",
        ),
        (
            r#"{"data":{"products":[{"id":"1","name":7,"tags":[],"kind":null,"related":[]}]}}"#,
            "INVALID_VALUE",
        ),
        (
            r#"{"data":{"products":[{"id":"1","name":null,"tags":[],"kind":"SECRET","related":[]}]}}"#,
            "INVALID_VALUE",
        ),
        (
            r#"{"data":{"products":[{"id":"1","name":null,"tags":"a","kind":null,"related":[]}]}}"#,
            "INVALID_VALUE",
        ),
        (r#"{"data":{"products":[]}} {}"#, "SUBGRAPH_ANSWER_MALFORMED"),
        (
            r#"{"data":{"products":[{"id":"1","name":"\uZZZZ","tags":[],"kind":null,"related":[]}]}}"#,
            "SUBGRAPH_ANSWER_MALFORMED",
        ),
    ] {
        let told = told(OPERATION, answer);
        assert!(told.contains(code), "{answer}: {told}");
    }
}

#[test]
fn a_type_has_the_name_that_the_supergraph_gives_it() {
    let expected = r#"{"data":{"products":[{"__typename":"Product","name":"a"}]}}"#;
    for said in [r#""__typename":"Product","#, ""] {
        let answer = format!(r#"{{"data":{{"products":[{{{said}"name":"a"}}]}}}}"#);
        assert_eq!(told("{ products { __typename name } }", &answer), expected);
    }
}

#[test]
fn another_type_is_an_error() {
    let answer = r#"{"data":{"products":[{"__typename":"Thing","name":"a"}]}}"#;
    let told = told("{ products { __typename name } }", answer);
    assert!(told.contains("INVALID_VALUE"), "{told}");
}

#[test]
fn nobody_is_told_of_types_that_are_hidden() {
    let leak = r#"{"data":{"media":{"__typename":"Leak","id":"1"}}}"#;
    let told = told("{ media { __typename id } }", leak);
    assert!(told.starts_with(r#"{"data":{"media":null}"#), "{told}");
}
