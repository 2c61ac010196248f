//! Every machine, every plan, and how safe what they save is.

use super::super::hooks::Silence;
use super::super::{refuse, repos, status};
use super::advice::{Around, advice};
use super::strips::{Leaders, Strip};
use crate::api::{self, Coverage, FleetPlan, Machine, Overview};
use crate::clock;
use crate::config::Config;
use crate::daemon::Node;
use crate::daemon::services::fleet::{self, LOOKED_AT, Seen};
use crate::freshness::coverage::{Copies, PROOF_LASTS, Saved, Storage, copies};
use crate::grant::Permission;
use crate::job::Live;
use crate::model::{KeyId, OperationKind, Status, Timestamp};
use crate::reconcile::Shard;
use crate::schedule::Zone;
use crate::store::history::{Proof, ShardLog};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What was read of the logs: what has not changed is not read again.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<HashMap<i64, Arc<ShardLog>>>);

impl Shelf {
    fn all(&self) -> HashMap<i64, Arc<ShardLog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, logs: &[Arc<ShardLog>]) {
        let kept = logs.iter().map(|log| (log.id, Arc::clone(log))).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

/// Which days, by whose clock.
pub(super) struct Days {
    pub(super) count: u32,
    pub(super) zone: Zone,
}

/// All that was read, before it is put together.
struct Sight<'n> {
    node: &'n Node,
    config: Arc<Config>,
    live: Vec<Live>,
    logs: BTreeMap<(KeyId, Shard), Arc<ShardLog>>,
    proofs: Vec<Proof>,
    seen: Vec<Seen>,
    repos: Vec<api::Repo>,
    /// Whose operations are started from here.
    may_run: BTreeSet<KeyId>,
    now: Timestamp,
}

pub(super) async fn overview(
    node: &Node,
    shelf: &Shelf,
    days: Days,
) -> Result<Overview, tonic::Status> {
    let mut sight = Sight::read(node, shelf, days.count).await?;
    let own = sight.seen.iter().filter(|seen| seen.known.origin == node.key());
    let own = own.map(|seen| seen.document.clone()).collect();
    let glance = status::gather(node, Ok(own)).await;
    sight.may_run = startable(&glance.peers);
    let (starts, end) = days.zone.days(sight.now, days.count);
    let edges: Vec<_> = starts.into_iter().map(|(_, start)| start).chain([end]).collect();
    let plans = sight.plans(&edges);
    Ok(Overview {
        at: sight.now.to_string(),
        instance: sight.config.instance.to_string(),
        machines: sight.machines(glance.peers),
        coverage: Some(coverage(&plans)),
        attention: glance.attention,
        running: sight.running(),
        plans,
        silent_until: Silence::read(node).await.of_everybody().map(|until| until.to_string()),
    })
}

/// The peers of which operations are started from here, of all or some plans.
fn startable(peers: &[api::Peer]) -> BTreeSet<KeyId> {
    let peers = peers.iter().filter(|peer| may_run(&peer.grants_received));
    peers.filter_map(|peer| peer.key_id.parse().ok()).collect()
}

fn may_run(granted: &[api::ReceivedGrant]) -> bool {
    granted.iter().any(|grant| grant.permission == Permission::RunOperations.as_str())
}

impl<'n> Sight<'n> {
    async fn read(node: &'n Node, shelf: &Shelf, days: u32) -> Result<Self, tonic::Status> {
        // Looked at before the history: what ends in between is in the history then.
        let (live, config, now) = (node.engine.live(), node.config.current(), clock::now());
        let (known, from) = (shelf.all(), now.minus(DAY * (days + 1)));
        let read = node.history.read(move |reader| {
            let known = |shard: i64| known.get(&shard).map(Arc::clone);
            Ok((
                reader.shard_logs(from, LOOKED_AT, &known)?,
                reader.proofs(now.minus(PROOF_LASTS))?,
            ))
        });
        let (logs, proofs) = read.await.map_err(refuse::store)?;
        shelf.keep(&logs);
        let logs: BTreeMap<_, _> = logs.into_iter().map(|log| (name(&log), log)).collect();
        let own = |shard: &Shard| {
            let log = logs.get(&(node.key(), shard.clone()));
            log.map(|log| (log.record.known_at, log.record.backups.clone())).unwrap_or_default()
        };
        let mut seen = fleet::own_with(node, (&config, &live), own).await?;
        let of_peers = logs.values().filter(|log| log.record.origin != node.key());
        let records = of_peers.map(|log| log.record.clone()).collect();
        seen.extend(fleet::of_peers(node, records).await?);
        seen.sort_by(|a, b| place(a).cmp(&place(b)));
        let repos = repos::documents(node).await?;
        let may_run = BTreeSet::new();
        Ok(Self { node, config, live, logs, proofs, seen, repos, may_run, now })
    }

