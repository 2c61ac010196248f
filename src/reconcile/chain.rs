//! The hashes: digest of a payload, chain of a shard, root of a log.
//!
//! All are SHA-256 over a label that ends in a zero byte, then fixed-width fields, then variable
//! ones, each behind its length. Numbers are big-endian. `tests/vectors/chain.json` holds values
//! that a second implementation can check itself against.

use super::message::{EntryKind, Hash, Head, Shard, ShortHash};
use crate::model::{Epoch, KeyId, OperationId, Timestamp};
use sha2::{Digest as _, Sha256};

const PAYLOAD: &[u8] = b"holdfast/1/payload\0";
const ZERO: &[u8] = b"holdfast/1/chain-zero\0";
const CHAIN: &[u8] = b"holdfast/1/chain\0";
const ROOT: &[u8] = b"holdfast/1/root\0";
const CHECKPOINT: &[u8] = b"holdfast sync checkpoint";

/// Bytes of a [`checkpoint_statement`].
pub const STATEMENT_LEN: usize = 5 * 8 + CHECKPOINT.len() + 32 + 16 + 32 + 8;

impl EntryKind {
    /// The byte that stands for the kind in a chain.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::First => 0,
            Self::State => 1,
            Self::Removed => 2,
            Self::Expectation => 3,
        }
    }

    /// The kind of a byte.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::First),
            1 => Some(Self::State),
            2 => Some(Self::Removed),
            3 => Some(Self::Expectation),
            _ => None,
        }
    }
}

/// The digest of a payload.
///
/// ```text
/// "holdfast/1/payload" 00 | u32 length | payload
/// ```
#[must_use]
pub fn digest(payload: &[u8]) -> Hash {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let hasher = Sha256::new().chain_update(PAYLOAD).chain_update(length.to_be_bytes());
    hasher.chain_update(payload).finalize().into()
}

/// chain(0): what a shard's chain begins with, different for each origin, epoch and shard.
///
/// ```text
/// "holdfast/1/chain-zero" 00 | origin key id (32) | epoch (16) | u16 length | repo | u16 length | plan
/// ```
#[must_use]
pub fn chain_zero(origin: &KeyId, epoch: &Epoch, shard: &Shard) -> Hash {
    let fixed = Sha256::new()
        .chain_update(ZERO)
        .chain_update(origin.as_bytes())
        .chain_update(epoch.as_bytes());
    named(fixed, shard).finalize().into()
}

/// chain(seq) of an entry, from chain(seq - 1).
///
/// ```text
/// "holdfast/1/chain" 00 | chain(seq - 1) (32) | u64 seq | operation id (16) | kind (1) | digest (32)
/// ```
///
/// The kind is 0 first, 1 state, 2 removed, 3 expectation.
#[must_use]
pub fn link(
    prev: &Hash,
    seq: u64,
    operation: &OperationId,
    kind: EntryKind,
    digest: &Hash,
) -> Hash {
    Sha256::new()
        .chain_update(CHAIN)
        .chain_update(prev)
        .chain_update(seq.to_be_bytes())
        .chain_update(operation.as_bytes())
        .chain_update([kind.code()])
        .chain_update(digest)
        .finalize()
        .into()
}

/// The root: one hash for all shards that one side shows the other, in whatever order they come.
///
/// Shards are taken in the order of the bytes of (repo, plan); one at seq 0 is no shard and left out.
///
/// ```text
/// "holdfast/1/root" 00 | for each shard: u64 seq | chain (32) | u16 length | repo | u16 length | plan
/// ```
#[must_use]
pub fn root<'a>(shards: impl Iterator<Item = (&'a Shard, Head)>) -> Hash {
    let mut sorted: Vec<_> = shards.filter(|(_, head)| head.seq > 0).collect();
    sorted.sort_unstable_by_key(|&(shard, _)| shard);
    let mut hasher = Sha256::new().chain_update(ROOT);
    for (shard, head) in sorted {
        hasher = named(hasher.chain_update(head.seq.to_be_bytes()).chain_update(head.chain), shard);
    }
    hasher.finalize().into()
}

/// What the signature of a checkpoint covers; the same bytes that `crypto` signs and checks.
///
/// Each part is preceded by its length as 8 bytes, big-endian:
/// ```text
/// "holdfast sync checkpoint" | origin key id (32) | epoch (16) | root (32) | i64 Unix time in ms
/// ```
#[must_use]
pub fn checkpoint_statement(
    origin: &KeyId,
    epoch: &Epoch,
    root: &Hash,
    time: Timestamp,
) -> [u8; STATEMENT_LEN] {
    let time = time.as_millis().to_be_bytes();
    let parts: [&[u8]; 5] = [CHECKPOINT, origin.as_bytes(), epoch.as_bytes(), root, &time];
    let framed = parts.into_iter().flat_map(|part| {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        length.to_be_bytes().into_iter().chain(part.iter().copied())
    });
    let mut statement = [0; STATEMENT_LEN];
    for (to, from) in statement.iter_mut().zip(framed) {
        *to = from;
    }
    statement
}

