//! Cron patterns of five fields, as vixie cron reads them.
//!
//! What happens when a zone changes its clocks is decided here and written down in
//! `docs/schedules.md`. A pattern whose hour field begins with `*` follows the time that passes: it
//! runs in each hour there is, in a repeated one twice. Every other pattern names times of a day: one
//! that is skipped runs at the first moment after the gap, one that is repeated runs the first time.

use super::Zone;
use crate::model::Timestamp;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::ToSpan as _;
use jiff::civil::{self, DateTime};
use jiff::tz::{AmbiguousOffset, Offset};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What the fields are called, and what they may say.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12 or JAN to DEC"),
    ("day of the week", "0 to 7 or SUN to SAT"),
];

/// A cron pattern, such as `30 2 * * *`.
#[derive(Clone, PartialEq, Eq)]
pub struct CronPattern {
    text: String,
    /// Large: sets of bits for each field.
    cron: Box<Cron>,
    follows: Follows,
    longest_gap: Duration,
}

/// What a pattern goes by when clocks are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// The times of a day that it names.
    Clock,
    /// The hours that pass.
    Hours,
}

/// Why a text is no cron pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Its fields cannot be read.
    #[error(
        "{text:?} is no cron pattern: {reason}. It has five fields: minute, hour, day of the month, month, day of the week"
    )]
    Malformed {
        /// What was given, cut to 80 characters.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No day is ever like that.
    #[error("{text:?} never comes: there is no such day")]
    Never {
        /// What was given.
        text: String,
    },
}

impl CronPattern {
    /// No pattern needs more characters.
    const LONGEST: usize = 200;
    /// More steps than any pattern takes to find its next time.
    const STEPS: usize = 20_000;

    /// The first time after `after` at which it comes.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match self.follows {
            Follows::Clock => self.next_by_clock(after, zone),
            Follows::Hours => self.next_by_hours(after, zone),
        }
    }

    /// The longest time between two of its times, by a clock that is never changed.
    #[must_use]
    pub const fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// Whether it comes in every hour that passes, whatever the clocks show.
    pub(super) const fn follows_hours(&self) -> bool {
        matches!(self.follows, Follows::Hours)
    }

    /// The first time of a clock at which it comes, from the one on and before the other.
    pub(super) fn within(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        self.next_civil(from, true).filter(|at| *at < until)
    }

    /// Its five fields, nicknames spelled out.
    pub(super) fn fields(&self) -> String {
        spelled_out(&self.text)
    }

    /// In words, for any pattern.
    pub(super) fn described(&self) -> String {
        self.cron.describe().trim_end_matches('.').to_owned()
    }

    fn next_civil(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, inclusive).ok()
    }

    fn next_by_clock(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let mut civil = zone.clock_at(after).datetime();
        for _ in 0..Self::STEPS {
            civil = self.next_civil(civil, false)?;
            // Never goes back as the clock time goes forward; what is the same was run already.
            let at = instant(civil, zone)?;
            if at > after {
                return Some(at);
            }
        }
        None
    }

    /// Between two changes of its clocks a zone has one offset: there clock time passes as time does.
    fn next_by_hours(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let mut from = jiff::Timestamp::from_millisecond(after.as_millis()).ok()?;
        let mut inclusive = false;
        for _ in 0..Self::STEPS {
            let offset = zone.rules().to_offset(from);
            let until = zone.rules().following(from).next().map(|change| change.timestamp());
            let civil = self.next_civil(offset.to_datetime(from), inclusive)?;
            let at = offset.to_timestamp(civil).ok()?;
            match until {
                Some(until) if at >= until => (from, inclusive) = (until, true),
                Some(_) | None => return Some(Timestamp::from_millis(at.as_millisecond())),
            }
        }
        None
    }
}

/// When a clock of the zone shows this for the first time, or has passed it.
fn instant(civil: DateTime, zone: &Zone) -> Option<Timestamp> {
    let shown = |offset: Offset| offset.to_timestamp(civil).ok();
    let at = match zone.rules().to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => shown(offset)?,
        AmbiguousOffset::Fold { before, .. } => shown(before)?,
        AmbiguousOffset::Gap { after, .. } => {
            // With the later offset the skipped time lies just before the change.
            zone.rules().following(shown(after)?).next()?.timestamp()
        }
    };
    Some(Timestamp::from_millis(at.as_millisecond()))
}

