//! What becomes here of the repos that a peer pushes.

use super::super::node::Node;
use super::shelf::{Own, Seniority, Whose, settle};
use super::{Heard, Sharing, in_turn, locked};
use crate::clock;
use crate::config::Config;
use crate::grant::{Permission, Target};
use crate::model::{KeyId, RepoGuid, RepoId, Secret, SharedRepo, Timestamp};
use crate::share::{Allowance, Screened, UriRefused, screen, update};
use crate::store::trust::{Peer, ReceivedRepo, ReceivedState};
use crate::store::{Result, Trust};
use crate::wire::{SharedRepoReport, SharedRepoSet, TakenRepo, TakenState};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// How many repos of one origin are kept, in any state.
const MAX_REPOS: usize = 512;
/// Of a local folder that a peer names and may not.
const MAX_SHOWN_PATH: usize = 200;

/// What came of asking for a deleted repo again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// It was pushed in the session that stands: what became of it, and why if it is not usable.
    Now(ReceivedState, String),
    /// Its owner pushes it when it is connected next.
    WhenPushed,
    /// It was neither deleted here nor in conflict.
    NotDeleted,
}

/// Whether this peer may push repos to us.
pub(super) fn may_send(peer: &Peer) -> bool {
    peer.removed_at.is_none() && peer.grants.allow(Permission::SendSharedRepos, Target::repo(""))
}

/// A set came in that session.
pub(super) async fn heard(node: &Node, peer: KeyId, session: u64, set: SharedRepoSet) {
    let consents = node.with_trust(move |_, roster| roster.peer(&peer)).await;
    let consents = consents.ok().flatten().is_some_and(|peer| may_send(&peer));
    let noted = node.sharing.note(&peer, session, |heard| {
        heard.revision = set.revision;
        heard.ids = set.repos.iter().map(|repo| repo.id.clone()).collect();
        heard.repos = if consents { set.repos } else { Vec::new() };
    });
    if noted {
        look_again(node).await;
        // Also where nothing changed, the peer is to be answered.
        node.sharing.changed();
    }
}

/// Brings what is stored of received repos up to what config, grants and peers say now. Whether
/// anything changed.
pub(super) async fn look_again(node: &Node) -> bool {
    look_for(node, None).await
}

/// The same, and takes the one that a person chose, unless another has its place.
async fn look_for(node: &Node, chosen: Option<Whose>) -> bool {
    let config = Arc::clone(&node.config);
    let looked = in_turn(node, move |sharing, trust, roster| {
        let mut pushed = Vec::new();
        for (key, heard) in sharing.pushed() {
            if let Some(peer) = roster.peer(&key)?.filter(may_send) {
                pushed.push((peer, heard));
            }
        }
        put_in_order(&config.current(), trust, &pushed, chosen.as_ref())
    });
    match looked.await {
        Ok(changed) => changed,
        Err(error) => {
            tracing::error!(%error, "received repos stay as they are; the store does not take them");
            false
        }
    }
}

pub(super) fn put_in_order(
    config: &Config,
    trust: &Trust,
    pushed: &[(Peer, Heard)],
    chosen: Option<&Whose>,
) -> Result<bool> {
    let stored = trust.received_repos()?;
    if stored.is_empty() && pushed.is_empty() {
        return Ok(false);
    }
    let own = Own::read(config, trust)?;
    let mut repos = BTreeMap::new();
    for repo in &stored {
        let seniority = Seniority::resting(repo);
        repos.insert((repo.origin, repo.id.clone()), (seniority, repo.clone()));
    }
    for (peer, heard) in pushed {
        lay_out(&mut repos, peer, heard);
    }
    let settled = settle(&own, chosen, repos.into_values().collect());
    let is_new = |repo: &ReceivedRepo| !stored.iter().any(|before| is_same(before, repo));
    let mut changed: Vec<_> = settled.into_iter().filter(is_new).collect();
    let now = clock::now();
    changed.iter_mut().for_each(|repo| repo.changed_at = now);
    trust.put_received_repos(&changed)?;
    Ok(!changed.is_empty())
}

/// Whether there is nothing to write: the number of the set and the time alone are nothing.
fn is_same(before: &ReceivedRepo, now: &ReceivedRepo) -> bool {
    let ReceivedRepo { revision, changed_at, .. } = *before;
    *before == ReceivedRepo { revision, changed_at, ..now.clone() }
}

