//! Repos and plans as the engine is to use them now.

use super::place;
use super::repos::{Named, Obstacle, Repos, unknown};
use crate::config::{Config, LiveConfig, Plan, Repo, Upkeep};
use crate::job::{
    Catalogue, Disputed, DumpSpec, Keeping, PlanSpec, RepoSpec, Script, Standing, Unusable,
};
use crate::model::{Expectation, InstanceId, KeyId, PlanId, RepoAccess, RepoGuid, RepoId, Tuning};
use crate::restic::{Caches, Exclusions, FileSystems, Manner, Unchanged};
use crate::store::Trust;
use crate::store::trust::{Dispute, Peer, ReceivedRepo};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// By how much the clocks of two machines may differ unsaid.
const CLOCKS: Duration = Duration::from_secs(3600);

/// The configuration in effect, and what was received.
#[derive(Debug)]
pub struct LiveCatalogue {
    config: Arc<LiveConfig>,
    trust: Arc<Trust>,
    runtime: Handle,
}

impl LiveCatalogue {
    /// Over these; secrets are read on `runtime`.
    #[must_use]
    pub const fn new(config: Arc<LiveConfig>, trust: Arc<Trust>, runtime: Handle) -> Self {
        Self { config, trust, runtime }
    }

    fn repos(&self, config: Arc<Config>) -> Result<Repos, Unusable> {
        Repos::read(config, &self.trust)
            .map_err(|error| Unusable(format!("the received repos cannot be read: {error}")))
    }

    fn own(&self, repo: &Repo) -> Result<RepoSpec, Unusable> {
        let access = self.runtime.block_on(repo.access());
        let access = access.map_err(|error| Unusable(format!("repo {}: {error}", repo.id)))?;
        let standing = if repo.auto_init { Standing::Own } else { Standing::OwnByHand };
        let (id, tuning) = (repo.id.clone(), repo.tuning);
        Ok(RepoSpec { id, access, standing, promised: None, tuning })
    }
}

impl Catalogue for LiveCatalogue {
    fn instance(&self) -> InstanceId {
        self.config.current().instance.clone()
    }

    fn repo(&self, id: &RepoId) -> Result<RepoSpec, Unusable> {
        let repos = self.repos(self.config.current())?;
        let unusable = |repo, obstacle| Unusable(repos.explain(repo, &obstacle));
        match repos.named(id) {
            Named::Own(repo) => self.own(repo),
            Named::Received(repo) => {
                received(repo).ok_or_else(|| unusable(repo, Obstacle::NoPassword))
            }
            Named::Unusable(repo, obstacle) => Err(unusable(repo, obstacle)),
            Named::Unknown => Err(Unusable(unknown(id))),
        }
    }

    fn plan(&self, id: &PlanId) -> Result<PlanSpec, Unusable> {
        let config = self.config.current();
        let plan = config.plan(id).ok_or_else(|| {
            Unusable(format!(
                "there is no plan {id}. `holdfast plan list` shows those that there are"
            ))
        })?;
        let repos = self.repos(Arc::clone(&config))?;
        match disabled_reason(plan, &repos) {
            Some(reason) => Err(Unusable(format!("plan {id} is disabled: {reason}"))),
            None => Ok(spec(plan)),
        }
    }

    fn guid(&self, id: &RepoId) -> Option<RepoGuid> {
        let repos = self.repos(self.config.current()).ok()?;
        match repos.named(id) {
            // A location that cannot be told (a variable that is not set) is nowhere.
            Named::Own(repo) => {
                let place = place(&repo.uri.resolve().ok()?);
                self.trust.repo_guid(&repo.id, &place).ok()?
            }
            Named::Received(repo) => Some(repo.guid.clone()),
            Named::Unusable(..) | Named::Unknown => None,
        }
    }

    fn keeping(&self, repo: &RepoId) -> Result<Keeping, Unusable> {
        let config = self.config.current();
        let known = self.trust.peers().map_err(|error| {
            Unusable(format!("who the peers are cannot be read, so nothing is forgotten: {error}"))
        })?;
        let is_peer =
            |peer: &Peer| peer.paired_at != Peer::NEVER_PAIRED || config.peer(&peer.key).is_some();
        let stored = known.into_iter().filter(|peer| peer.removed_at.is_none() && is_peer(peer));
        let stored = stored.map(|peer| (peer.key, peer.instance.to_string()));
        // A declaration wins over what is stored under its key: the two are one peer.
        let declared = config.peers.iter().map(|peer| (peer.key, peer.instance.to_string()));
        let names: BTreeMap<KeyId, String> = stored.chain(declared).collect();
        let disputes = self.trust.disputes().map_err(|error| {
            Unusable(format!(
                "which names two had cannot be read, so nothing is forgotten: {error}"
            ))
        })?;
        let (open, over): (Vec<_>, Vec<_>) = disputes
            .into_iter()
            .partition(|dispute| dispute.until.is_none() && names.contains_key(&dispute.key));
        let taken = open.into_iter().map(|dispute| dispute.name.to_string()).collect();
        let disputed = over.into_iter().map(disputed).collect();
        Ok(Keeping { disputed, ..keeping(&config, repo, names.into_values().collect(), &taken) })
    }
}

