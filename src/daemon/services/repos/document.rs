//! A repo as a person sees it, from what is known without asking its storage.
//!
//! 1. No location leaves with credentials in it (C2).
//! 2. What its newest operation came to stands until the next one: nothing is tried for a list.

use super::super::refuse;
use super::kept::{self, Failing, Kept};
use super::upkeep;
use crate::api;
use crate::config::{Config, Repo, redact_uri};
use crate::daemon::Node;
use crate::daemon::ports::{Obstacle, Repos, place};
use crate::daemon::scheduler::Agenda;
use crate::daemon::sharing::{Member, Standing};
use crate::job::Trouble;
use crate::model::{InstanceId, KeyId, Operation, OperationKind, RepoGuid, RepoId, Status};
use crate::store::history::HistoryReader;
use crate::store::trust::ReceivedRepo;
use crate::store::{self, Trust};
use crate::wire::TakenState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many of a shard's newest operations are looked at for one that has ended.
const LOOKED_AT: usize = 4;

/// Everything about the repos of this instance.
pub(super) struct Known {
    config: Arc<Config>,
    repos: Repos,
    /// Of the config's repos, where they are now.
    guids: BTreeMap<RepoId, RepoGuid>,
    troubles: BTreeMap<RepoId, (Trouble, String)>,
    /// Those that something waits for now, with who holds them.
    locked: BTreeMap<RepoId, String>,
    /// What became of their upkeep.
    kept: BTreeMap<RepoId, Kept>,
    /// When their upkeep is due.
    agenda: Agenda,
    /// Received ones that their connected owner says nothing of.
    unconfirmed: BTreeSet<(KeyId, RepoId)>,
    /// Who is a peer now.
    peers: BTreeSet<KeyId>,
}

/// A member of a repo of ours, or one that was; `own` is what this instance is called.
pub(super) fn member(member: Member, repo: &RepoId, own: &InstanceId) -> api::RepoMember {
    let said = match member.standing {
        Standing::Said(TakenState::Taken) | Standing::Awaited => None,
        Standing::Said(TakenState::Conflict | TakenState::Refused) | Standing::NotSent => {
            Some(member.detail)
        }
        Standing::Said(TakenState::Deleted) => Some(format!(
            "it was removed there; to take it again, there: `holdfast repo add {repo} --from {own}`"
        )),
        Standing::Said(TakenState::NotGranted) => Some(format!(
            "it does not take repos from here now, and goes on with what it took before; there: \
             `holdfast peer grant {own} send-shared-repos`"
        )),
        Standing::Leaving => Some(
            "it is told when it connects; until then it goes on with the credentials that it has"
                .to_owned(),
        ),
        Standing::Sent => Some("nothing was heard of it since this instance started".to_owned()),
    };
    api::RepoMember {
        instance: member.peer.instance.to_string(),
        key_id: member.peer.key.to_string(),
        state: member.standing.as_str().to_owned(),
        reason: said,
        dropped: member.dropped,
    }
}

/// A state with what there is to say about it.
#[derive(Default)]
struct Shown {
    state: &'static str,
    conflict: Option<String>,
    reason: Option<String>,
    locked_by: Option<String>,
}

impl Known {
    pub(super) async fn read(node: &Node) -> Result<Self, tonic::Status> {
        let config = node.config.current();
        let of_trust = Arc::clone(&config);
        let stored = node.with_trust(move |trust, roster| {
            let peers = roster.peers()?.iter().map(|peer| peer.key).collect();
            Ok((guids(&of_trust, trust)?, Repos::read(of_trust, trust)?, peers))
        });
        let (guids, repos, peers) = stored.await.map_err(refuse::store)?;
        let ids = config.repos.iter().map(|repo| repo.id.clone());
        let ids: Vec<_> = ids.chain(repos.received().iter().map(|repo| repo.id.clone())).collect();
        let locked = ids.iter().filter_map(|id| Some((id.clone(), node.engine.locked(id)?.by)));
        let locked = locked.collect();
        let (places, of_history) = (guids.clone(), Arc::clone(&config));
        let told = node.history.read(move |reader| {
            Ok((troubles(reader, &ids)?, kept::read(reader, &of_history, &places)?))
        });
        let (troubles, kept) = told.await.map_err(refuse::store)?;
        let unconfirmed = repos.received().iter().filter(|repo| node.sharing.is_unconfirmed(repo));
        let unconfirmed = unconfirmed.map(|repo| (repo.origin, repo.id.clone())).collect();
        let agenda = node.scheduler.agenda();
        Ok(Self { config, repos, guids, troubles, locked, kept, agenda, unconfirmed, peers })
    }

