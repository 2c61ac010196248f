//! The engine: starts, watches, cancels and ends operations.

use super::board::{Active, Added, Board, Why};
use super::hooks::{Hooks, NoHooks};
use super::journal::Journal;
use super::locks::Locked;
use super::queue::Queue;
use super::watchdog::Signs;
use super::{JobError, Live, Ports, RepoSpec, Run};
use crate::clock;
use crate::model::{
    Attempt, FlowId, Operation, OperationId, OperationKind, PlanId, RepoId, Stats, Status,
};
use crate::restic::{Command, Failure, Locator, Lock, OwnRun, Restic, Running, Unlocking};
use crate::shutdown::{self, Shutdown};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// At most one state entry in this time while an operation runs.
const ENTRY_EVERY: Duration = Duration::from_secs(60);
/// How long the removal of an own lock may take; what is left is tried again before the next run.
pub(super) const UNLOCK_WITHIN: Duration = Duration::from_secs(60);
/// How long a stop waits for restic to unlock and for the last entries.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Runs the operations of this instance. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) locator: Locator,
    pub(super) ports: Ports,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) queue: Queue,
    pub(super) board: Board,
    /// Repos being created, one at a time each.
    creating: Mutex<BTreeMap<RepoId, Arc<tokio::sync::Mutex<()>>>>,
    /// By whom repos are locked, as far as something waits for it.
    pub(super) locked: Mutex<BTreeMap<RepoId, Locked>>,
    /// Held by every task; gone once the engine stops.
    tasks: Mutex<Option<Shutdown>>,
}

/// How an operation ended.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) status: Option<Status>,
    pub(super) message: String,
    pub(super) snapshot: Option<String>,
    pub(super) stats: Option<Stats>,
    pub(super) item_errors: crate::model::ItemErrors,
}

/// What a new operation is about.
pub(super) struct About {
    pub(super) kind: OperationKind,
    pub(super) repo: RepoId,
    pub(super) plan: Option<PlanId>,
    pub(super) flow: Option<FlowId>,
    pub(super) attempt: Option<Attempt>,
}

impl Engine {
    /// An engine with nothing to do; call [`Engine::recover`] before the first operation.
    #[must_use]
    pub fn new(locator: Locator, ports: Ports) -> Self {
        Self::with_hooks(locator, ports, Arc::new(NoHooks))
    }

    /// As [`Engine::new`], with somebody who listens.
    #[must_use]
    pub fn with_hooks(locator: Locator, ports: Ports, hooks: Arc<dyn Hooks>) -> Self {
        let (queue, board) = (Queue::default(), Board::new());
        let tasks = Mutex::new(Some(Shutdown::default()));
        let (creating, locked) = (Mutex::default(), Mutex::default());
        let inner = Inner { locator, ports, hooks, queue, board, creating, locked, tasks };
        Self { inner: Arc::new(inner) }
    }

    /// Whether it takes no more work.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Every operation that is pending or running, with its progress.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        self.inner.board.live()
    }

    /// Changes whenever [`Engine::live`] does.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.board.changes()
    }

    /// An operation that is pending or running, as it goes on; its last value is its end.
    #[must_use]
    pub fn watch(&self, operation: OperationId) -> Option<watch::Receiver<Live>> {
        self.inner.board.find(operation).map(|active| active.watch())
    }

    /// Waits for the end of an operation. `None` if it is not pending or running (any more).
    pub async fn wait(&self, operation: OperationId) -> Option<Operation> {
        let mut watch = self.watch(operation)?;
        let ended = watch.wait_for(|live| live.operation.status.is_finished()).await;
        ended.ok().map(|live| live.operation.clone())
    }

    /// Asks an operation to stop: restic is interrupted, unlocks, and the operation ends cancelled.
    ///
    /// # Errors
    /// It is not pending or running.
    pub fn cancel(&self, operation: OperationId) -> Result<(), JobError> {
        let active = self.inner.board.find(operation).ok_or(JobError::NotActive(operation))?;
        active.cancel(Why::Person);
        Ok(())
    }

    /// Takes no more work, interrupts what runs, and waits until it has ended, within 20 s.
    pub async fn stop(&self) {
        let tasks = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        for active in self.inner.board.list() {
            active.cancel(Why::Stop);
        }
        let Some(tasks) = tasks else { return };
        if timeout(STOP_WITHIN, tasks.complete()).await.is_err() {
            tracing::warn!("operations did not end in time; the next start marks them lost");
        }
    }
}

