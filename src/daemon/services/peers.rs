//! Peers: who they are, how the link is, what they may do, and what is held of them.

mod joining;
mod ladder;
mod parting;
mod verify;

use super::describe::Names;
use super::{addresses, grants, refuse};
use crate::api::peer_service_server::PeerService;
use crate::api::{
    self, AllowedPeer, EditPeerRequest, GrantRequest, JoinRequest, Joined, ListPeersRequest, Offer,
    PeerList, PeerLog, PeerRequest, PeerTest, PreviewRequest, Reached, RefusedApplicant,
    RemovedKey, RemovedPeer, RenamePeerRequest, RevokeRequest, Verification,
};
use crate::daemon::Node;
use crate::daemon::links::refusals::{Refused, explained};
use crate::daemon::presence::Presence;
use crate::grant::{GrantError, Grants, Permission};
use crate::model::{KeyId, LinkState, PeerRole, Timestamp};
use crate::store::StoreError;
use crate::store::history::LogSummary;
use crate::store::trust::Peer;
use std::collections::HashMap;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// A label is a name, not a letter.
const MAX_LABEL: usize = 100;

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn find(&self, name: &str) -> Result<Peer, Status> {
        find(&self.node, name).await
    }

    /// A peer that this instance may change: the file has the say over those declared in it.
    async fn find_ours(&self, name: &str) -> Result<Peer, Status> {
        let peer = self.find(name).await?;
        must_not_be_declared(&self.node, &peer)?;
        Ok(peer)
    }

    async fn shown(&self, peer: Peer) -> Answer<api::Peer> {
        let log = summaries(&self.node, vec![peer.key]).await.remove(&peer.key);
        Ok(Response::new(document(&self.node, peer, log.as_ref())))
    }

    async fn change(
        &self,
        key: KeyId,
        change: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> Result<Peer, Status> {
        let changed = self.node.with_trust(move |trust, roster| {
            let peer = trust.update_peer(&key, change)?;
            roster.changed();
            Ok(peer)
        });
        changed.await.map_err(refuse::store)
    }

    /// All of a change or nothing; the running session obeys before its next message (G2).
    async fn regrant(
        &self,
        key: KeyId,
        change: impl FnOnce(&Grants) -> Result<Grants, GrantError> + Send + 'static,
    ) -> Result<Peer, Status> {
        let links = Arc::clone(&self.node.links);
        // In one go: whoever asked may be gone before it is done.
        let changed = self.node.with_trust(move |trust, roster| {
            let mut outcome = Ok(());
            let peer = trust.update_peer(&key, |peer| match change(&peer.grants) {
                Ok(grants) => peer.grants = grants,
                Err(error) => outcome = Err(error),
            })?;
            links.regrant(&key);
            roster.changed();
            Ok(outcome.map(|()| peer))
        });
        changed.await.map_err(refuse::store)?.map_err(grants::refused)
    }

    async fn must_be_free(&self, label: &str, but: &KeyId) -> Result<(), Status> {
        let peers = peers(&self.node).await?;
        let has_it =
            |peer: &&Peer| peer.instance.as_str() == label || peer.label.as_deref() == Some(label);
        match peers.iter().filter(|peer| peer.key != *but).find(has_it) {
            Some(other) => {
                let message = format!("{} ({}) is called that already", other.instance, other.key);
                Err(refuse::not_now("name-taken", message, "choose another label"))
            }
            None => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl PeerService for Service {
    async fn preview(&self, request: Request<PreviewRequest>) -> Answer<Offer> {
        joining::preview(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn reach(&self, request: Request<PreviewRequest>) -> Answer<Reached> {
        joining::reach(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn join(&self, request: Request<JoinRequest>) -> Answer<Joined> {
        joining::join(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn list(&self, _: Request<ListPeersRequest>) -> Answer<PeerList> {
        let peers = documents(&self.node).await?;
        let refused = self.node.links.refusals().all().iter().map(refused).collect();
        let removed = self.node.with_trust(|trust, _| trust.removed_peers()).await;
        let (removed, names) = (removed.map_err(refuse::store)?, Names::read(&self.node).await?);
        let removed = removed.iter().filter_map(|peer| removed_key(peer, &names)).collect();
        Ok(Response::new(PeerList { peers, refused, removed }))
    }

    async fn show(&self, request: Request<PeerRequest>) -> Answer<api::Peer> {
        let peer = self.find(&request.into_inner().peer).await?;
        self.shown(peer).await
    }

    async fn edit(&self, request: Request<EditPeerRequest>) -> Answer<api::Peer> {
        let EditPeerRequest { peer, urls, allowed_paths } = request.into_inner();
        let peer = self.find_ours(&peer).await?;
        let urls = urls.map(|urls| edited_urls(&peer, &urls.items)).transpose()?;
        let folders = allowed_paths.map(|list| addresses::folders(&list.items)).transpose()?;
        let key = peer.key;
        let changed = self.change(key, move |peer| {
            peer.urls = urls.unwrap_or_else(|| std::mem::take(&mut peer.urls));
            peer.allowed_paths = folders.unwrap_or_else(|| std::mem::take(&mut peer.allowed_paths));
        });
        let peer = changed.await?;
        self.node.dialing.at_once(&key);
        self.shown(peer).await
    }

    async fn rename(&self, request: Request<RenamePeerRequest>) -> Answer<api::Peer> {
        let RenamePeerRequest { peer, label } = request.into_inner();
        let key = self.find(&peer).await?.key;
        let label = checked_label(&label)?;
        if let Some(label) = &label {
            self.must_be_free(label, &key).await?;
        }
        // The label is ours also of a peer that the file declares.
        let learned = self.node.with_trust(move |_, roster| {
            roster.learn(&key, |peer| peer.label = label)?;
            roster.peer(&key)
        });
        let peer = learned.await.map_err(refuse::store)?;
        self.node.roster.changed();
        self.shown(peer.ok_or_else(|| gone(&key))?).await
    }

    async fn grant(&self, request: Request<GrantRequest>) -> Answer<api::Peer> {
        let GrantRequest { peer, grants: more } = request.into_inner();
        let key = self.find_ours(&peer).await?.key;
        let peer = self.regrant(key, move |there| grants::united(there, &more)).await?;
        self.shown(peer).await
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Answer<api::Peer> {
        let RevokeRequest { peer, permissions } = request.into_inner();
        let key = self.find_ours(&peer).await?.key;
        let permissions = permissions.iter().map(|p| refuse::field("permission", p));
        let permissions: Vec<Permission> = permissions.collect::<Result<_, Status>>()?;
        let without = move |there: &Grants| {
            let mut grants = there.clone();
            for permission in permissions {
                grants.revoke(permission);
            }
            Ok(grants)
        };
        let peer = self.regrant(key, without).await?;
        self.shown(peer).await
    }

    async fn remove(&self, request: Request<PeerRequest>) -> Answer<RemovedPeer> {
        let peer = self.find_ours(&request.into_inner().peer).await?;
        // To its end, also where whoever asked does not wait for it.
        let removed = tokio::spawn(parting::remove(Arc::clone(&self.node), peer)).await;
        removed.unwrap_or_else(|_| Err(refuse::store(StoreError::Closed))).map(Response::new)
    }

    async fn allow(&self, request: Request<PeerRequest>) -> Answer<AllowedPeer> {
        parting::allow(&self.node, &request.into_inner().peer).await.map(Response::new)
    }

    async fn test(&self, request: Request<PeerRequest>) -> Answer<PeerTest> {
        let peer = self.find(&request.into_inner().peer).await?;
        Ok(Response::new(ladder::climb(&self.node, &peer).await))
    }

    async fn verify(&self, request: Request<PeerRequest>) -> Answer<Verification> {
        let peer = self.find(&request.into_inner().peer).await?;
        verify::verify(&self.node, &peer).await.map(Response::new)
    }
}

/// The peer that a person means.
pub(super) async fn find(node: &Node, name: &str) -> Result<Peer, Status> {
    let name = name.to_owned();
    let found = node.with_trust(move |_, roster| roster.find(&name)).await;
    found.map_err(refuse::store)?.map_err(refuse::no_peer)
}

/// Only the owner's file changes what it declares.
pub(super) fn must_not_be_declared(node: &Node, peer: &Peer) -> Result<(), Status> {
    if !node.roster.is_declared(&peer.key) {
        return Ok(());
    }
    let message = format!("{} is declared in the config file", peer.instance);
    let remedy = format!("change it in {}", node.config.path().display());
    Err(refuse::not_now("declared", message, &remedy))
}

fn refused(refused: &Refused) -> RefusedApplicant {
    let (message, remedy) = explained(refused.code);
    RefusedApplicant {
        instance: refused.instance.to_string(),
        key_id: refused.key.to_string(),
        address: refused.address.clone(),
        at: refused.at.to_string(),
        times: refused.times,
        code: refused.code.as_str().to_owned(),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

fn removed_key(peer: &Peer, names: &Names) -> Option<RemovedKey> {
    Some(RemovedKey {
        instance: peer.instance.to_string(),
        key_id: peer.key.to_string(),
        removed_at: peer.removed_at?.to_string(),
        replaced_by: peer.replaced_by.map(|key| names.of(&key)),
    })
}

/// Every peer that is not removed.
pub(super) async fn peers(node: &Node) -> Result<Vec<Peer>, Status> {
    node.with_trust(|_, roster| roster.peers()).await.map_err(refuse::store)
}

/// Every peer as a document.
pub(super) async fn documents(node: &Node) -> Result<Vec<api::Peer>, Status> {
    let peers = peers(node).await?;
    let logs = summaries(node, peers.iter().map(|peer| peer.key).collect()).await;
    let one = |peer: Peer| {
        let log = logs.get(&peer.key);
        document(node, peer, log)
    };
    Ok(peers.into_iter().map(one).collect())
}

/// What is held of their logs. A history that cannot be read takes no peer out of sight.
pub(super) async fn summaries(node: &Node, keys: Vec<KeyId>) -> HashMap<KeyId, LogSummary> {
    let read = node.history.read(move |reader| {
        let mut summaries = HashMap::new();
        for key in keys {
            if let Some(summary) = reader.summary(key)? {
                summaries.insert(key, summary);
            }
        }
        Ok(summaries)
    });
    read.await.unwrap_or_else(|error| {
        tracing::error!(%error, "what is held of peers cannot be read");
        HashMap::new()
    })
}

fn document(node: &Node, peer: Peer, log: Option<&LogSummary>) -> api::Peer {
    let presence = node.presences.of(&peer.key);
    let last_heard = presence.last_heard.max(peer.last_heard);
    let text = |at: Timestamp| at.to_string();
    api::Peer {
        instance: peer.instance.to_string(),
        key_id: peer.key.to_string(),
        role: peer.role.to_string(),
        state: presence.state.to_string(),
        since: Some(text(since(&presence, last_heard))),
        last_heard: last_heard.map(text),
        reason: presence.reason,
        remedy: presence.remedy,
        urls: peer.urls,
        address: presence.address.or(peer.last_address),
        version: peer.software.as_deref().map(version),
        grants: grants::shown(&peer.grants),
        grants_received: grants::received(&peer.grants_received),
        log: log.map(held),
        label: peer.label,
        allowed_paths: peer.allowed_paths,
        declared: node.roster.is_declared(&peer.key),
    }
}

/// A peer that was not seen since this daemon started is offline since it was last heard.
fn since(presence: &Presence, last_heard: Option<Timestamp>) -> Timestamp {
    match (presence.state, presence.last_heard, last_heard) {
        (LinkState::Offline, None, Some(heard)) => heard.min(presence.since),
        _ => presence.since,
    }
}

/// The number in `holdfast 0.1.0`; another program says its name as well.
fn version(software: &str) -> String {
    software.strip_prefix("holdfast ").unwrap_or(software).to_owned()
}

fn held(log: &LogSummary) -> PeerLog {
    PeerLog {
        shards: log.shards,
        operations: log.operations,
        verified_at: log.verified_at.map(|at| at.to_string()),
        behind: log.behind,
    }
}

fn edited_urls(peer: &Peer, urls: &[String]) -> Result<Vec<String>, Status> {
    if peer.role == PeerRole::AuthorizedClient {
        let message = format!("{} dials this instance; it has no address here", peer.instance);
        let remedy = "to dial it, join with a token of it";
        return Err(refuse::not_now("not-dialled", message, remedy));
    }
    let urls = addresses::read(urls)?;
    if urls.is_empty() {
        return Err(refuse::invalid("a known host needs an address", "give --url https://HOST"));
    }
    Ok(urls.iter().map(ToString::to_string).collect())
}

fn checked_label(text: &str) -> Result<Option<String>, Status> {
    let text = text.trim();
    label_must_fit(text, MAX_LABEL)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Whether a label is one line of at most so many bytes.
pub(super) fn label_must_fit(label: &str, most: usize) -> Result<(), Status> {
    let message = if label.len() > most {
        format!("the label has {} bytes; {most} are allowed", label.len())
    } else if label.chars().any(char::is_control) {
        "the label has control characters, such as a tab or a line break".to_owned()
    } else {
        return Ok(());
    };
    Err(refuse::invalid(message, &format!("use one line of at most {most} bytes")))
}

fn gone(key: &KeyId) -> Status {
    refuse::not_found(format!("{key} is no peer any more"), "holdfast peer list")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_not_seen_since_the_start_is_offline_since_it_was_heard() {
        let at = Timestamp::from_millis;
        let presence = Presence { since: at(9_000), ..Presence::default() };
        assert_eq!(since(&presence, Some(at(5_000))), at(5_000));
        assert_eq!(since(&presence, None), at(9_000));
        let heard = Presence { last_heard: Some(at(8_000)), ..presence.clone() };
        assert_eq!(since(&heard, Some(at(8_000))), at(9_000), "when the link went down");
        let connected = Presence { state: LinkState::Connected, ..presence };
        assert_eq!(since(&connected, Some(at(5_000))), at(9_000));
    }

    #[test]
    fn a_label_that_does_not_fit_says_why() {
        let said = |label: &str| label_must_fit(label, 5).unwrap_err().message().to_owned();
        assert!(label_must_fit("nas 1", 5).is_ok());
        assert_eq!(said("cellar"), "the label has 6 bytes; 5 are allowed");
        assert!(said("a\tb").starts_with("the label has control characters"));
    }

    #[test]
    fn the_version_is_a_number() {
        assert_eq!(version("holdfast 0.1.0"), "0.1.0");
        assert_eq!(version("other 2"), "other 2");
    }
}
