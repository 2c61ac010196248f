//! Why a plan is not fresh, in a sentence, and what can be done about it here.

use crate::api;
use crate::daemon::services::fleet::Seen;
use crate::freshness::State;
use crate::model::{Operation, Status, what_and_remedy};

/// A sentence, what to do in words, and the button that does it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) reason: Option<String>,
    pub(super) remedy: Option<String>,
    pub(super) fix: Option<&'static str>,
}

/// What else counts.
pub(super) struct Around<'a> {
    /// Whether it is a plan of this instance.
    pub(super) is_here: bool,
    /// Whether it may be started from here.
    pub(super) may_run: bool,
    /// Its newest backup that has ended.
    pub(super) newest: Option<&'a Operation>,
    /// Who holds its repo, of those that are known here.
    pub(super) locked_by: Option<&'a str>,
}

/// What there is to say of a plan.
pub(super) fn advice(seen: &Seen, around: &Around<'_>) -> Advice {
    let plan = &seen.document;
    let failed = around.newest.filter(|run| {
        run.status == Status::Failed || run.status == Status::Lost && run.snapshot.is_none()
    });
    let (reason, told) = match seen.state {
        State::Fresh | State::Running | State::NotYet => return Advice::default(),
        State::Never => (nothing_yet(plan, failed), None),
        State::Stale => (too_old(plan, failed), None),
        State::Failing => failing(plan, around.newest),
        State::Late => (late(plan), None),
        State::Warnings => split(around.newest.map_or("", |run| run.message.as_str())),
        State::Waiting => (waits(plan), None),
        State::Paused => paused(plan),
    };
    let fix = fix(seen, failed.is_some(), around);
    let remedy = told.or_else(|| remedy(plan, around, fix));
    Advice { reason: Some(reason), remedy, fix }
}

fn nothing_yet(plan: &api::Plan, failed: Option<&Operation>) -> String {
    match (failed, &plan.as_of) {
        (Some(run), _) => format!("no backup has succeeded yet: {}", split(&run.message).0),
        (None, Some(_)) => {
            format!("no backup of it is known here, and {} is out of sight", plan.instance)
        }
        (None, None) => "no backup has been made yet, and the first one is overdue".to_owned(),
    }
}

fn too_old(plan: &api::Plan, failed: Option<&Operation>) -> String {
    match (failed, &plan.as_of) {
        (Some(run), _) => {
            format!("the newest good backup is older than allowed: {}", split(&run.message).0)
        }
        (None, Some(_)) => format!(
            "the newest backup known here is older than allowed, and {} is out of sight",
            plan.instance
        ),
        (None, None) if plan.paused_until.is_some() || plan.disabled_reason.is_some() => {
            "the newest good backup is older than allowed, and it does not run".to_owned()
        }
        (None, None) => "the newest good backup is older than allowed".to_owned(),
    }
}

fn failing(plan: &api::Plan, newest: Option<&Operation>) -> (String, Option<String>) {
    let (what, remedy) = split(newest.map_or("", |run| run.message.as_str()));
    match plan.failures {
        0 | 1 => (what, remedy),
        many => (format!("{many} runs in a row failed; the newest: {what}"), remedy),
    }
}

fn late(plan: &api::Plan) -> String {
    let due = plan.next_run.as_deref().unwrap_or("then");
    match &plan.waiting_for {
        Some(what) => format!("the run due {due} waits for {what}"),
        None => format!("the run due {due} has not begun"),
    }
}

fn waits(plan: &api::Plan) -> String {
    format!("a run is due and waits for {}", plan.waiting_for.as_deref().unwrap_or("its turn"))
}

fn paused(plan: &api::Plan) -> (String, Option<String>) {
    match (&plan.disabled_reason, &plan.paused_until) {
        (Some(why), _) => split(why),
        (None, Some(until)) => (format!("paused until {until}"), None),
        (None, None) => ("paused until it is resumed".to_owned(), None),
    }
}

/// A message is a sentence on what is wrong, and then what to do about it.
fn split(message: &str) -> (String, Option<String>) {
    if message.is_empty() {
        return ("the newest run did not end well".to_owned(), None);
    }
    let (what, remedy) = what_and_remedy(message);
    (what.to_owned(), remedy.map(str::to_owned))
}

fn fix(seen: &Seen, has_failed: bool, around: &Around<'_>) -> Option<&'static str> {
    let plan = &seen.document;
    if !around.is_here {
        let has_log = has_failed || seen.state == State::Warnings;
        return match seen.state {
            _ if plan.as_of.is_some() => Some("test-peer"),
            _ if !around.may_run || !plan.enabled => has_log.then_some("open-log"),
            State::Failing => Some("retry"),
            State::Never | State::Stale if has_failed => Some("retry"),
            State::Never | State::Stale | State::Late => Some("run"),
            _ => has_log.then_some("open-log"),
        };
    }
    if plan.disabled_reason.is_some() && !plan.enabled {
        // Only what the owner switched off can be switched on.
        return (!seen.known.expectation.is_out_of_order()).then_some("enable");
    }
    let is_paused = seen.known.expectation.timing.paused;
    match seen.state {
        State::Fresh | State::Running | State::NotYet => None,
        State::Warnings => Some("open-log"),
        _ if is_paused => Some("resume"),
        _ if around.locked_by.is_some() => Some("unlock"),
        State::Failing => Some("retry"),
        State::Never | State::Stale if has_failed => Some("retry"),
        State::Never | State::Stale | State::Late | State::Waiting => Some("run"),
        State::Paused => Some("resume"),
    }
}

fn remedy(plan: &api::Plan, around: &Around<'_>, fix: Option<&str>) -> Option<String> {
    let words = match (fix, around.locked_by) {
        (Some("run"), _) => "run it now, and see whether its schedule is what you want".to_owned(),
        (Some("retry"), _) => "mend what it says, then run it again".to_owned(),
        (Some("unlock"), Some(by)) => {
            format!("its repo is locked by {by}; unlock it if nothing works there any more")
        }
        (Some("test-peer"), _) => format!("see why {} does not answer", plan.instance),
        (Some("open-log"), _) => "its log says which files or steps".to_owned(),
        (Some("resume"), _) => "resume it".to_owned(),
        (Some("enable"), _) => "switch it on again".to_owned(),
        _ if !around.is_here => format!("look on {} why it does not run", plan.instance),
        _ => return None,
    };
    Some(words)
}
