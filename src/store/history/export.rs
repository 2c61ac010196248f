//! Reading what a third party can check: chains from their bases up to signed heads.
//!
//! A proof is read in parts, so that neither memory nor a snapshot is held while somebody writes it
//! out; a part that no longer continues the one before it is not given.

use super::rows::{self, ShardRow};
use super::summary::checkpoint;
use super::tx::HistoryReader;
use crate::model::{Epoch, KeyId};
use crate::reconcile::{Checkpoint, Entry, Hash, Head, ShardHead, root};
use crate::store::error::Result;
use rusqlite::OptionalExtension as _;

/// What one part of a proof holds at most, beside its last entry.
const PART_ENTRIES: usize = 256;
const PART_BYTES: usize = 1 << 20;

/// A log up to the heads that are, or are to be, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provable {
    /// Whose.
    pub origin: KeyId,
    /// The key behind the key id.
    pub public_key: [u8; 32],
    /// Of the log.
    pub epoch: Epoch,
    /// Sorted as in the root.
    pub shards: Vec<ShardHead>,
}

impl Provable {
    /// The root of its shards.
    #[must_use]
    pub fn root(&self) -> Hash {
        root(self.shards.iter().map(|shard| (&shard.shard, shard.head)))
    }
}

impl HistoryReader<'_> {
    /// The own log as it is, to be signed now.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn own_provable(&self) -> Result<Option<Provable>> {
        let rows = rows::shards(self.conn, self.own)?.into_iter();
        let shards = rows.filter(|row| row.held && row.head.seq > 0);
        let shards = shards.map(|row| shard_head(row.head, row)).collect();
        Ok(self.provable(self.own, self.owner, shards)?.map(|(provable, _)| provable))
    }

    /// What is held of a peer's log up to its newest checkpoint; `None` where none covers it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn peer_provable(&self, origin: KeyId) -> Result<Option<(Provable, Checkpoint)>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(None) };
        let Some(shards) = self.signed_shards(log)? else { return Ok(None) };
        let Some((provable, Some(checkpoint))) = self.provable(log, origin, shards)? else {
            return Ok(None);
        };
        Ok((provable.root() == checkpoint.root).then_some((provable, checkpoint)))
    }

    /// The entries of a shard after a place in it, with their positions; empty at its head. `None`
    /// where the log does not lead through that place any more.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn provable_entries(
        &self,
        origin: KeyId,
        shard: &ShardHead,
        after: Head,
    ) -> Result<Option<Vec<(u64, Entry)>>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(None) };
        let row = rows::shard(self.conn, log, &shard.shard)?.filter(|row| row.held);
        let Some(row) = row else { return Ok(None) };
        if rows::chain_at(self.conn, &row, after.seq)? != Some(after.chain) {
            return Ok(None);
        }
        let (mut part, mut bytes) = (Vec::new(), 0);
        rows::each_after(self.conn, row.id, after.seq, |stored| {
            if stored.seq > shard.head.seq {
                return Ok(false);
            }
            bytes += stored.entry.payload.as_ref().map_or(0, bytes::Bytes::len);
            part.push((stored.seq, stored.entry));
            Ok(part.len() < PART_ENTRIES && bytes < PART_BYTES)
        })?;
        Ok(Some(part))
    }

    fn provable(
        &self,
        log: i64,
        origin: KeyId,
        mut shards: Vec<ShardHead>,
    ) -> Result<Option<(Provable, Option<Checkpoint>)>> {
        let mut select = self.conn.prepare_cached("SELECT * FROM log WHERE id = ?1")?;
        let (key, checkpoint) = select.query_row([log], |row| {
            Ok((row.get::<_, Option<_>>("public_key")?, checkpoint(row)?))
        })?;
        let known = key.zip(rows::epoch(self.conn, log)?);
        shards.sort_unstable_by(|a, b| a.shard.cmp(&b.shard));
        let provable =
            known.map(|(public_key, epoch)| Provable { origin, public_key, epoch, shards });
        Ok(provable.map(|provable| (provable, checkpoint)))
    }

    /// The shards that the newest checkpoint covers; `None` where one of them is hidden by now.
    fn signed_shards(&self, log: i64) -> Result<Option<Vec<ShardHead>>> {
        let mut covered = Vec::new();
        for row in rows::shards(self.conn, log)? {
            let mut select = self.conn.prepare_cached(
                "SELECT signed_seq, signed_chain FROM shard WHERE id = ?1 AND signed_seq IS NOT NULL",
            )?;
            let head = select.query_row([row.id], |found| {
                Ok(Head { seq: rows::seq_out(found, "signed_seq")?, chain: found.get(1)? })
            });
            match head.optional()? {
                Some(_) if row.hidden => return Ok(None),
                Some(head) => covered.push(shard_head(head, row)),
                None => {}
            }
        }
        Ok(Some(covered))
    }
}

fn shard_head(head: Head, row: ShardRow) -> ShardHead {
    ShardHead { shard: row.shard, base: row.base, head }
}
