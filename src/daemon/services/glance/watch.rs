//! One stream of what changes, from a cursor on.
//!
//! 1. Operations come in the order of the log of changes, each revision that comes once; what a slow
//!    reader missed is read when it asks, so nothing waits for it in memory.
//! 2. Progress is what it is now: at most twice a second for each operation, and only where it moved.
//! 3. An area is told after it changed, however often it did. The cursor knows nothing of areas, so each
//!    stream begins with all of them: whatever a reader asked before it may be old.

use super::super::describe::{self, Names};
use super::super::refuse;
use super::super::stream::{Outlet, Stop};
use crate::api::{Event, RunningProgress};
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::daemon::presence::Presence;
use crate::model::{KeyId, OperationId, OperationKind, Progress, Status as How};
use crate::store::history::{Cursor, Recorded, Since};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

/// Something is said at least so often.
const BEAT: Duration = Duration::from_millis(1_500);
/// Progress of an operation is said at most so often.
const PACE: Duration = Duration::from_millis(500);
/// Plans grow old by themselves.
const AGEING: Duration = Duration::from_secs(60);
/// Changes read at once.
const READ: usize = 256;

/// Where a reader begins.
pub(super) enum Begin {
    /// There.
    At(Cursor),
    /// Where it was, nobody can say.
    Lost(Cursor),
}

/// From now on, or from a cursor.
pub(super) async fn begin(node: &Node, cursor: Option<String>) -> Result<Begin, Status> {
    let read = node.history.read(move |reader| {
        let newest = reader.newest_cursor()?;
        Ok(match cursor.map(|text| text.parse::<Cursor>()) {
            None => Begin::At(newest),
            Some(Ok(cursor)) => Begin::At(cursor),
            Some(Err(_)) => Begin::Lost(newest),
        })
    });
    read.await.map_err(refuse::store)
}

/// Says what changes until the reader goes.
pub(super) async fn watch(
    node: Arc<Node>,
    begin: Begin,
    outlet: Outlet<Event>,
) -> Result<(), Stop> {
    let (cursor, lost) = match begin {
        Begin::At(cursor) => (cursor, false),
        Begin::Lost(cursor) => (cursor, true),
    };
    let names = Names::read(&node).await?;
    let (ears, links) = (Ears::new(&node), links(&node).await?);
    let now = Instant::now();
    let mut teller = Teller {
        node: &node,
        outlet,
        names,
        cursor,
        links,
        troubled: troubled(&node),
        told: BTreeMap::new(),
        said_at: now,
        paced_at: now,
        aged_at: now,
    };
    if lost {
        teller.lost().await?;
    } else {
        // The ears are open: from here on nothing is missed.
        teller.changed(BTreeSet::from(Area::ALL)).await?;
    }
    teller.run(ears).await
}

/// Whatever tells that something changed.
struct Ears {
    history: Receiver<u64>,
    runs: Receiver<u64>,
    links: Receiver<u64>,
    refusals: Receiver<Vec<crate::daemon::links::refusals::Refused>>,
    config: Receiver<crate::config::Snapshot>,
    roster: Receiver<u64>,
    agenda: Receiver<crate::daemon::scheduler::Agenda>,
    sharing: Receiver<u64>,
    store: Receiver<crate::store::history::StoreState>,
    areas: Receiver<[u64; Area::ALL.len()]>,
    counts: [u64; Area::ALL.len()],
}

impl Ears {
    fn new(node: &Node) -> Self {
        let mut history = node.history.changes();
        // What came since the cursor is looked at first.
        history.mark_changed();
        let areas = node.areas.changes();
        let counts = *areas.borrow();
        Self {
            history,
            runs: node.engine.changes(),
            links: node.presences.changes(),
            refusals: node.links.refusals().changes(),
            config: node.config.subscribe(),
            roster: node.roster.changes(),
            agenda: node.scheduler.changes(),
            sharing: node.sharing.changes(),
            store: node.history.state(),
            areas,
            counts,
        }
    }

    /// Returns when anything changed, or at that time.
    async fn hear(&mut self, until: Instant) {
        tokio::select! {
            _ = self.history.wait_for_change() => {}
            _ = self.runs.wait_for_change() => {}
            _ = self.links.wait_for_change() => {}
            _ = self.refusals.wait_for_change() => {}
            _ = self.config.wait_for_change() => {}
            _ = self.roster.wait_for_change() => {}
            _ = self.agenda.wait_for_change() => {}
            _ = self.sharing.wait_for_change() => {}
            _ = self.store.wait_for_change() => {}
            _ = self.areas.wait_for_change() => {}
            () = sleep_until(until) => {}
        }
    }

