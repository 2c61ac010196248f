//! The one thread that writes: takes jobs, commits them in groups, then lets their answers go.

use super::pool::Pool;
use super::quarantine::{Opened, StoreState, replace};
use super::tx::{Effects, HistoryTx};
use super::{Owner, Watches};
use crate::clock;
use crate::store::error::{Result, StoreError};
use crate::store::file::run;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A group ends at so many entries …
const GROUP_ENTRIES: usize = 1_000;
/// … or after this time, whichever is first, or when nobody waits.
const GROUP_TIME: Duration = Duration::from_millis(5);

/// Lets one answer go, once it is known whether the commit succeeded.
pub(super) type Release = Box<dyn FnOnce(Result<()>) + Send>;
pub(super) type Work = Box<dyn FnOnce(&mut HistoryTx<'_>) -> Done + Send>;

/// What a job left behind: whether its changes are to stay, and its answer.
pub(super) struct Done {
    outcome: Result<()>,
    release: Release,
}

/// What the writer is asked.
pub(super) enum Job {
    /// Run this.
    Work(Work),
    /// A reader met damage in this generation of the file.
    Damage(u64, String),
    /// End, and say when that is done.
    Stop(oneshot::Sender<()>),
}

/// A job that answers with what the closure returns.
pub(super) fn job<T, F>(work: F, answer: oneshot::Sender<Result<T>>) -> Job
where
    T: Send + 'static,
    F: FnOnce(&mut HistoryTx<'_>) -> Result<T> + Send + 'static,
{
    Job::Work(Box::new(move |tx| {
        // The writer outlives a fault of one job: what that did is undone like any failure's.
        let result = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or(Err(StoreError::Fault));
        let outcome = result.as_ref().map(drop).map_err(Clone::clone);
        let release = Box::new(move |committed: Result<()>| {
            // Whoever asked may have gone; what it wrote stays.
            let _ = answer.send(committed.and(result));
        });
        Done { outcome, release }
    }))
}

pub(super) const fn damage_seen(generation: u64, detail: String) -> Job {
    Job::Damage(generation, detail)
}

pub(super) struct Writer {
    owner: Owner,
    path: PathBuf,
    opened: Opened,
    pool: Arc<Pool>,
    watches: Arc<Watches>,
}

impl Writer {
    pub(super) fn new(
        owner: Owner,
        opened: Opened,
        pool: Arc<Pool>,
        watches: Arc<Watches>,
    ) -> Self {
        let path = opened.path.clone();
        Self { owner, path, opened, pool, watches }
    }

    pub(super) fn spawn(mut self, mut queue: mpsc::Receiver<Job>) -> Result<()> {
        let path = self.path.clone();
        std::thread::Builder::new()
            .name("history-writer".into())
            .spawn(move || self.run(&mut queue))
            .map(drop)
            .map_err(StoreError::io(&path))
    }

    fn run(&mut self, queue: &mut mpsc::Receiver<Job>) {
        let mut next = queue.blocking_recv();
        while let Some(job) = next {
            next = match job {
                Job::Work(work) => self.group(work, queue).or_else(|| queue.blocking_recv()),
                Job::Damage(generation, detail) => {
                    if generation == self.pool.generation() {
                        self.set_aside(&detail);
                    }
                    queue.blocking_recv()
                }
                Job::Stop(done) => return self.stop(done, queue),
            };
        }
    }

    fn stop(&self, done: oneshot::Sender<()>, queue: &mut mpsc::Receiver<Job>) {
        queue.close();
        // The write-ahead log goes into the file, so that a copy of the file alone is whole.
        let _ = self.opened.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        let _ = done.send(());
    }

    /// Runs jobs in one transaction and commits it; returns a job that is not for a group.
    fn group(&mut self, first: Work, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let until = clock::monotonic().plus(GROUP_TIME);
        let effects = Effects::default();
        let mut releases = Vec::new();
        let mut other = None;
        let mut outcome = run(&self.opened.conn, "BEGIN IMMEDIATE").map_err(Into::into);
        let mut next = Some(first);
        while let (Ok(()), Some(work)) = (&outcome, next.take()) {
            let done = self.run_one(work, &effects);
            releases.push(done.release);
            outcome = self.still_open(&done.outcome);
            if effects.entries.get() < GROUP_ENTRIES && clock::monotonic() < until {
                match queue.try_recv().ok() {
                    Some(Job::Work(work)) => next = Some(work),
                    job => other = job,
                }
            }
        }
        let outcome = outcome.and_then(|()| Ok(run(&self.opened.conn, "COMMIT")?));
        self.conclude(outcome, releases, &effects);
        other
    }

    /// Runs one job between savepoints: if it fails, what it did is undone and the group goes on.
    fn run_one(&self, work: Work, effects: &Effects) -> Done {
        let conn = &self.opened.conn;
        let begun = run(conn, "SAVEPOINT job");
        let mut done = work(&mut HistoryTx::new(conn, &self.owner, effects));
        let ended = match &done.outcome {
            Ok(()) => run(conn, "RELEASE job"),
            Err(_) => conn.execute_batch("ROLLBACK TO job; RELEASE job"),
        };
        if let (Ok(()), Err(error)) = (&done.outcome, begun.and(ended)) {
            done.outcome = Err(error.into());
        }
        done
    }

    /// A full disk or damage ends the whole transaction, not only the job that met it.
    fn still_open(&self, outcome: &Result<()>) -> Result<()> {
        match outcome {
            Err(error) if error.is_damage() || self.opened.conn.is_autocommit() => {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }

    fn conclude(&mut self, outcome: Result<()>, releases: Vec<Release>, effects: &Effects) {
        if outcome.is_err() && !self.opened.conn.is_autocommit() {
            // The error that counts is the one that led here.
            let _ = self.opened.conn.execute_batch("ROLLBACK");
        }
        if let Err(StoreError::Damaged { detail, .. }) = &outcome {
            self.set_aside(detail);
        }
        // Published first: who has an answer finds the watches no older than it.
        if outcome.is_ok() {
            self.publish(effects);
        }
        for release in releases {
            release(outcome.clone());
        }
    }

    fn publish(&self, effects: &Effects) {
        if effects.own.get() {
            self.watches.own.send_modify(|step| *step += 1);
        }
        if effects.any.get() {
            self.watches.any.send_modify(|step| *step += 1);
        }
        if let Some(lost) = effects.lost.get() {
            self.watches.state.send_if_modified(|state| state.after_scrub(lost));
        }
    }

    /// Damage met while running: the file is set aside, a new one takes its place.
    fn set_aside(&mut self, detail: &str) {
        // Closed before it is renamed: closing removes journals by their name.
        match rusqlite::Connection::open_in_memory() {
            Ok(nothing) => self.opened.conn = nothing,
            Err(error) => return tracing::error!(%error, "a damaged history cannot be closed"),
        }
        match replace(&self.path, &self.owner, detail) {
            Ok((opened, state)) => self.begin_anew(opened, state),
            Err(error) => tracing::error!(%error, "a damaged history cannot be set aside"),
        }
    }

    fn begin_anew(&mut self, opened: Opened, state: StoreState) {
        tracing::error!(?state, "the history was damaged");
        self.opened = opened;
        self.pool.replaced();
        self.watches.state.send_replace(state);
        self.watches.own.send_modify(|step| *step += 1);
        self.watches.any.send_modify(|step| *step += 1);
    }
}
