//! What runs by itself, by its name.

use crate::model::{KeyId, OperationKind, PlanId, RepoId};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A plan, or one kind of upkeep of a repo.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKey {
    /// The backups of a plan.
    Plan(PlanId),
    /// What is done to a repo as a whole.
    Repo(RepoId, OperationKind),
}

/// A text that names no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no task")]
pub struct TaskKeyError(String);

impl TaskKey {
    /// By how much its runs are put off on this instance: always the same, from none up to `jitter`.
    #[must_use]
    pub fn put_off(&self, instance: &KeyId, jitter: Duration) -> Duration {
        let hash = Sha256::new().chain_update(instance.as_bytes()).chain_update(self.to_string());
        let hash: [u8; 32] = hash.finalize().into();
        let (number, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let seconds = u64::from_le_bytes(*number) % (jitter.as_secs() + 1);
        Duration::from_secs(seconds)
    }
}

/// `plan:home`, `repo:vault:prune`: as the store keeps it.
impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan:{plan}"),
            Self::Repo(repo, kind) => write!(f, "repo:{repo}:{kind}"),
        }
    }
}

impl FromStr for TaskKey {
    type Err = TaskKeyError;

    fn from_str(text: &str) -> Result<Self, TaskKeyError> {
        let mut parts = text.splitn(3, ':');
        let key = match (parts.next(), parts.next(), parts.next()) {
            (Some("plan"), Some(plan), None) => plan.parse().map(Self::Plan).ok(),
            (Some("repo"), Some(repo), Some(kind)) => {
                repo.parse().ok().zip(kind.parse().ok()).map(|(repo, kind)| Self::Repo(repo, kind))
            }
            _ => None,
        };
        key.ok_or_else(|| TaskKeyError(text.chars().take(200).collect()))
    }
}
