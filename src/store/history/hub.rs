//! What a hub holds of one origin: `HubLog` over SQLite, inside a job of the writer.

use super::append::{Appender, start_shard};
use super::archive::Archiver;
use super::rows::{self, ShardRow};
use super::scrub;
use super::tx::{Effects, HistoryTx};
use crate::clock;
use crate::model::{Epoch, KeyId};
use crate::reconcile::{
    ArchiveReason, Checkpoint, Entry, Found, Hash, Head, HubLog, HubShard, Shard, Usage, chain_zero,
};
use crate::store::column::Col;
use crate::store::error::{Result, StoreError};
use rusqlite::{Connection, named_params};

/// More operations than this found gone at once are an alert: the origin went back to an older copy.
const MANY_GONE: usize = 20;

/// What is held of one origin, inside a job of the writer.
#[derive(Debug)]
pub struct HubIntake<'t> {
    tx: &'t HistoryTx<'t>,
    origin: KeyId,
    log: i64,
}

impl<'t> HubIntake<'t> {
    pub(super) fn open(tx: &'t HistoryTx<'_>, origin: KeyId) -> Result<Self> {
        Ok(Self { tx, origin, log: rows::log_of(tx.conn, origin)? })
    }

    pub(super) const fn log(&self) -> i64 {
        self.log
    }

    pub(super) const fn effects(&self) -> &Effects {
        self.tx.effects
    }

    pub(super) const fn conn(&self) -> &Connection {
        self.tx.conn
    }

    pub(super) fn held(&self, shard: &Shard) -> Result<Option<ShardRow>> {
        Ok(rows::shard(self.conn(), self.log, shard)?.filter(|row| row.held))
    }

    /// Of shards that were stopped more is taken again; how many there were.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn take_again(&mut self) -> Result<usize> {
        let sql = "UPDATE shard SET stopped = NULL WHERE log = ?1 AND stopped IS NOT NULL";
        let taken = self.conn().prepare_cached(sql)?.execute([self.log])?;
        if taken > 0 {
            self.tx.effects.wrote(0);
        }
        Ok(taken)
    }

    fn archiver(&self) -> Result<Archiver<'_>> {
        Archiver::new(self.conn(), self.log, self.tx.effects)
    }
}

