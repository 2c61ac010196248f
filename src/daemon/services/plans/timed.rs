//! What a request says of schedules and pauses.

use super::super::refuse;
use crate::config::Span;
use crate::model::Timestamp;
use crate::schedule::{Pause, Schedule, Zone};
use std::time::Duration;
use tonic::Status;

/// What of a schedule is to be another; what is absent stays.
#[derive(Debug, Default)]
pub(in crate::daemon::services) struct Change {
    pub(in crate::daemon::services) schedule: Option<String>,
    pub(in crate::daemon::services) time_zone: Option<String>,
    pub(in crate::daemon::services) jitter_s: Option<u64>,
}

const EXAMPLES: &str = "write it like \"cron: 30 2 * * *\", \"every 6h\", \"after PLAN\" or manual";

impl Change {
    pub(in crate::daemon::services) fn of(self, before: &Schedule) -> Result<Schedule, Status> {
        let after = match &self.schedule {
            Some(text) => text
                .parse()
                .map_err(|error| refuse::invalid(format!("schedule: {error}"), EXAMPLES))?,
            None => before.clone(),
        };
        self.applied(after, before)
    }

    /// The other schedule, with what stays of this one.
    pub(in crate::daemon::services) fn applied(
        self,
        after: Schedule,
        before: &Schedule,
    ) -> Result<Schedule, Status> {
        let put_off = match self.jitter_s {
            Some(seconds) => jitter(seconds)?,
            None => before.jitter(),
        };
        let named = match self.time_zone.as_deref() {
            Some("") => Some(None),
            Some(name) => Some(Some(zone(name)?)),
            None => None,
        };
        match after {
            Schedule::Cron { pattern, .. } => {
                let zone = named.unwrap_or_else(|| before.zone().cloned());
                Ok(Schedule::Cron { pattern, zone, jitter: put_off })
            }
            _ if named.is_some_and(|zone| zone.is_some()) => {
                Err(refuse::invalid("time-zone: only a cron pattern has one", EXAMPLES))
            }
            Schedule::Every { period, .. } => Ok(Schedule::Every { period, jitter: put_off }),
            Schedule::Manual | Schedule::After { .. } if self.jitter_s.is_some_and(|s| s > 0) => {
                Err(refuse::invalid("jitter: only a cron pattern or a period has one", EXAMPLES))
            }
            Schedule::Manual | Schedule::After { .. } => Ok(after),
        }
    }
}

fn zone(name: &str) -> Result<Zone, Status> {
    name.parse().map_err(|error| refuse::invalid(format!("time-zone: {error}"), "Europe/Rome"))
}

fn jitter(seconds: u64) -> Result<Duration, Status> {
    let given = Duration::from_secs(seconds);
    if given <= Schedule::MOST_JITTER {
        return Ok(given);
    }
    let (given, most) = (Span(given), Span(Schedule::MOST_JITTER));
    Err(refuse::invalid(format!("jitter {given}: it is at most {most}"), "write it like 20m"))
}

/// 0 stands for none.
pub(super) fn grace(seconds: u64) -> Result<Option<Span>, Status> {
    const DAYS_31: u64 = 31 * 24 * 3600;
    match seconds {
        0 => Ok(None),
        60..=DAYS_31 => Ok(Some(Span(Duration::from_secs(seconds)))),
        _ => {
            let message = format!("grace {seconds}s: it is from one minute to 31 days");
            Err(refuse::invalid(message, "write it like 1h"))
        }
    }
}

pub(super) fn pause(until: Option<&str>, now: Timestamp) -> Result<Pause, Status> {
    let Some(text) = until else { return Ok(Pause::UntilResumed) };
    let example = "write it like 2026-11-21T06:00:00Z";
    match Timestamp::parse(text) {
        Some(end) if end > now => Ok(Pause::Until(end)),
        Some(end) => Err(refuse::invalid(format!("until {end}: that is over"), example)),
        None => Err(refuse::invalid(format!("until {text:?}: this is no time"), example)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn change(schedule: &str, time_zone: Option<&str>, jitter_s: Option<u64>) -> Change {
        let schedule = Some(schedule.to_owned()).filter(|text| !text.is_empty());
        Change { schedule, time_zone: time_zone.map(str::to_owned), jitter_s }
    }

    #[test]
    fn what_is_not_named_stays_where_the_new_schedule_can_have_it() {
        let rome = Some("Europe/Rome");
        let first = change("cron: 30 2 * * *", rome, Some(60)).of(&Schedule::Manual).unwrap();
        assert_eq!(first.zone().unwrap().to_string(), "Europe/Rome");
        let moved = change("cron: 0 4 * * *", None, None).of(&first).unwrap();
        assert_eq!((moved.zone(), moved.jitter()), (first.zone(), Duration::from_secs(60)));
        assert_eq!(moved.to_string(), "cron: 0 4 * * *");
        assert_eq!(change("", Some(""), None).of(&moved).unwrap().zone(), None);
        let every = change("every 6h", None, None).of(&moved).unwrap();
        assert_eq!((every.to_string().as_str(), every.jitter().as_secs()), ("every 6h", 60));
        assert_eq!(change("manual", None, None).of(&every).unwrap(), Schedule::Manual);
        assert_eq!(change("", None, None).of(&every).unwrap(), every);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let said = |change: Change| change.of(&Schedule::Manual).unwrap_err().message().to_owned();
        assert!(said(change("hourly", None, None)).contains("schedule: \"hourly\""));
        assert!(said(change("every 6h", Some("UTC"), None)).contains("time-zone"));
        assert!(said(change("cron: @daily", Some("Rome"), None)).contains("\"Rome\""));
        assert!(said(change("every 6h", None, Some(90_000))).contains("jitter 25h"));
        assert!(said(change("manual", None, Some(9))).contains("jitter"));
        let now = Timestamp::EPOCH;
        assert!(pause(Some("yesterday"), now).is_err());
        assert!(pause(Some("1969-01-01T00:00:00Z"), now).is_err());
        assert_eq!(pause(None, now).unwrap(), Pause::UntilResumed);
    }
}
