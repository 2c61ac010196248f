//! Names and identifiers, checked when they are made.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has characters, or a length, that the identifier does not allow.
    #[error("{what} {text:?} is not valid: {rule}")]
    Malformed {
        /// Which identifier was wanted.
        what: &'static str,
        /// What was given, cut to 80 characters.
        text: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

fn malformed(what: &'static str, text: &str, rule: &'static str) -> IdError {
    IdError::Malformed { what, text: text.chars().take(80).collect(), rule }
}

fn follows(text: &str, first: fn(char) -> bool, rest: fn(char) -> bool) -> bool {
    let mut chars = text.chars();
    text.len() <= 63 && chars.next().is_some_and(first) && chars.all(rest)
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $first:expr, $rest:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The text of the identifier.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if follows(text, $first, $rest) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(malformed($what, text, $rule))
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// The human name of an instance: `[a-z0-9][a-z0-9._-]{0,62}`.
    InstanceId,
    "instance id",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'),
    "use 1 to 63 lower-case letters, digits, '.', '_' or '-', beginning with a letter or digit"
);

name!(
    /// Who signs in to the web interface: `[a-z0-9][a-z0-9._@-]{0,62}`.
    UserName,
    "user name",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '@'),
    "use 1 to 63 lower-case letters, digits, '.', '_', '-' or '@', beginning with a letter or digit"
);

macro_rules! config_id {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        name!(
            $(#[$doc])*
            $type,
            $what,
            |c| c.is_ascii_alphanumeric(),
            |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
            "use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
        );
    };
}

config_id!(
    /// The id of a repo: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`; never renamed, never a file name.
    RepoId,
    "repo id"
);
config_id!(
    /// The id of a plan: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`; never renamed, never a file name.
    PlanId,
    "plan id"
);

/// restic's own repository id: 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoGuid(String);

impl RepoGuid {
    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepoGuid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(malformed("repository guid", text, "it is 64 lower-case hexadecimal digits"))
        }
    }
}

impl fmt::Display for RepoGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Who an instance is: the SHA-256 of its Ed25519 public key.
///
/// Written `ed25519.` + base64url without padding (51 characters).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    const PREFIX: &str = "ed25519.";

    /// The key id of a public key.
    #[must_use]
    pub fn of(public_key: &[u8; 32]) -> Self {
        Self(Sha256::digest(public_key).into())
    }

    /// From the 32 bytes of the hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(Self::PREFIX)
            .filter(|rest| rest.len() == 43)
            .and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                malformed("key id", text, "it is \"ed25519.\" and 43 characters of base64url")
            })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! sixteen_bytes {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; 16]);

        impl $type {
            /// From its 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&uuid::Uuid::from_bytes(self.0), f)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                uuid::Uuid::parse_str(text)
                    .map(|id| Self(id.into_bytes()))
                    .map_err(|_| malformed("id", text, "it is a UUID"))
            }
        }
    };
}

sixteen_bytes!(
    /// Names an operation; with its origin, anywhere. A UUIDv7 (RFC 9562).
    OperationId
);
sixteen_bytes!(
    /// Names the operations that one trigger caused. A UUIDv7 (RFC 9562).
    FlowId
);
sixteen_bytes!(
    /// The random id of a log, made when the log starts empty and kept through restores.
    Epoch
);

impl OperationId {
    /// The id that expectations carry in place of an operation's.
    pub const EXPECTATION: Self = Self([0; 16]);

    /// A UUIDv7 of that time with 10 random bytes (RFC 9562 section 5.7).
    #[must_use]
    pub fn new(at: super::Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into_bytes())
    }
}

impl From<OperationId> for FlowId {
    fn from(id: OperationId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rule() {
        for good in ["nas", "a", "0.x_y-z"] {
            assert!(good.parse::<InstanceId>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "Nas", "-a", ".a", "a b", "ä", long.as_str()] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad}");
        }
        assert!("Vault.1".parse::<RepoId>().is_ok());
        assert!("../x".parse::<PlanId>().is_err());
    }

    #[test]
    fn key_id_reads_back() {
        let id = KeyId::of(&[7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 51);
        assert_eq!(text.parse(), Ok(id));
        assert!("ed25519.short".parse::<KeyId>().is_err());
    }
}
