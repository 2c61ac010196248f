//! The repository behind a repo: adopted where it is, created once where it may be.

use super::board::Added;
use super::engine::{About, End};
use super::{Engine, JobError, RepoSpec, Standing};
use crate::model::{FlowId, OperationKind, RepoAccess, RepoGuid, RepoId};
use crate::restic::{Command, Failure, Reason, Restic, Snapshot, SnapshotFilter};
use crate::shutdown;
use std::time::Duration;
use tokio::time::sleep;

/// How long it is tried to reach a storage before a person is told.
const PROBED_WITHIN: Duration = Duration::from_secs(30);

/// Who wants a repository to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// A person, who may say it of a repo with `auto-init = false`.
    Explicit,
    /// A person, who wants the one that is there or none.
    Adopt,
    /// Work that needs it.
    BeforeUse,
    /// Upkeep, which makes no sense of one that is not there yet.
    Upkeep,
}

impl Engine {
    /// Adopts the repository of a repo, or creates it (an init operation then tells), and says its
    /// guid.
    ///
    /// # Errors
    /// It cannot be opened, is not the one that was there, or may not be created here.
    pub async fn init(&self, repo: &RepoId) -> Result<RepoGuid, JobError> {
        let mut cancel = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        self.settle(&restic, &repo, (Wish::Explicit, None), &mut cancel).await
    }

    /// Adopts the repository of a repo and says its guid; creates none.
    ///
    /// # Errors
    /// There is none, it cannot be opened, or it is not the one that was there.
    pub async fn adopt(&self, repo: &RepoId) -> Result<RepoGuid, JobError> {
        let mut cancel = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        self.settle(&restic, &repo, (Wish::Adopt, None), &mut cancel).await
    }

