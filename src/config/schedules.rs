//! Readers and writers of schedules, conditions and retries, for plans and for the upkeep of repos.

use super::encode::{inline, text};
use super::values::within;
use super::written::{Field, Keys, Section};
use crate::model::Span;
use crate::schedule::{Load, OnlyWhen, Retry, Schedule, period};
use std::time::Duration;
use toml_edit::Value;

pub(super) const SCHEDULE: Keys =
    Keys { known: &["cron", "time-zone", "jitter", "every", "after"] };
pub(super) const ONLY_WHEN: Keys =
    Keys { known: &["ac-power", "unmetered", "network", "window", "load-below", "force-after"] };
pub(super) const RETRY: Keys = Keys { known: &["attempts", "wait"] };

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

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

/// `{ ac-power = true, unmetered = true, window = "22:00-06:00", force-after = "3d" }`.
pub(super) fn only_when(field: &Field<'_>) -> Option<OnlyWhen> {
    let section = field.table(&ONLY_WHEN)?;
    let flag = |key| section.field(key).and_then(|f| f.flag()).unwrap_or(false);
    Some(OnlyWhen {
        ac_power: flag("ac-power"),
        unmetered: flag("unmetered"),
        network: flag("network"),
        window: section.field("window").and_then(|f| f.parse()),
        load_below: section.field("load-below").and_then(|f| load(&f)),
        force_after: section.field("force-after").and_then(|f| within(&f, MINUTE, 366 * DAY)),
    })
}

fn load(field: &Field<'_>) -> Option<Load> {
    let given = field.number()?;
    if !(0.01..=10_000.0).contains(&given) {
        field.report(format!("{given} is not between 0.01 and 10000"), None);
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
    Some(Load((given * 100.0).round() as u32))
}

/// `{ attempts = 3, wait = "5m" }`.
pub(super) fn retry(field: &Field<'_>) -> Option<Retry> {
    let section = field.table(&RETRY)?;
    let base = Retry::default();
    Some(Retry {
        attempts: section.field("attempts").and_then(|f| attempts(&f)).unwrap_or(base.attempts),
        wait: section
            .field("wait")
            .and_then(|f| within(&f, Duration::from_secs(1), Retry::LONGEST))
            .unwrap_or(base.wait),
    })
}

fn attempts(field: &Field<'_>) -> Option<u32> {
    let (given, most) = (field.number()?, Retry::MOST_ATTEMPTS);
    let whole = (1..=most).find(|n| f64::from(*n) == given);
    if whole.is_none() {
        field.report(format!("{given} is no whole number from 1 to {most}"), None);
    }
    whole
}

/// How late a run may be: at least a minute.
pub(super) fn grace(field: &Field<'_>) -> Option<Span> {
    within(field, MINUTE, 31 * DAY).map(Span)
}

/// As the file says it; `None` where it waits for nothing.
pub(super) fn encoded_only_when(only_when: &OnlyWhen) -> Option<Value> {
    let OnlyWhen { ac_power, unmetered, network, window, load_below, force_after } = only_when;
    let fields: Vec<(&str, Option<Value>)> = vec![
        ("ac-power", ac_power.then(|| Value::from(true))),
        ("unmetered", unmetered.then(|| Value::from(true))),
        ("network", network.then(|| Value::from(true))),
        ("window", window.map(text)),
        ("load-below", load_below.map(|load| Value::from(f64::from(load.0) / 100.0))),
        ("force-after", force_after.map(|after| text(Span(after)))),
    ];
    let fields: Vec<_> =
        fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    (!fields.is_empty()).then(|| inline(fields))
}

/// As the file says it; `None` for the default.
pub(super) fn encoded_retry(retry: &Retry) -> Option<Value> {
    let fields =
        [("attempts", Value::from(i64::from(retry.attempts))), ("wait", text(Span(retry.wait)))];
    (*retry != Retry::default()).then(|| inline(fields))
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
