//! Locks of a repository before a run: those of the gone are removed, for others it is waited.
//!
//! 1. Every removal is an operation.
//! 2. A lock whose process may be at work stays, and is said to be in the way, with whose it is.
//! 3. Who waits for somebody else's lock has no turn meanwhile, so this instance's own work goes on;
//!    it asks for its turn again once only this instance's own locks are left, for which the line waits.

use super::board::Active;
use super::engine::{About, Inner};
use super::journal::Journal;
use super::queue::{Mode, Turn};
use super::{Engine, Keeping, RepoSpec, Run};
use crate::clock;
use crate::model::{FlowId, OperationKind, RepoGuid, RepoId, Status, Timestamp};
use crate::restic::{
    Cleared, Command, Failure, Lock, Outcome, OwnRun, Reason, Restic, SnapshotFilter,
};
use crate::shutdown;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

/// How often it is looked whether a lock is still there.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// A lock that was not refreshed for so long may be one of the gone.
const OLD: Duration = Duration::from_secs(30 * 60);

/// Who holds the lock that something waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// As a person reads it, with since when.
    pub by: String,
    /// Since when it is waited for.
    pub since: Timestamp,
}

/// A repository with all that is needed to work on it.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) restic: &'a Restic,
    pub(super) repo: &'a RepoSpec,
    pub(super) keeping: &'a Keeping,
    /// What its work needs, where it needs one.
    pub(super) turn: Option<&'a Turn>,
}

impl Engine {
    /// Who holds the lock that an operation on that repo waits for now.
    #[must_use]
    pub fn locked(&self, repo: &RepoId) -> Option<Locked> {
        self.inner.locked.lock().unwrap_or_else(PoisonError::into_inner).get(repo).cloned()
    }

    fn set_locked(&self, repo: &RepoId, locked: Option<String>) {
        let mut all = self.inner.locked.lock().unwrap_or_else(PoisonError::into_inner);
        match locked {
            Some(by) => {
                let since = all.get(repo).map_or_else(clock::now, |before| before.since);
                all.insert(repo.clone(), Locked { by, since });
            }
            None => drop(all.remove(repo)),
        }
    }

    /// Runs a command once no lock is in its way, or the time to wait for that has passed.
    pub(super) async fn run_unlocked(
        &self,
        active: &Active,
        site: Site<'_>,
        (mode, command): (Mode, &Command),
    ) -> (Journal, Result<Outcome, Failure>) {
        let until = clock::monotonic().plus(site.keeping.lock_wait);
        loop {
            self.wait_unlocked(active, site, mode, until).await;
            if active.why().is_some() {
                return (Journal::default(), Err(Failure::new(Reason::Interrupted, "")));
            }
            let ran = self.inner.run(active, site.restic, site.repo, command).await;
            let is_locked =
                ran.1.as_ref().is_err_and(|f| matches!(f.reason, Reason::Locked { .. }));
            // Somebody came in between.
            if is_locked && clock::monotonic() < until && active.why().is_none() {
                continue;
            }
            self.set_locked(&site.repo.id, None);
            return ran;
        }
    }

    /// What cannot be found out here, the run itself will tell.
    pub(super) async fn wait_unlocked(
        &self,
        active: &Active,
        site: Site<'_>,
        mode: Mode,
        until: Timestamp,
    ) {
        loop {
            let has_waited = self.wait_for_others(active, site, mode, until).await;
            if has_waited && let Some(turn) = site.turn {
                let back = self.back_in_line(active, turn).await;
                // It took its time, and somebody else may have come.
                if back.is_ok() && clock::monotonic() < until {
                    continue;
                }
            }
            break;
        }
    }

    /// Waits, without a turn, until no lock of somebody else is in the way. Whether there was one.
    async fn wait_for_others(
        &self,
        active: &Active,
        site: Site<'_>,
        mode: Mode,
        until: Timestamp,
    ) -> bool {
        let mut cancel = active.cancelled();
        let mut said = None;
        loop {
            let operation = active.operation();
            let left = self.clear(site, operation.flow, &mut cancel).await.unwrap_or_default();
            // With the turn there is nobody of this instance for whom it had to wait.
            let own = if said.is_some() { self.own_runs(&site.repo.id).await } else { Vec::new() };
            let is_in_way = |lock: &&Lock| mode == Mode::Alone || lock.exclusive;
            let mut in_way = left.iter().filter(is_in_way);
            let in_way = in_way.find(|lock| !lock.is_of(&own));
            let since = self.noted(site.repo, &left, in_way).await;
            let Some(lock) = in_way else { break };
            let by = lock.to_string();
            if site.keeping.lock_alarm.is_some_and(|alarm| clock::now().since(since) >= alarm) {
                self.inner.tell_locked(operation, by.clone()).await;
            }
            self.set_locked(&site.repo.id, Some(by.clone()));
            if clock::monotonic() >= until {
                return said.is_some();
            }
            if said.as_ref() != Some(&lock.pid) {
                said = Some(lock.pid);
                site.turn.inspect(|turn| turn.step_aside());
                let message = format!("waits: the repository is locked by {by}");
                self.inner.record(active.amend(|op| op.message = message)).await;
                self.inner.board.changed();
            }
            if cancel.run(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                break;
            }
        }
        self.set_locked(&site.repo.id, None);
        active.amend_silently(|op| op.message.clear());
        said.is_some()
    }

