//! Whose turn it is: on a repo many may share, or one works alone; a plan runs once at a time; and no
//! more work at once than the limits allow.
//!
//! [`Line`] decides and knows no time and no tasks; [`Queue`] has tasks wait for what it decides.
//!
//! 1. Repos never wait for each other, but for the limit on all of them together.
//! 2. What a person asked for comes before what was due; else who came first comes first.
//! 3. Who waits to work alone is not overtaken by who came later to share.
//! 4. Whoever waits is told for what.
//! 5. Who has a turn and cannot use it steps aside, and comes back to the place it had.

use crate::model::{PlanId, RepoId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// A person asked for it, and waits.
    #[default]
    Wanted,
    /// A schedule says so.
    Due,
}

/// Whether others may work on the repo meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Alone,
}

/// What a turn is needed of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// The one run of a plan.
    Plan(PlanId),
    /// Work on a repo, of which at most `at_once` share it.
    Repo { repo: RepoId, mode: Mode, at_once: Option<u32> },
}

/// Who asks for a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) claim: Claim,
    pub(super) priority: Priority,
    /// As others are told whom they wait for: `backup of plan home`.
    pub(super) what: String,
}

/// A place in the line, in the order of coming.
type Number = u64;

/// Everybody who works or waits.
#[derive(Debug, Default)]
struct Line {
    next: Number,
    /// How many may work on repos at once, all in all.
    at_once: Option<u32>,
    waiting: BTreeMap<(Priority, Number), Wish>,
    working: BTreeMap<Number, (Wish, Timestamp)>,
    /// Had their turn, and let others go first.
    aside: BTreeMap<(Priority, Number), Wish>,
}

impl Line {
    fn enter(&mut self, wish: Wish) -> (Priority, Number) {
        self.next += 1;
        let place = (wish.priority, self.next);
        self.waiting.insert(place, wish);
        place
    }

    fn leave(&mut self, place: (Priority, Number)) {
        self.waiting.remove(&place);
        self.working.remove(&place.1);
        self.aside.remove(&place);
    }

    fn step_aside(&mut self, place: (Priority, Number)) {
        if let Some((wish, _)) = self.working.remove(&place.1) {
            self.aside.insert(place, wish);
        }
    }

    fn come_back(&mut self, place: (Priority, Number)) {
        if let Some(wish) = self.aside.remove(&place) {
            self.waiting.insert(place, wish);
        }
    }

    /// Lets all begin whose turn it is now.
    fn admit(&mut self, now: Timestamp) {
        let next = |line: &Self| {
            let mut waiting = line.waiting.iter();
            waiting.find(|(place, wish)| line.obstacle(**place, wish).is_none()).map(|(at, _)| *at)
        };
        while let Some(place) = next(self) {
            if let Some(wish) = self.waiting.remove(&place) {
                self.working.insert(place.1, (wish, now));
            }
        }
    }

    /// For what somebody waits; `None` if it is its turn.
    fn obstacle(&self, place: (Priority, Number), wish: &Wish) -> Option<String> {
        match &wish.claim {
            Claim::Plan(plan) => {
                let runs = |other: &Wish| other.claim == Claim::Plan(plan.clone());
                self.at_work(runs).next()
            }
            Claim::Repo { repo, mode, at_once } => self
                .rival(place, repo, *mode)
                .or_else(|| self.full(*at_once, |other| other.works_on(repo)))
                .or_else(|| self.full(self.at_once, |_| true)),
        }
    }

    fn rival(&self, place: (Priority, Number), repo: &RepoId, mode: Mode) -> Option<String> {
        let here = |wish: &Wish| wish.works_on(repo);
        match mode {
            Mode::Alone => self.at_work(here).next(),
            Mode::Shared => {
                let alone = |wish: &Wish| here(wish) && wish.mode() == Some(Mode::Alone);
                let first = self.waiting.range(..place).find(|(_, wish)| alone(wish));
                let first = || first.map(|(_, wish)| format!("{}, which comes first", wish.what));
                self.at_work(alone).next().or_else(first)
            }
        }
    }

