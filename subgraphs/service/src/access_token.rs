//! Tokens by which users are known: the header `authorization: Bearer`, signed by auth, verified by every service.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Request;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::SignedIn;
use crate::clock::Clock;
use crate::transport::Transport;

/// `iss` of access tokens.
pub const ISSUER: &str = "ridegraph-auth";
/// `aud` of access tokens.
pub const AUDIENCE: &str = "ridegraph";
/// `typ` of access tokens (RFC 9068).
pub const TOKEN_TYPE: &str = "at+jwt";
/// Where auth publishes its public keys.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Fetched keys are asked for again at most this often, however many unknown keys are presented.
const REFETCH_AFTER: TimeDelta = TimeDelta::seconds(10);
/// Fetched keys are asked for again after this long in any case: one that auth no longer publishes shall not count.
const STALE_AFTER: TimeDelta = TimeDelta::minutes(5);
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// How far two machines' clocks may differ.
const LEEWAY_SECONDS: i64 = 5;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Always [`ISSUER`].
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// Always [`AUDIENCE`].
    pub aud: String,
    /// When it was made, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The scopes, separated by spaces.
    #[serde(default)]
    pub scope: String,
    /// The scopes, as a list.
    #[serde(default)]
    pub permissions: BTreeSet<String>,
}

impl From<AccessClaims> for SignedIn {
    fn from(claims: AccessClaims) -> Self {
        let scopes = claims.scope.split_whitespace().map(str::to_owned).collect();
        let expires_at = DateTime::from_timestamp(claims.exp, 0).unwrap_or(DateTime::UNIX_EPOCH);
        Self { user_id: claims.sub, session_id: claims.sid, scopes, expires_at }
    }
}

/// Verifies access tokens against auth's public keys. Cheap to clone.
#[derive(Clone)]
pub struct AccessTokens(Arc<Source>);

enum Source {
    Static(JwkSet),
    Fetched {
        auth: Transport,
        clock: Clock,
        keys: RwLock<Fetched>,
        fetching: tokio::sync::Mutex<()>,
    },
}

#[derive(Clone, Default)]
struct Fetched {
    keys: Arc<JwkSet>,
    at: Option<DateTime<Utc>>,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// It is forged, expired, of another kind, or by a key that auth does not publish.
    #[error("the access token is invalid or has expired")]
    Invalid,
    /// Nobody can say: its key is not known here, and auth's keys cannot be fetched.
    #[error("`auth` is not available, try again")]
    KeysUnavailable,
}

impl AccessTokens {
    /// Verifies against these keys: auth itself, and tests.
    pub fn from_keys(keys: JwkSet) -> Self {
        Self(Arc::new(Source::Static(keys)))
    }

    /// Verifies against the keys that auth publishes, asked for when a key is met that is not known.
    pub fn from_auth(auth: Transport, clock: Clock) -> Self {
        Self(Arc::new(Source::Fetched {
            auth,
            clock,
            keys: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        }))
    }

    /// The claims of a token that is genuine and has not ended.
    pub async fn verify(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<AccessClaims, AccessTokenError> {
        let header = decode_header(token).map_err(|_| AccessTokenError::Invalid)?;
        let is_access_token =
            header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TOKEN_TYPE));
        if header.alg != Algorithm::EdDSA || !is_access_token {
            return Err(AccessTokenError::Invalid);
        }
        let key = self.key(&header.kid.ok_or(AccessTokenError::Invalid)?).await?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // Checked below, against the clock that we are given.
        validation.validate_exp = false;
        let claims = decode::<AccessClaims>(token, &key, &validation)
            .map_err(|_| AccessTokenError::Invalid)?
            .claims;
        let lives = claims.exp.saturating_add(LEEWAY_SECONDS) > now.timestamp()
            && claims.iat.saturating_sub(LEEWAY_SECONDS) <= now.timestamp();
        if lives { Ok(claims) } else { Err(AccessTokenError::Invalid) }
    }

    async fn key(&self, key_id: &str) -> Result<DecodingKey, AccessTokenError> {
        let find =
            |keys: &JwkSet| keys.find(key_id).and_then(|key| DecodingKey::from_jwk(key).ok());
        match &*self.0 {
            Source::Static(keys) => find(keys).ok_or(AccessTokenError::Invalid),
            Source::Fetched { auth, clock, keys, fetching } => {
                let fetched = || keys.read().unwrap_or_else(PoisonError::into_inner).clone();
                let is_due = |fetched: &Fetched, key: &Option<DecodingKey>| {
                    let pause = if key.is_some() { STALE_AFTER } else { REFETCH_AFTER };
                    fetched.at.is_none_or(|at| clock.now() >= at + pause)
                };
                let known = fetched();
                let key = find(&known.keys);
                if !is_due(&known, &key) {
                    return key.ok_or(AccessTokenError::Invalid);
                }
                // One fetch at a time. Whoever knows the key does not wait for it; whoever waited looks again first.
                let _turn = match (fetching.try_lock(), key) {
                    (Ok(turn), _) => turn,
                    (Err(_), Some(key)) => return Ok(key),
                    (Err(_), None) => fetching.lock().await,
                };
                let known = fetched();
                let key = find(&known.keys);
                if !is_due(&known, &key) {
                    return key.ok_or(AccessTokenError::Invalid);
                }
                let fresh = match fetch(auth).await {
                    Ok(fresh) => Fetched { keys: Arc::new(fresh), at: Some(clock.now()) },
                    Err(reason) => {
                        tracing::warn!(reason, "auth's public keys cannot be fetched");
                        // What auth published last still counts.
                        return key.ok_or(AccessTokenError::KeysUnavailable);
                    }
                };
                let key = find(&fresh.keys);
                *keys.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                key.ok_or(AccessTokenError::Invalid)
            }
        }
    }
}

async fn fetch(auth: &Transport) -> Result<JwkSet, String> {
    let request = Request::get(JWKS_PATH).body(Bytes::new()).expect("a fixed path makes a request");
    let answer = auth.send(request, FETCH_TIMEOUT).await.map_err(|error| error.to_string())?;
    serde_json::from_slice(answer.body()).map_err(|error| format!("{}: {error}", answer.status()))
}
