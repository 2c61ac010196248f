//! Two real daemons on loopback, seen from outside: bytes through a proxy, `/proc`, their databases.

use crate::hub;
use crate::machine::Memory;
use crate::node::Place;
use crate::own::{self, Shape};
use crate::process::{Daemon, Home};
use crate::proxy::{Passed, Proxy};
use crate::report::{Goal, Report, millis};
use crate::scale::{PAYLOAD, SHARDS, Scale};
use anyhow::{Context as _, ensure};
use holdfast::clock;
use holdfast::crypto::Identity;
use holdfast::model::{KeyId, LinkState, PeerRole};
use holdfast::store::history::Owner;
use holdfast::store::{History, Trust};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of each idle peer: one plan, one backup.
const ONE: hub::Logs = hub::Logs { plans: 1, runs: 1 };
const MB: f64 = 1_000_000.0;
const PATIENCE: Duration = Duration::from_secs(300);
/// Dialers at once from one address; more than 8 half-open ones of an address displace each other.
const DIALLING: usize = 4;

pub(crate) fn measure(scale: &Scale, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    idle_peers(scale, folder, report)?;
    let nas = Home::new(folder, "nas")?;
    let small = Home::new(folder, "small")?;
    let proxy = Proxy::to(small.listen)?;
    let mut seeded = 0;
    for size in scale.sizes().into_iter().filter(|&size| size < scale.operations) {
        seed(&nas, size - seeded)?;
        let (hub, member) = (small.start()?, nas.start()?);
        if seeded == 0 {
            pair(&nas, &small, &proxy)?;
        }
        seeded = size;
        arrived(&small, &nas, size)?;
        reconnect(scale, size, (&proxy, &hub, &member), report)?;
        member.stop()?;
        hub.stop()?;
    }
    forget(&nas, &small)?;
    seed(&nas, scale.operations - seeded)?;
    let large = Home::new(folder, "large")?;
    let proxy = Proxy::to(large.listen)?;
    let (hub, member) = (large.start()?, nas.start()?);
    first_sync(scale, (&nas, &large), (&proxy, &hub, &member), report)?;
    reconnect(scale, scale.operations, (&proxy, &hub, &member), report)?;
    member.stop()?;
    hub.stop()
}

/// Appends to the own log of an instance that is stopped.
fn seed(home: &Home, count: u64) -> anyhow::Result<()> {
    let owner = Owner { public_key: home.identity()?.public_key() };
    let history = History::open(&home.data, owner)?;
    own::fill(&history, &Shape::new(home.name.parse()?, SHARDS, PAYLOAD), count, |_| ())?;
    tokio::runtime::Builder::new_current_thread().build()?.block_on(history.close());
    Ok(())
}

/// The hub makes a token, the member joins with it through the proxy and lets the hub read.
fn pair(member: &Home, hub: &Home, proxy: &Proxy) -> anyhow::Result<()> {
    let created = hub.ask(&["token", "create", "--ask", "read-operations=*"])?;
    let token = created["token"].as_str().context("a token was made")?;
    let file = member.data.join("token");
    std::fs::write(&file, token)?;
    let url = format!("http://{}", proxy.address);
    let file = file.to_str().context("the path is text")?;
    let joined = member.ask(&["join", "--token-file", file, "--url", &url, "--accept-asks"])?;
    ensure!(joined["granted"][0]["permission"] == "read-operations", "{joined}");
    Ok(())
}

/// The member's next start knows nothing of this hub.
fn forget(member: &Home, hub: &Home) -> anyhow::Result<()> {
    Trust::open(&member.data)?.remove_peer(&hub.identity()?.key_id(), clock::now())?;
    Ok(())
}

/// How many operations a hub holds of a member, and whether their roots are equal.
fn held(hub: &Home, origin: &KeyId) -> anyhow::Result<(u64, bool)> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = rusqlite::Connection::open_with_flags(hub.history(), flags)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    let sql = "SELECT operations, announced_root IS verified_root AND verified_root IS NOT NULL \
               FROM log WHERE origin = ?1";
    let row = conn.query_row(sql, [origin.as_bytes()], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
    });
    match row {
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok((0, false)),
        other => Ok(other?),
    }
}

