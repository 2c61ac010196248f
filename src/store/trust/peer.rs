//! Peers, as paired and as last heard.

use super::{Trust, from_json, from_text, to_json};
use crate::grant::{Grants, Permission, Scope, Scopes};
use crate::model::{InstanceId, KeyId, PeerRole, Timestamp};
use crate::store::column::{Col, maybe, noun};
use crate::store::error::{Result, StoreError};
use crate::wire::ToldGrant;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

/// An instance we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub key: KeyId,
    /// The key behind the key id; `None` until a session has shown it.
    pub public_key: Option<[u8; 32]>,
    /// What it calls itself.
    pub instance: InstanceId,
    /// What we call it, where that differs.
    pub label: Option<String>,
    /// Who dials whom.
    pub role: PeerRole,
    /// Where it is reached.
    pub urls: Vec<String>,
    /// What it may do here.
    pub grants: Grants,
    /// What it says that we may do there.
    pub grants_received: Vec<ToldGrant>,
    /// Below which paths it may restore, point a plan or a local repo.
    pub allowed_paths: Vec<String>,
    /// Whether pushed repos may be of schemes that can name a command.
    pub allow_remote_commands: bool,
    /// When it was paired.
    pub paired_at: Timestamp,
    /// When anything was last heard of it.
    pub last_heard: Option<Timestamp>,
    /// From where.
    pub last_address: Option<String>,
    /// Which software it runs, such as `holdfast 0.1.0`.
    pub software: Option<String>,
    /// When it was removed; its key is denied since.
    pub removed_at: Option<Timestamp>,
    /// The key that took its entry over.
    pub replaced_by: Option<KeyId>,
}

impl Peer {
    /// What [`Peer::paired_at`] says of a peer that was never paired: it is declared in the config,
    /// and this row holds only what was learned of it.
    pub const NEVER_PAIRED: Timestamp = Timestamp::EPOCH;

    /// A peer just paired: nothing granted, nothing heard.
    #[must_use]
    pub fn new(key: KeyId, instance: InstanceId, role: PeerRole, now: Timestamp) -> Self {
        Self {
            key,
            public_key: None,
            instance,
            label: None,
            role,
            urls: Vec::new(),
            grants: Grants::none(),
            grants_received: Vec::new(),
            allowed_paths: Vec::new(),
            allow_remote_commands: false,
            paired_at: now,
            last_heard: None,
            last_address: None,
            software: None,
            removed_at: None,
            replaced_by: None,
        }
    }
}

impl Trust {
    /// Every peer that is not removed, by instance id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn peers(&self) -> Result<Vec<Peer>> {
        self.peers_where("removed_at IS NULL")
    }

    /// Every key on the deny list.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn removed_peers(&self) -> Result<Vec<Peer>> {
        self.peers_where("removed_at IS NOT NULL")
    }

    fn peers_where(&self, condition: &str) -> Result<Vec<Peer>> {
        let conn = self.lock();
        let sql = format!("SELECT * FROM peer WHERE {condition} ORDER BY instance, key_id");
        let mut rows = conn.prepare(&sql)?;
        let peers = rows.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        Ok(peers)
    }

    /// One peer, also if it is removed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn peer(&self, key: &KeyId) -> Result<Option<Peer>> {
        find(&self.lock(), key)
    }

    /// Adds a peer, or replaces what is known of it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_peer(&self, peer: &Peer) -> Result<()> {
        put(&self.lock(), peer)
    }

    /// [`Trust::put_peer`] of many, in one transaction.
    ///
    /// # Errors
    /// The database cannot be written; none is added then.
    pub fn put_peers(&self, peers: &[Peer]) -> Result<()> {
        self.transact(|tx| peers.iter().try_for_each(|peer| put(tx, peer)))
    }

    /// Changes one peer in one transaction and returns it as it is then.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where there is no such peer.
    pub fn update_peer(&self, key: &KeyId, change: impl FnOnce(&mut Peer)) -> Result<Peer> {
        self.transact(|tx| {
            let mut peer = find(tx, key)?.ok_or_else(|| unknown(key))?;
            change(&mut peer);
            put(tx, &peer)?;
            Ok(peer)
        })
    }

    /// Removes a peer: its grants go, its key is denied from `now` on. Its history stays.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where there is no such peer.
    pub fn remove_peer(&self, key: &KeyId, now: Timestamp) -> Result<Peer> {
        self.update_peer(key, |peer| {
            peer.removed_at = Some(now);
            peer.grants = Grants::none();
            peer.grants_received.clear();
        })
    }

    /// Takes a key off the deny list; it is a stranger then. `false` if it was not on it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn allow_peer(&self, key: &KeyId) -> Result<bool> {
        let sql = "DELETE FROM peer WHERE key_id = ?1 AND removed_at IS NOT NULL";
        Ok(self.lock().execute(sql, [Col(*key)])? > 0)
    }

    /// Remembers when peers were last heard, in one transaction.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn heard_all(&self, peers: &[(KeyId, Timestamp)]) -> Result<()> {
        self.transact(|tx| {
            let mut heard = tx.prepare("UPDATE peer SET last_heard = ?2 WHERE key_id = ?1")?;
            peers
                .iter()
                .try_for_each(|(key, at)| heard.execute((Col(*key), Col(*at))).map(drop))?;
            Ok(())
        })
    }

    /// Remembers when, and from where, a peer was last heard.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn heard(&self, key: &KeyId, at: Timestamp, address: Option<&str>) -> Result<()> {
        let sql = "UPDATE peer SET last_heard = ?2, last_address = coalesce(?3, last_address) \
                   WHERE key_id = ?1";
        self.lock().execute(sql, (Col(*key), Col(at), address))?;
        Ok(())
    }
}

