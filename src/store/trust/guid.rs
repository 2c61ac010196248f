//! Which repository each repo was found to be, and where.

use super::{Trust, from_text};
use crate::model::{RepoGuid, RepoId, Timestamp};
use crate::store::column::Col;
use crate::store::error::Result;
use rusqlite::OptionalExtension as _;
use sha2::{Digest as _, Sha256};

/// Where a repo is, as a hash: a location may say more than a database should keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place([u8; 32]);

impl Place {
    /// Of a location, without its credentials: a changed password moves no repository.
    #[must_use]
    pub fn of(location: &str) -> Self {
        Self(Sha256::digest(location).into())
    }
}

impl Trust {
    /// Which repository a repo was found to be at that place; `None` if it has never been known there.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn repo_guid(&self, repo: &RepoId, place: &Place) -> Result<Option<RepoGuid>> {
        let sql = "SELECT guid FROM repo_guid WHERE repo = ?1 AND place = ?2";
        let found =
            self.lock().query_row(sql, (repo.as_str(), place.0), |row| from_text(row, "guid"));
        Ok(found.optional()?)
    }

    /// Keeps which repository a repo is at that place; what is known already stays.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_repo_guid(
        &self,
        repo: &RepoId,
        place: &Place,
        guid: &RepoGuid,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO repo_guid VALUES (?1, ?2, ?3, ?4)";
        self.lock().execute(sql, (repo.as_str(), place.0, guid.as_str(), Col(now)))?;
        Ok(())
    }

    /// The ids under which a repository was ever found here, own and received.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn known_as(&self, guid: &RepoGuid) -> Result<Vec<RepoId>> {
        let conn = self.lock();
        let mut rows =
            conn.prepare("SELECT DISTINCT repo FROM repo_guid WHERE guid = ?1 ORDER BY repo")?;
        let repos = rows.query_map([guid.as_str()], |row| from_text(row, "repo"))?;
        Ok(repos.collect::<rusqlite::Result<_>>()?)
    }
}
