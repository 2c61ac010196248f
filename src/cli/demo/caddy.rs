//! A real Caddy before the hub, where one is installed: only the sync path goes through.

use super::PATIENCE;
use super::machine::free_port;
use crate::cli::Failure;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A proxy that the demo started; it ends with this value unless [`Caddy::release`]d.
pub(super) struct Caddy {
    pub(super) url: String,
    child: Child,
}

impl Caddy {
    /// `None` where no `caddy` is on the PATH.
    pub(super) async fn start(folder: &Path, upstream: u16) -> Result<Option<Self>, Failure> {
        let port = free_port()?;
        let file = folder.join("Caddyfile");
        fs::write(&file, caddyfile(port, upstream))
            .map_err(|error| Failure::file(&file, &error))?;
        let spawned = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            // Its own state stays in the demo's folder.
            .env("XDG_CONFIG_HOME", folder.join("caddy"))
            .env("XDG_DATA_HOME", folder.join("caddy"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::from(error)),
        };
        answers(port).await?;
        Ok(Some(Self { url: format!("http://127.0.0.1:{port}"), child }))
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Lets it outlive the demo.
    pub(super) fn release(self) {
        std::mem::forget(self.child);
    }
}

async fn answers(port: u16) -> Result<(), Failure> {
    let mut pause = tokio::time::interval(Duration::from_millis(25));
    let connecting = async {
        loop {
            pause.tick().await;
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| {
        Failure::local("demo", "caddy was started and does not answer", "run it by hand")
    })
}

/// No admin endpoint, no certificates: all on loopback.
fn caddyfile(port: u16, upstream: u16) -> String {
    format!(
        "{{
	admin off
	auto_https off
	servers {{
		protocols h1 h2 h2c
	}}
}}

http://127.0.0.1:{port} {{
	bind 127.0.0.1
	@sync path /holdfast.sync.v1.SyncService/*
	handle @sync {{
		reverse_proxy h2c://127.0.0.1:{upstream} {{
			flush_interval -1
			transport http {{
				versions h2c
				read_timeout 24h
				write_timeout 24h
			}}
		}}
	}}
	handle {{
		respond 404
	}}
}}
"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn caddy_answers_404_outside_the_sync_path() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = free_port().unwrap();
        let Some(caddy) = Caddy::start(folder.path(), nobody).await.unwrap() else {
            eprintln!("caddy is not installed");
            return;
        };
        let address = caddy.url.trim_start_matches("http://").to_owned();
        let status = async |path: &str| {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(status("/").await, "404");
        assert_eq!(status("/holdfast.api.v1.StatusService/Get").await, "404");
        // Nobody is behind it: the proxy says so, which shows that the path goes through.
        assert_eq!(status("/holdfast.sync.v1.SyncService/Sync").await, "502");
    }
}
