//! What comes before a backup, and what is saved from a command: the engine with the real restic.
#![allow(clippy::unwrap_used, dead_code)] // a test may fail; the memory has more than is used here

#[path = "job/memory.rs"]
mod memory;

use holdfast::config::OnError;
use holdfast::job::{Before, DumpSpec, Engine, Hooks, Ports, Script, StoreFault};
use holdfast::model::{Operation, OperationKind, Secret, Status};
use holdfast::restic::{Guard, Locator, SnapshotFilter};
use memory::{Machine, plan_id, repo_id};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Has these commands before each backup, and keeps what it is told.
#[derive(Default)]
struct Listener {
    commands: Vec<(String, OnError)>,
    told: Mutex<Vec<(OperationKind, Status)>>,
    locked: Mutex<Vec<OperationKind>>,
}

impl Hooks for Listener {
    fn begun(&self, operation: &Operation) -> Result<(), StoreFault> {
        self.told.lock().unwrap().push((operation.kind, Status::Running));
        Ok(())
    }

    fn ended(&self, operation: &Operation) -> Result<(), StoreFault> {
        self.told.lock().unwrap().push((operation.kind, operation.status));
        Ok(())
    }

    fn locked(&self, operation: &Operation, _: &str) -> Result<(), StoreFault> {
        self.locked.lock().unwrap().push(operation.kind);
        Ok(())
    }

    fn before(&self, _: &Operation) -> Vec<Before> {
        let before = |(text, on_error): &(String, OnError)| Before {
            name: "hook".to_owned(),
            script: if text.is_empty() { Err("no secret".to_owned()) } else { Ok(sh(text)) },
            on_error: *on_error,
        };
        self.commands.iter().map(before).collect()
    }
}

fn sh(text: &str) -> Script {
    let argv = ["/bin/sh", "-c", text].map(str::to_owned).to_vec();
    let env = vec![("HOLDFAST_EVENT".to_owned(), Secret::new("backup-started".to_owned()))];
    Script { argv, env, timeout: Duration::from_secs(60) }
}

/// A machine with that command before its backups, and the listener that has it.
fn machine(command: &str, on_error: OnError) -> (Machine, Arc<Listener>) {
    let mut machine = Machine::new();
    let commands = vec![(command.to_owned(), on_error)];
    let listener =
        Arc::new(Listener { commands, told: Mutex::default(), locked: Mutex::default() });
    let guard = Guard::Reexec(PathBuf::from(env!("CARGO_BIN_EXE_holdfast")));
    let memory = Arc::clone(&machine.memory);
    let ports = Ports { catalogue: memory.clone(), history: memory.clone(), runs: memory };
    machine.engine =
        Engine::with_hooks(Locator::new(None, guard), ports, Arc::<Listener>::clone(&listener));
    (machine, listener)
}

async fn snapshots(machine: &Machine) -> usize {
    let listed = machine.engine.snapshots(&repo_id(), SnapshotFilter::default()).await;
    listed.map_or(0, |snapshots| snapshots.len())
}

#[tokio::test]
async fn a_command_before_a_backup_runs_first_in_its_flow_and_keeps_its_output() {
    let (machine, listener) = machine("echo $HOLDFAST_EVENT; echo oops >&2", OnError::Fail);
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Succeeded, "{}", backup.message);
    let hook = machine.memory.of_kind(OperationKind::Hook).remove(0);
    assert_eq!((hook.flow, hook.status), (backup.flow, Status::Succeeded));
    assert_eq!((&hook.plan, &hook.repo), (&backup.plan, &backup.repo));
    let log = machine.memory.logs.lock().unwrap()[&hook.id].clone();
    assert!(log.contains("backup-started\n") && log.contains("oops\n"), "{log}");
    let init = machine.memory.of_kind(OperationKind::Init).remove(0);
    assert!(hook.started_at <= init.started_at, "a disk that it mounts is there for restic");
    machine.engine.stop().await;
    let told = listener.told.lock().unwrap().clone();
    assert_eq!(told[0], (OperationKind::Backup, Status::Running));
    assert!(told.contains(&(OperationKind::Backup, Status::Succeeded)), "{told:?}");
    assert!(told.iter().all(|(kind, _)| *kind != OperationKind::Hook), "a hook is no news");
}

