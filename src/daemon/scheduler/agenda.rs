//! The book as kept in `trust.db`, and what of it is shown.

use crate::clock;
use crate::config::{Config, Plan};
use crate::model::{Attempt, KeyId, OperationKind, RepoId, Timestamp, Timing};
use crate::schedule::{
    Book, Entry, Outlook, Pause, Ran, Record, Retry, Schedule, Surroundings, TaskKey, Zone, grace,
};
use crate::store::{StoreError, Trust};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

/// What is known of all tasks now.
#[derive(Debug, Clone)]
pub struct Agenda {
    instance: KeyId,
    book: Book,
    waiting: BTreeMap<TaskKey, String>,
}

/// Keeps the book; changes go through here one after another.
#[derive(Debug)]
pub struct Scheduler {
    trust: Arc<Trust>,
    /// The book as `trust.db` has it: behind, while the disk takes nothing.
    kept: Mutex<Book>,
    /// Since when it is behind, and why.
    unkept: watch::Sender<Option<(Timestamp, String)>>,
    agenda: watch::Sender<Agenda>,
    /// How often a person changed something.
    nudges: watch::Sender<u64>,
    /// Up to which of these changes the last look saw.
    seen: watch::Sender<u64>,
}

/// How long is waited until a change was looked at; what it comes to is shown a moment later then.
const LOOKED_WITHIN: Duration = Duration::from_secs(2);

impl Agenda {
    /// Of an instance about which nothing is known yet.
    #[must_use]
    pub const fn new(instance: KeyId) -> Self {
        Self { instance, book: Book::new(BTreeMap::new()), waiting: BTreeMap::new() }
    }

    /// What the schedule of a plan makes of it now.
    #[must_use]
    pub fn timing(&self, plan: &Plan, config: &Config) -> Timing {
        let key = TaskKey::Plan(plan.id.clone());
        let record = self.book.record(&key);
        let leading = config.leading_schedule(plan);
        let gap = leading.longest_gap();
        let of_gap = || gap.map(|gap| grace(gap, leading.jitter()));
        let pause = record.and_then(|record| record.paused);
        Timing {
            time_zone: zone_name(&plan.schedule),
            next_due: record.and_then(next_due),
            longest_gap: gap,
            grace: plan.grace.map(|grace| grace.0).or_else(of_gap),
            paused: pause.is_some(),
            paused_until: pause.and_then(|pause| match pause {
                Pause::Until(end) => Some(end),
                Pause::UntilResumed => None,
            }),
            waiting_for: self.waiting.get(&key).cloned().unwrap_or_default(),
        }
    }

    /// The retry of a plan that runs, or that waits and since when it may start.
    #[must_use]
    pub fn retry(&self, plan: &Plan) -> Option<(Attempt, Option<Timestamp>)> {
        let record = self.book.record(&TaskKey::Plan(plan.id.clone()))?;
        let (number, at) = record.retry()?;
        Some((Attempt { number, of: plan.retry.attempts.max(number) }, at))
    }

    /// When that upkeep of a repo is due next.
    #[must_use]
    pub fn next_upkeep(&self, repo: &RepoId, kind: OperationKind) -> Option<Timestamp> {
        next_due(self.book.record(&TaskKey::Repo(repo.clone(), kind))?)
    }

    /// The next runs of a plan, as far as its schedule tells them.
    #[must_use]
    pub fn next_runs(&self, plan: &Plan, count: usize) -> Vec<Timestamp> {
        let key = TaskKey::Plan(plan.id.clone());
        let Some(first) = self.book.record(&key).and_then(next_due) else { return Vec::new() };
        let put_off = key.put_off(&self.instance, plan.schedule.jitter());
        let (local, now) = (Zone::of_this_machine(), clock::now());
        // One that is due and waits stands for all that passed meanwhile.
        let second = plan.schedule.next(first.max(now), put_off, &local);
        let later =
            second.map(|second| plan.schedule.next_runs(second, count - 1, put_off, &local));
        std::iter::once(first).chain(later.into_iter().flatten()).collect()
    }
}

/// One that is due and was not tried yet comes before those that will be. Where those are counted
/// from a retry that waits, it is the retry.
fn next_due(record: &Record) -> Option<Timestamp> {
    let due = record.pending.filter(|pending| pending.attempt == 1).map(|pending| pending.due);
    let retry = || record.pending.map(|pending| pending.not_before);
    due.or(record.next_due).or_else(retry)
}

fn zone_name(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Cron { zone: Some(zone), .. } => zone.to_string(),
        Schedule::Cron { zone: None, .. } => Zone::of_this_machine().to_string(),
        Schedule::Manual | Schedule::Every { .. } | Schedule::After { .. } => String::new(),
    }
}

