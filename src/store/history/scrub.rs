//! Damage: what is wanted from others, what came, and recomputing what is stored.

use super::append::{Columns, Tally, is_kept, is_state, length};
use super::change;
use super::hub::HubIntake;
use super::own::OwnLog;
use super::rows::{self, ShardRow, seq_in};
use super::tx::{Effects, HistoryReader};
use crate::model::KeyId;
use crate::reconcile::{Entry, Found, Head, Repair, Scrub, Shard, heal as healed};
use crate::store::error::Result;
use crate::wire::log::outline;
use rusqlite::Connection;

/// How many entries a scrub holds back for writing before it reads on.
const REPAIRS: usize = 256;

/// What a scrub did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// Entries recomputed.
    pub checked: u64,
    /// Entries changed: repaired, or marked as lost.
    pub changed: u64,
    /// Of these, entries whose payload or digest is lost now.
    pub lost: u64,
    /// Where to go on; `None` at the end of the shard.
    pub reached: Option<Head>,
}

/// Positions asked for in vain, until a scrub or a restart: with the connection they are gone, and a
/// transaction that is rolled back takes them back too.
pub(super) const ASKED: &str = "CREATE TEMP TABLE IF NOT EXISTS asked (shard INTEGER, seq INTEGER, PRIMARY KEY (shard, seq)) \
     STRICT, WITHOUT ROWID";

const WANTED: &str = "\
    SELECT s.repo, s.plan, w.seq FROM ( \
        SELECT shard, seq FROM entry WHERE lost \
        UNION SELECT shard, seq FROM operation WHERE bare AND seq > 0 \
        UNION SELECT x.id, x.expectation FROM shard x JOIN entry e \
            ON e.shard = x.id AND e.seq = x.expectation \
            WHERE x.log = ?1 AND x.expectation > 0 AND e.payload IS NULL \
    ) w JOIN shard s ON s.id = w.shard \
    WHERE s.log = ?1 AND s.held AND NOT s.hidden AND NOT EXISTS ( \
        SELECT 1 FROM temp.asked a WHERE a.shard = w.shard AND a.seq = w.seq) \
    ORDER BY s.repo, s.plan, w.seq LIMIT ?2";

/// Lost entries, and newest states without payload, in shards shown; not those asked for in vain.
pub(super) fn wanted(conn: &Connection, log: i64, limit: usize) -> Result<Vec<(Shard, Vec<u64>)>> {
    let mut select = conn.prepare_cached(WANTED)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query((log, limit))?;
    let mut wanted: Vec<(Shard, Vec<u64>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let shard = Shard { repo: row.get("repo")?, plan: row.get("plan")? };
        let seq = rows::seq_out(row, "seq")?;
        match wanted.last_mut() {
            Some((last, seqs)) if *last == shard => seqs.push(seq),
            _ => wanted.push((shard, vec![seq])),
        }
    }
    Ok(wanted)
}

/// Puts what fits in place, checked against what is stored around it.
pub(super) fn heal(conn: &Connection, log: i64, row: &ShardRow, found: &[Found]) -> Result<()> {
    for found in found {
        let Some(stored) = rows::entry_at(conn, row.id, found.seq)? else { continue };
        let Some(before) = rows::chain_at(conn, row, found.seq - 1)? else { continue };
        let next = rows::entry_at(conn, row.id, found.seq + 1)?.map(|next| next.entry);
        let good = healed(&before, found.seq, &stored.entry, next.as_ref(), &found.entry);
        if let Some(entry) = good {
            replace(conn, log, row, &Repair { seq: found.seq, entry }, &stored.entry)?;
        }
    }
    Ok(())
}

/// These stay without payload, and are not asked for again before a scrub or a restart.
pub(super) fn mark_asked_in_vain(conn: &Connection, row: &ShardRow, seqs: &[u64]) -> Result<()> {
    let mut lost = conn.prepare_cached(
        "UPDATE entry SET lost = 1 WHERE shard = ?1 AND seq = ?2 AND payload IS NULL",
    )?;
    let mut mark = conn.prepare_cached("INSERT OR IGNORE INTO temp.asked VALUES (?1, ?2)")?;
    for seq in seqs {
        let Ok(seq) = i64::try_from(*seq) else { continue };
        if lost.execute((row.id, seq))? > 0 {
            mark.execute((row.id, seq))?;
        }
    }
    Ok(())
}

