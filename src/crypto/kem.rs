//! The hybrid key agreement: HPKE base mode with X-Wing, used for its exporter only.
//!
//! ```text
//!  public key  1216 B = ML-KEM-768 encapsulation key 1184 B ‖ X25519 public key 32 B
//!  ciphertext  1120 B = ML-KEM-768 ciphertext        1088 B ‖ X25519 public key 32 B
//! ```
//!
//! HPKE itself accepts X25519 values of low order (draft-connolly-cfrg-xwing-kem leaves it open),
//! so they are refused here, before it sees them.

use super::CryptoError;
use super::bytes::{PROTOCOL_VERSION, Transcript, exactly, framed, hpke_info, random};
use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use ml_kem::array::Array;
use ml_kem::ml_kem_768;
use zeroize::Zeroizing;

/// The length of an X-Wing public key.
pub const KEM_PUBLIC_KEY_BYTES: usize = 1216;
/// The length of an X-Wing ciphertext.
pub const KEM_CIPHERTEXT_BYTES: usize = 1120;

const ML_KEM_KEY_BYTES: usize = 1184;
const ML_KEM_CIPHERTEXT_BYTES: usize = 1088;

const DIALER_RECORDS: &[u8] = b"holdfast sync dialer records";
const LISTENER_RECORDS: &[u8] = b"holdfast sync listener records";

type PrivateKey = <XWing as hpke::Kem>::PrivateKey;
type SenderContext = AeadCtxS<ChaCha20Poly1305, HkdfSha256, XWing>;
type RecipientContext = AeadCtxR<ChaCha20Poly1305, HkdfSha256, XWing>;

/// The key of one direction.
pub(super) type RecordKey = Zeroizing<[u8; 32]>;

/// The keys of both directions.
pub(super) struct RecordKeys {
    pub(super) dialer: RecordKey,
    pub(super) listener: RecordKey,
}

impl RecordKeys {
    fn export(
        transcript: &Transcript,
        export: impl Fn(&[u8], &mut [u8]) -> Result<(), hpke::HpkeError>,
    ) -> Result<Self, CryptoError> {
        let key = |label| {
            let mut key = RecordKey::default();
            export(&framed(&[label, transcript.as_bytes()]), &mut *key)
                .map(|()| key)
                .map_err(|_| CryptoError::Unagreed)
        };
        Ok(Self { dialer: key(DIALER_RECORDS)?, listener: key(LISTENER_RECORDS)? })
    }
}

/// The dialer's key pair, for one handshake.
pub(super) struct KemKey {
    private: PrivateKey,
    public: Box<[u8]>,
}

impl KemKey {
    pub(super) fn generate() -> Result<Self, CryptoError> {
        let seed = Zeroizing::new(random::<32>()?);
        let (private, public) = XWing::derive_keypair(&*seed);
        Ok(Self { private, public: public.to_bytes().as_slice().into() })
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    pub(super) fn agree(
        self,
        ciphertext: &[u8],
        transcript: &Transcript,
    ) -> Result<RecordKeys, CryptoError> {
        check_ciphertext(ciphertext)?;
        let sent = <XWing as hpke::Kem>::EncappedKey::from_bytes(ciphertext);
        let sent = sent.map_err(|_| CryptoError::Unagreed)?;
        let info = hpke_info(PROTOCOL_VERSION);
        let context: RecipientContext =
            hpke::setup_receiver(&OpModeR::Base, &self.private, &sent, &info)
                .map_err(|_| CryptoError::Unagreed)?;
        RecordKeys::export(transcript, |label, key| context.export(label, key))
    }
}

/// The listener's half: a secret for the dialer's key, and the ciphertext that carries it.
pub(super) struct Encapsulation {
    context: SenderContext,
    ciphertext: Box<[u8]>,
}

impl Encapsulation {
    pub(super) fn to(public_key: &[u8]) -> Result<Self, CryptoError> {
        check_public_key(public_key)?;
        let key = <XWing as hpke::Kem>::PublicKey::from_bytes(public_key);
        let key = key.map_err(|_| CryptoError::MalformedKemKey)?;
        let (sent, context) =
            hpke::setup_sender(&OpModeS::Base, &key, &hpke_info(PROTOCOL_VERSION))
                .map_err(|_| CryptoError::Unagreed)?;
        Ok(Self { context, ciphertext: sent.to_bytes().as_slice().into() })
    }

