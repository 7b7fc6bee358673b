//! Subscriptions over WebSockets, on the client's side and the subgraph's.

use serde_json::{Value, json};
use server::{Config, Connector, Graph, system_clock};

use crate::feed::Said;
use crate::socket_client::SocketClient;
use crate::world::{Federation, World};

const REVIEWS: &str = "subscription { reviewAdded(of: 1) { text author { name } } }";

/// A review whose author has this id.
pub(crate) fn review_by(author: &str) -> Said {
    Said::Event(json!({ "reviewAdded": { "id": "r9", "text": "New", "author": { "id": author } } }))
}

async fn subscribed(config: Config) -> (Federation, SocketClient) {
    let federation = Federation::start(config).await;
    let mut client = SocketClient::begin(federation.router, Value::Null).await;
    client.subscribe("a", REVIEWS).await;
    assert_eq!(federation.reviews.feed().heard().await, "subscribed");
    (federation, client)
}

#[tokio::test]
async fn each_event_is_completed_by_other_subgraphs() {
    let (federation, mut client) = subscribed(Config::default()).await;
    let feed = federation.reviews.feed();
    for (author, name) in [("1", "Ada"), ("2", "Alan")] {
        feed.say(review_by(author));
        let payload =
            json!({ "data": { "reviewAdded": { "text": "New", "author": { "name": name } } } });
        assert_eq!(
            client.receive().await,
            json!({ "type": "next", "id": "a", "payload": payload })
        );
    }
    assert_eq!(federation.accounts.requests().len(), 2);
    feed.say(Said::Complete);
    assert_eq!(client.receive().await, json!({ "type": "complete", "id": "a" }));
    assert_eq!(feed.heard().await, "complete");
    assert_eq!(feed.heard().await, "closed");
}

#[tokio::test]
async fn an_error_of_an_event_has_its_path_and_the_next_event_is_well() {
    let (federation, mut client) = subscribed(Config::default()).await;
    let feed = federation.reviews.feed();
    feed.say(Said::Event(json!({ "reviewAdded": { "id": "r9", "text": null } })));
    let payload = client.receive().await["payload"].take();
    assert_eq!(payload["data"], Value::Null);
    assert_eq!(payload["errors"][0]["path"], json!(["reviewAdded", "text"]));
    assert_eq!(payload["errors"][0]["extensions"]["service"], "reviews");
    feed.say(review_by("1"));
    let payload = client.receive().await["payload"].take();
    assert_eq!(payload["data"]["reviewAdded"]["author"]["name"], "Ada");
}

#[tokio::test]
async fn a_subgraph_gets_our_token_and_what_the_client_says_of_itself() {
    let config = Config::parse(
        "headers: { forward: [authorization] }
subgraphs: { reviews: { service_token: { shared_secret: ANY } } }",
    );
    let federation = Federation::start(config.unwrap()).await;
    let said = json!({ "Authorization": "Bearer of-a-user", "cookie": "session=1" });
    let mut client = SocketClient::begin(federation.router, said).await;
    client.subscribe("a", REVIEWS).await;
    assert_eq!(federation.reviews.feed().heard().await, "subscribed");
    let request = federation.reviews.requests().remove(0);
    assert_eq!(request.headers["authorization"], "Bearer of-a-user");
    assert_eq!(request.headers["x-forwarded-for"], "127.0.0.1");
    assert!(request.headers.contains_key("x-service-token"));
    assert!(!request.headers.contains_key("cookie"));
    assert_eq!(request.connection_init["authorization"], "Bearer of-a-user");
    assert_eq!(request.connection_init.get("x-service-token"), None);

    federation.reviews.feed().say(review_by("2"));
    client.receive().await;
    let request = federation.accounts.requests().remove(0);
    assert_eq!(request.headers["authorization"], "Bearer of-a-user");
}

#[tokio::test]
async fn a_client_that_completes_or_leaves_ends_the_subgraphs_subscription() {
    let (federation, mut client) = subscribed(Config::default()).await;
    let feed = federation.reviews.feed();
    client.send(&json!({ "type": "complete", "id": "a" })).await;
    assert_eq!((feed.heard().await, feed.heard().await), ("complete".into(), "closed".into()));
    // The id is free again.
    client.subscribe("a", REVIEWS).await;
    assert_eq!(feed.heard().await, "subscribed");
    drop(client);
    assert_eq!((feed.heard().await, feed.heard().await), ("complete".into(), "closed".into()));
}

