//! What a hub holds, in a real file: against the reference in memory, and as readers see it.

#![allow(clippy::unwrap_used)]

mod store;

use bytes::Bytes;
use holdfast::daemon::ports::StoredHistory;
use holdfast::job::History as _;
use holdfast::model::{Epoch, KeyId, Operation, OperationId, RepoGuid, Status, Timestamp};
use holdfast::reconcile::memory::MemoryHub;
use holdfast::reconcile::{
    ArchiveReason, Checkpoint, Entry, EntryKind, Found, Head, HubLog, Shard, chain_zero, digest,
    link, root,
};
use holdfast::store::history::{Filter, HistoryTx, Presence, Whose};
use holdfast::store::{History, StoreError};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Debug;
use store::{NOON, OWNER, chained, id, open, operation, peer, proved, shard};

const EPOCH: Epoch = Epoch::from_bytes([5; 16]);

fn zero(name: &Shard, epoch: Epoch) -> Head {
    Head { seq: 0, chain: chain_zero(&peer().1, &epoch, name) }
}

// ---------------------------------------------------------------- conformance

/// One step of a session's intake.
#[derive(Debug, Clone)]
enum Step {
    Epoch(u8),
    Append { shard: u8, entries: Vec<(u8, EntryKind, bool)> },
    Archive { shard: u8, keep: u8, why: ArchiveReason },
    Adopt { shard: u8, seq: u8, why: ArchiveReason },
    Hide { shard: u8, hidden: bool },
    Settle,
    InVain { shard: u8, seq: u8 },
    Heal { shard: u8, seq: u8 },
    Scrub,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        3 => Just(EntryKind::First),
        4 => Just(EntryKind::State),
        1 => Just(EntryKind::Removed),
        1 => Just(EntryKind::Expectation),
    ];
    let why = prop_oneof![3 => Just(ArchiveReason::Fork), 1 => Just(ArchiveReason::Gap)];
    let entries = prop::collection::vec((0_u8..6, kind, prop::bool::weighted(0.8)), 0..6);
    prop_oneof![
        1 => (0_u8..3).prop_map(Step::Epoch),
        8 => (0_u8..3, entries).prop_map(|(shard, entries)| Step::Append { shard, entries }),
        4 => (0_u8..3, 0_u8..12, why.clone())
            .prop_map(|(shard, keep, why)| Step::Archive { shard, keep, why }),
        1 => (0_u8..3, 0_u8..20, why)
            .prop_map(|(shard, seq, why)| Step::Adopt { shard, seq, why }),
        1 => (0_u8..3, any::<bool>()).prop_map(|(shard, hidden)| Step::Hide { shard, hidden }),
        2 => Just(Step::Settle),
        2 => (0_u8..3, 0_u8..12).prop_map(|(shard, seq)| Step::InVain { shard, seq }),
        2 => (0_u8..3, 0_u8..12).prop_map(|(shard, seq)| Step::Heal { shard, seq }),
        1 => Just(Step::Scrub),
    ]
}

fn named(n: u8) -> Shard {
    Shard { repo: format!("repo{}", n % 2), plan: format!("plan{n}") }
}

/// What belongs to position and operation, so that a lost payload can be had again.
fn payload(seq: u64, operation: u8) -> Bytes {
    Bytes::from(format!("F{seq}/{operation}"))
}

fn operation_of(n: u8, kind: EntryKind) -> OperationId {
    match kind {
        EntryKind::Expectation => OperationId::EXPECTATION,
        EntryKind::First | EntryKind::State | EntryKind::Removed => id(u64::from(n)),
    }
}

fn entries_on(head: Head, entries: &[(u8, EntryKind, bool)]) -> Vec<Entry> {
    let mut at = head;
    let mut made = Vec::new();
    for (n, kind, with_payload) in entries {
        let seq = at.seq + 1;
        // A superseded expectation may be blanked, and is here; one without payload differs nowhere.
        let expects = *kind == EntryKind::Expectation;
        let payload = payload(seq, if expects { u8::MAX } else { *n });
        let operation = operation_of(*n, *kind);
        let own = digest(&payload);
        at = Head { seq, chain: link(&at.chain, seq, &operation, *kind, &own) };
        made.push(Entry {
            operation,
            kind: *kind,
            payload: Some(payload).filter(|_| *with_payload && !expects),
            digest: Some(own),
            chain: Some(at.chain),
            lost: false,
        });
    }
    made
}