impl Inner {
    /// A guard for one task of the engine.
    pub(super) fn task(&self) -> Result<shutdown::Guard, JobError> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.as_ref().map(Shutdown::guard).ok_or(JobError::Stopping)
    }

    /// Waits until nobody else creates that repo.
    pub(super) async fn alone(&self, repo: &RepoId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut creating = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(creating.entry(repo.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// Runs `work` beside the caller; a stop of the engine waits for it.
    pub(super) fn spawn(
        &self,
        task: shutdown::Guard,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        tokio::spawn(async move {
            work.await;
            drop(task);
        });
    }

    /// Puts a new operation on the board and into the log.
    pub(super) async fn begin(&self, about: About) -> Result<Added, JobError> {
        let operation = self.compose(about).await?;
        let added = self.board.add(operation);
        if let Added::New(active) = &added {
            self.record(active.operation()).await;
        }
        Ok(added)
    }

    /// An operation as it is when it begins.
    pub(super) async fn compose(&self, about: About) -> Result<Operation, JobError> {
        let (id, now) = (self.new_id()?, clock::now());
        let repo_guid = self.ports.guid(&about.repo).await;
        Ok(Operation {
            flow: about.flow.unwrap_or_else(|| id.into()),
            repo: Some(about.repo),
            plan: about.plan,
            repo_guid,
            attempt: about.attempt,
            ..Operation::begun(id, self.ports.catalogue.instance(), about.kind, now)
        })
    }

    pub(super) fn new_id(&self) -> Result<OperationId, JobError> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| JobError::NotKept {
            what: "the operation",
            fault: super::StoreFault(format!("the system gives no random bytes ({error})")),
        })?;
        Ok(OperationId::new(clock::now(), random))
    }

    pub(super) async fn record(&self, operation: Operation) {
        self.tell_ended(&operation).await;
        self.ports.tell(move |ports| ports.history.record(&operation)).await;
    }

    /// Its turn has come. What did not wait is said to run already.
    pub(super) async fn now_running(&self, active: &Active) {
        if active.operation().status == Status::Pending {
            let begun = |op: &mut Operation| {
                op.status = Status::Running;
                op.started_at = clock::now();
                op.message.clear();
            };
            self.record(active.amend(begun)).await;
            self.board.changed();
        }
    }

    /// The last entry of an operation: there is exactly one, and here.
    pub(super) async fn finish(&self, active: &Active, end: Result<End, JobError>) -> Operation {
        let end = end.unwrap_or_else(|error| ended_by(&error, active.why()));
        let mut operation = active.operation();
        operation.revision += 1;
        operation.status = end.status.unwrap_or(Status::Succeeded);
        operation.ended_at = Some(clock::now());
        operation.message = end.message;
        operation.snapshot = end.snapshot;
        operation.stats = end.stats;
        operation.item_errors = end.item_errors;
        let ended = operation.clone();
        self.tell_ended(&ended).await;
        self.ports.tell(move |ports| ports.history.record(&ended)).await;
        let (id, status) = (operation.id, operation.status);
        let at = operation.ended_at.unwrap_or_default();
        self.ports.tell(move |ports| ports.runs.ended(id, status, at)).await;
        // Whoever waits for the end finds it in the log.
        active.amend_silently(|op| *op = operation.clone());
        self.board.remove(id);
        operation
    }

    /// Runs restic for an operation: its process is on record before its first line is read, its
    /// output goes to the log and its progress to the board, and if a signal ended it, its lock is
    /// removed before this returns.
    pub(super) async fn run(
        &self,
        active: &Active,
        restic: &Restic,
        repo: &RepoSpec,
        command: &Command,
    ) -> (Journal, Result<crate::restic::Outcome, Failure>) {
        let restic = &restic.tuned(repo.tuning);
        let running = match restic.start(Some(&repo.access), command).await {
            Ok(running) => running,
            Err(failure) => return (Journal::default(), Err(failure)),
        };
        self.attend(active, restic, repo, (running, command), &mut active.cancelled()).await
    }

    /// Sees a restic that was started to its end, which `cancel` may bring about.
    pub(super) async fn attend(
        &self,
        active: &Active,
        restic: &Restic,
        repo: &RepoSpec,
        (running, command): (Running, &Command),
        cancel: &mut shutdown::Guard,
    ) -> (Journal, Result<crate::restic::Outcome, Failure>) {
        let journal = Mutex::new(Journal::default());
        let operation = active.operation();
        let pid = running.pid().unwrap_or_default();
        let since = clock::now();
        let run = Run {
            operation: operation.id,
            repo: repo.id.clone(),
            // A restore of a plan's snapshot is no run of the plan.
            plan: operation.plan.filter(|_| operation.kind == OperationKind::Backup),
            pid,
            since,
        };
        self.ports.tell(move |ports| ports.runs.started(&run)).await;
        let signs = Signs::new();
        let mut on_line = |line| {
            signs.see(&line);
            let progress = lock(&journal).take(line);
            if let Some(progress) = progress {
                self.board.progress(active, progress);
            }
        };
        let follow = restic.follow((running, command), &repo.access, cancel, &mut on_line);
        let follow = self.with_entries(active, &journal, follow);
        let end = self.watched(active, (&repo.tuning, &signs), follow).await;
        self.close(operation.id, restic, repo, OwnRun { pid, since }, (&journal, &end)).await;
        self.save_log(operation.id, &journal).await;
        (journal.into_inner().unwrap_or_else(PoisonError::into_inner), end)
    }

    /// Waits for the end of `follow` and adds an entry each minute.
    async fn with_entries<T>(
        &self,
        active: &Active,
        journal: &Mutex<Journal>,
        follow: impl Future<Output = T>,
    ) -> T {
        let mut minutes = interval(ENTRY_EVERY);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        minutes.tick().await;
        tokio::pin!(follow);
        loop {
            tokio::select! {
                end = &mut follow => return end,
                _ = minutes.tick() => {
                    self.save_log(active.operation().id, journal).await;
                    // Asked for before: while it is amended, nobody can look at it.
                    let message = how_far(active);
                    self.record(active.amend(|op| op.message = message)).await;
                }
            }
        }
    }

    async fn save_log(&self, operation: OperationId, journal: &Mutex<Journal>) {
        let unsaved = lock(journal).unsaved();
        if let Some(text) = unsaved {
            self.ports.tell(move |ports| ports.history.append_log(operation, &text)).await;
        }
    }

    /// The process has ended: removes its lock where it may have left one. A lock that stays keeps
    /// the run open, for the next sweep.
    async fn close(
        &self,
        operation: OperationId,
        restic: &Restic,
        repo: &RepoSpec,
        run: OwnRun,
        (journal, end): (&Mutex<Journal>, &Result<crate::restic::Outcome, Failure>),
    ) {
        let may_leave_lock = end.as_ref().is_err_and(|failure| failure.reason.may_leave_lock());
        if may_leave_lock {
            let (is_gone, said) = self.unlock(restic, repo, &[run]).await.of(run.pid);
            lock(journal).log(&said);
            if !is_gone {
                return;
            }
        }
        self.ports.tell(move |ports| ports.runs.closed(operation)).await;
    }

    /// Removes the locks of runs that have ended.
    pub(super) async fn unlock(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        runs: &[OwnRun],
    ) -> Unlocked {
        let never = Shutdown::default();
        let mut cancel = never.guard();
        let removal = restic.remove_own_locks(&repo.access, runs, &mut cancel);
        let not_removed = |why: String| {
            let said = format!("its own lock was not removed: {why}");
            Unlocked { at_work: Vec::new(), is_gone: false, said }
        };
        let (unlocking, at_work) = match timeout(UNLOCK_WITHIN, removal).await {
            Ok(Ok(unlocking)) => unlocking,
            Ok(Err(failure)) => return not_removed(failure.to_string()),
            Err(_) => return not_removed("no answer in time".to_owned()),
        };
        let (is_gone, said) = match unlocking {
            Unlocking::NoneFound => (true, "no lock of a dead process was found".to_owned()),
            Unlocking::Removed => {
                let message = "removed the lock of a run of this instance, whose process is gone";
                self.record_unlock(&repo.id, None, message.to_owned()).await;
                (true, "its own lock was removed".to_owned())
            }
            Unlocking::Left(others) => {
                let others: Vec<_> = others.iter().map(ToString::to_string).collect();
                let others = others.join("; ");
                let why = "its own lock was left, because its removal would remove others";
                (false, format!("{why}: {others}"))
            }
        };
        Unlocked { at_work, is_gone, said }
    }
}

