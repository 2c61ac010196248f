//! The machine and what befalls it.

use crate::naive::{Follower, Naive, Periodic};
use crate::random::Random;
use holdfast::model::Timestamp;
use holdfast::schedule::{
    Book, Ended, Entry, OnlyWhen, Retry, Schedule, Start, Surroundings, TaskKey, Zone,
};
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const CRON: [&str; 9] = [
    "30 2 * * *",
    "0 0,12 * * *",
    "0 2 * * 0",
    "15 3 1 * *",
    "*/30 2 * * *",
    "5 */6 * * *",
    "30 1 13 * 5",
    "0 3 31 * *",
    "45 2 */2 * 1-5",
];
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Rome",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
];

/// A run that is under way: until when, and how it will end.
type Run = (Timestamp, Ended);

pub struct World {
    random: Random,
    /// The time that passes, which no clock of the machine shows.
    true_now: Timestamp,
    /// By how much the machine's clock is off, in milliseconds.
    off: i64,
    /// How often that changed.
    sets: u64,
    zone: Zone,
    book: Book,
    /// As the store has it.
    kept: Book,
    entries: Vec<Entry>,
    naive: BTreeMap<TaskKey, Naive>,
    periodic: BTreeMap<TaskKey, Periodic>,
    followers: BTreeMap<TaskKey, Follower>,
    /// By the time that passes.
    runs: BTreeMap<TaskKey, Run>,
    /// When the last look was, and when a plan of a period last began.
    last_starts: BTreeMap<TaskKey, Timestamp>,
    on_battery: bool,
    /// Whether something waits for its conditions.
    waits: bool,
    pub seen: BTreeMap<&'static str, u64>,
    log: bool,
}

