//! The listener's side of the handshake.
//!
//! ```text
//!  ListenerStart ────► ListenerEncapsulated ──► ListenerKeyed ──► ListenerWaiting ──► ListenerOpened ──► Channel
//!    check   encapsulate             key   sign     seal_auth   open_dialer_auth      authenticate
//! ```
//!
//! A stranger costs one HMAC: the mac of a Hello is checked before any work for the KEM. Between
//! its own proof and the dialer's the listener can seal nothing more.

use super::bytes::{RANDOM_BYTES, SentHello, Transcript, random};
use super::dialer::hello_mac;
use super::identity::{Identity, Proof, SIGNATURE_BYTES, Signer};
use super::kem::Encapsulation;
use super::{Channel, CryptoError, same_bytes};
use crate::model::KeyId;
use zeroize::Zeroizing;

/// Has a Hello of somebody who knows this instance's key id.
pub struct ListenerStart {
    own: KeyId,
}

impl ListenerStart {
    /// Checks the mac of a Hello, in constant time. `own` is this instance's key id.
    ///
    /// # Errors
    /// [`CryptoError::WrongMac`].
    pub fn check(own: &KeyId, hello_body: &[u8], mac: &[u8]) -> Result<Self, CryptoError> {
        if same_bytes(&hello_mac(own, hello_body), mac) {
            Ok(Self { own: *own })
        } else {
            Err(CryptoError::WrongMac)
        }
    }

    /// Agrees on a secret with the holder of `kem_public_key`, a field of the Hello's body.
    ///
    /// # Errors
    /// [`CryptoError::WrongLength`], [`CryptoError::MalformedKemKey`],
    /// [`CryptoError::LowOrderPoint`], [`CryptoError::Unagreed`] or [`CryptoError::NoRandomness`].
    pub fn encapsulate(self, kem_public_key: &[u8]) -> Result<ListenerEncapsulated, CryptoError> {
        // Drawn first: it reports a machine without randomness, where the KEM would panic.
        let random = random()?;
        Ok(ListenerEncapsulated { own: self.own, random, kem: Encapsulation::to(kem_public_key)? })
    }
}

/// Has all that goes into the body of its HelloReply.
pub struct ListenerEncapsulated {
    own: KeyId,
    random: [u8; RANDOM_BYTES],
    kem: Encapsulation,
}

impl ListenerEncapsulated {
    /// The `kem_ciphertext` of the HelloReply.
    #[must_use]
    pub fn kem_ciphertext(&self) -> &[u8] {
        self.kem.ciphertext()
    }

    /// The `listener_random` of the HelloReply.
    #[must_use]
    pub fn random(&self) -> &[u8; RANDOM_BYTES] {
        &self.random
    }

    /// Derives the keys. `hello` is the Hello as it was received, `reply_body` the body of the
    /// HelloReply as it will be sent.
    ///
    /// # Errors
    /// [`CryptoError::Unagreed`].
    pub fn key(
        self,
        hello: SentHello<'_>,
        reply_body: &[u8],
    ) -> Result<ListenerKeyed, CryptoError> {
        let transcript = Transcript::of(hello, reply_body);
        let keys = self.kem.agree(&transcript)?;
        let channel = Channel::of_listener(&keys);
        Ok(ListenerKeyed { own: self.own, transcript, channel })
    }
}

/// Has keys, and says who it is.
pub struct ListenerKeyed {
    own: KeyId,
    transcript: Transcript,
    channel: Channel,
}

impl ListenerKeyed {
    /// The signature for this side's ListenerAuth.
    #[must_use]
    pub fn sign(&self, identity: &Identity, instance: &str) -> [u8; SIGNATURE_BYTES] {
        Signer::Listener.sign(identity, instance, &self.transcript)
    }

    /// Seals the ListenerAuth: record 0 of the listener's direction.
    ///
    /// # Errors
    /// [`CryptoError::Unsealable`].
    pub fn seal_auth(self, plaintext: &[u8]) -> Result<(Vec<u8>, ListenerWaiting), CryptoError> {
        let Self { own, transcript, mut channel } = self;
        let sealed = channel.seal(plaintext)?;
        Ok((sealed, ListenerWaiting { own, transcript, channel }))
    }
}

/// Awaits the sealed DialerAuth.
///
/// It has said who it is and says no more to somebody it does not know:
///
/// ```compile_fail,E0599
/// fn talkative(mut waiting: holdfast::crypto::ListenerWaiting) {
///     let _ = waiting.seal(b"my operations");
/// }
/// ```
pub struct ListenerWaiting {
    own: KeyId,
    transcript: Transcript,
    channel: Channel,
}

impl ListenerWaiting {
    /// Opens record 0 of the dialer's direction: the bytes of its DialerAuth.
    ///
    /// # Errors
    /// [`CryptoError::Unopened`].
    pub fn open_dialer_auth(
        self,
        record: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, ListenerOpened), CryptoError> {
        let Self { own, transcript, mut channel } = self;
        let auth = Zeroizing::new(channel.open(record)?);
        Ok((auth, ListenerOpened { own, transcript, channel }))
    }
}

/// Has the dialer's proof in hand and must check it next.
///
/// The proof cannot be passed over (invariant S1):
///
/// ```compile_fail,E0616
/// fn trusting(opened: holdfast::crypto::ListenerOpened) -> holdfast::crypto::Channel {
///     opened.channel
/// }
/// ```
pub struct ListenerOpened {
    own: KeyId,
    transcript: Transcript,
    channel: Channel,
}

impl ListenerOpened {
    /// Checks the dialer's signature; gives its key id, its public key and the channel. Whether
    /// that key may connect is for the caller to say.
    ///
    /// # Errors
    /// [`CryptoError::WrongLength`], [`CryptoError::MalformedPublicKey`] or
    /// [`CryptoError::WrongSignature`].
    pub fn authenticate(
        self,
        proof: &Proof<'_>,
    ) -> Result<(KeyId, [u8; 32], Channel), CryptoError> {
        let dialer_key = Signer::Dialer(self.own).verify(proof, &self.transcript)?;
        Ok((KeyId::of(&dialer_key), dialer_key, self.channel))
    }
}
