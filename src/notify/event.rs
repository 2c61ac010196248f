//! What can happen that somebody may want to hear of.

use crate::model::{OperationKind, Status, words};
use std::fmt;
use std::str::FromStr;

words!(
    /// Something that a hook can be on.
    Event, "event", {
        /// A backup begins.
        BackupStarted = "backup-started",
        /// A backup ended well.
        BackupSucceeded = "backup-succeeded",
        /// A backup was made, and something was left out.
        BackupWarning = "backup-warning",
        /// A backup failed, or its daemon died while it ran.
        BackupFailed = "backup-failed",
        /// A backup did not run, for a reason.
        BackupSkipped = "backup-skipped",
        /// A prune ended well.
        PruneSucceeded = "prune-succeeded",
        /// A prune failed.
        PruneFailed = "prune-failed",
        /// A repository was found in order.
        CheckSucceeded = "check-succeeded",
        /// A check failed, or found damage.
        CheckFailed = "check-failed",
        /// Snapshots were forgotten.
        ForgetSucceeded = "forget-succeeded",
        /// A forget failed.
        ForgetFailed = "forget-failed",
        /// Files were restored.
        RestoreSucceeded = "restore-succeeded",
        /// A restore failed.
        RestoreFailed = "restore-failed",
        /// Snapshots were copied.
        CopySucceeded = "copy-succeeded",
        /// A copy failed.
        CopyFailed = "copy-failed",
        /// A due run of a plan passed its grace.
        Late = "late",
        /// The newest good backup of a plan is older than allowed, or there is none and one is due.
        Stale = "stale",
        /// A plan that was late or stale has a good backup again.
        Recovered = "recovered",
        /// A peer has been out of sight for a while.
        PeerOffline = "peer-offline",
        /// It is back.
        PeerOnline = "peer-online",
        /// Work on a repository failed because of somebody's lock.
        RepoLocked = "repo-locked",
        /// A backup differs much from those before it.
        Anomaly = "anomaly",
        /// Any operation failed: every event that ends in `-failed`, and those of other operations.
        AnyFailure = "any-failure",
    }
);

words!(
    /// How bad it is.
    Severity, "severity", {
        /// As it should be.
        Info = "info",
        /// To be looked at.
        Warning = "warning",
        /// To be mended.
        Error = "error",
    }
);

impl Event {
    /// What the end of an operation is to those who listen. `None` for an end that says nothing: what
    /// a person cancelled, or what a hook itself did (two hubs that watch each other would never end).
    #[must_use]
    pub const fn of_end(kind: OperationKind, status: Status) -> Option<Self> {
        let (succeeded, failed) = match kind {
            OperationKind::Backup => return Self::of_backup(status),
            OperationKind::Hook => return None,
            OperationKind::Prune => (Some(Self::PruneSucceeded), Self::PruneFailed),
            OperationKind::Check => (Some(Self::CheckSucceeded), Self::CheckFailed),
            OperationKind::Forget => (Some(Self::ForgetSucceeded), Self::ForgetFailed),
            OperationKind::Restore => (Some(Self::RestoreSucceeded), Self::RestoreFailed),
            OperationKind::Stats
            | OperationKind::Index
            | OperationKind::Command
            | OperationKind::Unlock
            | OperationKind::Init => (None, Self::AnyFailure),
        };
        match status {
            Status::Succeeded | Status::Warning => succeeded,
            Status::Failed | Status::Lost => Some(failed),
            Status::Pending | Status::Running | Status::Cancelled | Status::Skipped => None,
        }
    }

    const fn of_backup(status: Status) -> Option<Self> {
        match status {
            Status::Succeeded => Some(Self::BackupSucceeded),
            Status::Warning => Some(Self::BackupWarning),
            Status::Failed | Status::Lost => Some(Self::BackupFailed),
            Status::Skipped => Some(Self::BackupSkipped),
            Status::Pending | Status::Running | Status::Cancelled => None,
        }
    }

    /// Whether something failed.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self == Self::AnyFailure || self.as_str().ends_with("-failed")
    }

    /// Whether a hook that is on these hears of it.
    #[must_use]
    pub fn is_among(self, on: &[Self]) -> bool {
        on.contains(&self) || (self.is_failure() && on.contains(&Self::AnyFailure))
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::BackupFailed
            | Self::PruneFailed
            | Self::CheckFailed
            | Self::ForgetFailed
            | Self::RestoreFailed
            | Self::CopyFailed
            | Self::Stale
            | Self::AnyFailure => Severity::Error,
            Self::BackupWarning
            | Self::BackupSkipped
            | Self::Late
            | Self::PeerOffline
            | Self::RepoLocked
            | Self::Anomaly => Severity::Warning,
            Self::BackupStarted
            | Self::BackupSucceeded
            | Self::PruneSucceeded
            | Self::CheckSucceeded
            | Self::ForgetSucceeded
            | Self::RestoreSucceeded
            | Self::CopySucceeded
            | Self::Recovered
            | Self::PeerOnline => Severity::Info,
        }
    }

    /// The state that it is a value of: events of one family replace each other. `None` where each
    /// stands for itself.
    #[must_use]
    pub const fn family(self) -> Option<&'static str> {
        match self {
            Self::BackupSucceeded
            | Self::BackupWarning
            | Self::BackupFailed
            | Self::BackupSkipped => Some("backup"),
            Self::PruneSucceeded | Self::PruneFailed => Some("prune"),
            Self::CheckSucceeded | Self::CheckFailed => Some("check"),
            Self::ForgetSucceeded | Self::ForgetFailed => Some("forget"),
            Self::Late | Self::Stale | Self::Recovered => Some("freshness"),
            Self::PeerOffline | Self::PeerOnline => Some("presence"),
            Self::BackupStarted
            | Self::RestoreSucceeded
            | Self::RestoreFailed
            | Self::CopySucceeded
            | Self::CopyFailed
            | Self::RepoLocked
            | Self::Anomaly
            | Self::AnyFailure => None,
        }
    }

    /// As words in a sentence: `backup failed`.
    #[must_use]
    pub fn sentence(self) -> String {
        self.as_str().replace('-', " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_become_events_and_a_hook_never_causes_one() {
        use OperationKind::{Backup, Check, Hook, Index, Restore};
        for (kind, status, expected) in [
            (Backup, Status::Lost, Some(Event::BackupFailed)),
            (Backup, Status::Cancelled, None),
            (Backup, Status::Running, None),
            (Backup, Status::Skipped, Some(Event::BackupSkipped)),
            (Check, Status::Warning, Some(Event::CheckSucceeded)),
            (Restore, Status::Failed, Some(Event::RestoreFailed)),
            (Index, Status::Failed, Some(Event::AnyFailure)),
            (Index, Status::Succeeded, None),
        ] {
            assert_eq!(Event::of_end(kind, status), expected, "{kind} {status}");
        }
        for status in Status::ALL {
            assert_eq!(Event::of_end(Hook, *status), None);
        }
    }

    #[test]
    fn any_failure_hears_every_failure_and_nothing_else() {
        let on = [Event::AnyFailure];
        for event in Event::ALL {
            let is_failure = event.as_str().ends_with("-failed") || *event == Event::AnyFailure;
            assert_eq!(event.is_among(&on), is_failure, "{event}");
            if is_failure {
                assert_eq!(event.severity(), Severity::Error, "{event}");
            }
        }
        assert!(Event::BackupFailed.is_among(&[Event::Late, Event::BackupFailed]));
        assert!(!Event::AnyFailure.is_among(&[Event::BackupFailed]));
    }
}
