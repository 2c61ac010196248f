//! Appending: entry, head and index in one transaction (R1), for the own log and for copies alike.

use super::rows::{self, Kind, ShardRow, seq_in};
use super::tx::Effects;
use super::{change, message};
use crate::clock;
use crate::model::{FlowId, OperationId, Timestamp};
use crate::reconcile::{Entry, EntryKind, Hash, Head};
use crate::store::column::Col;
use crate::store::error::{Result, StoreError};
use crate::wire::log::{Outline, outline};
use rusqlite::{Connection, OptionalExtension as _, named_params};

/// What an append changes of a log's counts; applied once at its end.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) operations: i64,
    pub(super) entries: i64,
    pub(super) payload_bytes: i64,
}

impl Tally {
    pub(super) fn apply(self, conn: &Connection, log: i64) -> Result<()> {
        conn.prepare_cached(
            "UPDATE log SET operations = operations + ?2, entries = entries + ?3, \
             payload_bytes = payload_bytes + ?4 WHERE id = ?1",
        )?
        .execute((log, self.operations, self.entries, self.payload_bytes))?;
        Ok(())
    }
}

/// What the index says of an operation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Indexed {
    /// Its newest live entry, 0 where only the archive has it.
    pub(super) seq: u64,
    pub(super) removed: bool,
    pub(super) revision: u32,
    /// Which sentence.
    pub(super) message: Option<i64>,
}

impl Indexed {
    /// Whether it counts as live: it has an entry, and that does not remove it.
    pub(super) const fn is_live(self) -> bool {
        self.seq > 0 && !self.removed
    }
}

/// One shard being appended to.
pub(super) struct Appender<'c> {
    conn: &'c Connection,
    log: i64,
    pub(super) row: ShardRow,
    tally: Tally,
    effects: &'c Effects,
    appended: u64,
}

impl<'c> Appender<'c> {
    pub(super) fn new(conn: &'c Connection, log: i64, row: ShardRow, effects: &'c Effects) -> Self {
        Self { conn, log, row, tally: Tally::default(), effects, appended: 0 }
    }

    /// Appends an entry whose chain value is known, and moves the head in memory.
    pub(super) fn push(&mut self, entry: &Entry, chain: Hash) -> Result<()> {
        let seq = self.row.head.seq.saturating_add(1);
        let state = entry.payload.as_deref().filter(|_| is_state(entry.kind)).and_then(outline);
        let previous = match entry.kind {
            EntryKind::Expectation => std::mem::replace(&mut self.row.expectation, seq),
            EntryKind::First | EntryKind::State | EntryKind::Removed => {
                self.index(seq, entry, state.as_ref())?
            }
        };
        self.insert(seq, previous, entry, chain, is_kept(entry, state.as_ref()))?;
        self.supersede(previous)?;
        self.tally.entries += 1;
        self.tally.payload_bytes += length(entry.payload.as_deref());
        self.row.head = Head { seq, chain };
        self.appended += 1;
        Ok(())
    }

    /// Writes head and counts.
    pub(super) fn finish(self) -> Result<ShardRow> {
        self.conn
            .prepare_cached(
                "UPDATE shard SET head_seq = ?2, head_chain = ?3, expectation = ?4, hidden = 0 \
                 WHERE id = ?1",
            )?
            .execute((
                self.row.id,
                seq_in(self.row.head.seq)?,
                self.row.head.chain,
                seq_in(self.row.expectation)?,
            ))?;
        self.tally.apply(self.conn, self.log)?;
        if self.appended > 0 {
            let Head { seq, chain } = self.row.head;
            change::note(self.conn, self.row.id, (seq - self.appended + 1, seq), &chain)?;
        }
        self.effects.wrote(usize::try_from(self.appended).unwrap_or(usize::MAX));
        Ok(self.row)
    }

    /// Moves the operation's row to this entry; returns where it was.
    fn index(&mut self, seq: u64, entry: &Entry, state: Option<&Outline>) -> Result<u64> {
        let before = indexed(self.conn, self.row.id, &entry.operation)?.unwrap_or_default();
        let columns = Columns { log: self.log, shard: self.row.id, seq, entry };
        columns.write(self.conn, state)?;
        if let Some(message) = before.message.filter(|_| state.is_some()) {
            message::left(self.conn, message)?;
        }
        let after = Indexed { seq, removed: entry.kind == EntryKind::Removed, ..before };
        self.tally.operations += i64::from(after.is_live()) - i64::from(before.is_live());
        Ok(before.seq)
    }

    fn insert(
        &self,
        seq: u64,
        previous: u64,
        entry: &Entry,
        chain: Hash,
        finished: bool,
    ) -> Result<()> {
        self.conn
            .prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
            .execute((
                self.row.id,
                seq_in(seq)?,
                Col(entry.operation),
                Kind(entry.kind),
                seq_in(previous)?,
                finished,
                entry.lost,
                entry.digest,
                chain,
                entry.payload.as_deref(),
            ))?;
        Ok(())
    }

    /// Blanks the state before, if it is one that need not stay.
    fn supersede(&mut self, previous: u64) -> Result<()> {
        if previous == 0 {
            return Ok(());
        }
        let mut select = self.conn.prepare_cached(
            "SELECT length(payload) FROM entry WHERE shard = ?1 AND seq = ?2 AND NOT finished \
             AND payload IS NOT NULL",
        )?;
        let at = (self.row.id, seq_in(previous)?);
        let bytes: Option<i64> = select.query_row(at, |row| row.get(0)).optional()?;
        if let Some(bytes) = bytes {
            self.conn
                .prepare_cached("UPDATE entry SET payload = NULL WHERE shard = ?1 AND seq = ?2")?
                .execute(at)?;
            self.tally.payload_bytes -= bytes;
        }
        Ok(())
    }
}