type Repos = BTreeMap<Whose, (Seniority, ReceivedRepo)>;

/// Puts what a peer pushes among what is there already.
fn lay_out(repos: &mut Repos, peer: &Peer, heard: &Heard) {
    let allowance = allowance(peer);
    let mut count = repos.keys().filter(|(origin, _)| *origin == peer.key).count();
    let mut seen = BTreeSet::new();
    for pushed in &heard.repos {
        let key = (peer.key, pushed.id.clone());
        let kept = repos.get(&key).map(|(_, kept)| kept);
        // Of two in one set with the same id the first counts.
        if !seen.insert(&pushed.id) || (kept.is_none() && count >= MAX_REPOS) {
            continue;
        }
        count += usize::from(kept.is_none());
        let received = receive(kept, pushed.clone(), peer.key, &allowance);
        let received = (received.0, ReceivedRepo { revision: heard.revision, ..received.1 });
        repos.insert(key, received);
    }
}

fn allowance(peer: &Peer) -> Allowance {
    Allowance {
        paths: peer.allowed_paths.iter().map(PathBuf::from).collect(),
        remote_commands: peer.allow_remote_commands,
    }
}

/// What a pushed repo becomes, before it is known whether something is in its way.
pub(super) fn receive(
    kept: Option<&ReceivedRepo>,
    pushed: SharedRepo,
    origin: KeyId,
    allowance: &Allowance,
) -> (Seniority, ReceivedRepo) {
    if let Some(kept) = kept.filter(|kept| kept.state == ReceivedState::Deleted) {
        return (Seniority::Placed, kept.clone());
    }
    let seniority = match kept {
        // Also where it is another repository by now: plans are led to neither.
        Some(kept) if Seniority::resting(kept) == Seniority::Contender => Seniority::Contender,
        Some(kept) if kept.guid != pushed.guid => Seniority::Newcomer,
        Some(kept) => match kept.state {
            ReceivedState::Disabled | ReceivedState::Refused => Seniority::Returning,
            ReceivedState::Taken | ReceivedState::Conflict | ReceivedState::Deleted => {
                Seniority::resting(kept)
            }
        },
        None => Seniority::Newcomer,
    };
    let path = local_path(&pushed);
    let (id, guid) = (pushed.id.clone(), pushed.guid.clone());
    let received = match screen(pushed, allowance) {
        Ok(screened) => usable(kept, screened, origin),
        Err(why) => refused(origin, (id, guid), &why, path),
    };
    (seniority, received)
}

fn usable(kept: Option<&ReceivedRepo>, screened: Screened, origin: KeyId) -> ReceivedRepo {
    let kept = kept.map(|kept| SharedRepo {
        id: kept.id.clone(),
        guid: kept.guid.clone(),
        uri: kept.uri.clone(),
        password: kept.password.clone(),
        env: kept.env.clone(),
    });
    let SharedRepo { id, guid, uri, password, mut env } = update(kept.as_ref(), screened.repo);
    // As the store gives them back.
    env.sort_by(|a, b| a.0.cmp(&b.0));
    ReceivedRepo {
        origin,
        id,
        guid,
        uri,
        password,
        env,
        state: ReceivedState::Taken,
        detail: String::new(),
        dropped: screened.dropped,
        revision: 0,
        changed_at: Timestamp::EPOCH,
    }
}

/// Nothing of its content is kept (X1): what is allowed later is taken from the session, or from
/// the next one.
fn refused(
    origin: KeyId,
    (id, guid): (RepoId, RepoGuid),
    why: &UriRefused,
    path: Option<String>,
) -> ReceivedRepo {
    let detail = match (why, path) {
        (UriRefused::Path, Some(path)) => {
            format!("{why}: {path:?} (see `holdfast peer edit --allow-path`)")
        }
        _ => why.to_string(),
    };
    let state = ReceivedState::Refused;
    ReceivedRepo { state, detail, ..blank(origin, id, guid) }
}

fn blank(origin: KeyId, id: RepoId, guid: RepoGuid) -> ReceivedRepo {
    ReceivedRepo {
        origin,
        id,
        guid,
        uri: Secret::new(String::new()),
        password: None,
        env: Vec::new(),
        state: ReceivedState::Deleted,
        detail: String::new(),
        dropped: Vec::new(),
        revision: 0,
        changed_at: clock::now(),
    }
}

