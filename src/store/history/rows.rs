//! Rows of logs, shards and entries, as both halves read them.

use crate::model::{Epoch, KeyId, Timestamp};
use crate::reconcile::{Entry, EntryKind, Found, Hash, Head, Shard};
use crate::store::column::{Col, noun};
use crate::store::error::{Result, StoreError};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row};

/// A shard as stored.
#[derive(Debug, Clone)]
pub(super) struct ShardRow {
    pub(super) id: i64,
    pub(super) shard: Shard,
    pub(super) held: bool,
    pub(super) base: Head,
    pub(super) head: Head,
    pub(super) hidden: bool,
    /// Position of the newest expectation, or 0.
    pub(super) expectation: u64,
    /// When it was first heard of here.
    pub(super) known_at: Option<Timestamp>,
}

/// An entry as stored, with what only the store knows of it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) seq: u64,
    pub(super) previous: u64,
    pub(super) entry: Entry,
}

/// A position as SQLite counts. Positions beyond are refused: no honest log gets there (§6).
pub(super) fn seq_in(seq: u64) -> Result<i64> {
    const LIMIT: u64 = i64::MAX as u64;
    i64::try_from(seq).map_err(|_| StoreError::Limit { what: "position", value: seq, limit: LIMIT })
}

/// A position as stored: never negative.
pub(super) fn seq_out(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

pub(super) fn find_log(conn: &Connection, origin: KeyId) -> Result<Option<i64>> {
    let mut select = conn.prepare_cached("SELECT id FROM log WHERE origin = ?1")?;
    Ok(select.query_row([Col(origin)], |row| row.get(0)).optional()?)
}

/// The log of an origin, made where there is none.
pub(super) fn log_of(conn: &Connection, origin: KeyId) -> Result<i64> {
    if let Some(log) = find_log(conn, origin)? {
        return Ok(log);
    }
    conn.execute("INSERT INTO log (origin) VALUES (?1)", [Col(origin)])?;
    Ok(conn.last_insert_rowid())
}

pub(super) fn epoch(conn: &Connection, log: i64) -> Result<Option<Epoch>> {
    let mut select = conn.prepare_cached("SELECT epoch FROM log WHERE id = ?1")?;
    let epoch = select.query_row([log], |row| row.get::<_, Option<Col<Epoch>>>(0))?;
    Ok(epoch.map(|col| col.0))
}

/// A shard by name, also one that is no longer held.
pub(super) fn shard(conn: &Connection, log: i64, shard: &Shard) -> Result<Option<ShardRow>> {
    let sql = format!("SELECT {SHARD} FROM shard WHERE log = ?1 AND repo = ?2 AND plan = ?3");
    let mut select = conn.prepare_cached(&sql)?;
    Ok(select.query_row((log, &shard.repo, &shard.plan), shard_row).optional()?)
}

/// Every shard held under the present epoch, also those at 0.
pub(super) fn shards(conn: &Connection, log: i64) -> Result<Vec<ShardRow>> {
    let sql = format!("SELECT {SHARD} FROM shard WHERE log = ?1 AND held ORDER BY repo, plan");
    let mut select = conn.prepare_cached(&sql)?;
    let rows = select.query_map([log], shard_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The columns of [`shard_row`], by number there: all shards of a log are read at each reconnect
/// and for each batch, and finding a column by its name compares it with all names before it.
const SHARD: &str = "id, repo, plan, held, base_seq, base_chain, head_seq, head_chain, hidden, \
                     expectation, known_at";

fn shard_row(row: &Row<'_>) -> rusqlite::Result<ShardRow> {
    Ok(ShardRow {
        id: row.get(0)?,
        shard: Shard { repo: row.get(1)?, plan: row.get(2)? },
        held: row.get(3)?,
        base: Head { seq: position(row, 4)?, chain: row.get(5)? },
        head: Head { seq: position(row, 6)?, chain: row.get(7)? },
        hidden: row.get(8)?,
        expectation: position(row, 9)?,
        known_at: row.get::<_, Option<Col<Timestamp>>>(10)?.map(|known| known.0),
    })
}

fn position(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

/// chain(seq); `None` below the base or above the head.
pub(super) fn chain_at(conn: &Connection, shard: &ShardRow, seq: u64) -> Result<Option<Hash>> {
    if seq == shard.base.seq {
        return Ok(Some(shard.base.chain));
    }
    if seq == shard.head.seq {
        return Ok(Some(shard.head.chain));
    }
    if seq < shard.base.seq || seq > shard.head.seq {
        return Ok(None);
    }
    let mut select =
        conn.prepare_cached("SELECT chain FROM entry WHERE shard = ?1 AND seq = ?2")?;
    Ok(select.query_row((shard.id, seq_in(seq)?), |row| row.get(0)).optional()?)
}

const ENTRY: &str = "SELECT * FROM entry WHERE shard = ?1 AND seq = ?2";

pub(super) fn entry_at(conn: &Connection, shard: i64, seq: u64) -> Result<Option<Stored>> {
    let Ok(seq) = i64::try_from(seq) else { return Ok(None) };
    Ok(conn.prepare_cached(ENTRY)?.query_row((shard, seq), stored).optional()?)
}

/// Hands the entries after a position to `each`, in order, until it returns `false`.
pub(super) fn each_after(
    conn: &Connection,
    shard: i64,
    after: u64,
    mut each: impl FnMut(Stored) -> Result<bool>,
) -> Result<()> {
    let mut select =
        conn.prepare_cached("SELECT * FROM entry WHERE shard = ?1 AND seq > ?2 ORDER BY seq")?;
    let mut rows = select.query((shard, seq_in(after)?))?;
    while let Some(row) = rows.next()? {
        if !each(stored(row)?)? {
            break;
        }
    }
    Ok(())
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        seq: seq_out(row, "seq")?,
        previous: seq_out(row, "previous")?,
        entry: entry(row)?,
    })
}

/// The entry in a row of `entry` or `archive`.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        operation: noun(row, "operation")?,
        kind: row.get::<_, Kind>("kind")?.0,
        payload: row.get::<_, Option<Vec<u8>>>("payload")?.map(Bytes::from),
        digest: row.get("digest")?,
        chain: Some(row.get("chain")?),
        lost: row.get("lost")?,
    })
}

