//! What no table can say about itself: names and keys that are given twice.

use super::hooks::Channel;
use super::parse::Placed;
use super::valid::{DeclaredPeer, Plan, Repo};
use super::written::Findings;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;

pub(super) fn check(
    findings: &Findings<'_>,
    repos: &[Placed<Repo>],
    plans: &[Placed<Plan>],
    peers: &[Placed<DeclaredPeer>],
) {
    let peer_cure = "one entry is enough: a known host may dial this instance as well";
    once(findings, repos, "repo id", "give it another id", |repo| &repo.id);
    once(findings, plans, "plan id", "give it another id", |plan| &plan.id);
    once(findings, peers, "key id", peer_cure, |peer| &peer.key);
    once(findings, peers, "instance", "give it another name", |peer| &peer.instance);
}

pub(super) fn check_channels(findings: &Findings<'_>, channels: &[Placed<Channel>]) {
    once(findings, channels, "channel id", "give it another id", |channel| &channel.id);
}

fn once<T, K: Hash + Eq + Display>(
    findings: &Findings<'_>,
    placed: &[Placed<T>],
    what: &str,
    cure: &str,
    key: impl Fn(&T) -> &K,
) {
    let mut seen = HashSet::new();
    for (value, place) in placed {
        if !seen.insert(key(value)) {
            let message = format!("{what} {} is used twice", key(value));
            findings.report(place, message, Some(cure.to_owned()));
        }
    }
}
