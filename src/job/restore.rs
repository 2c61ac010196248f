//! A restore: into an empty folder with every restic, over what is there with newer ones.

use super::backup::failed;
use super::board::{Active, Added};
use super::engine::{About, End};
use super::locks::Site;
use super::queue::Mode;
use super::{Engine, JobError};
use crate::model::{OperationId, OperationKind, PlanId, RepoId, Status};
use crate::restic::{
    Command, Extra, Feature, Overwrite, Restore, Snapshot, SnapshotFilter, SnapshotId, Summary,
    Verify, Version,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to restore, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    /// From which repo.
    pub repo: RepoId,
    /// From which snapshot.
    pub snapshot: SnapshotId,
    /// The plan that the snapshot is of: the operation is told with it.
    pub plan: Option<PlanId>,
    /// Where to.
    pub place: Place,
    /// Only these files and folders, literally as named.
    pub paths: Vec<String>,
    /// Only what matches these patterns. With neither paths nor patterns: everything.
    pub include: Vec<String>,
    /// What happens to files that are there.
    pub overwrite: Option<Overwrite>,
    /// What happens to files that the snapshot does not have.
    pub extra: Extra,
    /// Whether what was written is read again.
    pub verify: Verify,
}

/// Where a restore goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Below this folder: empty or not there, unless it is said what happens to what is there.
    Folder(PathBuf),
    /// Where everything was.
    Original,
}

/// Refuses in the words of who asked, before there is an operation; [`Feature`] has the versions.
fn needs(what: &'static str, feature: Feature, found: Version) -> Result<(), JobError> {
    if found.has(feature) {
        return Ok(());
    }
    Err(JobError::NeedsNewer { what, needed: feature.since(), found })
}

impl RestoreRequest {
    /// The folder that restic is told.
    #[must_use]
    pub fn target(&self) -> &Path {
        match &self.place {
            Place::Folder(folder) => folder,
            Place::Original => Path::new("/"),
        }
    }

    pub(super) fn command(&self) -> Restore {
        Restore {
            snapshot: self.snapshot.clone(),
            target: self.target().to_string_lossy().into_owned(),
            paths: self.paths.clone(),
            include: self.include.clone(),
            overwrite: self.overwrite,
            extra: self.extra,
            verify: self.verify,
        }
    }

    fn check(&self, found: Version) -> Result<(), JobError> {
        if self.place == Place::Original {
            needs("restore in place", Feature::RestoreOverwrite, found)?;
        }
        if self.overwrite.is_some() {
            needs("be told what to overwrite (--overwrite)", Feature::RestoreOverwrite, found)?;
        }
        if self.extra == Extra::Delete {
            needs(
                "delete what a snapshot does not have (--delete)",
                Feature::RestoreDelete,
                found,
            )?;
        }
        Ok(())
    }

    pub(super) fn check_rehearsal(&self, found: Version) -> Result<(), JobError> {
        needs("say what a restore would do (--dry-run)", Feature::RestoreDryRun, found)?;
        self.check(found)
    }

    async fn check_target(&self) -> Result<(), JobError> {
        match &self.place {
            // What happens to what is there has been said.
            Place::Folder(_) if self.overwrite.is_some() => Ok(()),
            Place::Folder(folder) => check_empty(folder).await,
            Place::Original => Ok(()),
        }
    }

    fn to(&self) -> String {
        match &self.place {
            Place::Folder(folder) => format!("to {}", folder.display()),
            Place::Original => "in place".to_owned(),
        }
    }
}

