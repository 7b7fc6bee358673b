//! What the corpus cannot say, since its subgraphs behave: answers that are broken, late, wrong or hostile.

mod entity_store;
mod verbatim;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use apollo_compiler::ExecutableDocument;
use bytes::Bytes;
use expect_test::{Expect, expect};
use futures::FutureExt;
use futures::future::BoxFuture;
use supergraph::Supergraph;

use crate::{
    Executable, Limits, Options, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};

const SUPERGRAPH: &str = r#"
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @inaccessible on FIELD_DEFINITION | OBJECT | ENUM_VALUE
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
enum link__Purpose { SECURITY EXECUTION }
scalar link__Import
scalar join__FieldSet
enum join__Graph {
  CATALOG @join__graph(name: "catalog", url: "")
  STOCK @join__graph(name: "stock", url: "")
}
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY)
{ query: Query mutation: Mutation subscription: Subscription }

type Query @join__type(graph: CATALOG) @join__type(graph: STOCK) {
  product: Product @join__field(graph: CATALOG)
  products(first: Int, filter: Filter): [Product!] @join__field(graph: CATALOG)
  grid: [[Product]!] @join__field(graph: CATALOG)
  media: Media @join__field(graph: CATALOG)
  price: Float! @join__field(graph: CATALOG)
  stockTotal: Int @join__field(graph: STOCK)
  shelved: [Product!] @join__field(graph: STOCK)
}
type Mutation @join__type(graph: CATALOG) @join__type(graph: STOCK) {
  rename: Product @join__field(graph: CATALOG)
  restock: Int @join__field(graph: STOCK)
}
type Subscription @join__type(graph: CATALOG) { sold: Product! }
input Filter @join__type(graph: CATALOG) { minimum: Float = 0.10 tags: [String!] kind: Kind }
enum Kind @join__type(graph: CATALOG) {
  BOOK @join__enumValue(graph: CATALOG)
  SECRET @join__enumValue(graph: CATALOG) @inaccessible
}
interface Media @join__type(graph: CATALOG) { id: ID! }
type Film implements Media @join__type(graph: CATALOG) @join__implements(graph: CATALOG, interface: "Media") { id: ID! minutes: Int }
type Leak implements Media @inaccessible @join__type(graph: CATALOG) @join__implements(graph: CATALOG, interface: "Media") { id: ID! }
interface Maker @join__type(graph: CATALOG) { name: String }
type Person implements Maker @join__type(graph: CATALOG) @join__implements(graph: CATALOG, interface: "Maker") { name: String born: Int }
type Firm implements Maker @join__type(graph: CATALOG) @join__implements(graph: CATALOG, interface: "Maker") { name: String sites: [Site] }
type Site @join__type(graph: CATALOG) { city: String }
type Product @join__type(graph: CATALOG, key: "id") @join__type(graph: STOCK, key: "id") {
  id: ID!
  name: String @join__field(graph: CATALOG)
  tags: [String!] @join__field(graph: CATALOG)
  kind: Kind @join__field(graph: CATALOG)
  weight: Float @join__field(graph: CATALOG) @join__field(graph: STOCK, external: true)
  related: [Product!] @join__field(graph: CATALOG)
  label(language: String): String @join__field(graph: CATALOG)
  maker: Maker @join__field(graph: CATALOG)
  inStock: Int! @join__field(graph: STOCK)
  shelf: String @join__field(graph: STOCK)
  neighbours: [Product] @join__field(graph: STOCK)
  shippingCost: Int @join__field(graph: STOCK, requires: "weight")
}
"#;

/// Answers in the order in which they are asked for, subgraph by subgraph.
struct Script {
    subgraph_names: Vec<String>,
    answers: Mutex<VecDeque<(String, Answer)>>,
    requests: Mutex<Vec<String>>,
}

/// What a scripted subgraph does.
#[derive(Debug, Clone)]
enum Answer {
    Ok(Vec<u8>),
    Status(u16, Vec<u8>),
    Fails(SubgraphError),
}

