//! What is remembered of each task: when it is due, what was started of it, whether it is paused.

use super::{Trust, from_json, from_text, to_json};
use crate::model::Timestamp;
use crate::schedule::{Pause, Pending, Record, Started, TaskKey};
use crate::store::column::{Col, maybe};
use crate::store::error::Result;
use rusqlite::{Row, Transaction, params};
use std::collections::BTreeMap;

impl Trust {
    /// What is remembered of every task.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tasks(&self) -> Result<BTreeMap<TaskKey, Record>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM task")?;
        let tasks = rows.query_map([], task)?.collect::<rusqlite::Result<_>>()?;
        Ok(tasks)
    }

    /// Keeps what changed of some tasks, all or nothing; `None` for one that is no more.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_tasks(&self, changed: &[(TaskKey, Option<Record>)]) -> Result<()> {
        self.transact(|tx| {
            for (key, record) in changed {
                match record {
                    Some(record) => keep(tx, key, record)?,
                    None => {
                        tx.execute("DELETE FROM task WHERE key = ?1", [key.to_string()])?;
                    }
                }
            }
            Ok(())
        })
    }
}

fn keep(tx: &Transaction<'_>, key: &TaskKey, record: &Record) -> Result<()> {
    let Record { next_due, pending, running, made, followed, paused } = record;
    let made: Vec<_> = made.iter().map(|due| due.as_millis()).collect();
    let paused_until = paused.and_then(|pause| match pause {
        Pause::Until(end) => Some(end),
        Pause::UntilResumed => None,
    });
    let sql = "INSERT OR REPLACE INTO task VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    tx.execute(
        sql,
        params![
            key.to_string(),
            next_due.map(Col),
            pending.map(|pending| Col(pending.due)),
            pending.map(|pending| Col(pending.since)),
            pending.map(|pending| Col(pending.not_before)),
            pending.map(|pending| pending.attempt),
            running.map(|running| Col(running.due)),
            running.map(|running| Col(running.at)),
            running.map(|running| running.attempt),
            to_json(&made)?,
            followed.is_some(),
            followed.flatten().map(Col),
            paused.is_some(),
            paused_until.map(Col),
            pending.and_then(|pending| pending.flow).map(Col),
            running.and_then(|running| running.flow).map(Col),
        ],
    )?;
    Ok(())
}

fn task(row: &Row<'_>) -> rusqlite::Result<(TaskKey, Record)> {
    let made: Vec<i64> = from_json(row, "made")?;
    let followed = maybe(row, "followed")?;
    let pause = maybe(row, "paused_until")?.map_or(Pause::UntilResumed, Pause::Until);
    let record = Record {
        next_due: maybe(row, "next_due")?,
        pending: pending(row)?,
        running: running(row)?,
        made: made.into_iter().map(Timestamp::from_millis).collect(),
        followed: row.get::<_, bool>("follows")?.then_some(followed),
        paused: row.get::<_, bool>("paused")?.then_some(pause),
    };
    Ok((from_text(row, "key")?, record))
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Option<Pending>> {
    let (due, since) = (maybe(row, "pending_due")?, maybe(row, "pending_since")?);
    let (not_before, attempt) = (maybe(row, "pending_not_before")?, row.get("pending_attempt")?);
    let times = due.zip(since).zip(not_before).zip(attempt);
    let flow = maybe(row, "pending_flow")?;
    Ok(times.map(|(((due, since), not_before), attempt)| Pending {
        due,
        since,
        not_before,
        attempt,
        flow,
    }))
}

fn running(row: &Row<'_>) -> rusqlite::Result<Option<Started>> {
    let (due, at) = (maybe(row, "running_due")?, maybe(row, "running_at")?);
    let times = due.zip(at).zip(row.get("running_attempt")?);
    let flow = maybe(row, "running_flow")?;
    Ok(times.map(|((due, at), attempt)| Started { due, at, attempt, flow }))
}