#[tokio::test]
async fn what_a_failed_command_means_for_the_backup_is_the_owners_choice() {
    for (on_error, status, saved) in [
        (OnError::Ignore, Status::Succeeded, 1),
        (OnError::Warn, Status::Warning, 1),
        (OnError::Cancel, Status::Cancelled, 0),
        (OnError::Fail, Status::Failed, 0),
    ] {
        let (machine, _) = machine("exit 3", on_error);
        let backup = machine.back_up().await;
        assert_eq!(backup.status, status, "{on_error}: {}", backup.message);
        let says_why = backup.message.contains("exit status: 3");
        assert_eq!(says_why, on_error != OnError::Ignore, "{on_error}: {}", backup.message);
        assert_eq!(snapshots(&machine).await, saved, "{on_error}");
        let hook = machine.memory.of_kind(OperationKind::Hook).remove(0);
        assert_eq!(hook.status, Status::Failed);
    }
}

#[tokio::test]
async fn a_command_without_its_secret_has_failed_and_no_more() {
    let (machine, _) = machine("", OnError::Warn);
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Warning, "{}", backup.message);
    assert!(backup.message.contains("no secret"), "{}", backup.message);
}

#[tokio::test]
async fn a_command_that_is_to_be_tried_again_is_until_it_succeeds() {
    let (first, _) = machine("true", OnError::Retry);
    let mark = first.path("mark");
    let text = format!("test -e {0} || {{ touch {0}; exit 1; }}", mark.display());
    let (machine, _) = machine(&text, OnError::Retry);
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Succeeded, "{}", backup.message);
    let runs = machine.memory.of_kind(OperationKind::Hook);
    let ends: Vec<_> = runs.iter().map(|run| run.status).collect();
    assert_eq!(ends, [Status::Failed, Status::Succeeded]);
}

#[tokio::test]
async fn a_cancelled_backup_does_not_wait_for_the_command_before_it() {
    let (machine, _) = machine("sleep 1000", OnError::Fail);
    let id = machine.engine.backup(&plan_id()).await.unwrap();
    let mut live = machine.engine.watch(id).unwrap();
    live.wait_for(|live| live.operation.status == Status::Running).await.unwrap();
    machine.engine.cancel(id).unwrap();
    let ended = machine.engine.wait(id).await.map(|operation| operation.status);
    assert_eq!(ended.unwrap_or(Status::Cancelled), Status::Cancelled);
}

fn dumping(script: &str) -> Machine {
    let machine = Machine::new();
    machine.change_plan(|plan| {
        plan.paths.clear();
        plan.dump = Some(DumpSpec {
            script: Script { timeout: Duration::MAX, ..sh(script) },
            name: "db.sql".to_owned(),
        });
    });
    machine
}

/// restic of Debian's next release, as `.ci/install` puts it there.
fn newer_restic() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/restic-0.18/restic");
    assert!(path.exists(), "{} is not there: run .ci/install", path.display());
    path
}

/// The same with restic on PATH and with a newer one, each with its repository.
async fn both(script: &str) -> [Machine; 2] {
    let (older, mut newer) = (dumping(script), dumping(script));
    newer.engine = memory::engine_with(&newer.memory, Some(newer_restic()));
    older.engine.init(&repo_id()).await.unwrap();
    newer.engine.init(&repo_id()).await.unwrap();
    [older, newer]
}

#[tokio::test]
async fn a_dump_that_prints_nothing_has_failed() {
    for machine in both("echo fine >&2").await {
        let backup = machine.back_up().await;
        assert_eq!(backup.status, Status::Failed, "{}", backup.message);
        assert!(backup.message.contains("printed nothing"), "{}", backup.message);
        assert_eq!((backup.snapshot, snapshots(&machine).await), (None, 0));
        assert_eq!(machine.locks(), Vec::<String>::new());
    }
}

