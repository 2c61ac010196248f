//! What the tests of the store share: operations to record, histories to record them in.

#![allow(dead_code, unreachable_pub)]

use holdfast::model::{
    Expectation, InstanceId, KeyId, Operation, OperationId, OperationKind, Status, Timestamp,
    Timing,
};
use holdfast::reconcile::{Entry, EntryKind, Hash, Head, Shard, chain_zero, digest, link};
use holdfast::store::History;
use holdfast::store::history::{HistoryReader, Owner, Provable};
use holdfast::wire::log::encode_operation;
use std::path::Path;
use std::time::Duration;

/// The key of the instance under test.
pub const OWNER: Owner = Owner { public_key: [1; 32] };
/// A moment in 2026.
pub const NOON: i64 = 1_795_262_400_000;

/// A history in that folder.
pub fn open(dir: &Path) -> History {
    History::open(dir, OWNER).expect("the history opens")
}

/// The id of the n-th operation: later ones have later times.
pub fn id(n: u64) -> OperationId {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&n.to_be_bytes());
    OperationId::new(Timestamp::from_millis(NOON + i64::try_from(n).expect("small")), random)
}

pub fn shard(plan: &str) -> Shard {
    Shard { repo: "vault".into(), plan: plan.into() }
}

pub fn operation(n: u64, plan: &str, status: Status) -> Operation {
    let started_at = Timestamp::from_millis(NOON + i64::try_from(n).expect("small"));
    let name: InstanceId = "nas".parse().expect("a name");
    Operation {
        status,
        repo: Some("vault".parse().expect("a repo id")),
        plan: Some(plan.parse().expect("a plan id")),
        snapshot: status.is_finished().then(|| "ab".repeat(32)),
        ended_at: status.is_finished().then(|| started_at.plus(Duration::from_secs(60))),
        message: format!("operation {n}"),
        ..Operation::begun(id(n), name, OperationKind::Backup, started_at)
    }
}

pub fn expectation(plan: &str, hours: u64) -> Expectation {
    Expectation {
        repo: "vault".parse().expect("a repo id"),
        plan: plan.parse().expect("a plan id"),
        schedule: "manual".into(),
        allowed_age: Some(Duration::from_secs(hours * 3600)),
        last_met: None,
        enabled: true,
        disabled_reason: String::new(),
        timing: Timing::default(),
    }
}

/// The key of a peer.
pub fn peer() -> ([u8; 32], KeyId) {
    ([9; 32], KeyId::of(&[9; 32]))
}

/// Entries as an origin would chain them on to `from`.
pub fn chained(from: Head, states: &[(EntryKind, Operation)]) -> Vec<Entry> {
    let mut chain = from.chain;
    let link_on = |(seq, (kind, operation)): (u64, &(EntryKind, Operation))| {
        let payload = encode_operation(operation);
        let own: Hash = digest(&payload);
        chain = link(&chain, seq, &operation.id, *kind, &own);
        Entry {
            operation: operation.id,
            kind: *kind,
            payload: Some(payload),
            digest: Some(own),
            chain: Some(chain),
            lost: false,
        }
    };
    (from.seq + 1..).zip(states).map(link_on).collect()
}

/// Follows every chain of a log from its beginning or base to its head; says how many entries there are.
pub fn proved(reader: &HistoryReader<'_>, log: &Provable) -> u64 {
    let mut entries = 0;
    for shard in &log.shards {
        if shard.base.seq == 0 {
            assert_eq!(shard.base.chain, chain_zero(&log.origin, &log.epoch, &shard.shard));
        }
        let mut at = shard.base;
        while at.seq < shard.head.seq {
            let part = reader.provable_entries(log.origin, shard, at).expect("read");
            for (seq, entry) in part.expect("the chain goes on") {
                assert_eq!(seq, at.seq + 1);
                let digest = entry.digest.expect("a digest");
                assert_eq!(entry.payload.as_deref().map_or(digest, self::digest), digest);
                let chain = link(&at.chain, seq, &entry.operation, entry.kind, &digest);
                at = Head { seq, chain };
                entries += 1;
            }
        }
        assert_eq!(at, shard.head);
    }
    entries
}
