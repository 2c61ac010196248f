//! A backup, and the index of its plan's snapshots that follows it.

use super::board::{Active, Added};
use super::engine::{About, End};
use super::hooks::{Permission, noted};
use super::journal::Journal;
use super::locks::Site;
use super::queue::Mode;
use super::run_by::{Begun, By};
use super::{Engine, JobError, PlanSpec, RepoSpec};
use crate::clock;
use crate::model::{
    FlowId, InstanceId, Operation, OperationId, OperationKind, PlanId, RepoGuid, RepoId, Stats,
    Status,
};
use crate::restic::{Command, Completeness, Outcome, Restic, Snapshot, SnapshotFilter, SnapshotId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a backup leaves for the index: the plan's snapshots, listed after it.
type Listed = Result<Vec<Snapshot>, JobError>;

impl Engine {
    /// Starts a backup and says which operation it is. While the plan runs, the new one waits; where
    /// one waits already, it is that one.
    ///
    /// # Errors
    /// There is no such plan, it is disabled, or the daemon is stopping.
    pub async fn backup(&self, plan: &PlanId) -> Result<OperationId, JobError> {
        Ok(self.backup_by(plan, By::Person).await?.id)
    }

    /// As [`Engine::backup`], for whom it is said to be, and with its end.
    ///
    /// # Errors
    /// As for [`Engine::backup`].
    pub async fn backup_by(&self, plan: &PlanId, by: By) -> Result<Begun, JobError> {
        let inner = Arc::clone(&self.inner);
        let task = inner.task()?;
        let plan = inner.ports.plan(plan).await?;
        let about = About {
            kind: OperationKind::Backup,
            repo: plan.repo.clone(),
            plan: Some(plan.id.clone()),
            flow: by.flow(),
            attempt: by.attempt(),
        };
        let active = match inner.begin(about).await? {
            Added::Waiting(id) => return Ok(Begun { id, active: inner.board.find(id) }),
            Added::New(active) => active,
        };
        active.ranks(by.priority());
        let id = active.operation().id;
        let (engine, begun) = (self.clone(), Begun { id, active: Some(Arc::clone(&active)) });
        inner.spawn(task, async move { engine.back_up(&active, &plan, by).await });
        Ok(begun)
    }

    /// Lists the snapshots of a plan, and tells the plan's lost runs whose snapshot is there.
    ///
    /// # Errors
    /// The repo cannot be read, or the daemon is stopping.
    pub async fn index(&self, repo: &RepoId, plan: &PlanId) -> Result<Operation, JobError> {
        let _task = self.inner.task()?;
        let spec = self.inner.ports.repo(repo).await?;
        let restic = self.inner.locator.restic().await?;
        let mut cancel = self.inner.task()?;
        // Where it does not say which repository it is, it is listed and nothing is marked as gone.
        let guid = self.standing(&restic, &spec, &mut cancel).await.ok();
        let listed = self.list(&restic, &spec, plan).await;
        self.record_index((repo, guid), plan, None, listed).await
    }

    async fn back_up(&self, active: &Active, plan: &PlanSpec, by: By) {
        let mut listed = None;
        let end = self.steps(active, plan, &mut listed).await;
        let end = end.or_else(|error| failed_early(active, error));
        let end = end.map(|end| by.counted(active, end));
        let ended = self.inner.finish(active, end).await;
        if let Some(mut listed) = listed {
            let mut guid = ended.repo_guid;
            if self.forget_after(&plan.id, &plan.repo, (ended.flow, active.priority())).await {
                (listed, guid) = self.list_again(plan).await;
            }
            let flow = Some(ended.flow);
            let indexed = self.record_index((&plan.repo, guid), &plan.id, flow, listed).await;
            if let Err(error) = indexed {
                tracing::warn!(%error, plan = %plan.id, "no index after the backup");
            }
        }
    }

    async fn steps(
        &self,
        active: &Active,
        plan: &PlanSpec,
        listed: &mut Option<Listed>,
    ) -> Result<End, JobError> {
        let inner = &self.inner;
        let mut cancel = active.cancelled();
        let _plan_turn = self.plan_turn(active, &plan.id).await?;
        let restic = inner.locator.restic().await?;
        let notes = match inner.before(active, &mut cancel).await? {
            Permission::Go(notes) => notes,
            Permission::Stop(end) => return Ok(end),
        };
        let repo = inner.ports.repo(&plan.repo).await?.tuned(plan.tuning);
        let keeping = inner.ports.keeping(&plan.repo).await?;
        let repo_turn = self.repo_turn(active, (&repo, &keeping), Mode::Shared).await?;
        let flow = active.operation().flow;
        cancel.run(self.sweep_repo(&restic, &repo)).await.ok_or(JobError::Cancelled)?;
        let guid = self.ensure(&restic, &repo, Some(flow), &mut cancel).await?;
        active.amend_silently(|op| op.repo_guid = Some(guid));
        let command = Command::Backup(plan.backup(active.operation().instance));
        let turn = Some(&repo_turn);
        let site = Site { restic: &restic, repo: &repo, keeping: &keeping, turn };
        let (journal, outcome) = match &plan.dump {
            Some(dump) => {
                let until = clock::monotonic().plus(keeping.lock_wait);
                self.wait_unlocked(active, site, Mode::Shared, until).await;
                inner.run_fed(active, (&restic, &repo), &command, dump).await
            }
            None => {
                let (journal, outcome) =
                    self.run_unlocked(active, site, (Mode::Shared, &command)).await;
                (journal, outcome.map_err(JobError::from))
            }
        };
        match outcome {
            Ok(outcome) => {
                let list = self.list(&restic, &repo, &plan.id).await;
                let end = saved(&outcome, journal, list.as_deref().unwrap_or_default());
                *listed = Some(list);
                Ok(noted(end, notes))
            }
            Err(failure) if active.why().is_none() => {
                active.needs_a_person(failure.needs_a_person());
                Ok(failed(&failure, journal))
            }
            Err(failure) => Err(failure),
        }
    }

    /// With the repository that was listed, as known at the repo's location of now: that may have been
    /// changed since the backup.
    async fn list_again(&self, plan: &PlanSpec) -> (Listed, Option<RepoGuid>) {
        let (restic, repo) = match self.at_hand(&plan.repo).await {
            Ok(at_hand) => at_hand,
            Err(error) => return (Err(error), None),
        };
        let spec = repo.clone();
        let known = self.inner.ports.call(move |ports| ports.runs.guid(&spec)).await;
        (self.list(&restic, &repo, &plan.id).await, known.ok().flatten())
    }

    async fn at_hand(&self, repo: &RepoId) -> Result<(Restic, RepoSpec), JobError> {
        let restic = self.inner.locator.restic().await?;
        Ok((restic, self.inner.ports.repo(repo).await?))
    }

    async fn list(&self, restic: &Restic, repo: &RepoSpec, plan: &PlanId) -> Listed {
        let mut cancel = self.inner.task().map_err(|_| JobError::Cancelled)?;
        let filter = SnapshotFilter { plan: Some(plan.clone()), ..SnapshotFilter::default() };
        self.listed(restic, repo, filter, &mut cancel).await
    }

    /// Adds the index operation, already at its end: it takes a moment, and nobody waits for it.
    async fn record_index(
        &self,
        (repo, guid): (&RepoId, Option<RepoGuid>),
        plan: &PlanId,
        flow: Option<FlowId>,
        listed: Listed,
    ) -> Result<Operation, JobError> {
        let (repo, plan) = (repo.clone(), plan.clone());
        let about = About {
            kind: OperationKind::Index,
            repo: repo.clone(),
            plan: Some(plan.clone()),
            flow,
            attempt: None,
        };
        let mut index = self.inner.compose(about).await?;
        index.ended_at = Some(clock::now());
        match listed {
            Ok(snapshots) => {
                let of_plan = of_instance(&snapshots, &index.instance).count();
                index.status = Status::Succeeded;
                let noun = if of_plan == 1 { "snapshot" } else { "snapshots" };
                index.message = format!("{of_plan} {noun} of plan {plan}");
                self.find_lost(&repo, &plan, &snapshots).await;
                self.mark_gone((&repo, guid.as_ref()), &plan, &snapshots).await;
            }
            // Only a stop of the daemon interrupts it: nothing is wrong with the repository.
            Err(error) if error.is_cancel() => {
                index.status = Status::Cancelled;
                index.message = "the daemon was stopped".to_owned();
            }
            Err(error) => {
                index.status = Status::Failed;
                index.message = error.to_string();
            }
        }
        self.inner.record(index.clone()).await;
        Ok(index)
    }

    /// A run whose daemon died may have made its snapshot all the same: restic writes it last.
    async fn find_lost(&self, repo: &RepoId, plan: &PlanId, snapshots: &[Snapshot]) {
        let (repo, plan) = (repo.clone(), plan.clone());
        let read = self.inner.ports.call(move |ports| {
            let (lost, known) =
                (ports.history.lost(&repo, &plan), ports.history.with_snapshot(&repo, &plan));
            lost.and_then(|lost| Ok((lost, known?)))
        });
        let (mut lost, known) = read.await.unwrap_or_default();
        lost.sort_by_key(|operation| operation.started_at);
        let mut claimed: BTreeSet<_> =
            known.into_iter().filter_map(|known| known.snapshot).collect();
        for operation in lost {
            if let Some(found) = found(operation, snapshots, &claimed) {
                claimed.extend(found.snapshot.clone());
                self.inner.record(found).await;
            }
        }
    }
}

/// The lost operation with its snapshot: the first that its plan began between its start and the
/// time at which it was found lost (restic had died with its daemon by then), and that no other
/// operation made.
fn found(
    mut lost: Operation,
    snapshots: &[Snapshot],
    claimed: &BTreeSet<String>,
) -> Option<Operation> {
    let until = lost.ended_at.unwrap_or_else(clock::now);
    let snapshot = of_instance(snapshots, &lost.instance)
        .filter(|snapshot| snapshot.time >= lost.started_at && snapshot.time <= until)
        .filter(|snapshot| !claimed.contains(snapshot.id.as_str()))
        .min_by_key(|snapshot| snapshot.time)?;
    lost.revision += 1;
    lost.snapshot = Some(snapshot.id.to_string());
    let short: String = snapshot.id.as_str().chars().take(8).collect();
    lost.message = format!(
        "the daemon died while this ran, but snapshot {short} of it is in the repository: it was completed"
    );
    Some(lost)
}

fn of_instance<'a>(
    snapshots: &'a [Snapshot],
    instance: &'a InstanceId,
) -> impl Iterator<Item = &'a Snapshot> {
    snapshots.iter().filter(move |snapshot| snapshot.instance().as_ref() == Some(instance))
}

