//! Ports for what a test starts later, or starts again. Use with `#[path = "../ports/mod.rs"] mod ports;`.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::duplicate_mod)]

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// An address of this machine that was free a moment ago, with a port that the system gives to no
/// connection and no listener of another test meanwhile: those are from 32768 on.
pub fn free_address() -> SocketAddr {
    const FIRST: u16 = 20_000;
    const COUNT: u64 = 12_000;
    let offset = || u16::try_from(RandomState::new().hash_one(()) % COUNT).unwrap();
    let any = std::iter::repeat_with(|| SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset())));
    any.take(1000).find(|address| TcpListener::bind(address).is_ok()).unwrap()
}

/// Its port.
pub fn free_port() -> u16 {
    free_address().port()
}
