//! Every repo of this instance side by side: which received one is in the way of which.
//!
//! Pure. The owner's file comes first; among received ones, whoever was here first keeps its place. A
//! repo that was in conflict does not become by itself what the plans here name: they meant another.

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
    /// It was in conflict.
    Contender,
    /// It is new, or another repository than before.
    Newcomer,
}

impl Seniority {
    /// Of a repo that nobody pushes just now.
    pub(super) const fn resting(state: ReceivedState) -> Self {
        match state {
            ReceivedState::Taken
            | ReceivedState::Disabled
            | ReceivedState::Refused
            | ReceivedState::Deleted => Self::Placed,
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
    /// For the person here.
    pub(super) fn told_here(&self) -> String {
        match self {
            Self::OwnId => "a repo of the configuration has the same id".to_owned(),
            Self::OwnGuid(id) => format!("repo {id} of the configuration is the same repository"),
            Self::OtherId => "a repo of another peer has the same id".to_owned(),
            Self::OtherGuid(id) => format!("the received repo {id} is the same repository"),
            Self::Plans => Obstacle::MEANT_ANOTHER.to_owned(),
        }
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

    fn rival(&self, repo: &ReceivedRepo) -> Option<Rival> {
        if self.repos.contains_key(&repo.id) {
            return Some(Rival::OwnId);
        }
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
            let rival = own.rival(&repo).or_else(|| rival_among(&settled, &repo));
            let rival = rival.or_else(|| waits(seniority, &repo).then_some(Rival::Plans));
            (repo.state, repo.detail) = match rival {
                Some(rival) => (ReceivedState::Conflict, rival.told_here()),
                None => (ReceivedState::Taken, String::new()),
            };
        }
        settled.push(repo);
    }
    settled
}

/// The ids that plans name and that more than one repo had: whose the plans mean only a person knows.
fn disputed(own: &Own, repos: &[(Seniority, ReceivedRepo)]) -> BTreeSet<RepoId> {
    let contenders = repos.iter().filter(|(seniority, _)| *seniority == Seniority::Contender);
    let ids = contenders.map(|(_, repo)| &repo.id);
    ids.filter(|id| own.planned.contains(*id)).cloned().collect()
}

fn rival_among(settled: &[ReceivedRepo], repo: &ReceivedRepo) -> Option<Rival> {
    let is_self = |other: &ReceivedRepo| key(other) == key(repo);
    let others = || settled.iter().filter(|other| !is_self(other));
    // What was withdrawn or refused keeps its id: plans that name it are not led to another's repo.
    let holds_id = |other: &&ReceivedRepo| other.id == repo.id && has_place(other.state);
    if others().any(|other| holds_id(&other)) {
        return Some(Rival::OtherId);
    }
    let is_same =
        |other: &&ReceivedRepo| other.guid == repo.guid && other.state == ReceivedState::Taken;
    others().find(is_same).map(|other| Rival::OtherGuid(other.id.clone()))
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