    fn plans(&self, edges: &[Timestamp]) -> Vec<FleetPlan> {
        let leaders = leaders(&self.seen);
        let copies = self.copies();
        let one = |(seen, copies): (&Seen, Option<api::Copies>)| {
            let log = self.log(seen);
            let is_trimmed = log.is_some_and(|log| log.is_trimmed);
            let strip = Strip::new(self.node, &self.config, (&seen.known, is_trimmed), &leaders);
            let days = strip.days(edges).into_iter().map(|day| day.to_string()).collect();
            FleetPlan { days, copies, ..self.plan(seen, log) }
        };
        self.seen.iter().zip(copies).map(one).collect()
    }

    fn plan(&self, seen: &Seen, log: Option<&ShardLog>) -> FleetPlan {
        let locked = |repo: &&api::Repo| repo.id == seen.document.repo && repo.locked_by.is_some();
        let is_here = seen.known.origin == self.node.key();
        let around = Around {
            is_here,
            may_run: is_here || self.may_run.contains(&seen.known.origin),
            newest: log.and_then(|log| log.newest_ended.as_ref()),
            locked_by: self
                .repos
                .iter()
                .find(locked)
                .filter(|_| is_here)
                .and_then(|repo| repo.locked_by.as_deref()),
        };
        let advice = advice(seen, &around);
        let (running, permille) = self.run_of(seen).unzip();
        let good = log.and_then(|log| log.newest_good.as_ref());
        FleetPlan {
            plan: Some(seen.document.clone()),
            key_id: seen.known.origin.to_string(),
            days: Vec::new(),
            size: good.and_then(|good| good.stats).map(|stats| stats.bytes_processed),
            copies: None,
            permille,
            running,
            snoozed_until: seen.document.snoozed_until.clone(),
            reason: advice.reason,
            remedy: advice.remedy,
            fix: advice.fix.map(str::to_owned),
        }
    }

    fn log(&self, seen: &Seen) -> Option<&ShardLog> {
        self.logs.get(&(seen.known.origin, shard(seen))).map(AsRef::as_ref)
    }

    /// The backup of a plan that runs, and how far it is.
    fn run_of(&self, seen: &Seen) -> Option<(String, u32)> {
        if seen.known.origin == self.node.key() {
            let is_it = |live: &&Live| {
                live.operation.kind == OperationKind::Backup
                    && live.operation.status == Status::Running
                    && live.operation.plan.as_ref() == Some(&seen.known.expectation.plan)
            };
            let live = self.live.iter().find(is_it)?;
            return Some((live.operation.id.to_string(), live.progress.permille));
        }
        let presence = self.node.presences.of(&seen.known.origin);
        let runs = seen.known.backups.iter().filter(|run| run.status == Some(Status::Running));
        let run = runs.filter_map(|run| presence.running.get(&run.id)).next()?;
        Some((run.operation.to_string(), run.progress.permille))
    }

    fn running(&self) -> u32 {
        let own = self.live.iter().filter(|live| live.operation.status == Status::Running).count();
        let peers: BTreeSet<_> = self.logs.keys().map(|(origin, _)| *origin).collect();
        let theirs = peers.iter().map(|peer| self.node.presences.of(peer).running.len());
        u32::try_from(own + theirs.sum::<usize>()).unwrap_or(u32::MAX)
    }

    fn machines(&self, peers: Vec<api::Peer>) -> Vec<Machine> {
        let here = Machine {
            instance: self.config.instance.to_string(),
            key_id: self.node.key().to_string(),
            here: true,
            may_run: true,
            class: self.config.class.to_string(),
            state: "here".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..Machine::default()
        };
        let peers = peers.into_iter().map(|peer| self.machine(peer));
        let mut machines: Vec<_> = peers.chain([here]).collect();
        machines.sort_by(|a, b| (&a.instance, &a.key_id).cmp(&(&b.instance, &b.key_id)));
        machines
    }

    fn machine(&self, peer: api::Peer) -> Machine {
        let key = peer.key_id.parse::<KeyId>().ok();
        let presence = key.map(|key| self.node.presences.of(&key));
        let heard = presence.filter(|presence| presence.last_heard.is_some());
        Machine {
            instance: peer.instance,
            key_id: peer.key_id,
            here: false,
            label: peer.label,
            class: String::new(),
            state: peer.state,
            since: peer.since,
            last_heard: peer.last_heard,
            reason: peer.reason,
            remedy: peer.remedy,
            version: peer.version,
            clock_ahead_ms: heard.map(|presence| presence.clock_ahead_ms),
            through: peer.address,
            may_run: may_run(&peer.grants_received),
        }
    }

