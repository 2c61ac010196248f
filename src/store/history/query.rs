//! What people and programs ask of the history: lists, one operation, expectations, the state of a log.
//!
//! What a hub may no longer see is not listed; what is archived is, and marked.

use super::append::is_state;
use super::archive::newest_state;
use super::rows::{self, ShardRow};
use super::tx::HistoryReader;
use crate::model::{
    Expectation, FlowId, KeyId, Operation, OperationId, OperationKind, PlanId, RepoGuid, RepoId,
    Status, Timestamp,
};
use crate::reconcile::{ArchiveReason, Entry, EntryKind, Shard};
use crate::store::column::{Col, noun};
use crate::store::error::{Result, StoreError};
use crate::wire::log::decode_operation;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

/// Whose operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whose {
    /// This instance's.
    #[default]
    Own,
    /// What is held of a peer's.
    Peer(KeyId),
    /// Both.
    All,
}

/// Which operations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of whom.
    pub whose: Whose,
    /// On this repo only.
    pub repo: Option<RepoId>,
    /// Of this plan only.
    pub plan: Option<PlanId>,
    /// Of this kind only.
    pub kind: Option<OperationKind>,
    /// In this status only.
    pub status: Option<Status>,
    /// Of this flow only.
    pub flow: Option<FlowId>,
    /// Begun at or after this.
    pub since: Option<Timestamp>,
}

impl Filter {
    /// Whether an operation is one of these, whosever it is.
    #[must_use]
    pub fn admits(&self, operation: &Operation) -> bool {
        let Self { whose: _, repo, plan, kind, status, flow, since } = self;
        (repo.is_none() || *repo == operation.repo)
            && (plan.is_none() || *plan == operation.plan)
            && kind.is_none_or(|kind| kind == operation.kind)
            && status.is_none_or(|status| status == operation.status)
            && flow.is_none_or(|flow| flow == operation.flow)
            && since.is_none_or(|since| since <= operation.started_at)
    }
}

/// A place in a list, to go on from: the list has no numbers that shift while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub(super) started_at: Timestamp,
    pub(super) id: OperationId,
    pub(super) shard: i64,
}

/// What is known of the whereabouts of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// In the live log.
    Live,
    /// Its origin removed it; hidden there, kept here.
    Removed,
    /// Archived by a fork; not yet decided whether the origin still has it.
    Compared,
    /// No longer on the origin.
    Gone,
    /// Archived for a gap, or its beginning was trimmed: nothing is said of the origin.
    Archived,
}

/// An operation as the history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Whose it is.
    pub origin: KeyId,
    /// On what, for which plan.
    pub shard: Shard,
    /// Its id.
    pub id: OperationId,
    /// Whether it is live or archived.
    pub presence: Presence,
    /// What it does, as indexed.
    pub kind: Option<OperationKind>,
    /// How far it is, as indexed.
    pub status: Option<Status>,
    /// When it began, as indexed (else when its id was made).
    pub started_at: Timestamp,
    /// All of its newest state; `None` where no payload of it is here or is understood.
    pub state: Option<Operation>,
}

impl Recorded {
    /// Whether it is shown as archived.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.presence != Presence::Live
    }
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Oldest first.
    pub operations: Vec<Recorded>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<Position>,
}

/// One state that an operation has had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastState {
    /// Its position in the shard.
    pub seq: u64,
    /// What the entry says.
    pub kind: EntryKind,
    /// When and why it was archived; `None` while it is live.
    pub archived: Option<(Timestamp, ArchiveReason)>,
    /// The state; `None` where it was blanked, lost or is not understood.
    pub state: Option<Operation>,
}

pub(super) struct Key {
    pub(super) log: i64,
    pub(super) origin: KeyId,
    pub(super) position: Position,
}

const KEYS: &str = "\
    SELECT o.started_at, o.id, o.shard FROM operation o \
    WHERE o.log = :log AND (o.started_at, o.id, o.shard) > (:at, :id, :shard) \
    AND o.shard IN (SELECT id FROM shard WHERE log = :log AND NOT hidden \
        AND (:repo IS NULL OR repo = :repo) AND (:plan IS NULL OR plan = :plan)) \
    AND (:kind IS NULL OR o.kind = :kind) AND (:status IS NULL OR o.status = :status) \
    AND (:flow IS NULL OR o.flow = :flow) \
    AND NOT (:own AND o.removed) ORDER BY o.started_at, o.id, o.shard LIMIT :limit";

