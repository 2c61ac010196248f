//! The engine with the real restic, over a real config file and the two databases.
#![allow(clippy::unwrap_used)] // a test may fail

use holdfast::clock;
use holdfast::config::{LiveConfig, Reload};
use holdfast::daemon::expectations::refresh;
use holdfast::daemon::ports::{StoredHistory, StoredRuns, connect, place};
use holdfast::daemon::scheduler::Agenda;
use holdfast::job::Engine;
use holdfast::model::{
    KeyId, Operation, OperationId, OperationKind, PlanId, RepoGuid, RepoId, Secret, Status,
    Timestamp,
};
use holdfast::restic::{Guard, Locator};
use holdfast::store::history::{Filter, Owner, StoreState, Whose};
use holdfast::store::trust::{OpenRun, ReceivedRepo, ReceivedState};
use holdfast::store::{History, Trust};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// One machine with one plan `home`, in a temporary folder.
struct Machine {
    folder: TempDir,
    daemon: Option<Daemon>,
}

/// What lives from a start to a stop.
struct Daemon {
    config: Arc<LiveConfig>,
    trust: Arc<Trust>,
    history: History,
    engine: Engine,
}

fn repo_id() -> RepoId {
    "vault".parse().unwrap()
}

fn plan_id() -> PlanId {
    "home".parse().unwrap()
}

fn secret(text: impl ToString) -> Secret {
    Secret::new(text.to_string())
}

impl Machine {
    /// With `vault` as a repo of its own.
    fn new() -> Self {
        let mut machine = Self::without_repo();
        machine.write_config(&machine.own("repo"));
        machine.start();
        machine
    }

    fn without_repo() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        std::fs::write(folder.path().join("files/letter"), "dear reader").unwrap();
        Self { folder, daemon: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self, place: &str) -> String {
        let (uri, cache) = (self.path(place), self.path("cache"));
        format!(
            "[[repo]]\nid = \"vault\"\nuri = {uri:?}\npassword-command = \"echo swordfish\"\n\
             env = {{ RESTIC_CACHE_DIR = {cache:?} }}\n"
        )
    }

    fn write_config(&self, repos: &str) {
        let files = self.path("files");
        let text = format!(
            "instance = \"nas\"\n{repos}\
             [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [{files:?}]\nmax-age = \"1d\"\n"
        );
        std::fs::write(self.path("config.toml"), text).unwrap();
    }

    fn start(&mut self) {
        let config = Arc::new(LiveConfig::open(self.path("config.toml")).unwrap());
        let trust = Arc::new(Trust::open(&self.path("data")).unwrap());
        let history = History::open(&self.path("data"), Owner { public_key: [1; 32] }).unwrap();
        let journal = Arc::new(StoredHistory::new(history.clone()));
        let runs = Arc::new(StoredRuns::new(Arc::clone(&trust)));
        let ports =
            connect(Arc::clone(&config), Arc::clone(&trust), journal, runs, Handle::current());
        let guard = Guard::Reexec(PathBuf::from(env!("CARGO_BIN_EXE_holdfast")));
        let engine = Engine::new(Locator::new(None, guard), ports);
        self.daemon = Some(Daemon { config, trust, history, engine });
    }

    /// As after a kill: nothing is said to the store any more.
    async fn end(&mut self) {
        let daemon = self.daemon.take().unwrap();
        daemon.history.close().await;
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    async fn back_up(&self) -> Operation {
        let id = self.daemon().engine.backup(&plan_id()).await.unwrap();
        self.daemon().engine.wait(id).await.unwrap()
    }

    fn locks(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.path("repo/locks")).unwrap();
        // Half-written ones have a longer name.
        let is_whole = |path: &PathBuf| path.file_name().unwrap().len() == 64;
        files.map(|file| file.unwrap().path()).filter(is_whole).collect()
    }

    /// The stale lock of a restic that died, and the pid that it had.
    fn stale_lock(&self) -> u32 {
        let mut restic = Command::new("restic");
        restic.args(["backup", "--stdin"]).stdin(Stdio::piped()).stdout(Stdio::null());
        restic.env("RESTIC_PASSWORD", "swordfish").env("RESTIC_REPOSITORY", self.path("repo"));
        restic.env("RESTIC_CACHE_DIR", self.path("cache")).stderr(Stdio::null());
        let mut restic = restic.spawn().unwrap();
        let begun = Instant::now();
        while self.locks().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "restic takes no lock");
            std::thread::sleep(Duration::from_millis(5));
        }
        restic.kill().unwrap();
        restic.wait().unwrap();
        restic.id()
    }
}

impl Daemon {
    /// The newest state of every operation, oldest first.
    async fn operations(&self) -> Vec<Operation> {
        let page = self.history.read(|reader| reader.operations(&Filter::default(), None, 100));
        let found = page.await.unwrap().operations.into_iter();
        found.map(|recorded| recorded.state.unwrap()).collect()
    }

