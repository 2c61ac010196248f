//! Each primitive, and each construction of ours, against values computed elsewhere.

use super::super::bytes::{Transcript, hpke_info};
use super::super::dialer::hello_mac;
use super::super::identity::{Signer, verify};
use super::vectors::{array, bytes, file, low_order_points};
use super::*;
use crate::model::{Epoch, KeyId, Timestamp};
use chacha20poly1305::KeyInit as _;
use chacha20poly1305::aead::{Aead as _, Payload};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use std::convert::Infallible;

/// Gives the bytes of a vector as if they were random.
struct Fixed(Vec<u8>);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("X-Wing draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("X-Wing draws bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        assert_eq!(out.len(), self.0.len());
        out.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

type KemPrivateKey = <XWing as hpke::Kem>::PrivateKey;
type KemPublicKey = <XWing as hpke::Kem>::PublicKey;
type EncappedKey = <XWing as hpke::Kem>::EncappedKey;

#[test]
fn x_wing_matches_its_draft() {
    let vectors = file("xwing");
    assert_eq!(vectors.as_array().unwrap().len(), 3);
    for vector in vectors.as_array().unwrap() {
        let private = KemPrivateKey::from_bytes(&bytes(&vector["sk"])).unwrap();
        let public = XWing::sk_to_pk(&private);
        assert_eq!(public.to_bytes()[..], bytes(&vector["pk"]));

        let mut random = Fixed(bytes(&vector["eseed"]));
        let (secret, sent) = XWing::encap_with_rng(&public, None, &mut random).unwrap();
        assert_eq!(sent.to_bytes()[..], bytes(&vector["ct"]));
        assert_eq!(secret.0[..], bytes(&vector["ss"]));

        let opened = XWing::decap(&private, None, &sent).unwrap();
        assert_eq!(opened.0[..], bytes(&vector["ss"]));
    }
}

#[test]
fn hpke_with_our_suite_matches_its_draft() {
    let vectors = file("hpke-xwing");
    let vector = &vectors[0];
    assert_eq!(bytes(&vector["suite_id"]), b"HPKE\x64\x7a\x00\x01\x00\x03");
    let (private, public) = XWing::derive_keypair(&bytes(&vector["ikmR"]));
    assert_eq!(private.to_bytes()[..], bytes(&vector["skRm"]));
    assert_eq!(public.to_bytes()[..], bytes(&vector["pkRm"]));

    let info = bytes(&vector["info"]);
    let public = KemPublicKey::from_bytes(&bytes(&vector["pkRm"])).unwrap();
    let mut random = Fixed(bytes(&vector["ikmE"]));
    let (sent, mut sender) = hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        &info,
        &mut random,
    )
    .unwrap();
    assert_eq!(sent.to_bytes()[..], bytes(&vector["enc"]));

    let sent = EncappedKey::from_bytes(&bytes(&vector["enc"])).unwrap();
    let recipient = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &private,
        &sent,
        &info,
    )
    .unwrap();
    for export in vector["exports"].as_array().unwrap() {
        let context = bytes(&export["exporter_context"]);
        let (mut by_sender, mut by_recipient) = ([0; 32], [0; 32]);
        sender.export(&context, &mut by_sender).unwrap();
        recipient.export(&context, &mut by_recipient).unwrap();
        assert_eq!(by_sender[..], bytes(&export["exported_value"]));
        assert_eq!(by_recipient, by_sender);
    }
    for sealed in vector["encryptions"].as_array().unwrap() {
        let record = sender.seal(&bytes(&sealed["pt"]), &bytes(&sealed["aad"])).unwrap();
        assert_eq!(record, bytes(&sealed["ct"]));
    }
}

#[test]
fn ed25519_matches_rfc_8032() {
    for vector in file("primitives")["ed25519"].as_array().unwrap() {
        let identity = Identity::from_seed(array(&vector["seed"]));
        let message = bytes(&vector["message"]);
        let signature = array(&vector["signature"]);
        assert_eq!(identity.public_key(), array(&vector["public"]));
        assert_eq!(identity.sign(&message), signature);
        assert_eq!(verify(&identity.public_key(), &message, &signature), Ok(()));
    }
}

#[test]
fn x25519_matches_rfc_7748() {
    for vector in file("primitives")["x25519"].as_array().unwrap() {
        let out = x25519_dalek::x25519(array(&vector["scalar"]), array(&vector["u"]));
        assert_eq!(out, array(&vector["out"]));
    }
}

#[test]
fn low_order_points_give_zero() {
    let points = low_order_points();
    assert_eq!(points.len(), 14);
    for point in points {
        assert_eq!(x25519_dalek::x25519([77; 32], point), [0; 32], "{}", hex::encode(point));
    }
}

#[test]
fn chacha20poly1305_matches_rfc_8439() {
    for vector in file("primitives")["chacha20poly1305"].as_array().unwrap() {
        let key: [u8; 32] = array(&vector["key"]);
        let nonce: [u8; 12] = array(&vector["nonce"]);
        let (plaintext, aad) = (bytes(&vector["plaintext"]), bytes(&vector["aad"]));
        let cipher = chacha20poly1305::ChaCha20Poly1305::new(&key.into());
        let payload = Payload { msg: &plaintext, aad: &aad };
        assert_eq!(cipher.encrypt(&nonce.into(), payload).unwrap(), bytes(&vector["sealed"]));
    }
}

