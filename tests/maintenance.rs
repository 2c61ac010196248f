//! Keeping repositories in order, with the real restic: what is forgotten and what never, prune, check
//! in parts, locks of the gone and of those at work, and who is refused.
#![allow(clippy::unwrap_used)] // a test may fail

#[path = "job/memory.rs"]
#[allow(dead_code)]
mod memory;

use holdfast::job::{By, JobError, Pick, Standing, Task, UnlockScope};
use holdfast::model::{Attempt, Operation, OperationId, OperationKind, Retention, Rules, Status};
use holdfast::restic::Guarded;
use memory::{Machine, light, plan_id, repo_id};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

const DUE: By = By::Schedule { attempt: Attempt { number: 1, of: 3 }, flow: None };

fn rules(text: &str) -> Rules {
    text.parse().unwrap()
}

/// A machine whose repository was made by hand and whose engine waits for locks.
fn machine() -> Machine {
    let machine = Machine::new();
    light::repository(&machine.path("repo"), 1);
    let mut keeping = machine.memory.keeping.lock().unwrap();
    keeping.own_names = vec!["nas".to_owned(), "MyHost".to_owned()];
    keeping.peer_names = vec!["laptop".to_owned()];
    keeping.plans.insert(plan_id(), Retention::None);
    keeping.lock_wait = Duration::from_secs(60);
    drop(keeping);
    machine
}

fn retain(machine: &Machine, own: Retention, of_repo: Option<Rules>) {
    let mut keeping = machine.memory.keeping.lock().unwrap();
    keeping.plans.insert(plan_id(), own);
    keeping.rules = of_repo;
}

/// Saves something with these tags, as of a time; the id of the snapshot.
fn save(machine: &Machine, time: &str, tags: &[&str]) -> String {
    let before: BTreeSet<_> = snapshots(machine).into_iter().collect();
    let files = machine.path("files").display().to_string();
    let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
    let arguments: Vec<_> = ["backup", "--host", "box", "--time", time]
        .into_iter()
        .chain(tags)
        .chain([&*files])
        .collect();
    assert!(machine.restic(&arguments).status().unwrap().success());
    let new = snapshots(machine).into_iter().find(|id| !before.contains(id));
    new.unwrap()
}

