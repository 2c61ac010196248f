//! What a peer may do here: permissions, scopes, and the one predicate that decides.
//!
//! Several grants of one permission are one, scopes united; exclusions win over all; a grant
//! without a positive scope allows nothing (invariant G1).

mod scope;
#[cfg(test)]
mod tests;

pub use scope::{Scope, Scopes, Target};

use crate::model::words;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

words!(
    /// One thing that a peer may do to us or learn from us.
    Permission, "permission", {
        /// Our operations, expectations and logs.
        ReadOperations = "read-operations",
        /// To be sent our shared repos, with credentials.
        ReceiveSharedRepos = "receive-shared-repos",
        /// To send us its shared repos. Takes no scope.
        SendSharedRepos = "send-shared-repos",
        /// Our repos, plans and settings, without any secret.
        ReadConfig = "read-config",
        /// To change them.
        WriteConfig = "write-config",
        /// To start and cancel operations of existing plans and repos.
        RunOperations = "run-operations",
        /// The content of snapshots.
        ReadFiles = "read-files",
        /// To restore here, below the peer's allowed paths.
        Restore = "restore",
    }
);

impl Permission {
    /// Whether it is limited by scopes.
    #[must_use]
    pub const fn is_scoped(self) -> bool {
        !matches!(self, Self::SendSharedRepos)
    }
}

/// Why a grant is refused; the whole change is, naming it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No such permission.
    #[error("permission {given:?} is not known; it is one of {}", known())]
    UnknownPermission {
        /// What was given.
        given: String,
    },
    /// Not a scope.
    #[error(
        "scope {given:?} of {permission} is malformed; use *, repo:ID, plan:ID, !repo:ID or !plan:ID"
    )]
    MalformedScope {
        /// Of which permission.
        permission: Permission,
        /// What was given.
        given: String,
    },
    /// A permission that takes scopes came without one.
    #[error("{permission} needs a scope; for everything write {permission}=*")]
    ScopeMissing {
        /// The permission.
        permission: Permission,
    },
    /// More scopes than one permission may have.
    #[error("{permission} would have {count} scopes, at most {} are allowed", Scopes::MAX)]
    TooManyScopes {
        /// The permission.
        permission: Permission,
        /// How many it would have.
        count: usize,
    },
    /// A permission that takes none came with one.
    #[error("{permission} takes no scope; write {permission} alone")]
    ScopeNotTaken {
        /// The permission.
        permission: Permission,
    },
}

fn known() -> String {
    Permission::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
}

/// All that one peer may do: at most one set of scopes for each permission.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants(BTreeMap<Permission, Scopes>);

impl Grants {
    /// No permission at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads `PERM` or `PERM=SCOPE,SCOPE`, as on the command line, and unites them.
    ///
    /// # Errors
    /// The first grant that is unknown, malformed, or lacks its scope; nothing is kept of the rest.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, GrantError> {
        Self::from_written(texts.into_iter().map(|text| match text.split_once('=') {
            Some((permission, scopes)) => (permission, scopes.split(',').collect()),
            None => (text, Vec::new()),
        }))
    }

    /// Unites all permissions with their scopes that one config or request has.
    ///
    /// Their order does not matter: `*` is implied where all that was written of a permission
    /// excludes, so `repo:a` and `!repo:b` mean the same given apart as given together.
    ///
    /// # Errors
    /// As for [`Grants::parse`].
    pub fn from_written<'a>(
        written: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>,
    ) -> Result<Self, GrantError> {
        let mut grants = Self::default();
        for (permission, scopes) in written {
            let (permission, scopes) = read(permission, scopes)?;
            grants.unite_limited(permission, scopes)?;
        }
        let implied = |(permission, scopes): (_, Scopes)| (permission, scopes.with_implied_all());
        Ok(Self(grants.0.into_iter().map(implied).collect()))
    }

    /// Adds one permission with its scopes to what is granted. Exclusions narrow what is there; `*`
    /// is implied only where that is nothing.
    ///
    /// # Errors
    /// As for [`Grants::parse`]; the grants are unchanged then.
    pub fn add<'a>(
        &mut self,
        permission: &str,
        scopes: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), GrantError> {
        let (permission, scopes) = read(permission, scopes)?;
        self.unite_limited(permission, scopes)?;
        self.0.entry(permission).and_modify(|all| *all = std::mem::take(all).with_implied_all());
        Ok(())
    }

    fn unite_limited(&mut self, permission: Permission, more: Scopes) -> Result<(), GrantError> {
        let mut all = self.0.get(&permission).cloned().unwrap_or_default();
        all.unite(more);
        let count = all.iter().count();
        if count > Scopes::MAX {
            return Err(GrantError::TooManyScopes { permission, count });
        }
        self.0.insert(permission, all);
        Ok(())
    }

    /// Takes a stored set of scopes as it is: what has no positive scope allows nothing (G1).
    pub fn put_stored(&mut self, permission: Permission, scopes: Scopes) {
        self.0.insert(permission, scopes);
    }

    /// Unites with other grants.
    pub fn unite(&mut self, other: Self) {
        for (permission, scopes) in other.0 {
            self.0.entry(permission).or_default().unite(scopes);
        }
    }

    /// Removes a permission with all its scopes. `false` if it was not there.
    pub fn revoke(&mut self, permission: Permission) -> bool {
        self.0.remove(&permission).is_some()
    }

    /// The one predicate: whether these grants allow `permission` on `target`.
    #[must_use]
    pub fn allow(&self, permission: Permission, target: Target<'_>) -> bool {
        self.0
            .get(&permission)
            .is_some_and(|scopes| !permission.is_scoped() || scopes.contain(target))
    }

    /// The scopes of a permission; `None` where it is not granted at all.
    #[must_use]
    pub fn scopes(&self, permission: Permission) -> Option<&Scopes> {
        self.0.get(&permission)
    }

    /// Whether the permission is granted on anything that may exist.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        self.0
            .get(&permission)
            .is_some_and(|scopes| !permission.is_scoped() || scopes.has_positive())
    }

    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every permission with its scopes, in the order of the documentation.
    pub fn iter(&self) -> impl Iterator<Item = (Permission, &Scopes)> {
        self.0.iter().map(|(permission, scopes)| (*permission, scopes))
    }
}

/// One permission with its scopes as written, before anything is implied.
fn read<'a>(
    permission: &str,
    scopes: impl IntoIterator<Item = &'a str>,
) -> Result<(Permission, Scopes), GrantError> {
    let permission: Permission = permission.trim().parse().map_err(|_| {
        GrantError::UnknownPermission { given: permission.chars().take(80).collect() }
    })?;
    let scope = |text: &str| {
        let given = || text.chars().take(80).collect();
        text.trim()
            .parse::<Scope>()
            .map_err(|_| GrantError::MalformedScope { permission, given: given() })
    };
    let scopes: Scopes = scopes.into_iter().map(scope).collect::<Result<_, _>>()?;
    match (permission.is_scoped(), scopes.is_empty()) {
        (true, true) => Err(GrantError::ScopeMissing { permission }),
        (false, false) => Err(GrantError::ScopeNotTaken { permission }),
        (true, false) | (false, true) => Ok((permission, scopes)),
    }
}

/// `read-operations=*,!repo:private send-shared-repos`: what [`Grants::parse`] reads, spaced.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (permission, scopes)) in self.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{permission}")?;
            if permission.is_scoped() {
                write!(f, "={scopes}")?;
            }
        }
        Ok(())
    }
}
