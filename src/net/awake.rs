//! Tells when it is worth dialling at once: the machine woke up, or its network changed.
//!
//! It does not say which, and not whether anything is reachable now.

use crate::clock;
use crate::model::Timestamp;
use crate::shutdown::Guard;
use netwatcher::WatchHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How often the clocks are compared.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The wall clock being ahead by this much more than before means that the machine slept.
const SLEPT: Duration = Duration::from_secs(15);

/// Finds sleep: the wall clock goes on while the monotonic one stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SleepDetector {
    wall: Timestamp,
    monotonic: Timestamp,
}

impl SleepDetector {
    /// Starts from here.
    #[must_use]
    pub fn new(wall: Timestamp, monotonic: Timestamp) -> Self {
        Self { wall, monotonic }
    }

    /// Whether the machine slept since the last look. A clock set forward looks the same, and
    /// costs an attempt to dial.
    pub fn look(&mut self, wall: Timestamp, monotonic: Timestamp) -> bool {
        let slept = wall.since(self.wall).saturating_sub(monotonic.since(self.monotonic));
        *self = Self { wall, monotonic };
        slept >= SLEPT
    }
}

/// Counts wakes and network changes.
pub struct Awake {
    count: watch::Sender<u64>,
    _network: Option<WatchHandle>,
}

impl std::fmt::Debug for Awake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Awake").field(&*self.count.borrow()).finish()
    }
}

impl Awake {
    /// Watches until the stop is asked for.
    #[must_use]
    pub fn watch(guard: Guard) -> Self {
        let count = watch::Sender::new(0);
        tokio::spawn(watch_sleep(count.clone(), guard));
        Self { _network: watch_network(count.clone()), count }
    }

    /// Changes whenever it is worth dialling at once.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

async fn watch_sleep(count: watch::Sender<u64>, mut guard: Guard) {
    let mut detector = SleepDetector::new(clock::now(), clock::monotonic());
    while guard.run(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        if detector.look(clock::now(), clock::monotonic()) {
            tracing::info!("the machine woke up: offline peers are dialled at once");
            count.send_modify(|count| *count += 1);
        }
    }
}

fn watch_network(count: watch::Sender<u64>) -> Option<WatchHandle> {
    let watching = netwatcher::watch_interfaces_with_callback(move |update| {
        let changed = update.addrs_added().next().or(update.addrs_removed().next()).is_some();
        if changed && !update.is_initial {
            count.send_modify(|count| *count += 1);
        }
    });
    watching
        .inspect_err(|error| {
            tracing::warn!(?error, "network changes are not seen; peers are dialled by back-off");
        })
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shutdown::Shutdown;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn sleep_is_a_wall_clock_that_ran_ahead() {
        let mut detector = SleepDetector::new(at(1000), at(10));
        assert!(!detector.look(at(1005), at(15)), "awake");
        assert!(!detector.look(at(1011), at(20)), "a busy machine");
        assert!(detector.look(at(4611), at(25)), "an hour asleep");
        assert!(!detector.look(at(4616), at(30)), "said once");
        assert!(!detector.look(at(4000), at(35)), "a clock set back");
    }

    #[tokio::test]
    async fn watching_starts_without_a_false_alarm_and_ends_with_the_daemon() {
        let shutdown = Shutdown::default();
        let awake = Awake::watch(shutdown.guard());
        assert!(!awake.subscribe().has_changed().unwrap());
        shutdown.complete().await;
    }
}
