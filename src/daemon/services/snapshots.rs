//! What can be restored, and restoring it.

use super::describe::Names;
use super::stream::{Answers, Outlet, Stop, streamed};
use super::{lookup, refuse};
use crate::api::snapshot_service_server::SnapshotService;
use crate::api::{
    Error, ListSnapshotsRequest, Operation, OperationRequest, RestoreRequest, Snapshot as Document,
};
use crate::daemon::Node;
use crate::daemon::ports::{Named, Repos, place};
use crate::job::{Choice, JobError, RestoreRequest as Wish};
use crate::model::{PlanId, RepoId};
use crate::restic::{Failure, Reason, Snapshot, SnapshotFilter, SnapshotId};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// Which snapshot is meant, and in which repo it is.
    async fn chosen(&self, request: &RestoreRequest) -> Result<(RepoId, Choice), Status> {
        let repo = self.repo_named(request)?;
        if request.snapshot == "latest" {
            return self.latest(repo, request).await;
        }
        let id = refuse::field("snapshot", &request.snapshot)?;
        match repo {
            Some(repo) => {
                let choice = self.choice_in(&repo, id).await;
                Ok((repo, choice))
            }
            None => self.search(id).await,
        }
    }

    /// The repo that is named, else the plan's.
    fn repo_named(&self, request: &RestoreRequest) -> Result<Option<RepoId>, Status> {
        if let Some(repo) = &request.repo {
            return refuse::field("repo", repo).map(Some);
        }
        let Some(plan) = &request.plan else { return Ok(None) };
        let plan: PlanId = refuse::field("plan", plan)?;
        let config = self.node.config.current();
        let known = config.plan(&plan).map(|plan| plan.repo.clone());
        known.map(Some).ok_or_else(|| {
            let message = format!("there is no plan {plan} here");
            refuse::not_found(message, "name the repo with --repo, or see holdfast plan list")
        })
    }

    /// A repo that cannot be read now, or has no such snapshot, is the operation's to tell.
    async fn choice_in(&self, repo: &RepoId, id: SnapshotId) -> Choice {
        let only = SnapshotFilter { snapshot: Some(id.clone()), ..Default::default() };
        let found = self.node.engine.snapshots(repo, only).await.unwrap_or_default();
        let newest = found.into_iter().max_by_key(|snapshot| snapshot.time);
        newest.map_or(Choice::Id(id), |snapshot| self.listed(snapshot))
    }

    fn listed(&self, snapshot: Snapshot) -> Choice {
        let makers = Makers::named(&self.node, self.node.config.current().instance.as_str());
        let plan = snapshot.plan().filter(|_| makers.include(&snapshot));
        Choice::Listed { id: snapshot.id, plan }
    }

    /// The only repo that has it.
    async fn search(&self, snapshot: SnapshotId) -> Result<(RepoId, Choice), Status> {
        let (mut having, mut unread) = (Vec::new(), Vec::new());
        for repo in usable_repos(&self.node).await? {
            let only = SnapshotFilter { snapshot: Some(snapshot.clone()), ..Default::default() };
            match self.node.engine.snapshots(&repo, only).await {
                Ok(found) => having.extend(found.into_iter().next().map(|found| (repo, found))),
                Err(error) => unread.push(format!("{repo} ({error})")),
            }
        }
        match (having.pop(), having.is_empty()) {
            (Some((repo, found)), true) => Ok((repo, self.listed(found))),
            (Some(last), false) => {
                having.push(last);
                let names: Vec<_> = having.iter().map(|(repo, _)| repo.to_string()).collect();
                let message = format!("snapshot {snapshot} is in repos {}", names.join(", "));
                Err(Error::new("ambiguous", message, "name one with --repo")
                    .into_status(Code::InvalidArgument))
            }
            (None, _) if unread.is_empty() => {
                let message = format!("no repo has a snapshot {snapshot}");
                Err(refuse::not_found(message, "holdfast snapshots lists those that there are"))
            }
            (None, _) => {
                let message =
                    format!("snapshot {snapshot} was not found; not read: {}", unread.join("; "));
                Err(refuse::not_found(message, "name its repo with --repo"))
            }
        }
    }

    async fn latest(
        &self,
        repo: Option<RepoId>,
        request: &RestoreRequest,
    ) -> Result<(RepoId, Choice), Status> {
        let (Some(repo), Some(plan)) = (repo, &request.plan) else {
            let message = "latest is the newest snapshot of a plan";
            return Err(refuse::invalid(message, "name the plan"));
        };
        let plan: PlanId = refuse::field("plan", plan)?;
        let config = self.node.config.current();
        if config.formerly.is_empty() && config.plan(&plan).is_some() {
            return Ok((repo, Choice::LatestOf(plan)));
        }
        // Made under an earlier name, or by a plan that is gone, it is this instance's as well.
        let of_plan = SnapshotFilter { plan: Some(plan.clone()), ..Default::default() };
        let found = self.node.engine.snapshots(&repo, of_plan).await.map_err(refuse::job)?;
        let makers = Makers::named(&self.node, config.instance.as_str());
        let made_here = found.into_iter().filter(|snapshot| makers.include(snapshot));
        match made_here.max_by_key(|snapshot| snapshot.time) {
            Some(newest) => Ok((repo, Choice::Listed { id: newest.id, plan: Some(plan) })),
            None => {
                let message = format!("repo {repo} has no snapshot of plan {plan} made here");
                Err(refuse::not_found(message, "holdfast snapshots lists those that it has"))
            }
        }
    }
}

