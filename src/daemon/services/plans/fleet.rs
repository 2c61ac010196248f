//! Plans as they are seen from here: this instance's by its configuration, those of a peer by what
//! its log says of them.
//!
//! 1. The state of a plan is worked out by the clock of its instance.
//! 2. Of an own plan's backups those count that are in the repository that its repo is now.
//! 3. Of a peer out of sight only `never` and `stale` are news; anything else is as of when it was
//!    last heard.

use super::super::{describe, refuse};
use crate::api;
use crate::clock;
use crate::config::{Config, Plan, Retention};
use crate::daemon::Node;
use crate::daemon::expectations::{guid, last_success, newest_good, promise};
use crate::daemon::ports::{Home, Named, Repos, disabled_reason};
use crate::daemon::presence::Presence;
use crate::freshness::{self, Freshness, Known, PlanRun, State};
use crate::job::Live;
use crate::model::{
    Attempt, Expectation, InstanceId, KeyId, LinkState, OperationKind, PlanId, RepoId, Status,
    Timestamp, Timing,
};
use crate::reconcile::Shard;
use crate::store::StoreError;
use crate::store::history::{Backup, PlanRecord, Recorded, Whose};
use crate::store::trust::{self, Pausing, PlanSnoozes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many of a plan's newest backups its state is worked out of.
pub(in crate::daemon) const LOOKED_AT: usize = 32;

/// A plan in sight. Sorts as a fleet does: the worst first.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Seen {
    pub(in crate::daemon) state: State,
    pub(in crate::daemon) document: api::Plan,
    pub(in crate::daemon) known: KnownPlan,
}

/// What the document of a plan was made of, by the clock of its instance.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct KnownPlan {
    pub(in crate::daemon) origin: KeyId,
    pub(in crate::daemon) expectation: Expectation,
    pub(in crate::daemon) backups: Vec<Backup>,
    pub(in crate::daemon) since: Timestamp,
    pub(in crate::daemon) now: Timestamp,
    /// For one out of sight: until when it was seen.
    pub(in crate::daemon) seen_until: Option<Timestamp>,
}

/// All that is known of a plan.
struct Facts<'a> {
    origin: KeyId,
    instance: &'a InstanceId,
    expectation: Expectation,
    paths: Vec<String>,
    /// `None` where it is not told.
    retention: Option<Retention>,
    /// Why its own retention is not applied.
    retention_inactive: Option<String>,
    jitter: Option<Duration>,
    backups: Vec<Backup>,
    since: Timestamp,
    /// When its last run began, where the history does not know.
    last_run: Option<Timestamp>,
    /// The retry that runs, or waits until then.
    retry: Option<(Attempt, Option<Timestamp>)>,
    /// Until when somebody wants not to be reminded of it.
    snoozed_until: Option<Timestamp>,
    /// Who paused it last; of this instance's.
    pausing: Option<Pausing>,
}

/// From when a plan is looked at.
#[derive(Debug, Clone, Copy)]
struct View {
    /// Now, by the clock of its instance.
    now: Timestamp,
    /// For one out of sight: when it was last heard, by our clock and by its own.
    last_heard: Option<(Timestamp, Timestamp)>,
}

/// Every plan in sight, the worst first.
pub(in crate::daemon) async fn all(node: &Node) -> Result<Vec<Seen>, tonic::Status> {
    let mut seen = own(node).await?;
    seen.extend(of_peers(node, records(node, Whose::All).await?).await?);
    seen.sort_by(|a, b| place(a).cmp(&place(b)));
    Ok(seen)
}

/// The plans of peers among these.
pub(in crate::daemon) async fn of_peers(
    node: &Node,
    records: Vec<PlanRecord>,
) -> Result<Vec<Seen>, tonic::Status> {
    let read = node.with_trust(|trust, roster| Ok((roster.peers()?, trust.plan_snoozes()?)));
    let (peers, snoozes) = read.await.map_err(refuse::store)?;
    let peers: BTreeMap<KeyId, trust::Peer> =
        peers.into_iter().map(|peer| (peer.key, peer)).collect();
    let seen = records.into_iter().filter_map(|record| {
        let peer = peers.get(&record.origin)?;
        of_peer(node, peer, (record, &snoozes))
    });
    Ok(seen.collect())
}

