//! Log-sync messages between their wire form and the types of `reconcile`.

use super::proto::sync as pb;
use super::{
    MAX_ENTRIES, MAX_PAYLOAD_BYTES, MAX_POINTS, MAX_SEQ, MAX_SHARDS, MAX_WANTED, WireError,
    at_most, exact,
};
use crate::model::{Epoch, OperationId, PlanId, RepoId, Timestamp};
use crate::reconcile::{
    Batch, Checkpoint, Entry, EntryKind, Found, FromHub, FromOrigin, Hash, Head, Held, Point,
    Shard, Start, SyncHello,
};
use bytes::Bytes;

fn bytes(from: &[u8]) -> Bytes {
    Bytes::copy_from_slice(from)
}

fn shard_out(shard: &Shard) -> pb::Shard {
    pb::Shard { repo: shard.repo.clone(), plan: shard.plan.clone() }
}

fn shard_in(shard: Option<pb::Shard>) -> Result<Shard, WireError> {
    let pb::Shard { repo, plan } = shard.ok_or(WireError::Value { field: "shard" })?;
    let good = (repo.is_empty() || repo.parse::<RepoId>().is_ok())
        && (plan.is_empty() || plan.parse::<PlanId>().is_ok());
    if good { Ok(Shard { repo, plan }) } else { Err(WireError::Value { field: "shard" }) }
}

fn shards_in(shards: Vec<pb::Shard>) -> Result<Vec<Shard>, WireError> {
    at_most("shards", shards.len(), MAX_SHARDS)?;
    shards.into_iter().map(|shard| shard_in(Some(shard))).collect()
}

fn seq_in(field: &'static str, seq: u64) -> Result<u64, WireError> {
    if seq <= MAX_SEQ { Ok(seq) } else { Err(WireError::Value { field }) }
}

fn seqs_in(seqs: Vec<u64>) -> Result<Vec<u64>, WireError> {
    at_most("seqs", seqs.len(), MAX_WANTED)?;
    seqs.into_iter().map(|seq| seq_in("seqs", seq)).collect()
}

/// The message of an origin in its wire form.
pub(super) fn hello_out(hello: &SyncHello) -> pb::SyncHello {
    pb::SyncHello {
        number: hello.number,
        epoch: bytes(hello.epoch.as_bytes()),
        root: bytes(&hello.root),
    }
}

/// A SyncHello from its wire form.
pub(super) fn hello_in(hello: &pb::SyncHello) -> Result<SyncHello, WireError> {
    Ok(SyncHello {
        number: hello.number,
        epoch: Epoch::from_bytes(exact("epoch", &hello.epoch)?),
        root: exact("root", &hello.root)?,
    })
}

fn kind_out(kind: EntryKind) -> pb::EntryKind {
    match kind {
        EntryKind::First => pb::EntryKind::First,
        EntryKind::State => pb::EntryKind::State,
        EntryKind::Removed => pb::EntryKind::Removed,
        EntryKind::Expectation => pb::EntryKind::Expectation,
    }
}

fn kind_in(kind: i32) -> Result<EntryKind, WireError> {
    match pb::EntryKind::try_from(kind) {
        Ok(pb::EntryKind::First) => Ok(EntryKind::First),
        Ok(pb::EntryKind::State) => Ok(EntryKind::State),
        Ok(pb::EntryKind::Removed) => Ok(EntryKind::Removed),
        Ok(pb::EntryKind::Expectation) => Ok(EntryKind::Expectation),
        Err(_) => Err(WireError::Value { field: "entry kind" }),
    }
}

fn entry_out(entry: &Entry) -> pb::Entry {
    let digest = entry.digest.filter(|_| entry.payload.is_none());
    pb::Entry {
        operation: bytes(entry.operation.as_bytes()),
        kind: kind_out(entry.kind).into(),
        payload: entry.payload.clone(),
        digest: digest.map(|digest| bytes(&digest)).unwrap_or_default(),
        chain: entry.chain.map(|chain| bytes(&chain)).unwrap_or_default(),
        lost: entry.lost,
    }
}

