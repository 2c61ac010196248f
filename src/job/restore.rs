//! A restore into an empty folder.

use super::board::{Active, Added};
use super::engine::{About, End};
use super::queue::Mode;
use super::{Engine, JobError, RepoSpec};
use crate::model::{OperationId, OperationKind, PlanId, RepoId, Status};
use crate::restic::{Command, Restic, Restore, SnapshotFilter, SnapshotId};
use crate::shutdown;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which snapshot a restore takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one, by its id or the beginning of it.
    Id(SnapshotId),
    /// The newest of a plan of this instance.
    LatestOf(PlanId),
    /// This one, which was listed just now.
    Listed {
        /// All of its id.
        id: SnapshotId,
        /// The plan of this instance that made it.
        plan: Option<PlanId>,
    },
}

impl Choice {
    /// The plan of this instance whose snapshot it is, where that is known before it is looked for.
    fn plan(&self) -> Option<PlanId> {
        match self {
            Self::Id(_) => None,
            Self::LatestOf(plan) => Some(plan.clone()),
            Self::Listed { plan, .. } => plan.clone(),
        }
    }
}

/// What to restore, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    /// From which repo.
    pub repo: RepoId,
    /// From which snapshot.
    pub snapshot: Choice,
    /// Into which folder: one that is empty, or not there.
    pub target: PathBuf,
    /// Only these paths; all where empty.
    pub include: Vec<String>,
}

impl Engine {
    /// Starts a restore and says which operation it is.
    ///
    /// # Errors
    /// The target is in use, or the daemon is stopping.
    pub async fn restore(&self, request: RestoreRequest) -> Result<OperationId, JobError> {
        let inner = Arc::clone(&self.inner);
        let task = inner.task()?;
        check_target(&request.target).await?;
        let about = About {
            kind: OperationKind::Restore,
            repo: request.repo.clone(),
            plan: request.snapshot.plan(),
            flow: None,
        };
        let active = match inner.begin(about).await? {
            Added::New(active) => active,
            Added::Waiting(id) => return Ok(id),
        };
        let id = active.operation().id;
        let engine = self.clone();
        inner.spawn(task, async move {
            let end = engine.restore_steps(&active, &request).await;
            engine.inner.finish(&active, end).await;
        });
        Ok(id)
    }

    async fn restore_steps(
        &self,
        active: &Active,
        request: &RestoreRequest,
    ) -> Result<End, JobError> {
        let mut cancel = active.cancelled();
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(&request.repo).await?;
        let keeping = self.inner.ports.keeping(&repo.id).await?;
        let _turn = self.repo_turn(active, (&repo, &keeping), Mode::Shared).await?;
        let id = self.chosen(&restic, &repo, &request.snapshot, &mut cancel).await?;
        check_target(&request.target).await?;
        let command = Command::Restore(Restore {
            snapshot: id.clone(),
            target: request.target.to_string_lossy().into_owned(),
            include: request.include.clone(),
        });
        let (journal, outcome) = self.inner.run(active, &restic, &repo, &command).await;
        outcome?;
        let message = format!("restored to {}", request.target.display());
        let status = Some(Status::Succeeded);
        let (snapshot, item_errors) = (Some(id.to_string()), journal.item_errors);
        Ok(End { status, message, snapshot, stats: None, item_errors })
    }

    async fn chosen(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        choice: &Choice,
        cancel: &mut shutdown::Guard,
    ) -> Result<SnapshotId, JobError> {
        let filter = match choice {
            Choice::Listed { id, .. } => return Ok(id.clone()),
            Choice::Id(id) => SnapshotFilter { snapshot: Some(id.clone()), ..Default::default() },
            Choice::LatestOf(plan) => SnapshotFilter {
                plan: Some(plan.clone()),
                instance: Some(self.inner.ports.catalogue.instance()),
                snapshot: None,
            },
        };
        let snapshots = restic.snapshots(&repo.access, filter, cancel).await?;
        let newest = snapshots.into_iter().max_by_key(|snapshot| snapshot.time);
        let newest = newest.ok_or_else(|| JobError::NoSnapshot { repo: repo.id.clone() })?;
        Ok(newest.id)
    }
}

async fn check_target(target: &Path) -> Result<(), JobError> {
    let in_use = || JobError::TargetInUse { target: target.to_owned() };
    match tokio::fs::read_dir(target).await {
        Ok(mut entries) => match entries.next_entry().await {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(in_use()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) => Err(in_use()),
    }
}
