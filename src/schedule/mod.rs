//! When something runs: schedules, the times that follow from them, and what is to be started now.
//!
//! Pure: it has no clock and reads nothing; a now, the machine's own zone and its surroundings are
//! handed in. It starts no run, it says which to start ([`Book::look`]).
//!
//! 1. A schedule that exists has been checked: its pattern comes at some time, its period passes.
//! 2. The text of a schedule ([`Schedule`]'s `Display`) reads back, but for zone and jitter.
//! 3. Due times that passed unseen (daemon off, sleep, a clock set forward) cause one run together,
//!    and that one is not dropped by a change of the schedule or of the zone.
//! 4. A due time that was run for is not run for again, also when the clock goes back: the newest 64
//!    of a task are remembered, those up to 48 hours ahead count. Further back the clock is believed.
//! 5. A task has at most one run that is pending beside one that runs.
//! 6. A run is in the book before it is started. One that is in there and has not ended is taken up
//!    again after a restart; one that died with the daemon counts as a failed attempt.
//! 7. Runs that are late by more than a minute are started one after another per repo, each put off
//!    by its own jitter, at most 10 minutes.

mod book;
mod condition;
mod cron;
mod record;
mod retry;
mod task;
mod times;
mod words;
mod zone;

pub use book::{Book, Ended, Entry, Outlook, Ran, Start};
pub use condition::{Load, OnlyWhen, Surroundings, Window, WindowError};
pub use cron::{CronError, CronPattern};
pub use record::{Pause, Pending, Record, Started};
pub use retry::Retry;
pub use task::{TaskKey, TaskKeyError};
pub use times::grace;
pub use zone::{UnknownZone, Zone};

use crate::model::{IdError, PlanId, Span, SpanError};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When a plan or the upkeep of a repo runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// When somebody asks for it.
    Manual,
    /// At the times of a cron pattern.
    Cron {
        /// Which times.
        pattern: CronPattern,
        /// By the clocks of which zone; `None`: those of the machine.
        zone: Option<Zone>,
        /// By how much at most a run is put off, to spread the load.
        jitter: Duration,
    },
    /// Again and again, after so much time.
    Every {
        /// How much.
        period: Duration,
        /// By how much at most the first run is put off.
        jitter: Duration,
    },
    /// When a run of another plan ended well.
    After {
        /// Which plan.
        plan: PlanId,
    },
}

impl Schedule {
    /// The shortest period of `every`.
    pub const SHORTEST: Duration = Duration::from_secs(60);
    /// The longest period of `every`.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
    /// No run is put off by more.
    pub const MOST_JITTER: Duration = Duration::from_secs(24 * 3600);
    /// The word for [`Schedule::Manual`].
    pub const MANUAL: &str = "manual";

    /// By how much at most a run is put off.
    #[must_use]
    pub const fn jitter(&self) -> Duration {
        match self {
            Self::Cron { jitter, .. } | Self::Every { jitter, .. } => *jitter,
            Self::Manual | Self::After { .. } => Duration::ZERO,
        }
    }

    /// The zone that it names.
    #[must_use]
    pub const fn zone(&self) -> Option<&Zone> {
        match self {
            Self::Cron { zone, .. } => zone.as_ref(),
            Self::Manual | Self::Every { .. } | Self::After { .. } => None,
        }
    }
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// None of the forms.
    #[error(
        "{0:?} is no schedule. Write \"manual\", \"cron: 30 2 * * *\", \"every 6h\" or \"after PLAN\""
    )]
    Unknown(String),
    /// Its pattern is none.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// Its period is no length of time.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// Its plan has no such name.
    #[error(transparent)]
    Plan(#[from] IdError),
    /// Its period is too short or too long.
    #[error("every {given} is not between {least} and {most}")]
    Period {
        /// What was given.
        given: Span,
        /// The shortest.
        least: Span,
        /// The longest.
        most: Span,
    },
}

/// A period of `every` that may be used.
pub(crate) fn period(given: Span) -> Result<Duration, ScheduleError> {
    let (least, most) = (Span(Schedule::SHORTEST), Span(Schedule::LONGEST));
    match (least..=most).contains(&given) {
        true => Ok(given.0),
        false => Err(ScheduleError::Period { given, least, most }),
    }
}

/// `manual`, `cron: 30 2 * * *`, `every 6h`, `after home`: without zone and without jitter.
impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let unknown = || ScheduleError::Unknown(text.chars().take(80).collect());
        let text = text.trim();
        if text == Self::MANUAL {
            return Ok(Self::Manual);
        }
        let (word, rest) = text.split_once([' ', ':']).ok_or_else(unknown)?;
        let rest = rest.trim();
        match word {
            "cron" => Ok(Self::Cron { pattern: rest.parse()?, zone: None, jitter: Duration::ZERO }),
            "every" => Ok(Self::Every { period: period(rest.parse()?)?, jitter: Duration::ZERO }),
            "after" => Ok(Self::After { plan: rest.parse()? }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str(Self::MANUAL),
            Self::Cron { pattern, .. } => write!(f, "cron: {pattern}"),
            Self::Every { period, .. } => write!(f, "every {}", Span(*period)),
            Self::After { plan } => write!(f, "after {plan}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
