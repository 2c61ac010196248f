//! Whether there is a rule by which snapshots are forgotten when somebody asks for it.

use crate::config::{Config, Retention};
use crate::job::JobError;
use crate::model::{PlanId, RepoId};

/// Said before an operation is made of it: who asks is to know at once.
///
/// # Errors
/// The plan keeps all its snapshots, or the repo has no retention.
pub(super) fn may_forget(
    config: &Config,
    repo: &RepoId,
    plan: Option<&PlanId>,
) -> Result<(), JobError> {
    let Some(own) = config.repo(repo) else { return Ok(()) };
    let has_rules = own.upkeep.forget.is_some();
    match plan.and_then(|plan| config.plan(plan)) {
        None if has_rules => Ok(()),
        None => Err(JobError::NoRetention { repo: repo.clone() }),
        Some(plan) => match plan.retention {
            Retention::Keep(_) => Ok(()),
            Retention::None if has_rules => Ok(()),
            Retention::None | Retention::KeepAll => {
                Err(JobError::KeepsAll { plan: plan.id.clone() })
            }
        },
    }
}
