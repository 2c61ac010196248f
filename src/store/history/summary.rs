//! The state of a log in a few figures, for `peer show` and `status`.

use super::rows;
use super::tx::HistoryReader;
use crate::model::{Epoch, KeyId, Timestamp};
use crate::reconcile::{Checkpoint, Shard, Usage};
use crate::store::column::{maybe, noun};
use crate::store::error::Result;
use rusqlite::{OptionalExtension as _, Row};

/// A log in a few figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSummary {
    /// Whose.
    pub origin: KeyId,
    /// Of the log.
    pub epoch: Epoch,
    /// Shards that are live and shown.
    pub shards: u64,
    /// Operations that are live and shown; expectations are not counted.
    pub operations: u64,
    /// When the roots were last equal.
    pub verified_at: Option<Timestamp>,
    /// Whether the newest root that it announced is not ours.
    pub behind: bool,
    /// The newest signed statement about what is held.
    pub checkpoint: Option<Checkpoint>,
    /// What it takes up here, live and archived.
    pub usage: Usage,
    /// Shards of which nothing more is taken, and why.
    pub stopped: Vec<(Shard, String)>,
    /// When many operations at once were last found gone, and how many.
    pub went_back: Option<(Timestamp, u64)>,
}

impl HistoryReader<'_> {
    /// The figures of the own log.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn own_summary(&self) -> Result<Option<LogSummary>> {
        self.summary(self.owner)
    }

    /// The figures of a log; `None` where nothing of that origin is held.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn summary(&self, origin: KeyId) -> Result<Option<LogSummary>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(None) };
        let mut select =
            self.conn.prepare_cached("SELECT * FROM log WHERE id = ?1 AND epoch IS NOT NULL")?;
        let Some(mut summary) = select.query_row([log], read).optional()? else { return Ok(None) };
        summary.operations = summary.operations.saturating_sub(self.hidden_operations(log)?);
        let (shown, all) = self.shard_counts(log)?;
        (summary.shards, summary.usage.shards) = (shown, all);
        summary.stopped = self.stopped(log)?;
        Ok(Some(summary))
    }

    /// Every origin of which something is held, the own one too.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn origins(&self) -> Result<Vec<KeyId>> {
        let mut select =
            self.conn.prepare_cached("SELECT origin FROM log WHERE epoch IS NOT NULL")?;
        let origins = select.query_map([], |row| noun(row, "origin"))?;
        Ok(origins.collect::<rusqlite::Result<_>>()?)
    }

    fn hidden_operations(&self, log: i64) -> Result<u64> {
        let mut select = self.conn.prepare_cached(
            "SELECT count(*) FROM shard s JOIN operation o ON o.shard = s.id \
             WHERE s.log = ?1 AND s.hidden AND o.seq > 0 AND NOT o.removed",
        )?;
        Ok(select.query_row([log], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    fn shard_counts(&self, log: i64) -> Result<(u64, u64)> {
        let mut select = self.conn.prepare_cached(
            "SELECT count(*) FILTER (WHERE held AND NOT hidden AND head_seq > 0), count(*) \
             FROM shard WHERE log = ?1",
        )?;
        let counts = select.query_row([log], |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        Ok(counts)
    }

    fn stopped(&self, log: i64) -> Result<Vec<(Shard, String)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT repo, plan, stopped FROM shard WHERE log = ?1 AND stopped IS NOT NULL",
        )?;
        let stopped = select.query_map([log], |row| {
            Ok((Shard { repo: row.get(0)?, plan: row.get(1)? }, row.get(2)?))
        })?;
        Ok(stopped.collect::<rusqlite::Result<_>>()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<LogSummary> {
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let announced: Option<[u8; 32]> = row.get("announced_root")?;
    let verified: Option<[u8; 32]> = row.get("verified_root")?;
    let went_back_operations = count("went_back_operations")?;
    Ok(LogSummary {
        origin: noun(row, "origin")?,
        epoch: noun(row, "epoch")?,
        shards: 0,
        operations: count("operations")?,
        verified_at: maybe(row, "verified_at")?,
        behind: announced != verified,
        checkpoint: checkpoint(row)?,
        usage: Usage {
            entries: count("entries")?,
            payload_bytes: count("payload_bytes")?,
            shards: 0,
        },
        stopped: Vec::new(),
        went_back: maybe(row, "went_back_at")?.map(|at| (at, went_back_operations)),
    })
}

pub(super) fn checkpoint(row: &Row<'_>) -> rusqlite::Result<Option<Checkpoint>> {
    let root: Option<[u8; 32]> = row.get("checkpoint_root")?;
    let time = maybe(row, "checkpoint_time")?;
    let signature: Option<[u8; 64]> = row.get("checkpoint_signature")?;
    Ok(root.zip(time).zip(signature).map(|((root, time), signature)| Checkpoint {
        root,
        time,
        signature,
    }))
}
