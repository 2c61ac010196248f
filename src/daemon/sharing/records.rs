//! What a peer takes back from us.

use super::super::node::Node;
use super::in_turn;
use super::take::look_again;
use crate::clock;
use crate::model::KeyId;
use crate::store::trust::{ReceivedState, RecordReason, RepoRecord};
use crate::store::{Result, Trust};
use crate::wire::{SharedReason, SharedRepoRecord};

/// Records came in that session: each is acted on once, and all are acknowledged.
pub(super) async fn heard(node: &Node, peer: KeyId, session: u64, records: Vec<SharedRepoRecord>) {
    let numbers: Vec<_> = records.iter().map(|record| record.number).collect();
    let acted = in_turn(node, move |sharing, trust, _| {
        for record in records.into_iter().map(stored) {
            if trust.act_on_record(&peer, &record, clock::now())? {
                sharing.unsay(&peer, |id| *id == record.repo);
            }
        }
        Ok(())
    });
    match acted.await {
        Ok(()) => {
            node.sharing.note(&peer, session, |heard| heard.seen = numbers);
            look_again(node).await;
            node.shared_changed();
        }
        // Not acknowledged, so it is said again.
        Err(error) => tracing::error!(%error, %peer, "what a peer takes back was not kept"),
    }
}

fn stored(record: SharedRepoRecord) -> RepoRecord {
    let SharedRepoRecord { number, guid, id, reason, at } = record;
    let reason = match reason {
        SharedReason::Unshared => RecordReason::Unshared,
        SharedReason::Revoked => RecordReason::Revoked,
        SharedReason::PeerRemoved => RecordReason::PeerRemoved,
    };
    RepoRecord { number, guid, repo: id, reason, at }
}

/// A peer has said, its key being verified, that it removed us: all that it shared is taken back.
pub async fn dismissed(node: &Node, peer: KeyId) {
    let disabled = in_turn(node, move |sharing, trust, roster| {
        sharing.unsay(&peer, |_| true);
        let name = roster.peer(&peer)?.map(|peer| peer.instance.to_string());
        disable_all(trust, &peer, &name.unwrap_or_else(|| peer.to_string()))
    });
    match disabled.await {
        Ok(true) => {
            look_again(node).await;
            node.shared_changed();
        }
        Ok(false) => {}
        Err(error) => tracing::error!(%error, %peer, "that it removed us was not kept"),
    }
}

fn disable_all(trust: &Trust, peer: &KeyId, name: &str) -> Result<bool> {
    let detail = format!("{name} removed this instance from its peers");
    let mut changed = false;
    for repo in trust.received_repos()?.iter().filter(|repo| repo.origin == *peer) {
        match repo.state {
            ReceivedState::Taken | ReceivedState::Conflict | ReceivedState::Refused => {
                let (state, now) = (ReceivedState::Disabled, clock::now());
                changed |= trust.set_received_state(peer, &repo.id, state, &detail, now)?;
            }
            ReceivedState::Deleted | ReceivedState::Disabled => {}
        }
    }
    Ok(changed)
}
