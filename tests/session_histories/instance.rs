//! An instance as a process: identity, database, peers, its writer and its dialers.

use crate::random::Random;
use crate::writer::Writer;
use bytes::Bytes;
use holdfast::crypto::Identity;
use holdfast::grant::{Grants, Permission, Target};
use holdfast::model::{Epoch, KeyId, OperationId};
use holdfast::net::Backoff;
use holdfast::reconcile::memory::{MemoryHub, MemoryOrigin, is_finished};
use holdfast::reconcile::{Entry, Shard};
use holdfast::session::{Local, Pairs};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// Which process; those of clones follow after those of the instances.
pub type Process = usize;
/// Which identity: the process that a peer's URL leads to has the same number.
pub type Who = usize;

/// A finished state that a hub has acknowledged: of whose log, where, and what.
pub type Kept = (Who, Shard, OperationId, Bytes);

/// Everything that a restore brings back.
#[derive(Clone)]
pub struct Database {
    pub log: MemoryOrigin,
    pub held: BTreeMap<Who, MemoryHub>,
}

/// What an instance knows of another.
#[derive(Clone)]
pub struct Peer {
    pub grants: Rc<Grants>,
    pub removed: bool,
}

/// When a peer is dialled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialling {
    /// At this time.
    At(u64),
    /// An attempt or its session is under way.
    Busy,
    /// Another session of the pair lives.
    WhileItLives,
}

#[derive(Clone)]
pub struct Dialer {
    pub backoff: Backoff,
    pub state: Dialling,
}

pub struct Instance {
    pub who: Who,
    pub local: Local,
    pub up: bool,
    /// A clone that will not come back.
    pub gone: bool,
    pub database: Database,
    pub copies: Vec<Database>,
    pub peers: BTreeMap<Who, Peer>,
    pub pairs: Pairs,
    /// The newest session with each peer, as its writer knows it.
    pub current: BTreeMap<Who, u64>,
    /// The newest session with each peer, as it was claimed: to check the writer.
    pub claims: BTreeMap<Who, u64>,
    /// Starts of this process.
    pub starts: u32,
    pub dialers: BTreeMap<Who, Dialer>,
    pub writer: Writer,
    pub kept: BTreeSet<Kept>,
    /// When what it holds of others last went back to an older copy.
    pub restored_at: u64,
    /// Of its wall clock, in milliseconds.
    pub skew: i64,
}

/// Whether these grants let their holder see the shard.
pub fn sees(grants: &Grants, shard: &Shard) -> bool {
    grants.allow(Permission::ReadOperations, Target::shard(&shard.repo, &shard.plan))
}

pub fn bytes16(random: &mut Random) -> [u8; 16] {
    let (a, b) = (random.next().to_be_bytes(), random.next().to_be_bytes());
    std::array::from_fn(|n| if n < 8 { a[n] } else { b[n - 8] })
}

impl Instance {
    pub fn new(who: Who, random: &mut Random) -> Self {
        let (a, b) = (bytes16(random), bytes16(random));
        let seed = std::array::from_fn(|n| if n < 16 { a[n] } else { b[n - 16] });
        let identity = Arc::new(Identity::from_seed(seed));
        let key = identity.key_id();
        let local = Local {
            identity,
            instance: format!("instance-{who}").parse().unwrap(),
            boot_id: bytes16(random),
            software: "holdfast simulation".to_owned(),
        };
        let log = MemoryOrigin::new(key, Epoch::from_bytes(bytes16(random)));
        Self {
            who,
            local,
            up: true,
            gone: false,
            database: Database { log, held: BTreeMap::new() },
            copies: Vec::new(),
            peers: BTreeMap::new(),
            pairs: Pairs::new(key),
            current: BTreeMap::new(),
            claims: BTreeMap::new(),
            starts: 0,
            dialers: BTreeMap::new(),
            writer: Writer::default(),
            kept: BTreeSet::new(),
            restored_at: 0,
            skew: random.below(7_200_000) as i64 - 3_600_000,
        }
    }

