//! Which repo an id names, and why a received one may not be used: decided here and nowhere else.

use crate::config::{Config, Repo};
use crate::model::{KeyId, RepoId, Timestamp};
use crate::store::trust::{ReceivedRepo, ReceivedState, RecordReason};
use crate::store::{Result, Trust};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Every repo of this instance: of its config, and received.
pub struct Repos {
    config: Arc<Config>,
    received: Vec<ReceivedRepo>,
    origins: BTreeMap<KeyId, Origin>,
}

/// What is known of the owner of received repos.
#[derive(Default)]
struct Origin {
    name: Option<String>,
    /// What it said last of each repo that it took back, and when by its own clock.
    records: BTreeMap<RepoId, (RecordReason, Timestamp)>,
}

/// What an id names.
pub enum Named<'a> {
    /// A repo of the config.
    Own(&'a Repo),
    /// A repo that a peer shares with us.
    Received(&'a ReceivedRepo),
    /// Nothing that can be used: of the received repos of that id the one that says most, and why.
    Unusable(&'a ReceivedRepo, Obstacle),
    /// Nothing.
    Unknown,
}

/// Why a received repo is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A repo of the config has its id.
    IdOfOwn,
    /// A repo that another origin shares has its id.
    IdOfOther {
        /// These.
        origins: Vec<KeyId>,
    },
    /// Another repo here has its id or is the same repository.
    Conflict,
    /// It was in conflict, and plans here name its id: a person says whether they mean it now.
    MeantAnother,
    /// Its owner took it back.
    Withdrawn {
        /// What its owner said.
        reason: Option<RecordReason>,
    },
    /// A person removed it here.
    Removed,
    /// It may not be used as it came.
    Refused,
    /// It came without its password.
    NoPassword,
}

impl Obstacle {
    /// What is noted of a received repo that was in conflict and whose id plans name.
    pub const MEANT_ANOTHER: &str =
        "plans here name its id, and may mean the repo that was in its way";

    /// Whether another repo is in its way (else it is disabled).
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::IdOfOwn | Self::IdOfOther { .. } | Self::Conflict | Self::MeantAnother => true,
            Self::Withdrawn { .. } | Self::Removed | Self::Refused | Self::NoPassword => false,
        }
    }
}

impl Repos {
    /// As they are now.
    ///
    /// # Errors
    /// What was received cannot be read.
    pub fn read(config: Arc<Config>, trust: &Trust) -> Result<Self> {
        let received = trust.received_repos()?;
        let mut origins = BTreeMap::new();
        for repo in &received {
            if let Entry::Vacant(place) = origins.entry(repo.origin) {
                place.insert(Origin::read(&config, trust, &repo.origin)?);
            }
        }
        Ok(Self { config, received, origins })
    }

    /// The received ones, in every state.
    #[must_use]
    pub fn received(&self) -> &[ReceivedRepo] {
        &self.received
    }

