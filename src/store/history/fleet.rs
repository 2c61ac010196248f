//! Everything that one look at the fleet needs of the logs, shard by shard, so that what has not
//! changed since the last look is not read again.

use super::plans::{Backup, PlanRecord};
use super::query::{Key, Recorded, Whose, limit_in, position};
use super::rows::{self, ShardRow};
use super::tx::HistoryReader;
use crate::model::{KeyId, Operation, OperationKind, RepoGuid, Status, Timestamp};
use crate::reconcile::{Hash, Shard};
use crate::store::column::Col;
use crate::store::error::Result;
use std::sync::Arc;

/// At most so many backups of a plan are looked at.
const MOST: usize = 5_000;

/// What a shard tells of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardLog {
    /// Its row here.
    pub id: i64,
    /// What the plan promises, and its backups: at least those since `from`, newest first.
    pub record: PlanRecord,
    /// Backups were read back to here.
    pub from: Timestamp,
    /// What was before its oldest backup was trimmed.
    pub is_trimmed: bool,
    /// Its newest backup that has ended.
    pub newest_ended: Option<Operation>,
    /// Its newest backup that is a good one, and whose snapshot is not known to be gone.
    pub newest_good: Option<Operation>,
    place: (u64, u64, Hash),
}

/// That a repo can be restored from: somebody did, or its data was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Who did.
    pub origin: KeyId,
    /// Which repo, as it is called there.
    pub repo: String,
    /// Which repository, where known.
    pub guid: Option<RepoGuid>,
    /// When it began.
    pub at: Timestamp,
}

impl ShardLog {
    fn is_still(&self, row: &ShardRow, from: Timestamp) -> bool {
        // What lost its payload may get it back, and no entry says so.
        let is_whole = self.record.backups.iter().all(|backup| backup.status.is_some());
        self.place == place(row) && self.from <= from && is_whole
    }
}

const fn place(row: &ShardRow) -> (u64, u64, Hash) {
    (row.base.seq, row.head.seq, row.head.chain)
}

impl HistoryReader<'_> {
    /// Every plan of every log, with its backups since `from` and at least `least` of them. `known`
    /// says what was read before, by the row of the shard.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn shard_logs(
        &self,
        from: Timestamp,
        least: usize,
        known: &dyn Fn(i64) -> Option<Arc<ShardLog>>,
    ) -> Result<Vec<Arc<ShardLog>>> {
        let mut logs = Vec::new();
        for (log, origin) in self.logs_of(Whose::All)? {
            for row in rows::shards(self.conn, log)?.iter().filter(|row| !row.hidden) {
                match known(row.id).filter(|log| log.is_still(row, from)) {
                    Some(log) => logs.push(log),
                    None => {
                        logs.extend(
                            self.shard_log((log, origin), row, (from, least))?.map(Arc::new),
                        );
                    }
                }
            }
        }
        Ok(logs)
    }

    /// As [`Self::shard_logs`], of one log.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn shard_logs_of(
        &self,
        origin: KeyId,
        from: Timestamp,
        least: usize,
    ) -> Result<Vec<Arc<ShardLog>>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(Vec::new()) };
        let mut logs = Vec::new();
        for row in rows::shards(self.conn, log)?.iter().filter(|row| !row.hidden) {
            logs.extend(self.shard_log((log, origin), row, (from, least))?.map(Arc::new));
        }
        Ok(logs)
    }

    /// The newest backups of a plan since a time, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn runs_since(
        &self,
        origin: KeyId,
        shard: &Shard,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(Vec::new()) };
        let Some(row) = rows::shard(self.conn, log, shard)?.filter(|row| !row.hidden) else {
            return Ok(Vec::new());
        };
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard FROM operation WHERE shard = ?1 AND started_at >= ?2 \
             AND kind = 'backup' AND seq > 0 AND NOT removed \
             ORDER BY started_at DESC, id DESC LIMIT ?3",
        )?;
        let keys = select.query_map((row.id, Col(from), limit_in(limit)), position)?;
        keys.map(|position| self.load(&Key { log, origin, position: position? })).collect()
    }

    fn shard_log(
        &self,
        (log, origin): (i64, KeyId),
        row: &ShardRow,
        (from, least): (Timestamp, usize),
    ) -> Result<Option<ShardLog>> {
        let Some(expectation) = self.expectation(row)? else { return Ok(None) };
        let mut backups = self.backups_since(row, from)?;
        if backups.len() < least {
            let older = self.backups(row, least)?;
            backups.extend(older.into_iter().filter(|backup| backup.started_at < from));
        }
        self.tell_gone(row, &mut backups)?;
        let newest = |is_it: fn(&Backup) -> bool| -> Result<Option<Operation>> {
            let found = backups.iter().filter(|backup| is_it(backup));
            let Some(found) = found.max_by_key(|backup| backup.started_at) else { return Ok(None) };
            Ok(self.recorded(log, origin, row, found.id)?.and_then(|recorded| recorded.state))
        };
        let newest_ended = newest(|backup| backup.status.is_some_and(Status::is_finished))?;
        let newest_good = newest(|backup| match backup.status {
            Some(Status::Succeeded | Status::Warning) => backup.gone.is_none(),
            Some(Status::Lost) => backup.has_snapshot,
            _ => false,
        })?;
        let oldest = backups.iter().map(|backup| backup.started_at).min();
        let known_at = row.known_at.or(oldest);
        Ok(Some(ShardLog {
            id: row.id,
            record: PlanRecord { origin, expectation, known_at, backups },
            from,
            is_trimmed: row.base.seq > 0,
            newest_ended,
            newest_good,
            place: place(row),
        }))
    }

    fn backups_since(&self, row: &ShardRow, from: Timestamp) -> Result<Vec<Backup>> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, status, started_at, flow, snapshot IS NOT NULL AS has_snapshot \
             FROM operation WHERE shard = ?1 AND started_at >= ?2 AND kind = ?3 \
             AND seq > 0 AND NOT removed ORDER BY started_at DESC LIMIT ?4",
        )?;
        let values = (row.id, Col(from), OperationKind::Backup.as_str(), limit_in(MOST));
        let rows = select.query_map(values, super::plans::backup)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What was proved since a time, the newest of each repo in each log.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn proofs(&self, from: Timestamp) -> Result<Vec<Proof>> {
        // Of a check the sentence says whether data was read.
        let mut select = self.conn.prepare_cached(
            "SELECT max(o.started_at) AS started_at, o.id, o.shard, o.log \
             FROM operation o INDEXED BY operation_outcome LEFT JOIN message m ON m.id = o.message \
             WHERE o.kind IN ('restore', 'check') AND o.status IN ('succeeded', 'warning') \
             AND o.started_at >= ?1 AND o.seq > 0 AND NOT o.removed AND (o.kind = 'restore' \
             OR m.text LIKE '%all data was read%' OR m.text LIKE '%of the data was read%') \
             GROUP BY o.shard",
        )?;
        let keys = select
            .query_map([Col(from)], |row| Ok((row.get::<_, i64>("log")?, position(row)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let origins = self.logs_of(Whose::All)?;
        let mut proofs = Vec::new();
        for (log, position) in keys {
            let Some((_, origin)) = origins.iter().find(|(known, _)| *known == log) else {
                continue;
            };
            let recorded = self.load(&Key { log, origin: *origin, position })?;
            proofs.push(Proof {
                origin: *origin,
                repo: recorded.shard.repo,
                guid: recorded.state.and_then(|state| state.repo_guid),
                at: recorded.started_at,
            });
        }
        Ok(proofs)
    }
}
