//! Passwords: what is acceptable, and how they are kept (Argon2id).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use service::{Problem, ValidationCode};
use tokio::sync::Semaphore;

const SHORTEST: usize = 12;
const LONGEST: usize = 128;
/// The beginnings of what is tried first: a password is weak where little but one of these is in it.
const COMMON: [&str; 24] = [
    "password",
    "passw0rd",
    "passwort",
    "qwerty",
    "qwertz",
    "azerty",
    "123456",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "administrator",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "trustno1",
    "superman",
    "starwars",
    "whatever",
    "changeme",
    "secret",
];

/// How much work a hash is. The default is OWASP's minimum for Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2 }
    }
}

/// Hashes and verifies, away from the async threads and no more at once than there are cores: each takes 19 MiB.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// Verified in place of an unknown account's, which so takes as long as a known one's.
    dummy: Arc<str>,
}

/// Hashing failed: a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub(crate) struct HashingFailed(String);

impl Passwords {
    pub(crate) fn new(cost: PasswordCost) -> Result<Self, HashingFailed> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None);
        let params = params.map_err(|error| HashingFailed(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, "nobody's password")?.into();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { argon2, turns: Arc::new(Semaphore::new(cores)), dummy })
    }

    pub(crate) async fn hash(&self, password: String) -> Result<String, HashingFailed> {
        self.work(move |argon2| hash(argon2, &password)).await?
    }

    /// Whether the password is the one of this hash; without a hash never, but in the same time.
    pub(crate) async fn verify(
        &self,
        password: String,
        known: Option<&str>,
    ) -> Result<bool, HashingFailed> {
        let exists = known.is_some();
        let against = known.unwrap_or(&self.dummy).to_owned();
        let matches = self.work(move |argon2| {
            PasswordHash::new(&against)
                .is_ok_and(|hash| argon2.verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(matches.await? && exists)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, HashingFailed> {
        metrics::counter!("password_hashes_total").increment(1);
        let _turn = self.turns.acquire().await.map_err(|error| HashingFailed(error.to_string()))?;
        let argon2 = self.argon2.clone();
        tokio::task::spawn_blocking(move || work(&argon2))
            .await
            .map_err(|error| HashingFailed(error.to_string()))
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, HashingFailed> {
    let hash = argon2
        .hash_password(password.as_bytes())
        .map_err(|error| HashingFailed(error.to_string()))?;
    Ok(hash.to_string())
}

/// What is wrong with a new password, if anything: its length, or that it is easily guessed.
///
/// No rules of composition: they make passwords worse.
pub(crate) fn check(password: &str, email: &str, path: &[&str]) -> Option<Problem> {
    let length = password.chars().count();
    let problem = |code, message: &str| Some(Problem::validation(code, path, message));
    if length < SHORTEST {
        return problem(ValidationCode::TOO_SHORT, "a password needs 12 characters or more");
    }
    if length > LONGEST {
        return problem(ValidationCode::TOO_LONG, "a password has 128 characters at most");
    }
    if is_weak(password, email) {
        return problem(ValidationCode::WEAK_PASSWORD, "this password is easily guessed");
    }
    None
}

fn is_weak(password: &str, email: &str) -> bool {
    let password = password.to_lowercase();
    let account = email.split('@').next().unwrap_or(email);
    // What remains beside a well-known word must be long enough to be a secret by itself.
    let leaves_little =
        |word: &str| password.replace(word, "").chars().count() < 6 && password.contains(word);
    let mut letters: Vec<char> = password.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    letters.len() < 5
        || COMMON.iter().any(|word| leaves_little(word))
        || (account.len() > 3 && leaves_little(account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_guessability_decide() {
        let verdict =
            |password: &str| check(password, "robin@example.com", &["password"]).is_none();
        assert!(verdict("correct horse battery staple"));
        assert!(verdict("t9$kQz!mW2xL"));
        assert!(!verdict("short"));
        assert!(!verdict("password1234"));
        assert!(!verdict("aaaaaaaaaaaaaaaa"));
        assert!(!verdict("robin1robin1"));
        assert!(!verdict(&"long".repeat(40)));
    }

    #[tokio::test]
    async fn an_unknown_account_verifies_nothing() {
        let passwords = Passwords::new(PasswordCost { memory_kib: 16, passes: 1 }).unwrap();
        let hash = passwords.hash("correct horse battery staple".into()).await.unwrap();
        assert!(
            passwords.verify("correct horse battery staple".into(), Some(&hash)).await.unwrap()
        );
        assert!(!passwords.verify("another".into(), Some(&hash)).await.unwrap());
        assert!(!passwords.verify("nobody's password".into(), None).await.unwrap());
    }
}
