//! What is printed of plans.

use super::super::{Output, words};
use crate::api::{BackupTrial, Plan, RemovedPlan, Stats};
use crate::model::Timestamp;
use std::time::Duration;

pub(crate) fn listed(output: Output, plans: &[Plan], now: Timestamp) -> String {
    if plans.is_empty() {
        return "no plans yet: holdfast plan add ID --repo REPO --path PATH".to_owned();
    }
    let row = |plan: &Plan| {
        [
            plan.instance.clone(),
            plan.id.clone(),
            marked(plan, &state(plan, now)),
            age(plan),
            words::maybe_relative(plan.last_success.as_deref(), now),
            next(plan, now),
            plan.repo.clone(),
        ]
    };
    let header = ["instance", "plan", "state", "age of allowed", "last good", "next run", "repo"];
    let table = output.table(header, plans.iter().map(row));
    let inactive = plans.iter().filter_map(inactive);
    let reasons: Vec<_> = plans.iter().filter_map(disabled).chain(inactive).collect();
    if reasons.is_empty() { table } else { format!("{table}\n{}", reasons.join("\n")) }
}

/// One that can be brought back.
pub(super) fn removed(removed: &RemovedPlan) -> String {
    let plan = &removed.plan;
    let until = removed.restorable_until.as_deref().and_then(|at| at.get(..10));
    let until = until.map(|day| format!("kept until {day}, ")).unwrap_or_default();
    format!("- {plan}: removed, {until}brought back by holdfast plan restore {plan}")
}

/// What a backup would do.
pub(super) fn tried(trial: &BackupTrial) -> String {
    let stats = trial.stats.unwrap_or_default();
    let Stats { files_new, files_changed, files_unmodified, bytes_processed, .. } = stats;
    let mut lines = vec![
        format!("{} would save {}; nothing was written", trial.plan, words::bytes(bytes_processed)),
        format!(
            "files       {files_new} new, {files_changed} changed, {files_unmodified} unchanged"
        ),
        format!("would add   {} to the repository", words::bytes(stats.bytes_added)),
    ];
    if stats.item_errors > 0 {
        lines.push(format!("unread      {}", stats.item_errors));
    }
    lines.extend(trial.unread.iter().map(|one| format!("  {}: {}", one.path, one.message)));
    lines.join("\n")
}

/// What is not told cannot be known to be there.
pub(super) fn none_in_sight(peer: &str) -> String {
    format!(
        "no plan of {peer} is in sight: it has none, or does not let this instance see any\n\
         what it lets this instance do: holdfast peer show {peer}"
    )
}

