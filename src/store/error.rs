//! What can go wrong with the databases.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the store could not do something. `Clone`, because one failed commit answers many jobs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No space left.
    #[error("the disk is full; free some space, nothing that was acknowledged is lost")]
    Full,
    /// The content of a database is not what SQLite wrote.
    #[error("{what} is damaged: {detail}")]
    Damaged {
        /// Which database.
        what: &'static str,
        /// What SQLite says.
        detail: String,
    },
    /// The database that holds every pairing is damaged: never replaced by an empty one.
    #[error(
        "{} is damaged: {detail}. It holds the pairings and is not replaced; restore it from a \
         backup, or move it away to start without any pairing", path.display()
    )]
    TrustDamaged {
        /// Where it is.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Another daemon uses the data directory.
    #[error(
        "{} is used by another daemon with pid {pid}; stop that one, or choose another \
         --data-dir", dir.display()
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The other process; 0 where it has not written it yet.
        pid: u32,
    },
    /// A newer program has written it.
    #[error("{what} has schema {found}, this program knows {known}; use the newer program")]
    NewerSchema {
        /// Which database.
        what: &'static str,
        /// Its schema.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// A value in a row is not one that this program writes.
    #[error("{what} in the database is not valid: {detail}")]
    BadValue {
        /// Which value.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// Something that would go beyond a fixed limit.
    #[error("{what} {value} is beyond the limit of {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// What was given.
        value: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A row that was named is not there.
    #[error("{what} {name:?} is not known")]
    Unknown {
        /// Of what kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A step that the state of a log does not allow.
    #[error("{0}")]
    Misuse(&'static str),
    /// A fault of this program in one step; the step was undone.
    #[error("a step of the history had a fault and was undone. Please report what was done")]
    Fault,
    /// The writer has been stopped.
    #[error("the history is closed")]
    Closed,
    /// A file could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Anything else that SQLite refuses.
    #[error("database: {0}")]
    Sqlite(Arc<rusqlite::Error>),
}

/// What every method of the store returns.
pub type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn bad(what: &'static str, detail: impl ToString) -> Self {
        Self::BadValue { what, detail: detail.to_string() }
    }

    /// Whether the database itself is not to be trusted any more.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::TrustDamaged { .. })
    }

    /// Whether the disk is the reason, so that the same step may succeed once it is as it should be.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, PermissionDenied, ReadOnly, SystemIoFailure,
        };
        match self {
            Self::Full | Self::Io { .. } => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    CannotOpen
                        | DatabaseBusy
                        | DatabaseLocked
                        | PermissionDenied
                        | ReadOnly
                        | SystemIoFailure
                )
            ),
            Self::Damaged { .. }
            | Self::TrustDamaged { .. }
            | Self::InUse { .. }
            | Self::NewerSchema { .. }
            | Self::BadValue { .. }
            | Self::Limit { .. }
            | Self::Unknown { .. }
            | Self::Misuse(_)
            | Self::Fault
            | Self::Closed => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        match error.sqlite_error_code() {
            Some(DiskFull) => Self::Full,
            Some(DatabaseCorrupt | NotADatabase) => {
                Self::Damaged { what: "the database", detail: error.to_string() }
            }
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}
