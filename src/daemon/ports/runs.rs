//! Guids and processes, in `trust.db`: known even when the history is gone.

use super::fault;
use crate::config::redact_uri;
use crate::job::{RepoSpec, Run, Runs, StoreFault};
use crate::model::{OperationId, RepoGuid, RepoId, Secret, Status, Subset, Timestamp};
use crate::store::Trust;
use crate::store::trust::{OpenRun, Place, RunEnd};
use crate::{clock, freshness};
use std::sync::Arc;
use tokio::sync::watch;

/// Guids by repo and place, processes by operation.
#[derive(Debug)]
pub struct StoredRuns {
    trust: Arc<Trust>,
    found: watch::Sender<u64>,
}

impl StoredRuns {
    /// Over this store.
    #[must_use]
    pub fn new(trust: Arc<Trust>) -> Self {
        Self { trust, found: watch::Sender::default() }
    }

    /// Changes whenever it became known which repository a repo is.
    #[must_use]
    pub fn found(&self) -> watch::Receiver<u64> {
        self.found.subscribe()
    }
}

/// The place of a resolved uri: credentials may change without the repository being another one.
#[must_use]
pub fn place(uri: &Secret) -> Place {
    Place::of(&redact_uri(uri.expose()))
}

/// Where `trust.db` keeps which part of a repo was read last.
fn part_key(repo: &RepoId) -> String {
    format!("check-part:{repo}")
}

impl Runs for StoredRuns {
    fn guid(&self, repo: &RepoSpec) -> Result<Option<RepoGuid>, StoreFault> {
        self.trust.repo_guid(&repo.id, &place(&repo.access.uri)).map_err(fault)
    }

    fn keep_guid(&self, repo: &RepoSpec, guid: &RepoGuid) -> Result<(), StoreFault> {
        let place = place(&repo.access.uri);
        self.trust.keep_repo_guid(&repo.id, &place, guid, clock::now()).map_err(fault)?;
        self.found.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    fn started(&self, run: &Run) -> Result<(), StoreFault> {
        let Run { operation, repo, plan, pid, since } = run.clone();
        let run = OpenRun { operation, repo, plan, pid, since, ended: None };
        self.trust.run_started(&run).map_err(fault)
    }

    fn ended(
        &self,
        operation: OperationId,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreFault> {
        let run = freshness::PlanRun {
            status,
            started_at: at,
            made_snapshot: false,
            flow: None,
            gone: None,
        };
        let end = if run.is_good() { RunEnd::Good } else { RunEnd::NotGood };
        self.trust.run_ended(operation, status, end, at).map_err(fault)
    }

    fn closed(&self, operation: OperationId) -> Result<(), StoreFault> {
        self.trust.run_closed(operation).map_err(fault)
    }

    fn part_read(&self, repo: &RepoId) -> Result<Option<Subset>, StoreFault> {
        let kept = self.trust.meta(&part_key(repo)).map_err(fault)?;
        let text = kept.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.parse().ok()))
    }

    fn keep_part_read(&self, repo: &RepoId, part: Subset) -> Result<(), StoreFault> {
        self.trust.set_meta(&part_key(repo), part.to_string().as_bytes()).map_err(fault)
    }

    fn lock_in_way(
        &self,
        repo: &RepoId,
        holder: &str,
        held: &[String],
    ) -> Result<Timestamp, StoreFault> {
        self.trust.lock_in_way(repo, holder, held, clock::now()).map_err(fault)
    }

    fn locks_held(&self, repo: &RepoId, held: &[String]) -> Result<(), StoreFault> {
        self.trust.locks_held(repo, held).map_err(fault)
    }

    fn open(&self) -> Result<Vec<Run>, StoreFault> {
        let open = self.trust.open_runs().map_err(fault)?;
        let run = |OpenRun { operation, repo, plan, pid, since, ended: _ }| Run {
            operation,
            repo,
            plan,
            pid,
            since,
        };
        Ok(open.into_iter().map(run).collect())
    }
}
