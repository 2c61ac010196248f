//! When to dial again: pure, with randomness passed in.

use std::time::Duration;

/// The first wait is drawn from below this.
const FIRST: Duration = Duration::from_secs(1);
/// No wait for a peer that is merely away is drawn from above this.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Who was refused tries again all the same: the cure may be on the other side.
const REFUSED_FROM: Duration = Duration::from_secs(15 * 60);
const REFUSED_TO: Duration = Duration::from_secs(60 * 60);

/// How the last attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was a session, and it was lost.
    Lost,
    /// Nobody was reached, or the handshake broke.
    Unreachable,
    /// The other side refused, and may have said when to ask again.
    Refused(Option<Duration>),
    /// Another session of the same two keys lives.
    Duplicate,
}

/// What to do until the next attempt. A wake or a change of the network ends [`Pause::For`] at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Wait this long.
    For(Duration),
    /// Wait until the other session has ended.
    WhileItLives,
}

/// Exponential back-off with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after `outcome`; `random` is uniform over all of `u32`.
    pub fn after(&mut self, outcome: Outcome, random: u32) -> Pause {
        match outcome {
            Outcome::Lost => {
                self.reset();
                self.jittered(random)
            }
            Outcome::Unreachable => self.jittered(random),
            Outcome::Refused(at_least) => Pause::For(refused(at_least, random)),
            Outcome::Duplicate => Pause::WhileItLives,
        }
    }

    /// After a wake, a change of the network or of the peer's addresses: from the start again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Full jitter: anything from nothing to the ceiling, so that a hub's return is not a stampede.
    fn jittered(&mut self, random: u32) -> Pause {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        Pause::For(share(ceiling, random))
    }
}

fn refused(at_least: Option<Duration>, random: u32) -> Duration {
    let from = at_least.unwrap_or(REFUSED_FROM).clamp(REFUSED_FROM, REFUSED_TO);
    from + share(REFUSED_TO - from, random)
}

fn share(whole: Duration, random: u32) -> Duration {
    whole.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ceilings_double_from_a_second_to_five_minutes() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<u64> = (0..11)
            .map(|_| match backoff.after(Outcome::Unreachable, u32::MAX) {
                Pause::For(pause) => pause.as_secs(),
                Pause::WhileItLives => 0,
            })
            .collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn a_session_or_a_wake_starts_from_the_start() {
        let mut backoff = Backoff::default();
        for _ in 0..9 {
            backoff.after(Outcome::Unreachable, 0);
        }
        let first = Pause::For(Duration::from_secs(1));
        assert_eq!(backoff.after(Outcome::Lost, u32::MAX), first);
        backoff.reset();
        assert_eq!(backoff.after(Outcome::Unreachable, u32::MAX), first);
    }

    #[test]
    fn a_duplicate_waits_for_the_other_session() {
        assert_eq!(Backoff::default().after(Outcome::Duplicate, 7), Pause::WhileItLives);
    }

    proptest! {
        #[test]
        fn no_pause_leaves_its_bounds(
            failures in 0u32..200,
            random: u32,
            asked in prop::option::of(0u64..1_000_000),
        ) {
            let mut backoff = Backoff { failures };
            let Pause::For(away) = backoff.after(Outcome::Unreachable, random) else { panic!() };
            prop_assert!(away <= LONGEST);
            let refused = Outcome::Refused(asked.map(Duration::from_secs));
            let Pause::For(pause) = backoff.after(refused, random) else { panic!() };
            prop_assert!((REFUSED_FROM..=REFUSED_TO).contains(&pause));
        }
    }
}
