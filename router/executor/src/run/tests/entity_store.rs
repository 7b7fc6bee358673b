//! What is known is not fetched again; what only looks known is.

use super::*;

/// `a`, `b` and `c` stand beside each other; each has a name.
const NEIGHBOURS: &str = r#"{"data":{"_entities":[{"neighbours":[{"id":"b"},{"id":"c"}]},{"neighbours":[{"id":"a"},null]}]}}"#;

#[test]
fn an_entity_is_taken_from_a_list_of_the_same_subgraph() {
    check(
        "{ products { name neighbours { name } } }",
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"a","name":"A"},{"id":"b","name":"B"}]}}"#),
            ok("stock", NEIGHBOURS),
            ok("catalog", r#"{"data":{"_entities":[{"name":"C"}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{name id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"},{"__typename":"Product","id":"b"}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{name}}} {"representations":[{"__typename":"Product","id":"c"}]}
            {"data":{"products":[{"name":"A","neighbours":[{"name":"B"},{"name":"C"}]},{"name":"B","neighbours":[{"name":"A"},null]}]}}"#]],
    );
}

#[test]
fn where_all_is_known_nobody_is_asked() {
    check(
        "{ products { name neighbours { name } } }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"id":"a","name":null},{"id":"b","name":"B"}]}}"#,
            ),
            ok(
                "stock",
                r#"{"data":{"_entities":[{"neighbours":[{"id":"b"}]},{"neighbours":[{"id":"a"},{"id":"b"}]}]}}"#,
            ),
        ],
        expect![[r#"
            catalog: query{products{name id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"},{"__typename":"Product","id":"b"}]}
            {"data":{"products":[{"name":null,"neighbours":[{"name":"B"}]},{"name":"B","neighbours":[{"name":null},{"name":"B"}]}]}}"#]],
    );
}

#[test]
fn objects_below_are_taken_with_their_types() {
    let maker = "maker { name ... on Person { born } ... on Firm { sites { city } } }";
    check(
        &format!("{{ products {{ {maker} neighbours {{ {maker} }} }} }}"),
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"id":"a","maker":{"__typename":"Person","name":"P","born":1}},{"id":"b","maker":{"__typename":"Firm","name":"F","sites":[{"city":"X"},null]}}]}}"#,
            ),
            ok(
                "stock",
                r#"{"data":{"_entities":[{"neighbours":[{"id":"b"}]},{"neighbours":[{"id":"a"}]}]}}"#,
            ),
        ],
        expect![[r#"
            catalog: query{products{maker{__typename name ...on Person{born} ...on Firm{sites{city}}} id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"},{"__typename":"Product","id":"b"}]}
            {"data":{"products":[{"maker":{"name":"P","born":1},"neighbours":[{"maker":{"name":"F","sites":[{"city":"X"},null]}}]},{"maker":{"name":"F","sites":[{"city":"X"},null]},"neighbours":[{"maker":{"name":"P","born":1}}]}]}}"#]],
    );
}

#[test]
fn other_arguments_are_another_field() {
    check(
        r#"{ products { label(language: "de") neighbours { label(language: "en") } } }"#,
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"a","label":"Apfel"}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"neighbours":[{"id":"a"}]}]}}"#),
            ok("catalog", r#"{"data":{"_entities":[{"label":"apple"}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{label(language: "de") id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{label(language: "en")}}} {"representations":[{"__typename":"Product","id":"a"}]}
            {"data":{"products":[{"label":"Apfel","neighbours":[{"label":"apple"}]}]}}"#]],
    );
}

#[test]
fn nothing_is_taken_from_an_answer_with_errors() {
    check(
        "{ products { name neighbours { name } } }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"id":"a","name":null}]},"errors":[{"message":"busy","path":["products",0,"name"]}]}"#,
            ),
            ok("stock", r#"{"data":{"_entities":[{"neighbours":[{"id":"a"}]}]}}"#),
            ok("catalog", r#"{"data":{"_entities":[{"name":"A"}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{name id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{name}}} {"representations":[{"__typename":"Product","id":"a"}]}
            {"data":{"products":[{"name":null,"neighbours":[{"name":"A"}]}]},"errors":[{"message":"busy","path":["products",0,"name"],"extensions":{"service":"catalog"}}]}"#]],
    );
}

#[test]
fn nothing_is_taken_from_an_object_that_lacks_a_key() {
    check(
        "{ products { name neighbours { name } } }",
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"a"}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"neighbours":[{"id":"a"}]}]}}"#),
            ok("catalog", r#"{"data":{"_entities":[{"name":"A"}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{name id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{name}}} {"representations":[{"__typename":"Product","id":"a"}]}
            {"data":{"products":[{"name":null,"neighbours":[{"name":"A"}]}]}}"#]],
    );
}

