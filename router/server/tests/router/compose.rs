//! `router compose`: contracts, the API schema, JSON, diagnostics, and subgraphs that do not tell their schema.

use std::path::Path;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::command::{router, stdout};

const SHOP: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@tag", "@shareable"])

type Query {
  product(id: ID!): Product @tag(name: "public")
  stock: Stock @tag(name: "internal")
}

type Product @key(fields: "id") {
  id: ID! @tag(name: "public")
  price: Int @tag(name: "public")
  margin: Int @tag(name: "internal")
}

type Stock @tag(name: "internal") {
  count: Int
  state: State
}

enum State {
  FULL
  EMPTY
}
"#;

const REVIEWS: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@tag"])

type Product @key(fields: "id") {
  id: ID!
  "What others think"
  stars: Float @tag(name: "public")
}
"#;

/// A folder with the two subgraphs.
fn folder(shop: &str, reviews: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("shop.graphql", shop);
    write("reviews.graphql", reviews);
    write(
        "supergraph.yaml",
        "subgraphs:
  shop: { routing_url: 'http://127.0.0.1:4001/graphql', schema: { file: shop.graphql } }
  reviews: { routing_url: 'http://127.0.0.1:4002/graphql', schema: { file: reviews.graphql } }
",
    );
    folder
}

fn check_printed(folder: &Path, arguments: &[&str], expected: &Expect) {
    let arguments = [&["compose", "supergraph.yaml"], arguments].concat();
    expected.assert_eq(&stdout(&router(folder, &arguments)));
}

