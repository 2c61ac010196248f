//! What was appended, in one order over all logs: read on by a cursor, also after a restart.
//!
//! 1. Of an operation that changed again only the newest state comes, where its newest entry is: read on
//!    from cursor to cursor, each revision that comes is told once.
//! 2. A cursor of another file, or older than what is kept, is lost, and never taken for another place.

use super::query::Recorded;
use super::rows::{self, ShardRow, seq_in};
use super::tx::HistoryReader;
use crate::model::{KeyId, OperationId};
use crate::reconcile::{EntryKind, Hash};
use crate::store::column::{Col, noun};
use crate::store::error::Result;
use rusqlite::{Connection, OptionalExtension as _, Row};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// How many changes are kept for readers that come back.
const KEPT: i64 = 20_000;
/// So many are dropped at once.
const DROPPED: i64 = 1_000;

/// A place in the order of all changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    history: String,
    change: i64,
    seq: u64,
    mark: [u8; 8],
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor. Take the one of the last event, or none")]
pub struct NoCursor;

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Where to read on from.
    pub cursor: Cursor,
    /// The operation as it is now; `None` for an expectation.
    pub operation: Option<Box<Recorded>>,
}

/// What changed since a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// These, in order; there may be more.
    Changes(Vec<Changed>, Cursor),
    /// Nobody can say: everything has to be read anew, and then on from here.
    Lost(Cursor),
}

/// Entries of a shard that were appended together.
struct Change {
    id: i64,
    shard: i64,
    first: u64,
    last: u64,
    mark: [u8; 8],
}

/// Notes that entries from `first` to `last` are in a shard whose head is `chain` now.
pub(super) fn note(
    conn: &Connection,
    shard: i64,
    (first, last): (u64, u64),
    chain: &Hash,
) -> Result<()> {
    conn.prepare_cached("INSERT INTO change (shard, first, last, mark) VALUES (?1, ?2, ?3, ?4)")?
        .execute((shard, seq_in(first)?, seq_in(last)?, &chain[..8]))?;
    let id = conn.last_insert_rowid();
    if id % DROPPED == 0 {
        conn.prepare_cached("DELETE FROM change WHERE id <= ?1")?.execute([id - KEPT])?;
    }
    Ok(())
}

