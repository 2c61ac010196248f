//! Joining: presents a token at one address after the other, and keeps its listener as a peer.
//!
//! 1. Nothing is kept here before the listener has accepted; whoever is cut off in between joins
//!    again and uses nothing more (P1).
//! 2. A peer that is known already gains what is granted by name, never what it asks for.
//! 3. The secret is told to the listener that the token names (P2) and is kept nowhere.

use super::super::{addresses, grants, peers, refuse};
use super::ladder;
use crate::api::{Error, Grant, JoinRequest, Joined, Offer, PeerTest, PreviewRequest, Reached};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::links::Visit;
use crate::daemon::presence::Presence;
use crate::daemon::roster::Roster;
use crate::grant::{GrantError, Grants};
use crate::model::{LinkState, PeerRole};
use crate::net::{Ladder, StepName};
use crate::pairing::{Invitation, PeerUrl, Refusal, Token};
use crate::session::{Ending, Opened};
use crate::store::trust::Peer;
use crate::wire::handshake::Purpose;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Status};

/// How long a session may take to stand after a pairing, for the answer to say so.
const SETTLE_WITHIN: Duration = Duration::from_secs(15);

/// Asks a listener what a token would give, and what it asks for.
pub(super) async fn preview(node: &Node, request: PreviewRequest) -> Result<Offer, Status> {
    let invited = Invited::read(node, &request.token, &request.urls)?;
    let token = &invited.token;
    let paired = known(node, token).await?.is_some();
    let (url, visit) = invited.call(node, Purpose::Preview, &Grants::none()).await?;
    invited.offer(&url, visit, paired)
}

/// As [`preview`], with each rung of the way there, also where it leads nowhere.
pub(super) async fn reach(node: &Node, request: PreviewRequest) -> Result<Reached, Status> {
    let invited = Invited::read(node, &request.token, &request.urls)?;
    let paired = known(node, &invited.token).await?.is_some();
    let mut way = Vec::new();
    let asking = (Purpose::Preview, &Grants::none());
    // Where it leads nowhere, the last ladder says why.
    let offer = match invited.call_along(node, asking, &mut way).await {
        Ok((url, visit)) => Some(invited.offer(&url, visit, paired)?),
        Err(_) => None,
    };
    let steps = way.iter().flat_map(Ladder::steps).map(ladder::document).collect();
    let peer = invited.token.instance.to_string();
    Ok(Reached { test: Some(PeerTest { peer, ok: offer.is_some(), steps }), offer })
}

/// Redeems a token, or connects where that was done before.
pub(super) async fn join(node: &Node, request: JoinRequest) -> Result<Joined, Status> {
    let invited = Invited::read(node, &request.token, &request.urls)?;
    // Refused before anybody is asked, where it is not well formed.
    grants::read(&request.grants)?;
    let wish =
        Wish { grants: request.grants, folders: addresses::folders(&request.allowed_paths)? };
    let (kept, url) = match known(node, &invited.token).await? {
        Some(peer) => invited.again(node, wish, peer).await?,
        None => invited.first(node, wish, request.accept_asks).await?,
    };
    let state = settled(node, &kept).await;
    Ok(Joined {
        peer: kept.instance.to_string(),
        key_id: kept.key.to_string(),
        url: url.to_string(),
        granted: grants::shown(&kept.grants),
        received: grants::received(&kept.grants_received),
        state: state.to_string(),
    })
}

/// The peer that the token's listener is here already.
async fn known(node: &Node, token: &Token) -> Result<Option<Peer>, Status> {
    let key = token.listener;
    let peer = node.with_trust(move |_, roster| roster.peer(&key)).await;
    Ok(peer.map_err(refuse::store)?.filter(|peer| peer.removed_at.is_none()))
}

/// Waits until the session stands or was refused; how it is then.
async fn settled(node: &Node, peer: &Peer) -> LinkState {
    let mut presence = node.presences.watch(&peer.key);
    if peer.role == PeerRole::KnownHost {
        node.presences.update(&peer.key, |presence| {
            // What was refused before is tried anew; a session that stands stays.
            if presence.state != LinkState::Connected {
                presence.becomes(LinkState::Connecting, None);
            }
        });
        node.dialing.at_once(&peer.key);
    }
    let is_settled = |presence: &Presence| match presence.state {
        LinkState::Connected | LinkState::Refused | LinkState::Incompatible => true,
        LinkState::Connecting | LinkState::Offline => false,
    };
    // Late is no failure: it is dialled on, and the answer says how it is now.
    let _ = tokio::time::timeout(SETTLE_WITHIN, presence.wait_for(is_settled)).await;
    node.presences.of(&peer.key).state
}

