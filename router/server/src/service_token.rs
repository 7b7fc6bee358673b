//! The router's tokens for its subgraphs: the header `x-service-token`, minted here, verified there.
//!
//! The router has no permissions anywhere: users speak through it.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::config::ServiceTokenConfig;
use crate::error::StartError;

/// The header that carries the token.
pub(crate) const SERVICE_TOKEN_HEADER: &str = "x-service-token";
/// Who speaks.
const ISSUER: &str = "router";
/// The life of a token.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// A token is renewed when four fifths of its life are over.
const RENEW_AFTER: TimeDelta = TimeDelta::minutes(8);
/// A shorter secret can be guessed.
const SECRET_CHARACTERS: usize = 32;

/// Tells the time.
pub type Clock = fn() -> DateTime<Utc>;

/// The time of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else takes as an argument"
)]
pub fn system_clock() -> DateTime<Utc> {
    Utc::now()
}

/// What tokens are signed with. Cheap to clone.
#[derive(Clone)]
pub struct ServiceKey(Arc<(Header, EncodingKey)>);

/// The router's token for one subgraph, renewed in time.
pub(crate) struct ServiceToken {
    key: ServiceKey,
    audience: String,
    clock: Clock,
    minted: Mutex<Option<Minted>>,
}

struct Minted {
    token: HeaderValue,
    renew_at: DateTime<Utc>,
}

/// What a token says, as the services read it.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    service: &'a str,
    aud: &'a str,
    permissions: [&'a str; 0],
    iat: i64,
    exp: i64,
}

impl ServiceKey {
    /// A secret that all services share; of several, separated by commas, the first signs. Who lacks 32 characters
    /// is refused with the reason.
    pub fn shared_secret(secrets: &str) -> Result<Self, String> {
        let first = secrets.split(',').map(str::trim).find(|secret| !secret.is_empty());
        match first {
            Some(secret) if secret.len() >= SECRET_CHARACTERS => {
                let key = EncodingKey::from_secret(secret.as_bytes());
                Ok(Self(Arc::new((Header::new(Algorithm::HS256), key))))
            }
            _ => Err(format!("needs a secret of at least {SECRET_CHARACTERS} characters")),
        }
    }

    /// The router's own Ed25519 key (PKCS#8 PEM), and the `kid` by which subgraphs know its public half.
    pub fn signing_key(pem: &str, key_id: &str) -> Result<Self, String> {
        let key = EncodingKey::from_ed_pem(pem.as_bytes())
            .map_err(|error| format!("is not an Ed25519 key in PEM: {error}"))?;
        let header = Header { kid: Some(key_id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        Ok(Self(Arc::new((header, key))))
    }

    /// The key that the settings name.
    pub(crate) fn from_config(
        config: &ServiceTokenConfig,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, StartError> {
        let read = |variable: &str| {
            environment(variable).ok_or_else(|| {
                unusable(variable, "is not set, and `service_token` names it".to_owned())
            })
        };
        match config {
            ServiceTokenConfig::SharedSecret(variable) => {
                Self::shared_secret(&read(variable)?).map_err(|reason| unusable(variable, reason))
            }
            ServiceTokenConfig::SigningKey { variable, key_id } => {
                Self::signing_key(&read(variable)?, key_id)
                    .map_err(|reason| unusable(variable, reason))
            }
        }
    }
}

fn unusable(variable: &str, reason: String) -> StartError {
    StartError::Variable { variable: variable.to_owned(), reason }
}

impl ServiceToken {
    /// The token for the subgraph `audience`.
    pub(crate) fn new(key: ServiceKey, audience: &str, clock: Clock) -> Self {
        Self { key, audience: audience.to_owned(), clock, minted: Mutex::new(None) }
    }

    /// A token that is good for some time yet.
    pub(crate) fn current(&self) -> HeaderValue {
        let now = (self.clock)();
        let mut minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(minted) = minted.as_ref().filter(|minted| now < minted.renew_at) {
            return minted.token.clone();
        }
        let token = self.mint(now);
        *minted = Some(Minted { token: token.clone(), renew_at: now + RENEW_AFTER });
        token
    }

    fn mint(&self, now: DateTime<Utc>) -> HeaderValue {
        let claims = Claims {
            iss: ISSUER,
            service: ISSUER,
            aud: &self.audience,
            permissions: [],
            iat: now.timestamp(),
            exp: (now + LIFE).timestamp(),
        };
        let (header, key) = &*self.key.0;
        let token = jsonwebtoken::encode(header, &claims, key)
            .expect("claims of strings and numbers sign with a key that was parsed");
        let mut token = HeaderValue::try_from(token).expect("base64 and dots make a header");
        token.set_sensitive(true);
        token
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    const SECRET: &str = "a secret of more than 32 characters";

    fn claims(token: &HeaderValue, audience: &str) -> Option<serde_json::Value> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::decode(token.to_str().unwrap(), &key, &validation)
            .ok()
            .map(|token| token.claims)
    }

    #[test]
    fn a_token_is_for_one_subgraph_and_claims_nothing() {
        let clock: Clock = || DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let key = ServiceKey::shared_secret(&format!("{SECRET},another")).unwrap();
        let token = ServiceToken::new(key, "auth", clock).current();
        let claims_there = claims(&token, "auth").unwrap();
        assert_eq!(
            claims_there,
            serde_json::json!({
                "iss": "router", "service": "router", "aud": "auth", "permissions": [],
                "iat": 1_780_000_000, "exp": 1_780_000_600,
            })
        );
        assert_eq!(claims(&token, "platform"), None);
    }

    #[test]
    fn a_token_is_kept_for_four_fifths_of_its_life() {
        static NOW: AtomicI64 = AtomicI64::new(1_780_000_000);
        let clock: Clock = || DateTime::from_timestamp(NOW.load(Ordering::Relaxed), 0).unwrap();
        let token = ServiceToken::new(ServiceKey::shared_secret(SECRET).unwrap(), "auth", clock);
        let first = token.current();
        NOW.fetch_add(479, Ordering::Relaxed);
        assert_eq!(token.current(), first);
        NOW.fetch_add(1, Ordering::Relaxed);
        assert_ne!(token.current(), first);
    }

    #[test]
    fn a_key_that_is_missing_or_weak_is_named() {
        let config = ServiceTokenConfig::SharedSecret("SOME_SECRET".to_owned());
        let missing = ServiceKey::from_config(&config, &|_| None).err().unwrap();
        assert_eq!(
            missing.to_string(),
            "the environment variable `SOME_SECRET` is not set, and `service_token` names it"
        );
        let weak = ServiceKey::from_config(&config, &|_| Some("short".to_owned())).err().unwrap();
        assert_eq!(
            weak.to_string(),
            "the environment variable `SOME_SECRET` needs a secret of at least 32 characters"
        );
    }
}
