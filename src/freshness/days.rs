//! What each day of a plan came to: the cells of a strip.
//!
//! Pure: runs, due times, and from when to when the plan was in sight. Where a day begins is said by
//! whoever asks, who knows the reader's clock.
//!
//! 1. A day without data is never `good`: it is `idle`, `missed` or `unseen`.
//! 2. A due time is made up for by a run that begins before the next one, whatever day that is.
//! 3. What was due is judged when its grace is over, and not before.

use super::PlanRun;
use crate::model::{Status, Timestamp, words};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

words!(
    /// What a day of a plan came to.
    Day, "day", {
        /// What was saved is whole.
        Good = "good",
        /// The newest backup of the day left something out.
        Warnings = "warnings",
        /// Every run failed.
        Failed = "failed",
        /// Some runs failed.
        SomeFailed = "some-failed",
        /// A run was due and none happened.
        Missed = "missed",
        /// A run is under way.
        Running = "running",
        /// Nothing was due.
        Idle = "idle",
        /// Nobody here could see it.
        Unseen = "unseen",
    }
);

/// When runs were due: the first time after a time; `None` where no clock says.
pub type Due<'a> = &'a dyn Fn(Timestamp) -> Option<Timestamp>;

/// What is known of a plan's past.
pub struct Past<'a> {
    /// Its backups, in any order.
    pub runs: &'a [PlanRun],
    /// When they were due.
    pub due: Due<'a>,
    /// How long after its due time a run is late.
    pub grace: Duration,
    /// Nothing was due before.
    pub since: Timestamp,
    /// Nothing is due from then on: it is paused or disabled.
    pub rests_from: Option<Timestamp>,
    /// What was before is not known: it was trimmed.
    pub seen_from: Option<Timestamp>,
    /// What came after is not known: until then its instance was in sight.
    pub seen_until: Option<Timestamp>,
    /// Now, by the clock of the plan's instance.
    pub now: Timestamp,
}

/// What each day came to. `edges` are the beginnings of the days, oldest first, and the end of the last.
#[must_use]
pub fn days(past: &Past<'_>, edges: &[Timestamp]) -> Vec<Day> {
    let mut runs: Vec<_> = past.runs.iter().filter(|run| run.status != Status::Pending).collect();
    runs.sort_by_key(|run| run.started_at);
    let day = |(from, until): (Timestamp, Timestamp)| {
        let first = runs.partition_point(|run| run.started_at < from);
        let end = runs.partition_point(|run| run.started_at < until);
        of_runs(&runs[first..end]).unwrap_or_else(|| {
            let next = runs[end..].iter().find(|run| made_up(run)).map(|run| run.started_at);
            past.without_runs(from, until, next)
        })
    };
    edges.iter().copied().zip(edges.iter().copied().skip(1)).map(day).collect()
}

/// The due times of a day, as far as they can be told; at most `most`.
#[must_use]
pub fn due_in(past: &Past<'_>, from: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
    let next = |at: &Timestamp| (past.due)(*at);
    let first = (past.due)(just_before(from.max(past.since)));
    let all = std::iter::successors(first, next).take_while(|due| *due < until);
    all.filter(|due| past.rests_from.is_none_or(|rest| *due < rest)).take(most).collect()
}

const fn just_before(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_sub(1))
}

/// A run that leaves no due time open.
fn made_up(run: &PlanRun) -> bool {
    run.is_good() || run.is_bad() || run.status == Status::Running
}

/// `None` where no run says anything of the day.
fn of_runs(runs: &[&PlanRun]) -> Option<Day> {
    let good = runs.iter().rev().find(|run| run.is_good());
    let failed = runs.iter().any(|run| run.is_bad());
    let runs_now = runs.iter().any(|run| run.status == Status::Running);
    match (good, failed) {
        _ if runs_now => Some(Day::Running),
        (Some(_), true) => Some(Day::SomeFailed),
        (None, true) => Some(Day::Failed),
        (Some(run), false) if run.status == Status::Warning => Some(Day::Warnings),
        (Some(_), false) => Some(Day::Good),
        (None, false) => None,
    }
}

