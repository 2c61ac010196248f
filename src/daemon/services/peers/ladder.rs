//! `peer test`: climbs to a peer and says what holds and what does not.

use crate::api::{PeerTest, TestStep};
use crate::daemon::Node;
use crate::daemon::links::Visit;
use crate::daemon::presence::Presence;
use crate::grant::Grants;
use crate::model::{LinkState, PeerRole};
use crate::net::{Ladder, Step, StepName};
use crate::pairing::PeerUrl;
use crate::session::{Ending, Opened};
use crate::store::trust::Peer;
use std::time::Duration;

/// Clocks further apart than this are worth a word.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(120);
/// How long a link that was refused may take to stand once it is tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(3);

/// Tries the way to a peer: each address until one leads to it.
pub(super) async fn climb(node: &Node, peer: &Peer) -> PeerTest {
    let urls: Vec<PeerUrl> = peer.urls.iter().filter_map(|url| url.parse().ok()).collect();
    let mut steps = Vec::new();
    let mut ok = false;
    match peer.role {
        PeerRole::KnownHost => {
            for url in &urls {
                let ladder = climb_at(node, peer, url).await;
                steps.extend(ladder.steps().iter().map(document));
                ok = ladder.ok();
                if ok {
                    break;
                }
            }
        }
        PeerRole::AuthorizedClient => {
            let ladder = from_below(node, peer);
            steps.extend(ladder.steps().iter().map(document));
            ok = ladder.ok();
        }
    }
    PeerTest { peer: peer.instance.to_string(), ok, steps }
}

async fn climb_at(node: &Node, peer: &Peer, url: &PeerUrl) -> Ladder {
    let mut ladder = Ladder::default();
    // An address that is not reached has its broken rung on the ladder already.
    match node.links.probe(url, peer.key, &mut ladder).await {
        Ok(visit) if visit.is_done() => {
            let refused = still_refused(node, peer).await;
            judge(node, peer, &mut ladder, &visit, refused);
        }
        Ok(visit) => judge(node, peer, &mut ladder, &visit, None),
        Err(failure) if ladder.ok() => {
            ladder.broke(StepName::Identity, failure.to_string(), failure.remedy());
        }
        Err(_) => {}
    }
    ladder
}

/// A listener that would take a session may refuse the one that comes, as where two machines use one
/// identity: whether it still does is tried once more. The reason and its remedy.
async fn still_refused(node: &Node, peer: &Peer) -> Option<(String, String)> {
    let mut presence = node.presences.watch(&peer.key);
    if presence.borrow().state != LinkState::Refused {
        return None;
    }
    node.dialing.at_once(&peer.key);
    let is_up = |presence: &Presence| presence.state == LinkState::Connected;
    // Late is no failure: then it is as it was.
    let _ = tokio::time::timeout(RETRY_WITHIN, presence.wait_for(is_up)).await;
    refusal(&node.presences.of(&peer.key))
}

fn refusal(presence: &Presence) -> Option<(String, String)> {
    let (reason, remedy) = (presence.reason.clone(), presence.remedy.clone());
    (presence.state == LinkState::Refused)
        .then(|| (reason.unwrap_or_else(|| "refused".to_owned()), remedy.unwrap_or_default()))
}

fn judge(
    node: &Node,
    peer: &Peer,
    ladder: &mut Ladder,
    visit: &Visit,
    refused: Option<(String, String)>,
) {
    match (&visit.opened, &visit.ending) {
        (Some(opened), _) if visit.is_done() => match refused {
            None => said(node, peer, ladder, opened),
            Some((reason, remedy)) => {
                ladder.held(StepName::Identity, format!("{}, {}", opened.instance, opened.key));
                ladder.broke(StepName::Grants, format!("the link is refused: {reason}"), remedy);
            }
        },
        (_, Ending::Theirs(reason)) => {
            ladder.held(StepName::Identity, peer.key.to_string());
            let refused = format!("{} refuses this instance: {}", peer.instance, reason.code);
            ladder.broke(StepName::Grants, refused, visit.ending.remedy());
        }
        (_, Ending::Incompatible(why)) => {
            ladder.broke(StepName::Version, why.clone(), visit.ending.remedy());
        }
        (_, ending) => {
            let other = format!("what answers is not {} ({})", peer.key, ending.code());
            let remedy = "correct the address with `holdfast peer edit`; if that instance has a new identity, pair again";
            ladder.broke(StepName::Identity, other, remedy.to_owned());
        }
    }
}

