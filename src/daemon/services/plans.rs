//! Plans: listed, written into the config, and run.

pub(in crate::daemon) mod fleet;
mod timed;

use super::repos::request::tuned;
use super::{peers, refuse};
use crate::api::plan_service_server::PlanService;
use crate::api::{self, PlanList, RemovedPlan};
use crate::clock;
use crate::config::{ByteSize, Edit, Plan, Retention, Span, Stdin};
use crate::daemon::Node;
use crate::daemon::ports::{Named, Repos};
use crate::model::{PlanId, RepoId, Tuning};
use crate::schedule::{Schedule, TaskKey};
use std::sync::Arc;
use std::time::Duration;
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
            return Ok(Response::new(PlanList { plans: documents(&self.node).await? }));
        };
        let peer = peers::find(&self.node, &name).await?;
        let seen = fleet::of(&self.node, &peer).await?;
        Ok(Response::new(listed(seen)))
    }

    async fn fleet(&self, _: Request<api::FleetRequest>) -> Answer<PlanList> {
        Ok(Response::new(listed(fleet::all(&self.node).await?)))
    }

    async fn add(&self, request: Request<api::AddPlanRequest>) -> Answer<api::Plan> {
        let plan = added(request.into_inner())?;
        self.check(&plan).await?;
        let id = plan.id.clone();
        self.write(Edit::AddPlan(plan)).await?;
        self.shown(&id).await
    }

    async fn edit(&self, request: Request<api::EditPlanRequest>) -> Answer<api::Plan> {
        let request = request.into_inner();
        let id = refuse::field("plan", &request.plan)?;
        let plan = edited(self.known(&id)?, request)?;
        self.check(&plan).await?;
        self.write(Edit::ReplacePlan(plan)).await?;
        self.shown(&id).await
    }

    async fn remove(&self, request: Request<api::PlanRequest>) -> Answer<RemovedPlan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        self.write(Edit::RemovePlan(id.clone())).await?;
        Ok(Response::new(RemovedPlan { plan: id.to_string() }))
    }

    async fn backup(&self, request: Request<api::PlanRequest>) -> Answer<api::Operation> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        let operation = self.node.engine.backup(&id).await.map_err(refuse::job)?;
        super::started(&self.node, operation).await.map(Response::new)
    }

    async fn show(&self, request: Request<api::PlanRequest>) -> Answer<api::Plan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        let next = self.node.scheduler.agenda().next_runs(&self.known(&id)?, NEXT_RUNS);
        let mut shown = self.shown(&id).await?;
        shown.get_mut().next_runs = next.into_iter().map(|at| at.to_string()).collect();
        Ok(shown)
    }

    async fn pause(&self, request: Request<api::PausePlanRequest>) -> Answer<api::Plan> {
        let request = request.into_inner();
        let id: PlanId = refuse::field("plan", &request.plan)?;
        self.known(&id)?;
        let pause = timed::pause(request.until.as_deref(), clock::now())?;
        let paused = self.node.scheduler.pause(&TaskKey::Plan(id.clone()), pause).await;
        paused.map_err(refuse::store)?;
        super::expectations_changed(&self.node).await;
        self.shown(&id).await
    }

    async fn resume(&self, request: Request<api::PlanRequest>) -> Answer<api::Plan> {
        let id: PlanId = refuse::field("plan", &request.into_inner().plan)?;
        self.known(&id)?;
        let resumed = self.node.scheduler.resume(&TaskKey::Plan(id.clone())).await;
        resumed.map_err(refuse::store)?;
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
    PlanList { plans: seen.into_iter().map(|seen| seen.document).collect() }
}

impl Service {
    fn known(&self, id: &PlanId) -> Result<Plan, Status> {
        let config = self.node.config.current();
        let unknown = || refuse::not_found(format!("there is no plan {id}"), "holdfast plan list");
        config.plan(id).cloned().ok_or_else(unknown)
    }