fn apply<L: HubLog<Error: Debug>>(log: &mut L, step: &Step) {
    let epoch = log.epoch().unwrap().unwrap_or(EPOCH);
    match step {
        Step::Epoch(n) => log.begin_epoch(Epoch::from_bytes([*n; 16])).unwrap(),
        Step::Append { shard, entries } => {
            let name = named(*shard);
            if log.shard(&name).unwrap().is_none() {
                log.adopt_base(&name, zero(&name, epoch), ArchiveReason::Fork).unwrap();
            }
            let head = log.shard(&name).unwrap().unwrap().head;
            log.append(&name, entries_on(head, entries)).unwrap();
        }
        Step::Archive { shard, keep, why } => {
            let name = named(*shard);
            if let Some(held) = log.shard(&name).unwrap() {
                let after = held.base.seq + u64::from(*keep);
                if after <= held.head.seq {
                    log.archive_after(&name, after, *why).unwrap();
                }
            }
        }
        Step::Adopt { shard, seq, why } => {
            let base = Head { seq: u64::from(*seq), chain: [*seq; 32] };
            log.adopt_base(&named(*shard), base, *why).unwrap();
            log.append(&named(*shard), Vec::new()).unwrap();
        }
        Step::Hide { shard, hidden } => log.hide(&named(*shard), *hidden).unwrap(),
        Step::Settle => log.settle([1; 32], None).unwrap(),
        Step::InVain { shard, seq } => {
            let name = named(*shard);
            let asked = log.wanted(100).unwrap().into_iter().find(|(wanted, _)| *wanted == name);
            if let Some((_, seqs)) = asked.filter(|(_, seqs)| seqs.contains(&u64::from(*seq))) {
                log.mark_asked_in_vain(&name, &seqs).unwrap();
            }
        }
        Step::Heal { shard, seq } => heal(log, &named(*shard), u64::from(*seq)),
        Step::Scrub => log.scrub(None).unwrap(),
    }
}

fn heal<L: HubLog<Error: Debug>>(log: &mut L, name: &Shard, seq: u64) {
    let held = log.shard(name).unwrap();
    if held.is_none_or(|held| seq <= held.base.seq || seq > held.head.seq) {
        return;
    }
    for stored in log.entries_at(name, &[seq]).unwrap() {
        for n in 0..6 {
            let entry = Entry { payload: Some(payload(seq, n)), ..stored.entry.clone() };
            log.heal(name, vec![Found { seq, entry }]).unwrap();
        }
    }
}

/// All that can be seen through the trait.
fn seen<L: HubLog<Error: Debug>>(log: &L) -> Vec<String> {
    let mut seen = vec![format!("{:?}", log.epoch().unwrap())];
    seen.extend(log.shards().unwrap().iter().map(|shard| format!("{shard:?}")));
    for n in 0..3 {
        let name = named(n);
        let positions: Vec<_> = (0..40).collect();
        seen.push(format!("{:?}", log.shard(&name).unwrap().map(|held| (held.base, held.head))));
        seen.push(format!(
            "{:?}",
            positions.iter().map(|at| log.chain_at(&name, *at).unwrap()).collect::<Vec<_>>()
        ));
        let mut found = log.entries_at(&name, &positions).unwrap();
        found.sort_by_key(|found| found.seq);
        seen.extend(found.iter().map(|found| format!("{n} {found:?}")));
    }
    seen.push(format!("{:?}", log.wanted(7).unwrap()));
    let usage = log.usage().unwrap();
    seen.push(format!("{} {}", usage.entries, usage.payload_bytes));
    seen
}

fn gone_in(tx: &HistoryTx<'_>) -> BTreeSet<(Shard, OperationId)> {
    let filter = Filter { whose: Whose::Peer(peer().1), ..Filter::default() };
    let page = tx.reader().unwrap().operations(&filter, None, 1_000).unwrap();
    let gone = page.operations.into_iter().filter(|found| found.presence == Presence::Gone);
    gone.map(|found| (found.shard, found.id)).collect()
}

fn live_count(tx: &HistoryTx<'_>) -> u64 {
    let filter = Filter { whose: Whose::Peer(peer().1), ..Filter::default() };
    let page = tx.reader().unwrap().operations(&filter, None, 1_000).unwrap();
    page.operations.iter().filter(|found| found.presence == Presence::Live).count() as u64
}

