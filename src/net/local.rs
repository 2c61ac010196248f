//! The local API's carrier: a Unix socket that only its owner can open.
//!
//! It knows no service; the socket's mode is the whole of its access control.

use crate::shutdown::Guard;
use hyper_util::rt::TokioIo;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Server};

const NAME: &str = "holdfast.sock";
/// The kernel takes 108 bytes on Linux and 104 elsewhere, with an end mark.
const LONGEST_PATH: usize = 100;
/// How long calls under way may take to end when the daemon stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why the local API is not there.
#[derive(Debug, Error)]
pub enum LocalError {
    /// No daemon answers on the socket: exit code 3.
    #[error(
        "no holdfast daemon answers on {path}: {source}. Start one with `holdfast run`, or name its --data-dir"
    )]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon has the socket.
    #[error(
        "another holdfast daemon answers on {path}. Stop it first, or choose another --data-dir"
    )]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is in its place.
    #[error("{path} is there and is not a socket. Move it away")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The data directory's path is long and there is no other place.
    #[error(
        "socket path {path} has {length} bytes, at most {LONGEST_PATH} work. Set XDG_RUNTIME_DIR, or choose a shorter --data-dir"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        length: usize,
    },
    /// The socket could not be made or served.
    #[error("cannot serve on {path}: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The services ended by themselves.
    #[error("the local API failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Where the socket of a data directory is: in it, or, where that path is too long, in
/// `$XDG_RUNTIME_DIR` under a name made from it. `runtime_dir` is that variable's value.
pub fn socket_path(data_dir: &Path, runtime_dir: Option<&Path>) -> Result<PathBuf, LocalError> {
    let inside = data_dir.join(NAME);
    if length(&inside) <= LONGEST_PATH {
        return Ok(inside);
    }
    let fallback =
        runtime_dir.map(|dir| dir.join(format!("holdfast-{}.sock", short_name(data_dir))));
    match fallback {
        Some(path) if length(&path) <= LONGEST_PATH => Ok(path),
        Some(_) | None => Err(LocalError::TooLong { length: length(&inside), path: inside }),
    }
}

fn length(path: &Path) -> usize {
    path.as_os_str().len()
}

fn short_name(data_dir: &Path) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    hex::encode(&digest[..8])
}

/// The bound socket; removed when dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    remove: RemoveOnDrop,
}

#[derive(Debug)]
struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = fs::remove_file(&self.0);
    }
}

impl LocalSocket {
    /// Binds `path` with mode 0600. A socket on which nobody answers is removed first; the caller
    /// holds the data directory's lock, so no other daemon can be starting there.
    pub fn bind(path: &Path) -> Result<Self, LocalError> {
        remove_stale(path)?;
        bind_private(path)
            .map(|listener| Self { listener, remove: RemoveOnDrop(path.to_owned()) })
            .map_err(|source| LocalError::Socket { path: path.to_owned(), source })
    }

    /// The socket's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.remove.0
    }

    /// Serves `routes` until the stop is asked for.
    pub async fn serve(self, routes: Routes, mut guard: Guard) -> Result<(), LocalError> {
        let Self { listener, remove } = self;
        let connections = UnixListenerStream::new(listener);
        let mut patience = guard.clone();
        let stopped = async move { guard.asked().await };
        let serving =
            Server::builder().add_routes(routes).serve_with_incoming_shutdown(connections, stopped);
        let too_late = async move {
            patience.asked().await;
            tokio::time::sleep(FAREWELL).await;
        };
        let served = tokio::select! {
            served = serving => served,
            // Somebody follows a stream and does not let go.
            () = too_late => Ok(()),
        };
        drop(remove);
        Ok(served?)
    }
}

fn remove_stale(path: &Path) -> Result<(), LocalError> {
    let failed = |source| LocalError::Socket { path: path.to_owned(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        return Err(LocalError::NotASocket { path: path.to_owned() });
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(LocalError::Taken { path: path.to_owned() });
    }
    fs::remove_file(path).map_err(failed)
}

/// Bound beside its place and moved there once it is private: it is never open to others, and
/// never there without answering.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let directory = tempfile::Builder::new()
        .prefix(".s")
        .rand_bytes(4)
        .tempdir_in(path.parent().unwrap_or(Path::new(".")))?;
    let aside = directory.path().join("s");
    let listener = UnixListener::bind(&aside)?;
    fs::set_permissions(&aside, fs::Permissions::from_mode(0o600))?;
    fs::rename(&aside, path)?;
    Ok(listener)
}

/// A channel to the daemon on `path`, or [`LocalError::Unreachable`].
pub async fn connect(path: &Path) -> Result<Channel, LocalError> {
    let unreachable = |source| LocalError::Unreachable { path: path.to_owned(), source };
    UnixStream::connect(path).await.map_err(unreachable)?;
    let path = path.to_owned();
    // The address names nobody: every connection goes to the socket.
    let channel = Endpoint::from_static("http://local").connect_with_connector_lazy(
        tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }),
    );
    Ok(channel)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shutdown::Shutdown;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    #[test]
    fn a_long_data_directory_falls_back_to_the_runtime_directory() {
        let short = socket_path(Path::new("/data"), None).unwrap();
        assert_eq!(short, Path::new("/data/holdfast.sock"));
        let long = PathBuf::from("/".to_owned() + &"d".repeat(100));
        let runtime = socket_path(&long, Some(Path::new("/run/user/1000"))).unwrap();
        assert!(runtime.starts_with("/run/user/1000") && length(&runtime) <= LONGEST_PATH);
        assert!(matches!(socket_path(&long, None), Err(LocalError::TooLong { length: 115, .. })));
    }

    #[tokio::test]
    async fn the_socket_is_private_answers_and_leaves_with_its_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        assert!(matches!(connect(&path).await, Err(LocalError::Unreachable { .. })));
        let socket = LocalSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(LocalSocket::bind(&path), Err(LocalError::Taken { .. })));
        let shutdown = Shutdown::default();
        let guard = shutdown.guard();
        let answer = axum::routing::get(|| async { "here" });
        let routes = Routes::from(axum::Router::new().route("/ping", answer));
        let serving = tokio::spawn(socket.serve(routes, guard));
        let channel = connect(&path).await.unwrap();
        let ping =
            http::Request::get("http://local/ping").body(tonic::body::Body::empty()).unwrap();
        let answer = channel.oneshot(ping).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(answer.to_bytes(), "here");
        shutdown.complete().await;
        serving.await.unwrap().unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a killed daemon leaves its socket");
        LocalSocket::bind(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(matches!(LocalSocket::bind(&path), Err(LocalError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
