//! Random histories of whole sessions: two to five instances, each with a log, a hub's copy of the
//! others' logs, sessions that are dialled and accepted, and encoded envelopes on links that are late
//! and may end after any byte. The sessions, their cryptography, `Pairs`, `Feed`, `Intake` and the
//! back-off are the real ones; the driver is `net::drive` without tokio, the database is in memory,
//! the clock is virtual.
//!
//! Instances append, blank, trim, restart, lose power, go back to older copies, lose their log, are
//! cloned, grant, revoke and remove each other at random. S2, S5, G2 and R3 are watched while it
//! runs; once it is quiet R2 must hold, proved by chains and signed heads, and nothing more be said.
//! The seeds are chosen as `histories/seeds.rs` says; `HOLDFAST_LOG=1` prints what happens.

#![allow(unreachable_pub, clippy::unwrap_used)]

mod chaos;
mod check;
#[path = "../histories/compare.rs"]
mod compare;
mod dialling;
mod feeding;
mod instance;
mod link;
mod plan;
#[path = "../histories/random.rs"]
mod random;
#[path = "../histories/seeds.rs"]
mod seeds;
mod side;
mod world;
mod writer;

use std::collections::BTreeMap;
use std::sync::Mutex;
use world::World;

#[test]
fn s2_s5_g2_r2_r3_hold_in_random_sessions() {
    let seen = Mutex::new(BTreeMap::<String, u64>::new());
    seeds::run("session_histories", 100, |seed| {
        let mut world = World::new(seed);
        world.rage()?;
        world.settle()?;
        let mut seen = seen.lock().unwrap();
        world.seen.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count);
        Ok(())
    });
    let seen = seen.into_inner().unwrap();
    let seen: Vec<_> = seen.iter().map(|(what, count)| format!("{what} {count}")).collect();
    println!("seen: {}", seen.join(", "));
}
