//! The upkeep of a repo, as texts of a request and of a document.

use super::super::plans::timed::Change;
use super::super::refuse;
use crate::api::UpkeepSettings;
use crate::config::{CheckTask, ForgetTask, PruneTask, Schedule, Span, StatsTask, Upkeep};
use crate::model::Rules;
use crate::schedule::Retry;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use tonic::Status;

/// No longer wait is of use to anybody.
const LONGEST_WAIT_S: u64 = 7 * 24 * 3600;
/// What is told later is of no use to anybody.
const LONGEST_ALARM_S: u64 = 31 * 24 * 3600;

/// What is absent stays, what is empty is removed.
pub(super) fn set(upkeep: &mut Upkeep, given: UpkeepSettings) -> Result<(), Status> {
    forget(upkeep, given.forget, given.forget_schedule)?;
    if let Some(text) = given.prune_schedule {
        let (before, max_unused) = match upkeep.prune.take() {
            Some(prune) => (prune.schedule, prune.max_unused),
            None => (Schedule::Manual, None),
        };
        let schedule = schedule("prune", &text, &before)?;
        upkeep.prune = schedule.map(|schedule| PruneTask { schedule, max_unused });
    }
    if let Some(text) = given.max_unused {
        let max_unused = parsed("max-unused", &text)?;
        let prune = PruneTask { schedule: Schedule::Manual, max_unused: None };
        upkeep.prune.get_or_insert(prune).max_unused = max_unused;
    }
    if let Some(text) = given.check_schedule {
        let (before, read_data) = match upkeep.check.take() {
            Some(check) => (check.schedule, check.read_data),
            None => (Schedule::Manual, None),
        };
        let schedule = schedule("check", &text, &before)?;
        upkeep.check = schedule.map(|schedule| CheckTask { schedule, read_data });
    }
    if let Some(text) = given.read_data {
        let read_data = parsed("read-data", &text)?;
        let check = CheckTask { schedule: Schedule::Manual, read_data: None };
        upkeep.check.get_or_insert(check).read_data = read_data;
    }
    if let Some(text) = given.stats_schedule {
        let before = upkeep.stats.take().map_or(Schedule::Manual, |stats| stats.schedule);
        upkeep.stats = schedule("stats", &text, &before)?.map(|schedule| StatsTask { schedule });
    }
    if let Some(seconds) = given.lock_alarm_s {
        upkeep.lock_alarm = alarm(seconds)?;
    }
    retry(upkeep, given.retry_attempts, given.retry_wait_s)?;
    limits(upkeep, given.parallel, given.lock_wait_s)
}

/// 0 stands for the default.
fn alarm(seconds: u64) -> Result<Option<Span>, Status> {
    match seconds {
        0 => Ok(None),
        1..=LONGEST_ALARM_S => Ok(Some(Span(Duration::from_secs(seconds)))),
        _ => Err(refuse::invalid(format!("lock-alarm {seconds}s: at most 31 days"), "")),
    }
}

/// No attempts stand for the default of both.
fn retry(upkeep: &mut Upkeep, attempts: Option<u32>, wait: Option<u64>) -> Result<(), Status> {
    let mut retry = upkeep.retry.unwrap_or_default();
    match attempts {
        None => {}
        Some(0) => retry = Retry::default(),
        Some(count @ 1..=Retry::MOST_ATTEMPTS) => retry.attempts = count,
        Some(count) => {
            let message = format!("retry-attempts {count}: at most {}", Retry::MOST_ATTEMPTS);
            return Err(refuse::invalid(message, ""));
        }
    }
    if let Some(seconds) = wait {
        let given = Duration::from_secs(seconds);
        if given.is_zero() || given > Retry::LONGEST {
            let most = Span(Retry::LONGEST);
            let message = format!("retry-wait {seconds}s: it is from 1s to {most}");
            return Err(refuse::invalid(message, ""));
        }
        retry.wait = given;
    }
    upkeep.retry = Some(retry).filter(|retry| *retry != Retry::default());
    Ok(())
}

fn forget(upkeep: &mut Upkeep, rules: Option<String>, when: Option<String>) -> Result<(), Status> {
    if let Some(text) = rules {
        let rules: Option<Rules> = parsed("forget", &text)?;
        let before = upkeep.forget.take().map(|forget| forget.schedule);
        let schedule = before.unwrap_or(Schedule::Manual);
        upkeep.forget = rules.map(|rules| ForgetTask { schedule, rules });
    }
    if let Some(text) = when {
        let Some(forget) = &mut upkeep.forget else {
            let message = "forget-schedule: the repo has no retention of its own";
            return Err(refuse::invalid(message, "give it one: --forget daily=30"));
        };
        let before = forget.schedule.clone();
        forget.schedule = schedule("forget", &text, &before)?.unwrap_or(Schedule::Manual);
    }
    Ok(())
}

