//! The attacks on the channel of `docs/protocol.md` section 6, each by name.

use super::super::bytes::{Transcript, hpke_info};
use super::super::identity::Signer;
use super::*;

fn laptop() -> Instance {
    instance(1, "laptop")
}

fn nas() -> Instance {
    instance(2, "nas")
}

fn mallory() -> Instance {
    instance(66, "mallory")
}

fn unopened(number: u64) -> Option<CryptoError> {
    Some(CryptoError::Unopened { number })
}

fn wrong_signature(signer: &Instance) -> Option<CryptoError> {
    Some(CryptoError::WrongSignature { signer: signer.identity.key_id() })
}

// ------------------------------------------------------------------ somebody in between

/// She knows the nas's key id and speaks the protocol to both sides with KEM keys of her own.
#[test]
fn p2_mitm_with_its_own_kem_on_both_legs_learns_nothing_of_the_dialer() {
    // Towards the nas she is a dialer of her own, and so holds its real proof.
    let (her_start, her_hello) = mallory().dials(&nas());
    let (nas_reply, _) = nas().answers(&her_hello).unwrap();
    let (nas_proof, _) = opens(her_start, &her_hello, &nas_reply).unwrap();

    // Towards the laptop she is the nas: with its proof, with her own, with a mix.
    let mut her_own_with_his_key = nas_proof.clone();
    let faked = |proof: &Auth| {
        let (start, hello) = laptop().dials(&nas());
        let known = ListenerStart::check(&nas().identity.key_id(), &hello.body, &hello.mac);
        let kem = known.unwrap().encapsulate(hello.kem_public_key()).unwrap();
        let body = [&[0, 0, 0, 1], kem.kem_ciphertext(), kem.random()].concat();
        let keyed = kem.key(hello.sent(), &body).unwrap();
        let hers = keyed.sign(&mallory().identity, "nas");
        let (sealed_auth, waiting) = keyed.seal_auth(&proof.encoded()).unwrap();
        drop(waiting); // no DialerAuth ever comes: the dialer has no type to seal one with
        (authenticates(start, &hello, &Reply { body, sealed_auth }).err(), hers)
    };
    let (outcome, her_signature) = faked(&nas_proof);
    assert_eq!(outcome, wrong_signature(&nas()));
    her_own_with_his_key.signature = her_signature.into();
    assert_eq!(faked(&her_own_with_his_key).0, wrong_signature(&nas()));
    let wrong_listener = CryptoError::WrongListener {
        expected: nas().identity.key_id(),
        found: mallory().identity.key_id(),
    };
    assert_eq!(faked(&Auth::of(&mallory(), her_signature)).0, Some(wrong_listener));
}

/// She relays the Hello with her own KEM key in it, to read what the nas answers.
#[test]
fn mitm_that_replaces_the_kem_key_is_found_by_the_dialer() {
    let (start, hello) = laptop().dials(&nas());
    let (her_start, _) = mallory().dials(&nas());
    let mut body = hello.body.clone();
    body[VERSIONS_BYTES..][..KEM_PUBLIC_KEY_BYTES].copy_from_slice(her_start.kem_public_key());
    let relayed = Hello { mac: her_start.mac(&body).into(), body };
    let (reply, _) = nas().answers(&relayed).unwrap();
    assert_eq!(authenticates(start, &hello, &reply).err(), unopened(0));
    // She herself reads the nas's proof, as any dialer may; she is still nobody to the nas.
    assert!(opens(her_start, &relayed, &reply).is_ok());
}

/// The key id of the listener is compared before its signature is looked at.
#[test]
fn another_listener_is_refused_before_its_signature() {
    let (start, hello) = laptop().dials(&mallory());
    let (reply, _) = mallory().answers(&hello).unwrap();
    let (mut auth, opened) = opens(start, &hello, &reply).unwrap();
    auth.public_key = nas().identity.public_key().into();
    auth.signature.clear();
    let (expected, found) = (mallory().identity.key_id(), nas().identity.key_id());
    let outcome = opened.authenticate(&auth.proof()).err();
    assert_eq!(outcome, Some(CryptoError::WrongListener { expected, found }));
}

