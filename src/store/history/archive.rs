//! Out of the live log, into the archive: nothing an origin does removes an entry (R3).

use super::append::{Columns, Tally, indexed, is_state};
use super::change;
use super::rows::{self, ShardRow, Stored, seq_in};
use super::tx::Effects;
use crate::clock;
use crate::model::{Epoch, OperationId};
use crate::reconcile::{ArchiveReason, Hash};
use crate::store::column::{Col, noun};
use crate::store::error::Result;
use crate::wire::log::outline;
use rusqlite::Connection;

/// Moves entries of one log into the archive.
pub(super) struct Archiver<'c> {
    conn: &'c Connection,
    log: i64,
    epoch: Epoch,
    effects: &'c Effects,
}

/// What of an operation lies in the part that is cut off.
struct Cut {
    operation: OperationId,
    /// Its newest entry that stays, or 0.
    newest_left: u64,
    /// Whether its first entry is cut off.
    had_first: bool,
}

impl<'c> Archiver<'c> {
    pub(super) fn new(conn: &'c Connection, log: i64, effects: &'c Effects) -> Result<Self> {
        // Before the first epoch nothing is held, so nothing is archived under this one.
        let epoch = rows::epoch(conn, log)?.unwrap_or(Epoch::from_bytes([0; 16]));
        Ok(Self { conn, log, epoch, effects })
    }

    pub(super) fn archive_all(&self, row: &ShardRow, why: ArchiveReason) -> Result<()> {
        self.archive_after(row, row.base.seq, why)
    }

    /// Archives what is after `after`, cuts the head to it, and brings the index to what stays.
    pub(super) fn archive_after(
        &self,
        row: &ShardRow,
        after: u64,
        why: ArchiveReason,
    ) -> Result<()> {
        let after = after.max(row.base.seq);
        let Some(chain) = rows::chain_at(self.conn, row, after)?.filter(|_| after < row.head.seq)
        else {
            return Ok(());
        };
        let cuts = self.cuts(row, after)?;
        let mut tally = self.copy(row, after, why)?;
        self.conn
            .prepare_cached("DELETE FROM entry WHERE shard = ?1 AND seq > ?2")?
            .execute((row.id, seq_in(after)?))?;
        for cut in &cuts {
            tally.operations += self.reindex(row, cut, why)?;
        }
        tally.apply(self.conn, self.log)?;
        self.cut_head(row, after, chain, &cuts)?;
        change::note(self.conn, row.id, (0, 0), &chain)?;
        self.effects.wrote(cuts.len());
        Ok(())
    }

    fn cuts(&self, row: &ShardRow, after: u64) -> Result<Vec<Cut>> {
        // With one min() and no max() the other columns are those of the row that has the minimum.
        let mut select = self.conn.prepare_cached(
            "SELECT operation, min(seq), previous, sum(kind = 0) > 0 AS first FROM entry \
             WHERE shard = ?1 AND seq > ?2 GROUP BY operation",
        )?;
        let cuts = select.query_map((row.id, seq_in(after)?), |found| {
            let previous = rows::seq_out(found, "previous")?;
            Ok(Cut {
                operation: noun(found, "operation")?,
                newest_left: if previous > row.base.seq { previous } else { 0 },
                had_first: found.get("first")?,
            })
        })?;
        Ok(cuts.collect::<rusqlite::Result<_>>()?)
    }

    /// Copies; the same entry archived before is kept once, with its payload if either has it.
    fn copy(&self, row: &ShardRow, after: u64, why: ArchiveReason) -> Result<Tally> {
        let at = (row.id, seq_in(after)?);
        let mut twice = self.conn.prepare_cached(
            "SELECT count(*), coalesce(sum(iif(a.payload IS NULL, 0, length(e.payload))), 0) \
             FROM entry e JOIN archive a ON a.shard = e.shard AND a.seq = e.seq \
             AND a.chain = e.chain WHERE e.shard = ?1 AND e.seq > ?2",
        )?;
        let (entries, bytes): (i64, i64) = twice.query_row(at, |found| {
            Ok((found.get(0)?, found.get::<_, Option<i64>>(1)?.unwrap_or(0)))
        })?;
        self.conn
            .prepare_cached(
                "INSERT INTO archive SELECT shard, seq, chain, ?3, operation, kind, finished, lost, \
                 digest, payload, ?4, ?5 FROM entry WHERE shard = ?1 AND seq > ?2 \
                 ON CONFLICT (shard, seq, chain) DO UPDATE SET \
                 payload = coalesce(excluded.payload, payload), \
                 digest = iif(excluded.payload IS NULL, digest, excluded.digest), \
                 lost = iif(excluded.payload IS NULL, lost, excluded.lost), \
                 finished = max(excluded.finished, finished), \
                 archived_at = excluded.archived_at",
            )?
            .execute((at.0, at.1, Col(self.epoch), reason(why), Col(clock::now())))?;
        Ok(Tally { operations: 0, entries: -entries, payload_bytes: -bytes })
    }

