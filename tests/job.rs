//! The engine with the real restic, on real folders.
#![allow(clippy::unwrap_used)] // a test may fail

#[path = "job/memory.rs"]
mod memory;

use holdfast::job::{By, JobError, Place, RestoreRequest, Run, Standing};
use holdfast::model::{Attempt, ItemErrors, Operation, OperationKind, Secret, Status};
use holdfast::restic::{Depth, Extra, Listing, SnapshotFilter, Verify};
use memory::{Machine, Memory, engine, furnish, plan_id, repo_id};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn pid(raw: u32) -> Pid {
    Pid::from_raw(i32::try_from(raw).unwrap()).unwrap()
}

/// Looks until it is so; what never becomes so fails the test.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn first_bytes(machine: &Machine, operation: holdfast::model::OperationId) {
    let mut live = machine.engine.watch(operation).unwrap();
    let moves =
        live.wait_for(|live| live.progress.bytes_done > 0 || live.operation.status.is_finished());
    assert!(
        !moves.await.unwrap().operation.status.is_finished(),
        "it ended too soon to be stopped"
    );
}

#[tokio::test]
async fn a_first_backup_creates_the_repository_and_lists_its_snapshot() {
    let machine = Machine::new();
    let backup = machine.back_up().await;
    assert_eq!((backup.status, backup.message.as_str()), (Status::Succeeded, ""));
    assert_eq!(backup.snapshot.as_ref().unwrap().len(), 64);
    assert_eq!(backup.stats.unwrap().files_new, 1);
    assert_eq!(machine.memory.states(backup.id), [(1, Status::Running), (2, Status::Succeeded)]);
    assert!(machine.memory.logs.lock().unwrap()[&backup.id].contains("\"summary\""));
    assert!(machine.memory.open.lock().unwrap().is_empty());

    let init = &machine.memory.of_kind(OperationKind::Init)[0];
    assert_eq!((init.flow, init.status), (backup.flow, Status::Succeeded));
    assert_eq!(init.repo_guid, backup.repo_guid);
    assert_eq!(machine.memory.guids.lock().unwrap().get(&repo_id()), backup.repo_guid.as_ref());

    machine.engine.stop().await;
    let index = &machine.memory.of_kind(OperationKind::Index)[0];
    assert_eq!((index.flow, index.message.as_str()), (backup.flow, "1 snapshot of plan home"));
}

#[tokio::test]
async fn a_second_machine_adopts_the_repository_and_sees_the_tags() {
    let machine = Machine::new();
    let made = machine.back_up().await;
    let memory = Arc::new(Memory::default());
    furnish(&memory, machine.folder.path(), Standing::Received);
    let other = engine(&memory);
    assert_eq!(other.init(&repo_id()).await.ok(), made.repo_guid);
    assert!(memory.newest().is_empty(), "nothing was created");
    let listed = other.snapshots(&repo_id(), SnapshotFilter::default()).await.unwrap();
    assert_eq!(listed[0].tags, ["plan:home", "created-by:nas"]);
    assert_eq!(Some(listed[0].id.to_string()), made.snapshot);
}

#[tokio::test]
async fn unreadable_and_missing_files_make_a_warning_with_a_snapshot() {
    let machine = Machine::new();
    // Nobody can read it from its beginning: EIO for root, EACCES for others.
    machine
        .change_plan(|plan| plan.paths.extend(["/proc/1/mem".to_owned(), "/nowhere".to_owned()]));
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Warning, "{}", backup.message);
    assert_eq!(backup.message, "2 files or folders could not be read; the rest is saved");
    assert!(backup.snapshot.is_some());
    let mut paths: Vec<_> = backup.item_errors.first.iter().map(|e| e.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/nowhere", "/proc/1/mem"]);
    assert_eq!(backup.stats.unwrap().item_errors, 2);
}