/// The ids of all snapshots.
fn snapshots(machine: &Machine) -> Vec<String> {
    let files = std::fs::read_dir(machine.path("repo/snapshots")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

async fn end_of(machine: &Machine, id: OperationId) -> Operation {
    if let Some(ended) = machine.engine.wait(id).await {
        return ended;
    }
    machine.memory.newest().into_iter().find(|operation| operation.id == id).unwrap()
}

async fn upkeep(machine: &Machine, task: Task) -> Operation {
    let id = machine.engine.maintain(&repo_id(), task, By::Person).await.unwrap();
    end_of(machine, id).await
}

/// Waits until so many backups have been followed by their index.
async fn indexed(machine: &Machine, count: usize) {
    let begun = std::time::Instant::now();
    while machine.memory.of_kind(OperationKind::Index).len() < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "no index follows");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const HOME: [&str; 2] = ["plan:home", "created-by:nas"];

#[tokio::test]
async fn a_retention_touches_only_its_own_plan_and_instance() {
    let machine = machine();
    let old = save(&machine, "2026-01-01 10:00:00", &["plan:home", "created-by:MyHost"]);
    let new = save(&machine, "2026-01-02 10:00:00", &HOME);
    let others = [
        save(&machine, "2026-01-01 09:00:00", &["plan:home", "created-by:laptop"]),
        save(&machine, "2026-01-01 09:00:00", &["plan:home", "created-by:stranger"]),
        save(&machine, "2026-01-01 09:00:00", &["plan:etc", "created-by:nas"]),
        save(&machine, "2026-01-01 09:00:00", &["plan:home"]),
        save(&machine, "2026-01-01 09:00:00", &["created-by:nas"]),
        save(&machine, "2026-01-01 09:00:00", &[]),
    ];
    retain(&machine, Retention::Keep(rules("last=1")), None);
    let forget = upkeep(&machine, Task::Forget(Some(plan_id()))).await;
    assert_eq!(forget.message, "1 of 2 snapshots forgotten");
    assert_eq!((forget.status, forget.plan), (Status::Succeeded, Some(plan_id())));
    let left: BTreeSet<_> = snapshots(&machine).into_iter().collect();
    assert!(left.contains(&new) && !left.contains(&old), "an earlier name counts as ours");
    assert!(others.iter().all(|other| left.contains(other)), "{left:?}");
    let log = machine.memory.logs.lock().unwrap()[&forget.id].clone();
    assert!(log.contains(&format!("forget  {}", &old[..8])), "{log}");
    assert!(log.contains("last snapshot"), "{log}");
}

#[tokio::test]
async fn the_retention_of_a_shared_repo_weighs_each_plan_of_each_known_instance_by_itself() {
    let machine = machine();
    let pairs = [
        ["plan:home", "created-by:nas"],
        ["plan:home", "created-by:laptop"],
        ["plan:etc", "created-by:laptop"],
        ["plan:home", "created-by:stranger"],
        ["plan:photos", "created-by:nas"],
    ];
    let mut made = Vec::new();
    for pair in &pairs {
        let old = save(&machine, "2026-01-01 10:00:00", pair);
        made.push((old, save(&machine, "2026-01-02 10:00:00", pair)));
    }
    {
        let mut keeping = machine.memory.keeping.lock().unwrap();
        keeping.rules = Some(rules("last=1"));
        keeping.plans.insert("photos".parse().unwrap(), Retention::KeepAll);
    }
    let forget = upkeep(&machine, Task::Forget(None)).await;
    assert_eq!(forget.message, "3 of 6 snapshots of 3 plans forgotten");
    let left: BTreeSet<_> = snapshots(&machine).into_iter().collect();
    for ((old, new), pair) in made.iter().zip(&pairs) {
        let is_kept = pair[1] == "created-by:stranger" || pair[0] == "plan:photos";
        assert_eq!(left.contains(old), is_kept, "{pair:?}");
        assert!(left.contains(new), "{pair:?}");
    }
    let index = &machine.memory.of_kind(OperationKind::Index)[0];
    assert_eq!((index.flow, index.message.as_str()), (forget.flow, "7 snapshots"));
}

#[tokio::test]
async fn impossible_times_take_no_slot_and_are_never_forgotten() {
    let machine = machine();
    let future = save(&machine, "2099-01-01 10:00:00", &HOME);
    let ancient = save(&machine, "1999-01-01 10:00:00", &HOME);
    let old = save(&machine, "2026-01-01 10:00:00", &HOME);
    let middle = save(&machine, "2026-01-02 10:00:00", &HOME);
    let new = save(&machine, "2026-01-02 11:00:00", &HOME);
    // Priority restic's own view the one in the future would be the newest, and none other within a day of it.
    retain(&machine, Retention::Keep(rules("daily=1,within=12h")), None);
    let picks = machine.engine.preview_forget(&repo_id(), Some(&plan_id())).await.unwrap();
    let [pick] = &picks[..] else { panic!("{picks:?}") };
    assert_eq!(
        kept(pick),
        [
            (new.clone(), "within 12h, daily snapshot".to_owned()),
            (middle.clone(), "within 12h".to_owned())
        ]
    );
    assert_eq!(snapshots(&machine).len(), 5, "a preview changes nothing");
    let forget = upkeep(&machine, Task::Forget(Some(plan_id()))).await;
    assert_eq!(forget.status, Status::Warning, "somebody is to look at it");
    assert!(
        forget.message.starts_with("1 of 3 snapshots forgotten; 2 set apart"),
        "{}",
        forget.message
    );
    assert!(forget.message.contains(&format!("{} (its time is in the future)", &future[..8])));
    let left: BTreeSet<_> = snapshots(&machine).into_iter().collect();
    assert_eq!(left, BTreeSet::from([future, ancient, middle, new]));
    assert!(!left.contains(&old));
}

fn kept(pick: &Pick) -> Vec<(String, String)> {
    let row = |(snapshot, why): &(holdfast::restic::Snapshot, Vec<String>)| {
        (snapshot.id.to_string(), why.join(", "))
    };
    pick.keep.iter().map(row).collect()
}

/// restic decides while nothing is set apart; then the same rules are worked out here.
#[tokio::test]
async fn what_is_worked_out_here_is_what_restic_decides() {
    let machine = machine();
    for time in [
        "2024-12-29 23:59:59",
        "2024-12-30 00:00:00",
        "2025-01-01 12:00:00",
        "2025-06-30 23:30:00",
        "2025-07-01 00:30:00",
        "2026-01-05 00:00:00",
        "2026-03-29 01:30:00",
        "2026-03-29 03:30:00",
        "2026-03-29 03:45:00",
        "2026-03-30 03:45:00",
    ] {
        save(&machine, time, &HOME);
    }
    let all = [
        "last=3",
        "hourly=2",
        "daily=3",
        "weekly=4",
        "monthly=5",
        "yearly=2",
        "yearly=5",
        "within=24h",
        "within=90d",
        "last=2,daily=4,within=2h",
        "hourly=50,monthly=1",
    ];
    let decided = async || {
        let mut decided = Vec::new();
        for text in all {
            retain(&machine, Retention::Keep(rules(text)), None);
            let picks = machine.engine.preview_forget(&repo_id(), Some(&plan_id())).await.unwrap();
            let removed: Vec<_> = picks[0].remove.iter().map(|s| s.id.to_string()).collect();
            decided.push((text, kept(&picks[0]), removed));
        }
        decided
    };
    let by_restic = decided().await;
    save(&machine, "2099-01-01 10:00:00", &HOME);
    let by_us = decided().await;
    for (restic, us) in by_restic.iter().zip(&by_us) {
        assert_eq!(restic, us);
    }
}

#[tokio::test]
async fn after_a_backup_its_plan_forgets_and_what_is_gone_is_marked() {
    let machine = machine();
    retain(&machine, Retention::Keep(rules("last=1")), None);
    let first = machine.back_up().await;
    // A forget that still waits stands for both.
    indexed(&machine, 1).await;
    let second = machine.back_up().await;
    indexed(&machine, 2).await;
    let flow: Vec<_> =
        machine.memory.newest().into_iter().filter(|op| op.flow == second.flow).collect();
    let kinds: Vec<_> = flow.iter().map(|operation| operation.kind).collect();
    assert_eq!(kinds, [OperationKind::Backup, OperationKind::Forget, OperationKind::Index]);
    assert_eq!(flow[1].message, "1 of 2 snapshots forgotten");
    assert_eq!(flow[2].message, "1 snapshot of plan home");
    let newest = machine.memory.newest();
    let of = |id| newest.iter().find(|operation: &&Operation| operation.id == id).unwrap();
    assert_eq!(of(first.id).snapshot, first.snapshot, "history outlives the snapshot");
    assert!(of(first.id).snapshot_gone.is_some());
    assert_eq!(of(first.id).status, Status::Succeeded);
    assert_eq!(of(second.id).snapshot_gone, None);
    assert_eq!(snapshots(&machine), [second.snapshot.unwrap()]);
}

/// restic, but what removes snapshots never ends by itself.
const HELD_UP: &str = r#"#!/bin/sh
case "$*" in *"forget -- "*) exec sleep 100000 ;; *) exec restic "$@" ;; esac
"#;

