//! Plans: listed, written into the config, and run.

pub(in crate::daemon) mod fleet;
pub(super) mod request;
pub(super) mod timed;

use super::asker::Asker;
use super::removed::{self, Removed};
use super::{describe, peers, refuse, revision};
use crate::api::plan_service_server::PlanService;
use crate::api::{self, PlanList, RemovedPlan};
use crate::clock;
use crate::config::{Edit, Plan, Same};
use crate::daemon::Node;
use crate::daemon::ports::{Named, Repos};
use crate::job::Trial;
use crate::model::{PlanId, RepoId};
use crate::schedule::TaskKey;
use crate::store::trust::Pausing;
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
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PlanService for Service {
    async fn list(&self, request: Request<api::ListPlansRequest>) -> Answer<PlanList> {
        let Some(name) = request.into_inner().peer else {
            let (plans, removed) = (documents(&self.node).await?, removed::plans(&self.node).await);
            return Ok(Response::new(PlanList { plans, removed }));
        };
        let peer = peers::find(&self.node, &name).await?;
        let seen = fleet::of(&self.node, &peer).await?;
        Ok(Response::new(listed(seen)))
    }

    async fn fleet(&self, _: Request<api::FleetRequest>) -> Answer<PlanList> {
        Ok(Response::new(listed(fleet::all(&self.node).await?)))
    }

    async fn add(&self, request: Request<api::AddPlanRequest>) -> Answer<api::Plan> {
        let asker = Asker::of(&request);
        let plan = request::added(request.into_inner())?;
        asker.names_no_command("stdin-command", plan.stdin.is_some())?;
        check(&self.node, &plan).await?;
        let id = plan.id.clone();
        self.write(vec![Edit::AddPlan(plan)]).await?;
        self.shown(&id).await
    }

    async fn edit(&self, request: Request<api::EditPlanRequest>) -> Answer<api::Plan> {
        let request = request.into_inner();
        let id = refuse::field("plan", &request.plan)?;
        let before = self.known(&id)?;
        let same = revision::same_plan(&self.node, &before, request.revision.as_deref())?;
        let repo = before.repo.clone();
        let plan = request::edited(before, request)?;
        check_change(&self.node, &repo, &plan).await?;
        let same = same.map(|plan| Edit::If(Box::new(Same::Plan(plan))));
        self.write(same.into_iter().chain([Edit::ReplacePlan(plan)]).collect()).await?;
        self.shown(&id).await
    }

    async fn remove(&self, request: Request<api::PlanRequest>) -> Answer<RemovedPlan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        let kept = removed::keep(&self.node, Removed::Plan(id.clone())).await;
        self.write(vec![Edit::RemovePlan(id.clone())]).await?;
        let restorable_until = kept.map(|(_, until)| until.to_string());
        Ok(Response::new(RemovedPlan { plan: id.to_string(), restorable_until }))
    }

    async fn restore(&self, request: Request<api::PlanRequest>) -> Answer<api::Plan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        let text = removed::text(&self.node, &id).await?;
        self.write(vec![Edit::Merge(text)]).await?;
        removed::forget(&self.node, &id).await;
        self.shown(&id).await
    }

    async fn backup(&self, request: Request<api::PlanRequest>) -> Answer<api::Operation> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        let operation = self.node.engine.backup(&id).await.map_err(refuse::job)?;
        super::started(&self.node, operation).await.map(Response::new)
    }

    async fn dry_run(&self, request: Request<api::PlanRequest>) -> Answer<api::BackupTrial> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        let Trial { stats, unread } =
            self.node.engine.try_backup(&id).await.map_err(refuse::job)?;
        Ok(Response::new(api::BackupTrial {
            plan: id.to_string(),
            stats: Some(describe::stats(&stats)),
            unread: describe::item_errors(&unread),
        }))
    }

    async fn show(&self, request: Request<api::PlanRequest>) -> Answer<api::Plan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        let next = self.node.scheduler.agenda().next_runs(&self.known(&id)?, NEXT_RUNS);
        let mut shown = self.shown(&id).await?;
        shown.get_mut().next_runs = next.into_iter().map(|at| at.to_string()).collect();
        Ok(shown)
    }

    async fn pause(&self, request: Request<api::PausePlanRequest>) -> Answer<api::Plan> {
        let by = Asker::of(&request).name(&self.node).await;
        let request = request.into_inner();
        let id: PlanId = refuse::field("plan", &request.plan)?;
        self.known(&id)?;
        let pause = timed::pause(request.until.as_deref(), clock::now())?;
        let paused = self.node.scheduler.pause(&TaskKey::Plan(id.clone()), pause).await;
        paused.map_err(refuse::store)?;
        self.note_pausing(&id, Some(Pausing { since: clock::now(), by })).await?;
        super::expectations_changed(&self.node).await;
        self.shown(&id).await
    }

    async fn resume(&self, request: Request<api::PlanRequest>) -> Answer<api::Plan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        let resumed = self.node.scheduler.resume(&TaskKey::Plan(id.clone())).await;
        resumed.map_err(refuse::store)?;
        self.note_pausing(&id, None).await?;
        super::expectations_changed(&self.node).await;
        self.shown(&id).await
    }
}

