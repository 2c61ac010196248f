//! What is remembered of a task from one look to the next, and over restarts.

use crate::model::{FlowId, Timestamp};

/// What is remembered of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// When it is due next.
    pub next_due: Option<Timestamp>,
    /// A run that is to be started.
    pub pending: Option<Pending>,
    /// A run that was started and has not ended.
    pub running: Option<Started>,
    /// The due times that were run for, oldest first; at most [`Record::REMEMBERED`].
    pub made: Vec<Timestamp>,
    /// Of what runs after a plan: the newest good run of that plan that was seen, once one looked.
    pub followed: Option<Option<Timestamp>>,
    /// Whether a person paused it.
    pub paused: Option<Pause>,
}

/// A run that is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// For which due time.
    pub due: Timestamp,
    /// Since when it could be started.
    pub since: Timestamp,
    /// It is not started before.
    pub not_before: Timestamp,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The operations of the attempt before: this one goes on with them.
    pub flow: Option<FlowId>,
}

/// A run that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// For which due time.
    pub due: Timestamp,
    /// When.
    pub at: Timestamp,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The operations of the attempt before.
    pub flow: Option<FlowId>,
}

/// How long a task is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Until a person says otherwise.
    UntilResumed,
    /// Until then.
    Until(Timestamp),
}

impl Record {
    /// How many due times are remembered as run for.
    pub const REMEMBERED: usize = 64;

    /// The retry that runs, or that waits and since when it may start.
    #[must_use]
    pub fn retry(&self) -> Option<(u32, Option<Timestamp>)> {
        let running = self.running.map(|running| (running.attempt, None));
        let waits = |pending: Pending| (pending.attempt, Some(pending.not_before));
        running.or_else(|| self.pending.map(waits)).filter(|(attempt, _)| *attempt > 1)
    }

    pub(super) fn remember(&mut self, due: Timestamp) {
        self.made.retain(|made| *made != due);
        self.made.push(due);
        let surplus = self.made.len().saturating_sub(Self::REMEMBERED);
        self.made.drain(..surplus);
    }

    /// Whether there is a run for this due time already, or one is about to be.
    pub(super) fn has(&self, due: Timestamp) -> bool {
        let is_pending = |pending: Pending| pending.attempt == 1 && pending.due == due;
        self.made.contains(&due) || self.pending.is_some_and(is_pending)
    }
}

impl Pause {
    /// Whether it holds at that time.
    #[must_use]
    pub fn covers(self, at: Timestamp) -> bool {
        match self {
            Self::UntilResumed => true,
            Self::Until(end) => at < end,
        }
    }
}
