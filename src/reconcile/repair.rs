//! Damage: finding it, repairing what follows from the rest, marking what does not.
//!
//! Works on the stored entries of one shard in order, one at a time, so that a range of any length is
//! scrubbed in the memory of two entries. It reads and writes nothing itself.
//!
//! 1. An entry that is whole is never changed.
//! 2. What is put in place fits the chain value before it and the stored value, or the entry after it.

use super::chain::{digest, link};
use super::message::{Entry, Hash};

/// A stored entry that is to be replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Its position.
    pub seq: u64,
    /// What it is to be: repaired, or with what is lost absent and marked.
    pub entry: Entry,
}

/// A scrub under way: [`Scrub::push`] the stored entries of a range in order, then [`Scrub::finish`].
///
/// To scrub a range in the middle of a shard push one entry more and leave `finish` out: an entry is
/// judged when the one after it is known.
#[derive(Debug)]
pub struct Scrub {
    before: Hash,
    seq: u64,
    held: Option<Entry>,
}

impl Scrub {
    /// Begins after position `after`, where the chain is known to be `chain`.
    #[must_use]
    pub fn new(after: u64, chain: Hash) -> Self {
        Self { before: chain, seq: after, held: None }
    }

    /// The good chain value after the last entry judged, and its position: where to go on later.
    #[must_use]
    pub fn reached(&self) -> (u64, Hash) {
        (self.seq, self.before)
    }

    /// Takes the next stored entry (its `chain` as stored) and judges the one before it.
    pub fn push(&mut self, entry: Entry) -> Option<Repair> {
        let repair = self.held.take().and_then(|held| self.judge(held, Some(&entry)));
        self.held = Some(entry);
        repair
    }

    /// There are no more entries: judges the last.
    pub fn finish(mut self) -> Option<Repair> {
        self.held.take().and_then(|held| self.judge(held, None))
    }

    fn judge(&mut self, stored: Entry, next: Option<&Entry>) -> Option<Repair> {
        self.seq = self.seq.saturating_add(1);
        let good = judged(&self.before, self.seq, &stored, next);
        self.before = good.chain.unwrap_or(self.before);
        (good != stored).then_some(Repair { seq: self.seq, entry: good })
    }
}

/// The entry as it should be stored, from the good chain value before it and the entry after it.
fn judged(before: &Hash, seq: u64, stored: &Entry, next: Option<&Entry>) -> Entry {
    let own = stored.payload.as_deref().map(digest);
    let fitting = fitting_digest(before, seq, stored, own, next);
    let kept = own.is_some() && own == fitting;
    Entry {
        operation: stored.operation,
        kind: stored.kind,
        payload: stored.payload.clone().filter(|_| kept),
        digest: fitting,
        chain: fitting
            .map(|d| link(before, seq, &stored.operation, stored.kind, &d))
            .or(stored.chain),
        lost: !kept && (stored.lost || stored.payload.is_some()) || fitting.is_none(),
    }
}

/// The digest that is right: stored, or computed from the payload.
fn fitting_digest(
    before: &Hash,
    seq: u64,
    stored: &Entry,
    own: Option<Hash>,
    next: Option<&Entry>,
) -> Option<Hash> {
    let chain = |d: &Hash| link(before, seq, &stored.operation, stored.kind, d);
    let candidates = [stored.digest, own];
    let mut digests = candidates.iter().flatten();
    if let Some(fits) = digests.clone().find(|d| Some(chain(d)) == stored.chain) {
        return Some(*fits);
    }
    // Digest or chain value is damaged: the entry after it tells which.
    if let Some(fits) = digests.find(|d| proven_by(&chain(d), seq, next)) {
        return Some(*fits);
    }
    // Payload and digest agree, and the stored chain value does not lead on: that one is damaged.
    let leads_on = stored.chain.is_some_and(|chain| proven_by(&chain, seq, next));
    own.filter(|_| own == stored.digest && !leads_on)
}

/// Whether the stored chain value of the entry at `seq + 1` follows from `chain` at `seq`.
fn proven_by(chain: &Hash, seq: u64, next: Option<&Entry>) -> bool {
    next.is_some_and(|next| {
        let linked = |d| link(chain, seq.saturating_add(1), &next.operation, next.kind, &d);
        next.digest.map(linked).is_some_and(|linked| Some(linked) == next.chain)
    })
}