impl HubLog for HubIntake<'_> {
    type Error = StoreError;

    fn epoch(&self) -> Result<Option<Epoch>> {
        rows::epoch(self.conn(), self.log)
    }

    fn begin_epoch(&mut self, epoch: Epoch) -> Result<()> {
        for row in rows::shards(self.conn(), self.log)? {
            self.archiver()?.archive_all(&row, ArchiveReason::Fork)?;
        }
        // What is stopped stays so: a new epoch is no reason to trust the origin more.
        let sql = "UPDATE shard SET held = 0, expectation = 0, signed_seq = NULL, \
                   signed_chain = NULL WHERE log = ?1";
        self.conn().execute(sql, [self.log])?;
        let sql = "UPDATE log SET epoch = ?2, announced_root = NULL, verified_root = NULL, \
                   checkpoint_root = NULL, checkpoint_time = NULL, checkpoint_signature = NULL \
                   WHERE id = ?1";
        self.conn().execute(sql, (self.log, Col(epoch)))?;
        self.tx.effects.wrote(0);
        Ok(())
    }

    fn shards(&self) -> Result<Vec<HubShard>> {
        let rows = rows::shards(self.conn(), self.log)?;
        Ok(rows.into_iter().filter(|row| row.head.seq > 0).map(hub_shard).collect())
    }

    fn shard(&self, shard: &Shard) -> Result<Option<HubShard>> {
        Ok(self.held(shard)?.map(hub_shard))
    }

    fn chain_at(&self, shard: &Shard, seq: u64) -> Result<Option<Hash>> {
        match self.held(shard)? {
            Some(row) => rows::chain_at(self.conn(), &row, seq),
            None => Ok(None),
        }
    }

    fn archive_after(&mut self, shard: &Shard, after: u64, why: ArchiveReason) -> Result<()> {
        match self.held(shard)? {
            Some(row) => self.archiver()?.archive_after(&row, after, why),
            None => Ok(()),
        }
    }

    fn adopt_base(&mut self, shard: &Shard, base: Head, why: ArchiveReason) -> Result<()> {
        if let Some(row) = self.held(shard)? {
            self.archiver()?.archive_all(&row, why)?;
        }
        start_shard(self.conn(), self.log, shard, base)?;
        self.tx.effects.wrote(0);
        Ok(())
    }

    fn append(&mut self, shard: &Shard, entries: Vec<Entry>) -> Result<()> {
        let row = match self.held(shard)? {
            Some(row) => row,
            None => {
                let epoch = self.epoch()?.ok_or(StoreError::Misuse("nothing was announced"))?;
                let chain = chain_zero(&self.origin, &epoch, shard);
                start_shard(self.conn(), self.log, shard, Head { seq: 0, chain })?
            }
        };
        let mut appender = Appender::new(self.conn(), self.log, row, self.tx.effects);
        for entry in &entries {
            let chain = entry.chain.ok_or(StoreError::Misuse("an entry came without its chain"))?;
            appender.push(entry, chain)?;
        }
        appender.finish().map(drop)
    }

    fn hide(&mut self, shard: &Shard, hidden: bool) -> Result<()> {
        self.conn()
            .prepare_cached(
                "UPDATE shard SET hidden = ?4 WHERE log = ?1 AND repo = ?2 AND plan = ?3 AND held",
            )?
            .execute((self.log, &shard.repo, &shard.plan, hidden))?;
        self.tx.effects.wrote(0);
        Ok(())
    }

    fn settle(&mut self, root: Hash, checkpoint: Option<Checkpoint>) -> Result<()> {
        let now = clock::now();
        let sql = "UPDATE log SET announced_root = ?2, verified_root = ?2, verified_at = ?3 \
                   WHERE id = ?1";
        self.conn().prepare_cached(sql)?.execute((self.log, root, Col(now)))?;
        if let Some(checkpoint) = checkpoint {
            keep_checkpoint(self.conn(), self.log, &checkpoint)?;
        }
        if settle_orphans(self.conn(), self.log)? > MANY_GONE {
            self.note_went_back()?;
        }
        self.tx.effects.wrote(0);
        Ok(())
    }

    fn announce(&mut self, root: Hash) -> Result<()> {
        let sql = "UPDATE log SET announced_root = ?2 WHERE id = ?1";
        self.conn().prepare_cached(sql)?.execute((self.log, root))?;
        Ok(())
    }

    fn wanted(&self, limit: usize) -> Result<Vec<(Shard, Vec<u64>)>> {
        scrub::wanted(self.conn(), self.log, limit)
    }

    fn entries_at(&self, shard: &Shard, seqs: &[u64]) -> Result<Vec<Found>> {
        let Some(row) = rows::shard(self.conn(), self.log, shard)? else { return Ok(Vec::new()) };
        let mut found = match row.held {
            true => rows::entries_at(self.conn(), row.id, seqs)?,
            false => Vec::new(),
        };
        found.extend(rows::archived_at(self.conn(), row.id, seqs)?);
        Ok(found)
    }

    fn heal(&mut self, shard: &Shard, found: Vec<Found>) -> Result<()> {
        match self.held(shard)? {
            Some(row) => {
                scrub::heal(self.conn(), self.log, &row, &found)?;
                scrub::count_lost(self.conn(), self.tx.effects)
            }
            None => Ok(()),
        }
    }

    fn mark_asked_in_vain(&mut self, shard: &Shard, seqs: &[u64]) -> Result<()> {
        match self.held(shard)? {
            Some(row) => {
                scrub::mark_asked_in_vain(self.conn(), &row, seqs)?;
                scrub::count_lost(self.conn(), self.tx.effects)
            }
            None => Ok(()),
        }
    }

    fn scrub(&mut self, shard: Option<&Shard>) -> Result<()> {
        let rows = match shard {
            Some(shard) => self.held(shard)?.into_iter().collect(),
            None => rows::shards(self.conn(), self.log)?,
        };
        for row in rows {
            scrub::ask_again(self.conn(), &row)?;
            scrub::scrub(self.conn(), self.log, &row, None)?;
        }
        scrub::count_lost(self.conn(), self.tx.effects)
    }

    fn stop(&mut self, shard: &Shard, reason: &str) -> Result<()> {
        self.conn()
            .prepare_cached(
                "UPDATE shard SET stopped = ?4 WHERE log = ?1 AND repo = ?2 AND plan = ?3",
            )?
            .execute((self.log, &shard.repo, &shard.plan, reason))?;
        self.tx.effects.wrote(0);
        Ok(())
    }

    fn usage(&self) -> Result<Usage> {
        let mut select = self.conn().prepare_cached(
            "SELECT entries, payload_bytes, (SELECT count(*) FROM shard WHERE log = log.id) \
             FROM log WHERE id = ?1",
        )?;
        let usage = select.query_row([self.log], |row| {
            Ok(Usage {
                entries: row.get::<_, i64>(0)?.unsigned_abs(),
                payload_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
                shards: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        })?;
        Ok(usage)
    }
}

impl HubIntake<'_> {
    fn note_went_back(&self) -> Result<()> {
        let sql = "UPDATE log SET went_back_at = ?2, went_back_operations = (SELECT count(*) FROM \
                   operation o JOIN shard s ON s.id = o.shard WHERE s.log = ?1 AND o.gone) \
                   WHERE id = ?1";
        self.conn().execute(sql, (self.log, Col(clock::now())))?;
        Ok(())
    }
}

