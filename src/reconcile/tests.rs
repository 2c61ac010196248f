//! Attacks on log sync, each with its name, and limits that both sides keep.

use super::memory::{MemoryHub, MemoryOrigin, Part, is_finished};
use super::*;
use crate::model::{Epoch, KeyId, OperationId, Timestamp};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const ORIGIN: KeyId = KeyId::from_bytes([1; 32]);
const EPOCH: Epoch = Epoch::from_bytes([2; 16]);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn shard(repo: &str) -> Shard {
    Shard { repo: repo.into(), plan: "home".into() }
}

fn operation(n: u64) -> OperationId {
    OperationId::from_bytes((u128::from(n) + 1).to_be_bytes())
}

/// An origin's log with `n` finished operations in shard a.
fn log_of(n: u64) -> MemoryOrigin {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for i in 0..n {
        log.append(&shard("a"), operation(i), EntryKind::State, format!("F{i}").into());
    }
    log
}

fn signature(epoch: &Epoch, root: &Hash, time: Timestamp) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&digest(&checkpoint_statement(&ORIGIN, epoch, root, time)));
    signature
}

fn intake(quota: Quota) -> Intake {
    let verify = |epoch: &Epoch, c: &Checkpoint| c.signature == signature(epoch, &c.root, c.time);
    Intake::new(ORIGIN, quota, Box::new(verify))
}

/// A hub and its side of a session; whoever sends to it may be hostile.
struct Hub {
    held: MemoryHub,
    intake: Intake,
    now: Timestamp,
}

impl Hub {
    fn new(quota: Quota) -> Self {
        Self { held: MemoryHub::default(), intake: intake(quota), now: NOW }
    }

    fn with(n: u64) -> Self {
        let mut hub = Self::new(Quota::default());
        hub.sync(&mut log_of(n));
        hub
    }

    /// A new session.
    fn reconnect(&mut self) {
        self.intake = intake(Quota::default());
        self.take(hello());
    }

    fn take(&mut self, message: FromOrigin) -> Vec<FromHub> {
        let mut out = Vec::new();
        self.intake.handle(&mut self.held, message, self.now, &mut out).unwrap();
        out
    }

    /// A session with an honest origin, until quiet.
    fn sync(&mut self, log: &mut MemoryOrigin) -> Vec<FeedOutput> {
        self.intake = intake(Quota::default());
        self.run(log, &mut Feed::new(ORIGIN), &|_| true)
    }

    fn run(
        &mut self,
        log: &mut MemoryOrigin,
        feed: &mut Feed,
        visible: &Visible<'_>,
    ) -> Vec<FeedOutput> {
        let mut seen = Vec::new();
        let mut next = Some(FromOrigin::Hello(feed.open(log, visible).unwrap()));
        for _ in 0..10_000 {
            let Some(message) = next.take() else { return seen };
            let mut out = Vec::new();
            for answer in self.take(message) {
                feed.handle(log, visible, answer, self.now, &mut out).unwrap();
            }
            for output in std::mem::take(&mut out) {
                match &output {
                    FeedOutput::Send(message) => {
                        for answer in self.take(message.clone()) {
                            feed.handle(log, visible, answer, self.now, &mut out).unwrap();
                        }
                    }
                    FeedOutput::Scrub(_) => drop(log.scrub()),
                    FeedOutput::Heal { shard, found } => log.heal(shard, found),
                    FeedOutput::Alert(_) => {}
                }
                seen.push(output);
            }
            // Answers to what was sent while answering: ladders.
            while let Some(output) = out.pop() {
                if let FeedOutput::Send(message) = &output {
                    for answer in self.take(message.clone()) {
                        feed.handle(log, visible, answer, self.now, &mut out).unwrap();
                    }
                }
                seen.push(output);
            }
            next = feed.next(log, visible, self.now, &signature).unwrap();
        }
        panic!("not quiet after 10000 messages");
    }

