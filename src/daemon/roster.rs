//! Who this instance's peers are: what the owner declared in the file, and what pairing stored.
//!
//! 1. A declaration wins over what is stored under the same key, and only the file changes it.
//! 2. What is only learned of a declared peer (when it was heard, what it grants us) is stored in a
//!    row that is no pairing: without the declaration it makes nobody a peer.

use crate::clock;
use crate::config::{DeclaredPeer, LiveConfig};
use crate::model::{KeyId, PeerRole, Timestamp};
use crate::pairing::PeerUrl;
use crate::store::trust::Peer;
use crate::store::{StoreError, Trust};
use std::sync::Arc;
use tokio::sync::watch;

/// How many machines that replaced each other are followed: keys that name each other in a ring, as
/// two that were each made to replace the other, end as well.
const REPLACEMENTS: usize = 32;

/// Every peer of this instance.
pub struct Roster {
    config: Arc<LiveConfig>,
    trust: Arc<Trust>,
    changes: watch::Sender<u64>,
}

/// Why no single peer has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchPeer {
    /// Nobody has it.
    #[error("no peer is called {0}")]
    Unknown(String),
    /// Several have it.
    #[error("{name} could be {}; write more of it", .candidates.join(", "))]
    Ambiguous {
        /// As asked for.
        name: String,
        /// Who it could be.
        candidates: Vec<String>,
    },
}

impl Roster {
    /// Over the file and the store.
    #[must_use]
    pub fn new(config: Arc<LiveConfig>, trust: Arc<Trust>) -> Self {
        Self { config, trust, changes: watch::Sender::new(0) }
    }