#[test]
fn a_strangers_mac_is_refused_before_any_kem_work() {
    let (start, mut hello) = laptop().dials(&mallory());
    // Not even a key: had the KEM looked at it, the error would be another.
    hello.body.truncate(VERSIONS_BYTES);
    hello.mac = start.mac(&hello.body).into();
    let check = |hello: &Hello| {
        ListenerStart::check(&nas().identity.key_id(), &hello.body, &hello.mac).err()
    };
    assert_eq!(check(&hello), Some(CryptoError::WrongMac));
    let (_, mut good) = laptop().dials(&nas());
    assert_eq!(check(&good), None);
    for byte in 0..MAC_BYTES {
        good.mac[byte] ^= 1;
        assert_eq!(check(&good), Some(CryptoError::WrongMac), "byte {byte}");
        good.mac[byte] ^= 1;
    }
    good.mac.push(0);
    assert_eq!(check(&good), Some(CryptoError::WrongMac));
}

// ------------------------------------------------------------------ replay, reorder, drop, duplicate

fn sealed(channel: &mut Channel, count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|n| channel.seal(&[n]).unwrap()).collect()
}

/// The numbers start at 1: record 0 of either direction was the proof.
#[test]
fn c1_duplicate() {
    let (mut dialer, mut listener) = channels(&laptop(), &nas());
    let records = sealed(&mut dialer, 2);
    listener.open(&records[0]).unwrap();
    assert_eq!(listener.open(&records[0]).err(), unopened(2));
    assert_eq!(listener.open(&records[1]).err(), Some(CryptoError::Shut));
}

#[test]
fn c1_reorder() {
    let (mut dialer, mut listener) = channels(&laptop(), &nas());
    let records = sealed(&mut dialer, 2);
    assert_eq!(listener.open(&records[1]).err(), unopened(1));
    assert_eq!(listener.open(&records[0]).err(), Some(CryptoError::Shut));
}

#[test]
fn c1_drop() {
    let (mut dialer, mut listener) = channels(&laptop(), &nas());
    let records = sealed(&mut dialer, 3);
    listener.open(&records[0]).unwrap();
    assert_eq!(listener.open(&records[2]).err(), unopened(2));
    assert_eq!(listener.open(&records[1]).err(), Some(CryptoError::Shut));
}

#[test]
fn c1_replay_of_a_record_into_another_session() {
    let (mut dialer, _) = channels(&laptop(), &nas());
    let (_, mut listener) = channels(&laptop(), &nas());
    assert_eq!(listener.open(&dialer.seal(b"yes").unwrap()).err(), unopened(1));
}

#[test]
fn replay_of_a_whole_dialer_is_refused() {
    let (start, hello) = laptop().dials(&nas());
    let (reply, waiting) = nas().answers(&hello).unwrap();
    let dialer = authenticates(start, &hello, &reply).unwrap();
    let (record, _) = laptop().proves_itself(dialer);
    assert!(accepts(waiting, &record).is_ok());
    // The same Hello again has a valid mac; the nas answers with new keys, which nobody holds.
    let (_, waiting) = nas().answers(&hello).unwrap();
    assert_eq!(accepts(waiting, &record).err(), unopened(0));
}

#[test]
fn replay_of_a_whole_listener_is_refused() {
    let (_, old_hello) = laptop().dials(&nas());
    let (old_reply, _) = nas().answers(&old_hello).unwrap();
    let (start, hello) = laptop().dials(&nas());
    assert_eq!(authenticates(start, &hello, &old_reply).err(), unopened(0));
}

// ------------------------------------------------------------------ truncation

#[test]
fn c1_truncation_of_a_record_at_every_index() {
    let (mut dialer, _) = channels(&laptop(), &nas());
    let record = dialer.seal(b"forty-two bytes of plaintext, more or less").unwrap();
    for length in 0..record.len() {
        let (mut dialer, mut listener) = channels(&laptop(), &nas());
        let record = dialer.seal(b"forty-two bytes of plaintext, more or less").unwrap();
        assert_eq!(listener.open(&record[..length]).err(), unopened(1), "{length}");
        assert_eq!(listener.open(&record).err(), Some(CryptoError::Shut), "{length}");
    }
}

