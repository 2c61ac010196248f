//! One instance: everything connected, started, and stopped in order.
//!
//! ```text
//!   lock ─► config ─► identity ─► trust.db ─► history.db ─► engine ─► links
//!                                                                      │
//!        sessions, dialling, the local API and the listeners run until asked to stop
//! ```
//! 1. Whatever can fail for a reason that a person mends fails before anything is served.
//! 2. A stop interrupts restic so that it unlocks, says goodbye to peers, and is bounded in time.

mod admission;
pub mod areas;
mod attend;
pub mod commands;
pub mod dialing;
pub mod expectations;
mod forgetting;
mod hooks;
pub mod links;
mod logs;
mod node;
pub mod ports;
pub mod presence;
mod promises;
pub mod roster;
pub mod scheduler;
mod services;
pub mod sharing;
mod start;
mod upkeep;
mod warden;

pub use logs::LogCalls;
pub use node::Node;
pub use start::{Instance, Options, StartError, run};
pub use upkeep::{Log, scrub};
