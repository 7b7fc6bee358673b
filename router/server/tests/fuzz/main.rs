//! Whatever operators write and clients send, there is an answer or a sentence why not, and soon.

#[path = "../../../supergraph/tests/fuzz/nearly.rs"]
mod nearly;

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use clap::Parser;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};
use server::{AppParts, Command, Config, Connector, CurrentGraph, Graph, SubgraphSource};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::nearly::{config, corpus, nearly, within_time};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
});

/// A router in front of a subgraph that is not there.
static APP: LazyLock<Router> = LazyLock::new(|| {
    let config = Config::default();
    let subgraph = SubgraphSource {
        name: "shop".to_owned(),
        url: "http://127.0.0.1:1/graphql".to_owned(),
        sdl: "type Query { product(id: ID, filter: Filter): Int } input Filter { text: String, ids: [ID!] } \
              type Mutation { buy(id: ID!): Int }"
            .to_owned(),
    };
    let composition = server::compose(&[subgraph]).expect("it composes");
    let connector = Connector::http(&config, &|_| None, server::system_clock).expect("it connects");
    let graph = Graph::load(&composition.supergraph_sdl, &connector, &config).expect("it loads");
    let parts = AppParts {
        graph: CurrentGraph::holding(graph),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        examples: Vec::new(),
        clock: server::system_clock,
    };
    server::app(&config, parts).into_routes()
});

fn bodies() -> Vec<String> {
    let mut bodies = [
        r#"{"query":"{ product(id: \"1\") }"}"#,
        r#"{"query":"query A($id: ID, $f: Filter) { product(id: $id, filter: $f) } query B { __typename }","operationName":"A","variables":{"id":7,"f":{"text":"é\u0000","ids":["1",2]}},"extensions":{"a":[1.5,null]}}"#,
        r#"{"operationName":null,"query":"mutation($id: ID!) { buy(id: $id) }","variables":{"id":"x"}}"#,
        r#"[{"query":"{ __typename }"},{"query":"{ __schema { types { name } } }"}]"#,
        r#"{"query":"subscription { a }","variables":null}"#,
        "query=%7B__typename%7D&variables=%7B%22id%22%3A1%7D&operationName=&extensions=%7B%7D",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    let operations = corpus(|path| path.contains("/conditions/") && path.ends_with(".graphql"));
    bodies.extend(operations.iter().map(|text| json!({ "query": text }).to_string()));
    bodies
}

/// Sends a request, and says its status and body.
fn send(request: Request<Body>) -> (u16, String) {
    RUNTIME.block_on(async {
        let response = APP.clone().oneshot(request).await.expect("it is infallible");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("it is in memory").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("it is text"))
    })
}

fn is_answered(request: Request<Body>) -> Result<(), TestCaseError> {
    let (status, body) = send(request);
    prop_assert!([200, 400, 405, 406, 413, 415, 422].contains(&status), "{} {}", status, body);
    let json: Value = serde_json::from_str(&body).expect("an answer is JSON");
    prop_assert!(json.get("data").is_some() || json.get("errors").is_some(), "{}", body);
    Ok(())
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn a_body_is_answered(body in nearly(bodies()), of_type in 0_usize..4) {
        let of_type = ["application/json", "application/json; charset=utf-8", "text/plain", ""][of_type];
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, of_type);
        let request = request.body(Body::from(body.clone())).expect("it is a request");
        within_time(&body, || is_answered(request))?;
    }

    #[test]
    fn a_query_string_is_answered(query in nearly(bodies())) {
        let escaped: String = query.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'=' | b'&' | b'%' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        }).collect();
        let request = Request::builder().method(Method::GET).uri(format!("/graphql?{escaped}"));
        let request = request.body(Body::empty()).expect("it is a request");
        within_time(&query, || is_answered(request))?;
    }

    #[test]
    fn settings_are_read_or_refused(text in nearly(vec![include_str!("../../../../router.yaml").to_owned()])) {
        if let Err(reason) = within_time(&text, || Config::parse(&text)) {
            prop_assert!(!reason.is_empty());
        }
    }
}

const SUPERGRAPH_YAML: &str = "\
federation_version: =2.5.0
subgraphs:
  # One from a file, one in place.
  accounts:
    routing_url: http://127.0.0.1:1/accounts
    schema: { file: accounts.graphql }
  reviews:
    routing_url: 'http://127.0.0.1:1/${REVIEWS}'
    schema:
      sdl: |
        type Query { review: Int }
";

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_supergraph_yaml_is_composed_or_refused(text in nearly(vec![SUPERGRAPH_YAML.to_owned()])) {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("supergraph.yaml");
        std::fs::write(&path, &text).expect("there is room");
        std::fs::write(folder.path().join("accounts.graphql"), "type Query { me: Int }").expect("there is room");
        let path = path.to_str().expect("a path of letters");
        let command = Command::try_parse_from(["router", "compose", path]).expect("it is a command");
        let mut printed = Vec::new();
        let composed = within_time(&text, || RUNTIME.block_on(command.run(&mut printed)));
        match composed {
            Ok(()) => prop_assert!(!printed.is_empty()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
