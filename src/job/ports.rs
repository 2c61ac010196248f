//! What the engine needs of the configuration and of the store.

use super::DumpSpec;
use crate::model::{
    InstanceId, MaxUnused, Operation, OperationId, PlanId, ReadData, RepoAccess, RepoGuid, RepoId,
    Retention, Rules, Status, Subset, Timestamp, Tuning,
};
use crate::restic::{Exclusions, Manner};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A repo, ready to be used.
#[derive(Clone)]
pub struct RepoSpec {
    /// Its id here.
    pub id: RepoId,
    /// How it is reached, secrets resolved.
    pub access: RepoAccess,
    /// Whose it is.
    pub standing: Standing,
    /// Which repository its owner says it is, of a received one: another one is not used.
    pub promised: Option<RepoGuid>,
    /// How restic is run for it.
    pub tuning: Tuning,
}

impl RepoSpec {
    /// As it is used for a plan, whose tuning wins.
    #[must_use]
    pub fn tuned(mut self, of_plan: Tuning) -> Self {
        self.tuning = of_plan.or(self.tuning);
        self
    }
}

/// Whether we may create a repository that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Ours: created before its first use.
    Own,
    /// Ours, with `auto-init = false`: created when a person says so.
    OwnByHand,
    /// Received from a peer: only its owner creates it.
    Received,
}

/// A plan, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSpec {
    /// Its id.
    pub id: PlanId,
    /// Where it saves to.
    pub repo: RepoId,
    /// What it saves.
    pub paths: Vec<String>,
    /// What it leaves out.
    pub exclusions: Exclusions,
    /// A command whose output it saves, in place of paths.
    pub dump: Option<DumpSpec>,
    /// How its backup is gone about.
    pub manner: Manner,
    /// How restic is run for it; what is not said here its repo says.
    pub tuning: Tuning,
}

/// How a repo is kept in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keeping {
    /// The names under which this instance made snapshots, that of now first.
    pub own_names: Vec<String>,
    /// The names of peers whose snapshots in it the retention of the repo may see.
    pub peer_names: Vec<String>,
    /// When any of these names was also another's.
    pub disputed: Vec<Disputed>,
    /// This instance's plans on it, each with its own retention.
    pub plans: BTreeMap<PlanId, Retention>,
    /// The retention of the repo, for whatever has none of its own.
    pub rules: Option<Rules>,
    /// How much unused data a prune leaves.
    pub max_unused: Option<MaxUnused>,
    /// How much of the data a check reads.
    pub read_data: Option<ReadData>,
    /// How many backups may run on it at once.
    pub at_once: Option<u32>,
    /// How many pieces of work may run at once on all repos together.
    pub all_at_once: Option<u32>,
    /// How long work waits for somebody else's lock.
    pub lock_wait: Duration,
    /// How long somebody else's lock may be in the way before hooks are told; `None`: however long.
    pub lock_alarm: Option<Duration>,
}

/// A time in which two had one name: which of them made a snapshot cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// The name.
    pub name: String,
    /// From when on.
    pub since: Timestamp,
    /// To when; `None`: it is not known that it ended.
    pub until: Option<Timestamp>,
}

impl Disputed {
    /// Whether a snapshot of that name and time may be either's.
    #[must_use]
    pub fn covers(&self, name: &str, time: Timestamp) -> bool {
        self.name == name && time >= self.since && self.until.is_none_or(|until| time <= until)
    }
}

impl Keeping {
    /// Who is meant by the name in a tag: every name of this instance is its name of now.
    #[must_use]
    pub fn maker(&self, name: &str) -> String {
        let is_own = self.own_names.iter().any(|own| own == name);
        let own = self.own_names.first().filter(|_| is_own);
        own.map_or_else(|| name.to_owned(), Clone::clone)
    }

    /// Whether that is this instance.
    #[must_use]
    pub fn is_own(&self, maker: &str) -> bool {
        self.own_names.iter().any(|own| own == maker)
    }

