//! Subgraphs that break off, stall, or speak something else: each is an error of its fields, with a code, and in time.

use std::net::SocketAddr;
use std::num::NonZeroU64;

use serde_json::json;
use server::{Config, Connector, CurrentGraph, Graph, compose, system_clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::http_client::post;
use crate::world::{World, accounts, app_of, source};

/// What a peer does after it has said what it says.
#[derive(Clone, Copy)]
enum Then {
    Stalls,
    Closes,
    Resets,
}

/// Starts a peer that says this to every request, and nothing more.
async fn peer(world: &mut World, says: &'static [u8], then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    world.spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
            }
            connection.write_all(says).await.unwrap();
            match then {
                Then::Stalls => std::future::pending().await,
                Then::Closes => drop(connection),
                Then::Resets => connection.set_zero_linger().unwrap(),
            }
        }
    });
    address
}

/// What a client is told of such a peer.
async fn check(says: &'static [u8], then: Then, expected_code: &str) {
    let mut config = Config::default();
    config.subgraphs.timeout_ms = NonZeroU64::new(200).unwrap();
    let mut world = World::default();
    let url = format!("http://{}/graphql", peer(&mut world, says, then).await);
    let connector = Connector::http(&config, &|_| None, system_clock).unwrap();
    let sdl = compose(&[source("accounts", &url, &accounts())]).unwrap().supergraph_sdl;
    let graph = Graph::load(&sdl, &connector, &config).unwrap();
    let router = world.serve(app_of(CurrentGraph::holding(graph), &config)).await;
    let answer = post(router, &[], &json!({ "query": "{ me { name } }" })).await;
    let shown = String::from_utf8_lossy(says);
    assert_eq!((answer.status, answer.code().as_str()), (200, expected_code), "{shown}");
    assert_eq!(answer.json()["data"], json!({ "me": null }), "{shown}");
}

#[tokio::test]
async fn the_deadline_covers_head_and_body() {
    for says in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"data\":",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n{\"data\":{\"me\":null}}",
    ] {
        check(says, Then::Stalls, "SUBGRAPH_TIMEOUT").await;
    }
}

#[tokio::test]
async fn a_connection_that_ends_within_an_answer_is_an_error() {
    for then in [Then::Closes, Then::Resets] {
        for says in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\ncontent-le",
            b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"data\":",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n",
        ] {
            check(says, then, "SUBGRAPH_UNREACHABLE").await;
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_says_so() {
    for (says, code) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..], "SUBGRAPH_UNREACHABLE"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html", "SUBGRAPH_ANSWER_MALFORMED"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe", "SUBGRAPH_ANSWER_MALFORMED"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "SUBGRAPH_ANSWER_MALFORMED"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nno go", "SUBGRAPH_HTTP_STATUS"),
    ] {
        check(says, Then::Closes, code).await;
    }
}