fn started(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let plans = 1 + random.below(4);
        let mut world = Self {
            true_now: started("2024-01-01T00:00:00Z").plus(HOUR * random.below(9000) as u32),
            off: 0,
            sets: 0,
            zone: random.pick(&ZONES).parse().unwrap(),
            book: Book::default(),
            kept: Book::default(),
            entries: Vec::new(),
            naive: BTreeMap::new(),
            periodic: BTreeMap::new(),
            followers: BTreeMap::new(),
            runs: BTreeMap::new(),
            last_starts: BTreeMap::new(),
            on_battery: false,
            waits: false,
            seen: BTreeMap::new(),
            log: std::env::var_os("HOLDFAST_LOG").is_some(),
            random,
        };
        (0..plans).for_each(|n| world.add_plan(n));
        world
    }

    fn add_plan(&mut self, n: u64) {
        let key = TaskKey::Plan(format!("p{n}").parse().unwrap());
        let jitter = *self.random.pick(&[Duration::ZERO, MINUTE * 20, HOUR * 3]);
        let put_off = key.put_off(&holdfast::model::KeyId::from_bytes([n as u8; 32]), jitter);
        let only_when = OnlyWhen {
            ac_power: self.random.below(4) == 0,
            force_after: (self.random.below(2) == 0).then_some(3 * DAY),
            ..OnlyWhen::default()
        };
        let entry = Entry {
            key: key.clone(),
            repo: format!("r{}", self.random.below(2)).parse().unwrap(),
            schedule: self.some_schedule(n),
            only_when,
            retry: Retry::default(),
            put_off,
            last_start: None,
            followed: None,
            enabled: true,
        };
        match &entry.schedule {
            Schedule::Cron { .. } => {
                self.naive.insert(key, Naive::new(entry.schedule.clone(), put_off));
            }
            Schedule::Every { period, .. } => {
                self.periodic.insert(key, Periodic::new(*period));
            }
            Schedule::After { .. } => {
                self.followers.insert(key, Follower::default());
            }
            Schedule::Manual => {}
        }
        self.entries.push(entry);
    }

    /// The first plans go by cron, so that there is always one to follow.
    fn some_schedule(&mut self, n: u64) -> Schedule {
        match if n < 2 { 0 } else { self.random.below(4) } {
            0 | 1 => self.some_cron(),
            2 => "every 7h".parse().unwrap(),
            _ => "after p0".parse().unwrap(),
        }
    }

    fn some_cron(&mut self) -> Schedule {
        let pattern = self.random.pick(&CRON).parse().unwrap();
        let zone = (self.random.below(2) == 0).then(|| self.random.pick(&ZONES).parse().unwrap());
        Schedule::Cron { pattern, zone, jitter: Duration::ZERO }
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.true_now.as_millis() + self.off)
    }

    fn say(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
        if self.log {
            println!("{} (clock {}) {what}", self.true_now, self.wall());
        }
    }

    pub fn live_for_ten_years(&mut self) -> Result<(), String> {
        let end = self.true_now.plus(3652 * DAY);
        while self.true_now < end {
            // Stretches of some hours to weeks, at the end of which something happens.
            let stretch = HOUR * (1 + self.random.below(400) as u32);
            self.run_until(self.true_now.plus(stretch).min(end))?;
            self.befall()?;
        }
        self.settle()
    }

    /// The daemon as it is driven: looks, starts, and sleeps until the book or an end says so.
    fn run_until(&mut self, end: Timestamp) -> Result<(), String> {
        loop {
            let mut again = self.look(None)?;
            if self.waits {
                // It is looked at each minute; years of them show nothing more than hours do.
                let first = self.naive.values().filter_map(Naive::promised).min();
                let later = again.map(|again| again.plus(HOUR));
                again = later.min(first.or(later)).max(again);
            }
            let again = again.map(|at| Timestamp::from_millis(at.as_millis() - self.off));
            let next_end = self.runs.values().map(|(at, _)| *at).min();
            let next = [again, next_end].into_iter().flatten().min().unwrap_or(end);
            if next >= end {
                self.true_now = end;
                return Ok(());
            }
            self.true_now = self.true_now.max(next);
            self.end_runs();
        }
    }

    fn end_runs(&mut self) {
        let (now, wall) = (self.true_now, self.wall());
        let over: Vec<_> = self
            .runs
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(k, r)| (k.clone(), *r))
            .collect();
        for (key, (_, end)) in over {
            self.runs.remove(&key);
            if end == Ended::Well {
                let began = self.last_starts.get(&key).copied();
                let follows = |e: &&mut Entry| matches!(&e.schedule, Schedule::After { plan } if TaskKey::Plan(plan.clone()) == key);
                for follower in self.entries.iter_mut().filter(follows) {
                    // Two that begin at one time by a clock that was set are one to who follows.
                    if follower.followed != began {
                        self.followers.get_mut(&follower.key).unwrap().other_ended_well();
                    }
                    follower.followed = began;
                }
            }
            self.book.ended(&key, end.into(), Retry::default(), wall);
            self.kept = self.book.clone();
            self.say(match end {
                Ended::Well => "ended well",
                _ => "failed",
            });
        }
    }

    /// One look; the power goes at that point of it, if at all.
    fn look(&mut self, cut: Option<Cut>) -> Result<Option<Timestamp>, String> {
        let (wall, zone) = (self.wall(), self.zone.clone());
        let around = Surroundings { ac_power: Some(!self.on_battery), ..Surroundings::default() };
        let outlook = self.book.look(wall, &zone, &around, &self.entries);
        for naive in self.naive.values_mut() {
            naive.look(wall, &zone);
        }
        self.check_storm(&outlook.start)?;
        if cut == Some(Cut::BeforeKept) {
            // The naive model has seen what the store has not: it is seen again by both.
            return Ok(None);
        }
        self.kept = self.book.clone();
        for start in &outlook.start {
            self.start(start)?;
        }
        self.check_promises(outlook.again, &outlook.waiting)?;
        self.waits = !outlook.waiting.is_empty();
        Ok(outlook.again)
    }

    fn start(&mut self, start: &Start) -> Result<(), String> {
        let wall = self.wall();
        if let (Some(naive), 1) = (self.naive.get_mut(&start.key), start.attempt.number) {
            naive.started(start.due).map_err(|why| format!("{} at {wall}: {why}", start.key))?;
        }
        let sets = self.sets;
        let periodic = self.periodic.get_mut(&start.key);
        let spaced = periodic.map_or(Ok(()), |plan| plan.started(start.due, wall, sets));
        let follower = self.followers.get_mut(&start.key);
        let follows = follower.map_or(Ok(()), |plan| plan.started(start.due));
        spaced
            .and(follows)
            .map_err(|why| format!("{} at {wall}: {}: {why}", start.key, start.attempt))?;
        if self.runs.contains_key(&start.key) {
            return Err(format!("{} at {wall}: it runs already", start.key));
        }
        if start.attempt.number > 3 {
            return Err(format!("{} at {wall}: {}", start.key, start.attempt));
        }
        let long = SECOND * (1 + self.random.below(5400) as u32);
        let end = match self.random.below(10) {
            0 => Ended::Failed,
            1 if self.random.below(4) == 0 => Ended::FailedForGood,
            _ => Ended::Well,
        };
        self.last_starts.insert(start.key.clone(), wall);
        self.runs.insert(start.key.clone(), (self.true_now.plus(long), end));
        self.say(if start.attempt.number > 1 {
            "tried again"
        } else if wall > start.due.plus(MINUTE) {
            "made up for"
        } else {
            "started in time"
        });
        Ok(())
    }

    /// What is late starts alone on its repo.
    fn check_storm(&self, starts: &[Start]) -> Result<(), String> {
        let wall = self.wall();
        let repo = |key: &TaskKey| self.entries.iter().find(|e| e.key == *key).map(|e| &e.repo);
        for start in starts.iter().filter(|start| wall > start.due.plus(MINUTE)) {
            let beside = self.runs.keys().any(|key| repo(key) == repo(&start.key));
            let with = starts.iter().any(|s| {
                s.key < start.key && s.due <= start.due && repo(&s.key) == repo(&start.key)
            });
            if beside || with {
                return Err(format!("{} at {wall}: a storm", start.key));
            }
        }
        Ok(())
    }

    /// The book looks again no later than something is due, and has what is owed.
    fn check_promises(
        &self,
        again: Option<Timestamp>,
        waiting: &BTreeMap<TaskKey, String>,
    ) -> Result<(), String> {
        let wall = self.wall();
        for (key, periodic) in &self.periodic {
            let record = self.book.record(key).ok_or("no record")?;
            let is_owed = record.running.is_some() || record.pending.is_some();
            let look = periodic.look(wall, self.sets, is_owed);
            look.map_err(|why| format!("{key} at {wall}: {why}; {record:?}"))?;
        }
        for (key, naive) in &self.naive {
            let record = self.book.record(key).ok_or("no record")?;
            if record.next_due != naive.promised() {
                return Err(format!(
                    "{key} at {wall}: next due {:?}, but {:?} is right",
                    record.next_due,
                    naive.promised()
                ));
            }
            if let Some(due) = naive.promised()
                && again.is_none_or(|again| again > due)
            {
                return Err(format!("{key} at {wall}: looked at again {again:?}, due {due}"));
            }
            let fresh = record.pending.filter(|pending| pending.attempt == 1);
            if fresh.map(|pending| pending.due) != naive.owed {
                return Err(format!(
                    "{key} at {wall}: owed {:?}, has {:?}",
                    naive.owed, record.pending
                ));
            }
            let held = record.running.is_some()
                || waiting.contains_key(key)
                || record.pending.is_some_and(|pending| pending.not_before > wall);
            if naive.owed.is_some() && !held {
                return Err(format!("{key} at {wall}: owed, and nothing keeps it"));
            }
        }
        Ok(())
    }

    /// Something happens.
    fn befall(&mut self) -> Result<(), String> {
        match self.random.below(12) {
            0 => self.sleep(),
            1 => self.stop(Cut::Clean)?,
            2 => self.stop(Cut::BeforeKept)?,
            3 => self.stop(Cut::BeforeStarted)?,
            4 => self.stop(Cut::Running)?,
            5 => {
                self.say("clock set by minutes");
                let by = self.random_within(30 * MINUTE);
                self.set(by);
            }
            6 => {
                self.say("clock set by days");
                let by = self.random_within(10 * DAY);
                self.set(by);
            }
            7 => {
                // A wrong clock, put right later.
                self.say("clock set by years");
                let years = self.random_within(4000 * DAY);
                self.set(years);
                let while_wrong = HOUR * self.random.below(100) as u32;
                self.run_until(self.true_now.plus(while_wrong))?;
                self.set(-years);
            }
            8 => {
                self.say("other zone");
                self.zone = self.random.pick(&ZONES).parse().unwrap();
            }
            9 => self.edit(),
            _ => {
                self.on_battery = !self.on_battery;
                self.say("power changed");
            }
        }
        Ok(())
    }

    fn random_within(&mut self, most: Duration) -> i64 {
        let most = most.as_millis() as i64;
        (self.random.next() % (2 * most as u64)) as i64 - most
    }

    fn set(&mut self, by: i64) {
        self.off += by;
        self.sets += 1;
    }

    fn sleep(&mut self) {
        self.say("slept");
        let long = MINUTE * self.random.below(20_000) as u32;
        self.true_now = self.true_now.plus(long);
        // A run goes on where it was.
        self.runs.values_mut().for_each(|(at, _)| *at = at.plus(long));
    }

    /// The daemon ends, in one way or another, and comes back later.
    fn stop(&mut self, cut: Cut) -> Result<(), String> {
        let naive = self.naive.clone();
        match cut {
            Cut::Clean | Cut::Running => self.say("stopped"),
            Cut::BeforeKept => {
                self.say("cut off before it was kept");
                self.look(Some(cut))?;
                self.naive = naive;
            }
            Cut::BeforeStarted => {
                self.say("cut off before it was started");
                self.look(None)?;
            }
        }
        // Nothing but the store is left.
        self.book = self.kept.clone();
        let records = self.book.records().iter();
        let running: Vec<_> = records.filter_map(|(k, r)| Some((k.clone(), r.running?))).collect();
        self.runs.clear();
        self.true_now = self.true_now.plus(MINUTE * self.random.below(30_000) as u32);
        if self.random.below(3) == 0 {
            self.edit();
        }
        for (key, run) in running {
            // Killed with the daemon, or stopped by it.
            let end = if cut == Cut::Running { Ended::Failed } else { Ended::Interrupted };
            self.book.ended(&key, end.into(), Retry::default(), self.wall());
            if let (Some(naive), Ended::Interrupted, 1) =
                (self.naive.get_mut(&key), end, run.attempt)
            {
                naive.interrupted(run.due);
            }
        }
        self.kept = self.book.clone();
        Ok(())
    }

    fn edit(&mut self) {
        self.say("schedule edited");
        let schedule = self.some_cron();
        let keys: Vec<_> = self.naive.keys().cloned().collect();
        let key = self.random.pick(&keys).clone();
        for entry in self.entries.iter_mut().filter(|entry| entry.key == key) {
            entry.schedule = schedule.clone();
        }
        if let Some(naive) = self.naive.get_mut(&key) {
            naive.schedule = schedule;
        }
    }

    /// Everything that is owed comes to its run once the machine stays on, on power.
    fn settle(&mut self) -> Result<(), String> {
        self.on_battery = false;
        self.run_until(self.true_now.plus(12 * HOUR))?;
        for (key, naive) in &self.naive {
            if let Some(due) = naive.owed.filter(|due| self.wall() > due.plus(6 * HOUR)) {
                return Err(format!("{key}: {due} was never run for"));
            }
        }
        let behind = self.followers.iter().find(|(_, follower)| follower.is_owed());
        match behind {
            Some((key, _)) if !self.runs.contains_key(&TaskKey::Plan("p0".parse().unwrap())) => {
                Err(format!("{key}: a good run was never followed"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Where the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Between two looks, and what ran was stopped.
    Clean,
    /// A look was not kept.
    BeforeKept,
    /// It was kept, and nothing of it begun.
    BeforeStarted,
    /// What ran was killed.
    Running,
}

/// One daily plan, runs of a moment, a clock that is right: counted by hand.
pub fn plain(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let zone: Zone = random.pick(&ZONES).parse().unwrap();
    let schedule: Schedule = format!("cron: {}", random.pick(&CRON)).parse().unwrap();
    let entry = Entry {
        key: TaskKey::Plan("p".parse().unwrap()),
        repo: "r".parse().unwrap(),
        schedule: schedule.clone(),
        only_when: OnlyWhen::default(),
        retry: Retry::default(),
        put_off: Duration::ZERO,
        last_start: None,
        followed: None,
        enabled: true,
    };
    let mut book = Book::default();
    let mut now = started("2024-01-01T00:00:00Z");
    let (mut expected, mut found) = (0_u32, 0_u32);
    let around = Surroundings::default();
    let mut look = |book: &mut Book, now| {
        let outlook = book.look(now, &zone, &around, std::slice::from_ref(&entry));
        for start in &outlook.start {
            found += 1;
            book.ended(&start.key, Ended::Well.into(), Retry::default(), now);
        }
        outlook.again
    };
    let due_within = |from: Timestamp, to: Timestamp| {
        let first = schedule.next(from, Duration::ZERO, &zone);
        let all = std::iter::successors(first, |at| schedule.next(*at, Duration::ZERO, &zone));
        all.take_while(|at| *at <= to).count() as u32
    };
    look(&mut book, now);
    for _ in 0..365 {
        let on_until = now.plus(MINUTE * (1 + random.below(10_000) as u32));
        expected += due_within(now, on_until);
        while let Some(again) = look(&mut book, now).filter(|again| *again <= on_until) {
            now = again;
        }
        let back = on_until.plus(MINUTE * random.below(20_000) as u32);
        expected += due_within(on_until, back).min(1);
        now = back;
        look(&mut book, now);
    }
    match found == expected {
        true => Ok(()),
        false => Err(format!("{schedule}, {zone}: {found} runs, {expected} are right")),
    }
}