    fn areas(&mut self) -> BTreeSet<Area> {
        let mut changed = BTreeSet::new();
        let mut when = |is: bool, areas: &[Area]| {
            if is {
                changed.extend(areas.iter().copied());
            }
        };
        use Area::{Attention, Config, Peers, Plans, Repos, Tokens};
        when(heard(&mut self.config), &[Config, Plans, Repos, Attention]);
        when(heard(&mut self.roster), &[Peers, Tokens, Plans, Attention]);
        when(heard(&mut self.refusals), &[Peers]);
        when(heard(&mut self.agenda), &[Plans]);
        when(heard(&mut self.sharing), &[Repos, Plans, Attention]);
        when(heard(&mut self.store), &[Attention]);
        if heard(&mut self.areas) {
            let counts = *self.areas.borrow();
            let differs =
                |area: &Area| counts.get(*area as usize) != self.counts.get(*area as usize);
            changed.extend(Area::ALL.into_iter().filter(differs));
            self.counts = counts;
        }
        changed
    }
}

/// Waiting without taking note: whoever looks afterwards does.
trait WaitForChange {
    async fn wait_for_change(&mut self);
}

impl<T: Send + Sync> WaitForChange for Receiver<T> {
    async fn wait_for_change(&mut self) {
        // An error means that nobody will ever say anything: others end this then.
        match self.changed().await {
            Ok(()) => self.mark_changed(),
            Err(_) => std::future::pending().await,
        }
    }
}

fn heard<T>(ear: &mut Receiver<T>) -> bool {
    let changed = ear.has_changed().unwrap_or(false);
    ear.mark_unchanged();
    changed
}

struct Teller<'n> {
    node: &'n Node,
    outlet: Outlet<Event>,
    names: Names,
    cursor: Cursor,
    links: BTreeMap<KeyId, Presence>,
    troubled: Vec<String>,
    told: BTreeMap<(KeyId, OperationId), Progress>,
    said_at: Instant,
    paced_at: Instant,
    aged_at: Instant,
}