impl SubgraphClient for Script {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let name = &self.subgraph_names[request.subgraph.index()];
        let text = std::str::from_utf8(&request.body).expect("requests are UTF-8");
        let body: serde_json::Value = serde_json::from_str(text).expect("requests are JSON");
        // As they stand, to the digit.
        let variables =
            text.split_once(",\"variables\":").map_or("", |(_, rest)| &rest[..rest.len() - 1]);
        let line = format!("{name}: {} {variables}", body["query"].as_str().unwrap());
        self.requests.lock().unwrap().push(line.trim_end().to_owned());
        let mut answers = self.answers.lock().unwrap();
        let next =
            answers.iter().position(|(subgraph, _)| subgraph == name).expect("an answer is left");
        let (status, body) = match answers.remove(next).unwrap().1 {
            Answer::Ok(body) => (200, body),
            Answer::Status(status, body) => (status, body),
            Answer::Fails(error) => return async move { Err(error) }.boxed(),
        };
        async move { Ok(SubgraphResponse { status, body: Bytes::from(body) }) }.boxed()
    }
}

fn ok(subgraph: &str, body: &str) -> (String, Answer) {
    (subgraph.to_owned(), Answer::Ok(body.as_bytes().to_vec()))
}

fn lower(operation: &str) -> (Supergraph, Executable) {
    let supergraph = Supergraph::parse(SUPERGRAPH).unwrap();
    let document = ExecutableDocument::parse_and_validate(
        supergraph.api_schema(),
        operation,
        "operation.graphql",
    )
    .unwrap();
    let operation = document.operations.get(None).unwrap();
    let plan = planner::plan(&supergraph, &document, operation).unwrap();
    let executable = Executable::lower(&supergraph, Arc::new(document), None, &plan).unwrap();
    (supergraph, executable)
}

/// Executes an operation, and prints what was asked and what the client gets.
fn run(
    operation: &str,
    variables: &str,
    answers: Vec<(String, Answer)>,
    options: &Options,
) -> String {
    let (supergraph, executable) = lower(operation);
    let script = Script {
        subgraph_names: supergraph.subgraphs().iter().map(|s| s.name.to_string()).collect(),
        answers: Mutex::new(answers.into()),
        requests: Mutex::new(Vec::new()),
    };
    let response =
        executable.execute(variables, &script, &(), options).now_or_never().expect("no one waits");
    let mut printed = String::new();
    for request in script.requests.into_inner().unwrap() {
        printed += &request;
        printed.push('\n');
    }
    match response {
        Ok(response) => printed += std::str::from_utf8(&response.body).unwrap(),
        Err(error) => {
            printed += error.code();
            printed += ": ";
            printed += &error.to_string();
        }
    }
    printed
}

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn check(operation: &str, answers: Vec<(String, Answer)>, expected: Expect) {
    expected.assert_eq(&run(operation, "", answers, &Options::default()));
}

#[test]
fn deals_entities_into_requests() {
    assert_eq!(super::chunks(&[2, 3], 10), [[0..2, 0..3]]);
    assert_eq!(super::chunks(&[3, 2], 2), [[0..2, 0..0], [2..3, 0..1], [3..3, 1..2]]);
    assert!(super::chunks(&[0, 0], 2).is_empty());
}

