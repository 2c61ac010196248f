//! The one snapshot that a person means.

use super::super::refuse;
use super::selection::Makers;
use super::usable_repos;
use crate::api::{Error, SnapshotName};
use crate::clock;
use crate::daemon::Node;
use crate::job::Newness;
use crate::model::{PlanId, RepoId};
use crate::restic::{Snapshot, SnapshotFilter, SnapshotId};
use tonic::{Code, Status};

/// A snapshot that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) repo: RepoId,
    pub(super) snapshot: Snapshot,
}

/// Finds it: in the repo that is named, the plan's, or the only one that has it.
pub(super) async fn find(node: &Node, name: &SnapshotName) -> Result<Found, Status> {
    if name.snapshot == "latest" {
        return latest(node, name).await;
    }
    let id: SnapshotId = refuse::field("snapshot", &name.snapshot)?;
    let Some(repo) = repo_of(node, name)? else { return anywhere(node, &id).await };
    let found = within(node, &repo, &id).await?;
    let none = || {
        let message = format!("repo {repo} has no snapshot {id}");
        refuse::not_found(message, "holdfast snapshots lists those that it has")
    };
    found.map(|snapshot| Found { repo: repo.clone(), snapshot }).ok_or_else(none)
}

/// `None` where neither it nor a plan is named.
fn repo_of(node: &Node, name: &SnapshotName) -> Result<Option<RepoId>, Status> {
    if let Some(repo) = &name.repo {
        return refuse::field("repo", repo).map(Some);
    }
    let Some(plan) = &name.plan else { return Ok(None) };
    let plan: PlanId = refuse::field("plan", plan)?;
    let config = node.config.current();
    let known = config.plan(&plan).map(|plan| plan.repo.clone());
    known.map(Some).ok_or_else(|| {
        let message = format!("there is no plan {plan} here");
        refuse::not_found(message, "name the repo with --repo, or see holdfast plan list")
    })
}

async fn latest(node: &Node, name: &SnapshotName) -> Result<Found, Status> {
    let Some(plan) = &name.plan else {
        return Err(refuse::invalid("latest is the newest snapshot of a plan", "name the plan"));
    };
    let plan: PlanId = refuse::field("plan", plan)?;
    let Some(repo) = repo_of(node, name)? else {
        return Err(refuse::invalid("latest of which repo?", "name it with --repo"));
    };
    let of_plan = SnapshotFilter { plan: Some(plan.clone()), ..Default::default() };
    let found = node.engine.snapshots(&repo, of_plan).await.map_err(refuse::job)?;
    let own = node.config.current().instance.to_string();
    let maker = name.instance.clone().unwrap_or(own);
    let makers = Makers::named(node, &maker);
    let made = found.into_iter().filter(|snapshot| makers.include(snapshot));
    let now = clock::now();
    let newest = made.max_by_key(|snapshot| Newness::of(snapshot, now));
    newest.map(|snapshot| Found { repo: repo.clone(), snapshot }).ok_or_else(|| {
        let message = format!("repo {repo} has no snapshot of plan {plan} made by {maker}");
        refuse::not_found(
            message,
            "holdfast snapshots lists those that it has; --instance names another maker",
        )
    })
}

/// The snapshot of that repo whose id begins so.
async fn within(node: &Node, repo: &RepoId, id: &SnapshotId) -> Result<Option<Snapshot>, Status> {
    // Older versions take no word about a prefix that several have: they are told apart here.
    let only = id.is_whole().then(|| id.clone());
    let filter = SnapshotFilter { snapshot: only, ..Default::default() };
    let found = node.engine.snapshots(repo, filter).await.map_err(refuse::job)?;
    let mut begin = found.into_iter().filter(|one| one.id.as_str().starts_with(id.as_str()));
    match (begin.next(), begin.next()) {
        (Some(one), Some(other)) if one.id != other.id => {
            let message = format!("snapshot {id} could be {} or {}", one.id, other.id);
            Err(ambiguous(message, "write more of its id"))
        }
        (one, _) => Ok(one),
    }
}

async fn anywhere(node: &Node, id: &SnapshotId) -> Result<Found, Status> {
    let (mut having, mut unread) = (Vec::new(), Vec::new());
    for repo in usable_repos(node).await? {
        match within(node, &repo, id).await {
            Ok(None) => {}
            Ok(Some(snapshot)) => having.push(Found { repo, snapshot }),
            Err(status) if status.code() == Code::InvalidArgument => return Err(status),
            Err(status) => unread.push(format!("{repo} ({})", status.message())),
        }
    }
    match (having.pop(), having.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            having.push(last);
            let names: Vec<_> = having.iter().map(|found| found.repo.to_string()).collect();
            let message = format!("snapshot {id} is in repos {}", names.join(", "));
            Err(ambiguous(message, "name one with --repo"))
        }
        (None, _) if unread.is_empty() => {
            let message = format!("no repo has a snapshot {id}");
            Err(refuse::not_found(message, "holdfast snapshots lists those that there are"))
        }
        (None, _) => {
            let message = format!("snapshot {id} was not found; not read: {}", unread.join("; "));
            Err(refuse::not_found(message, "name its repo with --repo"))
        }
    }
}

fn ambiguous(message: String, remedy: &str) -> Status {
    Error::new("ambiguous", message, remedy).into_status(Code::InvalidArgument)
}
