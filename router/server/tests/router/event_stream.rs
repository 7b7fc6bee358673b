//! Subscriptions as server-sent events: GraphQL over SSE, a request for each operation.

use std::net::SocketAddr;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use server::{Config, ServiceKey};

use crate::feed::Said;
use crate::http_client::post;
use crate::socket::review_by;
use crate::world::Federation;

const REVIEWS: &str = "subscription { reviewAdded { text author { name } } }";

/// An answer that comes piece by piece.
struct Stream {
    status: u16,
    headers: HeaderMap,
    body: Body,
    text: String,
}

impl Stream {
    async fn open(address: SocketAddr, accept: &str, query: &str) -> Self {
        let request = Request::post(format!("http://{address}/graphql"))
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(Full::new(Bytes::from(json!({ "query": query }).to_string())));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client.request(request.unwrap()).await.unwrap().into_parts();
        let (status, body) = (head.status.as_u16(), Body::new(body));
        Self { status, headers: head.headers, body, text: String::new() }
    }

    /// The next event, or comment; none at the end.
    async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(event);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
    }

    /// The data of the next event, which is a `next`.
    async fn next(&mut self) -> Value {
        let event = self.event().await.unwrap();
        serde_json::from_str(event.strip_prefix("event: next\ndata: ").unwrap()).unwrap()
    }
}

async fn in_process(config: Config) -> Federation {
    let key = ServiceKey::shared_secret(&"s".repeat(32)).unwrap();
    Federation::start_in_process(config, &key).await
}

#[tokio::test]
async fn a_subscription_streams_from_a_subgraph_in_the_same_process() {
    let federation = in_process(Config::default()).await;
    let feed = federation.reviews.feed();
    let mut stream = Stream::open(federation.router, "text/event-stream", REVIEWS).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(stream.headers["cache-control"], "no-store");
    assert_eq!(feed.heard().await, "subscribed");
    assert!(federation.reviews.requests()[0].headers.contains_key("x-service-token"));
    feed.say(review_by("2"));
    let data = json!({ "reviewAdded": { "text": "New", "author": { "name": "Alan" } } });
    assert_eq!(stream.next().await, json!({ "data": data }));
    feed.say(Said::Complete);
    assert_eq!(stream.event().await.as_deref(), Some("event: complete\ndata: "));
    assert_eq!(stream.event().await, None);
    assert_eq!(feed.heard().await, "left");
}

#[tokio::test]
async fn a_subgraph_elsewhere_can_be_asked_for_a_stream_too() {
    let config = "subgraphs: { reviews: { subscription_protocol: event_stream } }";
    let federation = Federation::start(Config::parse(config).unwrap()).await;
    let feed = federation.reviews.feed();
    // Whoever would rather have JSON gets a stream where only a stream can answer.
    let accept = "application/json, text/event-stream";
    let mut stream = Stream::open(federation.router, accept, REVIEWS).await;
    assert_eq!(feed.heard().await, "subscribed");
    feed.say(review_by("1"));
    assert_eq!(stream.next().await["data"]["reviewAdded"]["author"]["name"], "Ada");
    feed.say(Said::Break);
    let last = stream.next().await;
    assert_eq!(last["errors"][0]["extensions"]["code"], "SUBGRAPH_UNREACHABLE");
    assert_eq!(stream.event().await.as_deref(), Some("event: complete\ndata: "));
}

#[tokio::test]
async fn that_a_token_has_expired_is_the_last_thing_told() {
    let federation = in_process(Config::default()).await;
    let feed = federation.reviews.feed();
    let mut stream = Stream::open(federation.router, "text/event-stream", REVIEWS).await;
    assert_eq!(feed.heard().await, "subscribed");
    feed.say(review_by("1"));
    assert_eq!(stream.next().await["data"]["reviewAdded"]["author"]["name"], "Ada");
    let expired =
        json!({ "message": "sign in again", "extensions": { "code": "UNAUTHENTICATED" } });
    feed.say(Said::Errors(json!([expired])));
    feed.say(Said::Complete);
    let last = stream.next().await;
    assert_eq!((&last["data"], &last["errors"][0]["message"]), (&Value::Null, &expired["message"]));
    let extensions = json!({ "code": "UNAUTHENTICATED", "service": "reviews" });
    assert_eq!(last["errors"][0]["extensions"], extensions);
    assert_eq!(stream.event().await.as_deref(), Some("event: complete\ndata: "));
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_subgraphs_stream() {
    let federation = in_process(Config::default()).await;
    let stream = Stream::open(federation.router, "text/event-stream", REVIEWS).await;
    assert_eq!(federation.reviews.feed().heard().await, "subscribed");
    drop(stream);
    assert_eq!(federation.reviews.feed().heard().await, "left");
}

#[tokio::test]
async fn a_silent_stream_shows_signs_of_life() {
    let config = Config::parse("subscriptions: { keep_alive_ms: 20 }").unwrap();
    let federation = in_process(config).await;
    let mut stream = Stream::open(federation.router, "text/event-stream", REVIEWS).await;
    assert_eq!(stream.event().await.as_deref(), Some(":"));
    assert_eq!(stream.event().await.as_deref(), Some(":"));
}

#[tokio::test]
async fn a_stream_that_the_router_interrupts_ends_without_being_complete() {
    let federation = in_process(Config::default()).await;
    let mut stream = Stream::open(federation.router, "text/event-stream", REVIEWS).await;
    assert_eq!(federation.reviews.feed().heard().await, "subscribed");
    let (config, key) = (Config::default(), ServiceKey::shared_secret(&"s".repeat(32)).unwrap());
    let connector = server::Connector::in_process(&config, [].into(), &key, server::system_clock);
    let sdl = federation.supergraph_sdl.replace("url: \"\"", "url: \"http://127.0.0.1:1\"");
    federation.graph.replace(server::Graph::load(&sdl, &connector, &config).unwrap());
    assert_eq!(stream.event().await, None);
    assert_eq!(federation.reviews.feed().heard().await, "left");
}

#[tokio::test]
async fn a_query_streams_its_one_answer_and_a_refusal_is_told_the_same_way() {
    let federation = in_process(Config::default()).await;
    let accept = "text/event-stream";
    let mut stream = Stream::open(federation.router, accept, "{ me { name } }").await;
    assert_eq!(stream.next().await, json!({ "data": { "me": { "name": "Ada" } } }));
    assert_eq!(stream.event().await.as_deref(), Some("event: complete\ndata: "));

    let mut stream = Stream::open(federation.router, accept, "{ nobody }").await;
    assert_eq!(stream.status, 200);
    let code = stream.next().await["errors"][0]["extensions"]["code"].take();
    assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(stream.event().await.as_deref(), Some("event: complete\ndata: "));
}

#[tokio::test]
async fn a_subscription_cannot_be_answered_once() {
    let federation = in_process(Config::default()).await;
    let answer = post(federation.router, &[], &json!({ "query": REVIEWS })).await;
    assert_eq!(answer.code(), "SUBSCRIPTION_NOT_SUPPORTED");
    assert!(answer.text.contains("text/event-stream"), "{}", answer.text);
}