    fn finished(&self) -> BTreeSet<(Shard, OperationId, Bytes)> {
        let live =
            self.held.shards.iter().flat_map(|(s, h)| h.chain.iter().map(move |(_, e)| (s, e)));
        let all = live.chain(self.held.archive.iter().map(|((s, ..), e)| (s, e)));
        all.filter(|(_, e)| is_finished(e.payload.as_ref()))
            .map(|(s, e)| (s.clone(), e.operation, e.payload.clone().unwrap()))
            .collect()
    }

    fn head(&self, name: &str) -> u64 {
        self.held.shards.get(&shard(name)).map_or(0, |held| held.chain.head().seq)
    }
}

fn hello() -> FromOrigin {
    FromOrigin::Hello(SyncHello { number: 1, epoch: EPOCH, root: [9; 32] })
}

fn state(n: u64, payload: impl Into<Bytes>) -> Entry {
    Entry {
        operation: operation(n),
        kind: EntryKind::First,
        payload: Some(payload.into()),
        digest: None,
        chain: None,
        lost: false,
    }
}

/// A batch whose chain comes out.
fn batch(start: Start, after: Head, entries: Vec<Entry>) -> Batch {
    let mut chain = after.chain;
    for (seq, entry) in (after.seq.wrapping_add(1)..).zip(&entries) {
        let digest = entry.payload.as_deref().map(digest).or(entry.digest);
        chain = link(&chain, seq, &entry.operation, entry.kind, &digest.unwrap_or_default());
    }
    Batch { shard: shard("a"), start, after, entries, chain }
}

fn zero() -> Head {
    Head { seq: 0, chain: chain_zero(&ORIGIN, &EPOCH, &shard("a")) }
}

fn is_refused(out: &[FromHub]) -> bool {
    out.iter().any(|answer| matches!(answer, FromHub::Refused { .. }))
}

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

/// A feed that is open to a hub which holds nothing, and may see shard a only.
fn open_feed(log: &MemoryOrigin) -> Feed {
    open_feed_to(log, &only_a)
}

fn open_feed_to(log: &MemoryOrigin, visible: &Visible<'_>) -> Feed {
    let mut feed = Feed::new(ORIGIN);
    let hello = feed.open(log, visible).unwrap();
    let heads = FromHub::Heads { number: hello.number, held: vec![] };
    feed.handle(log, visible, heads, NOW, &mut Vec::new()).unwrap();
    feed
}

fn only_a(other: &Shard) -> bool {
    *other == shard("a")
}

fn told(feed: &mut Feed, log: &MemoryOrigin, message: FromHub) -> Vec<FeedOutput> {
    let mut out = Vec::new();
    feed.handle(log, &only_a, message, NOW, &mut out).unwrap();
    out
}

#[test]
fn g3_a_hub_that_names_shards_outside_its_scope_learns_nothing() {
    let mut log = log_of(3);
    log.append(&shard("secret"), operation(7), EntryKind::State, "F secret".into());
    for name in ["secret", "none"] {
        let mut feed = Feed::new(ORIGIN);
        let number = feed.open(&log, &only_a).unwrap().number;
        let held = vec![Held { shard: shard(name), seq: 1, chain: [0; 8], hidden: false }];
        let out = told(&mut feed, &log, FromHub::Heads { number, held });
        assert_eq!(out, [FeedOutput::Send(FromOrigin::Gone(shard(name)))]);
        let want = FromHub::Want { shard: shard(name), seqs: vec![1] };
        assert_eq!(told(&mut feed, &log, want), []);
        let points = vec![Point { seq: 1, chain: [0; 8] }];
        let matched =
            FromHub::Match { number, shard: shard(name), equal: Some(1), base: 0, points };
        assert_eq!(told(&mut feed, &log, matched), []);
        assert_eq!(told(&mut feed, &log, FromHub::Refused { shard: Some(shard(name)) }), []);
        let rest = feed.next(&log, &only_a, NOW, &signature).unwrap();
        assert!(matches!(rest, Some(FromOrigin::Hello(_))), "starts over, says no more: {rest:?}");
    }
}

