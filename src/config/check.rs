//! What no table can say about itself: names and keys that are given twice.

use super::parse::Placed;
use super::valid::{DeclaredPeer, Plan};
use super::written::Findings;
use crate::model::PlanId;
use crate::schedule::Schedule;
use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;

pub(super) fn check(
    findings: &Findings<'_>,
    plans: &[Placed<Plan>],
    peers: &[Placed<DeclaredPeer>],
) {
    let peer_cure = "one entry is enough: a known host may dial this instance as well";
    once(findings, peers, "key id", peer_cure, |peer| &peer.key);
    once(findings, peers, "instance", "give it another name", |peer| &peer.instance);
    followers(findings, plans);
}

/// A plan that runs after another needs that other one, and a beginning.
fn followers(findings: &Findings<'_>, plans: &[Placed<Plan>]) {
    let named = |id: &PlanId| plans.iter().map(|(plan, _)| plan).find(|plan| plan.id == *id);
    let before = |plan: &Plan| match &plan.schedule {
        Schedule::After { plan } => Some(plan.clone()),
        Schedule::Manual | Schedule::Cron { .. } | Schedule::Every { .. } => None,
    };
    for (plan, place) in plans {
        let mut chain = vec![plan.id.clone()];
        let mut next = before(plan);
        while let Some(id) = next {
            let Some(found) = named(&id) else {
                if chain.len() == 1 {
                    let cure = "name a plan of this file".to_owned();
                    findings.report(
                        place,
                        format!("it runs after plan {id}, which is not there"),
                        Some(cure),
                    );
                }
                break;
            };
            let closes = id == plan.id;
            // A chain into a circle that it is no part of is told where the circle is.
            let repeats = !closes && chain.contains(&id);
            chain.push(id);
            if closes {
                let circle: Vec<_> = chain.iter().map(PlanId::as_str).collect();
                let message = format!("it would wait for itself: {}", circle.join(" after "));
                findings.report(place, message, Some("give one of them another schedule".into()));
            }
            if closes || repeats {
                break;
            }
            next = before(found);
        }
    }
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
