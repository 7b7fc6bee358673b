//! How secrets and inputs are kept where only their equality counts.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The SHA-256 of these bytes, as text. For secrets of 256 bits, which need no salt and no stretching.
pub fn digest(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}
