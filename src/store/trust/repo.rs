//! Repos that peers push to us, and the records that take them back.

use super::word::{ReceivedState, RecordReason};
use super::{Trust, from_json, from_text, to_json};
use crate::model::{Dropped, KeyId, RepoGuid, RepoId, Secret, Timestamp};
use crate::store::column::{Col, noun};
use crate::store::error::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use std::collections::BTreeMap;

/// A repo that a peer pushes to us. Strings are literal data (X1).
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedRepo {
    /// Whose it is.
    pub origin: KeyId,
    /// The owner's id of it.
    pub id: RepoId,
    /// restic's id of it.
    pub guid: RepoGuid,
    /// Where it is, for us.
    pub uri: Secret,
    /// Its password.
    pub password: Option<Secret>,
    /// Credentials of the storage.
    pub env: Vec<(String, Secret)>,
    /// What became of it here.
    pub state: ReceivedState,
    /// Why, for a person.
    pub detail: String,
    /// What of it was not taken.
    pub dropped: Vec<Dropped>,
    /// Of the owner's list that it came with.
    pub revision: u64,
    /// When this row last changed.
    pub changed_at: Timestamp,
}

/// "This repo is yours no longer": kept and sent until acknowledged, acted on once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoRecord {
    /// The sender's number of it.
    pub number: u64,
    /// Which repository.
    pub guid: RepoGuid,
    /// The owner's id of it.
    pub repo: RepoId,
    /// Why.
    pub reason: RecordReason,
    /// When.
    pub at: Timestamp,
}

impl Trust {
    /// Every repo received, of every peer and in every state.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn received_repos(&self) -> Result<Vec<ReceivedRepo>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM received_repo ORDER BY origin, id")?;
        let repos = rows.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(repos)
    }

    /// One received repo.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn received_repo(&self, origin: &KeyId, id: &RepoId) -> Result<Option<ReceivedRepo>> {
        let sql = "SELECT * FROM received_repo WHERE origin = ?1 AND id = ?2";
        let key = (Col(*origin), id.as_str());
        Ok(self.lock().query_row(sql, key, read).optional()?)
    }

    /// Adds received repos or replaces what is stored of them, in one transaction.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_received_repos(&self, repos: &[ReceivedRepo]) -> Result<()> {
        self.transact(|tx| repos.iter().try_for_each(|repo| put(tx, repo)))
    }

    /// Sets what became of a received repo. `false` if it is not stored.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_received_state(
        &self,
        origin: &KeyId,
        id: &RepoId,
        state: ReceivedState,
        detail: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE received_repo SET state = ?3, detail = ?4, changed_at = ?5 \
                   WHERE origin = ?1 AND id = ?2";
        let values = (Col(*origin), id.as_str(), state.as_str(), detail, Col(now));
        Ok(self.lock().execute(sql, values)? > 0)
    }

    /// Adds a record for a peer, to be sent until it is acknowledged, and returns its number.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_outgoing_record(
        &self,
        peer: &KeyId,
        guid: &RepoGuid,
        repo: &RepoId,
        reason: RecordReason,
        at: Timestamp,
    ) -> Result<u64> {
        let conn = self.lock();
        let sql = "INSERT INTO outgoing_record (peer, guid, repo, reason, at) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = (Col(*peer), guid.as_str(), repo.as_str(), reason.as_str(), Col(at));
        conn.execute(sql, values)?;
        Ok(conn.last_insert_rowid().unsigned_abs())
    }

    /// What a peer has not acknowledged, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn open_records(&self, peer: &KeyId) -> Result<Vec<RepoRecord>> {
        let sql = "SELECT * FROM outgoing_record WHERE peer = ?1 AND acknowledged_at IS NULL \
                   ORDER BY number";
        records(&self.lock(), sql, peer)
    }

    /// A peer has seen these.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn acknowledge_records(&self, peer: &KeyId, numbers: &[u64], now: Timestamp) -> Result<()> {
        self.transact(|tx| {
            let mut update = tx.prepare(
                "UPDATE outgoing_record SET acknowledged_at = ?3 \
                 WHERE peer = ?1 AND number = ?2 AND acknowledged_at IS NULL",
            )?;
            for number in numbers {
                let Ok(number) = i64::try_from(*number) else { continue };
                update.execute((Col(*peer), number, Col(now)))?;
            }
            Ok(())
        })
    }

    /// Keeps a record that a peer sent. `false` if it was seen before: then nothing is to be done.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn add_incoming_record(
        &self,
        peer: &KeyId,
        record: &RepoRecord,
        now: Timestamp,
    ) -> Result<bool> {
        self.transact(|tx| keep_record(tx, peer, record, now))
    }

    /// Acts on a record that a peer sent, once: the repo that it took back is disabled, unless a
    /// person deleted it here. `false` if it was seen before, or is of no repo held of that peer.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn act_on_record(&self, peer: &KeyId, record: &RepoRecord, now: Timestamp) -> Result<bool> {
        self.transact(|tx| {
            let sql =
                "SELECT count(*) FROM received_repo WHERE origin = ?1 AND id = ?2 AND guid = ?3";
            let (repo, guid) = (record.repo.as_str(), record.guid.as_str());
            let held: i64 = tx.query_row(sql, (Col(*peer), repo, guid), |row| row.get(0))?;
            // What we do not hold is nothing to keep a record of either.
            if held == 0 || !keep_record(tx, peer, record, now)? {
                return Ok(false);
            }
            let sql = "UPDATE received_repo SET state = ?3, detail = '', changed_at = ?4 \
                       WHERE origin = ?1 AND id = ?2 AND state <> ?5";
            let (disabled, deleted) = (ReceivedState::Disabled, ReceivedState::Deleted);
            let values = (Col(*peer), repo, disabled.as_str(), Col(now), deleted.as_str());
            tx.execute(sql, values)?;
            Ok(true)
        })
    }

    /// Forgets a received repo, also that it was deleted here: it may come again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn forget_received_repo(&self, origin: &KeyId, id: &RepoId) -> Result<bool> {
        let sql = "DELETE FROM received_repo WHERE origin = ?1 AND id = ?2";
        Ok(self.lock().execute(sql, (Col(*origin), id.as_str()))? > 0)
    }

    /// What a peer has told us, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn incoming_records(&self, peer: &KeyId) -> Result<Vec<RepoRecord>> {
        let sql = "SELECT * FROM incoming_record WHERE peer = ?1 ORDER BY number";
        records(&self.lock(), sql, peer)
    }
}

