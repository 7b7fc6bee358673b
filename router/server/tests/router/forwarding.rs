//! What passes from client to subgraphs, and what does not.

use http::header;
use serde_json::json;
use server::Config;

use crate::http_client::post;
use crate::world::Federation;

const CLIENT: [(&str, &str); 6] = [
    ("authorization", "Bearer of-a-user"),
    ("cookie", "session=1"),
    ("x-service-token", "forged"),
    ("x-forwarded-for", "10.1.1.1"),
    ("user-agent", "Phone/1"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];

fn config() -> Config {
    Config::parse(
        "headers: { forward: [authorization] }
subgraphs: { accounts: { service_token: { shared_secret: ANY } } }",
    )
    .unwrap()
}

#[tokio::test]
async fn a_subgraph_gets_our_token_the_peers_address_and_the_named_headers() {
    let federation = Federation::start(config()).await;
    let query = json!({ "query": "{ me { name reviews { id } } }" });
    assert_eq!(post(federation.router, &CLIENT, &query).await.status, 200);

    let asked = federation.accounts.requests();
    assert_eq!(asked.len(), 1);
    let headers = &asked[0].headers;
    assert_eq!(headers[header::AUTHORIZATION], "Bearer of-a-user");
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers[header::USER_AGENT], "Phone/1");
    assert_eq!(headers["traceparent"], CLIENT[5].1);
    assert!(!headers.contains_key(header::COOKIE));
    let token = headers["x-service-token"].to_str().unwrap();
    assert_eq!(token.split('.').count(), 3, "a token of ours, not the client's: {token}");

    let asked = federation.reviews.requests();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("x-service-token"), "none is configured, none is sent");
    assert_eq!(asked[0].headers[header::AUTHORIZATION], "Bearer of-a-user");
    let representations = asked[0].body["variables"].as_object().unwrap().values().next().unwrap();
    assert_eq!(*representations, json!([{ "__typename": "User", "id": "1" }]));
}

#[tokio::test]
async fn nothing_of_the_client_passes_by_default() {
    let federation = Federation::start(Config::default()).await;
    post(federation.router, &CLIENT, &json!({ "query": "{ me { name } }" })).await;
    let headers = federation.accounts.requests().remove(0).headers;
    assert!(!headers.contains_key(header::AUTHORIZATION));
    assert!(!headers.contains_key("x-service-token"));
}