    /// The repository that is found with this access, which need not be of any repo; `None` where
    /// the storage answers and has none. Answers within a minute.
    ///
    /// # Errors
    /// It cannot be reached or opened.
    pub async fn probe(&self, access: &RepoAccess) -> Result<Option<RepoGuid>, JobError> {
        let mut stopping = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        match look(&restic, access, &mut stopping).await {
            Ok(guid) => Ok(Some(guid)),
            Err(Failure { reason: Reason::RepositoryMissing, .. }) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// As [`Engine::init`], but what a person has to create is not created. The owner calls this
    /// before a repo is first pushed.
    ///
    /// # Errors
    /// As for [`Engine::init`].
    pub async fn open(&self, repo: &RepoId) -> Result<RepoGuid, JobError> {
        let mut cancel = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        self.ensure(&restic, &repo, None, &mut cancel).await
    }

    /// The snapshots of a repo that meet the filter, oldest first.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn snapshots(
        &self,
        repo: &RepoId,
        filter: SnapshotFilter,
    ) -> Result<Vec<Snapshot>, JobError> {
        let mut cancel = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        self.listed(&restic, &repo, filter, &mut cancel).await
    }

    /// As [`Engine::snapshots`], of a repo that is at hand.
    pub(super) async fn listed(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        filter: SnapshotFilter,
        cancel: &mut shutdown::Guard,
    ) -> Result<Vec<Snapshot>, JobError> {
        match restic.snapshots(&repo.access, filter, cancel).await {
            Ok(snapshots) => Ok(snapshots),
            Err(failure) => Err(self.known_missing(repo, failure).await),
        }
    }

    /// A repository that was there once and is not is missing, and nothing to be created.
    pub(super) async fn known_missing(&self, repo: &RepoSpec, failure: Failure) -> JobError {
        if failure.reason != Reason::RepositoryMissing {
            return failure.into();
        }
        match self.known(repo).await {
            Ok(Some(guid)) => JobError::KnownButMissing { repo: repo.id.clone(), guid },
            Ok(None) | Err(_) => failure.into(),
        }
    }

    /// As [`Engine::init`], but what a person has to create is not created.
    pub(super) async fn ensure(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        flow: Option<FlowId>,
        cancel: &mut shutdown::Guard,
    ) -> Result<RepoGuid, JobError> {
        self.settle(restic, repo, (Wish::BeforeUse, flow), cancel).await
    }

    /// The repository of a repo that is to be kept in order; creates none.
    pub(super) async fn standing(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        cancel: &mut shutdown::Guard,
    ) -> Result<RepoGuid, JobError> {
        self.settle(restic, repo, (Wish::Upkeep, None), cancel).await
    }

    async fn settle(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        (wish, flow): (Wish, Option<FlowId>),
        cancel: &mut shutdown::Guard,
    ) -> Result<RepoGuid, JobError> {
        if let Some(known) = self.known(repo).await? {
            let found = restic.guid(&repo.access, cancel).await;
            return same(&repo.id, known, found);
        }
        // Never known here: one at a time, so that two first backups create it once.
        let turn = cancel.run(self.inner.alone(&repo.id)).await;
        let _alone = turn.ok_or(JobError::Cancelled)?;
        let known = self.known(repo).await?;
        let found = look(restic, &repo.access, cancel).await;
        if let Some(known) = known {
            return same(&repo.id, known, found);
        }
        let guid = match found {
            Err(Failure { reason: Reason::RepositoryMissing, .. }) => {
                may_create(repo, wish)?;
                self.create(restic, repo, flow, cancel).await?
            }
            found => as_promised(repo, found?)?,
        };
        self.keep(repo, &guid).await?;
        Ok(guid)
    }

    async fn known(&self, repo: &RepoSpec) -> Result<Option<RepoGuid>, JobError> {
        let repo = repo.clone();
        let known = self.inner.ports.call(move |ports| ports.runs.guid(&repo)).await;
        // Could not be read is not "never known": nothing is created on a guess.
        known.map_err(|fault| JobError::NotKept { what: "the guid of the repo", fault })
    }

    async fn keep(&self, repo: &RepoSpec, guid: &RepoGuid) -> Result<(), JobError> {
        let (repo, guid) = (repo.clone(), guid.clone());
        let kept = self.inner.ports.call(move |ports| ports.runs.keep_guid(&repo, &guid)).await;
        kept.map_err(|fault| JobError::NotKept { what: "the guid of the repo", fault })
    }

    async fn create(
        &self,
        restic: &Restic,
        repo: &RepoSpec,
        flow: Option<FlowId>,
        cancel: &mut shutdown::Guard,
    ) -> Result<RepoGuid, JobError> {
        let (kind, attempt) = (OperationKind::Init, None);
        let about = About { kind, repo: repo.id.clone(), plan: None, flow, attempt };
        let active = match self.inner.begin(about).await? {
            Added::New(active) => active,
            // Only backups wait behind one another.
            Added::Waiting(id) => return Err(JobError::NotActive(id)),
        };
        let (_, made) = self.inner.run(&active, restic, repo, &Command::Init).await;
        let guid = match made {
            Ok(_) => restic.guid(&repo.access, cancel).await,
            Err(failure) => Err(failure),
        };
        if let Ok(guid) = &guid {
            active.amend_silently(|op| op.repo_guid = Some(guid.clone()));
        }
        let done =
            |_: &RepoGuid| End { message: "repository created".to_owned(), ..End::default() };
        self.inner.finish(&active, guid.as_ref().map(done).map_err(|f| f.clone().into())).await;
        Ok(guid?)
    }
}

/// What is found there. Newer versions of restic ask again and again where the answer is that there is
/// nothing, such as no bucket: after [`PROBED_WITHIN`] the last answer counts.
async fn look(
    restic: &Restic,
    access: &RepoAccess,
    cancel: &mut shutdown::Guard,
) -> Result<RepoGuid, Failure> {
    let patience = shutdown::Shutdown::default();
    let mut enough = patience.guard();
    let asking = restic.guid(access, &mut enough);
    tokio::pin!(asking);
    let is_late = tokio::select! {
        found = &mut asking => return found,
        () = sleep(PROBED_WITHIN) => true,
        () = cancel.asked() => false,
    };
    patience.ask();
    let found = asking.await;
    if is_late { found.map_err(Failure::given_up) } else { found }
}

fn may_create(repo: &RepoSpec, wish: Wish) -> Result<(), JobError> {
    let repo_id = repo.id.clone();
    match (repo.standing, wish) {
        (Standing::Received, _) => Err(JobError::OwnerCreates { repo: repo_id }),
        (_, Wish::Adopt) => Err(JobError::NothingToAdopt { repo: repo_id }),
        (_, Wish::Upkeep) | (Standing::OwnByHand, Wish::BeforeUse) => {
            Err(JobError::NotInitialised { repo: repo_id })
        }
        (Standing::Own, _) | (Standing::OwnByHand, Wish::Explicit) => Ok(()),
    }
}

/// A repository that its owner shares is the one that it says, or none.
fn as_promised(repo: &RepoSpec, found: RepoGuid) -> Result<RepoGuid, JobError> {
    match &repo.promised {
        Some(promised) if *promised != found => Err(JobError::OtherRepository {
            repo: repo.id.clone(),
            expected: promised.clone(),
            found,
        }),
        Some(_) | None => Ok(found),
    }
}

fn same(
    repo: &RepoId,
    known: RepoGuid,
    found: Result<RepoGuid, Failure>,
) -> Result<RepoGuid, JobError> {
    match found {
        Ok(found) if found == known => Ok(known),
        Ok(found) => Err(JobError::OtherRepository { repo: repo.clone(), expected: known, found }),
        Err(Failure { reason: Reason::RepositoryMissing, .. }) => {
            Err(JobError::KnownButMissing { repo: repo.clone(), guid: known })
        }
        Err(failure) => Err(failure.into()),
    }
}