/// What whoever joins lets the listener do here.
struct Wish {
    /// As written: an exclusion narrows what is granted already.
    grants: Vec<Grant>,
    folders: Vec<String>,
}

/// A token, and where its listener may be.
struct Invited {
    token: Token,
    urls: Vec<PeerUrl>,
}

/// Why a call came to nothing.
enum Failure {
    /// The listener was not there.
    Unreached(Error),
    /// The listener, or what is known of it, says no.
    Refused(Error),
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreached(error) | Failure::Refused(error) => {
                error.into_status(Code::FailedPrecondition)
            }
        }
    }
}

impl Invited {
    fn read(node: &Node, token: &str, urls: &[String]) -> Result<Self, Status> {
        let invitation: Invitation = token.parse().map_err(|error| {
            let error: crate::pairing::TokenError = error;
            refuse::invalid(error.to_string(), "copy the token between the quotes, or the link")
        })?;
        let mut urls = addresses::read(urls)?;
        urls.extend(invitation.url.filter(|url| !urls.contains(url)));
        if urls.is_empty() {
            let message = "the token does not say where its instance is";
            return Err(refuse::invalid(message, "add --url https://HOST"));
        }
        if invitation.token.listener == node.key() {
            let message = "this token was made by this very instance";
            return Err(refuse::not_now("self", message, "join with it on the other machine"));
        }
        Ok(Self { token: invitation.token, urls })
    }

    async fn first(
        &self,
        node: &Node,
        mut wish: Wish,
        accept_asks: bool,
    ) -> Result<(Peer, PeerUrl), Status> {
        self.name_must_be_free(node).await?;
        if accept_asks {
            wish.grants.extend(grants::shown(&self.asks(node).await?));
        }
        let granted = grants::read(&wish.grants)?;
        let (url, visit) = self.call(node, Purpose::Pair, &granted).await?;
        let opened = visit.opened.ok_or_else(|| no_sense(&url))?;
        let new = Peer::new(opened.key, opened.instance.clone(), PeerRole::KnownHost, clock::now());
        let urls = self.urls_from(&url);
        let kept = node.with_trust(move |trust, roster| {
            let mut peer = Peer { grants: granted, ..new };
            wish.open_folders(&mut peer);
            learn(&mut peer, &opened, urls);
            trust.put_peer(&peer)?;
            roster.changed();
            Ok(peer)
        });
        let kept = kept.await.map_err(refuse::store)?;
        // An earlier life of this key must not make the new one look like a clone.
        node.links.forget_clone(&kept.key);
        Ok((kept, url))
    }

    /// A peer that is known: its listener is asked, which uses no token, unless a session stands and
    /// nothing about the way there is new. An address where nobody answers is not kept.
    async fn again(&self, node: &Node, wish: Wish, peer: Peer) -> Result<(Peer, PeerUrl), Status> {
        if !wish.is_empty() {
            peers::must_not_be_declared(node, &peer)?;
        }
        let granted = grants::united(&peer.grants, &wish.grants).map_err(grants::refused)?;
        let is_dialled = self.is_dialled(&peer);
        let called = match node.links.is_connected(&peer.key) && is_dialled {
            true => None,
            false => match self.call(node, Purpose::Pair, &granted).await {
                Ok(called) => Some(called),
                // Paired it is all the same, and dialled on.
                Err(Failure::Unreached(_)) if is_dialled => None,
                Err(failure) => return Err(failure.into()),
            },
        };
        let (url, opened) = match called {
            Some((url, visit)) => (url, visit.opened),
            None => (self.urls[0].clone(), None),
        };
        let (key, urls) = (peer.key, self.urls_since(&url));
        let links = Arc::clone(&node.links);
        let kept = node.with_trust(move |_, roster| {
            let mut outcome = Ok(());
            roster.learn(&key, |peer| {
                outcome = wish.grant_to(peer);
                if let Some(opened) = &opened {
                    learn(peer, opened, urls);
                }
            })?;
            links.regrant(&key);
            roster.changed();
            Ok(outcome.map(|()| roster.peer(&key)))
        });
        let kept = kept.await.map_err(refuse::store)?.map_err(grants::refused)?;
        Ok((kept.map_err(refuse::store)?.unwrap_or(peer), url))
    }

    /// Whether it is dialled already, at each of these addresses.
    fn is_dialled(&self, peer: &Peer) -> bool {
        // Who dials us is dialled nowhere.
        let known = Roster::urls(peer);
        self.urls.iter().all(|url| known.contains(url))
    }

    /// The address that answered, and those after it, which were not tried.
    fn urls_since(&self, answered: &PeerUrl) -> Vec<String> {
        let since = self.urls.iter().skip_while(|url| *url != answered);
        addresses::merged(since.map(ToString::to_string))
    }

