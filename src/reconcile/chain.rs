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
const CHECKPOINT: &[u8] = b"holdfast/1/checkpoint\0";

/// Bytes of a [`checkpoint_statement`].
pub const STATEMENT_LEN: usize = CHECKPOINT.len() + 32 + 16 + 32 + 8;

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

/// What the signature of a checkpoint covers.
///
/// ```text
/// "holdfast/1/checkpoint" 00 | origin key id (32) | epoch (16) | root (32) | i64 Unix time in ms
/// ```
#[must_use]
pub fn checkpoint_statement(
    origin: &KeyId,
    epoch: &Epoch,
    root: &Hash,
    time: Timestamp,
) -> [u8; STATEMENT_LEN] {
    let time = time.as_millis().to_be_bytes();
    let parts = [CHECKPOINT, origin.as_bytes(), epoch.as_bytes(), root, &time];
    let mut statement = [0; STATEMENT_LEN];
    for (to, from) in statement.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
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
