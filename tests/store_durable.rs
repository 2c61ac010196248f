//! Kills, damage, many readers and much to write: real files, real processes.

mod store;

use holdfast::model::{KeyId, Status};
use holdfast::reconcile::{ArchiveReason, EntryKind, HubLog as _, OriginLog as _, chain_zero};
use holdfast::store::history::{Filter, HistoryTx, StoreState, Whose};
use holdfast::store::{History, StoreError, Trust};
use std::fs;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use store::{OWNER, chained, expectation, id, open, operation, peer, proved, shard};

fn append(tx: &HistoryTx<'_>, range: std::ops::Range<u64>) -> holdfast::store::Result<()> {
    let mut own = tx.own()?;
    for n in range {
        own.append(&operation(n, "home", Status::Succeeded))?;
    }
    Ok(())
}

fn listed(history: &History) -> usize {
    let all = Filter::default();
    let page = history.read_blocking(|reader| reader.operations(&all, None, 1_000_000));
    page.expect("a list").operations.len()
}

const CHILD: &str = "HOLDFAST_TEST_WRITES_TO";

/// Run by the test below in a process of its own, to be killed.
#[test]
fn child_that_writes() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let history = open(Path::new(&dir));
    for n in 1.. {
        history.write_blocking(move |tx| append(tx, n..n + 1)).expect("it is written");
        println!("\nack {n}");
    }
}

fn written_until_killed(dir: &Path, acks: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child_that_writes", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let number = |line: String| line.strip_prefix("ack ").and_then(|n| n.parse::<u64>().ok());
    let mut last = 0;
    while last < acks {
        let line = lines.next().expect("the child writes on").expect("a line");
        last = number(line).unwrap_or(last);
    }
    child.kill().expect("it is killed");
    child.wait().expect("it is dead");
    // What it had said before it died counts as well.
    lines.map_while(Result::ok).filter_map(number).last().unwrap_or(last)
}

#[test]
fn s5_what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    let acknowledged = written_until_killed(dir.path(), 40);
    let history = open(dir.path());
    assert_eq!(*history.state().borrow(), StoreState::Ok);
    let head = history
        .read_blocking(|reader| reader.own().shard(&shard("home")))
        .expect("read")
        .expect("the shard");
    assert!(head.head.seq >= acknowledged, "{} of {acknowledged}", head.head.seq);
    assert_eq!(listed(&history) as u64, head.head.seq);
    let entries = history
        .read_blocking(|reader| Ok(proved(reader, &reader.own_provable()?.expect("an own log"))));
    assert_eq!(entries.expect("read"), head.head.seq);
}

fn damage(path: &Path) {
    let size = fs::metadata(path).expect("it exists").len();
    let mut file = fs::OpenOptions::new().write(true).open(path).expect("it opens");
    file.seek(SeekFrom::Start(size / 4)).expect("there");
    let junk = usize::try_from(size / 2).expect("small");
    file.write_all(&vec![0xA5; junk]).expect("overwritten");
}

fn set_aside(dir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("a file").path());
    names
        .filter(|path| path.to_string_lossy().contains("history-damaged-"))
        .filter(|path| path.extension().is_some_and(|end| end == "db"))
        .collect()
}

#[tokio::test]
async fn a_damaged_history_is_set_aside_and_trust_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    Trust::open(dir.path()).expect("trust").set_meta("paired", b"yes").expect("kept");
    let history = open(dir.path());
    history.write(|tx| append(tx, 1..1_500)).await.expect("written");
    let epoch = history.read(|reader| reader.own().epoch()).await.expect("an epoch");
    history.close().await;
    drop(history);
    damage(&dir.path().join("history.db"));

    let history = open(dir.path());
    let state = history.state().borrow().clone();
    assert!(
        matches!(&state, StoreState::Empty { reason, .. } if reason.contains("history-damaged-"))
    );
    assert_eq!(set_aside(dir.path()).len(), 1);
    assert_ne!(history.read(|reader| reader.own().epoch()).await.expect("an epoch"), epoch);
    assert_eq!(listed(&history), 0);
    let trust = Trust::open(dir.path()).expect("trust");
    assert_eq!(trust.meta("paired").expect("read").as_deref(), Some(b"yes".as_slice()));

    history.close().await;
    assert_eq!(
        open(dir.path()).state().borrow().as_str(),
        "empty",
        "it is said until there is one"
    );
    let history = open(dir.path());
    history.write(|tx| append(tx, 1..2)).await.expect("written");
    history.close().await;
    assert_eq!(open(dir.path()).state().borrow().as_str(), "ok");
}

#[tokio::test]
async fn damage_met_while_running_is_set_aside_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    history.write(|tx| append(tx, 1..3_000)).await.expect("written");
    history.close().await;
    drop(history);
    let history = open(dir.path());
    let mut state = history.state();
    assert_eq!(*state.borrow_and_update(), StoreState::Ok);
    damage(&dir.path().join("history.db"));
    let met = history.read(|reader| {
        let page = reader.operations(&Filter::default(), None, 1_000_000)?;
        Ok(page.operations.len())
    });
    assert!(matches!(met.await, Err(StoreError::Damaged { .. })));
    state.wait_for(|state| state.as_str() == "empty").await.expect("the writer lives");
    history.write(|tx| append(tx, 1..4)).await.expect("it goes on");
    assert_eq!(listed(&history), 3);
    assert_eq!(set_aside(dir.path()).len(), 1);
}

