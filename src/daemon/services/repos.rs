//! Repos: listed, written into the config, opened or created, and taken from peers.
//!
//! 1. A repo that cannot be opened or created is not left in the config by the call that added it.
//! 2. Nothing here touches what is in a repository, but the creation of one.

mod document;
mod kept;
pub(super) mod opening;
pub(super) mod request;
mod sizes;
mod upkeep;

use super::asker::Asker;
use super::removed::{self, Removed};
use super::{peers, refuse, revision};
use crate::api::repo_service_server::RepoService;
use crate::api::{self, RemovedRepo, RepoList};
use crate::config::{Config, Edit, Repo, Same};
use crate::daemon::Node;
use crate::daemon::ports::{Named, Obstacle, Repos, disabled_reason};
use crate::daemon::sharing::{self, Again};
use crate::model::RepoId;
use crate::store::StoreError;
use crate::store::trust::{Peer, ReceivedRepo};
use document::Known;
pub(super) use kept::Failing;
#[cfg(test)]
pub(super) use kept::failed_check;
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
impl RepoService for Service {
    async fn list(&self, _: Request<api::ListReposRequest>) -> Answer<RepoList> {
        let known = Known::read(&self.node).await?;
        let mut repos = known.documents();
        sizes::newest(&self.node, &mut repos).await?;
        Ok(Response::new(RepoList { repos, removed: known.removed() }))
    }

    async fn show(&self, request: Request<api::RepoRequest>) -> Answer<api::Repo> {
        self.shown(&id(&request.into_inner().repo)?).await
    }

    async fn add(&self, request: Request<api::AddRepoRequest>) -> Answer<api::Repo> {
        let asker = Asker::of(&request);
        let request = request.into_inner();
        asker.names_no_command("password-command", has_command(request.password.as_ref()))?;
        let opening = opening::Wish::of(&request);
        let repo = request::added(request)?;
        let id = repo.id.clone();
        if let Named::Received(received) = self.repos().await?.named(&id) {
            return Err(taken_id(received));
        }
        opening::add(&self.node, repo, opening).await?;
        super::expectations_changed(&self.node).await;
        self.shown(&id).await
    }

    async fn take(&self, request: Request<api::TakeRepoRequest>) -> Answer<api::Repo> {
        let request = request.into_inner();
        let id = id(&request.repo)?;
        let peer = peers::find(&self.node, &request.peer).await?;
        let again = sharing::take(&self.node, peer.key, id.clone()).await.map_err(refuse::store)?;
        if again == Again::NotDeleted && !self.is_received(&peer, &id).await? {
            let message = format!("{} shares no repo {id} with this instance", peer.instance);
            let remedy = "ask there to share it and to grant receive-shared-repos";
            return Err(refuse::not_found(message, remedy));
        }
        super::expectations_changed(&self.node).await;
        let (known, origin) = (Known::read(&self.node).await?, Some(peer.key.to_string()));
        let mut documents = known.documents().into_iter();
        let taken = documents.find(|repo| repo.id == id.as_str() && repo.origin == origin);
        Ok(Response::new(taken.unwrap_or_else(|| awaited(&peer, &id))))
    }

    async fn edit(&self, request: Request<api::EditRepoRequest>) -> Answer<api::Repo> {
        let asker = Asker::of(&request);
        let request = request.into_inner();
        asker.names_no_command("password-command", has_command(request.password.as_ref()))?;
        let id = id(&request.repo)?;
        let before = self.own(&id).await?;
        let same = revision::same_repo(&self.node, &before, request.revision.as_deref())?;
        let is_untested = request.no_test;
        let repo = request::edited(before.clone(), request)?;
        if !is_untested && opening::is_elsewhere(&before, &repo) {
            opening::test_edited(&self.node.engine, &repo).await?;
        }
        self.replace(repo, same).await
    }

    async fn remove(&self, request: Request<api::RepoRequest>) -> Answer<RemovedRepo> {
        let id = id(&request.into_inner().repo)?;
        let service = Self::new(Arc::clone(&self.node));
        // To its end, also where whoever asked does not wait for it: members are told, or it stays.
        let removed = tokio::spawn(async move { service.removed(id).await }).await;
        removed.unwrap_or_else(|_| Err(refuse::store(StoreError::Closed))).map(Response::new)
    }

    async fn share(&self, request: Request<api::ShareRepoRequest>) -> Answer<api::Repo> {
        let request = request.into_inner();
        let id = id(&request.repo)?;
        let before = self.own(&id).await?;
        let same = revision::same_repo(&self.node, &before, request.revision.as_deref())?;
        let repo = Repo { shared: true, ..before };
        let (uri, password) = (request.member_uri, request.member_password_file);
        self.replace(request::with_member(repo, uri, password)?, same).await
    }