impl Scheduler {
    /// With what `trust.db` knows.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(trust: Arc<Trust>, instance: KeyId) -> Result<Self, StoreError> {
        let book = Book::new(trust.tasks()?);
        let kept = Mutex::new(book.clone());
        let agenda = watch::Sender::new(Agenda { instance, book, waiting: BTreeMap::new() });
        let (nudges, seen) = (watch::Sender::new(0), watch::Sender::new(0));
        Ok(Self { trust, kept, unkept: watch::Sender::new(None), agenda, nudges, seen })
    }

    /// Since when, and why, what was started is known in memory only.
    #[must_use]
    pub fn unkept(&self) -> Option<(Timestamp, String)> {
        self.unkept.borrow().clone()
    }

    /// What is known now.
    #[must_use]
    pub fn agenda(&self) -> Agenda {
        self.agenda.borrow().clone()
    }

    /// Changes whenever what is shown does.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Agenda> {
        self.agenda.subscribe()
    }

    /// Counts what persons changed: it is looked at again.
    pub(super) fn nudges(&self) -> watch::Receiver<u64> {
        self.nudges.subscribe()
    }

    /// A look saw what was changed until then.
    pub(super) fn seen(&self, nudge: u64) {
        self.seen.send_replace(nudge);
    }

    /// Has a change looked at, so that who made it is answered with what it comes to.
    async fn nudge(&self) {
        self.nudges.send_modify(|count| *count += 1);
        let nudge = *self.nudges.borrow();
        let mut seen = self.seen.subscribe();
        let _ = timeout(LOOKED_WITHIN, seen.wait_for(|seen| *seen >= nudge)).await;
    }

    /// What the book has as running, and since when.
    pub(super) fn running(&self) -> Vec<(TaskKey, Timestamp)> {
        let agenda = self.agenda.borrow();
        let records = agenda.book.records().iter();
        records.filter_map(|(key, record)| Some((key.clone(), record.running?.at))).collect()
    }

    pub(super) async fn look(
        &self,
        now: Timestamp,
        local: Zone,
        around: Surroundings,
        entries: Vec<Entry>,
    ) -> Outlook {
        let look = |book: &mut Book| book.look(now, &local, &around, &entries);
        let outlook = self.go_on(look).await;
        self.agenda.send_if_modified(|agenda| {
            let differs = agenda.waiting != outlook.waiting;
            agenda.waiting.clone_from(&outlook.waiting);
            differs
        });
        outlook
    }

    pub(super) async fn ended(&self, key: TaskKey, ran: Ran, retry: Retry, now: Timestamp) {
        self.go_on(|book| book.ended(&key, ran, retry, now)).await;
    }

    /// A person pauses a task.
    ///
    /// # Errors
    /// It was not kept; nothing has changed.
    pub async fn pause(&self, key: &TaskKey, pause: Pause) -> Result<(), StoreError> {
        self.change(|book| book.pause(key, pause)).await?;
        self.nudge().await;
        Ok(())
    }

    /// A person resumes a task.
    ///
    /// # Errors
    /// It was not kept; nothing has changed.
    pub async fn resume(&self, key: &TaskKey) -> Result<(), StoreError> {
        self.change(|book| book.resume(key)).await?;
        self.nudge().await;
        Ok(())
    }

    /// Changes the book, once the change is kept.
    async fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> Result<T, StoreError> {
        let mut kept = self.kept.lock().await;
        let mut after = self.agenda.borrow().book.clone();
        let done = change(&mut after);
        self.keep(&mut kept, &after).await?;
        self.show(after);
        Ok(done)
    }

    /// Changes the book, and keeps it as soon as the disk takes it: a full one stops no backup.
    async fn go_on<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut kept = self.kept.lock().await;
        let mut after = self.agenda.borrow().book.clone();
        let done = change(&mut after);
        if let Err(error) = self.keep(&mut kept, &after).await {
            tracing::warn!(%error, "what is started is not kept now; it is tried again");
            self.unkept.send_if_modified(|since| {
                since.get_or_insert_with(|| (clock::now(), error.to_string()));
                true
            });
        }
        self.show(after);
        done
    }

    async fn keep(&self, kept: &mut Book, after: &Book) -> Result<(), StoreError> {
        let changed = differences(kept, after);
        if !changed.is_empty() {
            let trust = Arc::clone(&self.trust);
            let written = tokio::task::spawn_blocking(move || trust.keep_tasks(&changed)).await;
            written.unwrap_or(Err(StoreError::Closed))?;
            kept.clone_from(after);
        }
        self.unkept.send_if_modified(|since| since.take().is_some());
        Ok(())
    }

    fn show(&self, book: Book) {
        self.agenda.send_if_modified(|agenda| {
            let differs = agenda.book != book;
            agenda.book = book;
            differs
        });
    }
}

fn differences(before: &Book, after: &Book) -> Vec<(TaskKey, Option<Record>)> {
    let (before, after) = (before.records(), after.records());
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), None));
    let changed = after.iter().filter(|(key, record)| before.get(*key) != Some(*record));
    gone.chain(changed.map(|(key, record)| (key.clone(), Some(record.clone())))).collect()
}
