//! Writing a proof: what a third party checks with [`crate::store::proof::verify`].

use super::rows::{self, ShardRow};
use super::summary::checkpoint;
use super::tx::HistoryReader;
use crate::model::{Epoch, KeyId, Timestamp};
use crate::reconcile::{Checkpoint, Entry, Head, Shard, checkpoint_statement, root};
use crate::store::error::{Result, StoreError};
use crate::store::proof::{Line, kind_word, payload_text, shown};
use rusqlite::OptionalExtension as _;
use std::io::Write;
use std::path::Path;

/// Signs a statement with the key of this instance.
pub type SignStatement<'a> = &'a dyn Fn(&[u8]) -> [u8; 64];

/// What a proof begins with.
struct Header {
    origin: KeyId,
    public_key: [u8; 32],
    epoch: Epoch,
    checkpoint: Checkpoint,
}

/// A shard and the head that is signed.
struct Covered {
    row: ShardRow,
    head: Head,
}

impl HistoryReader<'_> {
    /// Writes a proof of the own log, signed now.
    ///
    /// # Errors
    /// The database cannot be read, or `out` not be written.
    pub fn export_own(
        &self,
        sign: SignStatement<'_>,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> Result<()> {
        let (public_key, epoch, _) = self.identity(self.own)?;
        let covered: Vec<_> = rows::shards(self.conn, self.own)?
            .into_iter()
            .map(|row| Covered { head: row.head, row })
            .filter(|covered| covered.head.seq > 0)
            .collect();
        let root = root_of(&covered);
        let statement = checkpoint_statement(&self.owner, &epoch, &root, now);
        let checkpoint = Checkpoint { root, time: now, signature: sign(&statement) };
        let header = Header { origin: self.owner, public_key, epoch, checkpoint };
        self.write_proof(&header, &covered, out)
    }

    /// Writes a proof of what is held of a peer's log, up to its newest checkpoint.
    ///
    /// # Errors
    /// Nothing of that origin is held, or no checkpoint covers it yet; or as [`Self::export_own`].
    pub fn export_peer(&self, origin: KeyId, out: &mut dyn Write) -> Result<()> {
        let unknown = || StoreError::Unknown { what: "log of", name: origin.to_string() };
        let log = rows::find_log(self.conn, origin)?.ok_or_else(unknown)?;
        let (public_key, epoch, checkpoint) = self.identity(log)?;
        let covered = self.signed_shards(log)?;
        let checkpoint = checkpoint.filter(|signed| signed.root == root_of(&covered)).ok_or(
            StoreError::Misuse(
                "no checkpoint covers what is held now; it comes when the peer is in sync again",
            ),
        )?;
        let header = Header { origin, public_key, epoch, checkpoint };
        self.write_proof(&header, &covered, out)
    }

    fn identity(&self, log: i64) -> Result<([u8; 32], Epoch, Option<Checkpoint>)> {
        let mut select = self.conn.prepare_cached("SELECT * FROM log WHERE id = ?1")?;
        let (key, checkpoint) = select.query_row([log], |row| {
            Ok((row.get::<_, Option<_>>("public_key")?, checkpoint(row)?))
        })?;
        let epoch = rows::epoch(self.conn, log)?;
        let known = key.zip(epoch).ok_or(StoreError::Misuse("nothing of this log is held"))?;
        Ok((known.0, known.1, checkpoint))
    }

    fn signed_shards(&self, log: i64) -> Result<Vec<Covered>> {
        let mut covered = Vec::new();
        for row in rows::shards(self.conn, log)? {
            let mut select = self.conn.prepare_cached(
                "SELECT signed_seq, signed_chain FROM shard WHERE id = ?1 AND signed_seq IS NOT NULL",
            )?;
            let head = select.query_row([row.id], |found| {
                Ok(Head { seq: rows::seq_out(found, "signed_seq")?, chain: found.get(1)? })
            });
            covered.extend(head.optional()?.map(|head| Covered { row, head }));
        }
        Ok(covered)
    }

    fn write_proof(&self, header: &Header, covered: &[Covered], out: &mut dyn Write) -> Result<()> {
        let signed = &header.checkpoint;
        write_line(
            out,
            &Line::Log {
                origin: header.origin.to_string(),
                public_key: hex::encode(header.public_key),
                epoch: hex::encode(header.epoch.as_bytes()),
                root: hex::encode(signed.root),
                time: signed.time.to_string(),
                signature: hex::encode(signed.signature),
            },
        )?;
        covered.iter().try_for_each(|shard| self.write_shard(shard, out))
    }

    fn write_shard(&self, covered: &Covered, out: &mut dyn Write) -> Result<()> {
        let row = &covered.row;
        write_line(
            out,
            &Line::Shard {
                repo: row.shard.repo.clone(),
                plan: row.shard.plan.clone(),
                base_seq: row.base.seq,
                base_chain: hex::encode(row.base.chain),
                head_seq: covered.head.seq,
                head_chain: hex::encode(covered.head.chain),
            },
        )?;
        rows::each_after(self.conn, row.id, row.base.seq, |stored| {
            if stored.seq > covered.head.seq {
                return Ok(false);
            }
            write_line(out, &line_of(stored.seq, &stored.entry, &row.shard))?;
            Ok(true)
        })
    }
}

fn root_of(covered: &[Covered]) -> [u8; 32] {
    root(covered.iter().map(|shard| (&shard.row.shard, shard.head)))
}

fn line_of(seq: u64, entry: &Entry, shard: &Shard) -> Line {
    let payload = entry.payload.as_deref();
    Line::Entry {
        seq,
        operation: entry.operation.to_string(),
        kind: kind_word(entry.kind).to_owned(),
        digest: entry.digest.map(hex::encode),
        chain: entry.chain.filter(|_| entry.digest.is_none()).map(hex::encode),
        payload: payload.map(payload_text),
        state: shown(entry.operation, entry.kind, shard, payload),
    }
}

fn write_line(out: &mut dyn Write, line: &Line) -> Result<()> {
    let mut text = serde_json::to_vec(line).map_err(|error| StoreError::bad("a line", error))?;
    text.push(b'\n');
    out.write_all(&text).map_err(StoreError::io(Path::new("the proof")))
}
