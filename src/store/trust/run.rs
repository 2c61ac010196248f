//! The last run of each plan: known even when the history is gone.

use super::{Trust, from_text};
use crate::model::{OperationId, PlanId, Timestamp};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use rusqlite::Row;

/// The last run of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRun {
    /// The plan.
    pub plan: PlanId,
    /// Which operation it is in the history.
    pub operation: OperationId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs, and after its daemon died.
    pub ended_at: Option<Timestamp>,
    /// The restic process, while there is one.
    pub pid: Option<u32>,
    /// The start of the newest run that succeeded.
    pub last_success: Option<Timestamp>,
}

/// How a run ended, as far as its plan is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It made a good backup.
    Good,
    /// It did not.
    NotGood,
}

impl Trust {
    /// The last run of every plan.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn plan_runs(&self) -> Result<Vec<PlanRun>> {
        self.runs_where("TRUE")
    }

    /// Runs without an end: at a start, those of a daemon that died.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn open_runs(&self) -> Result<Vec<PlanRun>> {
        self.runs_where("ended_at IS NULL")
    }

    fn runs_where(&self, condition: &str) -> Result<Vec<PlanRun>> {
        let conn = self.lock();
        let sql = format!("SELECT * FROM plan_run WHERE {condition} ORDER BY plan");
        let mut rows = conn.prepare(&sql)?;
        let runs = rows.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(runs)
    }

    /// A run of a plan begins.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run_began(&self, plan: &PlanId, operation: OperationId, at: Timestamp) -> Result<()> {
        let sql = "INSERT INTO plan_run (plan, operation, started_at) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (plan) DO UPDATE SET operation = excluded.operation, \
                   started_at = excluded.started_at, ended_at = NULL, pid = NULL";
        self.lock().execute(sql, (plan.as_str(), Col(operation), Col(at)))?;
        Ok(())
    }

    /// The process that does it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run_pid(&self, plan: &PlanId, operation: OperationId, pid: Option<u32>) -> Result<()> {
        let sql = "UPDATE plan_run SET pid = ?3 WHERE plan = ?1 AND operation = ?2";
        self.lock().execute(sql, (plan.as_str(), Col(operation), pid))?;
        Ok(())
    }

    /// A run ends.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run_ended(
        &self,
        plan: &PlanId,
        operation: OperationId,
        at: Timestamp,
        end: RunEnd,
    ) -> Result<()> {
        let sql = "UPDATE plan_run SET ended_at = ?3, pid = NULL, \
                   last_success = iif(?4, started_at, last_success) \
                   WHERE plan = ?1 AND operation = ?2";
        let values = (plan.as_str(), Col(operation), Col(at), end == RunEnd::Good);
        self.lock().execute(sql, values)?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<PlanRun> {
    Ok(PlanRun {
        plan: from_text(row, "plan")?,
        operation: noun(row, "operation")?,
        started_at: noun(row, "started_at")?,
        ended_at: maybe(row, "ended_at")?,
        pid: row.get("pid")?,
        last_success: maybe(row, "last_success")?,
    })
}
