//! What a hostile origin tries, and what the hub keeps all the same.

use super::*;

#[test]
fn r3_position_2_60_hides_and_loses_nothing() {
    let mut hub = Hub::with(5);
    let before = hub.finished();
    hub.reconnect();
    let far = Head { seq: 1 << 60, chain: [7; 32] };
    let out = hub.take(FromOrigin::Batch(batch(Start::Base, far, vec![state(99, "F far")])));
    assert!(!is_refused(&out));
    assert_eq!(hub.head("a"), (1 << 60) + 1);
    let ladder = |seq| FromOrigin::Ladder {
        number: 1,
        shard: shard("a"),
        points: vec![Point { seq, chain: [0; 8] }],
        below: u64::MAX,
    };
    hub.take(ladder(u64::MAX));
    hub.take(ladder(1 << 60));
    assert!(hub.finished().is_superset(&before));
    // The true log returns and is taken in full.
    let mut log = log_of(6);
    hub.sync(&mut log);
    assert_eq!(hub.head("a"), 6);
    assert!(hub.finished().is_superset(&before));
}

#[test]
fn a_position_near_overflow_is_refused() {
    for seq in [u64::MAX, i64::MAX as u64, MAX_SEQ] {
        let mut hub = Hub::with(5);
        hub.reconnect();
        let after = Head { seq, chain: [7; 32] };
        for start in [Start::After, Start::Fork, Start::Base, Start::Gap, Start::BaseFork] {
            hub.reconnect();
            let sent = Batch { chain: [7; 32], ..batch(start, after, vec![]) };
            assert!(is_refused(&hub.take(FromOrigin::Batch(sent))), "{start:?} at {seq}");
        }
        assert_eq!(hub.head("a"), 5);
    }
}

#[test]
fn r3_position_0_for_ever_grows_nothing() {
    let mut hub = Hub::with(5);
    let before = hub.finished();
    let entries: Vec<_> = (0..5).map(|n| state(n, format!("F{n}"))).collect();
    for round in 0..200 {
        hub.reconnect();
        let start = [Start::Fork, Start::Base, Start::Gap, Start::BaseFork][round % 4];
        let sent = batch(start, zero(), entries.clone());
        assert!(!is_refused(&hub.take(FromOrigin::Batch(sent))));
    }
    assert_eq!(hub.finished(), before);
    assert_eq!(hub.held.usage().unwrap().entries, 10, "live once and archived once");
    // Position 0 has one chain value; another is a lie.
    hub.reconnect();
    let other = Head { seq: 0, chain: [3; 32] };
    assert!(is_refused(&hub.take(FromOrigin::Batch(batch(Start::BaseFork, other, vec![])))));
}

#[test]
fn r3_endless_forks_end_at_the_quota_and_delete_nothing() {
    let quota = Quota { entries: 100, ..Quota::default() };
    let mut hub = Hub::new(quota);
    hub.take(hello());
    hub.take(FromOrigin::Batch(batch(Start::After, zero(), vec![state(0, "F first")])));
    let most = 100 + 65 * MAX_BATCH_ENTRIES as u64;
    for round in 0..200_u64 {
        let entries = (0..256).map(|n| state(round * 256 + n, format!("F{round}.{n}"))).collect();
        let out = hub.take(FromOrigin::Batch(batch(Start::Fork, zero(), entries)));
        let full = hub.held.usage().unwrap().entries >= 100;
        assert_eq!(out.iter().any(|a| matches!(a, FromHub::Credit { .. })), !full);
        // A hostile origin comes again for the credit that each session begins with.
        hub.intake = intake(quota);
        hub.take(hello());
    }
    let usage = hub.held.usage().unwrap();
    assert!(usage.entries <= most, "{usage:?}");
    assert!(matches!(hub.intake.trouble(), Some(Trouble::QuotaReached(_) | Trouble::Stopped(_))));
    let first = (shard("a"), operation(0), Bytes::from("F first"));
    assert!(hub.finished().contains(&first));
}