#[tokio::test]
async fn exclusions_reach_restic() {
    let machine = Machine::new();
    std::fs::write(machine.path("files/a.cache"), "x").unwrap();
    std::fs::create_dir(machine.path("files/skip")).unwrap();
    std::fs::write(machine.path("files/skip/.nobackup"), "").unwrap();
    machine.change_plan(|plan| {
        plan.exclusions.iexclude = vec!["*.CACHE".to_owned()];
        plan.exclusions.exclude_if_present = vec![".nobackup".to_owned()];
    });
    // The letter, and the mark of the folder that is left out.
    assert_eq!(machine.back_up().await.stats.unwrap().files_new, 2);
}

#[tokio::test]
async fn a_wrong_password_fails_with_its_remedy_and_creates_nothing() {
    let machine = Machine::new();
    machine.back_up().await;
    machine.change_repo(|repo| repo.access.password = Secret::new("wrong-fish".to_owned()));
    let failed = machine.back_up().await;
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.contains("the password does not open the repository"));
    assert!(failed.message.contains("Check the password of the repo"));
    assert!(!failed.message.contains("wrong-fish"));
    assert_eq!(machine.memory.of_kind(OperationKind::Init).len(), 1);
    assert!(!due(&machine).await.contains("Attempt"), "it is never tried again");
    // A word of restic's own sentence is a wrong password like any other.
    machine.change_repo(|repo| repo.access.password = Secret::new("password".to_owned()));
    let failed = machine.back_up().await.message;
    assert!(failed.contains("the password does not open the repository"), "{failed}");
}

/// What the message of a backup that is due says at its end, the first of three attempts.
async fn due(machine: &Machine) -> String {
    let by = By::Schedule { attempt: Attempt { number: 1, of: 3 }, flow: None };
    let begun = machine.engine.backup_by(&plan_id(), by).await.unwrap();
    begun.ended().await.unwrap().operation.message
}

#[tokio::test]
async fn a_password_that_restic_prints_as_a_word_of_its_own_hides_no_snapshot() {
    let machine = Machine::new();
    machine.change_repo(|repo| repo.access.password = Secret::new("summary".to_owned()));
    let backup = machine.back_up().await;
    assert_eq!((backup.status, backup.message.as_str()), (Status::Succeeded, ""));
    assert!(backup.snapshot.is_some());
    assert_eq!(backup.stats.unwrap().files_new, 1);
    let log = machine.memory.logs.lock().unwrap()[&backup.id].clone();
    assert!(log.contains("***") && !log.contains("summary"), "{log}");
}

#[tokio::test]
async fn a_known_repository_that_is_missing_is_never_created_again() {
    let machine = Machine::new();
    machine.back_up().await;
    std::fs::rename(machine.path("repo"), machine.path("unmounted")).unwrap();
    let failed = machine.back_up().await;
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.contains("never created again"), "{}", failed.message);
    assert!(matches!(machine.engine.init(&repo_id()).await, Err(JobError::KnownButMissing { .. })));
    assert!(!machine.path("repo").exists());
    assert!(due(&machine).await.ends_with("Attempt 1 of 3"), "the disk may be back by then");

    // Whoever looks into it is told the same, and not to create a new one.
    let listed = machine.engine.snapshots(&repo_id(), SnapshotFilter::default()).await;
    assert!(matches!(listed, Err(JobError::KnownButMissing { .. })), "{listed:?}");
    let snapshot = "00000000".parse().unwrap();
    let listing = Listing { snapshot, paths: vec!["/".to_owned()], depth: Depth::All };
    let read = machine.engine.ls(&repo_id(), listing).await.unwrap().next().await;
    assert!(matches!(read, Some(Err(JobError::KnownButMissing { .. }))), "{read:?}");

    // Another disk at the same place is not ours either.
    assert!(machine.restic(&["init"]).status().unwrap().success());
    assert!(machine.back_up().await.message.contains("is at its uri"));
}

#[tokio::test]
async fn only_an_owner_creates_and_only_when_it_may() {
    let machine = Machine::new();
    machine.change_repo(|repo| repo.standing = Standing::Received);
    assert!(machine.back_up().await.message.contains("Only its owner creates it"));
    machine.change_repo(|repo| repo.standing = Standing::OwnByHand);
    assert!(machine.back_up().await.message.contains("holdfast repo init vault"));
    assert!(!machine.path("repo").exists());
    assert!(machine.engine.init(&repo_id()).await.is_ok());
    assert_eq!(machine.back_up().await.status, Status::Succeeded);
}

