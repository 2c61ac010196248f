//! What is done, in which order, and how it ended: every operation of this instance passes here.
//!
//! It reads repos and plans through [`Catalogue`] and keeps what happened through [`History`] and
//! [`Runs`]; it knows neither files nor tables, and sends nothing to a peer.
//!
//! 1. One run of a plan at a time and at most one pending; on one repo backups run side by side and
//!    exclusive work waits; repos never wait for each other.
//! 2. An operation ends exactly once, whatever ended it, and by then its own lock is removed or known
//!    to be left.
//! 3. A repository is created only if it is ours, was never known here and is not there: one that
//!    was known and is missing is an error (an unmounted disk is not an empty one).
//! 4. A history that cannot be written stops no backup; a guid that cannot be kept stops its repo.

mod backup;
mod board;
mod dump;
mod engine;
mod error;
mod forget;
mod hooks;
mod journal;
mod keep;
mod locks;
mod look;
mod maintain;
mod ports;
mod queue;
mod recover;
mod repository;
mod restore;
mod run_by;
mod script;
mod trial;
mod trouble;
mod turns;
mod watchdog;

pub use board::Live;
pub use dump::DumpSpec;
pub use engine::Engine;
pub use error::JobError;
pub use forget::Pick;
pub use hooks::{Before, HookRun, Hooks};
pub use keep::{Newness, Oddity};
pub use locks::Locked;
pub use look::{Bytes, Reading};
pub use maintain::{Task, UnlockScope};
pub use ports::{
    Catalogue, Disputed, History, Keeping, PlanSpec, Ports, RepoSpec, Run, Runs, Standing,
    StoreFault, Unusable,
};
pub use queue::Priority;
pub use restore::{Place, RestoreRequest};
pub use run_by::{Begun, By, RunEnded};
pub use script::{How, Ran, Script};
pub use trial::Trial;
pub use trouble::Trouble;
