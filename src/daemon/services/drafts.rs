//! What an editor asks before anything is saved: the checks of the config file on a copy of it.
//!
//! 1. Nothing here changes anything, on disk, in a repository or at a peer.
//! 2. No answer carries a stored secret, and none repeats one that came with the question.

mod checking;
mod folder;
mod measuring;
mod timing;
mod visible;
mod weighing;

use super::asker::Asker;
use super::stream::{Answers, streamed};
use super::{grants, plans, refuse, repos, revision};
use crate::api::draft_service_server::DraftService;
use crate::api::{self, CheckedDraft, Written};
use crate::config::{Plan, Repo};
use crate::daemon::Node;
use crate::daemon::ports::{Named, Repos};
use crate::model::{PlanId, RepoId};
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
impl DraftService for Service {
    async fn check_plan(&self, request: Request<api::CheckPlanRequest>) -> Answer<CheckedDraft> {
        checking::plan(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn check_repo(&self, request: Request<api::CheckRepoRequest>) -> Answer<CheckedDraft> {
        checking::repo(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn schedule(&self, request: Request<api::ScheduleRequest>) -> Answer<api::ScheduleWords> {
        Ok(Response::new(timing::words(&self.node, request.into_inner())))
    }

    async fn retention(
        &self,
        request: Request<api::RetentionRequest>,
    ) -> Answer<api::RetentionPreview> {
        weighing::preview(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn test_repo(&self, request: Request<api::CheckRepoRequest>) -> Answer<api::RepoTest> {
        let asker = Asker::of(&request);
        let request = request.into_inner();
        let password = request.repo.as_ref().and_then(|repo| repo.password.as_ref());
        asker.names_no_command("password-command", repos::has_command(password))?;
        let repo = checking::drafted_repo(&self.node, request)?;
        Ok(Response::new(repos::opening::look(&self.node.engine, &repo).await))
    }

    async fn visible(&self, request: Request<api::VisibleRequest>) -> Answer<api::Visibility> {
        visible::visible(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn folder(&self, request: Request<api::FolderRequest>) -> Answer<api::Folder> {
        let request = request.into_inner();
        super::blocking(move || folder::list(&request)).await.map(Response::new)
    }

    type MeasureStream = Answers<api::Measured>;

    async fn measure(&self, request: Request<api::MeasureRequest>) -> Answer<Self::MeasureStream> {
        let plan = measuring::drafted(request.into_inner())?;
        Ok(streamed(|outlet| measuring::measure(plan, outlet)))
    }

    async fn written(&self, request: Request<api::WrittenRequest>) -> Answer<Written> {
        let api::WrittenRequest { plan, repo } = request.into_inner();
        let (read_only, reason) = read_only(&self.node);
        let written = match (plan, repo) {
            (Some(plan), None) => self.plan(&refuse::field("plan", &plan)?)?,
            (None, Some(repo)) => self.repo(&refuse::field("repo", &repo)?).await?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(refuse::invalid("give a plan or a repo", "one of the two"));
            }
        };
        let reason = written.reason.clone().or(reason);
        let read_only = read_only || written.read_only;
        Ok(Response::new(Written { read_only, reason, ..written }))
    }
}

/// Whether the file may not be edited here, and why.
fn read_only(node: &Node) -> (bool, Option<String>) {
    let path = node.config.path();
    let is_marked = super::config::is_read_only(path);
    let reason =
        || format!("configuration {} is read-only; change it where it is managed", path.display());
    (is_marked, is_marked.then(reason))
}

impl Service {
    fn plan(&self, id: &PlanId) -> Result<Written, Status> {
        let config = self.node.config.current();
        let unknown = || refuse::not_found(format!("there is no plan {id}"), "holdfast plan list");
        let plan: &Plan = config.plan(id).ok_or_else(unknown)?;
        let revision = revision::of_plan(&self.node, plan);
        let form = plans::request::form(plan);
        Ok(Written {
            plan: Some(api::AddPlanRequest { revision: Some(revision.clone()), ..form }),
            revision,
            toml: plan.show(),
            stdin_command: plan.stdin.as_ref().map(|stdin| stdin.argv.clone()).unwrap_or_default(),
            ..Written::default()
        })
    }

    async fn repo(&self, id: &RepoId) -> Result<Written, Status> {
        let config = self.node.config.current();
        if let Some(repo) = config.repo(id) {
            return Ok(self.own(repo));
        }
        let read = self.node.with_trust(move |trust, _| Repos::read(config, trust)).await;
        let repos = read.map_err(refuse::store)?;
        match repos.named(id) {
            Named::Received(repo) | Named::Unusable(repo, _) => {
                let owner = repos.origin_name(&repo.origin);
                let reason = format!("repo {id} is shared by {owner}; change it on {owner}");
                Ok(Written { read_only: true, reason: Some(reason), ..Written::default() })
            }
            Named::Own(repo) => Ok(self.own(repo)),
            Named::Unknown => {
                Err(refuse::not_found(format!("there is no repo {id}"), "holdfast repo list"))
            }
        }
    }

    fn own(&self, repo: &Repo) -> Written {
        Written {
            repo: Some(repos::request::form(repo)),
            revision: revision::of_repo(&self.node, repo),
            secrets_set: repo.secrets_set(),
            toml: repo.show(),
            ..Written::default()
        }
    }
}
