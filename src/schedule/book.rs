//! The book of all tasks: what is due, what is started now, and when to look again.
//!
//! ```text
//!              a due time passes            look says so             ended
//!   next_due ────────────────────► pending ─────────────► running ─────────► (nothing)
//!                                     ▲                      │ failed, may be tried again
//!                                     └──────────────────────┘
//! ```
//! The invariants are those of the module above.

use super::record::{Pause, Pending, Record, Started};
use super::{OnlyWhen, Retry, Schedule, Surroundings, TaskKey, Zone};
use crate::model::{Attempt, FlowId, RepoId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A run that begins this much after its due time is a late one.
const LATE: Duration = Duration::from_secs(60);
/// A late run is put off by no more.
const SPREAD: Duration = Duration::from_secs(10 * 60);
/// While a run waits for something, one looks this often.
const AGAIN: Duration = Duration::from_secs(60);
/// A due time that was run for counts if it lies no further ahead.
const BELIEVED: Duration = Duration::from_secs(48 * 3600);

/// A task as the configuration has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub key: TaskKey,
    /// On which repo it works.
    pub repo: RepoId,
    /// When it runs.
    pub schedule: Schedule,
    /// What it waits for.
    pub only_when: OnlyWhen,
    /// When it is tried again.
    pub retry: Retry,
    /// By how much its runs are put off ([`TaskKey::put_off`]).
    pub put_off: Duration,
    /// When its last run began, whoever asked for it.
    pub last_start: Option<Timestamp>,
    /// Of what runs after a plan: when the newest good run of that plan began.
    pub followed: Option<Timestamp>,
    /// Whether it may run.
    pub enabled: bool,
}

/// A run to be started now. It is in the book already; keep the book before starting it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Of which task.
    pub key: TaskKey,
    /// For which due time.
    pub due: Timestamp,
    /// Which attempt it is.
    pub attempt: Attempt,
    /// The operations of the attempt before, where there was one.
    pub flow: Option<FlowId>,
}

/// How a run ended, as far as its next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It did what it should.
    Well,
    /// It failed, and might not if it were tried again.
    Failed,
    /// It failed in a way that only a person can mend.
    FailedForGood,
    /// A person stopped it.
    Cancelled,
    /// It was cut off by the end of the daemon, or never began.
    Interrupted,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: Ended,
    /// Which operations it was, where that is known.
    pub flow: Option<FlowId>,
}

impl From<Ended> for Ran {
    fn from(end: Ended) -> Self {
        Self { end, flow: None }
    }
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// What to start now.
    pub start: Vec<Start>,
    /// What waits, and for what.
    pub waiting: BTreeMap<TaskKey, String>,
    /// When to look again at the latest.
    pub again: Option<Timestamp>,
}

/// All tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    records: BTreeMap<TaskKey, Record>,
}

impl Book {
    /// As it was kept.
    #[must_use]
    pub const fn new(records: BTreeMap<TaskKey, Record>) -> Self {
        Self { records }
    }

    /// What is remembered of each task.
    #[must_use]
    pub const fn records(&self) -> &BTreeMap<TaskKey, Record> {
        &self.records
    }

    /// What is remembered of a task.
    #[must_use]
    pub fn record(&self, key: &TaskKey) -> Option<&Record> {
        self.records.get(key)
    }

    /// Looks at the clock: notes what has become due, and takes what is to be started now into the
    /// book as running.
    pub fn look(
        &mut self,
        now: Timestamp,
        local: &Zone,
        around: &Surroundings,
        entries: &[Entry],
    ) -> Outlook {
        let known: BTreeSet<_> = entries.iter().map(|entry| &entry.key).collect();
        self.records.retain(|key, record| known.contains(key) || record.running.is_some());
        for entry in entries {
            let record = self.records.entry(entry.key.clone()).or_default();
            Page { entry, record, now, local }.turn();
        }
        let mut outlook = Outlook::default();
        let mut busy = self.busy(entries);
        let mut due: Vec<_> =
            entries.iter().filter_map(|e| Some((self.startable(e, now)?, e))).collect();
        due.sort_by_key(|(pending, entry)| (pending.due, entry.key.clone()));
        for (pending, entry) in due {
            match held_up(entry, pending, (now, local), around, &busy) {
                Some(reason) => drop(outlook.waiting.insert(entry.key.clone(), reason)),
                None => {
                    busy.insert(entry.repo.clone());
                    outlook.start.push(self.start(entry, pending, now));
                }
            }
        }
        outlook.again = self.again(now, !outlook.waiting.is_empty());
        outlook
    }

