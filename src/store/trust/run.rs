//! The last run of each plan and the open processes: known even when the history is gone.

use super::{Trust, from_text, unreadable};
use crate::model::{OperationId, PlanId, RepoGuid, RepoId, Status, Timestamp};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::Result;
use rusqlite::Row;
use std::str::FromStr;

/// The last run of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRun {
    /// The plan.
    pub plan: PlanId,
    /// Into which repo; `None` where an earlier schema did not keep it.
    pub repo: Option<RepoId>,
    /// Which operation it is in the history.
    pub operation: OperationId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs, and after its daemon died.
    pub ended_at: Option<Timestamp>,
    /// The start of the newest run into that repo that succeeded, whichever repository it was then.
    pub last_success: Option<Timestamp>,
}

/// A restic process of ours of which something may be left: itself, or its lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// For which operation.
    pub operation: OperationId,
    /// On which repo.
    pub repo: RepoId,
    /// For which plan.
    pub plan: Option<PlanId>,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub since: Timestamp,
    /// How its operation ended; `None` while it has not.
    pub ended: Option<Status>,
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
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM plan_run ORDER BY plan")?;
        let runs = rows.query_map([], plan_run)?.collect::<rusqlite::Result<_>>()?;
        Ok(runs)
    }

    /// Every repository that a repo of that id was ever found to be: a success into one of them says
    /// nothing of the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn guids_of(&self, repo: &RepoId) -> Result<Vec<RepoGuid>> {
        let conn = self.lock();
        let sql = "SELECT DISTINCT guid FROM repo_guid WHERE repo = ?1 ORDER BY guid";
        let mut rows = conn.prepare(sql)?;
        let guids = rows.query_map([repo.as_str()], |row| from_text(row, "guid"))?;
        Ok(guids.collect::<rusqlite::Result<_>>()?)
    }

    /// Every process that was not closed, oldest first: of this life of the daemon and of earlier ones.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn open_runs(&self) -> Result<Vec<OpenRun>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM open_run ORDER BY since, operation")?;
        let runs = rows.query_map([], open_run)?.collect::<rusqlite::Result<_>>()?;
        Ok(runs)
    }

    /// A process has started; where it works for a plan, that is the plan's last run.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run_started(&self, run: &OpenRun) -> Result<()> {
        let operation = Col(run.operation);
        let (repo, since) = (run.repo.as_str(), Col(run.since));
        let plan = run.plan.as_ref().map(PlanId::as_str);
        let ended = run.ended.map(Status::as_str);
        self.transact(|tx| {
            let sql = "INSERT OR REPLACE INTO open_run VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            tx.execute(sql, (operation, repo, plan, run.pid, since, ended))?;
            let Some(plan) = plan else { return Ok(()) };
            // What succeeded into another repo says nothing of this one.
            let sql = "INSERT INTO plan_run (plan, operation, started_at, repo) \
                       VALUES (?1, ?2, ?3, ?4) ON CONFLICT (plan) DO UPDATE SET \
                       operation = excluded.operation, started_at = excluded.started_at, \
                       ended_at = NULL, repo = excluded.repo, \
                       last_success = iif(repo IS excluded.repo, last_success, NULL)";
            tx.execute(sql, (plan, operation, since, repo))?;
            Ok(())
        })
    }

    /// The operation of a process has ended. Its lock may be left.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run_ended(
        &self,
        operation: OperationId,
        status: Status,
        end: RunEnd,
        at: Timestamp,
    ) -> Result<()> {
        self.transact(|tx| {
            let sql = "UPDATE open_run SET ended = ?2 WHERE operation = ?1";
            tx.execute(sql, (Col(operation), status.as_str()))?;
            let sql = "UPDATE plan_run SET ended_at = ?2, \
                       last_success = iif(?3, started_at, last_success) WHERE operation = ?1";
            tx.execute(sql, (Col(operation), Col(at), end == RunEnd::Good))?;
            Ok(())
        })
    }

    /// Nothing is left of the process of an operation.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run_closed(&self, operation: OperationId) -> Result<()> {
        self.lock().execute("DELETE FROM open_run WHERE operation = ?1", [Col(operation)])?;
        Ok(())
    }
}

fn plan_run(row: &Row<'_>) -> rusqlite::Result<PlanRun> {
    Ok(PlanRun {
        plan: from_text(row, "plan")?,
        repo: maybe_text(row, "repo")?,
        operation: noun(row, "operation")?,
        started_at: noun(row, "started_at")?,
        ended_at: maybe(row, "ended_at")?,
        last_success: maybe(row, "last_success")?,
    })
}

fn open_run(row: &Row<'_>) -> rusqlite::Result<OpenRun> {
    Ok(OpenRun {
        operation: noun(row, "operation")?,
        repo: from_text(row, "repo")?,
        plan: maybe_text(row, "plan")?,
        pid: row.get("pid")?,
        since: noun(row, "since")?,
        ended: maybe_text(row, "ended")?,
    })
}

fn maybe_text<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error: T::Err| unreadable(error))).transpose()
}