/// The first 8 bytes of a chain value.
#[must_use]
pub fn short(chain: &Hash) -> ShortHash {
    let [a, b, c, d, e, f, g, h, ..] = *chain;
    [a, b, c, d, e, f, g, h]
}

fn named(hasher: Sha256, shard: &Shard) -> Sha256 {
    [&shard.repo, &shard.plan].into_iter().fold(hasher, |hasher, name| {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        hasher.chain_update(length.to_be_bytes()).chain_update(name.as_bytes())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn bytes<const N: usize>(value: &Value) -> [u8; N] {
        hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
    }

    fn shard(value: &Value) -> Shard {
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        Shard { repo: text("repo"), plan: text("plan") }
    }

    fn head(value: &Value) -> Head {
        Head { seq: value["seq"].as_u64().unwrap(), chain: bytes(&value["chain"]) }
    }

    /// Values computed with another implementation of SHA-256.
    #[test]
    fn hashes_are_those_of_the_vectors() {
        let file = include_str!("../../tests/vectors/chain.json");
        let all: Value = serde_json::from_str(file).unwrap();
        let origin = KeyId::from_bytes(bytes(&all["origin"]));
        let epoch = Epoch::from_bytes(bytes(&all["epoch"]));
        let list = |name: &str| all[name].as_array().unwrap().clone();
        for v in list("digests") {
            let payload = hex::decode(v["payload"].as_str().unwrap()).unwrap();
            assert_eq!(digest(&payload), bytes(&v["digest"]), "{v}");
        }
        for v in list("chain_zero") {
            assert_eq!(chain_zero(&origin, &epoch, &shard(&v)), bytes(&v["chain"]), "{v}");
        }
        for v in list("links") {
            let kind = EntryKind::from_code(v["kind"].as_u64().unwrap() as u8).unwrap();
            let operation = OperationId::from_bytes(bytes(&v["operation"]));
            let seq = v["seq"].as_u64().unwrap();
            let value = link(&bytes(&v["before"]), seq, &operation, kind, &bytes(&v["digest"]));
            assert_eq!(value, bytes(&v["chain"]), "{v}");
        }
        for v in list("roots") {
            let shards: Vec<_> =
                v["shards"].as_array().unwrap().iter().map(|s| (shard(s), head(s))).collect();
            let backwards = shards.iter().rev().map(|(shard, head)| (shard, *head));
            assert_eq!(root(backwards), bytes(&v["root"]), "{v}");
        }
        for v in list("checkpoints") {
            let time = Timestamp::from_millis(v["time_ms"].as_i64().unwrap());
            let statement = checkpoint_statement(&origin, &epoch, &bytes(&v["root"]), time);
            assert_eq!(statement, bytes(&v["statement"]), "{v}");
        }
    }

    /// The first link of the vectors, byte by byte.
    #[test]
    fn a_link_hashes_these_bytes() {
        let dump = concat!(
            "686f6c64666173742f312f636861696e00", // "holdfast/1/chain" 00
            "0313de7f46f35d5232db544cec9f06ea51450767b655328c2e42659dc71bbc87", // chain(0)
            "0000000000000001",                   // seq 1
            "0193e4a0c0007abc8def001122334455",   // operation id
            "00",                                 // kind: first
            "9251207a992702fe3305a11b73e473b6124a25d7ab4a1cee56a4a00d8316e7ca", // digest of "P start"
        );
        let hash: Hash = Sha256::digest(hex::decode(dump).unwrap()).into();
        assert_eq!(
            hex::encode(hash),
            "3f2cda7db2116fa5e30410a0491cd8da881d795cfa961a086cc08ed3bdc69540"
        );
        let operation = OperationId::from_bytes(bytes(&"0193e4a0c0007abc8def001122334455".into()));
        let shard = Shard { repo: "vault".into(), plan: "home".into() };
        let origin = KeyId::from_bytes(std::array::from_fn(|i| i as u8));
        let epoch = Epoch::from_bytes(std::array::from_fn(|i| 0x40 + i as u8));
        let zero = chain_zero(&origin, &epoch, &shard);
        assert_eq!(link(&zero, 1, &operation, EntryKind::First, &digest(b"P start")), hash);
    }
}