#[test]
fn truncation_of_hello_at_every_index() {
    let (_, hello) = laptop().dials(&nas());
    let own = nas().identity.key_id();
    let wrong = Some(CryptoError::WrongMac);
    for length in 0..hello.body.len() {
        let outcome = ListenerStart::check(&own, &hello.body[..length], &hello.mac).err();
        assert_eq!(outcome, wrong, "body of {length}");
    }
    for length in 0..hello.mac.len() {
        let outcome = ListenerStart::check(&own, &hello.body, &hello.mac[..length]).err();
        assert_eq!(outcome, wrong, "mac of {length}");
    }
}

/// Also where the field that was cut is not the ciphertext: the transcript covers all of the body.
#[test]
fn truncation_of_hello_reply_at_every_index() {
    let body_length = VERSIONS_BYTES + KEM_CIPHERTEXT_BYTES + RANDOM_BYTES;
    for length in 0..body_length {
        let (start, hello) = laptop().dials(&nas());
        let (reply, _) = nas().answers(&hello).unwrap();
        let cut = &reply.body[..length];
        let keyed = start.receive(hello.sent(), cut, reply.kem_ciphertext()).unwrap();
        let outcome = keyed.open_listener_auth(&reply.sealed_auth).err();
        assert_eq!(outcome, unopened(0), "body of {length}");
    }
}

#[test]
fn truncation_of_the_proofs_at_every_index() {
    let sealed_length = 32 + SIGNATURE_BYTES + "laptop".len() + TAG_BYTES;
    for length in 0..sealed_length {
        let (start, hello) = laptop().dials(&nas());
        let (reply, waiting) = nas().answers(&hello).unwrap();
        let dialer = authenticates(start, &hello, &reply).unwrap();
        let (record, _) = laptop().proves_itself(dialer);
        assert_eq!(record.len(), sealed_length);
        assert_eq!(accepts(waiting, &record[..length]).err(), unopened(0), "dialer's, {length}");

        let (start, hello) = laptop().dials(&nas());
        let (mut reply, _) = nas().answers(&hello).unwrap();
        reply.sealed_auth.truncate(length.min(reply.sealed_auth.len() - 1));
        assert_eq!(authenticates(start, &hello, &reply).err(), unopened(0), "listener's, {length}");
    }
}

#[test]
fn truncated_keys_and_signatures_are_refused() {
    let offered = |key: usize, signature: usize| {
        let (start, hello) = laptop().dials(&nas());
        let (reply, _) = nas().answers(&hello).unwrap();
        let (mut auth, opened) = opens(start, &hello, &reply).unwrap();
        auth.public_key.truncate(key);
        auth.signature.truncate(signature);
        opened.authenticate(&auth.proof()).err()
    };
    for found in 0..32 {
        let refused = CryptoError::WrongLength { what: "public key", expected: 32, found };
        assert_eq!(offered(found, SIGNATURE_BYTES), Some(refused));
    }
    for found in 0..SIGNATURE_BYTES {
        let expected = SIGNATURE_BYTES;
        let refused = CryptoError::WrongLength { what: "signature", expected, found };
        assert_eq!(offered(32, found), Some(refused));
    }
    assert_eq!(offered(32, SIGNATURE_BYTES), None);
}

// ------------------------------------------------------------------ reflection, roles, binding

#[test]
fn c1_reflection_of_a_record_to_its_sender() {
    let (mut dialer, mut listener) = channels(&laptop(), &nas());
    let (by_dialer, by_listener) = (dialer.seal(b"x").unwrap(), listener.seal(b"x").unwrap());
    assert_eq!(dialer.open(&by_dialer).err(), unopened(1));
    assert_eq!(listener.open(&by_listener).err(), unopened(1));
}

#[test]
fn reflection_of_the_listeners_proof_as_the_dialers() {
    let (_, hello) = laptop().dials(&nas());
    let (reply, waiting) = nas().answers(&hello).unwrap();
    assert_eq!(accepts(waiting, &reply.sealed_auth).err(), unopened(0));
}

/// A dialer that holds keys with the nas shows it the nas's own proof.
#[test]
fn role_confusion_a_listeners_signature_presented_as_a_dialers() {
    let (start, hello) = mallory().dials(&nas());
    let (reply, waiting) = nas().answers(&hello).unwrap();
    let (nas_proof, opened) = opens(start, &hello, &reply).unwrap();
    let mut channel = opened.authenticate(&nas_proof.proof()).unwrap().into_channel();
    let record = channel.seal(&nas_proof.encoded()).unwrap();
    assert_eq!(accepts(waiting, &record).err(), wrong_signature(&nas()));
}

