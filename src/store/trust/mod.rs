//! `trust.db`: what others caused — peers, tokens, received repos, records — and the last run
//! of each plan, open processes, the guids of repos, locks in the way, the outbox of messages, and
//! who may use the web interface.
//!
//! Small, rollback journal, full sync, one connection behind a mutex; every method is one short
//! transaction and may be called from async code. It decides nothing: grants are parsed and judged
//! by `grant`, tokens by `pairing`.
//!
//! 1. P1: the use of a token and the insertion of its peer commit together.
//! 2. A damaged file is never replaced by an empty one: the daemon refuses to start.
//! 3. C2: secrets of received repos leave as [`Secret`](crate::model::Secret) only.

mod api_key;
mod command;
mod dispute;
mod guid;
mod lock;
mod offer;
mod outbox;
mod pausing;
mod peer;
mod repo;
mod run;
mod snooze;
mod session;
mod task;
mod token;
mod user;
mod word;

pub use crate::wire::ToldGrant;
pub use api_key::ApiKey;
pub use command::PeerCommand;
pub use dispute::Dispute;
pub use guid::Place;
pub use offer::OfferedRepo;
pub use outbox::{HookState, MOST_WAITING, NewMessage, Telling, Waiting};
pub use pausing::Pausing;
pub use peer::Peer;
pub use repo::{ReceivedRepo, RepoRecord};
pub use run::{OpenRun, PlanRun, RunEnd};
pub use session::{IDLE, LONGEST, MOST_SESSIONS, NewSession, Session};
pub use snooze::PlanSnoozes;
pub use token::{Newcomer, Redeemed};
pub use user::{Credentials, NewUser, User, UserChange};
pub use word::{ReceivedState, RecordReason};

use super::error::{Result, StoreError};
use super::file::{Journal, open_writer, quick_check};
use super::lock::create_private_dir;
use super::migrate::TRUST;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A handle to `trust.db`; clones share it.
#[derive(Debug, Clone)]
pub struct Trust {
    conn: Arc<Mutex<Connection>>,
}

impl Trust {
    /// Opens `trust.db` in the data directory; creates both where they are missing.
    ///
    /// # Errors
    /// [`StoreError::TrustDamaged`] where its content is damaged: nothing is replaced or repaired.
    pub fn open(dir: &Path) -> Result<Self> {
        create_private_dir(dir)?;
        let path = dir.join(TRUST.file);
        let conn = Self::checked(&path).map_err(|error| match error {
            StoreError::Damaged { detail, .. } => {
                StoreError::TrustDamaged { path: path.clone(), detail }
            }
            other => other,
        })?;
        Ok(Self { conn: Arc::new(Mutex::new(conn)) })
    }

    fn checked(path: &Path) -> Result<Connection> {
        let mut conn = open_writer(path, Journal::Rollback, 4096)?;
        quick_check(&mut conn, Duration::from_secs(10))?;
        TRUST.migrate(&mut conn)?;
        Ok(conn)
    }

    /// A small fact kept under a key.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT value FROM meta WHERE key = ?1";
        Ok(self.lock().query_row(sql, [key], |row| row.get(0)).optional()?)
    }

    /// Keeps a small fact under a key.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_meta(&self, key: &str, value: &[u8]) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
        self.lock().execute(sql, (key, value))?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held has rolled its transaction back: the connection is good.
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `job` in one transaction, which commits if it succeeds.
    fn transact<T>(&self, job: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut conn = self.lock();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = job(&tx)?;
        tx.commit()?;
        Ok(done)
    }
}

/// The list that a key of `meta` holds as JSON; nothing kept is an empty one.
fn kept_list<T: DeserializeOwned>(conn: &Connection, key: &'static str) -> Result<Vec<T>> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let kept: Option<Vec<u8>> = conn.query_row(sql, [key], |row| row.get(0)).optional()?;
    let Some(kept) = kept else { return Ok(Vec::new()) };
    serde_json::from_slice(&kept).map_err(|error| StoreError::bad(key, error))
}

fn keep_list<T: Serialize>(conn: &Connection, key: &'static str, list: &[T]) -> Result<()> {
    let kept = serde_json::to_vec(list).map_err(|error| StoreError::bad(key, error))?;
    let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
    conn.execute(sql, (key, kept))?;
    Ok(())
}

/// A value kept as JSON text.
fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::bad("a list", error))
}

fn from_json<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(unreadable)
}

/// A value kept as the text that its `FromStr` reads.
fn from_text<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get::<_, String>(column)?.parse().map_err(|error: T::Err| unreadable(error))
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}
