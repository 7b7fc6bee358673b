//! Asking another service: tokens, retries, and what its answers mean.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use service::testing::{Metrics, each_database, parts};
use service::{Failure, InProcessPeer, Parts, Peer, PeerError, PeerIdentity};

/// A service that gives these answers, one after the other, and keeps the tokens that it was shown.
#[derive(Clone, Default)]
struct Auth {
    answers: Arc<Mutex<Vec<(StatusCode, Value)>>>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Auth {
    fn answer(&self, answers: &[(StatusCode, Value)]) {
        *self.answers.lock().unwrap() = answers.iter().rev().cloned().collect();
    }

    fn bind(&self, peer: &InProcessPeer) {
        let auth = self.clone();
        let respond = async move |headers: HeaderMap| {
            auth.tokens
                .lock()
                .unwrap()
                .push(headers["x-service-token"].to_str().unwrap().to_owned());
            let (status, body) = auth.answers.lock().unwrap().pop().unwrap();
            (status, axum::Json(body))
        };
        peer.bind(Router::new().route("/graphql", post(respond)));
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Data {
    user: Option<String>,
}

fn ok() -> (StatusCode, Value) {
    (StatusCode::OK, json!({ "data": { "user": "robin" } }))
}

fn error(code: &str) -> (StatusCode, Value) {
    let errors = json!([{ "message": "no", "extensions": { "code": code } }]);
    (StatusCode::OK, json!({ "data": null, "errors": errors }))
}

fn broken() -> (StatusCode, Value) {
    (StatusCode::BAD_GATEWAY, json!("a proxy"))
}

async fn with_peer(test: impl AsyncFn(Parts, Peer, Auth)) {
    each_database(async |database| {
        let (parts, peers) = parts(database);
        let auth = Auth::default();
        auth.bind(&peers.auth);
        let identity =
            PeerIdentity { caller: "logistics", callee: "auth", permissions: &["read:users"] };
        let peer = parts.peer(identity, &parts.peers.auth);
        test(parts, peer, auth).await;
    })
    .await;
}

#[tokio::test]
async fn a_repeatable_call_is_tried_three_times_and_another_once() {
    with_peer(async |_, peer, auth| {
        let metrics = Metrics::record();
        auth.answer(&[broken(), error("INTERNAL"), ok()]);
        let answer: Data = peer.call("{ user }", json!({})).await.unwrap();
        assert_eq!(answer, Data { user: Some("robin".to_owned()) });
        auth.answer(&[broken(), ok()]);
        let unknown = peer.call_once::<Data>("mutation { act }", json!({})).await;
        assert!(matches!(unknown, Err(PeerError::Unavailable { peer: "auth", .. })), "{unknown:?}");
        assert_eq!(metrics.value("service_calls_total{peer=\"auth\"}"), 4);
        let faults = "service_calls_errors_total{peer=\"auth\",error=\"fault\"}";
        assert_eq!(metrics.value(faults), 3);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    with_peer(async |_, peer, auth| {
        auth.answer(&[error("FORBIDDEN"), ok()]);
        let refused = peer.call::<Data>("{ user }", json!({})).await;
        let message = "no".to_owned();
        assert_eq!(
            refused,
            Err(PeerError::Refused { peer: "auth", code: "FORBIDDEN".to_owned(), message })
        );
        assert_eq!(auth.tokens.lock().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_kept_for_four_fifths_of_its_life() {
    with_peer(async |parts, peer, auth| {
        for minutes in [0, 7, 1] {
            parts.clock.advance(TimeDelta::minutes(minutes));
            auth.answer(&[ok()]);
            peer.call::<Data>("{ user }", json!({})).await.unwrap();
        }
        let tokens = auth.tokens.lock().unwrap().clone();
        assert_eq!(tokens[0], tokens[1]);
        assert_ne!(tokens[1], tokens[2]);
        for token in tokens {
            let claims = parts.keys.verify(&token, "auth", parts.clock.now()).unwrap();
            assert_eq!((claims.iss.as_str(), claims.permissions.len()), ("logistics", 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unavailable() {
    each_database(async |database| {
        let (parts, _) = parts(database);
        let identity = PeerIdentity { caller: "logistics", callee: "auth", permissions: &[] };
        let peer = parts.peer(identity, &parts.peers.auth);
        let answer = peer.call::<Data>("{ user }", json!({})).await;
        assert_eq!(answer.unwrap_err().to_string(), "`auth` is not available: cannot be reached");
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_made_anew_and_one_asked_too_often_is_left_alone() {
    with_peer(async |parts, peer, auth| {
        auth.answer(&[ok()]);
        peer.call::<Data>("{ user }", json!({})).await.unwrap();
        parts.clock.advance(TimeDelta::minutes(1));
        auth.answer(&[
            (StatusCode::UNAUTHORIZED, json!({ "error": "Invalid service token" })),
            ok(),
        ]);
        peer.call::<Data>("{ user }", json!({})).await.unwrap();
        let tokens = auth.tokens.lock().unwrap().clone();
        assert_eq!(tokens[0], tokens[1]);
        assert_ne!(tokens[1], tokens[2], "a new one after the refusal");

        auth.answer(&[error("RATE_LIMITED"), ok()]);
        let failed = peer.call::<Data>("{ user }", json!({})).await;
        let Err(PeerError::Unavailable { failure, .. }) = failed else { panic!("{failed:?}") };
        assert_eq!(failure, Failure::RateLimited);
        assert_eq!(auth.tokens.lock().unwrap().len(), 4, "asked once");
    })
    .await;
}