    async fn of_kind(&self, kind: OperationKind) -> Vec<Operation> {
        self.operations().await.into_iter().filter(|found| found.kind == kind).collect()
    }

    fn guid(&self, uri: &Path) -> Option<RepoGuid> {
        self.trust.repo_guid(&repo_id(), &place(&secret(uri.display()))).unwrap()
    }

    async fn refresh(&self) -> usize {
        let agenda = Agenda::new(KeyId::from_bytes([0; 32]));
        refresh((self.config.current(), agenda), &self.trust, &self.history).await.unwrap()
    }
}

fn running(id: OperationId, started_at: Timestamp) -> Operation {
    Operation {
        repo: Some(repo_id()),
        plan: Some(plan_id()),
        ..Operation::begun(id, "nas".parse().unwrap(), OperationKind::Backup, started_at)
    }
}

fn open_run(operation: OperationId, pid: u32, since: Timestamp) -> OpenRun {
    OpenRun { operation, repo: repo_id(), plan: Some(plan_id()), pid, since, ended: None }
}

#[tokio::test]
async fn a_repository_is_created_once_and_every_state_of_a_backup_is_recorded() {
    let machine = Machine::new();
    let daemon = machine.daemon();
    assert_eq!(daemon.refresh().await, 1);
    let first = machine.back_up().await;
    assert_eq!((first.status, first.message.as_str()), (Status::Succeeded, ""));
    let second = machine.back_up().await;
    daemon.engine.stop().await;

    let init = daemon.of_kind(OperationKind::Init).await;
    assert_eq!((init.len(), init[0].status), (1, Status::Succeeded));
    assert_eq!(daemon.guid(&machine.path("repo")), first.repo_guid);
    assert_eq!(daemon.of_kind(OperationKind::Backup).await, [first.clone(), second.clone()]);
    assert_eq!(daemon.of_kind(OperationKind::Index).await.len(), 2);
    assert_eq!(second.revision, 2);

    let id = second.id;
    let job = move |reader: &holdfast::store::history::HistoryReader<'_>| {
        let recorded = reader.operation(Whose::Own, id)?.remove(0);
        Ok((reader.states(&recorded)?, reader.log_part(id, 0, 1 << 20)?))
    };
    let (states, log) = daemon.history.read(job).await.unwrap();
    let known: Vec<_> = states.iter().map(|past| past.state.as_ref().map(|s| s.status)).collect();
    assert_eq!(known, [None, Some(Status::Succeeded)], "the running one is blanked");
    assert!(String::from_utf8(log.text).unwrap().contains("\"summary\""));

    assert!(daemon.trust.open_runs().unwrap().is_empty());
    let run = daemon.trust.plan_runs().unwrap().remove(0);
    assert_eq!((run.operation, run.ended_at), (second.id, second.ended_at));
    assert_eq!(run.last_success, Some(run.started_at));
    assert_eq!(daemon.refresh().await, 1);
    let promised = daemon.history.read(|reader| reader.expectations(Whose::Own)).await.unwrap();
    assert_eq!(promised[0].1.last_met, Some(run.started_at.max(second.started_at)));
    assert_eq!(daemon.refresh().await, 0);
}

#[tokio::test]
async fn what_a_killed_daemon_left_is_marked_lost_at_the_next_start() {
    let mut machine = Machine::new();
    machine.back_up().await;
    // After the snapshot of the backup above, which is not that of this run.
    let now = clock::now();
    let id = OperationId::new(now, [7; 10]);
    let daemon = machine.daemon();
    daemon.history.write(move |tx| tx.own()?.append(&running(id, now))).await.unwrap();
    daemon.trust.run_started(&open_run(id, 4_000_000, now)).unwrap();
    daemon.engine.stop().await;
    machine.end().await;

    machine.start();
    let daemon = machine.daemon();
    assert_eq!(daemon.engine.recover().await.unwrap(), [id]);
    assert!(daemon.engine.recover().await.unwrap().is_empty(), "once");
    let lost = daemon.operations().await.into_iter().find(|found| found.id == id).unwrap();
    assert_eq!((lost.status, lost.revision), (Status::Lost, 2));
    assert!(lost.message.contains("the daemon died while this ran"));
    let run = daemon.trust.plan_runs().unwrap().remove(0);
    assert_eq!(
        (run.operation, run.ended_at, run.last_success.is_some()),
        (id, lost.ended_at, true)
    );
    daemon.engine.sweep().await;
    assert!(daemon.trust.open_runs().unwrap().is_empty());
    // The index finds no snapshot of it, and goes on asking.
    daemon.engine.index(&repo_id(), &plan_id()).await.unwrap();
    let lost = daemon.history.read(|reader| {
        reader
            .lost_backups(&holdfast::reconcile::Shard { repo: "vault".into(), plan: "home".into() })
    });
    assert_eq!(lost.await.unwrap().len(), 1);
}

