//! The file of the private key: made once, readable by its owner only.

use crate::crypto::{CryptoError, Identity};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No key file is larger.
const MAX_KEY_FILE: u64 = 16 * 1024;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFileError {
    /// Others may read it, so it may have been read.
    #[error(
        "identity {path:?} has mode {mode:04o}, so others may read it; run chmod 600 on it, and rotate it if they did"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system did not let it be read or made.
    #[error("identity {path:?} cannot be read or made: {reason}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// Not a key, or no randomness for a new one.
    #[error(
        "identity {path:?}: {reason}; put back a copy of the key file, or remove it to get another identity"
    )]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: CryptoError,
    },
    /// Larger than any key.
    #[error("identity {path:?} is larger than 16 KiB; that is no key file")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
}

/// The identity in the file; a new one where there is no file. Two that start at once get the same.
///
/// # Errors
/// The file is there and cannot be used, or cannot be made; a key is never made over one that is
/// there.
pub fn read_or_create_identity(path: &Path) -> Result<Identity, IdentityFileError> {
    let key = |reason| IdentityFileError::Key { path: path.to_owned(), reason };
    let new = Identity::generate().map_err(key)?;
    let text = read_or_create(path, &new.to_pem())?;
    Identity::from_pem(&text).map_err(key)
}

fn read_or_create(path: &Path, new: &str) -> Result<Zeroizing<String>, IdentityFileError> {
    let io = |reason| IdentityFileError::Io { path: path.to_owned(), reason };
    match File::open(path) {
        Ok(file) => return read(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    match create(path, new) {
        Ok(()) => {}
        // Somebody was faster: theirs is the identity.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    read(path, File::open(path).map_err(io)?)
}

fn read(path: &Path, file: File) -> Result<Zeroizing<String>, IdentityFileError> {
    let io = |reason| IdentityFileError::Io { path: path.to_owned(), reason };
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(IdentityFileError::Exposed { path: path.to_owned(), mode });
    }
    if metadata.len() > MAX_KEY_FILE {
        return Err(IdentityFileError::TooLarge { path: path.to_owned() });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// Whole and durable under its name, or not there at all.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    // tempfile makes its files with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".identity-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.key");
        let made = read_or_create_identity(&path).unwrap();
        assert_eq!(read_or_create_identity(&path).unwrap().key_id(), made.key_id());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_key_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.key");
        read_or_create(&path, "no key").unwrap();
        let error = read_or_create_identity(&path).err().unwrap();
        assert!(matches!(error, IdentityFileError::Key { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no key");
    }

    #[test]
    fn one_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.key");
        std::fs::write(&path, "key").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = read_or_create_identity(&path).err().unwrap();
        assert!(matches!(error, IdentityFileError::Exposed { mode: 0o640, .. }), "{error}");
    }

    #[test]
    fn many_at_once_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.key");
        let made: Vec<_> = std::thread::scope(|scope| {
            let path = &path;
            let start =
                |n: usize| scope.spawn(move || read_or_create(path, &n.to_string()).unwrap());
            let running: Vec<_> = (0..8).map(start).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|one| *one == made[0]));
    }

    #[test]
    fn an_unusable_place_is_an_error() {
        let missing = Path::new("/nonexistent/identity.key");
        let error = read_or_create_identity(missing).err().unwrap();
        assert!(matches!(error, IdentityFileError::Io { .. }), "{error}");
    }
}
