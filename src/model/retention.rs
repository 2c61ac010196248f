//! What of a plan's snapshots is kept.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What of a plan's snapshots is forgotten, and what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// Nobody has said: nothing is forgotten.
    #[default]
    None,
    /// Somebody has chosen to forget nothing.
    KeepAll,
    /// What a rule keeps stays, the rest is forgotten.
    Keep(Rules),
}

/// Rules, each of which keeps snapshots; what any of them keeps stays. At least one keeps something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The newest so many.
    pub last: u32,
    /// The newest of each of the last so many hours that have one; the same for days and so on.
    pub hourly: u32,
    /// As `hourly`, of days.
    pub daily: u32,
    /// As `hourly`, of weeks (they begin on Monday).
    pub weekly: u32,
    /// As `hourly`, of months.
    pub monthly: u32,
    /// As `hourly`, of years.
    pub yearly: u32,
    /// All that are at most so much older than the newest one.
    pub within: Option<Within>,
}

/// A time of whole hours, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Within(u32);

/// A text that is no retention.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// Not of the form.
    #[error(
        "retention {0:?} is not understood; write none, keep-all, or rules such as last=3,daily=30,within=90d"
    )]
    Form(String),
    /// No rule would keep anything.
    #[error(
        "this retention would keep nothing; give at least one rule more than 0, or say keep-all"
    )]
    KeepsNothing,
    /// More than anybody needs.
    #[error(
        "{name} = {count} is too much; at most {} are counted, keep-all keeps all",
        Rules::MOST
    )]
    TooMany {
        /// Which rule.
        name: &'static str,
        /// What was given.
        count: u64,
    },
    /// A time that is not of whole hours.
    #[error("within {0:?} is no time of whole hours, such as 36h, 90d or 2w")]
    Within(String),
}

impl Rules {
    /// More snapshots than this are not counted: `keep-all` says it better.
    pub const MOST: u32 = 100_000;

    /// The names of the rules that count, in the order of the documentation.
    pub const COUNTED: [&str; 6] = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];

    /// The rules that count, by name.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u32); 6] {
        [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ]
    }

    /// Sets a rule by its name. `false` if there is none of that name.
    ///
    /// # Errors
    /// More than [`Rules::MOST`].
    pub fn set(&mut self, name: &str, count: u64) -> Result<bool, RetentionError> {
        let Some(at) = Self::COUNTED.iter().position(|known| *known == name) else {
            return Ok(false);
        };
        let too_many = RetentionError::TooMany { name: Self::COUNTED[at], count };
        let count = u32::try_from(count).ok().filter(|count| *count <= Self::MOST);
        let count = count.ok_or(too_many)?;
        let rules = [
            &mut self.last,
            &mut self.hourly,
            &mut self.daily,
            &mut self.weekly,
            &mut self.monthly,
            &mut self.yearly,
        ];
        rules.into_iter().skip(at).take(1).for_each(|rule| *rule = count);
        Ok(true)
    }

    /// The rules, if they keep anything.
    ///
    /// # Errors
    /// They would keep nothing.
    pub fn checked(self) -> Result<Self, RetentionError> {
        let keeps = self.within.is_some() || self.counts().iter().any(|(_, count)| *count > 0);
        if keeps { Ok(self) } else { Err(RetentionError::KeepsNothing) }
    }
}

impl Retention {
    /// The rules, where something may be forgotten.
    #[must_use]
    pub const fn rules(&self) -> Option<&Rules> {
        match self {
            Self::Keep(rules) => Some(rules),
            Self::None | Self::KeepAll => None,
        }
    }
}

/// As it is written on a command line, and read back.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::KeepAll => f.write_str("keep-all"),
            Self::Keep(rules) => fmt::Display::fmt(rules, f),
        }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counted = counted.map(|(name, count)| format!("{name}={count}"));
        let within = self.within.map(|within| format!("within={within}"));
        f.write_str(&counted.chain(within).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Retention {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        match text {
            "none" => Ok(Self::None),
            "keep-all" => Ok(Self::KeepAll),
            _ => text.parse().map(Self::Keep),
        }
    }
}

impl FromStr for Rules {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let form = || RetentionError::Form(text.chars().take(80).collect());
        let mut rules = Self::default();
        for rule in text.split(',') {
            let (name, value) = rule.trim().split_once('=').ok_or_else(form)?;
            if name == "within" {
                rules.within = Some(value.parse()?);
                continue;
            }
            let count = value.parse().map_err(|_| form())?;
            if !rules.set(name, count)? {
                return Err(form());
            }
        }
        rules.checked()
    }
}

impl Within {
    /// In hours.
    #[must_use]
    pub const fn hours(self) -> u32 {
        self.0
    }

    /// As a length of time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64 * 3600)
    }
}

impl FromStr for Within {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let error = || RetentionError::Within(text.chars().take(80).collect());
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (number, unit) = text.split_at(end);
        let hours = match unit {
            "h" => 1,
            "d" => 24,
            "w" => 7 * 24,
            "y" => 365 * 24,
            _ => return Err(error()),
        };
        let hours = number.parse::<u32>().ok().and_then(|number| number.checked_mul(hours));
        hours.filter(|hours| (1..=100 * 366 * 24).contains(hours)).map(Self).ok_or_else(error)
    }
}

/// In days where it is whole ones: `90d`, `36h`. restic reads it too.
impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(24) {
            write!(f, "{}d", self.0 / 24)
        } else {
            write!(f, "{}h", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["none", "keep-all", "last=3,hourly=24,daily=30,within=90d", "within=36h"] {
            let read: Retention = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let weeks: Retention = "yearly=0, within=2w".parse().unwrap();
        assert_eq!(weeks.to_string(), "within=14d");
    }

    #[test]
    fn what_would_keep_nothing_is_an_error() {
        assert_eq!("daily=0".parse::<Retention>(), Err(RetentionError::KeepsNothing));
        assert_eq!(Rules::default().checked(), Err(RetentionError::KeepsNothing));
        assert!(matches!("within=0d".parse::<Retention>(), Err(RetentionError::Within(_))));
    }

    #[test]
    fn anything_else_says_how_to_write_it() {
        for text in ["", "daily", "daily=x", "dayly=3", "daily=-1", "within=3", "within=3m"] {
            assert!(text.parse::<Retention>().is_err(), "{text}");
        }
        let many = "daily=100001".parse::<Retention>();
        assert_eq!(many, Err(RetentionError::TooMany { name: "daily", count: 100_001 }));
    }
}
