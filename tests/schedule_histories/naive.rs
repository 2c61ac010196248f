//! What has to run when, worked out the slow and simple way: every due time is looked at by itself.

use holdfast::model::Timestamp;
use holdfast::schedule::{Schedule, Zone};
use std::collections::BTreeSet;
use std::time::Duration;

/// A due time that was run for is honoured no further ahead than this; see the invariants.
const BELIEVED: Duration = Duration::from_secs(48 * 3600);
const REMEMBERED: usize = 64;

/// One plan with a cron schedule.
#[derive(Debug, Clone)]
pub struct Naive {
    pub schedule: Schedule,
    pub put_off: Duration,
    /// All that were run for, in the order of the runs.
    done: Vec<Timestamp>,
    /// The first due time that is owed a run.
    pub owed: Option<Timestamp>,
    /// The first due time after the last look, by the schedule and zone of then.
    promised: Option<Timestamp>,
}

impl Naive {
    pub fn new(schedule: Schedule, put_off: Duration) -> Self {
        Self { schedule, put_off, done: Vec::new(), owed: None, promised: None }
    }

    /// The clock shows this now.
    pub fn look(&mut self, now: Timestamp, zone: &Zone) {
        self.done.retain(|due| *due <= now.plus(BELIEVED));
        if let Some(due) = self.promised.filter(|due| *due <= now)
            && self.owed.is_none()
        {
            self.owed = Some(due);
        }
        let honoured: BTreeSet<_> = self.done.iter().copied().chain(self.owed).collect();
        let mut due = self.schedule.next(now, self.put_off, zone);
        while let Some(found) = due.filter(|due| honoured.contains(due)) {
            due = self.schedule.next(found, self.put_off, zone);
        }
        self.promised = due;
    }

    /// When one has to look again.
    pub fn promised(&self) -> Option<Timestamp> {
        self.promised
    }

    /// The run for that due time was cut off: it is owed again, if nothing newer is.
    pub fn interrupted(&mut self, due: Timestamp) {
        if self.owed.is_none() {
            self.owed = Some(due);
            self.done.retain(|done| *done != due);
        }
    }

    /// A first attempt for that due time.
    pub fn started(&mut self, due: Timestamp) -> Result<(), String> {
        if self.owed.take() != Some(due) {
            return Err(format!("a run for {due} that nobody owes"));
        }
        if self.done.contains(&due) {
            return Err(format!("a second run for {due}"));
        }
        self.done.push(due);
        if self.done.len() > REMEMBERED {
            self.done.remove(0);
        }
        Ok(())
    }
}