#[tokio::test]
async fn a_subgraph_that_breaks_off_is_an_error_that_names_it() {
    for end in [Said::Break, Said::Close(1011)] {
        let (federation, mut client) = subscribed(Config::default()).await;
        federation.reviews.feed().say(end);
        let message = client.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("a")));
        let extensions = json!({ "code": "SUBGRAPH_UNREACHABLE", "service": "reviews" });
        assert_eq!(message["payload"][0]["extensions"], extensions);
        assert_eq!(message["payload"][0]["path"], json!(["reviewAdded"]));
    }
}

#[tokio::test]
async fn a_subgraph_that_refuses_is_heard() {
    let (federation, mut client) = subscribed(Config::default()).await;
    let refusal = json!([{ "message": "sign in", "extensions": { "code": "UNAUTHENTICATED" } }]);
    federation.reviews.feed().say(Said::Errors(refusal));
    let message = client.receive().await;
    assert_eq!(message["type"], "error");
    assert_eq!(message["payload"][0]["message"], "sign in");
    let extensions = json!({ "code": "UNAUTHENTICATED", "service": "reviews" });
    assert_eq!(message["payload"][0]["extensions"], extensions);

    let (federation, mut client) = subscribed(Config::default()).await;
    federation.reviews.feed().say(Said::Close(4403));
    let message = client.receive().await;
    assert_eq!(message["payload"][0]["extensions"], extensions);
}

#[tokio::test]
async fn when_the_graph_changes_clients_are_asked_to_connect_again() {
    let (federation, client) = subscribed(Config::default()).await;
    let config = Config::default();
    let connector = Connector::http(&config, &|_| None, system_clock).unwrap();
    let changed = Graph::load(&federation.supergraph_sdl, &connector, &config).unwrap();
    federation.graph.replace(changed);
    assert_eq!(client.closed().await, 1012);
    let feed = federation.reviews.feed();
    assert_eq!((feed.heard().await, feed.heard().await), ("complete".into(), "closed".into()));
}

#[tokio::test]
async fn when_the_router_ends_so_does_every_socket_and_nothing_is_left() {
    let federation = Federation::start(Config::default()).await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let endpoint = crate::world::app_of(federation.graph.clone(), &Config::default());
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut world = World::default();
    let serving = world.spawn(server::serve(listener, endpoint, async { drop(ended.await) }));

    let idle = SocketClient::begin(address, Value::Null).await;
    let mut client = SocketClient::begin(address, Value::Null).await;
    client.subscribe("a", REVIEWS).await;
    assert_eq!(federation.reviews.feed().heard().await, "subscribed");
    end.send(()).unwrap();
    assert_eq!((idle.closed().await, client.closed().await), (1001, 1001));
    serving.await.unwrap().unwrap();
    let feed = federation.reviews.feed();
    assert_eq!((feed.heard().await, feed.heard().await), ("complete".into(), "closed".into()));
}

#[tokio::test]
async fn a_slow_client_slows_the_subgraph_down_and_nothing_piles_up() {
    let (federation, client) = subscribed(Config::default()).await;
    let large = json!({ "reviewAdded": { "id": "r9", "text": "x".repeat(1 << 20) } });
    federation.reviews.feed().say(Said::Flood(large));
    // What the four sockets on the way hold, and no more.
    let taken: usize = federation.reviews.feed().heard().await.parse().unwrap();
    assert!(taken < 64 << 20, "{taken} bytes were taken, and nobody reads them");
    drop(client);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let config = Config::parse("subscriptions: { client_timeout_ms: 200 }").unwrap();
    let (federation, _client) = subscribed(config).await;
    let large = json!({ "reviewAdded": { "id": "r9", "text": "x".repeat(16 << 20) } });
    let feed = federation.reviews.feed();
    feed.say(Said::Event(large));
    assert_eq!((feed.heard().await, feed.heard().await), ("complete".into(), "closed".into()));
}
