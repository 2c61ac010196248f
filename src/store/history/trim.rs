//! Retention: what is old enough leaves, a prefix of a shard at a time, then what is archived.

use super::append::{Tally, indexed, made_at};
use super::hub::HubIntake;
use super::message;
use super::own::OwnLog;
use super::rows::{self, ShardRow, seq_in};
use super::scrub;
use super::tx::Effects;
use crate::model::{OperationId, Timestamp};
use crate::reconcile::{Head, Shard};
use crate::store::column::Col;
use crate::store::error::Result;
use rusqlite::{Connection, OptionalExtension as _};

/// Entries that one step of retention takes at most: the writer has others to serve.
const STEP: usize = 5_000;

impl OwnLog<'_> {
    /// Trims a shard up to a position; the newest expectation is appended again before it would go.
    /// Returns how many entries went.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn trim(&mut self, shard: &Shard, up_to: u64) -> Result<u64> {
        let Some(row) = self.held(shard)? else { return Ok(0) };
        let up_to = up_to.min(row.head.seq);
        if row.expectation > 0 && row.expectation <= up_to {
            self.append_expectation_again(&row)?;
        }
        let Some(row) = self.held(shard)? else { return Ok(0) };
        trim(self.conn(), self.log(), &row, up_to, self.effects())
    }

    /// One step of retention: entries of operations older than `cutoff`, at most a few thousand.
    /// Returns how many went; to be repeated until none does.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn retain(&mut self, cutoff: Timestamp) -> Result<u64> {
        let mut gone = 0;
        for row in rows::shards(self.conn(), self.log())? {
            let up_to = old_prefix(self.conn(), &row, cutoff)?;
            gone += self.trim(&row.shard, up_to)?;
        }
        Ok(gone)
    }
}

impl HubIntake<'_> {
    /// Trims a shard up to a position, short of the newest expectation. Returns how many entries went.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn trim(&mut self, shard: &Shard, up_to: u64) -> Result<u64> {
        let Some(row) = self.held(shard)? else { return Ok(0) };
        let limit = if row.expectation > 0 { row.expectation - 1 } else { u64::MAX };
        trim(self.conn(), self.log(), &row, up_to.min(limit), self.effects())
    }

    /// One step of retention, of live, hidden and archived entries alike; as [`OwnLog::retain`].
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn retain(&mut self, cutoff: Timestamp) -> Result<u64> {
        let mut gone = drop_archived(self.conn(), self.log(), cutoff)?;
        for row in rows::shards(self.conn(), self.log())? {
            let up_to = old_prefix(self.conn(), &row, cutoff)?;
            gone += self.trim(&row.shard, up_to)?;
        }
        Ok(gone)
    }
}

/// The newest entry of the last success of a shard: the last good backup of a plan, the last of
/// anything where there is no plan. It stays, however old it is: without it nobody could say since
/// when nothing succeeded.
fn last_success(conn: &Connection, row: &ShardRow) -> Result<Option<u64>> {
    let mut select = conn.prepare_cached(
        "SELECT seq FROM operation WHERE shard = ?1 AND seq > 0 AND NOT removed \
         AND status IN ('succeeded', 'warning') AND (?2 OR kind = 'backup') \
         ORDER BY id DESC LIMIT 1",
    )?;
    let of_any_kind = row.shard.plan.is_empty();
    let seq = select.query_row((row.id, of_any_kind), |found| rows::seq_out(found, "seq"));
    Ok(seq.optional()?)
}

/// The last position of the prefix that is older than `cutoff`; expectations do not end it, the last
/// success does.
fn old_prefix(conn: &Connection, row: &ShardRow, cutoff: Timestamp) -> Result<u64> {
    let success = last_success(conn, row)?;
    let mut last = row.base.seq;
    let mut seen = 0;
    rows::each_after(conn, row.id, row.base.seq, |stored| {
        let id = stored.entry.operation;
        let is_old = id == OperationId::EXPECTATION || made_at(&id) < cutoff;
        let old = is_old && success != Some(stored.seq);
        if old {
            last = stored.seq;
        }
        seen += 1;
        Ok(old && seen < STEP)
    })?;
    // A shard of expectations alone has nothing that gets old.
    Ok(if last == row.expectation && last == row.base.seq + 1 { row.base.seq } else { last })
}

fn trim(conn: &Connection, log: i64, row: &ShardRow, up_to: u64, effects: &Effects) -> Result<u64> {
    let up_to = up_to.min(row.head.seq);
    if up_to <= row.base.seq {
        return Ok(0);
    }
    // What is cut is recomputed: a damaged chain value must not become the base.
    let count = usize::try_from(up_to - row.base.seq).unwrap_or(usize::MAX);
    scrub::scrub(conn, log, row, Some((row.base, count)))?;
    let Some(chain) = entry_chain(conn, row, up_to)? else { return Ok(0) };
    let mut tally = forget_operations(conn, row, up_to)?;
    let (entries, bytes) = measure(conn, row, up_to)?;
    tally.entries -= entries;
    tally.payload_bytes -= bytes;
    conn.prepare_cached("DELETE FROM entry WHERE shard = ?1 AND seq <= ?2")?
        .execute((row.id, seq_in(up_to)?))?;
    tally.apply(conn, log)?;
    move_base(conn, row, Head { seq: up_to, chain })?;
    message::sweep(conn)?;
    effects.wrote(count);
    Ok(entries.unsigned_abs())
}