/// A snapshot was made.
fn saved(outcome: &Outcome, journal: Journal, snapshots: &[Snapshot]) -> End {
    let Journal { item_errors, summary, .. } = journal;
    // 0.14 tells the beginning of the id only.
    let told = summary.as_ref().and_then(|summary| summary.snapshot.clone());
    let summary_is_there = summary.is_some();
    let snapshot = told.clone().and_then(|told| whole(&told, snapshots));
    let stats = summary.map(|summary| Stats { item_errors: item_errors.total, ..summary.stats });
    let unread = item_errors.total;
    let made_none = summary_is_there && told.is_none();
    let (status, message) = match outcome.completeness {
        Completeness::Whole if unread == 0 && made_none => {
            (Status::Succeeded, "nothing has changed, so no snapshot was made".to_owned())
        }
        Completeness::Whole if unread == 0 => (Status::Succeeded, String::new()),
        Completeness::Whole | Completeness::Partial => {
            (Status::Warning, format!("{} could not be read; the rest is saved", items(unread)))
        }
    };
    End { status: Some(status), message, snapshot, stats, item_errors }
}

/// restic may end as if some were not read and name none.
fn items(unread: u64) -> String {
    match unread {
        0 => "some files or folders".to_owned(),
        1 => "1 file or folder".to_owned(),
        many => format!("{many} files or folders"),
    }
}

fn whole(told: &SnapshotId, snapshots: &[Snapshot]) -> Option<String> {
    if told.is_whole() {
        return Some(told.to_string());
    }
    let listed = snapshots.iter().find(|snapshot| snapshot.id.as_str().starts_with(told.as_str()));
    listed.map(|snapshot| snapshot.id.to_string())
}

/// It failed before restic did its part; what somebody stopped did not fail.
fn failed_early(active: &Active, error: JobError) -> Result<End, JobError> {
    if error.is_cancel() {
        return Err(error);
    }
    active.needs_a_person(error.needs_a_person());
    let (status, message) = (Some(Status::Failed), error.to_string());
    Ok(End { status, message, ..End::default() })
}

pub(super) fn failed(failure: &JobError, journal: Journal) -> End {
    let (status, message) = (Some(Status::Failed), failure.to_string());
    End { status, message, item_errors: journal.item_errors, ..End::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_is_counted_in_words() {
        assert_eq!(items(0), "some files or folders");
        assert_eq!(items(1), "1 file or folder");
        assert_eq!(items(2), "2 files or folders");
    }
}
