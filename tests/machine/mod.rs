//! One instance as a person runs it: the real binary as a child process with a folder of its own,
//! driven through the command line with `--json`.
//!
//! Use with `mod machine;` at the top of a test. Everything is below one temporary folder per
//! machine; a machine that goes out of scope is killed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod light;
#[path = "../ports/mod.rs"]
mod ports;

use holdfast::config::read_or_create_identity;
use holdfast::store::History;
use holdfast::store::history::{HistoryTx, Owner};
pub use ports::free_port;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// What a command said.
#[derive(Debug)]
pub struct Output {
    /// The exit code.
    pub code: i32,
    /// The document on standard output, or null.
    pub json: Value,
    /// Standard output as text.
    pub stdout: String,
    /// Standard error as text.
    pub stderr: String,
}

impl Output {
    /// The document of a command that must succeed.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.json
    }

    /// The code of a command that must be refused, after checking that it says what to do.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_ne!(self.code, 0, "was not refused: {}", self.stdout);
        let error = self.error();
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        error["code"].as_str().unwrap().to_owned()
    }

    /// The `error` document on standard error.
    #[track_caller]
    pub fn error(&self) -> Value {
        let document = self.stderr.lines().rev().find_map(|l| serde_json::from_str(l).ok());
        let document: Value = document.unwrap_or_else(|| panic!("no error in {}", self.stderr));
        document["error"].clone()
    }

    /// One document per line, of a command that streams.
    #[track_caller]
    pub fn lines(self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A running instance.
pub struct Machine {
    /// Its instance id.
    pub name: String,
    /// Where others reach it.
    pub url: String,
    /// Its port on loopback.
    pub port: u16,
    folder: tempfile::TempDir,
    /// Its data directory.
    data: PathBuf,
    /// What its programs are started with, where they run in namespaces of their own.
    within: Vec<String>,
    /// What its daemon has in its environment besides.
    env: Vec<(String, String)>,
    child: Option<Child>,
}

/// A restic of those that CI has: the system's, and the one of Debian's next release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restic {
    V014,
    V018,
}

/// Both.
pub const RESTICS: [Restic; 2] = [Restic::V014, Restic::V018];

impl Restic {
    /// Its version.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V014 => "0.14",
            Self::V018 => "0.18",
        }
    }

    /// Where it is.
    #[track_caller]
    pub fn program(self) -> String {
        match self {
            Self::V014 => "/usr/bin/restic".to_owned(),
            Self::V018 => tool("restic-0.18/restic"),
        }
    }
}

/// A program that `.ci/install` put beside those of the system.
#[track_caller]
pub fn tool(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(name);
    assert!(path.exists(), "{path:?} is not there; .ci/install installs what the tests need");
    path.to_str().unwrap().to_owned()
}

impl Machine {
    /// Starts an instance with a config that says nothing but name, address and a short heartbeat,
    /// and waits until it answers.
    #[track_caller]
    pub fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    /// The same, with more lines of config (top-level keys first, then tables).
    #[track_caller]
    pub fn start_with(name: &str, config: &str) -> Self {
        Self::start_env(name, config, &[])
    }

    /// The same, with more in the environment of its daemon.
    #[track_caller]
    pub fn start_env(name: &str, config: &str, env: &[(&str, &str)]) -> Self {
        Self::start_within(name, Vec::new(), None, config, env)
    }

