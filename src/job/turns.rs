//! Turns: an operation waits in line, and says for what.

use super::board::Active;
use super::queue::{Claim, Mode, Turn, Wish};
use super::{Engine, JobError, Keeping, RepoSpec};
use crate::model::{Operation, PlanId, Status};

impl Engine {
    /// The one run of a plan.
    pub(super) async fn plan_turn(&self, active: &Active, plan: &PlanId) -> Result<Turn, JobError> {
        self.turn(active, Claim::Plan(plan.clone())).await
    }

    /// Work on a repo; the operation runs from then on.
    pub(super) async fn repo_turn(
        &self,
        active: &Active,
        (repo, keeping): (&RepoSpec, &Keeping),
        mode: Mode,
    ) -> Result<Turn, JobError> {
        self.inner.queue.limit(keeping.all_at_once);
        let claim = Claim::Repo { repo: repo.id.clone(), mode, at_once: keeping.at_once };
        let turn = self.turn(active, claim).await?;
        self.inner.now_running(active).await;
        Ok(turn)
    }

    async fn turn(&self, active: &Active, claim: Claim) -> Result<Turn, JobError> {
        let what = named(&active.operation());
        let turn = self.inner.queue.enter(Wish { claim, priority: active.priority(), what });
        self.stand_in_line(active, &turn).await?;
        Ok(turn)
    }

    /// Takes up again the turn that was let go; the operation runs from then on.
    pub(super) async fn back_in_line(&self, active: &Active, turn: &Turn) -> Result<(), JobError> {
        turn.come_back();
        self.stand_in_line(active, turn).await?;
        self.inner.now_running(active).await;
        Ok(())
    }

    async fn stand_in_line(&self, active: &Active, turn: &Turn) -> Result<(), JobError> {
        let mut cancel = active.cancelled();
        loop {
            match cancel.run(turn.wait()).await {
                None => return Err(JobError::Cancelled),
                Some(None) => return Ok(()),
                Some(Some(reason)) => {
                    self.say_waiting(active, format!("waits for: {reason}")).await;
                }
            }
        }
    }

    /// Tells everybody what an operation waits for, with an entry of its own.
    pub(super) async fn say_waiting(&self, active: &Active, message: String) {
        // A plan never has two that are pending.
        let pending = !self.inner.board.another_waits(&active.operation());
        let waits = |op: &mut Operation| {
            if pending {
                op.status = Status::Pending;
            }
            op.message = message;
        };
        self.inner.record(active.amend(waits)).await;
        self.inner.board.changed();
    }
}

/// As it is named to whoever waits for it: `backup of plan home`.
fn named(operation: &Operation) -> String {
    let kind = operation.kind;
    match (&operation.plan, &operation.repo) {
        (Some(plan), _) => format!("{kind} of plan {plan}"),
        (None, Some(repo)) => format!("{kind} of repo {repo}"),
        (None, None) => kind.to_string(),
    }
}
