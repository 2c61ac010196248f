//! A history that a third party can check: chains up to the signed heads, and the checkpoint.
//!
//! Pure: reads lines, needs no database and no network. The signature itself is checked by what the
//! caller hands in, because keys are the business of `crypto`.
//!
//! 1. Every entry is bound to the signature: digests, chains, heads and root are recomputed.
//! 2. What is shown of a state is compared with the payload that the chain proves.
//! 3. One line is in memory at a time, of bounded length.

use crate::model::{Epoch, KeyId, Operation, OperationId, Timestamp};
use crate::reconcile::{
    EntryKind, Hash, Head, Shard, chain_zero, checkpoint_statement, digest, link, root,
};
use crate::wire::log::decode_operation;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read as _};

/// The longest line: a payload in base64, beside what is shown of it.
const MAX_LINE: u64 = 512 * 1024;
/// More shards than an origin may have.
const MAX_SHARDS: usize = 16_384;

/// Checks an Ed25519 signature: public key, statement, signature.
pub type CheckSignature<'a> = &'a dyn Fn(&[u8; 32], &[u8], &[u8; 64]) -> bool;

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofReport {
    /// Whose history it is.
    pub origin: KeyId,
    /// When it was signed, by the origin's clock.
    pub signed_at: Timestamp,
    /// Shards of the signed root.
    pub shards: u64,
    /// Entries whose chain leads to a signed head.
    pub entries: u64,
    /// Of these, states that are here as digest only.
    pub blank: u64,
    /// Entries before one whose digest is lost: the chain does not bind them.
    pub unproven: u64,
}

/// Why a file proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// It could not be read.
    #[error("the proof cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A line is not one of a proof.
    #[error("line {line} is not a line of a proof: {detail}")]
    Malformed {
        /// Which, from 1.
        line: u64,
        /// Why.
        detail: String,
    },
    /// Something was changed, left out or added.
    #[error("line {line}: {what} does not match; the history was changed after it was signed")]
    Differs {
        /// Which, from 1.
        line: u64,
        /// What.
        what: &'static str,
    },
    /// The signature is not the origin's.
    #[error("the signature is not one of {origin} over this history")]
    Signature {
        /// Who should have signed.
        origin: KeyId,
    },
}

/// One line of a proof.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Line {
    Log {
        origin: String,
        public_key: String,
        epoch: String,
        root: String,
        time: String,
        signature: String,
    },
    Shard {
        repo: String,
        plan: String,
        base_seq: u64,
        base_chain: String,
        head_seq: u64,
        head_chain: String,
    },
    Entry {
        seq: u64,
        operation: String,
        kind: String,
        digest: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chain: Option<String>,
        payload: Option<String>,
        state: Option<serde_json::Value>,
    },
}

/// The word for a kind of entry.
pub(crate) const fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::First => "first",
        EntryKind::State => "state",
        EntryKind::Removed => "removed",
        EntryKind::Expectation => "expectation",
    }
}

fn kind_from(word: &str) -> Option<EntryKind> {
    [EntryKind::First, EntryKind::State, EntryKind::Removed, EntryKind::Expectation]
        .into_iter()
        .find(|kind| kind_word(*kind) == word)
}

/// A payload as it stands in a line.
pub(crate) fn payload_text(payload: &[u8]) -> String {
    STANDARD.encode(payload)
}

/// What is shown of a payload, for people and programs that do not read protobuf; `None` where it is
/// not an operation that this version understands.
pub(crate) fn shown(
    operation: OperationId,
    kind: EntryKind,
    shard: &Shard,
    payload: Option<&[u8]>,
) -> Option<serde_json::Value> {
    let payload = payload.filter(|_| matches!(kind, EntryKind::First | EntryKind::State))?;
    decode_operation(operation, shard, payload).ok().map(|operation| document(&operation))
}