    fn full(&self, at_once: Option<u32>, counted: impl Fn(&Wish) -> bool) -> Option<String> {
        let counted = |wish: &Wish| wish.mode().is_some() && counted(wish);
        let working = self.at_work(counted).count();
        let limit = at_once.and_then(|limit| usize::try_from(limit).ok())?;
        let first = self.at_work(counted).next();
        first.filter(|_| working >= limit).map(|first| match limit {
            1 => first,
            limit => format!("one of {limit} that may run at once, such as {first}"),
        })
    }

    /// Who works, in the order of coming.
    fn at_work(&self, is_one: impl Fn(&Wish) -> bool) -> impl Iterator<Item = String> {
        let working = self.working.values().filter(move |(wish, _)| is_one(wish));
        working.map(|(wish, since)| format!("{} since {since}", wish.what))
    }
}

impl Wish {
    fn works_on(&self, repo: &RepoId) -> bool {
        matches!(&self.claim, Claim::Repo { repo: claimed, .. } if claimed == repo)
    }

    const fn mode(&self) -> Option<Mode> {
        match &self.claim {
            Claim::Repo { mode, .. } => Some(*mode),
            Claim::Plan(_) => None,
        }
    }
}

/// The line, and the way to wait in it. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    line: Arc<Mutex<Line>>,
    changes: watch::Sender<u64>,
}

/// A place in the line: waiting, then working; dropped, it is given up.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Queue,
    place: (Priority, Number),
    changes: watch::Receiver<u64>,
    said: Mutex<String>,
}

impl Queue {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.line();
        change(&mut line);
        line.admit(crate::clock::now());
        drop(line);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How many may work on repos at once from now on; `None`: any number.
    pub(super) fn limit(&self, at_once: Option<u32>) {
        if self.line().at_once != at_once {
            self.change(|line| line.at_once = at_once);
        }
    }

    /// Joins the line; [`Turn::wait`] says when the turn has come.
    pub(super) fn enter(&self, wish: Wish) -> Turn {
        let changes = self.changes.subscribe();
        let mut place = (wish.priority, 0);
        self.change(|line| place = line.enter(wish));
        Turn { queue: self.clone(), place, changes, said: Mutex::default() }
    }
}

impl Turn {
    /// Waits until it is this one's turn (`None`), or until there is something new to say of what it
    /// waits for. Loses nothing when dropped while it waits.
    pub(super) async fn wait(&self) -> Option<String> {
        let mut changes = self.changes.clone();
        loop {
            changes.borrow_and_update();
            let obstacle = {
                let line = self.queue.line();
                line.waiting.get(&self.place).map(|wish| line.obstacle(self.place, wish))
            };
            // Whoever no longer waits works.
            let reason = obstacle?.unwrap_or_default();
            if self.says(&reason) {
                return Some(reason);
            }
            // The sender lives as long as this turn.
            let _ = changes.changed().await;
        }
    }

    /// Whether that is new.
    fn says(&self, reason: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *said != reason;
        reason.clone_into(&mut said);
        is_new
    }

    /// Lets others work meanwhile: what this one waits for is not in the line.
    pub(super) fn step_aside(&self) {
        self.queue.change(|line| line.step_aside(self.place));
    }

