//! Who an instance is, and the sealed channel between two of them.
//!
//! ```text
//!  Identity                 Ed25519: signs handshakes and checkpoints
//!  DialerStart … Channel    the handshake, one type per state, each consumed by the next
//!  ListenerStart … Channel
//!  Channel                  records: sealed and opened in order, once
//! ```
//!
//! It works on raw bytes: it neither reads protobuf nor knows grants, time or carriers, and it
//! leaves limits on the size of messages to those who receive them. Whoever decodes a message
//! passes on both its bytes as received and the fields found in them.
//!
//! # Bytes
//!
//! `lp(x)` is the length of `x` as 8 bytes, big-endian, then `x`. Texts are UTF-8, integers are
//! big-endian: version 4 bytes, time 8 bytes (two's complement). Labels are ASCII.
//!
//! ```text
//!  KEY ID      SHA-256(Ed25519 public key)
//!  MAC         HMAC-SHA-256(key = listener's key id, body of Hello), first 16 bytes
//!  KEM         HPKE base mode (RFC 9180) 0x647a, 0x0001, 0x0003; the dialer is the recipient
//!  INFO        lp("holdfast sync hpke") lp(version)
//!  TRANSCRIPT  SHA-256( lp("holdfast sync transcript") lp(version)
//!                       lp(body of Hello) lp(mac of Hello) lp(body of HelloReply) )
//!  KEY of a    HPKE export of 32 bytes with the context lp(label) lp(TRANSCRIPT); labels
//!  direction   "holdfast sync dialer records" and "holdfast sync listener records"
//!  RECORD n    ChaCha20-Poly1305(key of the direction, nonce = 4 zero bytes, n as 8 bytes; no
//!              additional data): ciphertext, then the tag of 16 bytes; n counts from 0
//!  SIGNATURE   Ed25519 over lp("holdfast sync signature") lp(role) lp(version) lp(own instance id)
//!              lp(own public key) lp(other) lp(TRANSCRIPT); role is "dialer" or "listener"; other
//!              is the listener's key id for a dialer, and empty for a listener
//!  CHECKPOINT  Ed25519 over lp("holdfast sync checkpoint") lp(origin key id) lp(epoch) lp(root)
//!              lp(time in milliseconds since the Unix epoch)
//!  SECRET      SHA-256( lp("holdfast pairing secret") lp(secret) )
//! ```
//!
//! # Invariants
//!
//! 1. C1: a nonce is used once, and a failure to open or to seal ends the channel for good.
//! 2. C2: no type that holds a secret can be printed, and its memory is wiped.
//! 3. S1: a [`Channel`] exists only for a peer whose signature over this transcript was verified.
//! 4. P2: a dialer can seal nothing before its listener is authenticated as the pinned key.
//! 5. A key from the network is checked (length, ML-KEM modulus, X25519 order) before it is used.

mod bytes;
mod channel;
mod dialer;
mod error;
mod identity;
mod kem;
mod listener;
mod secret;
#[cfg(test)]
mod tests;

pub use bytes::{MAC_BYTES, PROTOCOL_VERSION, RANDOM_BYTES, SentHello};
pub use channel::{Channel, MAX_RECORDS, TAG_BYTES};
pub use dialer::{DialerAuthenticated, DialerKeyed, DialerOpened, DialerStart};
pub use error::CryptoError;
pub use identity::{Identity, Proof, SIGNATURE_BYTES, verify_checkpoint};
pub use kem::{KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES};
pub use listener::{
    ListenerEncapsulated, ListenerKeyed, ListenerOpened, ListenerStart, ListenerWaiting,
};
pub use secret::{same_bytes, secret_hash};
