//! `peer verify`: recomputes what is held of a peer's log, and has what is lost sent again.
//!
//! 1. A long shard is recomputed in ranges, each one step of the writer: sessions go on in between.
//! 2. Shards that were stopped are taken again by the next session, which asks for what is lost.

use super::{peers, refuse};
use crate::api::Verification;
use crate::daemon::Node;
use crate::model::{KeyId, PeerRole};
use crate::reconcile::{Head, HubLog as _, Shard};
use crate::session::Code;
use crate::store::StoreError;
use crate::store::history::Scrubbed;
use crate::store::trust::Peer;
use std::time::Duration;
use tonic::Status;

/// Entries recomputed in one transaction.
const RANGE: usize = 4_096;
/// How long lost entries may take to come.
const REPAIR_WITHIN: Duration = Duration::from_secs(15);
/// Lost entries counted at most.
const COUNTED: usize = 1 << 20;

/// What one pass over all shards found.
#[derive(Default)]
struct Pass {
    shards: u64,
    checked: u64,
    /// Put right from what is stored beside it.
    mended: u64,
    /// Lost, for the peer to send again.
    lost: u64,
    /// Shards that nothing more was taken of.
    stopped: u64,
}

/// Checks all that is held of a peer, and repairs what can be.
pub(super) async fn verify(node: &Node, peer: &Peer) -> Result<Verification, Status> {
    let first = pass(node, peer.key).await.map_err(refuse::store)?;
    let left = if first.lost + first.stopped > 0 {
        start_again(node, peer);
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
        ok: left == 0,
        shards: first.shards,
        entries: first.checked,
        damaged,
        repaired: damaged.saturating_sub(left),
        verified_at: summary.and_then(|log| log.verified_at).map(|at| at.to_string()),
        message: message(peer, &first, left),
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

async fn pass(node: &Node, origin: KeyId) -> Result<Pass, StoreError> {
    let mut pass = Pass::default();
    for shard in shards(node, origin).await? {
        pass.shards += 1;
        let mut from = None;
        loop {
            let done = range(node, origin, shard.clone(), from).await?;
            pass.checked += done.checked;
            pass.mended += done.changed.saturating_sub(done.lost);
            match done.reached {
                Some(head) => from = Some(head),
                None => break,
            }
        }
    }
    pass.stopped = take_again(node, origin).await?;
    pass.lost = lost(node, origin).await?;
    Ok(pass)
}

async fn shards(node: &Node, origin: KeyId) -> Result<Vec<Shard>, StoreError> {
    let listed = node.history.write(move |tx| {
        // A log that is not there is not made by looking at it.
        match tx.reader()?.summary(origin)? {
            Some(_) => tx.hub(origin)?.shards(),
            None => Ok(Vec::new()),
        }
    });
    Ok(listed.await?.into_iter().map(|shard| shard.shard).collect())
}

async fn range(
    node: &Node,
    origin: KeyId,
    shard: Shard,
    from: Option<Head>,
) -> Result<Scrubbed, StoreError> {
    node.history.write(move |tx| tx.hub(origin)?.scrub_range(&shard, from, RANGE)).await
}

/// Shards that were stopped are taken again; how many.
async fn take_again(node: &Node, origin: KeyId) -> Result<u64, StoreError> {
    let taken = node.history.write(move |tx| {
        let Some(summary) = tx.reader()?.summary(origin)? else { return Ok(0) };
        let mut held = tx.hub(origin)?;
        for (shard, _) in &summary.stopped {
            held.stop(shard, None)?;
        }
        Ok(summary.stopped.len() as u64)
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
fn start_again(node: &Node, peer: &Peer) {
    match peer.role {
        PeerRole::KnownHost if node.links.is_connected(&peer.key) => node.dialing.renew(&peer.key),
        PeerRole::KnownHost => node.dialing.at_once(&peer.key),
        // It dials again by itself.
        PeerRole::AuthorizedClient => node.links.close(&peer.key, Code::Replaced),
    }
}

async fn wait_for_repair(node: &Node, origin: KeyId) {
    let mut changes = node.history.changes();
    let repaired = async {
        loop {
            changes.mark_unchanged();
            match lost(node, origin).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // Late is no failure: what is lost is counted afterwards.
    let _ = tokio::time::timeout(REPAIR_WITHIN, repaired).await;
}
