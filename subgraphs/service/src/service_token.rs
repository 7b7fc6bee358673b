//! Tokens by which services know each other: the header `x-service-token`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::caller::Scopes;
use crate::error::StartError;

/// The header that carries the token.
pub const SERVICE_TOKEN_HEADER: &str = "x-service-token";
/// The longest life of a token that is accepted.
pub const LONGEST_LIFE: TimeDelta = TimeDelta::hours(1);
/// The life of the tokens we mint.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// How far two machines' clocks may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// What a service token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// The service that speaks; the same as `service`.
    pub iss: String,
    /// The service that speaks.
    pub service: String,
    /// The service spoken to.
    pub aud: String,
    /// What the speaker claims it may do.
    #[serde(default)]
    pub permissions: BTreeSet<String>,
    /// When it was made, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
}

/// The keys of service tokens: a secret that all share (development), or a key of one's own and the public keys of
/// the peers (production).
#[derive(Clone)]
pub struct ServiceKeys(Arc<Mode>);

enum Mode {
    /// The first signs, all verify: a secret is rotated by adding the new one first, then removing the old.
    Shared(Vec<SecretString>),
    /// Each peer's key carries the peer's name as the prefix of its `kid`: `logistics` or `logistics/2`.
    PerService { own: EncodingKey, key_id: String, peers: JwkSet },
}

impl ServiceKeys {
    /// Keys from secrets, separated by commas; each must have 32 characters or more.
    pub fn shared(secrets: &str) -> Result<Self, StartError> {
        let secrets: Vec<&str> =
            secrets.split(',').map(str::trim).filter(|secret| !secret.is_empty()).collect();
        if secrets.is_empty() || secrets.iter().any(|secret| secret.len() < 32) {
            let reason = "each secret needs at least 32 characters".to_owned();
            return Err(StartError::Setting { setting: "SERVICE_JWT_SECRET", reason });
        }
        Ok(Self(Arc::new(Mode::Shared(secrets.into_iter().map(SecretString::from).collect()))))
    }

    /// A key of one's own (Ed25519, PKCS#8 PEM), its `kid`, and the public keys of all peers (JWKS). A key speaks
    /// for the service that its `kid` names before an optional slash.
    pub fn per_service(own_pem: &str, key_id: &str, peers: &str) -> Result<Self, StartError> {
        let own =
            EncodingKey::from_ed_pem(own_pem.as_bytes()).map_err(|error| StartError::Setting {
                setting: "SERVICE_SIGNING_KEY",
                reason: format!("not an Ed25519 key in PEM: {error}"),
            })?;
        let peers = serde_json::from_str(peers).map_err(|error| StartError::Setting {
            setting: "SERVICE_PEER_KEYS",
            reason: error.to_string(),
        })?;
        Ok(Self(Arc::new(Mode::PerService { own, key_id: key_id.to_owned(), peers })))
    }