    /// The repos on which a run is under way that was started here.
    fn busy(&self, entries: &[Entry]) -> BTreeSet<RepoId> {
        let runs =
            |entry: &&Entry| self.records.get(&entry.key).is_some_and(|r| r.running.is_some());
        entries.iter().filter(runs).map(|entry| entry.repo.clone()).collect()
    }

    fn startable(&self, entry: &Entry, now: Timestamp) -> Option<Pending> {
        let record = self.records.get(&entry.key)?;
        let pending = record.pending.filter(|pending| pending.not_before <= now)?;
        (record.running.is_none() && record.paused.is_none()).then_some(pending)
    }

    fn start(&mut self, entry: &Entry, pending: Pending, now: Timestamp) -> Start {
        let record = self.records.entry(entry.key.clone()).or_default();
        let Pending { due, attempt, flow, .. } = pending;
        record.pending = None;
        record.running = Some(Started { due, at: now, attempt, flow });
        if attempt == 1 {
            record.remember(due);
        }
        // Of a further attempt as well: the attempt before may have left no start to count from.
        if let Schedule::Every { period, .. } = &entry.schedule {
            // Counted from the due time while it is nearly kept, so that nothing drifts; one of a clock
            // that has gone back since is none to count from.
            let is_kept = due <= now && now <= due.plus(*period / 4);
            let base = if is_kept { due } else { now };
            record.next_due = Some(base.plus(*period));
        }
        let attempt = Attempt { number: attempt, of: entry.retry.attempts.max(attempt) };
        Start { key: entry.key.clone(), due, attempt, flow }
    }

    fn again(&self, now: Timestamp, waits: bool) -> Option<Timestamp> {
        let of_record = |record: &Record| {
            let pause = record.paused.and_then(|pause| match pause {
                Pause::Until(end) => Some(end),
                Pause::UntilResumed => None,
            });
            let pending = record.pending.filter(|_| record.running.is_none());
            [record.next_due, pending.map(|pending| pending.not_before), pause]
        };
        let times = self.records.values().flat_map(of_record).flatten().filter(|at| *at > now);
        times.chain(waits.then(|| now.plus(AGAIN))).min()
    }

    /// A run has ended.
    pub fn ended(&mut self, key: &TaskKey, ran: Ran, retry: Retry, now: Timestamp) {
        let Some(record) = self.records.get_mut(key) else { return };
        let Some(Started { due, attempt, flow, .. }) = record.running.take() else { return };
        let next = match ran.end {
            Ended::Failed => retry.after(attempt).map(|wait| (attempt + 1, wait)),
            Ended::Interrupted => Some((attempt, Duration::ZERO)),
            Ended::Well | Ended::FailedForGood | Ended::Cancelled => None,
        };
        // A newer due time takes the place of another attempt.
        if let (Some((attempt, wait)), None) = (next, record.pending) {
            let not_before = now.plus(wait);
            let flow = ran.flow.or(flow);
            record.pending = Some(Pending { due, since: now, not_before, attempt, flow });
        }
    }

    /// A person pauses a task: what is due until then is not made up for.
    pub fn pause(&mut self, key: &TaskKey, pause: Pause) {
        let record = self.records.entry(key.clone()).or_default();
        record.paused = Some(pause);
        record.pending = None;
    }

    /// A person resumes a task.
    pub fn resume(&mut self, key: &TaskKey) {
        if let Some(record) = self.records.get_mut(key) {
            record.paused = None;
        }
    }
}

/// Why a run that could be started is not.
fn held_up(
    entry: &Entry,
    pending: Pending,
    (now, local): (Timestamp, &Zone),
    around: &Surroundings,
    busy: &BTreeSet<RepoId>,
) -> Option<String> {
    let forced = entry.only_when.force_after.is_some_and(|after| now >= pending.since.plus(after));
    let zone = entry.schedule.zone().unwrap_or(local);
    let lacks = entry.only_when.waits_for(around, now, zone).filter(|_| !forced);
    let is_late = now > pending.due.plus(LATE);
    let turn = || {
        (is_late && busy.contains(&entry.repo)).then(|| format!("its turn in repo {}", entry.repo))
    };
    lacks.or_else(turn)
}