#[tokio::test]
async fn a_daemon_that_is_stopped_in_the_forget_after_a_backup_leaves_no_failure() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut machine = machine();
    retain(&machine, Retention::Keep(rules("last=1")), None);
    save(&machine, "2026-11-01 10:00:00", &["plan:home", "created-by:nas"]);
    let restic = machine.path("held-up");
    std::fs::write(&restic, HELD_UP).unwrap();
    std::fs::set_permissions(&restic, std::fs::Permissions::from_mode(0o755)).unwrap();
    machine.engine = memory::engine_with(&machine.memory, Some(restic));
    machine.back_up().await;
    let begun = std::time::Instant::now();
    let removes = || machine.memory.open.lock().unwrap().iter().any(|run| run.plan.is_none());
    while !removes() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not forget");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    machine.engine.stop().await;
    let end = |kind| {
        let ended = machine.memory.of_kind(kind).remove(0);
        (ended.status, ended.message)
    };
    let stopped = (Status::Cancelled, "the daemon was stopped".to_owned());
    assert_eq!(end(OperationKind::Forget), stopped);
    assert_eq!(end(OperationKind::Index), stopped);
}

#[tokio::test]
async fn a_plan_without_rules_forgets_nothing_and_says_so() {
    let machine = machine();
    for own in [Retention::None, Retention::KeepAll] {
        retain(&machine, own, None);
        machine.back_up().await;
        let refused = machine.engine.preview_forget(&repo_id(), Some(&plan_id())).await;
        assert!(matches!(refused, Err(JobError::KeepsAll { .. })), "{refused:?}");
    }
    machine.engine.stop().await;
    assert_eq!(machine.memory.of_kind(OperationKind::Forget), []);
    assert_eq!(snapshots(&machine).len(), 2);
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let size = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => size(&entry.path()),
        false => entry.metadata().unwrap().len(),
    };
    entries.map(size).sum()
}