fn optional_hash(field: &'static str, from: &[u8]) -> Result<Option<Hash>, WireError> {
    if from.is_empty() { Ok(None) } else { exact(field, from).map(Some) }
}

fn entry_in(entry: pb::Entry) -> Result<Entry, WireError> {
    let payload = entry.payload;
    at_most("payload", payload.as_ref().map_or(0, Bytes::len), MAX_PAYLOAD_BYTES)?;
    Ok(Entry {
        operation: OperationId::from_bytes(exact("operation", &entry.operation)?),
        kind: kind_in(entry.kind)?,
        payload,
        digest: optional_hash("digest", &entry.digest)?,
        chain: optional_hash("entry chain", &entry.chain)?,
        lost: entry.lost,
    })
}

fn start_out(start: Start) -> pb::Start {
    match start {
        Start::After => pb::Start::After,
        Start::Fork => pb::Start::Fork,
        Start::Base => pb::Start::Base,
        Start::Gap => pb::Start::Gap,
        Start::BaseFork => pb::Start::BaseFork,
    }
}

fn start_in(start: i32) -> Result<Start, WireError> {
    match pb::Start::try_from(start) {
        Ok(pb::Start::After) => Ok(Start::After),
        Ok(pb::Start::Fork) => Ok(Start::Fork),
        Ok(pb::Start::Base) => Ok(Start::Base),
        Ok(pb::Start::Gap) => Ok(Start::Gap),
        Ok(pb::Start::BaseFork) => Ok(Start::BaseFork),
        Err(_) => Err(WireError::Value { field: "start" }),
    }
}

fn batch_out(batch: &Batch) -> pb::Batch {
    // Where the batch continues, the hub has the chain before it; the chain after it proves both.
    let after_chain = match batch.start {
        Start::After => Bytes::new(),
        Start::Fork | Start::Base | Start::Gap | Start::BaseFork => bytes(&batch.after.chain),
    };
    pb::Batch {
        shard: Some(shard_out(&batch.shard)),
        start: start_out(batch.start).into(),
        after: batch.after.seq,
        after_chain,
        entries: batch.entries.iter().map(entry_out).collect(),
        chain: bytes(&batch.chain),
    }
}

fn batch_in(batch: pb::Batch) -> Result<Batch, WireError> {
    at_most("entries", batch.entries.len(), MAX_ENTRIES)?;
    let start = start_in(batch.start)?;
    let after_chain = match (start, optional_hash("chain before", &batch.after_chain)?) {
        (Start::After, _) => [0; 32],
        (_, Some(chain)) => chain,
        (_, None) => return Err(WireError::Value { field: "chain before" }),
    };
    Ok(Batch {
        shard: shard_in(batch.shard)?,
        start,
        after: Head { seq: seq_in("after", batch.after)?, chain: after_chain },
        entries: batch.entries.into_iter().map(entry_in).collect::<Result<_, _>>()?,
        chain: exact("chain", &batch.chain)?,
    })
}

fn points_out(points: &[Point]) -> Vec<pb::Point> {
    points.iter().map(|p| pb::Point { seq: p.seq, chain: bytes(&p.chain) }).collect()
}

fn points_in(points: &[pb::Point]) -> Result<Vec<Point>, WireError> {
    at_most("points", points.len(), MAX_POINTS)?;
    let point = |p: &pb::Point| {
        Ok(Point { seq: seq_in("point", p.seq)?, chain: exact("point chain", &p.chain)? })
    };
    points.iter().map(point).collect()
}

fn found_out(found: &[Found]) -> Vec<pb::Found> {
    let one = |f: &Found| pb::Found { seq: f.seq, entry: Some(entry_out(&f.entry)) };
    found.iter().map(one).collect()
}