    pub(super) fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    pub(super) fn agree(self, transcript: &Transcript) -> Result<RecordKeys, CryptoError> {
        RecordKeys::export(transcript, |label, key| self.context.export(label, key))
    }
}

/// FIPS 203 section 7.2, "modulus check", and RFC 7748 section 6.1, all-zero check.
fn check_public_key(key: &[u8]) -> Result<(), CryptoError> {
    let key: [u8; KEM_PUBLIC_KEY_BYTES] = exactly("KEM public key", key)?;
    let (ml_kem, x25519) = key.split_at(ML_KEM_KEY_BYTES);
    let ml_kem = Array::try_from(ml_kem).map_err(|_| CryptoError::MalformedKemKey)?;
    ml_kem_768::EncapsulationKey::new(&ml_kem).map_err(|_| CryptoError::MalformedKemKey)?;
    check_contributes("KEM public key", x25519)
}

/// FIPS 203 section 7.3 asks for the length of the ML-KEM part only: a false one decapsulates to a
/// key that nobody knows. The X25519 part as above.
fn check_ciphertext(ciphertext: &[u8]) -> Result<(), CryptoError> {
    let ciphertext: [u8; KEM_CIPHERTEXT_BYTES] = exactly("KEM ciphertext", ciphertext)?;
    check_contributes("KEM ciphertext", &ciphertext[ML_KEM_CIPHERTEXT_BYTES..])
}

/// Every encoding of a point of low order, on the curve and on its twist (RFC 7748 section 6.1: with
/// each of them X25519 gives zero), as two halves of its 32 bytes, the ignored top bit cleared:
/// 0, 1, two of order 8, then p - 1, p and p + 1.
const LOW_ORDER: [(u128, u128); 7] = [
    (0, 0),
    (1 << 120, 0),
    (0xe0eb_7a7c_3b41_b8ae_1656_e3fa_f19f_c46a, 0xda09_8deb_9c32_b1fd_8662_0516_5f49_b800),
    (0x5f9c_95bc_a350_8c24_b1d0_b155_9c83_ef5b, 0x0444_5cc4_581c_8e86_d822_4edd_d09f_1157),
    (0xecff_ffff_ffff_ffff_ffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ff7f),
    (0xedff_ffff_ffff_ffff_ffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ff7f),
    (0xeeff_ffff_ffff_ffff_ffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ff7f),
];

/// By comparison: a multiplication to find it out would be an eighth of the whole handshake.
fn check_contributes(what: &'static str, point: &[u8]) -> Result<(), CryptoError> {
    let point = u256(&exactly::<32>(what, point)?);
    if LOW_ORDER.contains(&point) { Err(CryptoError::LowOrderPoint { what }) } else { Ok(()) }
}

/// The two halves of a point, its top bit cleared: X25519 ignores it.
fn u256(point: &[u8; 32]) -> (u128, u128) {
    let half =
        |at: usize| point[at..at + 16].iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte));
    (half(0), half(16) & !0x80)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::SentHello;
    use super::super::tests::vectors::{bytes, file, low_order_points};
    use super::*;
    use x25519_dalek::{PublicKey, StaticSecret};

    fn key_pair(private: &[u8]) -> KemKey {
        let private = PrivateKey::from_bytes(private).unwrap();
        let public = XWing::sk_to_pk(&private).to_bytes().as_slice().into();
        KemKey { private, public }
    }

    #[test]
    fn record_keys_come_out_as_documented() {
        let ours = file("holdfast");
        let (hello, reply) = (bytes(&ours["hello_body"]), bytes(&ours["reply_body"]));
        let hello = SentHello { body: &hello, mac: &bytes(&ours["mac"]) };
        let transcript = Transcript::of(hello, &reply);
        let kem = key_pair(&bytes(&ours["kem_private_key"]));
        let keys = kem.agree(&bytes(&ours["kem_ciphertext"]), &transcript).unwrap();
        assert_eq!(keys.dialer[..], bytes(&ours["dialer_record_key"]));
        assert_eq!(keys.listener[..], bytes(&ours["listener_record_key"]));
    }

    #[test]
    fn the_checks_accept_what_is_published() {
        for vector in file("xwing").as_array().unwrap() {
            assert_eq!(check_public_key(&bytes(&vector["pk"])), Ok(()));
            assert_eq!(check_ciphertext(&bytes(&vector["ct"])), Ok(()));
        }
    }

    /// What X25519 itself says of a point: RFC 7748 section 6.1, all-zero check.
    fn contributes(point: [u8; 32]) -> bool {
        StaticSecret::from([1; 32]).diffie_hellman(&PublicKey::from(point)).was_contributory()
    }

    #[test]
    fn the_table_holds_exactly_the_points_that_give_zero() {
        let check = |point: &[u8; 32]| check_contributes("point", point).is_ok();
        for (first, last) in LOW_ORDER {
            let bytes = [first.to_be_bytes(), last.to_be_bytes()].concat();
            let mut point: [u8; 32] = bytes.try_into().unwrap();
            for top in [0, 0x80] {
                point[31] = point[31] & 0x7f | top;
                assert!(!contributes(point) && !check(&point), "{}", hex::encode(point));
            }
            // Its neighbours, and what differs from it in one bit.
            for bit in 0..256 {
                let mut other = point;
                other[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(check(&other), contributes(other), "{}", hex::encode(other));
            }
        }
        // Small numbers, and all that are not reduced.
        for low in 0..=255 {
            let (mut small, mut large) = ([0; 32], [0xff; 32]);
            (small[0], large[0], large[31]) = (low, low, 0x7f);
            assert_eq!(check(&small), contributes(small), "{low}");
            assert_eq!(check(&large), contributes(large), "{low}");
        }
    }

    #[test]
    fn low_order_points_are_refused_in_keys() {
        for point in low_order_points() {
            let mut key = KemKey::generate().unwrap().public().to_vec();
            key[ML_KEM_KEY_BYTES..].copy_from_slice(&point);
            let refused = CryptoError::LowOrderPoint { what: "KEM public key" };
            assert_eq!(Encapsulation::to(&key).err(), Some(refused), "{}", hex::encode(point));
        }
    }

    #[test]
    fn low_order_points_are_refused_in_ciphertexts() {
        let hello = SentHello { body: b"", mac: b"" };
        for point in low_order_points() {
            let kem = KemKey::generate().unwrap();
            let mut ciphertext = Encapsulation::to(kem.public()).unwrap().ciphertext().to_vec();
            ciphertext[ML_KEM_CIPHERTEXT_BYTES..].copy_from_slice(&point);
            let refused = CryptoError::LowOrderPoint { what: "KEM ciphertext" };
            let outcome = kem.agree(&ciphertext, &Transcript::of(hello, b""));
            assert_eq!(outcome.err(), Some(refused), "{}", hex::encode(point));
        }
    }

    /// Sets one of the 768 coefficients of 12 bits (FIPS 203 algorithm 5, little-endian).
    fn set_coefficient(key: &mut [u8], index: usize, value: u16) {
        let at = index / 2 * 3;
        let [low, high] = value.to_le_bytes();
        if index.is_multiple_of(2) {
            key[at] = low;
            key[at + 1] = key[at + 1] & 0xf0 | high;
        } else {
            key[at + 1] = key[at + 1] & 0x0f | low << 4;
            key[at + 2] = low >> 4 | high << 4;
        }
    }

    #[test]
    fn ml_kem_keys_beyond_the_modulus_are_refused() {
        let good = KemKey::generate().unwrap().public().to_vec();
        for index in [0, 1, 2, 255, 256, 511, 512, 767] {
            let mut key = good.clone();
            set_coefficient(&mut key, index, 3328);
            assert_eq!(check_public_key(&key), Ok(()), "coefficient {index}");
            for value in [3329, 3330, 4095] {
                set_coefficient(&mut key, index, value);
                let outcome = Encapsulation::to(&key).err();
                assert_eq!(outcome, Some(CryptoError::MalformedKemKey), "{index}: {value}");
            }
        }
    }

    #[test]
    fn keys_and_ciphertexts_of_another_length_are_refused() {
        let kem = KemKey::generate().unwrap();
        let long = [kem.public(), &[0]].concat();
        for length in (0..KEM_PUBLIC_KEY_BYTES).chain([KEM_PUBLIC_KEY_BYTES + 1]) {
            let (expected, what) = (KEM_PUBLIC_KEY_BYTES, "KEM public key");
            let refused = CryptoError::WrongLength { what, expected, found: length };
            assert_eq!(Encapsulation::to(&long[..length]).err(), Some(refused));
        }
        let long = [Encapsulation::to(kem.public()).unwrap().ciphertext(), &[0]].concat();
        for length in (0..KEM_CIPHERTEXT_BYTES).chain([KEM_CIPHERTEXT_BYTES + 1]) {
            let (expected, what) = (KEM_CIPHERTEXT_BYTES, "KEM ciphertext");
            let refused = CryptoError::WrongLength { what, expected, found: length };
            assert_eq!(check_ciphertext(&long[..length]), Err(refused));
        }
    }
}