/// restic of Debian's next release.
fn newer_restic() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/restic-0.18/restic");
    assert!(path.exists(), "{path:?} is not there; .ci/install installs what the tests need");
    path
}

#[tokio::test]
async fn a_prune_frees_space_and_a_check_passes_after() {
    prune_frees_space(machine()).await;
}

#[tokio::test]
async fn a_newer_restic_forgets_prunes_checks_and_counts_as_well() {
    let mut machine = machine();
    machine.engine = memory::engine_with(&machine.memory, Some(newer_restic()));
    prune_frees_space(machine).await;
}

async fn prune_frees_space(machine: Machine) {
    machine.memory.keeping.lock().unwrap().max_unused = Some("0%".parse().unwrap());
    let mut noise = vec![0; 8 << 20];
    getrandom::fill(&mut noise).unwrap();
    std::fs::write(machine.path("files/noise"), noise).unwrap();
    machine.back_up().await;
    std::fs::remove_file(machine.path("files/noise")).unwrap();
    retain(&machine, Retention::Keep(rules("last=1")), None);
    machine.back_up().await;
    indexed(&machine, 2).await;
    let before = size(&machine.path("repo/data"));
    assert!(before > 8 << 20);
    let forget = machine.memory.of_kind(OperationKind::Forget).pop().unwrap();
    assert_eq!(forget.message, "1 of 2 snapshots forgotten");
    let prune = upkeep(&machine, Task::Prune).await;
    assert_eq!(prune.status, Status::Succeeded, "{}", prune.message);
    assert!(prune.message.ends_with("MiB of unused data removed"), "{}", prune.message);
    assert!(size(&machine.path("repo/data")) < 1 << 20);
    let check = upkeep(&machine, Task::Check).await;
    assert_eq!(check.message, "no errors; the data itself was not read");
    let stats = upkeep(&machine, Task::Stats).await;
    assert!(stats.message.contains("for 1 snapshots"), "{}", stats.message);
    let index = upkeep(&machine, Task::Index).await;
    assert_eq!(index.message, "1 snapshots");
}

#[tokio::test]
async fn checks_read_one_part_after_the_other_until_all_is_read() {
    let machine = machine();
    machine.back_up().await;
    machine.memory.keeping.lock().unwrap().read_data = Some("1/3".parse().unwrap());
    for part in [1, 2, 3, 1] {
        let check = upkeep(&machine, Task::Check).await;
        let expected = format!("no errors; part {part} of 3 of the data was read");
        assert_eq!(check.message, expected);
        let log = machine.memory.logs.lock().unwrap()[&check.id].clone();
        assert!(log.contains(&format!("group #{part} of")), "{log}");
    }
    // Damage is found when its part's turn comes, and does not keep the others from theirs.
    damage(&machine);
    let ends: Vec<_> = [
        upkeep(&machine, Task::Check).await,
        upkeep(&machine, Task::Check).await,
        upkeep(&machine, Task::Check).await,
    ]
    .into();
    assert!(
        ends.iter().any(|check| check.message.contains("the repository is damaged")),
        "{ends:?}"
    );
    assert_eq!(machine.memory.parts.lock().unwrap()[&repo_id()].to_string(), "1/3");
}

/// Changes a byte in every pack.
fn damage(machine: &Machine) {
    use std::os::unix::fs::PermissionsExt as _;
    for folder in std::fs::read_dir(machine.path("repo/data")).unwrap() {
        for pack in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let pack = pack.unwrap().path();
            std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o600)).unwrap();
            let mut bytes = std::fs::read(&pack).unwrap();
            bytes[4] ^= 1;
            std::fs::write(&pack, bytes).unwrap();
        }
    }
}