pub(super) fn unknown(key: &KeyId) -> StoreError {
    StoreError::Unknown { what: "peer", name: key.to_string() }
}

pub(super) fn find(conn: &Connection, key: &KeyId) -> Result<Option<Peer>> {
    let sql = "SELECT * FROM peer WHERE key_id = ?1";
    Ok(conn.query_row(sql, [Col(*key)], read).optional()?)
}

pub(super) fn put(conn: &Connection, peer: &Peer) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO peer VALUES (:key, :public_key, :instance, :label, :role, :urls, \
         :grants, :received, :paths, :commands, :paired, :heard, :address, :software, :removed, \
         :replaced)",
    )?
    .execute(named_params! {
        ":key": Col(peer.key),
        ":public_key": peer.public_key,
        ":instance": peer.instance.as_str(),
        ":label": peer.label,
        ":role": peer.role.as_str(),
        ":urls": to_json(&peer.urls)?,
        ":grants": peer.grants.to_string(),
        ":received": to_json(&peer.grants_received)?,
        ":paths": to_json(&peer.allowed_paths)?,
        ":commands": peer.allow_remote_commands,
        ":paired": Col(peer.paired_at),
        ":heard": peer.last_heard.map(Col),
        ":address": peer.last_address,
        ":software": peer.software,
        ":removed": peer.removed_at.map(Col),
        ":replaced": peer.replaced_by.map(Col),
    })?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Peer> {
    Ok(Peer {
        key: noun(row, "key_id")?,
        public_key: row.get("public_key")?,
        instance: from_text(row, "instance")?,
        label: row.get("label")?,
        role: from_text(row, "role")?,
        urls: from_json(row, "urls")?,
        grants: stored_grants(&row.get::<_, String>("grants")?),
        grants_received: from_json(row, "grants_received")?,
        allowed_paths: from_json(row, "allowed_paths")?,
        allow_remote_commands: row.get("allow_remote_commands")?,
        paired_at: noun(row, "paired_at")?,
        last_heard: maybe(row, "last_heard")?,
        last_address: row.get("last_address")?,
        software: row.get("software")?,
        removed_at: maybe(row, "removed_at")?,
        replaced_by: maybe(row, "replaced_by")?,
    })
}

/// Grants as stored. They are taken as they are (G1): exclusions alone allow nothing here, and a
/// permission or scope that is not understood grants nothing.
pub(super) fn stored_grants(text: &str) -> Grants {
    let mut grants = Grants::none();
    for part in text.split_whitespace() {
        let (permission, scopes) = part.split_once('=').unwrap_or((part, ""));
        let scopes = scopes.split(',').filter(|scope| !scope.is_empty());
        let scopes: std::result::Result<Scopes, _> = scopes.map(str::parse::<Scope>).collect();
        if let (Ok(permission), Ok(scopes)) = (permission.parse::<Permission>(), scopes) {
            grants.put_stored(permission, scopes);
        }
    }
    grants
}
