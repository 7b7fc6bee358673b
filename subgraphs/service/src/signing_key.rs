//! The keys that access tokens are signed with: Ed25519, several at once while they are rotated.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use crate::access_token::{AccessClaims, TOKEN_TYPE};
use crate::error::StartError;
use crate::random::Random;

/// What precedes the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410): a fixed sequence.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Signs access tokens with the first key, and publishes the public half of all. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    first: EncodingKey,
    first_id: String,
    public: JwkSet,
}

impl SigningKeys {
    /// Reads one or more PKCS#8 PEM blocks, one after the other.
    ///
    /// To rotate: append the new key; when every verifier has seen it, put it first; when the last token of the old
    /// key has ended, remove that.
    pub fn from_pem(text: &str) -> Result<Self, StartError> {
        let invalid = |reason: String| StartError::Setting { setting: "AUTH_SIGNING_KEY", reason };
        let blocks = text.split_inclusive(PEM_END).filter(|block| block.contains(PEM_BEGIN));
        let keys: Vec<EncodingKey> = blocks
            .map(|block| {
                EncodingKey::from_ed_pem(block.trim().as_bytes())
                    .map_err(|error| invalid(error.to_string()))
            })
            .collect::<Result<_, _>>()?;
        let published: Vec<Jwk> = keys
            .iter()
            .map(|key| {
                publish(key).map_err(|error| invalid(format!("not an Ed25519 key: {error}")))
            })
            .collect::<Result<_, _>>()?;
        let (Some(first), Some(jwk)) = (keys.into_iter().next(), published.first()) else {
            return Err(invalid("no private key in PEM (PKCS#8) found".to_owned()));
        };
        let first_id = jwk.common.key_id.clone().unwrap_or_default();
        Ok(Self(Arc::new(Inner { first, first_id, public: JwkSet { keys: published } })))
    }

    /// A new private key, as PEM.
    pub fn generate_pem(random: &Random) -> String {
        let der = [PKCS8_PREFIX.as_slice(), &random.bytes::<32>()].concat();
        format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", BASE64_STANDARD.encode(der))
    }

    /// Signs an access token.
    pub fn sign(&self, claims: &AccessClaims) -> String {
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(self.0.first_id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, claims, &self.0.first)
            .expect("claims of strings and numbers sign with a key that was parsed")
    }

    /// The public keys, for `/.well-known/jwks.json`.
    pub fn public(&self) -> &JwkSet {
        &self.0.public
    }
}

/// The public half, named by its thumbprint (RFC 7638).
fn publish(key: &EncodingKey) -> Result<Jwk, jsonwebtoken::errors::Error> {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::EdDSA)?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256)?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{DateTime, TimeDelta, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::access_token::{AUDIENCE, AccessTokenError, AccessTokens, ISSUER};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).unwrap()
    }

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: ISSUER.to_owned(),
            sub: Uuid::nil(),
            aud: AUDIENCE.to_owned(),
            iat: now().timestamp(),
            exp: (now() + TimeDelta::minutes(15)).timestamp(),
            jti: Uuid::nil(),
            sid: None,
            scope: "read:users".to_owned(),
            permissions: BTreeSet::from(["read:users".to_owned()]),
        }
    }

    fn keys(seed: u64) -> String {
        SigningKeys::generate_pem(&Random::seeded(seed))
    }

    #[tokio::test]
    async fn a_token_lives_from_its_making_to_its_end() {
        let signing = SigningKeys::from_pem(&keys(1)).unwrap();
        let verifier = AccessTokens::from_keys(signing.public().clone());
        let token = signing.sign(&claims());
        assert_eq!(verifier.verify(&token, now()).await, Ok(claims()));
        assert_eq!(
            verifier.verify(&token, now() + TimeDelta::minutes(16)).await,
            Err(AccessTokenError::Invalid)
        );
        assert_eq!(
            verifier.verify(&token, now() - TimeDelta::minutes(1)).await,
            Err(AccessTokenError::Invalid)
        );
    }

    #[tokio::test]
    async fn a_token_for_somebody_else_is_refused() {
        let signing = SigningKeys::from_pem(&keys(1)).unwrap();
        let verifier = AccessTokens::from_keys(signing.public().clone());
        let other = AccessClaims { aud: "elsewhere".to_owned(), ..claims() };
        assert_eq!(
            verifier.verify(&signing.sign(&other), now()).await,
            Err(AccessTokenError::Invalid)
        );
        let other = AccessClaims { iss: "somebody".to_owned(), ..claims() };
        assert_eq!(
            verifier.verify(&signing.sign(&other), now()).await,
            Err(AccessTokenError::Invalid)
        );
    }

    #[tokio::test]
    async fn a_key_is_rotated_without_a_gap() {
        let old = SigningKeys::from_pem(&keys(1)).unwrap();
        let both = SigningKeys::from_pem(&(keys(2) + &keys(1))).unwrap();
        let verifier = AccessTokens::from_keys(both.public().clone());
        assert!(verifier.verify(&old.sign(&claims()), now()).await.is_ok());
        assert!(verifier.verify(&both.sign(&claims()), now()).await.is_ok());
        let new = SigningKeys::from_pem(&keys(2)).unwrap();
        let verifier = AccessTokens::from_keys(new.public().clone());
        assert_eq!(
            verifier.verify(&old.sign(&claims()), now()).await,
            Err(AccessTokenError::Invalid)
        );
    }

    #[test]
    fn text_without_a_key_is_refused() {
        assert!(SigningKeys::from_pem("a key").is_err());
    }
}
