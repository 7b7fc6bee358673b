//! What operators and their machines look at, and the page for people.

use http::Method;
use serde_json::json;
use server::{Config, Connector, CurrentGraph, Graph, compose, system_clock};

use crate::http_client::{get, post, send};
use crate::world::{Federation, World, accounts, app_of, reviews, source};

#[tokio::test]
async fn health_names_every_subgraph() {
    let mut world = World::default();
    let (accounts, reviews) = (accounts(), reviews());
    let url = format!("http://{}/graphql", world.serve(accounts.app()).await);
    let sources =
        [source("accounts", &url, &accounts), source("reviews", "http://127.0.0.1:1/", &reviews)];
    let config = Config::default();
    let connector = Connector::http(&config, &|_| None, system_clock).unwrap();
    let sdl = compose(&sources).unwrap().supergraph_sdl;
    let graph = CurrentGraph::holding(Graph::load(&sdl, &connector, &config).unwrap());
    let router = world.serve(app_of(graph, &config)).await;

    let health = get(router, "/health").await;
    assert_eq!(health.status, 200);
    let health = health.json();
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["subgraphs"], json!({ "accounts": "ok", "reviews": "unavailable" }));
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(get(router, "/livez").await.status, 200);
    assert_eq!(get(router, "/readyz").await.status, 200);

    let query = json!({ "query": "{ me { name } latestReview { text } }" });
    let answer = post(router, &[], &query).await;
    assert_eq!((answer.status, answer.code().as_str()), (200, "SUBGRAPH_UNREACHABLE"));
    let answer = answer.json();
    assert_eq!(answer["data"], json!({ "me": { "name": "Ada" }, "latestReview": null }));
    assert_eq!(answer["errors"][0]["extensions"]["service"], "reviews");
    assert!(!answer.to_string().contains("127.0.0.1"), "clients are not told addresses: {answer}");
}

#[tokio::test]
async fn without_a_graph_the_router_lives_but_is_not_ready() {
    let mut world = World::default();
    let router = world.serve(app_of(CurrentGraph::default(), &Config::default())).await;
    assert_eq!(get(router, "/livez").await.status, 200);
    assert_eq!(get(router, "/readyz").await.status, 503);
    assert_eq!(get(router, "/health").await.status, 503);
    let answer = post(router, &[], &json!({ "query": "{ __typename }" })).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "NOT_READY"));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn graphiql_is_at_the_root_unless_that_is_switched_off() {
    let federation = Federation::start(Config::default()).await;
    let page = send(federation.router, Method::GET, "/", &[("accept", "text/html")], "").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.contains("/graphql"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    for asset in playground::assets() {
        let answer = get(federation.router, asset.path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, asset.content_type));
        let lifetime = if asset.path.contains('@') { "immutable" } else { "no-cache" };
        assert!(answer.header("cache-control").contains(lifetime), "{}", asset.path);
    }

    let mut config = Config::default();
    config.graphiql.enabled = false;
    let federation = Federation::start(config).await;
    assert_eq!(get(federation.router, "/").await.status, 404);
}
