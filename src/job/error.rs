//! Why something was not done.

use super::{StoreFault, Unusable};
use crate::model::{OperationId, PlanId, RepoGuid, RepoId};
use crate::restic::{Failure, Reason, Version, VersionError};
use std::path::PathBuf;

/// Why something was not done; the text is what the operation's message says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The repo or plan cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// There is no restic to do it.
    #[error(transparent)]
    NoRestic(#[from] VersionError),
    /// restic failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The command whose output was to be saved failed.
    #[error(
        "the stdin-command {reason}. Nothing was saved of what it printed; run it by hand as the daemon's user to see why"
    )]
    DumpFailed {
        /// How.
        reason: String,
    },
    /// The command whose output was to be saved printed nothing.
    #[error(
        "the stdin-command ended well and printed nothing, so nothing was saved. Run it by hand as the daemon's user to see what it prints; what is to be saved goes to its standard output"
    )]
    DumpEmpty,
    /// What a command prints is not known before it ran.
    #[error("plan {plan} saves what a command prints, which is known only when it runs")]
    NotTried {
        /// The plan.
        plan: PlanId,
    },
    /// It was stopped before restic ran.
    #[error("cancelled before it began")]
    Cancelled,
    /// A repository that was there is not.
    #[error(
        "repo {repo} is missing: repository {guid} was there and is not now. Mount its disk or correct its uri; it is never created again"
    )]
    KnownButMissing {
        /// The repo.
        repo: RepoId,
        /// restic's id of it.
        guid: RepoGuid,
    },
    /// Another repository is where ours was.
    #[error(
        "repo {repo} is repository {expected}, but {found} is at its uri. Check which disk is mounted there, or add it as a repo of its own"
    )]
    OtherRepository {
        /// The repo.
        repo: RepoId,
        /// What it was.
        expected: RepoGuid,
        /// What is there.
        found: RepoGuid,
    },
    /// A received repo is not there.
    #[error(
        "the received repo {repo} does not exist at its uri. Only its owner creates it; ask there"
    )]
    OwnerCreates {
        /// The repo.
        repo: RepoId,
    },
    /// A repo with `auto-init = false` is not there.
    #[error("repo {repo} does not exist at its uri. Create it with `holdfast repo init {repo}`")]
    NotInitialised {
        /// The repo.
        repo: RepoId,
    },
    /// There is no repository to adopt.
    #[error(
        "there is no repository at the uri of repo {repo}. Correct the uri, or leave out --no-init to have it created"
    )]
    NothingToAdopt {
        /// The repo.
        repo: RepoId,
    },
    /// A restore goes to an empty or a new folder only.
    #[error(
        "restore target {target:?} is not an empty folder. Name an empty or a new one, or with restic 0.17 or newer say with --overwrite what happens to the files there"
    )]
    TargetInUse {
        /// The folder.
        target: PathBuf,
    },
    /// This restic is too old for it.
    #[error(
        "restic {found} cannot {what}: that needs restic {needed} or newer. Upgrade it, or point HOLDFAST_RESTIC at a newer one"
    )]
    NeedsNewer {
        /// For what.
        what: &'static str,
        /// From which version on.
        needed: Version,
        /// Which one is there.
        found: Version,
    },
    /// Only the owner of a received repo keeps it in order.
    #[error(
        "repo {repo} is shared by another instance, and {what} is its owner's. Ask there, or wait for its schedule"
    )]
    OwnersWork {
        /// The repo.
        repo: RepoId,
        /// What was asked for.
        what: &'static str,
    },
    /// Nothing would be forgotten.
    #[error(
        "plan {plan} keeps all its snapshots. Give it a retention, such as `holdfast plan edit {plan} --retention daily=30`"
    )]
    KeepsAll {
        /// Which plan.
        plan: PlanId,
    },
    /// No retention says what to forget in a repo.
    #[error(
        "repo {repo} has no retention of its own. Give it one, such as `holdfast repo edit {repo} --forget daily=30`"
    )]
    NoRetention {
        /// The repo.
        repo: RepoId,
    },
    /// There is nothing to restore.
    #[error("repo {repo} has no such snapshot. `holdfast snapshots` lists those that it has")]
    NoSnapshot {
        /// The repo.
        repo: RepoId,
    },
    /// The store has to know it first.
    #[error("{what} could not be kept: {fault}. See the state of the store in `holdfast status`")]
    NotKept {
        /// What.
        what: &'static str,
        /// Why.
        fault: StoreFault,
    },
    /// Not a running operation.
    #[error("operation {0} is not pending or running here. `holdfast ops` shows how it ended")]
    NotActive(OperationId),
    /// The daemon is on its way out.
    #[error("the daemon is stopping. Try again once it runs")]
    Stopping,
}

impl JobError {
    /// Whether trying again is of no use before a person has done something.
    #[must_use]
    pub const fn needs_a_person(&self) -> bool {
        match self {
            Self::OtherRepository { .. }
            | Self::OwnerCreates { .. }
            | Self::NotInitialised { .. }
            | Self::NothingToAdopt { .. }
            | Self::OwnersWork { .. }
            | Self::NotTried { .. }
            | Self::KeepsAll { .. }
            | Self::NoRetention { .. }
            | Self::TargetInUse { .. }
            | Self::NeedsNewer { .. }
            | Self::NoSnapshot { .. }
            | Self::NoRestic(_) => true,
            Self::Failed(failure) => failure.reason.needs_a_person(),
            // A disk that was there may be back in a while, as a server may.
            Self::KnownButMissing { .. }
            | Self::Unusable(_)
            | Self::DumpFailed { .. }
            | Self::DumpEmpty
            | Self::Cancelled
            | Self::NotKept { .. }
            | Self::NotActive(_)
            | Self::Stopping => false,
        }
    }

    /// Whether somebody wanted it to end this way.
    #[must_use]
    pub const fn is_cancel(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Failed(Failure { reason: Reason::Interrupted, .. }))
    }
}