#[tokio::test]
async fn locks_are_swept_and_backups_go_on_without_the_history_that_knew_of_them() {
    let mut machine = Machine::new();
    let first = machine.back_up().await;
    let daemon = machine.daemon();
    daemon.engine.stop().await;
    let id = OperationId::new(first.started_at, [7; 10]);
    let since = first.started_at;
    daemon.history.write(move |tx| tx.own()?.append(&running(id, since))).await.unwrap();
    let pid = machine.stale_lock();
    daemon.trust.run_started(&open_run(id, pid, since)).unwrap();
    machine.end().await;
    std::fs::write(machine.path("data/history.db"), "this is no database any more").unwrap();

    machine.start();
    let daemon = machine.daemon();
    assert!(matches!(*daemon.history.state().borrow(), StoreState::Empty { .. }));
    assert!(daemon.engine.recover().await.unwrap().is_empty());
    assert_eq!(machine.locks().len(), 1);
    daemon.engine.sweep().await;
    assert!(machine.locks().is_empty(), "trust.db knew whose it was");
    assert!(daemon.trust.open_runs().unwrap().is_empty());
    let next = machine.back_up().await;
    assert_eq!((next.status, &next.repo_guid), (Status::Succeeded, &first.repo_guid));
    assert_eq!(daemon.of_kind(OperationKind::Init).await, []);
    assert_eq!(daemon.refresh().await, 1);
}

#[tokio::test]
async fn a_known_repository_that_was_moved_away_is_missed_and_another_place_begins_anew() {
    let machine = Machine::new();
    let daemon = machine.daemon();
    let first = machine.back_up().await;
    std::fs::rename(machine.path("repo"), machine.path("unmounted")).unwrap();
    let failed = machine.back_up().await;
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.contains("never created again"), "{}", failed.message);
    assert!(!machine.path("repo").exists());

    machine.write_config(&machine.own("elsewhere"));
    assert_eq!(daemon.config.reload(), Reload::Changed);
    let elsewhere = machine.back_up().await;
    assert_eq!(elsewhere.status, Status::Succeeded, "{}", elsewhere.message);
    assert_ne!(elsewhere.repo_guid, first.repo_guid);

    machine.write_config(&machine.own("repo"));
    assert_eq!(daemon.config.reload(), Reload::Changed);
    assert!(machine.back_up().await.message.contains("never created again"), "known for good");
    std::fs::rename(machine.path("unmounted"), machine.path("repo")).unwrap();
    assert_eq!(machine.back_up().await.repo_guid, first.repo_guid);
}

fn received(uri: &Path) -> ReceivedRepo {
    ReceivedRepo {
        origin: KeyId::from_bytes([9; 32]),
        id: repo_id(),
        guid: "ab".repeat(32).parse().unwrap(),
        uri: secret(uri.display()),
        password: Some(secret("swordfish")),
        env: Vec::new(),
        state: ReceivedState::Taken,
        detail: String::new(),
        dropped: Vec::new(),
        revision: 1,
        changed_at: Timestamp::from_millis(1),
    }
}

#[tokio::test]
async fn x1_a_received_repo_is_used_literally_and_never_created() {
    let mut machine = Machine::without_repo();
    machine.write_config("");
    machine.start();
    let daemon = machine.daemon();
    let unknown = daemon.engine.backup(&plan_id()).await.unwrap_err().to_string();
    assert!(unknown.contains("there is no repo vault"), "{unknown}");

    let literal = machine.path("${HOME}");
    daemon.trust.put_received_repos(&[received(&literal)]).unwrap();
    let failed = machine.back_up().await;
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.contains("Only its owner creates it"), "{}", failed.message);
    assert!(!literal.exists());

    let restic = |argument: &[&str]| {
        let mut restic = Command::new("restic");
        restic.args(argument).env("RESTIC_PASSWORD", "swordfish");
        restic.env("RESTIC_REPOSITORY", &literal).env("RESTIC_CACHE_DIR", machine.path("cache"));
        restic.output().unwrap().stdout
    };
    restic(&["init"]);
    let other = machine.back_up().await;
    assert_eq!(other.status, Status::Failed, "another repository than the one promised");
    assert!(other.message.contains("is at its uri"), "{}", other.message);
    let config: serde_json::Value = serde_json::from_slice(&restic(&["cat", "config"])).unwrap();
    let guid = config["id"].as_str().unwrap().parse().unwrap();
    daemon.trust.put_received_repos(&[ReceivedRepo { guid, ..received(&literal) }]).unwrap();
    let saved = machine.back_up().await;
    assert_eq!(saved.status, Status::Succeeded, "{}", saved.message);
    assert!(daemon.of_kind(OperationKind::Init).await.is_empty());

    let disabled = ReceivedRepo { state: ReceivedState::Disabled, ..received(&literal) };
    daemon.trust.put_received_repos(&[disabled]).unwrap();
    let refused = daemon.engine.backup(&plan_id()).await.unwrap_err().to_string();
    assert!(refused.starts_with("plan home is disabled: repo vault"), "{refused}");
}