    /// Every peer that is not removed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn peers(&self) -> Result<Vec<Peer>, StoreError> {
        let config = self.config.current();
        let mut peers = self.trust.peers()?;
        peers.retain(|peer| {
            peer.paired_at != Peer::NEVER_PAIRED || config.peer(&peer.key).is_some()
        });
        for declared in &config.peers {
            match peers.iter_mut().find(|peer| peer.key == declared.key) {
                Some(peer) => overlay(peer, declared),
                None => peers.push(self.declared(declared)?),
            }
        }
        Ok(peers)
    }

    /// The peer with that key, also if it is removed (and not declared).
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn peer(&self, key: &KeyId) -> Result<Option<Peer>, StoreError> {
        match self.config.current().peer(key) {
            Some(declared) => self.declared(declared).map(Some),
            None => Ok(self.trust.peer(key)?.filter(|peer| peer.paired_at != Peer::NEVER_PAIRED)),
        }
    }

    fn declared(&self, declared: &DeclaredPeer) -> Result<Peer, StoreError> {
        let stored = self.trust.peer(&declared.key)?;
        let mut peer = stored.unwrap_or_else(|| {
            Peer::new(declared.key, declared.instance.clone(), declared.role, Peer::NEVER_PAIRED)
        });
        overlay(&mut peer, declared);
        Ok(peer)
    }

    /// Whether the file says who this is.
    #[must_use]
    pub fn is_declared(&self, key: &KeyId) -> bool {
        self.config.current().peer(key).is_some()
    }

    /// Removed known hosts that were away and hold something that was taken back from them: they are
    /// dialled once more, to be told.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn untold(&self) -> Result<Vec<Peer>, StoreError> {
        let config = self.config.current();
        let mut removed = self.trust.removed_peers()?;
        removed.retain(|peer| config.peer(&peer.key).is_none() && !Self::urls(peer).is_empty());
        let mut untold = Vec::new();
        for peer in removed {
            if !self.trust.open_records(&peer.key)?.is_empty() {
                untold.push(peer);
            }
        }
        Ok(untold)
    }

    /// A removed peer was told so: what was taken back from it went with that.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn told(&self, key: &KeyId) -> Result<(), StoreError> {
        let open = self.trust.open_records(key)?;
        let numbers: Vec<_> = open.iter().map(|record| record.number).collect();
        self.trust.acknowledge_records(key, &numbers, clock::now())?;
        self.changed();
        Ok(())
    }

    /// The peer that a person means: by instance id, our label, key id, or a unique prefix of one.
    ///
    /// # Errors
    /// The store cannot be read; inside: nobody or several are meant.
    pub fn find(&self, name: &str) -> Result<Result<Peer, NoSuchPeer>, StoreError> {
        Ok(pick(self.peers()?, name))
    }

    /// The same of those who were removed, whose history stays.
    ///
    /// # Errors
    /// The store cannot be read; inside: nobody or several are meant.
    pub fn find_removed(&self, name: &str) -> Result<Result<Peer, NoSuchPeer>, StoreError> {
        Ok(pick(self.trust.removed_peers()?, name))
    }

    /// Who took a removed peer's entry over, and its history with it: the last of a row of
    /// replacements, else the peer itself.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn heir(&self, removed: &KeyId) -> Result<KeyId, StoreError> {
        let mut heir = *removed;
        for _ in 0..REPLACEMENTS {
            // Who is a peer again took its own entry back.
            let peer = self.peer(&heir)?.filter(|peer| peer.removed_at.is_some());
            let Some(next) = peer.and_then(|peer| peer.replaced_by) else { break };
            heir = next;
        }
        Ok(heir)
    }

    /// Keeps what was learned of a peer, whoever it is (also a declared one).
    ///
    /// # Errors
    /// The store cannot be written, or it is no peer any more.
    pub fn learn(&self, key: &KeyId, change: impl FnOnce(&mut Peer)) -> Result<Peer, StoreError> {
        if self.trust.peer(key)?.is_none()
            && let Some(declared) = self.config.current().peer(key)
        {
            self.trust.put_peer(&self.declared(declared)?)?;
        }
        let peer = self.trust.update_peer(key, change)?;
        Ok(peer)
    }

    /// Says that peers, their addresses or their grants changed.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes with every [`Roster::changed`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Where a known host is dialled; nothing of it that is no URL.
    #[must_use]
    pub fn urls(peer: &Peer) -> Vec<PeerUrl> {
        match peer.role {
            PeerRole::KnownHost => peer.urls.iter().filter_map(|url| url.parse().ok()).collect(),
            PeerRole::AuthorizedClient => Vec::new(),
        }
    }

    /// Remembers that a peer was heard just now.
    pub fn heard(&self, key: &KeyId, at: Timestamp, address: Option<&str>) {
        if let Err(error) = self.trust.heard(key, at, address) {
            tracing::warn!(%error, peer = %key, "when it was last heard was not kept");
        }
    }
}

fn overlay(peer: &mut Peer, declared: &DeclaredPeer) {
    peer.instance = declared.instance.clone();
    peer.role = declared.role;
    peer.urls = declared.urls.iter().map(ToString::to_string).collect();
    peer.grants = declared.grants.clone();
    peer.allow_remote_commands = declared.allow_remote_commands;
    peer.allowed_paths = declared.allowed_paths.iter().map(|p| p.display().to_string()).collect();
    peer.removed_at = None;
    peer.replaced_by = None;
}

/// A whole name wins over any prefix.
fn pick(peers: Vec<Peer>, name: &str) -> Result<Peer, NoSuchPeer> {
    let unknown = || NoSuchPeer::Unknown(name.to_owned());
    if name.is_empty() {
        return Err(unknown());
    }
    let whole = |peer: &Peer| names(peer).iter().any(|known| known == name);
    let begins = |peer: &Peer| {
        names(peer).iter().any(|known| known.starts_with(name))
            || peer.key.to_string().trim_start_matches("ed25519.").starts_with(name)
    };
    let exact: Vec<_> = peers.iter().filter(|peer| whole(peer)).cloned().collect();
    let mut found =
        if exact.is_empty() { peers.into_iter().filter(begins).collect() } else { exact };
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(unknown()),
        (Some(peer), true) => Ok(peer),
        (Some(peer), false) => {
            found.push(peer);
            let candidates = found.iter().map(|p| format!("{} ({})", p.instance, p.key)).collect();
            Err(NoSuchPeer::Ambiguous { name: name.to_owned(), candidates })
        }
    }
}

