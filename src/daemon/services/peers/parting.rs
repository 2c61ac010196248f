//! Parting from a peer, and letting a removed one back.
//!
//! 1. The key is denied, durably, before anything else happens; its history stays.

use super::super::{peers, refuse};
use crate::api::{AllowedPeer, RemovedPeer};
use crate::clock;
use crate::config::Config;
use crate::daemon::{Node, sharing};
use crate::model::{KeyId, LinkState};
use crate::session::{Code, Send};
use crate::store::trust::{Peer, ReceivedRepo, ReceivedState};
use crate::wire::Notice;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// How long the goodbye may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// Tells it, closes its session, and refuses its key from now on.
pub(super) async fn remove(node: Arc<Node>, peer: Peer) -> Result<RemovedPeer, Status> {
    let key = peer.key;
    let links = Arc::clone(&node.links);
    let shared = node.with_trust(move |trust, _| {
        trust.remove_peer(&key, clock::now())?;
        links.regrant(&key);
        if let Err(error) = trust.drop_commands(&key) {
            // They are never sent: its key is refused.
            tracing::warn!(%error, peer = %key, "what waited for it was not taken out");
        }
        let mut shared = trust.received_repos()?;
        shared.retain(|repo| repo.origin == key && repo.state == ReceivedState::Taken);
        for repo in &shared {
            let why = "its owner was removed here";
            let disabled = ReceivedState::Disabled;
            trust.set_received_state(&key, &repo.id, disabled, why, clock::now())?;
        }
        Ok(shared)
    });
    let shared = shared.await.map_err(refuse::store)?;
    if let Err(error) = sharing::peer_removed(&node, key).await {
        // It is denied already, which it takes for the same.
        tracing::warn!(%error, peer = %key, "what it is to give back was not noted");
    }
    let settled = node.with_trust(move |trust, _| trust.settle_disputes(&key, clock::now())).await;
    if let Err(error) = settled {
        // Who is no peer disputes no name; what it made since is just not forgotten.
        tracing::warn!(%error, peer = %key, "the end of its other names was not noted");
    }
    tracing::info!(instance = %peer.instance, %key, "a peer was removed");
    node.shared_changed();
    say_goodbye(&node, &key).await;
    node.roster.changed();
    Ok(RemovedPeer {
        instance: peer.instance.to_string(),
        key_id: key.to_string(),
        disabled_plans: disabled(&node.config.current(), &shared),
    })
}

async fn say_goodbye(node: &Node, key: &KeyId) {
    if let Some(outgoing) = node.links.outgoing(key) {
        // Whoever does not hear it is told at its next call.
        let said = outgoing.send(Box::new(Send::Notice(Notice::Removed)));
        let _ = tokio::time::timeout(FAREWELL, said).await;
    }
    let mut presence = node.presences.watch(key);
    node.links.close(key, Code::Removed);
    let is_gone = presence.wait_for(|presence| presence.state != LinkState::Connected);
    let _ = tokio::time::timeout(FAREWELL, is_gone).await;
    // Whoever is let in again with a new token is not held to be the clone of before.
    node.links.forget_clone(key);
    node.presences.forget(key);
}

/// The plans that used a repo of it. A repo of the config with the same id comes first.
fn disabled(config: &Config, shared: &[ReceivedRepo]) -> Vec<String> {
    let uses = |repo: &crate::model::RepoId| {
        config.repo(repo).is_none() && shared.iter().any(|shared| shared.id == *repo)
    };
    let plans = config.plans.iter().filter(|plan| uses(&plan.repo));
    plans.map(|plan| plan.id.to_string()).collect()
}

/// Takes a removed key off the deny list, or says which of two machines with one key is real:
/// whichever connects next.
pub(super) async fn allow(node: &Node, name: &str) -> Result<AllowedPeer, Status> {
    let removed = node.with_trust(|trust, _| trust.removed_peers()).await.map_err(refuse::store)?;
    let peer = match pick(removed, name)? {
        Some(peer) => {
            let key = peer.key;
            let lifted = node.with_trust(move |trust, _| trust.allow_peer(&key)).await;
            lifted.map_err(refuse::store)?;
            peer
        }
        None => cloned(node, name).await?,
    };
    node.links.forget_clone(&peer.key);
    node.links.refusals().forget(&peer.key);
    tracing::info!(instance = %peer.instance, key = %peer.key, "a peer was allowed again");
    node.roster.changed();
    node.dialing.at_once(&peer.key);
    Ok(AllowedPeer { instance: peer.instance.to_string(), key_id: peer.key.to_string() })
}

async fn cloned(node: &Node, name: &str) -> Result<Peer, Status> {
    let peer = peers::find(node, name).await?;
    let presence = node.presences.of(&peer.key);
    if presence.reason.as_deref() == Some(Code::Clone.as_str()) {
        return Ok(peer);
    }
    let message = format!("{} is not refused here", peer.instance);
    Err(refuse::not_now("not-refused", message, "holdfast peer show says how the link is"))
}

/// A removed peer by key id or former instance id, whole or by a prefix that only one has.
fn pick(removed: Vec<Peer>, name: &str) -> Result<Option<Peer>, Status> {
    let names = |peer: &Peer| [peer.key.to_string(), peer.instance.to_string()];
    let whole = |peer: &Peer| names(peer).iter().any(|known| known == name);
    let begins = |peer: &Peer| {
        let bare = peer.key.to_string().trim_start_matches("ed25519.").to_owned();
        names(peer).iter().chain([&bare]).any(|known| known.starts_with(name))
    };
    let (exact, others): (Vec<_>, Vec<_>) =
        removed.into_iter().filter(|_| !name.is_empty()).partition(whole);
    let mut found = match exact.is_empty() {
        true => others.into_iter().filter(begins).collect(),
        false => exact,
    };
    if found.len() > 1 {
        let keys: Vec<_> = found.iter().map(|peer| peer.key.to_string()).collect();
        let message = format!("{name} could be {}", keys.join(", "));
        return Err(refuse::invalid(message, "name it by its key id"));
    }
    Ok(found.pop())
}
