//! The configuration in effect: the last good one, and what is wrong with the file now.

use super::parse::{MAX_FILE, parse};
use super::problem::Problems;
use super::valid::Config;
use crate::clock;
use crate::model::Timestamp;
use arc_swap::ArcSwap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Why a file cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It could not be read; that is not the same as empty or absent.
    #[error("configuration {path:?} cannot be read: {reason}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// There is none, and none can be written.
    #[error("configuration {path:?} cannot be written: {reason}")]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It was read and is wrong.
    #[error("configuration {path:?} is not valid:\n{problems}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// All that is wrong.
        problems: Problems,
    },
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// Another configuration is in effect now.
    Changed,
    /// The file says what is in effect already.
    Unchanged,
    /// The file is not taken; the last good configuration stays.
    Refused(LoadError),
}

/// What is in effect and what keeps the file from being it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The last good configuration.
    pub config: Arc<Config>,
    /// What is wrong with the file, if anything.
    pub trouble: Option<LoadError>,
    /// Since when something is wrong with it.
    pub since: Option<Timestamp>,
}

/// The handle that everything reads from.
#[derive(Debug)]
pub struct LiveConfig {
    path: PathBuf,
    current: ArcSwap<Config>,
    published: watch::Sender<Snapshot>,
}

impl LiveConfig {
    /// Takes the file into effect for the first time.
    ///
    /// # Errors
    /// There is no last good configuration to go on with, so a wrong file is an error here.
    pub fn open(path: PathBuf) -> Result<Self, LoadError> {
        let config = Arc::new(load(&path)?);
        let snapshot = Snapshot { config: Arc::clone(&config), trouble: None, since: None };
        let published = watch::Sender::new(snapshot);
        Ok(Self { path, current: ArcSwap::new(config), published })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration in effect.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// What is in effect and what is wrong, now and at every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.published.subscribe()
    }

    /// What is wrong with the file now.
    #[must_use]
    pub fn trouble(&self) -> Option<LoadError> {
        self.published.borrow().trouble.clone()
    }

    /// Reads the file again: after a change of it, on SIGHUP, after an edit.
    pub fn reload(&self) -> Reload {
        let mut outcome = Reload::Unchanged;
        // Loading within the update keeps two reloads from publishing in the wrong order.
        self.published.send_if_modified(|snapshot| {
            let before = snapshot.trouble.clone();
            outcome = self.take(load(&self.path), snapshot);
            match outcome {
                Reload::Changed => true,
                Reload::Unchanged => false,
                // It is looked at every minute; what is wrong is said once.
                Reload::Refused(_) => before != snapshot.trouble,
            }
        });
        outcome
    }

    fn take(&self, loaded: Result<Config, LoadError>, snapshot: &mut Snapshot) -> Reload {
        match loaded {
            Ok(config) if config.revision == snapshot.config.revision => {
                // The last good text came back after a wrong one: only the trouble is over.
                snapshot.since = None;
                match snapshot.trouble.take() {
                    Some(_) => Reload::Changed,
                    None => Reload::Unchanged,
                }
            }
            Ok(config) => {
                let config = Arc::new(config);
                self.current.store(Arc::clone(&config));
                *snapshot = Snapshot { config, trouble: None, since: None };
                Reload::Changed
            }
            Err(error) => {
                snapshot.trouble = Some(error.clone());
                snapshot.since.get_or_insert_with(clock::now);
                Reload::Refused(error)
            }
        }
    }
}

fn load(path: &Path) -> Result<Config, LoadError> {
    let text = read_text(path).map_err(|error| LoadError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    parse(&text).map_err(|problems| LoadError::Invalid { path: path.to_owned(), problems })
}

/// Reads no more than the parser needs to see that a file is too large.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let limit = MAX_FILE as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}
