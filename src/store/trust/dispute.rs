//! Names that a peer gave itself while somebody else had them: which snapshots may not be told apart.

use super::{Trust, keep_list, kept_list};
use crate::model::{InstanceId, KeyId, Timestamp};
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Where they are kept.
const DISPUTES: &str = "disputed-names";

/// One peer with a name that was somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The name.
    pub name: InstanceId,
    /// The peer that gave it to itself.
    pub key: KeyId,
    /// It may have used it from then on.
    pub since: Timestamp,
    /// When it was heard with a name of its own again.
    pub until: Option<Timestamp>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    key: String,
    since_ms: i64,
    until_ms: Option<i64>,
}

impl From<&Dispute> for Stored {
    fn from(dispute: &Dispute) -> Self {
        Self {
            name: dispute.name.to_string(),
            key: dispute.key.to_string(),
            since_ms: dispute.since.as_millis(),
            until_ms: dispute.until.map(Timestamp::as_millis),
        }
    }
}

impl TryFrom<Stored> for Dispute {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self> {
        Ok(Self {
            name: stored.name.parse().map_err(|error| StoreError::bad(DISPUTES, error))?,
            key: stored.key.parse().map_err(|error| StoreError::bad(DISPUTES, error))?,
            since: Timestamp::from_millis(stored.since_ms),
            until: stored.until_ms.map(Timestamp::from_millis),
        })
    }
}

impl Trust {
    /// All of them, with at most one for each name and peer.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn disputes(&self) -> Result<Vec<Dispute>> {
        self.transact(|tx| read(tx))
    }

    /// A peer gives itself a name that is somebody else's.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn dispute(&self, name: &InstanceId, key: KeyId, since: Timestamp) -> Result<()> {
        self.transact(|tx| {
            let mut all = read(tx)?;
            match all.iter_mut().find(|dispute| dispute.name == *name && dispute.key == key) {
                Some(Dispute { until: None, .. }) => return Ok(()),
                Some(again) => again.until = None,
                None => all.push(Dispute { name: name.clone(), key, since, until: None }),
            }
            write(tx, &all)
        })
    }

    /// A peer has a name of its own again, or is a peer no more.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn settle_disputes(&self, key: &KeyId, now: Timestamp) -> Result<()> {
        self.transact(|tx| {
            let mut all = read(tx)?;
            let mut open: Vec<_> = all
                .iter_mut()
                .filter(|dispute| dispute.key == *key && dispute.until.is_none())
                .collect();
            if open.is_empty() {
                return Ok(());
            }
            open.iter_mut().for_each(|dispute| dispute.until = Some(now));
            write(tx, &all)
        })
    }
}

fn read(conn: &Connection) -> Result<Vec<Dispute>> {
    kept_list::<Stored>(conn, DISPUTES)?.into_iter().map(Dispute::try_from).collect()
}

fn write(conn: &Connection, all: &[Dispute]) -> Result<()> {
    let stored: Vec<_> = all.iter().map(Stored::from).collect();
    keep_list(conn, DISPUTES, &stored)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_disputed_until_the_peer_has_another_and_may_be_again() {
        let dir = tempfile::tempdir().unwrap();
        let trust = Trust::open(dir.path()).unwrap();
        let (nas, key) = ("nas".parse::<InstanceId>().unwrap(), KeyId::from_bytes([1; 32]));
        let at = Timestamp::from_millis;
        trust.settle_disputes(&key, at(1)).unwrap();
        assert_eq!(trust.disputes().unwrap(), []);
        trust.dispute(&nas, key, at(2)).unwrap();
        trust.dispute(&nas, key, at(3)).unwrap();
        let open = Dispute { name: nas.clone(), key, since: at(2), until: None };
        assert_eq!(trust.disputes().unwrap(), std::slice::from_ref(&open));
        trust.settle_disputes(&KeyId::from_bytes([2; 32]), at(4)).unwrap();
        assert_eq!(trust.disputes().unwrap(), std::slice::from_ref(&open), "somebody else's word");
        trust.settle_disputes(&key, at(5)).unwrap();
        let over = Dispute { until: Some(at(5)), ..open.clone() };
        assert_eq!(trust.disputes().unwrap(), [over]);
        trust.dispute(&nas, key, at(6)).unwrap();
        assert_eq!(trust.disputes().unwrap(), [open], "all the time between counts too");
    }
}
