//! When something runs, and what of its snapshots is kept.

use super::document::inline;
use super::json::{Object, Word};
use toml_edit::Value;

const CLOCKS: &[(&str, i64)] =
    &[("CLOCK_DEFAULT", 0), ("CLOCK_LOCAL", 1), ("CLOCK_UTC", 2), ("CLOCK_LAST_RUN_TIME", 3)];

/// A value of the new file, what it was, and what is not quite the same.
pub(super) struct Told {
    pub(super) value: Value,
    pub(super) from: String,
    pub(super) why: Option<String>,
}

impl Told {
    fn same(value: impl Into<Value>, from: impl Into<String>) -> Self {
        Self { value: value.into(), from: from.into(), why: None }
    }

    fn other(self, why: &str) -> Self {
        Self { why: Some(why.to_owned()), ..self }
    }
}

/// A schedule; `None` where there is none.
pub(super) fn schedule(schedule: &Object<'_>) -> Option<Told> {
    let clock = schedule.word("clock", CLOCKS);
    let every = |count: i64, unit: &str, name: &str| {
        let every = inline([("every".to_owned(), Value::from(format!("{count}{unit}")))]);
        Told::same(every, format!("every {count} {name}"))
    };
    // Asked for all, so that none of them is told as unknown.
    let (disabled, pattern) = (schedule.flag("disabled"), schedule.text("cron"));
    let (days, hours) =
        (schedule.integer("maxFrequencyDays"), schedule.integer("maxFrequencyHours"));
    match (pattern, days, hours) {
        _ if disabled => Some(Told::same("manual", "disabled")),
        (Some(pattern), ..) => Some(cron(pattern, &clock)),
        (None, 0, 0) => None,
        (None, 0, hours) => Some(every(hours, "h", "hours")),
        (None, days, _) => Some(every(days, "d", "days")),
    }
}

fn cron(pattern: &str, clock: &Word) -> Told {
    let from = |clock: &str| format!("cron {pattern:?}, {clock}");
    let mut pairs = vec![("cron".to_owned(), Value::from(pattern.trim()))];
    match clock {
        Word::Known("CLOCK_UTC") => {
            pairs.push(("time-zone".to_owned(), Value::from("UTC")));
            Told::same(inline(pairs), from("CLOCK_UTC"))
        }
        Word::Known("CLOCK_LAST_RUN_TIME") => {
            Told::same(inline(pairs), from("CLOCK_LAST_RUN_TIME"))
                .other("it goes by this machine's clock; a run that was missed is caught up once")
        }
        Word::Known(clock) => Told::same(inline(pairs), from(clock)),
        Word::Unknown(clock) => Told::same(inline(pairs), from(clock))
            .other("this clock is not known here; it goes by this machine's"),
    }
}

/// A retention; `None` where there is none.
pub(super) fn retention(retention: &Object<'_>) -> Option<Told> {
    let last = retention.integer("policyKeepLastN");
    let (keep_all, buckets) =
        (retention.flag("policyKeepAll"), retention.object("policyTimeBucketed"));
    match (keep_all, buckets) {
        (true, _) => Some(Told::same("keep-all", "keep all")),
        (false, Some(buckets)) => bucketed(&buckets),
        (false, None) if last != 0 => {
            let rules = inline([("last".to_owned(), Value::from(last))]);
            Some(Told::same(rules, format!("keep the last {last}")))
        }
        (false, None) => None,
    }
}

fn bucketed(buckets: &Object<'_>) -> Option<Told> {
    const RULES: [(&str, &str); 6] = [
        ("keepLastN", "last"),
        ("hourly", "hourly"),
        ("daily", "daily"),
        ("weekly", "weekly"),
        ("monthly", "monthly"),
        ("yearly", "yearly"),
    ];
    let counts = RULES.map(|(old, new)| (new, buckets.integer(old)));
    let kept: Vec<_> = counts.into_iter().filter(|(_, count)| *count != 0).collect();
    let said: Vec<_> = kept.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let rules = kept.iter().map(|(name, count)| ((*name).to_owned(), Value::from(*count)));
    (!kept.is_empty()).then(|| Told::same(inline(rules), said.join(", ")))
}

/// A share as restic writes it: `12.5%`, at most two digits after the point.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{share:.2}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A size as restic writes it: `2G`.
pub(super) fn size(bytes: i64) -> String {
    let unit = [(1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    let whole = unit.into_iter().find(|(factor, _)| bytes % factor == 0);
    whole.map_or_else(|| bytes.to_string(), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::json::Findings;
    use super::*;
    use serde_json::{Value as Json, json};

    fn told(
        value: &Json,
        read: fn(&Object<'_>) -> Option<Told>,
    ) -> Option<(String, Option<String>)> {
        let findings = Findings::default();
        let told = read(&Object::root(&findings, value.as_object().unwrap()));
        assert!(findings.problems().is_empty());
        assert_eq!(findings.unread(value.as_object().unwrap()), [""; 0]);
        told.map(|told| (told.value.to_string(), told.why))
    }

    #[test]
    fn each_form_of_a_schedule() {
        let at = |value: &Json| told(value, schedule).map(|(text, why)| (text, why.is_some()));
        for (from, to, differs) in [
            (json!({ "disabled": true, "cron": "0 1 * * *" }), "\"manual\"", false),
            (json!({ "cron": "0 1 * * *" }), r#"{ cron = "0 1 * * *" }"#, false),
            (
                json!({ "cron": "0 1 * * *", "clock": "CLOCK_LOCAL" }),
                r#"{ cron = "0 1 * * *" }"#,
                false,
            ),
            (
                json!({ "cron": "0 1 * * *", "clock": 2 }),
                r#"{ cron = "0 1 * * *", time-zone = "UTC" }"#,
                false,
            ),
            (
                json!({ "cron": "0 1 * * *", "clock": "CLOCK_LAST_RUN_TIME" }),
                r#"{ cron = "0 1 * * *" }"#,
                true,
            ),
            (
                json!({ "cron": "0 1 * * *", "clock": "CLOCK_MOON" }),
                r#"{ cron = "0 1 * * *" }"#,
                true,
            ),
            (
                json!({ "maxFrequencyDays": 30, "clock": "CLOCK_LAST_RUN_TIME" }),
                r#"{ every = "30d" }"#,
                false,
            ),
            (json!({ "maxFrequencyHours": 6 }), r#"{ every = "6h" }"#, false),
        ] {
            assert_eq!(at(&from), Some((to.to_owned(), differs)), "{from}");
        }
        assert_eq!(at(&json!({})), None);
    }

    #[test]
    fn each_form_of_a_retention() {
        let at = |value: &Json| told(value, retention).map(|(text, _)| text);
        assert_eq!(at(&json!({ "policyKeepAll": true })).unwrap(), "\"keep-all\"");
        assert_eq!(at(&json!({ "policyKeepLastN": 30 })).unwrap(), "{ last = 30 }");
        let buckets = json!({ "policyTimeBucketed": { "daily": 7, "yearly": 1, "keepLastN": 3 } });
        assert_eq!(at(&buckets).unwrap(), "{ last = 3, daily = 7, yearly = 1 }");
        assert_eq!(at(&json!({ "policyTimeBucketed": {} })), None);
    }

    #[test]
    fn shares_and_sizes_are_as_short_as_they_can_be() {
        assert_eq!(
            [5.0, 12.5, 0.25, 100.0, 0.0].map(percent),
            ["5%", "12.5%", "0.25%", "100%", "0%"]
        );
        assert_eq!([2 << 30, 3 << 10, 1000].map(size), ["2G", "3K", "1000"]);
    }
}