impl Engine {
    /// Starts a restore and says which operation it is.
    ///
    /// # Errors
    /// The target is in use, this restic is too old for what is wanted, or the daemon is stopping.
    pub async fn restore(&self, request: RestoreRequest) -> Result<OperationId, JobError> {
        let inner = Arc::clone(&self.inner);
        let task = inner.task()?;
        request.check(self.version().await?)?;
        request.check_target().await?;
        let about = About {
            kind: OperationKind::Restore,
            repo: request.repo.clone(),
            plan: request.plan.clone(),
            flow: None,
            attempt: None,
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
        let turn = self.repo_turn(active, (&repo, &keeping), Mode::Shared).await?;
        let only =
            SnapshotFilter { snapshot: Some(request.snapshot.clone()), ..Default::default() };
        let snapshots = self.listed(&restic, &repo, only, &mut cancel).await?;
        let found = snapshots.into_iter().next();
        let Snapshot { id, .. } =
            found.ok_or_else(|| JobError::NoSnapshot { repo: repo.id.clone() })?;
        request.check_target().await?;
        active.amend_silently(|op| op.snapshot = Some(id.to_string()));
        let command = Command::Restore(Restore { snapshot: id.clone(), ..request.command() });
        let turn = Some(&turn);
        let site = Site { restic: &restic, repo: &repo, keeping: &keeping, turn };
        let (journal, outcome) = self.run_unlocked(active, site, (Mode::Shared, &command)).await;
        let snapshot = Some(id.to_string());
        match outcome {
            Ok(_) => {
                let message = restored(journal.summary.as_ref(), &request.to());
                let item_errors = journal.item_errors;
                let status = Some(Status::Succeeded);
                Ok(End { status, message, snapshot, stats: None, item_errors })
            }
            Err(failure) if active.why().is_none() => {
                Ok(End { snapshot, ..failed(&failure.into(), journal) })
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

/// restic counts folders as restored also where they were there, and files only where it wrote them.
fn restored(summary: Option<&Summary>, to: &str) -> String {
    let Some((files, skipped)) = summary.and_then(|said| Some((said.restored?, said.skipped)))
    else {
        return format!("restored {to}");
    };
    let noun = if skipped == 1 { "1 file".to_owned() } else { format!("{skipped} files") };
    match skipped {
        0 => format!("{files} files and folders restored {to}"),
        _ => format!(
            "{files} files and folders restored {to} (folders that were there count too), {noun} left as before"
        ),
    }
}

async fn check_empty(target: &Path) -> Result<(), JobError> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::Stats;

    fn request() -> RestoreRequest {
        RestoreRequest {
            repo: "vault".parse().unwrap(),
            snapshot: "abcd".parse().unwrap(),
            plan: None,
            place: Place::Folder("/tmp/x".into()),
            paths: Vec::new(),
            include: Vec::new(),
            overwrite: None,
            extra: Extra::Keep,
            verify: Verify::Skip,
        }
    }

    #[test]
    fn what_was_left_as_before_is_not_said_to_be_restored() {
        let summary = |restored, skipped| Summary {
            snapshot: None,
            stats: Stats::default(),
            restored,
            skipped,
        };
        let said =
            |restored, skipped| super::restored(Some(&summary(restored, skipped)), "in place");
        assert_eq!(said(Some(7), 0), "7 files and folders restored in place");
        let kept = said(Some(7), 6);
        assert!(
            kept.ends_with("(folders that were there count too), 6 files left as before"),
            "{kept}"
        );
        assert!(said(Some(7), 1).ends_with(", 1 file left as before"));
        assert_eq!(said(None, 0), "restored in place");
    }

    #[test]
    fn what_an_old_restic_lacks_is_refused_with_the_version_it_needs() {
        let of = |minor| Version { major: 0, minor, patch: 0 };
        let wishes = [
            RestoreRequest { place: Place::Original, ..request() },
            RestoreRequest { overwrite: Some(Overwrite::Never), ..request() },
            RestoreRequest { extra: Extra::Delete, ..request() },
        ];
        for wish in wishes {
            let said = wish.check(of(14)).unwrap_err().to_string();
            assert!(said.contains("0.14.0") && said.contains("0.17.0"), "{said}");
            assert_eq!(wish.check(of(17)), Ok(()));
        }
        assert_eq!(request().check(of(14)), Ok(()));
        assert!(request().check_rehearsal(of(16)).is_err());
    }
}
