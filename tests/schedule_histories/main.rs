//! Ten years of a machine that runs, sleeps, is switched off, loses power, has its clock set, moves
//! to other zones and has its schedules edited, against a naive model of what has to run when.
//!
//! The book is the real one; the clock, the runs and the store are virtual. No due run is missed,
//! none is made twice, and nothing starts in a storm. The seeds are chosen as `histories/seeds.rs`
//! says; `HOLDFAST_LOG=1` prints what happens.

#![allow(unreachable_pub, clippy::unwrap_used)]

mod naive;
#[path = "../histories/random.rs"]
mod random;
#[path = "../histories/seeds.rs"]
mod seeds;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use world::World;

#[test]
fn no_due_run_is_missed_and_none_is_made_twice_in_ten_years() {
    let seen = Mutex::new(BTreeMap::<&'static str, u64>::new());
    seeds::run("schedule_histories", 8, |seed| {
        let mut world = World::new(seed);
        world.live_for_ten_years()?;
        let mut seen = seen.lock().unwrap();
        world.seen.iter().for_each(|(what, count)| *seen.entry(what).or_default() += count);
        Ok(())
    });
    let seen = seen.into_inner().unwrap();
    let seen: Vec<_> = seen.iter().map(|(what, count)| format!("{what} {count}")).collect();
    println!("seen: {}", seen.join(", "));
}

#[test]
fn a_machine_whose_clock_is_right_runs_at_each_due_time_and_once_for_each_time_away() {
    seeds::run("schedule_histories", 20, world::plain);
}