/// A restic that holds a lock until its standard input ends.
fn holder(machine: &Machine) -> Child {
    let before = machine.locks().len();
    let holder = machine.restic(&["backup", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while machine.locks().len() == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not lock");
        std::thread::sleep(Duration::from_millis(5));
    }
    holder
}

#[tokio::test]
async fn the_lock_of_a_dead_process_goes_before_a_run_and_an_operation_says_so() {
    let machine = machine();
    let mut dead = holder(&machine);
    dead.kill().unwrap();
    dead.wait().unwrap();
    assert_eq!(machine.locks().len(), 1);
    // A backup would not mind it; it goes all the same.
    let backup = machine.back_up().await;
    assert_eq!(backup.status, Status::Succeeded);
    assert!(machine.locks().is_empty());
    let [unlock] = &machine.memory.of_kind(OperationKind::Unlock)[..] else { panic!() };
    assert_eq!((unlock.flow, unlock.status), (backup.flow, Status::Succeeded));
    assert!(unlock.message.contains(&format!("process {} of", dead.id())), "{}", unlock.message);
    assert!(unlock.message.contains("whose process is gone"), "{}", unlock.message);
}

#[tokio::test]
async fn exclusive_work_waits_for_a_lock_of_somebody_at_work_and_says_whose() {
    let machine = machine();
    let mut other = holder(&machine);
    let id = machine.engine.maintain(&repo_id(), Task::Prune, DUE).await.unwrap();
    let mut live = machine.engine.watch(id).unwrap();
    let holds = format!("waits: the repository is locked by process {} of", other.id());
    live.wait_for(|live| live.operation.message.starts_with(&holds)).await.unwrap();
    let locked = machine.engine.locked(&repo_id()).unwrap();
    assert!(locked.by.contains(&format!("process {}", other.id())), "{locked:?}");
    // Locks are looked at by hand meanwhile.
    let unlock = upkeep(&machine, Task::Unlock(UnlockScope::Stale)).await;
    assert!(unlock.message.starts_with("no lock was removed; still held by"), "{}", unlock.message);

    other.stdin.take().unwrap().write_all(b"dump").unwrap();
    other.wait().unwrap();
    let prune = end_of(&machine, id).await;
    assert_eq!(prune.status, Status::Succeeded, "{}", prune.message);
    assert_eq!(machine.engine.locked(&repo_id()), None);
}

#[tokio::test]
async fn own_backups_go_on_while_a_prune_waits_for_somebody_else() {
    let machine = Machine::with_much_to_save();
    machine.memory.keeping.lock().unwrap().own_names = vec!["nas".to_owned()];
    machine.memory.keeping.lock().unwrap().lock_wait = Duration::from_secs(60);
    assert!(machine.restic(&["init"]).status().unwrap().success());
    let mut other = holder(&machine);
    let prune = machine.engine.maintain(&repo_id(), Task::Prune, By::Person).await.unwrap();
    let mut live = machine.engine.watch(prune).unwrap();
    let mut says = async |begin: &str| {
        live.wait_for(|live| live.operation.message.starts_with(begin)).await.map(drop).unwrap();
    };
    says("waits: the repository is locked by process").await;

    let backup = machine.engine.backup(&plan_id()).await.unwrap();
    let mut running = machine.engine.watch(backup).unwrap();
    running.wait_for(|live| live.progress.bytes_done > 0).await.map(drop).unwrap();
    // For its own it waits in line: their locks are not somebody else's.
    other.stdin.take().unwrap().write_all(b"dump").unwrap();
    other.wait().unwrap();
    says("waits for: backup of plan home since 20").await;
    machine.engine.cancel(backup).unwrap();
    let ended = end_of(&machine, prune).await;
    assert_eq!(ended.status, Status::Succeeded, "{}", ended.message);
}

#[tokio::test]
async fn a_lock_that_stays_fails_the_run_once_the_wait_is_over() {
    let machine = machine();
    machine.memory.keeping.lock().unwrap().lock_wait = Duration::ZERO;
    let mut other = holder(&machine);
    let prune = upkeep(&machine, Task::Prune).await;
    assert_eq!(prune.status, Status::Failed);
    assert!(prune.message.contains(&format!("locked by PID {}", other.id())), "{}", prune.message);
    let unlock = upkeep(&machine, Task::Unlock(UnlockScope::All)).await;
    assert!(unlock.message.ends_with("because a person said so"), "{}", unlock.message);
    assert!(machine.locks().is_empty());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_prune_waits_for_a_running_backup_and_says_for_which() {
    let machine = Machine::with_much_to_save();
    machine.memory.keeping.lock().unwrap().own_names = vec!["nas".to_owned()];
    let backup = machine.engine.backup(&plan_id()).await.unwrap();
    let mut running = machine.engine.watch(backup).unwrap();
    running.wait_for(|live| live.progress.bytes_done > 0).await.unwrap();
    let prune = machine.engine.maintain(&repo_id(), Task::Prune, By::Person).await.unwrap();
    let mut live = machine.engine.watch(prune).unwrap();
    let waiting = live.wait_for(|live| live.operation.status == Status::Pending).await.unwrap();
    let message = waiting.operation.message.clone();
    drop(waiting);
    assert!(message.starts_with("waits for: backup of plan home since 20"), "{message}");
    let again = machine.engine.maintain(&repo_id(), Task::Prune, By::Person).await.unwrap();
    assert_eq!(again, prune, "one is enough");
    let due = machine.engine.maintain(&repo_id(), Task::Prune, DUE).await.unwrap();
    let skipped = end_of(&machine, due).await;
    assert_eq!(
        (skipped.status, skipped.message.as_str()),
        (Status::Skipped, "skipped: the prune before it has not ended")
    );
    machine.engine.cancel(backup).unwrap();
    let ended = end_of(&machine, prune).await;
    assert_eq!(ended.status, Status::Succeeded, "{}", ended.message);
    let last = machine.memory.states(prune).last().copied().unwrap();
    assert_eq!(last.1, Status::Succeeded);
}

#[tokio::test]
async fn a_received_repo_is_kept_in_order_by_its_owner() {
    let machine = machine();
    retain(&machine, Retention::Keep(rules("last=1")), Some(rules("last=1")));
    machine.change_repo(|repo| repo.standing = Standing::Received);
    machine.back_up().await;
    machine.back_up().await;
    let tag = Guarded::new(vec!["tag".to_owned(), "--add=x".to_owned()]).unwrap();
    for task in [
        Task::Prune,
        Task::Check,
        Task::Forget(None),
        Task::Forget(Some(plan_id())),
        Task::Unlock(UnlockScope::All),
        Task::Command(tag),
    ] {
        let refused = machine.engine.maintain(&repo_id(), task, By::Person).await;
        let Err(error @ JobError::OwnersWork { .. }) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("is its owner's. Ask there"), "{error}");
    }
    assert!(machine.engine.preview_forget(&repo_id(), Some(&plan_id())).await.is_err());
    assert_eq!(upkeep(&machine, Task::Stats).await.status, Status::Succeeded);
    machine.engine.stop().await;
    assert_eq!(snapshots(&machine).len(), 2, "its own retention is inactive there");
}

#[tokio::test]
async fn a_command_by_hand_has_its_output_in_the_log() {
    let machine = machine();
    machine.back_up().await;
    let words = ["ls", "latest"].map(str::to_owned).to_vec();
    let command = upkeep(&machine, Task::Command(Guarded::new(words).unwrap())).await;
    assert_eq!((command.status, command.message.as_str()), (Status::Succeeded, "restic ls latest"));
    let log = machine.memory.logs.lock().unwrap()[&command.id].clone();
    assert!(log.starts_with("$ restic ls latest\n") && log.contains("/files/letter"), "{log}");
}

#[tokio::test]
async fn upkeep_that_is_due_before_the_first_backup_is_skipped() {
    let machine = Machine::new();
    let id = machine.engine.maintain(&repo_id(), Task::Check, DUE).await.unwrap();
    let skipped = end_of(&machine, id).await;
    assert_eq!(skipped.status, Status::Skipped, "{}", skipped.message);
    assert!(!machine.path("repo").exists(), "nothing is created for it");
    let wanted = upkeep(&machine, Task::Check).await;
    assert_eq!(wanted.status, Status::Failed);
    assert!(wanted.message.contains("holdfast repo init vault"), "{}", wanted.message);
}
