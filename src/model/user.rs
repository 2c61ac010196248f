//! Who may use the web interface: roles, and what a login or an API key is known by.

use super::{Secret, SecretHash, words};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

words!(
    /// What a user or an API key may do; each may do what those before it may.
    Role, "role", {
        /// Sees everything, changes nothing.
        Viewer = "viewer",
        /// Also runs, cancels, unlocks, restores, pauses and snoozes.
        Operator = "operator",
        /// Also changes plans, repos, peers, settings and users.
        Admin = "admin",
    }
);

macro_rules! short_id {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; 8]);

        impl $type {
            /// From random bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 8]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = super::IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 8];
                let rule = "it is 16 lower-case hexadecimal digits";
                let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
                match lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
                    true => Ok(Self(bytes)),
                    false => Err(super::IdError::Malformed {
                        what: $what,
                        text: text.chars().take(80).collect(),
                        rule,
                    }),
                }
            }
        }
    };
}

short_id!(
    /// Names a login; it is not its secret.
    SessionId,
    "session id"
);
short_id!(
    /// Names an API key; it is not its secret.
    ApiKeyId,
    "API key id"
);

/// 32 random bytes that open a session or are an API key; the instance keeps only their hash.
#[derive(Clone)]
pub struct AccessSecret(Zeroizing<[u8; 32]>);

impl AccessSecret {
    /// From random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From its text, as received; `None` if it is no such text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        // 32 bytes are 43 characters; nothing longer is even looked at.
        let text = Some(text).filter(|text| text.len() == 43)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// The text to hand over, once: base64url without padding, 43 characters.
    #[must_use]
    pub fn reveal(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What is kept of it. There is nothing to guess in 256 random bits: a fast hash is enough.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::from_bytes(Sha256::digest(self.0.as_slice()).into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_role_may_do_what_those_before_it_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn a_session_id_reads_back_and_nothing_else_does() {
        let id = SessionId::from_bytes([0xab; 8]);
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        for wrong in ["", "abab", "ABABABABABABABAB", "zzzzzzzzzzzzzzzz"] {
            assert!(wrong.parse::<SessionId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn c2_hashes_differ_and_do_not_show() {
        let hash = |byte| AccessSecret::from_bytes([byte; 32]).hash();
        assert!(hash(0) != hash(1));
        assert_eq!(format!("{:?}", hash(0)), "SecretHash(..)");
    }

    proptest! {
        #[test]
        fn a_secret_reads_back(bytes: [u8; 32]) {
            let secret = AccessSecret::from_bytes(bytes);
            let back = AccessSecret::from_text(secret.reveal().expose()).unwrap();
            prop_assert_eq!(back.hash(), secret.hash());
        }

        #[test]
        fn other_texts_are_no_secret(text in "\\PC{0,60}") {
            if let Some(secret) = AccessSecret::from_text(&text) {
                let back = secret.reveal();
                prop_assert_eq!(back.expose(), text);
            }
        }
    }
}
