//! What the logs tell of plans: what each promises, and its newest backups.
//!
//! Read from the index of operations alone: of a thousand peers no payload but the expectations.

use super::query::Whose;
use super::rows::{self, ShardRow};
use super::tx::HistoryReader;
use crate::model::{Expectation, FlowId, KeyId, OperationId, OperationKind, Status, Timestamp};
use crate::reconcile::Shard;
use crate::store::column::{maybe, noun};
use crate::store::error::Result;
use crate::wire::log::decode_expectation;
use rusqlite::Row;

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
        let backups = self.backups(shard, limit)?;
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
}

pub(super) fn backup(row: &Row<'_>) -> rusqlite::Result<Backup> {
    Ok(Backup {
        id: noun(row, "id")?,
        status: row.get::<_, Option<String>>("status")?.and_then(|word| word.parse().ok()),
        started_at: noun(row, "started_at")?,
        has_snapshot: row.get("has_snapshot")?,
        flow: maybe(row, "flow")?,
    })
}
