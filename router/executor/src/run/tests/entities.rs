//! Entities: dealt into requests, asked once, matched with their representations, and their errors at their places.

use super::*;

#[test]
fn deals_entities_into_requests() {
    assert_eq!(crate::run::chunks(&[2, 3], 10), [[0..2, 0..3]]);
    assert_eq!(crate::run::chunks(&[3, 2], 2), [[0..2, 0..0], [2..3, 0..1], [3..3, 1..2]]);
    assert!(crate::run::chunks(&[0, 0], 2).is_empty());
}

#[test]
fn equal_entities_are_asked_once_and_stand_everywhere() {
    check(
        "{ products { id related { id shelf } } }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"id":"1","related":[{"id":"9"},{"id":"8"}]},{"id":"2","related":[{"id":"8"},{"id":"9"}]}]}}"#,
            ),
            ok("stock", r#"{"data":{"_entities":[{"shelf":"nine"},{"shelf":"eight"}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{id related{id}}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"9"},{"__typename":"Product","id":"8"}]}
            {"data":{"products":[{"id":"1","related":[{"id":"9","shelf":"nine"},{"id":"8","shelf":"eight"}]},{"id":"2","related":[{"id":"8","shelf":"eight"},{"id":"9","shelf":"nine"}]}]}}"#]],
    );
}

#[test]
fn an_error_of_an_entity_stands_at_every_place_of_that_entity() {
    check(
        "{ products { related { shelf } } }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"related":[{"id":"9"},{"id":"8"}]},{"related":[{"id":"8"}]}]}}"#,
            ),
            ok(
                "stock",
                r#"{"data":{"_entities":[{"shelf":"nine"},{"shelf":null}]},"errors":[{"message":"no shelf","path":["_entities",1,"shelf"],"locations":[{"line":1,"column":2}],"extensions":{"code":"LOST","secret":1}}]}"#,
            ),
        ],
        expect![[r#"
            catalog: query{products{related{id}}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"9"},{"__typename":"Product","id":"8"}]}
            {"data":{"products":[{"related":[{"shelf":"nine"},{"shelf":null}]},{"related":[{"shelf":null}]}]},"errors":[{"message":"no shelf","path":["products",0,"related",1,"shelf"],"extensions":{"code":"LOST","service":"stock"}},{"message":"no shelf","path":["products",1,"related",0,"shelf"],"extensions":{"code":"LOST","service":"stock"}}]}"#]],
    );
}

#[test]
fn an_error_of_entities_without_an_index_counts_for_each() {
    check(
        "{ products { shelf } }",
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"1"},{"id":"2"}]}}"#),
            ok("stock", r#"{"data":null,"errors":[{"message":"closed","path":["_entities"]}]}"#),
        ],
        expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null}]},"errors":[{"message":"closed","path":["products",0],"extensions":{"service":"stock"}},{"message":"closed","path":["products",1],"extensions":{"service":"stock"}}]}"#]],
    );
}

#[test]
fn entities_that_do_not_match_the_representations_are_never_used() {
    for (entities, expected) in [
        (
            r#"[{"shelf":"a"}]"#,
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null}]},"errors":[{"message":"the subgraph did not answer with one entity for each representation","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            r#"[{"shelf":"a"},{"shelf":"b"},{"shelf":"c"}]"#,
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null}]},"errors":[{"message":"the subgraph did not answer with one entity for each representation","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            r#"{"shelf":"a"}"#,
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null}]},"errors":[{"message":"the subgraph did not answer with one entity for each representation","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            r#"["a","b"]"#,
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null}]},"errors":[{"message":"the subgraph did not answer with one entity for each representation","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
        (
            "null",
            expect![[r#"
            catalog: query{products{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shelf}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":[{"shelf":null},{"shelf":null}]},"errors":[{"message":"the subgraph did not answer with one entity for each representation","path":["products"],"extensions":{"code":"SUBGRAPH_ANSWER_MALFORMED","service":"stock"}}]}"#]],
        ),
    ] {
        check(
            "{ products { shelf } }",
            vec![
                ok("catalog", r#"{"data":{"products":[{"id":"1"},{"id":"2"}]}}"#),
                ok("stock", &format!(r#"{{"data":{{"_entities":{entities}}}}}"#)),
            ],
            expected,
        );
    }
}

#[test]
fn what_a_failed_fetch_should_have_brought_is_not_sent_as_null() {
    check(
        "{ shelved { shippingCost } }",
        vec![
            ok("stock", r#"{"data":{"shelved":[{"id":"1"},{"id":"2"}]}}"#),
            ("catalog".to_owned(), Answer::Fails(SubgraphError::Unreachable)),
        ],
        expect![[r#"
            stock: query{shelved{id}}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{weight}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"shelved":[{"shippingCost":null},{"shippingCost":null}]},"errors":[{"message":"the subgraph could not be reached","path":["shelved"],"extensions":{"code":"SUBGRAPH_UNREACHABLE","service":"catalog"}}]}"#]],
    );
}

#[test]
fn equal_entities_of_several_places_are_asked_once_in_each_batch_of_a_fetch() {
    check(
        "{ products { inStock related { inStock } } product { inStock } }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"id":"a","related":[{"id":"b"},{"id":"a"}]},{"id":"b","related":[{"id":"b"}]}],"product":{"id":"a"}}}"#,
            ),
            ok(
                "stock",
                r#"{"data":{"_e0":[{"inStock":2},{"inStock":1}],"_e1":[{"inStock":1},{"inStock":2}],"_e2":[{"inStock":1}]}}"#,
            ),
        ],
        expect![[r#"
            catalog: query{products{related{id} id} product{id}}
            stock: query($_r0:[_Any!]!,$_r1:[_Any!]!,$_r2:[_Any!]!){_e0:_entities(representations:$_r0){...on Product{inStock}} _e1:_entities(representations:$_r1){...on Product{inStock}} _e2:_entities(representations:$_r2){...on Product{inStock}}} {"_r0":[{"__typename":"Product","id":"b"},{"__typename":"Product","id":"a"}],"_r1":[{"__typename":"Product","id":"a"},{"__typename":"Product","id":"b"}],"_r2":[{"__typename":"Product","id":"a"}]}
            {"data":{"products":[{"inStock":1,"related":[{"inStock":2},{"inStock":1}]},{"inStock":2,"related":[{"inStock":2}]}],"product":{"inStock":1}}}"#]],
    );
}