    pub fn key(&self) -> KeyId {
        self.local.identity.key_id()
    }

    /// The same disk in another machine.
    pub fn cloned(&self, random: &mut Random) -> Self {
        let database = match self.copies.is_empty() || random.unit() < 0.6 {
            true => self.database.clone(),
            false => random.pick(&self.copies).clone(),
        };
        Self {
            local: Local { boot_id: bytes16(random), ..self.local.clone() },
            database,
            copies: Vec::new(),
            peers: self.peers.clone(),
            pairs: Pairs::new(self.key()),
            current: BTreeMap::new(),
            claims: BTreeMap::new(),
            starts: 0,
            dialers: self.dialers.clone(),
            writer: Writer::default(),
            kept: BTreeSet::new(),
            ..*self
        }
    }

    /// What a process loses with its memory.
    pub fn stop(&mut self) {
        self.up = false;
        self.pairs = Pairs::new(self.key());
        self.current.clear();
        self.claims.clear();
        self.starts += 1;
        self.writer = Writer::default();
        self.database.held.values_mut().for_each(MemoryHub::restarted);
    }

    /// An empty log in the place of the one that was lost.
    pub fn lose_log(&mut self, random: &mut Random) {
        let epoch = Epoch::from_bytes(bytes16(random));
        self.database.log = MemoryOrigin::new(self.key(), epoch);
    }

    pub fn grants(&self, peer: Who) -> Rc<Grants> {
        self.peers.get(&peer).map(|peer| Rc::clone(&peer.grants)).unwrap_or_default()
    }

    /// What of this peer's log is stored here, live and archived: every finished state.
    pub fn finished(&self, origin: Who) -> BTreeSet<Kept> {
        let Some(held) = self.database.held.get(&origin) else { return BTreeSet::new() };
        let live = held.shards.iter();
        let live = live.flat_map(|(shard, held)| held.chain.iter().map(move |(_, e)| (shard, e)));
        let archived = held.archive.iter().map(|((shard, ..), entry)| (shard, entry));
        live.chain(archived).filter_map(|(shard, entry)| kept(origin, shard, entry)).collect()
    }

    /// Keeps in mind what this hub has acknowledged (R3).
    pub fn keep(&mut self, origin: Who, shard: &Shard, upto: u64) {
        let held = self.database.held.get(&origin).and_then(|held| held.shards.get(shard));
        let Some(held) = held else { return };
        let entries = held.chain.iter().filter(|(seq, _)| *seq <= upto);
        self.kept.extend(entries.filter_map(|(_, entry)| kept(origin, shard, entry)));
    }

    /// R3, and S5 right after a restart: what was acknowledged is stored.
    pub fn check_kept(&self) -> Result<(), String> {
        let origins: BTreeSet<_> = self.kept.iter().map(|(origin, ..)| *origin).collect();
        let stored: BTreeSet<_> = origins.into_iter().flat_map(|o| self.finished(o)).collect();
        match self.kept.difference(&stored).next() {
            Some(lost) => Err(format!("R3: instance {} has lost {lost:?}", self.who)),
            None => Ok(()),
        }
    }

    /// Its own trim or restore took the rest.
    pub fn excused(&mut self) {
        let origins: Vec<_> = self.database.held.keys().copied().collect();
        let stored: BTreeSet<_> = origins.into_iter().flat_map(|o| self.finished(o)).collect();
        self.kept.retain(|kept| stored.contains(kept));
    }
}

/// The entry as what must be kept of it, if it is a finished state.
pub fn kept(origin: Who, shard: &Shard, entry: &Entry) -> Option<Kept> {
    let payload = entry.payload.clone().filter(|payload| is_finished(Some(payload)))?;
    Some((origin, shard.clone(), entry.operation, payload))
}
