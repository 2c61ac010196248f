//! Ends the session of whoever is a peer no longer: removed, replaced by another key, or gone from
//! the config file. Level, not edge: at every change all sessions are compared with the roster.
//!
//! 1. Absence means unknown: only who was removed by a person is told so. Who is merely no longer
//!    declared may be so for a config that was lost, and goes on with what it received.

use super::node::Node;
use crate::session::Code;
use crate::shutdown::Guard;
use crate::store::trust::Peer;
use std::sync::Arc;

/// Watches until the stop is asked for.
pub(super) async fn watch(node: Arc<Node>, mut guard: Guard) {
    let mut changes = node.roster.changes();
    while matches!(guard.run(changes.changed()).await, Some(Ok(()))) {
        for peer in node.links.connected() {
            let read = node.with_trust(move |_, roster| roster.peer(&peer)).await;
            match read {
                Ok(known) => {
                    if let Some(code) = goodbye(known.as_ref()) {
                        node.links.close(&peer, code);
                    }
                }
                Err(error) => tracing::error!(%error, %peer, "whether it is a peer is not known"),
            }
        }
    }
}

/// What a session is closed with whose peer is this now; `None` where it stays.
fn goodbye(known: Option<&Peer>) -> Option<Code> {
    match known {
        None => Some(Code::UnknownPeer),
        Some(peer) => peer.removed_at.map(|_| Code::Removed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::model::{KeyId, PeerRole};

    #[test]
    fn only_who_was_removed_is_told_so() -> Result<(), crate::model::IdError> {
        let key = KeyId::from_bytes([1; 32]);
        let peer = Peer::new(key, "nas".parse()?, PeerRole::AuthorizedClient, clock::now());
        assert_eq!(goodbye(Some(&peer)), None);
        let removed = Peer { removed_at: Some(clock::now()), ..peer };
        assert_eq!(goodbye(Some(&removed)), Some(Code::Removed));
        assert_eq!(goodbye(None), Some(Code::UnknownPeer), "absence means unknown");
        Ok(())
    }
}
