//! The sealed channel: records in order, each sealed and opened once.
//!
//! Records carry no nonce and no number; both sides count. What a record must not exceed in
//! length is for the carrier to check before it is received.

use super::CryptoError;
use super::kem::{RecordKey, RecordKeys};
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};

/// How much longer a record is than its plaintext.
pub const TAG_BYTES: usize = 16;
/// How many records one direction may carry.
pub const MAX_RECORDS: u64 = 1 << 32;

/// Two directions of records between two authenticated instances.
///
/// Invariant C1: each direction counts its records, and the number is the nonce; any failure drops
/// the keys, so that everything after it is [`CryptoError::Shut`].
///
/// Invariant C2: it cannot be printed.
///
/// ```compile_fail
/// fn print(channel: &holdfast::crypto::Channel) {
///     println!("{channel:?}");
/// }
/// ```
pub struct Channel {
    /// `None` once it is shut.
    open: Option<Directions>,
}

struct Directions {
    sealing: Direction,
    opening: Direction,
}

struct Direction {
    cipher: ChaCha20Poly1305,
    /// Records so far: the number of the next one.
    records: u64,
}

impl Channel {
    pub(super) fn of_dialer(keys: &RecordKeys) -> Self {
        Self::new(&keys.dialer, &keys.listener)
    }

    pub(super) fn of_listener(keys: &RecordKeys) -> Self {
        Self::new(&keys.listener, &keys.dialer)
    }

    fn new(sealing: &RecordKey, opening: &RecordKey) -> Self {
        let (sealing, opening) = (Direction::new(sealing), Direction::new(opening));
        Self { open: Some(Directions { sealing, opening }) }
    }

    /// Seals the next record.
    ///
    /// # Errors
    /// [`CryptoError::Exhausted`] at the limit of records, [`CryptoError::Unsealable`] for a
    /// plaintext beyond any limit; both shut the channel. [`CryptoError::Shut`] after a failure.
    pub fn seal(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.latched(|directions| directions.sealing.seal(plaintext))
    }

    /// Opens the next record.
    ///
    /// # Errors
    /// [`CryptoError::Unopened`] if it is not the next record of the other side, unchanged; this
    /// shuts the channel. [`CryptoError::Shut`] after a failure.
    pub fn open(&mut self, record: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.latched(|directions| directions.opening.open(record))
    }

    /// The number of records of the direction that has carried more: a channel is replaced well
    /// before [`MAX_RECORDS`]. Zero once it is shut.
    #[must_use]
    pub fn records(&self) -> u64 {
        let larger = |both: &Directions| both.sealing.records.max(both.opening.records);
        self.open.as_ref().map_or(0, larger)
    }

    fn latched(
        &mut self,
        act: impl FnOnce(&mut Directions) -> Result<Vec<u8>, CryptoError>,
    ) -> Result<Vec<u8>, CryptoError> {
        let outcome = self.open.as_mut().map_or(Err(CryptoError::Shut), act);
        if outcome.is_err() {
            self.open = None;
        }
        outcome
    }
}

impl Direction {
    fn new(key: &RecordKey) -> Self {
        Self { cipher: ChaCha20Poly1305::new((&**key).into()), records: 0 }
    }

    fn seal(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let nonce = nonce(self.next()?);
        let sealed = self.cipher.encrypt(&nonce, plaintext);
        sealed.map_err(|_| CryptoError::Unsealable { length: plaintext.len() })
    }

    fn open(&mut self, record: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let number = self.next()?;
        let opened = self.cipher.decrypt(&nonce(number), record);
        opened.map_err(|_| CryptoError::Unopened { number })
    }

    /// Takes the next number; before it is used, so that none is used twice whatever happens.
    fn next(&mut self) -> Result<u64, CryptoError> {
        let number = self.records;
        if number == MAX_RECORDS {
            return Err(CryptoError::Exhausted { limit: MAX_RECORDS });
        }
        self.records = number + 1;
        Ok(number)
    }
}

/// RFC 8439 section 2.8: 96 bits; here 32 zero bits and the number of the record.
fn nonce(number: u64) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}
