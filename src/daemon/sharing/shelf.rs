//! Every repo of this instance side by side: which received one is in the way of which.
//!
//! Pure. The owner's file comes first; among received ones, whoever was here first keeps its place. A
//! repo that was in conflict over its id does not become by itself what the plans here name: they meant
//! another.

use super::super::ports::{Obstacle, place};
use crate::config::Config;
use crate::model::{KeyId, RepoGuid, RepoId};
use crate::store::trust::{ReceivedRepo, ReceivedState};
use crate::store::{Result, Trust};
use std::collections::{BTreeMap, BTreeSet};

/// How long a repo has had its place; lower first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seniority {
    /// It has it.
    Placed,
    /// It had it, and is offered again.
    Returning,
    /// It was in conflict as a repository that is here under another id: its own id stood for nothing else.
    Duplicate,
    /// It was in conflict over its id.
    Contender,
    /// It is new, or another repository than before.
    Newcomer,
}

impl Seniority {
    /// Of a repo that nobody pushes just now.
    pub(super) fn resting(repo: &ReceivedRepo) -> Self {
        match repo.state {
            ReceivedState::Taken
            | ReceivedState::Disabled
            | ReceivedState::Refused
            | ReceivedState::Deleted => Self::Placed,
            ReceivedState::Conflict if Rival::is_of_guid(&repo.detail) => Self::Duplicate,
            // Also where it was noted in other words than ours: plans are not led anywhere on a guess.
            ReceivedState::Conflict => Self::Contender,
        }
    }
}

/// What is in the way of a received repo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rival {
    /// A repo of the config has its id.
    OwnId,
    /// A repo of the config is the same repository.
    OwnGuid(RepoId),
    /// A repo of another peer has its id.
    OtherId,
    /// Another received repo is the same repository.
    OtherGuid(RepoId),
    /// Nothing any more, but plans that mean what had its id until now.
    Plans,
}

impl Rival {
    /// How what is told of a conflict by guid ends, and nothing else that is told.
    const SAME: &str = "is the same repository";

    /// For the person here.
    pub(super) fn told_here(&self) -> String {
        match self {
            Self::OwnId => "a repo of the configuration has the same id".to_owned(),
            Self::OwnGuid(id) => format!("repo {id} of the configuration {}", Self::SAME),
            Self::OtherId => "a repo of another peer has the same id".to_owned(),
            Self::OtherGuid(id) => format!("the received repo {id} {}", Self::SAME),
            Self::Plans => Obstacle::MEANT_ANOTHER.to_owned(),
        }
    }

    /// Whether that was told of a conflict by guid.
    fn is_of_guid(told: &str) -> bool {
        told.ends_with(Self::SAME)
    }
}

/// What the config says of repos.
pub(super) struct Own {
    /// Its own, with the repository that each is known to be.
    repos: BTreeMap<RepoId, Option<RepoGuid>>,
    /// Those that its plans name.
    planned: BTreeSet<RepoId>,
}

impl Own {
    /// As config and store have them. A repo whose location cannot be resolved now is known by its id.
    pub(super) fn read(config: &Config, trust: &Trust) -> Result<Self> {
        let mut repos = BTreeMap::new();
        for repo in &config.repos {
            let guid = match repo.uri.resolve() {
                Ok(uri) => trust.repo_guid(&repo.id, &place(&uri))?,
                Err(_) => None,
            };
            repos.insert(repo.id.clone(), guid);
        }
        Ok(Self { repos, planned: config.plans.iter().map(|plan| plan.repo.clone()).collect() })
    }

    #[cfg(test)]
    pub(super) fn of(own: impl IntoIterator<Item = (RepoId, Option<RepoGuid>)>) -> Self {
        Self { repos: own.into_iter().collect(), planned: BTreeSet::new() }
    }

    fn has_id(&self, repo: &ReceivedRepo) -> Option<Rival> {
        self.repos.contains_key(&repo.id).then_some(Rival::OwnId)
    }