    async fn unshare(&self, request: Request<api::RepoRequest>) -> Answer<api::Repo> {
        let id = id(&request.into_inner().repo)?;
        let repo = Repo { shared: false, ..self.own(&id).await? };
        self.replace(repo, None).await
    }

    async fn sizes(&self, request: Request<api::RepoRequest>) -> Answer<api::RepoSizes> {
        let id = id(&request.into_inner().repo)?;
        if matches!(self.repos().await?.named(&id), Named::Unknown) {
            return Err(unknown(&id));
        }
        sizes::sizes(&self.node, &id).await.map(Response::new)
    }

    async fn init(&self, request: Request<api::RepoRequest>) -> Answer<api::Operation> {
        let id = id(&request.into_inner().repo)?;
        self.own(&id).await?;
        let operation = opening::init(&self.node, &id).await?;
        super::started(&self.node, operation).await.map(Response::new)
    }

    async fn password(&self, request: Request<api::RepoRequest>) -> Answer<api::RepoPassword> {
        let asker = Asker::of(&request);
        let id = id(&request.into_inner().repo)?;
        asker.is_at_the_socket(&format!("holdfast repo show {id} --password"))?;
        let password = self.shows(&id).await?.password.resolve().await;
        let password =
            password.map_err(|error| refuse::not_now("secret", error.to_string(), ""))?;
        tracing::info!(repo = %id, "its password was shown on the local socket");
        let (repo, password) = (id.to_string(), password.expose().to_owned());
        Ok(Response::new(api::RepoPassword { repo, password }))
    }
}

/// This machine's repos and the received ones.
pub(super) async fn documents(node: &Node) -> Result<Vec<api::Repo>, Status> {
    Ok(Known::read(node).await?.documents())
}

/// The same, each with the upkeep that failed.
pub(super) async fn with_failing(node: &Node) -> Result<Vec<(api::Repo, Vec<Failing>)>, Status> {
    let (mut repos, failing): (Vec<_>, Vec<_>) =
        Known::read(node).await?.with_failing().into_iter().unzip();
    sizes::newest(node, &mut repos).await?;
    Ok(repos.into_iter().zip(failing).collect())
}

fn id(text: &str) -> Result<RepoId, Status> {
    refuse::field("repo", text)
}

fn unknown(id: &RepoId) -> Status {
    refuse::not_found(format!("there is no repo {id}"), "holdfast repo list")
}

fn taken_id(received: &ReceivedRepo) -> Status {
    let message = format!("repo {} is one that a peer shares with this instance", received.id);
    api::Error::new("exists", message, "choose another id, or remove that one first")
        .into_status(tonic::Code::AlreadyExists)
}

impl Service {
    async fn repos(&self) -> Result<Repos, Status> {
        let config = self.node.config.current();
        let read = self.node.with_trust(move |trust, _| Repos::read(config, trust)).await;
        read.map_err(refuse::store)
    }

    async fn removed(&self, id: RepoId) -> Result<RemovedRepo, Status> {
        let before = self.repos().await?;
        let mut kept = None;
        let origin = match before.named(&id) {
            Named::Own(repo) => {
                let removal = vec![Edit::RemoveRepo(id.clone())];
                self.node.rehearse(removal.clone()).await.map_err(refuse::edit)?;
                kept = removed::keep(&self.node, Removed::Repo(id.clone())).await;
                self.taken_back(repo).await?;
                self.node.edit(removal).await.map_err(refuse::edit)?;
                None
            }
            Named::Unusable(_, Obstacle::Removed) | Named::Unknown => return Err(unknown(&id)),
            Named::Received(repo) | Named::Unusable(repo, _) => {
                let (origin, id) = (repo.origin, repo.id.clone());
                sharing::delete(&self.node, origin, id).await.map_err(refuse::store)?;
                Some(origin.to_string())
            }
        };
        super::expectations_changed(&self.node).await;
        let disabled_plans = self.disabled_since(&before, &id).await?;
        let (kept_in, kept_until) = kept.unzip();
        Ok(RemovedRepo {
            repo: id.to_string(),
            origin,
            disabled_plans,
            kept_in: kept_in.map(|file| file.display().to_string()),
            kept_until: kept_until.map(|until| until.to_string()),
        })
    }

    /// Tells the members while the file still has it, as not shared: a repo that is merely absent says
    /// nothing to them, and a daemon that dies in between reads at its next start what was meant.
    async fn taken_back(&self, repo: &Repo) -> Result<(), Status> {
        if repo.shared {
            let unshared = Repo { shared: false, ..repo.clone() };
            self.write(Edit::ReplaceRepo(Box::new(unshared))).await?;
        }
        let told = sharing::unshare(&self.node, repo.id.clone()).await;
        told.map(drop).map_err(refuse::store)
    }

