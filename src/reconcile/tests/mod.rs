//! Attacks on log sync, each with its name, and limits that both sides keep.

mod anything;
mod attacks;
mod feeding;

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
