//! A schedule that is being written: in words, with the runs that it would cause.

use super::checking::problem;
use super::plans::timed::Change;
use crate::api::{ScheduleRequest, ScheduleWords};
use crate::clock;
use crate::daemon::Node;
use crate::model::{PlanId, Timestamp};
use crate::schedule::{Schedule, TaskKey, Zone};

/// How many runs are told ahead.
const RUNS: usize = 5;

pub(super) fn words(node: &Node, request: ScheduleRequest) -> ScheduleWords {
    let plan: Option<PlanId> = request.plan.and_then(|plan| plan.parse().ok());
    let change = Change {
        schedule: Some(request.schedule),
        time_zone: request.time_zone.filter(|zone| !zone.is_empty()),
        jitter_s: request.jitter_s,
    };
    match change.of(&Schedule::Manual) {
        Ok(schedule) => told(node, &schedule, plan, clock::now()),
        Err(refused) => ScheduleWords {
            problems: vec![problem(&refused, "schedule")],
            ..ScheduleWords::default()
        },
    }
}

fn told(node: &Node, schedule: &Schedule, plan: Option<PlanId>, now: Timestamp) -> ScheduleWords {
    let local = Zone::of_this_machine();
    let config = node.config.current();
    // What runs after another has that one's times, as far as they are known.
    let leading = match schedule {
        Schedule::After { plan } => config.plan(plan).map(|plan| config.leading_schedule(plan)),
        Schedule::Manual | Schedule::Cron { .. } | Schedule::Every { .. } => None,
    };
    let times = leading.unwrap_or(schedule);
    let put_off = plan.map(|plan| TaskKey::Plan(plan).put_off(&node.key(), times.jitter()));
    let put_off = put_off.unwrap_or_default();
    let first = times.next(now, put_off, &local);
    let runs = first.map(|first| times.next_runs(first, RUNS, put_off, &local));
    ScheduleWords {
        words: schedule.words(&local),
        next_runs: runs.unwrap_or_default().iter().map(ToString::to_string).collect(),
        longest_gap_s: times.longest_gap().map(|gap| gap.as_secs()),
        note: times.clock_changes(now, &local),
        problems: Vec::new(),
    }
}