#[test]
fn leaves_pass_verbatim() {
    check(
        "{ price product { name tags weight __typename } }",
        vec![ok(
            "catalog",
            r#" {"data" : {"price":1.10000000000000000000000001, "product":{"name":"\u00e9 \"q\" é","tags":[ "a" , "b\n"],"weight":-0.0e+00}}} "#,
        )],
        expect![[r#"
            catalog: query{price product{__typename name tags weight}}
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
fn introspection_stands_beside_data() {
    check(
        r#"query { stockTotal t: __type(name: "Film") { name fields { name } } __typename }"#,
        vec![ok("stock", r#"{"data":{"stockTotal":1}}"#)],
        expect![[r#"
            stock: query{stockTotal}
            {"data":{"stockTotal":1,"t":{"name":"Film","fields":[{"name":"id"},{"name":"minutes"}]},"__typename":"Query"}}"#]],
    );
}

proptest::proptest! {
    /// Whatever subgraphs answer, the client gets JSON.
    #[test]
    fn hostile_answers_never_panic(
        catalog in answer_like(),
        stock in answer_like(),
    ) {
        let (supergraph, executable) = lower("{ products { id related { shelf inStock } kind } media { id ... on Film { minutes } } grid { id } }");
        let script = Hostile { answers: [catalog, stock], subgraphs: supergraph.subgraphs().len() };
        let response = executable.execute("", &script, &(), &Options::default()).now_or_never().unwrap().unwrap();
        serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).unwrap();
    }
}

/// Two subgraphs that answer the same to everything.
struct Hostile {
    answers: [Vec<u8>; 2],
    subgraphs: usize,
}

impl SubgraphClient for Hostile {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        assert_eq!(self.subgraphs, 2);
        let body = Bytes::from(self.answers[request.subgraph.index()].clone());
        async move { Ok(SubgraphResponse { status: 200, body }) }.boxed()
    }
}

/// Bytes that look like an answer to some degree: real keys, any values, sometimes cut off or overwritten.
fn answer_like() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[0-9]{1,12}",
        "\"[a-zA-Z_]{0,6}\"",
        Just("\"Film\"".to_owned()),
        Just("\"BOOK\"".to_owned()),
    ];
    let key = prop::sample::select(vec![
        "data",
        "errors",
        "message",
        "path",
        "extensions",
        "products",
        "media",
        "grid",
        "id",
        "related",
        "kind",
        "_entities",
        "shelf",
        "inStock",
        "minutes",
        "__typename",
        "x",
    ]);
    let value = leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    });
    let cut = prop_oneof![4 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)];
    (value, cut, any::<bool>()).prop_map(|(value, cut, wrapped)| {
        let text = if wrapped { format!("{{\"data\":{value}}}") } else { value };
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = cut {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// What is sent to the subgraph that is subscribed to, and what the client gets of an event.
fn run_event(event: Result<&'static str, SubgraphError>, answers: Vec<(String, Answer)>) -> String {
    let (supergraph, executable) = lower("subscription { sold { id inStock } }");
    let script = Script {
        subgraph_names: supergraph.subgraphs().iter().map(|s| s.name.to_string()).collect(),
        answers: Mutex::new(answers.into()),
        requests: Mutex::new(Vec::new()),
    };
    let options = Options::default();
    let request = executable.source_request("", &options).unwrap();
    let event = event.map(|body| SubgraphResponse { status: 200, body: body.into() });
    let response = executable.respond_to_event(event, "", &script, &(), &options).now_or_never();
    let body = response.expect("no one waits").unwrap().body;
    let [sent, told] = [&request.body, &body].map(|bytes| std::str::from_utf8(bytes).unwrap());
    format!("{sent}\n{told}")
}

#[test]
fn the_rest_is_fetched_for_an_event() {
    let answers = vec![ok("stock", r#"{"data":{"_entities":[{"inStock":3}]}}"#)];
    expect![[r#"
        {"query":"subscription{sold{id}}"}
        {"data":{"sold":{"id":"1","inStock":3}}}"#]]
    .assert_eq(&run_event(Ok(r#"{"data":{"sold":{"id":"1"}}}"#), answers));
}

#[test]
fn a_source_that_fails_is_an_error_of_the_subgraph() {
    expect![[r#"
        {"query":"subscription{sold{id}}"}
        {"data":null,"errors":[{"message":"the subgraph could not be reached","path":["sold"],"extensions":{"code":"SUBGRAPH_UNREACHABLE","service":"catalog"}}]}"#]]
    .assert_eq(&run_event(Err(SubgraphError::Unreachable), Vec::new()));
}

#[test]
fn a_subscription_has_no_single_answer() {
    check(
        "subscription { sold { id } }",
        Vec::new(),
        expect![
            "SUBSCRIPTION_NOT_SUPPORTED: a subscription has many answers: ask by WebSocket, or with `accept: text/event-stream`"
        ],
    );
}
