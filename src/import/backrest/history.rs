//! The history of Backrest's `oplog.sqlite` as operations of this instance.
//!
//! 1. The file itself is never opened: a copy is, with its write-ahead log.
//! 2. The same operation gets the same id each time, so that a second import finds it there.
//! 3. What is not of this instance, or is not understood, is counted and left out.

use super::ids::{Names, instance, is_reserved};
use crate::model::{
    FlowId, InstanceId, ItemError, ItemErrors, Operation, OperationId, OperationKind, PlanId,
    RepoId, Stats, Status, Timestamp,
};
use prost::Message;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// No operation of a person's making is larger.
const MAX_BLOB: i64 = 32 << 20;
/// How many characters of a message are handed out.
const MAX_MESSAGE: usize = 4 << 10;
/// How much text of item errors an operation carries.
const ITEM_ERROR_BYTES: usize = 16 << 10;

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be copied.
    #[error("{path}: {reason}; name Backrest's oplog.sqlite, and let this user read it")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// It is no such database, or was changed while it was copied.
    #[error("{path} is not a history of Backrest: {reason}; stop Backrest, then try again")]
    NotAHistory {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
}

/// An operation as it is in this program, and the text that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The operation; its revision is the store's to count.
    pub operation: Operation,
    /// What restic wrote, where it was kept with the operation.
    pub log: String,
}

/// How many operations there were, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// In the file.
    pub found: u64,
    /// Handed out.
    pub taken: u64,
    /// Why the others were not, and how many of them.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// Of what time operations are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// What is older is not kept anyway.
    pub oldest: Timestamp,
    /// What is yet to begin is no history.
    pub now: Timestamp,
}

/// A copy of an `oplog.sqlite`.
#[derive(Debug)]
pub struct Oplog {
    path: PathBuf,
    connection: Connection,
    _folder: tempfile::TempDir,
}

impl Oplog {
    /// Copies the file, and opens the copy.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let unreadable = |reason| HistoryError::Unreadable { path: path.to_owned(), reason };
        let folder = tempfile::tempdir().map_err(unreadable)?;
        let copy = folder.path().join("oplog.sqlite");
        std::fs::copy(path, &copy).map_err(unreadable)?;
        copy_if_there(&beside(path, "-wal"), &beside(&copy, "-wal")).map_err(unreadable)?;
        let connection = open(&copy).map_err(|error| not_a_history(path, &error))?;
        Ok(Self { path: path.to_owned(), connection, _folder: folder })
    }

    /// Hands out each operation of this instance, oldest first, and counts the others.
    ///
    /// # Errors
    /// The file cannot be read to its end, or the taker's own.
    pub fn each<E: From<HistoryError>>(
        &self,
        names: &Names,
        period: Period,
        mut take: impl FnMut(Imported) -> Result<(), E>,
    ) -> Result<Tally, E> {
        let broken = |error: rusqlite::Error| not_a_history(&self.path, &error);
        let mut select = self.connection.prepare(SELECT).map_err(broken)?;
        let mut rows = select.query([MAX_BLOB]).map_err(broken)?;
        let mut tally = Tally::default();
        while let Some(row) = rows.next().map_err(broken)? {
            tally.found += 1;
            let blob: Option<Vec<u8>> = row.get(0).map_err(broken)?;
            let flow_start: Option<i64> = row.get(1).map_err(broken)?;
            match read(blob.as_deref(), flow_start, names, period) {
                Ok(imported) => {
                    tally.taken += 1;
                    take(imported)?;
                }
                Err(why) => *tally.left_out.entry(why).or_default() += 1,
            }
        }
        Ok(tally)
    }
}

/// A flow's id carries the time of its first operation; SQLite sorts on disk, not in memory.
const SELECT: &str = "\
    SELECT CASE WHEN length(operation) <= ?1 THEN CAST(operation AS BLOB) END, \
    min(CAST(start_time_ms AS INTEGER)) OVER (PARTITION BY flow_id) FROM operations \
    ORDER BY CAST(start_time_ms AS INTEGER), id";

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn copy_if_there(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::copy(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map(drop),
    }
}