    /// The address that answered, then the others.
    fn urls_from(&self, answered: &PeerUrl) -> Vec<String> {
        let all = std::iter::once(answered).chain(&self.urls);
        addresses::merged(all.map(ToString::to_string))
    }

    async fn name_must_be_free(&self, node: &Node) -> Result<(), Status> {
        if self.token.instance == node.config.current().instance {
            let message =
                format!("both this instance and the other are called {}", self.token.instance);
            let remedy = format!(
                "set another `instance` in one of the two config files (here {}); renamed there, it takes a new token",
                node.config.path().display()
            );
            return Err(refuse::not_now(Refusal::NameTaken.as_str(), message, &remedy));
        }
        let peers = node.with_trust(|_, roster| roster.peers()).await.map_err(refuse::store)?;
        let Some(holder) = peers.iter().find(|peer| peer.instance == self.token.instance) else {
            return Ok(());
        };
        let message =
            format!("another peer here is called {}: {}", self.token.instance, holder.key);
        let remedy = format!("if it is gone for good: holdfast peer remove {}", holder.key);
        Err(refuse::not_now(Refusal::NameTaken.as_str(), message, &remedy))
    }

    /// What the listener asks for.
    async fn asks(&self, node: &Node) -> Result<Grants, Status> {
        let (url, visit) = self.call(node, Purpose::Preview, &Grants::none()).await?;
        let offer = visit.offer.ok_or_else(|| no_sense(&url))?;
        grants::read(&grants::offered(&offer.asks))
    }

    /// Asks at one address after the other, until the listener of the token answers.
    async fn call(
        &self,
        node: &Node,
        purpose: Purpose,
        grants: &Grants,
    ) -> Result<(PeerUrl, Visit), Failure> {
        self.call_along(node, (purpose, grants), &mut Vec::new()).await
    }

    /// As [`Self::call`]; the way to each address is noted.
    async fn call_along(
        &self,
        node: &Node,
        asking: (Purpose, &Grants),
        way: &mut Vec<Ladder>,
    ) -> Result<(PeerUrl, Visit), Failure> {
        let mut errors = Vec::new();
        for url in &self.urls {
            let mut ladder = Ladder::default();
            let called = self.call_at(node, url, asking, &mut ladder).await;
            match &called {
                Ok(_) => self.climbed(&mut ladder),
                Err(failure) => self.fell(&mut ladder, failure),
            }
            way.push(ladder);
            match called {
                Ok(visit) => return Ok((url.clone(), visit)),
                Err(Failure::Unreached(error)) => errors.push(error),
                Err(refused @ Failure::Refused(_)) => return Err(refused),
            }
        }
        Err(Failure::Unreached(united(errors)))
    }

    /// Asks at one address; the way there is noted on `ladder`.
    async fn call_at(
        &self,
        node: &Node,
        url: &PeerUrl,
        asking: (Purpose, &Grants),
        ladder: &mut Ladder,
    ) -> Result<Visit, Failure> {
        match node.links.present(url, &self.token, asking, ladder).await {
            Ok(visit) if visit.is_done() => Ok(visit),
            Ok(visit) => Err(self.not_done(node, url, &visit.ending)),
            Err(failure) => {
                let error = Error::new("unreachable", failure.to_string(), failure.remedy());
                Err(Failure::Unreached(error))
            }
        }
    }

    fn offer(&self, url: &PeerUrl, visit: Visit, paired: bool) -> Result<Offer, Status> {
        let offer = visit.offer.ok_or_else(|| no_sense(url))?;
        Ok(Offer {
            instance: self.token.instance.to_string(),
            key_id: self.token.listener.to_string(),
            url: url.to_string(),
            grants: grants::offered(&offer.grants),
            asks: grants::offered(&offer.asks),
            paired,
        })
    }

    /// The rungs that its listener's answer stands for.
    fn climbed(&self, ladder: &mut Ladder) {
        let Token { instance, listener, .. } = &self.token;
        ladder.held(StepName::Identity, format!("{instance}, {listener}"));
        ladder.held(StepName::Grants, "the token is good");
        ladder.held(StepName::Version, "both sides understand each other");
    }

    /// The rung that broke, where the way there has not broken one already.
    fn fell(&self, ladder: &mut Ladder, failure: &Failure) {
        if !ladder.ok() {
            return;
        }
        let (step, error) = match failure {
            Failure::Unreached(error) => (StepName::Identity, error),
            Failure::Refused(error) if error.code == "incompatible" => (StepName::Version, error),
            Failure::Refused(error) => {
                ladder.held(StepName::Identity, self.token.listener.to_string());
                (StepName::Grants, error)
            }
        };
        ladder.broke(step, error.message.clone(), error.remedy.clone().unwrap_or_default());
    }

