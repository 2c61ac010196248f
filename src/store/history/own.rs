//! The own log: appended to by jobs, read by sessions on behalf of peers.

use super::append::{Appender, indexed, start_shard};
use super::rows::{self, ShardRow, Stored};
use super::tx::{Effects, HistoryTx};
use crate::model::{Epoch, Expectation, KeyId, Operation, OperationId};
use crate::reconcile::{
    Entry, EntryKind, Found, Hash, Head, OriginLog, Shard, ShardHead, chain_zero, digest, link,
};
use crate::store::column::Col;
use crate::store::error::{Result, StoreError};
use crate::wire::log::{encode_expectation, encode_operation};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _};

/// The own log, inside a job of the writer.
#[derive(Debug)]
pub struct OwnLog<'t> {
    tx: &'t HistoryTx<'t>,
    origin: KeyId,
    log: i64,
    epoch: Epoch,
}

impl<'t> OwnLog<'t> {
    pub(super) fn open(tx: &'t HistoryTx<'_>) -> Result<Self> {
        let origin = tx.owner.key();
        let log = rows::log_of(tx.conn, origin)?;
        let epoch = rows::epoch(tx.conn, log)?.ok_or(StoreError::Misuse("no own epoch"))?;
        Ok(Self { tx, origin, log, epoch })
    }

    /// Appends the operation as it is now, with the revision that it gets, which is returned.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn append(&mut self, operation: &Operation) -> Result<u32> {
        let shard = self.shard(&shard_of(operation))?;
        let before = indexed(self.tx.conn, shard.id, &operation.id)?.unwrap_or_default();
        let revision = before.revision.saturating_add(1);
        let payload = encode_operation(&Operation { revision, ..operation.clone() });
        let kind = if before.seq == 0 { EntryKind::First } else { EntryKind::State };
        self.push(shard, operation.id, kind, payload)?;
        Ok(revision)
    }

    /// Appends an operation that came from elsewhere, unless its id was here before: as it is, or
    /// removed. `false` if it was.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn append_once(&mut self, operation: &Operation) -> Result<bool> {
        let shard = self.shard(&shard_of(operation))?;
        let is_known = indexed(self.tx.conn, shard.id, &operation.id)?.is_some();
        if !is_known {
            self.append(operation)?;
        }
        Ok(!is_known)
    }

    /// Appends an expectation if it differs from the newest of its plan. `false` if it does not.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn append_expectation(&mut self, expectation: &Expectation) -> Result<bool> {
        let name = Shard { repo: expectation.repo.to_string(), plan: expectation.plan.to_string() };
        let payload = encode_expectation(expectation);
        let shard = self.shard(&name)?;
        let newest = rows::entry_at(self.tx.conn, shard.id, shard.expectation)?;
        if newest.is_some_and(|stored| stored.entry.payload.as_ref() == Some(&payload)) {
            return Ok(false);
        }
        self.push(shard, OperationId::EXPECTATION, EntryKind::Expectation, payload)?;
        Ok(true)
    }

    /// Removes an operation from the history: it is hidden here, and shown archived on hubs.
    /// `false` if there is none that is live.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remove(&mut self, id: OperationId) -> Result<bool> {
        let mut select = self.tx.conn.prepare_cached(
            "SELECT s.repo, s.plan FROM shard s JOIN operation o ON o.shard = s.id AND o.id = ?2 \
             WHERE s.log = ?1 AND o.seq > 0 AND NOT o.removed",
        )?;
        let name = select.query_row((self.log, Col(id)), |row| {
            Ok(Shard { repo: row.get(0)?, plan: row.get(1)? })
        });
        let Some(name) = name.optional()? else { return Ok(false) };
        let shard = self.shard(&name)?;
        self.push(shard, id, EntryKind::Removed, Bytes::new())?;
        Ok(true)
    }

    /// The same log, to read from.
    #[must_use]
    pub const fn reader(&self) -> OwnReader<'_> {
        OwnReader::new(self.tx.conn, self.log)
    }

    pub(super) const fn conn(&self) -> &Connection {
        self.tx.conn
    }

    pub(super) const fn log(&self) -> i64 {
        self.log
    }

    pub(super) const fn effects(&self) -> &Effects {
        self.tx.effects
    }

    pub(super) fn held(&self, shard: &Shard) -> Result<Option<ShardRow>> {
        Ok(rows::shard(self.tx.conn, self.log, shard)?.filter(|row| row.held))
    }

    /// The newest expectation of a shard as its newest entry, word for word.
    pub(super) fn append_expectation_again(&self, shard: &ShardRow) -> Result<()> {
        let newest = rows::entry_at(self.tx.conn, shard.id, shard.expectation)?;
        match newest.and_then(|stored| stored.entry.payload) {
            Some(payload) => {
                self.push(shard.clone(), OperationId::EXPECTATION, EntryKind::Expectation, payload)
            }
            None => Ok(()),
        }
    }

    fn shard(&self, name: &Shard) -> Result<ShardRow> {
        match rows::shard(self.tx.conn, self.log, name)? {
            Some(row) if row.held => Ok(row),
            _ => {
                let chain = chain_zero(&self.origin, &self.epoch, name);
                start_shard(self.tx.conn, self.log, name, Head { seq: 0, chain })
            }
        }
    }

    fn push(
        &self,
        shard: ShardRow,
        operation: OperationId,
        kind: EntryKind,
        payload: Bytes,
    ) -> Result<()> {
        let digest = digest(&payload);
        let chain = link(&shard.head.chain, shard.head.seq + 1, &operation, kind, &digest);
        let entry = Entry {
            operation,
            kind,
            payload: Some(payload),
            digest: Some(digest),
            chain: Some(chain),
            lost: false,
        };
        let mut appender = Appender::new(self.tx.conn, self.log, shard, self.tx.effects);
        appender.push(&entry, chain)?;
        appender.finish()?;
        self.tx.effects.own.set(true);
        Ok(())
    }
}