fn names(peer: &Peer) -> Vec<String> {
    let label = peer.label.clone().into_iter();
    label.chain([peer.instance.to_string(), peer.key.to_string()]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::crypto::Identity;

    fn peer(seed: u8, name: &str) -> Peer {
        let key = Identity::from_seed([seed; 32]).key_id();
        Peer::new(key, name.parse().unwrap(), PeerRole::KnownHost, clock::now())
    }

    #[test]
    fn a_whole_name_wins_over_a_prefix_and_several_are_named() {
        let peers = || vec![peer(1, "nas"), peer(2, "nas2"), peer(3, "hub")];
        assert_eq!(pick(peers(), "nas").unwrap().key, peer(1, "nas").key);
        assert_eq!(pick(peers(), "h").unwrap().key, peer(3, "hub").key);
        assert_eq!(pick(peers(), &peer(2, "x").key.to_string()).unwrap().key, peer(2, "x").key);
        assert!(matches!(pick(peers(), "na"), Err(NoSuchPeer::Ambiguous { .. })));
        assert!(matches!(pick(peers(), "x"), Err(NoSuchPeer::Unknown(_))));
        assert!(matches!(pick(peers(), ""), Err(NoSuchPeer::Unknown(_))));
    }

    #[test]
    fn the_heir_of_a_replaced_peer_is_the_last_of_the_row() {
        let folder = tempfile::tempdir().unwrap();
        let roster = roster("instance = \"hub\"\n", folder.path());
        let key = |seed| peer(seed, "nas").key;
        let replaced = |seed, by: Option<u8>| Peer {
            removed_at: Some(clock::now()),
            replaced_by: by.map(key),
            ..peer(seed, "nas")
        };
        for one in [replaced(1, Some(2)), replaced(2, Some(3)), peer(3, "nas")] {
            roster.trust.put_peer(&one).unwrap();
        }
        let heir = |seed| roster.heir(&key(seed)).unwrap();
        assert_eq!([heir(1), heir(2), heir(3)], [key(3); 3]);
        assert_eq!(heir(4), key(4), "whom nobody knows nobody replaced");
        for one in [replaced(5, None), replaced(6, Some(7)), replaced(7, Some(6))] {
            roster.trust.put_peer(&one).unwrap();
        }
        assert_eq!(heir(5), key(5));
        assert!([key(6), key(7)].contains(&heir(6)), "a ring ends");
    }

    fn roster(text: &str, folder: &std::path::Path) -> Roster {
        let file = folder.join("config.toml");
        std::fs::write(&file, text).unwrap();
        let config = Arc::new(LiveConfig::open(file).unwrap());
        Roster::new(config, Arc::new(Trust::open(folder).unwrap()))
    }

    #[test]
    fn a_declaration_wins_and_without_it_nobody_is_a_peer() {
        let folder = tempfile::tempdir().unwrap();
        let key = peer(1, "hub").key;
        let declared = format!(
            "instance = \"nas\"\n[[known-host]]\ninstance = \"hub\"\nkey-id = \"{key}\"\n\
             urls = [\"https://hub.example\"]\n\
             grants = [{{ permission = \"read-operations\", scopes = [\"*\"] }}]\n"
        );
        let roster = roster(&declared, folder.path());
        roster.learn(&key, |peer| peer.software = Some("holdfast test".to_owned())).unwrap();
        let peer = roster.peer(&key).unwrap().unwrap();
        assert_eq!(peer.software.as_deref(), Some("holdfast test"));
        assert_eq!(Roster::urls(&peer).len(), 1);
        assert!(roster.is_declared(&key));
        std::fs::write(folder.path().join("config.toml"), "instance = \"nas\"\n").unwrap();
        roster.config.reload();
        assert_eq!(roster.peer(&key).unwrap(), None);
        assert_eq!(roster.peers().unwrap(), []);
    }
}
