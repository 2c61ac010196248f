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
}
