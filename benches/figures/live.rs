//! Two instances over loopback, in this process: how soon the hub shows what was committed.

use crate::node::Place;
use crate::own::Shape;
use crate::report::{Goal, Report, millis};
use crate::scale::{PAYLOAD, SHARDS, Scale};
use anyhow::Context as _;
use holdfast::clock;
use holdfast::crypto::Identity;
use holdfast::daemon::links::Links;
use holdfast::model::{LinkState, PeerRole};
use holdfast::net::{Answers, Limits, Listener, SyncAccept, TrustedProxies, serve};
use holdfast::pairing::PeerUrl;
use holdfast::session::Code;
use holdfast::shutdown::Shutdown;
use holdfast::store::History;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const RATE: u64 = 5_000;
const TICK: Duration = Duration::from_millis(2);

/// When each position of each plan was durable at the origin.
type Committed = Arc<Mutex<HashMap<(String, u64), Instant>>>;

pub(crate) fn measure(scale: &Scale, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commit_to_visible(scale, folder, report))
}

/// Listens on a free port for these sessions; the URL of it.
async fn listen(links: &Arc<Links>, shutdown: &Shutdown) -> anyhow::Result<PeerUrl> {
    let listener = Listener::bind("127.0.0.1:0".parse()?, Answers::SyncOnly).await?;
    let url = format!("http://{}", listener.local_address()?).parse()?;
    let links = Arc::clone(links);
    let accept = SyncAccept {
        on_link: Arc::new(move |link| links.accept(link)),
        trusted_proxies: TrustedProxies::new(Vec::new()),
        limits: Limits::default(),
    };
    tokio::spawn(serve(vec![listener], None, accept, axum::Router::new(), shutdown.guard()));
    Ok(url)
}

async fn commit_to_visible(
    scale: &Scale,
    folder: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (hub_id, nas_id) = (Identity::from_seed([2; 32]), Identity::from_seed([1; 32]));
    let (hub_dir, nas_dir) = (folder.join("live-hub"), folder.join("live-nas"));
    let hub = Place::open(&hub_dir, &hub_id, "hub")?;
    let nas = Place::open(&nas_dir, &nas_id, "nas")?;
    let (hub_key, nas_key) = (hub_id.key_id(), nas_id.key_id());
    hub.knows(nas_key, "nas", PeerRole::AuthorizedClient, &[])?;
    nas.knows(hub_key, "hub", PeerRole::KnownHost, &["read-operations=*"])?;
    let (hub_links, _) = hub.links(Arc::new(hub_id), "hub".parse()?);
    let (nas_links, presences) = nas.links(Arc::new(nas_id), "nas".parse()?);
    let shutdown = Shutdown::default();
    let url = listen(&hub_links, &shutdown).await?;
    let dialling = Arc::clone(&nas_links);
    let session = tokio::spawn(async move { dialling.dial(&url, hub_key).await });
    let mut presence = presences.watch(&hub_key);
    let connected = presence.wait_for(|now| now.state == LinkState::Connected);
    tokio::time::timeout(Duration::from_secs(10), connected).await??;
    let committed = Committed::default();
    let count = RATE * scale.seconds;
    let watching = tokio::task::spawn_blocking({
        let (committed, file) = (Arc::clone(&committed), hub_dir.join("history.db"));
        let (changes, origin) = (hub.history.changes(), nas_key);
        let runtime = tokio::runtime::Handle::current();
        move || watch(&file, origin.as_bytes(), count, changes, &committed, &runtime)
    });
    let since = Instant::now();
    append(&nas.history, count, &committed).await?;
    let took = since.elapsed();
    let mut latencies = tokio::time::timeout(Duration::from_secs(60), watching).await???;
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        millis(latencies.get(index).or(latencies.last()).copied().unwrap_or_default())
    };
    let rate = count as f64 / took.as_secs_f64();
    let note = format!("{count} operations in {SHARDS} plans at {rate:.0} a second, over TCP");
    report.note("commit to visible: p50", at(0.5), "ms", Goal::None, note.clone());
    report.note("commit to visible: p99", at(0.99), "ms", Goal::AtMost(50.0), note);
    nas_links.close(&hub_key, Code::Shutdown);
    session.await??;
    shutdown.complete().await;
    Ok(())
}

/// Appends at the rate, and notes when each was durable.
async fn append(history: &History, count: u64, committed: &Committed) -> anyhow::Result<()> {
    let shape = Shape::new("nas".parse()?, SHARDS, PAYLOAD);
    let mut ticks = tokio::time::interval(TICK);
    let since = Instant::now();
    let mut done = 0;
    while done < count {
        ticks.tick().await;
        let due = count.min((since.elapsed().as_secs_f64() * RATE as f64) as u64);
        if due == done {
            continue;
        }
        let made: Result<Vec<_>, _> =
            (done..due).map(|n| shape.operation(n, clock::now())).collect();
        let operations = made?;
        // The n-th operation is of plan n mod SHARDS: its position there is known.
        let places: Vec<_> = (done..due)
            .zip(&operations)
            .map(|(n, operation)| (plan_of(operation), n / SHARDS + 1))
            .collect();
        let written = history.write(move |tx| {
            let mut own = tx.own()?;
            operations.iter().try_for_each(|operation| own.append(operation).map(drop))
        });
        // Visible before we hear of the commit counts as at once.
        written.await?;
        let now = Instant::now();
        let mut committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
        committed.extend(places.into_iter().map(|place| (place, now)));
        done = due;
    }
    Ok(())
}

fn plan_of(operation: &holdfast::model::Operation) -> String {
    operation.plan.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Reads the heads that the hub holds after each of its commits, until all have come.
fn watch(
    file: &Path,
    origin: &[u8; 32],
    count: u64,
    mut changes: tokio::sync::watch::Receiver<u64>,
    committed: &Committed,
    runtime: &tokio::runtime::Handle,
) -> anyhow::Result<Vec<Duration>> {
    let conn = rusqlite::Connection::open(file)?;
    let mut heads = conn.prepare(
        "SELECT plan, head_seq FROM shard WHERE log = (SELECT id FROM log WHERE origin = ?1)",
    )?;
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut arrived = Vec::new();
    let total = |seen: &HashMap<String, u64>| seen.values().sum::<u64>();
    while total(&seen) < count {
        runtime.block_on(changes.changed()).context("the hub is open")?;
        let now = Instant::now();
        let rows = heads.query_map([origin], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        for row in rows {
            let (plan, head): (String, i64) = row?;
            let before = seen.insert(plan.clone(), head.unsigned_abs()).unwrap_or(0);
            arrived
                .extend((before + 1..=head.unsigned_abs()).map(|seq| ((plan.clone(), seq), now)));
        }
    }
    // The last commit is noted just after it is visible here.
    let committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
    let latency =
        |(place, at): (_, Instant)| Some(at.saturating_duration_since(*committed.get(&place)?));
    Ok(arrived.into_iter().filter_map(latency).collect())
}