fn conform(tx: &mut HistoryTx<'_>, steps: &[Step]) {
    let mut reference = MemoryHub::default();
    for step in steps {
        apply(&mut reference, step);
        apply(&mut tx.hub(peer().1).unwrap(), step);
        let (stored, expected) = (seen(&tx.hub(peer().1).unwrap()), seen(&reference));
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected, "after {step:?}");
        }
        assert_eq!(stored.len(), expected.len(), "after {step:?}");
        let shown = |name: &Shard| reference.shards.get(name).is_some_and(|held| !held.hidden);
        let listed: BTreeSet<_> = reference
            .listed()
            .filter(|(name, operation)| shown(name) && *operation != OperationId::EXPECTATION)
            .cloned()
            .collect();
        let gone = gone_in(tx).into_iter().filter(|(name, _)| shown(name)).collect();
        assert_eq!(listed, gone, "gone after {step:?}");
        let summary = tx.reader().unwrap().summary(peer().1).unwrap();
        assert_eq!(summary.map_or(0, |summary| summary.operations), live_count(tx), "{step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn hub_log_behaves_as_its_reference_in_memory(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let history = open(dir.path());
        let steps = [vec![Step::Epoch(9)], steps].concat();
        let outcome = history.write_blocking(move |tx| {
            let run = std::panic::AssertUnwindSafe(|| conform(tx, &steps));
            Ok(std::panic::catch_unwind(run).map_err(|panic| {
                panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into())
            }))
        });
        let outcome = outcome.unwrap();
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}

// ---------------------------------------------------------------- stories

fn fill(
    tx: &HistoryTx<'_>,
    plan: &'static str,
    range: std::ops::Range<u64>,
) -> holdfast::store::Result<Head> {
    let mut hub = tx.hub(peer().1)?;
    if hub.epoch()?.is_none() {
        hub.begin_epoch(EPOCH)?;
    }
    let name = shard(plan);
    if hub.shard(&name)?.is_none() {
        hub.adopt_base(&name, zero(&name, EPOCH), ArchiveReason::Fork)?;
    }
    let head = hub.shard(&name)?.expect("it was made").head;
    let states: Vec<_> =
        range.map(|n| (EntryKind::First, operation(n, plan, Status::Succeeded))).collect();
    hub.append(&name, chained(head, &states))?;
    Ok(hub.shard(&name)?.expect("it is there").head)
}

fn filled(history: &History, plan: &'static str, range: std::ops::Range<u64>) -> Head {
    history.write_blocking(move |tx| fill(tx, plan, range)).expect("it is filled")
}

fn presences(history: &History) -> Vec<Presence> {
    let filter = Filter { whose: Whose::Peer(peer().1), ..Filter::default() };
    let page = history.read_blocking(|reader| reader.operations(&filter, None, 1_000));
    page.expect("a list").operations.iter().map(|found| found.presence).collect()
}

#[test]
fn s3_a_session_cannot_write_the_own_log() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    let outcome = history.write_blocking(|tx| tx.hub(OWNER.key()).map(drop));
    assert!(matches!(outcome, Err(StoreError::Misuse(_))));
}

#[test]
fn r3_a_fork_archives_finished_states_and_readers_still_have_them() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    filled(&history, "home", 1..31);
    let fork = |tx: &mut HistoryTx<'_>| {
        let mut hub = tx.hub(peer().1)?;
        hub.archive_after(&shard("home"), 4, ArchiveReason::Fork)?;
        hub.append(&shard("home"), Vec::new())
    };
    history.write_blocking(fork).unwrap();
    let expected = [vec![Presence::Live; 4], vec![Presence::Compared; 26]].concat();
    assert_eq!(presences(&history), expected);
    history.write_blocking(|tx| tx.hub(peer().1)?.settle([1; 32], None)).unwrap();
    let expected = [vec![Presence::Live; 4], vec![Presence::Gone; 26]].concat();
    assert_eq!(presences(&history), expected);
    let found = history.read_blocking(|reader| {
        let found = reader.operation(Whose::Peer(peer().1), id(30))?;
        let states = reader.states(&found[0])?;
        Ok((found, states, reader.summary(peer().1)?))
    });
    let (found, states, summary) = found.unwrap();
    assert_eq!(found[0].state, Some(operation(30, "home", Status::Succeeded)));
    assert!(found[0].is_archived() && states[0].archived.is_some());
    let summary = summary.expect("a log");
    assert_eq!((summary.operations, summary.usage.entries), (4, 30));
    assert_eq!(summary.went_back.map(|(_, count)| count), Some(26));
}

/// The shards of the peer that are stopped, and why.
fn stopped(history: &History) -> Vec<(Shard, String)> {
    let summary = history.read_blocking(|reader| reader.summary(peer().1)).unwrap();
    summary.expect("a log").stopped
}