    /// This machine's in the order of its file, then the received ones; not what was removed here.
    pub(super) fn documents(&self) -> Vec<api::Repo> {
        let own = self.config.repos.iter().map(|repo| self.own(repo));
        own.chain(self.repos.received().iter().filter_map(|repo| self.received(repo))).collect()
    }

    /// Those that were removed here and that a peer may share still, the newest first.
    pub(super) fn removed(&self) -> Vec<api::RemovedReceived> {
        let is_removed = |repo: &&ReceivedRepo| {
            let may_be_had =
                self.peers.contains(&repo.origin) && !self.repos.was_taken_back_since(repo);
            may_be_had && self.repos.obstacle(repo) == Some(Obstacle::Removed)
        };
        let mut removed: Vec<_> = self.repos.received().iter().filter(is_removed).collect();
        removed.sort_by_key(|repo| std::cmp::Reverse(repo.changed_at));
        let document = |repo: &ReceivedRepo| api::RemovedReceived {
            repo: repo.id.to_string(),
            origin: repo.origin.to_string(),
            origin_instance: self.repos.origin_name(&repo.origin),
            removed_at: repo.changed_at.to_string(),
        };
        removed.into_iter().map(document).collect()
    }

    /// Every repo that is there, each with the upkeep that failed.
    pub(super) fn with_failing(&self) -> Vec<(api::Repo, Vec<Failing>)> {
        let own = self.config.repos.iter().map(|repo| (self.own(repo), self.failing(&repo.id)));
        let received = self.repos.received().iter().filter_map(|repo| self.received(repo));
        own.chain(received.map(|repo| (repo, Vec::new()))).collect()
    }

    pub(super) fn own(&self, repo: &Repo) -> api::Repo {
        let guid = self.guids.get(&repo.id);
        let standing = match (guid, self.troubles.get(&repo.id)) {
            (Some(_), trouble) => self.locked(&repo.id).unwrap_or_else(|| Shown::of(trouble)),
            (None, trouble) => {
                let reason = trouble.map(|(_, message)| message.clone());
                Shown { state: "uninitialised", reason, ..Shown::default() }
            }
        };
        let failing = || Some(self.failing(&repo.id).first()?.reason());
        let standing = Shown { reason: standing.reason.or_else(failing), ..standing };
        standing.on(api::Repo {
            id: repo.id.to_string(),
            guid: guid.map(ToString::to_string),
            uri: Some(redact_uri(repo.uri.as_written())),
            shared: repo.shared,
            upkeep: upkeep::document(&repo.upkeep),
            kind: repo.kind.clone(),
            place: repo.place.clone(),
            ..self.dates(repo)
        })
    }

    /// The upkeep of a repo of this machine that failed, but for what is told of the repo itself.
    pub(super) fn failing(&self, id: &RepoId) -> Vec<Failing> {
        let failing = self.kept.get(id).map_or(&[][..], |kept| &kept.failing);
        let told = self.troubles.get(id).map(|(_, message)| message.as_str());
        let is_untold = |failing: &&Failing| told.is_none_or(|told| !failing.is_of(told));
        failing.iter().filter(is_untold).cloned().collect()
    }

    /// As an operation that waits for a lock says it now.
    fn locked(&self, repo: &RepoId) -> Option<Shown> {
        let by = self.locked.get(repo)?;
        let reason = Some(format!("locked by {by}; what is to be done there waits"));
        let locked_by = Some(by.clone());
        Some(Shown { state: "locked", conflict: None, reason, locked_by })
    }

    fn dates(&self, repo: &Repo) -> api::Repo {
        let kept = self.kept.get(&repo.id);
        let tasks: Vec<_> = repo.upkeep.schedules().map(|(kind, _)| kind).collect();
        let next = |kind: OperationKind| {
            let due = self.agenda.next_upkeep(&repo.id, kind).filter(|_| tasks.contains(&kind));
            due.map(|at| at.to_string())
        };
        api::Repo {
            next_forget: next(OperationKind::Forget),
            next_prune: next(OperationKind::Prune),
            next_check: next(OperationKind::Check),
            next_stats: next(OperationKind::Stats),
            last_check: kept.and_then(|kept| kept.check).map(|at| at.to_string()),
            last_prune: kept.and_then(|kept| kept.prune).map(|at| at.to_string()),
            ..api::Repo::default()
        }
    }

