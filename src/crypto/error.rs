//! What can go wrong, sorted by whose fault it is.

use crate::model::KeyId;

/// Why a handshake, a record, a signature or a key was not accepted. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    // ---- the peer, or somebody in between, misbehaved
    /// The sender of a Hello does not know the listener's key id.
    #[error("the mac of the hello is wrong: its sender does not know this instance's key id")]
    WrongMac,
    /// A field has another length than the suite gives it.
    #[error("{what} of {found} bytes, {expected} required")]
    WrongLength {
        /// Which field.
        what: &'static str,
        /// The length that it must have.
        expected: usize,
        /// The length that it has.
        found: usize,
    },
    /// The ML-KEM part of a public key fails the modulus check of FIPS 203 section 7.2.
    #[error("the ML-KEM key is malformed: a coefficient is not below the modulus")]
    MalformedKemKey,
    /// An X25519 value of low order: it would contribute nothing to the key.
    #[error("the X25519 value of the {what} is of low order")]
    LowOrderPoint {
        /// Where the value was found.
        what: &'static str,
    },
    /// HPKE could not derive keys from what the peer sent.
    #[error("no keys could be agreed")]
    Unagreed,
    /// A record did not open: changed, lost, repeated, out of order or sealed for somebody else.
    #[error("record {number} does not open; the channel is shut")]
    Unopened {
        /// The number of the record in its direction, from 0.
        number: u64,
    },
    /// Not the listener whose key id was pinned.
    #[error("the listener is {found}, {expected} was expected; check the address, or pair again")]
    WrongListener {
        /// The key id that was pinned.
        expected: KeyId,
        /// The key id of the key that the listener shows.
        found: KeyId,
    },
    /// A public key that is no Ed25519 key.
    #[error("the public key is not a valid Ed25519 key")]
    MalformedPublicKey,
    /// The signature does not hold.
    #[error("the signature by {signer} does not hold")]
    WrongSignature {
        /// Whose signature it claims to be.
        signer: KeyId,
    },

    // ---- this side
    /// The operating system gave no randomness.
    #[error("the operating system gives no randomness")]
    NoRandomness,
    /// The text of an identity cannot be read.
    #[error("the identity is not an Ed25519 key as PKCS#8 PEM; restore it from a backup")]
    MalformedIdentity,
    /// The channel was shut by an earlier failure.
    #[error("the channel is shut by an earlier failure; a new session is needed")]
    Shut,
    /// A direction of the channel has carried all records that it may.
    #[error("the channel has carried {limit} records; a new session is needed")]
    Exhausted {
        /// How many records a direction may carry.
        limit: u64,
    },
    /// A plaintext that cannot be sealed.
    #[error("{length} bytes cannot be sealed as one record")]
    Unsealable {
        /// The length of the plaintext.
        length: usize,
    },
}
