//! The engine's ports over the configuration and the store of this instance.
//!
//! It decides which repo an id names ([`Repos`]) and hands over; what is done with a repo is decided
//! in `job`, what became of a pushed one where it arrived.
//!
//! 1. A repo of the config is never replaced by a received one of the same id.
//! 2. X1: what of a repo came from a peer is used as it is; nothing in it is expanded, run or read.
//! 3. A fault of the history stops no backup; what `trust.db` keeps outlives it. What a full disk does
//!    not take waits in memory, and is written once it does.

mod catalogue;
mod home;
mod journal;
mod owed;
mod repos;
mod runs;

pub use catalogue::LiveCatalogue;
pub(in crate::daemon) use catalogue::{disabled_reason, exclusions};
pub use home::Home;
pub use journal::StoredHistory;
pub use owed::Backlog;
pub use repos::{Named, Obstacle, Repos};
pub use runs::{StoredRuns, place};

use crate::config::LiveConfig;
use crate::job::Ports;
use crate::store::Trust;
use std::sync::Arc;
use tokio::runtime::Handle;

/// All that an engine is connected to. Its methods block: they are called beside `runtime`, on which
/// commands and files of the config's secrets are read.
#[must_use]
pub fn connect(
    config: Arc<LiveConfig>,
    trust: Arc<Trust>,
    history: Arc<StoredHistory>,
    runs: Arc<StoredRuns>,
    runtime: Handle,
) -> Ports {
    Ports { catalogue: Arc::new(LiveCatalogue::new(config, trust, runtime)), history, runs }
}

fn fault(error: crate::store::StoreError) -> crate::job::StoreFault {
    crate::job::StoreFault(error.to_string())
}

#[cfg(test)]
mod tests;