impl Teller<'_> {
    async fn run(mut self, mut ears: Ears) -> Result<(), Stop> {
        let mut moved = true;
        loop {
            let until = self.said_at + BEAT;
            let until = if moved { until.min(self.paced_at + PACE) } else { until };
            ears.hear(until).await;
            let mut areas = ears.areas();
            if areas.contains(&Area::Peers) {
                self.names = Names::read(self.node).await?;
            }
            if heard(&mut ears.history) {
                areas.extend(self.operations().await?);
            }
            let (own, theirs) = (heard(&mut ears.runs), heard(&mut ears.links));
            moved |= own || theirs;
            areas.extend(if own { self.trouble() } else { None });
            areas.extend(self.ageing());
            if moved && self.paced_at.elapsed() >= PACE {
                moved = false;
                areas.extend(self.moved().await?);
                self.progress().await?;
            }
            self.changed(areas).await?;
            if self.said_at.elapsed() >= BEAT {
                self.beat().await?;
            }
        }
    }

    /// Says each operation that changed since the cursor; which areas that concerns.
    async fn operations(&mut self) -> Result<BTreeSet<Area>, Stop> {
        let mut areas = BTreeSet::new();
        loop {
            let before = self.cursor.clone();
            let at = before.clone();
            let read = self.node.history.read(move |reader| reader.changed_since(&at, READ));
            let (changes, next) = match read.await? {
                Since::Changes(changes, next) => (changes, next),
                Since::Lost(newest) => {
                    self.cursor = newest;
                    self.lost().await?;
                    return Ok(BTreeSet::new());
                }
            };
            for changed in changes {
                self.cursor = changed.cursor;
                match changed.operation {
                    Some(recorded) => {
                        areas.extend(concerned(&recorded));
                        let operation = Some(describe::recorded(&recorded, &self.names));
                        self.say(Event { operation, ..Event::default() }).await?;
                    }
                    None => areas.extend([Area::Plans]),
                }
            }
            self.cursor = next;
            // A full page may have more behind it.
            if self.cursor == before {
                return Ok(areas);
            }
        }
    }

    /// How far everything is that runs, where that moved.
    async fn progress(&mut self) -> Result<(), Stop> {
        self.paced_at = Instant::now();
        let mut now = BTreeMap::new();
        let own = self.node.key();
        for live in self.node.engine.live() {
            if live.operation.status == How::Running {
                let plan = live.operation.plan.map(|plan| plan.to_string());
                now.insert((own, live.operation.id), (plan, live.progress));
            }
        }
        for peer in self.links.keys() {
            for (id, run) in self.node.presences.of(peer).running {
                let plan = Some(run.shard.plan).filter(|plan| !plan.is_empty());
                now.insert((*peer, id), (plan, run.progress));
            }
        }
        self.told.retain(|run, _| now.contains_key(run));
        for ((origin, id), (plan, progress)) in now {
            if self.told.get(&(origin, id)) == Some(&progress) {
                continue;
            }
            let progress_now = Some(describe::progress(&progress));
            self.told.insert((origin, id), progress);
            let (operation, origin) = (id.to_string(), origin.to_string());
            let progress =
                Some(RunningProgress { operation, origin, plan, progress: progress_now });
            self.say(Event { progress, ..Event::default() }).await?;
        }
        Ok(())
    }

    /// Whether the links to peers are others than before, progress aside.
    async fn moved(&mut self) -> Result<Vec<Area>, Stop> {
        let links = links(self.node).await?;
        let differs = links != self.links;
        self.links = links;
        Ok(if differs { vec![Area::Peers, Area::Plans, Area::Attention] } else { Vec::new() })
    }

    /// Whether somebody should look at other runs than before.
    fn trouble(&mut self) -> Option<Area> {
        let troubled = troubled(self.node);
        let differs = troubled != self.troubled;
        self.troubled = troubled;
        differs.then_some(Area::Attention)
    }

    fn ageing(&mut self) -> Vec<Area> {
        if self.aged_at.elapsed() < AGEING {
            return Vec::new();
        }
        self.aged_at = Instant::now();
        vec![Area::Plans, Area::Attention]
    }

    async fn changed(&mut self, areas: BTreeSet<Area>) -> Result<(), Stop> {
        if areas.is_empty() {
            return Ok(());
        }
        let changed = areas.iter().map(ToString::to_string).collect();
        self.say(Event { changed, ..Event::default() }).await
    }

    async fn lost(&mut self) -> Result<(), Stop> {
        self.say(Event { lost: true, ..Event::default() }).await
    }

    async fn beat(&mut self) -> Result<(), Stop> {
        self.say(Event::default()).await
    }

    async fn say(&mut self, event: Event) -> Result<(), Stop> {
        self.outlet.send(Event { cursor: self.cursor.to_string(), ..event }).await?;
        self.said_at = Instant::now();
        Ok(())
    }
}

/// What is to be looked at anew when an operation changed.
fn concerned(recorded: &Recorded) -> Vec<Area> {
    match recorded.kind {
        Some(OperationKind::Backup) => vec![Area::Plans, Area::Attention],
        Some(OperationKind::Restore | OperationKind::Check) => vec![Area::Plans, Area::Repos],
        Some(OperationKind::Hook) => vec![Area::Attention],
        Some(
            OperationKind::Forget
            | OperationKind::Prune
            | OperationKind::Stats
            | OperationKind::Index
            | OperationKind::Command
            | OperationKind::Unlock
            | OperationKind::Init,
        ) => vec![Area::Repos],
        None => vec![Area::Plans, Area::Repos],
    }
}

/// How the links to all peers are, without what changes all the time.
async fn links(node: &Node) -> Result<BTreeMap<KeyId, Presence>, Status> {
    let peers = node.with_trust(|_, roster| roster.peers()).await.map_err(refuse::store)?;
    let of = |key: KeyId| {
        let presence = node.presences.of(&key);
        let still =
            Presence { running: BTreeMap::new(), last_heard: None, clock_ahead_ms: 0, ..presence };
        (key, still)
    };
    Ok(peers.into_iter().map(|peer| of(peer.key)).collect())
}

fn troubled(node: &Node) -> Vec<String> {
    let live = node.engine.live().into_iter();
    live.filter_map(|live| Some(format!("{} {}", live.operation.id, live.attention?))).collect()
}