    /// Absence means unknown: what an owner says nothing of stays usable, and says so.
    fn usable(&self, repo: &ReceivedRepo) -> Shown {
        let trouble = || Shown::of(self.troubles.get(&repo.id));
        let standing = self.locked(&repo.id).unwrap_or_else(trouble);
        let silent = self.unconfirmed.contains(&(repo.origin, repo.id.clone()));
        let says = || {
            "its owner is connected and does not offer it now. \
             Backups go on; ask there whether its config was lost"
                .to_owned()
        };
        Shown { reason: standing.reason.or_else(|| silent.then(says)), ..standing }
    }

    /// `None` for one that a person removed here.
    pub(super) fn received(&self, repo: &ReceivedRepo) -> Option<api::Repo> {
        let explain = |obstacle| Some(self.repos.explain(repo, obstacle));
        let standing = match self.repos.obstacle(repo) {
            None => self.usable(repo),
            Some(Obstacle::Removed) => return None,
            Some(obstacle) if obstacle.is_conflict() => {
                Shown { state: "conflict", conflict: explain(&obstacle), ..Shown::default() }
            }
            Some(obstacle) => {
                Shown { state: "disabled", reason: explain(&obstacle), ..Shown::default() }
            }
        };
        let name = self.repos.origin_name(&repo.origin);
        let origin = repo.origin.to_string();
        Some(standing.on(api::Repo {
            id: repo.id.to_string(),
            guid: Some(repo.guid.to_string()),
            uri: Some(redact_uri(repo.uri.expose())).filter(|uri| !uri.is_empty()),
            shared: true,
            origin_instance: Some(name).filter(|name| *name != origin),
            origin: Some(origin),
            read_only: true,
            dropped: repo.dropped.iter().map(dropped).collect(),
            ..api::Repo::default()
        }))
    }
}

fn dropped(dropped: &crate::model::Dropped) -> api::DroppedField {
    api::DroppedField { field: dropped.field.clone(), reason: dropped.reason.clone() }
}

impl Shown {
    fn of(trouble: Option<&(Trouble, String)>) -> Self {
        let Some((trouble, message)) = trouble else {
            return Self { state: "ready", ..Self::default() };
        };
        let (state, locked_by) = match trouble {
            Trouble::Missing => ("missing", None),
            Trouble::Locked { by } => ("locked", Some(by.clone())),
            Trouble::Unreachable => ("unreachable", None),
            // The states are a fixed list: the storage is as it should be, and what to mend is told.
            Trouble::WrongPassword => ("ready", None),
        };
        let reason = Some(message.clone());
        Self { state, reason, locked_by: locked_by.filter(|by| !by.is_empty()), conflict: None }
    }

    fn on(self, repo: api::Repo) -> api::Repo {
        let Self { state, conflict, reason, locked_by } = self;
        api::Repo { state: state.to_owned(), conflict, reason, locked_by, ..repo }
    }
}

/// Of each repo of the config, which repository it was found to be where it is now. A location that
/// cannot be told (a variable that is not set) is nowhere.
fn guids(config: &Config, trust: &Trust) -> store::Result<BTreeMap<RepoId, RepoGuid>> {
    let mut guids = BTreeMap::new();
    for repo in &config.repos {
        let Ok(uri) = repo.uri.resolve() else { continue };
        if let Some(guid) = trust.repo_guid(&repo.id, &place(&uri))? {
            guids.insert(repo.id.clone(), guid);
        }
    }
    Ok(guids)
}

/// What keeps repos from being used, as their newest operations say.
fn troubles(
    reader: &HistoryReader<'_>,
    ids: &[RepoId],
) -> store::Result<BTreeMap<RepoId, (Trouble, String)>> {
    let mut troubles = BTreeMap::new();
    for id in ids {
        let Some(newest) = newest_ended(reader, id)? else { continue };
        if newest.status == Status::Failed
            && let Some(trouble) = Trouble::of_message(&newest.message)
        {
            troubles.insert(id.clone(), (trouble, newest.message));
        }
    }
    Ok(troubles)
}

/// The operation on a repo that ended last and says something of it.
fn newest_ended(reader: &HistoryReader<'_>, repo: &RepoId) -> store::Result<Option<Operation>> {
    let mut ended = Vec::new();
    for shard in reader.own_shards_on(repo.as_str())? {
        let newest = reader.newest(reader.owner(), &shard, None, LOOKED_AT)?;
        ended.extend(newest.into_iter().filter_map(|recorded| recorded.state).find(says_something));
    }
    Ok(ended.into_iter().max_by_key(|operation| operation.ended_at))
}

pub(super) const fn says_something(operation: &Operation) -> bool {
    match operation.status {
        Status::Succeeded | Status::Warning | Status::Failed => true,
        Status::Pending | Status::Running | Status::Cancelled | Status::Skipped | Status::Lost => {
            false
        }
    }
}
