//! The local daemon's API over its Unix socket.

use super::Failure;
use crate::api::command_service_client::CommandServiceClient;
use crate::api::config_service_client::ConfigServiceClient;
use crate::api::draft_service_client::DraftServiceClient;
use crate::api::fleet_service_client::FleetServiceClient;
use crate::api::hook_service_client::HookServiceClient;
use crate::api::operation_service_client::OperationServiceClient;
use crate::api::peer_service_client::PeerServiceClient;
use crate::api::plan_service_client::PlanServiceClient;
use crate::api::repo_service_client::RepoServiceClient;
use crate::api::settings_service_client::SettingsServiceClient;
use crate::api::snapshot_service_client::SnapshotServiceClient;
use crate::api::status_service_client::StatusServiceClient;
use crate::api::token_service_client::TokenServiceClient;
use crate::api::upkeep_service_client::UpkeepServiceClient;
use crate::api::user_service_client::UserServiceClient;
use crate::net::local::{self, LocalError};
use std::path::{Path, PathBuf};
use tonic::transport::Channel;

/// The largest answer that is not a stream: the list of some ten thousand peers.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A connection to one daemon.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
}

macro_rules! services {
    ($($name:ident: $client:ident),+ $(,)?) => {
        impl Client {
            $(pub(crate) fn $name(&self) -> $client<Channel> {
                $client::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
            })+
        }
    };
}

services!(
    status: StatusServiceClient,
    tokens: TokenServiceClient,
    peers: PeerServiceClient,
    repos: RepoServiceClient,
    plans: PlanServiceClient,
    drafts: DraftServiceClient,
    fleet: FleetServiceClient,
    operations: OperationServiceClient,
    snapshots: SnapshotServiceClient,
    config: ConfigServiceClient,
    hooks: HookServiceClient,
    upkeep: UpkeepServiceClient,
    commands: CommandServiceClient,
    settings: SettingsServiceClient,
    users: UserServiceClient,
);

impl Client {
    /// Connects to the daemon that runs on this data directory.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] where nothing answers.
    pub(crate) async fn connect(data_dir: &Path) -> Result<Self, Failure> {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let socket = local::socket_path(data_dir, runtime_dir.as_deref())
            .map_err(|error| Failure::usage(error.to_string(), ""))?;
        match local::connect(&socket).await {
            Ok(channel) => Ok(Self { channel }),
            Err(LocalError::Unreachable { path, source }) => {
                Err(Failure::no_daemon(&path, &source.to_string()))
            }
            Err(error) => Err(Failure::no_daemon(&socket, &error.to_string())),
        }
    }
}