#[tonic::async_trait]
impl SnapshotService for Service {
    type ListStream = Answers<Document>;

    async fn list(
        &self,
        request: Request<ListSnapshotsRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let ListSnapshotsRequest { repo, plan, instance } = request.into_inner();
        let plan = plan.map(|plan| refuse::field("plan", &plan)).transpose()?;
        let repos = match repo {
            Some(repo) => vec![refuse::field("repo", &repo)?],
            None => usable_repos(&self.node).await?,
        };
        let makers = instance.map(|instance| Makers::named(&self.node, &instance));
        let query = Query { repos, plan, makers };
        let node = Arc::clone(&self.node);
        Ok(streamed(|outlet| query.send(node, outlet)))
    }

    async fn restore(
        &self,
        request: Request<RestoreRequest>,
    ) -> Result<Response<Operation>, Status> {
        let request = request.into_inner();
        let target = PathBuf::from(&request.target);
        if !target.is_absolute() {
            let message = format!("target {:?} is not an absolute path", request.target);
            return Err(refuse::invalid(message, "name the folder from / on"));
        }
        let (repo, snapshot) = self.chosen(&request).await?;
        let wish = Wish { repo, snapshot, target, include: request.include };
        let id = self.node.engine.restore(wish).await.map_err(refuse::job)?;
        let named = OperationRequest { operation: id.to_string(), peer: None };
        let started = lookup::operation(&self.node, &named).await?;
        Ok(Response::new(started.document(&Names::read(&self.node).await?)))
    }
}

/// Every repo that can be used here, the config's first.
async fn usable_repos(node: &Node) -> Result<Vec<RepoId>, Status> {
    let config = node.config.current();
    let read = node.with_trust(move |trust, _| {
        let repos = Repos::read(Arc::clone(&config), trust)?;
        let own = config.repos.iter().map(|repo| repo.id.clone());
        let received = repos.received().iter().map(|repo| repo.id.clone());
        let received = received.filter(|id| matches!(repos.named(id), Named::Received(_)));
        let mut ids: Vec<_> = own.chain(received).collect();
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        Ok(ids)
    });
    read.await.map_err(refuse::store)
}

/// Whether a repo is one that its first use will create: it has no snapshots, which is no fault.
async fn is_not_made_yet(node: &Node, repo: &RepoId, error: &JobError) -> bool {
    let JobError::Failed(Failure { reason: Reason::RepositoryMissing, .. }) = error else {
        return false;
    };
    let config = node.config.current();
    let Some(own) = config.repo(repo).filter(|repo| repo.auto_init) else { return false };
    let Ok(access) = own.access().await else { return false };
    let (repo, place) = (repo.clone(), place(&access.uri));
    let known = node.with_trust(move |trust, _| trust.repo_guid(&repo, &place)).await;
    known.is_ok_and(|guid| guid.is_none())
}

/// The names under which an instance made its snapshots.
#[derive(Debug)]
struct Makers(Vec<String>);

