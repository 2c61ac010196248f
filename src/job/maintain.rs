//! Keeping repositories in order: forget, prune, check, stats, index, unlock, and commands by hand.

use super::board::{Active, Added};
use super::engine::{About, End};
use super::locks::{Site, removed};
use super::queue::Mode;
use super::run_by::By;
use super::{Engine, JobError, Standing};
use crate::clock;
use crate::model::{Operation, OperationId, OperationKind, PlanId, RepoGuid, RepoId, Status};
use crate::restic::{Command, Failure, Guarded, Measure, Reach, Reason, SnapshotFilter};
use std::sync::Arc;

/// What is done with a repository besides saving into it and restoring from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Forgets snapshots: of a plan of this instance, or by the retention of the repo.
    Forget(Option<PlanId>),
    /// Removes what no snapshot needs.
    Prune,
    /// Verifies it, and reads the next part of its data.
    Check,
    /// Measures it.
    Stats,
    /// Lists its snapshots, and marks what is gone.
    Index,
    /// Removes locks.
    Unlock(UnlockScope),
    /// Runs what a person gave word by word.
    Command(Guarded),
}

/// Which locks are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlockScope {
    /// Those whose process is known to be gone.
    Stale,
    /// All: a person knows that nobody works on it.
    All,
}

impl Task {
    /// The upkeep of a repo that a kind of operation is, with what is stored and nothing else.
    #[must_use]
    pub const fn of(kind: OperationKind) -> Option<Self> {
        match kind {
            OperationKind::Forget => Some(Self::Forget(None)),
            OperationKind::Prune => Some(Self::Prune),
            OperationKind::Check => Some(Self::Check),
            OperationKind::Stats => Some(Self::Stats),
            OperationKind::Index => Some(Self::Index),
            OperationKind::Backup
            | OperationKind::Restore
            | OperationKind::Hook
            | OperationKind::Command
            | OperationKind::Unlock
            | OperationKind::Init => None,
        }
    }

    const fn kind(&self) -> OperationKind {
        match self {
            Self::Forget(_) => OperationKind::Forget,
            Self::Prune => OperationKind::Prune,
            Self::Check => OperationKind::Check,
            Self::Stats => OperationKind::Stats,
            Self::Index => OperationKind::Index,
            Self::Unlock(_) => OperationKind::Unlock,
            Self::Command(_) => OperationKind::Command,
        }
    }

    /// How it takes its turn; `None`: beside whatever is going on.
    const fn mode(&self) -> Option<Mode> {
        match self {
            Self::Forget(_) | Self::Prune | Self::Check => Some(Mode::Alone),
            Self::Stats | Self::Index => Some(Mode::Shared),
            Self::Unlock(_) => None,
            Self::Command(guarded) => Some(match guarded.reach() {
                Reach::Reads => Mode::Shared,
                Reach::Changes => Mode::Alone,
            }),
        }
    }

    /// What of a received repo is its owner's.
    const fn owners(&self) -> Option<&'static str> {
        match self {
            Self::Forget(_) => Some("forgetting snapshots"),
            Self::Prune => Some("pruning"),
            Self::Check => Some("checking"),
            Self::Unlock(UnlockScope::All) => Some("removing the locks of others"),
            Self::Command(guarded) => match guarded.reach() {
                Reach::Reads => None,
                Reach::Changes => Some("changing it by hand"),
            },
            Self::Stats | Self::Index | Self::Unlock(UnlockScope::Stale) => None,
        }
    }

    fn plan(&self) -> Option<PlanId> {
        match self {
            Self::Forget(plan) => plan.clone(),
            Self::Prune
            | Self::Check
            | Self::Stats
            | Self::Index
            | Self::Unlock(_)
            | Self::Command(_) => None,
        }
    }
}