#[test]
fn g2_a_shard_revoked_between_two_steps_is_not_sent() {
    let log = log_of(3);
    let mut feed = open_feed(&log);
    assert_eq!(feed.next(&log, &|_| false, NOW, &signature).unwrap(), None);
    let mut out = Vec::new();
    feed.announce(&log, &|_| false, &mut out).unwrap();
    assert_eq!(out, [FeedOutput::Send(FromOrigin::Gone(shard("a")))]);
}

#[test]
fn three_refusals_in_an_hour_stop_a_shard_with_an_alert() {
    let log = log_of(3);
    let mut feed = open_feed(&log);
    for round in 1..=3 {
        let out = told(&mut feed, &log, FromHub::Refused { shard: Some(shard("a")) });
        let alert = matches!(out[..], [FeedOutput::Alert(_)]);
        assert_eq!(alert, round == 3, "{out:?}");
        let Some(FromOrigin::Hello(hello)) = feed.next(&log, &only_a, NOW, &signature).unwrap()
        else {
            panic!("starts over")
        };
        told(&mut feed, &log, FromHub::Heads { number: hello.number, held: vec![] });
    }
    assert!(feed.stopped(&Some(shard("a"))));
    assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None);
    assert_eq!(told(&mut feed, &log, FromHub::Refused { shard: Some(shard("a")) }), []);
    // The next session remembers; a person's retry ends it.
    let mut next = Feed::resumed(ORIGIN, feed.into_past());
    assert!(next.stopped(&Some(shard("a"))));
    let hello = next.open(&log, &only_a).unwrap();
    let heads = FromHub::Heads { number: hello.number, held: vec![] };
    assert!(matches!(told(&mut next, &log, heads)[..], [FeedOutput::Alert(_)]));
    next.retry();
    assert!(!next.stopped(&Some(shard("a"))));
}

#[test]
fn a_hub_that_stops_a_shard_again_and_again_is_told_of_once() {
    let log = log_of(3);
    let mut feed = open_feed(&log);
    let stop = |name: &str| FromHub::Stopped { shard: Some(shard(name)), reason: "no".to_owned() };
    assert!(matches!(told(&mut feed, &log, stop("a"))[..], [FeedOutput::Alert(_)]));
    assert_eq!(told(&mut feed, &log, stop("a")), []);
    assert_eq!(told(&mut feed, &log, stop("never heard of")), []);
    assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None, "nothing more is sent");
}

#[test]
fn a_checkpoint_is_sent_at_most_once_a_second() {
    let mut log = log_of(3);
    let mut hub = Hub::new(Quota::default());
    let mut feed = Feed::new(ORIGIN);
    hub.run(&mut log, &mut feed, &|_| true);
    assert!(hub.held.checkpoint.is_some());
    log.append(&shard("a"), operation(9), EntryKind::State, "F9".into());
    let step = |feed: &mut Feed, now| feed.next(&log, &|_| true, now, &signature).unwrap();
    assert!(matches!(step(&mut feed, NOW), Some(FromOrigin::Batch(_))));
    assert_eq!(step(&mut feed, NOW), None);
    let due = feed.next_checkpoint_at().unwrap();
    assert_eq!(due.since(NOW), CHECKPOINT_EVERY);
    assert!(matches!(step(&mut feed, due), Some(FromOrigin::Checkpoint(_))));
    assert_eq!(feed.next_checkpoint_at(), None);
}

#[test]
fn answers_to_a_want_keep_the_size_of_a_batch() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..20 {
        log.append(&shard("a"), operation(n), EntryKind::State, vec![b'F'; MAX_PAYLOAD].into());
    }
    let mut feed = Feed::new(ORIGIN);
    feed.open(&log, &only_a).unwrap();
    told(&mut feed, &log, FromHub::Want { shard: shard("a"), seqs: (1..100_000).collect() });
    let (mut answered, mut found_in_all) = (0, 0);
    while let Some(message) = feed.next(&log, &only_a, NOW, &signature).unwrap() {
        let FromOrigin::Entries { seqs, found, .. } = message else { panic!("{message:?}") };
        let bytes: usize =
            found.iter().filter_map(|f| f.entry.payload.as_ref()).map(Bytes::len).sum();
        assert!(bytes <= MAX_BATCH_BYTES + MAX_PAYLOAD, "{bytes}");
        answered += seqs.len();
        found_in_all += found.len();
    }
    assert_eq!((answered, found_in_all), (MAX_WANTED, 20));
}

