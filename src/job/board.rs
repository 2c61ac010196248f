//! What is pending or running now, for everyone who watches: current state, latest wins.

use super::queue::Priority;
use crate::model::{Operation, OperationId, OperationKind, PlanId, Progress, Status};
use crate::shutdown::{self, Shutdown};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::watch;

/// An operation and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// As last recorded.
    pub operation: Operation,
    /// As last heard of restic.
    pub progress: Progress,
}

/// Who wanted an operation to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Person,
    Stop,
}

/// An operation that is not finished.
#[derive(Debug)]
pub(super) struct Active {
    live: watch::Sender<Live>,
    cancel: Shutdown,
    why: OnceLock<Why>,
    priority: OnceLock<Priority>,
    needs_a_person: AtomicBool,
}

impl Active {
    fn new(operation: Operation) -> Self {
        let live = Live { operation, progress: Progress::default() };
        Self {
            live: watch::Sender::new(live),
            cancel: Shutdown::default(),
            why: OnceLock::new(),
            priority: OnceLock::new(),
            needs_a_person: AtomicBool::new(false),
        }
    }

    pub(super) fn operation(&self) -> Operation {
        self.live.borrow().operation.clone()
    }

    /// Changes the operation: one more revision.
    pub(super) fn amend(&self, change: impl FnOnce(&mut Operation)) -> Operation {
        self.live.send_modify(|live| {
            change(&mut live.operation);
            live.operation.revision += 1;
        });
        self.operation()
    }

    /// Adds something that the next entry will tell.
    pub(super) fn amend_silently(&self, change: impl FnOnce(&mut Operation)) {
        self.live.send_modify(|live| change(&mut live.operation));
    }

    pub(super) fn watch(&self) -> watch::Receiver<Live> {
        self.live.subscribe()
    }

    pub(super) fn cancel(&self, why: Why) {
        // The first reason stays: a stop of the daemon does not undo what a person said.
        let _ = self.why.set(why);
        self.cancel.ask();
    }

    pub(super) fn cancelled(&self) -> shutdown::Guard {
        self.cancel.guard()
    }

    /// Says what comes first; what nothing was said of was asked for by a person.
    pub(super) fn ranks(&self, priority: Priority) {
        // Said once.
        let _ = self.priority.set(priority);
    }

    pub(super) fn priority(&self) -> Priority {
        self.priority.get().copied().unwrap_or_default()
    }

    /// It failed, and whether only a person can mend that.
    pub(super) fn needs_a_person(&self, needs: bool) {
        self.needs_a_person.store(needs, Ordering::Relaxed);
    }

    pub(super) fn is_in_need_of_a_person(&self) -> bool {
        self.needs_a_person.load(Ordering::Relaxed)
    }

    pub(super) fn why(&self) -> Option<Why> {
        self.why.get().copied()
    }
}

/// All operations that are not finished.
#[derive(Debug)]
pub(super) struct Board {
    active: Mutex<BTreeMap<OperationId, Arc<Active>>>,
    changes: watch::Sender<u64>,
}

/// What came of the wish to add an operation.
pub(super) enum Added {
    /// It is there now.
    New(Arc<Active>),
    /// A run of the same plan waits already, or the same upkeep waits or runs.
    Waiting(OperationId),
}

impl Board {
    pub(super) fn new() -> Self {
        Self { active: Mutex::default(), changes: watch::Sender::new(0) }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<OperationId, Arc<Active>>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an operation: running at once, or pending where its plan already runs. A plan never has
    /// two that are pending.
    pub(super) fn add(&self, mut operation: Operation) -> Added {
        let mut all = self.all();
        if let (OperationKind::Backup, Some(plan)) = (operation.kind, &operation.plan) {
            match backups_of(&all, plan).last() {
                Some((waiting, Status::Pending)) => return Added::Waiting(*waiting),
                Some(_) => operation.status = Status::Pending,
                None => {}
            }
        }
        if let Some(same) =
            all.values().map(|active| active.operation()).find(|op| is_same_upkeep(op, &operation))
        {
            return Added::Waiting(same.id);
        }
        let id = operation.id;
        let active = Arc::new(Active::new(operation));
        all.insert(id, Arc::clone(&active));
        drop(all);
        self.changed();
        Added::New(active)
    }

    /// Whether another run of the plan of this one waits.
    pub(super) fn another_waits(&self, operation: &Operation) -> bool {
        let Some(plan) = operation.plan.as_ref() else { return false };
        let backups = backups_of(&self.all(), plan);
        let waits = |(id, status): &(_, Status)| *id != operation.id && *status == Status::Pending;
        operation.kind == OperationKind::Backup && backups.iter().any(waits)
    }

    pub(super) fn remove(&self, id: OperationId) {
        self.all().remove(&id);
        self.changed();
    }

    pub(super) fn progress(&self, active: &Active, progress: Progress) {
        active.live.send_modify(|live| live.progress = progress);
        self.changed();
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn find(&self, id: OperationId) -> Option<Arc<Active>> {
        self.all().get(&id).cloned()
    }

    pub(super) fn list(&self) -> Vec<Arc<Active>> {
        self.all().values().cloned().collect()
    }

    pub(super) fn live(&self) -> Vec<Live> {
        self.all().values().map(|active| active.live.borrow().clone()).collect()
    }
}

/// Whether two operations do one thing, so that one is enough.
fn is_same_upkeep(a: &Operation, b: &Operation) -> bool {
    let is_upkeep = match b.kind {
        OperationKind::Forget
        | OperationKind::Prune
        | OperationKind::Check
        | OperationKind::Stats
        | OperationKind::Index => true,
        OperationKind::Backup
        | OperationKind::Restore
        | OperationKind::Hook
        | OperationKind::Command
        | OperationKind::Unlock
        | OperationKind::Init => false,
    };
    is_upkeep && a.kind == b.kind && a.repo == b.repo && a.plan == b.plan
}

/// The backups of a plan, oldest first (ids are ordered by time).
fn backups_of(
    all: &BTreeMap<OperationId, Arc<Active>>,
    plan: &PlanId,
) -> Vec<(OperationId, Status)> {
    let mut backups: Vec<_> = all
        .values()
        .map(|active| active.operation())
        .filter(|op| op.kind == OperationKind::Backup && op.plan.as_ref() == Some(plan))
        .map(|op| (op.id, op.status))
        .collect();
    // What is pending comes last, whatever two ids of one millisecond say.
    backups.sort_by_key(|(_, status)| *status == Status::Pending);
    backups
}
