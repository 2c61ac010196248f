//! Runs a simulation over seeds, on every core: stops at the first failure and says how to replay it.
//!
//! `HOLDFAST_SEEDS=5000` runs that many, `HOLDFAST_SEED=4711` replays one, `HOLDFAST_FIRST=100`
//! begins elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Panics with the first seed that `check` finds fault with.
pub fn run(target: &str, usual: u64, check: impl Fn(u64) -> Result<(), String> + Sync) {
    let only = number("HOLDFAST_SEED");
    let first = only.or_else(|| number("HOLDFAST_FIRST")).unwrap_or(1);
    let count = if only.is_some() { 1 } else { number("HOLDFAST_SEEDS").unwrap_or(usual) };
    let start = Instant::now();
    if let Some((seed, why)) = first_failure(first, first + count, &check) {
        panic!(
            "seed {seed}: {why}\nreplay with HOLDFAST_SEED={seed} cargo test --test {target} -- --nocapture"
        );
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{target}: {count} seeds from {first} in {seconds:.1} s, {:.1} seeds/s",
        count as f64 / seconds
    );
}

fn first_failure(
    first: u64,
    end: u64,
    check: &(impl Fn(u64) -> Result<(), String> + Sync),
) -> Option<(u64, String)> {
    let (next, failed) = (AtomicU64::new(first), Mutex::new(None::<(u64, String)>));
    let work = || {
        while failed.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            if let Err(why) = caught(|| check(seed)) {
                let mut failed = failed.lock().unwrap();
                if failed.as_ref().is_none_or(|(other, _)| seed < *other) {
                    *failed = Some((seed, why));
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..threads).for_each(|_| {
            scope.spawn(work);
        });
    });
    failed.into_inner().unwrap()
}

/// A panic is a failure like others.
pub fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}