impl HistoryReader<'_> {
    /// Operations, oldest first: at most `limit` of them, after a position.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn operations(
        &self,
        filter: &Filter,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page> {
        let logs = self.logs_of(filter.whose)?;
        // Every log gives a share; what lies beyond the end of a cut-off share waits for the next page.
        let share = (limit / logs.len().max(1)).max(16).min(limit.max(1));
        let mut keys = Vec::new();
        let mut complete_to: Option<Position> = None;
        for (log, origin) in &logs {
            let found = self.keys(*log, filter, after, share)?;
            if let Some(last) = found.last().filter(|_| found.len() == share) {
                complete_to = Some(complete_to.map_or(*last, |to| to.min(*last)));
            }
            keys.extend(found.into_iter().map(|position| Key {
                log: *log,
                origin: *origin,
                position,
            }));
        }
        keys.sort_unstable_by_key(|key| key.position);
        keys.retain(|key| complete_to.is_none_or(|to| key.position <= to));
        let more = complete_to.is_some() || keys.len() > limit;
        keys.truncate(limit);
        let operations = keys.iter().map(|key| self.load(key)).collect::<Result<_>>()?;
        Ok(Page { operations, next: keys.last().map(|key| key.position).filter(|_| more) })
    }

    /// One operation by its id; several only where different origins (or shards) have the same one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn operation(&self, whose: Whose, id: OperationId) -> Result<Vec<Recorded>> {
        let mut found = Vec::new();
        for (log, origin) in self.logs_of(whose)? {
            let mut select = self.conn.prepare_cached(
                "SELECT o.started_at, o.id, o.shard FROM shard s JOIN operation o \
                 ON o.shard = s.id AND o.id = ?2 WHERE s.log = ?1 AND NOT s.hidden",
            )?;
            let keys = select.query_map((log, Col(id)), position)?;
            for position in keys {
                found.push(self.load(&Key { log, origin, position: position? })?);
            }
        }
        Ok(found)
    }

    /// Every state that an operation has had, oldest first, archived ones included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn states(&self, operation: &Recorded) -> Result<Vec<PastState>> {
        let Some(log) = rows::find_log(self.conn, operation.origin)? else { return Ok(Vec::new()) };
        let Some(shard) = rows::shard(self.conn, log, &operation.shard)? else {
            return Ok(Vec::new());
        };
        let mut states = self.archived_states(&shard, operation.id)?;
        let mut live = Vec::new();
        let newest = super::append::indexed(self.conn, shard.id, &operation.id)?;
        let mut at = newest.map_or(0, |newest| newest.seq);
        while at > shard.base.seq {
            let Some(stored) = rows::entry_at(self.conn, shard.id, at)? else { break };
            at = if stored.previous < at { stored.previous } else { 0 };
            let state = state_of(&stored.entry, &shard.shard);
            live.push(PastState {
                seq: stored.seq,
                kind: stored.entry.kind,
                archived: None,
                state,
            });
        }
        states.extend(live.into_iter().rev());
        Ok(states)
    }

    /// The newest live operations of a shard, newest first; of one kind, or of all.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn newest(
        &self,
        origin: KeyId,
        shard: &Shard,
        kind: Option<OperationKind>,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let Some(log) = rows::find_log(self.conn, origin)? else { return Ok(Vec::new()) };
        let Some(row) = rows::shard(self.conn, log, shard)? else { return Ok(Vec::new()) };
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard FROM operation WHERE shard = ?1 AND seq > 0 \
             AND NOT removed AND (?2 IS NULL OR kind = ?2) ORDER BY id DESC LIMIT ?3",
        )?;
        let kind = kind.map(|kind| kind.as_str());
        let keys = select.query_map((row.id, kind, limit_in(limit)), position)?;
        keys.map(|position| self.load(&Key { log, origin, position: position? })).collect()
    }

    /// Operations of this instance that have no end: at a start, those of a daemon that died.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Recorded>> {
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard FROM operation WHERE log = ?1 AND seq > 0 \
             AND status IN ('pending', 'running') AND NOT removed",
        )?;
        let keys = select.query_map([self.own], position)?;
        let own = (self.own, self.owner);
        keys.map(|position| self.load(&Key { log: own.0, origin: own.1, position: position? }))
            .collect()
    }

    /// The backups of a shard of this instance that were lost and of which no snapshot is known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn lost_backups(&self, shard: &Shard) -> Result<Vec<Recorded>> {
        let Some(row) = rows::shard(self.conn, self.own, shard)? else { return Ok(Vec::new()) };
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard FROM operation WHERE shard = ?1 AND seq > 0 \
             AND NOT removed AND kind = 'backup' AND status = 'lost' AND snapshot IS NULL",
        )?;
        let keys = select.query_map([row.id], position)?;
        let own = (self.own, self.owner);
        keys.map(|position| self.load(&Key { log: own.0, origin: own.1, position: position? }))
            .collect()
    }

    /// The backups of a shard of this instance whose snapshot is known and not known to be gone.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn backups_with_snapshot(&self, shard: &Shard) -> Result<Vec<Recorded>> {
        let Some(row) = rows::shard(self.conn, self.own, shard)? else { return Ok(Vec::new()) };
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard FROM operation WHERE shard = ?1 AND seq > 0 \
             AND NOT removed AND kind = 'backup' AND snapshot IS NOT NULL",
        )?;
        let keys = select.query_map([row.id], position)?;
        let own = (self.own, self.owner);
        keys.map(|position| self.load(&Key { log: own.0, origin: own.1, position: position? }))
            .collect()
    }

    /// What peers of that name did on a repository, begun after one time, and up to another unless it
    /// has not ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn at_work(
        &self,
        instance: &str,
        repository: &RepoGuid,
        (after, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Operation>> {
        let mut found = Vec::new();
        for (log, origin) in
            self.logs_of(Whose::All)?.into_iter().filter(|(log, _)| *log != self.own)
        {
            let mut select = self.conn.prepare_cached(
                "SELECT started_at, id, shard FROM operation WHERE log = ?1 AND seq > 0 \
                 AND NOT removed AND started_at > ?2 \
                 AND (started_at <= ?3 OR status IN ('pending', 'running'))",
            )?;
            let keys = select.query_map((log, Col(after), Col(until)), position)?;
            for position in keys {
                let state = self.load(&Key { log, origin, position: position? })?.state;
                found.extend(state.filter(|operation| {
                    operation.instance.as_str() == instance
                        && operation.repo_guid.as_ref() == Some(repository)
                }));
            }
        }
        Ok(found)
    }

    /// The newest expectation of each plan, with whose it is.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn expectations(&self, whose: Whose) -> Result<Vec<(KeyId, Expectation)>> {
        let mut found = Vec::new();
        for (log, origin) in self.logs_of(whose)? {
            for shard in rows::shards(self.conn, log)?.iter().filter(|shard| !shard.hidden) {
                found.extend(self.expectation(shard)?.map(|read| (origin, read)));
            }
        }
        Ok(found)
    }

    pub(super) fn logs_of(&self, whose: Whose) -> Result<Vec<(i64, KeyId)>> {
        match whose {
            Whose::Own => Ok(vec![(self.own, self.owner)]),
            Whose::Peer(origin) => Ok(rows::find_log(self.conn, origin)?
                .map(|log| (log, origin))
                .into_iter()
                .collect()),
            Whose::All => {
                let mut select = self.conn.prepare_cached("SELECT id, origin FROM log")?;
                let logs =
                    select.query_map([], |row| Ok((row.get("id")?, noun(row, "origin")?)))?;
                Ok(logs.collect::<rusqlite::Result<_>>()?)
            }
        }
    }

    fn keys(
        &self,
        log: i64,
        filter: &Filter,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Position>> {
        let since = Position {
            started_at: filter.since.unwrap_or(Timestamp::from_millis(i64::MIN)),
            id: OperationId::EXPECTATION,
            shard: 0,
        };
        let from = after.map_or(since, |after| after.max(since));
        let mut select = self.conn.prepare_cached(KEYS)?;
        let keys = select.query_map(
            named_params! {
                ":log": log,
                ":at": Col(from.started_at),
                ":id": Col(from.id),
                ":shard": from.shard,
                ":repo": filter.repo.as_ref().map(RepoId::as_str),
                ":plan": filter.plan.as_ref().map(PlanId::as_str),
                ":kind": filter.kind.map(OperationKind::as_str),
                ":status": filter.status.map(Status::as_str),
                ":flow": filter.flow.map(Col),
                ":own": log == self.own,
                ":limit": limit_in(limit),
            },
            position,
        )?;
        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    /// The operation of a shard as it is listed.
    pub(super) fn recorded(
        &self,
        log: i64,
        origin: KeyId,
        shard: &ShardRow,
        id: OperationId,
    ) -> Result<Option<Recorded>> {
        let mut select = self.conn.prepare_cached(
            "SELECT started_at, id, shard FROM operation WHERE shard = ?1 AND id = ?2",
        )?;
        let key = select.query_row((shard.id, Col(id)), position).optional()?;
        key.map(|position| self.load(&Key { log, origin, position })).transpose()
    }

    pub(super) fn load(&self, key: &Key) -> Result<Recorded> {
        let mut select = self.conn.prepare_cached(
            "SELECT o.*, s.repo, s.plan FROM operation o JOIN shard s ON s.id = o.shard \
             WHERE o.shard = ?1 AND o.id = ?2",
        )?;
        let at = (key.position.shard, Col(key.position.id));
        let (mut recorded, seq) = select.query_row(at, |row| recorded_row(row, key))?;
        let shard = rows::shard(self.conn, key.log, &recorded.shard)?
            .ok_or(StoreError::Misuse("an operation without its shard"))?;
        recorded.state = match rows::entry_at(self.conn, shard.id, seq)? {
            Some(stored) => newest_state(self.conn, &shard, &stored)?.map(|stored| stored.entry),
            None => newest_archived(self.conn, shard.id, recorded.id)?,
        }
        .and_then(|entry| state_of(&entry, &shard.shard));
        Ok(recorded)
    }

    fn archived_states(&self, shard: &ShardRow, id: OperationId) -> Result<Vec<PastState>> {
        let mut select = self.conn.prepare_cached(
            "SELECT * FROM archive WHERE shard = ?1 AND operation = ?2 ORDER BY archived_at, seq",
        )?;
        let states = select.query_map((shard.id, Col(id)), |row| {
            let entry = rows::entry(row)?;
            let why = match row.get::<_, i64>("reason")? {
                0 => ArchiveReason::Fork,
                _ => ArchiveReason::Gap,
            };
            Ok(PastState {
                seq: rows::seq_out(row, "seq")?,
                kind: entry.kind,
                archived: Some((noun(row, "archived_at")?, why)),
                state: state_of(&entry, &shard.shard),
            })
        })?;
        Ok(states.collect::<rusqlite::Result<_>>()?)
    }
}

pub(super) fn limit_in(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position {
        started_at: noun(row, "started_at")?,
        id: noun(row, "id")?,
        shard: row.get("shard")?,
    })
}