#[test]
fn why_a_shard_is_stopped_is_kept_until_it_is_taken_again_or_the_store_is_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    filled(&history, "home", 1..4);
    filled(&history, "etc", 4..6);
    let stop = |tx: &mut HistoryTx<'_>| {
        let mut hub = tx.hub(peer().1)?;
        hub.stop(&shard("never-held"), "refused")?;
        hub.stop(&shard("home"), "refused")
    };
    let told = vec![(shard("home"), "refused".to_owned())];
    history.write_blocking(stop).unwrap();
    assert_eq!(stopped(&history), told);
    history.write_blocking(|tx| tx.hub(peer().1)?.begin_epoch(Epoch::from_bytes([6; 16]))).unwrap();
    assert_eq!(stopped(&history), told, "a new epoch is no way out");
    let take_again = |tx: &mut HistoryTx<'_>| tx.hub(peer().1)?.take_again();
    assert_eq!(history.write_blocking(take_again).unwrap(), 1);
    assert_eq!(stopped(&history), []);
    assert_eq!(history.write_blocking(take_again).unwrap(), 0);

    history.write_blocking(stop).unwrap();
    assert_eq!(stopped(&history), told);
    drop(history);
    assert_eq!(stopped(&open(dir.path())), []);
}

#[test]
fn a_peer_is_gone_from_a_repository_when_its_own_log_says_that_all_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    let guid: RepoGuid = "cd".repeat(32).parse().unwrap();
    let run = |n, status| {
        let run = Operation { repo_guid: Some(guid.clone()), ..operation(n, "home", status) };
        (EntryKind::First, run)
    };
    let append = |from: Head, states: &[(EntryKind, Operation)]| {
        let entries = chained(from, states);
        let head = entries.last().and_then(|entry| entry.chain).unwrap();
        let append = move |tx: &mut HistoryTx<'_>| {
            let mut hub = tx.hub(peer().1)?;
            if hub.epoch()?.is_none() {
                hub.begin_epoch(EPOCH)?;
                hub.adopt_base(&shard("home"), from, ArchiveReason::Fork)?;
            }
            hub.append(&shard("home"), entries)
        };
        history.write_blocking(append).unwrap();
        Head { seq: from.seq + states.len() as u64, chain: head }
    };
    let stored = StoredHistory::new(history.clone());
    let ended = |name: &str, guid: &RepoGuid, at| {
        stored.has_ended(name, guid, Timestamp::from_millis(NOON + at)).unwrap()
    };
    let head = append(zero(&shard("home"), EPOCH), &[run(1, Status::Lost)]);
    // It began at 1 ms past noon and ended a minute later.
    assert!(ended("nas", &guid, 30_000));
    assert!(!ended("nas", &guid, 600_000), "a lock that is younger is of something else");
    assert!(!ended("laptop", &guid, 30_000), "of another peer nothing is known");
    assert!(!ended("nas", &"ef".repeat(32).parse().unwrap(), 30_000), "nor of another repository");
    append(head, &[run(2, Status::Running)]);
    assert!(!ended("nas", &guid, 30_000), "it may be the lock of what still runs");
}

#[test]
fn hidden_shards_are_kept_and_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    filled(&history, "home", 1..4);
    history.write_blocking(|tx| tx.hub(peer().1)?.hide(&shard("home"), true)).unwrap();
    assert!(presences(&history).is_empty());
    let summary = history.read_blocking(|reader| reader.summary(peer().1)).unwrap().unwrap();
    assert_eq!((summary.operations, summary.shards, summary.usage.entries), (0, 0, 3));
    history.write_blocking(|tx| tx.hub(peer().1)?.begin_epoch(Epoch::from_bytes([6; 16]))).unwrap();
    assert!(presences(&history).is_empty(), "a new epoch unhides nothing");
}

#[test]
fn retention_on_a_hub_takes_live_and_archived_entries() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    filled(&history, "home", 1..11);
    let cutoff = Timestamp::from_millis(NOON + 6);
    let job = move |tx: &mut HistoryTx<'_>| tx.hub(peer().1)?.retain(cutoff);
    assert_eq!(history.write_blocking(job).unwrap(), 5);
    assert_eq!(presences(&history).len(), 5);
    let archive = |tx: &mut HistoryTx<'_>| {
        tx.hub(peer().1)?.archive_after(&shard("home"), 7, ArchiveReason::Fork)
    };
    history.write_blocking(archive).unwrap();
    assert_eq!(presences(&history).len(), 5);
    let late = Timestamp::from_millis(i64::MAX);
    let job = move |tx: &mut HistoryTx<'_>| tx.hub(peer().1)?.retain(late);
    assert_eq!(history.write_blocking(job).unwrap(), 4);
    let summary = history.read_blocking(|reader| reader.summary(peer().1)).unwrap().unwrap();
    assert_eq!(summary.usage.entries, 1);
    assert_eq!(presences(&history).len(), 1, "the last good backup stays, however old");
}

