//! One instance of the demo: a child process of this binary with a folder of its own.

use super::PATIENCE;
use crate::cli::Failure;
use crate::cli::client::Client;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// A daemon that the demo started; it ends with this value unless [`Machine::release`]d.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) data_dir: PathBuf,
    pub(super) port: u16,
    pub(super) url: String,
    log: PathBuf,
    child: Child,
    client: Option<Client>,
}

impl Machine {
    /// Starts `holdfast run` on a free port; its output goes to a file beside its data.
    pub(super) fn start(folder: &Path, name: &str) -> Result<Self, Failure> {
        let home = folder.join(name);
        fs::create_dir_all(&home).map_err(|error| Failure::file(&home, &error))?;
        let port = free_port()?;
        let config = home.join("config.toml");
        let text = format!("instance = \"{name}\"\nlisten = [\"127.0.0.1:{port}\"]\n");
        fs::write(&config, text).map_err(|error| Failure::file(&config, &error))?;
        let data_dir = home.join("data");
        let log = home.join("log.txt");
        let output = File::create(&log).map_err(|error| Failure::file(&log, &error))?;
        let child = Command::new(std::env::current_exe()?)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(&data_dir)
            .env_remove("HOLDFAST_LISTEN")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // Ctrl-C is for the demo, which then ends its machines in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { name: name.to_owned(), data_dir, port, url, log, child, client: None })
    }

    /// Waits until its API answers.
    pub(super) async fn ready(mut self) -> Result<Self, Failure> {
        let mut pause = tokio::time::interval(Duration::from_millis(25));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            pause.tick().await;
            if let Ok(client) = Client::connect(&self.data_dir).await {
                self.client = Some(client);
                return Ok(self);
            }
            let ended = self.child.try_wait()?;
            if let Some(status) = ended {
                let message =
                    format!("{} ended at once ({status}): {}", self.name, self.last_words());
                return Err(Failure::local("demo", message, ""));
            }
            if tokio::time::Instant::now() > deadline {
                let message = format!("{} does not answer", self.name);
                return Err(Failure::local("demo", message, &self.see_log()));
            }
        }
    }

    pub(super) fn client(&self) -> Result<&Client, Failure> {
        self.client.as_ref().ok_or_else(|| Failure::local("demo", "asked before it was ready", ""))
    }

    /// The end of its log, as long as the folder exists.
    pub(super) fn see_log(&self) -> String {
        format!("the last lines of {}: {}", self.name, self.last_words())
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to stop and waits; what does not is killed with this value.
    pub(super) async fn stop(mut self) {
        terminate(&self.child);
        // Late is killed when the value goes.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
    }

    /// Lets it outlive the demo.
    pub(super) fn release(self) {
        std::mem::forget(self.child);
    }
}

/// SIGTERM, as a service manager would send it.
fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        // It has ended already: nothing is left to ask.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
