//! Keeping repositories in order, when a person asks for it.

use super::asker::Asker;
use super::refuse;
use crate::api::upkeep_service_server::UpkeepService;
use crate::api::{
    self, ForgetGroup, ForgetPreview, ForgetRequest, Operation, Picked, UpkeepRequest,
};
use crate::daemon::Node;
use crate::daemon::forgetting::may_forget;
use crate::job::{By, JobError, Pick, Task, UnlockScope};
use crate::model::{OperationKind, PlanId, RepoId, Role};
use crate::restic::{Guarded, Snapshot};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// The repo of a plan of this instance.
    fn repo_of(&self, plan: &PlanId) -> Result<RepoId, Status> {
        let config = self.node.config.current();
        let unknown =
            || refuse::not_found(format!("there is no plan {plan}"), "holdfast plan list");
        config.plan(plan).map(|plan| plan.repo.clone()).ok_or_else(unknown)
    }
}

#[tonic::async_trait]
impl UpkeepService for Service {
    async fn start(&self, request: Request<UpkeepRequest>) -> Result<Response<Operation>, Status> {
        let asker = Asker::of(&request);
        let request = request.into_inner();
        let plan = request.plan.as_ref().map(|plan| refuse::field("plan", plan)).transpose()?;
        let repo = match &plan {
            Some(plan) => self.repo_of(plan)?,
            None => refuse::field("repo", &request.repo)?,
        };
        let task = task(request, plan)?;
        if let Task::Command(..) = &task {
            asker.must_be(Role::Admin)?;
        }
        if let Task::Forget(plan) = &task {
            may_forget(&self.node.config.current(), &repo, plan.as_ref()).map_err(refused)?;
        }
        let started = self.node.engine.maintain(&repo, task, By::Person).await;
        super::started(&self.node, started.map_err(refused)?).await.map(Response::new)
    }

    async fn preview_forget(
        &self,
        request: Request<ForgetRequest>,
    ) -> Result<Response<ForgetPreview>, Status> {
        let ForgetRequest { plan, repo } = request.into_inner();
        let plan: Option<PlanId> = plan.map(|plan| refuse::field("plan", &plan)).transpose()?;
        let repo = match (&plan, repo) {
            (Some(plan), None) => self.repo_of(plan)?,
            (None, Some(repo)) => refuse::field("repo", &repo)?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(refuse::invalid("give a plan or a repo", "one of the two"));
            }
        };
        let picks = self.node.engine.preview_forget(&repo, plan.as_ref()).await.map_err(refused)?;
        let groups = picks.into_iter().map(group).collect();
        Ok(Response::new(ForgetPreview { repo: repo.to_string(), groups }))
    }
}

fn task(request: UpkeepRequest, plan: Option<PlanId>) -> Result<Task, Status> {
    let kind: OperationKind = refuse::field("kind", &request.kind)?;
    match kind {
        OperationKind::Forget => Ok(Task::Forget(plan)),
        OperationKind::Unlock if request.all => Ok(Task::Unlock(UnlockScope::All)),
        OperationKind::Unlock => Ok(Task::Unlock(UnlockScope::Stale)),
        OperationKind::Command => {
            let guarded = Guarded::new(request.words);
            guarded.map(Task::Command).map_err(|error| {
                api::Error::new("not-allowed", error.to_string(), "")
                    .into_status(tonic::Code::InvalidArgument)
            })
        }
        kind => Task::of(kind)
            .ok_or_else(|| refuse::invalid(format!("kind {kind:?} is no upkeep of a repo"), "")),
    }
}

fn refused(error: JobError) -> Status {
    match &error {
        JobError::OwnersWork { .. } => refuse::not_now("read-only", error.to_string(), ""),
        JobError::KeepsAll { .. } | JobError::NoRetention { .. } => {
            refuse::not_now("keeps-all", error.to_string(), "")
        }
        _ => refuse::job(error),
    }
}

fn group(pick: Pick) -> ForgetGroup {
    let Pick { plan, instance, rules, keep, remove, apart } = pick;
    let keep = keep.into_iter().map(|(snapshot, reasons)| picked(snapshot, "keep", reasons));
    let remove = remove.into_iter().map(|snapshot| picked(snapshot, "forget", Vec::new()));
    let apart =
        apart.into_iter().map(|(snapshot, why)| picked(snapshot, "apart", vec![why.to_string()]));
    let mut snapshots: Vec<_> = keep.chain(remove).chain(apart).collect();
    snapshots.sort_by(|a, b| b.time.cmp(&a.time));
    ForgetGroup { plan: plan.to_string(), instance, retention: rules.to_string(), snapshots }
}

fn picked(snapshot: Snapshot, fate: &str, reasons: Vec<String>) -> Picked {
    let id = snapshot.id.to_string();
    Picked {
        short_id: id.chars().take(8).collect(),
        id,
        time: snapshot.time.to_string(),
        fate: fate.to_owned(),
        reasons,
    }
}