/// How long a restic that waits for input may take to give up; it is killed after 15 s.
const AT_ONCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_restic_that_waits_for_more_of_a_failed_dump_gives_up_at_once_and_without_a_snapshot() {
    for machine in both("echo create table; sleep 2; exit 3").await {
        let begun = Instant::now();
        let backup = machine.back_up().await;
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        assert!(backup.message.contains("exit status: 3"), "{}", backup.message);
        assert_eq!((snapshots(&machine).await, machine.locks().len()), (0, 0));

        machine.change_plan(|plan| {
            if let Some(dump) = &mut plan.dump {
                dump.script = sh("head -c 9000000 /dev/zero; sleep 1000");
            }
        });
        let id = machine.engine.backup(&plan_id()).await.unwrap();
        let mut live = machine.engine.watch(id).unwrap();
        live.wait_for(|live| live.progress.bytes_done > 0).await.unwrap();
        let ended = machine.engine.wait(id);
        let begun = Instant::now();
        machine.engine.cancel(id).unwrap();
        assert_eq!(ended.await.unwrap().status, Status::Cancelled);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        assert_eq!((snapshots(&machine).await, machine.locks().len()), (0, 0));
    }
}

#[tokio::test]
async fn what_a_command_prints_is_saved_as_a_file_and_never_on_the_disk() {
    let machine = dumping("echo create table; echo progress >&2; head -c 3000000 /dev/zero");
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Succeeded, "{}", backup.message);
    let snapshot = backup.snapshot.unwrap();
    let dumped = machine
        .restic(&["dump", &snapshot, "/db.sql"])
        .stdout(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert!(dumped.status.success());
    assert_eq!(dumped.stdout.len(), 3_000_000 + "create table\n".len());
    let log = machine.memory.logs.lock().unwrap()[&backup.id].clone();
    assert!(log.contains("progress\n"), "{log}");
}

#[tokio::test]
async fn a_dump_that_fails_leaves_no_snapshot_and_no_lock_and_says_why() {
    for script in [
        "echo create table; echo 'disk on fire' >&2; exit 3",
        // After more than any pipe holds: restic has seen most of it.
        "head -c 9000000 /dev/zero; echo 'disk on fire' >&2; exit 3",
        "kill -9 $$",
    ] {
        let machine = dumping(script);
        let good = machine.memory.plans.lock().unwrap()[&plan_id()].clone();
        machine.engine.init(&repo_id()).await.unwrap();
        let backup = machine.back_up().await;
        assert_eq!(backup.status, Status::Failed, "{script}: {}", backup.message);
        assert!(backup.message.contains("the stdin-command failed"), "{}", backup.message);
        if script.contains("fire") {
            assert!(backup.message.contains("disk on fire"), "{}", backup.message);
        }
        assert_eq!(backup.snapshot, None);
        assert_eq!(snapshots(&machine).await, 0, "{script}");
        assert_eq!(machine.locks(), Vec::<String>::new(), "{script}");
        // The next one is not held up by it.
        machine.change_plan(|plan| {
            plan.dump = good.dump.map(|dump| DumpSpec { script: sh("echo fine"), ..dump });
        });
        assert_eq!(machine.back_up().await.status, Status::Succeeded);
    }
}

#[tokio::test]
async fn a_dump_that_is_not_there_or_is_cancelled_leaves_no_snapshot() {
    let machine = dumping("true");
    machine.engine.init(&repo_id()).await.unwrap();
    machine.change_plan(|plan| {
        if let Some(dump) = &mut plan.dump {
            dump.script.argv = vec!["/no/such/dump".to_owned()];
        }
    });
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Failed);
    let said = "could not be run: /no/such/dump: No such file";
    assert!(backup.message.contains(said), "{}", backup.message);

    machine.change_plan(|plan| {
        if let Some(dump) = &mut plan.dump {
            dump.script = sh("echo begun; sleep 1000");
        }
    });
    let id = machine.engine.backup(&plan_id()).await.unwrap();
    let mut live = machine.engine.watch(id).unwrap();
    // Until restic has read something of it.
    let moves = live.wait_for(|live| live.progress.bytes_done > 0 || !machine.locks().is_empty());
    let _ = moves.await.unwrap();
    machine.engine.cancel(id).unwrap();
    let ended = machine.engine.wait(id).await.map(|operation| operation.status);
    assert_eq!(ended.unwrap_or(Status::Cancelled), Status::Cancelled);
    assert_eq!(snapshots(&machine).await, 0);
}

#[tokio::test]
async fn c2_a_dump_does_not_learn_the_password_of_the_repository() {
    let machine = dumping("env");
    let backup = machine.back_up().await;
    let dumped = machine
        .restic(&["dump", &backup.snapshot.unwrap(), "/db.sql"])
        .stdout(std::process::Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(dumped.stdout).unwrap();
    assert!(text.contains("PATH=") && !text.contains("swordfish"), "{text}");
}