impl HistoryReader<'_> {
    /// The newest place: everything up to now counts as read.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn newest_cursor(&self) -> Result<Cursor> {
        let sql = "SELECT * FROM change ORDER BY id DESC LIMIT 1";
        let newest = self.conn.prepare_cached(sql)?.query_row([], change).optional()?;
        let (change, seq, mark) =
            newest.map_or((0, 0, [0; 8]), |newest| (newest.id, newest.last, newest.mark));
        Ok(Cursor { history: self.history()?, change, seq, mark })
    }

    /// What changed since a place: at most about `limit`. To be asked again from the place that is
    /// returned, until that stays the same.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn changed_since(&self, cursor: &Cursor, limit: usize) -> Result<Since> {
        let changes = self.changes_from(cursor)?;
        let Some(changes) = changes else { return Ok(Since::Lost(self.newest_cursor()?)) };
        let mut at = cursor.clone();
        let mut found = Vec::new();
        let mut shards = HashMap::new();
        for change in changes {
            if change.first == 0 && change.id > cursor.change {
                return Ok(Since::Lost(self.newest_cursor()?));
            }
            let read = if change.id == cursor.change { cursor.seq } else { change.first - 1 };
            let shown = match shards.entry(change.shard) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(room) => {
                    room.insert(self.shard_by_id(change.shard)?)
                }
            };
            at = Cursor { change: change.id, seq: change.last.max(read), mark: change.mark, ..at };
            if let Some((log, origin, shard)) = shown.as_ref().filter(|(_, _, row)| !row.hidden) {
                self.told((*log, *origin, shard), &change, read, &mut found, &at)?;
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(Since::Changes(found, at))
    }

    /// `None` where the place is not known here any more.
    fn changes_from(&self, cursor: &Cursor) -> Result<Option<Vec<Change>>> {
        if cursor.history != self.history()? {
            return Ok(None);
        }
        let sql = "SELECT * FROM change WHERE id >= ?1 ORDER BY id LIMIT 256";
        let mut select = self.conn.prepare_cached(sql)?;
        let rows = select.query_map([cursor.change], change)?;
        let changes = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let goes_on = match changes.first() {
            _ if cursor.change == 0 => changes.first().is_none_or(|first| first.id == 1),
            Some(first) => first.id == cursor.change && first.mark == cursor.mark,
            None => false,
        };
        Ok(goes_on.then_some(changes))
    }

    fn told(
        &self,
        (log, origin, shard): (i64, KeyId, &ShardRow),
        change: &Change,
        read: u64,
        found: &mut Vec<Changed>,
        at: &Cursor,
    ) -> Result<()> {
        let mut select = self.conn.prepare_cached(
            "SELECT e.seq, e.operation, e.kind, coalesce(o.seq, 0) AS newest FROM entry e \
             LEFT JOIN operation o ON o.shard = e.shard AND o.id = e.operation \
             WHERE e.shard = ?1 AND e.seq > ?2 AND e.seq <= ?3 ORDER BY e.seq",
        )?;
        let values = (shard.id, seq_in(read)?, seq_in(change.last)?);
        let entries = select.query_map(values, |row| {
            let (seq, newest) = (rows::seq_out(row, "seq")?, rows::seq_out(row, "newest")?);
            let kind = row.get::<_, rows::Kind>("kind")?.0;
            Ok((seq, newest, kind, noun(row, "operation")?))
        })?;
        for entry in entries {
            let (seq, newest, kind, id): (u64, u64, EntryKind, OperationId) = entry?;
            let operation = match kind {
                EntryKind::Expectation => None,
                EntryKind::First | EntryKind::State | EntryKind::Removed if newest != seq => {
                    continue;
                }
                EntryKind::First | EntryKind::State | EntryKind::Removed => {
                    self.recorded(log, origin, shard, id)?.map(Box::new)
                }
            };
            found.push(Changed { cursor: Cursor { seq, ..at.clone() }, operation });
        }
        Ok(())
    }

    fn shard_by_id(&self, shard: i64) -> Result<Option<(i64, KeyId, ShardRow)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT l.id, l.origin, s.repo, s.plan FROM shard s JOIN log l ON l.id = s.log \
             WHERE s.id = ?1",
        )?;
        let named = select.query_row([shard], |row| {
            let shard = crate::reconcile::Shard { repo: row.get("repo")?, plan: row.get("plan")? };
            Ok((row.get("id")?, row.get::<_, Col<KeyId>>("origin")?.0, shard))
        });
        let Some((log, origin, name)) = named.optional()? else { return Ok(None) };
        Ok(rows::shard(self.conn, log, &name)?.map(|row| (log, origin, row)))
    }

    fn history(&self) -> Result<String> {
        let sql = "SELECT value FROM meta WHERE key = 'history'";
        Ok(self.conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    Ok(Change {
        id: row.get("id")?,
        shard: row.get("shard")?,
        first: rows::seq_out(row, "first")?,
        last: rows::seq_out(row, "last")?,
        mark: row.get("mark")?,
    })
}

/// `HISTORY.CHANGE.SEQ.MARK`, for whoever keeps it; what it says is nobody else's.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.history, self.change, self.seq, hex::encode(self.mark))
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> std::result::Result<Self, NoCursor> {
        let parts: Vec<_> = text.split('.').take(5).collect();
        let [history, change, seq, mark] = parts.as_slice() else { return Err(NoCursor) };
        let is_name = history.len() == 16 && history.bytes().all(|byte| byte.is_ascii_hexdigit());
        let change: i64 = change.parse().map_err(|_| NoCursor)?;
        let seq = seq.parse().ok().filter(|seq| i64::try_from(*seq).is_ok()).ok_or(NoCursor)?;
        let mut bytes = [0; 8];
        hex::decode_to_slice(mark, &mut bytes).map_err(|_| NoCursor)?;
        if !is_name || change < 0 {
            return Err(NoCursor);
        }
        Ok(Self { history: (*history).to_owned(), change, seq, mark: bytes })
    }
}