fn place(seen: &Seen) -> (State, &str, &str, &str) {
    let api::Plan { instance, id, repo, .. } = &seen.document;
    (seen.state, instance, id, repo)
}

/// The plans of a peer, as its log tells of them here.
pub(in crate::daemon) async fn of(
    node: &Node,
    peer: &trust::Peer,
) -> Result<Vec<Seen>, tonic::Status> {
    let records = records(node, Whose::Peer(peer.key)).await?;
    let snoozes = node.with_trust(|trust, _| trust.plan_snoozes()).await.map_err(refuse::store)?;
    let seen = records.into_iter().filter_map(|record| of_peer(node, peer, (record, &snoozes)));
    Ok(seen.collect())
}

async fn records(node: &Node, whose: Whose) -> Result<Vec<PlanRecord>, tonic::Status> {
    let read = node.history.read(move |reader| reader.plans(whose, LOOKED_AT)).await;
    read.map_err(refuse::store)
}

/// `None` for a plan of which its instance says that it promises nothing more.
fn of_peer(
    node: &Node,
    peer: &trust::Peer,
    (record, snoozes): (PlanRecord, &PlanSnoozes),
) -> Option<Seen> {
    let PlanRecord { expectation, known_at, backups, .. } = record;
    if expectation.schedule.is_empty() {
        return None;
    }
    let presence = node.presences.of(&peer.key);
    let now = clock::now();
    let view = View::of(&presence, peer, now);
    let snoozed_until = snoozed(snoozes, (peer.key, &expectation.plan), now);
    let since = known_at.map_or(view.now, |at| presence.their_time(at));
    let instance = &peer.instance;
    let facts = Facts {
        origin: peer.key,
        instance,
        expectation,
        paths: Vec::new(),
        retention: None,
        retention_inactive: None,
        jitter: None,
        backups,
        since,
        last_run: None,
        retry: None,
        snoozed_until,
        pausing: None,
    };
    Some(facts.seen(view))
}

fn snoozed(
    snoozes: &PlanSnoozes,
    (origin, plan): (KeyId, &PlanId),
    now: Timestamp,
) -> Option<Timestamp> {
    snoozes.get(&(origin, plan.clone())).copied().filter(|until| *until > now)
}

impl View {
    fn here(now: Timestamp) -> Self {
        Self { now, last_heard: None }
    }

    fn of(presence: &Presence, peer: &trust::Peer, now: Timestamp) -> Self {
        let heard = || {
            let heard = presence.last_heard.max(peer.last_heard).unwrap_or(peer.paired_at);
            (heard, presence.their_time(heard))
        };
        let is_in_sight = presence.state == LinkState::Connected;
        let last_heard = if is_in_sight { None } else { Some(heard()) };
        Self { now: presence.their_time(now), last_heard }
    }
}

/// When a plan was first heard of, and its newest backups, as the history has them.
type OfHistory = (Option<Timestamp>, Vec<Backup>);

/// This instance's plans, in the order of its file.
pub(super) async fn own(node: &Node) -> Result<Vec<Seen>, tonic::Status> {
    // Looked at before the history: what ends in between is in the history then.
    let live = node.engine.live();
    let config = node.config.current();
    let shards: Vec<_> = config.plans.iter().map(shard).collect();
    let read = node.history.read(move |reader| {
        let known = |shard: Shard| {
            let known = reader.own_backups(&shard, LOOKED_AT)?;
            Ok((shard, known))
        };
        shards.into_iter().map(known).collect()
    });
    let known: BTreeMap<Shard, OfHistory> = read.await.map_err(refuse::store)?;
    own_with(node, (&config, &live), |shard| known.get(shard).cloned().unwrap_or_default()).await
}

