//! Repositories: how one is reached, and what of it crosses to a peer.

use super::{RepoGuid, RepoId, Secret};

/// All that restic needs to open a repository, with every secret resolved.
#[derive(Clone)]
pub struct RepoAccess {
    /// restic's repository location, possibly with credentials in it.
    pub uri: Secret,
    /// The password of the repository.
    pub password: Secret,
    /// Environment of that one process: credentials of the storage.
    pub env: Vec<(String, Secret)>,
}

/// A repo as its owner pushes it. Strings are literal data (invariant X1).
#[derive(Clone, PartialEq, Eq)]
pub struct SharedRepo {
    /// The owner's id of it.
    pub id: RepoId,
    /// restic's id of it; known, because an owner creates it before it is first pushed.
    pub guid: RepoGuid,
    /// Where it is, for this member.
    pub uri: Secret,
    /// Its password; absent with an unchanged uri means "keep what you have".
    pub password: Option<Secret>,
    /// Credentials of the storage, names from the fixed table only.
    pub env: Vec<(String, Secret)>,
}

/// Something of a pushed repo that was not taken, and why (shown to the person).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Which field, such as `env RESTIC_PASSWORD_COMMAND`.
    pub field: String,
    /// Why it was not taken.
    pub reason: String,
}
