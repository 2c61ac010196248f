//! What the logs tell of plans: what each promises, and its newest backups.
//!
//! Read from the index of operations: of a thousand peers no payloads but the expectations and, of each
//! plan, those of the newest backups whose snapshot the index does not have.

use super::query::Whose;
use super::rows::{self, ShardRow};
use super::tx::HistoryReader;
use crate::model::{Expectation, FlowId, KeyId, OperationId, OperationKind, Status, Timestamp};
use crate::reconcile::Shard;
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use crate::wire::log::{decode_expectation, decode_operation};
use rusqlite::{OptionalExtension, Row};

/// A plan as a log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRecord {
    /// Whose it is.
    pub origin: KeyId,
    /// What it promises.
    pub expectation: Expectation,
    /// When it was first heard of here, by our clock; else when its oldest backup listed here began.
    pub known_at: Option<Timestamp>,
    /// Its newest backups, newest first.
    pub backups: Vec<Backup>,
}

/// A backup as indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Which operation.
    pub id: OperationId,
    /// How far it is, or how it ended; `None` where no payload has told it.
    pub status: Option<Status>,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether its snapshot is known.
    pub has_snapshot: bool,
    /// Which operations it belongs to; `None` where no payload has told it.
    pub flow: Option<FlowId>,
    /// When it ended, where its snapshot is known to be gone. Told from the newest backup down to the
    /// first whose snapshot is not: further back it is not looked at.
    pub gone: Option<Timestamp>,
}

impl HistoryReader<'_> {
    /// Every plan that has an expectation, each with at most `limit` of its backups.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn plans(&self, whose: Whose, limit: usize) -> Result<Vec<PlanRecord>> {
        let mut found = Vec::new();
        for (log, origin) in self.logs_of(whose)? {
            for shard in rows::shards(self.conn, log)?.iter().filter(|shard| !shard.hidden) {
                if let Some(expectation) = self.expectation(shard)? {
                    let (known_at, backups) = self.known(shard, limit)?;
                    found.push(PlanRecord { origin, expectation, known_at, backups });
                }
            }
        }
        Ok(found)
    }

    /// When a shard of this instance was first heard of, and its newest backups, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn own_backups(
        &self,
        shard: &Shard,
        limit: usize,
    ) -> Result<(Option<Timestamp>, Vec<Backup>)> {
        match rows::shard(self.conn, self.own, shard)? {
            Some(row) => self.known(&row, limit),
            None => Ok((None, Vec::new())),
        }
    }

    /// The shards of this instance on a repo: one for each plan, and one for what has none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn own_shards_on(&self, repo: &str) -> Result<Vec<Shard>> {
        let mut select = self
            .conn
            .prepare_cached("SELECT repo, plan FROM shard WHERE log = ?1 AND repo = ?2 AND held")?;
        let rows = select.query_map((self.own, repo), |row| {
            Ok(Shard { repo: row.get("repo")?, plan: row.get("plan")? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn expectation(&self, shard: &ShardRow) -> Result<Option<Expectation>> {
        let stored = rows::entry_at(self.conn, shard.id, shard.expectation)?;
        let payload = stored.and_then(|stored| stored.entry.payload);
        Ok(payload.and_then(|payload| decode_expectation(&shard.shard, &payload).ok()))
    }

    fn known(&self, shard: &ShardRow, limit: usize) -> Result<(Option<Timestamp>, Vec<Backup>)> {
        let mut backups = self.backups(shard, limit)?;
        self.tell_gone(shard, &mut backups)?;
        let oldest = backups.iter().map(|backup| backup.started_at).min();
        Ok((shard.known_at.or(oldest), backups))
    }

    pub(super) fn backups(&self, shard: &ShardRow, limit: usize) -> Result<Vec<Backup>> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, status, started_at, flow, snapshot IS NOT NULL AS has_snapshot FROM operation \
             WHERE shard = ?1 AND seq > 0 AND NOT removed AND kind = ?2 ORDER BY id DESC LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map((shard.id, OperationKind::Backup.as_str(), limit), backup)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Tells which of a plan's newest backups, newest first, have lost their snapshot. Where all have,
    /// the newest one before them that has one is added: it is what the plan still has.
    pub(super) fn tell_gone(&self, shard: &ShardRow, backups: &mut Vec<Backup>) -> Result<()> {
        let mut is_any_gone = false;
        for backup in backups.iter_mut().filter(|backup| may_be_good(backup.status)) {
            backup.gone = match backup.has_snapshot {
                true => None,
                false => self.gone(shard, backup.id)?,
            };
            match (backup.gone, backup.status) {
                (Some(_), _) => is_any_gone = true,
                // It never had one.
                (None, Some(Status::Lost)) if !backup.has_snapshot => {}
                (None, _) => return Ok(()),
            }
        }
        if is_any_gone {
            backups.extend(self.newest_with_snapshot(shard)?);
        }
        Ok(())
    }

    /// The index has no snapshot where it is gone, and where there never was one: the payload tells
    /// them apart.
    fn gone(&self, shard: &ShardRow, id: OperationId) -> Result<Option<Timestamp>> {
        let mut select = self
            .conn
            .prepare_cached("SELECT seq FROM operation WHERE shard = ?1 AND id = ?2 AND seq > 0")?;
        let seq = select.query_row((shard.id, Col(id)), |row| rows::seq_out(row, "seq"));
        let Some(seq) = seq.optional()? else { return Ok(None) };
        let stored = rows::entry_at(self.conn, shard.id, seq)?;
        let payload = stored.and_then(|stored| stored.entry.payload);
        let state = payload.and_then(|bytes| decode_operation(id, &shard.shard, &bytes).ok());
        let gone = state.filter(|state| state.snapshot_gone.is_some());
        Ok(gone.map(|state| state.ended_at.unwrap_or(state.started_at)))
    }

    fn newest_with_snapshot(&self, shard: &ShardRow) -> Result<Option<Backup>> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, status, started_at, flow, 1 AS has_snapshot FROM operation \
             WHERE shard = ?1 AND seq > 0 AND NOT removed AND kind = ?2 AND snapshot IS NOT NULL \
             AND status IN ('succeeded', 'warning', 'lost') ORDER BY id DESC LIMIT 1",
        )?;
        let found = select.query_row((shard.id, OperationKind::Backup.as_str()), backup);
        Ok(found.optional()?)
    }
}

/// Whether such a backup leaves a snapshot, or may have.
const fn may_be_good(status: Option<Status>) -> bool {
    matches!(status, Some(Status::Succeeded | Status::Warning | Status::Lost))
}

pub(super) fn backup(row: &Row<'_>) -> rusqlite::Result<Backup> {
    Ok(Backup {
        id: noun(row, "id")?,
        status: row.get::<_, Option<String>>("status")?.and_then(|word| word.parse().ok()),
        started_at: noun(row, "started_at")?,
        has_snapshot: row.get("has_snapshot")?,
        flow: maybe(row, "flow")?,
        gone: None,
    })
}
