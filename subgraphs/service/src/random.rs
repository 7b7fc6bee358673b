//! Where secrets and PINs come from: the system's randomness, or a seed that a test chooses.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// A source of unguessable bytes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Random(Option<Arc<Mutex<StdRng>>>);

impl Random {
    /// The system's randomness.
    pub fn system() -> Self {
        Self(None)
    }

    /// Always the same bytes for the same seed: for tests alone.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// So many unguessable bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            None => rand::rng().fill_bytes(&mut bytes),
            Some(seeded) => {
                seeded.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
            }
        }
        bytes
    }

    /// A secret of 256 bits, fit for a URL or a header.
    pub fn secret(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A number from 0 up to, but not including, `end`, each as likely as the others.
    pub fn below(&self, end: u32) -> u32 {
        match &self.0 {
            None => rand::rng().random_range(0..end),
            Some(seeded) => {
                seeded.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..end)
            }
        }
    }
}