impl Past<'_> {
    /// A day in which no run began; `next` is when one began after it.
    fn without_runs(&self, from: Timestamp, until: Timestamp, next: Option<Timestamp>) -> Day {
        let unseen_before = self.seen_from.is_some_and(|seen| from < seen);
        let unseen_after = self.seen_until.is_some_and(|seen| seen < until.min(self.now));
        let judged = self.seen_until.map_or(self.now, |seen| seen.min(self.now));
        if !unseen_before && self.is_missed(from, until, (next, judged)) {
            return Day::Missed;
        }
        if unseen_before || unseen_after { Day::Unseen } else { Day::Idle }
    }

    /// Of the due times of a day without runs all but the last are missed, once their grace is over;
    /// for the last a run may have begun later.
    fn is_missed(
        &self,
        from: Timestamp,
        until: Timestamp,
        (next, judged): (Option<Timestamp>, Timestamp),
    ) -> bool {
        let dues = due_in(self, from, until, 2);
        let is_over = |due: &Timestamp| judged > due.plus(self.grace);
        match dues.as_slice() {
            [] => false,
            [due] => {
                let following = (self.due)(*due);
                let late = next.filter(|run| following.is_none_or(|following| *run < following));
                is_over(due) && late.is_none()
            }
            [first, ..] => is_over(first),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn hour(n: i64) -> Timestamp {
        Timestamp::from_millis(n * 3_600_000)
    }

    /// Each day at that hour.
    fn daily(at: i64) -> impl Fn(Timestamp) -> Option<Timestamp> {
        move |after| {
            let day = (after.as_millis() - hour(at).as_millis()).div_euclid(86_400_000) + 1;
            Some(hour(day * 24 + at))
        }
    }

    fn run(status: Status, at: i64) -> PlanRun {
        PlanRun { status, started_at: hour(at), made_snapshot: false, flow: None, gone: None }
    }

    fn edges(count: i64) -> Vec<Timestamp> {
        (0..=count).map(|day| hour(day * 24)).collect()
    }

    fn past<'a>(runs: &'a [PlanRun], due: Due<'a>, now: i64) -> Past<'a> {
        Past {
            runs,
            due,
            grace: HOUR,
            since: Timestamp::EPOCH,
            rests_from: None,
            seen_from: None,
            seen_until: None,
            now: hour(now),
        }
    }

    #[test]
    fn a_day_says_what_its_runs_came_to() {
        use Status::{Cancelled, Failed, Lost, Pending, Running, Skipped, Succeeded, Warning};
        let table: &[(&[Status], Day)] = &[
            (&[Succeeded], Day::Good),
            (&[Warning], Day::Warnings),
            (&[Warning, Succeeded], Day::Good),
            (&[Succeeded, Warning], Day::Warnings),
            (&[Failed], Day::Failed),
            (&[Lost, Failed], Day::Failed),
            (&[Failed, Succeeded], Day::SomeFailed),
            (&[Warning, Failed], Day::SomeFailed),
            (&[Failed, Running], Day::Running),
            (&[Pending], Day::Idle),
            (&[Cancelled], Day::Idle),
            (&[Skipped, Succeeded], Day::Good),
        ];
        for (statuses, expected) in table {
            let runs: Vec<_> = statuses.iter().zip(1..).map(|(s, at)| run(*s, at)).collect();
            let found = days(&past(&runs, &|_| None, 30), &edges(1));
            assert_eq!(found, [*expected], "{statuses:?}");
        }
    }

    #[test]
    fn a_day_without_its_run_is_a_hole_and_one_without_due_time_is_none() {
        let runs = [run(Status::Succeeded, 2), run(Status::Succeeded, 50)];
        assert_eq!(
            days(&past(&runs, &daily(2), 74), &edges(3)),
            [Day::Good, Day::Missed, Day::Good]
        );
        assert_eq!(days(&past(&runs, &|_| None, 74), &edges(3)), [Day::Good, Day::Idle, Day::Good]);
        let skipped = [run(Status::Succeeded, 2), run(Status::Skipped, 26)];
        assert_eq!(days(&past(&skipped, &daily(2), 49), &edges(2)), [Day::Good, Day::Missed]);
    }

    #[test]
    fn a_run_after_midnight_makes_up_for_what_was_due_before_it() {
        let runs = [run(Status::Succeeded, 24)];
        assert_eq!(days(&past(&runs, &daily(23), 40), &edges(2)), [Day::Idle, Day::Good]);
        let later = [run(Status::Succeeded, 48)];
        let found = days(&past(&later, &daily(23), 60), &edges(3));
        assert_eq!(found, [Day::Missed, Day::Idle, Day::Good], "one catch-up, one hole");
    }

    #[test]
    fn what_is_due_is_not_missed_before_its_grace_is_over() {
        let due = daily(2);
        let at = |now| days(&past(&[], &due, now), &edges(1));
        assert_eq!(at(1), [Day::Idle]);
        assert_eq!(at(3), [Day::Idle], "in its grace");
        assert_eq!(at(4), [Day::Missed]);
    }

    #[test]
    fn what_was_out_of_sight_is_unseen_and_not_missed() {
        let runs = [run(Status::Succeeded, 2)];
        let (at_eight, at_two) = (daily(8), daily(2));
        let away = Past { seen_until: Some(hour(30)), ..past(&runs, &at_eight, 100) };
        assert_eq!(days(&away, &edges(4)), [Day::Good, Day::Unseen, Day::Unseen, Day::Unseen]);
        let seen = Past { seen_until: Some(hour(34)), ..past(&runs, &at_eight, 100) };
        assert_eq!(days(&seen, &edges(2)), [Day::Good, Day::Missed], "it was seen missing");
        let late = [run(Status::Failed, 50)];
        let trimmed = Past { seen_from: Some(hour(50)), ..past(&late, &at_two, 60) };
        assert_eq!(days(&trimmed, &edges(3)), [Day::Unseen, Day::Unseen, Day::Failed]);
    }

    #[test]
    fn before_it_was_there_and_while_it_rests_nothing_is_due() {
        let at_two = daily(2);
        let new = Past { since: hour(24), ..past(&[], &at_two, 60) };
        assert_eq!(days(&new, &edges(2)), [Day::Idle, Day::Missed]);
        let rests = Past { rests_from: Some(hour(20)), ..past(&[], &at_two, 60) };
        assert_eq!(days(&rests, &edges(2)), [Day::Missed, Day::Idle]);
    }

    fn any_run() -> impl Strategy<Value = PlanRun> {
        (0..Status::ALL.len(), 0..240_i64, any::<bool>()).prop_map(|(status, at, made_snapshot)| {
            PlanRun { made_snapshot, ..run(Status::ALL[status], at) }
        })
    }

    proptest! {
        /// The rules once more, the slow way: each day by itself, each due time against every run.
        #[test]
        fn as_the_rules_say(
            runs in proptest::collection::vec(any_run(), 0..30),
            at in 0..24_i64,
            now in 1..240_i64,
            seen in proptest::option::of(0..240_i64),
        ) {
            let due = daily(at);
            let runs: Vec<_> = runs.into_iter().filter(|run| run.started_at <= hour(now)).collect();
            let past = Past { seen_until: seen.map(hour), ..past(&runs, &due, now) };
            let found = days(&past, &edges(10));
            prop_assert_eq!(found.len(), 10);
            for (n, day) in (0..10).zip(found) {
                let of_day = runs.iter().filter(|run| {
                    (hour(n * 24)..hour(n * 24 + 24)).contains(&run.started_at)
                });
                let telling: Vec<_> = of_day.filter(|run| made_up(run)).collect();
                let has_good = telling.iter().any(|run| run.is_good());
                match day {
                    Day::Good | Day::Warnings => prop_assert!(has_good),
                    Day::SomeFailed => prop_assert!(has_good && telling.len() > 1),
                    Day::Failed => prop_assert!(!has_good && !telling.is_empty()),
                    Day::Running => prop_assert!(telling.iter().any(|run| run.status == Status::Running)),
                    Day::Missed => {
                        let due = n * 24 + at;
                        prop_assert!(telling.is_empty());
                        prop_assert!(hour(due + 1) < hour(now));
                        prop_assert!(seen.is_none_or(|seen| due + 1 < seen));
                        let makes_up = |run: &PlanRun| {
                            made_up(run) && (hour(due)..hour(due + 24)).contains(&run.started_at)
                        };
                        prop_assert!(!runs.iter().any(makes_up));
                    }
                    Day::Idle | Day::Unseen => {
                        prop_assert!(telling.is_empty());
                        let out_of_sight = seen.is_some_and(|seen| seen < (n * 24 + 24).min(now));
                        prop_assert_eq!(day == Day::Unseen, out_of_sight);
                    }
                }
            }
        }
    }
}