/// The same, with what was read of the history already, after `live` was looked at.
pub(in crate::daemon) async fn own_with(
    node: &Node,
    (config, live): (&Arc<Config>, &[Live]),
    history: impl Fn(&Shard) -> OfHistory,
) -> Result<Vec<Seen>, tonic::Status> {
    let agenda = node.scheduler.agenda();
    let of_trust = Arc::clone(config);
    let kept = node.with_trust(move |trust, _| {
        let repos = Repos::read(Arc::clone(&of_trust), trust)?;
        let homes = of_trust.plans.iter().map(|plan| {
            let home = Home::read(&repos, trust, &plan.repo)?;
            Ok((plan.repo.clone(), home))
        });
        let homes = homes.collect::<Result<_, StoreError>>()?;
        Ok((repos, homes, trust.plan_runs()?, (trust.plan_snoozes()?, trust.pausings()?)))
    });
    let (repos, homes, runs, (snoozes, pausings)) = kept.await.map_err(refuse::store)?;
    let moved = moved(node, config, &homes).await?;
    let view = View::here(clock::now());
    let seen = |plan: &Plan| {
        let all = history(&shard(plan));
        let moved = moved.get(&plan.id);
        let (since, backups) = match moved {
            Some(moved) => moved.at_home(all.clone()),
            None => all.clone(),
        };
        let home = homes.get(&plan.repo).unwrap_or(&Home::Anywhere);
        let run =
            runs.iter().find(|run| run.plan == plan.id && run.repo.as_ref() == Some(&plan.repo));
        let facts = Facts {
            origin: node.key(),
            instance: &config.instance,
            expectation: promise(
                (plan, config),
                agenda.timing(plan, config),
                disabled_reason(plan, &repos),
                last_success(run, home).max(moved.and_then(|moved| moved.newest_good)),
            ),
            paths: plan.paths.clone(),
            retention: Some(plan.retention),
            retention_inactive: retention_inactive(plan, &repos),
            jitter: Some(plan.schedule.jitter()),
            backups: with_live(backups, plan, live),
            since: since.unwrap_or(view.now),
            last_run: run.map(|run| run.started_at),
            retry: agenda.retry(plan),
            snoozed_until: snoozed(&snoozes, (node.key(), &plan.id), view.now),
            pausing: pausings.get(&plan.id).cloned(),
        };
        let mut seen = facts.seen(view);
        if moved.is_some() {
            // What its days came to stays as it was, wherever the backups went.
            let (known_at, backups) = all;
            seen.known.backups = with_live(backups, plan, live);
            seen.known.since = known_at.unwrap_or(view.now);
        }
        seen
    };
    Ok(config.plans.iter().map(seen).collect())
}

/// What is known of the backups of a plan whose repo was another repository before.
struct Moved {
    home: Home,
    /// The newest ones, with the repository that each is in.
    newest: Vec<Recorded>,
    /// When the newest good one that is where it has to be began.
    newest_good: Option<Timestamp>,
}

/// Of each own plan whose repo was another repository before: few, so they are read each time.
async fn moved(
    node: &Node,
    config: &Config,
    homes: &BTreeMap<RepoId, Home>,
) -> Result<BTreeMap<PlanId, Moved>, tonic::Status> {
    let home = |plan: &Plan| homes.get(&plan.repo).filter(|home| **home != Home::Anywhere).cloned();
    let plans =
        config.plans.iter().filter_map(|plan| Some((plan.id.clone(), shard(plan), home(plan)?)));
    let plans: Vec<_> = plans.collect();
    if plans.is_empty() {
        return Ok(BTreeMap::new());
    }
    let read = node.history.read(move |reader| {
        let known = |(plan, shard, home): (PlanId, Shard, Home)| {
            let kind = Some(OperationKind::Backup);
            let newest = reader.newest(reader.owner(), &shard, kind, LOOKED_AT)?;
            let newest_good = newest_good(reader, &shard, &home)?;
            Ok((plan, Moved { home, newest, newest_good }))
        };
        plans.into_iter().map(known).collect()
    });
    read.await.map_err(refuse::store)
}

impl Moved {
    /// Only what counts, and since when a first backup is awaited: since the last one elsewhere. What
    /// failed before it was known where, before that one, says nothing of the repository of now.
    fn at_home(&self, (known_at, mut backups): OfHistory) -> OfHistory {
        let went =
            |backup: &Backup| self.newest.iter().find(|found| found.id == backup.id).and_then(guid);
        let is_away = |backup: &Backup| match went(backup) {
            Some(guid) => !self.home.has(Some(guid)),
            None => plan_run(backup).is_some_and(|run| run.is_good()),
        };
        let away = backups.iter().filter(|backup| is_away(backup));
        let last_away = away.map(|backup| backup.started_at).max();
        backups.retain(|backup| match went(backup) {
            Some(guid) => self.home.has(Some(guid)),
            None => !is_away(backup) && Some(backup.started_at) > last_away,
        });
        (known_at.max(last_away), backups)
    }
}