/// How many records of one peer are remembered: an owner waits for the acknowledgement of far fewer.
const RECORDS_KEPT: i64 = 256;

/// `false` if it was seen before. A number that says something else than before is of a peer that
/// went back to an older copy of its store: that is a record of its own.
fn keep_record(
    conn: &Connection,
    peer: &KeyId,
    record: &RepoRecord,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO incoming_record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               ON CONFLICT (peer, number) DO UPDATE \
               SET guid = ?3, repo = ?4, reason = ?5, at = ?6, seen_at = ?7 \
               WHERE guid <> ?3 OR repo <> ?4 OR reason <> ?5 OR at <> ?6";
    let number = i64::try_from(record.number).unwrap_or(i64::MAX);
    let (guid, repo) = (record.guid.as_str(), record.repo.as_str());
    let values = (Col(*peer), number, guid, repo, record.reason.as_str(), Col(record.at), Col(now));
    if conn.execute(sql, values)? == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM incoming_record WHERE peer = ?1 AND number NOT IN \
               (SELECT number FROM incoming_record WHERE peer = ?1 ORDER BY seen_at DESC, number DESC \
                LIMIT ?2)";
    conn.execute(sql, (Col(*peer), RECORDS_KEPT))?;
    Ok(true)
}

fn put(conn: &Connection, repo: &ReceivedRepo) -> Result<()> {
    let env: BTreeMap<&str, &str> =
        repo.env.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let dropped: Vec<(&str, &str)> =
        repo.dropped.iter().map(|part| (part.field.as_str(), part.reason.as_str())).collect();
    conn.execute(
        "INSERT OR REPLACE INTO received_repo VALUES (:origin, :id, :guid, :uri, :password, :env, \
         :state, :detail, :dropped, :revision, :changed)",
        named_params! {
            ":origin": Col(repo.origin),
            ":id": repo.id.as_str(),
            ":guid": repo.guid.as_str(),
            ":uri": repo.uri.expose(),
            ":password": repo.password.as_ref().map(Secret::expose),
            ":env": to_json(&env)?,
            ":state": repo.state.as_str(),
            ":detail": repo.detail,
            ":dropped": to_json(&dropped)?,
            ":revision": i64::try_from(repo.revision).unwrap_or(i64::MAX),
            ":changed": Col(repo.changed_at),
        },
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ReceivedRepo> {
    let env: BTreeMap<String, String> = from_json(row, "env")?;
    let dropped: Vec<(String, String)> = from_json(row, "dropped")?;
    Ok(ReceivedRepo {
        origin: noun(row, "origin")?,
        id: from_text(row, "id")?,
        guid: from_text(row, "guid")?,
        uri: Secret::new(row.get("uri")?),
        password: row.get::<_, Option<String>>("password")?.map(Secret::new),
        env: env.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
        state: from_text(row, "state")?,
        detail: row.get("detail")?,
        dropped: dropped.into_iter().map(|(field, reason)| Dropped { field, reason }).collect(),
        revision: row.get::<_, i64>("revision")?.unsigned_abs(),
        changed_at: noun(row, "changed_at")?,
    })
}

fn records(conn: &Connection, sql: &str, peer: &KeyId) -> Result<Vec<RepoRecord>> {
    let mut rows = conn.prepare(sql)?;
    let records = rows.query_map([Col(*peer)], |row| {
        Ok(RepoRecord {
            number: row.get::<_, i64>("number")?.unsigned_abs(),
            guid: from_text(row, "guid")?,
            repo: from_text(row, "repo")?,
            reason: from_text(row, "reason")?,
            at: noun(row, "at")?,
        })
    })?;
    Ok(records.collect::<rusqlite::Result<_>>()?)
}