/// How many runs are told ahead.
const NEXT_RUNS: usize = 5;

/// This instance's plans.
pub(super) async fn documents(node: &Node) -> Result<Vec<api::Plan>, Status> {
    Ok(listed(fleet::own(node).await?).plans)
}

fn listed(seen: Vec<fleet::Seen>) -> PlanList {
    PlanList { plans: seen.into_iter().map(|seen| seen.document).collect(), removed: Vec::new() }
}

impl Service {
    fn known(&self, id: &PlanId) -> Result<Plan, Status> {
        let config = self.node.config.current();
        let unknown = || refuse::not_found(format!("there is no plan {id}"), "holdfast plan list");
        config.plan(id).cloned().ok_or_else(unknown)
    }

    async fn note_pausing(&self, id: &PlanId, pausing: Option<Pausing>) -> Result<(), Status> {
        let (id, config) = (id.clone(), self.node.config.current());
        let noted = self.node.with_trust(move |trust, _| {
            trust.note_pausing(id, pausing, |plan| config.plan(plan).is_some())
        });
        noted.await.map_err(refuse::store)
    }

    async fn write(&self, edits: Vec<Edit>) -> Result<(), Status> {
        self.node.edit(edits).await.map_err(refuse::edit)?;
        super::expectations_changed(&self.node).await;
        Ok(())
    }

    async fn shown(&self, id: &PlanId) -> Answer<api::Plan> {
        let plan = documents(&self.node).await?.into_iter().find(|plan| plan.id == id.as_str());
        let gone = || refuse::not_found(format!("plan {id} was removed meanwhile"), "");
        plan.map(Response::new).ok_or_else(gone)
    }
}

/// As [`check`], where the plan's repo is another than before. A plan whose repo was taken back can
/// still be edited: its state says that it is disabled, and why.
pub(super) async fn check_change(node: &Node, before: &RepoId, plan: &Plan) -> Result<(), Status> {
    if plan.repo == *before { Ok(()) } else { check(node, plan).await }
}

/// What the file cannot say of a plan: whether its repo can be used.
pub(super) async fn check(node: &Node, plan: &Plan) -> Result<(), Status> {
    let (config, repo) = (node.config.current(), plan.repo.clone());
    let said = node.with_trust(move |trust, _| {
        let repos = Repos::read(config, trust)?;
        Ok(match repos.named(&repo) {
            Named::Own(_) | Named::Received(_) => None,
            Named::Unusable(received, why) => Some(repos.explain(received, &why)),
            Named::Unknown => Some("there is no such repo".to_owned()),
        })
    });
    match said.await.map_err(refuse::store)? {
        None => Ok(()),
        Some(why) => {
            Err(refuse::invalid(format!("repo \"{}\": {why}", plan.repo), "holdfast repo list"))
        }
    }
}