#[test]
fn keys_are_compared_as_they_are_written() {
    check(
        "{ products { name neighbours { name } } }",
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":1,"name":"A"}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"neighbours":[{"id":"1"}]}]}}"#),
            ok("catalog", r#"{"data":{"_entities":[{"name":"B"}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{name id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":1}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{name}}} {"representations":[{"__typename":"Product","id":"1"}]}
            {"data":{"products":[{"name":"A","neighbours":[{"name":"B"}]}]}}"#]],
    );
}

#[test]
fn what_depends_on_equal_inputs_is_known() {
    check(
        "{ products { weight shippingCost neighbours { shippingCost } } }",
        vec![
            ok("catalog", r#"{"data":{"products":[{"id":"a","weight":1}]}}"#),
            ok(
                "stock",
                r#"{"data":{"_entities":[{"shippingCost":10,"neighbours":[{"id":"a"},{"id":"b"}]}]}}"#,
            ),
            ok("catalog", r#"{"data":{"_entities":[{"weight":2}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"shippingCost":20}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{weight id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id} shippingCost}}} {"representations":[{"__typename":"Product","id":"a","weight":1}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{weight}}} {"representations":[{"__typename":"Product","id":"b"}]}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shippingCost}}} {"representations":[{"__typename":"Product","id":"b","weight":2}]}
            {"data":{"products":[{"weight":1,"shippingCost":10,"neighbours":[{"shippingCost":10},{"shippingCost":20}]}]}}"#]],
    );
}

#[test]
fn what_depends_on_other_inputs_is_fetched() {
    check(
        "{ products { weight shippingCost neighbours { shippingCost } } }",
        vec![
            ok(
                "catalog",
                r#"{"data":{"products":[{"id":"a","weight":1}]},"errors":[{"message":"maybe"}]}"#,
            ),
            ok(
                "stock",
                r#"{"data":{"_entities":[{"shippingCost":10,"neighbours":[{"id":"a"}]}]}}"#,
            ),
            ok("catalog", r#"{"data":{"_entities":[{"weight":2}]}}"#),
            ok("stock", r#"{"data":{"_entities":[{"shippingCost":20}]}}"#),
        ],
        expect![[r#"
            catalog: query{products{weight id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id} shippingCost}}} {"representations":[{"__typename":"Product","id":"a","weight":1}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{weight}}} {"representations":[{"__typename":"Product","id":"a"}]}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{shippingCost}}} {"representations":[{"__typename":"Product","id":"a","weight":2}]}
            {"data":{"products":[{"weight":1,"shippingCost":10,"neighbours":[{"shippingCost":20}]}]},"errors":[{"message":"maybe","extensions":{"service":"catalog"}}]}"#]],
    );
}

#[test]
fn a_mutation_always_fetches() {
    check(
        "mutation { rename { name neighbours { name } } }",
        vec![
            ok("catalog", r#"{"data":{"rename":{"id":"a","name":"A"}}}"#),
            ok("stock", r#"{"data":{"_entities":[{"neighbours":[{"id":"a"}]}]}}"#),
            ok("catalog", r#"{"data":{"_entities":[{"name":"A"}]}}"#),
        ],
        expect![[r#"
            catalog: mutation{rename{name id}}
            stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"}]}
            catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{name}}} {"representations":[{"__typename":"Product","id":"a"}]}
            {"data":{"rename":{"name":"A","neighbours":[{"name":"A"}]}}}"#]],
    );
}

#[test]
fn it_can_be_switched_off() {
    let answers = vec![
        ok("catalog", r#"{"data":{"products":[{"id":"a","name":"A"}]}}"#),
        ok("stock", r#"{"data":{"_entities":[{"neighbours":[{"id":"a"}]}]}}"#),
        ok("catalog", r#"{"data":{"_entities":[{"name":"A"}]}}"#),
    ];
    let options = Options { entity_store: false, ..Options::default() };
    expect![[r#"
        catalog: query{products{name id}}
        stock: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{neighbours{id}}}} {"representations":[{"__typename":"Product","id":"a"}]}
        catalog: query($representations:[_Any!]!){_entities(representations:$representations){...on Product{name}}} {"representations":[{"__typename":"Product","id":"a"}]}
        {"data":{"products":[{"name":"A","neighbours":[{"name":"A"}]}]}}"#]].assert_eq(&run(
        "{ products { name neighbours { name } } }",
        "",
        answers,
        &options,
    ));
}
