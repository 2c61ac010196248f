//! What happened, in the own log.

use super::fault;
use crate::job::{History as Port, StoreFault};
use crate::model::{Operation, OperationId, PlanId, RepoId};
use crate::reconcile::Shard;
use crate::store::History;
use crate::store::history::Recorded;

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
}

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
