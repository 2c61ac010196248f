//! What happened, in the own log.
//!
//! What the disk does not take now is owed ([`Owed`]) and written before anything newer.

use super::fault;
use super::owed::{Backlog, Debt, Owed, Word};
use crate::job::{History as Port, StoreFault};
use crate::model::{Operation, OperationId, PlanId, RepoGuid, RepoId, Timestamp};
use crate::reconcile::Shard;
use crate::store::History;
use crate::store::StoreError;
use crate::store::history::Recorded;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The own log of `history.db`.
#[derive(Debug)]
pub struct StoredHistory {
    history: History,
    owed: Mutex<Owed>,
}

impl StoredHistory {
    /// Over this history.
    #[must_use]
    pub const fn new(history: History) -> Self {
        Self { history, owed: Mutex::new(Owed::NOTHING) }
    }

    /// What waits to be written, where the disk takes nothing.
    #[must_use]
    pub fn backlog(&self) -> Option<Backlog> {
        self.owed().backlog()
    }

    /// Tries to write what waits. Blocks.
    ///
    /// # Errors
    /// The disk still takes nothing.
    pub fn settle(&self) -> Result<(), StoreFault> {
        self.pay(&mut self.owed()).map_err(fault)
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes it, after what is owed.
    fn tell(&self, word: Word) -> Result<(), StoreFault> {
        let mut owed = self.owed();
        if !owed.is_empty() {
            owed.add(word, "");
            return self.pay(&mut owed).map_err(fault);
        }
        // Beside others, so that the writer commits them together.
        drop(owed);
        let written = self.write(word.operation(), word.clone().into());
        if let Err(error) = written.as_ref()
            && error.may_pass()
        {
            self.owed().add(word, error);
        }
        written.map_err(fault)
    }

    fn pay(&self, owed: &mut Owed) -> crate::store::Result<()> {
        let Some(backlog) = owed.backlog() else { return Ok(()) };
        while let Some((id, debt)) = owed.first() {
            match self.write(id, debt) {
                Err(error) if error.may_pass() => return Err(error),
                Err(error) => tracing::error!(%error, operation = %id, "its state is not kept"),
                Ok(()) => {}
            }
            owed.paid(id);
        }
        let Backlog { operations, since, .. } = backlog;
        tracing::info!(operations, %since, "the history takes entries again: what waited is written");
        Ok(())
    }

    /// The store counts revisions itself: it is the one who knows how many entries there are, also
    /// after one that the disk did not take.
    fn write(&self, id: OperationId, debt: Debt) -> crate::store::Result<()> {
        let again = debt.clone();
        match self.try_write(id, debt) {
            // A damaged file has been replaced by an empty one by now.
            Err(error) if error.is_damage() => self.try_write(id, again),
            other => other,
        }
    }

    fn try_write(&self, id: OperationId, debt: Debt) -> Result<(), StoreError> {
        self.history.write_blocking(move |tx| {
            if let Some(state) = &debt.state {
                tx.own()?.append(state)?;
            }
            if !debt.text.is_empty() {
                tx.append_log(id, debt.text.as_bytes())?;
            }
            Ok(())
        })
    }
}

impl Port for StoredHistory {
    fn record(&self, operation: &Operation) -> Result<(), StoreFault> {
        self.tell(Word::State(Box::new(operation.clone())))
    }

    fn append_log(&self, operation: OperationId, text: &str) -> Result<(), StoreFault> {
        self.tell(Word::Text(operation, text.to_owned()))
    }

    fn unfinished(&self) -> Result<Vec<Operation>, StoreFault> {
        let found = self.history.read_blocking(|reader| reader.unfinished());
        Ok(states(found.map_err(fault)?))
    }

    fn lost(&self, repo: &RepoId, plan: &PlanId) -> Result<Vec<Operation>, StoreFault> {
        let shard = Shard { repo: repo.to_string(), plan: plan.to_string() };
        let found = self.history.read_blocking(|reader| reader.lost_backups(&shard));
        Ok(states(found.map_err(fault)?))
    }

    fn with_snapshot(&self, repo: &RepoId, plan: &PlanId) -> Result<Vec<Operation>, StoreFault> {
        let shard = Shard { repo: repo.to_string(), plan: plan.to_string() };
        let found = self.history.read_blocking(|reader| reader.backups_with_snapshot(&shard));
        Ok(states(found.map_err(fault)?))
    }

    fn has_ended(
        &self,
        instance: &str,
        repository: &RepoGuid,
        at: Timestamp,
    ) -> Result<bool, StoreFault> {
        let at_work = self.history.read_blocking(|reader| {
            reader.at_work(instance, repository, (at.minus(LONG), at.plus(CLOCK_STEP)))
        });
        let at_work = at_work.map_err(fault)?;
        let covers = |operation: &Operation| {
            operation.ended_at.is_some_and(|ended| ended >= at.minus(CLOCK_STEP))
                && operation.started_at <= at.plus(CLOCK_STEP)
        };
        let all_ended = at_work.iter().all(|operation| operation.status.is_finished());
        Ok(all_ended && at_work.iter().any(covers))
    }
}

/// No run is longer.
const LONG: Duration = Duration::from_secs(30 * 24 * 3600);
/// Two clocks of two machines may differ by so much.
const CLOCK_STEP: Duration = Duration::from_secs(60);

/// An operation goes on from its newest state: without one nothing can be said of it before a scrub
/// has got it back from a peer.
fn states(found: Vec<Recorded>) -> Vec<Operation> {
    let state = |recorded: Recorded| {
        if recorded.state.is_none() {
            tracing::warn!(operation = %recorded.id, "its newest state is damaged in the history");
        }
        recorded.state
    };
    found.into_iter().filter_map(state).collect()
}
