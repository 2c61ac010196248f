//! A backup that is only tried: restic goes through all that it would save, and writes nothing. It takes no
//! lock and no turn and is no operation; whoever asks and goes ends it.

use super::journal::Journal;
use super::{Engine, JobError, PlanSpec};
use crate::model::{InstanceId, ItemErrors, PlanId, Stats};
use crate::restic::{Backup, Command, Failure, Reason};

/// What a backup would do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What would be new, changed and added.
    pub stats: Stats,
    /// What could not be read, and would be missing.
    pub unread: ItemErrors,
}

impl PlanSpec {
    /// As restic is asked to save it.
    pub(super) fn backup(&self, instance: InstanceId) -> Backup {
        Backup {
            plan: self.id.clone(),
            instance,
            paths: self.paths.clone(),
            exclusions: self.exclusions.clone(),
            stdin: self.dump.as_ref().map(|dump| dump.name.clone()),
            manner: self.manner.clone(),
        }
    }
}

impl Engine {
    /// Says what a backup of a plan would do now.
    ///
    /// # Errors
    /// There is no such plan, it saves what a command prints, or its repo cannot be read.
    pub async fn try_backup(&self, plan: &PlanId) -> Result<Trial, JobError> {
        let inner = &self.inner;
        let mut cancel = inner.task()?;
        let plan = inner.ports.plan(plan).await?;
        if plan.dump.is_some() {
            return Err(JobError::NotTried { plan: plan.id });
        }
        let repo = inner.ports.repo(&plan.repo).await?.tuned(plan.tuning);
        let restic = inner.locator.restic().await?.tuned(repo.tuning);
        let command = Command::Try(plan.backup(inner.ports.catalogue.instance()));
        let running = restic.start(Some(&repo.access), &command).await?;
        let mut journal = Journal::default();
        let mut on_line = |line| drop(journal.take(line));
        let run = (running, &command);
        let followed = restic.follow(run, &repo.access, &mut cancel, &mut on_line).await;
        if let Err(failure) = followed {
            return Err(self.known_missing(&repo, failure).await);
        }
        let Journal { item_errors: unread, summary, .. } = journal;
        let summary = summary.ok_or_else(|| Failure::new(Reason::Unreadable, ""))?;
        Ok(Trial { stats: Stats { item_errors: unread.total, ..summary.stats }, unread })
    }
}
