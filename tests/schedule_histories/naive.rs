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

/// A plan with a period: what holds of its starts whatever befalls the machine, as long as nobody sets
/// its clock.
#[derive(Debug, Clone)]
pub struct Periodic {
    period: Duration,
    /// Of the last start: its due time, the clock, and how often that had been set.
    last: Option<(Timestamp, Timestamp, u64)>,
}

impl Periodic {
    pub fn new(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// An attempt for that due time.
    pub fn started(&mut self, due: Timestamp, now: Timestamp, sets: u64) -> Result<(), String> {
        let last = self.last.replace((due, now, sets)).filter(|(_, _, was)| *was == sets);
        match last {
            // Counted from the due time where it was nearly kept.
            Some((of, at, _)) if of != due && now < at.plus(self.period - self.period / 4) => {
                Err(format!("a run for {due}, and one for {of} began at {at}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// At a look: `is_owed` says whether a run is under way or waits.
    pub fn look(&self, now: Timestamp, sets: u64, is_owed: bool) -> Result<(), String> {
        match self.last {
            Some((_, at, was)) if was == sets && !is_owed && now > at.plus(self.period) => {
                Err(format!("the last run began at {at}, and no other is owed"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A plan that follows another: one run for each good one of that, or for several that came while it
/// waited.
#[derive(Debug, Clone, Default)]
pub struct Follower {
    /// Good runs of the other that no run stands for yet.
    to_follow: u64,
    last: Option<Timestamp>,
}

impl Follower {
    pub fn other_ended_well(&mut self) {
        self.to_follow += 1;
    }

    /// An attempt for what became due then.
    pub fn started(&mut self, due: Timestamp) -> Result<(), String> {
        if self.last.replace(due) == Some(due) {
            return Ok(());
        }
        if self.to_follow == 0 {
            return Err(format!("a run for {due}, and nothing has ended well before it"));
        }
        self.to_follow = 0;
        Ok(())
    }

    /// Whether a good run of the other has had none after it.
    pub fn is_owed(&self) -> bool {
        self.to_follow > 0
    }
}
