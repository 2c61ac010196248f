//! The machine's own settings, each section by itself; all of it is in the config file.
//!
//! 1. No answer carries a secret; one that is not given again stays.
//! 2. No command is written here: those are the owner's, in the file.

mod document;
mod importing;
mod reading;

use super::asker::Asker;
use super::refuse;
use crate::api::settings_service_server::SettingsService;
use crate::api::{self, ImportReport, Settings};
use crate::config::{Config, Edit, EditError, Level, Recipient, TopLevel};
use crate::daemon::Node;
use crate::model::{InstanceId, MachineClass};
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

    async fn change(&self, edits: Vec<Edit>) -> Answer<Settings> {
        self.node.edit(edits).await.map_err(refused)?;
        Ok(Response::new(document::settings(&self.node).await))
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SettingsService for Service {
    async fn get(&self, _: Request<api::GetSettingsRequest>) -> Answer<Settings> {
        Ok(Response::new(document::settings(&self.node).await))
    }

    async fn edit_instance(&self, request: Request<api::EditInstanceRequest>) -> Answer<Settings> {
        let api::EditInstanceRequest { instance, class } = request.into_inner();
        let config = self.node.config.current();
        let mut edits = Vec::new();
        if let Some(name) = instance {
            let name: InstanceId = refuse::field("instance", &name)?;
            edits.extend(renamed(&config, name));
        }
        if let Some(class) = class {
            let class: MachineClass = refuse::field("class", &class)?;
            edits.push(Edit::Set(TopLevel::Class(class)));
        }
        self.change(edits).await
    }

    async fn edit_addresses(
        &self,
        request: Request<api::EditAddressesRequest>,
    ) -> Answer<Settings> {
        self.change(reading::addresses(&request.into_inner())?).await
    }

    async fn put_channel(&self, request: Request<api::PutChannelRequest>) -> Answer<Settings> {
        let draft = reading::channel(request.into_inner())?;
        self.change(vec![Edit::PutChannel(draft)]).await
    }

    async fn remove_channel(
        &self,
        request: Request<api::RemoveChannelRequest>,
    ) -> Answer<Settings> {
        let id = request.into_inner().id;
        let users = users_of(&self.node.config.current(), &id);
        if !users.is_empty() {
            let message = format!("channel {id} is used by hooks of {}", users.join(", "));
            return Err(refuse::not_now("in-use", message, "remove those hooks first"));
        }
        self.change(vec![Edit::RemoveChannel(id)]).await
    }

    async fn put_hook(&self, request: Request<api::PutHookRequest>) -> Answer<Settings> {
        let draft = reading::hook(request.into_inner())?;
        self.change(vec![Edit::PutHook(draft)]).await
    }

    async fn remove_hook(&self, request: Request<api::RemoveHookRequest>) -> Answer<Settings> {
        let api::RemoveHookRequest { place, index } = request.into_inner();
        self.change(vec![Edit::RemoveHook(reading::place(&place)?, index as usize)]).await
    }

    async fn import_backrest(&self, request: Request<api::ImportRequest>) -> Answer<ImportReport> {
        let asker = Asker::of(&request);
        let api::ImportRequest { config, apply } = request.into_inner();
        importing::import(&self.node, &asker, config, apply).await.map(Response::new)
    }

    async fn undo_import(&self, request: Request<api::UndoImportRequest>) -> Answer<Settings> {
        importing::undo(&self.node, request.into_inner().undo).await?;
        Ok(Response::new(document::settings(&self.node).await))
    }
}

/// The name, with the old one kept: its snapshots stay this instance's.
fn renamed(config: &Config, name: InstanceId) -> Vec<Edit> {
    if name == config.instance {
        return Vec::new();
    }
    let mut formerly = config.formerly.clone();
    formerly.retain(|old| old != name.as_str());
    formerly.push(config.instance.to_string());
    vec![Edit::Set(TopLevel::Instance(name)), Edit::Set(TopLevel::Formerly(formerly))]
}

/// Where the hooks are that use a channel.
fn users_of(config: &Config, id: &str) -> Vec<String> {
    let hooks = config.hooks_by_level();
    let using =
        hooks.filter(|(_, hook)| matches!(&hook.target, Recipient::Channel(used) if used == id));
    let mut places: Vec<_> = using
        .map(|(level, _)| match level {
            Level::Instance => "the whole machine".to_owned(),
            Level::Repo(id) => format!("repo {id}"),
            Level::Plan(id) => format!("plan {id}"),
        })
        .collect();
    places.dedup();
    places
}

fn refused(error: EditError) -> Status {
    refuse::edit(error)
}
