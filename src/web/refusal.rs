//! Why a caller is not let in, or a login is not opened.

use super::password::{LONGEST, PasswordError, SHORTEST};
use crate::api::Error;
use crate::model::{IdError, Role};
use crate::store::StoreError;
use std::time::Duration;
use tonic::{Code, Status};

/// Sorted by who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No user, and the caller is not on this machine.
    #[error("no user exists yet, so the web interface answers its own machine only")]
    NoUsers,
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The name or the password: which one is nobody's business.
    #[error("name or password is wrong")]
    WrongLogin,
    /// A key that is none, or none any more.
    #[error("the API key is unknown, expired or revoked")]
    WrongKey,
    /// The current password, when one's own is changed.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Guessing is slow.
    #[error("too many tries; the next one counts in {} s", .0.as_secs().max(1))]
    TooOften(Duration),
    /// Signed in, and not for this.
    #[error("this needs the role {needs}, and you have the role {has}")]
    Role {
        /// What the caller has.
        has: Role,
        /// What it takes.
        needs: Role,
    },
    /// No table row.
    #[error("there is no such method")]
    NoSuchMethod,
    /// The code that the daemon printed.
    #[error("the code is wrong")]
    WrongCode,
    /// From elsewhere, and no code was printed.
    #[error("the first user is created on the machine itself")]
    NoCode,
    /// The first user exists.
    #[error("there is a user already")]
    UsersExist,
    /// Not a user name.
    #[error(transparent)]
    Name(#[from] IdError),
    /// Not a password, or too many at once.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The system has no randomness.
    #[error("the system gives no random bytes: {0}")]
    Randomness(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    fn parts(&self) -> (Code, &'static str, String) {
        let on_machine = "on that machine run: holdfast user add NAME";
        let said = |code, word, remedy: &str| (code, word, remedy.to_owned());
        match self {
            Self::NoUsers => said(Code::Unauthenticated, "no-users", on_machine),
            Self::NotSignedIn => {
                said(Code::Unauthenticated, "not-signed-in", "sign in, or send an API key")
            }
            Self::WrongLogin => {
                let remedy =
                    "a forgotten password is set on the machine: holdfast user passwd NAME";
                said(Code::Unauthenticated, "wrong-login", remedy)
            }
            Self::WrongKey => {
                let remedy = "make a new one: holdfast user key create";
                said(Code::Unauthenticated, "wrong-key", remedy)
            }
            Self::WrongPassword => said(Code::PermissionDenied, "wrong-password", ""),
            Self::TooOften(_) => said(Code::ResourceExhausted, "too-often", "wait, then try again"),
            Self::Role { .. } => {
                said(Code::PermissionDenied, "role", "ask an admin of this instance")
            }
            Self::NoSuchMethod => said(Code::Unimplemented, "no-such-method", ""),
            Self::WrongCode => {
                let remedy = "it is in the daemon's log, printed when it started";
                said(Code::PermissionDenied, "wrong-code", remedy)
            }
            Self::NoCode => said(Code::PermissionDenied, "no-code", on_machine),
            Self::UsersExist => said(Code::FailedPrecondition, "users-exist", "sign in"),
            Self::Name(_) => said(Code::InvalidArgument, "invalid", ""),
            Self::Password(error) => password(error),
            Self::Randomness(_) => said(Code::Internal, "randomness", "try again"),
            Self::Store(_) => said(Code::Internal, "store", "see the daemon's log; backups go on"),
        }
    }
}

fn password(error: &PasswordError) -> (Code, &'static str, String) {
    match error {
        PasswordError::TooShort(_) | PasswordError::TooLong(_) => {
            let remedy = format!("take one of {SHORTEST} characters to {LONGEST} bytes");
            (Code::InvalidArgument, "password", remedy)
        }
        PasswordError::Busy => (Code::ResourceExhausted, "busy", "try again".to_owned()),
        PasswordError::Broken(_) => (Code::Internal, "internal", String::new()),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (code, word, remedy) = refusal.parts();
        if code == Code::Internal {
            tracing::error!(error = %refusal, "a caller could not be judged");
        }
        Error::new(word, refusal.to_string(), remedy).into_status(code)
    }
}
