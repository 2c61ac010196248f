//! What happens to people: real processes of the real binary, real restic, real files, real cuts.
#![allow(clippy::unwrap_used)]

#[path = "../machine/mod.rs"]
mod machine;

#[path = "../caddy/mod.rs"]
mod proxy;

mod addresses;
mod caddy;
mod histories;
mod kills;
mod partings;
mod support;