#[test]
fn a_damaged_trust_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(Trust::open(dir.path()).expect("trust"));
    let path = dir.path().join("trust.db");
    damage(&path);
    let before = fs::read(&path).expect("read");
    match Trust::open(dir.path()) {
        Err(StoreError::TrustDamaged { path: named, .. }) => assert_eq!(named, path),
        other => panic!("it was opened: {:?}", other.map(drop)),
    }
    assert_eq!(fs::read(&path).expect("read"), before);
}

#[test]
fn files_are_private() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let _history = History::open(&data, OWNER).expect("a history");
    let _trust = Trust::open(&data).expect("trust");
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).expect("a folder") {
        let path = entry.expect("a file").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// What a hub takes in: batches of finished operations of about 1 KB, in several shards.
fn batch(tx: &HistoryTx<'_>, n: u64, entries: u64) -> holdfast::store::Result<()> {
    let plans = ["a", "b", "c", "d"];
    let plan = plans[usize::try_from(n).expect("small") % plans.len()];
    let mut hub = tx.hub(peer().1)?;
    let epoch = holdfast::model::Epoch::from_bytes([5; 16]);
    if hub.epoch()?.is_none() {
        hub.begin_epoch(epoch)?;
    }
    let name = shard(plan);
    if hub.shard(&name)?.is_none() {
        let chain = chain_zero(&peer().1, &epoch, &name);
        hub.adopt_base(&name, holdfast::reconcile::Head { seq: 0, chain }, ArchiveReason::Fork)?;
    }
    let head = hub.shard(&name)?.expect("made").head;
    let states: Vec<_> = (n * entries..(n + 1) * entries)
        .map(|n| {
            let mut made = operation(n, plan, Status::Succeeded);
            made.message = "m".repeat(850);
            (EntryKind::First, made)
        })
        .collect();
    hub.append(&name, chained(head, &states))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_entries_go_in_while_readers_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    let busy = std::sync::Arc::new(AtomicBool::new(true));
    let reader = {
        let (history, busy) = (history.clone(), busy.clone());
        tokio::task::spawn_blocking(move || {
            let mut reads = 0_u32;
            let mut seen = 0;
            while busy.load(Ordering::Relaxed) {
                let summary = history.read_blocking(|reader| reader.summary(peer().1));
                let operations = summary.expect("it reads").map_or(0, |log| log.operations);
                assert!(operations >= seen, "a reader went back in time");
                seen = operations;
                reads += 1;
            }
            reads
        })
    };
    let began = Instant::now();
    let mut jobs = tokio::task::JoinSet::new();
    for n in 0..400 {
        let history = history.clone();
        jobs.spawn(async move { history.write(move |tx| batch(tx, n, 250)).await });
    }
    while let Some(done) = jobs.join_next().await {
        done.expect("a task").expect("it is taken in");
    }
    let took = began.elapsed();
    busy.store(false, Ordering::Relaxed);
    let reads = reader.await.expect("the reader");
    println!("100000 entries in {took:?}, {reads} reads meanwhile");
    assert!(reads > 0);
    let summary = history.read(|reader| reader.summary(peer().1)).await.expect("read");
    let summary = summary.expect("a log");
    assert_eq!((summary.operations, summary.usage.entries, summary.shards), (100_000, 100_000, 4));
}

#[tokio::test]
async fn lost_payloads_are_found_marked_and_healed() {
    let dir = tempfile::tempdir().expect("a folder");
    let history = open(dir.path());
    history.write(|tx| append(tx, 1..20)).await.expect("written");
    history.write(|tx| tx.own()?.append_expectation(&expectation("home", 3))).await.expect("kept");
    let good = history
        .read(|reader| reader.own().entries_at(&shard("home"), &[5, 6]))
        .await
        .expect("entries");
    history.close().await;
    drop(history);
    let raw = rusqlite::Connection::open(dir.path().join("history.db")).expect("it opens");
    raw.execute("UPDATE entry SET payload = x'00' WHERE seq IN (5, 6)", []).expect("damaged");
    raw.execute("UPDATE entry SET chain = zeroblob(32) WHERE seq = 9", []).expect("damaged");
    drop(raw);

    let history = open(dir.path());
    let mut from = None;
    let mut checked = 0;
    loop {
        let done = history.write(move |tx| tx.own()?.scrub(&shard("home"), from, 7)).await;
        let done = done.expect("scrubbed");
        checked += done.checked;
        from = done.reached;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(checked, 20);
    let lost = history.read(|reader| reader.own().lost(&shard("home"), 10)).await.expect("read");
    assert_eq!(lost, [5, 6]);
    assert_eq!(history.state().borrow().as_str(), "repairing");
    let found = good.clone();
    history.write(move |tx| tx.own()?.heal(&shard("home"), &found)).await.expect("healed");
    assert_eq!(history.state().borrow().as_str(), "ok");
    let after = history.read(|reader| reader.own().entries_at(&shard("home"), &[5, 6])).await;
    assert_eq!(after.expect("entries"), good);
    let found = history.read(|reader| reader.operation(Whose::Own, id(5))).await.expect("read");
    assert!(found[0].state.is_some());
    assert_eq!(found[0].origin, KeyId::of(&OWNER.public_key));
}
