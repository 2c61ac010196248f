//! One act of history, and its progress while it runs.

use super::{FlowId, InstanceId, OperationId, PlanId, RepoGuid, RepoId, Timestamp};
use std::fmt;
use std::str::FromStr;

/// A text that is none of the words that were possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not known; it is one of {known}")]
pub struct UnknownWord {
    /// What was wanted.
    pub what: &'static str,
    /// What was given.
    pub text: String,
    /// The words that are possible, separated by spaces.
    pub known: &'static str,
}

/// Declares an enum whose variants are words of the product: one table for printing and reading.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$vdoc])* $variant,)+
        }

        impl $type {
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word of the product for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = $crate::model::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::model::UnknownWord {
                        what: $what,
                        text: text.chars().take(80).collect(),
                        known: concat!($($word, " "),+).trim_ascii_end(),
                    }
                })
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What an operation does.
    OperationKind, "operation kind", {
        /// Saves files into a repository.
        Backup = "backup",
        /// Drops snapshots by a retention policy.
        Forget = "forget",
        /// Frees what no snapshot needs.
        Prune = "prune",
        /// Verifies a repository.
        Check = "check",
        /// Writes files back.
        Restore = "restore",
        /// Measures a repository.
        Stats = "stats",
        /// Lists the snapshots of a repository.
        Index = "index",
        /// Tells somebody something.
        Hook = "hook",
        /// Runs a restic command given by a person.
        Command = "command",
        /// Removes a lock.
        Unlock = "unlock",
        /// Creates or adopts a repository.
        Init = "init",
    }
);

words!(
    /// How far an operation is, or how it ended.
    Status, "status", {
        /// Not begun.
        Pending = "pending",
        /// Under way.
        Running = "running",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended with a result and with something to look at.
        Warning = "warning",
        /// Ended without its result.
        Failed = "failed",
        /// Stopped by a person or by a stop of the daemon.
        Cancelled = "cancelled",
        /// Not run, for a reason.
        Skipped = "skipped",
        /// No end is known: its daemon died while it ran.
        Lost = "lost",
    }
);

impl Status {
    /// Whether nothing more follows. The payload of a finished state is never blanked.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// An operation as it is now; its newest log entry carries all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// With its origin, its name anywhere.
    pub id: OperationId,
    /// The trigger that it belongs to.
    pub flow: FlowId,
    /// How many entries it has had, this one included; from 1.
    pub revision: u32,
    /// The name that the instance had when it ran.
    pub instance: InstanceId,
    /// What it does.
    pub kind: OperationKind,
    /// How far it is.
    pub status: Status,
    /// The repo it works on. Never changes (an operation never changes shard).
    pub repo: Option<RepoId>,
    /// The plan it works for. Never changes.
    pub plan: Option<PlanId>,
    /// restic's id of the repository, where known.
    pub repo_guid: Option<RepoGuid>,
    /// The snapshot made or used: 64 hexadecimal digits.
    pub snapshot: Option<String>,
    /// When the snapshot was found to be no longer in the repository.
    pub snapshot_gone: Option<Timestamp>,
    /// When it began (while pending: when it was asked for).
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// One sentence for a person: why it failed and what to do, or what was skipped.
    pub message: String,
    /// What a backup did.
    pub stats: Option<Stats>,
    /// The files that could not be read, cut to what fits into an entry.
    pub item_errors: ItemErrors,
    /// Which attempt of a scheduled run it is, where there may be several.
    pub attempt: Option<Attempt>,
}

impl Operation {
    /// One that has just begun, by itself and on nothing yet.
    #[must_use]
    pub fn begun(
        id: OperationId,
        instance: InstanceId,
        kind: OperationKind,
        started_at: Timestamp,
    ) -> Self {
        Self {
            id,
            flow: id.into(),
            revision: 1,
            instance,
            kind,
            status: Status::Running,
            repo: None,
            plan: None,
            repo_guid: None,
            snapshot: None,
            snapshot_gone: None,
            started_at,
            ended_at: None,
            message: String::new(),
            stats: None,
            item_errors: ItemErrors::default(),
            attempt: None,
        }
    }
}

/// Which try of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} of {}", self.number, self.of)
    }
}

/// What a backup did, as restic counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Files that the parent snapshot did not have.
    pub files_new: u64,
    /// Files that differ from the parent snapshot.
    pub files_changed: u64,
    /// Files that do not differ.
    pub files_unmodified: u64,
    /// Bytes read or known to be unmodified.
    pub bytes_processed: u64,
    /// Bytes added to the repository.
    pub bytes_added: u64,
    /// Files or folders that could not be read.
    pub item_errors: u64,
}

/// Files that could not be read: the first of them, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemErrors {
    /// At most [`ItemErrors::KEPT`] of them.
    pub first: Vec<ItemError>,
    /// How many there were.
    pub total: u64,
}

impl ItemErrors {
    /// How many are kept with an operation; all of them are in its log.
    pub const KEPT: usize = 100;
}

/// One file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemError {
    /// Its path, as restic names it.
    pub path: String,
    /// Why.
    pub message: String,
}

/// How far a running operation is. A message, not an entry: only the latest counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Files seen to their end.
    pub files_done: u64,
    /// Files found so far.
    pub files_total: u64,
    /// Bytes seen to their end.
    pub bytes_done: u64,
    /// Bytes found so far.
    pub bytes_total: u64,
    /// Tenths of a percent, 0 to 1000.
    pub permille: u32,
    /// Seconds left by restic's estimate.
    pub seconds_remaining: Option<u64>,
    /// Files being read now, at most a few.
    pub current_files: Vec<String>,
}
