//! Access tokens verified against the keys that auth publishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use axum::{Json, Router};
use chrono::TimeDelta;
use service::testing::{access_token, beginning, signing_keys};
use service::{AccessTokens, Clock, InProcessPeer, Random, SigningKeys, Transport};
use uuid::Uuid;

#[tokio::test]
async fn keys_are_fetched_when_one_is_unknown_and_not_more_often_than_every_ten_seconds() {
    let keys = signing_keys();
    let fetches = Arc::new(AtomicUsize::new(0));
    let (published, count) = (keys.public().clone(), Arc::clone(&fetches));
    let publish = async move || {
        count.fetch_add(1, Ordering::Relaxed);
        Json(published)
    };
    let auth = InProcessPeer::unbound();
    auth.bind(Router::new().route("/.well-known/jwks.json", get(publish)));
    let clock = Clock::set_to(beginning());
    let verifier = AccessTokens::from_auth(Transport::in_process(&auth), clock.clone());

    let good = access_token(&keys, Uuid::nil(), &["read:users"], clock.now());
    let stranger = SigningKeys::from_pem(&SigningKeys::generate_pem(&Random::seeded(2))).unwrap();
    let forged = access_token(&stranger, Uuid::nil(), &[], clock.now());
    let both = (0..8).map(|_| verifier.verify(&good, clock.now()));
    assert!(futures::future::join_all(both).await.iter().all(Result::is_ok));
    assert_eq!(fetches.load(Ordering::Relaxed), 1, "one fetch for all who wait");
    for _ in 0..8 {
        assert!(verifier.verify(&forged, clock.now()).await.is_err());
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 1, "forged keys fetch nothing");
    clock.advance(TimeDelta::seconds(10));
    assert!(verifier.verify(&forged, clock.now()).await.is_err());
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}