    fn not_done(&self, node: &Node, url: &PeerUrl, ending: &Ending) -> Failure {
        match ending {
            Ending::Ours(_) | Ending::Theirs(_) => {
                let own = node.config.current().instance.to_string();
                Failure::Refused(self.refusal(&own, url, ending))
            }
            Ending::Incompatible(why) => {
                let message =
                    format!("{} at {url} cannot be talked to: {why}", self.token.instance);
                Failure::Refused(Error::new("incompatible", message, "update the older side"))
            }
            // Who is not the listener of the token does not say who it is.
            Ending::Cut | Ending::NotAuthenticated(_) => {
                let message = format!(
                    "what answers at {url} is not {} ({}), whose token this is",
                    self.token.instance, self.token.listener
                );
                let remedy = "correct --url, or ask for a token of the instance that is there";
                Failure::Unreached(Error::new(Refusal::WrongInstance.as_str(), message, remedy))
            }
            Ending::Silent(_) | Ending::HandshakeTimeout => {
                let message = format!("{url} does not answer as holdfast does");
                Failure::Unreached(Error::new("unreachable", message, ending.remedy()))
            }
        }
    }

    fn refusal(&self, own: &str, url: &PeerUrl, ending: &Ending) -> Error {
        let who = format!("{} at {url}", self.token.instance);
        let Ok(refusal) = ending.code().parse::<Refusal>() else {
            let message = format!("{who} refuses: {}", ending.code());
            return Error::new(ending.code(), message, ending.remedy());
        };
        let message = match refusal {
            Refusal::Unknown => format!("{who} does not know this token"),
            Refusal::Expired => format!("this token of {who} has expired"),
            Refusal::UsedUp => format!("this token of {who} was used as often as it may be"),
            Refusal::Revoked => format!("this token of {who} was revoked"),
            Refusal::WrongInstance => {
                format!("the instance at {url} is not called {}", self.token.instance)
            }
            Refusal::NameTaken => format!("{who} knows another instance called {own}"),
            Refusal::Denied => format!("this instance was removed from {who}"),
        };
        Error::new(refusal.as_str(), message, refusal.remedy())
    }
}

impl Wish {
    fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.folders.is_empty()
    }

    fn grant_to(self, peer: &mut Peer) -> Result<(), GrantError> {
        peer.grants = grants::united(&peer.grants, &self.grants)?;
        self.open_folders(peer);
        Ok(())
    }

    fn open_folders(self, peer: &mut Peer) {
        for folder in self.folders {
            if !peer.allowed_paths.contains(&folder) {
                peer.allowed_paths.push(folder);
            }
        }
    }
}

/// What the listener said of itself.
fn learn(peer: &mut Peer, opened: &Opened, urls: Vec<String>) {
    let told = opened.urls.iter().filter(|url| url.parse::<PeerUrl>().is_ok());
    add_urls(peer, urls.into_iter().chain(told.cloned()));
    peer.role = PeerRole::KnownHost;
    peer.public_key = Some(opened.public_key);
    peer.software = Some(opened.software.clone());
    peer.last_heard = Some(clock::now());
    peer.grants_received.clone_from(&opened.granted);
}

fn add_urls(peer: &mut Peer, more: impl IntoIterator<Item = String>) {
    let known = std::mem::take(&mut peer.urls);
    peer.urls = addresses::merged(known.into_iter().chain(more));
}

/// One error of all addresses: the first one's cure, everyone's words.
fn united(mut errors: Vec<Error>) -> Error {
    match errors.len() {
        0 | 1 => {
            errors.pop().unwrap_or_else(|| Error::new("unreachable", "no address is known", ""))
        }
        _ => {
            let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
            let remedy = errors[0].remedy.clone().unwrap_or_default();
            Error::new("unreachable", messages.join("; "), remedy)
        }
    }
}

fn no_sense(url: &PeerUrl) -> Status {
    let message = format!("{url} agreed without saying to what");
    refuse::not_now("protocol", message, "update the older side")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::KeyId;

    #[test]
    fn g1_an_exclusion_in_a_later_join_does_not_widen_what_was_granted() {
        let key = KeyId::from_bytes([1; 32]);
        let mut hub = Peer::new(key, "hub".parse().unwrap(), PeerRole::KnownHost, clock::now());
        hub.grants = Grants::parse(["read-operations=repo:a"]).unwrap();
        let scopes = vec!["!plan:x".to_owned()];
        let exclusion = Grant { permission: "read-operations".to_owned(), scopes };
        let wish = Wish { grants: vec![exclusion], folders: vec!["/srv".to_owned()] };
        wish.grant_to(&mut hub).unwrap();
        assert_eq!(hub.grants.to_string(), "read-operations=repo:a,!plan:x");
        assert_eq!(hub.allowed_paths, ["/srv"]);
    }
}
