//! The set of shared repos that a peer may have now.

use super::super::node::Node;
use super::super::ports::place;
use super::members::{Unsent, note_unsent};
use super::{in_turn, locked};
use crate::clock;
use crate::config::{Config, Repo};
use crate::grant::{Permission, Target};
use crate::model::{Dropped, KeyId, RepoGuid, SharedRepo};
use crate::share;
use crate::store::trust::Peer;
use crate::store::{Result, Trust};
use crate::wire::SharedRepoSet;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What one message carries: the peer refuses more.
const MAX_REPOS: usize = 256;
/// Of one field; the same.
const MAX_FIELD_BYTES: usize = 4096;
/// Of a set: well within one record.
const MAX_SET_BYTES: usize = 512 * 1024;
/// Why one of more is not sent.
const TOO_LARGE: &str = "its location and its secrets, with those of the other repos, are longer than what a peer takes";

/// What a peer may have now.
#[derive(Default)]
pub(super) struct Offer {
    pub(super) repos: Vec<SharedRepo>,
    /// Whether a secret could not be had: worth another try later, with nothing else changed.
    pub(super) lacks_secret: bool,
}

/// Whether this peer may have that repo of the config.
pub(super) fn may_have(peer: &Peer, repo: &Repo) -> bool {
    let target = Target::repo(repo.id.as_str());
    peer.removed_at.is_none()
        && repo.shared
        && peer.grants.allow(Permission::ReceiveSharedRepos, target)
}

/// Which repository a repo of the config is known to be; `None` as long as that is not known.
pub(super) fn known_guid(trust: &Trust, repo: &Repo) -> Result<Option<RepoGuid>> {
    match repo.uri.resolve() {
        Ok(uri) => trust.repo_guid(&repo.id, &place(&uri)),
        Err(_) => Ok(None),
    }
}

/// What of a shared repo's environment its members are not sent, and why.
#[must_use]
pub fn held_back(repo: &Repo) -> Vec<Dropped> {
    // What cannot be resolved now is still of the storage that is written there.
    let template = repo.member.uri.as_ref().unwrap_or(&repo.uri);
    let resolved = template.resolve();
    let uri = resolved.as_ref().map_or_else(|_| template.as_written(), |uri| uri.expose());
    let sent = repo.member_env();
    let is_sent = |name: &str| sent.iter().any(|(other, _)| other == name);
    let unsent = repo.env.iter().filter(|(name, _)| !is_sent(name));
    let unsent = unsent.map(|(name, _)| (name, "members have member-uri or member-env instead"));
    let foreign = sent.iter().filter_map(|(name, _)| Some((name, share::held_back(uri, name)?)));
    let held = unsent.chain(foreign).filter(|_| repo.shared);
    held.map(|(name, reason)| Dropped { field: format!("env {name}"), reason: reason.to_owned() })
        .collect()
}

/// Works out what a peer may have, every secret resolved now.
pub(super) async fn offer_for(node: &Node, peer: &Peer) -> Result<Offer> {
    let config = node.config.current();
    let Ok(_turn) = node.sharing.resolving.acquire().await else { return Ok(Offer::default()) };
    let mut offer = Offer::default();
    let (mut room, mut unsent) = (MAX_SET_BYTES, Unsent::new());
    for (repo, guid) in ready(node, &config, peer).await? {
        match repo.member_access(&peer.instance).await {
            Ok(access) => {
                let (uri, password) = (access.uri, Some(access.password));
                let mut env = access.env;
                env.retain(|(name, _)| share::held_back(uri.expose(), name).is_none());
                let shared = SharedRepo { id: repo.id.clone(), guid, uri, password, env };
                match size(&shared).filter(|size| *size <= room) {
                    Some(size) => (room, _) = (room - size, offer.repos.push(shared)),
                    None => drop(unsent.insert(repo.id, TOO_LARGE.to_owned())),
                }
            }
            Err(error) => {
                unsent.insert(repo.id, error.to_string());
                offer.lacks_secret = true;
            }
        }
    }
    note_unsent(node, peer.key, unsent);
    Ok(offer)
}

/// The repos that a peer may have and that are known to exist.
async fn ready(node: &Node, config: &Arc<Config>, peer: &Peer) -> Result<Vec<(Repo, RepoGuid)>> {
    let repos = config.repos.iter().filter(|repo| may_have(peer, repo)).take(MAX_REPOS);
    let repos: Vec<_> = repos.cloned().collect();
    let known = node.with_trust(move |trust, _| {
        let mut ready = Vec::new();
        for repo in repos {
            if let Some(guid) = known_guid(trust, &repo)? {
                ready.push((repo, guid));
            }
        }
        Ok(ready)
    });
    known.await
}

/// `None` where a field alone is larger than a peer takes.
fn size(repo: &SharedRepo) -> Option<usize> {
    let secrets = repo.password.iter().chain([&repo.uri]).chain(repo.env.iter().map(|(_, v)| v));
    let sizes: Vec<_> = secrets.map(|secret| secret.expose().len()).collect();
    let fits = sizes.iter().all(|size| *size <= MAX_FIELD_BYTES);
    let names: usize = repo.env.iter().map(|(name, _)| name.len() + 8).sum();
    fits.then(|| sizes.iter().sum::<usize>() + names + 256)
}

/// Notes that the peer may hold these from now on, and makes the set that it is sent. What it may
/// not have any more by now is left out: it was taken back meanwhile.
pub(super) async fn commit(
    node: &Node,
    key: KeyId,
    repos: Vec<SharedRepo>,
) -> Result<SharedRepoSet> {
    let config = Arc::clone(&node.config);
    let committed = in_turn(node, move |sharing, trust, roster| {
        let (config, peer) = (config.current(), roster.peer(&key)?);
        let still = |repo: &SharedRepo| {
            let written = config.repo(&repo.id);
            written.zip(peer.as_ref()).is_some_and(|(written, peer)| may_have(peer, written))
        };
        let repos: Vec<_> = repos.into_iter().filter(still).collect();
        let named: Vec<_> = repos.iter().map(|repo| (repo.id.clone(), repo.guid.clone())).collect();
        trust.offer(&key, &named, clock::now())?;
        let digest = digest(&repos);
        let before = locked(&sharing.sent).get(&key).copied();
        let revision = match before {
            Some((same, revision)) if same == digest => revision,
            _ => trust.next_set_revision()?,
        };
        locked(&sharing.sent).insert(key, (digest, revision));
        Ok(SharedRepoSet { revision, repos, dropped: Vec::new() })
    });
    committed.await
}

/// Equal for equal content.
fn digest(repos: &[SharedRepo]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    };
    for repo in repos {
        add(repo.id.as_str());
        add(repo.guid.as_str());
        add(repo.uri.expose());
        add(repo.password.as_ref().map_or("", |password| password.expose()));
        for (name, value) in &repo.env {
            add(name);
            add(value.expose());
        }
        add("");
    }
    digest.finalize().into()
}