/// With the time by which the clocks of two machines may differ.
fn disputed(dispute: Dispute) -> Disputed {
    Disputed {
        name: dispute.name.to_string(),
        since: dispute.since.minus(CLOCKS),
        until: dispute.until.map(|until| until.plus(CLOCKS)),
    }
}

/// How a repo is kept in order, by its owner's words; of a received one nothing but what is ours. The
/// names are one for each key.
///
/// A tag holds a name and no key: the snapshots of two that have one name cannot be told apart, and
/// would be forgotten as each other's. So such a name is nobody's here. Without a name of our own
/// nothing is known to be ours. `taken` are those that a peer gives itself though they are another's.
fn keeping(
    config: &Config,
    repo: &RepoId,
    peers: Vec<String>,
    taken: &BTreeSet<String>,
) -> Keeping {
    let own = config.instance.to_string();
    let is_once = |name: &&String| {
        !taken.contains(*name) && peers.iter().filter(|other| other == name).count() == 1
    };
    let is_theirs = |name: &String| peers.contains(name) || taken.contains(name);
    // A name that somebody else has now is not ours any more.
    let former = config.formerly.iter().filter(|name| !is_theirs(name)).cloned();
    let own_names: Vec<_> = match is_theirs(&own) {
        true => Vec::new(),
        false => std::iter::once(own.clone()).chain(former).collect(),
    };
    let peer_names = peers.iter().filter(|name| **name != own).filter(is_once).cloned().collect();
    let plans = config.plans.iter().filter(|plan| plan.repo == *repo);
    let plans = plans.map(|plan| (plan.id.clone(), plan.retention)).collect();
    let upkeep = config.repo(repo).map_or(Upkeep::NONE, |repo| repo.upkeep.clone());
    Keeping {
        own_names,
        peer_names,
        disputed: Vec::new(),
        plans,
        rules: upkeep.forget.map(|forget| forget.rules),
        max_unused: upkeep.prune.and_then(|prune| prune.max_unused),
        read_data: upkeep.check.and_then(|check| check.read_data),
        at_once: upkeep.parallel,
        all_at_once: Some(config.parallel),
        lock_wait: upkeep.lock_wait.map_or(Upkeep::LOCK_WAIT, |wait| wait.0),
        lock_alarm: Some(upkeep.lock_alarm.map_or(Upkeep::LOCK_ALARM, |alarm| alarm.0)),
    }
}

/// Why a plan may not run and what to do; `None` if it may.
pub(in crate::daemon) fn disabled_reason(plan: &Plan, repos: &Repos) -> Option<String> {
    if !plan.enabled {
        let Plan { id, .. } = plan;
        return Some(format!(
            "{off}. Remove that line of plan {id} to run it again",
            off = Expectation::SWITCHED_OFF
        ));
    }
    repos.disabled_reason(&plan.repo)
}

fn spec(plan: &Plan) -> PlanSpec {
    PlanSpec {
        id: plan.id.clone(),
        repo: plan.repo.clone(),
        paths: plan.paths.clone(),
        exclusions: exclusions(plan),
        dump: plan.stdin.as_ref().map(|stdin| DumpSpec {
            script: Script { argv: stdin.argv.clone(), env: Vec::new(), timeout: Duration::MAX },
            name: stdin.name.clone(),
        }),
        manner: Manner {
            read_concurrency: plan.read_concurrency,
            unchanged: match plan.skip_if_unchanged {
                true => Unchanged::Skipped,
                false => Unchanged::Saved,
            },
            host: plan.host.clone(),
        },
        tuning: plan.tuning,
    }
}

/// What restic is told to leave out.
pub(in crate::daemon) fn exclusions(plan: &Plan) -> Exclusions {
    Exclusions {
        exclude: plan.exclude.clone(),
        iexclude: plan.iexclude.clone(),
        exclude_file: plan.exclude_file.clone(),
        iexclude_file: plan.iexclude_file.clone(),
        exclude_if_present: plan.exclude_if_present.clone(),
        larger_than: plan.exclude_larger_than.map(|size| size.0),
        caches: match plan.exclude_caches {
            true => Caches::LeftOut,
            false => Caches::Saved,
        },
        file_systems: match plan.one_file_system {
            true => FileSystems::One,
            false => FileSystems::All,
        },
    }
}

/// Literally as it came (X1). `None` without its password.
fn received(repo: &ReceivedRepo) -> Option<RepoSpec> {
    let access = RepoAccess {
        uri: repo.uri.clone(),
        password: repo.password.clone()?,
        env: repo.env.clone(),
    };
    let promised = Some(repo.guid.clone());
    let (id, standing, tuning) = (repo.id.clone(), Standing::Received, Tuning::NONE);
    Some(RepoSpec { id, access, standing, promised, tuning })
}
