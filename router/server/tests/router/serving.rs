//! How connections are taken, kept and ended.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use server::{Config, CurrentGraph};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_client::{get, post};
use crate::world::{Federation, World, app_of};

async fn connect(federation: &Federation) -> TcpStream {
    TcpStream::connect(federation.router).await.unwrap()
}

/// All that comes until the router hangs up.
async fn rest(mut connection: TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_the_connection_and_so_does_silence() {
    let config = Config::parse("limits: { head_timeout_ms: 100 }").unwrap();
    let federation = Federation::start(config).await;
    let mut slow = connect(&federation).await;
    slow.write_all(b"POST /graphql HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    assert!(!rest(slow).await.contains("200"));

    let mut idle = connect(&federation).await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(rest(idle).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn more_connections_than_there_are_places_wait() {
    let config = Config::parse("limits: { connections: 1 }").unwrap();
    let federation = Federation::start(config).await;
    let mut first = connect(&federation).await;
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    first.read_u8().await.unwrap();
    let mut second = connect(&federation).await;
    let request = b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    second.write_all(request).await.unwrap();
    let mut byte = [0];
    let waits = tokio::time::timeout(Duration::from_millis(100), second.peek(&mut byte));
    assert!(waits.await.is_err());
    drop(first);
    assert!(rest(second).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn clients_may_speak_http_2() {
    let federation = Federation::start(Config::default()).await;
    let client =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Empty<&[u8]>>();
    let url = format!("http://{}/graphql?query={{me{{name}}}}", federation.router);
    let url = url.replace('{', "%7B").replace('}', "%7D");
    let answer = client.get(url.parse().unwrap()).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (http::StatusCode::OK, http::Version::HTTP_2));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"data":{"me":{"name":"Ada"}}}"#);
}

#[tokio::test]
async fn a_client_may_begin_letter_by_letter() {
    let federation = Federation::start(Config::default()).await;
    let mut slow = connect(&federation).await;
    slow.set_nodelay(true).unwrap();
    for letter in b"PUT /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" {
        slow.write_all(&[*letter]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(rest(slow).await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_client_that_says_nothing_does_not_hold_the_end() {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = app_of(CurrentGraph::default(), &Config::default());
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut world = World::default();
    let served = world.spawn(server::serve(listener, serving, async { drop(ended.await) }));
    let silent = TcpStream::connect(address).await.unwrap();
    // Connections are taken in their order: the silent one has been.
    assert_eq!(get(address, "/livez").await.status, 200);
    let asked = Instant::now();
    end.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10));
    drop(silent);
}

#[tokio::test]
async fn what_was_asked_is_answered_before_the_router_ends() {
    let federation = Federation::start(Config::default()).await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = app_of(federation.graph.clone(), &Config::default());
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut world = World::default();
    let served = world.spawn(server::serve(listener, serving, async { drop(ended.await) }));

    let (asked, go_on) = federation.accounts.hold();
    let request = world.spawn(async move {
        post(address, &[], &json!({ "query": "{ me { name } }" })).await.text
    });
    asked.await.unwrap();
    end.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(request.await.unwrap(), r#"{"data":{"me":{"name":"Ada"}}}"#);
    served.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_is_asked_while_the_router_ends_is_answered_and_ends_its_connection() {
    let federation = Federation::start(Config::default()).await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = app_of(federation.graph.clone(), &Config::default());
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut world = World::default();
    let served = world.spawn(server::serve(listener, serving, async { drop(ended.await) }));

    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // Another is at work, so that the router knows of the end before the next request.
    let (asked, go_on) = federation.accounts.hold();
    let request = world
        .spawn(async move { post(address, &[], &json!({ "query": "{ me { name } }" })).await });
    asked.await.unwrap();
    end.send(()).unwrap();
    while get(address, "/readyz").await.status == 200 {}
    kept.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(rest(kept).await.contains("connection: close"));
    go_on.send(()).unwrap();
    assert_eq!(request.await.unwrap().header("connection"), "close");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn connections_that_nobody_has_taken_yet_are_answered_before_the_router_ends() {
    for _ in 0..20 {
        let serving = app_of(CurrentGraph::default(), &Config::default());
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = TcpStream::connect(address).await.unwrap();
        waiting.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        server::serve(listener, serving, async {}).await.unwrap();
        assert!(rest(waiting).await.starts_with("HTTP/1.1 200 OK"));
    }
}
