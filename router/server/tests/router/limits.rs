//! What is too much: bodies, documents, operations, answers, requests, time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post as post_route;
use serde_json::{Value, json};
use server::{Config, Connector, CurrentGraph, Graph, compose, system_clock};
use tokio::task::JoinSet;

use crate::http_client::post;
use crate::world::{Federation, World, accounts, app_of, source};

/// Sends a query to a router with changed limits, and compares status and code.
async fn check(change: impl FnOnce(&mut Config), query: &str, expected: (u16, &str)) -> Value {
    let mut config = Config::default();
    change(&mut config);
    let federation = Federation::start(config).await;
    let accept = [("accept", "application/graphql-response+json")];
    let answer = post(federation.router, &accept, &json!({ "query": query })).await;
    assert_eq!((answer.status, answer.code().as_str()), expected, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let query = format!("{{ me {{ id }} }} # {}", "x".repeat(300));
    check(|config| config.limits.body_bytes = 300, &query, (413, "PAYLOAD_TOO_LARGE")).await;
}

#[tokio::test]
async fn a_long_document_is_refused() {
    let change = |config: &mut Config| config.limits.tokens = 6;
    check(change, "{ me { id name } }", (400, "OPERATION_TOO_LARGE")).await;
}

#[tokio::test]
async fn a_deep_operation_is_refused() {
    let change = |config: &mut Config| config.limits.depth = 3;
    let answer =
        check(change, "{ me { reviews { author { id } } } }", (400, "OPERATION_TOO_LARGE")).await;
    assert_eq!(
        answer["errors"][0]["message"],
        "the operation nests fields 4 times; the limit is 3"
    );
}

#[tokio::test]
async fn nesting_that_would_exhaust_the_stack_is_refused_by_the_parser() {
    let query = format!("{}{}", "{ me ".repeat(2000), "}".repeat(2000));
    check(|_| {}, &query, (400, "GRAPHQL_PARSE_FAILED")).await;
}

#[tokio::test]
async fn deep_introspection_has_a_limit_of_its_own() {
    let query = "{ __schema { types { fields { type { ofType { name } } } } } }";
    let change =
        |config: &mut Config| (config.limits.depth, config.limits.introspection_depth) = (1, 4);
    check(change, query, (400, "OPERATION_TOO_LARGE")).await;
    let change = |config: &mut Config| config.limits.depth = 1;
    check(change, query, (200, "")).await;
}

#[tokio::test]
async fn fragments_that_multiply_are_refused() {
    let doubling = (0..25).map(|index| {
        let next = index + 1;
        format!("fragment f{index} on User {{ ...f{next} ... {{ ...f{next} }} }}")
    });
    let fragments: Vec<String> = doubling.collect();
    let query =
        format!("{{ me {{ ...f0 }} }} {} fragment f25 on User {{ id }}", fragments.join(" "));
    check(|_| {}, &query, (400, "OPERATION_TOO_LARGE")).await;
}

#[tokio::test]
async fn too_large_an_answer_of_a_subgraph_is_an_error_of_its_fields() {
    let change = |config: &mut Config| config.limits.answer_bytes = 20;
    let answer = check(change, "{ me { name } }", (200, "SUBGRAPH_ANSWER_TOO_LARGE")).await;
    assert_eq!(answer["data"], json!({ "me": null }));
    assert_eq!(answer["errors"][0]["path"], json!(["me"]));
    assert_eq!(answer["errors"][0]["extensions"]["service"], "accounts");
}

/// A router whose subgraph takes every request and never answers.
async fn silent(config: &Config) -> (World, std::net::SocketAddr) {
    let mut world = World::default();
    let silence = Router::new().route("/graphql", post_route(std::future::pending::<()>));
    let url = format!("http://{}/graphql", world.serve(silence).await);
    let connector = Connector::http(config, &|_| None, system_clock).unwrap();
    let sdl = compose(&[source("accounts", &url, &accounts())]).unwrap().supergraph_sdl;
    let graph = Graph::load(&sdl, &connector, config).unwrap();
    let router = world.serve(app_of(CurrentGraph::holding(graph), config)).await;
    (world, router)
}

#[tokio::test]
async fn a_subgraph_that_does_not_answer_in_time_is_an_error_of_its_fields() {
    let mut config = Config::default();
    config.subgraphs.timeout_ms = NonZeroU64::new(100).unwrap();
    let (_world, router) = silent(&config).await;
    let answer = post(router, &[], &json!({ "query": "{ me { name } }" })).await;
    assert_eq!((answer.status, answer.code().as_str()), (200, "SUBGRAPH_TIMEOUT"));
    assert_eq!(answer.json()["data"], json!({ "me": null }));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let mut config = Config::default();
    config.limits.request_timeout_ms = NonZeroU64::new(100).unwrap();
    let (_world, router) = silent(&config).await;
    let started = Instant::now();
    let answer = post(router, &[], &json!({ "query": "{ me { name } }" })).await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "REQUEST_TIMEOUT"));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn more_requests_than_there_are_places_are_refused_at_once() {
    let mut config = Config::default();
    config.limits.concurrent_requests = 2;
    config.limits.request_timeout_ms = NonZeroU64::new(500).unwrap();
    let (_world, router) = silent(&config).await;
    let mut requests = JoinSet::new();
    for _ in 0..5 {
        requests.spawn(async move {
            post(router, &[], &json!({ "query": "{ me { name } }" })).await.status
        });
    }
    let mut statuses = requests.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [503, 503, 503, 504, 504]);
}
