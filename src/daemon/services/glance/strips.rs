//! Days of a plan: when its runs were due, by its schedule as it is now.

use crate::config::Config;
use crate::daemon::Node;
use crate::daemon::services::fleet::{KnownPlan, plan_run};
use crate::freshness::PlanRun;
use crate::freshness::days::{Day, Past, days, due_in};
use crate::model::{KeyId, PlanId, Status, Timestamp};
use crate::schedule::{Schedule, TaskKey, Zone, grace};
use std::collections::BTreeMap;
use std::time::Duration;

/// When the good runs of each plan began, oldest first: others may follow them.
pub(super) type Leaders = BTreeMap<(KeyId, PlanId), Vec<Timestamp>>;

/// Grace of a schedule that does not tell any.
const LONG_GRACE: Duration = Duration::from_secs(6 * 3600);

/// A plan and when it was due.
pub(super) struct Strip<'a> {
    known: &'a KnownPlan,
    is_trimmed: bool,
    runs: Vec<PlanRun>,
    /// When its runs began, oldest first.
    begun: Vec<Timestamp>,
    schedule: Schedule,
    put_off: Duration,
    local: Zone,
    led_by: &'a [Timestamp],
}

impl<'a> Strip<'a> {
    pub(super) fn new(
        node: &Node,
        config: &Config,
        (known, is_trimmed): (&'a KnownPlan, bool),
        leaders: &'a Leaders,
    ) -> Self {
        let runs: Vec<_> = known.backups.iter().filter_map(plan_run).collect();
        let mut begun: Vec<_> = runs.iter().filter(|run| run.status != Status::Pending).collect();
        begun.sort_by_key(|run| run.started_at);
        let begun = begun.into_iter().map(|run| run.started_at).collect();
        let schedule = schedule(node, config, known);
        let put_off = match known.origin == node.key() {
            true => TaskKey::Plan(known.expectation.plan.clone())
                .put_off(&known.origin, schedule.jitter()),
            false => Duration::ZERO,
        };
        let led_by = match &schedule {
            Schedule::After { plan } => leaders.get(&(known.origin, plan.clone())),
            Schedule::Manual | Schedule::Cron { .. } | Schedule::Every { .. } => None,
        };
        let led_by = led_by.map(Vec::as_slice).unwrap_or_default();
        let local = Zone::of_this_machine();
        Self { known, is_trimmed, runs, begun, schedule, put_off, local, led_by }
    }

    /// What each day came to.
    pub(super) fn days(&self, edges: &[Timestamp]) -> Vec<Day> {
        let due = |after| self.due(after);
        days(&self.past(&due), edges)
    }

    /// When runs were due in a day; at most so many.
    pub(super) fn due_in(&self, from: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let due = |after| self.due(after);
        due_in(&self.past(&due), from, until, most)
    }

    fn past<'p>(&'p self, due: &'p dyn Fn(Timestamp) -> Option<Timestamp>) -> Past<'p> {
        let (first, last) = (self.begun.first().copied(), self.begun.last().copied());
        let timing = &self.known.expectation.timing;
        let since = first.map_or(self.known.since, |first| first.min(self.known.since));
        let rests = timing.paused || !self.known.expectation.enabled;
        let of_gap = || self.schedule.longest_gap().map(|gap| grace(gap, self.schedule.jitter()));
        Past {
            runs: &self.runs,
            due,
            grace: timing.grace.or_else(of_gap).unwrap_or(LONG_GRACE),
            since,
            // Since when it rests is not kept: nobody is accused of what was due after its last run.
            rests_from: rests.then(|| last.unwrap_or(since)),
            seen_from: first.filter(|_| self.is_trimmed),
            seen_until: self.known.seen_until,
            now: self.known.now,
        }
    }

    /// The first due time after a time.
    fn due(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.schedule {
            Schedule::Manual => None,
            Schedule::Cron { .. } => self.schedule.next(after, self.put_off, &self.local),
            Schedule::Every { period, .. } => self.due_again(after, *period),
            Schedule::After { .. } => {
                self.led_by.get(self.led_by.partition_point(|at| *at <= after)).copied()
            }
        }
    }

    /// So much time after the run before, and again, as long as none begins.
    fn due_again(&self, after: Timestamp, period: Duration) -> Option<Timestamp> {
        let before = self.begun.partition_point(|begun| *begun <= after);
        let anchor = match before.checked_sub(1) {
            Some(last) => *self.begun.get(last)?,
            None => self.known.since.min(self.begun.first().copied().unwrap_or(self.known.since)),
        };
        if anchor > after {
            return Some(anchor);
        }
        let (passed, period) = (after.since(anchor).as_millis(), period.as_millis().max(1));
        let steps = i64::try_from((passed / period + 1) * period).ok()?;
        Some(Timestamp::from_millis(anchor.as_millis().saturating_add(steps)))
    }
}

/// By the configuration here; of a peer's plan by what it told.
fn schedule(node: &Node, config: &Config, known: &KnownPlan) -> Schedule {
    let expectation = &known.expectation;
    if known.origin == node.key() {
        let own = config.plan(&expectation.plan);
        return own.map_or(Schedule::Manual, |plan| plan.schedule.clone());
    }
    let zone: Option<Zone> = expectation.timing.time_zone.parse().ok();
    match (expectation.schedule.parse(), zone) {
        (Ok(Schedule::Cron { pattern, jitter, .. }), Some(zone)) => {
            Schedule::Cron { pattern, zone: Some(zone), jitter }
        }
        // By which clock is not known: nothing was due then.
        (Ok(Schedule::Cron { .. }), None) | (Err(_), _) => Schedule::Manual,
        (Ok(other), _) => other,
    }
}
