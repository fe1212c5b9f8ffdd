//! People's passwords: argon2id, on a bounded pool.
//!
//! A hash costs 19 MiB and about 30 ms of a core by design. Without a bound, a crowd at the sign-in page would take all
//! memory and the cores that the packet path needs.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher as _, PasswordVerifier as _},
};
use base::SecretString;
use tokio::sync::Semaphore;

use super::super::values::{Invalid, random};

/// Hashes at a time: one core's worth stays free on the smallest machine.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn, about four seconds' worth where each names no tenant; further ones are sent away.
const MAX_WAITING: usize = 64;
/// Shortest password: with argon2 in the way, ten characters that are in no list cannot be guessed.
const MIN_LENGTH: usize = 10;
/// Longest password; beyond it only hashing time is won.
const MAX_LENGTH: usize = 128;
/// Characters of a password that we make: 93 bits.
const GENERATED_LENGTH: usize = 16;
const SALT_OCTETS: usize = 16;

/// How dear a hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kibibytes: u32,
    passes: u32,
}

impl Cost {
    /// For people: 19 MiB and two passes, the least that OWASP recommends.
    pub const STANDARD: Self = Self { memory_kibibytes: 19_456, passes: 2 };
    /// For tests that sign in many times. Protects nothing.
    pub const TEST: Self = Self { memory_kibibytes: 8, passes: 1 };
}

/// Hashes and verifies.
pub struct PasswordPool {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    waiting: Semaphore,
    /// Hashes that were computed.
    computed: Arc<AtomicU64>,
    /// The hash of a password that nobody knows: what an unknown user's password is compared with, so that the answer takes
    /// as long.
    unknown: Arc<str>,
}

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many people sign in at the same time.
    #[error("too many sign-ins at the same time")]
    Busy,
    /// The algorithm refused: no memory, or a stored hash of another form.
    #[error("the password cannot be hashed")]
    Algorithm,
}

/// A password that is hashed already, so that no transaction waits for it.
#[derive(Debug)]
pub struct PreparedPassword {
    pub(super) hash: String,
    /// The password, when we made it: to be shown once. The person is asked for another one at the first sign-in.
    pub generated: Option<SecretString>,
}

impl PasswordPool {
    /// A pool whose new hashes cost `cost`.
    ///
    /// # Errors
    /// When the algorithm refuses.
    pub fn new(cost: Cost) -> Result<Self, HashError> {
        let params =
            Params::new(cost.memory_kibibytes, cost.passes, 1, None).map_err(|_| HashError::Algorithm)?;
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let unknown = hash(&argon2, &random::readable(GENERATED_LENGTH))?;
        Ok(Self {
            argon2,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(MAX_WAITING),
            computed: Arc::default(),
            unknown: unknown.into(),
        })
    }

    /// How many hashes it has computed: each sign-in costs as many, whoever asks for whom.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Hashes the password that a person chose, or one that we make.
    ///
    /// # Errors
    /// [`HashError`]; the rules for passwords are [`PasswordPool::check`]'s.
    pub async fn prepare(&self, chosen: Option<SecretString>) -> Result<PreparedPassword, HashError> {
        let (password, generated) = match chosen {
            Some(password) => (password, None),
            None => {
                let password = random::readable(GENERATED_LENGTH);
                (password.clone(), Some(password))
            }
        };
        let argon2 = self.argon2.clone();
        let hash = self.take_turn(1, move || hash(&argon2, &password)).await?;
        Ok(PreparedPassword { hash, generated })
    }

