//! The carrier against real sockets, real TLS and a real Caddy.
#![allow(clippy::unwrap_used)]

mod attacks;
mod behind_caddy;
#[path = "../caddy/mod.rs"]
mod caddy;
mod links;
mod support;