fn entry_chain(conn: &Connection, row: &ShardRow, seq: u64) -> Result<Option<[u8; 32]>> {
    Ok(rows::entry_at(conn, row.id, seq)?.and_then(|stored| stored.entry.chain))
}

/// Operations whose newest entry goes are forgotten, except for what the archive has of them.
fn forget_operations(conn: &Connection, row: &ShardRow, up_to: u64) -> Result<Tally> {
    let at = (row.id, seq_in(up_to)?);
    let mut select =
        conn.prepare_cached("SELECT DISTINCT operation FROM entry WHERE shard = ?1 AND seq <= ?2")?;
    let ids = select.query_map(at, |found| found.get::<_, Col<OperationId>>(0))?;
    let mut tally = Tally::default();
    for id in ids.collect::<rusqlite::Result<Vec<_>>>()? {
        let Some(index) = indexed(conn, row.id, &id.0)?.filter(|index| index.seq <= up_to) else {
            continue;
        };
        tally.operations -= i64::from(index.is_live());
        forget(conn, row.id, id)?;
    }
    Ok(tally)
}

fn forget(conn: &Connection, shard: i64, id: Col<OperationId>) -> Result<()> {
    let archived = "EXISTS (SELECT 1 FROM archive WHERE shard = ?1 AND operation = ?2)";
    let sql = format!("DELETE FROM operation WHERE shard = ?1 AND id = ?2 AND NOT {archived}");
    conn.prepare_cached(&sql)?.execute((shard, id))?;
    conn.prepare_cached("UPDATE operation SET seq = 0, bare = 0 WHERE shard = ?1 AND id = ?2")?
        .execute((shard, id))?;
    Ok(())
}

fn measure(conn: &Connection, row: &ShardRow, up_to: u64) -> Result<(i64, i64)> {
    let mut select = conn.prepare_cached(
        "SELECT count(*), coalesce(sum(length(payload)), 0) FROM entry \
         WHERE shard = ?1 AND seq <= ?2",
    )?;
    let at = (row.id, seq_in(up_to)?);
    Ok(select.query_row(at, |found| Ok((found.get(0)?, found.get(1)?)))?)
}

fn move_base(conn: &Connection, row: &ShardRow, base: Head) -> Result<()> {
    let at = (row.id, seq_in(base.seq)?);
    // Where the signed head itself is cut, what is left cannot be proved before the next checkpoint.
    conn.prepare_cached(
        "UPDATE log SET checkpoint_root = NULL, checkpoint_time = NULL, \
         checkpoint_signature = NULL WHERE id = (SELECT log FROM shard \
         WHERE id = ?1 AND signed_seq < ?2)",
    )?
    .execute(at)?;
    conn.prepare_cached(
        "UPDATE shard SET base_seq = ?2, base_chain = ?3, \
         head_chain = iif(head_seq = ?2, ?3, head_chain), \
         expectation = iif(expectation <= ?2, 0, expectation), \
         signed_chain = iif(signed_seq < ?2, NULL, signed_chain), \
         signed_seq = iif(signed_seq < ?2, NULL, signed_seq) WHERE id = ?1",
    )?
    .execute((at.0, at.1, base.chain))?;
    conn.prepare_cached("DELETE FROM temp.asked WHERE shard = ?1 AND seq <= ?2")?.execute(at)?;
    Ok(())
}

/// Drops what was archived before `cutoff`, and operations of which nothing is left.
fn drop_archived(conn: &Connection, log: i64, cutoff: Timestamp) -> Result<u64> {
    let old = "archived_at < ?2 AND shard IN (SELECT id FROM shard WHERE log = ?1)";
    let sql =
        format!("SELECT count(*), coalesce(sum(length(payload)), 0) FROM archive WHERE {old}");
    let (entries, bytes): (i64, i64) = conn
        .prepare_cached(&sql)?
        .query_row((log, Col(cutoff)), |found| Ok((found.get(0)?, found.get(1)?)))?;
    if entries == 0 {
        return Ok(0);
    }
    let sql = format!("DELETE FROM archive WHERE {old}");
    conn.prepare_cached(&sql)?.execute((log, Col(cutoff)))?;
    conn.execute(
        "DELETE FROM operation WHERE log = ?1 AND seq = 0 AND NOT EXISTS ( \
         SELECT 1 FROM archive a WHERE a.shard = operation.shard AND a.operation = operation.id)",
        [log],
    )?;
    conn.execute(
        "DELETE FROM shard WHERE log = ?1 AND NOT held AND NOT EXISTS ( \
         SELECT 1 FROM archive a WHERE a.shard = shard.id)",
        [log],
    )?;
    message::sweep(conn)?;
    Tally { operations: 0, entries: -entries, payload_bytes: -bytes }.apply(conn, log)?;
    Ok(entries.unsigned_abs())
}
