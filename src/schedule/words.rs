//! A schedule in plain words, and what changes of the clocks will do to it.

use super::{CronPattern, Schedule, Zone};
use crate::model::{Span, Timestamp};
use jiff::civil::DateTime;
use std::time::Duration;

/// How far ahead changes of the clocks are told.
const AHEAD: Duration = Duration::from_secs(366 * 24 * 3600);
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Schedule {
    /// As a person would say it; `local` is the machine's zone.
    #[must_use]
    pub fn words(&self, local: &Zone) -> String {
        let jitter = self.jitter();
        let put_off = match jitter.is_zero() {
            true => String::new(),
            false => format!(", put off by up to {}", length(jitter)),
        };
        match self {
            Self::Manual => "When somebody asks for it".to_owned(),
            Self::After { plan } => format!("After each run of {plan} that ended well"),
            Self::Every { period, .. } => format!("{}{put_off}", every(*period)),
            Self::Cron { pattern, zone, .. } => {
                let zone = zone.as_ref().unwrap_or(local);
                format!("{}, {}{put_off}", pattern.words(), clocks(zone))
            }
        }
    }

    /// What the next changes of the clocks will do to it, where they do anything.
    #[must_use]
    pub fn clock_changes(&self, after: Timestamp, local: &Zone) -> Option<String> {
        let Self::Cron { pattern, zone, .. } = self else { return None };
        let zone = zone.as_ref().unwrap_or(local);
        let (mut skipped, mut repeated) = (None, None);
        for (before, then) in changes(zone, after) {
            if before < then {
                skipped = skipped.or_else(|| pattern.skipped(before, then));
            } else {
                repeated = repeated.or_else(|| pattern.repeated(then, before));
            }
        }
        let told: Vec<_> = repeated.into_iter().chain(skipped).collect();
        (!told.is_empty()).then(|| told.join(" "))
    }
}

/// What the clocks show at each change to come: before it, and then.
fn changes(zone: &Zone, after: Timestamp) -> Vec<(DateTime, DateTime)> {
    let instant = |at: Timestamp| jiff::Timestamp::from_millisecond(at.as_millis()).ok();
    let (Some(from), Some(until)) = (instant(after), instant(after.plus(AHEAD))) else {
        return Vec::new();
    };
    let mut offset = zone.rules().to_offset(from);
    let mut changes = Vec::new();
    for change in zone.rules().following(from).take_while(|change| change.timestamp() <= until) {
        let (at, then) = (change.timestamp(), change.offset());
        changes.push((offset.to_datetime(at), then.to_datetime(at)));
        offset = then;
    }
    changes
}

impl CronPattern {
    fn skipped(&self, from: DateTime, until: DateTime) -> Option<String> {
        let at = self.within(from, until)?;
        if self.follows_hours() {
            return None;
        }
        let (day, at) = (day(at), clock(at));
        Some(format!("On {day} the clocks skip {at}: it runs at {}.", clock(until)))
    }

    fn repeated(&self, from: DateTime, until: DateTime) -> Option<String> {
        let at = self.within(from, until)?;
        let how = if self.follows_hours() { "both times" } else { "the first time" };
        Some(format!("On {} {} comes twice: it runs {how}.", day(at), clock(at)))
    }

    fn words(&self) -> String {
        let fields = self.fields();
        let parts: Vec<&str> = fields.split(' ').collect();
        let [minute, hour, date, month, weekday] = parts[..] else { return self.described() };
        let said = match (minute, hour, date, month, weekday) {
            ("*", "*", "*", "*", "*") => Some("Every minute".to_owned()),
            (step, "*", "*", "*", "*") if step.starts_with("*/") => {
                step[2..].parse().ok().map(|n: u64| every(Duration::from_secs(60 * n)))
            }
            (minute, "*", "*", "*", "*") => {
                number(minute, 59).map(|m| format!("Every hour at :{m:02}"))
            }
            (minute, step, "*", "*", "*") if step.starts_with("*/") => number(minute, 59)
                .zip(step[2..].parse().ok())
                .map(|(m, n): (u32, u64)| format!("{} at :{m:02}", every_hours(n))),
            (minute, hours, "*", "*", weekday) => times(minute, hours)
                .zip(weekdays(weekday))
                .map(|(at, days)| format!("{days} at {at}")),
            (minute, hours, date, "*", "*") => times(minute, hours)
                .zip(number(date, 31))
                .map(|(at, date)| format!("On day {date} of every month at {at}")),
            _ => None,
        };
        said.unwrap_or_else(|| self.described())
    }
}

fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| *number <= most)
}

/// `06:00`, `06:00 and 18:00`.
fn times(minute: &str, hours: &str) -> Option<String> {
    let minute = number(minute, 59)?;
    let time = |hour: &str| Some(format!("{:02}:{minute:02}", number(hour, 23)?));
    listed(&hours.split(',').map(time).collect::<Option<Vec<_>>>()?)
}