/// Entries at these positions, as stored.
pub(super) fn entries_at(conn: &Connection, shard: i64, seqs: &[u64]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for seq in seqs {
        let stored = entry_at(conn, shard, *seq)?;
        found.extend(stored.map(|stored| Found { seq: *seq, entry: stored.entry }));
    }
    Ok(found)
}

/// At most `limit` positions that a scrub has found lost.
pub(super) fn lost(conn: &Connection, shard: i64, limit: usize) -> Result<Vec<u64>> {
    let mut select = conn.prepare_cached(
        "SELECT seq FROM entry INDEXED BY entry_lost WHERE shard = ?1 AND lost \
             ORDER BY seq LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map((shard, limit), |row| seq_out(row, "seq"))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a scrub has found anything of a log lost. The index is named: by itself SQLite takes the
/// primary key and reads the whole log, at each reconnect.
pub(super) fn any_lost(conn: &Connection, log: i64) -> Result<bool> {
    let mut select = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM entry e INDEXED BY entry_lost \
         JOIN shard s ON s.id = e.shard WHERE e.lost AND s.log = ?1 AND s.held)",
    )?;
    Ok(select.query_row([log], |row| row.get(0))?)
}

/// The kind of an entry as a column.
pub(super) struct Kind(pub(super) EntryKind);

impl rusqlite::types::FromSql for Kind {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let number = value.as_i64()?;
        u8::try_from(number)
            .ok()
            .and_then(EntryKind::from_code)
            .map(Self)
            .ok_or(rusqlite::types::FromSqlError::OutOfRange(number))
    }
}

impl rusqlite::types::ToSql for Kind {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.0.code().into())
    }
}

/// Archived entries at these positions; of each at most what is given of one with the live one.
pub(super) fn archived_at(conn: &Connection, shard: i64, seqs: &[u64]) -> Result<Vec<Found>> {
    let mut select = conn.prepare_cached(
        "SELECT * FROM archive WHERE shard = ?1 AND seq = ?2 ORDER BY chain LIMIT 15",
    )?;
    let mut found = Vec::new();
    for seq in seqs {
        let Ok(position) = i64::try_from(*seq) else { continue };
        let rows = select.query_map((shard, position), entry)?;
        for entry in rows {
            found.push(Found { seq: *seq, entry: entry? });
        }
    }
    Ok(found)
}