/// The rungs that a listener has answered.
fn said(node: &Node, peer: &Peer, ladder: &mut Ladder, opened: &Opened) {
    ladder.held(StepName::Identity, format!("{}, {}", opened.instance, opened.key));
    let there = opened.granted.iter().map(|told| told.permission.as_str());
    granted(peer, ladder, there.collect());
    clock(ladder, opened.clock_ahead_ms.unwrap_or(0));
    version(node, ladder, &opened.software);
}

/// Who dials us cannot be dialled: what its session says must do.
fn from_below(node: &Node, peer: &Peer) -> Ladder {
    let mut ladder = Ladder::default();
    let presence = node.presences.of(&peer.key);
    let own = node.config.current().instance.clone();
    if presence.state != LinkState::Connected {
        let message = format!("{} dials this instance and is {}", peer.instance, presence.state);
        let remedy = format!("on {}: holdfast peer test {own}", peer.instance);
        // Only a refusal says more than the other end can find out.
        let refused = presence.remedy.filter(|_| presence.state != LinkState::Offline);
        ladder.broke(StepName::Url, message, refused.unwrap_or(remedy));
        return ladder;
    }
    let from = presence.address.map(|from| format!(" from {from}")).unwrap_or_default();
    ladder.held(StepName::Url, format!("{} dials this instance{from}", peer.instance));
    ladder.held(StepName::Identity, format!("{}, {}", peer.instance, peer.key));
    let there = peer.grants_received.iter().map(|told| told.permission.as_str());
    granted(peer, &mut ladder, there.collect());
    clock(&mut ladder, presence.clock_ahead_ms);
    version(node, &mut ladder, peer.software.as_deref().unwrap_or("not said"));
    ladder
}

fn granted(peer: &Peer, ladder: &mut Ladder, there: Vec<&str>) {
    let here: Vec<_> = names(&peer.grants);
    let or_nothing = |words: &[&str]| match words {
        [] => "nothing".to_owned(),
        words => words.join(", "),
    };
    let detail =
        format!("it may here: {}; we may there: {}", or_nothing(&here), or_nothing(&there));
    if here.is_empty() && there.is_empty() {
        let remedy = format!("holdfast peer grant {} 'read-operations=*'", peer.instance);
        ladder.held_but(StepName::Grants, detail, remedy);
    } else {
        ladder.held(StepName::Grants, detail);
    }
}

fn names(grants: &Grants) -> Vec<&'static str> {
    grants.iter().map(|(permission, _)| permission.as_str()).collect()
}

fn clock(ladder: &mut Ladder, ahead_ms: i64) {
    let apart = Duration::from_millis(ahead_ms.unsigned_abs());
    let side = if ahead_ms < 0 { "behind" } else { "ahead of" };
    if apart < Duration::from_secs(1) {
        ladder.held(StepName::Clock, "the clocks agree");
        return;
    }
    let detail = format!("its clock is {} s {side} ours", apart.as_secs());
    if apart > CLOCK_TOLERANCE {
        let remedy = "let both machines take their time from the network (NTP)".to_owned();
        ladder.held_but(StepName::Clock, detail, remedy);
    } else {
        ladder.held(StepName::Clock, detail);
    }
}

fn version(node: &Node, ladder: &mut Ladder, software: &str) {
    let own = node.links.settings().local.software.clone();
    ladder.held(StepName::Version, format!("there {software}, here {own}"));
}

pub(super) fn document(step: &Step) -> TestStep {
    TestStep {
        step: word(step.step).to_owned(),
        ok: step.ok,
        detail: step.detail.clone(),
        remedy: step.remedy.clone(),
        ms: u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The contract's word for a rung.
const fn word(step: StepName) -> &'static str {
    match step {
        StepName::Url => "url",
        StepName::Dns => "dns",
        StepName::Tcp => "tcp",
        StepName::Tls => "tls",
        StepName::Http2 => "http2",
        StepName::Identity => "identity",
        StepName::Grants => "grants",
        StepName::Clock => "clock",
        StepName::Version => "version",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_link_breaks_the_rung() {
        let why = Some(("clone".to_owned(), "allow it".to_owned()));
        let mut presence = Presence::default();
        presence.becomes(LinkState::Refused, why.clone());
        assert_eq!(refusal(&presence), why);
        presence.becomes(LinkState::Offline, why);
        assert_eq!(refusal(&presence), None);
    }

    #[test]
    fn clocks_two_minutes_apart_are_worth_a_word() {
        let remedy = |ahead_ms| {
            let mut ladder = Ladder::default();
            clock(&mut ladder, ahead_ms);
            assert!(ladder.ok());
            ladder.steps()[0].remedy.clone()
        };
        assert_eq!(remedy(500), None);
        assert_eq!(remedy(-119_000), None);
        assert!(remedy(-121_000).is_some());
        assert!(remedy(i64::MIN).is_some());
    }
}