fn limits(upkeep: &mut Upkeep, parallel: Option<u32>, wait: Option<u64>) -> Result<(), Status> {
    match parallel {
        None => {}
        Some(0) => upkeep.parallel = None,
        Some(count @ 1..=64) => upkeep.parallel = Some(count),
        Some(count) => {
            return Err(refuse::invalid(format!("parallel {count}: at most 64"), ""));
        }
    }
    match wait {
        None => Ok(()),
        Some(seconds @ 0..=LONGEST_WAIT_S) => {
            upkeep.lock_wait = Some(Span(Duration::from_secs(seconds)));
            Ok(())
        }
        Some(seconds) => Err(refuse::invalid(format!("lock-wait {seconds}s: at most 7 days"), "")),
    }
}

/// `None` of an empty text.
fn parsed<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<Option<T>, Status> {
    match text {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|error| refuse::invalid(format!("{name}: {error}"), ""))
        }
    }
}

/// Zone and jitter, which such a text does not have, stay where the schedule can have them.
fn schedule(name: &str, text: &str, before: &Schedule) -> Result<Option<Schedule>, Status> {
    match parsed(name, text)? {
        Some(Schedule::After { .. }) => {
            let message = format!("{name}: only a plan runs after a plan");
            Err(refuse::invalid(message, "write \"cron: 0 4 * * *\", \"every 30d\" or manual"))
        }
        Some(after) => Change::default().applied(after, before).map(Some),
        None => Ok(None),
    }
}

/// As a document; `None` where nothing is said.
pub(super) fn document(upkeep: &Upkeep) -> Option<UpkeepSettings> {
    let Upkeep { forget, prune, check, stats, parallel, lock_wait, lock_alarm, retry } = upkeep;
    let text = |value: &dyn Display| Some(value.to_string());
    let document = UpkeepSettings {
        forget: forget.as_ref().and_then(|task| text(&task.rules)),
        forget_schedule: forget.as_ref().and_then(|task| text(&task.schedule)),
        prune_schedule: prune.as_ref().and_then(|task| text(&task.schedule)),
        max_unused: prune.as_ref().and_then(|task| task.max_unused.as_ref()).and_then(|m| text(m)),
        check_schedule: check.as_ref().and_then(|task| text(&task.schedule)),
        read_data: check.as_ref().and_then(|task| task.read_data.as_ref()).and_then(|d| text(d)),
        stats_schedule: stats.as_ref().and_then(|task| text(&task.schedule)),
        parallel: *parallel,
        lock_wait_s: lock_wait.map(|wait| wait.0.as_secs()),
        lock_alarm_s: lock_alarm.map(|alarm| alarm.0.as_secs()),
        retry_attempts: retry.map(|retry| retry.attempts),
        retry_wait_s: retry.map(|retry| retry.wait.as_secs()),
    };
    (*upkeep != Upkeep::NONE).then_some(document)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn given() -> UpkeepSettings {
        let text = |text: &str| Some(text.to_owned());
        UpkeepSettings {
            forget: text("daily=30"),
            forget_schedule: text("cron: 0 3 * * *"),
            prune_schedule: text("every 30d"),
            max_unused: text("10%"),
            check_schedule: text("manual"),
            read_data: text("5%"),
            stats_schedule: text("every 7d"),
            parallel: Some(2),
            lock_wait_s: Some(60),
            lock_alarm_s: Some(90),
            retry_attempts: Some(5),
            retry_wait_s: Some(7),
        }
    }

    #[test]
    fn what_is_set_is_shown_and_an_empty_text_removes_it() {
        let mut upkeep = Upkeep::NONE;
        set(&mut upkeep, given()).unwrap();
        assert_eq!(document(&upkeep), Some(given()));
        set(&mut upkeep, UpkeepSettings::default()).unwrap();
        assert_eq!(document(&upkeep), Some(given()), "what is absent stays");
        let empty = || Some(String::new());
        let none = UpkeepSettings {
            forget: empty(),
            prune_schedule: empty(),
            check_schedule: empty(),
            stats_schedule: empty(),
            parallel: Some(0),
            lock_alarm_s: Some(0),
            retry_attempts: Some(0),
            ..UpkeepSettings::default()
        };
        set(&mut upkeep, none).unwrap();
        assert_eq!(Upkeep { lock_wait: None, ..upkeep }, Upkeep::NONE);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused =
            |given| set(&mut Upkeep::NONE.clone(), given).unwrap_err().message().to_owned();
        let text = |text: &str| Some(text.to_owned());
        let nothing = UpkeepSettings { forget: text("daily=0"), ..Default::default() };
        assert!(refused(nothing).contains("keep nothing"));
        let after = UpkeepSettings { prune_schedule: text("after home"), ..Default::default() };
        assert!(refused(after).contains("prune: only a plan"));
        let alone = UpkeepSettings { forget_schedule: text("every 1d"), ..Default::default() };
        assert!(refused(alone).contains("no retention"));
        let all = UpkeepSettings { read_data: text("200%"), ..Default::default() };
        assert!(refused(all).contains("read-data"));
        let often = UpkeepSettings { retry_attempts: Some(11), ..Default::default() };
        assert!(refused(often).contains("retry-attempts 11"));
        let late = UpkeepSettings { retry_wait_s: Some(0), ..Default::default() };
        assert!(refused(late).contains("retry-wait 0s"));
    }
}
