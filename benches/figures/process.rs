//! A daemon as a process of its own.

use crate::machine::{Memory, cpu_of, cpu_with_children, memory_of};
use anyhow::{Context as _, ensure};
use holdfast::config::{DataDir, read_or_create_identity};
use holdfast::crypto::Identity;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_holdfast");
const PATIENCE: Duration = Duration::from_secs(20);

/// Where an instance lives.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) name: &'static str,
    pub(crate) data: PathBuf,
    config: PathBuf,
    pub(crate) listen: SocketAddr,
}

impl Home {
    /// With a config that listens on a free port.
    pub(crate) fn new(folder: &Path, name: &'static str) -> anyhow::Result<Self> {
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (data, config) = (folder.join(name), folder.join(format!("{name}.toml")));
        holdfast::config::create_private_dir(&data)?;
        fs::write(&config, format!("instance = \"{name}\"\nlisten = [\"{listen}\"]\n"))?;
        Ok(Self { name, data, config, listen })
    }

    pub(crate) fn identity(&self) -> anyhow::Result<Identity> {
        Ok(read_or_create_identity(&DataDir::new(self.data.clone()).identity())?)
    }

    pub(crate) fn history(&self) -> PathBuf {
        DataDir::new(self.data.clone()).history_db()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(&self.config).arg("--data-dir").arg(&self.data);
        command.env("HOLDFAST_LOG", "warn").stdin(Stdio::null());
        command
    }

    /// What a command of the command line answers under `--json`.
    pub(crate) fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.command().arg("--json").args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "holdfast {} says {said}", arguments.join(" "));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts the daemon, and waits until it listens.
    pub(crate) fn start(&self) -> anyhow::Result<Daemon> {
        let log = File::create(self.data.join("daemon.log"))?;
        let mut command = self.command();
        let child = command.arg("run").stdout(log.try_clone()?).stderr(log).spawn()?;
        let daemon = Daemon { child };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(self.listen).is_err() {
            let log = self.data.join("daemon.log");
            ensure!(Instant::now() < until, "{} does not listen, see {log:?}", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }
}

/// A running daemon; stopped when dropped.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(self.child.id())
    }

    /// With that of every restic it has run.
    pub(crate) fn cpu_with_children(&self) -> Duration {
        cpu_with_children(self.child.id())
    }

    pub(crate) fn memory(&self) -> Memory {
        memory_of(self.child.id())
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.terminate();
        let ended = self.child.wait().context("a daemon ends")?;
        ensure!(ended.success(), "a daemon ended with {ended}");
        Ok(())
    }

    fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.terminate();
        let _ = self.child.wait();
    }
}
