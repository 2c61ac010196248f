//! Who asked for a run, and how it ended for them.

use super::board::Active;
use super::engine::End;
use super::queue::Priority;
use crate::model::{Attempt, FlowId, Operation, OperationId, Status};
use std::sync::Arc;

/// Who asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A person.
    Person,
    /// The schedule.
    Schedule {
        /// Which attempt it is.
        attempt: Attempt,
        /// The flow of the attempt before.
        flow: Option<FlowId>,
    },
}

impl By {
    pub(super) const fn priority(self) -> Priority {
        match self {
            Self::Person => Priority::Wanted,
            Self::Schedule { .. } => Priority::Due,
        }
    }

    pub(super) const fn flow(self) -> Option<FlowId> {
        match self {
            Self::Person => None,
            Self::Schedule { flow, .. } => flow,
        }
    }

    pub(super) const fn attempt(self) -> Option<Attempt> {
        match self {
            Self::Person => None,
            Self::Schedule { attempt, .. } => Some(attempt),
        }
    }

    /// A failed attempt says which one it was, where there may be another.
    pub(super) fn counted(self, active: &Active, mut end: End) -> End {
        if active.is_in_need_of_a_person() {
            return end;
        }
        if let (Some(Attempt { number, of }), Some(Status::Failed)) = (self.attempt(), end.status) {
            end.message = format!("{}. Attempt {number} of {of}", end.message);
        }
        end
    }
}

/// A run that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Which operation it is.
    pub id: OperationId,
    pub(super) active: Option<Arc<Active>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnded {
    /// Its operation as it ended.
    pub operation: Operation,
    /// Whether it failed in a way that only a person can mend.
    pub needs_a_person: bool,
}

impl Begun {
    /// Waits for its end. `None` if it was over before one looked.
    pub async fn ended(self) -> Option<RunEnded> {
        let active = self.active?;
        let mut watch = active.watch();
        let ended = watch.wait_for(|live| live.operation.status.is_finished()).await.ok()?;
        let operation = ended.operation.clone();
        Some(RunEnded { operation, needs_a_person: active.is_in_need_of_a_person() })
    }
}