fn document(operation: &Operation) -> serde_json::Value {
    serde_json::json!({
        "id": operation.id.to_string(),
        "revision": operation.revision,
        "instance": operation.instance.as_str(),
        "flow": operation.flow.to_string(),
        "kind": operation.kind.as_str(),
        "status": operation.status.as_str(),
        "repo_guid": operation.repo_guid.as_ref().map(|guid| guid.as_str()),
        "snapshot": operation.snapshot,
        "started_at": operation.started_at.to_string(),
        "ended_at": operation.ended_at.map(|at| at.to_string()),
        "message": operation.message,
    })
}

/// Checks a proof from its first line to its last.
///
/// # Errors
/// The first thing that is malformed, or does not match what was signed.
pub fn verify(
    mut lines: impl BufRead,
    check: CheckSignature<'_>,
) -> Result<ProofReport, ProofError> {
    let mut checker = Checker::default();
    let mut number = 0;
    while let Some(text) = next_line(&mut lines)? {
        number += 1;
        checker.line = number;
        let line = serde_json::from_str(&text)
            .map_err(|error| ProofError::Malformed { line: number, detail: error.to_string() })?;
        checker.take(line)?;
    }
    checker.finish(check)
}

fn next_line(lines: &mut impl BufRead) -> Result<Option<String>, ProofError> {
    let mut text = String::new();
    let read = lines.by_ref().take(MAX_LINE).read_line(&mut text)?;
    match text.ends_with('\n') || (read as u64) < MAX_LINE {
        true => Ok((read > 0).then_some(text)),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long").into()),
    }
}

/// What the header says.
struct Signed {
    origin: KeyId,
    public_key: [u8; 32],
    epoch: Epoch,
    root: Hash,
    time: Timestamp,
    signature: [u8; 64],
}

/// The shard that is being read.
struct Reading {
    shard: Shard,
    at: Head,
    head: Head,
    entries: u64,
    unproven: u64,
}

#[derive(Default)]
struct Checker {
    line: u64,
    signed: Option<Signed>,
    reading: Option<Reading>,
    heads: Vec<(Shard, Head)>,
    entries: u64,
    blank: u64,
    unproven: u64,
}

impl Checker {
    fn take(&mut self, line: Line) -> Result<(), ProofError> {
        match line {
            Line::Log { origin, public_key, epoch, root, time, signature } => {
                if self.signed.is_some() {
                    return Err(self.malformed("a second log"));
                }
                let public_key = self.bytes(&public_key)?;
                let origin: KeyId = origin.parse().map_err(|error| self.malformed(error))?;
                if KeyId::of(&public_key) != origin {
                    return Err(self.differs("the public key"));
                }
                self.signed = Some(Signed {
                    origin,
                    public_key,
                    epoch: Epoch::from_bytes(self.bytes(&epoch)?),
                    root: self.bytes(&root)?,
                    time: Timestamp::parse(&time).ok_or_else(|| self.malformed("time"))?,
                    signature: self.bytes(&signature)?,
                });
                Ok(())
            }
            Line::Shard { repo, plan, base_seq, base_chain, head_seq, head_chain } => {
                let base = Head { seq: base_seq, chain: self.bytes(&base_chain)? };
                let head = Head { seq: head_seq, chain: self.bytes(&head_chain)? };
                self.begin(Shard { repo, plan }, base, head)
            }
            Line::Entry { seq, operation, kind, digest, chain, payload, state } => {
                let operation = operation.parse().map_err(|error| self.malformed(error))?;
                let kind = kind_from(&kind).ok_or_else(|| self.malformed("kind"))?;
                let payload = payload
                    .map(|text| STANDARD.decode(text))
                    .transpose()
                    .map_err(|error| self.malformed(error))?;
                self.entry(seq, operation, kind, payload.as_deref(), (digest, chain))?;
                self.shown(operation, kind, payload.as_deref(), state.as_ref())
            }
        }
    }

