//! What `graphql-transport-ws` asks of a server beside subscriptions, and what is refused.

use serde_json::{Value, json};
use server::Config;

use crate::socket_client::SocketClient;
use crate::world::Federation;

const REVIEWS: &str = "subscription { reviewAdded { text } }";

#[tokio::test]
async fn queries_and_mutations_have_one_answer() {
    let federation = Federation::start(Config::default()).await;
    let mut client = SocketClient::begin(federation.router, json!({})).await;
    for (query, data) in [
        ("{ me { name } }", json!({ "me": { "name": "Ada" } })),
        ("mutation { rename(name: \"x\") { name } }", json!({ "rename": { "name": "Augusta" } })),
    ] {
        client.subscribe("1", query).await;
        let next = json!({ "type": "next", "id": "1", "payload": { "data": data } });
        assert_eq!(client.receive().await, next);
        assert_eq!(client.receive().await, json!({ "type": "complete", "id": "1" }));
    }
}

#[tokio::test]
async fn an_operation_that_is_refused_is_an_error_of_it_alone() {
    let federation = Federation::start(Config::default()).await;
    let mut client = SocketClient::begin(federation.router, json!({})).await;
    for (query, code) in [
        ("{ nobody }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("query ($a: Int!) { user(id: $a) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($a: ID!) { user(id: $a) { id } }", "BAD_USER_INPUT"),
        ("subscription { reviewAdded { id } __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        client.subscribe("1", query).await;
        let message = client.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("1")));
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{message}");
    }
    client.send(&json!({ "type": "ping", "payload": { "a": 1 } })).await;
    assert_eq!(client.receive().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn who_breaks_the_protocol_is_told_how() {
    let federation = Federation::start(Config::default()).await;
    let init = json!({ "type": "connection_init" });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": REVIEWS } });
    let no_document = json!({ "type": "subscribe", "id": "1", "payload": {} });
    for (messages, code) in [
        (vec![subscribe.clone()], 4401),
        (vec![init.clone(), init.clone()], 4429),
        (vec![init.clone(), subscribe.clone(), subscribe], 4409),
        (vec![init.clone(), no_document], 4400),
        (vec![init.clone(), json!({ "type": "next", "id": "1" })], 4400),
        (vec![init, json!({ "type": "start" })], 4400),
        (vec![json!([])], 4400),
    ] {
        let mut client = SocketClient::open(federation.router, &[]).await.unwrap();
        for message in &messages {
            client.send(message).await;
        }
        assert_eq!(client.closed().await, code, "{messages:?}");
    }
}

#[tokio::test]
async fn who_does_not_begin_or_gives_no_sign_of_life_is_left() {
    let config = Config::parse("subscriptions: { init_timeout_ms: 50 }").unwrap();
    let federation = Federation::start(config).await;
    let client = SocketClient::open(federation.router, &[]).await.unwrap();
    assert_eq!(client.closed().await, 4408);

    let config = Config::parse("subscriptions: { keep_alive_ms: 50 }").unwrap();
    let federation = Federation::start(config).await;
    let mut client = SocketClient::begin(federation.router, Value::Null).await;
    client.subscribe("1", REVIEWS).await;
    assert_eq!(federation.reviews.feed().heard().await, "subscribed");
    // Not read from here on: no ping is answered.
    assert_eq!(federation.reviews.feed().heard().await, "complete");
    drop(client);
}

#[tokio::test]
async fn other_protocols_and_other_sites_pages_get_no_socket() {
    let federation = Federation::start(Config::default()).await;
    let open = async |headers: &[(&'static str, &str)]| {
        SocketClient::open(federation.router, headers).await.err()
    };
    assert_eq!(open(&[("sec-websocket-protocol", "graphql-ws")]).await, Some(400));
    assert_eq!(open(&[("origin", "https://evil.example.com")]).await, Some(403));
    let own = format!("http://{}", federation.router);
    assert_eq!(open(&[("origin", &own)]).await, None);
}

#[tokio::test]
async fn there_is_a_limit_to_everything() {
    let config = "subscriptions: { connections: 2, per_connection: 2, in_all: 3 }";
    let federation = Federation::start(Config::parse(config).unwrap()).await;
    let feed = federation.reviews.feed();
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(SocketClient::begin(federation.router, Value::Null).await);
    }
    assert_eq!(SocketClient::open(federation.router, &[]).await.err(), Some(503));

    for id in ["1", "2"] {
        clients[0].subscribe(id, REVIEWS).await;
        assert_eq!(feed.heard().await, "subscribed");
    }
    let refused = async |client: &mut SocketClient, id: &str| {
        client.subscribe(id, REVIEWS).await;
        let message = client.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)));
        assert_eq!(message["payload"][0]["extensions"]["code"], "TOO_MANY_SUBSCRIPTIONS");
    };
    refused(&mut clients[0], "3").await;
    clients[1].subscribe("1", REVIEWS).await;
    assert_eq!(feed.heard().await, "subscribed");
    refused(&mut clients[1], "2").await;

    clients[0].send(&json!({ "type": "complete", "id": "1" })).await;
    assert_eq!((feed.heard().await, feed.heard().await), ("complete".into(), "closed".into()));
    clients[1].subscribe("2", REVIEWS).await;
    assert_eq!(feed.heard().await, "subscribed");
}
