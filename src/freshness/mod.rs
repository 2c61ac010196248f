//! The state of a plan: what a person has to know about it, the worst first.
//!
//! Pure: an expectation, what is known of the plan's runs, and a now that is already corrected by the
//! clock offset of the instance whose plan it is. It reads no history and sends nothing.
//!
//! 1. Exactly one state holds for a plan: the worst of those that apply.
//! 2. Without an allowed age a plan is never `stale` and never `never`.
//! 3. No data is never `fresh`: a backup whose snapshot is known to be gone is no data, whoever removed
//!    it. It stays a run that went well.
//! 4. Without a due time a plan is never `late`; what a person paused is not late either.
//! 5. A first backup that was due and is not there makes a plan `never`, whatever became of its runs;
//!    while the first one runs it has the allowed age.

pub mod coverage;
pub mod days;

use crate::model::{Expectation, FlowId, MachineClass, Status, Timestamp, Timing, words};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

words!(
    /// The state of a plan, the worst first.
    State, "plan state", {
        /// There is no good backup, and the first one is due.
        Never = "never",
        /// The newest good backup is older than allowed.
        Stale = "stale",
        /// The newest finished run failed.
        Failing = "failing",
        /// A due run has not begun in time.
        Late = "late",
        /// The newest finished run left something out.
        Warnings = "warnings",
        /// A backup is under way.
        Running = "running",
        /// A run is due and waits for something.
        Waiting = "waiting",
        /// A person paused the plan, or it is switched off.
        Paused = "paused",
        /// There is no good backup, and none is due.
        NotYet = "not-yet",
        /// The newest good backup is as young as it has to be.
        Fresh = "fresh",
    }
);

/// A run of a plan, as far as its state is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanRun {
    /// How far it is, or how it ended.
    pub status: Status,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether it made a snapshot.
    pub made_snapshot: bool,
    /// Which operations it belongs to: the attempts of one run have one flow. `None` if not known.
    pub flow: Option<FlowId>,
    /// When it ended, where its snapshot is known to be gone.
    pub gone: Option<Timestamp>,
}

/// What is known of a plan when its state is told.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the plan promises.
    pub expectation: &'a Expectation,
    /// Its runs, in any order.
    pub runs: &'a [PlanRun],
    /// Since when the plan is known: its first backup is due after this.
    pub since: Timestamp,
    /// Now, by the clock of the plan's instance.
    pub now: Timestamp,
}

/// The state of a plan and the numbers behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The worst that holds.
    pub state: State,
    /// When the newest good backup began.
    pub newest_good: Option<Timestamp>,
    /// How many finished runs have failed since the last that did not.
    pub failures: u32,
    /// When the first of these began.
    pub failing_since: Option<Timestamp>,
    /// Until when the newest good backup is young enough; `None` without one, or without a limit.
    pub fresh_until: Option<Timestamp>,
}

impl State {
    /// Whether time alone does not mend it.
    #[must_use]
    pub const fn needs_someone(self) -> bool {
        matches!(self, Self::Never | Self::Stale | Self::Failing)
    }
}

impl PlanRun {
    /// Whether it counts as a backup: it left a snapshot. A lost run whose snapshot was found does,
    /// because restic writes that last.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        match self.status {
            Status::Succeeded | Status::Warning => true,
            Status::Lost => self.made_snapshot,
            Status::Pending
            | Status::Running
            | Status::Failed
            | Status::Cancelled
            | Status::Skipped => false,
        }
    }

    /// Whether it counts as a failure. What a person stopped, or what was skipped for a reason, says
    /// nothing about the next run.
    pub(crate) const fn is_bad(&self) -> bool {
        matches!(self.status, Status::Failed)
            || matches!(self.status, Status::Lost) && !self.made_snapshot
    }

    /// Whether what it saved is there, as far as anybody knows.
    const fn is_there(&self) -> bool {
        self.is_good() && self.gone.is_none()
    }

    /// Whether a success that is remembered was this one, and nothing is left of it. What is remembered
    /// is when restic began, a moment after its operation.
    fn took_along(&self, remembered: Timestamp) -> bool {
        self.gone.is_some_and(|ended| self.started_at <= remembered && remembered <= ended)
    }
}

/// When the newest good backup that is not known to be gone began: one of these, or one that is
/// `remembered` longer than its entries are kept. Of that nothing is known to be gone.
#[must_use]
pub fn newest_there(
    runs: &[PlanRun],
    remembered: impl IntoIterator<Item = Timestamp>,
) -> Option<Timestamp> {
    let listed = runs.iter().filter(|run| run.is_there()).map(|run| run.started_at);
    let is_gone = |at: Timestamp| runs.iter().any(|run| run.took_along(at));
    listed.chain(remembered.into_iter().filter(|at| !is_gone(*at))).max()
}