    /// What an id names: the owner's own file comes first, whatever was received.
    #[must_use]
    pub fn named(&self, id: &RepoId) -> Named<'_> {
        if let Some(own) = self.config.repo(id) {
            return Named::Own(own);
        }
        let mut best: Option<(&ReceivedRepo, Obstacle)> = None;
        for repo in self.received.iter().filter(|repo| repo.id == *id) {
            let Some(obstacle) = self.obstacle(repo) else { return Named::Received(repo) };
            // What could be used but for something else says most, what was removed here least; then
            // what changed last.
            let weight = |repo: &ReceivedRepo| {
                let state = repo.state;
                let is_removed = state == ReceivedState::Deleted;
                (state == ReceivedState::Taken, !is_removed, repo.changed_at)
            };
            if best.as_ref().is_none_or(|(before, _)| weight(before) < weight(repo)) {
                best = Some((repo, obstacle));
            }
        }
        best.map_or(Named::Unknown, |(repo, obstacle)| Named::Unusable(repo, obstacle))
    }

    /// Why a received repo is not used; `None` if it can be.
    #[must_use]
    pub fn obstacle(&self, repo: &ReceivedRepo) -> Option<Obstacle> {
        match repo.state {
            ReceivedState::Taken if self.config.repo(&repo.id).is_some() => Some(Obstacle::IdOfOwn),
            ReceivedState::Taken => self.rivalry(repo),
            ReceivedState::Conflict if repo.detail == Obstacle::MEANT_ANOTHER => {
                Some(Obstacle::MeantAnother)
            }
            ReceivedState::Conflict => Some(Obstacle::Conflict),
            ReceivedState::Deleted => Some(Obstacle::Removed),
            ReceivedState::Refused => Some(Obstacle::Refused),
            ReceivedState::Disabled => {
                let origin = self.origins.get(&repo.origin);
                let record = origin.and_then(|origin| origin.records.get(&repo.id));
                let reason = record.map(|(reason, _)| *reason);
                Some(Obstacle::Withdrawn { reason })
            }
        }
    }

    /// Whether its owner took it back after the last change here.
    #[must_use]
    pub fn was_taken_back_since(&self, repo: &ReceivedRepo) -> bool {
        let origin = self.origins.get(&repo.origin);
        let record = origin.and_then(|origin| origin.records.get(&repo.id));
        record.is_some_and(|(_, at)| *at > repo.changed_at)
    }

    fn rivalry(&self, repo: &ReceivedRepo) -> Option<Obstacle> {
        let is_rival = |other: &&ReceivedRepo| {
            let is_taken = other.state == ReceivedState::Taken;
            other.id == repo.id && other.origin != repo.origin && is_taken
        };
        let origins: Vec<_> =
            self.received.iter().filter(is_rival).map(|other| other.origin).collect();
        match (origins.is_empty(), &repo.password) {
            (false, _) => Some(Obstacle::IdOfOther { origins }),
            (true, None) => Some(Obstacle::NoPassword),
            (true, Some(_)) => None,
        }
    }

    /// Why the repo of that id cannot be used and what to do; `None` if it can be.
    #[must_use]
    pub fn disabled_reason(&self, id: &RepoId) -> Option<String> {
        match self.named(id) {
            Named::Own(_) | Named::Received(_) => None,
            Named::Unusable(repo, obstacle) => Some(self.explain(repo, &obstacle)),
            Named::Unknown => Some(unknown(id)),
        }
    }

    /// Why a received repo is not used, and what to do, for a person.
    #[must_use]
    pub fn explain(&self, repo: &ReceivedRepo, obstacle: &Obstacle) -> String {
        let (id, owner) = (&repo.id, self.origin_name(&repo.origin));
        match obstacle {
            Obstacle::IdOfOwn => format!(
                "repo {id} of {owner} has the id of a repo in the configuration, which stays. Remove one of the two"
            ),
            Obstacle::IdOfOther { origins } => {
                let others: Vec<_> = origins.iter().map(|key| self.origin_name(key)).collect();
                let others = others.join(" and ");
                format!(
                    "repo {id} is shared by {owner} and by {others}, so its id names more than one. Ask one of them to stop sharing it with this instance"
                )
            }
            Obstacle::Conflict => self.with_detail(
                repo,
                format!("repo {id} of {owner} is in conflict with another repo here"),
                "Use that one, or remove one of the two",
            ),
            Obstacle::MeantAnother => format!(
                "plans here name repo {id}, and may mean another one than that of {owner}, which was in conflict until now. To have them use that of {owner}: `holdfast repo add {id} --from {owner}`. Else give them another repo"
            ),
            Obstacle::Withdrawn { reason } => self.withdrawn(repo, *reason),
            Obstacle::Removed => format!(
                "repo {id} of {owner} was removed here. To take it again: `holdfast repo add {id} --from {owner}`"
            ),
            Obstacle::Refused => self.with_detail(
                repo,
                format!("repo {id} of {owner} may not be used here as it came"),
                &format!("Allow it for {owner}, or ask there for another way to it"),
            ),
            Obstacle::NoPassword => format!(
                "repo {id} of {owner} came without its password. Ask there to share it again with one"
            ),
        }
    }

    /// The same of what is in conflict with a repo of the config over its id, for whoever looks at that
    /// one: what else has the id, and what to do. `None`: nothing has.
    #[must_use]
    pub fn shadowed(&self, own: &RepoId) -> Option<String> {
        let is_shadowed = |repo: &&ReceivedRepo| {
            let obstacle = self.obstacle(repo).filter(|_| repo.id == *own);
            obstacle.is_some_and(|obstacle| obstacle.is_conflict())
        };
        let owners = self.received.iter().filter(is_shadowed);
        let owners: Vec<_> = owners.map(|repo| self.origin_name(&repo.origin)).collect();
        let first = owners.first()?;
        Some(format!(
            "repo {own} of {all} has the id of this one, which stays and is the one that is used. To use that of {first}, remove this one, and then: `holdfast repo add {own} --from {first}`. To use both, ask there to share it under another id",
            all = owners.join(" and of ")
        ))
    }

    fn withdrawn(&self, repo: &ReceivedRepo, reason: Option<RecordReason>) -> String {
        let (id, owner) = (&repo.id, self.origin_name(&repo.origin));
        // What was noted is newer than any record.
        let what = match reason.filter(|_| repo.detail.is_empty()) {
            Some(RecordReason::Unshared) => {
                format!("{owner} no longer shares repo {id}. Ask there to share it again")
            }
            Some(RecordReason::Revoked) => format!(
                "{owner} revoked this instance's permission to receive repo {id}. Ask there to grant `receive-shared-repos=repo:{id}` again"
            ),
            Some(RecordReason::PeerRemoved) => format!(
                "{owner}, whose repo {id} is, removed this instance from its peers. Pair again with a token of {owner}"
            ),
            None => self.with_detail(
                repo,
                format!("repo {id} of {owner} was withdrawn"),
                "Ask there to share it again",
            ),
        };
        format!("{what}, or let its plans use another repo")
    }

    /// With what was noted when its state was set, where something was.
    fn with_detail(&self, repo: &ReceivedRepo, what: String, remedy: &str) -> String {
        let detail = repo.detail.trim_end_matches('.');
        if detail.is_empty() {
            return format!("{what}. {remedy}");
        }
        format!("{what}: {detail}. {remedy}")
    }

    /// The name of the owner of received repos; its key id where no name is known.
    #[must_use]
    pub fn origin_name(&self, key: &KeyId) -> String {
        let known = self.origins.get(key).and_then(|origin| origin.name.clone());
        known.unwrap_or_else(|| key.to_string())
    }
}

pub(super) fn unknown(id: &RepoId) -> String {
    format!("there is no repo {id}. `holdfast repo list` shows those that there are")
}

impl Origin {
    fn read(config: &Config, trust: &Trust, key: &KeyId) -> Result<Self> {
        let declared = config.peer(key).map(|peer| peer.instance.to_string());
        let name = match declared {
            Some(name) => Some(name),
            None => trust.peer(key)?.map(|peer| peer.instance.to_string()),
        };
        // Oldest first: the newest record of a repo stays.
        let records = trust.incoming_records(key)?;
        let records =
            records.into_iter().map(|record| (record.repo, (record.reason, record.at))).collect();
        Ok(Self { name, records })
    }
}