/// What the index says of one operation of a shard.
pub(super) fn indexed(
    conn: &Connection,
    shard: i64,
    operation: &OperationId,
) -> Result<Option<Indexed>> {
    let mut select = conn.prepare_cached(
        "SELECT seq, removed, revision, message FROM operation WHERE shard = ?1 AND id = ?2",
    )?;
    let row = select.query_row((shard, Col(*operation)), |row| {
        Ok(Indexed {
            seq: rows::seq_out(row, "seq")?,
            removed: row.get("removed")?,
            revision: row.get("revision")?,
            message: row.get("message")?,
        })
    });
    Ok(row.optional()?)
}

/// The row of an operation as one entry makes it.
pub(super) struct Columns<'e> {
    pub(super) log: i64,
    pub(super) shard: i64,
    pub(super) seq: u64,
    pub(super) entry: &'e Entry,
}

impl Columns<'_> {
    /// With a state all columns; without one (blank, removed, not understood) what was known stays.
    pub(super) fn write(&self, conn: &Connection, state: Option<&Outline>) -> Result<()> {
        match state {
            Some(state) => self.write_state(conn, state),
            None => self.write_place(conn),
        }
    }

    fn write_state(&self, conn: &Connection, state: &Outline) -> Result<()> {
        let message = message::number(conn, &state.message)?;
        conn.prepare_cached(
            "INSERT INTO operation (shard, id, log, seq, kind, status, flow, revision, \
             started_at, ended_at, snapshot, message) VALUES (:shard, :id, :log, :seq, :kind, \
             :status, :flow, :revision, :started, :ended, :snapshot, :message) ON CONFLICT (shard, id) DO UPDATE SET \
             seq = excluded.seq, removed = 0, orphan = 0, gone = 0, bare = 0, \
             kind = excluded.kind, status = excluded.status, flow = excluded.flow, \
             revision = excluded.revision, started_at = excluded.started_at, \
             ended_at = excluded.ended_at, snapshot = excluded.snapshot, \
             message = excluded.message",
        )?
        .execute(named_params! {
            ":shard": self.shard,
            ":id": Col(self.entry.operation),
            ":log": self.log,
            ":seq": seq_in(self.seq)?,
            ":kind": state.kind.map(|kind| kind.as_str()),
            ":status": state.status.map(|status| status.as_str()),
            ":flow": state.flow.map(Col::<FlowId>),
            ":revision": state.revision,
            ":started": Col(state.started_at),
            ":ended": state.ended_at.map(Col),
            ":snapshot": state.snapshot.as_deref().and_then(|text| hex::decode(text).ok()),
            ":message": message,
        })?;
        Ok(())
    }

    fn write_place(&self, conn: &Connection) -> Result<()> {
        let removed = self.entry.kind == EntryKind::Removed;
        conn.prepare_cached(
            "INSERT INTO operation (shard, id, log, seq, removed, bare, revision, started_at) \
             VALUES (:shard, :id, :log, :seq, :removed, :bare, 1, :started) \
             ON CONFLICT (shard, id) DO UPDATE SET seq = excluded.seq, orphan = 0, gone = 0, \
             removed = excluded.removed, bare = excluded.bare, revision = revision + 1",
        )?
        .execute(named_params! {
            ":shard": self.shard,
            ":id": Col(self.entry.operation),
            ":log": self.log,
            ":seq": seq_in(self.seq)?,
            ":removed": removed,
            ":bare": self.entry.payload.is_none(),
            ":started": Col(made_at(&self.entry.operation)),
        })?;
        Ok(())
    }
}

/// The time in a UUIDv7 (RFC 9562 section 5.7): its first 48 bits are Unix milliseconds.
pub(super) fn made_at(id: &OperationId) -> Timestamp {
    let millis = id.as_bytes().iter().take(6).fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    Timestamp::from_millis(millis)
}

pub(super) const fn is_state(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::First | EntryKind::State)
}

/// Whether the payload must outlive a later entry. A blank one has none to keep; older expectations
/// need not stay; what is not understood stays (R3).
pub(super) fn is_kept(entry: &Entry, state: Option<&Outline>) -> bool {
    match entry.kind {
        EntryKind::Expectation => false,
        EntryKind::Removed => true,
        EntryKind::First | EntryKind::State => {
            entry.payload.is_some() && state.is_none_or(Outline::is_finished)
        }
    }
}

pub(super) fn length(payload: Option<&[u8]>) -> i64 {
    payload.map_or(0, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

/// Makes the row of a shard that starts at `base`, or starts one anew that is no longer held.
pub(super) fn start_shard(
    conn: &Connection,
    log: i64,
    shard: &crate::reconcile::Shard,
    base: Head,
) -> Result<ShardRow> {
    conn.prepare_cached(
        "INSERT INTO shard (log, repo, plan, held, base_seq, base_chain, head_seq, head_chain, known_at) \
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?4, ?5, ?6) ON CONFLICT (log, repo, plan) DO UPDATE SET \
         hidden = iif(held, hidden, 0), held = 1, base_seq = ?4, base_chain = ?5, head_seq = ?4, head_chain = ?5, \
         expectation = 0, stopped = NULL, signed_seq = NULL, signed_chain = NULL",
    )?
    .execute((log, &shard.repo, &shard.plan, seq_in(base.seq)?, base.chain, Col(clock::now())))?;
    rows::shard(conn, log, shard)?.ok_or(StoreError::Misuse("a shard was not made"))
}