    /// Brings an operation's row to its newest entry that stays; how many are live less or more.
    fn reindex(&self, row: &ShardRow, cut: &Cut, why: ArchiveReason) -> Result<i64> {
        if cut.operation == OperationId::EXPECTATION {
            return Ok(0);
        }
        let before = indexed(self.conn, row.id, &cut.operation)?.unwrap_or_default();
        match rows::entry_at(self.conn, row.id, cut.newest_left)? {
            Some(left) => self.point_at(row, left)?,
            None => self.orphan(row, cut, why)?,
        }
        let after = indexed(self.conn, row.id, &cut.operation)?.unwrap_or_default();
        Ok(i64::from(after.is_live()) - i64::from(before.is_live()))
    }

    fn point_at(&self, row: &ShardRow, left: Stored) -> Result<()> {
        let state = newest_state(self.conn, row, &left)?;
        if let Some(shown) = state.filter(|shown| shown.seq != left.seq) {
            let columns =
                Columns { log: self.log, shard: row.id, seq: shown.seq, entry: &shown.entry };
            columns.write(self.conn, shown.entry.payload.as_deref().and_then(outline).as_ref())?;
        }
        let columns = Columns { log: self.log, shard: row.id, seq: left.seq, entry: &left.entry };
        let state = left.entry.payload.as_deref().filter(|_| is_state(left.entry.kind));
        columns.write(self.conn, state.and_then(outline).as_ref())
    }

    /// Nothing of it is live any more. After a fork that is to be explained, if it began in what was cut.
    fn orphan(&self, row: &ShardRow, cut: &Cut, why: ArchiveReason) -> Result<()> {
        let orphan = cut.had_first && why == ArchiveReason::Fork;
        self.conn
            .prepare_cached(
                "UPDATE operation SET seq = 0, bare = 0, orphan = max(orphan, ?3) \
                 WHERE shard = ?1 AND id = ?2",
            )?
            .execute((row.id, Col(cut.operation), orphan))?;
        Ok(())
    }

    fn cut_head(&self, row: &ShardRow, after: u64, chain: Hash, cuts: &[Cut]) -> Result<()> {
        let expectation = cuts
            .iter()
            .find(|cut| cut.operation == OperationId::EXPECTATION)
            .map_or(row.expectation, |cut| cut.newest_left);
        // A checkpoint that covers what was cut says nothing of what is held now.
        self.conn
            .prepare_cached(
                "UPDATE log SET checkpoint_root = NULL, checkpoint_time = NULL, \
                 checkpoint_signature = NULL WHERE id = (SELECT log FROM shard \
                 WHERE id = ?1 AND signed_seq > ?2)",
            )?
            .execute((row.id, seq_in(after)?))?;
        self.conn
            .prepare_cached(
                "UPDATE shard SET head_seq = ?2, head_chain = ?3, expectation = ?4, \
                 signed_chain = iif(signed_seq > ?2, NULL, signed_chain), \
                 signed_seq = iif(signed_seq > ?2, NULL, signed_seq) WHERE id = ?1",
            )?
            .execute((row.id, seq_in(after)?, chain, seq_in(expectation)?))?;
        self.conn
            .prepare_cached("DELETE FROM temp.asked WHERE shard = ?1 AND seq > ?2")?
            .execute((row.id, seq_in(after)?))?;
        Ok(())
    }
}

/// The newest state at or before an entry of the same operation that has a payload.
pub(super) fn newest_state(
    conn: &Connection,
    row: &ShardRow,
    from: &Stored,
) -> Result<Option<Stored>> {
    let mut at = from.clone();
    loop {
        if is_state(at.entry.kind) && at.entry.payload.is_some() {
            return Ok(Some(at));
        }
        let previous = at.previous;
        if previous <= row.base.seq || previous >= at.seq {
            return Ok(None);
        }
        match rows::entry_at(conn, row.id, previous)? {
            Some(before) => at = before,
            None => return Ok(None),
        }
    }
}

const fn reason(why: ArchiveReason) -> i64 {
    match why {
        ArchiveReason::Fork => 0,
        ArchiveReason::Gap => 1,
    }
}