/// Waits until the hub has all, and both know it.
fn arrived(hub: &Home, member: &Home, operations: u64) -> anyhow::Result<()> {
    let (key, until) = (member.identity()?.key_id(), Instant::now() + PATIENCE);
    while held(hub, &key)? != (operations, true) {
        ensure!(Instant::now() < until, "only {:?} of {operations} arrived", held(hub, &key)?);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn first_sync(
    scale: &Scale,
    (member, hub): (&Home, &Home),
    (proxy, receiving, sending): (&Proxy, &Daemon, &Daemon),
    report: &mut Report,
) -> anyhow::Result<()> {
    std::thread::sleep(Duration::from_secs(1));
    let (before, at_start) = (receiving.memory(), sending.memory());
    let cpu = (receiving.cpu(), sending.cpu());
    let size = scale.operations;
    report.add("daemon: idle, resident", before.resident as f64 / MB, "MB", Goal::AtMost(20.0));
    let name = format!("daemon: idle with a log of {size}, resident");
    report.add(&name, at_start.resident as f64 / MB, "MB", Goal::AtMost(20.0));
    let since = Instant::now();
    pair(member, hub, proxy)?;
    arrived(hub, member, size)?;
    let took = since.elapsed().as_secs_f64();
    let limit = 30.0 * size as f64 / 1_000_000.0;
    let note = format!(
        "from `join`; {:.0} ops/s; hub CPU {:.1} s, member CPU {:.1} s",
        size as f64 / took,
        receiving.cpu().saturating_sub(cpu.0).as_secs_f64(),
        sending.cpu().saturating_sub(cpu.1).as_secs_f64()
    );
    report.note(&format!("first sync of {size}"), took, "s", Goal::AtMost(limit.max(1.0)), note);
    let passed = proxy.quiet(|_| true)?;
    let share = passed.up as f64 / (size as f64 * PAYLOAD as f64);
    let note = format!("{} B up, {} B down", passed.up, passed.down);
    report.note("first sync: bytes up to payload", share, "", Goal::None, note);
    let growth = |now: Memory, then: Memory| (now.peak.saturating_sub(then.resident)) as f64 / MB;
    let name = "first sync: growth of the hub at its peak";
    report.add(name, growth(receiving.memory(), before), "MB", Goal::AtMost(32.0));
    let name = "first sync: growth of the member at its peak";
    report.add(name, growth(sending.memory(), at_start), "MB", Goal::None);
    Ok(())
}

/// One reconnect.
struct Round {
    passed: Passed,
    hub: Duration,
    member: Duration,
}

/// Cuts the link and lets the member dial again, as often as it pays.
fn reconnect(
    scale: &Scale,
    size: u64,
    (proxy, hub, member): (&Proxy, &Daemon, &Daemon),
    report: &mut Report,
) -> anyhow::Result<()> {
    let rounds = if scale.repeats > 100 { 7 } else { 2 };
    let mut seen = Vec::new();
    let mut before = proxy.quiet(|passed| passed.connections > 0)?;
    for _ in 0..rounds {
        let cpu = (hub.cpu(), member.cpu());
        proxy.cut();
        let after = proxy.quiet(|passed| {
            passed.connections > before.connections && passed.down > before.down + 1_000
        })?;
        seen.push(Round {
            passed: between(before, after),
            hub: hub.cpu().saturating_sub(cpu.0),
            member: member.cpu().saturating_sub(cpu.1),
        });
        before = after;
    }
    let of = |pick: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<_> = seen.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let name = |what: &str| format!("reconnect at {size}: {what}");
    let note = "all of TCP's payload: HTTP/2, handshake, session, log sync".to_owned();
    report.note(&name("up"), of(&|round| round.passed.up as f64), "B", Goal::None, note.clone());
    report.note(&name("down"), of(&|round| round.passed.down as f64), "B", Goal::None, note);
    let note = "all of the process, from the cut to quiet, median; log sync and handshake have goals of their own above".to_owned();
    report.note(&name("hub CPU"), of(&|round| millis(round.hub)), "ms", Goal::None, note.clone());
    report.note(&name("member CPU"), of(&|round| millis(round.member)), "ms", Goal::None, note);
    Ok(())
}

fn between(before: Passed, after: Passed) -> Passed {
    Passed {
        up: after.up - before.up,
        down: after.down - before.down,
        connections: after.connections - before.connections,
    }
}

/// Memory of a hub for each of many peers that are connected and have nothing to say.
fn idle_peers(scale: &Scale, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let home = Home::new(folder, "meeting")?;
    let owner = Owner { public_key: home.identity()?.public_key() };
    let history = History::open(&home.data, owner)?;
    hub::fill(&Trust::open(&home.data)?, &history, scale.peers, ONE, |_| ())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(history.close());
    let daemon = home.start()?;
    std::thread::sleep(Duration::from_secs(1));
    let before = daemon.memory();
    let since = Instant::now();
    let members = runtime.block_on(connect_all(scale.peers, &home, &folder.join("members")))?;
    let took = since.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(2));
    let grown = daemon.memory().resident.saturating_sub(before.resident);
    let each = grown as f64 / f64::from(scale.peers) / 1000.0;
    let name = format!("memory of the hub for each of {} idle peers", scale.peers);
    let note = format!(
        "from {:.1} MB; all connected after {took:.1} s, {DIALLING} at a time",
        before.resident as f64 / MB
    );
    report.note(&name, each, "KB", Goal::AtMost(40.0), note);
    drop(members);
    drop(runtime);
    daemon.stop()
}

/// Each with an identity of its own, all on one empty history.
async fn connect_all(
    peers: u32,
    hub: &Home,
    dir: &Path,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    let key = hub.identity()?.key_id();
    holdfast::config::create_private_dir(dir)?;
    let place = Place::open(dir, &Identity::from_seed([3; 32]), "members")?;
    place.knows(key, hub.name, PeerRole::KnownHost, &["read-operations=*"])?;
    let url: holdfast::pairing::PeerUrl = format!("http://{}", hub.listen).parse()?;
    let slots = Arc::new(tokio::sync::Semaphore::new(DIALLING));
    let mut sessions = Vec::new();
    for number in 1..=peers {
        let place = place.clone();
        let (url, slots) = (url.clone(), Arc::clone(&slots));
        let slot = slots.acquire_owned().await?;
        let identity = Arc::new(hub::identity(number));
        let (links, presences) = place.links(identity, hub::name(number));
        let mut presence = presences.watch(&key);
        sessions.push(tokio::spawn(async move {
            let visit = links.dial(&url, key).await;
            if let Err(error) = visit {
                println!("a peer was not connected: {error}");
            }
        }));
        tokio::spawn(async move {
            // It goes when the session ends; then somebody else's turn is as good.
            let _ = presence.wait_for(|now| now.state == LinkState::Connected).await;
            drop(slot);
        });
    }
    let all = slots_free(&slots);
    tokio::time::timeout(PATIENCE, all).await.context("all peers are connected")??;
    Ok(sessions)
}

async fn slots_free(slots: &tokio::sync::Semaphore) -> anyhow::Result<()> {
    drop(slots.acquire_many(DIALLING as u32).await?);
    Ok(())
}
