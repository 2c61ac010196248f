//! The first file of an instance that has none.

use super::live::LoadError;
use crate::model::InstanceId;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// An instance id from a host name: what the id does not allow becomes `-`.
#[must_use]
pub fn instance_from_host(host: &str) -> Option<InstanceId> {
    let fit = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
        _ => '-',
    };
    let first_label = host.split('.').next().unwrap_or(host);
    let name: String = first_label.chars().take(63).map(fit).collect();
    name.trim_matches(['.', '_', '-']).parse().ok()
}

/// An instance id from this machine's host name, or `holdfast` where that makes none.
///
/// # Errors
/// Never in practice: only if `holdfast` were no instance id.
pub fn instance_of_this_host() -> Result<InstanceId, crate::model::IdError> {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    instance_from_host(&host).map_or_else(|| "holdfast".parse(), Ok)
}

/// The commented file that is written where there is none.
#[must_use]
pub fn default_text(instance: &InstanceId) -> String {
    include_str!("default.toml").replace("@INSTANCE@", instance.as_str())
}

/// Writes the commented file, unless there is one. `false` if there is.
///
/// # Errors
/// The system does not let it be written.
pub fn create_default(path: &Path, instance: &InstanceId) -> Result<bool, LoadError> {
    match write_new(path, &default_text(instance)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            Err(LoadError::Unwritable { path: path.to_owned(), reason: error.to_string() })
        }
    }
}

/// Makes a folder where it is missing, for this user alone.
///
/// # Errors
/// The system does not let it be made.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that is not there: whole or not at all, for its owner alone, as there may be secrets
/// in it. Folders are made where they are missing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or the system does not let it be written.
pub fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    create_private_dir(folder)?;
    let mut file = tempfile::Builder::new().prefix(".holdfast-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn host_names_become_instance_ids() {
        for (host, id) in [("NAS", "nas"), ("my pc.local", "my-pc"), ("_x_", "x"), ("a.b.c", "a")] {
            assert_eq!(instance_from_host(host).unwrap().as_str(), id);
        }
        assert_eq!(instance_from_host("…"), None);
        assert!(instance_from_host(&"x".repeat(200)).is_some());
    }

    #[test]
    fn this_host_has_an_instance_id() {
        assert!(instance_of_this_host().is_ok());
    }
}