#[test]
fn a_chain_that_does_not_come_out_is_refused_whole_and_stops_after_three() {
    let mut hub = Hub::with(5);
    let head = hub.held.shards[&shard("a")].chain.head();
    for round in 1..=3 {
        hub.take(hello());
        let good = batch(Start::After, head, vec![state(50, "F x"), state(51, "F y")]);
        let bad = Batch { chain: [1; 32], ..good.clone() };
        let out = hub.take(FromOrigin::Batch(bad));
        assert!(is_refused(&out));
        assert_eq!(hub.head("a"), 5);
        // Nothing more is taken before the next SyncHello, not even what is right.
        hub.take(FromOrigin::Batch(good));
        assert_eq!(hub.head("a"), 5);
        let stopped = out.iter().any(|answer| matches!(answer, FromHub::Stopped { .. }));
        assert_eq!(stopped, round == 3);
    }
    assert_eq!(hub.held.stopped.keys().collect::<Vec<_>>(), [&shard("a")]);
    hub.take(hello());
    let good = FromOrigin::Batch(batch(Start::After, head, vec![state(50, "F x")]));
    let out = hub.take(good.clone());
    assert_eq!(hub.head("a"), 5, "stopped");
    assert!(out.iter().any(|answer| matches!(answer, FromHub::Stopped { shard: Some(_), .. })));
    // The next session remembers, and says so from the start.
    let left = std::mem::replace(&mut hub.intake, intake(Quota::default())).into_refusals();
    hub.intake = intake(Quota::default()).resumed(left);
    assert_eq!(hub.intake.trouble(), Some(&Trouble::Stopped(Some(shard("a")))));
    hub.take(hello());
    hub.take(good);
    assert_eq!(hub.head("a"), 5, "still stopped");
    let mut out = Vec::new();
    hub.intake.retry(&mut out);
    hub.take(hello());
    hub.take(FromOrigin::Batch(batch(Start::After, head, vec![state(50, "F x")])));
    assert_eq!(hub.head("a"), 6);
}

#[test]
fn refusals_an_hour_apart_stop_nothing() {
    let mut hub = Hub::with(5);
    let head = hub.held.shards[&shard("a")].chain.head();
    for _ in 0..5 {
        hub.now = hub.now.plus(Duration::from_secs(1801));
        hub.take(hello());
        let bad = Batch { chain: [1; 32], ..batch(Start::After, head, vec![state(50, "F")]) };
        let out = hub.take(FromOrigin::Batch(bad));
        assert!(is_refused(&out));
        assert!(!out.iter().any(|answer| matches!(answer, FromHub::Stopped { .. })));
    }
}

#[test]
fn a_forged_checkpoint_is_refused_and_not_kept() {
    let mut hub = Hub::with(5);
    let kept = hub.held.checkpoint;
    let root = kept.unwrap().root;
    hub.reconnect();
    let forged = Checkpoint { root, time: NOW, signature: [5; 64] };
    assert!(is_refused(&hub.take(FromOrigin::Checkpoint(forged))));
    assert_eq!(hub.held.checkpoint, kept);
    assert_eq!(hub.intake.trouble(), Some(&Trouble::SignatureWrong));
}

#[test]
fn a_replayed_checkpoint_proves_nothing_new() {
    let mut hub = Hub::with(5);
    let old = hub.held.checkpoint.unwrap();
    hub.sync(&mut log_of(7));
    let kept = hub.held.checkpoint;
    hub.reconnect();
    assert!(is_refused(&hub.take(FromOrigin::Checkpoint(old))));
    hub.take(hello());
    // Once is forgiven with a new start; again is shown.
    hub.take(FromOrigin::Checkpoint(old));
    assert_eq!(hub.intake.trouble(), Some(&Trouble::RootDiffers));
    assert_eq!(hub.held.checkpoint, kept);
}

#[test]
fn s4_a_checkpoint_of_another_epoch_is_refused() {
    let mut hub = Hub::with(5);
    let root = hub.held.checkpoint.unwrap().root;
    hub.reconnect();
    let signature = signature(&Epoch::from_bytes([8; 16]), &root, NOW);
    assert!(is_refused(&hub.take(FromOrigin::Checkpoint(Checkpoint {
        root,
        time: NOW,
        signature
    }))));
}

#[test]
fn r3_blanking_finished_states_leaves_their_payload_in_the_archive() {
    let mut hub = Hub::with(5);
    let before = hub.finished();
    hub.reconnect();
    let blank = |n: u64| Entry {
        payload: None,
        digest: Some(digest(format!("F{n}").as_bytes())),
        ..state(n, "")
    };
    for start in [Start::Fork, Start::BaseFork, Start::Gap, Start::Base] {
        let sent = batch(start, zero(), (0..5).map(blank).collect());
        assert!(!is_refused(&hub.take(FromOrigin::Batch(sent))), "{start:?}");
        assert_eq!(hub.finished(), before);
    }
    // An honest origin gives them back.
    hub.sync(&mut log_of(5));
    let live = &hub.held.shards[&shard("a")].chain;
    assert!(live.iter().all(|(_, entry)| entry.payload.is_some()));
}