impl Engine {
    /// Starts to keep a repo in order and says which operation it is: the one under way, where the
    /// same is being done; a skipped one, where that was due by schedule.
    ///
    /// # Errors
    /// There is no such repo, it is not ours to do, or the daemon is stopping.
    pub async fn maintain(
        &self,
        repo: &RepoId,
        task: Task,
        by: By,
    ) -> Result<OperationId, JobError> {
        let inner = Arc::clone(&self.inner);
        let guard = inner.task()?;
        let spec = inner.ports.repo(repo).await?;
        if let (Standing::Received, Some(what)) = (spec.standing, task.owners()) {
            return Err(JobError::OwnersWork { repo: repo.clone(), what });
        }
        let about = About { flow: by.flow(), attempt: by.attempt(), ..task.about(repo) };
        let active = match (inner.begin(about).await?, by) {
            (Added::New(active), _) => active,
            (Added::Waiting(id), By::Person) => return Ok(id),
            (Added::Waiting(_), By::Schedule { .. }) => {
                let reason = format!("the {} before it has not ended", task.kind());
                return self.skip(repo, &task, reason).await;
            }
        };
        active.ranks(by.priority());
        let id = active.operation().id;
        let engine = self.clone();
        inner.spawn(guard, async move {
            let end = engine.upkeep_steps(&active, &task).await;
            let end = end.or_else(|error| ended_early(&active, error, by));
            let end = end.map(|end| by.counted(&active, end));
            engine.inner.finish(&active, end).await;
        });
        Ok(id)
    }

    /// Adds the operation of upkeep that was due and is not done, with the reason.
    ///
    /// # Errors
    /// The system gives no random bytes for its id.
    pub async fn skip(
        &self,
        repo: &RepoId,
        task: &Task,
        reason: String,
    ) -> Result<OperationId, JobError> {
        let mut operation = self.inner.compose(task.about(repo)).await?;
        operation.status = Status::Skipped;
        operation.ended_at = Some(clock::now());
        operation.message = format!("skipped: {reason}");
        let id = operation.id;
        self.inner.record(operation).await;
        Ok(id)
    }

    /// All of a task, from its turn to its end.
    pub(super) async fn upkeep_steps(&self, active: &Active, task: &Task) -> Result<End, JobError> {
        let operation = active.operation();
        let Some(repo) = operation.repo else { return Err(JobError::Cancelled) };
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(&repo).await?;
        let keeping = self.inner.ports.keeping(&repo.id).await?;
        let turn = match task.mode() {
            Some(mode) => Some(self.repo_turn(active, (&repo, &keeping), mode).await?),
            None => None,
        };
        let guid = self.standing(&restic, &repo, &mut active.cancelled()).await?;
        active.amend_silently(|op| op.repo_guid = Some(guid.clone()));
        let turn = turn.as_ref();
        let site = Site { restic: &restic, repo: &repo, keeping: &keeping, turn };
        match task {
            Task::Forget(plan) => {
                let end = self.forget_steps(active, site, plan.as_ref()).await?;
                if plan.is_none() {
                    self.index_all(site, active, guid).await?;
                }
                Ok(end)
            }
            Task::Prune => self.prune(active, site).await,
            Task::Check => self.check(active, site).await,
            Task::Stats => self.stats(active, site).await,
            Task::Index => self.index_steps(active, site).await,
            Task::Unlock(scope) => self.unlock_steps(active, site, *scope).await,
            Task::Command(guarded) => self.by_hand(active, site, guarded).await,
        }
    }

    async fn prune(&self, active: &Active, site: Site<'_>) -> Result<End, JobError> {
        let command = Command::Prune(site.keeping.max_unused.clone());
        let (journal, outcome) = self.run_unlocked(active, site, (Mode::Alone, &command)).await;
        outcome?;
        let freed = journal.freed.map(|size| format!("{size} of unused data removed"));
        Ok(done(freed.unwrap_or_else(|| "pruned".to_owned())))
    }

    async fn check(&self, active: &Active, site: Site<'_>) -> Result<End, JobError> {
        let part = match &site.keeping.read_data {
            Some(data) => {
                let repo = site.repo.id.clone();
                let last = self.inner.ports.call(move |ports| ports.runs.part_read(&repo)).await;
                Some(data.after(last.unwrap_or_default()))
            }
            None => None,
        };
        let command = Command::Check(part);
        let (_, outcome) = self.run_unlocked(active, site, (Mode::Alone, &command)).await;
        if let (Some(part), true) = (part, was_read(outcome.as_ref().err())) {
            let repo = site.repo.id.clone();
            self.inner.ports.tell(move |ports| ports.runs.keep_part_read(&repo, part)).await;
        }
        match (outcome, part) {
            (Ok(_), None) => Ok(done("no errors; the data itself was not read".to_owned())),
            (Ok(_), Some(part)) => Ok(done(format!("no errors; {}", part.in_words()))),
            // Until this part is found to be well, no other one says that it is.
            (Err(failure), Some(part)) if failure.reason == Reason::Damaged => {
                active.needs_a_person(true);
                let (status, message) =
                    (Some(Status::Failed), format!("{failure}. Of it, {}", part.in_words()));
                Ok(End { status, message, ..End::default() })
            }
            (Err(failure), _) => Err(failure.into()),
        }
    }