#[test]
fn role_confusion_a_dialers_signature_presented_as_a_listeners() {
    let (start, hello) = laptop().dials(&nas());
    let (body, keyed) = nas().keyed(&hello).unwrap();
    let transcript = Transcript::of(hello.sent(), &body);
    let as_dialer = Signer::Dialer(nas().identity.key_id());
    let signature = as_dialer.sign(&nas().identity, "nas", &transcript);
    let auth = Auth::of(&nas(), signature);
    let (sealed_auth, _) = keyed.seal_auth(&auth.encoded()).unwrap();
    let outcome = authenticates(start, &hello, &Reply { body, sealed_auth });
    assert_eq!(outcome.err(), wrong_signature(&nas()));
}

/// The laptop dials mallory on purpose; she passes its proof on to the nas as if it were for it.
#[test]
fn identity_misbinding_a_proof_for_one_listener_does_not_serve_another() {
    let (start, hello) = laptop().dials(&mallory());
    let (reply, her_waiting) = mallory().answers(&hello).unwrap();
    let dialer = authenticates(start, &hello, &reply).unwrap();
    let (record, _) = laptop().proves_itself(dialer);
    let (auth, _) = her_waiting.open_dialer_auth(&record).unwrap();

    let (her_start, her_hello) = mallory().dials(&nas());
    let (nas_reply, waiting) = nas().answers(&her_hello).unwrap();
    let mut channel = authenticates(her_start, &her_hello, &nas_reply).unwrap().into_channel();
    let outcome = accepts(waiting, &channel.seal(&auth).unwrap());
    assert_eq!(outcome.err(), wrong_signature(&laptop()));
}

#[test]
fn identity_misbinding_each_part_of_a_signature_counts() {
    let transcript = Transcript::of(SentHello { body: b"a", mac: b"b" }, b"c");
    let other_transcript = Transcript::of(SentHello { body: b"ab", mac: b"" }, b"c");
    let for_nas = Signer::Dialer(nas().identity.key_id());
    let for_mallory = Signer::Dialer(mallory().identity.key_id());
    let signature = for_nas.sign(&laptop().identity, "laptop", &transcript);
    let key = laptop().identity.public_key();
    let good = Proof { public_key: &key, instance: "laptop", signature: &signature };
    assert_eq!(for_nas.verify(&good, &transcript), Ok(key));

    let her_key = mallory().identity.public_key();
    let hers = Proof { public_key: &her_key, ..good };
    let renamed = Proof { instance: "nas", ..good };
    let wrong = wrong_signature(&laptop());
    assert_eq!(for_nas.verify(&hers, &transcript).err(), wrong_signature(&mallory()));
    assert_eq!(for_nas.verify(&renamed, &transcript).err(), wrong);
    assert_eq!(for_nas.verify(&good, &other_transcript).err(), wrong);
    assert_eq!(for_mallory.verify(&good, &transcript).err(), wrong);
    assert_eq!(Signer::Listener.verify(&good, &transcript).err(), wrong);
}

/// Who has stolen a listener's key dials with it: it is that listener to the other side, nobody
/// else, so that it has only what was granted to that key.
#[test]
fn stolen_listener_key_posing_as_a_client_is_known_by_that_key() {
    let thief = instance(2, "laptop");
    let (start, hello) = thief.dials(&mallory());
    let (reply, waiting) = mallory().answers(&hello).unwrap();
    let dialer = authenticates(start, &hello, &reply).unwrap();
    let (record, _) = thief.proves_itself(dialer);
    let (key_id, _, _) = accepts(waiting, &record).unwrap();
    assert_eq!(key_id, nas().identity.key_id());
}

#[test]
fn a_checkpoint_signature_does_not_serve_in_a_handshake() {
    let transcript = Transcript::of(SentHello { body: b"a", mac: b"b" }, b"c");
    let epoch = crate::model::Epoch::from_bytes([1; 16]);
    let time = crate::model::Timestamp::EPOCH;
    let signature = nas().identity.sign_checkpoint(&epoch, transcript.as_bytes(), time);
    let outcome = Signer::Listener.verify(&Auth::of(&nas(), signature).proof(), &transcript);
    assert_eq!(outcome.err(), wrong_signature(&nas()));
}