/// One task at one look.
struct Page<'a> {
    entry: &'a Entry,
    record: &'a mut Record,
    now: Timestamp,
    local: &'a Zone,
}

impl Page<'_> {
    fn turn(&mut self) {
        self.believe_the_clock();
        match (&self.entry.schedule, self.entry.enabled) {
            (Schedule::Cron { .. }, true) => self.cron(),
            (Schedule::Every { period, .. }, true) => self.every(*period),
            (Schedule::After { .. }, true) => self.after(),
            (Schedule::Manual, _) | (_, false) => {
                (self.record.next_due, self.record.pending) = (None, None);
            }
        }
        if !matches!(self.entry.schedule, Schedule::After { .. }) {
            self.record.followed = None;
        }
        if self.record.paused.is_some_and(|pause| !pause.covers(self.now)) {
            self.record.paused = None;
        }
    }

    /// What was noted by a clock that has gone back since holds nothing up for long.
    fn believe_the_clock(&mut self) {
        let now = self.now;
        self.record.made.retain(|due| *due <= now.plus(BELIEVED));
        if let Some(pending) = &mut self.record.pending {
            pending.since = pending.since.min(now);
            let longest = if pending.attempt > 1 { Retry::LONGEST } else { SPREAD };
            pending.not_before = pending.not_before.min(now.plus(longest));
        }
    }

    fn cron(&mut self) {
        if let Some(due) = self.missed() {
            self.has_become_due(due);
        }
        let from = match self.record.paused {
            Some(Pause::UntilResumed) => None,
            Some(Pause::Until(end)) => Some(self.now.max(end.minus(Duration::from_millis(1)))),
            None => Some(self.now),
        };
        let later = |at: &Timestamp| self.next(*at);
        let mut due = from.and_then(|from| self.next(from));
        while due.is_some_and(|due| self.record.has(due)) {
            due = due.as_ref().and_then(later);
        }
        self.record.next_due = due;
    }

    fn every(&mut self, period: Duration) {
        // The next one is counted from the start of this one; another attempt gives way to it.
        if self.record.pending.is_some_and(|pending| pending.attempt == 1) {
            self.record.next_due = None;
            return;
        }
        // One that came to nothing before it began has a due time, and no start.
        let last = self.entry.last_start.max(self.record.made.iter().max().copied());
        let first = || match last {
            Some(last) => last.plus(period),
            None => self.now.plus(self.entry.put_off),
        };
        let due = self.record.next_due.unwrap_or_else(first);
        // Nothing is further away than a period, whatever the clock said before.
        let due = due.min(self.now.plus(period));
        self.record.next_due = match self.record.paused {
            Some(Pause::UntilResumed) => None,
            Some(Pause::Until(end)) => Some(due.max(end)),
            None => Some(due),
        };
        if let Some(due) = self.record.next_due.filter(|due| *due <= self.now) {
            self.has_become_due(due);
            self.record.next_due = None;
        }
    }

    fn after(&mut self) {
        self.record.next_due = None;
        let seen = self.record.followed;
        if self.entry.followed.is_some() || seen.is_none() {
            self.record.followed = Some(self.entry.followed);
        }
        let is_new = seen.is_some() && self.record.followed != seen;
        let is_paused = self.record.paused.is_some_and(|pause| pause.covers(self.now));
        if is_new && !is_paused {
            self.has_become_due(self.now);
        }
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.entry.schedule.next(after, self.entry.put_off, self.local)
    }

    /// The first due time that has passed and was not in a pause.
    fn missed(&self) -> Option<Timestamp> {
        let due = self.record.next_due.filter(|due| *due <= self.now)?;
        match self.record.paused {
            Some(Pause::UntilResumed) => None,
            Some(Pause::Until(end)) if due < end => {
                self.next(end.minus(Duration::from_millis(1))).filter(|due| *due <= self.now)
            }
            Some(Pause::Until(_)) | None => Some(due),
        }
    }

    fn has_become_due(&mut self, due: Timestamp) {
        // One that was not tried yet stands for this one as well.
        if self.record.pending.is_some_and(|pending| pending.attempt == 1) {
            return;
        }
        let is_late = self.now > due.plus(LATE);
        let spread = if is_late { self.entry.put_off.min(SPREAD) } else { Duration::ZERO };
        let (since, not_before) = (self.now, self.now.plus(spread));
        self.record.pending = Some(Pending { due, since, not_before, attempt: 1, flow: None });
    }
}