fn recorded_row(row: &Row<'_>, key: &Key) -> rusqlite::Result<(Recorded, u64)> {
    let word = |column| row.get::<_, Option<String>>(column);
    let seq = rows::seq_out(row, "seq")?;
    let recorded = Recorded {
        origin: key.origin,
        shard: Shard { repo: row.get("repo")?, plan: row.get("plan")? },
        id: key.position.id,
        presence: presence(row, seq)?,
        kind: word("kind")?.and_then(|word| word.parse().ok()),
        status: word("status")?.and_then(|word| word.parse().ok()),
        started_at: key.position.started_at,
        state: None,
    };
    Ok((recorded, seq))
}

fn presence(row: &Row<'_>, seq: u64) -> rusqlite::Result<Presence> {
    Ok(if seq > 0 {
        if row.get("removed")? { Presence::Removed } else { Presence::Live }
    } else if row.get("gone")? {
        Presence::Gone
    } else if row.get("orphan")? {
        Presence::Compared
    } else {
        Presence::Archived
    })
}

fn newest_archived(conn: &Connection, shard: i64, id: OperationId) -> Result<Option<Entry>> {
    let mut select = conn.prepare_cached(
        "SELECT * FROM archive WHERE shard = ?1 AND operation = ?2 AND kind IN (0, 1) \
         AND payload IS NOT NULL ORDER BY archived_at DESC, seq DESC LIMIT 1",
    )?;
    Ok(select.query_row((shard, Col(id)), rows::entry).optional()?)
}

fn state_of(entry: &Entry, shard: &Shard) -> Option<Operation> {
    let payload = entry.payload.as_ref().filter(|_| is_state(entry.kind))?;
    decode_operation(entry.operation, shard, payload).ok()
}