#[tokio::test]
async fn a_locked_repository_says_who_holds_it() {
    let machine = Machine::new();
    machine.back_up().await;
    // A check takes an exclusive lock; held still once it has it.
    let mut check = machine.restic(&["check"]).spawn().unwrap();
    until("the check locks", || !machine.locks().is_empty());
    kill_process(pid(check.id()), Signal::STOP).unwrap();
    let failed = machine.back_up().await;
    kill_process(pid(check.id()), Signal::CONT).unwrap();
    check.wait().unwrap();
    assert_eq!(failed.status, Status::Failed);
    let holder = format!("the repository is locked exclusively by PID {} on", check.id());
    assert!(failed.message.contains(&holder), "{}", failed.message);
}

#[tokio::test]
async fn a_cancelled_backup_leaves_no_lock() {
    let machine = Machine::with_much_to_save();
    let id = machine.engine.backup(&plan_id()).await.unwrap();
    first_bytes(&machine, id).await;
    assert_eq!(machine.locks().len(), 1);
    let ended = machine.engine.wait(id);
    machine.engine.cancel(id).unwrap();
    let ended = ended.await.unwrap();
    assert_eq!((ended.status, ended.message.as_str()), (Status::Cancelled, "cancelled"));
    assert!(machine.locks().is_empty());
    assert!(machine.memory.open.lock().unwrap().is_empty());
    assert!(matches!(machine.engine.cancel(id), Err(JobError::NotActive(_))));
}

#[tokio::test]
async fn a_restic_killed_from_outside_has_its_own_lock_removed_before_the_end() {
    let machine = Machine::with_much_to_save();
    let id = machine.engine.backup(&plan_id()).await.unwrap();
    first_bytes(&machine, id).await;
    // Somebody else's lock of the same host, whose process is gone too: it must stay.
    let foreign = foreign_lock(machine.folder.path());
    let run = machine.memory.open.lock().unwrap()[0].clone();
    let ended = machine.engine.wait(id);
    kill_process(pid(run.pid), Signal::KILL).unwrap();
    let ended = ended.await.unwrap();
    assert_eq!(ended.status, Status::Failed);
    assert!(ended.message.contains("signal 9"), "{}", ended.message);
    assert_eq!(machine.locks(), [foreign]);
    assert!(machine.memory.logs.lock().unwrap()[&id].contains("its own lock was removed"));
}

/// The lock of a restic that was killed and that no record knows.
fn foreign_lock(folder: &Path) -> String {
    let before = memory::locks(folder);
    let mut stdin = memory::restic(folder, &["backup", "--stdin"]);
    let mut foreign = stdin.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let new = || memory::locks(folder).into_iter().find(|lock| !before.contains(lock));
    until("the other restic locks", || new().is_some());
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    new().unwrap()
}

#[tokio::test]
async fn a_plan_has_one_run_and_at_most_one_that_waits() {
    let machine = Machine::with_much_to_save();
    let first = machine.engine.backup(&plan_id()).await.unwrap();
    first_bytes(&machine, first).await;
    let second = machine.engine.backup(&plan_id()).await.unwrap();
    let third = machine.engine.backup(&plan_id()).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(second, third);
    let states = machine.memory.states(second);
    assert!(states.iter().all(|(_, status)| *status == Status::Pending), "{states:?}");
    let waiting = machine.engine.wait(second);
    machine.engine.cancel(second).unwrap();
    let cancelled = waiting.await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
    assert!(machine.engine.watch(first).is_some(), "the first goes on");

    let mut running = machine.engine.watch(first).unwrap();
    machine.engine.stop().await;
    let stopped = running.borrow_and_update().operation.clone();
    assert_eq!(stopped.status, Status::Cancelled);
    assert_eq!(stopped.message, "the daemon was stopped");
    assert!(machine.locks().is_empty());
    assert!(matches!(machine.engine.backup(&plan_id()).await, Err(JobError::Stopping)));
}

