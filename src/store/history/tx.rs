//! What a job of the writer, and what a reader, can reach.

use super::Owner;
use super::hub::HubIntake;
use super::own::{OwnLog, OwnReader};
use super::rows;
use crate::model::{Epoch, KeyId};
use crate::store::column::Col;
use crate::store::error::{Result, StoreError};
use rusqlite::Connection;
use std::cell::Cell;

/// What the jobs of one group have done so far, for the end of the group and for the watches.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) entries: Cell<usize>,
    pub(super) own: Cell<bool>,
    pub(super) any: Cell<bool>,
    /// How many entries are lost, where a scrub or a repair has counted them.
    pub(super) lost: Cell<Option<u64>>,
}

impl Effects {
    pub(super) fn wrote(&self, entries: usize) {
        self.entries.set(self.entries.get() + entries);
        self.any.set(true);
    }
}

/// A job's view of the history: all it does is one step of one transaction.
#[derive(Debug)]
pub struct HistoryTx<'c> {
    pub(super) conn: &'c Connection,
    pub(super) owner: &'c Owner,
    pub(super) effects: &'c Effects,
}

impl<'c> HistoryTx<'c> {
    pub(super) const fn new(conn: &'c Connection, owner: &'c Owner, effects: &'c Effects) -> Self {
        Self { conn, owner, effects }
    }

    /// The own log, to append to.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn own(&self) -> Result<OwnLog<'_>> {
        OwnLog::open(self)
    }

    /// What is held of a peer's log, for its session to change (S3: never the own log).
    ///
    /// # Errors
    /// The key is our own, or the database cannot be written.
    pub fn hub(&self, origin: KeyId) -> Result<HubIntake<'_>> {
        if origin == self.owner.key() {
            return Err(StoreError::Misuse("a session cannot write the own log"));
        }
        HubIntake::open(self, origin)
    }

    /// Keeps the key behind a key id: what a proof is checked with.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remember_key(&self, public_key: &[u8; 32]) -> Result<()> {
        let log = rows::log_of(self.conn, KeyId::of(public_key))?;
        // Nothing is written where it is kept already: at all sessions but the first.
        let sql = "UPDATE log SET public_key = ?2 WHERE id = ?1 AND public_key IS NOT ?2";
        self.conn.prepare_cached(sql)?.execute((log, public_key))?;
        Ok(())
    }

    /// The same state, to read from.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn reader(&self) -> Result<HistoryReader<'_>> {
        HistoryReader::open(self.conn, self.owner)
    }
}

/// One consistent snapshot of the history.
#[derive(Debug)]
pub struct HistoryReader<'c> {
    pub(super) conn: &'c Connection,
    pub(super) owner: KeyId,
    pub(super) own: i64,
}

impl<'c> HistoryReader<'c> {
    pub(super) fn open(conn: &'c Connection, owner: &Owner) -> Result<Self> {
        let key = owner.key();
        let own = rows::find_log(conn, key)?.ok_or(StoreError::Misuse("there is no own log"))?;
        Ok(Self { conn, owner: key, own })
    }

    /// The key of this instance.
    #[must_use]
    pub const fn owner(&self) -> KeyId {
        self.owner
    }

    /// The own log, as a session reads it.
    #[must_use]
    pub const fn own(&self) -> OwnReader<'_> {
        OwnReader::new(self.conn, self.own)
    }
}

/// Makes the own log where there is none: it starts empty, so its epoch is new.
pub(super) fn ensure_own_log(conn: &Connection, owner: &Owner) -> Result<()> {
    let log = rows::log_of(conn, owner.key())?;
    let epoch = Epoch::from_bytes(random()?);
    let sql = "UPDATE log SET public_key = ?2, epoch = coalesce(epoch, ?3) WHERE id = ?1";
    conn.execute(sql, (log, owner.public_key, Col(epoch)))?;
    Ok(())
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::bad("randomness", error))?;
    Ok(bytes)
}