    /// A repo of the config; anything else cannot be changed here.
    async fn own(&self, id: &RepoId) -> Result<Repo, Status> {
        let repos = self.repos().await?;
        match repos.named(id) {
            Named::Own(repo) => Ok(repo.clone()),
            Named::Received(repo) | Named::Unusable(repo, _) => {
                let owner = repos.origin_name(&repo.origin);
                let message = format!("repo {id} is shared by {owner}, and read-only here");
                Err(refuse::not_now("read-only", message, &format!("change it on {owner}")))
            }
            Named::Unknown => Err(unknown(id)),
        }
    }

    /// A repo of the config, whose password is this instance's to show.
    async fn shows(&self, id: &RepoId) -> Result<Repo, Status> {
        let repos = self.repos().await?;
        let (Named::Received(repo) | Named::Unusable(repo, _)) = repos.named(id) else {
            return self.own(id).await;
        };
        let owner = repos.origin_name(&repo.origin);
        let message =
            format!("repo {id} is shared by {owner}: its password is the owner's to show");
        let remedy = format!("ask on {owner}: holdfast repo show {id} --password");
        Err(refuse::not_now("read-only", message, &remedy))
    }

    /// The document of what an id names.
    async fn shown(&self, id: &RepoId) -> Answer<api::Repo> {
        let known = Known::read(&self.node).await?;
        let repos = self.repos().await?;
        let document = match repos.named(id) {
            Named::Own(repo) => Some(api::Repo {
                dropped: held_back(repo),
                members: self.members(repo).await?,
                conflict: repos.shadowed(id),
                ..known.own(repo)
            }),
            Named::Received(repo) | Named::Unusable(repo, _) => known.received(repo),
            Named::Unknown => None,
        };
        let mut document = document.ok_or_else(|| unknown(id))?;
        sizes::newest(&self.node, std::slice::from_mut(&mut document)).await?;
        Ok(Response::new(document))
    }

    async fn members(&self, repo: &Repo) -> Result<Vec<api::RepoMember>, Status> {
        let own = self.node.config.current().instance.clone();
        let members = sharing::members(&self.node, repo).await.map_err(refuse::store)?;
        Ok(members.into_iter().map(|member| document::member(member, &repo.id, &own)).collect())
    }

    async fn write(&self, edit: Edit) -> Result<Arc<Config>, Status> {
        self.node.edit(vec![edit]).await.map_err(refuse::edit)
    }

    /// Where it has to be the `same` as before, it is looked at under the lock of the file.
    async fn replace(&self, repo: Repo, same: Option<Repo>) -> Answer<api::Repo> {
        let id = repo.id.clone();
        let same = same.map(|repo| Edit::If(Box::new(Same::Repo(repo))));
        let edits = same.into_iter().chain([Edit::ReplaceRepo(Box::new(repo))]).collect();
        self.node.edit(edits).await.map_err(refuse::edit)?;
        self.shown(&id).await
    }

    /// The plans on that repo that could run before and cannot now.
    async fn disabled_since(&self, before: &Repos, id: &RepoId) -> Result<Vec<String>, Status> {
        let (config, now) = (self.node.config.current(), self.repos().await?);
        let plans = config.plans.iter().filter(|plan| plan.repo == *id);
        let stopped = plans.filter(|plan| {
            disabled_reason(plan, before).is_none() && disabled_reason(plan, &now).is_some()
        });
        Ok(stopped.map(|plan| plan.id.to_string()).collect())
    }

    async fn is_received(&self, peer: &Peer, id: &RepoId) -> Result<bool, Status> {
        let repos = self.repos().await?;
        Ok(repos.received().iter().any(|repo| repo.origin == peer.key && repo.id == *id))
    }
}

/// What the members of a repo do not get of it.
fn held_back(repo: &Repo) -> Vec<api::DroppedField> {
    let held = sharing::held_back(repo).into_iter();
    held.map(|part| api::DroppedField { field: part.field, reason: part.reason }).collect()
}

/// A repo that a person wants again and whose owner is away.
fn awaited(peer: &Peer, id: &RepoId) -> api::Repo {
    api::Repo {
        id: id.to_string(),
        shared: true,
        origin: Some(peer.key.to_string()),
        origin_instance: Some(peer.instance.to_string()),
        read_only: true,
        state: "disabled".to_owned(),
        reason: Some(format!("{} sends it when it is connected next", peer.instance)),
        ..api::Repo::default()
    }
}

/// Whether a password is to come out of a command.
pub(super) fn has_command(password: Option<&api::PasswordSource>) -> bool {
    password.is_some_and(|password| password.command.is_some())
}