/// What became of the locks of runs that have ended.
pub(super) struct Unlocked {
    at_work: Vec<Lock>,
    is_gone: bool,
    said: String,
}

impl Unlocked {
    /// Whether nothing is left of the run with that process, and a line for its log.
    pub(super) fn of(&self, pid: u32) -> (bool, String) {
        if self.at_work.iter().any(|lock| lock.pid == pid) {
            return (false, format!("its restic still runs (pid {pid}) and holds its lock"));
        }
        (self.is_gone, self.said.clone())
    }
}

pub(super) fn lock(journal: &Mutex<Journal>) -> std::sync::MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

fn how_far(active: &Active) -> String {
    let live = active.watch().borrow().clone();
    if let Some(attention) = live.attention {
        return attention;
    }
    let progress = live.progress;
    let (done, total) = (progress.files_done, progress.files_total);
    format!("{}.{} %, {done} of {total} files", progress.permille / 10, progress.permille % 10)
}

fn ended_by(error: &JobError, why: Option<Why>) -> End {
    let (status, message) = match (error.is_cancel(), why) {
        (true, Some(Why::Stop)) => (Status::Cancelled, "the daemon was stopped".to_owned()),
        (true, Some(Why::Person) | None) => (Status::Cancelled, "cancelled".to_owned()),
        (true, Some(Why::Overdue(overdue))) => (Status::Failed, overdue.ended()),
        (false, _) => (Status::Failed, error.to_string()),
    };
    End { status: Some(status), message, ..End::default() }
}
