//! Origins, hubs and the links between them: messages, events, faults.

mod events;
mod hub;
mod links;

use crate::history::{Event, History, Kind, Profile};
use crate::random::{Random, at};
use holdfast::model::{Epoch, KeyId, OperationId, Timestamp};
use holdfast::reconcile::memory::{Chain, MemoryHub, MemoryOrigin, Part, is_finished};
use holdfast::reconcile::{
    BatchLimits, Checkpoint, EntryKind, Feed, FeedOutput, FeedPast, FromHub, FromOrigin, Hash,
    HubLog, Intake, Quota, Shard, Start, checkpoint_statement, digest,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub type Outcome = Result<(), String>;
type Link = (usize, usize);
/// Shards, and the position of the newest entry of each operation there.
type Live = BTreeMap<Shard, BTreeMap<OperationId, u64>>;
type Kept = (usize, Shard, OperationId, bytes::Bytes);

#[derive(Clone)]
pub struct Sent {
    generation: u64,
    message: FromOrigin,
    /// What was live at the origin when it was sent.
    live: Live,
}

pub struct Origin {
    pub key: KeyId,
    pub log: MemoryOrigin,
    pub scope: Vec<BTreeSet<Shard>>,
    feeds: Vec<Option<Feed>>,
    past: Vec<FeedPast>,
    copies: Vec<MemoryOrigin>,
    recent: Vec<MemoryOrigin>,
    epochs: u8,
}

pub struct Hub {
    pub held: Vec<MemoryHub>,
    synced: Vec<MemoryHub>,
    intakes: Vec<Option<(u64, Intake)>>,
    inbox: VecDeque<(usize, Sent)>,
    /// Answers that wait until what they answer is durable.
    answers: Vec<(usize, u64, FromHub)>,
    kept: BTreeSet<Kept>,
    copies: Vec<Vec<MemoryHub>>,
    dirty: bool,
}

#[derive(Default)]
pub struct Wire {
    generation: u64,
    up: bool,
    to_hub: VecDeque<Sent>,
    to_origin: VecDeque<FromHub>,
}

pub struct World {
    pub history: History,
    variant: bool,
    closed: bool,
    pub shards: Vec<Shard>,
    pub origins: Vec<Origin>,
    pub hubs: Vec<Hub>,
    pub wires: BTreeMap<Link, Wire>,
    ever: BTreeMap<(usize, Shard), Vec<OperationId>>,
    top_base: BTreeMap<(usize, Shard), u64>,
    untrimmed: BTreeSet<(usize, Shard)>,
    pub damaged: bool,
    pub messages: u64,
    now: Timestamp,
    pub trace: Vec<String>,
}

fn signature(statement: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&digest(statement));
    signature
}

fn epoch(origin: usize, number: u8) -> Epoch {
    let mut bytes = [number; 16];
    bytes[0] = origin as u8;
    Epoch::from_bytes(bytes)
}

impl Origin {
    pub fn visible(&self, hub: usize) -> BTreeSet<Shard> {
        self.scope[hub].iter().filter(|s| self.log.shards.contains_key(*s)).cloned().collect()
    }

    fn live(&self, hub: usize) -> Live {
        let visible = self.visible(hub).into_iter();
        visible.map(|shard| (shard.clone(), self.log.shards[&shard].newest())).collect()
    }
}

impl World {
    pub fn new(history: History, variant: bool) -> Self {
        let names = ["a", "b", "c"].iter().take(history.shards);
        let shards: Vec<_> =
            names.map(|n| Shard { repo: (*n).into(), plan: String::new() }).collect();
        let all = !history.scoped || history.profile == Profile::G3;
        let scope: BTreeSet<_> = shards.iter().take(if all { 3 } else { 1 }).cloned().collect();
        let hubs = history.hubs;
        let origin = |o: usize| {
            let key = KeyId::from_bytes([o as u8 + 1; 32]);
            Origin {
                key,
                log: MemoryOrigin::new(key, epoch(o, 1)),
                scope: vec![scope.clone(); hubs],
                feeds: (0..hubs).map(|_| None).collect(),
                past: vec![FeedPast::default(); hubs],
                copies: Vec::new(),
                recent: Vec::new(),
                epochs: 1,
            }
        };
        let hub = |_| Hub {
            held: vec![MemoryHub::default(); history.origins],
            synced: vec![MemoryHub::default(); history.origins],
            intakes: (0..history.origins).map(|_| None).collect(),
            inbox: VecDeque::new(),
            answers: Vec::new(),
            kept: BTreeSet::new(),
            copies: Vec::new(),
            dirty: false,
        };
        let links = (0..history.origins).flat_map(|o| (0..hubs).map(move |h| (o, h)));
        Self {
            variant,
            closed: false,
            origins: (0..history.origins).map(origin).collect(),
            hubs: (0..hubs).map(hub).collect(),
            wires: links.map(|link| (link, Wire::default())).collect(),
            ever: BTreeMap::new(),
            top_base: BTreeMap::new(),
            untrimmed: BTreeSet::new(),
            damaged: false,
            messages: 0,
            now: Timestamp::from_millis(1_000_000_000),
            trace: Vec::new(),
            shards,
            history,
        }
    }

    pub fn links(&self) -> Vec<Link> {
        self.wires.keys().copied().collect()
    }

    /// Live at the origin, and this hub can know: not so where a copy older than a trim came back,
    /// below the hub's base.
    pub fn is_live(&self, (o, h): Link, shard: &Shard, op: &OperationId, live: &Live) -> bool {
        let Some(seq) = live.get(shard).and_then(|newest| newest.get(op)) else { return false };
        let base = self.hubs[h].held[o].shards.get(shard).map_or(0, |held| held.chain.base().seq);
        !(self.untrimmed.contains(&(o, shard.clone())) && *seq <= base)
    }

    pub fn live(&self, (o, h): Link) -> Live {
        self.origins[o].live(h)
    }
}
