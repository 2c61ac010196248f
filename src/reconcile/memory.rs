//! Logs in memory: for simulation and tests, and the reference for what the traits of `log` mean.
//!
//! Clone one to make a copy to go back to. Nothing here is fast on long logs. A payload that begins
//! with `F` counts as a finished state.

mod chain;

pub use chain::{Chain, Part, is_finished};

use super::chain::{chain_zero, digest, link};
use super::log::{ArchiveReason, HubLog, HubShard, OriginLog, ShardHead, Usage};
use super::message::{Checkpoint, Entry, EntryKind, Found, Hash, Head, Shard};
use crate::model::{Epoch, KeyId, OperationId};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// An instance's own log.
#[derive(Debug, Clone)]
pub struct MemoryOrigin {
    origin: KeyId,
    epoch: Epoch,
    /// By name. Taking one out is losing it without a trace.
    pub shards: BTreeMap<Shard, Chain>,
}

impl MemoryOrigin {
    /// An empty log.
    #[must_use]
    pub fn new(origin: KeyId, epoch: Epoch) -> Self {
        Self { origin, epoch, shards: BTreeMap::new() }
    }

    /// Appends an entry; a state of an operation without live entry is stored as its first.
    pub fn append(
        &mut self,
        shard: &Shard,
        operation: OperationId,
        kind: EntryKind,
        payload: Bytes,
    ) {
        let zero = Head { seq: 0, chain: chain_zero(&self.origin, &self.epoch, shard) };
        let chain = self.shards.entry(shard.clone()).or_insert_with(|| Chain::new(zero));
        let first = kind == EntryKind::State && !chain.newest().contains_key(&operation);
        let kind = if first { EntryKind::First } else { kind };
        let head = chain.head();
        let digest = digest(&payload);
        let value = link(&head.chain, head.seq + 1, &operation, kind, &digest);
        chain.push(Entry {
            operation,
            kind,
            payload: Some(payload),
            digest: Some(digest),
            chain: Some(value),
            lost: false,
        });
    }

    /// Repairs and marks what is damaged, in every shard.
    pub fn scrub(&mut self) -> usize {
        self.shards.values_mut().map(Chain::scrub).sum()
    }

    /// Puts entries in place that a hub had.
    pub fn heal(&mut self, shard: &Shard, found: &[Found]) {
        if let Some(chain) = self.shards.get_mut(shard) {
            found.iter().for_each(|found| chain.heal(found));
        }
    }
}

impl OriginLog for MemoryOrigin {
    type Error = Infallible;

    fn epoch(&self) -> Result<Epoch, Infallible> {
        Ok(self.epoch)
    }

    fn shards(&self, visible: &dyn Fn(&Shard) -> bool) -> Result<Vec<ShardHead>, Infallible> {
        let seen = self.shards.iter().filter(|(shard, _)| visible(shard));
        let heads = seen.map(|(shard, chain)| ShardHead {
            shard: shard.clone(),
            base: chain.base(),
            head: chain.head(),
        });
        Ok(heads.filter(|own| own.head.seq > 0).collect())
    }

    fn shard(&self, shard: &Shard) -> Result<Option<ShardHead>, Infallible> {
        Ok(self.shards(&|other| other == shard)?.pop())
    }

    fn chain_at(&self, shard: &Shard, seq: u64) -> Result<Option<Hash>, Infallible> {
        Ok(self.shards.get(shard).and_then(|chain| chain.at(seq)))
    }

