//! holdfast: multi-machine backup federation for restic.
//!
//! The library behind the one binary. Modules are listed from the top; each may import only those
//! above it (`docs/architecture.md`; `tests/architecture.rs` enforces it).

pub mod model;
pub mod clock;
pub mod shutdown;
pub mod grant;
pub mod pairing;
pub mod crypto;
pub mod reconcile;
pub mod wire;
pub mod config;
pub mod store;
