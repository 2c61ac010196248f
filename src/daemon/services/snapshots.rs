//! What can be restored: listed, looked into, compared, read out and restored.

mod comparing;
mod downloading;
mod dumping;
mod listing;
mod named;
mod paths;
mod restoring;
mod room;
mod search;
mod selection;
mod shelf;

use super::stream::{Answers, Outlet, Stop, streamed};
use super::{refuse, started};
use crate::api::snapshot_service_server::SnapshotService;
use crate::api::{self, Error, ListSnapshotsRequest, Operation, Snapshot as Document};
use crate::daemon::Node;
use crate::daemon::ports::{Named, Repos, place};
use crate::job::JobError;
use crate::model::RepoId;
use crate::restic::{Failure, Reason, Snapshot, SnapshotId};
pub(in crate::daemon) use downloading::Downloading;
use selection::{Selection, tagged};
use std::collections::HashSet;
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
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SnapshotService for Service {
    type ListStream = Answers<Document>;
    type LsStream = Answers<api::Entry>;
    type FindStream = Answers<api::Match>;
    type DiffStream = Answers<api::DiffRecord>;
    type DumpStream = Answers<api::DumpChunk>;
    type RoomStream = Answers<api::RestoreRoom>;
    type RehearseStream = Answers<api::RehearsalRecord>;

    async fn list(&self, request: Request<ListSnapshotsRequest>) -> Answer<Self::ListStream> {
        let selection = Selection::of(&self.node, request.into_inner()).await?;
        let node = Arc::clone(&self.node);
        Ok(streamed(|outlet| send(node, selection, outlet)))
    }

    async fn ls(&self, request: Request<api::LsRequest>) -> Answer<Self::LsStream> {
        listing::ls(&self.node, request.into_inner()).await
    }

    async fn find(&self, request: Request<api::FindRequest>) -> Answer<Self::FindStream> {
        search::find(&self.node, request.into_inner()).await
    }

    async fn diff(&self, request: Request<api::DiffRequest>) -> Answer<Self::DiffStream> {
        comparing::diff(&self.node, request.into_inner()).await
    }

    async fn dump(&self, request: Request<api::DumpRequest>) -> Answer<Self::DumpStream> {
        dumping::dump(&self.node, request.into_inner()).await
    }

    async fn room(&self, request: Request<api::RestoreRequest>) -> Answer<Self::RoomStream> {
        room::room(&self.node, request.into_inner()).await
    }

    async fn rehearse(
        &self,
        request: Request<api::RestoreRequest>,
    ) -> Answer<Self::RehearseStream> {
        restoring::rehearse(&self.node, request.into_inner()).await
    }

    async fn restore(&self, request: Request<api::RestoreRequest>) -> Answer<Operation> {
        let wish = restoring::wish(&self.node, request.into_inner()).await?;
        let id = self.node.engine.restore(wish).await.map_err(refuse::job)?;
        started(&self.node, id).await.map(Response::new)
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

/// The repos that could not be read: named at the end, after what the others have.
#[derive(Debug, Default)]
struct Unread(Vec<String>);

impl Unread {
    /// What a repo has; nothing where it is not made yet.
    async fn snapshots(
        &mut self,
        node: &Node,
        repo: &RepoId,
        selection: &Selection,
    ) -> Vec<Snapshot> {
        match node.engine.snapshots(repo, selection.filter()).await {
            Ok(found) => return selection.take(found),
            Err(error) if is_not_made_yet(node, repo, &error).await => {}
            Err(error) => self.add(repo, &error),
        }
        Vec::new()
    }

    fn add(&mut self, repo: &RepoId, error: &JobError) {
        self.0.push(format!("repo {repo}: {error}"));
    }

    fn end(self) -> Result<(), Stop> {
        if self.0.is_empty() {
            return Ok(());
        }
        let error = Error::new("unreadable", self.0.join("; "), "");
        Err(Stop::Refused(error.into_status(Code::FailedPrecondition)))
    }
}

async fn send(node: Arc<Node>, selection: Selection, outlet: Outlet<Document>) -> Result<(), Stop> {
    let mut unread = Unread::default();
    // A repository that two ids name is listed once.
    let mut listed: HashSet<SnapshotId> = HashSet::new();
    for repo in &selection.repos {
        for snapshot in unread.snapshots(&node, repo, &selection).await {
            if listed.insert(snapshot.id.clone()) {
                outlet.send(document(snapshot, repo)).await?;
            }
        }
    }
    unread.end()
}

fn short(id: &SnapshotId) -> String {
    id.as_str().chars().take(8).collect()
}

/// A snapshot as a document.
pub(super) fn document(snapshot: Snapshot, repo: &RepoId) -> Document {
    Document {
        short_id: short(&snapshot.id),
        id: snapshot.id.to_string(),
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
}