#[tokio::test]
async fn a_restore_fills_an_empty_folder_and_no_other() {
    let machine = Machine::new();
    let backed_up = machine.back_up().await;
    let saved = backed_up.snapshot.clone().unwrap();
    let request = |target: &str| RestoreRequest {
        repo: repo_id(),
        snapshot: saved.parse().unwrap(),
        plan: Some(plan_id()),
        place: Place::Folder(machine.path(target)),
        paths: Vec::new(),
        include: Vec::new(),
        overwrite: None,
        extra: Extra::Keep,
        verify: Verify::Content,
    };
    let id = machine.engine.restore(request("out")).await.unwrap();
    let restored = machine.engine.wait(id).await.unwrap();
    assert_eq!(restored.status, Status::Succeeded, "{}", restored.message);
    assert_eq!(restored.plan, Some(plan_id()));
    assert!(restored.repo_guid.is_some() && restored.repo_guid == backed_up.repo_guid);
    let entries = machine.memory.entries.lock().unwrap().clone();
    let of_restore = entries.iter().filter(|entry| entry.id == id);
    let of_index = entries.iter().filter(|entry| entry.kind == OperationKind::Index);
    assert!(of_restore.chain(of_index).all(|entry| entry.repo_guid == backed_up.repo_guid));
    let inside = machine.path("files/letter");
    let file = machine.path("out").join(inside.strip_prefix("/").unwrap());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "dear reader");
    let again = machine.engine.restore(request("out")).await;
    assert!(matches!(again, Err(JobError::TargetInUse { .. })));
    let missing = "00000000".parse().unwrap();
    let id = machine
        .engine
        .restore(RestoreRequest { snapshot: missing, ..request("new") })
        .await
        .unwrap();
    let failed = machine.engine.wait(id).await.unwrap();
    assert!(failed.message.contains("no such snapshot"), "{}", failed.message);
}

#[tokio::test]
async fn an_index_finds_the_snapshot_of_a_lost_run() {
    let machine = Machine::new();
    let done = machine.back_up().await;
    machine.engine.stop().await;
    // As the log would stand, had the daemon died after restic's last write and before its own.
    let memory = Arc::new(Memory::default());
    furnish(&memory, machine.folder.path(), Standing::Own);
    let running = Operation {
        status: Status::Running,
        revision: 1,
        snapshot: None,
        ended_at: None,
        stats: None,
        item_errors: ItemErrors::default(),
        ..done.clone()
    };
    // Another run of the plan was about to begin.
    let second = Operation {
        id: holdfast::model::OperationId::from_bytes([0xff; 16]),
        started_at: done.started_at.plus(Duration::from_millis(1)),
        ..running.clone()
    };
    memory.entries.lock().unwrap().extend([running, second]);
    let next = engine(&memory);
    assert_eq!(next.recover().await.unwrap().len(), 2);
    let lost = memory.newest().remove(0);
    assert_eq!((lost.status, lost.revision), (Status::Lost, 2));
    next.index(&repo_id(), &plan_id()).await.unwrap();
    let found = memory.newest().remove(0);
    assert_eq!((found.status, found.snapshot), (Status::Lost, done.snapshot));
    assert!(found.message.contains("it was completed"));
    // Told once, and of one run.
    next.index(&repo_id(), &plan_id()).await.unwrap();
    assert_eq!(memory.states(done.id).len(), 3);
    let second = memory.newest().remove(1);
    assert_eq!((second.status, second.snapshot), (Status::Lost, None));
}

const ROLE: &str = "HOLDFAST_TEST_FOLDER";

/// Runs in two processes: the test, and (with a folder in the environment) the daemon that dies.
#[test]
fn restic_dies_with_its_daemon_and_the_next_start_cleans_up() {
    match std::env::var_os(ROLE) {
        Some(folder) => daemon(Path::new(&folder)),
        None => story(),
    }
}

fn daemon(folder: &Path) {
    let memory = Memory { echo: true, ..Memory::default() };
    furnish(&memory, folder, Standing::Own);
    let memory = Arc::new(memory);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = engine(&memory);
        let id = engine.backup(&plan_id()).await.unwrap();
        engine.wait(id).await;
    });
}