    /// The restics of this instance that work on that repo now.
    async fn own_runs(&self, repo: &RepoId) -> Vec<OwnRun> {
        let open = self.inner.ports.call(|ports| ports.runs.open()).await.unwrap_or_default();
        let is_at_work =
            |run: &Run| run.repo == *repo && self.inner.board.find(run.operation).is_some();
        let at_work = open.into_iter().filter(is_at_work);
        at_work.map(|Run { pid, since, .. }| OwnRun { pid, since }).collect()
    }

    /// Keeps which locks there are; since when the one in the way is.
    async fn noted(&self, repo: &RepoSpec, left: &[Lock], in_way: Option<&Lock>) -> Timestamp {
        let held: Vec<_> = left.iter().map(Lock::holder).collect();
        let (repo, in_way) = (repo.id.clone(), in_way.map(Lock::holder));
        let noted = self.inner.ports.call(move |ports| match in_way {
            Some(holder) => ports.runs.lock_in_way(&repo, &holder, &held),
            None => ports.runs.locks_held(&repo, &held).map(|()| clock::now()),
        });
        noted.await.unwrap_or_else(|_| clock::now())
    }

    /// Removes the locks of the gone, with an operation that says so. The locks that are left.
    pub(super) async fn clear(
        &self,
        site: Site<'_>,
        flow: FlowId,
        cancel: &mut shutdown::Guard,
    ) -> Result<Vec<Lock>, Failure> {
        let cleared = self.clear_stale(site, cancel).await?;
        if !cleared.removed.is_empty() {
            let message = removed(&cleared.removed, "whose process is gone");
            self.inner.record_unlock(&site.repo.id, Some(flow), message).await;
        }
        Ok(cleared.left)
    }

    /// Removes the locks of the gone.
    pub(super) async fn clear_stale(
        &self,
        site: Site<'_>,
        cancel: &mut shutdown::Guard,
    ) -> Result<Cleared, Failure> {
        let Site { restic, repo, .. } = site;
        let locks = restic.locks(&repo.access, cancel).await?;
        if locks.is_empty() {
            return Ok(Cleared::default());
        }
        let told = self.told(site, &locks, cancel).await;
        let is_told = |lock: &Lock| told.contains(&lock.id);
        restic.clear_locks(&repo.access, locks, &is_told, cancel).await
    }

    /// The old locks of which a peer's own log says that its work has ended. Whose host is whose is
    /// told by the snapshots in the repository: a host that made some for one peer alone is its.
    async fn told(
        &self,
        site: Site<'_>,
        locks: &[Lock],
        cancel: &mut shutdown::Guard,
    ) -> BTreeSet<String> {
        let now = clock::now();
        let old: Vec<_> = locks.iter().filter(|lock| now.since(lock.time) > OLD).collect();
        let mut told = BTreeSet::new();
        let known = match old.is_empty() {
            true => return told,
            false => self.guid_of(site.repo).await,
        };
        let Some(guid) = known else { return told };
        let makers = makers(site, cancel).await;
        for lock in old {
            let Some(maker) = makers.get(&lock.host).and_then(|makers| only(makers)) else {
                continue;
            };
            let (maker, guid, at) = (maker.clone(), guid.clone(), lock.time);
            let ended = self.inner.ports.call(move |p| p.history.has_ended(&maker, &guid, at));
            if ended.await.unwrap_or(false) {
                told.insert(lock.id.clone());
            }
        }
        told
    }

    async fn guid_of(&self, repo: &RepoSpec) -> Option<RepoGuid> {
        let repo = repo.clone();
        self.inner.ports.call(move |ports| ports.runs.guid(&repo)).await.ok().flatten()
    }
}

impl Inner {
    /// Adds the operation of an unlock, already at its end.
    pub(super) async fn record_unlock(&self, repo: &RepoId, flow: Option<FlowId>, message: String) {
        let (kind, attempt) = (OperationKind::Unlock, None);
        let about = About { kind, repo: repo.clone(), plan: None, flow, attempt };
        match self.compose(about).await {
            Ok(mut unlock) => {
                unlock.status = Status::Succeeded;
                unlock.ended_at = Some(clock::now());
                unlock.message = message;
                self.record(unlock).await;
            }
            Err(error) => tracing::warn!(%error, %repo, message, "no operation for the unlock"),
        }
    }
}

/// Of each host, the instances that made snapshots there.
async fn makers(
    site: Site<'_>,
    cancel: &mut shutdown::Guard,
) -> BTreeMap<String, BTreeSet<String>> {
    let all = SnapshotFilter::default();
    let listed = site.restic.snapshots(&site.repo.access, all, cancel).await;
    let mut makers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for snapshot in listed.unwrap_or_default() {
        let maker = snapshot.tags.iter().find_map(|tag| tag.strip_prefix("created-by:"));
        let maker = maker.unwrap_or_default().to_owned();
        makers.entry(snapshot.host).or_default().insert(maker);
    }
    makers
}

fn only(makers: &BTreeSet<String>) -> Option<&String> {
    makers.first().filter(|maker| makers.len() == 1 && !maker.is_empty())
}

/// What an unlock says that it did.
pub(super) fn removed(locks: &[Lock], why: &str) -> String {
    let each: Vec<_> = locks.iter().map(ToString::to_string).collect();
    let noun = if locks.len() == 1 { "the lock" } else { "the locks" };
    format!("removed {noun} of {}, {why}", each.join("; "))
}
