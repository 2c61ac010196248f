//! `<keyid>:<secret>#<instanceid>`: the listener's key and name, and what proves the invitation.

use super::UrlError;
use crate::model::{InstanceId, KeyId, Secret, SecretHash};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// 32 random bytes that the listener knows only by their hash.
#[derive(Clone)]
pub struct PairingSecret(Zeroizing<[u8; 32]>);

impl PairingSecret {
    /// How long it is.
    pub const LEN: usize = 32;

    /// From random bytes, or as received.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The text of it, for the token and for the one message that carries it.
    #[must_use]
    pub fn reveal(&self) -> Secret {
        Secret::new(hex::encode(self.0.as_slice()))
    }

    /// What the listener keeps of it: `SHA-256( lp("holdfast pairing secret") lp(text) )`, where lp
    /// is the length in 8 bytes, big-endian, and then the bytes. There is nothing to guess in 256
    /// random bits, so a fast hash is enough.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        let text = self.reveal();
        let mut hash = Sha256::new();
        for part in [&b"holdfast pairing secret"[..], text.expose().as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        SecretHash::from_bytes(hash.finalize().into())
    }

    /// From its text, as received; `None` if it is not 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        let well_formed = text.len() == 2 * Self::LEN && text.bytes().all(lower_hex);
        (well_formed && hex::decode_to_slice(text, bytes.as_mut_slice()).is_ok())
            .then_some(Self(bytes))
    }
}

/// Why a text is no token, or no link. Says nothing of what was given: part of it may be the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing was given.
    #[error("the token is empty; paste the one that `holdfast token create` printed")]
    Empty,
    /// Longer than any token.
    #[error("the text has {len} bytes, a token or link at most {limit}; paste only the token")]
    TooLong {
        /// What was given.
        len: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The command for the other machine, with the token in it.
    #[error("this is the whole line for a shell, not the token in it")]
    WholeLine,
    /// No `:` between key id and secret.
    #[error("the token has no ':' after the key id; it is KEYID:SECRET#INSTANCE")]
    NoSecret,
    /// No `#` before the instance id.
    #[error(
        "the token has no '#' before the instance id; its end seems to be missing (quote it in a shell)"
    )]
    NoInstance,
    /// What is before the `:` is no key id.
    #[error(
        "the token does not begin with a key id (\"ed25519.\" and 43 characters); its beginning may be missing"
    )]
    KeyId,
    /// The secret is not what it should be.
    #[error(
        "the secret in the token has {len} characters or others than 0-9 and a-f; it has 64 of those"
    )]
    Secret {
        /// How long it is.
        len: usize,
    },
    /// What is after the `#` is no instance id.
    #[error("the token does not end with an instance id (1 to 63 of a-z, 0-9, '.', '_', '-')")]
    Instance,
    /// A link with an address that cannot be used.
    #[error("the address in the link cannot be used: {0}")]
    Url(#[from] UrlError),
    /// A link without a token.
    #[error(
        "the link has no '#' and token after its address; paste all of it (quote it in a shell)"
    )]
    LinkWithoutToken,
}

/// An invitation by the listener that made it.
#[derive(Clone)]
pub struct Token {
    /// The listener's key.
    pub listener: KeyId,
    /// The listener's name when the token was made.
    pub instance: InstanceId,
    /// What the listener will ask for.
    pub secret: PairingSecret,
}

impl Token {
    /// No token is longer.
    pub const MAX_LEN: usize = 512;

    /// The text to hand over, once.
    #[must_use]
    pub fn reveal(&self) -> Secret {
        let secret = self.secret.reveal();
        Secret::new(format!("{}:{}#{}", self.listener, secret.expose(), self.instance))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(TokenError::TooLong { len: text.len(), limit: Self::MAX_LEN });
        }
        let (listener, rest) = text.split_once(':').ok_or(TokenError::NoSecret)?;
        let (secret, instance) = rest.split_once('#').ok_or(TokenError::NoInstance)?;
        Ok(Self {
            listener: listener.parse().map_err(|_| TokenError::KeyId)?,
            secret: PairingSecret::from_text(secret)
                .ok_or_else(|| TokenError::Secret { len: secret.chars().count() })?,
            instance: instance.parse().map_err(|_| TokenError::Instance)?,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}:..#{})", self.listener, self.instance)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(key: [u8; 32], secret: [u8; 32], instance: &str) -> Token {
        Token {
            listener: KeyId::from_bytes(key),
            instance: instance.parse().unwrap(),
            secret: PairingSecret::from_bytes(secret),
        }
    }

    fn error(text: &str) -> TokenError {
        text.parse::<Token>().unwrap_err()
    }

    #[test]
    fn each_fault_is_told_apart() {
        let whole = token([1; 32], [0xab; 32], "nas").reveal().expose().to_owned();
        let key = KeyId::from_bytes([1; 32]);
        assert_eq!(error(" "), TokenError::Empty);
        assert_eq!(error(&"x".repeat(513)), TokenError::TooLong { len: 513, limit: 512 });
        assert_eq!(error("nothing"), TokenError::NoSecret);
        assert_eq!(error(whole.split('#').next().unwrap()), TokenError::NoInstance);
        assert_eq!(error(&whole[3..]), TokenError::KeyId);
        assert_eq!(error(&format!("{key}:abc#nas")), TokenError::Secret { len: 3 });
        assert_eq!(error(&whole.replace("ab", "AB")), TokenError::Secret { len: 64 });
        assert_eq!(error(&whole.replace("#nas", "#Nas")), TokenError::Instance);
    }

    #[test]
    fn c2_debug_and_errors_hide_the_secret() {
        let token = token([1; 32], [0xab; 32], "nas");
        assert!(!format!("{token:?}").contains("abab"));
        let swapped = format!("{}:{}#x", "ab".repeat(32), KeyId::from_bytes([1; 32]));
        assert!(!error(&swapped).to_string().contains("abab"));
        let at_end = format!("{}:x#{}", KeyId::from_bytes([1; 32]), "ab".repeat(32));
        assert!(!error(&at_end).to_string().contains("abab"));
    }

    #[test]
    fn hashes_differ_and_do_not_show() {
        let hash = |byte| PairingSecret::from_bytes([byte; 32]).hash();
        assert!(hash(0) != hash(1));
        assert_eq!(format!("{:?}", hash(0)), "SecretHash(..)");
    }

    proptest! {
        #[test]
        fn reads_what_it_prints(key: [u8; 32], secret: [u8; 32], name in "[a-z0-9][a-z0-9._-]{0,62}") {
            let text = token(key, secret, &name).reveal();
            let back: Token = text.expose().parse().unwrap();
            prop_assert_eq!(back.listener, KeyId::from_bytes(key));
            prop_assert_eq!(back.secret.hash(), PairingSecret::from_bytes(secret).hash());
            prop_assert_eq!(back.instance.as_str(), name);
        }

        #[test]
        fn never_panics(text in "\\PC{0,600}") {
            let _ = text.parse::<Token>();
        }

        #[test]
        fn never_panics_near_a_token(at in 0usize..130, ch: char) {
            let mut text: Vec<char> =
                token([9; 32], [7; 32], "nas").reveal().expose().chars().collect();
            let at = at % text.len();
            text[at] = ch;
            let _ = text.into_iter().collect::<String>().parse::<Token>();
        }
    }
}