/// The snapshots in a received repo are its owner's to forget.
fn retention_inactive(plan: &Plan, repos: &Repos) -> Option<String> {
    let (Named::Received(repo), Retention::Keep(_)) = (repos.named(&plan.repo), &plan.retention)
    else {
        return None;
    };
    let owner = repos.origin_name(&repo.origin);
    Some(format!("repo {} is shared by {owner}, whose retention holds for it", plan.repo))
}

fn shard(plan: &Plan) -> Shard {
    Shard { repo: plan.repo.to_string(), plan: plan.id.to_string() }
}

/// What has not ended is as the engine knows it: the history may have missed a state.
fn with_live(mut backups: Vec<Backup>, plan: &Plan, live: &[Live]) -> Vec<Backup> {
    let ours = live.iter().map(|live| &live.operation).filter(|operation| {
        operation.kind == OperationKind::Backup && operation.plan.as_ref() == Some(&plan.id)
    });
    let ours: Vec<_> = ours.collect();
    backups.retain(|backup| {
        let has_ended = backup.status.is_none_or(Status::is_finished);
        has_ended || ours.iter().any(|operation| operation.id == backup.id)
    });
    let missed: Vec<_> = ours
        .iter()
        .filter(|operation| backups.iter().all(|backup| backup.id != operation.id))
        .map(|operation| Backup {
            id: operation.id,
            status: Some(operation.status),
            started_at: operation.started_at,
            has_snapshot: false,
            flow: Some(operation.flow),
            gone: None,
        })
        .collect();
    backups.extend(missed);
    backups
}

impl Facts<'_> {
    fn seen(self, view: View) -> Seen {
        let freshness = self.freshness(view);
        let known = KnownPlan {
            origin: self.origin,
            expectation: self.expectation.clone(),
            backups: self.backups.clone(),
            since: self.since,
            now: view.now,
            seen_until: view.last_heard.map(|(_, theirs)| theirs),
        };
        Seen { state: freshness.state, document: self.document(freshness, view), known }
    }

    fn freshness(&self, view: View) -> Freshness {
        let runs: Vec<_> = self.backups.iter().filter_map(plan_run).collect();
        let at = |now| {
            let (expectation, runs, since) = (&self.expectation, &runs[..], self.since);
            freshness::of(Known { expectation, runs, since, now })
        };
        let now = at(view.now);
        match (now.state, view.last_heard) {
            (State::Never | State::Stale, _) | (_, None) => now,
            (
                State::Failing
                | State::Late
                | State::Warnings
                | State::Running
                | State::Waiting
                | State::Paused
                | State::NotYet
                | State::Fresh,
                Some((_, then)),
            ) => at(then),
        }
    }

    fn document(self, freshness: Freshness, view: View) -> api::Plan {
        let begun = self.backups.iter().filter(|backup| backup.status != Some(Status::Pending));
        let last = begun.max_by_key(|backup| backup.started_at);
        let last_run = last.map(|backup| backup.started_at).max(self.last_run);
        // The scheduler hears of a good end a moment after everybody else.
        let is_over = last.and_then(plan_run).is_some_and(|run| run.is_good());
        let retry = self.retry.filter(|(_, waits)| waits.is_some() || !is_over);
        let text = |at: Timestamp| at.to_string();
        let is_trouble = freshness.state.needs_someone() || self.expectation.is_out_of_order();
        let needs_someone = is_trouble && self.snoozed_until.is_none();
        let Expectation { repo, plan, schedule, allowed_age, enabled, disabled_reason, .. } =
            self.expectation;
        let Timing { time_zone, next_due, grace, paused, paused_until, waiting_for, .. } =
            self.expectation.timing;
        let pausing = self.pausing.filter(|_| paused);
        api::Plan {
            id: plan.to_string(),
            instance: self.instance.to_string(),
            failures: freshness.failures,
            failing_since: freshness.failing_since.map(text),
            as_of: view.last_heard.map(|(ours, _)| text(ours)),
            repo: repo.to_string(),
            paths: self.paths,
            schedule,
            // No version of this protocol tells more of a peer's.
            retention: self.retention.map(|retention| retention.to_string()),
            retention_inactive: self.retention_inactive,
            enabled,
            disabled_reason: Some(disabled_reason).filter(|why| !enabled && !why.is_empty()),
            state: freshness.state.to_string(),
            last_run: last_run.map(text),
            last_success: freshness.newest_good.map(text),
            last_status: last.and_then(|backup| backup.status).map(|status| status.to_string()),
            allowed_age_s: allowed_age.map(|age| age.as_secs()),
            age_s: freshness.newest_good.map(|at| view.now.since(at).as_secs()),
            fresh_until: freshness.fresh_until.map(text),
            waiting_for: Some(waiting_for).filter(|what| !what.is_empty()),
            paused_until: paused_until.map(text),
            next_run: next_due.filter(|_| enabled).map(text),
            time_zone: Some(time_zone).filter(|zone| !zone.is_empty()),
            grace_s: grace.map(|grace| grace.as_secs()),
            jitter_s: self.jitter.map(|jitter| jitter.as_secs()),
            attempt: retry.map(|(attempt, _)| describe::attempt(attempt)),
            retry_at: retry.and_then(|(_, at)| at).filter(|_| enabled).map(text),
            snoozed_until: self.snoozed_until.map(text),
            paused,
            paused_since: pausing.as_ref().map(|pausing| text(pausing.since)),
            paused_by: pausing.and_then(|pausing| pausing.by),
            needs_someone,
            ..api::Plan::default()
        }
    }
}

