//! Readers and writers of schedules, for plans and for the upkeep of repos.

use super::encode::{inline, text};
use super::values::within;
use super::written::{Field, Keys, Section};
use crate::model::Span;
use crate::schedule::{Schedule, period};
use std::time::Duration;
use toml_edit::Value;

pub(super) const SCHEDULE: Keys =
    Keys { known: &["cron", "time-zone", "jitter", "every", "after"], later: &[] };

/// `"manual"`, `{ cron = "30 2 * * *", time-zone = "Europe/Rome", jitter = "20m" }`,
/// `{ every = "6h" }`, `{ after = "plan" }`, or the short text of one.
pub(super) fn schedule(field: &Field<'_>) -> Option<Schedule> {
    if field.is_string() {
        return field.parse();
    }
    let section = field.table(&SCHEDULE)?;
    let forms = ["cron", "every", "after"].map(|key| section.field(key));
    let given = forms.iter().flatten().count();
    if given != 1 {
        let message = format!("{given} of cron, every and after are given, exactly one is needed");
        field.report(message, Some("or write \"manual\"".to_owned()));
        return None;
    }
    let [cron, every, after] = forms;
    let jitter = jitter(&section);
    refuse_zone_without_cron(&section, cron.is_some());
    if let Some(field) = cron {
        let zone = section.field("time-zone");
        let zone = match zone {
            Some(zone) => Some(zone.parse()?),
            None => None,
        };
        return Some(Schedule::Cron { pattern: field.parse()?, zone, jitter: jitter? });
    }
    if let Some(field) = every {
        let period = period(field.parse()?).map_err(|e| field.report(e.to_string(), None)).ok()?;
        return Some(Schedule::Every { period, jitter: jitter? });
    }
    if let Some(jitter) = section.field("jitter") {
        jitter.report("a plan after another has no time that could be put off", None);
    }
    after?.parse().map(|plan| Schedule::After { plan })
}

/// As [`schedule`], for what no run of a plan is the cause of.
#[allow(dead_code, reason = "the upkeep of repos reads its schedules with it")]
pub(super) fn schedule_of_repo(field: &Field<'_>) -> Option<Schedule> {
    let schedule = schedule(field)?;
    if matches!(schedule, Schedule::After { .. }) {
        let cure = "use { cron = \"…\" }, { every = \"…\" } or \"manual\"".to_owned();
        field.report("only a plan runs after a plan", Some(cure));
        return None;
    }
    Some(schedule)
}

/// `None` where there is a problem with it.
fn jitter(section: &Section<'_>) -> Option<Duration> {
    match section.field("jitter") {
        Some(field) => within(&field, Duration::ZERO, Schedule::MOST_JITTER),
        None => Some(Duration::ZERO),
    }
}

fn refuse_zone_without_cron(section: &Section<'_>, is_cron: bool) {
    if let Some(zone) = section.field("time-zone").filter(|_| !is_cron) {
        zone.report("only a cron pattern has a time zone", Some("remove it".to_owned()));
    }
}

/// As the file says it.
pub(super) fn encoded(schedule: &Schedule) -> Value {
    let put_off = |jitter: &Duration| (!jitter.is_zero()).then(|| ("jitter", text(Span(*jitter))));
    match schedule {
        Schedule::Manual => text(Schedule::MANUAL),
        Schedule::Cron { pattern, zone, jitter } => {
            let zone = zone.as_ref().map(|zone| ("time-zone", text(zone)));
            inline([("cron", text(pattern))].into_iter().chain(zone).chain(put_off(jitter)))
        }
        Schedule::Every { period, jitter } => {
            inline([("every", text(Span(*period)))].into_iter().chain(put_off(jitter)))
        }
        Schedule::After { plan } => inline([("after", text(plan))]),
    }
}