/// `Every day`, `Every Monday`, `Monday to Friday`.
fn weekdays(field: &str) -> Option<String> {
    let name = |text: &str| {
        let by_name = DAYS.iter().find(|day| day[..3].eq_ignore_ascii_case(text)).copied();
        by_name.or_else(|| DAYS.get(text.parse::<usize>().ok()? % 7).copied())
    };
    if field == "*" {
        return Some("Every day".to_owned());
    }
    if let Some((from, to)) = field.split_once('-') {
        return Some(format!("{} to {}", name(from)?, name(to)?));
    }
    let days: Vec<String> =
        field.split(',').map(|day| name(day).map(str::to_owned)).collect::<Option<_>>()?;
    listed(&days).map(|days| format!("Every {days}"))
}

fn listed(items: &[String]) -> Option<String> {
    let (last, before) = items.split_last()?;
    Some(if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) })
}

fn every_hours(n: u64) -> String {
    every(Duration::from_secs(3600 * n))
}

fn every(period: Duration) -> String {
    let said = length(period);
    // What comes each single day or hour is not said to come each one day.
    format!("Every {}", said.strip_prefix("1 ").unwrap_or(&said))
}

/// `6 hours`, `1 day`, `90 seconds`.
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole = units.iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) if seconds == *unit => format!("1 {name}"),
        Some((unit, name)) if time.subsec_nanos() == 0 => format!("{} {name}s", seconds / unit),
        Some(_) | None => Span(time).to_string(),
    }
}

/// `Berlin time`, `UTC`.
fn clocks(zone: &Zone) -> String {
    let name = zone.to_string();
    match name.rsplit_once('/') {
        Some((_, city)) => format!("{} time", city.replace('_', " ")),
        None => name,
    }
}

fn day(at: DateTime) -> String {
    at.strftime("%a %-d %b %Y").to_string()
}

fn clock(at: DateTime) -> String {
    at.strftime("%H:%M").to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cron(pattern: &str, zone: &str, jitter_s: u64) -> Schedule {
        let (zone, jitter) = (Some(zone.parse().unwrap()), Duration::from_secs(jitter_s));
        Schedule::Cron { pattern: pattern.parse().unwrap(), zone, jitter }
    }

    #[test]
    fn schedules_are_said_as_people_say_them() {
        for (pattern, said) in [
            ("0 1 * * *", "Every day at 01:00, Berlin time"),
            ("@daily", "Every day at 00:00, Berlin time"),
            ("30 6,18 * * *", "Every day at 06:30 and 18:30, Berlin time"),
            ("0 3 * * 0", "Every Sunday at 03:00, Berlin time"),
            ("0 3 * * 7", "Every Sunday at 03:00, Berlin time"),
            ("0 3 * * mon,thu", "Every Monday and Thursday at 03:00, Berlin time"),
            ("0 22 * * 1-5", "Monday to Friday at 22:00, Berlin time"),
            ("0 4 1 * *", "On day 1 of every month at 04:00, Berlin time"),
            ("15 * * * *", "Every hour at :15, Berlin time"),
            ("0 */6 * * *", "Every 6 hours at :00, Berlin time"),
            ("*/15 * * * *", "Every 15 minutes, Berlin time"),
            ("* * * * *", "Every minute, Berlin time"),
        ] {
            assert_eq!(cron(pattern, "Europe/Berlin", 0).words(&Zone::UTC), said, "{pattern}");
        }
        let odd = cron("0 4 13 * 5", "UTC", 0).words(&Zone::UTC);
        assert!(odd.ends_with(", UTC") && odd.contains("Friday"), "{odd}");
        let put_off = cron("0 1 * * *", "America/New_York", 1200).words(&Zone::UTC);
        assert_eq!(put_off, "Every day at 01:00, New York time, put off by up to 20 minutes");
        let local = Schedule::Cron {
            pattern: "0 1 * * *".parse().unwrap(),
            zone: None,
            jitter: Duration::ZERO,
        };
        assert_eq!(local.words(&"Asia/Tokyo".parse().unwrap()), "Every day at 01:00, Tokyo time");
        for (text, said) in [
            ("every 6h", "Every 6 hours"),
            ("every 1d", "Every day"),
            ("every 90s", "Every 90 seconds"),
            ("every 36h", "Every 36 hours"),
            ("manual", "When somebody asks for it"),
            ("after home", "After each run of home that ended well"),
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap().words(&Zone::UTC), said);
        }
    }

    #[test]
    fn what_a_clock_change_does_is_said_where_it_does_anything() {
        let now = Timestamp::parse("2026-09-01T00:00:00Z").unwrap();
        let said = |pattern, zone| cron(pattern, zone, 0).clock_changes(now, &Zone::UTC);
        assert_eq!(
            said("30 2 * * *", "Europe/Berlin").unwrap(),
            "On Sun 25 Oct 2026 02:30 comes twice: it runs the first time. \
             On Sun 28 Mar 2027 the clocks skip 02:30: it runs at 03:00."
        );
        assert_eq!(
            said("30 * * * *", "Europe/Berlin").unwrap(),
            "On Sun 25 Oct 2026 02:30 comes twice: it runs both times."
        );
        assert_eq!(
            said("0 2 * * *", "Europe/London"),
            None,
            "there the clocks skip and repeat the hour before"
        );
        assert_eq!(said("30 2 * * 1-5", "Europe/Berlin"), None, "clocks change on Sundays");
        assert_eq!(said("30 2 * * *", "UTC"), None);
        let every: Schedule = "every 6h".parse().unwrap();
        assert_eq!(every.clock_changes(now, &"Europe/Berlin".parse().unwrap()), None);
    }
}