#[test]
fn r3_create_and_delete_to_fill_the_disk_ends_at_the_quota() {
    let quota = Quota { payload_bytes: 20_000, ..Quota::default() };
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..2_000 {
        log.append(&shard("a"), operation(n), EntryKind::State, format!("F{n:099}").into());
        log.append(&shard("a"), operation(n), EntryKind::Removed, Bytes::new());
    }
    let mut hub = Hub::new(quota);
    let mut feed = Feed::new(ORIGIN);
    let seen = hub.run(&mut log, &mut feed, &|_| true);
    assert!(seen.iter().any(|output| matches!(output, FeedOutput::Alert(_))), "the origin says so");
    assert!(matches!(hub.intake.trouble(), Some(Trouble::QuotaReached(_))));
    let usage = hub.held.usage().unwrap();
    assert!(usage.payload_bytes < 20_000 + MAX_BATCH_BYTES as u64, "{usage:?}");
    let before = hub.finished();
    // More room: it goes on where it stood, in the same session.
    let mut out = Vec::new();
    hub.intake.review(&hub.held, Quota::default(), &mut out).unwrap();
    assert!(out.iter().any(|answer| matches!(answer, FromHub::Credit { .. })));
    for answer in out {
        feed.handle(&log, &|_| true, answer, NOW, &mut Vec::new()).unwrap();
    }
    while let Some(message) = feed.next(&log, &|_| true, NOW, &signature).unwrap() {
        for answer in hub.take(message) {
            feed.handle(&log, &|_| true, answer, NOW, &mut Vec::new()).unwrap();
        }
    }
    assert_eq!(hub.head("a"), 4_000);
    assert!(hub.finished().is_superset(&before));
}

#[test]
fn a_batch_without_credit_is_refused() {
    let mut hub = Hub::with(5);
    hub.reconnect();
    let mut answers = Vec::new();
    let mut head = hub.held.shards[&shard("a")].chain.head();
    let mut flood = |hub: &mut Hub| {
        let sent = batch(Start::After, head, vec![state(70 + head.seq, "F")]);
        head = Head { seq: head.seq + 1, chain: sent.chain };
        // As the hub's answers are not out yet, the credit in them is not the origin's yet.
        let mut out = Vec::new();
        hub.intake.handle(&mut hub.held, FromOrigin::Batch(sent), NOW, &mut out).unwrap();
        out
    };
    for _ in 0..3 {
        answers.extend(flood(&mut hub));
    }
    let credits = answers.iter().filter(|a| matches!(a, FromHub::Credit { .. })).count();
    let acks = answers.iter().filter(|a| matches!(a, FromHub::Ack { .. })).count();
    assert_eq!((acks, credits), (3, 3), "one back for each");
    // Full: no credit comes back, and what was not credited is refused.
    let mut out = Vec::new();
    hub.intake.review(&hub.held, Quota { entries: 1, ..Quota::default() }, &mut out).unwrap();
    assert!(matches!(out[..], [FromHub::Stopped { shard: None, .. }]));
    assert!(!is_refused(&flood(&mut hub)), "credited before");
    assert!(is_refused(&flood(&mut hub)), "not credited");
}

#[test]
fn malformed_batches_are_refused() {
    let expectation =
        |operation| Entry { operation, kind: EntryKind::Expectation, ..state(0, "daily") };
    let bare = Entry { payload: None, ..state(0, "") };
    let cases = [
        ("payload over 32 KiB", vec![state(0, vec![b'F'; MAX_PAYLOAD + 1])]),
        ("too many entries", (0..257).map(|n| state(n, "F")).collect()),
        ("too many bytes", (0..4).map(|n| state(n, vec![b'F'; MAX_PAYLOAD])).collect()),
        ("an expectation with an operation's id", vec![expectation(operation(1))]),
        (
            "a state with the expectation's id",
            vec![Entry { operation: OperationId::EXPECTATION, ..state(0, "F") }],
        ),
        ("neither payload, digest nor chain", vec![bare.clone()]),
        ("a chain value for a payload", vec![Entry { chain: Some([1; 32]), ..state(0, "F") }]),
        ("a lost digest that is not lost", vec![Entry { chain: Some([1; 32]), ..bare }]),
    ];
    for (what, entries) in cases {
        let mut hub = Hub::with(3);
        hub.reconnect();
        let head = hub.held.shards[&shard("a")].chain.head();
        let sent = batch(Start::After, head, entries);
        assert!(is_refused(&hub.take(FromOrigin::Batch(sent))), "{what}");
        assert_eq!(hub.head("a"), 3, "{what}");
    }
    for name in ["../x", "a b", "-x", &"a".repeat(64)] {
        let mut hub = Hub::with(3);
        hub.reconnect();
        let sent = Batch { shard: shard(name), ..batch(Start::Base, zero(), vec![]) };
        assert!(is_refused(&hub.take(FromOrigin::Batch(sent))), "{name}");
        assert!(!hub.held.shards.contains_key(&shard(name)));
    }
}

#[test]
fn s5_nothing_is_taken_before_a_sync_hello() {
    let mut hub = Hub::new(Quota::default());
    let out = hub.take(FromOrigin::Batch(batch(Start::After, zero(), vec![state(0, "F")])));
    assert!(!out.iter().any(|answer| matches!(answer, FromHub::Ack { .. })));
    assert!(hub.held.shards.is_empty());
}
