//! Random histories of log sync: origins and hubs that append, cut, restart, restore, lose, damage,
//! trim, blank and change grants at random, held against R2, R3, S5 and G3 after each of them.
//!
//! A history is a list of events made from a seed, and a failing one is made short. The seeds are
//! chosen as `histories/seeds.rs` says.

#![allow(unreachable_pub, clippy::unwrap_used)]

mod check;
#[path = "../histories/compare.rs"]
mod compare;
mod history;
#[path = "../histories/random.rs"]
mod random;
#[path = "../histories/seeds.rs"]
mod seeds;
mod world;

use history::{History, verdict};

#[test]
fn r2_r3_s5_g3_hold_in_random_histories() {
    seeds::run("reconcile_histories", 300, |seed| {
        let history = History::from_seed(seed);
        verdict(&history).map_err(|why| {
            let small = history.shrunk(&why);
            format!("({:?}): {why}\n{small}", history.profile)
        })
    });
}
