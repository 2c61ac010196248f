//! Secrets that are stored as a hash only.

use super::bytes::framed;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const PAIRING_SECRET: &[u8] = b"holdfast pairing secret";

/// What the listener stores of a pairing secret:
/// `SHA-256( lp("holdfast pairing secret") lp(secret) )`.
///
/// The secret has 256 random bits, so a fast hash is enough: there is nothing to guess.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(Zeroizing::new(framed(&[PAIRING_SECRET, secret.as_bytes()]))).into()
}

/// Whether two values are the same, in a time that depends on nothing but their lengths.
#[must_use]
pub fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
