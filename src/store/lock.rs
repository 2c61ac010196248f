//! One daemon per data directory.

use super::error::{Result, StoreError};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Held while a daemon uses a data directory; the kernel lets it go when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    file: File,
}

impl DataDirLock {
    /// Creates the directory (0700) where it is missing, and takes it for this process.
    ///
    /// # Errors
    /// [`StoreError::InUse`] with the pid of the process that has it.
    pub fn take(dir: &Path) -> Result<Self> {
        create_private_dir(dir)?;
        let path = dir.join("daemon.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io(&path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(StoreError::InUse { dir: dir.to_owned(), pid: holder(&mut file) });
        }
        write_pid(&mut file).map_err(StoreError::io(&path))?;
        Ok(Self { file })
    }
}

/// A directory that only its owner can enter.
pub(crate) fn create_private_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StoreError::io(dir))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(StoreError::io(dir))
}

impl Drop for DataDirLock {
    /// By itself the lock would last as long as any copy of the descriptor, and a child that is about
    /// to become another program has one.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> u32 {
    let mut text = String::new();
    // Unreadable or empty: the other process is between taking the lock and writing its pid.
    let _ = file.take(32).read_to_string(&mut text);
    text.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_descriptor_keeps_nobody_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = DataDirLock::take(dir.path()).expect("it is free");
        let inherited = first.file.try_clone().expect("a copy");
        drop(first);
        assert!(DataDirLock::take(dir.path()).is_ok());
        drop(inherited);
    }

    #[test]
    fn second_daemon_is_told_the_pid_of_the_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = DataDirLock::take(dir.path()).expect("it is free");
        match DataDirLock::take(dir.path()) {
            Err(StoreError::InUse { pid, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("it was taken twice: {other:?}"),
        }
        drop(first);
        assert!(DataDirLock::take(dir.path()).is_ok());
        let mode = fs::metadata(dir.path()).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
