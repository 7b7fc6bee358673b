//! Service tokens by a key of each service's own: nobody can speak for another.

use serde_json::json;
use service::testing::beginning;
use service::{Random, ServiceKeys, SigningKeys};

/// A private key, and its public half under this `kid`.
fn key(seed: u64, key_id: &str) -> (String, serde_json::Value) {
    let pem = SigningKeys::generate_pem(&Random::seeded(seed));
    let mut public = json!(SigningKeys::from_pem(&pem).unwrap().public().keys[0]);
    public["kid"] = json!(key_id);
    (pem, public)
}

#[test]
fn a_service_speaks_for_itself_alone() {
    let (logistics, logistics_public) = key(1, "logistics/1");
    let (platform, platform_public) = key(2, "platform");
    let peers = json!({ "keys": [logistics_public, platform_public] }).to_string();
    let logistics = ServiceKeys::per_service(&logistics, "logistics/1", &peers).unwrap();
    let platform = ServiceKeys::per_service(&platform, "platform", &peers).unwrap();
    let auth = ServiceKeys::per_service(&key(3, "auth").0, "auth", &peers).unwrap();

    let now = beginning();
    let (token, _) = logistics.mint("logistics", "auth", &["read:users"], now);
    assert_eq!(auth.verify(&token, "auth", now).unwrap().iss, "logistics");
    assert!(auth.verify(&token, "platform", now).is_err());
    let (forged, _) = platform.mint("logistics", "auth", &["read:users"], now);
    assert!(auth.verify(&forged, "auth", now).is_err());
    let (unknown, _) = auth.mint("auth", "logistics", &[], now);
    assert!(logistics.verify(&unknown, "logistics", now).is_err(), "a key that nobody published");
    let shared = ServiceKeys::shared("a secret of more than thirty-two characters").unwrap();
    let (by_secret, _) = shared.mint("logistics", "auth", &["read:users"], now);
    assert!(auth.verify(&by_secret, "auth", now).is_err(), "the development mode is off");
}

#[test]
fn a_key_of_a_service_is_rotated_without_a_gap() {
    let (old, old_public) = key(1, "logistics/1");
    let (new, new_public) = key(2, "logistics/2");
    let peers = |keys: &[&serde_json::Value]| json!({ "keys": keys }).to_string();
    let auth = |keys: &[&serde_json::Value]| {
        ServiceKeys::per_service(&key(3, "auth").0, "auth", &peers(keys)).unwrap()
    };
    let now = beginning();
    let mint = |pem: &str, key_id: &str| {
        let keys = ServiceKeys::per_service(pem, key_id, &peers(&[])).unwrap();
        keys.mint("logistics", "auth", &[], now).0
    };
    let (before, after) = (mint(&old, "logistics/1"), mint(&new, "logistics/2"));
    // First both are published, then the new one signs, then the old one is withdrawn.
    let both = auth(&[&old_public, &new_public]);
    assert!(both.verify(&before, "auth", now).is_ok());
    assert!(both.verify(&after, "auth", now).is_ok());
    let last = auth(&[&new_public]);
    assert!(last.verify(&before, "auth", now).is_err());
    assert!(last.verify(&after, "auth", now).is_ok());
}