fn found_in(found: Vec<pb::Found>) -> Result<Vec<Found>, WireError> {
    at_most("found", found.len(), 4 * MAX_WANTED)?;
    let one = |f: pb::Found| {
        let entry = f.entry.ok_or(WireError::Value { field: "found entry" })?;
        Ok(Found { seq: seq_in("found", f.seq)?, entry: entry_in(entry)? })
    };
    found.into_iter().map(one).collect()
}

fn want_out(shard: &Shard, seqs: &[u64]) -> pb::Want {
    pb::Want { shard: Some(shard_out(shard)), seqs: seqs.to_vec() }
}

fn entries_out(shard: &Shard, seqs: &[u64], found: &[Found]) -> pb::Entries {
    pb::Entries { shard: Some(shard_out(shard)), seqs: seqs.to_vec(), found: found_out(found) }
}

fn checkpoint_out(checkpoint: &Checkpoint) -> pb::Checkpoint {
    pb::Checkpoint {
        root: bytes(&checkpoint.root),
        time_ms: checkpoint.time.as_millis(),
        signature: bytes(&checkpoint.signature),
    }
}

fn checkpoint_in(checkpoint: &pb::Checkpoint) -> Result<Checkpoint, WireError> {
    Ok(Checkpoint {
        root: exact("root", &checkpoint.root)?,
        time: Timestamp::from_millis(checkpoint.time_ms),
        signature: exact("signature", &checkpoint.signature)?,
    })
}

/// The message of an origin in its wire form.
pub(super) fn from_origin_out(message: &FromOrigin) -> pb::FromOrigin {
    use pb::from_origin::Kind;
    let kind = match message {
        FromOrigin::Hello(hello) => Kind::Hello(hello_out(hello)),
        FromOrigin::Batch(batch) => Kind::Batch(batch_out(batch)),
        FromOrigin::Added { number, shards } => Kind::Added(pb::Added {
            number: *number,
            shards: shards.iter().map(shard_out).collect(),
        }),
        FromOrigin::Gone(shard) => Kind::Gone(shard_out(shard)),
        FromOrigin::Ladder { number, shard, points, below } => Kind::Ladder(pb::Ladder {
            number: *number,
            shard: Some(shard_out(shard)),
            points: points_out(points),
            below: *below,
        }),
        FromOrigin::Checkpoint(checkpoint) => Kind::Checkpoint(checkpoint_out(checkpoint)),
        FromOrigin::Want { shard, seqs } => Kind::Want(want_out(shard, seqs)),
        FromOrigin::Entries { shard, seqs, found } => {
            Kind::Entries(entries_out(shard, seqs, found))
        }
    };
    pb::FromOrigin { kind: Some(kind) }
}

/// The message of an origin from its wire form; `None` for a kind this version does not know.
pub(super) fn from_origin_in(message: pb::FromOrigin) -> Result<Option<FromOrigin>, WireError> {
    use pb::from_origin::Kind;
    let Some(kind) = message.kind else { return Ok(None) };
    Ok(Some(match kind {
        Kind::Hello(hello) => FromOrigin::Hello(hello_in(&hello)?),
        Kind::Batch(batch) => FromOrigin::Batch(batch_in(batch)?),
        Kind::Added(added) => {
            FromOrigin::Added { number: added.number, shards: shards_in(added.shards)? }
        }
        Kind::Gone(shard) => FromOrigin::Gone(shard_in(Some(shard))?),
        Kind::Ladder(ladder) => FromOrigin::Ladder {
            number: ladder.number,
            shard: shard_in(ladder.shard)?,
            points: points_in(&ladder.points)?,
            below: seq_in("below", ladder.below)?,
        },
        Kind::Checkpoint(checkpoint) => FromOrigin::Checkpoint(checkpoint_in(&checkpoint)?),
        Kind::Want(want) => {
            FromOrigin::Want { shard: shard_in(want.shard)?, seqs: seqs_in(want.seqs)? }
        }
        Kind::Entries(entries) => FromOrigin::Entries {
            shard: shard_in(entries.shard)?,
            seqs: seqs_in(entries.seqs)?,
            found: found_in(entries.found)?,
        },
    }))
}

