//! Passwords: which are taken, and Argon2id off the async runtime.
//!
//! 1. A comparison costs the same whether or not there is such a user.
//! 2. So many are worked on at once and so many wait; more are refused, not queued.

use crate::model::Secret;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The fewest characters.
pub const SHORTEST: usize = 10;
/// The most bytes.
pub const LONGEST: usize = 1024;

/// Each takes 19 MiB and some 30 ms of a core.
const AT_WORK: usize = 2;
const WAITING: usize = 32;

/// Nobody's: what a password is compared with where there is no such user. Same parameters as new hashes.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password was not taken or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Easily guessed.
    #[error("the password has {0} characters, at least {SHORTEST} are needed")]
    TooShort(usize),
    /// Not a password.
    #[error("the password has {0} bytes, at most {LONGEST} are taken")]
    TooLong(usize),
    /// Too many at once.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// The hash is not one, or the system has no randomness.
    #[error("the password could not be worked on: {0}")]
    Broken(String),
}

/// Whether a new password is one.
///
/// # Errors
/// It is too short or too long.
pub fn check(password: &Secret) -> Result<(), PasswordError> {
    let (characters, bytes) = (password.expose().chars().count(), password.expose().len());
    if characters < SHORTEST {
        return Err(PasswordError::TooShort(characters));
    }
    if bytes > LONGEST {
        return Err(PasswordError::TooLong(bytes));
    }
    Ok(())
}

/// The hash of a new password, in the PHC string format. Takes its time: not for the async runtime.
///
/// # Errors
/// It is no password, or the system has no randomness.
pub fn hash(password: &Secret) -> Result<Secret, PasswordError> {
    check(password)?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::Broken(error.to_string()))?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map_err(|error| PasswordError::Broken(error.to_string()))?;
    Ok(Secret::new(hash.to_string()))
}

fn is(password: &Secret, hash: &Secret) -> bool {
    Argon2::default().verify_password(password.expose().as_bytes(), hash.expose()).is_ok()
}

/// Where passwords are worked on.
#[derive(Debug)]
pub struct Passwords {
    at_work: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { at_work: places(AT_WORK), admitted: places(AT_WORK + WAITING) }
    }
}

impl Passwords {
    /// The hash of a new password.
    ///
    /// # Errors
    /// It is no password, or too many are being worked on.
    pub async fn hash(&self, password: Secret) -> Result<Secret, PasswordError> {
        check(&password)?;
        self.work(move || hash(&password)).await?
    }

    /// Whether this is the password that has this hash; nobody's is no password's.
    ///
    /// # Errors
    /// Too many are being worked on.
    pub async fn verify(
        &self,
        password: Secret,
        against: Option<Secret>,
    ) -> Result<bool, PasswordError> {
        let somebody = against.is_some() && password.expose().len() <= LONGEST;
        let (password, hash) = match against.filter(|_| somebody) {
            Some(hash) => (password, hash),
            None => (Secret::new("nobody's password".to_owned()), Secret::new(NOBODY.to_owned())),
        };
        self.work(move || is(&password, &hash) & somebody).await
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let busy = |_| PasswordError::Busy;
        let admitted =
            Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let at_work = Arc::clone(&self.at_work).acquire_owned().await.map_err(busy)?;
        // The places go with the work: a caller who goes away leaves it running.
        let worked = tokio::task::spawn_blocking(move || {
            let done = job();
            drop((admitted, at_work));
            done
        })
        .await;
        worked.map_err(|error| PasswordError::Broken(error.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_its_own_hash_s_and_no_other_is() {
        let passwords = Passwords::default();
        let hash = passwords.hash(secret("correct horse battery")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "parameters");
        let again = passwords.hash(secret("correct horse battery")).await.unwrap();
        assert!(hash != again, "each has a salt of its own");
        let is = |text: &str, hash: &Secret| passwords.verify(secret(text), Some(hash.clone()));
        assert!(is("correct horse battery", &hash).await.unwrap());
        assert!(!is("correct horse batterx", &hash).await.unwrap());
        assert!(!is("", &hash).await.unwrap());
        assert!(!is("correct horse battery", &secret("no hash")).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password_and_costs_the_same() {
        let parse = |text: &str| PasswordHash::new(text).unwrap();
        let real = hash(&secret("correct horse battery")).unwrap();
        assert_eq!(parse(NOBODY).params, parse(real.expose()).params);
        assert_eq!(parse(NOBODY).algorithm, parse(real.expose()).algorithm);
        let lengths = |hash: PasswordHash| (hash.salt.unwrap().len(), hash.hash.unwrap().len());
        assert_eq!(lengths(parse(NOBODY)), lengths(parse(real.expose())));
        for text in ["", "nobody's password", &"x".repeat(LONGEST + 1)] {
            assert!(!Passwords::default().verify(secret(text), None).await.unwrap());
        }
    }

    #[test]
    fn a_password_is_neither_short_nor_endless() {
        assert_eq!(check(&secret("123456789")), Err(PasswordError::TooShort(9)));
        assert_eq!(check(&secret("éééééééééé")), Ok(()));
        assert_eq!(check(&secret(&"x".repeat(1025))), Err(PasswordError::TooLong(1025)));
    }

    #[tokio::test]
    async fn what_is_too_much_at_once_is_refused() {
        let passwords = Passwords { admitted: Arc::new(Semaphore::new(0)), ..Passwords::default() };
        let refused = passwords.verify(secret("x"), None).await;
        assert_eq!(refused, Err(PasswordError::Busy));
    }
}
