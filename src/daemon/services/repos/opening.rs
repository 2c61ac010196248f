//! The repository behind a repo: found or made, when a person says so.

use super::super::refuse;
use crate::api::{AddRepoRequest, Error};
use crate::config::{Edit, Repo};
use crate::daemon::Node;
use crate::job::{Engine, JobError};
use crate::model::{OperationId, OperationKind, RepoGuid, RepoId};
use crate::restic::{Failure, Reason};
use std::sync::Arc;
use tonic::{Code, Status};

/// What may be done where there is no repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// One is made.
    Create,
    /// Nothing.
    AdoptOnly,
}

impl Wish {
    pub(super) const fn of(request: &AddRepoRequest) -> Self {
        if request.no_init { Self::AdoptOnly } else { Self::Create }
    }
}

/// Writes a repo into the config and opens or creates its repository; takes it out again if that
/// fails. Goes on to its end even if the caller has gone away: the config must not keep half of it.
pub(super) async fn add(node: &Arc<Node>, repo: Repo, wish: Wish) -> Result<(), Status> {
    let node = Arc::clone(node);
    let adding = tokio::spawn(async move {
        let id = repo.id.clone();
        node.edit(vec![Edit::AddRepo(Box::new(repo))]).await.map_err(refuse::edit)?;
        match open(&node.engine, &id, wish).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let taken_out = node.edit(vec![Edit::RemoveRepo(id.clone())]).await;
                Err(not_added(&id, error, taken_out.is_err()))
            }
        }
    });
    adding.await.unwrap_or_else(|_| Err(refuse::job(JobError::Stopping)))
}

async fn open(engine: &Engine, id: &RepoId, wish: Wish) -> Result<RepoGuid, JobError> {
    match wish {
        Wish::Create => engine.init(id).await,
        Wish::AdoptOnly => engine.adopt(id).await,
    }
}

fn not_added(id: &RepoId, error: JobError, is_left: bool) -> Status {
    let place = match is_left {
        false => "was not added",
        true => "is in the configuration, but cannot be used",
    };
    refused(&format!("repo {id} {place}"), error)
}

fn refused(what: &str, error: JobError) -> Status {
    let (code, why, remedy) = match error {
        JobError::Failed(Failure { reason, said }) => {
            let said = if said.is_empty() { said } else { format!(" ({said})") };
            (word(&reason), format!("{reason}{said}"), reason.remedy())
        }
        JobError::NothingToAdopt { .. } => ("missing", error.to_string(), ""),
        other => ("not-opened", other.to_string(), ""),
    };
    Error::new(code, format!("{what}: {why}"), remedy).into_status(Code::FailedPrecondition)
}

const fn word(reason: &Reason) -> &'static str {
    match reason {
        Reason::WrongPassword => "wrong-password",
        Reason::RepositoryMissing => "missing",
        Reason::Locked { .. } => "locked",
        Reason::Unreachable => "unreachable",
        Reason::Denied | Reason::AppendOnly => "denied",
        Reason::HostKey => "host-key",
        Reason::NoSpace => "no-space",
        Reason::NotStarted
        | Reason::AlreadyExists
        | Reason::OutOfMemory
        | Reason::Lacks { .. }
        | Reason::NoIonice
        | Reason::NothingToSave
        | Reason::NoSuchSnapshot
        | Reason::Interrupted
        | Reason::Killed { .. }
        | Reason::Damaged
        | Reason::Unreadable
        | Reason::Unknown { .. } => "not-opened",
    }
}

/// Starts the creation of a repository and says which operation it is.
pub(super) async fn init(node: &Arc<Node>, id: &RepoId) -> Result<OperationId, Status> {
    let mut changes = node.engine.changes();
    let mut made = tokio::spawn({
        let (node, id) = (Arc::clone(node), id.clone());
        async move { node.engine.init(&id).await }
    });
    let what = format!("repo {id} was not created");
    loop {
        if let Some(operation) = under_way(&node.engine, id) {
            return Ok(operation);
        }
        tokio::select! {
            _ = changes.changed() => {}
            made = &mut made => {
                return Err(match made.unwrap_or(Err(JobError::Stopping)) {
                    Ok(guid) => {
                        let message = format!("repo {id} has its repository already: {guid}");
                        let remedy = "it is used as it is; nothing is to be done";
                        Error::new("exists", message, remedy).into_status(Code::AlreadyExists)
                    }
                    Err(error) => refused(&what, error),
                });
            }
        }
    }
}

fn under_way(engine: &Engine, id: &RepoId) -> Option<OperationId> {
    let live = engine.live().into_iter().map(|live| live.operation);
    let mut inits = live.filter(|operation| {
        operation.kind == OperationKind::Init && operation.repo.as_ref() == Some(id)
    });
    inits.next().map(|operation| operation.id)
}
