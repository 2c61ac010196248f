//! The seeding example, run small: what it writes is what a daemon would have written.
#![allow(clippy::unwrap_used)]

#[path = "../examples/seed/hub.rs"]
mod hub;
#[path = "../examples/seed/own.rs"]
mod own;

use holdfast::crypto::Identity;
use holdfast::reconcile::{OriginLog as _, chain_zero, digest, link};
use holdfast::store::history::{OwnReader, Owner, Whose};
use holdfast::store::{History, StoreError, Trust};
use std::collections::BTreeSet;

fn history(dir: &tempfile::TempDir) -> (History, Identity) {
    let identity = Identity::from_seed([5; 32]);
    let owner = Owner { public_key: identity.public_key() };
    (History::open(dir.path(), owner).unwrap(), identity)
}

fn seed(history: &History, shards: u64, bytes: usize, count: u64) {
    let shape = own::Shape::new("nas".parse().unwrap(), shards, bytes);
    let mut last = 0;
    own::fill(history, &shape, count, |done| last = done).unwrap();
    assert_eq!(last, count);
}

/// Recomputes every chain from the payloads; how many entries, and the lengths of their payloads.
fn verified(
    log: &OwnReader<'_>,
    identity: &Identity,
) -> Result<(u64, BTreeSet<usize>), StoreError> {
    let epoch = log.epoch()?;
    let (mut entries, mut lengths) = (0, BTreeSet::new());
    for own in log.shards(&|_| true)? {
        let mut chain = chain_zero(&identity.key_id(), &epoch, &own.shard);
        let all = log.entries_after(&own.shard, 0, usize::MAX, usize::MAX)?;
        for (seq, entry) in (1..).zip(&all) {
            let payload = entry.payload.as_ref().unwrap();
            lengths.insert(payload.len());
            chain = link(&chain, seq, &entry.operation, entry.kind, &digest(payload));
        }
        assert_eq!((own.head.seq, own.head.chain), (all.len() as u64, chain));
        entries += own.head.seq;
    }
    Ok((entries, lengths))
}

#[test]
fn a_seeded_log_has_its_operations_shards_and_chains_and_grows_by_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let (history, identity) = history(&dir);
    seed(&history, 7, 1024, 2_003);
    seed(&history, 7, 1024, 101);
    let (entries, lengths) =
        history.read_blocking(|reader| verified(&reader.own(), &identity)).unwrap();
    assert_eq!((entries, lengths), (2_104, BTreeSet::from([1024])));
    let shards = history.read_blocking(|reader| reader.own().shards(&|_| true)).unwrap();
    assert_eq!(shards.len(), 7);
    let own = history.read_blocking(|reader| reader.own_summary()).unwrap().unwrap();
    assert_eq!(own.operations, 2_104, "each entry is an operation of its own");
}

#[test]
fn a_payload_is_as_long_as_asked_for() {
    let length = |bytes| own::Shape::new("nas".parse().unwrap(), 1, bytes).payload_bytes();
    let least = length(0);
    assert!(least < 220, "{least}");
    for bytes in (least + 3..9_000).chain(32_600..=32_768) {
        let found = length(bytes);
        assert!((bytes - 2..=bytes).contains(&found), "{found} instead of {bytes}");
    }
}

#[test]
fn a_seeded_hub_knows_its_peers_and_holds_their_verified_logs() {
    let dir = tempfile::tempdir().unwrap();
    let (history, _) = history(&dir);
    let trust = Trust::open(dir.path()).unwrap();
    assert_eq!(hub::fill(&trust, &history, 3, hub::Logs { plans: 4, runs: 1 }, |_| ()).unwrap(), 3);
    assert_eq!(
        hub::fill(&trust, &history, 5, hub::Logs { plans: 4, runs: 1 }, |_| ()).unwrap(),
        2,
        "the first three are there"
    );
    assert_eq!(trust.peers().unwrap().len(), 5);
    for number in 1..=5 {
        let origin = hub::identity(number).key_id();
        let summary = history.read_blocking(|reader| reader.summary(origin)).unwrap().unwrap();
        assert_eq!((summary.shards, summary.operations), (4, 4));
        assert!(summary.verified_at.is_some() && !summary.behind, "its checkpoint came out");
    }
    let promises = history.read_blocking(|reader| reader.expectations(Whose::All)).unwrap();
    assert_eq!(promises.len(), 20);
}
