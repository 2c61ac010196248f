//! Who learns what of whom, and when, until a session stands.

use super::*;

#[test]
fn both_know_each_other_after_one_and_a_half_round_trips() {
    let pair = Pair::connected();
    assert_eq!(pair.to_listener.len(), 2, "Hello and DialerAuth");
    assert_eq!(pair.to_dialer.len(), 2, "HelloReply and the answer");
    assert_eq!(pair.dialer.peer(), Some(local(2, "hub").identity.key_id()));
    assert_eq!(pair.listener.peer(), Some(local(1, "nas").identity.key_id()));
    let hello_came = pair
        .seen_by_listener
        .iter()
        .any(|event| matches!(event, Event::FromOrigin(FromOrigin::Hello(h)) if h.number == 1));
    assert!(hello_came, "the SyncHello rides in DialerAuth");
}

#[test]
fn s1_the_first_event_about_a_dialer_follows_its_signature() {
    let mut pair = Pair::new(errand(Purpose::Session));
    let hello = pair.dialer.poll_transmit(pair.now).unwrap();
    pair.listener.handle_envelope(hello, pair.now);
    assert!(matches!(pair.listener.poll_event(), Some(Event::HelloValid)));
    assert!(pair.listener.poll_event().is_none());
    let reply = pair.listener.poll_transmit(pair.now).unwrap();
    pair.dialer.handle_envelope(reply, pair.now);
    let Some(Body::Record(auth)) = pair.dialer.poll_transmit(pair.now).unwrap().body else {
        panic!("DialerAuth is sealed");
    };
    for index in 0..auth.len() {
        let mut listener = Pair::new(errand(Purpose::Session));
        // The same handshake, with one bit of DialerAuth changed on its way.
        let hello = listener.dialer.poll_transmit(listener.now).unwrap();
        listener.listener.handle_envelope(hello, listener.now);
        let reply = listener.listener.poll_transmit(listener.now).unwrap();
        listener.dialer.handle_envelope(reply, listener.now);
        let Some(Body::Record(auth)) = listener.dialer.poll_transmit(listener.now).unwrap().body
        else {
            panic!("DialerAuth is sealed");
        };
        let mut changed = auth.to_vec();
        changed[index] ^= 1;
        let record = Envelope { body: Some(Body::Record(changed.into())) };
        listener.listener.handle_envelope(record, listener.now);
        listener.collect();
        assert!(
            listener.seen_by_listener.iter().all(|e| !matches!(e, Event::Ask(_))),
            "nobody asks to come in with byte {index} changed"
        );
        if index >= 24 {
            break; // The seal covers every byte alike; the channel's own tests go through all.
        }
    }
}

#[test]
fn p2_a_false_listener_learns_neither_secret_nor_name() {
    let mut to_somebody_else = errand(Purpose::Pair);
    to_somebody_else.listener = local(7, "other").identity.key_id();
    to_somebody_else.redemption =
        Some(Redemption { secret: Secret::new("the secret".to_owned()), grants: Vec::new() });
    let mut pair = Pair::new(to_somebody_else);
    pair.run();
    assert_eq!(pair.to_listener.len(), 1, "only the Hello");
    assert!(matches!(pair.ending_of_listener(), Some(Ending::NotAuthenticated(_))));
}

#[test]
fn p2_a_listener_with_another_key_behind_the_right_hello_is_refused() {
    // It knows the key id that is dialled (tokens may be seen), but not the key.
    let mut errand = errand(Purpose::Pair);
    let stolen = local(2, "hub").identity.key_id();
    errand.listener = stolen;
    let mut pair = Pair::new(errand);
    let hello = pair.dialer.poll_transmit(pair.now).unwrap();
    let mut attacker = Session::listen(local(5, "hub"), Timing::default(), pair.now);
    attacker.handle_envelope(hello, pair.now);
    assert!(attacker.poll_transmit(pair.now).is_none(), "its own mac key does not fit");
    assert!(pair.dialer.poll_transmit(pair.now).is_none());
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    let mut pair = Pair::new(errand(Purpose::Session));
    pair.admission = Admission::Refuse(Code::UnknownPeer.reason());
    pair.run();
    let ending = pair.ending_of_dialer().unwrap();
    assert_eq!(ending.code(), "unknown-peer");
    assert_eq!(ending.verdict(), Verdict::Refused);
    assert!(ending.remedy().contains("holdfast join"));
}

#[test]
fn a_preview_answers_the_offer_and_ends() {
    let mut pair = Pair::new(errand(Purpose::Preview));
    let offer =
        Offer { grants: tell(&grants(&["read-config=*"])), asks: vec![], label: "x".into() };
    pair.admission = Admission::Offer(offer.clone());
    pair.run();
    assert!(pair.seen_by_dialer.iter().any(|e| matches!(e, Event::Offered(o) if *o == offer)));
    assert!(!pair.dialer.is_established() && !pair.listener.is_established());
}

#[test]
fn a_probe_begins_no_session() {
    let mut pair = Pair::new(errand(Purpose::Probe));
    pair.run();
    assert!(pair.seen_by_dialer.iter().any(|e| matches!(e, Event::Opened(_))));
    assert!(!pair.listener.is_established());
}

#[test]
fn a_handshake_that_stalls_ends_after_five_seconds() {
    let now = at(0);
    let mut listener = Session::listen(local(2, "hub"), Timing::default(), now);
    listener.handle_timeout(at(4_999));
    assert!(listener.poll_event().is_none());
    listener.handle_timeout(at(5_000));
    assert!(matches!(listener.poll_event(), Some(Event::Closed(Ending::HandshakeTimeout))));
}

#[test]
fn mitm_with_its_own_kem_on_both_legs_is_found_by_the_dialer() {
    let pair_now = at(1_000);
    let mut dialer =
        Session::dial(local(1, "nas"), errand(Purpose::Session), Timing::default(), pair_now)
            .unwrap();
    let hub = local(2, "hub").identity.key_id();
    // The attacker answers with its own key, and must know the key id to get past the mac.
    let hello = dialer.poll_transmit(pair_now).unwrap();
    let mut real = Session::listen(local(2, "hub"), Timing::default(), pair_now);
    let towards_hub = Errand { listener: hub, ..errand(Purpose::Session) };
    let mut attacker =
        Session::dial(local(6, "nas"), towards_hub, Timing::default(), pair_now).unwrap();
    real.handle_envelope(attacker.poll_transmit(pair_now).unwrap(), pair_now);
    let reply = real.poll_transmit(pair_now).unwrap();
    // It hands the real listener's reply on: made for the attacker's KEM key, not the dialer's.
    drop(hello);
    dialer.handle_envelope(reply, pair_now);
    assert!(dialer.poll_transmit(pair_now).is_none(), "nothing about the dialer is said");
    assert!(matches!(
        std::iter::from_fn(|| dialer.poll_event()).last(),
        Some(Event::Closed(Ending::NotAuthenticated(_)))
    ));
}

#[test]
fn downgrade_a_listener_without_our_version_is_incompatible() {
    let mut pair = Pair::new(errand(Purpose::Session));
    let _hello = pair.dialer.poll_transmit(pair.now);
    let body = Some(Body::Unsupported(pb::Unsupported { versions: vec![0] }));
    pair.dialer.handle_envelope(Envelope { body }, pair.now);
    pair.collect();
    assert_eq!(pair.ending_of_dialer().unwrap().verdict(), Verdict::Incompatible);
}