    async fn stats(&self, active: &Active, site: Site<'_>) -> Result<End, JobError> {
        let (access, mut cancel) = (&site.repo.access, active.cancelled());
        let stored = site.restic.measure(access, Measure::Stored, &mut cancel).await?;
        let restored = site.restic.measure(access, Measure::Restored, &mut cancel).await?;
        let (stored_bytes, restored_bytes) = (stored.bytes, restored.bytes);
        let uncompressed = stored.uncompressed.map_or("null".to_owned(), |size| size.to_string());
        // For programs, whatever the sentence says.
        let document = format!(
            "{{\"snapshots\":{},\"stored_bytes\":{stored_bytes},\"uncompressed_bytes\":{uncompressed},\"restore_bytes\":{restored_bytes}}}\n",
            restored.snapshots,
        );
        self.append_log(active, document).await;
        Ok(done(format!(
            "{} stored for {} snapshots of {} together",
            bytes(stored_bytes),
            restored.snapshots,
            bytes(restored_bytes)
        )))
    }

    async fn index_steps(&self, active: &Active, site: Site<'_>) -> Result<End, JobError> {
        let mut cancel = active.cancelled();
        let all = SnapshotFilter::default();
        let snapshots = site.restic.snapshots(&site.repo.access, all, &mut cancel).await?;
        let guid = active.operation().repo_guid;
        let mut gone = 0;
        for plan in site.keeping.plans.keys() {
            gone += self.mark_gone((&site.repo.id, guid.as_ref()), plan, &snapshots).await;
        }
        let named = |snapshot: &&crate::restic::Snapshot| {
            let maker = snapshot.tags.iter().find_map(|tag| tag.strip_prefix("created-by:"));
            snapshot.plan().is_some() && maker.is_some()
        };
        let untagged = snapshots.len() - snapshots.iter().filter(named).count();
        let mut message = format!("{} snapshots", snapshots.len());
        if untagged > 0 {
            message.push_str(&format!(", {untagged} of them of no plan"));
        }
        if gone > 0 {
            message.push_str(&format!("; {gone} of this instance's are gone"));
        }
        Ok(done(message))
    }

    /// The index of the whole repo that follows a forget of the whole repo.
    async fn index_all(
        &self,
        site: Site<'_>,
        forget: &Active,
        guid: RepoGuid,
    ) -> Result<(), JobError> {
        let flow = Some(forget.operation().flow);
        let about = About { flow, ..Task::Index.about(&site.repo.id) };
        // One that is under way sees it too.
        let Added::New(active) = self.inner.begin(about).await? else { return Ok(()) };
        active.amend_silently(|op| op.repo_guid = Some(guid));
        let end = self.index_steps(&active, site).await;
        self.inner.finish(&active, end).await;
        Ok(())
    }

    async fn unlock_steps(
        &self,
        active: &Active,
        site: Site<'_>,
        scope: UnlockScope,
    ) -> Result<End, JobError> {
        let (access, mut cancel) = (&site.repo.access, active.cancelled());
        let (gone, why, left) = match scope {
            UnlockScope::All => {
                let cleared = site.restic.remove_all_locks(access, &mut cancel).await?;
                (cleared.removed, "because a person said so", cleared.left)
            }
            UnlockScope::Stale => {
                let cleared = self.clear_stale(site, &mut cancel).await?;
                (cleared.removed, "whose process is gone", cleared.left)
            }
        };
        let mut message = match gone.is_empty() {
            true => "no lock was removed".to_owned(),
            false => removed(&gone, why),
        };
        if !left.is_empty() {
            let held: Vec<_> = left.iter().map(ToString::to_string).collect();
            message.push_str(&format!("; still held by {}", held.join("; ")));
        }
        Ok(done(message))
    }

    async fn by_hand(
        &self,
        active: &Active,
        site: Site<'_>,
        guarded: &Guarded,
    ) -> Result<End, JobError> {
        let mode = match guarded.reach() {
            Reach::Reads => Mode::Shared,
            Reach::Changes => Mode::Alone,
        };
        self.append_log(active, format!("$ restic {}\n", guarded.text())).await;
        let command = Command::Guarded(guarded.clone());
        self.run_unlocked(active, site, (mode, &command)).await.1?;
        if guarded.reach() == Reach::Changes {
            let guid = active.operation().repo_guid;
            if let Some(guid) = guid {
                self.index_all(site, active, guid).await?;
            }
        }
        Ok(done(format!("restic {}", guarded.text().chars().take(200).collect::<String>())))
    }

