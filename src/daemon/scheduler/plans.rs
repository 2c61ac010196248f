//! Plans as tasks: a run is a backup.

use super::{Call, Tasks};
use crate::config::{Config, Plan};
use crate::daemon::Node;
use crate::daemon::ports::{Repos, disabled_reason};
use crate::job::{By, Engine, JobError, RunEnded};
use crate::model::{FlowId, KeyId, PlanId, Status, Timestamp};
use crate::reconcile::Shard;
use crate::schedule::{Ended, Entry, Schedule, Start, TaskKey};
use crate::store::trust::PlanRun;
use crate::store::{History, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many of a plan's newest backups are looked at for the one that was under way.
const LOOKED_AT: usize = 8;
/// An operation begins a moment after the book has it; clocks are read twice.
const MOMENT: Duration = Duration::from_secs(5);

/// The plans of the configuration.
#[derive(Clone)]
pub struct PlanTasks {
    node: Arc<Node>,
    /// Of the last attempt of each: the next one goes on with it.
    flows: Arc<Mutex<BTreeMap<PlanId, FlowId>>>,
}

impl PlanTasks {
    /// Of this instance.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, flows: Arc::default() }
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

    async fn back_up(self, plan: PlanId, start: Start) -> Ended {
        let flow = self.flow(&plan).filter(|_| start.attempt > 1);
        let by = By::Schedule { attempt: start.attempt, attempts: start.attempts, flow };
        let engine: &Engine = &self.node.engine;
        let ended = match engine.backup_by(&plan, by).await {
            Ok(begun) => begun.ended().await,
            Err(JobError::Stopping) => return never().await,
            Err(error) => {
                tracing::warn!(%error, %plan, "a run that was due was not started");
                return Ended::FailedForGood;
            }
        };
        let Some(RunEnded { operation, needs_a_person }) = ended else {
            return self.recorded(plan, start.due).await;
        };
        self.flows().insert(plan, operation.flow);
        match operation.status {
            Status::Succeeded | Status::Warning | Status::Skipped => Ended::Well,
            Status::Failed if needs_a_person => Ended::FailedForGood,
            Status::Failed | Status::Lost => Ended::Failed,
            // A stop of the daemon is no person's word: the next start takes it up again.
            Status::Cancelled if engine.is_stopping() => never().await,
            Status::Cancelled => Ended::Cancelled,
            Status::Pending | Status::Running => Ended::Interrupted,
        }
    }

    fn flows(&self) -> std::sync::MutexGuard<'_, BTreeMap<PlanId, FlowId>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flow(&self, plan: &PlanId) -> Option<FlowId> {
        self.flows().get(plan).copied()
    }

    async fn recorded(self, plan: PlanId, began: Timestamp) -> Ended {
        let config = self.node.config.current();
        match config.plan(&plan) {
            Some(plan) => recorded(&self.node.history, plan, began).await,
            None => Ended::FailedForGood,
        }
    }
}

/// The end of what the stop of the daemon cut off is not told: it stays open in the book.
async fn never() -> Ended {
    std::future::pending().await
}

/// What the history knows of a run that began at that time or later.
async fn recorded(history: &History, plan: &Plan, began: Timestamp) -> Ended {
    let shard = Shard { repo: plan.repo.to_string(), plan: plan.id.to_string() };
    let read = history.read(move |reader| reader.own_backups(&shard, LOOKED_AT)).await;
    let Ok((_, backups)) = read else { return Ended::Interrupted };
    let since = began.minus(MOMENT);
    let newest = backups.into_iter().filter(|backup| backup.started_at >= since);
    let newest = newest.max_by_key(|backup| backup.started_at);
    match newest.map(|backup| (backup.status, backup.has_snapshot)) {
        Some((Some(Status::Succeeded | Status::Warning | Status::Skipped), _)) => Ended::Well,
        Some((Some(Status::Lost), true)) => Ended::Well,
        Some((Some(Status::Failed | Status::Lost), _)) => Ended::Failed,
        // Stopped with the daemon, or it never began.
        Some((Some(Status::Cancelled | Status::Pending | Status::Running) | None, _)) | None => {
            Ended::Interrupted
        }
    }
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

    fn run(&self, start: Start) -> Call<Ended> {
        match start.key.clone() {
            TaskKey::Plan(plan) => Box::pin(self.clone().back_up(plan, start)),
            TaskKey::Repo(..) => Box::pin(std::future::ready(Ended::FailedForGood)),
        }
    }

    fn outcome(&self, key: TaskKey, began: Timestamp) -> Call<Ended> {
        match key {
            TaskKey::Plan(plan) => Box::pin(self.clone().recorded(plan, began)),
            TaskKey::Repo(..) => Box::pin(std::future::ready(Ended::FailedForGood)),
        }
    }
}
