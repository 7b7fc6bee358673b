//! What the corpus cannot say, since its subgraphs behave: answers that are broken, late, wrong or hostile.

mod entities;
mod entity_store;
mod events;
mod failures;
mod hostile;
mod values;
mod variables;
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
input Filter @join__type(graph: CATALOG) { minimum: Float = 0.10 tags: [String!] kind: Kind by: By }
input By @join__type(graph: CATALOG) @oneOf { id: ID name: String }

directive @oneOf on INPUT_OBJECT
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
