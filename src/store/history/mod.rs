//! `history.db`: the own log, copies of peers' logs, the archive, the index of operations, log texts.
//!
//! ```text
//!  jobs ──bounded channel──► writer thread: BEGIN · job · job · … · COMMIT (synced) ──► answers, watches
//!  reads ──────────────────► pool of read-only connections, one snapshot each
//! ```
//! It does not decide what to send, ask for or archive (`reconcile` does), nor who may see what.
//!
//! 1. S5: answers leave after the commit that holds what they answer for.
//! 2. S3: [`HistoryTx::hub`] refuses the own key; only [`HistoryTx::own`] appends to the own log.
//! 3. A job that fails changes nothing; the others of its group commit.
//! 4. A file found damaged, at start or later, is set aside and replaced by an empty one.

mod append;
mod archive;
mod change;
mod export;
mod find;
mod fleet;
mod follow;
mod hub;
mod message;
mod own;
mod page;
mod plans;
mod pool;
mod quarantine;
mod query;
mod rows;
mod scrub;
mod summary;
mod takeover;
#[cfg(test)]
mod tests;
mod text;
mod trim;
mod tx;
mod writer;

pub use change::{Changed, Cursor, NoCursor, Since};
pub use export::Provable;
pub use fleet::{Proof, ShardLog};
pub use follow::{Follow, Place};
pub use hub::HubIntake;
pub use own::{OwnLog, OwnReader};
pub use page::{NoPosition, OperationPage, PageFilter, Turn};
pub use plans::{Backup, PlanRecord};
pub use quarantine::StoreState;
pub use query::{Filter, Page, PastState, Position, Presence, Recorded, Whose};
pub use scrub::Scrubbed;
pub use summary::LogSummary;
pub use text::{LogPart, MAX_LOG_BYTES};
pub use tx::{HistoryReader, HistoryTx};

pub(in crate::store) use message::fill as fill_messages;

use super::error::{Result, StoreError};
use super::lock::create_private_dir;
use crate::model::KeyId;
use pool::Pool;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use writer::{Job, Writer};

/// Jobs that may wait for the writer; more of them make their senders wait.
const JOBS_WAITING: usize = 1_024;

/// Whose history it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The key of this instance.
    pub public_key: [u8; 32],
}

impl Owner {
    /// The key id of this instance.
    #[must_use]
    pub fn key(&self) -> KeyId {
        KeyId::of(&self.public_key)
    }
}

/// What changed, as counters to wait on: never less than one step after each commit that concerns them.
#[derive(Debug)]
struct Watches {
    own: watch::Sender<u64>,
    any: watch::Sender<u64>,
    state: watch::Sender<StoreState>,
}

/// A handle to `history.db`; clones share it. The writer ends when the last one is gone.
#[derive(Debug, Clone)]
pub struct History {
    jobs: mpsc::Sender<Job>,
    pool: Arc<Pool>,
    watches: Arc<Watches>,
}

impl History {
    /// Opens `history.db` in the data directory, creates what is missing, and starts the writer.
    /// A damaged file is set aside; [`History::state`] says so then.
    ///
    /// # Errors
    /// The directory cannot be used, or a newer program has written the file.
    pub fn open(dir: &Path, owner: Owner) -> Result<Self> {
        create_private_dir(dir)?;
        Self::begin(owner, quarantine::open(dir, &owner)?)
    }

    /// As [`History::open`], of one that was there before: where its file is gone, [`History::state`]
    /// says so.
    ///
    /// # Errors
    /// As [`History::open`].
    pub fn reopen(dir: &Path, owner: Owner) -> Result<Self> {
        create_private_dir(dir)?;
        Self::begin(owner, quarantine::reopen(dir, &owner)?)
    }

    fn begin(owner: Owner, (opened, state): (quarantine::Opened, StoreState)) -> Result<Self> {
        let pool = Arc::new(Pool::new(opened.path.clone(), owner));
        let watches = Arc::new(Watches {
            own: watch::Sender::new(0),
            any: watch::Sender::new(0),
            state: watch::Sender::new(state),
        });
        let (jobs, queue) = mpsc::channel(JOBS_WAITING);
        Writer::new(owner, opened, Arc::clone(&pool), Arc::clone(&watches)).spawn(queue)?;
        Ok(Self { jobs, pool, watches })
    }

    /// Runs a job in the writer; returns when what it wrote is durable. If the job fails, nothing
    /// of it is written.
    ///
    /// # Errors
    /// That of the job, or of the commit.
    pub async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut HistoryTx<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(writer::job(job, answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// [`History::write`] for code that is not async.
    ///
    /// # Errors
    /// As [`History::write`].
    pub fn write_blocking<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut HistoryTx<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.jobs.blocking_send(writer::job(job, answer)).map_err(|_| StoreError::Closed)?;
        answered.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Reads one consistent snapshot, off the async threads.
    ///
    /// # Errors
    /// That of the job, or of the database.
    pub async fn read<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&HistoryReader<'_>) -> Result<T> + Send + 'static,
    {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.read_blocking(job))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// [`History::read`] for code that is not async.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn read_blocking<T>(&self, job: impl FnOnce(&HistoryReader<'_>) -> Result<T>) -> Result<T> {
        let (generation, outcome) = self.pool.read(job);
        if let Err(StoreError::Damaged { detail, .. }) = &outcome {
            // Level, not edge: a full queue means that the writer meets the damage itself soon.
            let _ = self.jobs.try_send(writer::damage_seen(generation, detail.clone()));
        }
        outcome
    }

    /// Steps after each commit that changed the own log.
    #[must_use]
    pub fn own_changes(&self) -> watch::Receiver<u64> {
        self.watches.own.subscribe()
    }

    /// Steps after each commit that changed any log.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.watches.any.subscribe()
    }

    /// How the file is. After it changes to `Empty`, sessions must begin anew: the own epoch is new.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<StoreState> {
        self.watches.state.subscribe()
    }

    /// Stops the writer after what is queued; later jobs are [`StoreError::Closed`].
    pub async fn close(&self) {
        let (done, ended) = oneshot::channel();
        if self.jobs.send(Job::Stop(done)).await.is_ok() {
            // An error means that the writer has ended before.
            let _ = ended.await;
        }
    }
}