fn shard_of(operation: &Operation) -> Shard {
    Shard {
        repo: operation.repo.as_ref().map(ToString::to_string).unwrap_or_default(),
        plan: operation.plan.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// The own log in one snapshot.
#[derive(Debug)]
pub struct OwnReader<'c> {
    conn: &'c Connection,
    log: i64,
}

impl<'c> OwnReader<'c> {
    pub(super) const fn new(conn: &'c Connection, log: i64) -> Self {
        Self { conn, log }
    }

    fn held(&self, shard: &Shard) -> Result<Option<ShardRow>> {
        Ok(rows::shard(self.conn, self.log, shard)?.filter(|row| row.held && row.head.seq > 0))
    }
}

impl OriginLog for OwnReader<'_> {
    type Error = StoreError;

    fn epoch(&self) -> Result<Epoch> {
        rows::epoch(self.conn, self.log)?.ok_or(StoreError::Misuse("the own log has no epoch"))
    }

    fn shards(&self, visible: &dyn Fn(&Shard) -> bool) -> Result<Vec<ShardHead>> {
        let rows = rows::shards(self.conn, self.log)?;
        let seen = rows.into_iter().filter(|row| row.head.seq > 0 && visible(&row.shard));
        Ok(seen.map(shard_head).collect())
    }

    fn shard(&self, shard: &Shard) -> Result<Option<ShardHead>> {
        Ok(self.held(shard)?.map(shard_head))
    }

    fn chain_at(&self, shard: &Shard, seq: u64) -> Result<Option<Hash>> {
        match self.held(shard)? {
            Some(row) => rows::chain_at(self.conn, &row, seq),
            None => Ok(None),
        }
    }

    fn entries_after(
        &self,
        shard: &Shard,
        after: u64,
        entries: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>> {
        let Some(row) = self.held(shard)? else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        let mut room = bytes;
        rows::each_after(self.conn, row.id, after.max(row.base.seq), |stored| {
            let size = stored.entry.payload.as_ref().map_or(0, Bytes::len);
            if !out.is_empty() && (out.len() >= entries || size > room) {
                return Ok(false);
            }
            room = room.saturating_sub(size);
            out.push(as_sent(stored));
            Ok(out.len() < entries)
        })?;
        Ok(out)
    }

    fn entries_at(&self, shard: &Shard, seqs: &[u64]) -> Result<Vec<Found>> {
        match self.held(shard)? {
            Some(row) => rows::entries_at(self.conn, row.id, seqs),
            None => Ok(Vec::new()),
        }
    }

    fn lost(&self, shard: &Shard, limit: usize) -> Result<Vec<u64>> {
        match self.held(shard)? {
            Some(row) => rows::lost(self.conn, row.id, limit),
            None => Ok(Vec::new()),
        }
    }

    fn any_lost(&self) -> Result<bool> {
        rows::any_lost(self.conn, self.log)
    }
}

fn shard_head(row: ShardRow) -> ShardHead {
    ShardHead { shard: row.shard, base: row.base, head: row.head }
}

/// The chain value is sent only where it cannot be recomputed. What is superseded and unfinished was
/// blanked when it was superseded.
fn as_sent(stored: Stored) -> Entry {
    let entry = stored.entry;
    Entry { chain: entry.chain.filter(|_| entry.digest.is_none()), ..entry }
}
