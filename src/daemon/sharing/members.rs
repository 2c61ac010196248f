//! Who may have a shared repo of ours, and how it stands there.

use super::super::areas::Area;
use super::super::node::Node;
use super::offer::{known_guid, may_have};
use super::{Sharing, locked};
use crate::config::Repo;
use crate::model::{KeyId, RepoId};
use crate::store::Result;
use crate::store::trust::Peer;
use crate::wire::TakenState;
use std::collections::BTreeMap;

/// A peer that may have a repo.
pub struct Member {
    /// Who.
    pub peer: Peer,
    /// How the repo stands there.
    pub standing: Standing,
    /// More about it: the member's own sentence, or why it is not sent.
    pub detail: String,
    /// What the member left out.
    pub dropped: Vec<String>,
}

/// How a shared repo stands with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What the member said itself in this run of the daemon.
    Said(TakenState),
    /// It was sent, and nothing was heard of it in this run of the daemon.
    Sent,
    /// It is sent with the next session.
    Awaited,
    /// It cannot be sent as things are.
    NotSent,
}

impl Standing {
    /// The word of documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Said(said) => said.as_str(),
            Self::Sent => "sent",
            Self::Awaited => "awaited",
            Self::NotSent => "not-sent",
        }
    }
}

/// Why repos that a peer may have are not sent to it.
pub(super) type Unsent = BTreeMap<RepoId, String>;

/// Keeps what was found of a peer when its set was worked out last.
pub(super) fn note_unsent(node: &Node, peer: KeyId, unsent: Unsent) {
    let mut all = locked(&node.sharing.unsent);
    let before = all.insert(peer, unsent.clone()).unwrap_or_default();
    drop(all);
    for (repo, reason) in unsent.iter().filter(|(repo, reason)| before.get(repo) != Some(reason)) {
        tracing::warn!(%repo, %peer, reason, "a shared repo is not sent");
    }
    if before != unsent {
        node.areas.changed(Area::Repos);
        node.areas.changed(Area::Attention);
    }
}

impl Sharing {
    /// Why repos that this peer may have are not sent to it, as found in its last session.
    #[must_use]
    pub fn unsent(&self, peer: &KeyId) -> BTreeMap<RepoId, String> {
        locked(&self.unsent).get(peer).cloned().unwrap_or_default()
    }
}

/// The members of a repo of the config, by name.
///
/// # Errors
/// The store cannot be read.
pub async fn members(node: &Node, repo: &Repo) -> Result<Vec<Member>> {
    let of = repo.clone();
    let read = node.with_trust(move |trust, roster| {
        let mut peers = roster.peers()?;
        peers.retain(|peer| may_have(peer, &of));
        peers.sort_by(|a, b| a.instance.cmp(&b.instance));
        let offered = trust.offered_repos()?.into_iter().filter(|offered| offered.repo == of.id);
        let offered: Vec<_> = offered.map(|offered| offered.peer).collect();
        Ok((peers, offered, known_guid(trust, &of)?.is_some()))
    });
    let (peers, offered, is_known) = read.await?;
    let member = |peer: Peer| {
        let was_sent = offered.contains(&peer.key);
        let why_not = node.sharing.unsent(&peer.key).remove(&repo.id);
        let why_not = match is_known {
            true => why_not,
            false => Some("it is not known yet which repository it is".to_owned()),
        };
        let report = node.sharing.reported(&peer.key);
        let said = report.and_then(|r| r.repos.iter().find(|taken| taken.id == repo.id).cloned());
        let (standing, detail, dropped) = match (said, why_not) {
            (Some(said), _) => (Standing::Said(said.state), said.detail, said.dropped),
            (None, Some(why)) => (Standing::NotSent, why, Vec::new()),
            (None, None) if was_sent => (Standing::Sent, String::new(), Vec::new()),
            (None, None) => (Standing::Awaited, String::new(), Vec::new()),
        };
        Member { peer, standing, detail, dropped }
    };
    Ok(peers.into_iter().map(member).collect())
}
