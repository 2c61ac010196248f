//! Starts what is due: the book of `schedule` driven by the clock of this machine.
//!
//! It decides nothing about when: it looks at the clock, at the machine and at the configuration, asks
//! the book, and starts what the book says. What a task does is its [`Tasks`]' affair.
//!
//! 1. What is started is kept in `trust.db` first. Where the disk does not take it, it is started all
//!    the same and kept once it can be: of a daemon that ends before, a run may be repeated.
//! 2. A clock that was set, a machine that woke, a configuration that changed, the end of a run and a
//!    person's word are seen within seconds.
//! 3. What was under way when the daemon ended is settled before the first look.

mod agenda;
mod machine;
mod plans;
mod repos;

pub use agenda::{Agenda, Scheduler};
pub use plans::PlanTasks;
pub use repos::RepoTasks;

use super::node::Node;
use crate::clock;
use crate::model::Timestamp;
use crate::schedule::{Ended, Entry, Outlook, Ran, Retry, Start, Surroundings, TaskKey, Zone};
use crate::shutdown::Guard;
use crate::store::StoreError;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A call to a task that takes its time.
pub type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One kind of tasks: which there are, and how one is run.
pub trait Tasks: Send + Sync {
    /// Those of the configuration in effect.
    fn entries(&self) -> Call<Result<Vec<Entry>, StoreError>>;
    /// Whether this kind has that task.
    fn has(&self, key: &TaskKey) -> bool;
    /// Runs one to its end.
    fn run(&self, start: Start) -> Call<Ran>;
    /// How a run that began at that time or later ended, by what was recorded of it.
    fn outcome(&self, key: TaskKey, began: Timestamp) -> Call<Ran>;
}

/// How often the wall clock is compared with the time that passed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The wall clock being off by more was set, or stood still.
const SET: Duration = Duration::from_secs(2);
/// After a fault of the store.
const AGAIN: Duration = Duration::from_secs(10);

/// Drives the book until the stop is asked for.
pub(super) async fn run(node: Arc<Node>, kinds: Vec<Arc<dyn Tasks>>, mut guard: Guard) {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let driver = Driver { node: Arc::clone(&node), kinds, ends, retries: BTreeMap::new() };
    let mut driver = driver;
    driver.settle().await;
    let (mut config, mut runs) = (node.config.subscribe(), node.engine.changes());
    let (mut said, mut shared) = (node.scheduler.nudges(), node.sharing.changes());
    let mut under_way = Vec::new();
    loop {
        let nudge = *said.borrow_and_update();
        let again = driver.look().await;
        node.scheduler.seen(nudge);
        loop {
            tokio::select! {
                () = guard.asked() => return,
                () = until(again) => break,
                Ok(()) = config.changed() => break,
                Ok(()) = said.changed() => break,
                // Plans of a received repo are off while it may not be used.
                Ok(()) = shared.changed() => break,
                Some((key, ran)) = ended.recv() => {
                    driver.note_end(key, ran).await;
                    break;
                }
                Ok(()) = runs.changed() => {
                    // Progress is a change as well; only a beginning or an end counts.
                    let live = node.engine.live();
                    let now: Vec<_> = live.iter().map(|live| live.operation.id).collect();
                    if now != under_way {
                        under_way = now;
                        break;
                    }
                }
            }
        }
    }
}

/// Until the wall clock shows that time, or was set.
async fn until(again: Option<Timestamp>) {
    loop {
        let (wall, passed) = (clock::now(), clock::monotonic());
        let left = again.map_or(LOOK_EVERY, |again| again.since(wall).min(LOOK_EVERY));
        tokio::time::sleep(left).await;
        let now = clock::now();
        let expected = wall.plus(clock::monotonic().since(passed));
        let off = now.since(expected).max(expected.since(now));
        if off > SET || again.is_some_and(|again| now >= again) {
            return;
        }
    }
}

struct Driver {
    node: Arc<Node>,
    kinds: Vec<Arc<dyn Tasks>>,
    ends: mpsc::UnboundedSender<(TaskKey, Ran)>,
    /// As of the last look.
    retries: BTreeMap<TaskKey, Retry>,
}

impl Driver {
    /// What the book has as running does not run any more: the daemon that ran it is gone.
    async fn settle(&mut self) {
        if let Ok(entries) = self.entries().await {
            self.retries = entries.into_iter().map(|entry| (entry.key, entry.retry)).collect();
        }
        for (key, began) in self.node.scheduler.running() {
            let kind = self.kinds.iter().find(|kind| kind.has(&key));
            let ran = match kind {
                Some(kind) => kind.outcome(key.clone(), began).await,
                None => Ended::FailedForGood.into(),
            };
            self.note_end(key, ran).await;
        }
    }

    async fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for kind in &self.kinds {
            entries.extend(kind.entries().await?);
        }
        Ok(entries)
    }

    /// Looks, starts what is to be started, and says when to look again.
    async fn look(&mut self) -> Option<Timestamp> {
        match self.try_look().await {
            Ok(outlook) => {
                outlook.start.into_iter().for_each(|start| self.start(start));
                outlook.again
            }
            Err(error) => {
                tracing::warn!(%error, "what is due is not known, so nothing is started; it is tried again");
                Some(clock::now().plus(AGAIN))
            }
        }
    }

    async fn try_look(&mut self) -> Result<Outlook, StoreError> {
        let entries = self.entries().await?;
        self.retries = entries.iter().map(|entry| (entry.key.clone(), entry.retry)).collect();
        let around = match entries.iter().any(|entry| !entry.only_when.is_empty()) {
            true => machine::look().await,
            false => Surroundings::default(),
        };
        let (scheduler, now) = (&self.node.scheduler, clock::now());
        let mut outlook = scheduler.look(now, Zone::of_this_machine(), around, entries).await;
        if scheduler.unkept().is_some() {
            let again = now.plus(AGAIN);
            outlook.again = Some(outlook.again.map_or(again, |at| at.min(again)));
        }
        Ok(outlook)
    }

    fn start(&self, start: Start) {
        let Some(kind) = self.kinds.iter().find(|kind| kind.has(&start.key)) else { return };
        let (key, run, ends) = (start.key.clone(), kind.run(start), self.ends.clone());
        tokio::spawn(async move {
            // Nobody hears it where the daemon stops: the next start settles it.
            let _ = ends.send((key, run.await));
        });
    }

    async fn note_end(&self, key: TaskKey, ran: Ran) {
        let retry = self.retries.get(&key).copied().unwrap_or_default();
        self.node.scheduler.ended(key, ran, retry, clock::now()).await;
    }
}