#[test]
fn an_origin_gets_back_more_than_one_answer_carries() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..20 {
        log.append(&shard("a"), operation(n), EntryKind::State, vec![b'F'; 20_000].into());
    }
    let mut hub = Hub::new(Quota::default());
    hub.sync(&mut log);
    let whole = log.clone();
    let chain = log.shards.get_mut(&shard("a")).unwrap();
    for seq in (1..=19).step_by(2) {
        assert!(chain.damage(seq, Part::Payload));
    }
    assert_eq!(log.scrub(), 10);
    assert_eq!(log.lost(&shard("a"), 100).unwrap().len(), 10);
    let seen = hub.sync(&mut log);
    let heals = seen.iter().filter(|output| matches!(output, FeedOutput::Heal { .. })).count();
    assert_eq!(heals, 3);
    assert!(log.lost(&shard("a"), 100).unwrap().is_empty());
    let entries = |log: &MemoryOrigin| log.entries_at(&shard("a"), &[1, 19]).unwrap();
    assert_eq!(entries(&log), entries(&whole));
}

#[test]
fn batches_of_large_payloads_keep_their_limit() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    for n in 0..9 {
        log.append(&shard("a"), operation(n), EntryKind::State, vec![b'F'; 20_000].into());
    }
    let mut feed = open_feed(&log);
    let Some(FromOrigin::Batch(batch)) = feed.next(&log, &only_a, NOW, &signature).unwrap() else {
        panic!("a batch")
    };
    assert_eq!(batch.entries.len(), 3);
    assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None, "one credit");
}

