//! Exports with proof: the lines of the file, and checking one without any daemon.
//!
//! The file is JSON lines: one `origin`, then each `shard` followed by its `entry` lines, then the
//! `checkpoint`. A check recomputes every digest and chain value from the shard's base to its head,
//! the root from the heads, and verifies the origin's signature of that root.
//!
//! 1. Nothing in the file is trusted but what the signature covers.
//! 2. One line is held at a time, and none longer than [`LINE_LIMIT`].
//! 3. A superseded state may be without its content; the newest of an operation may not, or whoever
//!    holds the log could hide how a run ended. The check as a whole fails then.
//! 4. Where the origin lost a digest, what came before it in that shard is told as not proven, and
//!    the check as a whole fails.

use super::{Exit, Failure, Output};
use crate::api::{ExportRecord, ProofCheckpoint, ProofEntry, ProofOrigin, ProofShard};
use crate::model::{Epoch, InstanceId, KeyId, OperationId, Timestamp};
use crate::reconcile::{self as chain, EntryKind, Hash, Head, Shard};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

/// A payload of 32 KiB in base64, and the fields around it.
const LINE_LIMIT: u64 = 64 << 10;
/// Of one log.
const SHARD_LIMIT: usize = 16_384;

/// The line of one record: its fields, and under `record` which it is.
pub(crate) fn line(record: ExportRecord) -> Result<Value, Failure> {
    let named = |name: &str, value: serde_json::Result<Value>| {
        let mut value = value.map_err(|error| Failure::local("internal", error.to_string(), ""))?;
        value["record"] = name.into();
        Ok(value)
    };
    match record {
        ExportRecord { operation: Some(operation), .. } => serde_json::to_value(operation)
            .map_err(|error| Failure::local("internal", error.to_string(), "")),
        ExportRecord { origin: Some(one), .. } => named("origin", serde_json::to_value(one)),
        ExportRecord { shard: Some(one), .. } => named("shard", serde_json::to_value(one)),
        ExportRecord { entry: Some(one), .. } => named("entry", serde_json::to_value(one)),
        ExportRecord { checkpoint: Some(one), .. } => {
            named("checkpoint", serde_json::to_value(one))
        }
        ExportRecord { .. } => Err(Failure::local("internal", "an empty record came", "")),
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Line {
    Origin(ProofOrigin),
    Shard(ProofShard),
    Entry(ProofEntry),
    Checkpoint(ProofCheckpoint),
}

/// Why a file proves nothing.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
struct Unproven {
    line: u64,
    reason: String,
}

/// What a file proves.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
struct Proven {
    ok: bool,
    /// What the key calls itself. The signature does not cover it.
    instance: String,
    key_id: String,
    epoch: String,
    signed_at: String,
    root: String,
    shards: u64,
    entries: u64,
    /// Entries that the origin no longer keeps, before the first of each shard in this file.
    trimmed: u64,
    /// Entries whose payload was blanked: their digest is proven, their content is not shown.
    blank: u64,
    /// Operations whose newest entry is among them: how they ended is not shown.
    withheld: u64,
    /// Entries up to one whose digest is lost: nothing binds them to the signature.
    unproven: u64,
}

/// Checks the file and says what it proves.
pub(crate) fn verify(output: Output, file: &Path) -> Result<Exit, Failure> {
    let proven = match file.as_os_str() == "-" {
        true => check(std::io::stdin().lock()),
        false => {
            let opened = std::fs::File::open(file).map_err(|error| Failure::file(file, &error))?;
            check(BufReader::new(opened))
        }
    };
    let proven = proven.map_err(|error| {
        let remedy = "the file was changed, is not whole, or was made without --proof; export it again with --proof";
        Failure::local("not-proven", error.to_string(), remedy)
    })?;
    output.show(&proven, || rendered(&proven))?;
    Ok(if proven.ok { Exit::Done } else { Exit::Failed })
}

fn rendered(proven: &Proven) -> String {
    let verdict = match (proven.unproven, proven.withheld) {
        (0, 0) => "✓ proven ".to_owned(),
        (0, n) => format!("✗ how {n} operations ended was left out; beyond that"),
        (n, _) => format!("✗ {n} entries come before a lost one and are not proven; of the others"),
    };
    let Proven { key_id, instance, signed_at, epoch, root, .. } = proven;
    format!(
        "{verdict} {} entries in {} shards are what {key_id} signed at {signed_at}\n\
         instance  it calls itself {instance}, which nobody signed\n\
         epoch     {epoch}\n\
         root      {root}\n\
         trimmed   {} older entries are not in this file\n\
         blank     {} superseded states have their content left out",
        proven.entries - proven.unproven,
        proven.shards,
        proven.trimmed,
        proven.blank - proven.withheld,
    )
}

fn check(mut source: impl BufRead) -> Result<Proven, Unproven> {
    let mut at = 0;
    let mut text = String::new();
    let mut state: Option<Check> = None;
    loop {
        at += 1;
        let fail = |reason: String| Unproven { line: at, reason };
        text.clear();
        let read = source.by_ref().take(LINE_LIMIT).read_line(&mut text);
        match read.map_err(|error| fail(error.to_string()))? {
            0 => return Err(fail("the file ends without a checkpoint".to_owned())),
            _ if !text.ends_with('\n') && text.len() as u64 == LINE_LIMIT => {
                return Err(fail(format!("longer than {LINE_LIMIT} bytes")));
            }
            _ => {}
        }
        let line = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        match (line, state.as_mut()) {
            (Line::Origin(origin), None) => state = Some(Check::of(origin).map_err(fail)?),
            (Line::Shard(shard), Some(check)) => check.shard(shard).map_err(fail)?,
            (Line::Entry(entry), Some(check)) => check.entry(&entry).map_err(fail)?,
            (Line::Checkpoint(signed), Some(check)) => {
                let proven = check.checkpoint(&signed).map_err(fail)?;
                return if ended(&mut source) {
                    Ok(proven)
                } else {
                    Err(fail("more follows the checkpoint".to_owned()))
                };
            }
            (Line::Origin(_), Some(_)) => return Err(fail("a second origin".to_owned())),
            (_, None) => return Err(fail("the origin does not come first".to_owned())),
        }
    }
}

/// Nothing after the checkpoint is signed: nothing may stand there.
fn ended(source: &mut impl BufRead) -> bool {
    source.fill_buf().is_ok_and(<[u8]>::is_empty)
}

/// A file checked up to some line.
struct Check {
    instance: InstanceId,
    key: KeyId,
    public_key: [u8; 32],
    epoch: Epoch,
    heads: Vec<(Shard, Head)>,
    current: Option<Current>,
    entries: u64,
    trimmed: u64,
    blank: u64,
    withheld: u64,
    unproven: u64,
}

/// The shard whose entries are being read.
struct Current {
    shard: Shard,
    reached: Head,
    claimed: Head,
    entries: u64,
    unproven: u64,
    /// Operations whose newest entry so far has no payload.
    withheld: HashSet<OperationId>,
}

impl Check {
    fn of(origin: ProofOrigin) -> Result<Self, String> {
        if origin.format != 1 {
            return Err(format!("format {} given, 1 can be checked", origin.format));
        }
        let public_key = bytes_of(&origin.public_key, "public key")?;
        let key = KeyId::of(&public_key);
        if key.to_string() != origin.key_id {
            return Err(format!("the public key has key id {key}, {} is claimed", origin.key_id));
        }
        let epoch = origin.epoch.parse().map_err(|error| format!("epoch: {error}"))?;
        let instance = origin.instance.parse().map_err(|error| format!("instance: {error}"))?;
        Ok(Self {
            instance,
            key,
            public_key,
            epoch,
            heads: Vec::new(),
            current: None,
            entries: 0,
            trimmed: 0,
            blank: 0,
            withheld: 0,
            unproven: 0,
        })
    }

    fn shard(&mut self, shard: ProofShard) -> Result<(), String> {
        self.close_shard()?;
        if self.heads.len() >= SHARD_LIMIT {
            return Err(format!("more than {SHARD_LIMIT} shards"));
        }
        let base_chain = bytes_of(&shard.base_chain, "base chain")?;
        let claimed = Head { seq: shard.head, chain: bytes_of(&shard.head_chain, "head chain")? };
        let name = Shard { repo: shard.repo, plan: shard.plan };
        if self.heads.last().is_some_and(|(last, _)| *last >= name) {
            return Err("shards are not in order, or one comes twice".to_owned());
        }
        if shard.base == 0 && base_chain != chain::chain_zero(&self.key, &self.epoch, &name) {
            return Err("the shard does not begin with the chain of its name".to_owned());
        }
        let reached = Head { seq: shard.base, chain: base_chain };
        self.trimmed = self.trimmed.saturating_add(shard.base);
        self.current = Some(Current {
            shard: name,
            reached,
            claimed,
            entries: 0,
            unproven: 0,
            withheld: HashSet::new(),
        });
        Ok(())
    }

    fn entry(&mut self, entry: &ProofEntry) -> Result<(), String> {
        let current = self.current.as_mut().ok_or("an entry before any shard")?;
        let next = current.reached.seq.checked_add(1).ok_or("positions end")?;
        if entry.seq != next {
            return Err(format!("entry {} follows {}", entry.seq, current.reached.seq));
        }
        current.entries += 1;
        let chain = match (&entry.digest, &entry.chain) {
            (Some(digest), _) => linked(&current.reached, entry, &bytes_of(digest, "digest")?)?,
            (None, Some(chain)) => {
                current.unproven = current.entries;
                bytes_of(chain, "chain")?
            }
            (None, None) => return Err("an entry without digest and chain".to_owned()),
        };
        current.reached = Head { seq: entry.seq, chain };
        self.blank += u64::from(entry.payload.is_none());
        current.see(entry)
    }

    fn close_shard(&mut self) -> Result<(), String> {
        let Some(done) = self.current.take() else { return Ok(()) };
        if done.reached != done.claimed {
            return Err(format!(
                "the chain of {}/{} does not come out at {}",
                done.shard.repo.escape_debug(),
                done.shard.plan.escape_debug(),
                done.claimed.seq
            ));
        }
        self.entries += done.entries;
        self.unproven += done.unproven;
        self.withheld += done.withheld.len() as u64;
        self.heads.push((done.shard, done.reached));
        Ok(())
    }

    fn checkpoint(&mut self, signed: &ProofCheckpoint) -> Result<Proven, String> {
        self.close_shard()?;
        let root = chain::root(self.heads.iter().map(|(shard, head)| (shard, *head)));
        if root != bytes_of::<32>(&signed.root, "root")? {
            return Err("the root is not that of the shards in the file".to_owned());
        }
        let time = Timestamp::parse(&signed.time).ok_or("the time cannot be read")?;
        let signature = bytes_of(&signed.signature, "signature")?;
        crate::crypto::verify_checkpoint(&self.public_key, &self.epoch, &root, time, &signature)
            .map_err(|error| format!("the checkpoint: {error}"))?;
        Ok(Proven {
            ok: self.unproven == 0 && self.withheld == 0,
            instance: self.instance.to_string(),
            key_id: self.key.to_string(),
            epoch: self.epoch.to_string(),
            signed_at: time.to_string(),
            root: hex::encode(root),
            shards: self.heads.len() as u64,
            entries: self.entries,
            trimmed: self.trimmed,
            blank: self.blank,
            withheld: self.withheld,
            unproven: self.unproven,
        })
    }
}

impl Current {
    /// A removal says by itself what became of the operation.
    fn see(&mut self, entry: &ProofEntry) -> Result<(), String> {
        let operation = operation_of(entry)?;
        if entry.payload.is_some() || kind_of(entry)? == EntryKind::Removed {
            self.withheld.remove(&operation);
        } else {
            self.withheld.insert(operation);
        }
        Ok(())
    }
}

fn operation_of(entry: &ProofEntry) -> Result<OperationId, String> {
    entry.operation.parse().map_err(|error| format!("operation: {error}"))
}

fn kind_of(entry: &ProofEntry) -> Result<EntryKind, String> {
    entry.kind.parse().map_err(|error: crate::model::UnknownWord| error.to_string())
}

/// The chain value of an entry that follows `reached`.
fn linked(reached: &Head, entry: &ProofEntry, digest: &Hash) -> Result<Hash, String> {
    if let Some(payload) = &entry.payload {
        matches_digest(payload, digest)?;
    }
    let (operation, kind) = (operation_of(entry)?, kind_of(entry)?);
    let chain = chain::link(&reached.chain, entry.seq, &operation, kind, digest);
    match &entry.chain {
        // No export says both; what is said must be true all the same.
        Some(said) if bytes_of::<32>(said, "chain")? != chain => {
            Err("the chain value is not the one that comes out of the entries".to_owned())
        }
        Some(_) | None => Ok(chain),
    }
}

fn matches_digest(payload: &str, digest: &Hash) -> Result<(), String> {
    let payload = STANDARD.decode(payload).map_err(|error| format!("payload: {error}"))?;
    match chain::digest(&payload) == *digest {
        true => Ok(()),
        false => Err("the payload is not the one that the digest names".to_owned()),
    }
}

fn bytes_of<const N: usize>(text: &str, what: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| format!("{what}: {} hexadecimal digits are wanted", 2 * N))?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
