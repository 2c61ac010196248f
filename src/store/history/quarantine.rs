//! Opening the file, and setting a damaged one aside.

use super::Owner;
use super::tx::ensure_own_log;
use crate::clock;
use crate::model::Timestamp;
use crate::store::error::{Result, StoreError};
use crate::store::file::{Journal, open_writer, quick_check};
use crate::store::migrate::HISTORY;
use rusqlite::{Connection, OptionalExtension as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Payloads are about 1 KB and rows lie in the B-tree itself: a page takes a dozen without overflow.
const PAGE_BYTES: u32 = 16_384;
/// How long a start may look for damage.
const CHECK_BUDGET: Duration = Duration::from_secs(3);

/// How the history is, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreState {
    /// As it should be.
    Ok,
    /// Entries were found damaged and others are asked for them.
    Repairing {
        /// How many, in a sentence.
        reason: String,
    },
    /// The file was damaged and set aside, or is gone; what follows is new.
    Empty {
        /// What was damaged and where it is now, or that it is gone, in a sentence.
        reason: String,
        /// When.
        since: Timestamp,
    },
}

impl StoreState {
    /// The word of the product for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Repairing { .. } => "repairing",
            Self::Empty { .. } => "empty",
        }
    }

    /// Takes in how many entries are lost now; whether that changes it. `Empty` stays: it says more.
    pub(super) fn after_scrub(&mut self, lost: u64) -> bool {
        let next = match (&self, lost) {
            (Self::Empty { .. }, _) => return false,
            (Self::Ok | Self::Repairing { .. }, 0) => Self::Ok,
            (Self::Ok | Self::Repairing { .. }, _) => Self::Repairing {
                reason: format!("{lost} damaged entries are being asked for at the peers"),
            },
        };
        let changed = *self != next;
        *self = next;
        changed
    }
}

/// An open file, ready for the writer.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) conn: Connection,
}

/// Opens the file, or sets it aside where it is damaged and opens a new one.
pub(super) fn open(dir: &Path, owner: &Owner) -> Result<(Opened, StoreState)> {
    let path = dir.join(HISTORY.file);
    match open_checked(&path, owner) {
        Ok(conn) => {
            let state = stored_state(&conn, owner)?;
            Ok((Opened { path, conn }, state))
        }
        Err(StoreError::Damaged { detail, .. }) => replace(&path, owner, &detail),
        Err(error) => Err(error),
    }
}

/// As [`open`], of a file that was there before: one that is gone is said to be.
pub(super) fn reopen(dir: &Path, owner: &Owner) -> Result<(Opened, StoreState)> {
    let path = dir.join(HISTORY.file);
    if path.exists() {
        return open(dir, owner);
    }
    begin_anew(&path, owner, "history.db is gone; it was there when the daemon last ran".to_owned())
}

/// Sets the file aside and opens an empty one in its place.
pub(super) fn replace(path: &Path, owner: &Owner, detail: &str) -> Result<(Opened, StoreState)> {
    let aside = set_aside(path, clock::now())?;
    let reason = format!("history.db was damaged ({detail}); it is kept as {aside}");
    begin_anew(path, owner, reason)
}

/// Opens a new file, which says why it is empty.
fn begin_anew(path: &Path, owner: &Owner, reason: String) -> Result<(Opened, StoreState)> {
    let since = clock::now();
    let conn = open_checked(path, owner)?;
    let sql = "INSERT INTO meta (key, value) VALUES ('empty-reason', ?1), ('empty-since', ?2)";
    conn.execute(sql, (&reason, since.to_string()))?;
    Ok((Opened { path: path.to_owned(), conn }, StoreState::Empty { reason, since }))
}

fn open_checked(path: &Path, owner: &Owner) -> Result<Connection> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut conn = open_writer(path, Journal::for_dir(dir), PAGE_BYTES)?;
    quick_check(&mut conn, CHECK_BUDGET)?;
    HISTORY.migrate(&mut conn)?;
    conn.execute_batch(super::scrub::ASKED)?;
    // Refusals are counted in memory: a start takes everything again.
    conn.execute("UPDATE shard SET stopped = NULL WHERE stopped IS NOT NULL", [])?;
    ensure_own_log(&conn, owner)?;
    Ok(conn)
}

/// A new file is "empty" until its own log has an entry again: then there is nothing left to explain.
fn stored_state(conn: &Connection, owner: &Owner) -> Result<StoreState> {
    let value = |key: &str| {
        let sql = "SELECT value FROM meta WHERE key = ?1";
        conn.query_row(sql, [key], |row| row.get::<_, String>(0)).optional()
    };
    let sql = "SELECT entries FROM log WHERE origin = ?1";
    let entries: i64 = conn.query_row(sql, [owner.key().as_bytes()], |row| row.get(0))?;
    let since = value("empty-since")?.as_deref().and_then(Timestamp::parse);
    Ok(match (value("empty-reason")?, since) {
        (Some(reason), Some(since)) if entries == 0 => StoreState::Empty { reason, since },
        _ => StoreState::Ok,
    })
}

/// Renames the file and its journals; returns the new name.
fn set_aside(path: &Path, now: Timestamp) -> Result<String> {
    let date = now.to_string().get(..19).unwrap_or_default().replace(':', "-");
    let mut name = format!("history-damaged-{date}Z.db");
    for number in 2.. {
        if !path.with_file_name(&name).exists() {
            break;
        }
        name = format!("history-damaged-{date}Z-{number}.db");
    }
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let from = with_suffix(path, suffix);
        let to = with_suffix(&path.with_file_name(&name), suffix);
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io(&from)(error));
            }
            _ => {}
        }
    }
    Ok(name)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
