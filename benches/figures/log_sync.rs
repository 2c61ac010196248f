//! Log sync by itself: bytes, round trips, time, at growing sizes of one log.
//!
//! Messages are counted as encoded. A record adds 16 bytes and its envelope 2 to 4; carrier and
//! outer TLS are not counted here.

use crate::machine::{cpu, size_of};
use crate::own::{self, Shape};
use crate::report::{Goal, Report, millis};
use crate::scale::{PAYLOAD, SHARDS, Scale};
use crate::talk::{Instance, Talk, Tally, intake};
use anyhow::{Context as _, ensure};
use holdfast::clock;
use holdfast::reconcile::{Feed, FeedOutput, FromHub, FromOrigin, HubLog as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const OLDER: u64 = 1_000;
const DAMAGED: u64 = 1_000;
/// What is said to find where two chains part.
const FORK_FINDING: [&str; 4] = ["hello", "heads", "ladder", "match"];

pub(crate) fn measure(scale: &Scale, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let mut bench = Bench::new(folder, report)?;
    let half = scale.operations / 2;
    for size in scale.sizes().into_iter().filter(|&size| size < half) {
        bench.grow_to(size, SHARDS)?;
        bench.nothing_changed(size, scale.repeats)?;
    }
    bench.grow_to(half - 101, SHARDS)?;
    bench.changes(1)?;
    bench.changes(100)?;
    bench.keep_copy("half")?;
    bench.grow_to(scale.operations - OLDER, SHARDS)?;
    bench.keep_copy("older")?;
    bench.grow_to(scale.operations, 1)?;
    bench.restored("older", &format!("origin {OLDER} operations older, all of one plan"))?;
    bench.grow_to(scale.operations, SHARDS)?;
    bench.ingest();
    bench.nothing_changed(scale.operations, scale.repeats)?;
    bench.damaged()?;
    bench.restored("older", &format!("origin {OLDER} operations older, of all {SHARDS} plans"))?;
    let name =
        format!("origin {} operations older, of all {SHARDS} plans", scale.operations - half);
    bench.restored("half", &name)?;
    bench.close()
}

struct Bench<'r> {
    folder: PathBuf,
    report: &'r mut Report,
    origin: Option<Instance>,
    hub: Option<Instance>,
    operations: u64,
    /// What was sent to fill the hub.
    ingested: Ingested,
}

/// Entries taken in, and how long that took.
#[derive(Default)]
struct Ingested {
    entries: u64,
    hub: Duration,
    hub_cpu: Duration,
    origin: Duration,
}

