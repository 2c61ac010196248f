//! The exact bytes that are hashed, exported and signed; nothing here is secret.

use super::CryptoError;
use sha2::{Digest as _, Sha256};

/// The version that the suite belongs to. It is in the HPKE info, the transcript and every
/// signature of a handshake.
pub const PROTOCOL_VERSION: u32 = 1;
/// The length of `dialer_random` and `listener_random`.
pub const RANDOM_BYTES: usize = 32;
/// The length of the mac of a Hello.
pub const MAC_BYTES: usize = 16;

const TRANSCRIPT: &[u8] = b"holdfast sync transcript";
const HPKE_INFO: &[u8] = b"holdfast sync hpke";

/// A Hello as its bytes crossed the wire.
#[derive(Debug, Clone, Copy)]
pub struct SentHello<'a> {
    /// Its body, as sent or as received.
    pub body: &'a [u8],
    /// Its mac.
    pub mac: &'a [u8],
}

/// `lp(part)` of each part: no two lists of parts give the same bytes.
pub(super) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// `lp("holdfast sync hpke") lp(version)`: the `info` of HPKE.
pub(super) fn hpke_info(version: u32) -> Vec<u8> {
    framed(&[HPKE_INFO, &version.to_be_bytes()])
}

/// What both sides have seen in the clear:
/// `SHA-256( lp("holdfast sync transcript") lp(version) lp(body of Hello) lp(mac) lp(body of HelloReply) )`.
#[derive(Clone, Copy)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    pub(super) fn of(hello: SentHello<'_>, reply_body: &[u8]) -> Self {
        let version = PROTOCOL_VERSION.to_be_bytes();
        let parts = [TRANSCRIPT, &version, hello.body, hello.mac, reply_body];
        Self(Sha256::digest(framed(&parts)).into())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `bytes` as an array, or an error that names the field and both lengths.
pub(super) fn exactly<const N: usize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], CryptoError> {
    bytes.try_into().map_err(|_| CryptoError::WrongLength { what, expected: N, found: bytes.len() })
}

/// Fresh bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CryptoError::NoRandomness)?;
    Ok(bytes)
}