// ------------------------------------------------------------------ downgrade

/// She knows the key id, so she can make the mac of a changed Hello good.
#[test]
fn downgrade_of_the_offered_versions_is_found_by_the_dialer() {
    let (start, hello) = laptop().dials(&nas());
    let mut changed = hello.body.clone();
    changed[VERSIONS_BYTES - 1] = 0;
    let changed = Hello { mac: start.mac(&changed).into(), body: changed };
    let (reply, _) = nas().answers(&changed).unwrap();
    assert_eq!(authenticates(start, &hello, &reply).err(), unopened(0));
}

#[test]
fn downgrade_of_the_chosen_version_is_found_by_the_dialer() {
    let (start, hello) = laptop().dials(&nas());
    let (mut reply, _) = nas().answers(&hello).unwrap();
    reply.body[VERSIONS_BYTES - 1] = 0;
    assert_eq!(authenticates(start, &hello, &reply).err(), unopened(0));
}

#[test]
fn downgrade_keys_depend_on_the_version() {
    assert_ne!(hpke_info(PROTOCOL_VERSION), hpke_info(PROTOCOL_VERSION + 1));
}

// ------------------------------------------------------------------ malformed values

/// ML-KEM rejects implicitly (FIPS 203 section 7.3): the two sides just have different keys.
#[test]
fn malformed_kem_ciphertexts_open_nothing() {
    for at in (0..KEM_CIPHERTEXT_BYTES).step_by(37).chain([1087, 1088, 1118]) {
        let (start, hello) = laptop().dials(&nas());
        let (reply, _) = nas().answers(&hello).unwrap();
        let mut ciphertext = reply.kem_ciphertext().to_vec();
        ciphertext[at] ^= 1;
        let keyed = start.receive(hello.sent(), &reply.body, &ciphertext).unwrap();
        assert_eq!(keyed.open_listener_auth(&reply.sealed_auth).err(), unopened(0), "byte {at}");
    }
}

fn listener_proof_with(change: impl FnOnce(&mut Auth)) -> Option<CryptoError> {
    let (start, hello) = laptop().dials(&nas());
    let (reply, _) = nas().answers(&hello).unwrap();
    let (mut auth, opened) = opens(start, &hello, &reply).unwrap();
    change(&mut auth);
    opened.authenticate(&auth.proof()).err()
}

/// s + L instead of s: the same number, another encoding (RFC 8032 section 5.1.7).
#[test]
fn malleated_signatures_are_refused() {
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = hex::decode(order).unwrap();
    let outcome = listener_proof_with(|auth| {
        let mut carry = 0;
        for (byte, add) in auth.signature[32..].iter_mut().zip(&order) {
            let sum = u16::from(*byte) + u16::from(*add) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
    });
    assert_eq!(outcome, wrong_signature(&nas()));
}

/// With a key of order 1 and s = 0, the equation holds for any message: only a strict check
/// refuses it.
#[test]
fn weak_ed25519_keys_are_refused() {
    let transcript = Transcript::of(SentHello { body: b"a", mac: b"b" }, b"c");
    let mut weak = [0; 32];
    weak[0] = 1;
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..32].copy_from_slice(&weak);
    let proof = Proof { public_key: &weak, instance: "nas", signature: &signature };
    let signer = crate::model::KeyId::of(&weak);
    let outcome = Signer::Listener.verify(&proof, &transcript).err();
    assert_eq!(outcome, Some(CryptoError::WrongSignature { signer }));
}

#[test]
fn public_keys_that_are_no_points_are_refused() {
    let transcript = Transcript::of(SentHello { body: b"a", mac: b"b" }, b"c");
    let mut no_point = [0; 32];
    no_point[0] = 2;
    let proof = Proof { public_key: &no_point, instance: "x", signature: &[0; SIGNATURE_BYTES] };
    let outcome = Signer::Listener.verify(&proof, &transcript).err();
    assert_eq!(outcome, Some(CryptoError::MalformedPublicKey));
}