/// A local folder holds no secret, and a person who is to allow it has to see it.
fn local_path(pushed: &SharedRepo) -> Option<String> {
    let uri = pushed.uri.expose();
    let path = uri.strip_prefix("local:").unwrap_or(uri);
    path.starts_with('/').then(|| path.chars().take(MAX_SHOWN_PATH).collect())
}

/// What the peer of a session is told of what it pushed; `None` before it said anything.
pub(super) fn report(
    sharing: &Sharing,
    trust: &Trust,
    peer: &Peer,
) -> Result<Option<SharedRepoReport>> {
    let heard = locked(&sharing.heard).get(&peer.key).cloned().unwrap_or_default();
    if !heard.is_anything() {
        return Ok(None);
    }
    let received = trust.received_repos()?;
    let of = |id: &RepoId| received.iter().find(|repo| repo.origin == peer.key && repo.id == *id);
    let repos = heard.ids.iter().filter_map(|id| match may_send(peer) {
        true => told(id, of(id)),
        false => Some(not_granted(id)),
    });
    Ok(Some(SharedRepoReport {
        revision: heard.revision,
        repos: repos.collect(),
        acknowledged: heard.seen,
    }))
}

fn not_granted(id: &RepoId) -> TakenRepo {
    taken(id, TakenState::NotGranted, "`send-shared-repos` is not granted to you here")
}

/// The peer learns what concerns its repo, not which others there are.
fn told(id: &RepoId, repo: Option<&ReceivedRepo>) -> Option<TakenRepo> {
    let Some(repo) = repo else {
        return Some(taken(id, TakenState::Refused, "too many repos were pushed from there"));
    };
    let dropped = repo.dropped.iter().map(|part| format!("{}: {}", part.field, part.reason));
    let told = match repo.state {
        ReceivedState::Taken => taken(id, TakenState::Taken, ""),
        ReceivedState::Conflict => {
            taken(id, TakenState::Conflict, "another repo there has this id or is this repository")
        }
        ReceivedState::Deleted => taken(id, TakenState::Deleted, "it was deleted there"),
        ReceivedState::Refused => taken(id, TakenState::Refused, &repo.detail),
        // Taken back since: a record said so.
        ReceivedState::Disabled => return None,
    };
    Some(TakenRepo { dropped: dropped.collect(), ..told })
}

fn taken(id: &RepoId, state: TakenState, detail: &str) -> TakenRepo {
    TakenRepo { id: id.clone(), state, detail: detail.to_owned(), dropped: Vec::new() }
}

/// A person deletes a received repo here: its credentials go, and it stays deleted until it is taken
/// again. `false` if it was not received, or is deleted already.
///
/// # Errors
/// The store cannot be read or written.
pub async fn delete(node: &Node, origin: KeyId, id: RepoId) -> Result<bool> {
    let deleted = in_turn(node, move |_, trust, _| {
        let stored = trust.received_repo(&origin, &id)?;
        let Some(repo) = stored.filter(|repo| repo.state != ReceivedState::Deleted) else {
            return Ok(false);
        };
        trust.put_received_repos(&[blank(origin, id, repo.guid)])?;
        Ok(true)
    });
    let deleted = deleted.await?;
    if deleted {
        look_again(node).await;
        node.shared_changed();
    }
    Ok(deleted)
}

/// A person wants a received repo that was deleted here, or that plans would not be led to by itself.
///
/// # Errors
/// The store cannot be read or written.
pub async fn take(node: &Node, origin: KeyId, id: RepoId) -> Result<Again> {
    let wanted = id.clone();
    let can_be_had = in_turn(node, move |_, trust, _| {
        match trust.received_repo(&origin, &wanted)?.map(|repo| repo.state) {
            Some(ReceivedState::Deleted) => trust.forget_received_repo(&origin, &wanted),
            state => Ok(state == Some(ReceivedState::Conflict)),
        }
    });
    if !can_be_had.await? {
        return Ok(Again::NotDeleted);
    }
    look_for(node, Some((origin, id.clone()))).await;
    node.shared_changed();
    let found = node.with_trust(move |trust, _| trust.received_repo(&origin, &id)).await?;
    Ok(found.map_or(Again::WhenPushed, |repo| Again::Now(repo.state, repo.detail)))
}
