//! The entries of one shard on one side: a base and what follows it.

use crate::model::OperationId;
use crate::reconcile::chain::{digest, link};
use crate::reconcile::message::{Entry, Found, Hash, Head};
use crate::reconcile::repair::{Scrub, heal};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What of an entry is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The payload.
    Payload,
    /// The stored digest.
    Digest,
    /// The stored chain value.
    Chain,
}

/// Whether a payload is that of a finished state: in memory, whether it begins with `F`.
#[must_use]
pub fn is_finished(payload: Option<&Bytes>) -> bool {
    payload.is_some_and(|payload| payload.starts_with(b"F"))
}

/// The entries of one shard on one side.
#[derive(Debug, Clone)]
pub struct Chain {
    base: Head,
    entries: Vec<Entry>,
    hurt: bool,
}

impl Chain {
    /// Without entries, after `base`.
    #[must_use]
    pub fn new(base: Head) -> Self {
        Self { base, entries: Vec::new(), hurt: false }
    }

    /// What precedes the oldest entry.
    #[must_use]
    pub fn base(&self) -> Head {
        self.base
    }

    /// The newest entry.
    #[must_use]
    pub fn head(&self) -> Head {
        let chain = self.entries.last().and_then(|entry| entry.chain).unwrap_or(self.base.chain);
        Head { seq: self.base.seq + self.entries.len() as u64, chain }
    }

    /// The chain value at a position that is known here.
    #[must_use]
    pub fn at(&self, seq: u64) -> Option<Hash> {
        if seq == self.base.seq { Some(self.base.chain) } else { self.get(seq)?.chain }
    }

    /// The entry at a position.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(self.index(seq)?)
    }

    /// Positions and entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        (self.base.seq + 1..).zip(&self.entries)
    }

    /// The position of each operation's newest entry.
    #[must_use]
    pub fn newest(&self) -> BTreeMap<OperationId, u64> {
        self.iter().map(|(seq, entry)| (entry.operation, seq)).collect()
    }

    /// Whether something was damaged that no scrub has seen yet.
    #[must_use]
    pub fn is_hurt(&self) -> bool {
        self.hurt
    }

    /// Takes an entry with its chain value.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Drops what comes after a position.
    pub fn cut(&mut self, after: u64) {
        let kept = usize::try_from(after.saturating_sub(self.base.seq)).unwrap_or(usize::MAX);
        self.entries.truncate(kept);
    }

    /// Retention: drops what comes up to a position, which becomes the base. Recomputes what it cuts,
    /// so that a damaged chain value never becomes the base.
    pub fn trim(&mut self, upto: u64) {
        self.scrub();
        if let Some(chain) = self.at(upto) {
            self.entries.drain(..self.index(upto).map_or(0, |index| index + 1));
            self.base = Head { seq: upto, chain };
        }
    }

    /// Drops the payloads of superseded unfinished states that `pick` chooses.
    pub fn blank(&mut self, mut pick: impl FnMut() -> bool) {
        let newest = self.newest();
        for (seq, entry) in (self.base.seq + 1..).zip(&mut self.entries) {
            let superseded = newest.get(&entry.operation) != Some(&seq);
            let payload = entry.payload.as_ref();
            if superseded && payload.is_some() && !is_finished(payload) && !entry.lost && pick() {
                entry.payload = None;
            }
        }
    }

    /// Repairs what is damaged, or marks it; how many entries that were.
    pub fn scrub(&mut self) -> usize {
        let mut scrub = Scrub::new(self.base.seq, self.base.chain);
        let mut repairs: Vec<_> =
            self.entries.iter().filter_map(|entry| scrub.push(entry.clone())).collect();
        repairs.extend(scrub.finish());
        self.hurt = false;
        let count = repairs.len();
        repairs.into_iter().for_each(|repair| self.put(repair.seq, repair.entry));
        count
    }

    /// Puts an entry in place that another side had, where it fits.
    pub fn heal(&mut self, found: &Found) {
        let seq = found.seq;
        let Some((stored, before)) = self.get(seq).zip(self.at(seq.saturating_sub(1))) else {
            return;
        };
        if let Some(healed) = heal(&before, seq, stored, self.get(seq + 1), &found.entry) {
            self.put(seq, healed);
        }
    }

    /// Marks an entry without payload as lost.
    pub fn mark_lost(&mut self, seq: u64) {
        if let Some(entry) = self.get(seq).filter(|entry| entry.payload.is_none()).cloned() {
            self.put(seq, Entry { lost: true, ..entry });
        }
    }

    /// Damages an entry that is whole and whose neighbours are; `false` where that is not so.
    pub fn damage(&mut self, seq: u64, part: Part) -> bool {
        let near = seq.saturating_sub(1)..=seq + 1;
        let whole = near.filter(|&seq| self.get(seq).is_some()).all(|seq| self.is_whole(seq));
        let Some(mut entry) = self.get(seq).filter(|_| whole).cloned() else { return false };
        match (part, &entry.payload, &mut entry.digest, &mut entry.chain) {
            (Part::Payload, Some(payload), _, _) => {
                entry.payload = Some([payload.as_ref(), b"!"].concat().into());
            }
            (Part::Digest, _, Some(value), _) | (Part::Chain, _, _, Some(value)) => {
                value.iter_mut().take(1).for_each(|byte| *byte ^= 0xff);
            }
            (Part::Payload | Part::Digest | Part::Chain, ..) => return false,
        }
        self.put(seq, entry);
        self.hurt = true;
        true
    }

    /// The first position whose chain value is not a recomputation, or whose bytes are not their digest.
    #[must_use]
    pub fn audit(&self) -> Option<u64> {
        let wrong = |&(seq, entry): &(u64, &Entry)| {
            let before = self.at(seq - 1).unwrap_or_default();
            let value = |d: &Hash| link(&before, seq, &entry.operation, entry.kind, d);
            entry.digest.is_some_and(|d| Some(value(&d)) != entry.chain)
                || entry.payload.as_deref().is_some_and(|p| Some(digest(p)) != entry.digest)
        };
        self.iter().find(wrong).map(|(seq, _)| seq)
    }

    fn is_whole(&self, seq: u64) -> bool {
        let parts = self.get(seq).zip(self.at(seq - 1));
        parts.is_some_and(|(entry, before)| {
            let value = |d: Hash| link(&before, seq, &entry.operation, entry.kind, &d);
            !entry.lost
                && entry.digest.map(value) == entry.chain
                && entry.payload.as_deref().is_none_or(|p| Some(digest(p)) == entry.digest)
        })
    }

    fn put(&mut self, seq: u64, entry: Entry) {
        if let Some(place) = self.index(seq).and_then(|index| self.entries.get_mut(index)) {
            *place = entry;
        }
    }

    fn index(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.base.seq)?.checked_sub(1)?).ok()
    }
}
