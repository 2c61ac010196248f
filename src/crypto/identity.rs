//! An instance's key pair, and what is signed with it.
//!
//! Verification is always strict: a signature that only some implementations accept is refused.

use super::CryptoError;
use super::bytes::{PROTOCOL_VERSION, Transcript, exactly, framed, random};
use crate::model::{Epoch, KeyId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The length of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

const HANDSHAKE: &[u8] = b"holdfast sync signature";
const CHECKPOINT: &[u8] = b"holdfast sync checkpoint";
const MARK: &[u8] = b"holdfast local mark";

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// `PrivateKeyInfo` (RFC 8410 section 7) of an Ed25519 key up to its 32 bytes.
const PKCS8_BEFORE_SEED: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The Ed25519 key pair that an instance is.
///
/// Invariant C2: there is no way to print it, and it is wiped when dropped.
///
/// ```compile_fail,E0277
/// let identity = holdfast::crypto::Identity::from_seed([7; 32]);
/// println!("{identity:?}");
/// ```
pub struct Identity(SigningKey);

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn generate() -> Result<Self, CryptoError> {
        Ok(Self(SigningKey::from_bytes(&Zeroizing::new(random()?))))
    }

    /// The identity of an Ed25519 seed (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(seed)))
    }

    /// As PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([&PKCS8_BEFORE_SEED[..], self.0.as_bytes()].concat());
        let line = Zeroizing::new(STANDARD.encode(&*der));
        Zeroizing::new([PEM_BEGIN, "\n", &line, "\n", PEM_END, "\n"].concat())
    }

    /// From PKCS#8 in PEM, with or without the public key in it.
    ///
    /// # Errors
    /// [`CryptoError::MalformedIdentity`].
    pub fn from_pem(pem: &str) -> Result<Self, CryptoError> {
        let base64 = between_pem_lines(pem).ok_or(CryptoError::MalformedIdentity)?;
        let der = STANDARD.decode(&*base64).map(Zeroizing::new);
        let der = der.map_err(|_| CryptoError::MalformedIdentity)?;
        SigningKey::from_pkcs8_der(&der).map(Self).map_err(|_| CryptoError::MalformedIdentity)
    }

    /// The key id that everybody knows this instance by.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(&self.public_key())
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a checkpoint of one's own log: what `root` was at `time`. Anybody who trusts the key
    /// id can check it later, see [`verify_checkpoint`].
    #[must_use]
    pub fn sign_checkpoint(&self, epoch: &Epoch, root: &[u8; 32], time: Timestamp) -> [u8; 64] {
        self.sign(&checkpoint(&self.key_id(), epoch, root, time))
    }

    /// A mark of a text: equal texts have equal marks, and who lacks this key learns nothing of the
    /// text from one, also where it is a short secret.
    #[must_use]
    pub fn mark(&self, text: &str) -> [u8; 8] {
        let signature = self.sign(&framed(&[MARK, text.as_bytes()]));
        let digest: [u8; 32] = Sha256::digest(signature).into();
        let mut mark = [0; 8];
        mark.copy_from_slice(&digest[..8]);
        mark
    }

    pub(super) fn sign(&self, statement: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(statement).to_bytes()
    }
}

fn between_pem_lines(pem: &str) -> Option<Zeroizing<String>> {
    let inside = pem.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    // Sized before it is filled: a string that grows would leave copies of the key behind.
    let mut base64 = Zeroizing::new(String::with_capacity(inside.len()));
    base64.extend(inside.lines().map(str::trim));
    Some(base64)
}

/// `lp("holdfast sync checkpoint") lp(origin key id) lp(epoch) lp(root) lp(time)`.
fn checkpoint(origin: &KeyId, epoch: &Epoch, root: &[u8; 32], time: Timestamp) -> Vec<u8> {
    let time = time.as_millis().to_be_bytes();
    framed(&[CHECKPOINT, origin.as_bytes(), epoch.as_bytes(), root, &time])
}

/// Checks the signature of a checkpoint by the origin with `public_key`.
///
/// # Errors
/// [`CryptoError::MalformedPublicKey`] or [`CryptoError::WrongSignature`].
pub fn verify_checkpoint(
    public_key: &[u8; 32],
    epoch: &Epoch,
    root: &[u8; 32],
    time: Timestamp,
    signature: &[u8; 64],
) -> Result<(), CryptoError> {
    verify(public_key, &checkpoint(&KeyId::of(public_key), epoch, root, time), signature)
}

/// What one side shows of itself, as found in a ListenerAuth or a DialerAuth.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// Its Ed25519 key.
    pub public_key: &'a [u8],
    /// Its instance id, as text.
    pub instance: &'a str,
    /// Its signature over the transcript.
    pub signature: &'a [u8],
}

/// Who signs, and for whom: a signature of one role never holds for the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signer {
    /// The dialer, towards the listener with that key id.
    Dialer(KeyId),
    /// The listener, which does not know its dialer yet.
    Listener,
}

impl Signer {
    fn role(&self) -> &'static [u8] {
        match self {
            Self::Dialer(_) => b"dialer",
            Self::Listener => b"listener",
        }
    }

    fn other(&self) -> &[u8] {
        match self {
            Self::Dialer(listener) => listener.as_bytes(),
            Self::Listener => &[],
        }
    }

    /// `lp("holdfast sync signature") lp(role) lp(version) lp(own instance id) lp(own public key)
    /// lp(other) lp(transcript)`.
    fn statement(&self, public_key: &[u8; 32], instance: &str, transcript: &Transcript) -> Vec<u8> {
        let version = PROTOCOL_VERSION.to_be_bytes();
        framed(&[
            HANDSHAKE,
            self.role(),
            &version,
            instance.as_bytes(),
            public_key,
            self.other(),
            transcript.as_bytes(),
        ])
    }

    pub(super) fn sign(
        &self,
        identity: &Identity,
        instance: &str,
        transcript: &Transcript,
    ) -> [u8; SIGNATURE_BYTES] {
        identity.sign(&self.statement(&identity.public_key(), instance, transcript))
    }

    /// Checks a proof and gives the key that made it.
    pub(super) fn verify(
        &self,
        proof: &Proof<'_>,
        transcript: &Transcript,
    ) -> Result<[u8; 32], CryptoError> {
        let public_key = exactly("public key", proof.public_key)?;
        let signature = exactly("signature", proof.signature)?;
        verify(&public_key, &self.statement(&public_key, proof.instance, transcript), &signature)?;
        Ok(public_key)
    }
}

pub(super) fn verify(
    public_key: &[u8; 32],
    statement: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), CryptoError> {
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| CryptoError::MalformedPublicKey)?;
    key.verify_strict(statement, &Signature::from_bytes(signature))
        .map_err(|_| CryptoError::WrongSignature { signer: KeyId::of(public_key) })
}