    /// Of each plan in sight; `None` where nothing is known of its repo.
    fn copies(&self) -> Vec<Option<api::Copies>> {
        let storages: Vec<_> = self.seen.iter().map(|seen| self.storage(seen)).collect();
        let paths: Vec<_> = self.seen.iter().map(paths).collect();
        let saved = |n: usize| {
            let (seen, storage, paths) =
                (self.seen.get(n)?, storages.get(n)?.as_ref()?, paths.get(n)?);
            let saved = Saved { paths, storage, is_fresh: is_fresh(seen) };
            Some((seen.known.origin, saved))
        };
        let all: Vec<_> = (0..self.seen.len()).map(saved).collect();
        let mut machines: BTreeMap<KeyId, Vec<Saved<'_>>> = BTreeMap::new();
        for (origin, saved) in all.iter().flatten() {
            machines.entry(*origin).or_default().push(*saved);
        }
        let one = |plan: &Option<(KeyId, Saved<'_>)>| {
            let (origin, saved) = plan.as_ref()?;
            let machine = machines.get(origin).map(Vec::as_slice).unwrap_or_default();
            Some(shown(copies(saved, machine, self.now)))
        };
        all.iter().map(one).collect()
    }

    /// What is known here of where a plan saves to: a repo that this instance has too.
    fn storage(&self, seen: &Seen) -> Option<Storage> {
        let newest = self.log(seen).and_then(|log| log.newest_good.as_ref());
        let guid = newest.and_then(|good| good.repo_guid.clone());
        let is_here = seen.known.origin == self.node.key();
        let known = self.repos.iter().find(|repo| match (is_here, &guid) {
            (true, _) => repo.id == seen.document.repo,
            (false, Some(guid)) => repo.guid.as_deref() == Some(guid.to_string().as_str()),
            (false, None) => false,
        })?;
        let guid = known.guid.as_deref().and_then(|guid| guid.parse().ok()).or(guid);
        let labels = self.config.repos.iter().find(|repo| repo.id.as_str() == known.id);
        let labels = labels.filter(|_| known.origin.is_none());
        let is_it = |proof: &&Proof| match (&proof.guid, &guid) {
            (Some(a), Some(b)) => a == b,
            _ => proof.origin == self.node.key() && proof.repo == known.id,
        };
        let proven_at = self.proofs.iter().filter(is_it).map(|proof| proof.at).max();
        Some(Storage {
            guid,
            name: known.id.clone(),
            kind: labels.and_then(|repo| repo.kind.clone()),
            place: labels.and_then(|repo| repo.place.clone()),
            proven_at,
        })
    }
}

fn name(log: &ShardLog) -> (KeyId, Shard) {
    let expectation = &log.record.expectation;
    let shard = Shard { repo: expectation.repo.to_string(), plan: expectation.plan.to_string() };
    (log.record.origin, shard)
}

fn shard(seen: &Seen) -> Shard {
    Shard { repo: seen.document.repo.clone(), plan: seen.document.id.clone() }
}

/// By machine, then plan.
fn place(seen: &Seen) -> (&str, KeyId, &str, &str) {
    let api::Plan { instance, id, repo, .. } = &seen.document;
    (instance, seen.known.origin, id, repo)
}

/// What a plan saves. A peer does not tell: its plan is like no other.
fn paths(seen: &Seen) -> Vec<String> {
    match seen.document.paths.as_slice() {
        [] => vec![format!("{}/{}", seen.document.repo, seen.document.id)],
        paths => paths.to_vec(),
    }
}

/// Whether its newest snapshot is as young as it has to be, whatever else is wrong.
fn is_fresh(seen: &Seen) -> bool {
    let until = seen.document.fresh_until.as_deref().and_then(Timestamp::parse);
    seen.document.last_success.is_some() && until.is_none_or(|until| until >= seen.known.now)
}

pub(super) fn leaders(seen: &[Seen]) -> Leaders {
    let good = |seen: &Seen| {
        let runs = seen.known.backups.iter().filter_map(fleet::plan_run);
        let mut good: Vec<_> =
            runs.filter(crate::freshness::PlanRun::is_good).map(|run| run.started_at).collect();
        good.sort_unstable();
        ((seen.known.origin, seen.known.expectation.plan.clone()), good)
    };
    seen.iter().map(good).collect()
}

const fn shown(copies: Copies) -> api::Copies {
    let Copies { copies, kinds, off_site, restore_proven } = copies;
    api::Copies { copies, kinds, off_site, restore_proven }
}

fn coverage(plans: &[FleetPlan]) -> Coverage {
    let known: Vec<_> = plans.iter().filter_map(|plan| plan.copies).collect();
    let count = |holds: fn(&api::Copies) -> bool| {
        u32::try_from(known.iter().filter(|copies| holds(copies)).count()).unwrap_or(u32::MAX)
    };
    Coverage {
        plans: count(|_| true),
        three_copies: count(|copies| copies.copies >= 3),
        two_kinds: count(|copies| copies.kinds >= 2),
        one_off_site: count(|copies| copies.off_site >= 1),
        restore_proven: count(|copies| copies.restore_proven),
    }
}