    /// What is kept of the snapshots of a plan and its maker; `None`: all, or they are not ours to
    /// forget.
    #[must_use]
    pub fn rules_of(&self, plan: &PlanId, maker: &str) -> Option<&Rules> {
        if !self.is_own(maker) {
            return self
                .rules
                .as_ref()
                .filter(|_| self.peer_names.iter().any(|name| name == maker));
        }
        match self.plans.get(plan) {
            Some(Retention::Keep(rules)) => Some(rules),
            Some(Retention::KeepAll) => None,
            Some(Retention::None) | None => self.rules.as_ref(),
        }
    }
}

/// A repo or plan cannot be used: unknown, disabled, or its secret was not resolved. One sentence,
/// which names it and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// The store did not take or give something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreFault(pub String);

/// The configuration as it is now. May block (a `password-command`); never called on the runtime.
pub trait Catalogue: Send + Sync {
    /// Our name now.
    fn instance(&self) -> InstanceId;
    /// A repo by its id, own or received.
    ///
    /// # Errors
    /// Unknown, disabled, or without its secrets.
    fn repo(&self, id: &RepoId) -> Result<RepoSpec, Unusable>;
    /// A plan by its id.
    ///
    /// # Errors
    /// Unknown or disabled.
    fn plan(&self, id: &PlanId) -> Result<PlanSpec, Unusable>;
    /// How a repo is kept in order.
    ///
    /// # Errors
    /// What was received, or who the peers are, cannot be read.
    fn keeping(&self, repo: &RepoId) -> Result<Keeping, Unusable>;
    /// Which repository a repo is, where that is known: without its secrets, and without asking it.
    fn guid(&self, id: &RepoId) -> Option<RepoGuid>;
}

/// The own log (`history.db`). Blocking; never called on the runtime.
pub trait History: Send + Sync {
    /// Appends the operation's state. What is kept as its revision is the number of its entries: one
    /// that was not taken before is not counted.
    ///
    /// # Errors
    /// It was not stored.
    fn record(&self, operation: &Operation) -> Result<(), StoreFault>;
    /// Appends text to the operation's log.
    ///
    /// # Errors
    /// It was not stored.
    fn append_log(&self, operation: OperationId, text: &str) -> Result<(), StoreFault>;
    /// Every operation whose newest state is not finished.
    ///
    /// # Errors
    /// They cannot be read.
    fn unfinished(&self) -> Result<Vec<Operation>, StoreFault>;
    /// The backups of that plan into that repo whose newest state is `lost`, without a snapshot.
    ///
    /// # Errors
    /// They cannot be read.
    fn lost(&self, repo: &RepoId, plan: &PlanId) -> Result<Vec<Operation>, StoreFault>;
    /// The backups of that plan into that repo whose snapshot is not known to be gone.
    ///
    /// # Errors
    /// They cannot be read.
    fn with_snapshot(&self, repo: &RepoId, plan: &PlanId) -> Result<Vec<Operation>, StoreFault>;
    /// Whether the log of the peer of that name says that it was at work on that repository at that
    /// time, and that everything it has begun there has ended.
    ///
    /// # Errors
    /// It cannot be read.
    fn has_ended(
        &self,
        instance: &str,
        repository: &RepoGuid,
        at: Timestamp,
    ) -> Result<bool, StoreFault>;
}

/// A restic process of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// For which operation.
    pub operation: OperationId,
    /// On which repo.
    pub repo: RepoId,
    /// For which plan.
    pub plan: Option<PlanId>,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub since: Timestamp,
}

