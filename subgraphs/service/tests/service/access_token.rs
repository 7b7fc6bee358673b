//! Access tokens verified against the keys that auth publishes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use chrono::TimeDelta;
use service::access_token::AccessTokenError;
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

/// Auth, publishing these keys until others are put in their place.
fn publisher(keys: &Arc<Mutex<Vec<SigningKeys>>>) -> Router {
    let keys = Arc::clone(keys);
    let publish = async move || Json(keys.lock().unwrap()[0].public().clone());
    Router::new().route("/.well-known/jwks.json", get(publish))
}

#[tokio::test]
async fn keys_are_rotated_without_a_gap_and_an_old_one_ends_within_minutes() {
    let pem = |seed| SigningKeys::generate_pem(&Random::seeded(seed));
    let (old_pem, new_pem) = (pem(1), pem(2));
    let old = SigningKeys::from_pem(&old_pem).unwrap();
    let both = SigningKeys::from_pem(&format!("{new_pem}{old_pem}")).unwrap();
    let new = SigningKeys::from_pem(&new_pem).unwrap();

    let published = Arc::new(Mutex::new(vec![old.clone()]));
    let auth = InProcessPeer::unbound();
    auth.bind(publisher(&published));
    let clock = Clock::set_to(beginning());
    let verifier = AccessTokens::from_auth(Transport::in_process(&auth), clock.clone());
    let signed_by = async |keys: &SigningKeys| {
        let token = access_token(keys, Uuid::nil(), &[], clock.now());
        verifier.verify(&token, clock.now()).await
    };
    assert!(signed_by(&old).await.is_ok());
    // The new key signs from now on, the old one still counts.
    *published.lock().unwrap() = vec![both.clone()];
    clock.advance(TimeDelta::seconds(10));
    assert!(signed_by(&both).await.is_ok());
    assert!(signed_by(&new).await.is_ok());
    assert!(signed_by(&old).await.is_ok());
    // The old one is taken back.
    *published.lock().unwrap() = vec![new.clone()];
    clock.advance(TimeDelta::minutes(5));
    assert!(signed_by(&new).await.is_ok());
    assert_eq!(signed_by(&old).await, Err(AccessTokenError::Invalid));
}

#[tokio::test]
async fn without_auth_the_keys_it_published_last_still_count() {
    let clock = Clock::set_to(beginning());
    let token = access_token(&signing_keys(), Uuid::nil(), &[], clock.now());
    let auth = InProcessPeer::unbound();
    let verifier = AccessTokens::from_auth(Transport::in_process(&auth), clock.clone());
    let unknown = verifier.verify(&token, clock.now()).await;
    assert_eq!(unknown, Err(AccessTokenError::KeysUnavailable));

    let answers = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answers);
    let once = async move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(Json(signing_keys().public().clone())),
        _ => Err(StatusCode::SERVICE_UNAVAILABLE),
    };
    auth.bind(Router::new().route("/.well-known/jwks.json", get(once)));
    assert!(verifier.verify(&token, clock.now()).await.is_ok());
    clock.advance(TimeDelta::minutes(5));
    assert!(verifier.verify(&token, clock.now()).await.is_ok());
    assert_eq!(answers.load(Ordering::Relaxed), 2);
}
