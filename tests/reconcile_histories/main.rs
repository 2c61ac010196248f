//! Random histories of log sync: origins and hubs that append, cut, restart, restore, lose, damage,
//! trim, blank and change grants at random, held against R2, R3, S5 and G3 after each of them.
//!
//! A history is a list of events made from a seed. `HOLDFAST_SEEDS=5000` runs more of them,
//! `HOLDFAST_SEED=4711` replays one, `HOLDFAST_FIRST=100` begins elsewhere.

#![allow(unreachable_pub, clippy::unwrap_used)]

mod check;
mod history;
mod random;
mod world;

use history::{History, verdict};
use std::time::Instant;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn r2_r3_s5_g3_hold_in_random_histories() {
    let only = number("HOLDFAST_SEED");
    let first = only.or_else(|| number("HOLDFAST_FIRST")).unwrap_or(1);
    let count = if only.is_some() { 1 } else { number("HOLDFAST_SEEDS").unwrap_or(300) };
    let start = Instant::now();
    for seed in first..first + count {
        let history = History::from_seed(seed);
        if let Err(why) = verdict(&history) {
            let small = history.shrunk(&why);
            panic!(
                "seed {seed} ({:?}): {why}\nreplay with HOLDFAST_SEED={seed} cargo test --test reconcile_histories\n{small}",
                history.profile
            );
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{count} histories in {seconds:.1} s, {:.0} seeds/s", count as f64 / seconds);
}