    fn entries_after(
        &self,
        shard: &Shard,
        after: u64,
        entries: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Infallible> {
        let Some(chain) = self.shards.get(shard) else { return Ok(Vec::new()) };
        let newest = chain.newest();
        let mut sum = 0;
        let following = chain.iter().filter(|(seq, _)| *seq > after).take(entries);
        let sent = following.map(|(seq, entry)| {
            let superseded = newest.get(&entry.operation) != Some(&seq);
            let blank = superseded && !is_finished(entry.payload.as_ref());
            Entry { payload: entry.payload.clone().filter(|_| !blank), ..entry.clone() }
        });
        let fits = sent.enumerate().take_while(|(index, entry)| {
            sum += entry.payload.as_ref().map_or(0, Bytes::len);
            *index == 0 || sum <= bytes
        });
        Ok(fits.map(|(_, entry)| entry).collect())
    }

    fn entries_at(&self, shard: &Shard, seqs: &[u64]) -> Result<Vec<Found>, Infallible> {
        Ok(self.shards.get(shard).map_or_else(Vec::new, |chain| found_at(chain, seqs)))
    }

    fn lost(&self, shard: &Shard, limit: usize) -> Result<Vec<u64>, Infallible> {
        let entries = self.shards.get(shard).into_iter().flat_map(Chain::iter);
        Ok(entries.filter(|(_, entry)| entry.lost).map(|(seq, _)| seq).take(limit).collect())
    }
}

/// A shard of an origin on a hub.
#[derive(Debug, Clone)]
pub struct HeldShard {
    /// Its live entries.
    pub chain: Chain,
    /// Whether the origin hides it now.
    pub hidden: bool,
}

/// What a hub holds of one origin.
#[derive(Debug, Clone, Default)]
pub struct MemoryHub {
    epoch: Option<Epoch>,
    /// Live.
    pub shards: BTreeMap<Shard, HeldShard>,
    /// Archived, by shard, position and chain value.
    pub archive: BTreeMap<(Shard, u64, Hash), Entry>,
    /// Operations whose first entry a fork archived, without live entry.
    pub orphans: BTreeSet<(Shard, OperationId)>,
    gone: BTreeSet<(Shard, OperationId)>,
    in_vain: BTreeSet<(Shard, u64, Option<Hash>)>,
    /// The last checkpoint that the origin signed and that was equal.
    pub checkpoint: Option<Checkpoint>,
    /// Shards that nothing more is taken of, and why.
    pub stopped: BTreeMap<Shard, String>,
}

impl MemoryHub {
    /// Operations that are shown as "no longer on the origin".
    pub fn listed(&self) -> impl Iterator<Item = &(Shard, OperationId)> {
        self.gone.intersection(&self.orphans)
    }

    /// A restart: what was asked for in vain may be asked for again.
    pub fn restarted(&mut self) {
        self.in_vain.clear();
    }

    fn bury(&mut self, shard: &Shard, after: u64, why: ArchiveReason) {
        let Some(held) = self.shards.get(shard) else { return };
        let kept = held.chain.iter().take_while(|(seq, _)| *seq <= after);
        let live: BTreeSet<_> = kept.map(|(_, entry)| entry.operation).collect();
        for (seq, entry) in held.chain.iter().filter(|(seq, _)| *seq > after) {
            let place = (shard.clone(), seq, entry.chain.unwrap_or_default());
            let archived = self.archive.entry(place).or_insert_with(|| entry.clone());
            if entry.payload.is_some() {
                archived.clone_from(entry);
            }
            let began = entry.kind == EntryKind::First && why == ArchiveReason::Fork;
            if began && !live.contains(&entry.operation) {
                self.orphans.insert((shard.clone(), entry.operation));
            }
        }
    }
}

impl HubLog for MemoryHub {
    type Error = Infallible;

    fn epoch(&self) -> Result<Option<Epoch>, Infallible> {
        Ok(self.epoch)
    }

    fn begin_epoch(&mut self, epoch: Epoch) -> Result<(), Infallible> {
        let names: Vec<_> = self.shards.keys().cloned().collect();
        names.iter().for_each(|shard| self.bury(shard, 0, ArchiveReason::Fork));
        self.shards.clear();
        self.epoch = Some(epoch);
        Ok(())
    }

    fn shards(&self) -> Result<Vec<HubShard>, Infallible> {
        let names = self.shards.keys();
        let all = names.filter_map(|shard| self.shard(shard).ok().flatten());
        Ok(all.filter(|own| own.head.seq > 0).collect())
    }

    fn shard(&self, shard: &Shard) -> Result<Option<HubShard>, Infallible> {
        Ok(self.shards.get(shard).map(|held| HubShard {
            shard: shard.clone(),
            base: held.chain.base(),
            head: held.chain.head(),
            hidden: held.hidden,
        }))
    }

    fn chain_at(&self, shard: &Shard, seq: u64) -> Result<Option<Hash>, Infallible> {
        Ok(self.shards.get(shard).and_then(|held| held.chain.at(seq)))
    }

    fn archive_after(
        &mut self,
        shard: &Shard,
        after: u64,
        why: ArchiveReason,
    ) -> Result<(), Infallible> {
        self.bury(shard, after, why);
        if let Some(held) = self.shards.get_mut(shard) {
            held.chain.cut(after);
        }
        Ok(())
    }

    fn adopt_base(
        &mut self,
        shard: &Shard,
        base: Head,
        why: ArchiveReason,
    ) -> Result<(), Infallible> {
        self.bury(shard, 0, why);
        let held = HeldShard { chain: Chain::new(base), hidden: false };
        self.shards.insert(shard.clone(), held);
        Ok(())
    }

