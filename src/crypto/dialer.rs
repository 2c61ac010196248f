//! The dialer's side of the handshake.
//!
//! ```text
//!  DialerStart ──────► DialerKeyed ──────► DialerOpened ──────► DialerAuthenticated ──► Channel
//!    mac         receive    open_listener_auth    authenticate      sign       into_channel
//! ```
//!
//! The listener proves who it is first: a dialer cannot seal anything, so cannot tell who it is or
//! what its pairing secret is (invariant P2), before [`DialerOpened::authenticate`] has compared
//! the key id with the pinned one and verified the signature.

use super::bytes::{MAC_BYTES, RANDOM_BYTES, SentHello, Transcript, exactly, random};
use super::identity::{Identity, Proof, SIGNATURE_BYTES, Signer};
use super::kem::KemKey;
use super::{Channel, CryptoError};
use crate::model::KeyId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// `HMAC-SHA-256(key = listener's key id, body of Hello)`, first 16 bytes.
pub(super) fn hello_mac(listener: &KeyId, body: &[u8]) -> [u8; MAC_BYTES] {
    // A key as long as the hash is what HMAC pads to a block, so it is never hashed first.
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..32].copy_from_slice(listener.as_bytes());
    let full = Hmac::<Sha256>::new(&block).chain_update(body).finalize().into_bytes();
    let mut mac = [0; MAC_BYTES];
    mac.copy_from_slice(&full[..MAC_BYTES]);
    mac
}

/// About to say Hello to the listener with the pinned key id.
///
/// Nothing can be sealed yet:
///
/// ```compile_fail,E0599
/// fn early(start: holdfast::crypto::DialerStart) {
///     let _ = start.into_channel();
/// }
/// ```
pub struct DialerStart {
    listener: KeyId,
    kem: KemKey,
    random: [u8; RANDOM_BYTES],
}

impl DialerStart {
    /// Draws the key pair and the randomness of one handshake with the pinned `listener`.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn new(listener: KeyId) -> Result<Self, CryptoError> {
        Ok(Self { listener, kem: KemKey::generate()?, random: random()? })
    }

    /// The `kem_public_key` of the Hello.
    #[must_use]
    pub fn kem_public_key(&self) -> &[u8] {
        self.kem.public()
    }

    /// The `dialer_random` of the Hello.
    #[must_use]
    pub fn random(&self) -> &[u8; RANDOM_BYTES] {
        &self.random
    }

    /// The mac of a Hello with this body.
    #[must_use]
    pub fn mac(&self, body: &[u8]) -> [u8; MAC_BYTES] {
        hello_mac(&self.listener, body)
    }

    /// Agrees on keys. `sent` is the Hello as it was sent, `reply_body` the body of the HelloReply
    /// as it was received, `kem_ciphertext` the field in it.
    ///
    /// # Errors
    /// [`CryptoError::WrongLength`], [`CryptoError::LowOrderPoint`] or [`CryptoError::Unagreed`].
    pub fn receive(
        self,
        sent: SentHello<'_>,
        reply_body: &[u8],
        kem_ciphertext: &[u8],
    ) -> Result<DialerKeyed, CryptoError> {
        let transcript = Transcript::of(sent, reply_body);
        let keys = self.kem.agree(kem_ciphertext, &transcript)?;
        let channel = Channel::of_dialer(&keys);
        Ok(DialerKeyed { listener: self.listener, transcript, channel })
    }
}

/// Has keys with somebody, and awaits the sealed ListenerAuth.
///
/// It opens but does not seal:
///
/// ```compile_fail,E0599
/// fn early(mut keyed: holdfast::crypto::DialerKeyed) {
///     let _ = keyed.seal(b"who I am");
/// }
/// ```
pub struct DialerKeyed {
    listener: KeyId,
    transcript: Transcript,
    channel: Channel,
}

impl DialerKeyed {
    /// Opens record 0 of the listener's direction: the bytes of its ListenerAuth.
    ///
    /// # Errors
    /// [`CryptoError::Unopened`].
    pub fn open_listener_auth(
        self,
        sealed: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, DialerOpened), CryptoError> {
        let Self { listener, transcript, mut channel } = self;
        let auth = Zeroizing::new(channel.open(sealed)?);
        Ok((auth, DialerOpened { listener, transcript, channel }))
    }
}

/// Has the listener's proof in hand and must check it next.
///
/// The proof cannot be passed over:
///
/// ```compile_fail,E0599
/// fn trusting(opened: holdfast::crypto::DialerOpened) {
///     let _ = opened.into_channel();
/// }
/// ```
pub struct DialerOpened {
    listener: KeyId,
    transcript: Transcript,
    channel: Channel,
}

impl DialerOpened {
    /// Checks the key id against the pinned one, then the signature.
    ///
    /// # Errors
    /// [`CryptoError::WrongListener`] before anything else; then [`CryptoError::WrongLength`],
    /// [`CryptoError::MalformedPublicKey`] or [`CryptoError::WrongSignature`].
    pub fn authenticate(self, proof: &Proof<'_>) -> Result<DialerAuthenticated, CryptoError> {
        let Self { listener, transcript, channel } = self;
        let found = KeyId::of(&exactly("public key", proof.public_key)?);
        if found != listener {
            return Err(CryptoError::WrongListener { expected: listener, found });
        }
        let listener_key = Signer::Listener.verify(proof, &transcript)?;
        Ok(DialerAuthenticated { listener, listener_key, transcript, channel })
    }
}

/// Knows that the listener is the pinned one, and says who it is itself.
///
/// Its channel is taken once:
///
/// ```compile_fail,E0382
/// fn twice(dialer: holdfast::crypto::DialerAuthenticated) {
///     let first = dialer.into_channel();
///     let second = dialer.into_channel();
/// }
/// ```
pub struct DialerAuthenticated {
    listener: KeyId,
    listener_key: [u8; 32],
    transcript: Transcript,
    channel: Channel,
}

impl DialerAuthenticated {
    /// The signature for this side's DialerAuth.
    #[must_use]
    pub fn sign(&self, identity: &Identity, instance: &str) -> [u8; SIGNATURE_BYTES] {
        Signer::Dialer(self.listener).sign(identity, instance, &self.transcript)
    }

    /// The listener's key id: the pinned one.
    #[must_use]
    pub fn listener(&self) -> KeyId {
        self.listener
    }

    /// The listener's public key.
    #[must_use]
    pub fn listener_public_key(&self) -> [u8; 32] {
        self.listener_key
    }

    /// The channel. The first record sealed in it is the DialerAuth.
    #[must_use]
    pub fn into_channel(self) -> Channel {
        self.channel
    }
}
