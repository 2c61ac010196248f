//! `peer verify`: recomputes what is held of a peer's log, and has what is lost sent again.
//!
//! 1. A long shard is recomputed in ranges, each one step of the writer: sessions go on in between.
//! 2. Shards that were stopped are taken again by the next session, which asks for what is lost. The
//!    peer has counted refusals too: the code that ends the session has it begin anew as well.

use super::super::{peers, refuse};
use crate::api::Verification;
use crate::daemon::Node;
use crate::daemon::upkeep::{Log, scrub};
use crate::model::{KeyId, LinkState};
use crate::reconcile::HubLog as _;
use crate::session::Code;
use crate::store::StoreError;
use crate::store::trust::Peer;
use std::time::Duration;
use tonic::Status;

/// How long a session may take to end.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// How long lost entries may take to come.
const REPAIR_WITHIN: Duration = Duration::from_secs(15);
/// Lost entries counted at most.
const COUNTED: usize = 1 << 20;

/// What one pass over all shards found.
struct Pass {
    shards: u64,
    checked: u64,
    /// Put right from what is stored beside it.
    mended: u64,
    /// Lost, for the peer to send again.
    lost: u64,
}

/// Checks all that is held of a peer, and repairs what can be.
pub(super) async fn verify(node: &Node, peer: &Peer) -> Result<Verification, Status> {
    let first = pass(node, peer.key).await.map_err(refuse::store)?;
    let stopped = take_again(node, peer.key).await.map_err(refuse::store)?;
    // What no shard here stands for: the whole log, a shard of which nothing is held, or our own log there.
    let troubled = node.presences.of(&peer.key).alert.is_some();
    let left = if first.lost > 0 || stopped > 0 || troubled || is_behind(node, peer.key).await {
        start_again(node, peer).await;
        wait_for_repair(node, peer.key).await;
        // What was asked for in vain is no longer wanted, and is lost all the same.
        pass(node, peer.key).await.map_err(refuse::store)?.lost
    } else {
        0
    };
    let summary = peers::summaries(node, vec![peer.key]).await.remove(&peer.key);
    let damaged = first.mended + first.lost;
    Ok(Verification {
        peer: peer.instance.to_string(),
        key_id: peer.key.to_string(),
        ok: left == 0 && summary.as_ref().is_none_or(|log| log.stopped.is_empty()),
        shards: first.shards,
        entries: first.checked,
        damaged,
        repaired: damaged.saturating_sub(left),
        verified_at: summary.and_then(|log| log.verified_at).map(|at| at.to_string()),
        message: message(peer, &first, left) + &resumed(stopped, troubled),
    })
}

fn message(peer: &Peer, first: &Pass, left: u64) -> String {
    let whose = &peer.instance;
    match (first.shards, first.mended + first.lost, left) {
        (0, ..) => format!("nothing of {whose} is held here"),
        (_, 0, _) => format!("what is held of {whose} is as it was signed"),
        (_, damaged, 0) => {
            format!("{damaged} damaged entries of {whose} were found, and all are repaired")
        }
        (_, damaged, left) => format!(
            "{left} of {damaged} damaged entries of {whose} could not be repaired; they are asked for whenever it connects"
        ),
    }
}

/// Whether a connected peer has announced what is not here: it may have stopped sending it.
async fn is_behind(node: &Node, origin: KeyId) -> bool {
    let summary = peers::summaries(node, vec![origin]).await.remove(&origin);
    node.links.is_connected(&origin) && summary.is_some_and(|log| log.behind)
}

fn resumed(stopped: usize, troubled: bool) -> String {
    match (stopped, troubled) {
        (0, false) => String::new(),
        (0, true) => "; the session began anew, and both logs are compared".to_owned(),
        (1, _) => "; one stopped shard is taken again".to_owned(),
        (many, _) => format!("; {many} stopped shards are taken again"),
    }
}

async fn pass(node: &Node, origin: KeyId) -> Result<Pass, StoreError> {
    let shards = node.history.read(move |reader| reader.shards(origin)).await?;
    // A person waits for it: sessions go on between two ranges all the same.
    let done = scrub(&node.history, Log::Held(origin), Duration::ZERO).await?;
    Ok(Pass {
        shards: shards.len() as u64,
        checked: done.checked,
        mended: done.changed.saturating_sub(done.lost),
        lost: lost(node, origin).await?,
    })
}

/// Shards that were stopped are taken again; how many.
async fn take_again(node: &Node, origin: KeyId) -> Result<usize, StoreError> {
    let taken = node.history.write(move |tx| match tx.reader()?.summary(origin)? {
        Some(_) => tx.hub(origin)?.take_again(),
        None => Ok(0),
    });
    taken.await
}

async fn lost(node: &Node, origin: KeyId) -> Result<u64, StoreError> {
    let counted = node.history.write(move |tx| {
        if tx.reader()?.summary(origin)?.is_none() {
            return Ok(0);
        }
        let wanted = tx.hub(origin)?.wanted(COUNTED)?;
        Ok(wanted.iter().map(|(_, seqs)| seqs.len() as u64).sum())
    });
    counted.await
}

/// A fresh session compares everything, takes what was stopped, and asks for what is lost.
async fn start_again(node: &Node, peer: &Peer) {
    let mut presence = node.presences.watch(&peer.key);
    // First: an authorized client is back at once.
    node.pasts.forget(&peer.key);
    node.links.close(&peer.key, Code::Restart);
    let is_down = presence.wait_for(|presence| presence.state != LinkState::Connected);
    // Late is no failure: what that session leaves is not kept, and the next one begins anew.
    let _ = tokio::time::timeout(CLOSE_WITHIN, is_down).await;
    // An authorized client dials again by itself.
    node.dialing.at_once(&peer.key);
}

/// Whether nothing is lost, and all that was announced is here.
async fn is_whole(node: &Node, origin: KeyId) -> Result<bool, StoreError> {
    let summary = node.history.read(move |reader| reader.summary(origin)).await?;
    Ok(summary.is_none_or(|log| !log.behind) && lost(node, origin).await? == 0)
}

async fn wait_for_repair(node: &Node, origin: KeyId) {
    let mut changes = node.history.changes();
    let repaired = async {
        loop {
            changes.mark_unchanged();
            match is_whole(node, origin).await {
                Ok(true) | Err(_) => return,
                Ok(false) => {}
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // Late is no failure: what is lost is counted afterwards.
    let _ = tokio::time::timeout(REPAIR_WITHIN, repaired).await;
}
