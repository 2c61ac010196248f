//! When a run that failed is tried again.

use std::time::Duration;

/// How often, and after which time, a run that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a run is tried in all; 1: never again.
    pub attempts: u32,
    /// How long after the first failure; each further wait is four times as long.
    pub wait: Duration,
}

impl Retry {
    /// No wait between two attempts is longer.
    pub const LONGEST: Duration = Duration::from_secs(6 * 3600);
    /// Nobody is helped by more attempts.
    pub const MOST_ATTEMPTS: u32 = 10;

    /// How long to wait after so many failed attempts; `None` where there is no other.
    #[must_use]
    pub fn after(&self, attempt: u32) -> Option<Duration> {
        let factor = 4_u32.saturating_pow(attempt.saturating_sub(1));
        (attempt < self.attempts).then(|| self.wait.saturating_mul(factor).min(Self::LONGEST))
    }
}

/// Three attempts: after 5 minutes, after 20 more.
impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, wait: Duration::from_secs(5 * 60) }
    }
}
