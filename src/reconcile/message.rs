//! What origin and hub say to each other, in the terms of the log.

use crate::model::words;
use crate::model::{Epoch, OperationId, Timestamp};
use bytes::Bytes;
use std::fmt;
use std::str::FromStr;

/// A SHA-256.
pub type Hash = [u8; 32];
/// The first 8 bytes of a chain value: enough to find a fork; the batch then proves it in full.
pub type ShortHash = [u8; 8];

/// The part of a log with one repo and one plan; either may be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Shard {
    /// Repo id, or empty.
    pub repo: String,
    /// Plan id, or empty.
    pub plan: String,
}

/// A position in a shard and the chain value there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the entry; 0 is before the first.
    pub seq: u64,
    /// chain(seq).
    pub chain: Hash,
}

words!(
    /// What an entry says.
    EntryKind, "kind of entry", {
        /// The first state of its operation.
        First = "first",
        /// A later state.
        State = "state",
        /// A person removed the operation from the origin's history.
        Removed = "removed",
        /// What the plan promises; operation id all zero.
        Expectation = "expectation",
    }
);

/// One appended state of one operation, as stored and as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of which operation.
    pub operation: OperationId,
    /// What it says.
    pub kind: EntryKind,
    /// The content; `None` where it was blanked, or lost to damage.
    pub payload: Option<Bytes>,
    /// SHA-256(label, payload); `None` where it was lost to damage and the chain value stands for it.
    pub digest: Option<Hash>,
    /// chain(seq). In a batch it is given only where the digest is lost, and else recomputed.
    pub chain: Option<Hash>,
    /// Whether the payload is absent because it was lost, not because it was superseded.
    pub lost: bool,
}

/// How a batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// Continues where the hub stands.
    After,
    /// The hub archives what it has after the position.
    Fork,
    /// The hub holds nothing of the shard: the position becomes its base.
    Base,
    /// The origin has trimmed past the hub's head: the hub archives all, adopts the base.
    Gap,
    /// Nothing in common: the hub archives all, adopts the base.
    BaseFork,
}

/// Entries of one shard that follow one another, and the proof of the prefix they stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The shard.
    pub shard: Shard,
    /// How it begins.
    pub start: Start,
    /// Where it begins. Of [`Start::After`] only the position crosses the wire: a hub goes on from its
    /// own chain value there, and `chain` proves that it is the same.
    pub after: Head,
    /// Possibly none.
    pub entries: Vec<Entry>,
    /// chain after the last entry.
    pub chain: Hash,
}

/// Announces the origin's log as this hub may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncHello {
    /// Repeated in the answer.
    pub number: u32,
    /// Of the log.
    pub epoch: Epoch,
    /// Over the visible shards.
    pub root: Hash,
}

/// The origin's signed statement that its visible log had this root at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Over the visible shards.
    pub root: Hash,
    /// The origin's clock.
    pub time: Timestamp,
    /// Ed25519 over label, origin key id, epoch, root, time.
    pub signature: [u8; 64],
}

/// A shard as a hub holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The shard.
    pub shard: Shard,
    /// Its head there.
    pub seq: u64,
    /// Of the chain at its head.
    pub chain: ShortHash,
    /// Whether a `Gone` hides it.
    pub hidden: bool,
}

/// One rung of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Position.
    pub seq: u64,
    /// Of the chain there.
    pub chain: ShortHash,
}

/// An entry that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its position.
    pub seq: u64,
    /// The entry.
    pub entry: Entry,
}

/// From the instance whose log it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromOrigin {
    /// See [`SyncHello`].
    Hello(SyncHello),
    /// See [`Batch`].
    Batch(Batch),
    /// The hub may see these from now on.
    Added {
        /// Repeated in the Heads that answer.
        number: u32,
        /// Which.
        shards: Vec<Shard>,
    },
    /// The hub may not see this, or no longer; whether it exists is not told.
    Gone(Shard),
    /// Own chain at some positions, to find a fork.
    Ladder {
        /// Repeated in the Match that answers.
        number: u32,
        /// The shard.
        shard: Shard,
        /// Descending or ascending, as drawn.
        points: Vec<Point>,
        /// The fork is below this.
        below: u64,
    },
    /// See [`Checkpoint`].
    Checkpoint(Checkpoint),
    /// Has lost these itself.
    Want {
        /// The shard.
        shard: Shard,
        /// Positions.
        seqs: Vec<u64>,
    },
    /// Answers a hub's Want.
    Entries {
        /// The shard.
        shard: Shard,
        /// The positions that are answered.
        seqs: Vec<u64>,
        /// What there is of them.
        found: Vec<Found>,
    },
}

/// From an instance that holds a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromHub {
    /// The roots are equal.
    InSync {
        /// Of the SyncHello.
        number: u32,
    },
    /// What it holds, because the roots differ or shards were added.
    Heads {
        /// Of the SyncHello or the Added.
        number: u32,
        /// Its shards of this log.
        held: Vec<Held>,
    },
    /// Answers a Ladder.
    Match {
        /// Of the Ladder.
        number: u32,
        /// The shard.
        shard: Shard,
        /// The highest point that is equal.
        equal: Option<u64>,
        /// Its base.
        base: u64,
        /// Its own chain between that and the lowest unequal point.
        points: Vec<Point>,
    },
    /// Everything up to here is durable.
    Ack {
        /// The shard.
        shard: Shard,
        /// Position.
        seq: u64,
    },
    /// A batch did not fit (`Some`), or a checkpoint differs (`None`): start over from SyncHello.
    Refused {
        /// The shard of the batch.
        shard: Option<Shard>,
    },
    /// So many more batches may be sent.
    Credit {
        /// How many.
        batches: u32,
    },
    /// Lacks these payloads.
    Want {
        /// The shard.
        shard: Shard,
        /// Positions.
        seqs: Vec<u64>,
    },
    /// Answers an origin's Want.
    Entries {
        /// The shard.
        shard: Shard,
        /// The positions that are answered.
        seqs: Vec<u64>,
        /// What there is of them, archived ones included.
        found: Vec<Found>,
    },
    /// Takes no more of this shard (or of the whole log), and why.
    Stopped {
        /// `None`: the whole log.
        shard: Option<Shard>,
        /// A sentence.
        reason: String,
    },
}