pub(in crate::daemon) fn plan_run(backup: &Backup) -> Option<PlanRun> {
    let Backup { status, started_at, has_snapshot, flow, gone, .. } = *backup;
    let made_snapshot = has_snapshot || gone.is_some();
    Some(PlanRun { status: status?, started_at, made_snapshot, flow, gone })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Operation, OperationId, RepoGuid};
    use crate::store::history::Presence;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    fn facts(instance: &InstanceId, allowed_hours: u32, runs: &[(Status, u32)]) -> Seen {
        seen(instance, allowed_hours, runs, View::here(NOW))
    }

    fn seen(instance: &InstanceId, allowed: u32, runs: &[(Status, u32)], view: View) -> Seen {
        known(instance, allowed, runs).seen(view)
    }

    fn known<'a>(instance: &'a InstanceId, allowed: u32, runs: &[(Status, u32)]) -> Facts<'a> {
        let backup = |&(status, hours): &(Status, u32)| Backup {
            id: OperationId::from_bytes([hours as u8; 16]),
            status: Some(status),
            started_at: NOW.minus(HOUR * hours),
            has_snapshot: false,
            flow: None,
            gone: None,
        };
        let expectation = Expectation {
            repo: "vault".parse().unwrap(),
            plan: "home".parse().unwrap(),
            schedule: "manual".to_owned(),
            allowed_age: Some(HOUR * allowed),
            last_met: None,
            enabled: true,
            disabled_reason: String::new(),
            timing: Timing::default(),
        };
        Facts {
            origin: KeyId::from_bytes([1; 32]),
            instance,
            expectation,
            paths: Vec::new(),
            retention: None,
            retention_inactive: None,
            jitter: None,
            backups: runs.iter().map(backup).collect(),
            since: NOW.minus(HOUR * 1000),
            last_run: None,
            retry: None,
            snoozed_until: None,
            pausing: None,
        }
    }

    #[test]
    fn a_run_that_ended_well_is_no_attempt_any_more() {
        let nas = "nas".parse().unwrap();
        let attempt = Attempt { number: 2, of: 3 };
        let retried = |status, waits| {
            let mut facts = known(&nas, 48, &[(Status::Failed, 2), (status, 1)]);
            facts.retry = Some((attempt, waits));
            facts.seen(View::here(NOW)).document
        };
        assert!(retried(Status::Running, None).attempt.is_some());
        assert!(retried(Status::Succeeded, None).attempt.is_none());
        let waiting = retried(Status::Failed, Some(NOW));
        assert!(waiting.attempt.is_some() && waiting.retry_at.is_some());
    }

    fn away(hours: u32) -> View {
        let heard = NOW.minus(HOUR * hours);
        View { now: NOW, last_heard: Some((heard, heard)) }
    }

    #[test]
    fn a_peer_out_of_sight_still_goes_stale_and_anything_else_is_as_of_then() {
        let nas = "nas".parse().unwrap();
        let runs = [(Status::Succeeded, 30), (Status::Running, 20)];
        let young = seen(&nas, 48, &runs, away(20)).document;
        assert_eq!(young.state, "running", "as it was when it was last heard");
        assert_eq!(young.as_of, Some(NOW.minus(HOUR * 20).to_string()));
        assert_eq!(young.age_s, Some(30 * 3600), "the age goes on");
        assert_eq!(seen(&nas, 24, &runs, away(20)).document.state, "stale");
        assert_eq!(seen(&nas, 24, &[(Status::Failed, 3)], away(2)).document.state, "never");
        assert_eq!(seen(&nas, 24, &[(Status::Failed, 3)], View::here(NOW)).document.as_of, None);
    }

    #[test]
    fn backups_into_the_repository_before_do_not_count_in_that_of_now() {
        let [old, new] = ["ab", "cd"].map(|digits| digits.repeat(32).parse::<RepoGuid>().unwrap());
        let nas: InstanceId = "nas".parse().unwrap();
        let told = [
            (Status::Failed, 9, None),
            (Status::Succeeded, 8, Some(&old)),
            (Status::Failed, 7, None),
            (Status::Failed, 6, Some(&new)),
        ];
        let facts = known(&nas, 9, &told.map(|(status, hours, _)| (status, hours)));
        let newest = facts.backups.iter().zip(told).map(|(backup, (status, _, repo_guid))| {
            let begun = (backup.id, nas.clone(), OperationKind::Backup, backup.started_at);
            let state = Operation::begun(begun.0, begun.1, begun.2, begun.3);
            Recorded {
                origin: KeyId::from_bytes([1; 32]),
                shard: Shard { repo: "vault".to_owned(), plan: "home".to_owned() },
                id: backup.id,
                presence: Presence::Live,
                kind: Some(OperationKind::Backup),
                status: Some(status),
                started_at: backup.started_at,
                state: Some(Operation { repo_guid: repo_guid.cloned(), ..state }),
            }
        });
        let newest: Vec<_> = newest.collect();
        let at_home = |now: Option<&RepoGuid>| {
            let moved =
                Moved { home: Home::Only(now.cloned()), newest: newest.clone(), newest_good: None };
            let (since, backups) = moved.at_home((Some(facts.since), facts.backups.clone()));
            let ago = |at: Timestamp| NOW.since(at).as_secs() / 3600;
            (
                since.map(ago),
                backups.iter().map(|backup| ago(backup.started_at)).collect::<Vec<_>>(),
            )
        };
        assert_eq!(at_home(Some(&new)), (Some(8), vec![7, 6]));
        assert_eq!(at_home(Some(&old)), (Some(6), vec![8]), "pointed back");
        assert_eq!(at_home(None), (Some(6), vec![]), "nothing was found there yet");
    }

    #[test]
    fn the_worst_comes_first() {
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut all = [
            facts(&a, 9, &[(Status::Succeeded, 1)]),
            facts(&b, 9, &[(Status::Succeeded, 1), (Status::Failed, 0)]),
            facts(&b, 9, &[(Status::Succeeded, 99)]),
            facts(&a, 9, &[(Status::Succeeded, 99)]),
        ];
        all.sort_by(|a, b| place(a).cmp(&place(b)));
        let order = all.map(|seen| format!("{}/{}", seen.document.state, seen.document.instance));
        assert_eq!(order, ["stale/a", "stale/b", "failing/b", "fresh/a"]);
    }

    #[test]
    fn a_run_that_waits_is_not_the_last_run() {
        let nas = "nas".parse().unwrap();
        let plan = facts(&nas, 9, &[(Status::Succeeded, 2), (Status::Pending, 1)]).document;
        assert_eq!(plan.last_run, Some(NOW.minus(HOUR * 2).to_string()));
        assert_eq!(plan.last_status.as_deref(), Some("succeeded"));
        assert_eq!(plan.fresh_until, Some(NOW.plus(HOUR * 7).to_string()));
    }
}