impl HistoryReader<'_> {
    /// The shards of the own log.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn own_shards(&self) -> Result<Vec<Shard>> {
        self.shards(self.owner)
    }

    /// The shards held of an origin's log, also hidden ones; none where nothing is held.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn shards(&self, origin: KeyId) -> Result<Vec<Shard>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(Vec::new()) };
        Ok(rows::shards(self.conn, log)?.into_iter().map(|row| row.shard).collect())
    }
}

impl OwnLog<'_> {
    /// Recomputes at most `limit` entries of a shard from `from` on (its base where `None`); what
    /// is lost after that is asked of the hubs. To be repeated from [`Scrubbed::reached`].
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn scrub(&mut self, shard: &Shard, from: Option<Head>, limit: usize) -> Result<Scrubbed> {
        let Some(row) = self.held(shard)? else { return Ok(Scrubbed::default()) };
        let done = step(self.conn(), self.log(), &row, (from, limit))?;
        if done.changed > 0 {
            self.effects().own.set(true);
        }
        count_lost(self.conn(), self.effects())?;
        Ok(done)
    }

    /// Puts entries that a hub had in place of lost ones, each checked against what is stored.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn heal(&mut self, shard: &Shard, found: &[Found]) -> Result<()> {
        let Some(row) = self.held(shard)? else { return Ok(()) };
        heal(self.conn(), self.log(), &row, found)?;
        count_lost(self.conn(), self.effects())
    }
}

impl HubIntake<'_> {
    /// As [`OwnLog::scrub`], of a shard that is held; what is lost is wanted of its origin.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn scrub_range(
        &mut self,
        shard: &Shard,
        from: Option<Head>,
        limit: usize,
    ) -> Result<Scrubbed> {
        let Some(row) = self.held(shard)? else { return Ok(Scrubbed::default()) };
        let done = step(self.conn(), self.log(), &row, (from, limit))?;
        count_lost(self.conn(), self.effects())?;
        Ok(done)
    }
}

fn step(
    conn: &Connection,
    log: i64,
    row: &ShardRow,
    (from, limit): (Option<Head>, usize),
) -> Result<Scrubbed> {
    if from.is_none() {
        ask_again(conn, row)?;
    }
    scrub(conn, log, row, Some((from.unwrap_or(row.base), limit)))
}

/// What was asked for in vain may be asked for again: a scrub looks anew.
pub(super) fn ask_again(conn: &Connection, row: &ShardRow) -> Result<()> {
    conn.prepare_cached("DELETE FROM temp.asked WHERE shard = ?1")?.execute([row.id])?;
    Ok(())
}

/// Recomputes a shard, or at most `limit` entries of it from `from` on, and writes what is to change.
pub(super) fn scrub(
    conn: &Connection,
    log: i64,
    row: &ShardRow,
    range: Option<(Head, usize)>,
) -> Result<Scrubbed> {
    let (from, limit) = range.unwrap_or((row.base, usize::MAX));
    let mut done = Scrubbed::default();
    let mut scrub = Scrub::new(from.seq, from.chain);
    let mut read = from.seq;
    loop {
        let mut repairs = Vec::new();
        let before = read;
        rows::each_after(conn, row.id, read, |stored| {
            read = stored.seq;
            repairs.extend(scrub.push(stored.entry));
            Ok(repairs.len() < REPAIRS && within(&scrub, from, limit))
        })?;
        write(conn, log, row, &repairs, &mut done)?;
        if read == before || !within(&scrub, from, limit) {
            break;
        }
    }
    let (seq, chain) = scrub.reached();
    done.checked = seq.saturating_sub(from.seq);
    if within(&scrub, from, limit) {
        done.checked += u64::from(read > seq);
        let last = scrub.finish();
        write(conn, log, row, last.as_slice(), &mut done)?;
        check_head(conn, row)?;
    } else {
        done.reached = Some(Head { seq, chain });
    }
    Ok(done)
}

