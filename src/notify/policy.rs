//! When something is worth saying, when it may be said, and when it is said again.
//!
//! Pure: states and times in, decisions out; what was told last is the store's to keep.
//!
//! 1. Who is told of changes is told once for each: the same state again is no news, and after
//!    another one it is news again, also where that other one is not heard of.
//! 2. Nothing is dropped for quiet hours, a snooze or a digest: it comes when they end, as one; to
//!    what counts events (a command, a monitor) one after another.
//! 3. What cannot be delivered is given up after a day, and some tries at least.

use super::{Event, Severity};
use crate::model::{Timestamp, words};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

words!(
    /// What a hook is told of.
    Repeat, "repeat", {
        /// Every event.
        Always = "always",
        /// What differs from the last of its kind.
        Changes = "changes",
    }
);

/// A time of the day, `08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    minutes: u16,
}

/// Hours of the day in which nothing is said, `22:00-07:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    from: TimeOfDay,
    to: TimeOfDay,
}

/// A text that is no time of the day, or no two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(&'static str);

/// When a hook speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What it is told of.
    pub repeat: Repeat,
    /// After what time a state that is not good is told again.
    pub remind: Option<Duration>,
    /// When what came in a day is told as one.
    pub digest: Option<TimeOfDay>,
    /// When nothing is told.
    pub quiet: Option<Quiet>,
    /// What is told at once all the same: this bad or worse.
    pub wake: Option<Severity>,
}

/// What a hook knows of one state of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The newest event of the family.
    pub event: Event,
    /// Since when it is the newest.
    pub since: Timestamp,
    /// When the hook said so last; `None` if it is not on that event.
    pub told_at: Option<Timestamp>,
}

/// What comes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is said.
    Tell,
    /// It is said to still hold.
    Remind,
    /// Nothing.
    Silence,
}

/// Judges an event of a family for a hook, given what it knows; also what it knows then.
#[must_use]
pub fn judge(
    rule: &Rule,
    on: &[Event],
    before: Option<Known>,
    (event, now): (Event, Timestamp),
) -> (Verdict, Known) {
    let is_heard = event.is_among(on);
    let same = before.filter(|known| known.event == event);
    let since = same.map_or(now, |known| known.since);
    let told_at = same.and_then(|known| known.told_at);
    let verdict = match (is_heard, same) {
        (false, _) => Verdict::Silence,
        (true, None) => Verdict::Tell,
        (true, Some(_)) if rule.repeat == Repeat::Always => Verdict::Tell,
        // It is new to a hook that came to be on it since.
        (true, Some(Known { told_at: None, .. })) => Verdict::Tell,
        (true, Some(known)) if is_due(rule, &known, now) => Verdict::Remind,
        (true, Some(_)) => Verdict::Silence,
    };
    let told_at = if verdict == Verdict::Silence { told_at } else { Some(now) };
    (verdict, Known { event, since, told_at })
}

/// Whether a state that still holds is to be told again by now. What is good is told once.
#[must_use]
pub fn is_due(rule: &Rule, known: &Known, now: Timestamp) -> bool {
    let is_bad = known.event.severity() > Severity::Info;
    let at = rule.remind.zip(known.told_at).map(|(remind, told)| told.plus(remind));
    is_bad && at.is_some_and(|at| at <= now)
}

/// When a message may be delivered: at once (`None`), or not before.
#[must_use]
pub fn hold(
    rule: &Rule,
    severity: Severity,
    (now, zone): (Timestamp, &TimeZone),
    snoozed_until: Option<Timestamp>,
) -> Option<Timestamp> {
    let snoozed = snoozed_until.filter(|until| *until > now);
    if rule.wake.is_some_and(|wake| severity >= wake) {
        return snoozed;
    }
    let at = snoozed.unwrap_or(now);
    let at = rule.digest.and_then(|time| next(time, at, zone)).unwrap_or(at);
    let at = rule.quiet.and_then(|quiet| quiet.end(at, zone)).unwrap_or(at);
    (at > now).then_some(at)
}

const FIRST_RETRY: Duration = Duration::from_secs(5);
const SLOWEST_RETRY: Duration = Duration::from_secs(3600);
/// For how long a message is tried.
pub const TRIED_FOR: Duration = Duration::from_secs(24 * 3600);

/// So often a message is tried at least: a machine that slept through the day has hardly begun.
const LEAST_TRIES: u32 = 12;

/// When a message is tried again that failed so often since it was first due; `None`: it is given up.
#[must_use]
pub fn retry_at(
    failures: u32,
    first_due: Timestamp,
    now: Timestamp,
    after: Option<Duration>,
) -> Option<Timestamp> {
    let doubled = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let wait = doubled.min(SLOWEST_RETRY).max(after.unwrap_or_default());
    let at = now.plus(wait);
    let has_time = at <= first_due.plus(TRIED_FOR) || failures < LEAST_TRIES;
    has_time.then_some(at)
}

