//! Subgraphs in the router's own process: the same answers, the same headers, no sockets.

use serde_json::json;
use server::{Config, ServiceKey};

use crate::http_client::{get, post};
use crate::world::Federation;

#[tokio::test]
async fn subgraphs_in_the_same_process_are_asked_without_sockets() {
    let key = ServiceKey::shared_secret(&"s".repeat(32)).unwrap();
    let federation = Federation::start_in_process(Config::default(), &key).await;
    let query = json!({ "query": "{ me { name reviews { text } } }" });
    let answer = post(federation.router, &[], &query).await;
    assert_eq!(answer.text, r#"{"data":{"me":{"name":"Ada","reviews":[{"text":"Fine"}]}}}"#);
    for subgraph in [&federation.accounts, &federation.reviews] {
        let headers = subgraph.requests().remove(0).headers;
        assert!(headers.contains_key("x-service-token"));
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    }
    let health = get(federation.router, "/health").await.json();
    assert_eq!(health["status"], "ok");
}