    /// A token by which `service` speaks to `audience`, and when it ends.
    pub fn mint(
        &self,
        service: &str,
        audience: &str,
        permissions: &[&str],
        now: DateTime<Utc>,
    ) -> (String, DateTime<Utc>) {
        let expires = now + LIFE;
        let claims = ServiceClaims {
            iss: service.to_owned(),
            service: service.to_owned(),
            aud: audience.to_owned(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            iat: now.timestamp(),
            exp: expires.timestamp(),
        };
        let token = match &*self.0 {
            Mode::Shared(secrets) => {
                let key = EncodingKey::from_secret(secrets[0].expose_secret().as_bytes());
                encode(&Header::new(Algorithm::HS256), &claims, &key)
            }
            Mode::PerService { own, key_id, .. } => {
                let header = Header { kid: Some(key_id.clone()), ..Header::new(Algorithm::EdDSA) };
                encode(&header, &claims, own)
            }
        };
        (token.expect("claims of strings and numbers sign with a key that was parsed"), expires)
    }

    /// The claims of a token that is genuine, meant for `audience`, and neither expired nor too long-lived.
    pub fn verify(
        &self,
        token: &str,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<ServiceClaims, InvalidServiceToken> {
        let claims = match &*self.0 {
            Mode::Shared(secrets) => secrets
                .iter()
                .find_map(|secret| {
                    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
                    decoded(token, &key, Algorithm::HS256, audience)
                })
                .ok_or(InvalidServiceToken)?,
            Mode::PerService { peers, .. } => {
                let key_id = decode_header(token)
                    .ok()
                    .and_then(|header| header.kid)
                    .ok_or(InvalidServiceToken)?;
                let key = peers.find(&key_id).ok_or(InvalidServiceToken)?;
                let key = DecodingKey::from_jwk(key).map_err(|_| InvalidServiceToken)?;
                let claims =
                    decoded(token, &key, Algorithm::EdDSA, audience).ok_or(InvalidServiceToken)?;
                let speaker = key_id.split('/').next().unwrap_or_default();
                if claims.iss != speaker {
                    return Err(InvalidServiceToken);
                }
                claims
            }
        };
        let ends = claims.exp.saturating_sub(now.timestamp());
        let life = claims.exp.saturating_sub(claims.iat);
        let early = claims.iat.saturating_sub(now.timestamp());
        let sound = ends > -LEEWAY.num_seconds()
            && ends <= LONGEST_LIFE.num_seconds()
            && life <= LONGEST_LIFE.num_seconds()
            && early <= LEEWAY.num_seconds()
            && claims.iss == claims.service;
        if sound { Ok(claims) } else { Err(InvalidServiceToken) }
    }
}

fn decoded(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    audience: &str,
) -> Option<ServiceClaims> {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    // Checked by the caller, against its own clock.
    validation.validate_exp = false;
    decode(token, key, &validation).ok().map(|token| token.claims)
}

/// The token is missing, forged, expired, or meant for another service. Which one is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid service token")]
pub struct InvalidServiceToken;

/// Which services may call, and what each may do at most, whatever its token claims.
#[derive(Debug, Clone, Default)]
pub struct AllowList(BTreeMap<&'static str, &'static [&'static str]>);

impl AllowList {
    /// The router may call, with no permissions: users speak through it.
    pub fn router_only() -> Self {
        Self(BTreeMap::from([("router", &[] as &[&str])]))
    }

    /// Adds a service and what it may do.
    #[must_use]
    pub fn with(mut self, service: &'static str, permissions: &'static [&'static str]) -> Self {
        self.0.insert(service, permissions);
        self
    }

    /// What remains of the claimed permissions; refuses a service that is not on the list.
    pub fn grant(&self, claims: &ServiceClaims) -> Result<Scopes, InvalidServiceToken> {
        let allowed = self.0.get(claims.iss.as_str()).ok_or(InvalidServiceToken)?;
        Ok(claims
            .permissions
            .iter()
            .filter(|claimed| allowed.contains(&claimed.as_str()))
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old secret of more than 32 characters";
    const NEW: &str = "a new secret of more than thirty-two characters";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).unwrap()
    }

    #[test]
    fn a_token_is_for_one_audience_and_a_short_time() {
        let keys = ServiceKeys::shared(NEW).unwrap();
        let (token, expires) = keys.mint("logistics", "auth", &["read:users"], now());
        assert_eq!(keys.verify(&token, "auth", now()).unwrap().iss, "logistics");
        assert_eq!(keys.verify(&token, "platform", now()), Err(InvalidServiceToken));
        assert_eq!(
            keys.verify(&token, "auth", expires + TimeDelta::minutes(1)),
            Err(InvalidServiceToken)
        );
        assert_eq!(
            keys.verify(&token, "auth", now() - TimeDelta::hours(2)),
            Err(InvalidServiceToken)
        );
    }

    #[test]
    fn a_secret_is_rotated_without_a_gap() {
        let (before, _) = ServiceKeys::shared(OLD).unwrap().mint("platform", "auth", &[], now());
        let both = ServiceKeys::shared(&format!("{NEW}, {OLD}")).unwrap();
        assert!(both.verify(&before, "auth", now()).is_ok());
        assert_eq!(
            ServiceKeys::shared(NEW).unwrap().verify(&before, "auth", now()),
            Err(InvalidServiceToken)
        );
    }

    #[test]
    fn a_service_gets_no_more_than_it_is_allowed() {
        let keys = ServiceKeys::shared(NEW).unwrap();
        let (token, _) = keys.mint("logistics", "auth", &["read:users", "write:users"], now());
        let claims = keys.verify(&token, "auth", now()).unwrap();
        let allowed = AllowList::router_only().with("logistics", &["read:users", "write:roles"]);
        assert_eq!(allowed.grant(&claims).unwrap(), BTreeSet::from(["read:users".to_owned()]));
        assert_eq!(AllowList::router_only().grant(&claims), Err(InvalidServiceToken));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(ServiceKeys::shared("short").is_err());
    }
}