/// What must survive the loss of the history (`trust.db`). Blocking; never called on the runtime.
pub trait Runs: Send + Sync {
    /// restic's id of that repo, if it has ever been known here at its uri.
    ///
    /// # Errors
    /// It cannot be read.
    fn guid(&self, repo: &RepoSpec) -> Result<Option<RepoGuid>, StoreFault>;
    /// Keeps it for good.
    ///
    /// # Errors
    /// It was not stored.
    fn keep_guid(&self, repo: &RepoSpec, guid: &RepoGuid) -> Result<(), StoreFault>;
    /// A process has started (also the plan's last start).
    ///
    /// # Errors
    /// It was not stored.
    fn started(&self, run: &Run) -> Result<(), StoreFault>;
    /// Its operation has ended (also the plan's last end).
    ///
    /// # Errors
    /// It was not stored.
    fn ended(
        &self,
        operation: OperationId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreFault>;
    /// Nothing is left of it, no process and no lock.
    ///
    /// # Errors
    /// It was not stored.
    fn closed(&self, operation: OperationId) -> Result<(), StoreFault>;
    /// The part of a repo that a check has read last.
    ///
    /// # Errors
    /// It cannot be read.
    fn part_read(&self, repo: &RepoId) -> Result<Option<Subset>, StoreFault>;
    /// Keeps it.
    ///
    /// # Errors
    /// It was not stored.
    fn keep_part_read(&self, repo: &RepoId, part: Subset) -> Result<(), StoreFault>;
    /// Somebody else's lock is in the way in a repo, by host, user and process; since when it is. Any
    /// other but those `held` is gone.
    ///
    /// # Errors
    /// It was not stored.
    fn lock_in_way(
        &self,
        repo: &RepoId,
        holder: &str,
        held: &[String],
    ) -> Result<Timestamp, StoreFault>;
    /// These are all the locks of others in a repo.
    ///
    /// # Errors
    /// It was not stored.
    fn locks_held(&self, repo: &RepoId, held: &[String]) -> Result<(), StoreFault>;
    /// Every run not closed, of this life of the daemon and of earlier ones.
    ///
    /// # Errors
    /// They cannot be read.
    fn open(&self) -> Result<Vec<Run>, StoreFault>;
}

/// All that the engine is connected to.
#[derive(Clone)]
pub struct Ports {
    /// Repos and plans.
    pub catalogue: Arc<dyn Catalogue>,
    /// Operations and their logs.
    pub history: Arc<dyn History>,
    /// Guids and processes.
    pub runs: Arc<dyn Runs>,
}

impl Ports {
    /// Calls something that blocks, beside the runtime.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let ports = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&ports)).await;
        done.unwrap_or_else(|_| Err(StoreFault("the call to the store was cut off".to_owned())))
    }

    /// As [`Ports::call`], where the work goes on whether or not the store takes it.
    pub(super) async fn tell(
        &self,
        work: impl FnOnce(&Self) -> Result<(), StoreFault> + Send + 'static,
    ) {
        if let Err(fault) = self.call(work).await {
            tracing::warn!(%fault, "an operation goes on, but the store did not take its state");
        }
    }

    pub(super) async fn repo(&self, id: &RepoId) -> Result<RepoSpec, Unusable> {
        let (ports, repo) = (self.clone(), id.clone());
        let done = tokio::task::spawn_blocking(move || ports.catalogue.repo(&repo)).await;
        done.unwrap_or_else(|_| Err(Unusable(format!("repo {id} was not resolved; try again"))))
    }

    pub(super) async fn keeping(&self, id: &RepoId) -> Result<Keeping, Unusable> {
        let (ports, repo) = (self.clone(), id.clone());
        let done = tokio::task::spawn_blocking(move || ports.catalogue.keeping(&repo)).await;
        done.unwrap_or_else(|_| Err(Unusable(format!("repo {id} was not resolved; try again"))))
    }

    pub(super) async fn guid(&self, id: &RepoId) -> Option<RepoGuid> {
        let (ports, repo) = (self.clone(), id.clone());
        let known = tokio::task::spawn_blocking(move || ports.catalogue.guid(&repo)).await;
        known.ok().flatten()
    }

    pub(super) async fn plan(&self, id: &PlanId) -> Result<PlanSpec, Unusable> {
        let (ports, plan) = (self.clone(), id.clone());
        let done = tokio::task::spawn_blocking(move || ports.catalogue.plan(&plan)).await;
        done.unwrap_or_else(|_| Err(Unusable(format!("plan {id} was not resolved; try again"))))
    }
}