    /// Whether `password` is the one behind `stored`. Without a stored hash it takes as long, and says no.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, HashError> {
        Ok(self.verify_each(password, stored.into_iter().collect(), 1).await?.contains(&true))
    }

    /// Behind which of the `stored` hashes `password` is. It takes as long as `places` hashes, however few there are.
    ///
    /// # Errors
    /// [`HashError`].
    pub(super) async fn verify_each(
        &self,
        password: SecretString,
        stored: Vec<String>,
        places: usize,
    ) -> Result<Vec<bool>, HashError> {
        let known = stored.len();
        let mut stored: Vec<Arc<str>> = stored.into_iter().map(Arc::from).collect();
        stored.resize(known.max(places), Arc::clone(&self.unknown));
        let argon2 = self.argon2.clone();
        let costs = stored.len() as u64;
        let work = move || {
            use argon2::password_hash::Error;
            // All of them before anything is said.
            let matches: Vec<_> = stored
                .iter()
                .map(|stored| match argon2.verify_password(password.expose().as_bytes(), &**stored) {
                    Ok(()) => Ok(true),
                    Err(Error::PasswordInvalid) => Ok(false),
                    Err(_) => Err(HashError::Algorithm),
                })
                .collect();
            matches.into_iter().take(known).collect()
        };
        self.take_turn(costs, work).await
    }

    /// The rules for a password that a person chooses.
    ///
    /// # Errors
    /// When it is too short, too long, or the login itself.
    pub fn check(password: &SecretString, login: &str) -> Result<(), Invalid> {
        let length = password.expose().chars().count();
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&length) {
            return Err(Invalid::new(
                "password",
                format!("must have {MIN_LENGTH} to {MAX_LENGTH} characters"),
            ));
        }
        if password.expose().to_lowercase().contains(&login.to_lowercase()) {
            return Err(Invalid::new("password", "must not contain the login"));
        }
        Ok(())
    }

    async fn take_turn<T: Send + 'static>(
        &self,
        hashes: u64,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.waiting.try_acquire().map_err(|_| HashError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| HashError::Busy)?;
        // The turn is held by the work itself: a caller who goes away does not let another one in before it is done.
        let computed = Arc::clone(&self.computed);
        tokio::task::spawn_blocking(move || {
            let done = work();
            computed.fetch_add(hashes, Ordering::Relaxed);
            metrics::counter!("rrnetd_password_hashes_total").increment(hashes);
            drop(turn);
            done
        })
        .await
        .map_err(|_| HashError::Algorithm)?
    }
}

fn hash(argon2: &Argon2<'_>, password: &SecretString) -> Result<String, HashError> {
    let salt = random::octets::<SALT_OCTETS>();
    let hash: argon2::password_hash::phc::PasswordHash = argon2
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map_err(|_| HashError::Algorithm)?;
    Ok(hash.to_string())
}

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPool").field("free", &self.turns.available_permits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_verified_and_unknown_users_have_none() {
        let pool = PasswordPool::new(Cost::TEST).unwrap();
        let prepared = pool.prepare(None).await.unwrap();
        assert!(prepared.hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", prepared.hash);
        let password = prepared.generated.unwrap();
        assert!(pool.verify(password.clone(), Some(prepared.hash.clone())).await.unwrap());
        assert!(!pool.verify(SecretString::new("wrong".into()), Some(prepared.hash)).await.unwrap());
        assert!(!pool.verify(password, None).await.unwrap());
    }

    #[tokio::test]
    async fn as_many_hashes_are_computed_however_many_are_compared() {
        let pool = PasswordPool::new(Cost::TEST).unwrap();
        let password = SecretString::new("correct horse".into());
        let right = pool.prepare(Some(password.clone())).await.unwrap().hash;
        let wrong = pool.prepare(None).await.unwrap().hash;
        for (stored, expected) in [
            (vec![], vec![]),
            (vec![wrong.clone()], vec![false]),
            (vec![wrong.clone(), right.clone()], vec![false, true]),
            (vec![right.clone(), wrong, right], vec![true, false, true]),
        ] {
            let before = pool.computed();
            assert_eq!(pool.verify_each(password.clone(), stored, 4).await.unwrap(), expected);
            assert_eq!(pool.computed() - before, 4);
        }
    }

    #[tokio::test]
    async fn hashes_of_another_cost_are_still_verified() {
        let dear = PasswordPool::new(Cost { memory_kibibytes: 64, passes: 2 }).unwrap();
        let prepared = dear.prepare(Some(SecretString::new("correct horse".into()))).await.unwrap();
        assert!(prepared.generated.is_none());
        let cheap = PasswordPool::new(Cost::TEST).unwrap();
        assert!(cheap.verify(SecretString::new("correct horse".into()), Some(prepared.hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_is_sent_away() {
        let pool = PasswordPool::new(Cost::TEST).unwrap();
        let _all = pool.waiting.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        assert!(matches!(pool.prepare(None).await, Err(HashError::Busy)));
    }

    #[test]
    fn rules_for_chosen_passwords() {
        let check = |text: &str| PasswordPool::check(&SecretString::new(text.into()), "budi");
        assert!(check("a long enough one").is_ok());
        assert!(check("short").is_err());
        assert!(check("BUDI-is-my-name").is_err());
        assert!(check(&"x".repeat(MAX_LENGTH + 1)).is_err());
    }
}
