//! What the two state machines need of storage.
//!
//! Implemented by `store` over SQLite and by the tests in memory. Every method is one short read or
//! one step inside a transaction that the caller has opened; an error ends the transaction.

use super::message::{Checkpoint, Entry, Found, Hash, Head, Shard};
use crate::model::Epoch;

/// A shard of the own log: the position before its oldest entry and that of its newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardHead {
    /// The shard.
    pub shard: Shard,
    /// The last entry trimmed by retention, or seq 0.
    pub base: Head,
    /// The newest entry.
    pub head: Head,
}

/// A shard as a hub holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubShard {
    /// The shard.
    pub shard: Shard,
    /// What precedes the oldest entry held.
    pub base: Head,
    /// The newest entry held.
    pub head: Head,
    /// Whether the origin hides it from us now.
    pub hidden: bool,
}

/// Why entries leave the live log of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchiveReason {
    /// The origin's chain took another way, or began anew.
    Fork,
    /// The origin had trimmed past our head: nothing is said of what lies between.
    Gap,
}

/// What one origin takes up on a hub, live and archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Entries.
    pub entries: u64,
    /// Payload bytes.
    pub payload_bytes: u64,
    /// Shards.
    pub shards: u64,
}

/// One's own log, read on behalf of one peer. Read-only.
pub trait OriginLog {
    /// Why a read failed.
    type Error;

    /// Of the log.
    fn epoch(&self) -> Result<Epoch, Self::Error>;
    /// Every shard with a head above 0 that `visible` accepts; what it does not is not read further (G3).
    fn shards(&self, visible: &dyn Fn(&Shard) -> bool) -> Result<Vec<ShardHead>, Self::Error>;
    /// One shard; `None` where it has no entry.
    fn shard(&self, shard: &Shard) -> Result<Option<ShardHead>, Self::Error>;
    /// chain(seq); `None` below the base or above the head.
    fn chain_at(&self, shard: &Shard, seq: u64) -> Result<Option<Hash>, Self::Error>;
    /// Entries after `after`, in order, as they are to be sent: at most `entries` of them and about
    /// `bytes` of payload (always at least one). Superseded unfinished states come without payload.
    fn entries_after(
        &self,
        shard: &Shard,
        after: u64,
        entries: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Self::Error>;
    /// The entries at these positions, as stored.
    fn entries_at(&self, shard: &Shard, seqs: &[u64]) -> Result<Vec<Found>, Self::Error>;
    /// At most `limit` positions whose payload or digest a scrub has found lost.
    fn lost(&self, shard: &Shard, limit: usize) -> Result<Vec<u64>, Self::Error>;
    /// Whether [`OriginLog::lost`] may have something for any shard; spares a question per shard.
    fn any_lost(&self) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// What a hub holds of one origin. Called inside the writer's transaction.
pub trait HubLog {
    /// Why a step failed.
    type Error;

    /// Of the log held; `None` before the first SyncHello.
    fn epoch(&self) -> Result<Option<Epoch>, Self::Error>;
    /// Archives every shard held (as a fork) and starts empty under `epoch`.
    fn begin_epoch(&mut self, epoch: Epoch) -> Result<(), Self::Error>;
    /// Every shard held under this epoch with a head above 0, hidden ones too.
    fn shards(&self) -> Result<Vec<HubShard>, Self::Error>;
    /// One shard, with whatever head.
    fn shard(&self, shard: &Shard) -> Result<Option<HubShard>, Self::Error>;
    /// chain(seq); `None` below the base or above the head.
    fn chain_at(&self, shard: &Shard, seq: u64) -> Result<Option<Hash>, Self::Error>;
    /// Moves the entries after `after` into the archive (an entry with the same position and chain
    /// that is there already is kept once, with its payload if either has it), cuts the head to
    /// `after`, and records orphans: operations whose first entry went for a fork and that have no
    /// live entry left.
    fn archive_after(
        &mut self,
        shard: &Shard,
        after: u64,
        why: ArchiveReason,
    ) -> Result<(), Self::Error>;
    /// Archives every entry of the shard, as `archive_after` does, and makes `base` its base and head.
    fn adopt_base(
        &mut self,
        shard: &Shard,
        base: Head,
        why: ArchiveReason,
    ) -> Result<(), Self::Error>;
    /// Appends entries whose chain values are all `Some` to the shard (created where missing), moves
    /// its head, updates the index of operations, clears orphans that live again, and unhides it.
    fn append(&mut self, shard: &Shard, entries: Vec<Entry>) -> Result<(), Self::Error>;
    /// Hides or shows a shard; one that is not held is left alone.
    fn hide(&mut self, shard: &Shard, hidden: bool) -> Result<(), Self::Error>;
    /// The roots are equal now: what is orphaned in a shard that is held and not hidden is "no longer
    /// on the origin" from here on. With the signed checkpoint that says so, where one came.
    fn settle(&mut self, root: Hash, checkpoint: Option<Checkpoint>) -> Result<(), Self::Error>;
    /// Remembers that the origin's root differs from ours.
    fn announce(&mut self, root: Hash) -> Result<(), Self::Error>;
    /// Positions in shards not hidden that are lost, or newest of their operation and without
    /// payload, and not yet marked by [`HubLog::mark_asked_in_vain`]; at most `limit` in all.
    fn wanted(&self, limit: usize) -> Result<Vec<(Shard, Vec<u64>)>, Self::Error>;
    /// The entries at these positions, live and archived (there may be several of one position; at
    /// most 16 of each are given).
    fn entries_at(&self, shard: &Shard, seqs: &[u64]) -> Result<Vec<Found>, Self::Error>;
    /// Puts entries that were wanted in place, each checked against the stored digest or the chain
    /// around it; what does not fit is ignored.
    fn heal(&mut self, shard: &Shard, found: Vec<Found>) -> Result<(), Self::Error>;
    /// These were asked for and answered: of them, what is still without payload is marked lost and not
    /// wanted again before a scrub or a restart.
    fn mark_asked_in_vain(&mut self, shard: &Shard, seqs: &[u64]) -> Result<(), Self::Error>;
    /// Recomputes digests and chains of one shard (or all), repairs and marks, as docs/protocol.md
    /// says under "Damage".
    fn scrub(&mut self, shard: Option<&Shard>) -> Result<(), Self::Error>;
    /// Notes that nothing more of a shard is taken, and why. One that nothing was ever held of has no
    /// place for it and is left alone: the session tells of it.
    fn stop(&mut self, shard: &Shard, reason: &str) -> Result<(), Self::Error>;
    /// What this origin takes up here.
    fn usage(&self) -> Result<Usage, Self::Error>;
}
