//! Plans as tasks: a run is a backup.

use super::{Call, Tasks};
use crate::config::{Config, Plan};
use crate::daemon::Node;
use crate::daemon::ports::{Repos, disabled_reason};
use crate::job::{By, Engine, JobError, RunEnded};
use crate::model::{KeyId, OperationKind, PlanId, Status, Timestamp};
use crate::reconcile::Shard;
use crate::schedule::{Ended, Entry, Ran, Schedule, Start, TaskKey};
use crate::store::trust::PlanRun;
use crate::store::{History, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How many of a plan's newest backups are looked at for the one that was under way.
const LOOKED_AT: usize = 8;
/// An operation begins a moment after the book has it; clocks are read twice.
const MOMENT: Duration = Duration::from_secs(5);

/// The plans of the configuration.
#[derive(Clone)]
pub struct PlanTasks {
    node: Arc<Node>,
}

impl PlanTasks {
    /// Of this instance.
    #[must_use]
    pub const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn all(self) -> Result<Vec<Entry>, StoreError> {
        let (config, key) = (self.node.config.current(), self.node.key());
        let of_trust = Arc::clone(&config);
        let read = self
            .node
            .with_trust(move |trust, _| Ok((Repos::read(of_trust, trust)?, trust.plan_runs()?)));
        let (repos, runs) = read.await?;
        let entry = |plan: &Plan| {
            let enabled = disabled_reason(plan, &repos).is_none();
            Entry { enabled, ..entry(plan, &config, &runs, &key) }
        };
        Ok(config.plans.iter().map(entry).collect())
    }

    async fn back_up(self, plan: PlanId, start: Start) -> Ran {
        let by = By::Schedule { attempt: start.attempt, flow: start.flow };
        let engine: &Engine = &self.node.engine;
        let ended = match engine.backup_by(&plan, by).await {
            Ok(begun) => begun.ended().await,
            Err(JobError::Stopping) => return never().await,
            Err(error) => {
                tracing::warn!(%error, %plan, "a run that was due was not started");
                return Ended::FailedForGood.into();
            }
        };
        let Some(RunEnded { operation, needs_a_person }) = ended else {
            return self.recorded(plan, start.due).await;
        };
        let end = match operation.status {
            Status::Succeeded | Status::Warning | Status::Skipped => Ended::Well,
            Status::Failed if needs_a_person => Ended::FailedForGood,
            Status::Failed | Status::Lost => Ended::Failed,
            // A stop of the daemon is no person's word: the next start takes it up again.
            Status::Cancelled if engine.is_stopping() => return never().await,
            Status::Cancelled => Ended::Cancelled,
            Status::Pending | Status::Running => Ended::Interrupted,
        };
        Ran { end, flow: Some(operation.flow) }
    }

    async fn recorded(self, plan: PlanId, began: Timestamp) -> Ran {
        let config = self.node.config.current();
        match config.plan(&plan) {
            Some(plan) => recorded(&self.node.history, plan, began).await,
            None => Ended::FailedForGood.into(),
        }
    }
}

/// The end of what the stop of the daemon cut off is not told: it stays open in the book.
async fn never() -> Ran {
    std::future::pending().await
}

/// What the history knows of a run that began at that time or later.
async fn recorded(history: &History, plan: &Plan, began: Timestamp) -> Ran {
    let shard = Shard { repo: plan.repo.to_string(), plan: plan.id.to_string() };
    let read = history.read(move |reader| {
        reader.newest(reader.owner(), &shard, Some(OperationKind::Backup), LOOKED_AT)
    });
    let Ok(backups) = read.await else { return Ended::Interrupted.into() };
    let since = began.minus(MOMENT);
    let backups = backups.into_iter().filter_map(|backup| backup.state);
    let newest = backups.filter(|backup| backup.started_at >= since);
    let newest = newest.max_by_key(|backup| backup.started_at);
    // What a person asked for meanwhile is no attempt of this run.
    let attempt = newest.as_ref().filter(|backup| backup.attempt.is_some());
    let flow = attempt.map(|backup| backup.flow);
    let end = match newest.map(|backup| (backup.status, backup.snapshot.is_some())) {
        Some((Status::Succeeded | Status::Warning | Status::Skipped, _)) => Ended::Well,
        Some((Status::Lost, true)) => Ended::Well,
        Some((Status::Failed | Status::Lost, _)) => Ended::Failed,
        // Stopped with the daemon, or it never began.
        Some((Status::Cancelled | Status::Pending | Status::Running, _)) | None => {
            Ended::Interrupted
        }
    };
    Ran { end, flow }
}

fn entry(plan: &Plan, config: &Config, runs: &[PlanRun], instance: &KeyId) -> Entry {
    let run_of = |plan: &Plan| {
        runs.iter().find(|run| run.plan == plan.id && run.repo.as_ref() == Some(&plan.repo))
    };
    let followed = match &plan.schedule {
        Schedule::After { plan } => config.plan(plan).and_then(run_of),
        Schedule::Manual | Schedule::Cron { .. } | Schedule::Every { .. } => None,
    };
    let key = TaskKey::Plan(plan.id.clone());
    Entry {
        put_off: key.put_off(instance, plan.schedule.jitter()),
        key,
        repo: plan.repo.clone(),
        schedule: plan.schedule.clone(),
        only_when: plan.only_when.clone(),
        retry: plan.retry,
        last_start: run_of(plan).map(|run| run.started_at),
        followed: followed.and_then(|run| run.last_success),
        enabled: plan.enabled,
    }
}

impl Tasks for PlanTasks {
    fn entries(&self) -> Call<Result<Vec<Entry>, StoreError>> {
        Box::pin(self.clone().all())
    }

    fn has(&self, key: &TaskKey) -> bool {
        matches!(key, TaskKey::Plan(_))
    }

    fn run(&self, start: Start) -> Call<Ran> {
        match start.key.clone() {
            TaskKey::Plan(plan) => Box::pin(self.clone().back_up(plan, start)),
            TaskKey::Repo(..) => Box::pin(std::future::ready(Ended::FailedForGood.into())),
        }
    }

    fn outcome(&self, key: TaskKey, began: Timestamp) -> Call<Ran> {
        match key {
            TaskKey::Plan(plan) => Box::pin(self.clone().recorded(plan, began)),
            TaskKey::Repo(..) => Box::pin(std::future::ready(Ended::FailedForGood.into())),
        }
    }
}