fn story() {
    let machine = Machine::with_much_to_save();
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "restic_dies_with_its_daemon_and_the_next_start_cleans_up",
            "--nocapture",
        ])
        .env(ROLE, machine.folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines =
        std::io::BufReader::new(daemon.stdout.take().unwrap()).lines().map(Result::unwrap);
    let started =
        lines.find_map(|line| line.split_once("started ").map(|(_, s)| s.to_owned())).unwrap();
    let words: Vec<_> = started.split(' ').collect();
    let restic: u32 = words[1].parse().unwrap();
    until("the backup locks", || !machine.locks().is_empty());
    let foreign = foreign_lock(machine.folder.path());
    // Stopped, it cannot unlock when its daemon dies; killed then, it leaves its lock behind.
    kill_process(pid(restic), Signal::STOP).unwrap();
    assert_eq!(machine.locks().len(), 2);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    kill_process(pid(restic), Signal::KILL).unwrap();
    until("the stopped restic is gone", || gone(restic));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(next_start(&machine, &words, &foreign));
}

/// Whether the process is gone, or waits only to be reaped by whoever inherited it.
fn gone(raw: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{raw}/stat")).unwrap_or_default();
    test_kill_process(pid(raw)).is_err() || stat.contains(") Z ")
}

async fn next_start(machine: &Machine, started: &[&str], foreign: &str) {
    let memory = &machine.memory;
    let id = started[0].parse().unwrap();
    let since = holdfast::model::Timestamp::from_millis(started[2].parse().unwrap());
    let (repo, plan) = (repo_id(), Some(plan_id()));
    let run = Run { operation: id, repo, plan, pid: started[1].parse().unwrap(), since };
    memory.open.lock().unwrap().push(run);
    let running = Operation {
        repo: Some(repo_id()),
        plan: Some(plan_id()),
        ..Operation::begun(id, "nas".parse().unwrap(), OperationKind::Backup, since)
    };
    memory.entries.lock().unwrap().push(running);
    assert_eq!(machine.engine.recover().await.unwrap(), [id]);
    assert_eq!(memory.newest()[0].status, Status::Lost);
    assert!(memory.newest()[0].message.contains("daemon died"));
    machine.engine.sweep().await;
    assert_eq!(machine.locks(), [foreign], "its own lock is gone, the other stays");
    assert!(memory.open.lock().unwrap().is_empty());
}

/// As after the kernel did not interrupt it, or it did not heed: the daemon is gone and restic is not.
#[tokio::test]
async fn a_restic_that_outlives_its_daemon_is_said_to_run_and_keeps_its_lock() {
    let machine = Machine::new();
    machine.back_up().await;
    let mut orphan = machine.restic(&["backup", "--stdin"]);
    let mut orphan = orphan.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let run = |operation: &Operation| Run {
        operation: operation.id,
        repo: repo_id(),
        plan: Some(plan_id()),
        pid: orphan.id(),
        since: holdfast::clock::now(),
    };
    let lost = machine.memory.newest().remove(0);
    machine.memory.open.lock().unwrap().push(run(&lost));
    until("the orphan locks", || !machine.locks().is_empty());
    machine.engine.sweep().await;
    let log = || machine.memory.logs.lock().unwrap()[&lost.id].clone();
    let said = format!("its restic still runs (pid {}) and holds its lock\n", orphan.id());
    assert!(log().ends_with(&said), "{}", log());
    assert_eq!((machine.locks().len(), machine.memory.open.lock().unwrap().len()), (1, 1));

    orphan.kill().unwrap();
    orphan.wait().unwrap();
    machine.engine.sweep().await;
    assert!(log().ends_with("its own lock was removed\n"), "{}", log());
    assert_eq!((machine.locks().len(), machine.memory.open.lock().unwrap().len()), (0, 0));
}

fn has_data(folder: &Path) -> bool {
    let Ok(folders) = std::fs::read_dir(folder) else { return false };
    folders.flatten().any(|part| std::fs::read_dir(part.path()).unwrap().next().is_some())
}