/// A key shorter than a block is the same as with zeros after it (RFC 2104).
#[test]
fn the_mac_matches_rfc_4231() {
    for vector in file("primitives")["hmac_sha256"].as_array().unwrap() {
        let mut key = bytes(&vector["key"]);
        key.resize(32, 0);
        let mac =
            hello_mac(&KeyId::from_bytes(key.try_into().unwrap()), &bytes(&vector["message"]));
        assert_eq!(mac[..], bytes(&vector["mac"])[..MAC_BYTES]);
    }
}

#[test]
fn our_constructions_are_as_documented() {
    let ours = file("holdfast");
    let listener = Identity::from_seed(array(&ours["listener_seed"]));
    let dialer = Identity::from_seed(array(&ours["dialer_seed"]));
    let key_id = KeyId::from_bytes(array(&ours["listener_key_id"]));
    assert_eq!(listener.key_id(), key_id);
    let (body, reply) = (bytes(&ours["hello_body"]), bytes(&ours["reply_body"]));
    let mac = hello_mac(&key_id, &body);
    assert_eq!(mac, array(&ours["mac"]));
    let transcript = Transcript::of(SentHello { body: &body, mac: &mac }, &reply);
    assert_eq!(transcript.as_bytes(), &array(&ours["transcript"]));
    assert_eq!(hpke_info(PROTOCOL_VERSION), bytes(&ours["hpke_info"]));
    let name = |field: &str| ours[field].as_str().unwrap().to_owned();
    let signature = Signer::Listener.sign(&listener, &name("listener_instance"), &transcript);
    assert_eq!(signature, array(&ours["listener_signature"]));
    let signature = Signer::Dialer(key_id).sign(&dialer, &name("dialer_instance"), &transcript);
    assert_eq!(signature, array(&ours["dialer_signature"]));
    assert_eq!(secret_hash(ours["secret"].as_str().unwrap()), array(&ours["secret_hash"]));
}

#[test]
fn checkpoints_are_signed_as_documented() {
    let ours = file("holdfast");
    let identity = Identity::from_seed(array(&ours["listener_seed"]));
    let (epoch, root) = (Epoch::from_bytes(array(&ours["epoch"])), array(&ours["root"]));
    let time = Timestamp::from_millis(ours["time_ms"].as_i64().unwrap());
    let signature = array(&ours["checkpoint_signature"]);
    assert_eq!(identity.sign_checkpoint(&epoch, &root, time), signature);
    let before_1970 = identity.sign_checkpoint(&epoch, &root, Timestamp::from_millis(-1));
    assert_eq!(before_1970, array(&ours["checkpoint_signature_at_minus_1"]));

    let key = identity.public_key();
    assert_eq!(verify_checkpoint(&key, &epoch, &root, time, &signature), Ok(()));
    let wrong = Err(CryptoError::WrongSignature { signer: identity.key_id() });
    let later = Timestamp::from_millis(time.as_millis() + 1);
    let other_epoch = Epoch::from_bytes([0; 16]);
    assert_eq!(verify_checkpoint(&key, &epoch, &root, later, &signature), wrong);
    assert_eq!(verify_checkpoint(&key, &epoch, &[0; 32], time, &signature), wrong);
    assert_eq!(verify_checkpoint(&key, &other_epoch, &root, time, &signature), wrong);
    let stranger = Identity::from_seed([1; 32]);
    let wrong = Err(CryptoError::WrongSignature { signer: stranger.key_id() });
    assert_eq!(verify_checkpoint(&stranger.public_key(), &epoch, &root, time, &signature), wrong);
}

#[test]
fn identities_are_written_as_openssl_writes_them_and_read_back() {
    let ours = file("holdfast");
    let identity = Identity::from_seed(array(&ours["listener_seed"]));
    let pem = ours["listener_pem"].as_str().unwrap();
    assert_eq!(*identity.to_pem(), pem);
    for text in [pem.to_owned(), pem.replace('\n', "\r\n"), format!("\n {pem}\n\n")] {
        assert_eq!(Identity::from_pem(&text).unwrap().key_id(), identity.key_id());
    }
    let generated = Identity::generate().unwrap();
    let read = Identity::from_pem(&generated.to_pem()).unwrap();
    assert_eq!(read.key_id(), generated.key_id());
    assert_ne!(generated.key_id(), Identity::generate().unwrap().key_id());
}

/// RFC 8410 section 10.3: with an attribute and the public key in it.
#[test]
fn an_identity_with_its_public_key_is_read() {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
        Z9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PRIVATE KEY-----\n";
    let plain = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let expected = Identity::from_pem(plain).unwrap().key_id();
    assert_eq!(Identity::from_pem(pem).unwrap().key_id(), expected);
}

#[test]
fn texts_that_are_no_identity_are_refused() {
    let pem = Identity::from_seed([3; 32]).to_pem();
    let malformed = Some(CryptoError::MalformedIdentity);
    for cut in 0..pem.trim_end().len() {
        assert_eq!(Identity::from_pem(&pem[..cut]).err(), malformed, "cut at {cut}");
    }
    for bad in [pem.replace("PRIVATE", "PUBLIC"), pem.replace("MC4", "MC5"), "é".into()] {
        assert_eq!(Identity::from_pem(&bad).err(), malformed, "{bad}");
    }
}
