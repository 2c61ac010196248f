//! Which of our shared repos each peer may hold, and the number of the newest set.

use super::word::RecordReason;
use super::{Trust, from_text};
use crate::model::{KeyId, RepoGuid, RepoId, Timestamp};
use crate::store::column::{Col, noun};
use crate::store::error::Result;
use rusqlite::{OptionalExtension as _, Row};

/// The key in `meta` of the number of the newest set.
const REVISION: &str = "shared-repos-revision";

/// A repo that was pushed to a peer and not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedRepo {
    /// To whom.
    pub peer: KeyId,
    /// Our id of it.
    pub repo: RepoId,
    /// Which repository it was.
    pub guid: RepoGuid,
}

impl Trust {
    /// A peer is about to be sent these. What it has not acknowledged of their having been taken back
    /// is no longer true, and is dropped.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn offer(&self, peer: &KeyId, repos: &[(RepoId, RepoGuid)], now: Timestamp) -> Result<()> {
        self.transact(|tx| {
            let mut put = tx.prepare(
                "INSERT INTO offered_repo VALUES (?1, ?2, ?3, ?4) ON CONFLICT (peer, repo) DO UPDATE \
                 SET guid = ?3, offered_at = ?4 WHERE guid <> ?3",
            )?;
            let mut void = tx.prepare(
                "DELETE FROM outgoing_record WHERE peer = ?1 AND repo = ?2 AND acknowledged_at IS NULL",
            )?;
            for (repo, guid) in repos {
                put.execute((Col(*peer), repo.as_str(), guid.as_str(), Col(now)))?;
                void.execute((Col(*peer), repo.as_str()))?;
            }
            Ok(())
        })
    }

    /// All that any peer may hold, by peer.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn offered_repos(&self) -> Result<Vec<OfferedRepo>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM offered_repo ORDER BY peer, repo")?;
        let offered = rows.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(offered)
    }

    /// What this peer may hold.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn offered_to(&self, peer: &KeyId) -> Result<Vec<OfferedRepo>> {
        let conn = self.lock();
        let mut rows = conn.prepare("SELECT * FROM offered_repo WHERE peer = ?1 ORDER BY repo")?;
        let offered = rows.query_map([Col(*peer)], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(offered)
    }

    /// Takes a repo back from a peer: it holds it no longer, and a record says so until it is
    /// acknowledged. `false` if the peer did not hold it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn take_back(
        &self,
        offered: &OfferedRepo,
        reason: RecordReason,
        at: Timestamp,
    ) -> Result<bool> {
        self.transact(|tx| {
            let sql = "DELETE FROM offered_repo WHERE peer = ?1 AND repo = ?2";
            let (peer, repo) = (Col(offered.peer), offered.repo.as_str());
            if tx.execute(sql, (peer, repo))? == 0 {
                return Ok(false);
            }
            let sql = "INSERT INTO outgoing_record (peer, guid, repo, reason, at) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let peer = Col(offered.peer);
            tx.execute(sql, (peer, offered.guid.as_str(), repo, reason.as_str(), Col(at)))?;
            Ok(true)
        })
    }

    /// A number for a set whose content differs from the one before; it grows, also over restarts.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn next_set_revision(&self) -> Result<u64> {
        self.transact(|tx| {
            let sql = "SELECT value FROM meta WHERE key = ?1";
            let kept: Option<[u8; 8]> =
                tx.query_row(sql, [REVISION], |row| row.get(0)).optional()?;
            let next = kept.map_or(0, u64::from_be_bytes).saturating_add(1);
            let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
            tx.execute(sql, (REVISION, next.to_be_bytes()))?;
            Ok(next)
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OfferedRepo> {
    Ok(OfferedRepo {
        peer: noun(row, "peer")?,
        repo: from_text(row, "repo")?,
        guid: from_text(row, "guid")?,
    })
}
