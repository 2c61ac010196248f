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
/// ```compile_fail,E0277
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::vectors::{bytes, file};
    use super::*;
    use proptest::prelude::*;

    fn pair() -> (Channel, Channel) {
        let keys = RecordKeys { dialer: [1; 32].into(), listener: [2; 32].into() };
        (Channel::of_dialer(&keys), Channel::of_listener(&keys))
    }

    fn count_from(channel: &mut Channel, records: u64) {
        let open = channel.open.as_mut().unwrap();
        (open.sealing.records, open.opening.records) = (records, records);
    }

    #[test]
    fn records_are_as_documented() {
        let ours = file("holdfast");
        let key: [u8; 32] = bytes(&ours["record_key"]).try_into().unwrap();
        let mut direction = Direction::new(&key.into());
        for (plain, sealed) in ours["record_plaintexts"]
            .as_array()
            .unwrap()
            .iter()
            .zip(ours["records"].as_array().unwrap())
        {
            assert_eq!(direction.seal(&bytes(plain)).unwrap(), bytes(sealed));
        }
    }

    #[test]
    fn nonces_are_zeros_and_the_number() {
        let expected = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(nonce(0x0102_0304_0506_0708).as_slice(), expected);
    }

    #[test]
    fn c1_the_same_plaintext_never_gives_the_same_record() {
        let (mut dialer, mut listener) = pair();
        let records = [dialer.seal(b"x"), dialer.seal(b"x"), listener.seal(b"x")];
        let distinct: std::collections::BTreeSet<_> = records.map(Result::unwrap).into();
        assert_eq!(distinct.len(), 3);
    }

    #[test]
    fn c1_a_failure_to_open_shuts_both_directions_for_good() {
        let (mut dialer, mut listener) = pair();
        let good = dialer.seal(b"good").unwrap();
        assert_eq!(listener.open(b"bad"), Err(CryptoError::Unopened { number: 0 }));
        assert_eq!(listener.open(&good), Err(CryptoError::Shut));
        assert_eq!(listener.seal(b"anything"), Err(CryptoError::Shut));
        assert_eq!(listener.open(&good), Err(CryptoError::Shut));
    }

    #[test]
    fn c1_the_last_nonce_is_used_once_and_the_channel_ends() {
        let (mut dialer, mut listener) = pair();
        count_from(&mut dialer, MAX_RECORDS - 1);
        count_from(&mut listener, MAX_RECORDS - 1);
        let last = dialer.seal(b"last").unwrap();
        assert_eq!(listener.open(&last).unwrap(), b"last");
        let exhausted = Err(CryptoError::Exhausted { limit: MAX_RECORDS });
        assert_eq!(listener.open(&last), exhausted);
        assert_eq!(dialer.seal(b"one more"), exhausted);
        assert_eq!(dialer.seal(b"one more"), Err(CryptoError::Shut));
    }

    #[test]
    fn records_counts_the_direction_that_has_carried_more() {
        let (mut dialer, mut listener) = pair();
        for sent in 1..=3 {
            let record = dialer.seal(b"").unwrap();
            assert_eq!(record.len(), TAG_BYTES);
            assert_eq!(listener.open(&record).unwrap(), b"");
            assert_eq!((dialer.records(), listener.records()), (sent, sent));
        }
        dialer.open(&listener.seal(b"").unwrap()).unwrap();
        assert_eq!((dialer.records(), listener.records()), (3, 3));
    }

    /// What a network may do with the records of one direction.
    fn deliveries() -> impl Strategy<Value = (usize, Vec<usize>)> {
        (1usize..8).prop_flat_map(|sent| (Just(sent), prop::collection::vec(0..sent, 0..12)))
    }

    proptest! {
        #[test]
        fn c1_open_never_panics_and_nothing_false_opens(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4),
        ) {
            let (_, mut listener) = pair();
            for record in records {
                prop_assert!(listener.open(&record).is_err());
            }
        }

        #[test]
        fn c1_only_records_in_order_open(deliveries in deliveries()) {
            let (sent, deliveries) = deliveries;
            let (mut dialer, mut listener) = pair();
            let records: Vec<_> = (0..sent).map(|n| dialer.seal(&[n as u8]).unwrap()).collect();
            let mut in_order = true;
            for (turn, number) in deliveries.into_iter().enumerate() {
                in_order &= turn == number;
                let outcome = listener.open(&records[number]).ok();
                prop_assert_eq!(outcome, in_order.then(|| vec![number as u8]));
            }
        }

        #[test]
        fn c1_a_record_changed_anywhere_does_not_open(
            plain in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let (mut dialer, mut listener) = pair();
            let mut record = dialer.seal(&plain).unwrap();
            let at = at.index(record.len());
            record[at] ^= 1 << bit;
            prop_assert_eq!(listener.open(&record), Err(CryptoError::Unopened { number: 0 }));
        }
    }
}
