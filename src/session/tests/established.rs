//! What a standing session sends, checks and ends for.

use super::*;

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
