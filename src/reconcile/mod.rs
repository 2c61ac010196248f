//! Log sync: one hash chain per shard, and what two sides say to make them equal.
//!
//! Pure: two state machines over traits ([`OriginLog`], [`HubLog`]); no clock, no SQLite, no wire
//! format. `docs/protocol.md` section 4 is the specification, `tests` hold them against random
//! histories.
//!
//! Invariants: S3, S4, S5 (acks are held by the writer until durable), R1, R2, R3, G3.

mod chain;
mod feed;
mod fork;
mod intake;
mod limits;
mod log;
pub mod memory;
mod message;
mod repair;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use chain::{STATEMENT_LEN, chain_zero, checkpoint_statement, digest, link, root, short};
pub use feed::{Feed, FeedOutput, FeedPast, Sign, Visible};
pub use fork::{ChainAt, Matched, Narrowed, SPREAD, ladder, matched, narrow, points};
pub use intake::{Intake, Trouble, Verify};
pub use limits::{
    BatchLimits, CHECKPOINT_EVERY, INITIAL_CREDIT, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_LISTED,
    MAX_PAYLOAD, MAX_POINTS, MAX_SEQ, MAX_WANTED, Quota, Refusals,
};
pub use log::{ArchiveReason, HubLog, HubShard, OriginLog, ShardHead, Usage};
pub use message::{
    Batch, Checkpoint, Entry, EntryKind, Found, FromHub, FromOrigin, Hash, Head, Held, Point,
    Shard, ShortHash, Start, SyncHello,
};
pub use repair::{Repair, Scrub, heal};
