//! A time zone by its name.

use crate::model::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use std::fmt;
use std::str::FromStr;

/// A time zone of the IANA database, such as `Europe/Rome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone. Write a name such as \"Europe/Rome\", or \"UTC\"")]
pub struct UnknownZone(String);

impl Zone {
    /// The zone without clock changes.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone of this machine as it is set now; UTC where none is.
    #[must_use]
    pub fn of_this_machine() -> Self {
        // Asked for anew: a machine travels, and its daemon runs on.
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// A point in time as its clocks show it, for people: `Sun 2026-03-29 03:00 +02:00`.
    #[must_use]
    pub fn show(&self, at: Timestamp) -> String {
        self.clock_at(at).strftime("%a %Y-%m-%d %H:%M %:z").to_string()
    }

    /// The days up to the one of a point in time, as its clocks have them: the name of each
    /// (`2026-11-21`) with its beginning, oldest first, and the end of the last.
    #[must_use]
    pub fn days(&self, at: Timestamp, count: u32) -> (Vec<(String, Timestamp)>, Timestamp) {
        let last = self.clock_at(at).date();
        let begins = |date: Date| {
            let zoned = date.to_zoned(self.0.clone());
            zoned.map_or(at, |zoned| Timestamp::from_millis(zoned.timestamp().as_millisecond()))
        };
        let back = |n: u32| last.saturating_sub(i64::from(n).days());
        let days = (0..count).rev().map(|n| (back(n).to_string(), begins(back(n))));
        (days.collect(), begins(last.saturating_add(1.days())))
    }

    pub(super) const fn rules(&self) -> &TimeZone {
        &self.0
    }

    /// A point in time as its clocks show it.
    pub(super) fn clock_at(&self, at: Timestamp) -> Zoned {
        let at = jiff::Timestamp::from_millisecond(at.as_millis());
        at.unwrap_or(jiff::Timestamp::MAX).to_zoned(self.0.clone())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone(text.chars().take(80).collect());
        if text.len() > 80 {
            return Err(unknown());
        }
        TimeZone::get(text).map(Self).map_err(|_| unknown())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("local time"))
    }
}
