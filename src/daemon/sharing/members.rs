//! Who may have a shared repo of ours or has yet to be told that it may not, and how it stands there.

use super::super::areas::Area;
use super::super::node::Node;
use super::super::roster::Roster;
use super::offer::{known_guid, may_have};
use super::{Sharing, locked};
use crate::config::Repo;
use crate::model::{KeyId, RepoId};
use crate::store::trust::Peer;
use crate::store::{Result, Trust};
use crate::wire::TakenState;
use std::collections::{BTreeMap, BTreeSet};

/// A peer that may have a repo, or that may hold it still.
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
    /// It was taken back, and the member has not acknowledged that.
    Leaving,
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
            Self::Leaving => "leaving",
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

/// What the store says of a peer and a repo.
struct Tie {
    peer: Peer,
    may_have: bool,
    was_sent: bool,
}

/// The members of a repo of the config, and those that were and have yet to acknowledge that they are
/// no longer; by name.
///
/// # Errors
/// The store cannot be read.
pub async fn members(node: &Node, repo: &Repo) -> Result<Vec<Member>> {
    let of = repo.clone();
    let read = node.with_trust(move |trust, roster| {
        Ok((ties(trust, roster, &of)?, known_guid(trust, &of)?.is_some()))
    });
    let (ties, is_known) = read.await?;
    let member = |tie: Tie| match (tie.may_have, is_known) {
        (false, _) => Member::of(tie.peer, Standing::Leaving, String::new()),
        (true, true) => {
            let why_not = node.sharing.unsent(&tie.peer.key).remove(&repo.id);
            stands(node, repo, tie, why_not)
        }
        (true, false) => {
            let why_not = "it is not known yet which repository it is".to_owned();
            stands(node, repo, tie, Some(why_not))
        }
    };
    Ok(ties.into_iter().map(member).collect())
}

fn ties(trust: &Trust, roster: &Roster, repo: &Repo) -> Result<Vec<Tie>> {
    let offered = trust.offered_repos()?.into_iter().filter(|offered| offered.repo == repo.id);
    let offered: BTreeSet<_> = offered.map(|offered| offered.peer).collect();
    let mut ties = Vec::new();
    for peer in roster.peers()? {
        let (may_have, was_sent) = (may_have(&peer, repo), offered.contains(&peer.key));
        // What it was sent is taken back a moment after it may have it no longer.
        if may_have || was_sent || is_untold(trust, &peer.key, &repo.id)? {
            ties.push(Tie { peer, may_have, was_sent });
        }
    }
    ties.sort_by(|a, b| a.peer.instance.cmp(&b.peer.instance));
    Ok(ties)
}

/// Whether a record says that the repo was taken back, and the peer has not acknowledged it.
fn is_untold(trust: &Trust, peer: &KeyId, repo: &RepoId) -> Result<bool> {
    Ok(trust.open_records(peer)?.iter().any(|record| record.repo == *repo))
}

/// How a repo stands with a peer that may have it.
fn stands(node: &Node, repo: &Repo, tie: Tie, why_not: Option<String>) -> Member {
    let Tie { peer, was_sent, .. } = tie;
    let report = node.sharing.reported(&peer.key);
    let said = report.and_then(|r| r.repos.iter().find(|taken| taken.id == repo.id).cloned());
    match (said, why_not) {
        (Some(said), _) => Member {
            dropped: said.dropped,
            ..Member::of(peer, Standing::Said(said.state), said.detail)
        },
        // A repo that is missing in a set stays with the member as it is.
        (None, Some(why)) if was_sent => {
            let why = format!("{why}; what the member took before it goes on using");
            Member::of(peer, Standing::NotSent, why)
        }
        (None, Some(why)) => Member::of(peer, Standing::NotSent, why),
        (None, None) if was_sent => Member::of(peer, Standing::Sent, String::new()),
        (None, None) => Member::of(peer, Standing::Awaited, String::new()),
    }
}

impl Member {
    const fn of(peer: Peer, standing: Standing, detail: String) -> Self {
        Self { peer, standing, detail, dropped: Vec::new() }
    }
}