/// What the stored entry at `seq` becomes with an entry that another side had for it; `None` where
/// that does not fit or adds nothing. `before` is chain(seq - 1), `next` the stored entry after it.
#[must_use]
pub fn heal(
    before: &Hash,
    seq: u64,
    stored: &Entry,
    next: Option<&Entry>,
    found: &Entry,
) -> Option<Entry> {
    if (found.operation, found.kind) != (stored.operation, stored.kind) {
        return None;
    }
    let payload_digest = found.payload.as_deref().map(digest);
    let claimed = payload_digest.or(found.digest)?;
    let chain = link(before, seq, &stored.operation, stored.kind, &claimed);
    if Some(chain) != stored.chain && !proven_by(&chain, seq, next) {
        return None;
    }
    let (digest, chain) = (Some(claimed), Some(chain));
    if found.payload.is_some() {
        let payload = found.payload.clone();
        let whole = Entry { payload, digest, chain, lost: false, ..stored.clone() };
        return (whole != *stored).then_some(whole);
    }
    stored.digest.is_none().then(|| Entry { digest, chain, ..stored.clone() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::OperationId;
    use crate::reconcile::EntryKind;

    const ZERO: Hash = [0; 32];

    fn entries(n: u64) -> Vec<Entry> {
        let mut chain = ZERO;
        let whole = (1..=n).map(|seq| {
            let operation = OperationId::from_bytes(u128::from(seq).to_be_bytes());
            let payload = format!("F{seq}");
            let own = digest(payload.as_bytes());
            chain = link(&chain, seq, &operation, EntryKind::First, &own);
            Entry {
                operation,
                kind: EntryKind::First,
                payload: Some(payload.into()),
                digest: Some(own),
                chain: Some(chain),
                lost: false,
            }
        });
        whole.collect()
    }

    fn scrubbed(entries: &[Entry]) -> Vec<Repair> {
        let mut scrub = Scrub::new(0, ZERO);
        let mut repairs: Vec<_> = entries.iter().filter_map(|e| scrub.push(e.clone())).collect();
        repairs.extend(scrub.finish());
        repairs
    }

    #[test]
    fn what_is_whole_is_left_alone() {
        let mut all = entries(5);
        all[2].payload = None; // blanked
        assert_eq!(scrubbed(&all), []);
    }

    #[test]
    fn one_damaged_part_is_repaired_or_marked_at_every_place() {
        let whole = entries(5);
        for (index, seq) in (0..5).zip(1..) {
            let mut hurt = whole.clone();
            hurt[index].digest = Some([9; 32]);
            assert_eq!(scrubbed(&hurt), [Repair { seq, entry: whole[index].clone() }]);
            hurt = whole.clone();
            hurt[index].chain = Some([9; 32]);
            assert_eq!(scrubbed(&hurt), [Repair { seq, entry: whole[index].clone() }]);
            hurt = whole.clone();
            hurt[index].payload = Some("other".into());
            let marked = Entry { payload: None, lost: true, ..whole[index].clone() };
            assert_eq!(scrubbed(&hurt), [Repair { seq, entry: marked }]);
        }
    }

    #[test]
    fn a_blank_with_a_damaged_digest_keeps_its_chain_value_and_is_marked() {
        let whole = entries(5);
        let mut hurt = whole.clone();
        (hurt[2].payload, hurt[2].digest) = (None, Some([9; 32]));
        let repairs = scrubbed(&hurt);
        let marked = Entry { payload: None, digest: None, lost: true, ..whole[2].clone() };
        assert_eq!(repairs, [Repair { seq: 3, entry: marked.clone() }]);
        // Another side's entry is proven by the chain value.
        let before = whole[1].chain.unwrap();
        let healed = heal(&before, 3, &marked, whole.get(3), &whole[2]);
        assert_eq!(healed.as_ref(), Some(&whole[2]));
        assert_eq!(heal(&before, 3, &marked, whole.get(3), &whole[1]), None);
        let forged = Entry { payload: Some("F forged".into()), ..whole[2].clone() };
        assert_eq!(heal(&before, 3, &marked, whole.get(3), &forged), None);
    }

    #[test]
    fn a_range_in_the_middle_is_scrubbed_with_one_entry_more() {
        let whole = entries(9);
        let mut hurt = whole.clone();
        hurt[5].digest = Some([9; 32]);
        let mut scrub = Scrub::new(3, whole[2].chain.unwrap());
        let repairs: Vec<_> = hurt[3..7].iter().filter_map(|e| scrub.push(e.clone())).collect();
        assert_eq!(repairs, [Repair { seq: 6, entry: whole[5].clone() }]);
        assert_eq!(scrub.reached(), (6, whole[5].chain.unwrap()));
    }
}
