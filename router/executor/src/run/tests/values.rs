//! What values become: read in any order, passed as they are, null where they are wrong.

use super::*;

#[test]
fn leaves_pass_verbatim() {
    check(
        "{ price product { name tags weight __typename } }",
        vec![ok(
            "catalog",
            r#" {"data" : {"price":1.10000000000000000000000001, "product":{"name":"\u00e9 \"q\" é","tags":[ "a" , "b\n"],"weight":-0.0e+00}}} "#,
        )],
        expect![[r#"
            catalog: query{price product{name tags weight __typename}}
            {"data":{"price":1.10000000000000000000000001,"product":{"name":"\u00e9 \"q\" é","tags":["a","b\n"],"weight":-0.0e+00,"__typename":"Product"}}}"#]],
    );
}

#[test]
fn answers_are_read_in_any_order_and_unknown_keys_are_skipped() {
    check(
        "{ media { ... on Film { minutes } id } }",
        vec![ok(
            "catalog",
            r#"{"extensions":{"a":[{}]},"data":{"x":{"y":[1,{"z":"}"}]},"media":{"minutes":7,"id":"1","other":null,"__typename":"Film"}}}"#,
        )],
        expect![[r#"
            catalog: query{media{__typename ...on Film{minutes} id}}
            {"data":{"media":{"minutes":7,"id":"1"}}}"#]],
    );
}

#[test]
fn a_missing_key_is_null_and_climbs() {
    check(
        "{ products { id name inStock } }",
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"1"},{"id":"2"}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"inStock":1},{}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{id name}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{inStock}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"products":null},"errors":[{"message":"null in `Product.inStock`, where it is not allowed","path":["products",1,"inStock"],"extensions":{"code":"UNEXPECTED_NULL"}}]}"#]],
    );
}

#[test]
fn null_climbs_through_lists_of_lists() {
    check(
        "{ grid { id inStock } }",
        vec![
            ok("catalog", r#"{"data":{"grid":[[{"id":"1"},null],[{"id":"2"}],[]]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"inStock":null},{"inStock":2}]}}"#),
        ],
        expect![[r#"
            catalog: query{grid{id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{inStock}}} {"representations":[{"__typename":"Product","id":"1"},{"__typename":"Product","id":"2"}]}
            {"data":{"grid":[[null,null],[{"id":"2","inStock":2}],[]]},"errors":[{"message":"null in `Product.inStock`, where it is not allowed","path":["grid",0,0,"inStock"],"extensions":{"code":"UNEXPECTED_NULL"}}]}"#]],
    );
}

#[test]
fn values_of_the_wrong_type_become_null_with_an_error() {
    check(
        "{ product { id name tags kind weight related { id } } stockTotal }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"product":{"id":17,"name":7,"tags":"a","kind":"SECRET","weight":"heavy","related":{"id":"1"}}}}"#,
            ),
            ok("stock", r#"{"data":{"stockTotal":2147483648}}"#),
        ],
        expect![[r#"
            catalog: query{product{id name tags kind weight related{id}}}
            stock: query{stockTotal}
            {"data":{"product":{"id":"17","name":null,"tags":null,"kind":null,"weight":null,"related":null},"stockTotal":null},"errors":[{"message":"the value of `Product.name` is not of its type","path":["product","name"],"extensions":{"code":"INVALID_VALUE"}},{"message":"the value of `Product.tags` is not a list","path":["product","tags"],"extensions":{"code":"INVALID_VALUE"}},{"message":"the value of `Product.kind` is not one of its enum","path":["product","kind"],"extensions":{"code":"INVALID_VALUE"}},{"message":"the value of `Product.weight` is not of its type","path":["product","weight"],"extensions":{"code":"INVALID_VALUE"}},{"message":"the value of `Product.related` has the wrong shape","path":["product","related"],"extensions":{"code":"INVALID_VALUE"}},{"message":"the value of `Query.stockTotal` is not of its type","path":["stockTotal"],"extensions":{"code":"INVALID_VALUE"}}]}"#]],
    );
}

#[test]
fn a_type_that_clients_may_not_see_is_null_and_not_named() {
    check(
        "{ media { __typename id } }",
        vec![ok("catalog", r#"{"data":{"media":{"__typename":"Leak","id":"1"}}}"#)],
        expect![[r#"
            catalog: query{media{__typename id}}
            {"data":{"media":null},"errors":[{"message":"the object is of no type that `Media` may have here","path":["media"],"extensions":{"code":"INVALID_VALUE"}}]}"#]],
    );
}

#[test]
fn keys_come_in_the_order_of_the_first_selection_that_counts() {
    let operation = "query($late: Boolean!, $no: Boolean = false) {
        product { name @skip(if: $late) weight ... @include(if: $no) { shelf } ...Name kind: __typename }
    } fragment Name on Product { id name }";
    for (variables, expected) in [
        (
            r#"{"late":true}"#,
            expect![[r#"
                catalog: query{product{__typename name weight id}}
                {"data":{"product":{"weight":1,"id":"1","name":"n","kind":"Product"}}}"#]],
        ),
        (
            r#"{"late":false}"#,
            expect![[r#"
                catalog: query{product{__typename name weight id}}
                {"data":{"product":{"name":"n","weight":1,"id":"1","kind":"Product"}}}"#]],
        ),
    ] {
        let answers =
            vec![ok("catalog", r#"{"data":{"product":{"name":"n","weight":1,"id":"1"}}}"#)];
        expected.assert_eq(&run(operation, variables, answers, &Options::default()));
    }
}

#[test]
fn introspection_stands_beside_data() {
    check(
        r#"query { stockTotal t: __type(name: "Film") { name fields { name } } __typename }"#,
        vec![ok("stock", r#"{"data":{"stockTotal":1}}"#)],
        expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":1,"t":{"name":"Film","fields":[{"name":"id"},{"name":"minutes"}]},"__typename":"Query"}}"#]],
    );
}
