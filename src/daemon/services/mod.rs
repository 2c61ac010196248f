//! The API of this instance for the people and programs of its own machine (`proto/holdfast/api`).
//!
//! Each service translates and decides nothing that another caller would have to decide again.
//! On the socket access is its mode: who can open it may do everything. Who comes by HTTP was let in
//! by `web`, by the least role of the method.
//!
//! 1. A refused call names the field and what to do, and has changed nothing.
//! 2. No answer carries a secret, but the one that creates a token or a key.

mod addresses;
mod asker;
mod commands;
mod config;
mod describe;
mod drafts;
mod glance;
mod grants;
mod hooks;
mod lookup;
mod operations;
mod peers;
mod plans;
mod reflection;
mod refuse;
mod removed;
mod repos;
mod revision;
mod settings;
mod sessions;
mod snapshots;
mod started;
mod status;
mod stream;
mod tokens;
mod upkeep;
mod users;

pub(super) use plans::fleet;
pub(super) use snapshots::Downloading;

use super::expectations;
use super::node::Node;
use crate::api::command_service_server::CommandServiceServer;
use crate::api::config_service_server::ConfigServiceServer;
use crate::api::draft_service_server::DraftServiceServer;
use crate::api::fleet_service_server::FleetServiceServer;
use crate::api::hook_service_server::HookServiceServer;
use crate::api::operation_service_server::OperationServiceServer;
use crate::api::peer_service_server::PeerServiceServer;
use crate::api::plan_service_server::PlanServiceServer;
use crate::api::repo_service_server::RepoServiceServer;
use crate::api::session_service_server::SessionServiceServer;
use crate::api::settings_service_server::SettingsServiceServer;
use crate::api::snapshot_service_server::SnapshotServiceServer;
use crate::api::status_service_server::StatusServiceServer;
use crate::api::token_service_server::TokenServiceServer;
use crate::api::upkeep_service_server::UpkeepServiceServer;
use crate::api::user_service_server::UserServiceServer;
use started::started;
use std::sync::Arc;
use tonic::Status;
use tonic::service::Routes;

/// Everything that is answered on the socket.
pub(super) fn routes(node: Arc<Node>) -> Routes {
    let routes = Routes::new(StatusServiceServer::new(status::Service::new(Arc::clone(&node))))
        .add_service(TokenServiceServer::new(tokens::Service::new(Arc::clone(&node))))
        .add_service(PeerServiceServer::new(peers::Service::new(Arc::clone(&node))))
        .add_service(ConfigServiceServer::new(config::Service::new(Arc::clone(&node))))
        .add_service(OperationServiceServer::new(operations::Service::new(Arc::clone(&node))))
        .add_service(FleetServiceServer::new(glance::Service::new(Arc::clone(&node))))
        .add_service(PlanServiceServer::new(plans::Service::new(Arc::clone(&node))))
        .add_service(RepoServiceServer::new(repos::Service::new(Arc::clone(&node))))
        .add_service(HookServiceServer::new(hooks::Service::new(Arc::clone(&node))))
        .add_service(CommandServiceServer::new(commands::Service::new(Arc::clone(&node))))
        .add_service(UpkeepServiceServer::new(upkeep::Service::new(Arc::clone(&node))))
        .add_service(DraftServiceServer::new(drafts::Service::new(Arc::clone(&node))))
        .add_service(SettingsServiceServer::new(settings::Service::new(Arc::clone(&node))))
        .add_service(SessionServiceServer::new(sessions::Service::new(Arc::clone(&node))))
        .add_service(UserServiceServer::new(users::Service::new(Arc::clone(&node))))
        .add_service(SnapshotServiceServer::new(snapshots::Service::new(node)));
    reflection::described(routes)
}

/// What reads or writes files, apart from what answers others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Status::cancelled("the daemon stops")))
}

/// Peers are to know what the plans promise from now on.
async fn expectations_changed(node: &Node) {
    let now = (node.config.current(), node.scheduler.agenda());
    if let Err(error) = expectations::refresh(now, &node.trust, &node.history).await {
        tracing::error!(%error, "peers do not know yet what the plans promise now");
    }
}
