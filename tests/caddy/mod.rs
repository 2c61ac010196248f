//! A real Caddy of a test's own, configured by the example file.
//!
//! Use with `#[path = "../caddy/mod.rs"] mod caddy;`. It is killed when it goes out of scope.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::duplicate_mod)]

#[path = "../ports/mod.rs"]
mod ports;

pub use ports::free_address;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const EXAMPLE: &str = include_str!("../../examples/caddy/Caddyfile");

/// How the outside speaks to it.
pub enum Front {
    Plain,
    InternalCa,
    /// Plain, below `/nas`, as the example's README says.
    SubPath,
}

/// A Caddy of the test's own: its site, its admin endpoint and its storage are nobody else's.
pub struct Caddy {
    dir: TempDir,
    /// Where its site is.
    pub site: SocketAddr,
    admin: SocketAddr,
    process: Option<Child>,
}

impl Caddy {
    /// Starts one before `upstream`; `None`, and said so, where none is installed.
    pub fn start(front: &Front, upstream: SocketAddr) -> Option<Self> {
        if Command::new("caddy").arg("version").output().is_err() {
            eprintln!("skipped: caddy is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (site, admin) = (free_address(), free_address());
        let mut caddy = Self { dir, site, admin, process: None };
        fs::write(caddy.file(), caddy.configuration(front, upstream)).unwrap();
        caddy.run();
        Some(caddy)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("Caddyfile")
    }

    /// The example, its addresses exchanged and its global block completed.
    fn configuration(&self, front: &Front, upstream: SocketAddr) -> String {
        let port = self.site.port();
        let (address, tls) = match front {
            Front::Plain | Front::SubPath => (format!("http://localhost:{port}"), ""),
            Front::InternalCa => (format!("https://localhost:{port}"), "\n\ttls internal"),
        };
        let storage = self.dir.path().join("storage");
        let global = format!(
            "{{\n\tadmin {}\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system {}\n",
            self.admin,
            storage.display()
        );
        let changed = EXAMPLE
            .replacen("{\n", &global, 1)
            .replace("\nbackup.example.com {", &format!("\n{address} {{{tls}"))
            .replace("127.0.0.1:9898", &upstream.to_string());
        let changed = match front {
            Front::SubPath => changed
                .replace("path /", "path /nas/")
                .replace("handle @sync {", "handle @sync {\n\t\turi strip_prefix /nas"),
            Front::Plain | Front::InternalCa => changed,
        };
        assert!(!changed.contains("\nbackup.example.com") && !changed.contains(":9898"));
        changed
    }

    /// Runs it (again) and waits until it listens.
    pub fn run(&mut self) {
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        let process = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(self.file())
            .env("HOME", self.dir.path())
            .env("XDG_DATA_HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.site).is_err() {
            let said = || fs::read_to_string(self.dir.path().join("log")).unwrap();
            assert!(Instant::now() < deadline, "{}", said());
            sleep(Duration::from_millis(20));
        }
    }

    /// Has it read its configuration again, as if that had changed.
    pub fn reload(&self) {
        let mut reload = Command::new("caddy");
        reload.args(["reload", "--force", "--adapter", "caddyfile", "--address"]);
        reload.arg(self.admin.to_string()).arg("--config").arg(self.file());
        let output = reload.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Kills it.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let pid = rustix::process::Pid::from_child(&process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "Caddy does not end");
            sleep(Duration::from_millis(20));
        }
    }

    /// Where its site is, as a URL.
    pub fn url(&self, front: &Front) -> String {
        let (scheme, path) = match front {
            Front::Plain => ("http", ""),
            Front::InternalCa => ("https", ""),
            Front::SubPath => ("http", "/nas"),
        };
        format!("{scheme}://localhost:{}{path}", self.site.port())
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        self.kill();
    }
}
