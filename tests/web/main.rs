//! What a browser and a script get from the listening address of a real daemon.
#![allow(clippy::unwrap_used)]

#[path = "../machine/mod.rs"]
mod machine;

mod api;
mod client;
mod doors;
mod files;
mod pairing;
