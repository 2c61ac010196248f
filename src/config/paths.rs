//! Where things are: the file, the data directory and what lies in it.

use directories::ProjectDirs;
use std::path::{Path, PathBuf};

/// A place could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// No home directory, and nothing given instead.
    #[error(
        "there is no home directory; give --config and --data-dir, or HOLDFAST_CONFIG and HOLDFAST_DATA_DIR"
    )]
    NoHome,
    /// A relative path, and no current directory.
    #[error("{path:?} cannot be made absolute: {reason}; give an absolute path")]
    Relative {
        /// Which path.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
}

/// The two places that a daemon lives in; both absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The configuration file.
    pub config: PathBuf,
    /// The data directory.
    pub data: DataDir,
}

impl Paths {
    /// From what the command line or the environment gave, else the defaults below the home.
    ///
    /// # Errors
    /// A default is needed and there is no home directory, or the current directory is gone.
    pub fn resolve(config: Option<PathBuf>, data: Option<PathBuf>) -> Result<Self, PathsError> {
        let home = || ProjectDirs::from("", "", "holdfast").ok_or(PathsError::NoHome);
        let config = match config {
            Some(path) => path,
            None => home()?.config_dir().join("config.toml"),
        };
        let data = match data {
            Some(path) => path,
            None => home()?.data_dir().to_owned(),
        };
        Ok(Self { config: absolute(config)?, data: DataDir(absolute(data)?) })
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, PathsError> {
    std::path::absolute(&path).map_err(|reason| PathsError::Relative { path, reason })
}

/// The data directory; knows the names of what lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// A path on Unix sockets may have no more bytes everywhere.
    const MAX_SOCKET_PATH: usize = 100;

    /// At this path.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The private key.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.key")
    }

    /// Peers, grants, tokens: what must not be lost.
    #[must_use]
    pub fn trust_db(&self) -> PathBuf {
        self.0.join("trust.db")
    }

    /// Operations and logs: what may be.
    #[must_use]
    pub fn history_db(&self) -> PathBuf {
        self.0.join("history.db")
    }

    /// The socket of the local API; in `runtime_dir` where the data directory's path is too long.
    #[must_use]
    pub fn socket(&self, runtime_dir: Option<&Path>) -> PathBuf {
        let usual = self.0.join("holdfast.sock");
        match runtime_dir {
            Some(dir) if usual.as_os_str().len() > Self::MAX_SOCKET_PATH => {
                // Two data directories of one user must not meet in one socket.
                let name = super::Revision::of(&self.0.to_string_lossy());
                dir.join(format!("holdfast-{name}.sock"))
            }
            Some(_) | None => usual,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn given_paths_win_and_become_absolute() {
        let paths = Paths::resolve(Some("c.toml".into()), Some("/data".into())).unwrap();
        assert!(paths.config.is_absolute() && paths.config.ends_with("c.toml"));
        assert_eq!(paths.data.trust_db(), Path::new("/data/trust.db"));
        assert_eq!(paths.data.identity(), Path::new("/data/identity.key"));
    }

    #[test]
    fn a_long_socket_path_moves_to_the_runtime_directory() {
        let run = Path::new("/run/user/1");
        let short = DataDir::new("/data".into());
        assert_eq!(short.socket(Some(run)), Path::new("/data/holdfast.sock"));
        let long = |c: &str| DataDir::new(format!("/{}", c.repeat(120)).into());
        assert!(long("a").socket(Some(run)).starts_with(run));
        assert!(long("a").socket(Some(run)) != long("b").socket(Some(run)));
        assert!(long("a").socket(None).ends_with("holdfast.sock"));
    }
}
