//! Two sessions, a virtual clock and a link that the test holds in its hands.

use super::*;
use crate::model::{Epoch, OperationId, Secret};
use crate::reconcile::{Batch, Checkpoint, Head, Shard, Start, SyncHello};
use crate::wire::Message;
use crate::wire::proto::sync as pb;
use crate::wire::proto::sync::envelope::Body;
use crate::wire::tell;

fn at(millis: i64) -> Now {
    let time = Timestamp::from_millis(millis);
    Now { monotonic: time, wall: time }
}

fn local(seed: u8, name: &str) -> Local {
    Local {
        identity: Arc::new(Identity::from_seed([seed; 32])),
        instance: name.parse().unwrap(),
        boot_id: [seed; 16],
        software: "holdfast test".to_owned(),
    }
}

fn grants(texts: &[&str]) -> Grants {
    Grants::parse(texts.iter().copied()).unwrap()
}

fn errand(purpose: Purpose) -> Errand {
    let grants = grants(&["read-operations=*"]);
    Errand {
        listener: local(2, "hub").identity.key_id(),
        purpose,
        redemption: None,
        opening: Opening { granted: tell(&grants), sync_hello: Some(hello(1)) },
        grants,
    }
}

fn hello(number: u32) -> SyncHello {
    SyncHello { number, epoch: Epoch::from_bytes([9; 16]), root: [3; 32] }
}

fn shard(repo: &str) -> Shard {
    Shard { repo: repo.to_owned(), plan: "home".to_owned() }
}

fn batch(repo: &str) -> FromOrigin {
    FromOrigin::Batch(Batch {
        shard: shard(repo),
        start: Start::After,
        after: Head { seq: 0, chain: [0; 32] },
        entries: Vec::new(),
        chain: [1; 32],
    })
}

/// A dialer and a listener, and everything that crossed between them.
struct Pair {
    dialer: Session,
    listener: Session,
    now: Now,
    to_listener: Vec<Envelope>,
    to_dialer: Vec<Envelope>,
    seen_by_dialer: Vec<Event>,
    seen_by_listener: Vec<Event>,
    admission: Admission,
}

impl Pair {
    fn new(errand: Errand) -> Self {
        let now = at(1_000);
        let grants = grants(&["read-operations=*"]);
        Self {
            dialer: Session::dial(local(1, "nas"), errand, Timing::default(), now).unwrap(),
            listener: Session::listen(local(2, "hub"), Timing::default(), now),
            now,
            to_listener: Vec::new(),
            to_dialer: Vec::new(),
            seen_by_dialer: Vec::new(),
            seen_by_listener: Vec::new(),
            admission: Admission::Accept {
                opening: Opening { granted: tell(&grants), sync_hello: None },
                grants,
                urls: vec!["https://hub.example".to_owned()],
            },
        }
    }

    fn connected() -> Self {
        let mut pair = Self::new(errand(Purpose::Session));
        pair.run();
        assert!(pair.dialer.is_established() && pair.listener.is_established());
        pair
    }

    fn collect(&mut self) {
        while let Some(event) = self.listener.poll_event() {
            if let Event::Ask(_) = &event {
                self.listener.admit(self.admission.clone(), self.now);
            }
            self.seen_by_listener.push(event);
        }
        while let Some(event) = self.dialer.poll_event() {
            self.seen_by_dialer.push(event);
        }
    }

    fn run(&mut self) {
        for _ in 0..64 {
            self.collect();
            let mut moved = false;
            while let Some(envelope) = self.dialer.poll_transmit(self.now) {
                self.to_listener.push(envelope.clone());
                self.listener.handle_envelope(envelope, self.now);
                self.collect();
                moved = true;
            }
            while let Some(envelope) = self.listener.poll_transmit(self.now) {
                self.to_dialer.push(envelope.clone());
                self.dialer.handle_envelope(envelope, self.now);
                self.collect();
                moved = true;
            }
            if !moved {
                return;
            }
        }
        panic!("the two never grow quiet");
    }

    fn ending_of_dialer(&self) -> Option<&Ending> {
        self.seen_by_dialer.iter().find_map(|event| match event {
            Event::Closed(ending) => Some(ending),
            _ => None,
        })
    }

