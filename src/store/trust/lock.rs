//! The locks of others that were in the way of work: since when, and whether that was told.

use super::{Telling, Trust};
use crate::model::{RepoId, Timestamp};
use crate::store::column::{Col, noun};
use crate::store::error::Result;

impl Trust {
    /// A lock is in the way; since when it is. Those of the repo that are neither it nor among `held`
    /// are gone.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn lock_in_way(
        &self,
        repo: &RepoId,
        holder: &str,
        held: &[String],
        now: Timestamp,
    ) -> Result<Timestamp> {
        self.locks_held(repo, &[held, &[holder.to_owned()]].concat())?;
        self.transact(|tx| {
            let sql = "INSERT OR IGNORE INTO repo_lock VALUES (?1, ?2, ?3, 0)";
            tx.execute(sql, (repo.as_str(), holder, Col(now)))?;
            let sql = "SELECT since FROM repo_lock WHERE repo = ?1 AND holder = ?2";
            Ok(tx.query_row(sql, (repo.as_str(), holder), |row| noun(row, "since"))?)
        })
    }

    /// These are all the locks of others in a repo: any other is gone.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn locks_held(&self, repo: &RepoId, held: &[String]) -> Result<()> {
        self.transact(|tx| {
            let mut rows = tx.prepare_cached("SELECT holder FROM repo_lock WHERE repo = ?1")?;
            let known = rows.query_map([repo.as_str()], |row| row.get(0))?;
            for holder in known.collect::<rusqlite::Result<Vec<String>>>()? {
                if !held.contains(&holder) {
                    let sql = "DELETE FROM repo_lock WHERE repo = ?1 AND holder = ?2";
                    tx.execute(sql, (repo.as_str(), holder))?;
                }
            }
            Ok(())
        })
    }
}

impl Telling<'_> {
    /// Notes that hooks are told of what is in the way in a repo; `false` if they were before.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn is_first_of_lock(&self, repo: &RepoId) -> Result<bool> {
        let sql = "SELECT count(*) FROM repo_lock WHERE repo = ?1";
        let known: u32 = self.tx.query_row(sql, [repo.as_str()], |row| row.get(0))?;
        let sql = "UPDATE repo_lock SET told = 1 WHERE repo = ?1 AND told = 0";
        Ok(self.tx.execute(sql, [repo.as_str()])? > 0 || known == 0)
    }
}