/// The copy may be written to: its write-ahead log is taken into it.
fn open(copy: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags)?;
    // A copy made while somebody wrote may be torn.
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(damage, Some(said)));
    }
    connection.pragma_update(None, "query_only", true)?;
    connection.prepare(SELECT)?;
    Ok(connection)
}

fn not_a_history(path: &Path, error: &rusqlite::Error) -> HistoryError {
    HistoryError::NotAHistory { path: path.to_owned(), reason: error.to_string() }
}

// ------------------------------------------------------------------------------------- decoding

/// The message of an operation, as far as it is of use here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(string, tag = "2")]
    pub(super) repo: String,
    #[prost(string, tag = "3")]
    pub(super) plan: String,
    #[prost(int32, tag = "4")]
    pub(super) status: i32,
    #[prost(int64, tag = "5")]
    pub(super) start_ms: i64,
    #[prost(int64, tag = "6")]
    pub(super) end_ms: i64,
    #[prost(string, tag = "7")]
    pub(super) message: String,
    #[prost(string, tag = "8")]
    pub(super) snapshot: String,
    #[prost(int64, tag = "10")]
    pub(super) flow: i64,
    #[prost(string, tag = "11")]
    pub(super) instance: String,
    #[prost(string, tag = "15")]
    pub(super) guid: String,
    #[prost(string, tag = "16")]
    pub(super) origin: String,
    #[prost(oneof = "Kind", tags = "100, 101, 102, 103, 104, 105, 106, 107, 108")]
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(message, tag = "100")]
    Backup(Backup),
    #[prost(message, tag = "101")]
    Index(Index),
    #[prost(message, tag = "102")]
    Forget(Forget),
    #[prost(message, tag = "103")]
    Prune(WithOutput),
    #[prost(message, tag = "104")]
    Restore(Restore),
    #[prost(message, tag = "105")]
    Stats(Nothing),
    #[prost(message, tag = "106")]
    Hook(Hook),
    #[prost(message, tag = "107")]
    Check(WithOutput),
    #[prost(message, tag = "108")]
    Command(Nothing),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Backup {
    #[prost(message, optional, tag = "3")]
    pub(super) last: Option<LastStatus>,
    #[prost(message, repeated, tag = "4")]
    pub(super) errors: Vec<BackupError>,
    #[prost(bool, tag = "5")]
    pub(super) dry_run: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LastStatus {
    #[prost(message, optional, tag = "2")]
    pub(super) summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(int64, tag = "1")]
    pub(super) files_new: i64,
    #[prost(int64, tag = "2")]
    pub(super) files_changed: i64,
    #[prost(int64, tag = "3")]
    pub(super) files_unmodified: i64,
    #[prost(int64, tag = "9")]
    pub(super) data_added: i64,
    #[prost(int64, tag = "11")]
    pub(super) bytes_processed: i64,
    #[prost(string, tag = "13")]
    pub(super) snapshot: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BackupError {
    #[prost(string, tag = "1")]
    pub(super) item: String,
    #[prost(string, tag = "2")]
    pub(super) during: String,
    #[prost(string, tag = "3")]
    pub(super) message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Index {
    #[prost(message, optional, tag = "2")]
    pub(super) snapshot: Option<IndexedSnapshot>,
    #[prost(bool, tag = "3")]
    pub(super) forgotten: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct IndexedSnapshot {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Forget {
    #[prost(message, repeated, tag = "1")]
    pub(super) snapshots: Vec<Nothing>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WithOutput {
    #[prost(string, tag = "1")]
    pub(super) output: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Restore {
    #[prost(string, tag = "1")]
    pub(super) path: String,
    #[prost(string, tag = "2")]
    pub(super) target: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Hook {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Nothing {}

// ----------------------------------------------------------------------------------- translating

/// Why an operation is left out.
type Why = &'static str;

fn read(
    blob: Option<&[u8]>,
    flow_start: Option<i64>,
    names: &Names,
    period: Period,
) -> Result<Imported, Why> {
    let row = Row::decode(blob.ok_or("larger than any operation")?).map_err(|_| "not readable")?;
    if !row.origin.is_empty() {
        return Err("of another instance");
    }
    let kind = row.kind.as_ref().ok_or("of an unknown kind")?;
    let (status, is_waiting) = status(row.status);
    let started_at = Timestamp::from_millis(row.start_ms);
    if is_waiting && started_at > period.now {
        return Err("not begun yet");
    }
    if started_at < period.oldest {
        return Err("older than what is kept (history in the config)");
    }
    if matches!(kind, Kind::Backup(backup) if backup.dry_run) {
        return Err("a dry run");
    }
    let instance = maker(&row.instance, names)?;
    let is_own = instance == names.instance;
    if matches!(kind, Kind::Index(_)) && !is_own {
        return Err("a snapshot of another instance");
    }
    let (repo, plan) = shard(&row, names)?;
    let id = OperationId::new(started_at, random(&row, "operation", row.id));
    let operation = Operation {
        flow: flow(&row, id, flow_start),
        revision: 0,
        status,
        repo,
        plan,
        repo_guid: row.guid.parse().ok(),
        snapshot: snapshot(&row, kind),
        snapshot_gone: gone(&row, kind),
        ended_at: ended_at(&row, status),
        message: message(&row, kind),
        stats: stats(kind),
        item_errors: item_errors(kind),
        ..Operation::begun(id, instance, kind_of(kind), started_at)
    };
    Ok(Imported { operation, log: log(kind) })
}

/// The second: whether it has not begun.
const fn status(number: i32) -> (Status, bool) {
    match number {
        1 => (Status::Lost, true),
        3 => (Status::Succeeded, false),
        4 => (Status::Failed, false),
        5 | 6 => (Status::Cancelled, false),
        7 => (Status::Warning, false),
        _ => (Status::Lost, false),
    }
}

/// Whose it is: the instance under its name of now, or under an earlier one.
fn maker(name: &str, names: &Names) -> Result<InstanceId, Why> {
    if name.is_empty() || names.formerly.as_deref() == Some(name) {
        return Ok(names.instance.clone());
    }
    if is_reserved(name) {
        return Err("of no instance");
    }
    instance(name).ok_or("of an instance without a valid name")
}

/// Operations of a repository as a whole were kept under a plan of the program's own.
fn shard(row: &Row, names: &Names) -> Result<(Option<RepoId>, Option<PlanId>), Why> {
    let repo = match row.repo.as_str() {
        "" => None,
        old if is_reserved(old) => return Err("of no repository"),
        old => Some(names.repos.get(old).cloned().or_else(|| old.parse().ok())),
    };
    let plan = match row.plan.as_str() {
        "" | "_system_" => None,
        old if is_reserved(old) => return Err("of no plan"),
        old => Some(names.plans.get(old).cloned().or_else(|| old.parse().ok())),
    };
    let valid = "of a repo or plan whose id is not valid";
    let repo = repo.map(|repo| repo.ok_or(valid)).transpose()?;
    Ok((repo, plan.map(|plan| plan.ok_or(valid)).transpose()?))
}

/// The same ten bytes for the same thing, whenever it is imported.
fn random(row: &Row, what: &str, number: i64) -> [u8; 10] {
    let mut hash = Sha256::new();
    hash.update(b"holdfast import of ");
    hash.update(what);
    hash.update([0]);
    hash.update((row.instance.len() as u64).to_be_bytes());
    hash.update(&row.instance);
    hash.update(number.to_be_bytes());
    if what == "operation" {
        hash.update(row.start_ms.to_be_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut first = [0; 10];
    first.copy_from_slice(&digest[..10]);
    first
}

fn flow(row: &Row, id: OperationId, start: Option<i64>) -> FlowId {
    match (row.flow, start) {
        (0, _) | (_, None) => id.into(),
        (flow, Some(start)) => {
            OperationId::new(Timestamp::from_millis(start), random(row, "flow", flow)).into()
        }
    }
}

const fn kind_of(kind: &Kind) -> OperationKind {
    match kind {
        Kind::Backup(_) => OperationKind::Backup,
        Kind::Index(_) => OperationKind::Index,
        Kind::Forget(_) => OperationKind::Forget,
        Kind::Prune(_) => OperationKind::Prune,
        Kind::Restore(_) => OperationKind::Restore,
        Kind::Stats(_) => OperationKind::Stats,
        Kind::Hook(_) => OperationKind::Hook,
        Kind::Check(_) => OperationKind::Check,
        Kind::Command(_) => OperationKind::Command,
    }
}

fn snapshot(row: &Row, kind: &Kind) -> Option<String> {
    let told = match kind {
        Kind::Backup(backup) => {
            backup.last.as_ref().and_then(|last| last.summary.as_ref()).map(|sum| &sum.snapshot)
        }
        Kind::Index(index) => index.snapshot.as_ref().map(|snapshot| &snapshot.id),
        Kind::Forget(_)
        | Kind::Prune(_)
        | Kind::Restore(_)
        | Kind::Stats(_)
        | Kind::Hook(_)
        | Kind::Check(_)
        | Kind::Command(_) => None,
    };
    let is_id = |text: &&String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    Some(&row.snapshot).filter(is_id).or(told.filter(is_id)).map(|id| id.to_ascii_lowercase())
}

/// When a snapshot was found to be no longer there is not told: at the latest when its operation ended.
fn gone(row: &Row, kind: &Kind) -> Option<Timestamp> {
    let is_gone = matches!(kind, Kind::Index(index) if index.forgotten);
    is_gone.then(|| Timestamp::from_millis(row.end_ms.max(row.start_ms)))
}

fn ended_at(row: &Row, status: Status) -> Option<Timestamp> {
    let is_known = status != Status::Lost;
    is_known.then(|| Timestamp::from_millis(row.end_ms.max(row.start_ms)))
}

fn message(row: &Row, kind: &Kind) -> String {
    if !row.message.is_empty() {
        // No longer than what is kept of it.
        return row.message.chars().take(MAX_MESSAGE).collect();
    }
    match kind {
        Kind::Forget(forget) => format!("{} snapshots were forgotten", forget.snapshots.len()),
        Kind::Restore(restore) => format!("{} to {}", restore.path, restore.target),
        Kind::Hook(hook) => hook.name.clone(),
        Kind::Index(index) if index.forgotten => "forgotten since".to_owned(),
        Kind::Backup(_)
        | Kind::Index(_)
        | Kind::Prune(_)
        | Kind::Stats(_)
        | Kind::Check(_)
        | Kind::Command(_) => String::new(),
    }
}

fn stats(kind: &Kind) -> Option<Stats> {
    let Kind::Backup(backup) = kind else { return None };
    let summary = backup.last.as_ref()?.summary.as_ref()?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Some(Stats {
        files_new: count(summary.files_new),
        files_changed: count(summary.files_changed),
        files_unmodified: count(summary.files_unmodified),
        bytes_processed: count(summary.bytes_processed),
        bytes_added: count(summary.data_added),
        item_errors: backup.errors.len() as u64,
    })
}

fn item_errors(kind: &Kind) -> ItemErrors {
    let Kind::Backup(backup) = kind else { return ItemErrors::default() };
    let mut room = ITEM_ERROR_BYTES;
    let errors = backup.errors.iter().take(ItemErrors::KEPT).map_while(|error| {
        let message = match error.during.as_str() {
            "" => error.message.clone(),
            during => format!("{during}: {}", error.message),
        };
        room = room.checked_sub(error.item.len() + message.len())?;
        Some(ItemError { path: error.item.clone(), message })
    });
    ItemErrors { first: errors.collect(), total: backup.errors.len() as u64 }
}

fn log(kind: &Kind) -> String {
    match kind {
        Kind::Prune(task) | Kind::Check(task) => task.output.clone(),
        Kind::Backup(_)
        | Kind::Index(_)
        | Kind::Forget(_)
        | Kind::Restore(_)
        | Kind::Stats(_)
        | Kind::Hook(_)
        | Kind::Command(_) => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