    fn ending_of_listener(&self) -> Option<&Ending> {
        self.seen_by_listener.iter().find_map(|event| match event {
            Event::Closed(ending) => Some(ending),
            _ => None,
        })
    }
}

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
fn heartbeats_keep_a_quiet_link_alive_and_measure_the_clock() {
    let mut pair = Pair::connected();
    for second in 0..600 {
        pair.now = at(2_000 + second * 1_000);
        pair.dialer.handle_timeout(pair.now);
        pair.listener.handle_timeout(pair.now);
        pair.run();
    }
    assert!(pair.dialer.is_established() && pair.listener.is_established());
    let measured = pair.seen_by_dialer.iter().any(|e| matches!(e, Event::ClockAhead { millis: 0 }));
    assert!(measured);
}

#[test]
fn a_silent_link_is_dead_within_45_seconds_on_both_sides() {
    let mut pair = Pair::connected();
    pair.now = at(1_000 + 45_000);
    pair.dialer.handle_timeout(pair.now);
    pair.listener.handle_timeout(pair.now);
    pair.collect();
    assert!(matches!(pair.ending_of_dialer(), Some(Ending::Silent(_))));
    assert!(matches!(pair.ending_of_listener(), Some(Ending::Silent(_))));
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
fn g2_a_revocation_is_obeyed_by_the_next_message() {
    let mut pair = Pair::connected();
    pair.dialer.send(Send::FromOrigin(batch("private")));
    pair.dialer.set_grants(grants(&["read-operations=*,!repo:private"]));
    pair.run();
    let told = pair.seen_by_listener.iter().find_map(|event| match event {
        Event::Granted(told) => Some(told.clone()),
        _ => None,
    });
    let told = told.expect("the change is said");
    assert_eq!(told[0].scopes, ["*"]);
    assert!(told[0].exceptions, "exclusions are not named");
    let leaked = pair
        .seen_by_listener
        .iter()
        .any(|event| matches!(event, Event::FromOrigin(FromOrigin::Batch(_))));
    assert!(!leaked);
    assert!(pair.seen_by_dialer.iter().any(|e| matches!(e, Event::Withheld { .. })));
}

#[test]
fn g2_batches_behind_a_withheld_one_start_over_with_it_and_keep_their_credit() {
    let mut pair = Pair::connected();
    for repo in ["vault", "private", "vault", "private"] {
        pair.dialer.send(Send::FromOrigin(batch(repo)));
    }
    pair.dialer.set_grants(grants(&["read-operations=*,!repo:private"]));
    pair.run();
    let came = |e: &&Event| matches!(e, Event::FromOrigin(FromOrigin::Batch(_)));
    assert_eq!(pair.seen_by_listener.iter().filter(came).count(), 1);
    let withheld = pair.seen_by_dialer.iter().filter_map(|event| match event {
        Event::Withheld { batches } => Some(*batches),
        _ => None,
    });
    assert_eq!(withheld.collect::<Vec<_>>(), [3]);
    assert!(pair.dialer.wants_origin());
}

#[test]
fn g2_r2_an_announcement_that_is_withheld_starts_over() {
    let mut pair = Pair::connected();
    pair.dialer.send(Send::FromOrigin(FromOrigin::Added {
        number: 2,
        shards: vec![shard("vault"), shard("private")],
    }));
    pair.dialer.set_grants(grants(&["read-operations=*,!repo:private"]));
    pair.run();
    let leaked = pair
        .seen_by_listener
        .iter()
        .any(|event| matches!(event, Event::FromOrigin(FromOrigin::Added { .. })));
    assert!(!leaked);
    // The vault may still be seen, and nobody else would announce it again.
    assert!(pair.seen_by_dialer.iter().any(|e| matches!(e, Event::Withheld { .. })));
}

#[test]
fn g4_what_is_sent_is_checked_when_it_is_sent() {
    let mut pair = Pair::connected();
    pair.dialer.set_grants(grants(&["read-operations=repo:vault"]));
    pair.dialer.send(Send::FromOrigin(batch("vault")));
    pair.dialer.send(Send::FromOrigin(FromOrigin::Ladder {
        number: 1,
        shard: shard("other"),
        points: vec![],
        below: 1,
    }));
    pair.run();
    let came: Vec<_> = pair
        .seen_by_listener
        .iter()
        .filter(|e| {
            matches!(e, Event::FromOrigin(FromOrigin::Batch(_) | FromOrigin::Ladder { .. }))
        })
        .collect();
    assert_eq!(came.len(), 1);
}

#[test]
fn control_overtakes_bulk() {
    let mut pair = Pair::connected();
    for _ in 0..3 {
        pair.dialer.send(Send::FromOrigin(batch("vault")));
    }
    assert!(!pair.dialer.wants_origin());
    pair.dialer.set_grants(grants(&["read-operations=*", "read-config=*"]));
    let first = pair.dialer.poll_transmit(pair.now).unwrap();
    pair.listener.handle_envelope(first, pair.now);
    let event = std::iter::from_fn(|| pair.listener.poll_event()).last();
    assert!(matches!(event, Some(Event::Granted(_))));
}

#[test]
fn a_forged_checkpoint_ends_the_session() {
    let mut pair = Pair::connected();
    let identity = Identity::from_seed([1; 32]);
    let good = |root| Checkpoint {
        root,
        time: pair.now.wall,
        signature: identity.sign_checkpoint(&Epoch::from_bytes([9; 16]), &root, pair.now.wall),
    };
    let (honest, forged) = (good([4; 32]), Checkpoint { root: [5; 32], ..good([4; 32]) });
    pair.dialer.send(Send::FromOrigin(FromOrigin::Checkpoint(honest)));
    pair.run();
    assert!(pair.ending_of_listener().is_none());
    pair.dialer.send(Send::FromOrigin(FromOrigin::Checkpoint(forged)));
    pair.run();
    let accepted = pair
        .seen_by_listener
        .iter()
        .filter(|e| matches!(e, Event::FromOrigin(FromOrigin::Checkpoint(_))))
        .count();
    assert_eq!(accepted, 1);
    assert_eq!(pair.ending_of_dialer().unwrap().code(), "protocol");
}

#[test]
fn a_checkpoint_is_signed_over_the_statement_that_proofs_are_checked_with() {
    use ed25519_dalek::{Signature, VerifyingKey};
    let identity = Identity::from_seed([1; 32]);
    let (epoch, root, time) = (Epoch::from_bytes([9; 16]), [4; 32], at(77).wall);
    let signature = Signature::from_bytes(&identity.sign_checkpoint(&epoch, &root, time));
    let statement = crate::reconcile::checkpoint_statement(&identity.key_id(), &epoch, &root, time);
    let key = VerifyingKey::from_bytes(&identity.public_key()).unwrap();
    assert!(key.verify_strict(&statement, &signature).is_ok());
}

#[test]
fn a_checkpoint_of_another_epoch_is_not_taken() {
    let mut pair = Pair::connected();
    let identity = Identity::from_seed([1; 32]);
    let root = [4; 32];
    let signature = identity.sign_checkpoint(&Epoch::from_bytes([8; 16]), &root, pair.now.wall);
    let replayed = Checkpoint { root, time: pair.now.wall, signature };
    pair.dialer.send(Send::FromOrigin(FromOrigin::Checkpoint(replayed)));
    pair.run();
    assert_eq!(pair.ending_of_dialer().unwrap().code(), "protocol");
}

#[test]
fn c1_a_replayed_or_dropped_record_ends_the_channel() {
    let mut pair = Pair::connected();
    pair.dialer.send(Send::FromOrigin(batch("vault")));
    let record = pair.dialer.poll_transmit(pair.now).unwrap();
    pair.listener.handle_envelope(record.clone(), pair.now);
    pair.listener.handle_envelope(record, pair.now);
    pair.collect();
    assert!(matches!(pair.ending_of_listener(), Some(Ending::NotAuthenticated(_))));

    let mut pair = Pair::connected();
    pair.dialer.send(Send::FromOrigin(batch("vault")));
    let _dropped = pair.dialer.poll_transmit(pair.now).unwrap();
    pair.dialer.send(Send::FromOrigin(batch("vault")));
    let next = pair.dialer.poll_transmit(pair.now).unwrap();
    pair.listener.handle_envelope(next, pair.now);
    pair.collect();
    assert!(matches!(pair.ending_of_listener(), Some(Ending::NotAuthenticated(_))));
}

#[test]
fn reflection_a_record_sent_back_to_its_sender_does_not_open() {
    let mut pair = Pair::connected();
    pair.dialer.send(Send::FromOrigin(batch("vault")));
    let record = pair.dialer.poll_transmit(pair.now).unwrap();
    pair.dialer.handle_envelope(record, pair.now);
    pair.collect();
    assert!(matches!(pair.ending_of_dialer(), Some(Ending::NotAuthenticated(_))));
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

#[test]
fn unknown_kinds_are_skipped_and_counted() {
    let mut pair = Pair::connected();
    let State::Established(established) = &mut pair.dialer.state else { panic!("connected") };
    let mut peek = Vec::new();
    std::mem::swap(&mut peek, &mut pair.to_listener);
    established.outbox.notices.clear();
    // A field number that this version does not know, well formed.
    let unknown = vec![0xfa, 0x3f, 0x01, 0x00];
    let sealed = established.seal_for_test(&unknown);
    let record = Envelope { body: Some(Body::Record(sealed.into())) };
    pair.listener.handle_envelope(record, pair.now);
    pair.collect();
    assert_eq!(pair.listener.skipped(), 1);
    assert!(pair.listener.is_established());
}

#[test]
fn a_message_that_breaks_a_limit_closes_with_a_reason() {
    let mut pair = Pair::connected();
    let State::Established(established) = &mut pair.dialer.state else { panic!("connected") };
    let lie = Message::FromOrigin(FromOrigin::Want {
        shard: shard("vault"),
        seqs: (0..100_000).collect(),
    });
    let sealed = established.seal_for_test(&lie.encode());
    let record = Envelope { body: Some(Body::Record(sealed.into())) };
    pair.listener.handle_envelope(record, pair.now);
    pair.run();
    let ending = pair.ending_of_dialer().unwrap();
    assert_eq!(ending.code(), "protocol");
    assert!(ending.remedy().contains("seqs"));
}

#[test]
fn a_peer_that_asks_without_reading_is_closed_not_stored() {
    let mut pair = Pair::connected();
    for number in 0..20_000 {
        pair.listener.send(Send::FromHub(FromHub::InSync { number }));
    }
    pair.collect();
    assert!(matches!(pair.ending_of_listener(), Some(Ending::Ours(r)) if r.code == "protocol"));
}

#[test]
fn acks_and_credits_merge_while_they_wait() {
    let mut pair = Pair::connected();
    for seq in 1..1_000 {
        pair.listener.send(Send::FromHub(FromHub::Ack { shard: shard("vault"), seq }));
        pair.listener.send(Send::FromHub(FromHub::Credit { batches: 1 }));
    }
    pair.run();
    let came: Vec<_> = pair
        .seen_by_dialer
        .iter()
        .filter_map(|event| match event {
            Event::FromHub(message) => Some(message.clone()),
            _ => None,
        })
        .collect();
    let ack = FromHub::Ack { shard: shard("vault"), seq: 999 };
    assert_eq!(came, [ack, FromHub::Credit { batches: 999 }]);
}

#[test]
fn an_old_session_asks_for_a_fresh_one_once() {
    let mut pair = Pair::connected();
    let timing = Timing { renew_after: Duration::from_secs(5), ..Timing::default() };
    let mut dialer =
        Session::dial(local(1, "nas"), errand(Purpose::Session), timing, pair.now).unwrap();
    std::mem::swap(&mut pair.dialer, &mut dialer);
    pair.listener = Session::listen(local(2, "hub"), Timing::default(), pair.now);
    pair.run();
    for second in 1..10 {
        pair.now = at(1_000 + second * 1_000);
        pair.dialer.handle_timeout(pair.now);
        pair.run();
    }
    let renewals = pair.seen_by_dialer.iter().filter(|e| matches!(e, Event::Renew)).count();
    assert_eq!(renewals, 1);
    assert!(pair.dialer.is_established(), "it goes on until the fresh one stands");
}

#[test]
fn progress_of_a_hidden_shard_is_not_sent() {
    let mut pair = Pair::connected();
    pair.dialer.set_grants(grants(&["read-operations=repo:vault"]));
    for (n, repo) in ["vault", "private"].iter().enumerate() {
        pair.dialer.send(Send::Progress(RunProgress {
            operation: OperationId::from_bytes([u8::try_from(n).unwrap(); 16]),
            shard: shard(repo),
            progress: crate::model::Progress::default(),
        }));
    }
    pair.run();
    let came = pair.seen_by_listener.iter().filter(|e| matches!(e, Event::Progress(_))).count();
    assert_eq!(came, 1);
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_make_a_listener_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            use prost::Message as _;
            let mut listener = Session::listen(local(2, "hub"), Timing::default(), at(0));
            if let Ok(envelope) = Envelope::decode(bytes.as_slice()) {
                listener.handle_envelope(envelope, at(0));
            }
            let _ = Message::decode(&bytes);
            prop_assert!(!listener.is_established());
        }
    }
}
