//! Log sync: one hash chain per shard, and what two sides say to make them equal.
//!
//! Pure: two state machines over traits ([`OriginLog`], [`HubLog`]); no clock, no SQLite, no wire
//! format. `docs/protocol.md` section 4 is the specification, `tests` hold them against random
//! histories.
//!
//! Invariants: S3, S4, S5 (acks are held by the writer until durable), R1, R2, R3, G3.

mod log;
mod message;

pub use log::{ArchiveReason, HubLog, HubShard, OriginLog, ShardHead, Usage};
pub use message::{
    Batch, Checkpoint, Entry, EntryKind, Found, FromHub, FromOrigin, Hash, Head, Held, Point,
    Shard, ShortHash, Start, SyncHello,
};
