//! What an earlier life of the daemon left behind: operations without an end, and locks.

use super::{Engine, JobError, RepoSpec, Run};
use crate::clock;
use crate::model::{Operation, OperationId, RepoId, Status};
use crate::restic::{OwnRun, Restic};
use std::collections::BTreeSet;

impl Engine {
    /// Marks every operation that has no end as lost. Called once, before the first operation.
    ///
    /// # Errors
    /// The history cannot be read.
    pub async fn recover(&self) -> Result<Vec<OperationId>, JobError> {
        let unfinished = self.inner.ports.call(|ports| ports.history.unfinished()).await;
        let unfinished = unfinished
            .map_err(|fault| JobError::NotKept { what: "the end of the last run", fault })?;
        let mut lost = Vec::new();
        for operation in unfinished {
            let operation = mark_lost(operation);
            let (id, at) = (operation.id, operation.ended_at.unwrap_or_default());
            self.inner.record(operation).await;
            self.inner.ports.tell(move |ports| ports.runs.ended(id, Status::Lost, at)).await;
            lost.push(id);
        }
        Ok(lost)
    }

    /// Removes the locks that runs of an earlier life left, repo by repo; it may take a while, where
    /// a storage is not reached. What is not removed now is tried again before the next backup.
    pub async fn sweep(&self) {
        let Ok(restic) = self.inner.locator.restic().await else { return };
        let repos: BTreeSet<RepoId> =
            self.leftovers().await.into_iter().map(|run| run.repo).collect();
        for repo in repos {
            match self.inner.ports.repo(&repo).await {
                Ok(repo) => self.sweep_repo(&restic, &repo).await,
                Err(error) => tracing::warn!(%repo, %error, "its stale locks were not looked for"),
            }
        }
    }

    pub(super) async fn sweep_repo(&self, restic: &Restic, repo: &RepoSpec) {
        let mut runs = self.leftovers().await;
        runs.retain(|run| run.repo == repo.id);
        if runs.is_empty() {
            return;
        }
        let own: Vec<_> =
            runs.iter().map(|run| OwnRun { pid: run.pid, since: run.since }).collect();
        let unlocked = self.inner.unlock(restic, repo, &own).await;
        for run in runs {
            let (is_gone, said) = unlocked.of(run.pid);
            tracing::info!(repo = %repo.id, said, "looked for the lock of an earlier run");
            let (id, said) = (run.operation, format!("{said}\n"));
            self.inner.ports.tell(move |ports| ports.history.append_log(id, &said)).await;
            if is_gone {
                self.inner.ports.tell(move |ports| ports.runs.closed(id)).await;
            }
        }
    }

    /// The runs on record that are not at work now.
    async fn leftovers(&self) -> Vec<Run> {
        let open = self.inner.ports.call(|ports| ports.runs.open()).await;
        let mut open = open.unwrap_or_default();
        open.retain(|run| self.inner.board.find(run.operation).is_none());
        open
    }
}

fn mark_lost(mut operation: Operation) -> Operation {
    operation.revision += 1;
    operation.message = match operation.status {
        Status::Pending => "the daemon died before this began. Start it again",
        _ => "the daemon died while this ran. Start it again; what was saved already is not saved twice",
    }
    .to_owned();
    operation.status = Status::Lost;
    operation.ended_at = Some(clock::now());
    operation
}