/// A plan; below it when it runs, and all that is written of it.
pub(super) fn shown(output: Output, (plan, written): (&Plan, &str), now: Timestamp) -> String {
    let table = listed(output, std::slice::from_ref(plan), now);
    let zone = plan.time_zone.as_ref().map(|zone| format!(" ({zone})")).unwrap_or_default();
    let mut lines = vec![table];
    lines.extend(plan.paused_since.as_ref().map(|since| {
        let by = plan.paused_by.as_deref().unwrap_or("somebody on this machine");
        format!("\npaused {} by {by}", words::relative(since, now))
    }));
    lines.push(format!("\nschedule: {}{zone}", plan.schedule));
    let runs = plan.next_runs.iter().map(|at| format!("  {at}  {}", words::due(at, now)));
    lines.extend(runs);
    lines.push(format!("\nin the config file:\n{}", indented(written)));
    lines.join("\n")
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// Nobody paused a disabled plan: it is out of order.
fn marked(plan: &Plan, text: &str) -> String {
    match (plan.enabled, plan.state.as_str()) {
        (false, "paused") => words::marked("disabled", text),
        (_, state) => words::marked(state, text),
    }
}

fn disabled(plan: &Plan) -> Option<String> {
    let reason = plan.disabled_reason.as_ref().filter(|_| !plan.enabled)?;
    Some(words::marked("disabled", &format!("{}: {reason}", plan.id)))
}

fn inactive(plan: &Plan) -> Option<String> {
    let reason = plan.retention_inactive.as_ref()?;
    Some(format!("  {}: its retention is not applied: {reason}", plan.id))
}

fn next(plan: &Plan, now: Timestamp) -> String {
    match &plan.next_run {
        Some(at) => words::due(at, now),
        None => plan.schedule.clone(),
    }
}

fn state(plan: &Plan, now: Timestamp) -> String {
    let detail = match (plan.state.as_str(), &plan.waiting_for, &plan.paused_until) {
        ("failing", _, _) if plan.failures > 1 => format!(", {} in a row", plan.failures),
        ("waiting", Some(what), _) => format!(": {what}"),
        ("paused", _, Some(until)) => paused(until, now),
        _ => String::new(),
    };
    let as_of = plan.as_of.as_ref().map(|at| format!(", as of {}", words::relative(at, now)));
    let word = match (plan.enabled, plan.state.as_str()) {
        (true, state) => state.replace('-', " "),
        (false, "paused") => "disabled".to_owned(),
        (false, state) => format!("{}, disabled", state.replace('-', " ")),
    };
    format!("{word}{detail}{}{}", retry(plan, now), as_of.unwrap_or_default())
}

/// Its end may be over where a peer is out of sight.
fn paused(until: &str, now: Timestamp) -> String {
    let end = words::relative(until, now);
    match end.strip_prefix("in ") {
        Some(left) => format!(" for {left} more"),
        None => format!(" until {end}"),
    }
}

/// The retry that runs, or that waits.
fn retry(plan: &Plan, now: Timestamp) -> String {
    let Some(attempt) = &plan.attempt else { return String::new() };
    let at = plan.retry_at.as_ref().map(|at| format!(" {}", words::due(at, now)));
    format!(", attempt {} of {}{}", attempt.number, attempt.of, at.unwrap_or_default())
}

fn age(plan: &Plan) -> String {
    let said = |seconds: Option<u64>| {
        seconds.map_or_else(|| "–".to_owned(), |s| words::duration(Duration::from_secs(s)))
    };
    match plan.allowed_age_s {
        Some(_) => format!("{} of {}", said(plan.age_s), said(plan.allowed_age_s)),
        None => said(plan.age_s),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(in crate::cli) mod tests {
    use super::*;

    /// A plan in that state.
    pub(in crate::cli) fn plan(state: &str) -> Plan {
        Plan {
            id: "home".to_owned(),
            instance: "nas".to_owned(),
            repo: "vault".to_owned(),
            schedule: "manual".to_owned(),
            enabled: true,
            state: state.to_owned(),
            ..Plan::default()
        }
    }

    #[test]
    fn a_failing_plan_out_of_sight_says_how_often_and_as_of_when() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let seen = Plan {
            failures: 3,
            as_of: Some("2026-11-21T03:00:00.000Z".to_owned()),
            age_s: Some(7200),
            allowed_age_s: Some(86_400),
            ..plan("failing")
        };
        assert_eq!(state(&seen, now), "failing, 3 in a row, as of 1 h ago");
        assert_eq!(age(&seen), "2 h of 24 h");
        let stale = Plan { age_s: Some(97), allowed_age_s: Some(90), ..seen };
        assert_eq!(age(&stale), "1 min 37 s of 1 min 30 s");
    }

    #[test]
    fn a_retry_says_which_it_is_of_how_many_and_when() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let attempt = Some(crate::api::Attempt { number: 2, of: 3 });
        let runs = Plan { attempt, ..plan("running") };
        assert_eq!(state(&runs, now), "running, attempt 2 of 3");
        let retry_at = Some("2026-11-21T04:05:00.000Z".to_owned());
        let waits = Plan { attempt, retry_at, failures: 1, ..plan("failing") };
        assert_eq!(state(&waits, now), "failing, attempt 2 of 3 in 5 min");
    }

    #[test]
    fn a_next_run_whose_time_is_past_is_due() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let at = |at: &str| Plan { next_run: Some(at.to_owned()), ..plan("waiting") };
        assert_eq!(next(&at("2026-11-21T03:52:00.000Z"), now), "due");
        assert_eq!(next(&at("2026-11-21T04:00:00.000Z"), now), "due");
        assert_eq!(next(&at("2026-11-21T04:08:00.000Z"), now), "in 8 min");
        let attempt = Some(crate::api::Attempt { number: 2, of: 3 });
        let retry_at = Some("2026-11-21T03:59:00.000Z".to_owned());
        let waits = Plan { attempt, retry_at, ..plan("failing") };
        assert_eq!(state(&waits, now), "failing, attempt 2 of 3 due");
    }

    #[test]
    fn a_paused_plan_says_for_how_long() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let until = |at: &str| Plan { paused_until: Some(at.to_owned()), ..plan("paused") };
        assert_eq!(state(&until("2026-11-21T12:00:00.000Z"), now), "paused for 8 h more");
        assert_eq!(state(&until("2026-11-21T03:00:00.000Z"), now), "paused until 1 h ago");
        assert_eq!(state(&plan("paused"), now), "paused");
    }

    #[test]
    fn why_a_plan_is_disabled_stands_below_the_table() {
        let off = |state| Plan {
            enabled: false,
            disabled_reason: Some("hub no longer shares repo vault".to_owned()),
            ..plan(state)
        };
        let table = listed(Output::plain(), &[off("paused")], Timestamp::EPOCH);
        assert!(table.contains("  ! disabled  "), "{table}");
        assert!(table.ends_with("\n! home: hub no longer shares repo vault"), "{table}");
        let stale = listed(Output::plain(), &[off("stale")], Timestamp::EPOCH);
        assert!(stale.contains("  ✗ stale, disabled  "), "{stale}");
    }
}