    fn append(&mut self, shard: &Shard, entries: Vec<Entry>) -> Result<(), Infallible> {
        let Some(held) = self.shards.get_mut(shard) else { return Ok(()) };
        held.hidden = false;
        for entry in entries {
            let back = (shard.clone(), entry.operation);
            self.orphans.remove(&back);
            self.gone.remove(&back);
            held.chain.push(entry);
        }
        Ok(())
    }

    fn hide(&mut self, shard: &Shard, hidden: bool) -> Result<(), Infallible> {
        if let Some(held) = self.shards.get_mut(shard) {
            held.hidden = hidden;
        }
        Ok(())
    }

    fn settle(&mut self, _: Hash, checkpoint: Option<Checkpoint>) -> Result<(), Infallible> {
        let shown = |shard: &Shard| self.shards.get(shard).is_some_and(|held| !held.hidden);
        self.gone = self.orphans.iter().filter(|(shard, _)| shown(shard)).cloned().collect();
        self.checkpoint = checkpoint.or(self.checkpoint);
        Ok(())
    }

    fn announce(&mut self, _: Hash) -> Result<(), Infallible> {
        Ok(())
    }

    fn wanted(&self, limit: usize) -> Result<Vec<(Shard, Vec<u64>)>, Infallible> {
        let mut left = limit;
        let mut wanted = Vec::new();
        for (shard, held) in self.shards.iter().filter(|(_, held)| !held.hidden) {
            let newest = held.chain.newest();
            let lacking = held.chain.iter().filter(|(seq, entry)| {
                let bare = entry.payload.is_none() && newest.get(&entry.operation) == Some(seq);
                (entry.lost || bare) && !self.in_vain.contains(&(shard.clone(), *seq, entry.chain))
            });
            let seqs: Vec<_> = lacking.map(|(seq, _)| seq).take(left).collect();
            left -= seqs.len();
            if !seqs.is_empty() {
                wanted.push((shard.clone(), seqs));
            }
        }
        Ok(wanted)
    }

    fn entries_at(&self, shard: &Shard, seqs: &[u64]) -> Result<Vec<Found>, Infallible> {
        let held = self.shards.get(shard);
        let mut found = held.map_or_else(Vec::new, |held| found_at(&held.chain, seqs));
        for &seq in seqs {
            let range = (shard.clone(), seq, [0; 32])..=(shard.clone(), seq, [255; 32]);
            let archived = self.archive.range(range).take(16);
            found.extend(archived.map(|(_, entry)| Found { seq, entry: entry.clone() }));
        }
        Ok(found)
    }

    fn heal(&mut self, shard: &Shard, found: Vec<Found>) -> Result<(), Infallible> {
        if let Some(held) = self.shards.get_mut(shard) {
            found.iter().for_each(|found| held.chain.heal(found));
        }
        Ok(())
    }

    fn mark_asked_in_vain(&mut self, shard: &Shard, seqs: &[u64]) -> Result<(), Infallible> {
        let Some(held) = self.shards.get_mut(shard) else { return Ok(()) };
        for &seq in seqs {
            held.chain.mark_lost(seq);
            self.in_vain.insert((shard.clone(), seq, held.chain.at(seq)));
        }
        Ok(())
    }

    fn scrub(&mut self, shard: Option<&Shard>) -> Result<(), Infallible> {
        let chosen = self.shards.iter_mut().filter(|(name, _)| shard.is_none_or(|s| s == *name));
        chosen.for_each(|(_, held)| {
            held.chain.scrub();
        });
        if shard.is_none() {
            self.in_vain.clear();
        }
        Ok(())
    }

    fn stop(&mut self, shard: &Shard, reason: &str) -> Result<(), Infallible> {
        if self.shards.contains_key(shard) {
            self.stopped.insert(shard.clone(), reason.to_owned());
        }
        Ok(())
    }

    fn usage(&self) -> Result<Usage, Infallible> {
        let live = self.shards.values().flat_map(|held| held.chain.iter()).map(|(_, entry)| entry);
        let mut usage = Usage { shards: self.shards.len() as u64, ..Usage::default() };
        for entry in live.chain(self.archive.values()) {
            usage.entries += 1;
            usage.payload_bytes += entry.payload.as_ref().map_or(0, Bytes::len) as u64;
        }
        Ok(usage)
    }
}

fn found_at(chain: &Chain, seqs: &[u64]) -> Vec<Found> {
    let found = seqs
        .iter()
        .filter_map(|&seq| chain.get(seq).map(|entry| Found { seq, entry: entry.clone() }));
    found.collect()
}
