//! The repository behind a repo: found or made, when a person says so.

use super::super::refuse;
use crate::api::{self, AddRepoRequest, Error};
use crate::config::{Edit, Repo};
use crate::daemon::Node;
use crate::job::{Engine, JobError};
use crate::model::{OperationId, OperationKind, RepoId};
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
    /// Nobody looks: it is saved as it is.
    SaveOnly,
}

impl Wish {
    pub(super) const fn of(request: &AddRepoRequest) -> Self {
        match (request.no_test, request.no_init) {
            (true, _) => Self::SaveOnly,
            (false, true) => Self::AdoptOnly,
            (false, false) => Self::Create,
        }
    }
}

/// Looks whether the storage can be reached and opened, before anything is saved.
async fn test(engine: &Engine, repo: &Repo, wish: Wish) -> Result<(), Status> {
    if wish == Wish::SaveOnly {
        return Ok(());
    }
    let access = repo.access().await;
    let access = access.map_err(|error| refuse::invalid(error.to_string(), ""))?;
    match (engine.probe(&access).await, wish) {
        (Ok(None), Wish::AdoptOnly) => {
            Err(not_added(&repo.id, JobError::NothingToAdopt { repo: repo.id.clone() }, false))
        }
        (Ok(_), _) => Ok(()),
        (Err(error), _) => Err(not_added(&repo.id, error, false)),
    }
}

/// Whether an edit changes how the storage is reached.
pub(super) fn is_elsewhere(before: &Repo, after: &Repo) -> bool {
    (&before.uri, &before.password, &before.env) != (&after.uri, &after.password, &after.env)
}

/// As [`test`], before an edit is saved: what is not there is created at its first use, as ever. A
/// repo that moves takes its repository with it.
pub(super) async fn test_edited(engine: &Engine, repo: &Repo) -> Result<(), Status> {
    let access = repo.access().await;
    let access = access.map_err(|error| refuse::invalid(error.to_string(), ""))?;
    let what = format!("repo {} was not changed", repo.id);
    let found = engine.probe(&access).await.map_err(|error| refused(&what, error))?;
    match (engine.known_guid(&repo.id).await, found) {
        (Some(known), Some(found)) if known != found => {
            let message =
                format!("{what}: its snapshots are in repository {known}, and there is {found}");
            let remedy = "add that as a repo of its own, or use it from now on with --no-test";
            Err(refuse::not_now("other-repository", message, remedy))
        }
        _ => Ok(()),
    }
}

/// What is found at a repo's location with its credentials; nothing is created or saved.
pub(in crate::daemon::services) async fn look(engine: &Engine, repo: &Repo) -> api::RepoTest {
    let access = match repo.access().await {
        Ok(access) => access,
        Err(error) => return test_of("secret", error.to_string(), None),
    };
    match engine.probe(&access).await {
        Ok(Some(guid)) => api::RepoTest {
            ok: true,
            guid: Some(guid.to_string()),
            ..test_of("ready", "the repository is there, and opens".to_owned(), None)
        },
        Ok(None) => {
            let message = "the storage answers and has no repository yet".to_owned();
            let remedy = Some("it is created when the repo is saved or first used".to_owned());
            api::RepoTest { ok: true, ..test_of("uninitialised", message, remedy) }
        }
        Err(error) => {
            let Error { code, message, remedy } = Error::of_status(&refused("", error));
            test_of(&code, message.trim_start_matches(": ").to_owned(), remedy)
        }
    }
}

fn test_of(state: &str, message: String, remedy: Option<String>) -> api::RepoTest {
    api::RepoTest { ok: false, state: state.to_owned(), message, remedy, guid: None }
}

/// Writes a repo into the config and opens or creates its repository; takes it out again if that
/// fails. Goes on to its end even if the caller has gone away: the config must not keep half of it.
pub(super) async fn add(node: &Arc<Node>, repo: Repo, wish: Wish) -> Result<(), Status> {
    let node = Arc::clone(node);
    let adding = tokio::spawn(async move {
        let id = repo.id.clone();
        if node.config.current().repo(&id).is_none() {
            test(&node.engine, &repo, wish).await?;
        }
        node.edit(vec![Edit::AddRepo(Box::new(repo))]).await.map_err(refuse::edit)?;
        match open(&node.engine, &id, wish).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let taken_out = node.edit(vec![Edit::RemoveRepo(id.clone())]).await;
                Err(not_added(&id, error, taken_out.is_err()))
            }
        }
    });
    adding.await.unwrap_or_else(|_| Err(refuse::job(JobError::Stopping)))
}

async fn open(engine: &Engine, id: &RepoId, wish: Wish) -> Result<(), JobError> {
    match wish {
        Wish::Create => engine.init(id).await.map(drop),
        Wish::AdoptOnly => engine.adopt(id).await.map(drop),
        Wish::SaveOnly => Ok(()),
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
            let remedy = match reason {
                // A storage that was only tried has no operation, and no log.
                Reason::Unknown { .. } | Reason::Unlogged { .. } => {
                    "restic says so: check the address and the credentials"
                }
                _ => reason.remedy(),
            };
            (word(&reason), format!("{reason}{said}"), remedy)
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
        Reason::NoSpace | Reason::TargetFull => "no-space",
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
        | Reason::Unknown { .. }
        | Reason::Unlogged { .. } => "not-opened",
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
