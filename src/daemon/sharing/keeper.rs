//! Looks after sharing beside the sessions: config, peers and grants change, repos are created
//! before they are first pushed, and peers remove us.

use super::super::node::Node;
use super::offer::{known_guid, may_have};
use super::records::dismissed;
use super::take::look_again;
use super::withdraw::withdraw_all;
use crate::config::Repo;
use crate::model::RepoId;
use crate::shutdown::Guard;
use crate::store::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(100);
/// When a repo that could not be opened or created is tried again; then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The repos whose repository is not known yet.
#[derive(Default)]
struct Unknown {
    /// Of the config.
    all: BTreeSet<RepoId>,
    /// Of these, those that somebody may have: how often each was tried, and when it is tried next.
    tries: BTreeMap<RepoId, (u32, Instant)>,
}

/// Keeps at it until the stop is asked for.
pub(in super::super) async fn keep(node: Arc<Node>, mut guard: Guard) {
    let mut keeper = Keeper { node, unknown: Unknown::default(), opening: JoinSet::new() };
    guard.run(keeper.go_on()).await;
}

struct Keeper {
    node: Arc<Node>,
    unknown: Unknown,
    opening: JoinSet<RepoId>,
}

impl Keeper {
    async fn go_on(&mut self) {
        let mut config = self.node.config.subscribe();
        let mut peers = self.node.roster.changes();
        let mut dismissals = self.node.links.dismissals();
        let mut guids = self.node.runs.found();
        let mut is_another_config = false;
        loop {
            tokio::time::sleep(GATHER).await;
            peers.mark_unchanged();
            dismissals.mark_unchanged();
            guids.mark_unchanged();
            self.look(is_another_config).await;
            is_another_config = false;
            let next = self.next_try();
            tokio::select! {
                changed = config.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // A person may have mended what was wrong.
                    self.unknown.tries.clear();
                    is_another_config = true;
                }
                Ok(()) = peers.changed() => {}
                Ok(()) = dismissals.changed() => {}
                // It may be one that a peer shares too, or one to be shared.
                Ok(()) = guids.changed() => {}
                Some(_) = self.opening.join_next() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    async fn look(&mut self, is_another_config: bool) {
        let by_whom: Vec<_> = self.node.links.dismissals().borrow().iter().copied().collect();
        for peer in by_whom {
            dismissed(&self.node, peer).await;
        }
        let mut changed = look_again(&self.node).await || is_another_config;
        match withdraw_all(&self.node).await {
            Ok(any) => changed |= any,
            Err(error) => tracing::error!(%error, "what peers may hold cannot be read"),
        }
        match self.look_for_guids().await {
            Ok(found) => changed |= found,
            Err(error) => tracing::error!(%error, "which repositories are known cannot be read"),
        }
        if changed {
            self.node.shared_changed();
        }
    }

    /// Whether a repository became known; those that somebody may have and that are not are opened.
    async fn look_for_guids(&mut self) -> Result<bool> {
        let (all, wanted) = unknown(&self.node).await?;
        let found = self.unknown.all.iter().any(|repo| !all.contains(repo));
        self.unknown.all = all;
        self.unknown.tries.retain(|repo, _| wanted.contains(repo));
        let now = Instant::now();
        for repo in wanted {
            let (tries, next) = self.unknown.tries.entry(repo.clone()).or_insert((0, now));
            if *next <= now {
                let pause = FIRST_PAUSE.saturating_mul(1 << (*tries).min(10)).min(LONGEST_PAUSE);
                (*tries, *next) = (*tries + 1, now + pause);
                self.open(repo);
            }
        }
        Ok(found)
    }

    fn open(&mut self, repo: RepoId) {
        let engine = self.node.engine.clone();
        self.opening.spawn(async move {
            if let Err(error) = engine.open(&repo).await {
                tracing::warn!(%error, %repo, "not shared yet");
            }
            repo
        });
    }

    fn next_try(&self) -> Instant {
        let next = self.unknown.tries.values().map(|(_, next)| *next).min();
        next.unwrap_or_else(|| Instant::now() + LONGEST_PAUSE)
    }
}

/// The repos of the config whose repository is not known, and which of them a peer may have.
async fn unknown(node: &Node) -> Result<(BTreeSet<RepoId>, BTreeSet<RepoId>)> {
    let config = node.config.current();
    let read = node.with_trust(move |trust, roster| {
        let mut unknown = Vec::new();
        for repo in &config.repos {
            if known_guid(trust, repo)?.is_none() {
                unknown.push(repo);
            }
        }
        let is_any_shared = unknown.iter().any(|repo| repo.shared);
        let peers = if is_any_shared { roster.peers()? } else { Vec::new() };
        let is_wanted = |repo: &&&Repo| peers.iter().any(|peer| may_have(peer, repo));
        let wanted = unknown.iter().filter(is_wanted).map(|repo| repo.id.clone()).collect();
        Ok((unknown.iter().map(|repo| repo.id.clone()).collect(), wanted))
    });
    read.await
}