    fn begin(&mut self, shard: Shard, base: Head, head: Head) -> Result<(), ProofError> {
        self.end_shard()?;
        let signed =
            self.signed.as_ref().ok_or_else(|| self.malformed("a shard before the log"))?;
        let zero = chain_zero(&signed.origin, &signed.epoch, &shard);
        if base.seq == 0 && base.chain != zero {
            return Err(self.differs("the beginning of the chain"));
        }
        if self.heads.len() >= MAX_SHARDS || self.heads.iter().any(|(name, _)| *name == shard) {
            return Err(self.malformed("a shard too many"));
        }
        self.reading = Some(Reading { shard, at: base, head, entries: 0, unproven: 0 });
        Ok(())
    }

    fn entry(
        &mut self,
        seq: u64,
        operation: OperationId,
        kind: EntryKind,
        payload: Option<&[u8]>,
        (stated, chain): (Option<String>, Option<String>),
    ) -> Result<(), ProofError> {
        let stated: Option<Hash> = stated.map(|text| self.bytes(&text)).transpose()?;
        let chain: Option<Hash> = chain.map(|text| self.bytes(&text)).transpose()?;
        let own = payload.map(digest);
        if own.zip(stated).is_some_and(|(own, stated)| own != stated) {
            return Err(self.differs("a payload"));
        }
        let line = self.line;
        let reading = self.reading.as_mut().ok_or_else(|| ProofError::Malformed {
            line,
            detail: "an entry before its shard".into(),
        })?;
        if seq != reading.at.seq.saturating_add(1) {
            return Err(ProofError::Differs { line, what: "the position of an entry" });
        }
        let next = match (own.or(stated), chain) {
            (Some(digest), _) => link(&reading.at.chain, seq, &operation, kind, &digest),
            (None, Some(chain)) => {
                reading.unproven = reading.entries + 1;
                chain
            }
            (None, None) => return Err(self.malformed("an entry without digest and chain")),
        };
        reading.at = Head { seq, chain: next };
        reading.entries += 1;
        self.blank += u64::from(payload.is_none());
        Ok(())
    }

    fn shown(
        &self,
        operation: OperationId,
        kind: EntryKind,
        payload: Option<&[u8]>,
        state: Option<&serde_json::Value>,
    ) -> Result<(), ProofError> {
        let Some(reading) = &self.reading else { return Ok(()) };
        // A state shown where the payload is not understood here cannot be compared.
        match (shown(operation, kind, &reading.shard, payload), state) {
            (own, Some(state)) if own.as_ref() != Some(state) => Err(self.differs("a shown state")),
            _ => Ok(()),
        }
    }

    fn end_shard(&mut self) -> Result<(), ProofError> {
        if let Some(reading) = self.reading.take() {
            if reading.at != reading.head {
                return Err(self.differs("the head of the shard before this line"));
            }
            self.entries += reading.entries;
            self.unproven += reading.unproven;
            self.heads.push((reading.shard, reading.head));
        }
        Ok(())
    }

    fn finish(mut self, check: CheckSignature<'_>) -> Result<ProofReport, ProofError> {
        self.end_shard()?;
        let signed = self.signed.take().ok_or_else(|| self.malformed("there is no log"))?;
        if root(self.heads.iter().map(|(shard, head)| (shard, *head))) != signed.root {
            return Err(self.differs("the set of shards"));
        }
        let statement =
            checkpoint_statement(&signed.origin, &signed.epoch, &signed.root, signed.time);
        if !check(&signed.public_key, &statement, &signed.signature) {
            return Err(ProofError::Signature { origin: signed.origin });
        }
        Ok(ProofReport {
            origin: signed.origin,
            signed_at: signed.time,
            shards: self.heads.len() as u64,
            entries: self.entries,
            blank: self.blank,
            unproven: self.unproven,
        })
    }

    fn bytes<const N: usize>(&self, text: &str) -> Result<[u8; N], ProofError> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).map_err(|error| self.malformed(error))?;
        Ok(bytes)
    }

    fn malformed(&self, detail: impl ToString) -> ProofError {
        ProofError::Malformed { line: self.line, detail: detail.to_string() }
    }

    const fn differs(&self, what: &'static str) -> ProofError {
        ProofError::Differs { line: self.line, what }
    }
}