fn hub_shard(row: ShardRow) -> HubShard {
    HubShard { shard: row.shard, base: row.base, head: row.head, hidden: row.hidden }
}

/// Keeps the checkpoint, and the heads that it covers: those of the shards shown now.
fn keep_checkpoint(conn: &Connection, log: i64, checkpoint: &Checkpoint) -> Result<()> {
    conn.prepare_cached(
        "UPDATE log SET checkpoint_root = :root, checkpoint_time = :time, \
         checkpoint_signature = :signature WHERE id = :log",
    )?
    .execute(named_params! {
        ":log": log,
        ":root": checkpoint.root,
        ":time": Col(checkpoint.time),
        ":signature": checkpoint.signature,
    })?;
    conn.prepare_cached(
        "UPDATE shard SET signed_seq = iif(hidden OR NOT held OR head_seq = 0, NULL, head_seq), \
         signed_chain = iif(hidden OR NOT held OR head_seq = 0, NULL, head_chain) \
         WHERE log = ?1 AND (signed_chain IS NOT head_chain OR hidden OR NOT held)",
    )?
    .execute([log])?;
    Ok(())
}

/// "No longer on the origin" is what is orphaned in shards held and shown; how many became so now.
/// The index is named: by itself SQLite takes the primary key and reads every operation of the log,
/// at each reconnect.
fn settle_orphans(conn: &Connection, log: i64) -> Result<usize> {
    // Almost always there are none at all, and finding out costs less than each of the updates.
    let any = "SELECT EXISTS (SELECT 1 FROM operation INDEXED BY operation_orphan WHERE orphan)";
    if !conn.prepare_cached(any)?.query_row([], |row| row.get(0))? {
        return Ok(0);
    }
    let update = "UPDATE operation INDEXED BY operation_orphan SET";
    let in_log = "shard IN (SELECT id FROM shard WHERE log = ?1 AND held AND NOT hidden)";
    let sql = format!("{update} gone = 1 WHERE orphan AND NOT gone AND {in_log}");
    let gone = conn.prepare_cached(&sql)?.execute([log])?;
    let hidden = "shard IN (SELECT id FROM shard WHERE log = ?1 AND (hidden OR NOT held))";
    let sql = format!("{update} gone = 0 WHERE orphan AND gone AND {hidden}");
    conn.prepare_cached(&sql)?.execute([log])?;
    Ok(gone)
}
