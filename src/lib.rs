//! holdfast: multi-machine backup federation for restic.
//!
//! The library behind the one binary. Modules are listed from the top; each may import only those
//! above it (`docs/architecture.md`; `tests/architecture.rs` enforces it).

pub mod model;
pub mod clock;
pub mod shutdown;
pub mod grant;
pub mod pairing;
pub mod share;
pub mod schedule;
pub mod freshness;
pub mod notify;
pub mod crypto;
pub mod reconcile;
pub mod wire;
pub mod session;
pub mod api;
pub mod config;
pub mod import;
pub mod store;
pub mod restic;
pub mod job;
pub mod net;
pub mod web;
pub mod daemon;
pub mod telemetry;
pub mod cli;
