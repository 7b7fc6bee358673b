//! Fetches that fail, and limits that end a request: an error with its reason, and all else as it would be.

use super::*;

#[test]
fn a_failed_fetch_leaves_the_others_alone() {
    check(
        "{ product { name inStock } stockTotal }",
        vec![
            (String::from("catalog"), Answer::Fails(SubgraphError::Timeout)),
            ok("stock", r#"{"data":{"stockTotal":3}}"#),
        ],
        expect![[r#"
            catalog: query{product{name id}}
            stock: query{stockTotal}
            {"data":{"product":null,"stockTotal":3},"errors":[{"message":"the subgraph did not answer in time","path":["product"],"extensions":{"code":"SUBGRAPH_TIMEOUT","service":"catalog"}}]}"#]],
    );
}

#[test]
fn an_answer_that_is_no_graphql_is_an_error_with_its_reason() {
    for (answer, expected) in [
        (
            Answer::Ok(b"<html>".to_vec()),
            expect![[r#"
                stock: query{stockTotal}
                {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a JSON object","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Status(401, br#"{"error":"Invalid service token"}"#.to_vec()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph answered with HTTP status 401","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_HTTP_STATUS","service":"stock"}}]}"#]],
        ),
        (
            Answer::Status(502, b"Bad gateway".to_vec()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph answered with HTTP status 502","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_HTTP_STATUS","service":"stock"}}]}"#]],
        ),
        (
            Answer::Status(302, Vec::new()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph answered with HTTP status 302","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_HTTP_STATUS","service":"stock"}}]}"#]],
        ),
        (
            Answer::Ok(br#"{"data":{"stockTotal":1},"errors":{"message":"no list"}}"#.to_vec()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a GraphQL response","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Ok(b"[]".to_vec()),
            expect![[r#"
                stock: query{stockTotal}
                {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a JSON object","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Ok(b"{}".to_vec()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a GraphQL response","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Ok(br#"{"data":null}"#.to_vec()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a GraphQL response","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Ok(br#"{"data":7}"#.to_vec()),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a GraphQL response","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Ok(b"{\"data\":{\"stockTotal\":\"\xff\"}}".to_vec()),
            expect![[r#"
                stock: query{stockTotal}
                {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is not a JSON object","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            Answer::Fails(SubgraphError::TooLarge),
            expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph's answer is too large","path":["stockTotal"],"extensions":{"code":"SUBGRAPH_ANSWER_TOO_LARGE","service":"stock"}}]}"#]],
        ),
    ] {
        check("{ stockTotal }", vec![("stock".to_owned(), answer)], expected);
    }
}

#[test]
fn an_answer_larger_than_the_limit_is_given_up() {
    // What subgraphs answer is small: many objects hold the same rows.
    let shelved = vec![r#"{"id":"1"}"#; 20].join(",");
    let answers = vec![
        ok("stock", &format!(r#"{{"data":{{"shelved":[{shelved}]}}}}"#)),
        ok(
            "catalog",
            r#"{"data":{"_entities":[{"related":[{"name":"a"},{"name":"b"},{"name":"c"}]}]}}"#,
        ),
    ];
    let options =
        Options { limits: Limits { answer_bytes: 600, ..Limits::default() }, ..Options::default() };
    let expected = expect![[r#"
        stock: query{shelved{id}}
        catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{related{name}}}} {"representations":[{"__typename":"Product","id":"1"}]}
        {"data":null,"errors":[{"message":"the answer is larger than the limit","extensions":{"code":"ANSWER_TOO_LARGE"}}]}"#]];
    expected.assert_eq(&run("{ shelved { related { name } } }", "", answers, &options));
}

#[test]
fn a_refused_mutation_field_does_not_stop_the_next() {
    check(
        "mutation { rename { name } restock }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"rename":null},"errors":[{"message":"no","path":["rename"]}]}"#,
            ),
            ok("stock", r#"{"data":{"restock":5}}"#),
        ],
        expect![[r#"
            catalog: mutation{rename{name}}
            stock: mutation{restock}
            {"data":{"rename":null,"restock":5},"errors":[{"message":"no","path":["rename"],"extensions":{"service":"catalog"}}]}"#]],
    );
}

#[test]
fn limits_end_a_request_with_an_error() {
    let answers = || {
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"1"},{"id":"2"},{"id":"3"}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"shelf":"one"},{"shelf":"two"}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"shelf":"three"}]}}"#),
        ]
    };
    for (limits, expected) in [
        (
            Limits { entities_per_fetch: 2, ..Limits::default() },
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"3"}]}
            {"data":{"products":[{"shelf":"one"},{"shelf":"two"},{"shelf":"three"}]}}"#]],
        ),
        (
            Limits { entities: 2, ..Limits::default() },
            expect![[r#"
            catalog: query{products{id}}
            {"data":{"products":[{"shelf":null},{"shelf":null},{"shelf":null}]},"errors":[{"message":"the request needs more entities than the limit allows","path":["products"],"extensions":{"code":"TOO_MANY_ENTITIES","service":"stock"}}]}"#]],
        ),
        (
            Limits { answer_bytes: 100, ..Limits::default() },
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"},{"__typename":"Product","id":"3"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null},{"shelf":null}]},"errors":[{"message":"the subgraphs' answers are too large","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_TOO_LARGE","service":"stock"}}]}"#]],
        ),
        (
            Limits { nesting: 2, ..Limits::default() },
            expect![[r#"
                catalog: query{products{id}}
                {"data":{"products":null},"errors":[{"message":"the subgraph's answer is not a JSON object","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"catalog"}}]}"#]],
        ),
    ] {
        expected.assert_eq(&run(
            "{ products { shelf } }",
            "",
            answers(),
            &Options { limits, ..Options::default() },
        ));
    }
}

#[test]
fn no_error_of_a_subgraph_is_lost_because_another_is_malformed() {
    check(
        "{ stockTotal }",
        vec![ok(
            "stock",
            r#"{"data":{"stockTotal":null},"errors":[7,{"message":"closed","path":["stockTotal"],"extensions":[]},{}]}"#,
        )],
        expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":null},"errors":[{"message":"the subgraph reported an error","extensions":{"service":"stock"}},{"message":"closed","path":["stockTotal"],"extensions":{"service":"stock"}},{"message":"the subgraph reported an error","extensions":{"service":"stock"}}]}"#]],
    );
}
