//! What restic wrote during an operation of this instance, in pieces, up to a limit.

use super::tx::{HistoryReader, HistoryTx};
use crate::model::{OperationId, Timestamp};
use crate::store::column::Col;
use crate::store::error::Result;
use rusqlite::OptionalExtension as _;

/// How much text of one operation is kept.
pub const MAX_LOG_BYTES: u64 = 1 << 20;
const CUT: &[u8] = b"\n[the rest of this log is longer than what is kept]\n";

/// A part of an operation's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPart {
    /// The text.
    pub text: Vec<u8>,
    /// Where the next part begins.
    pub next_offset: u64,
    /// Whether there is nothing more for now.
    pub end: bool,
}

impl HistoryTx<'_> {
    /// Adds to the log of an operation; beyond [`MAX_LOG_BYTES`] nothing is kept, which the log says.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn append_log(&self, operation: OperationId, text: &[u8]) -> Result<()> {
        let start = self.log_bytes(operation)?;
        if start >= MAX_LOG_BYTES || text.is_empty() {
            return Ok(());
        }
        let room = usize::try_from(MAX_LOG_BYTES - start).unwrap_or(usize::MAX);
        let kept = match text.get(..room) {
            Some(fits) if text.len() > room => [fits, CUT].concat(),
            _ => text.to_vec(),
        };
        let sql = "INSERT INTO op_log (operation, position, text) VALUES (?1, ?2, ?3)";
        let position = i64::try_from(start).unwrap_or(i64::MAX);
        self.conn.prepare_cached(sql)?.execute((Col(operation), position, kept))?;
        Ok(())
    }

    /// One step of retention: logs of operations begun before `cutoff`, some hundred pieces at most.
    /// Returns how many went; to be repeated until none does.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn retain_logs(&self, cutoff: Timestamp) -> Result<u64> {
        // Operation ids begin with their time.
        let oldest_kept = OperationId::new(cutoff, [0; 10]);
        let sql = "DELETE FROM op_log WHERE (operation, position) IN \
                   (SELECT operation, position FROM op_log WHERE operation < ?1 LIMIT 500)";
        let gone = self.conn.prepare_cached(sql)?.execute([Col(oldest_kept)])?;
        Ok(gone as u64)
    }

    fn log_bytes(&self, operation: OperationId) -> Result<u64> {
        let mut select = self.conn.prepare_cached(
            "SELECT position + length(text) FROM op_log WHERE operation = ?1 \
             ORDER BY position DESC LIMIT 1",
        )?;
        let end = select.query_row([Col(operation)], |row| row.get::<_, i64>(0)).optional()?;
        Ok(end.unwrap_or(0).unsigned_abs())
    }
}

impl HistoryReader<'_> {
    /// The log of an operation of this instance from a byte on: one piece at most.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn log_part(&self, operation: OperationId, offset: u64, limit: usize) -> Result<LogPart> {
        let from = i64::try_from(offset).unwrap_or(i64::MAX);
        let mut select = self.conn.prepare_cached(
            "SELECT position, text FROM op_log WHERE operation = ?1 \
             AND position + length(text) > ?2 ORDER BY position LIMIT 1",
        )?;
        let piece = select.query_row((Col(operation), from), |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, Vec<u8>>(1)?))
        });
        let Some((position, mut text)) = piece.optional()? else {
            return Ok(LogPart { text: Vec::new(), next_offset: offset, end: true });
        };
        let skip = usize::try_from(offset.saturating_sub(position)).unwrap_or(usize::MAX);
        text.drain(..skip.min(text.len()));
        text.truncate(limit);
        let next_offset = offset.max(position) + text.len() as u64;
        Ok(LogPart { text, next_offset, end: false })
    }
}
