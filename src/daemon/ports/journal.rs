//! What happened, in the own log.

use super::fault;
use crate::job::{History as Port, StoreFault};
use crate::model::{Operation, OperationId, PlanId, RepoGuid, RepoId, Timestamp};
use crate::reconcile::Shard;
use crate::store::History;
use crate::store::history::Recorded;
use std::time::Duration;

/// The own log of `history.db`.
#[derive(Debug)]
pub struct StoredHistory {
    history: History,
}

impl StoredHistory {
    /// Over this history.
    #[must_use]
    pub const fn new(history: History) -> Self {
        Self { history }
    }

    /// The store counts revisions itself: it is the one who knows how many entries there are, also
    /// after one that the disk did not take.
    fn append(&self, operation: &Operation) -> crate::store::Result<u32> {
        let operation = operation.clone();
        self.history.write_blocking(move |tx| tx.own()?.append(&operation))
    }
}

impl Port for StoredHistory {
    fn record(&self, operation: &Operation) -> Result<(), StoreFault> {
        let appended = match self.append(operation) {
            // A damaged file has been replaced by an empty one by now.
            Err(error) if error.is_damage() => self.append(operation),
            other => other,
        };
        appended.map(drop).map_err(fault)
    }

    fn append_log(&self, operation: OperationId, text: &str) -> Result<(), StoreFault> {
        let text = text.as_bytes().to_vec();
        self.history.write_blocking(move |tx| tx.append_log(operation, &text)).map_err(fault)
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
