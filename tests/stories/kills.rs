//! Power cuts in the middle of things.

use super::machine::{Machine, PATIENCE};
use super::support::{fill, holds, operations, pair, seen};
use std::thread::sleep;
use std::time::{Duration, Instant};

const MANY: u32 = 100_000;

/// Waits until the hub holds more than that, and is not through.
fn in_the_middle(hub: &Machine, member: &Machine, more_than: u64) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held = seen(hub, member)["log"]["operations"].as_u64().unwrap_or(0);
        if held > more_than {
            return held;
        }
        assert!(Instant::now() < deadline, "{held} operations held\n{}", hub.log());
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn s5_either_side_is_killed_in_the_middle_of_a_first_sync_and_nothing_is_lost_or_sent_twice() {
    let mut hub = Machine::start("hub");
    let mut nas = Machine::start("nas");
    nas.kill9();
    fill(&nas, MANY);
    nas.restart();
    pair(&nas, &hub);

    let held = in_the_middle(&hub, &nas, 1_000);
    hub.kill9();
    assert!(held < u64::from(MANY), "the sync was over before the kill: {held}");
    hub.restart();
    let after = seen(&hub, &nas)["log"]["operations"].as_u64().unwrap_or(0);
    assert!(after >= held, "{held} operations were shown, {after} survived");

    let held = in_the_middle(&hub, &nas, after);
    nas.kill9();
    nas.restart();
    assert!(seen(&hub, &nas)["log"]["operations"].as_u64().unwrap_or(0) >= held);
    holds(&hub, &nas, u64::from(MANY));
    let archived = operations(&hub, &["--peer", "nas", "--limit", "100000"]);
    assert!(archived.iter().all(|operation| operation["archived"] == false));
    assert_eq!(archived.len(), MANY as usize);
}