/// The message of a hub in its wire form.
pub(super) fn from_hub_out(message: &FromHub) -> pb::FromHub {
    use pb::from_hub::Kind;
    let kind = match message {
        FromHub::InSync { number } => Kind::InSync(*number),
        FromHub::Heads { number, held } => {
            Kind::Heads(pb::Heads { number: *number, held: held.iter().map(held_out).collect() })
        }
        FromHub::Match { number, shard, equal, base, points } => Kind::Match(pb::Match {
            number: *number,
            shard: Some(shard_out(shard)),
            equal: *equal,
            base: *base,
            points: points_out(points),
        }),
        FromHub::Ack { shard, seq } => {
            Kind::Ack(pb::Ack { shard: Some(shard_out(shard)), seq: *seq })
        }
        FromHub::Refused { shard } => {
            Kind::Refused(pb::Refusal { shard: shard.as_ref().map(shard_out) })
        }
        FromHub::Credit { batches } => Kind::Credit(pb::Credit { batches: *batches }),
        FromHub::Want { shard, seqs } => Kind::Want(want_out(shard, seqs)),
        FromHub::Entries { shard, seqs, found } => Kind::Entries(entries_out(shard, seqs, found)),
        FromHub::Stopped { shard, reason } => Kind::Stopped(pb::Stopped {
            shard: shard.as_ref().map(shard_out),
            reason: reason.clone(),
        }),
    };
    pb::FromHub { kind: Some(kind) }
}

fn held_out(held: &Held) -> pb::Held {
    pb::Held {
        shard: Some(shard_out(&held.shard)),
        seq: held.seq,
        chain: bytes(&held.chain),
        hidden: held.hidden,
    }
}

fn held_in(held: pb::Held) -> Result<Held, WireError> {
    Ok(Held {
        shard: shard_in(held.shard)?,
        seq: seq_in("held", held.seq)?,
        chain: exact("held chain", &held.chain)?,
        hidden: held.hidden,
    })
}

/// The message of a hub from its wire form; `None` for a kind this version does not know.
pub(super) fn from_hub_in(message: pb::FromHub) -> Result<Option<FromHub>, WireError> {
    use pb::from_hub::Kind;
    let Some(kind) = message.kind else { return Ok(None) };
    Ok(Some(match kind {
        Kind::InSync(number) => FromHub::InSync { number },
        Kind::Heads(heads) => {
            at_most("held", heads.held.len(), MAX_SHARDS)?;
            let held = heads.held.into_iter().map(held_in).collect::<Result<_, _>>()?;
            FromHub::Heads { number: heads.number, held }
        }
        Kind::Match(found) => FromHub::Match {
            number: found.number,
            shard: shard_in(found.shard)?,
            equal: found.equal.map(|seq| seq_in("equal", seq)).transpose()?,
            base: seq_in("base", found.base)?,
            points: points_in(&found.points)?,
        },
        Kind::Ack(ack) => {
            FromHub::Ack { shard: shard_in(ack.shard)?, seq: seq_in("ack", ack.seq)? }
        }
        Kind::Refused(refusal) => FromHub::Refused { shard: optional_shard(refusal.shard)? },
        Kind::Credit(credit) => FromHub::Credit { batches: credit.batches },
        Kind::Want(want) => {
            FromHub::Want { shard: shard_in(want.shard)?, seqs: seqs_in(want.seqs)? }
        }
        Kind::Entries(entries) => FromHub::Entries {
            shard: shard_in(entries.shard)?,
            seqs: seqs_in(entries.seqs)?,
            found: found_in(entries.found)?,
        },
        Kind::Stopped(stopped) => {
            at_most("reason", stopped.reason.len(), 1024)?;
            FromHub::Stopped { shard: optional_shard(stopped.shard)?, reason: stopped.reason }
        }
    }))
}

fn optional_shard(shard: Option<pb::Shard>) -> Result<Option<Shard>, WireError> {
    shard.map(|shard| shard_in(Some(shard))).transpose()
}
