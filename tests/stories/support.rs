//! Backups, pairs, logs of a given length, and a wire that can be held up.

use super::machine::{Machine, PATIENCE, light};
use holdfast::clock;
use holdfast::config::read_or_create_identity;
use holdfast::model::{Operation, OperationId, OperationKind, Status, Timestamp};
use holdfast::store::History;
use holdfast::store::history::Owner;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A machine whose plan `home` saves a few real files into a repository of its own.
pub(crate) fn backs_up(machine: &Machine) {
    let files = machine.folder().join("files");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("letter.txt"), format!("from {}", machine.name)).unwrap();
    let password = machine.folder().join("pass");
    fs::write(&password, "correct horse").unwrap();
    let repository = machine.folder().join("repository");
    light::repository(&repository, 1);
    let (repository, password) = (text(&repository), text(&password));
    machine.ask(&["repo", "add", "vault", &repository, "--password-file", &password]);
    machine.ask(&["plan", "add", "home", "--repo", "vault", "--path", &text(&files)]);
    backup(machine);
}

/// One more backup; the operation.
pub(crate) fn backup(machine: &Machine) -> Value {
    let operation = machine.ask(&["plan", "backup", "home"]);
    assert_eq!(operation["status"], "succeeded", "{operation}");
    // The index of its snapshots follows: only then does the log stay as it is.
    let deadline = Instant::now() + PATIENCE;
    while !operations(machine, &[]).iter().any(|other| {
        other["kind"] == "index"
            && other["flow"] == operation["flow"]
            && other["ended_at"].is_string()
    }) {
        assert!(Instant::now() < deadline, "no index followed {operation}");
        sleep(Duration::from_millis(20));
    }
    operation
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// `member` joins `hub` and lets it read everything.
pub(crate) fn pair(member: &Machine, hub: &Machine) {
    let joined = member.joins(hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    assert_eq!(joined["state"], "connected", "{joined}");
}

/// What the hub says of the member.
pub(crate) fn seen(hub: &Machine, member: &Machine) -> Value {
    hub.ask(&["peer", "show", &member.name])
}

/// Waits until the hub holds that many live operations of the member, verified: as long as it goes on.
#[track_caller]
pub(crate) fn holds(hub: &Machine, member: &Machine, operations: u64) {
    let all = |log: &Value| log["operations"] == operations && log["behind"] == Value::Bool(false);
    let (mut held, mut log) = (0, Value::Null);
    while !all(&log) {
        let peer = hub.until(&["peer", "show", &member.name], |peer| {
            all(&peer["log"]) || peer["log"]["operations"].as_u64() > Some(held)
        });
        log = peer["log"].clone();
        held = log["operations"].as_u64().unwrap_or_default();
    }
}

/// Waits until the link is as wanted, as this machine sees it.
#[track_caller]
pub(crate) fn link(machine: &Machine, peer: &Machine, state: &str) -> Value {
    machine.until(&["peer", "show", &peer.name], |peer| peer["state"] == state)
}

/// The operations that a machine lists with these arguments.
pub(crate) fn operations(machine: &Machine, more: &[&str]) -> Vec<Value> {
    machine.cli(&[&["ops"], more].concat()).lines()
}

/// Puts finished operations of one entry each into the log of a machine that is not running.
pub(crate) fn fill(machine: &Machine, count: u32) {
    let identity = read_or_create_identity(&machine.data().join("identity.key")).unwrap();
    let owner = Owner { public_key: identity.public_key() };
    let history = History::open(&machine.data(), owner).unwrap();
    let began = clock::now().minus(Duration::from_secs(24 * 3600));
    for first in (0..count).step_by(1_000) {
        let name = machine.name.clone();
        let appended = history.write_blocking(move |tx| {
            let mut own = tx.own()?;
            for number in first..count.min(first + 1_000) {
                own.append(&finished(&name, number, began))?;
            }
            Ok(())
        });
        appended.unwrap();
    }
    let closing = async { history.close().await };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(closing);
}

fn finished(instance: &str, number: u32, began: Timestamp) -> Operation {
    let at = began.plus(Duration::from_millis(u64::from(number)));
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.to_be_bytes());
    let id = OperationId::new(at, random);
    Operation {
        status: Status::Succeeded,
        repo: Some("vault".parse().unwrap()),
        plan: Some(format!("plan-{}", number % 10).parse().unwrap()),
        snapshot: Some("ab".repeat(32)),
        ended_at: Some(at),
        message: "x".repeat(700),
        ..Operation::begun(id, instance.parse().unwrap(), OperationKind::Backup, at)
    }
}

/// Copies a folder of plain files.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A wire to an address. When held up, its connections stay open and nothing gets through.
pub(crate) struct Wire {
    pub(crate) url: String,
    held: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held = Arc::new(AtomicBool::new(false));
        let wire = Self { url, held: Arc::clone(&held) };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                if let Ok(far) = TcpStream::connect(address) {
                    let ways = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                    for (from, to) in ways {
                        let held = Arc::clone(&held);
                        std::thread::spawn(move || carry(from.unwrap(), to.unwrap(), &held));
                    }
                }
            }
        });
        wire
    }

    /// From now on, or no longer, what is sent is swallowed.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }
}

/// A connection that ever was held up carries nothing more: bytes are missing in it.
fn carry(mut from: TcpStream, mut to: TcpStream, held: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    let mut broken = false;
    while let Ok(count) = from.read(&mut bytes) {
        broken |= held.load(Ordering::SeqCst);
        let sent = if broken { Ok(()) } else { to.write_all(&bytes[..count]) };
        if count == 0 || sent.is_err() {
            break;
        }
    }
    // The other direction ends as well; which of the two is first does not matter.
    let _ = to.shutdown(std::net::Shutdown::Both);
}
