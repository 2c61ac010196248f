//! What we take back from peers, and what they have acknowledged.

use super::super::node::Node;
use super::in_turn;
use super::offer::may_have;
use crate::clock;
use crate::config::Config;
use crate::model::{KeyId, RepoId};
use crate::session::Send as Outgoing;
use crate::store::Result;
use crate::store::trust::{OfferedRepo, Peer, RecordReason, RepoRecord};
use crate::wire::{SharedReason, SharedRepoRecord};
use std::sync::Arc;

/// How many records are sent in one message; the rest follows once these are acknowledged. A member
/// remembers more of them than this.
const RECORDS_AT_ONCE: usize = 200;

/// Why a peer may no longer hold a repo; `None` if it may, or if that is not known: a repo or a
/// declared peer that is merely absent from the config may be a config that was lost.
pub(super) fn due(repo: &RepoId, config: &Config, peer: Option<&Peer>) -> Option<RecordReason> {
    let peer = peer?;
    if peer.removed_at.is_some() {
        return Some(RecordReason::PeerRemoved);
    }
    let written = config.repo(repo)?;
    if !written.shared {
        return Some(RecordReason::Unshared);
    }
    (!may_have(peer, written)).then_some(RecordReason::Revoked)
}

/// Takes back whatever a peer may no longer hold. Whether there was anything.
pub(super) async fn withdraw_all(node: &Node) -> Result<bool> {
    let config = Arc::clone(&node.config);
    let withdrawn = in_turn(node, move |_, trust, roster| {
        let config = config.current();
        let mut any = false;
        for offered in trust.offered_repos()? {
            let peer = roster.peer(&offered.peer)?;
            if let Some(reason) = due(&offered.repo, &config, peer.as_ref()) {
                any |= trust.take_back(&offered, reason, clock::now())?;
            }
        }
        Ok(any)
    });
    withdrawn.await
}

/// Takes a repo back from everybody: a person removes it, though it was shared. To be called once the
/// config has it as not shared, or no longer; whether anybody held it.
///
/// # Errors
/// The store cannot be read or written.
pub async fn unshare(node: &Node, repo: RepoId) -> Result<bool> {
    take_back(node, RecordReason::Unshared, move |offered| offered.repo == repo).await
}

/// Takes everything back from a peer that a person removed. To be called once the store says that it
/// is removed, and before its session is closed: the records are on their way then.
///
/// # Errors
/// The store cannot be read or written.
pub async fn peer_removed(node: &Node, peer: KeyId) -> Result<bool> {
    let any =
        take_back(node, RecordReason::PeerRemoved, move |offered| offered.peer == peer).await?;
    node.sharing.forget(&peer);
    let open = open_records(node, peer).await?;
    if let Some(outgoing) = node.links.outgoing(&peer).filter(|_| !open.is_empty()) {
        // A session that has ended takes nothing; that it was removed it hears when it dials.
        let _ = outgoing.send(Box::new(Outgoing::SharedRepoRecords(open))).await;
    }
    Ok(any)
}

async fn take_back(
    node: &Node,
    reason: RecordReason,
    is_meant: impl Fn(&OfferedRepo) -> bool + Send + 'static,
) -> Result<bool> {
    let taken = in_turn(node, move |_, trust, _| {
        let mut any = false;
        for offered in trust.offered_repos()?.iter().filter(|offered| is_meant(offered)) {
            any |= trust.take_back(offered, reason, clock::now())?;
        }
        Ok(any)
    });
    let any = taken.await?;
    if any {
        node.shared_changed();
    }
    Ok(any)
}

/// What a peer has not acknowledged, oldest first.
pub(super) async fn open_records(node: &Node, peer: KeyId) -> Result<Vec<SharedRepoRecord>> {
    let open = node.with_trust(move |trust, _| trust.open_records(&peer)).await?;
    Ok(open.into_iter().take(RECORDS_AT_ONCE).map(told).collect())
}

fn told(record: RepoRecord) -> SharedRepoRecord {
    let RepoRecord { number, guid, repo, reason, at } = record;
    let reason = match reason {
        RecordReason::Unshared => SharedReason::Unshared,
        RecordReason::Revoked => SharedReason::Revoked,
        RecordReason::PeerRemoved => SharedReason::PeerRemoved,
    };
    SharedRepoRecord { number, guid, id: repo, reason, at }
}

/// A peer has seen these.
pub(super) async fn acknowledged(node: &Node, peer: KeyId, numbers: Vec<u64>) {
    if numbers.is_empty() {
        return;
    }
    let done = node.with_trust(move |trust, _| {
        let open = trust.open_records(&peer)?;
        trust.acknowledge_records(&peer, &numbers, clock::now())?;
        Ok(open.len() > RECORDS_AT_ONCE)
    });
    match done.await {
        Ok(true) => node.shared_changed(),
        Ok(false) => {}
        // They are sent again.
        Err(error) => tracing::error!(%error, %peer, "an acknowledgement was not kept"),
    }
}