    pub(super) async fn append_log(&self, active: &Active, text: String) {
        let id = active.operation().id;
        if !text.is_empty() {
            self.inner.ports.tell(move |ports| ports.history.append_log(id, &text)).await;
        }
    }

    /// Marks the backups of a plan into that repository whose snapshot is not among those that there
    /// are. How many. What went to another one, under the same id of the repo, is not missing in this
    /// one; where it is not known which one was listed, nothing is marked.
    pub(super) async fn mark_gone(
        &self,
        (repo, listed): (&RepoId, Option<&RepoGuid>),
        plan: &PlanId,
        snapshots: &[crate::restic::Snapshot],
    ) -> usize {
        let Some(listed) = listed else { return 0 };
        let (repo, plan) = (repo.clone(), plan.clone());
        let with = self.inner.ports.call(move |p| p.history.with_snapshot(&repo, &plan)).await;
        let mut gone = with.unwrap_or_default();
        gone.retain(|operation| is_missing(operation, listed, snapshots));
        let count = gone.len();
        for mut operation in gone {
            operation.revision += 1;
            operation.snapshot_gone = Some(clock::now());
            self.inner.record(operation).await;
        }
        count
    }
}

impl Task {
    fn about(&self, repo: &RepoId) -> About {
        About {
            kind: self.kind(),
            repo: repo.clone(),
            plan: self.plan(),
            flow: None,
            attempt: None,
        }
    }
}

/// Whether its snapshot should be among those of the listed repository, and is not.
fn is_missing(
    operation: &Operation,
    listed: &RepoGuid,
    snapshots: &[crate::restic::Snapshot],
) -> bool {
    let id = operation.snapshot.as_deref().unwrap_or_default();
    let is_there = || snapshots.iter().any(|snapshot| snapshot.id.as_str() == id);
    operation.repo_guid.as_ref() == Some(listed) && !is_there()
}

fn done(message: String) -> End {
    End { status: Some(Status::Succeeded), message, ..End::default() }
}

/// What was due by schedule and makes no sense yet is skipped, not failed.
fn ended_early(active: &Active, error: JobError, by: By) -> Result<End, JobError> {
    match (&error, by) {
        (JobError::NotInitialised { .. }, By::Schedule { .. }) => {
            let message = "skipped: nothing has been saved into this repo yet".to_owned();
            Ok(End { status: Some(Status::Skipped), message, ..End::default() })
        }
        _ if error.is_cancel() => Err(error),
        _ => {
            // Of the failures of upkeep only this one is not tried again: to read it all once more
            // mends no damage.
            active.needs_a_person(is_damage(&error));
            let (status, message) = (Some(Status::Failed), error.to_string());
            Ok(End { status, message, ..End::default() })
        }
    }
}

const fn is_damage(error: &JobError) -> bool {
    matches!(error, JobError::Failed(Failure { reason: Reason::Damaged, .. }))
}

/// Whether a check came to its end, well or not.
fn was_read(failure: Option<&Failure>) -> bool {
    failure.is_none_or(|failure| failure.reason == Reason::Damaged)
}

/// `1.2 GiB`.
fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut unit, mut tenths) = (0, u128::from(count) * 10);
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, units.get(unit).unwrap_or(&"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_to_another_repository_is_not_missing_in_this_one() {
        let [here, elsewhere] = ["ab", "cd"].map(|digits| digits.repeat(32).parse().unwrap());
        let id = OperationId::from_bytes([1; 16]);
        let begun = Operation::begun(
            id,
            "nas".parse().unwrap(),
            OperationKind::Backup,
            crate::model::Timestamp::from_millis(1),
        );
        let into = |repo_guid: Option<&RepoGuid>| {
            let (repo_guid, snapshot) = (repo_guid.cloned(), Some("12".repeat(32)));
            is_missing(&Operation { repo_guid, snapshot, ..begun.clone() }, &here, &[])
        };
        assert!(into(Some(&here)));
        assert!(!into(Some(&elsewhere)) && !into(None));
    }

    #[test]
    fn sizes_are_read_by_people() {
        let sizes = [0, 1023, 1024, 1536, 5 << 30, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB", "16383.9 PiB"]);
    }
}
