//! Whatever arrives, nothing panics and nothing false is accepted.

use super::*;
use proptest::prelude::*;

fn noise(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_listener_survives_any_hello(body in noise(2000), mac in noise(40), key in noise(1300)) {
        let nas = instance(2, "nas");
        let own = nas.identity.key_id();
        prop_assert_eq!(
            ListenerStart::check(&own, &body, &mac).err(),
            Some(CryptoError::WrongMac)
        );
        let (start, _) = instance(1, "laptop").dials(&nas);
        let known = ListenerStart::check(&own, &body, &start.mac(&body)).unwrap();
        prop_assert!(known.encapsulate(&key).is_err());
    }

    #[test]
    fn a_listener_survives_any_key_of_the_right_length(key in prop::collection::vec(any::<u8>(), 1216)) {
        let nas = instance(2, "nas");
        let (start, _) = instance(1, "laptop").dials(&nas);
        let known = ListenerStart::check(&nas.identity.key_id(), b"", &start.mac(b"")).unwrap();
        // 768 random coefficients of 12 bits are never all below 3329.
        prop_assert_eq!(known.encapsulate(&key).err(), Some(CryptoError::MalformedKemKey));
    }

    #[test]
    fn a_dialer_survives_any_reply(
        body in noise(2000),
        ciphertext in prop::collection::vec(any::<u8>(), 1120),
        sealed in noise(300),
    ) {
        let (start, hello) = instance(1, "laptop").dials(&instance(2, "nas"));
        let keyed = start.receive(hello.sent(), &body, &ciphertext).unwrap();
        let outcome = keyed.open_listener_auth(&sealed).err();
        prop_assert_eq!(outcome, Some(CryptoError::Unopened { number: 0 }));
    }

    #[test]
    fn no_random_proof_is_accepted(key in noise(40), signature in noise(70), name in ".{0,20}") {
        let (laptop, nas) = (instance(1, "laptop"), instance(2, "nas"));
        let (start, hello) = laptop.dials(&nas);
        let (reply, _) = nas.answers(&hello).unwrap();
        let (_, opened) = opens(start, &hello, &reply).unwrap();
        let proof = Proof { public_key: &key, instance: &name, signature: &signature };
        prop_assert!(opened.authenticate(&proof).is_err());
    }

    #[test]
    fn no_random_text_is_an_identity(text in "(-----BEGIN PRIVATE KEY-----)?\\PC{0,80}(-----END PRIVATE KEY-----)?") {
        prop_assert_eq!(Identity::from_pem(&text).err(), Some(CryptoError::MalformedIdentity));
    }
}