    /// Joins the line again, at the place it had; [`Turn::wait`] says when the turn has come.
    pub(super) fn come_back(&self) {
        self.queue.change(|line| line.come_back(self.place));
        self.says("");
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let place = self.place;
        self.queue.change(|line| line.leave(place));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    fn on(repo: &str, mode: Mode, priority: Priority, what: &str) -> Wish {
        let repo = repo.parse().unwrap();
        Wish { claim: Claim::Repo { repo, mode, at_once: None }, priority, what: what.to_owned() }
    }

    fn shared(repo: &str, what: &str) -> Wish {
        on(repo, Mode::Shared, Priority::Due, what)
    }

    fn alone(repo: &str, what: &str) -> Wish {
        on(repo, Mode::Alone, Priority::Due, what)
    }

    fn plan(name: &str) -> Wish {
        let claim = Claim::Plan(name.parse().unwrap());
        Wish { claim, priority: Priority::Due, what: format!("backup of plan {name}") }
    }

    /// Who works, by name, in the order of coming.
    fn working(line: &mut Line) -> Vec<String> {
        line.admit(Timestamp::EPOCH);
        line.working.values().map(|(wish, _)| wish.what.clone()).collect()
    }

    fn end(line: &mut Line, what: &str) {
        let is_it = |(_, (wish, _)): &(&Number, &(Wish, Timestamp))| wish.what == what;
        let number = *line.working.iter().find(is_it).unwrap().0;
        line.working.remove(&number);
    }

    #[test]
    fn backups_share_a_repo_and_exclusive_work_waits_for_them() {
        let mut line = Line::default();
        line.enter(shared("a", "one"));
        line.enter(shared("a", "two"));
        let prune = line.enter(alone("a", "prune"));
        line.enter(alone("b", "other"));
        assert_eq!(working(&mut line), ["one", "two", "other"], "repos are independent");
        let reason = line.obstacle(prune, &alone("a", "prune")).unwrap();
        assert_eq!(reason, "one since 1970-01-01T00:00:00.000Z");
        end(&mut line, "one");
        assert_eq!(working(&mut line), ["two", "other"]);
        end(&mut line, "two");
        assert_eq!(working(&mut line), ["prune", "other"]);
    }

    #[test]
    fn who_comes_later_does_not_overtake_who_waits_to_work_alone() {
        let mut line = Line::default();
        line.enter(shared("a", "one"));
        assert_eq!(working(&mut line), ["one"]);
        line.enter(alone("a", "prune"));
        let late = line.enter(shared("a", "late"));
        assert_eq!(working(&mut line), ["one"]);
        let reason = line.obstacle(late, &shared("a", "late")).unwrap();
        assert_eq!(reason, "prune, which comes first");
        end(&mut line, "one");
        assert_eq!(working(&mut line), ["prune"]);
        end(&mut line, "prune");
        assert_eq!(working(&mut line), ["late"]);
    }

    #[test]
    fn what_a_person_asked_for_comes_first() {
        let mut line = Line { at_once: Some(1), ..Line::default() };
        line.enter(shared("a", "running"));
        assert_eq!(working(&mut line), ["running"]);
        line.enter(alone("a", "due prune"));
        line.enter(shared("b", "due"));
        line.enter(on("a", Mode::Shared, Priority::Wanted, "wanted"));
        end(&mut line, "running");
        assert_eq!(working(&mut line), ["wanted"]);
        end(&mut line, "wanted");
        assert_eq!(working(&mut line), ["due prune"]);
    }

    #[test]
    fn limits_hold_for_a_repo_and_for_all_together() {
        let mut line = Line { at_once: Some(3), ..Line::default() };
        let two_at_once = |what: &str| {
            let claim =
                Claim::Repo { repo: "a".parse().unwrap(), mode: Mode::Shared, at_once: Some(2) };
            Wish { claim, ..shared("a", what) }
        };
        for what in ["1", "2", "3"] {
            line.enter(two_at_once(what));
        }
        line.enter(plan("home"));
        line.enter(shared("b", "4"));
        let last = line.enter(shared("b", "5"));
        // A plan's own turn is no work yet.
        assert_eq!(working(&mut line), ["1", "2", "backup of plan home", "4"]);
        let reason = line.obstacle(last, &shared("b", "5")).unwrap();
        assert!(reason.starts_with("one of 3 that may run at once, such as 1 since"), "{reason}");
    }

    #[test]
    fn a_plan_runs_once_at_a_time() {
        let mut line = Line::default();
        line.enter(plan("home"));
        let second = line.enter(plan("home"));
        line.enter(plan("etc"));
        assert_eq!(working(&mut line).len(), 2);
        assert!(line.obstacle(second, &plan("home")).unwrap().contains("plan home since"));
    }

    #[tokio::test]
    async fn a_turn_that_is_given_up_lets_the_next_one_begin() {
        let queue = Queue::default();
        let first = queue.enter(shared("a", "one"));
        assert_eq!(first.wait().await, None);
        let prune = queue.enter(alone("a", "prune"));
        let late = queue.enter(shared("a", "late"));
        assert!(prune.wait().await.unwrap().starts_with("one since"));
        assert!(late.wait().await.unwrap().starts_with("prune"));
        assert!(prune.wait().now_or_never().is_none(), "said once");
        drop(prune);
        assert_eq!(late.wait().await, None);
        drop(first);
        queue.limit(Some(1));
        let third = queue.enter(shared("b", "third"));
        assert!(third.wait().await.unwrap().starts_with("late since"));
        queue.limit(None);
        assert_eq!(third.wait().await, None);
        assert_eq!(late.wait().await, None, "it still is");
        drop((late, third));
        assert!(queue.line().working.is_empty() && queue.line().waiting.is_empty());
    }

    #[tokio::test]
    async fn who_steps_aside_lets_others_go_first_and_keeps_its_place() {
        let queue = Queue::default();
        let prune = queue.enter(alone("a", "prune"));
        assert_eq!(prune.wait().await, None);
        let backup = queue.enter(shared("a", "backup"));
        assert!(backup.wait().await.unwrap().starts_with("prune since"));
        prune.step_aside();
        assert_eq!(backup.wait().await, None);
        prune.come_back();
        assert!(prune.wait().await.unwrap().starts_with("backup since"));
        let late = queue.enter(shared("a", "late"));
        assert_eq!(late.wait().await.unwrap(), "prune, which comes first");
        drop(backup);
        assert_eq!(prune.wait().await, None);
        prune.step_aside();
        drop(prune);
        assert_eq!(late.wait().await, None);
        drop(late);
        let line = queue.line();
        assert!(line.working.is_empty() && line.waiting.is_empty() && line.aside.is_empty());
    }

    proptest! {
        /// Whatever comes and goes: who works alone is alone, limits hold, and all get their turn.
        #[test]
        fn nobody_waits_for_ever(wishes in prop::collection::vec(
            (0_u8..3, any::<bool>(), any::<bool>(), 1_u32..3), 1..40,
        ), total in 1_u32..4) {
            let mut line = Line { at_once: Some(total), ..Line::default() };
            let count = wishes.len();
            let mut done = 0;
            for (repo, is_alone, is_person, at_once) in wishes {
                let repo = ["a", "b", "c"][usize::from(repo)].parse().unwrap();
                let mode = if is_alone { Mode::Alone } else { Mode::Shared };
                let priority = if is_person { Priority::Wanted } else { Priority::Due };
                let claim = Claim::Repo { repo, mode, at_once: Some(at_once) };
                line.enter(Wish { claim, priority, what: "x".to_owned() });
                line.admit(Timestamp::EPOCH);
            }
            while !line.working.is_empty() {
                prop_assert!(line.working.len() <= total as usize);
                for (wish, _) in line.working.values().filter(|(w, _)| w.mode() == Some(Mode::Alone)) {
                    let Claim::Repo { repo, .. } = &wish.claim else { unreachable!() };
                    let here = line.working.values().filter(|(other, _)| other.works_on(repo));
                    prop_assert_eq!(here.count(), 1);
                }
                let first = *line.working.keys().next().unwrap();
                line.working.remove(&first);
                done += 1;
                line.admit(Timestamp::EPOCH);
            }
            prop_assert_eq!(done, count);
            prop_assert!(line.waiting.is_empty());
        }
    }
}
