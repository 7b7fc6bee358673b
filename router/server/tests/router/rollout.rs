//! A field that moves from one subgraph to another for some of the requests.

use axum::Router;
use axum::routing::post as on_post;
use composition::SubgraphSource;
use serde_json::json;
use server::{Config, Connector, CurrentGraph, Graph, compose, system_clock};

use crate::http_client::post;
use crate::world::{World, app_of};

/// Which subgraph answers under these settings.
async fn answering(label: &str, settings: &str) -> String {
    let mut world = World::default();
    let mut sources = Vec::new();
    for (name, directive) in
        [("old", String::new()), ("new", format!("@override(from: \"old\", label: \"{label}\")"))]
    {
        let answer = json!({ "data": { "answers": name } });
        let app = Router::new().route("/", on_post(|| async { axum::Json(answer) }));
        let sdl = format!(
            "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.7\", import: [\"@override\"])
             type Query {{ answers: String {directive} }}"
        );
        let url = format!("http://{}/", world.serve(app).await);
        sources.push(SubgraphSource { name: name.to_owned(), url, sdl });
    }
    let config = Config::parse(settings).unwrap();
    let connector = Connector::http(&config, &|_| None, system_clock).unwrap();
    let sdl = compose(&sources).unwrap().supergraph_sdl;
    let graph = CurrentGraph::holding(Graph::load(&sdl, &connector, &config).unwrap());
    let router = world.serve(app_of(graph, &config)).await;
    let answer = post(router, &[], &json!({ "query": "{ answers }" })).await;
    answer.json()["data"]["answers"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_label_is_on_as_the_settings_say() {
    assert_eq!(answering("moved", "").await, "old");
    assert_eq!(answering("moved", "override_labels: { moved: true }").await, "new");
    assert_eq!(answering("moved", "override_labels: { moved: 100 }").await, "new");
    assert_eq!(answering("moved", "override_labels: { moved: false }").await, "old");
}

#[tokio::test]
async fn a_percentage_is_its_own_setting_unless_another_is_made() {
    assert_eq!(answering("percent(100)", "").await, "new");
    assert_eq!(answering("percent(0)", "").await, "old");
    assert_eq!(answering("percent(100)", "override_labels: { percent(100): 0 }").await, "old");
}

#[test]
fn a_share_is_a_percentage() {
    let error = Config::parse("override_labels: { moved: 101 }").unwrap_err();
    assert!(error.contains("101 is not between 0 and 100"), "{error}");
}
