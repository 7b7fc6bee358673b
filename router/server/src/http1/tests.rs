//! Peers that say exactly what they are told to say.

use expect_test::{Expect, expect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const LIMIT: usize = 50;

fn posted(repeatable: bool) -> Posted<'static> {
    Posted { headers: Cow::default(), body: Bytes::from_static(b"{}"), repeatable }
}

/// Posts `{}` for each connection's script: what the peer answers to each request there, before it closes.
async fn posts(connections: Vec<Vec<&'static str>>) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/graphql?a=b", listener.local_addr().unwrap());
    let endpoint = Endpoint::new(&url.parse().unwrap());
    let requests: usize = connections.iter().map(Vec::len).sum();
    let peer = async {
        for answers in connections {
            let (mut connection, _) = listener.accept().await.unwrap();
            for answer in answers {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n{}") {
                    assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
                }
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    };
    let client = async {
        let mut seen = Vec::new();
        for _ in 0..requests {
            let answer = endpoint.post(posted(true), LIMIT).await;
            seen.push(match answer {
                Ok(SubgraphResponse { status, body }) => {
                    format!("{status} {}", String::from_utf8_lossy(&body))
                }
                Err(error) => error.to_string(),
            });
        }
        seen
    };
    tokio::join!(peer, client).1
}

async fn check(answer: &'static str, expected: Expect) {
    expected.assert_eq(&posts(vec![vec![answer]]).await.join("\n"));
}

#[tokio::test]
async fn the_request_is_what_the_peer_expects() {
    let endpoint = Endpoint::new(&"http://[::1]:4001/graphql?a=b".parse().unwrap());
    let headers =
        [(http::header::AUTHORIZATION, "Bearer x".parse().unwrap())].into_iter().collect();
    let head = String::from_utf8(endpoint.head(&headers, 7)).unwrap().replace('\r', "");
    expect![[r"
        POST /graphql?a=b HTTP/1.1
        host: [::1]:4001
        authorization: Bearer x
        content-length: 7

    "]]
    .assert_eq(&head);
    assert_eq!(Endpoint::new(&"http://auth".parse().unwrap()).address, "auth:80");
}

#[tokio::test]
async fn a_body_ends_where_its_length_says() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", expect!["200 {}"]).await;
    check("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", expect!["500 "]).await;
    check("HTTP/1.1 204 No Content\r\n\r\n", expect!["204 "]).await;
}

#[tokio::test]
async fn a_body_comes_in_chunks() {
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\n{\"a\r\nA\r\n\":1234567}\r\n0\r\ntrailer: x\r\n\r\n",
        expect![[r#"200 {"a":1234567}"#]],
    )
    .await;
}

#[tokio::test]
async fn a_body_ends_with_the_connection() {
    check("HTTP/1.0 200 OK\r\n\r\n{\"a\":1}", expect![[r#"200 {"a":1}"#]]).await;
}

#[tokio::test]
async fn news_on_the_way_are_no_answer() {
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        expect!["200 {}"],
    )
    .await;
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 51\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n30\r\n123456789012345678901234567890123456789012345678\r\n3\r\n",
        "HTTP/1.1 200 OK\r\n\r\n123456789012345678901234567890123456789012345678901",
    ] {
        check(answer, expect!["the subgraph's answer is too large"]).await;
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_unreachable_subgraph() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    ] {
        check(answer, expect!["the subgraph could not be reached"]).await;
    }
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    const KEPT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(posts(vec![vec![KEPT, CHUNKED, KEPT]]).await, ["200 {}"; 3]);
}

#[tokio::test]
async fn a_connection_that_is_spent_is_not_used_again() {
    for last in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        // More than was asked for: it would be taken for the answer to the next request.
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
    ] {
        let next = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(posts(vec![vec![last], vec![next]]).await, ["200 {}"; 2], "{last}");
    }
}

#[tokio::test]
async fn nobody_there_is_an_unreachable_subgraph() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let endpoint = Endpoint::new(&url.parse().unwrap());
    let answer = endpoint.post(posted(true), LIMIT).await;
    assert_eq!(answer.unwrap_err(), SubgraphError::Unreachable);
}

/// A peer that answers the first request of a connection, and at the second says `last` and hangs up; then the same on
/// other connections. Posts twice, the second time as told.
async fn second_post(last: &'static str, repeatable: bool) -> String {
    const KEPT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint::new(&url.parse().unwrap());
    let peer = async {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            for answer in [KEPT, last] {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n{}") {
                    assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
                }
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    };
    let client = async {
        endpoint.post(posted(true), LIMIT).await.unwrap();
        match endpoint.post(posted(repeatable), LIMIT).await {
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.to_string(),
        }
    };
    tokio::select! {
        never = peer => never,
        seen = client => seen,
    }
}

#[tokio::test]
async fn a_query_that_found_its_connection_closed_is_sent_again_on_another() {
    assert_eq!(second_post("", true).await, "200");
}

#[tokio::test]
async fn what_may_have_been_executed_is_not_sent_again() {
    let unreachable = SubgraphError::Unreachable.to_string();
    assert_eq!(second_post("", false).await, unreachable);
    assert_eq!(second_post("HTTP/1.1 200 OK\r\n", true).await, unreachable);
}

#[tokio::test]
async fn a_mutation_does_not_trust_a_connection_that_rested() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint =
        Endpoint::new(&format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let stream = endpoint.connect().await.unwrap();
    let since = Instant::now().checked_sub(FRESH).unwrap();
    endpoint.with_pool(|pool| pool.push_back(Idle { stream, since }));
    assert!(endpoint.take_idle(FRESH).is_none());
    assert!(endpoint.take_idle(IDLE_TIMEOUT).is_some());
}