/// As above, but left to itself: interrupted by the kernel, restic unlocks.
#[test]
fn restic_unlocks_when_its_daemon_is_killed() {
    if let Some(folder) = std::env::var_os(ROLE) {
        return daemon(Path::new(&folder));
    }
    let machine = Machine::with_much_to_save();
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restic_unlocks_when_its_daemon_is_killed", "--nocapture"])
        .env(ROLE, machine.folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines =
        std::io::BufReader::new(daemon.stdout.take().unwrap()).lines().map(Result::unwrap);
    let started =
        lines.find_map(|line| line.split_once("started ").map(|(_, s)| s.to_owned())).unwrap();
    let restic: u32 = started.split(' ').nth(1).unwrap().parse().unwrap();
    // restic 0.14 takes note of its lock a moment after it wrote it; with the first data it has.
    until("the backup has saved something", || has_data(&machine.path("repo/data")));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    until("restic has gone with its daemon", || gone(restic));
    assert!(machine.locks().is_empty(), "it removed its lock on the way out");
    let snapshots = std::fs::read_dir(machine.path("repo/snapshots")).unwrap();
    assert_eq!(snapshots.count(), 0, "it did not simply finish");
}

#[test]
fn a_guard_whose_daemon_is_gone_starts_nothing() {
    // Its parent is this test, not process 1.
    let guarded = std::process::Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args([holdfast::restic::guard::WORD, "1", "--", "restic", "version"])
        .output()
        .unwrap();
    assert_eq!(guarded.status.code(), Some(127));
    assert!(guarded.stdout.is_empty());
    assert!(String::from_utf8(guarded.stderr).unwrap().contains("is gone"));
}

#[tokio::test]
async fn without_restic_an_operation_fails_with_the_remedy() {
    let machine = Machine::new();
    let nowhere = machine.path("no-such-restic");
    let engine = memory::engine_with(&machine.memory, Some(nowhere));
    let id = engine.backup(&plan_id()).await.unwrap();
    let failed = engine.wait(id).await.unwrap();
    assert_eq!(failed.status, Status::Failed);
    assert!(failed.message.contains("HOLDFAST_RESTIC"), "{}", failed.message);
}

/// Answers as restic does, until it saves: then it says once how far it is, and no more.
const STALLING: &str = r#"#!/bin/sh
case "$*" in
version) echo 'restic 0.14.0 compiled with go1.19 on linux/amd64' ;;
cat*config*) printf '{"version":2,"id":"%064d"}\n' 7 ;;
*backup*) echo '{"message_type":"status","bytes_done":1}'; sleep 100000 ;;
esac
"#;

#[tokio::test]
async fn a_run_without_a_sign_of_life_raises_attention_and_is_interrupted() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    let restic = machine.path("stalling");
    std::fs::write(&restic, STALLING).unwrap();
    std::fs::set_permissions(&restic, std::fs::Permissions::from_mode(0o755)).unwrap();
    let engine = memory::engine_with(&machine.memory, Some(restic));
    let id = engine.backup(&plan_id()).await.unwrap();
    let mut watch = engine.watch(id).unwrap();
    watch.wait_for(|live| live.progress.bytes_done == 1).await.unwrap();
    // From here no time passes but what is waited for.
    tokio::time::pause();
    let raised = watch.wait_for(|live| live.attention.is_some()).await.unwrap().clone();
    let attention = raised.attention.unwrap();
    assert!(attention.contains("no sign of life for 2h"), "{attention}");
    assert_eq!(raised.operation.status, Status::Running);
    let ended = engine.wait(id).await.unwrap();
    assert_eq!(ended.status, Status::Failed);
    assert!(ended.message.contains("so it was interrupted"), "{}", ended.message);
    let entries = machine.memory.entries.lock().unwrap();
    let each_minute = entries.iter().filter(|op| op.id == id && op.message.contains(" files"));
    assert!(each_minute.count() >= 100, "an entry each minute");
    let told = entries.iter().find(|op| op.id == id && op.message == attention);
    assert_eq!(told.unwrap().status, Status::Running, "the history says it before the end");
}
