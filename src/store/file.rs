//! How a database file is opened: private, on a journal that its file system can carry.

use super::error::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How changes reach the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// Write-ahead log: readers and the writer do not wait for each other. Needs shared memory.
    Wal,
    /// Rollback journal: works on network file systems too.
    Rollback,
}

impl Journal {
    /// What the file system of `dir` can carry. One that cannot be told is taken for a network's.
    #[must_use]
    pub fn for_dir(dir: &Path) -> Self {
        if is_local(dir) { Self::Wal } else { Self::Rollback }
    }

    const fn pragma(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Rollback => "delete",
        }
    }
}

/// Magic numbers of statfs(2) for file systems without coherent shared memory between machines;
/// FUSE is among them because nothing tells what is behind it.
#[cfg(target_os = "linux")]
const NETWORK: [u32; 12] = [
    0x6969,      // NFS
    0x517B,      // SMB
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
    0x0BD0_0BD0, // Lustre
    0x5346_414F, // AFS
    0x7375_7245, // Coda
    0x786F_4256, // VirtualBox shared folder
    0x4750_4653, // GPFS
];

#[cfg(target_os = "linux")]
fn is_local(dir: &Path) -> bool {
    // The magic numbers have 32 bits, in a field whose width differs by platform.
    rustix::fs::statfs(dir).is_ok_and(|fs| !NETWORK.contains(&(fs.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_dir: &Path) -> bool {
    true
}

/// Creates the file (0600) before SQLite does: its journals take over the mode.
fn create_private(path: &Path) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(StoreError::io(path))
}

/// Pages that the writer keeps at hand, in KiB; taken up only as they are used. An append touches
/// the last pages of its shard in three trees: SQLite's 2 MiB would not hold those of 50 shards.
const WRITER_CACHE_KIB: i32 = 8 * 1024;
/// Pages of the write-ahead log before they go into the file: 64 MiB of history. Small commits write
/// the same pages again and again; into the file each goes once, and the writer waits for it.
const WAL_PAGES: i32 = 4_000;
/// The cache while a file is checked: each page is read once, and none is worth keeping.
const CHECK_CACHE_KIB: i32 = 512;

/// The connection that writes, to be checked by [`quick_check`] before it is used. The page size
/// counts only for a file that is new.
pub(crate) fn open_writer(path: &Path, journal: Journal, page_bytes: u32) -> Result<Connection> {
    create_private(path)?;
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(Duration::from_secs(10))?;
    conn.pragma_update(None, "page_size", page_bytes)?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    conn.pragma_update(None, "journal_mode", journal.pragma())?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "cache_size", -CHECK_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(conn)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(Duration::from_secs(10))?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// A statement that stands at every transaction: parsed once for each connection.
pub(crate) fn run(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// `PRAGMA quick_check`, given up (as good) after `budget`: a start must not wait for gigabytes;
/// damage that is not seen here is found when it is read, and by the scrub.
pub(crate) fn quick_check(conn: &mut Connection, budget: Duration) -> Result<()> {
    let until = crate::clock::monotonic().plus(budget);
    conn.progress_handler(10_000, Some(move || crate::clock::monotonic() > until))?;
    let answer = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    conn.progress_handler(0, None::<fn() -> bool>)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    match answer {
        Ok(text) if text == "ok" => Ok(()),
        Ok(detail) => Err(StoreError::Damaged { what: "the database", detail }),
        Err(error) if is_interrupt(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}
