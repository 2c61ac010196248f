//! The times that follow from a schedule.

use super::{Schedule, Zone};
use crate::model::Timestamp;
use std::time::Duration;

impl Schedule {
    /// The first due time after `after`, each put off by `put_off`; `local` is the machine's zone.
    /// `None` where no clock makes it due.
    #[must_use]
    pub fn next(&self, after: Timestamp, put_off: Duration, local: &Zone) -> Option<Timestamp> {
        match self {
            Self::Cron { pattern, zone, .. } => {
                let zone = zone.as_ref().unwrap_or(local);
                pattern.next(after.minus(put_off), zone).map(|at| at.plus(put_off))
            }
            Self::Every { period, .. } => Some(after.plus(*period)),
            Self::Manual | Self::After { .. } => None,
        }
    }

    /// `first` and the due times that follow it, `count` in all.
    #[must_use]
    pub fn next_runs(
        &self,
        first: Timestamp,
        count: usize,
        put_off: Duration,
        local: &Zone,
    ) -> Vec<Timestamp> {
        let next = |at: &Timestamp| self.next(*at, put_off, local);
        std::iter::successors(Some(first), next).take(count).collect()
    }

    /// The longest time between two due times, by a clock that is never changed. `None` where no
    /// clock makes it due; what runs after another plan has that one's.
    #[must_use]
    pub const fn longest_gap(&self) -> Option<Duration> {
        match self {
            Self::Cron { pattern, .. } => Some(pattern.longest_gap()),
            Self::Every { period, .. } => Some(*period),
            Self::Manual | Self::After { .. } => None,
        }
    }
}

/// How long after its due time a run is late: a quarter of the longest gap and the jitter, at least
/// 15 minutes, at most 6 hours.
#[must_use]
pub fn grace(longest_gap: Duration, jitter: Duration) -> Duration {
    const LEAST: Duration = Duration::from_secs(15 * 60);
    const MOST: Duration = Duration::from_secs(6 * 3600);
    (longest_gap / 4).saturating_add(jitter).clamp(LEAST, MOST)
}