impl Makers {
    fn named(node: &Node, instance: &str) -> Self {
        let config = node.config.current();
        let mut names = vec![instance.to_owned()];
        if instance == config.instance.as_str() {
            names.extend(config.formerly.iter().cloned());
        }
        Self(names)
    }

    fn include(&self, snapshot: &Snapshot) -> bool {
        tagged(snapshot, "created-by:").is_some_and(|maker| self.0.contains(&maker))
    }
}

/// As it is written: older tools allowed names that are none here.
fn tagged(snapshot: &Snapshot, tag: &str) -> Option<String> {
    snapshot.tags.iter().find_map(|text| text.strip_prefix(tag)).map(str::to_owned)
}

struct Query {
    repos: Vec<RepoId>,
    plan: Option<PlanId>,
    makers: Option<Makers>,
}

impl Query {
    /// Repo by repo; those that cannot be read are named at the end, after what the others have.
    async fn send(self, node: Arc<Node>, outlet: Outlet<Document>) -> Result<(), Stop> {
        let mut unread = Vec::new();
        let mut listed = HashSet::new();
        for repo in &self.repos {
            let filter = SnapshotFilter { plan: self.plan.clone(), ..Default::default() };
            match node.engine.snapshots(repo, filter).await {
                Ok(found) => self.send_repo(repo, found, &mut listed, &outlet).await?,
                Err(error) if is_not_made_yet(&node, repo, &error).await => {}
                Err(error) => unread.push(format!("repo {repo}: {error}")),
            }
        }
        match unread.is_empty() {
            true => Ok(()),
            false => Err(Stop::Refused(
                Error::new("unreadable", unread.join("; "), "")
                    .into_status(Code::FailedPrecondition),
            )),
        }
    }

    /// A repository that two ids name is listed once.
    async fn send_repo(
        &self,
        repo: &RepoId,
        found: Vec<Snapshot>,
        listed: &mut HashSet<SnapshotId>,
        outlet: &Outlet<Document>,
    ) -> Result<(), Stop> {
        let wanted = |snapshot: &Snapshot| {
            self.makers.as_ref().is_none_or(|makers| makers.include(snapshot))
        };
        for snapshot in found.into_iter().filter(wanted) {
            if listed.insert(snapshot.id.clone()) {
                outlet.send(document(snapshot, repo)).await?;
            }
        }
        Ok(())
    }
}

fn document(snapshot: Snapshot, repo: &RepoId) -> Document {
    let id = snapshot.id.to_string();
    Document {
        short_id: id.chars().take(8).collect(),
        id,
        time: snapshot.time.to_string(),
        plan: tagged(&snapshot, "plan:"),
        instance: tagged(&snapshot, "created-by:"),
        host: snapshot.host,
        tags: snapshot.tags,
        paths: snapshot.paths,
        size: snapshot.size,
        repo: repo.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn snapshot(tags: &[&str]) -> Snapshot {
        Snapshot {
            id: "ab".repeat(32).parse().unwrap(),
            time: Timestamp::EPOCH,
            wall: jiff::civil::DateTime::default(),
            host: "box".to_owned(),
            tags: tags.iter().map(ToString::to_string).collect(),
            paths: vec!["/home".to_owned()],
            size: None,
        }
    }

    #[test]
    fn tags_say_plan_and_maker_also_where_the_name_is_none_here() {
        let made =
            document(snapshot(&["plan:home", "created-by:MyHost"]), &"vault".parse().unwrap());
        assert_eq!(made.short_id, "abababab");
        assert_eq!(made.plan.as_deref(), Some("home"));
        assert_eq!(made.instance.as_deref(), Some("MyHost"));
        let untagged = document(snapshot(&["weekly"]), &"vault".parse().unwrap());
        assert_eq!((untagged.plan, untagged.instance), (None, None));
    }

    #[test]
    fn an_earlier_name_counts_and_another_does_not() {
        let makers = Makers(vec!["nas".to_owned(), "MyHost".to_owned()]);
        assert!(makers.include(&snapshot(&["created-by:MyHost"])));
        assert!(!makers.include(&snapshot(&["created-by:hub"])));
        assert!(!makers.include(&snapshot(&[])));
    }
}
