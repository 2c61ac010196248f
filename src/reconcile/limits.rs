//! The limits of log sync, and what keeps count of them.

use super::log::Usage;
use super::message::{Batch, Entry, EntryKind, Shard};
use crate::model::{OperationId, PlanId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Bytes of one payload.
pub const MAX_PAYLOAD: usize = 32 * 1024;
/// Entries of one batch.
pub const MAX_BATCH_ENTRIES: usize = 256;
/// Payload bytes of one batch.
pub const MAX_BATCH_BYTES: usize = 64 * 1024;
/// Shards of one Heads or Added.
pub const MAX_LISTED: usize = 8192;
/// Points of one Ladder or Match.
pub const MAX_POINTS: usize = 64;
/// Positions that are asked for and not answered yet, on either side.
pub const MAX_WANTED: usize = 1024;
/// The highest position there is; far from where sums or a database's integers overflow.
pub const MAX_SEQ: u64 = 1 << 62;
/// Batches that an origin may send before its first Credit.
pub const INITIAL_CREDIT: u32 = 1;
/// Checkpoints are at least this far apart.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

const REFUSALS: usize = 3;
const WITHIN: Duration = Duration::from_secs(3600);

/// How much one batch carries; the default is the most that a hub takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Entries.
    pub entries: usize,
    /// Payload bytes; one entry goes whatever its size.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { entries: MAX_BATCH_ENTRIES, bytes: MAX_BATCH_BYTES }
    }
}

/// What one origin may take up on a hub, live and archived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Entries.
    pub entries: u64,
    /// Payload bytes.
    pub payload_bytes: u64,
    /// Shards.
    pub shards: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { entries: 8_000_000, payload_bytes: 4 << 30, shards: 4096 }
    }
}

impl Quota {
    /// The first limit that is reached, as a sentence; `None` below all.
    #[must_use]
    pub fn reached(&self, usage: &Usage) -> Option<String> {
        let limits = [
            (usage.entries, self.entries, "entries"),
            (usage.payload_bytes, self.payload_bytes, "bytes of payload"),
            (usage.shards, self.shards, "shards"),
        ];
        let (used, limit, what) = limits.into_iter().find(|(used, limit, _)| used >= limit)?;
        Some(format!(
            "the quota is reached: {used} of {limit} {what}. Raise the quota or trim on the hub."
        ))
    }

    /// What batches that were credited before the limit was reached may still take up.
    #[must_use]
    pub(super) fn with_slack(self) -> Self {
        Self {
            entries: self.entries.saturating_add(64 * MAX_BATCH_ENTRIES as u64),
            payload_bytes: self.payload_bytes.saturating_add(64 * MAX_BATCH_BYTES as u64),
            shards: self.shards.saturating_add(64),
        }
    }
}

/// What to do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Scrub and start over.
    Again,
    /// The third in an hour: stop, and say so.
    Stop,
}

/// Refusals of the last hour, per shard (`None`: of a checkpoint). Kept over sessions with one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    recent: BTreeMap<Option<Shard>, Vec<Timestamp>>,
    stopped: BTreeSet<Option<Shard>>,
}

impl Refusals {
    /// Whether this one is stopped until a scrub repairs something, a restart, or a person asks.
    #[must_use]
    pub fn stopped(&self, what: &Option<Shard>) -> bool {
        self.stopped.contains(what)
    }

    /// The first of those that are stopped; `None` while all is taken.
    pub(super) fn first_stopped(&self) -> Option<&Option<Shard>> {
        self.stopped.first()
    }

    pub(super) fn record(&mut self, what: &Option<Shard>, now: Timestamp) -> Verdict {
        let all_of_log = self.recent.len() >= MAX_LISTED && !self.recent.contains_key(what);
        let what = if all_of_log { &None } else { what };
        let times = self.recent.entry(what.clone()).or_default();
        times.retain(|&at| now.since(at) < WITHIN);
        times.push(now);
        if times.len() < REFUSALS {
            return Verdict::Again;
        }
        times.clear();
        self.stopped.insert(what.clone());
        Verdict::Stop
    }
}

/// Whether a hub may take these names: ids as the config allows them, or empty.
pub(super) fn well_named(shard: &Shard) -> bool {
    [&shard.repo, &shard.plan].iter().all(|id| id.is_empty() || id.parse::<PlanId>().is_ok())
}

/// Whether a batch keeps the limits and says nothing that cannot be.
pub(super) fn well_formed(batch: &Batch) -> bool {
    let bytes: usize =
        batch.entries.iter().filter_map(|e| e.payload.as_ref()).map(|p| p.len()).sum();
    batch.entries.len() <= MAX_BATCH_ENTRIES
        && bytes <= MAX_BATCH_BYTES + MAX_PAYLOAD
        && batch.after.seq <= MAX_SEQ - MAX_BATCH_ENTRIES as u64
        && well_named(&batch.shard)
        && batch.entries.iter().all(entry_well_formed)
}

/// Whether an entry keeps the limits and says nothing that cannot be.
pub(super) fn entry_well_formed(entry: &Entry) -> bool {
    let expects = entry.kind == EntryKind::Expectation;
    let content = match (&entry.payload, entry.digest, entry.chain) {
        (Some(payload), _, None) => payload.len() <= MAX_PAYLOAD && !entry.lost,
        (None, Some(_), None) => true,
        (None, None, Some(_)) => entry.lost,
        (Some(_), _, Some(_)) | (None, Some(_), Some(_)) | (None, None, None) => false,
    };
    content && expects == (entry.operation == OperationId::EXPECTATION)
}

/// An entry as it goes over the wire: the digest only without payload, the chain only without digest.
pub(super) fn as_sent(entry: Entry) -> Entry {
    let digest = entry.digest.filter(|_| entry.payload.is_none());
    let chain = entry.chain.filter(|_| entry.payload.is_none() && digest.is_none());
    let lost = entry.payload.is_none() && (entry.lost || digest.is_none());
    Entry { digest, chain, lost, ..entry }
}

/// As [`as_sent`], for an entry that another side has lost: a payload that is damaged here stays here.
pub(super) fn as_found(entry: Entry) -> Entry {
    let whole = |payload: &bytes::Bytes| {
        entry.digest.is_none_or(|digest| super::chain::digest(payload) == digest)
    };
    let payload = entry.payload.clone().filter(whole);
    as_sent(Entry { payload, ..entry })
}
