//! What is remembered of a task from one look to the next, and over restarts.

use crate::model::Timestamp;

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

    pub(super) fn remember(&mut self, due: Timestamp) {
        if !self.made.contains(&due) {
            self.made.push(due);
        }
        let surplus = self.made.len().saturating_sub(Self::REMEMBERED);
        self.made.drain(..surplus);
    }

    /// Whether there is a run for this due time already, or one is about to be.
    pub(super) fn has(&self, due: Timestamp) -> bool {
        self.made.contains(&due) || self.pending.is_some_and(|pending| pending.due == due)
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