impl FromStr for CronPattern {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let malformed = |reason: &str| CronError::Malformed {
            text: text.chars().take(80).collect(),
            reason: reason.to_owned(),
        };
        if text.len() > Self::LONGEST {
            return Err(malformed("it is too long"));
        }
        let fields = spelled_out(&text);
        let starred = |n: usize| fields.split(' ').nth(n).is_some_and(|f| f.starts_with('*'));
        // Either day will do, unless one of the fields begins with a star.
        let cron = parser(starred(2) || starred(4))
            .parse(&fields)
            .map_err(|error| malformed(&wrong_field(&fields).unwrap_or_else(|| reason(&error))))?;
        let follows = if starred(1) { Follows::Hours } else { Follows::Clock };
        let never = || CronError::Never { text: text.clone() };
        let longest_gap = longest_gap(&cron).ok_or_else(never)?;
        Ok(Self { cron: Box::new(cron), follows, longest_gap, text })
    }
}

/// `None` where no day is one of its days: dates and weekdays come round within 28 years.
fn longest_gap(cron: &Cron) -> Option<Duration> {
    let (hours, minutes) = (cron.pattern.hours.values(), cron.pattern.minutes.values());
    let of_day = hours.iter().flat_map(|hour| minutes.iter().map(move |m| 60 * hour + m));
    let of_day: Vec<u64> = of_day.map(u64::from).collect();
    let (first, last) = (*of_day.first()?, *of_day.last()?);
    let at = civil::time(i8::try_from(first / 60).ok()?, i8::try_from(first % 60).ok()?, 0, 0);
    let start = civil::date(2000, 1, 1);
    let is_its_day =
        |day: &civil::Date| cron.is_time_matching(&day.to_datetime(at)).ok() == Some(true);
    let days = start.series(1.day()).zip(0_u64..28 * 365 + 7);
    let its_days: Vec<u64> = days.filter(|(day, _)| is_its_day(day)).map(|(_, n)| n).collect();
    let within_a_day = of_day.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    let round = *its_days.first()? + (28 * 365 + 7) - *its_days.last()?;
    let days = its_days.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0).max(round);
    let over_night = (days * 24 * 60 + first) - last;
    Some(Duration::from_secs(60 * over_night.max(within_a_day)))
}

/// The nicknames of vixie cron as fields.
fn spelled_out(text: &str) -> String {
    let fields = match text.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => text,
    };
    fields.to_owned()
}

fn parser(both_days: bool) -> CronParser {
    let builder = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
    builder.dom_and_dow(both_days).build()
}

/// The first of five fields that cannot be read with stars for the others either.
fn wrong_field(fields: &str) -> Option<String> {
    let given: Vec<&str> = fields.split(' ').collect();
    let given: [&str; FIELDS.len()] = given.try_into().ok()?;
    let alone = |n: usize| {
        let mut alone = ["*"; FIELDS.len()];
        alone[n] = given[n];
        alone.join(" ")
    };
    let n = (0..FIELDS.len()).find(|&n| parser(true).parse(&alone(n)).is_err())?;
    let (name, range) = FIELDS[n];
    Some(format!("{:?} is no {name}, which is {range}", given[n]))
}

fn reason(error: &croner::errors::CronError) -> String {
    use croner::errors::CronError as E;
    match error {
        E::InvalidPattern(_) | E::EmptyPattern => "its fields are not five".to_owned(),
        E::IllegalCharacters(_) => "it has characters that mean nothing in it".to_owned(),
        E::ComponentError(said) => said.trim_end_matches('.').to_owned(),
        E::InvalidDate | E::InvalidTime | E::TimeSearchLimitExceeded => {
            "a number is out of its range".to_owned()
        }
    }
}

impl fmt::Display for CronPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CronPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