    fn has_guid(&self, repo: &ReceivedRepo) -> Option<Rival> {
        let same = self.repos.iter().find(|(_, guid)| guid.as_ref() == Some(&repo.guid));
        same.map(|(id, _)| Rival::OwnGuid(id.clone()))
    }
}

/// A received repo, by whose it is.
pub(super) type Whose = (KeyId, RepoId);

/// Settles who has a place and who is in conflict: the others keep the state that they come with.
/// `chosen` is the one that a person wants just now, whatever its id stood for before.
pub(super) fn settle(
    own: &Own,
    chosen: Option<&Whose>,
    mut repos: Vec<(Seniority, ReceivedRepo)>,
) -> Vec<ReceivedRepo> {
    let disputed = disputed(own, &repos);
    let waits = |seniority, repo: &ReceivedRepo| {
        let is_chosen = chosen.is_some_and(|(origin, id)| key(repo) == (origin, id));
        seniority >= Seniority::Contender && !is_chosen && disputed.contains(&repo.id)
    };
    // Stable: among equals the order of the store decides, the same each time.
    repos.sort_by_key(|(seniority, _)| *seniority);
    let mut settled: Vec<ReceivedRepo> = Vec::with_capacity(repos.len());
    for (seniority, mut repo) in repos {
        if matches!(repo.state, ReceivedState::Taken | ReceivedState::Conflict) {
            let rival = own.has_id(&repo).or_else(|| has_id(&settled, &repo));
            // Before the guid: that plans may mean another is noted until a person says what they mean.
            let rival = rival.or_else(|| waits(seniority, &repo).then_some(Rival::Plans));
            let rival = rival.or_else(|| own.has_guid(&repo)).or_else(|| has_guid(&settled, &repo));
            (repo.state, repo.detail) = match rival {
                Some(rival) => (ReceivedState::Conflict, rival.told_here()),
                None => (ReceivedState::Taken, String::new()),
            };
        }
        settled.push(repo);
    }
    settled
}

/// The ids that plans name and that more than one repo had, or one that has no place just now: whose
/// the plans mean of those that come only a person knows.
fn disputed(own: &Own, repos: &[(Seniority, ReceivedRepo)]) -> BTreeSet<RepoId> {
    let is_in_conflict =
        |seniority| matches!(seniority, Seniority::Duplicate | Seniority::Contender);
    let in_conflict = repos.iter().filter(|(seniority, _)| is_in_conflict(*seniority));
    let ids = in_conflict.map(|(_, repo)| &repo.id);
    ids.filter(|id| own.planned.contains(*id)).cloned().collect()
}

fn has_id(settled: &[ReceivedRepo], repo: &ReceivedRepo) -> Option<Rival> {
    // What was withdrawn or refused keeps its id: plans that name it are not led to another's repo.
    let holds_id = |other: &ReceivedRepo| other.id == repo.id && has_place(other.state);
    let is_held = settled.iter().any(|other| key(other) != key(repo) && holds_id(other));
    is_held.then_some(Rival::OtherId)
}

fn has_guid(settled: &[ReceivedRepo], repo: &ReceivedRepo) -> Option<Rival> {
    let is_same =
        |other: &&ReceivedRepo| other.guid == repo.guid && other.state == ReceivedState::Taken;
    let mut others = settled.iter().filter(|other| key(other) != key(repo));
    others.find(is_same).map(|other| Rival::OtherGuid(other.id.clone()))
}

const fn has_place(state: ReceivedState) -> bool {
    match state {
        ReceivedState::Taken | ReceivedState::Disabled | ReceivedState::Refused => true,
        ReceivedState::Conflict | ReceivedState::Deleted => false,
    }
}

fn key(repo: &ReceivedRepo) -> (&KeyId, &RepoId) {
    (&repo.origin, &repo.id)
}