    /// What the file cannot say of a plan: whether its repo can be used.
    async fn check(&self, plan: &Plan) -> Result<(), Status> {
        let (config, repo) = (self.node.config.current(), plan.repo.clone());
        let said = self.node.with_trust(move |trust, _| {
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

    async fn write(&self, edit: Edit) -> Result<(), Status> {
        self.node.edit(vec![edit]).await.map_err(refuse::edit)?;
        super::expectations_changed(&self.node).await;
        Ok(())
    }

    async fn shown(&self, id: &PlanId) -> Answer<api::Plan> {
        let plan = documents(&self.node).await?.into_iter().find(|plan| plan.id == id.as_str());
        let gone = || refuse::not_found(format!("plan {id} was removed meanwhile"), "");
        plan.map(Response::new).ok_or_else(gone)
    }
}

fn added(request: api::AddPlanRequest) -> Result<Plan, Status> {
    let id = refuse::field("plan", &request.plan)?;
    let repo: RepoId = refuse::field("repo", &request.repo)?;
    let stdin = stdin(request.stdin_command, request.stdin_name)?;
    let given = match stdin {
        Some(_) => request.paths,
        None => paths(request.paths)?,
    };
    Ok(Plan {
        stdin,
        exclude_file: request.exclude_file,
        iexclude_file: request.iexclude_file,
        exclude_caches: request.exclude_caches,
        skip_if_unchanged: request.skip_if_unchanged,
        exclude_larger_than: request.exclude_larger_than.map(ByteSize),
        read_concurrency: request.read_concurrency.map(concurrency).transpose()?.flatten(),
        host: request.host,
        tuning: tuned(&Tuning::NONE, &request.tuning)?,
        exclude: request.exclude,
        iexclude: request.iexclude,
        exclude_if_present: request.exclude_if_present,
        one_file_system: request.one_file_system,
        max_age: request.max_age_s.map(max_age).transpose()?.flatten(),
        retention: request.retention.map(|text| retention(&text)).transpose()?.unwrap_or_default(),
        grace: request.grace_s.map(timed::grace).transpose()?.flatten(),
        schedule: timed::Change {
            schedule: request.schedule,
            time_zone: request.time_zone,
            jitter_s: request.jitter_s,
        }
        .of(&Schedule::Manual)?,
        ..Plan::new(id, repo, given)
    })
}

/// What is absent stays.
fn edited(mut plan: Plan, request: api::EditPlanRequest) -> Result<Plan, Status> {
    if let Some(repo) = request.repo {
        plan.repo = refuse::field("repo", &repo)?;
    }
    if let Some(given) = request.paths {
        plan.paths = paths(given.items)?;
    }
    let lists = [
        (&mut plan.exclude, request.exclude),
        (&mut plan.iexclude, request.iexclude),
        (&mut plan.exclude_file, request.exclude_file),
        (&mut plan.iexclude_file, request.iexclude_file),
        (&mut plan.exclude_if_present, request.exclude_if_present),
    ];
    for (list, given) in lists {
        if let Some(given) = given {
            *list = given.items;
        }
    }
    plan.one_file_system = request.one_file_system.unwrap_or(plan.one_file_system);
    if let Some(text) = &request.retention {
        plan.retention = retention(text)?;
    }
    if let Some(seconds) = request.max_age_s {
        plan.max_age = max_age(seconds)?;
    }
    if let Some(seconds) = request.grace_s {
        plan.grace = timed::grace(seconds)?;
    }
    let change = timed::Change {
        schedule: request.schedule,
        time_zone: request.time_zone,
        jitter_s: request.jitter_s,
    };
    plan.schedule = change.of(&plan.schedule)?;
    plan.exclude_caches = request.exclude_caches.unwrap_or(plan.exclude_caches);
    plan.skip_if_unchanged = request.skip_if_unchanged.unwrap_or(plan.skip_if_unchanged);
    if let Some(bytes) = request.exclude_larger_than {
        plan.exclude_larger_than = (bytes > 0).then_some(ByteSize(bytes));
    }
    if let Some(files) = request.read_concurrency {
        plan.read_concurrency = concurrency(files)?;
    }
    if let Some(host) = request.host {
        plan.host = (!host.is_empty()).then_some(host);
    }
    plan.tuning = tuned(&plan.tuning, &request.tuning)?;
    Ok(plan)
}

/// The command whose output is saved. What is wrong with its name the file says.
fn stdin(argv: Vec<String>, name: Option<String>) -> Result<Option<Stdin>, Status> {
    match (argv.is_empty(), name) {
        (false, name) => Ok(Some(Stdin { argv, name: name.unwrap_or_else(|| "stdin".to_owned()) })),
        (true, None) => Ok(None),
        (true, Some(name)) => {
            let message = format!("stdin-name {name:?}: there is no stdin-command");
            Err(refuse::invalid(message, "name the program: --stdin-command pg_dump app"))
        }
    }
}

fn retention(text: &str) -> Result<Retention, Status> {
    text.parse().map_err(|error| refuse::invalid(format!("retention: {error}"), ""))
}

fn paths(given: Vec<String>) -> Result<Vec<String>, Status> {
    if given.is_empty() {
        return Err(refuse::invalid("paths: none are given", "name what to back up: --path PATH"));
    }
    match given.iter().find(|path| !path.starts_with('/')) {
        None => Ok(given),
        Some(path) => {
            let message = format!("paths {path:?}: a path begins with /");
            Err(refuse::invalid(message, "write the whole path"))
        }
    }
}

/// 0 stands for restic's own number.
fn concurrency(files: u32) -> Result<Option<u8>, Status> {
    let wrong = || refuse::invalid(format!("read-concurrency {files}: it is from 1 to 64"), "");
    let files = u8::try_from(files).ok().filter(|files| *files <= 64).ok_or_else(wrong)?;
    Ok((files > 0).then_some(files))
}

/// 0 stands for none.
fn max_age(seconds: u64) -> Result<Option<Span>, Status> {
    const YEARS_100: u64 = 100 * 365 * 24 * 3600;
    match seconds {
        0 => Ok(None),
        60..=YEARS_100 => Ok(Some(Span(Duration::from_secs(seconds)))),
        _ => {
            let message = format!("max-age {seconds}s: it is from one minute to 100 years");
            Err(refuse::invalid(message, "write it like 36h or 7d"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let id = "home".parse().unwrap();
        let plan = Plan::new(id, "vault".parse().unwrap(), vec!["/home".to_owned()]);
        Plan { exclude: vec!["*.cache".to_owned()], max_age: max_age(3600).unwrap(), ..plan }
    }

    #[test]
    fn an_edit_leaves_alone_what_it_does_not_name() {
        let request = api::EditPlanRequest::default();
        assert_eq!(edited(plan(), request).unwrap(), plan());
        let list = |items: &[&str]| {
            Some(api::TextList { items: items.iter().map(|text| (*text).to_owned()).collect() })
        };
        let request = api::EditPlanRequest {
            paths: list(&["/etc"]),
            exclude: list(&[]),
            max_age_s: Some(0),
            ..api::EditPlanRequest::default()
        };
        let after = edited(plan(), request).unwrap();
        assert_eq!(
            after,
            Plan { paths: vec!["/etc".to_owned()], exclude: vec![], max_age: None, ..plan() }
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value() {
        let said = |refused: Status| refused.message().to_owned();
        assert!(said(paths(vec!["home".to_owned()]).unwrap_err()).contains("paths \"home\""));
        assert!(said(paths(Vec::new()).unwrap_err()).contains("paths"));
        assert!(said(max_age(59).unwrap_err()).contains("max-age 59s"));
        assert!(max_age(u64::MAX).is_err());
    }
}