/// How old the newest good backup of a plan may be: what the plan says, else what the class of its
/// machine allows. A `manual` schedule has no longest gap; without `max-age` it has no allowed age.
#[must_use]
pub fn allowed_age(
    max_age: Option<Duration>,
    class: MachineClass,
    longest_gap: Option<Duration>,
) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let of_class = |gap: Duration| match class {
        MachineClass::Server => gap + gap / 2,
        MachineClass::Desktop => 3 * DAY,
        MachineClass::Laptop => 7 * DAY,
        MachineClass::RarelyOn => 30 * DAY,
    };
    max_age.or_else(|| longest_gap.map(of_class))
}

/// The state of a plan.
#[must_use]
pub fn of(known: Known<'_>) -> Freshness {
    // The expectation outlives the entries that it sums up.
    let newest_good = newest_there(known.runs, known.expectation.last_met);
    let allowed = known.expectation.allowed_age;
    let fresh_until = newest_good.zip(allowed).map(|(good, age)| good.plus(age));
    let (failures, failing_since) = failures(known.runs);
    let state = worst(&known, newest_good, failures);
    Freshness { state, newest_good, failures, failing_since, fresh_until }
}

fn worst(known: &Known<'_>, newest_good: Option<Timestamp>, failures: u32) -> State {
    let is_over = |from: Timestamp| {
        known.expectation.allowed_age.is_some_and(|age| known.now > from.plus(age))
    };
    let newest_finished = finished(known.runs).last().map(|run| run.status);
    let is_running = known.runs.iter().any(|run| run.status == Status::Running);
    let is_paused = !known.expectation.enabled || is_paused(&known.expectation.timing, known.now);
    let is_waiting = !known.expectation.timing.waiting_for.is_empty();
    let conditions = [
        (State::Never, newest_good.is_none() && (is_over(known.since) || is_first_overdue(known))),
        (State::Stale, newest_good.is_some_and(is_over)),
        (State::Failing, failures > 0),
        (State::Late, !is_paused && is_late(known)),
        (State::Warnings, newest_finished == Some(Status::Warning)),
        (State::Running, is_running),
        (State::Waiting, !is_paused && is_waiting),
        (State::Paused, is_paused),
        (State::NotYet, newest_good.is_none()),
    ];
    let held = conditions.into_iter().find(|(_, holds)| *holds);
    held.map_or(State::Fresh, |(state, _)| state)
}

fn is_paused(timing: &Timing, now: Timestamp) -> bool {
    timing.paused && timing.paused_until.is_none_or(|end| now < end)
}

/// The first backup should be there, and is not under way. When exactly it was due is not known once
/// a run has begun, but that was within a longest gap.
fn is_first_overdue(known: &Known<'_>) -> bool {
    let Expectation { allowed_age, enabled, timing, .. } = known.expectation;
    let is_on_time = || {
        let within = timing.longest_gap.zip(timing.grace).map(|(gap, grace)| gap + grace);
        within.is_none_or(|within| known.now <= known.since.plus(within))
    };
    let is_running = known.runs.iter().any(|run| run.status == Status::Running);
    let may_be = allowed_age.is_some() && *enabled && !is_paused(timing, known.now) && !is_running;
    may_be && (is_late(known) || !is_on_time())
}

/// A run is due, its grace is over, and none has begun since: a log may know of one before the
/// expectation does.
fn is_late(known: &Known<'_>) -> bool {
    let Timing { next_due, grace, .. } = known.expectation.timing;
    let Some((due, grace)) = next_due.zip(grace) else { return false };
    let has_begun = |run: &PlanRun| run.status != Status::Pending && run.started_at >= due;
    known.now > due.plus(grace) && !known.runs.iter().any(has_begun)
}

/// The runs whose end says something, oldest first.
fn finished(runs: &[PlanRun]) -> Vec<&PlanRun> {
    let mut finished: Vec<_> = runs.iter().filter(|run| run.is_good() || run.is_bad()).collect();
    finished.sort_by_key(|run| run.started_at);
    finished
}

