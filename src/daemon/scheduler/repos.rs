//! The upkeep of repos as tasks: a run is a forget, a prune, a check or a measurement.

use super::{Call, Tasks};
use crate::config::Repo;
use crate::daemon::Node;
use crate::daemon::ports::place;
use crate::job::{By, JobError, Task};
use crate::model::{Operation, OperationId, OperationKind, RepoId, Status, Timestamp};
use crate::reconcile::Shard;
use crate::restic::Reason;
use crate::schedule::{Ended, Entry, OnlyWhen, Ran, Retry, Schedule, Start, TaskKey};
use crate::store::StoreError;
use crate::store::history::Whose;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// An operation begins a moment after the book has it; clocks are read twice.
const MOMENT: Duration = Duration::from_secs(5);

/// The repos of the configuration.
#[derive(Clone)]
pub struct RepoTasks {
    node: Arc<Node>,
}

impl RepoTasks {
    /// Of this instance.
    #[must_use]
    pub const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn all(self) -> Result<Vec<Entry>, StoreError> {
        let (config, instance) = (self.node.config.current(), self.node.key());
        let tasks = |repo: &Repo| {
            let due = repo.upkeep.schedules().map(|(kind, when)| (kind, when.clone()));
            let retry = repo.upkeep.retry.unwrap_or_default();
            due.map(|(kind, when)| (repo.id.clone(), kind, when, retry)).collect::<Vec<_>>()
        };
        let tasks: Vec<_> = config.repos.iter().flat_map(tasks).collect();
        let keys: Vec<_> = tasks.iter().map(|(repo, kind, ..)| (repo.clone(), *kind)).collect();
        let begun = self.begun(keys).await?;
        let made = self.made().await?;
        let entry = |(repo, kind, schedule, retry): (RepoId, OperationKind, Schedule, Retry)| {
            let key = TaskKey::Repo(repo.clone(), kind);
            Entry {
                put_off: key.put_off(&instance, schedule.jitter()),
                last_start: begun.get(&key).copied(),
                key,
                // Before its first use there is nothing to keep in order.
                enabled: made.contains(&repo),
                repo,
                schedule,
                only_when: OnlyWhen::default(),
                retry,
                followed: None,
            }
        };
        Ok(tasks.into_iter().map(entry).collect())
    }

    /// The repos whose repository is known.
    async fn made(&self) -> Result<BTreeSet<RepoId>, StoreError> {
        let config = self.node.config.current();
        let read = self.node.with_trust(move |trust, _| {
            let mut made = BTreeSet::new();
            for repo in &config.repos {
                let Ok(uri) = repo.uri.resolve() else { continue };
                if trust.repo_guid(&repo.id, &place(&uri))?.is_some() {
                    made.insert(repo.id.clone());
                }
            }
            Ok(made)
        });
        read.await
    }

    /// When each of these was last begun.
    async fn begun(
        &self,
        keys: Vec<(RepoId, OperationKind)>,
    ) -> Result<BTreeMap<TaskKey, Timestamp>, StoreError> {
        let read = self.node.history.read(move |reader| {
            let mut begun = BTreeMap::new();
            for (repo, kind) in keys {
                let newest = reader.newest(reader.owner(), &shard(&repo), Some(kind), 1)?;
                let at = newest.first().map(|recorded| recorded.started_at);
                begun.extend(at.map(|at| (TaskKey::Repo(repo, kind), at)));
            }
            Ok(begun)
        });
        read.await
    }

    async fn keep(self, repo: RepoId, kind: OperationKind, start: Start) -> Ran {
        let Some(task) = Task::of(kind) else { return Ended::FailedForGood.into() };
        let by = By::Schedule { attempt: start.attempt, flow: start.flow };
        let engine = &self.node.engine;
        let id = match engine.maintain(&repo, task, by).await {
            Ok(id) => id,
            Err(JobError::Stopping) => return std::future::pending().await,
            Err(error) => {
                tracing::warn!(%error, %repo, %kind, "upkeep that was due was not started");
                return Ended::FailedForGood.into();
            }
        };
        let ended = match engine.wait(id).await {
            Some(ended) => Some(ended),
            None => self.recorded(id).await,
        };
        match ended {
            // A stop of the daemon is no person's word: the next start takes it up again.
            Some(ended) if ended.status == Status::Cancelled && engine.is_stopping() => {
                std::future::pending().await
            }
            Some(ended) => end_of(&ended),
            None => Ended::Interrupted.into(),
        }
    }

    async fn recorded(&self, id: OperationId) -> Option<Operation> {
        let read = self.node.history.read(move |reader| reader.operation(Whose::Own, id)).await;
        read.ok()?.into_iter().find_map(|recorded| recorded.state)
    }

    async fn settled(self, repo: RepoId, kind: OperationKind, began: Timestamp) -> Ran {
        let read = self
            .node
            .history
            .read(move |reader| reader.newest(reader.owner(), &shard(&repo), Some(kind), 1));
        let newest = read.await.unwrap_or_default().into_iter().next();
        let newest = newest.filter(|recorded| recorded.started_at >= began.minus(MOMENT));
        match newest.and_then(|recorded| recorded.state) {
            // Stopped with the daemon, or it never began.
            Some(ended) if ended.status != Status::Cancelled => end_of(&ended),
            Some(ended) => Ran { end: Ended::Interrupted, flow: Some(ended.flow) },
            None => Ended::Interrupted.into(),
        }
    }
}

/// What is of a repo and not of a plan.
fn shard(repo: &RepoId) -> Shard {
    Shard { repo: repo.to_string(), plan: String::new() }
}

fn end_of(operation: &Operation) -> Ran {
    let end = match operation.status {
        Status::Succeeded | Status::Warning | Status::Skipped => Ended::Well,
        // To read it all again mends no damage.
        Status::Failed if operation.message.starts_with(&Reason::Damaged.to_string()) => {
            Ended::FailedForGood
        }
        Status::Failed | Status::Lost => Ended::Failed,
        Status::Cancelled => Ended::Cancelled,
        Status::Pending | Status::Running => Ended::Interrupted,
    };
    Ran { end, flow: Some(operation.flow) }
}

impl Tasks for RepoTasks {
    fn entries(&self) -> Call<Result<Vec<Entry>, StoreError>> {
        Box::pin(self.clone().all())
    }

    fn has(&self, key: &TaskKey) -> bool {
        matches!(key, TaskKey::Repo(..))
    }

    fn run(&self, start: Start) -> Call<Ran> {
        match start.key.clone() {
            TaskKey::Repo(repo, kind) => Box::pin(self.clone().keep(repo, kind, start)),
            TaskKey::Plan(_) => Box::pin(std::future::ready(Ended::FailedForGood.into())),
        }
    }

    fn outcome(&self, key: TaskKey, began: Timestamp) -> Call<Ran> {
        match key {
            TaskKey::Repo(repo, kind) => Box::pin(self.clone().settled(repo, kind, began)),
            TaskKey::Plan(_) => Box::pin(std::future::ready(Ended::FailedForGood.into())),
        }
    }
}