#[test]
fn what_is_held_of_a_peer_is_proved_up_to_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    let home = filled(&history, "home", 1..6);
    let etc = filled(&history, "etc", 6..9);
    let provable = || history.read_blocking(|reader| reader.peer_provable(peer().1)).unwrap();
    assert_eq!(provable(), None, "no checkpoint has come");
    let (names, heads) = ([shard("home"), shard("etc")], [home, etc]);
    let root = root(names.iter().zip(heads));
    let time = Timestamp::from_millis(NOON);
    let checkpoint = Checkpoint { root, time, signature: [7; 64] };
    let settle = move |tx: &mut HistoryTx<'_>| {
        tx.remember_key(&peer().0)?;
        tx.hub(peer().1)?.settle(root, Some(checkpoint))
    };
    history.write_blocking(settle).unwrap();
    filled(&history, "home", 9..12);
    let (log, signed) = provable().unwrap();
    assert_eq!((log.origin, log.public_key, log.epoch), (peer().1, peer().0, EPOCH));
    assert_eq!((log.root(), signed), (root, checkpoint));
    let names: Vec<_> = log.shards.iter().map(|shard| shard.shard.plan.as_str()).collect();
    assert_eq!(names, ["etc", "home"], "sorted as in the root");
    let entries = history.read_blocking(|reader| Ok(proved(reader, &log))).unwrap();
    assert_eq!(entries, 8, "what came after the checkpoint is not part of it");
    let elsewhere = Head { seq: 1, chain: [9; 32] };
    let part = history.read_blocking(|r| r.provable_entries(peer().1, &log.shards[0], elsewhere));
    assert_eq!(part.unwrap(), None, "a part that does not continue the one before is not given");
    let hide = |tx: &mut HistoryTx<'_>| tx.hub(peer().1)?.hide(&shard("etc"), true);
    history.write_blocking(hide).unwrap();
    assert_eq!(provable(), None, "what is hidden by now is not shown for the sake of a proof");
    let show = |tx: &mut HistoryTx<'_>| tx.hub(peer().1)?.hide(&shard("etc"), false);
    history.write_blocking(show).unwrap();
    let summary = history.read_blocking(|reader| reader.summary(peer().1)).unwrap().unwrap();
    assert!(!summary.behind && summary.verified_at.is_some());
    history.write_blocking(|tx| tx.hub(peer().1)?.announce([3; 32])).unwrap();
    assert!(history.read_blocking(|reader| reader.summary(peer().1)).unwrap().unwrap().behind);
}

#[test]
fn r3_what_is_held_of_a_replaced_key_is_held_of_the_new_one_and_archived_by_its_first_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(dir.path());
    filled(&history, "home", 1..4);
    let (old, new) = (peer().1, KeyId::of(&[8; 32]));
    let taken = move |tx: &mut HistoryTx<'_>| tx.take_over(old, new);
    assert!(history.write_blocking(taken).unwrap());
    assert!(!history.write_blocking(taken).unwrap(), "once");
    let filter = Filter { whose: Whose::Peer(new), ..Filter::default() };
    let held = || {
        let page = history.read_blocking(|reader| reader.operations(&filter, None, 10)).unwrap();
        page.operations.iter().map(|one| (one.id, one.is_archived())).collect::<Vec<_>>()
    };
    assert_eq!(held(), [1, 2, 3].map(|n| (id(n), false)));
    assert_eq!(history.read_blocking(|reader| reader.summary(old)).unwrap(), None);

    let begun = move |tx: &mut HistoryTx<'_>| {
        let mut log = tx.hub(new)?;
        log.begin_epoch(Epoch::from_bytes([6; 16]))?;
        log.settle([0; 32], None)
    };
    history.write_blocking(begun).unwrap();
    assert_eq!(held(), [1, 2, 3].map(|n| (id(n), true)));

    filled(&history, "home", 1..2);
    assert!(!history.write_blocking(taken).unwrap(), "a log of its own is not overwritten");
}