/// How many runs failed in a row, those of one flow counted once: they are one run, tried again. And
/// since when.
fn failures(runs: &[PlanRun]) -> (u32, Option<Timestamp>) {
    let finished = finished(runs);
    let in_a_row: Vec<_> = finished.iter().rev().take_while(|run| run.is_bad()).collect();
    let mut flows = BTreeSet::new();
    let counted = in_a_row.iter().filter(|run| run.flow.is_none_or(|flow| flows.insert(flow)));
    let count = u32::try_from(counted.count()).unwrap_or(u32::MAX);
    (count, in_a_row.last().map(|run| run.started_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    fn hours_ago(hours: u32) -> Timestamp {
        NOW.minus(HOUR * hours)
    }

    fn expectation(allowed_hours: Option<u32>) -> Expectation {
        Expectation {
            repo: "vault".parse().unwrap(),
            plan: "home".parse().unwrap(),
            schedule: "manual".to_owned(),
            allowed_age: allowed_hours.map(|hours| HOUR * hours),
            last_met: None,
            enabled: true,
            disabled_reason: String::new(),
            timing: Timing::default(),
        }
    }

    fn run(status: Status, hours: u32) -> PlanRun {
        let started_at = hours_ago(hours);
        PlanRun { status, started_at, made_snapshot: false, flow: None, gone: None }
    }

    /// The state of a plan known for 100 hours.
    fn state(expectation: &Expectation, runs: &[PlanRun]) -> State {
        of(Known { expectation, runs, since: hours_ago(100), now: NOW }).state
    }

    #[test]
    fn the_worst_that_holds_is_told() {
        use Status::{Cancelled, Failed, Lost, Pending, Running, Skipped, Succeeded, Warning};
        type Row<'a> = (&'a str, Option<u32>, &'a [(Status, u32)], State);
        let table: &[Row<'_>] = &[
            ("nothing yet, no limit", None, &[], State::NotYet),
            ("nothing yet, still time", Some(101), &[], State::NotYet),
            ("nothing yet, at the limit", Some(100), &[], State::NotYet),
            ("nothing yet, too late", Some(99), &[], State::Never),
            ("never beats failing", Some(99), &[(Failed, 1)], State::Never),
            ("never beats running", Some(99), &[(Running, 0)], State::Never),
            ("first one failed", None, &[(Failed, 1)], State::Failing),
            ("young", Some(24), &[(Succeeded, 23)], State::Fresh),
            ("at the limit", Some(24), &[(Succeeded, 24)], State::Fresh),
            ("old", Some(24), &[(Succeeded, 25)], State::Stale),
            ("old without a limit", None, &[(Succeeded, 99)], State::Fresh),
            ("stale beats failing", Some(24), &[(Succeeded, 25), (Failed, 1)], State::Stale),
            ("failing", Some(24), &[(Succeeded, 3), (Failed, 1)], State::Failing),
            ("failing while it runs again", None, &[(Failed, 1), (Running, 0)], State::Failing),
            ("recovered", None, &[(Failed, 2), (Succeeded, 1)], State::Fresh),
            ("warnings are a backup", Some(24), &[(Warning, 1)], State::Warnings),
            ("warnings of old", None, &[(Warning, 2), (Succeeded, 1)], State::Fresh),
            ("running", None, &[(Succeeded, 2), (Running, 0)], State::Running),
            ("pending is not running", None, &[(Succeeded, 2), (Pending, 0)], State::Fresh),
            ("cancelled says nothing", None, &[(Succeeded, 2), (Cancelled, 1)], State::Fresh),
            ("skipped says nothing", None, &[(Failed, 2), (Skipped, 1)], State::Failing),
            ("lost is a failure", None, &[(Succeeded, 2), (Lost, 1)], State::Failing),
        ];
        for (what, allowed, runs, expected) in table {
            let runs: Vec<_> = runs.iter().map(|&(status, hours)| run(status, hours)).collect();
            assert_eq!(state(&expectation(*allowed), &runs), *expected, "{what}");
            let reversed: Vec<_> = runs.iter().rev().copied().collect();
            assert_eq!(state(&expectation(*allowed), &reversed), *expected, "{what}, any order");
        }
    }

    #[test]
    fn the_plan_says_how_old_else_the_class_and_manual_has_no_limit() {
        let (hour, day) = (Some(HOUR), Some(HOUR * 24));
        for (max_age, class, gap, expected) in [
            (None, MachineClass::Server, None, None),
            (hour, MachineClass::Server, None, hour),
            (hour, MachineClass::Laptop, day, hour),
            (None, MachineClass::Server, day, Some(HOUR * 36)),
            (None, MachineClass::Desktop, day, Some(HOUR * 72)),
            (None, MachineClass::RarelyOn, day, Some(HOUR * 720)),
        ] {
            assert_eq!(allowed_age(max_age, class, gap), expected, "{class} {max_age:?}");
        }
    }

    #[test]
    fn only_never_stale_and_failing_need_someone() {
        use State::{
            Failing, Fresh, Late, Never, NotYet, Paused, Running, Stale, Waiting, Warnings,
        };
        assert!([Never, Stale, Failing].into_iter().all(State::needs_someone));
        let others = [Late, Warnings, Running, Waiting, Paused, NotYet, Fresh];
        assert!(!others.into_iter().any(State::needs_someone));
    }

    #[test]
    fn a_first_backup_that_was_due_and_is_not_there_is_never() {
        use Status::{Failed, Pending, Running, Succeeded};
        let scheduled = |due: Timestamp, gap: u32| Expectation {
            timing: Timing {
                next_due: Some(due),
                longest_gap: Some(HOUR * gap),
                grace: Some(HOUR * 2),
                ..Timing::default()
            },
            ..expectation(Some(1000))
        };
        let ahead = NOW.plus(HOUR);
        let waits = |mut of: Expectation| {
            of.timing.waiting_for = "AC power".to_owned();
            of
        };
        let paused = |mut of: Expectation| {
            of.timing.paused = true;
            of
        };
        type Row<'a> = (&'a str, Expectation, &'a [(Status, u32)], State);
        let table: &[Row<'_>] = &[
            ("not due", scheduled(ahead, 98), &[], State::NotYet),
            ("due, in its grace", scheduled(hours_ago(2), 200), &[], State::NotYet),
            (
                "due, and waits in its grace",
                waits(scheduled(hours_ago(1), 200)),
                &[],
                State::Waiting,
            ),
            ("due, and waits too long", waits(scheduled(hours_ago(3), 200)), &[], State::Never),
            ("overdue", scheduled(hours_ago(3), 200), &[], State::Never),
            ("overdue, and put off", scheduled(hours_ago(3), 200), &[(Pending, 2)], State::Never),
            ("overdue, and runs", scheduled(ahead, 24), &[(Running, 60)], State::Running),
            ("a person tried it before", scheduled(ahead, 200), &[(Failed, 1)], State::Failing),
            ("each run failed", scheduled(ahead, 24), &[(Failed, 60), (Failed, 1)], State::Never),
            ("a person paused it", paused(scheduled(hours_ago(3), 24)), &[], State::Paused),
            ("it is there", scheduled(hours_ago(3), 24), &[(Succeeded, 60)], State::Late),
        ];
        for (what, expectation, runs, expected) in table {
            let runs: Vec<_> = runs.iter().map(|&(status, hours)| run(status, hours)).collect();
            assert_eq!(state(expectation, &runs), *expected, "{what}");
        }
    }

    #[test]
    fn a_lost_run_whose_snapshot_was_found_is_a_backup() {
        let found = PlanRun { made_snapshot: true, ..run(Status::Lost, 1) };
        assert_eq!(state(&expectation(Some(24)), &[found]), State::Fresh);
    }

    #[test]
    fn a_disabled_plan_still_goes_stale() {
        let disabled = Expectation { enabled: false, ..expectation(Some(24)) };
        assert_eq!(state(&disabled, &[run(Status::Succeeded, 25)]), State::Stale);
        assert_eq!(state(&disabled, &[run(Status::Succeeded, 23)]), State::Paused);
    }

    #[test]
    fn the_expectation_remembers_a_backup_whose_entries_are_gone() {
        let met = Expectation { last_met: Some(hours_ago(20)), ..expectation(Some(24)) };
        let known = Known { expectation: &met, runs: &[], since: hours_ago(100), now: NOW };
        let freshness = of(known);
        assert_eq!(freshness.state, State::Fresh);
        assert_eq!(freshness.fresh_until, Some(NOW.plus(HOUR * 4)));
        assert_eq!(state(&met, &[run(Status::Failed, 2), run(Status::Failed, 1)]), State::Failing);
    }

    #[test]
    fn a_backup_whose_snapshot_is_gone_is_no_data() {
        use Status::{Failed, Lost, Succeeded};
        let gone = |status, hours| PlanRun {
            made_snapshot: true,
            gone: Some(hours_ago(hours).plus(HOUR / 2)),
            ..run(status, hours)
        };
        // What is remembered began a moment after the operation did.
        let remembers = |hours| Expectation {
            last_met: Some(hours_ago(hours).plus(HOUR / 4)),
            ..expectation(Some(24))
        };
        type Row<'a> = (&'a str, Expectation, &'a [PlanRun], State);
        let table: &[Row<'_>] = &[
            ("all gone", remembers(2), &[gone(Succeeded, 9), gone(Succeeded, 2)], State::Never),
            ("lost, found and gone", remembers(2), &[gone(Lost, 2)], State::Never),
            ("all gone, no limit", expectation(None), &[gone(Succeeded, 2)], State::NotYet),
            (
                "retention took the older ones",
                remembers(2),
                &[gone(Succeeded, 9), run(Succeeded, 2)],
                State::Fresh,
            ),
            (
                "only the newest is gone",
                remembers(2),
                &[run(Succeeded, 9), gone(Succeeded, 2)],
                State::Fresh,
            ),
            (
                "what is left is old",
                remembers(2),
                &[run(Succeeded, 25), gone(Succeeded, 2)],
                State::Stale,
            ),
            ("remembered alone", remembers(2), &[gone(Succeeded, 9)], State::Fresh),
            (
                "it was no failure",
                expectation(None),
                &[run(Failed, 9), gone(Succeeded, 2)],
                State::NotYet,
            ),
        ];
        for (what, expectation, runs, expected) in table {
            assert_eq!(state(expectation, runs), *expected, "{what}");
        }
    }

    #[test]
    fn what_follows_from_a_due_time_stands_in_its_place() {
        use Status::{Failed, Pending, Running, Succeeded, Warning};
        let timed = |due: u32, timing: Timing| Expectation {
            timing: Timing { next_due: Some(hours_ago(due)), grace: Some(HOUR * 2), ..timing },
            ..expectation(Some(48))
        };
        let waiting = || Timing { waiting_for: "AC power".to_owned(), ..Timing::default() };
        let paused = |until: Option<u32>| Timing {
            paused: true,
            paused_until: until.map(|hours| NOW.plus(HOUR * hours)),
            ..Timing::default()
        };
        let good = (Succeeded, 26);
        type Row<'a> = (&'a str, Expectation, &'a [(Status, u32)], State);
        let table: &[Row<'_>] = &[
            ("in its grace", timed(2, Timing::default()), &[good], State::Fresh),
            ("late", timed(3, Timing::default()), &[good], State::Late),
            ("begun since", timed(3, Timing::default()), &[good, (Running, 2)], State::Running),
            (
                "pending is not begun",
                timed(3, Timing::default()),
                &[good, (Pending, 2)],
                State::Late,
            ),
            ("late and waiting", timed(3, waiting()), &[good], State::Late),
            ("waiting", timed(1, waiting()), &[good], State::Waiting),
            ("late with warnings", timed(3, Timing::default()), &[(Warning, 26)], State::Late),
            ("warnings and waiting", timed(1, waiting()), &[(Warning, 26)], State::Warnings),
            ("failing and late", timed(3, Timing::default()), &[good, (Failed, 4)], State::Failing),
            ("stale and late", timed(3, Timing::default()), &[(Succeeded, 49)], State::Stale),
            ("paused", timed(3, paused(None)), &[good], State::Paused),
            ("paused until later", timed(3, paused(Some(1))), &[good], State::Paused),
            ("a pause that is over", timed(3, paused(Some(0))), &[good], State::Late),
            ("paused and stale", timed(3, paused(None)), &[(Succeeded, 49)], State::Stale),
        ];
        for (what, expectation, runs, expected) in table {
            let runs: Vec<_> = runs.iter().map(|&(status, hours)| run(status, hours)).collect();
            assert_eq!(state(expectation, &runs), *expected, "{what}");
        }
    }

    #[test]
    fn the_attempts_of_one_run_are_one_failure() {
        let flow = |n| Some(FlowId::from_bytes([n; 16]));
        let runs = [(9, flow(1)), (8, flow(1)), (7, flow(1)), (3, flow(2)), (2, None), (1, None)]
            .map(|(hours, flow)| PlanRun { flow, ..run(Status::Failed, hours) });
        let expectation = expectation(None);
        let known = Known { expectation: &expectation, runs: &runs, since: NOW, now: NOW };
        assert_eq!(of(known).failures, 4);
        assert_eq!(of(known).failing_since, Some(hours_ago(9)));
    }

    #[test]
    fn failures_are_counted_back_to_the_last_good_run() {
        let runs = [9, 3, 2, 1].map(|hours| run(Status::Failed, hours));
        let good = run(Status::Succeeded, 5);
        let runs: Vec<_> = runs.into_iter().chain([good]).collect();
        let expectation = expectation(None);
        let known = Known { expectation: &expectation, runs: &runs, since: NOW, now: NOW };
        assert_eq!(of(known).failures, 3);
        assert_eq!(of(known).failing_since, Some(hours_ago(3)));
    }
}
