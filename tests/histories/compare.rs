//! R2, entry by entry: an origin's shard against what a hub holds of it.

use holdfast::model::OperationId;
use holdfast::reconcile::Entry;
use holdfast::reconcile::memory::{Chain, is_finished};

/// Whether payloads may be missing on both sides without a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    None,
    #[allow(dead_code)] // not every simulation damages what is stored
    Some,
}

/// Equal from the higher of both bases up, and both chains a recomputation.
pub fn same_chain(ours: &Chain, theirs: &Chain, damage: Damage) -> Result<(), String> {
    if let Some(seq) = ours.audit().or(theirs.audit()) {
        return Err(format!("R2: chain wrong at {seq}"));
    }
    if ours.head() != theirs.head() {
        let heads = (ours.head(), theirs.head());
        return Err(format!("R2: heads differ: {heads:?}"));
    }
    let newest = ours.newest();
    let base = ours.base().seq.max(theirs.base().seq);
    for seq in base + 1..=ours.head().seq {
        let (Some(x), Some(y)) = (ours.get(seq), theirs.get(seq)) else {
            return Err(format!("R2: {seq} is not there"));
        };
        let is_newest = is_newest(&newest, x, seq);
        same_entry(x, y, is_newest, damage).map_err(|why| format!("{why} at {seq}"))?;
    }
    Ok(())
}

fn is_newest(
    newest: &std::collections::BTreeMap<OperationId, u64>,
    entry: &Entry,
    seq: u64,
) -> bool {
    newest.get(&entry.operation) == Some(&seq)
}

fn same_entry(x: &Entry, y: &Entry, newest: bool, damage: Damage) -> Result<(), String> {
    let proof = |e: &Entry| (e.operation, e.kind, e.chain, e.digest);
    if proof(x) != proof(y) {
        return Err(format!("R2: entry differs: {x:?} {y:?}"));
    }
    let finished = is_finished(x.payload.as_ref()) || is_finished(y.payload.as_ref());
    if !newest && !finished {
        return Ok(());
    }
    if x.payload.is_some() != y.payload.is_some() {
        return Err(format!("payload missing on one side: {x:?} {y:?}"));
    }
    if x.payload.is_none() && damage == Damage::None && !x.lost && !y.lost {
        return Err("payload missing on both sides".into());
    }
    Ok(())
}