impl<'r> Bench<'r> {
    fn new(folder: &Path, report: &'r mut Report) -> anyhow::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            report,
            origin: Some(Instance::open(&folder.join("origin"), 1)?),
            hub: Some(Instance::open(&folder.join("hub"), 2)?),
            operations: 0,
            ingested: Default::default(),
        })
    }

    fn origin(&self) -> anyhow::Result<&Instance> {
        self.origin.as_ref().context("the origin is open")
    }

    fn hub(&self) -> anyhow::Result<&Instance> {
        self.hub.as_ref().context("the hub is open")
    }

    fn append(&self, count: u64, shards: u64) -> anyhow::Result<()> {
        let shape = Shape::new("origin".parse()?, shards, PAYLOAD);
        Ok(own::fill(&self.origin()?.history, &shape, count, |_| ())?)
    }

    /// One session until both are quiet.
    fn talk(&self) -> anyhow::Result<Tally> {
        Ok(Talk::new(self.origin()?, self.hub()?).run()?)
    }

    /// Appends, and brings the hub up to it.
    fn grow_to(&mut self, operations: u64, shards: u64) -> anyhow::Result<()> {
        let count = operations.saturating_sub(self.operations);
        self.append(count, shards)?;
        let tally = self.talk()?;
        let sent = tally.of(&["batch"]).entries;
        ensure!(sent == count, "{sent} entries were sent instead of {count}");
        self.ingested.entries += sent;
        self.ingested.hub += tally.hub;
        self.ingested.hub_cpu += tally.hub_cpu;
        self.ingested.origin += tally.origin;
        self.operations = operations;
        Ok(())
    }

    fn ingest(&mut self) {
        let entries = self.ingested.entries as f64;
        let rate = |time: Duration| entries / time.as_secs_f64();
        let Ingested { hub, hub_cpu, origin, .. } = self.ingested;
        let note = "one thread: decode, check, index, commit with full sync".to_owned();
        self.report.note("hub ingest", rate(hub), "ops/s", Goal::AtLeast(50_000.0), note);
        let note = "without waiting for the disk or for a core".to_owned();
        let name = "hub ingest, in a second of CPU";
        self.report.note(name, rate(hub_cpu), "ops/s", Goal::None, note);
        let note = "reading and encoding batches".to_owned();
        self.report.note("origin reads", rate(origin), "ops/s", Goal::None, note);
    }

    fn nothing_changed(&mut self, size: u64, repeats: u32) -> anyhow::Result<()> {
        let tally = self.talk()?;
        let opening = tally.of(&["hello", "in-sync"]);
        ensure!(opening.messages == 2, "the two are in sync");
        let name = |what: &str| format!("nothing changed at {size}: {what}");
        let note = format!(
            "SyncHello and InSync {}, then a signed Checkpoint {}; 0 extra round trips",
            opening.bytes,
            tally.of(&["checkpoint"]).bytes
        );
        let bytes = tally.all().bytes as f64;
        self.report.note(&name("log sync"), bytes, "B", Goal::AtMost(256.0), note);
        let (origin, hub) = self.reconnect_cpu(repeats)?;
        let note = "with a look for lost entries and the signature of the checkpoint".to_owned();
        self.report.note(&name("origin CPU"), millis(origin), "ms", Goal::AtMost(0.2), note);
        let note = "with a commit: it records when the roots were last equal".to_owned();
        self.report.note(&name("hub CPU"), millis(hub), "ms", Goal::AtMost(0.2), note);
        Ok(())
    }

    /// CPU of each side for a session in which nothing has changed: the origin's whole part, and
    /// the hub's up to InSync. Each step is done for many sessions on end, so that the kernel's
    /// count tells the sides apart.
    fn reconnect_cpu(&self, repeats: u32) -> anyhow::Result<(Duration, Duration)> {
        let origin = self.origin()?;
        let before = cpu();
        let mut feeds = Vec::new();
        for _ in 0..repeats {
            let mut feed = Feed::new(origin.key());
            let hello = origin.history.read_blocking(|r| feed.open(&r.own(), &|_| true))?;
            feeds.push((feed, hello));
        }
        let opened = cpu();
        let answers: Result<Vec<_>, _> =
            feeds.iter().map(|(_, hello)| self.hub_hears(FromOrigin::Hello(*hello))).collect();
        let (answers, answered) = (answers?, cpu());
        for ((feed, _), answers) in feeds.iter_mut().zip(answers) {
            self.origin_hears(feed, answers)?;
        }
        let of_origin = (opened - before) + (cpu() - answered);
        Ok((of_origin / repeats, (answered - opened) / repeats))
    }

    /// The hub's part of a session that begins with this.
    fn hub_hears(&self, message: FromOrigin) -> anyhow::Result<Vec<FromHub>> {
        let origin = self.origin()?;
        let (mut intake, key) = (intake(origin), origin.key());
        Ok(self.hub()?.history.write_blocking(move |tx| {
            let mut out = Vec::new();
            intake.handle(&mut tx.hub(key)?, message, clock::now(), &mut out)?;
            Ok(out)
        })?)
    }

    /// What the origin does about it, until it has nothing to say.
    fn origin_hears(&self, feed: &mut Feed, answers: Vec<FromHub>) -> anyhow::Result<()> {
        let origin = self.origin()?;
        let sign = |epoch: &_, root: &_, time| origin.identity.sign_checkpoint(epoch, root, time);
        let mut out: Vec<FeedOutput> = Vec::new();
        origin.history.read_blocking(|r| {
            let (log, now) = (r.own(), clock::now());
            for answer in answers {
                feed.handle(&log, &|_| true, answer, now, &mut out)?;
            }
            while !feed.next_few(&log, &|_| true, now, &sign)?.is_empty() {}
            Ok(())
        })?;
        Ok(())
    }

    /// So many operations, made while the two were apart, all of one plan.
    fn changes(&mut self, count: u64) -> anyhow::Result<()> {
        self.append(count, 1)?;
        self.operations += count;
        let tally = self.talk()?;
        let sent = tally.of(&["batch"]);
        ensure!(sent.entries == count, "{} entries were sent instead of {count}", sent.entries);
        let name = format!("{count} changed: log sync beyond the payload");
        let beyond = (tally.all().bytes - sent.payload) as f64;
        let heads = tally.of(&["heads"]).bytes;
        let limit = (64 * count + 40 * SHARDS) as f64;
        let note = format!(
            "Heads of {SHARDS} shards {heads}, batch {} beyond its payload; 1.5 round trips",
            sent.bytes - sent.payload
        );
        self.report.note(&name, beyond, "B", Goal::AtMost(limit), note);
        Ok(())
    }

    /// Keeps a copy of the origin's database as it is now.
    fn keep_copy(&mut self, name: &str) -> anyhow::Result<()> {
        self.reopen_origin(|origin, folder| {
            fs::copy(origin.join("history.db"), folder.join(name)).map(drop)
        })
    }

    fn reopen_origin(
        &mut self,
        change: impl FnOnce(&Path, &Path) -> std::io::Result<()>,
    ) -> anyhow::Result<()> {
        let dir = self.origin.take().context("the origin is open")?.close()?;
        change(&dir, &self.folder)?;
        self.origin = Some(Instance::open(&dir, 1)?);
        Ok(())
    }

    /// The origin goes back to a copy, and meets the hub.
    fn restored(&mut self, copy: &str, name: &str) -> anyhow::Result<()> {
        self.reopen_origin(|origin, folder| {
            for journal in ["history.db-wal", "history.db-shm"] {
                let _ = fs::remove_file(origin.join(journal));
            }
            fs::copy(folder.join(copy), origin.join("history.db")).map(drop)
        })?;
        let since = Instant::now();
        let tally = self.talk()?;
        let elapsed = since.elapsed();
        let parts: Vec<_> =
            FORK_FINDING.iter().map(|kind| format!("{kind} {}", tally.of(&[kind]).bytes)).collect();
        let forks = tally.of(&["fork"]).messages;
        ensure!(forks > 0, "there was a fork");
        let found = tally.of(&FORK_FINDING).bytes as f64;
        let goal = Goal::AtMost(2048.0);
        let note = format!("{}; {forks} forks", parts.join(", "));
        self.report.note(&format!("{name}: to find the fork"), found, "B", goal, note);
        let trips = f64::from(tally.ladder_trips);
        let note = "beyond SyncHello and Heads".to_owned();
        self.report.note(&format!("{name}: trips"), trips, "trips", Goal::AtMost(3.0), note);
        let sent = tally.of(&["fork", "batch"]);
        let rest = tally.all().bytes - tally.of(&FORK_FINDING).bytes - sent.payload;
        let note = format!(
            "fork, acknowledgements, checkpoint; {} entries sent, {:.1} s with archiving",
            sent.entries,
            elapsed.as_secs_f64()
        );
        self.report.note(&format!("{name}: the rest"), rest as f64, "B", Goal::None, note);
        self.operations = self
            .origin()?
            .history
            .read_blocking(|r| r.own_summary())?
            .map_or(0, |own| own.operations);
        Ok(())
    }

    /// Overwrites payloads in the hub's file, lets its scrub find them and its origin replace them.
    fn damaged(&mut self) -> anyhow::Result<()> {
        let dir = self.hub.take().context("the hub is open")?.close()?;
        damage(&dir.join("history.db"), DAMAGED)?;
        self.hub = Some(Instance::open(&dir, 2)?);
        let (hub, key) = (self.hub()?, self.origin()?.key());
        let since = Instant::now();
        hub.history.write_blocking(move |tx| tx.hub(key)?.scrub(None))?;
        let note = format!("whole log, {} MB", size_of(&hub.file()) / 1_000_000);
        let rate = self.operations as f64 / since.elapsed().as_secs_f64();
        self.report.note("scrub", rate, "ops/s", Goal::None, note);
        let tally = self.talk()?;
        let (wants, entries) = (tally.of(&["want"]), tally.of(&["entries"]));
        ensure!(entries.entries == DAMAGED, "{} were found", entries.entries);
        let left = self.hub()?.history.write_blocking(move |tx| tx.hub(key)?.wanted(1))?;
        ensure!(left.is_empty(), "all came back");
        let each = (wants.bytes + entries.bytes - entries.payload) as f64 / DAMAGED as f64;
        let name = format!("{DAMAGED} damaged payloads: repair of each, beyond the payload");
        let note =
            format!("{} messages, scattered over all shards", wants.messages + entries.messages);
        self.report.note(&name, each, "B", Goal::AtMost(120.0), note);
        let trips = f64::from(tally.want_trips);
        let name = format!("{DAMAGED} damaged payloads: trips");
        self.report.add(&name, trips, "trips", Goal::AtMost(1.0));
        Ok(())
    }

    fn close(mut self) -> anyhow::Result<()> {
        for instance in [self.origin.take(), self.hub.take()].into_iter().flatten() {
            fs::remove_dir_all(instance.close()?)?;
        }
        for copy in ["half", "older"] {
            fs::remove_file(self.folder.join(copy))?;
        }
        Ok(())
    }
}

/// Changes a byte of so many payloads, evenly over all shards, behind the program's back.
fn damage(file: &Path, count: u64) -> anyhow::Result<()> {
    let conn = rusqlite::Connection::open(file)?;
    let changed = conn.execute(
        "UPDATE entry SET payload = zeroblob(length(payload)) WHERE (shard, seq) IN ( \
         SELECT e.shard, e.seq FROM shard s JOIN entry e ON e.shard = s.id AND e.seq % 3 = 1 \
         AND e.seq <= 3 * ?1 WHERE s.held ORDER BY e.seq, e.shard LIMIT ?2)",
        ((count / SHARDS + 1) as i64, count as i64),
    )?;
    ensure!(changed as u64 == count, "{changed} payloads were changed");
    Ok(())
}