#[test]
fn small_batches_go_together_as_far_as_credit_and_one_full_batch_reach() {
    let mut log = MemoryOrigin::new(ORIGIN, EPOCH);
    let full = MAX_BATCH_BYTES / 2;
    for (n, (repo, bytes)) in (0..).zip([("a", 10), ("b", full), ("b", full), ("c", 10)]) {
        log.append(&shard(repo), operation(n), EntryKind::State, vec![b'F'; bytes].into());
    }
    let all = |_: &Shard| true;
    let mut feed = open_feed_to(&log, &all);
    feed.handle(&log, &all, FromHub::Credit { batches: 4 }, NOW, &mut Vec::new()).unwrap();
    let repos = |few: &[FromOrigin]| -> Vec<String> {
        few.iter()
            .map(|message| match message {
                FromOrigin::Batch(batch) => batch.shard.repo.clone(),
                FromOrigin::Checkpoint(_) => "checkpoint".to_owned(),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let mut few = || feed.next_few(&log, &all, NOW, &signature).unwrap();
    assert_eq!(repos(&few()), ["a", "b"], "b is full");
    assert_eq!(repos(&few()), ["c", "checkpoint"]);
    assert!(few().is_empty());
}

#[test]
fn credit_of_batches_that_never_left_is_there_again() {
    let (log, all) = (log_of(1), |_: &Shard| true);
    let mut feed = open_feed_to(&log, &all);
    let sent = feed.next_few(&log, &all, NOW, &signature).unwrap();
    assert!(matches!(sent[0], FromOrigin::Batch(_)), "with the credit of the start");
    // Withheld: it begins again, and the hub still holds nothing.
    feed.retry();
    let answer = |feed: &mut Feed| {
        let hello = feed.next_few(&log, &all, NOW, &signature).unwrap();
        let [FromOrigin::Hello(hello)] = hello[..] else { panic!("a hello") };
        let heads = FromHub::Heads { number: hello.number, held: Vec::new() };
        feed.handle(&log, &all, heads, NOW, &mut Vec::new()).unwrap();
        feed.next_few(&log, &all, NOW, &signature).unwrap()
    };
    assert!(answer(&mut feed).is_empty(), "its credit is used");
    feed.unsent(1);
    feed.retry();
    assert!(matches!(answer(&mut feed)[0], FromOrigin::Batch(_)));
}

#[test]
fn a_hub_that_answers_a_ladder_with_nonsense_does_not_keep_the_origin_busy() {
    let log = log_of(100);
    let mut feed = Feed::new(ORIGIN);
    let number = feed.open(&log, &only_a).unwrap().number;
    let held = vec![Held { shard: shard("a"), seq: u64::MAX, chain: [1; 8], hidden: false }];
    let mut out = told(&mut feed, &log, FromHub::Heads { number, held });
    let mut ladders = 0;
    while let Some(FeedOutput::Send(FromOrigin::Ladder { number, points, .. })) = out.pop() {
        ladders += 1;
        let equal = points.iter().map(|point| point.seq).min();
        let answer = FromHub::Match { number, shard: shard("a"), equal, base: 0, points: vec![] };
        out = told(&mut feed, &log, answer);
        assert!(ladders < 20);
    }
}

#[test]
fn a_fork_below_what_the_hub_has_trimmed_itself_is_taken() {
    let mut hub = Hub::with(5);
    hub.reconnect();
    let chain = &mut hub.held.shards.get_mut(&shard("a")).unwrap().chain;
    let fork = Head { seq: 2, chain: chain.at(2).unwrap() };
    chain.trim(4);
    let out = hub.take(FromOrigin::Batch(batch(Start::Fork, fork, vec![state(50, "F new")])));
    assert!(!is_refused(&out), "{out:?}");
    let chain = &hub.held.shards[&shard("a")].chain;
    assert_eq!((chain.base(), chain.head().seq), (fork, 3));
}

#[test]
fn a_gap_says_nothing_of_what_lies_before_it_and_a_fork_does() {
    for (start, gone) in [(Start::Gap, 0), (Start::Base, 0), (Start::BaseFork, 5)] {
        let mut hub = Hub::with(5);
        hub.reconnect();
        let base = Head { seq: 9, chain: [6; 32] };
        let sent = batch(start, base, vec![state(50, "F new")]);
        let head = Head { seq: 10, chain: sent.chain };
        hub.take(FromOrigin::Batch(sent));
        assert_eq!(hub.held.listed().count(), 0, "not before the roots are equal");
        let root = root([(&shard("a"), head)].into_iter());
        let signature = signature(&EPOCH, &root, NOW);
        hub.take(FromOrigin::Checkpoint(Checkpoint { root, time: NOW, signature }));
        assert_eq!(hub.held.listed().count(), gone, "{start:?}");
    }
}

#[test]
fn a_shard_revoked_before_its_fork_at_0_was_sent_is_gone() {
    let log = MemoryOrigin::new(ORIGIN, EPOCH);
    let mut feed = Feed::new(ORIGIN);
    let number = feed.open(&log, &only_a).unwrap().number;
    let held = vec![Held { shard: shard("a"), seq: 4, chain: [0; 8], hidden: false }];
    assert_eq!(told(&mut feed, &log, FromHub::Heads { number, held }), []);
    let mut out = Vec::new();
    feed.announce(&log, &|_| false, &mut out).unwrap();
    assert_eq!(out, [FeedOutput::Send(FromOrigin::Gone(shard("a")))]);
    assert_eq!(feed.next(&log, &|_| false, NOW, &signature).unwrap().filter(is_batch), None);
}

fn is_batch(message: &FromOrigin) -> bool {
    matches!(message, FromOrigin::Batch(_))
}

#[test]
fn s4_answers_with_another_number_are_ignored() {
    let log = log_of(3);
    let mut feed = Feed::new(ORIGIN);
    let old = feed.open(&log, &only_a).unwrap().number;
    let new = feed.open(&log, &only_a).unwrap().number;
    assert_ne!(old, new);
    for stale in [FromHub::InSync { number: old }, FromHub::Heads { number: old, held: vec![] }] {
        assert_eq!(told(&mut feed, &log, stale), []);
        assert_eq!(feed.next(&log, &only_a, NOW, &signature).unwrap(), None);
    }
    told(&mut feed, &log, FromHub::Heads { number: new, held: vec![] });
    let sent = feed.next(&log, &only_a, NOW, &signature).unwrap();
    assert!(sent.as_ref().is_some_and(is_batch), "{sent:?}");
}

#[test]
fn a_lost_payload_is_sent_as_lost_and_not_as_blanked() {
    let mut log = log_of(3);
    assert!(log.shards.get_mut(&shard("a")).unwrap().damage(2, Part::Payload));
    log.scrub();
    let mut hub = Hub::new(Quota::default());
    hub.sync(&mut log);
    let held = &hub.held.shards[&shard("a")].chain;
    assert_eq!(held.iter().map(|(_, entry)| entry.lost).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(held.audit(), None);
}

// ---------------------------------------------------------------- anything at all

/// What a hostile origin says, before it is held against a true chain.
#[derive(Debug, Clone)]
enum Recipe {
    Hello(u8),
    Batch {
        shard: u8,
        start: u8,
        seq: u64,
        true_chain: bool,
        entries: Vec<(u8, u8, u8)>,
        right: bool,
    },
    Gone(u8),
    Added(u8),
    Ladder(u8, Vec<(u64, bool)>, u64),
    Checkpoint(bool),
    Want(u8, Vec<u64>),
    Entries(u8, Vec<(u64, u8)>),
}

fn position() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..9_u64, 1 => Just(1 << 60), 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let entries = || prop::collection::vec((0..8_u8, 0..4_u8, 0..6_u8), 0..5);
    let batch = (
        0..3_u8,
        0..5_u8,
        position(),
        prop::bool::weighted(0.8),
        entries(),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(shard, start, seq, true_chain, entries, right)| Recipe::Batch {
            shard,
            start,
            seq,
            true_chain,
            entries,
            right,
        });
    prop_oneof![
        4 => prop_oneof![5 => Just(2_u8), 1 => Just(3)].prop_map(Recipe::Hello),
        8 => batch,
        1 => (0..3_u8).prop_map(Recipe::Gone),
        1 => (0..3_u8).prop_map(Recipe::Added),
        1 => (0..3_u8, prop::collection::vec((position(), any::<bool>()), 0..70), position())
            .prop_map(|(shard, points, below)| Recipe::Ladder(shard, points, below)),
        1 => any::<bool>().prop_map(Recipe::Checkpoint),
        1 => (0..3_u8, prop::collection::vec(position(), 0..9)).prop_map(|(s, seqs)| Recipe::Want(s, seqs)),
        1 => (0..3_u8, prop::collection::vec((position(), 0..6_u8), 0..9)).prop_map(|(s, f)| Recipe::Entries(s, f)),
    ]
}

fn named(n: u8) -> Shard {
    shard(["a", "b", "no/name"][usize::from(n)])
}

fn entry((op, kind, form): (u8, u8, u8)) -> Entry {
    let kind = EntryKind::from_code(kind).unwrap();
    let whole = state(u64::from(op), format!("F{op}"));
    let operation =
        if kind == EntryKind::Expectation { OperationId::EXPECTATION } else { whole.operation };
    let whole = Entry { kind, operation, ..whole };
    match form {
        0 => Entry { payload: None, digest: Some(digest(format!("F{op}").as_bytes())), ..whole },
        1 => Entry { payload: None, chain: Some([op; 32]), lost: true, ..whole },
        2 => Entry { payload: None, ..whole },
        3 => Entry { payload: Some(vec![b'F'; MAX_PAYLOAD + 1].into()), ..whole },
        _ => whole,
    }
}

fn message(hub: &Hub, recipe: &Recipe) -> FromOrigin {
    let held = |n: u8| hub.held.shards.get(&named(n)).map(|held| &held.chain);
    match recipe.clone() {
        Recipe::Hello(epoch) => FromOrigin::Hello(SyncHello {
            number: 1,
            epoch: Epoch::from_bytes([epoch; 16]),
            root: [epoch; 32],
        }),
        Recipe::Batch { shard, start, seq, true_chain, entries, right } => {
            let starts = [Start::After, Start::Fork, Start::Base, Start::Gap, Start::BaseFork];
            let start = starts[usize::from(start)];
            let seq =
                if start == Start::After { held(shard).map_or(0, |c| c.head().seq) } else { seq };
            let known = held(shard).and_then(|chain| chain.at(seq));
            let zero = chain_zero(&ORIGIN, &EPOCH, &named(shard));
            let chain = known.or((seq == 0).then_some(zero)).filter(|_| true_chain);
            let after = Head { seq, chain: chain.unwrap_or([4; 32]) };
            let sent = batch(start, after, entries.into_iter().map(entry).collect());
            let chain = if right { sent.chain } else { [0; 32] };
            FromOrigin::Batch(Batch { shard: named(shard), chain, ..sent })
        }
        Recipe::Gone(n) => FromOrigin::Gone(named(n)),
        Recipe::Added(n) => FromOrigin::Added { number: 1, shards: vec![named(n); 3] },
        Recipe::Ladder(n, points, below) => {
            let chain = |seq, right: bool| held(n).filter(|_| right).and_then(|c| c.at(seq));
            let point =
                |(seq, right)| Point { seq, chain: short(&chain(seq, right).unwrap_or_default()) };
            FromOrigin::Ladder {
                number: 1,
                shard: named(n),
                points: points.into_iter().map(point).collect(),
                below,
            }
        }
        Recipe::Checkpoint(right) => {
            let shown = hub.held.shards.iter().filter(|(_, held)| !held.hidden);
            let root = root(shown.map(|(shard, held)| (shard, held.chain.head())));
            let root = if right { root } else { [1; 32] };
            FromOrigin::Checkpoint(Checkpoint {
                root,
                time: NOW,
                signature: signature(&EPOCH, &root, NOW),
            })
        }
        Recipe::Want(n, seqs) => FromOrigin::Want { shard: named(n), seqs },
        Recipe::Entries(n, found) => FromOrigin::Entries {
            shard: named(n),
            seqs: found.iter().map(|(seq, _)| *seq).collect(),
            found: found
                .into_iter()
                .map(|(seq, form)| Found { seq, entry: entry((seq as u8, 0, form)) })
                .collect(),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn r3_no_messages_of_an_origin_lose_a_finished_state(recipes in prop::collection::vec(recipe(), 1..60)) {
        let mut hub = Hub::with(5);
        hub.reconnect();
        for recipe in &recipes {
            hub.now = hub.now.plus(Duration::from_secs(1801)); // nothing stops
            let before = hub.finished();
            let message = message(&hub, recipe);
            let answers = hub.take(message);
            prop_assert!(hub.finished().is_superset(&before), "{recipe:?}");
            prop_assert!(answers.len() <= 8, "{recipe:?}: {answers:?}");
        }
        for held in hub.held.shards.values() {
            prop_assert_eq!(held.chain.audit(), None);
        }
    }
}

#[test]
fn r2_a_shard_that_grows_all_the_time_keeps_no_other_waiting() {
    let mut log = log_of(1);
    log.append(&shard("b"), operation(1_000), EntryKind::State, "F b".into());
    let mut feed = Feed::new(ORIGIN);
    let everything = |_: &Shard| true;
    let hello = feed.open(&log, &everything).unwrap();
    let heads = FromHub::Heads { number: hello.number, held: Vec::new() };
    feed.handle(&log, &everything, heads, NOW, &mut Vec::new()).unwrap();
    let mut sent = Vec::new();
    for n in 1..=3 {
        let credit = FromHub::Credit { batches: 1 };
        feed.handle(&log, &everything, credit, NOW, &mut Vec::new()).unwrap();
        let next = feed.next(&log, &everything, NOW, &signature).unwrap();
        if let Some(FromOrigin::Batch(batch)) = next {
            sent.push(batch.shard.repo);
        }
        log.append(&shard("a"), operation(n), EntryKind::State, "F a".into());
    }
    assert_eq!(sent, ["a", "b", "a"]);
}
