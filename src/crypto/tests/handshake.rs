//! What an honest handshake gives, and what cannot be printed.

use super::*;

#[test]
fn both_sides_know_each_other_and_can_talk() {
    let (laptop, nas) = (instance(1, "laptop"), instance(2, "nas"));
    let (start, hello) = laptop.dials(&nas);
    let (reply, waiting) = nas.answers(&hello).unwrap();
    let (auth, opened) = opens(start, &hello, &reply).unwrap();
    assert_eq!(auth.name, "nas");
    let authenticated = opened.authenticate(&auth.proof()).unwrap();
    assert_eq!(authenticated.listener(), nas.identity.key_id());
    assert_eq!(authenticated.listener_public_key(), nas.identity.public_key());

    let (record, mut dialer_end) = laptop.proves_itself(authenticated);
    let (key_id, public_key, mut listener_end) = accepts(waiting, &record).unwrap();
    assert_eq!(key_id, laptop.identity.key_id());
    assert_eq!(public_key, laptop.identity.public_key());
    assert_eq!((dialer_end.records(), listener_end.records()), (1, 1));

    for turn in 0u8..3 {
        let sent = dialer_end.seal(&[turn]).unwrap();
        assert_eq!(listener_end.open(&sent).unwrap(), [turn]);
        let answer = listener_end.seal(&[turn, turn]).unwrap();
        assert_eq!(dialer_end.open(&answer).unwrap(), [turn, turn]);
    }
}

#[test]
fn no_two_handshakes_share_anything() {
    let (laptop, nas) = (instance(1, "laptop"), instance(2, "nas"));
    let (first, second) = (laptop.dials(&nas), laptop.dials(&nas));
    assert_ne!(first.0.random(), second.0.random());
    assert_ne!(first.0.kem_public_key(), second.0.kem_public_key());
    // The same Hello twice: the listener's part alone makes the difference.
    let (one, two) = (nas.answers(&first.1).unwrap().0, nas.answers(&first.1).unwrap().0);
    assert_ne!(one.body, two.body);
    assert_ne!(one.sealed_auth, two.sealed_auth);
}

#[test]
fn fields_have_the_lengths_of_the_suite() {
    let (laptop, nas) = (instance(1, "laptop"), instance(2, "nas"));
    let (start, hello) = laptop.dials(&nas);
    assert_eq!(start.kem_public_key().len(), 1216);
    assert_eq!((start.random().len(), hello.mac.len()), (RANDOM_BYTES, MAC_BYTES));
    let (body, _) = nas.keyed(&hello).unwrap();
    assert_eq!(body.len(), VERSIONS_BYTES + 1120 + RANDOM_BYTES);
}

/// Does not compile if the type can be printed: then `Hidden<_>` has two answers.
macro_rules! cannot_be_printed {
    ($($secret:ty),+ $(,)?) => {
        trait Hidden<Marker> {
            fn holds() {}
        }
        struct ByDebug;
        struct ByDisplay;
        impl<T> Hidden<()> for T {}
        impl<T: std::fmt::Debug> Hidden<ByDebug> for T {}
        impl<T: std::fmt::Display> Hidden<ByDisplay> for T {}
        $(<$secret as Hidden<_>>::holds();)+
    };
}

#[test]
fn c2_no_secret_can_be_printed() {
    cannot_be_printed!(
        Identity,
        Channel,
        DialerStart,
        DialerKeyed,
        DialerOpened,
        DialerAuthenticated,
        ListenerStart,
        ListenerEncapsulated,
        ListenerKeyed,
        ListenerWaiting,
        ListenerOpened,
    );
}

#[test]
fn secrets_are_compared_whole() {
    assert!(same_bytes(b"secret", b"secret"));
    assert!(!same_bytes(b"secret", b"secres"));
    assert!(!same_bytes(b"secret", b"secre"));
    assert!(!same_bytes(b"", b"s"));
    assert_ne!(secret_hash("a"), secret_hash("b"));
}