/// The next time of that name, after this one.
fn next(time: TimeOfDay, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let local = jiff::Timestamp::from_millisecond(after.as_millis()).ok()?.to_zoned(zone.clone());
    let of_day = Time::new(
        i8::try_from(time.minutes / 60).ok()?,
        i8::try_from(time.minutes % 60).ok()?,
        0,
        0,
    );
    let today = local.date().to_datetime(of_day.ok()?);
    let days = [Some(today), today.tomorrow().ok()];
    let at = |day: jiff::civil::DateTime| {
        let at = day.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
        Some(Timestamp::from_millis(at)).filter(|at| *at > after)
    };
    days.into_iter().flatten().find_map(at)
}

impl Quiet {
    /// When the quiet that holds at a time ends; `None` if none holds.
    fn end(self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(zone.clone());
        let now = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
        let (from, to) = (self.from.minutes, self.to.minutes);
        let holds = if from <= to { (from..to).contains(&now) } else { now >= from || now < to };
        if holds { next(self.to, at, zone) } else { None }
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = TimeError("a time of the day is written as 08:00 or 22:30");
        let (hours, minutes) = text.split_once(':').ok_or(error)?;
        let number = |text: &str, most: u16| {
            let is_short =
                (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u16>().ok().filter(|n| is_short && *n <= most).ok_or(error)
        };
        Ok(Self { minutes: number(hours, 23)? * 60 + number(minutes, 59)? })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl FromStr for Quiet {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = TimeError("quiet hours are two times of the day, as in 22:00-07:00");
        let (from, to) = text.split_once('-').ok_or(error)?;
        let time = |text: &str| text.trim().parse().map_err(|_: TimeError| error);
        let (from, to) = (time(from)?, time(to)?);
        if from == to { Err(error) } else { Ok(Self { from, to }) }
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const RULE: Rule =
        Rule { repeat: Repeat::Changes, remind: None, digest: None, quiet: None, wake: None };

    fn at(text: &str) -> Timestamp {
        let zoned: jiff::Zoned = text.parse().unwrap();
        Timestamp::from_millis(zoned.timestamp().as_millisecond())
    }

    fn rome() -> TimeZone {
        TimeZone::get("Europe/Rome").unwrap()
    }

    /// What is said of a history of events, an hour apart.
    fn told(rule: &Rule, on: &[Event], events: &[Event]) -> Vec<Verdict> {
        let (mut known, mut now) = (None, Timestamp::EPOCH);
        let step = |event: &Event| {
            let (verdict, then) = judge(rule, on, known, (*event, now));
            (known, now) = (Some(then), now.plus(HOUR));
            verdict
        };
        events.iter().map(step).collect()
    }

    #[test]
    fn a_state_is_told_once_and_again_after_another() {
        use Event::{BackupFailed as F, BackupSucceeded as S};
        use Verdict::{Silence, Tell};
        assert_eq!(told(&RULE, &[F], &[S, F, F, F]), [Silence, Tell, Silence, Silence]);
        assert_eq!(told(&RULE, &[F], &[F, S, F]), [Tell, Silence, Tell]);
        let always = Rule { repeat: Repeat::Always, ..RULE };
        assert_eq!(told(&always, &[F, S], &[S, S, F, F]), [Tell; 4]);
    }

    #[test]
    fn what_is_not_good_is_told_again_after_a_time_and_what_is_good_is_not() {
        use Event::{BackupFailed as F, BackupSucceeded as S};
        use Verdict::{Remind, Silence, Tell};
        let rule = Rule { remind: Some(HOUR * 3), ..RULE };
        assert_eq!(
            told(&rule, &[F], &[F; 8]),
            [Tell, Silence, Silence, Remind, Silence, Silence, Remind, Silence]
        );
        assert_eq!(told(&rule, &[S], &[S; 5]), [Tell, Silence, Silence, Silence, Silence]);
        let known = Known { event: F, since: Timestamp::EPOCH, told_at: Some(Timestamp::EPOCH) };
        assert!(is_due(&rule, &known, Timestamp::EPOCH.plus(HOUR * 3)));
        assert!(!is_due(&rule, &known, Timestamp::EPOCH.plus(HOUR * 2)));
        assert!(!is_due(&RULE, &known, Timestamp::EPOCH.plus(HOUR * 9_999)));
    }

    #[test]
    fn a_hook_that_comes_to_be_on_a_state_is_told_of_it() {
        let (verdict, known) = judge(&RULE, &[], None, (Event::Stale, Timestamp::EPOCH));
        assert_eq!((verdict, known.told_at), (Verdict::Silence, None));
        let (verdict, _) =
            judge(&RULE, &[Event::Stale], Some(known), (Event::Stale, Timestamp::EPOCH));
        assert_eq!(verdict, Verdict::Tell);
    }

    #[test]
    fn quiet_hours_hold_what_is_not_bad_enough_until_they_end() {
        let rule = Rule {
            quiet: Some("22:00-07:00".parse().unwrap()),
            wake: Some(Severity::Error),
            ..RULE
        };
        let held = |time: &str, severity| hold(&rule, severity, (at(time), &rome()), None);
        let (night, day) = ("2026-03-10T23:30[Europe/Rome]", "2026-03-10T12:00[Europe/Rome]");
        assert_eq!(held(night, Severity::Warning), Some(at("2026-03-11T07:00[Europe/Rome]")));
        assert_eq!(
            held("2026-03-10T03:00[Europe/Rome]", Severity::Info),
            Some(at("2026-03-10T07:00[Europe/Rome]"))
        );
        assert_eq!(held(night, Severity::Error), None);
        assert_eq!(held(day, Severity::Warning), None);
        assert_eq!(
            held("2026-03-10T07:00[Europe/Rome]", Severity::Info),
            None,
            "the end is no quiet"
        );
    }

    #[test]
    fn a_digest_comes_at_its_time_also_where_the_clocks_change() {
        let rule = Rule { digest: Some("02:30".parse().unwrap()), ..RULE };
        let held = |time: &str| hold(&rule, Severity::Info, (at(time), &rome()), None);
        assert_eq!(
            held("2026-03-10T02:29[Europe/Rome]"),
            Some(at("2026-03-10T02:30[Europe/Rome]"))
        );
        assert_eq!(
            held("2026-03-10T02:30[Europe/Rome]"),
            Some(at("2026-03-11T02:30[Europe/Rome]"))
        );
        // That night there is no half past two: it comes as late as the gap is long.
        assert_eq!(
            held("2026-03-28T12:00[Europe/Rome]"),
            Some(at("2026-03-29T03:30[Europe/Rome]"))
        );
    }

    #[test]
    fn a_snooze_holds_everything_and_no_more_than_it_says() {
        let now = at("2026-03-10T12:00[Europe/Rome]");
        let loud = Rule { wake: Some(Severity::Info), ..RULE };
        for rule in [RULE, loud] {
            let held = |until| hold(&rule, Severity::Error, (now, &rome()), Some(until));
            assert_eq!(held(now.plus(HOUR)), Some(now.plus(HOUR)));
            assert_eq!(held(now), None);
        }
    }

    #[test]
    fn tries_come_slower_and_end_after_a_day() {
        let start = Timestamp::EPOCH;
        let (mut now, mut tries) = (start, 0);
        while let Some(at) = retry_at(tries + 1, start, now, None) {
            let wait = at.since(now);
            assert!(wait >= FIRST_RETRY && wait <= SLOWEST_RETRY);
            (now, tries) = (at, tries + 1);
        }
        assert!(
            now.since(start) > TRIED_FOR - SLOWEST_RETRY - HOUR && (25..50).contains(&tries),
            "{tries}"
        );
        let asked = retry_at(1, start, start, Some(HOUR * 2));
        assert_eq!(asked, Some(start.plus(HOUR * 2)), "the service said when");
        assert_eq!(retry_at(u32::MAX, start, start.plus(TRIED_FOR), None), None);
        let slept = start.plus(TRIED_FOR * 3);
        assert!(retry_at(1, start, slept, None).is_some(), "a machine that slept tries again");
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, shown) in [("8:00", "08:00"), ("23:59", "23:59"), ("00:05", "00:05")] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), shown);
        }
        for bad in ["24:00", "8", "08:60", "+8:00", "008:00", ""] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
        assert_eq!("22:00 - 7:00".parse::<Quiet>().unwrap().to_string(), "22:00-07:00");
        assert!("22:00-22:00".parse::<Quiet>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_held_comes_within_two_days_and_never_in_quiet_hours(
            millis in 0_i64..4_000_000_000_000, from in 0_u16..1440, to in 0_u16..1440, digest in 0_u16..1440
        ) {
            prop_assume!(from != to);
            let quiet = Quiet { from: TimeOfDay { minutes: from }, to: TimeOfDay { minutes: to } };
            let rule = Rule { quiet: Some(quiet), digest: Some(TimeOfDay { minutes: digest }), ..RULE };
            let now = Timestamp::from_millis(millis);
            let zone = TimeZone::UTC;
            let at = hold(&rule, Severity::Info, (now, &zone), None).unwrap();
            prop_assert!(at > now && at.since(now) <= HOUR * 48);
            prop_assert_eq!(quiet.end(at, &zone), None);
        }
    }
}