    /// The same, by programs that are started with `within`, and with its data elsewhere.
    #[track_caller]
    pub fn start_within(
        name: &str,
        within: Vec<String>,
        data: Option<PathBuf>,
        config: &str,
        env: &[(&str, &str)],
    ) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::launch(name, (within, "127.0.0.1", data), (config, env.collect()))
    }

    /// As [`Machine::start`], in a network namespace with an address of its own.
    #[track_caller]
    pub fn start_in(name: &str, netns: &str, address: &str) -> Self {
        let within = ["ip", "netns", "exec", netns].map(str::to_owned).to_vec();
        Self::launch(name, (within, address, None), ("", Vec::new()))
    }

    #[track_caller]
    fn launch(
        name: &str,
        (within, address, data): (Vec<String>, &str, Option<PathBuf>),
        (config, env): (&str, Vec<(String, String)>),
    ) -> Self {
        let port = free_port();
        let folder = tempfile::Builder::new().prefix("holdfast-").tempdir().unwrap();
        let url = format!("http://{address}:{port}");
        let data = data.unwrap_or_else(|| folder.path().join("data"));
        let name = name.to_owned();
        let mut machine = Self { name, url, port, folder, data, within, env, child: None };
        let own = format!(
            "instance = \"{}\"\nlisten = [\"{address}:{port}\"]\nurls = [\"{}\"]\n\
             heartbeat = \"1s\"\n",
            machine.name, machine.url
        );
        machine.write_config(&(own + config));
        machine.restart();
        machine
    }

    /// Its folder, for repositories and files of a test besides `config.toml` and `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its config file.
    pub fn config(&self) -> PathBuf {
        self.folder().join("config.toml")
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// What its daemon logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log.txt")).unwrap_or_default()
    }

    /// Replaces its config file; a running daemon takes it by itself.
    pub fn write_config(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    /// The process id of its daemon.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_holdfast");
        let mut words = self.within.iter().map(String::as_str).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command.env_remove("HOLDFAST_LISTEN").env_remove("HOLDFAST_LOG");
        command.arg("--config").arg(self.config()).arg("--data-dir").arg(self.data());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command against it with `--json`.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.told(&[&["--json"], arguments].concat())
    }

    /// Runs a command against it as a person's script does, without a terminal.
    #[track_caller]
    pub fn told(&self, arguments: &[&str]) -> Output {
        let output = self.command().args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let json = serde_json::from_str(&stdout).unwrap_or_default();
        Output { code: output.status.code().unwrap_or(-1), json, stdout, stderr }
    }

    /// Runs a command that must succeed; its document.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.cli(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {}\n{}", output.stderr, self.log());
        output.json
    }

    /// Repeats a command until its document is as wanted; that document.
    #[track_caller]
    pub fn until(&self, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.cli(arguments);
            if output.code == 0 && wanted(&output.json) {
                return output.json;
            }
            let last = || format!("{}{}", output.stdout, output.stderr);
            let late = Instant::now() > deadline;
            assert!(!late, "{}: {arguments:?}: {}\n{}", self.name, last(), self.log());
            sleep(POLL);
        }
    }

    /// Kills its daemon the hard way, as a power cut would.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts its daemon (after a kill if it still runs) on the same folder and port, and waits
    /// until it answers.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill9();
        let log = File::options().create(true).append(true).open(self.folder().join("log.txt"));
        let mut command = self.command();
        command.env("HOLDFAST_LOG", "holdfast=debug").arg("run");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let child = command.stdout(Stdio::null()).stderr(log.unwrap()).spawn().unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while self.cli(&["identity", "show"]).code != 0 {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {}", self.name, self.log());
            assert!(Instant::now() < deadline, "{} does not answer: {}", self.name, self.log());
            sleep(POLL);
        }
    }

    /// Writes into its history while its daemon does not run, and starts it again.
    #[track_caller]
    pub fn seed(
        &mut self,
        job: impl FnOnce(&mut HistoryTx<'_>) -> holdfast::store::Result<()> + Send + 'static,
    ) {
        self.kill9();
        let identity = read_or_create_identity(&self.data().join("identity.key")).unwrap();
        let owner = Owner { public_key: identity.public_key() };
        let history = History::open(&self.data(), owner).unwrap();
        history.write_blocking(job).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(history.close());
        self.restart();
    }

    /// Its key id.
    #[track_caller]
    pub fn key(&self) -> String {
        self.ask(&["identity", "show"])["key_id"].as_str().unwrap().to_owned()
    }

    /// Makes a token; its text.
    #[track_caller]
    pub fn token(&self, more: &[&str]) -> String {
        let created = self.ask(&[&["token", "create"], more].concat());
        created["token"].as_str().unwrap().to_owned()
    }

    /// Joins another machine with a token of it that was made and accepted with these arguments.
    #[track_caller]
    pub fn joins(&self, other: &Self, create: &[&str], join: &[&str]) -> Value {
        let token = other.token(create);
        self.ask(&[&["join", &token, "--url", &other.url], join].concat())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill9();
    }
}
