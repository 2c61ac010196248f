//! What the command line takes from the parts below it, in one place.

use super::Failure;
use hyper_util::rt::TokioIo;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

/// Where the daemon of a data directory listens for this machine's people.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("holdfast.sock")
}

/// A channel over that socket; the reason in words where nothing answers.
pub(crate) async fn connect(socket: &Path) -> Result<Channel, String> {
    let path = socket.to_owned();
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    // The address is never resolved: the connector goes to the socket.
    Endpoint::from_static("http://local.invalid").connect_with_connector(connector).await.map_err(
        |error| {
            let cause = std::error::Error::source(&error);
            cause.map_or_else(|| error.to_string(), ToString::to_string)
        },
    )
}

/// A part that is composed with the daemon.
fn not_linked(part: &str) -> Failure {
    Failure::local("not-linked", format!("{part} is not part of this build"), "")
}

/// Runs the daemon until it is asked to stop.
pub(crate) async fn run(_options: super::run::Options) -> Result<(), Failure> {
    Err(not_linked("the daemon"))
}

/// Becomes the command, bound to the life of this process's parent.
pub(crate) fn guard(_command: &[std::ffi::OsString]) -> Result<std::convert::Infallible, Failure> {
    Err(not_linked("the guard of child processes"))
}

/// Writes a commented config and an identity where there is none; the identity's key id.
pub(crate) fn init(
    _config: &Path,
    _data_dir: &Path,
    _instance: Option<&str>,
) -> Result<crate::api::Identity, Failure> {
    Err(not_linked("the config writer"))
}

/// Every problem of a config text, in the order of its lines.
pub(crate) fn check_config(_text: &str) -> Result<Vec<crate::api::Problem>, Failure> {
    Err(not_linked("the config reader"))
}

/// The hashes of the log.
pub(crate) mod chain {
    pub(crate) use crate::reconcile::{chain_zero, digest, link, root};
}