#[test]
fn the_api_schema_is_what_clients_may_query() {
    let folder = folder(SHOP, REVIEWS);
    check_printed(
        folder.path(),
        &["--api-schema"],
        &expect![[r#"
            type Product {
              id: ID!
              """What others think"""
              stars: Float
              price: Int
              margin: Int
            }

            type Query {
              product(id: ID!): Product
              stock: Stock
            }

            enum State {
              FULL
              EMPTY
            }

            type Stock {
              count: Int
              state: State
            }
        "#]],
    );
}

#[test]
fn a_contract_shows_what_has_its_tags_and_what_leads_there() {
    let folder = folder(SHOP, REVIEWS);
    check_printed(
        folder.path(),
        &["--include-tag", "public", "--api-schema"],
        &expect![[r#"
            type Product {
              id: ID!
              """What others think"""
              stars: Float
              price: Int
            }

            type Query {
              product(id: ID!): Product
            }
        "#]],
    );
    check_printed(
        folder.path(),
        &["--exclude-tag", "internal", "--exclude-tag", "nothing", "--api-schema"],
        &expect![[r#"
            type Product {
              id: ID!
              """What others think"""
              stars: Float
              price: Int
            }

            type Query {
              product(id: ID!): Product
            }
        "#]],
    );
}

#[test]
fn a_contract_is_a_supergraph_that_hides() {
    let folder = folder(SHOP, REVIEWS);
    let arguments = ["compose", "supergraph.yaml", "--include-tag", "public"];
    let contract = stdout(&router(folder.path(), &arguments));
    let find = |start: &str| contract.lines().find(|line| line.trim_start().starts_with(start));
    expect![[r#"  margin: Int @join__field(graph: SHOP) @tag(name: "internal") @inaccessible"#]]
        .assert_eq(find("margin:").unwrap());
    expect!["enum State @join__type(graph: SHOP) @inaccessible {"]
        .assert_eq(find("enum State").unwrap());
    // It is served like any supergraph.
    std::fs::write(folder.path().join("contract.graphql"), &contract).unwrap();
    std::fs::write(folder.path().join("margin.graphql"), "{ product(id: 1) { margin } }").unwrap();
    let plan = ["plan", "--supergraph", "contract.graphql", "margin.graphql"];
    let refused = router(folder.path(), &plan);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("margin"));
}

#[test]
fn a_contract_that_clients_could_not_use_is_refused() {
    let folder = folder(SHOP, REVIEWS);
    let check = |tag: &[&str], expected: &Expect| {
        let output = router(folder.path(), &[&["compose", "supergraph.yaml"], tag].concat());
        assert_eq!(output.status.code(), Some(1));
        expected.assert_eq(&String::from_utf8_lossy(&output.stderr));
    };
    check(
        &["--include-tag", "nowhere"],
        &expect![[r"
        router: the contract does not hold:
        ONLY_INACCESSIBLE_CHILDREN  every field of `Query` is `@inaccessible`, but `Query` itself is not
    "]],
    );
    let shown = SHOP.replace("stock: Stock @tag(name: \"internal\")", "stock: Stock");
    std::fs::write(folder.path().join("shop.graphql"), shown).unwrap();
    check(
        &["--exclude-tag", "internal"],
        &expect![[r"
        router: the contract does not hold:
        REFERENCED_INACCESSIBLE  `Query.stock` is `Stock`, which is `@inaccessible`, but is not so itself
    "]],
    );
}

#[test]
fn errors_are_shown_where_they_are() {
    let folder = folder(&SHOP.replace("price: Int", "stars: Int"), REVIEWS);
    let output = router(folder.path(), &["compose", "supergraph.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    expect![[r#"
        router: the subgraphs do not compose:
        FIELD_TYPE_MISMATCH  field `Product.stars` is `Float` in `reviews` but `Int` in `shop`
          reviews:6:3
            6 |   stars: Float @tag(name: "public")
              |   ^
          shop:10:3
            10 |   stars: Int @tag(name: "public")
               |   ^

        INVALID_FIELD_SHARING  field `Product.stars` is resolved by `reviews` and `shop` but is not `@shareable` in `reviews` and `shop`
          reviews:6:3
            6 |   stars: Float @tag(name: "public")
              |   ^
          shop:10:3
            10 |   stars: Int @tag(name: "public")
               |   ^
    "#]].assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn json_has_the_schema_or_all_errors_and_the_hints() {
    let other = REVIEWS.replace("id: ID!", "id: ID! sold: Int");
    let folder = folder(&SHOP.replace("price: Int", "sold: Int!"), &other);
    let arguments = ["compose", "supergraph.yaml", "--format", "json"];
    let failed = router(folder.path(), &arguments);
    assert_eq!(failed.status.code(), Some(1));
    expect![[r#"
        {
          "errors": [
            {
              "code": "INVALID_FIELD_SHARING",
              "locations": [
                {
                  "column": 11,
                  "line": 4,
                  "subgraph": "reviews"
                },
                {
                  "column": 3,
                  "line": 10,
                  "subgraph": "shop"
                }
              ],
              "message": "field `Product.sold` is resolved by `reviews` and `shop` but is not `@shareable` in `reviews` and `shop`"
            }
          ],
          "hints": [],
          "schema": null
        }
    "#]].assert_eq(&String::from_utf8_lossy(&failed.stdout));

    let shared = SHOP.replace("price: Int", "stars: Float @shareable");
    let reviews = REVIEWS.replace("stars: Float", "stars: Float! @federation__shareable");
    let folder = self::folder(&shared, &reviews);
    let printed: Value = serde_json::from_str(&stdout(&router(folder.path(), &arguments))).unwrap();
    assert!(printed["schema"].as_str().unwrap().contains("join__Graph"));
    assert_eq!(printed["errors"], json!([]));
    assert_eq!(printed["hints"][0]["code"], "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE");
    assert_eq!(printed["hints"][0]["severity"], "info");
}

#[test]
fn hints_are_as_many_as_wanted() {
    let shared = SHOP.replace("price: Int", "stars: Float @shareable");
    let reviews = REVIEWS.replace("stars: Float", "stars: Float! @federation__shareable");
    let folder = folder(&shared, &reviews);
    let said = |level: &str| {
        let arguments =
            ["compose", "supergraph.yaml", "--hints", level, "--output", "supergraph.graphql"];
        let output = router(folder.path(), &arguments);
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(said("warn"), "");
    assert!(said("info").starts_with("info: INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE  "));
}

/// A server that answers every request alike; ends with the tasks.
async fn subgraph(tasks: &mut JoinSet<()>, status: u16, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move || async move { (http::StatusCode::from_u16(status).unwrap(), body) };
    let app = axum::Router::new().route("/graphql", axum::routing::post(answer));
    tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}/graphql")
}

#[tokio::test(flavor = "multi_thread")]
async fn subgraphs_that_do_not_tell_their_schema_are_all_named() {
    let mut tasks = JoinSet::new();
    let refusing = subgraph(
        &mut tasks,
        200,
        r#"{"data":null,"errors":[{"message":"introspection is disabled"}]}"#,
    )
    .await;
    let forbidding = subgraph(&mut tasks, 401, r#"{"error":"Invalid service token"}"#).await;
    let empty = subgraph(&mut tasks, 200, r#"{"data":{"_service":{"sdl":""}}}"#).await;
    let introspected =
        r#"{"errors":[{"message":"Cannot query field \"_service\" on type \"Query\"."}]}"#;
    let introspected = subgraph(&mut tasks, 400, introspected).await;
    let silent = subgraph(&mut tasks, 200, r#"{"data":{"_service":null}}"#).await;
    let without_sdl = subgraph(&mut tasks, 200, r#"{"data":{"_service":{"sdl":null}}}"#).await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "subgraphs:
  a: {{ schema: {{ subgraph_url: '{refusing}' }} }}
  b: {{ schema: {{ subgraph_url: '{forbidding}' }} }}
  c: {{ schema: {{ subgraph_url: '{empty}' }} }}
  d: {{ schema: {{ subgraph_url: '{introspected}' }} }}
  e: {{ schema: {{ subgraph_url: '{silent}' }} }}
  f: {{ schema: {{ subgraph_url: '{without_sdl}' }} }}
"
    );
    std::fs::write(folder.path().join("supergraph.yaml"), yaml).unwrap();
    let path = folder.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        router(&path, &["compose", "supergraph.yaml", "--format", "json"])
    });
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr)
        .replace(&refusing, "A")
        .replace(&forbidding, "B")
        .replace(&empty, "C")
        .replace(&introspected, "D")
        .replace(&silent, "E")
        .replace(&without_sdl, "F");
    expect![[r#"
        router: subgraph `a` does not tell its schema at `A`: it refuses `{ _service { sdl } }`: introspection is disabled; a subgraph has to answer this, as introspection does not tell keys; or name its SDL by `schema: { file: … }`
        subgraph `b` does not tell its schema at `B`: status 401, and no `data`
        subgraph `c` does not tell its schema at `C`: its schema is empty
        subgraph `d` does not tell its schema at `D`: it refuses `{ _service { sdl } }`: Cannot query field "_service" on type "Query".; a subgraph has to answer this, as introspection does not tell keys; or name its SDL by `schema: { file: … }`
        subgraph `e` does not tell its schema at `E`: its answer to `{ _service { sdl } }` is null; a subgraph has to answer this, as introspection does not tell keys; or name its SDL by `schema: { file: … }`
        subgraph `f` does not tell its schema at `F`: its answer to `{ _service { sdl } }` is null; a subgraph has to answer this, as introspection does not tell keys; or name its SDL by `schema: { file: … }`
    "#]].assert_eq(&said);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<_> = printed["errors"].as_array().unwrap().iter().map(|e| &e["code"]).collect();
    assert_eq!(codes, ["DOWNSTREAM_SERVICE_ERROR"; 6]);
}
