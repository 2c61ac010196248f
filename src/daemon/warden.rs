//! Ends the session of whoever is a peer no longer: removed, replaced by another key, or gone from
//! the config file. Level, not edge: at every change all sessions are compared with the roster.

use super::node::Node;
use crate::session::Code;
use crate::shutdown::Guard;
use std::sync::Arc;

/// Watches until the stop is asked for.
pub(super) async fn watch(node: Arc<Node>, mut guard: Guard) {
    let mut changes = node.roster.changes();
    while matches!(guard.run(changes.changed()).await, Some(Ok(()))) {
        for peer in node.links.connected() {
            let read = node.with_trust(move |_, roster| roster.peer(&peer)).await;
            match read {
                Ok(Some(known)) if known.removed_at.is_none() => {}
                Ok(_) => node.links.close(&peer, Code::Removed),
                Err(error) => tracing::error!(%error, %peer, "whether it is a peer is not known"),
            }
        }
    }
}
