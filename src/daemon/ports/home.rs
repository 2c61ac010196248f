//! Which repository a plan's backups have to be in to count: a repo keeps its id when its location is
//! changed, and what lies in the repository before says nothing of the one that it is now.

use super::place;
use super::repos::{Named, Repos};
use crate::model::{RepoGuid, RepoId};
use crate::store::{Result, Trust};

/// Where the backups into a repo have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// The repo was never known to be another repository: whatever went into it is there.
    Anywhere,
    /// It was another one before (or elsewhere): only what is known to be in this one. `None`: nothing
    /// yet, because where the repo is now none was ever found.
    Only(Option<RepoGuid>),
}

impl Home {
    /// Of the repo with that id.
    ///
    /// A repo whose guid is not known now has no home only where another guid is known under its id:
    /// then its location was changed, and nothing was found at the new one yet. Where no guid at all is
    /// known (before the first contact, and in a `trust.db` that came from elsewhere) everything counts,
    /// and so it does where the location cannot be told. A `trust.db` that cannot be read is an error:
    /// nothing is worked out of it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read(repos: &Repos, trust: &Trust, id: &RepoId) -> Result<Self> {
        let now = match repos.named(id) {
            Named::Own(repo) => match repo.uri.resolve() {
                Ok(uri) => trust.repo_guid(id, &place(&uri))?,
                Err(_) => return Ok(Self::Anywhere),
            },
            Named::Received(repo) => Some(repo.guid.clone()),
            Named::Unusable(..) | Named::Unknown => return Ok(Self::Anywhere),
        };
        let ever = trust.guids_of(id)?;
        match ever.iter().all(|guid| Some(guid) == now.as_ref()) {
            true => Ok(Self::Anywhere),
            false => Ok(Self::Only(now)),
        }
    }

    /// Whether what went to that repository is there; `None`: which one it was is not known.
    #[must_use]
    pub fn has(&self, guid: Option<&RepoGuid>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Only(now) => guid.is_some() && now.as_ref() == guid,
        }
    }
}