fn within(scrub: &Scrub, from: Head, limit: usize) -> bool {
    usize::try_from(scrub.reached().0.saturating_sub(from.seq)).is_ok_and(|done| done < limit)
}

fn write(
    conn: &Connection,
    log: i64,
    row: &ShardRow,
    repairs: &[Repair],
    done: &mut Scrubbed,
) -> Result<()> {
    for repair in repairs {
        if let Some(stored) = rows::entry_at(conn, row.id, repair.seq)? {
            replace(conn, log, row, repair, &stored.entry)?;
        }
        done.changed += 1;
        done.lost += u64::from(repair.entry.lost);
    }
    Ok(())
}

/// The head follows the chain of the newest entry, where that was repaired.
fn check_head(conn: &Connection, row: &ShardRow) -> Result<()> {
    if row.head.seq == row.base.seq {
        return Ok(());
    }
    conn.prepare_cached(
        "UPDATE shard SET head_chain = coalesce((SELECT chain FROM entry WHERE entry.shard = ?1 \
         AND entry.seq = ?2), head_chain) WHERE id = ?1",
    )?
    .execute((row.id, seq_in(row.head.seq)?))?;
    Ok(())
}

/// Puts a repaired entry in place: entry, counts and index together.
fn replace(
    conn: &Connection,
    log: i64,
    row: &ShardRow,
    repair: &Repair,
    stored: &Entry,
) -> Result<()> {
    let entry = &repair.entry;
    let payload = entry.payload.as_deref();
    let state = payload.filter(|_| is_state(entry.kind)).and_then(outline);
    conn.prepare_cached(
        "UPDATE entry SET payload = ?3, digest = ?4, chain = ?5, lost = ?6, \
         finished = max(finished, ?7) WHERE shard = ?1 AND seq = ?2",
    )?
    .execute((
        row.id,
        seq_in(repair.seq)?,
        payload,
        entry.digest,
        entry.chain,
        entry.lost,
        is_kept(entry, state.as_ref()),
    ))?;
    let payload_bytes = length(payload) - length(stored.payload.as_deref());
    Tally { payload_bytes, ..Tally::default() }.apply(conn, log)?;
    if repair.seq == row.head.seq {
        check_head(conn, row)?;
    }
    let newest = super::append::indexed(conn, row.id, &entry.operation)?;
    if newest.is_some_and(|newest| newest.seq == repair.seq) {
        reindex(conn, log, row, repair)?;
        change::note(conn, row.id, (repair.seq, repair.seq), &row.head.chain)?;
    }
    Ok(())
}

/// The newest state of an operation changed in place: it is no new entry, so the revision stays.
fn reindex(conn: &Connection, log: i64, row: &ShardRow, repair: &Repair) -> Result<()> {
    let state = repair.entry.payload.as_deref().filter(|_| is_state(repair.entry.kind));
    if let Some(state) = state.and_then(outline) {
        let columns = Columns { log, shard: row.id, seq: repair.seq, entry: &repair.entry };
        return columns.write(conn, Some(&state));
    }
    conn.prepare_cached("UPDATE operation SET bare = ?3 WHERE shard = ?1 AND seq = ?2")?
        .execute((row.id, seq_in(repair.seq)?, repair.entry.payload.is_none()))?;
    Ok(())
}

/// Counts what is lost in all logs and may still come, for the state of the store.
pub(super) fn count_lost(conn: &Connection, effects: &Effects) -> Result<()> {
    let sql = "SELECT count(*) FROM entry e WHERE lost AND NOT EXISTS ( \
               SELECT 1 FROM temp.asked a WHERE a.shard = e.shard AND a.seq = e.seq)";
    let lost: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    effects.lost.set(Some(lost.unsigned_abs()));
    effects.wrote(0);
    Ok(())
}
