//! How plans and repos are kept in order: retention, and the upkeep of a repository.

use super::encode::{Fields, inline, text};
use super::schedules::{encoded, encoded_retry, retry, schedule_of_repo};
use super::values::within;
use super::written::{Field, Keys, Section};
use crate::model::{MaxUnused, OperationKind, ReadData, Retention, Rules, Span};
use crate::schedule::{Retry, Schedule};
use std::time::Duration;
use toml_edit::Value;

pub(super) const RETENTION: Keys =
    Keys { known: &["last", "hourly", "daily", "weekly", "monthly", "yearly", "within"] };
pub(super) const FORGET: Keys = Keys { known: &["schedule", "retention"] };
pub(super) const PRUNE: Keys = Keys { known: &["schedule", "max-unused"] };
pub(super) const CHECK: Keys = Keys { known: &["schedule", "read-data"] };
pub(super) const STATS: Keys = Keys { known: &["schedule"] };

/// How a repo is kept in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// What of the snapshots in it is forgotten, and when.
    pub forget: Option<ForgetTask>,
    /// When what no snapshot needs is removed.
    pub prune: Option<PruneTask>,
    /// When it is verified.
    pub check: Option<CheckTask>,
    /// When it is measured.
    pub stats: Option<StatsTask>,
    /// How many backups may run on it at once; `None`: as many as on all repos together.
    pub parallel: Option<u32>,
    /// How long work waits for somebody else's lock; `None`: [`Upkeep::LOCK_WAIT`].
    pub lock_wait: Option<Span>,
    /// How long somebody else's lock may be in the way before hooks are told;
    /// `None`: [`Upkeep::LOCK_ALARM`].
    pub lock_alarm: Option<Span>,
    /// When upkeep that was due is tried again; `None`: as by default.
    pub retry: Option<Retry>,
}

/// The retention of a repo: for every plan and instance that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetTask {
    /// When.
    pub schedule: Schedule,
    /// What stays.
    pub rules: Rules,
}

/// A prune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneTask {
    /// When.
    pub schedule: Schedule,
    /// How much unused data stays where it is; `None`: as restic has it (5%).
    pub max_unused: Option<MaxUnused>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTask {
    /// When.
    pub schedule: Schedule,
    /// How much of the data is read each time; `None`: none, only the structure is verified.
    pub read_data: Option<ReadData>,
}

/// A measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsTask {
    /// When.
    pub schedule: Schedule,
}

impl Upkeep {
    /// Nothing but the defaults.
    pub const NONE: Self = Self {
        forget: None,
        prune: None,
        check: None,
        stats: None,
        parallel: None,
        lock_wait: None,
        lock_alarm: None,
        retry: None,
    };
    /// The default of [`Upkeep::lock_wait`].
    pub const LOCK_WAIT: Duration = Duration::from_secs(3600);
    /// The default of [`Upkeep::lock_alarm`].
    pub const LOCK_ALARM: Duration = Duration::from_secs(6 * 3600);

    /// What is done by schedule, and when.
    pub fn schedules(&self) -> impl Iterator<Item = (OperationKind, &Schedule)> {
        let forget = self.forget.as_ref().map(|task| (OperationKind::Forget, &task.schedule));
        let prune = self.prune.as_ref().map(|task| (OperationKind::Prune, &task.schedule));
        let check = self.check.as_ref().map(|task| (OperationKind::Check, &task.schedule));
        let stats = self.stats.as_ref().map(|task| (OperationKind::Stats, &task.schedule));
        [forget, prune, check, stats].into_iter().flatten()
    }
}

/// How many pieces of work may run at once.
pub(super) fn parallel(field: &Field<'_>) -> Option<u32> {
    let given = field.integer()?;
    let count = u32::try_from(given).ok().filter(|count| (1..=64).contains(count));
    if count.is_none() {
        field.report(format!("{given} is not between 1 and 64"), None);
    }
    count
}

pub(super) fn upkeep(section: &Section<'_>) -> Upkeep {
    let at_most = Span::days(7).0;
    Upkeep {
        forget: section.field("forget").and_then(|f| forget(&f)),
        prune: section.field("prune").and_then(|f| prune(&f)),
        check: section.field("check").and_then(|f| check(&f)),
        stats: section.field("stats").and_then(|f| stats(&f)),
        parallel: section.field("parallel").and_then(|f| parallel(&f)),
        lock_wait: section
            .field("lock-wait")
            .and_then(|f| within(&f, Duration::ZERO, at_most))
            .map(Span),
        lock_alarm: section
            .field("lock-alarm")
            .and_then(|f| within(&f, Duration::from_secs(1), Span::days(31).0))
            .map(Span),
        retry: section.field("retry").and_then(|f| retry(&f)),
    }
}

fn task_schedule(section: &Section<'_>) -> Option<Schedule> {
    match section.field("schedule") {
        Some(field) => schedule_of_repo(&field),
        None => Some(Schedule::Manual),
    }
}

fn forget(field: &Field<'_>) -> Option<ForgetTask> {
    let section = field.table(&FORGET)?;
    let schedule = task_schedule(&section);
    let field = section.required("retention", "{ daily = 30, monthly = 12 }")?;
    match retention(&field)? {
        Retention::Keep(rules) => Some(ForgetTask { schedule: schedule?, rules }),
        Retention::None | Retention::KeepAll => {
            let cure = "remove forget, or write rules such as { daily = 30 }".to_owned();
            field.report("nothing would ever be forgotten", Some(cure));
            None
        }
    }
}

fn prune(field: &Field<'_>) -> Option<PruneTask> {
    let section = field.table(&PRUNE)?;
    let max_unused = section.field("max-unused").and_then(|f| f.parse());
    Some(PruneTask { schedule: task_schedule(&section)?, max_unused })
}

fn check(field: &Field<'_>) -> Option<CheckTask> {
    let section = field.table(&CHECK)?;
    let read_data = section.field("read-data").and_then(|f| f.parse());
    Some(CheckTask { schedule: task_schedule(&section)?, read_data })
}

fn stats(field: &Field<'_>) -> Option<StatsTask> {
    let section = field.table(&STATS)?;
    Some(StatsTask { schedule: task_schedule(&section)? })
}

/// `"none"`, `"keep-all"`, `{ last = 3, daily = 30 }`, `{ within = "90d" }`, or the short text of one.
pub(super) fn retention(field: &Field<'_>) -> Option<Retention> {
    if field.is_string() {
        return field.parse();
    }
    let section = field.table(&RETENTION)?;
    let mut rules = Rules {
        within: section.field("within").and_then(|within| within.parse()),
        ..Rules::default()
    };
    let mut is_read = section.field("within").is_none() || rules.within.is_some();
    for name in Rules::COUNTED {
        let Some(field) = section.field(name) else { continue };
        let given = field.integer();
        let set = given.map(|given| match u64::try_from(given) {
            Ok(count) => rules.set(name, count).map_err(|error| error.to_string()),
            Err(_) => Err(format!("{given} is less than 0")),
        });
        is_read &= matches!(set, Some(Ok(_)));
        if let Some(Err(message)) = set {
            field.report(message, None);
        }
    }
    if !is_read {
        return None;
    }
    rules.checked().map(Retention::Keep).map_err(|e| field.report(e.to_string(), None)).ok()
}

/// As the file says it; `None` where the default says it.
pub(super) fn retention_as_written(retention: &Retention) -> Option<Value> {
    match retention {
        Retention::None => None,
        Retention::KeepAll => Some(text(retention)),
        Retention::Keep(rules) => Some(rules_as_written(rules)),
    }
}

fn rules_as_written(rules: &Rules) -> Value {
    let counted = rules.counts().into_iter().filter(|(_, count)| *count > 0);
    let counted = counted.map(|(name, count)| (name, Value::from(i64::from(count))));
    inline(counted.chain(rules.within.map(|within| ("within", text(within)))))
}

fn task(schedule: &Schedule, more: Option<(&str, Value)>) -> Value {
    let is_manual = *schedule == Schedule::Manual;
    let schedule = (!is_manual || more.is_none()).then(|| ("schedule", encoded(schedule)));
    inline(schedule.into_iter().chain(more))
}

pub(super) fn fields(upkeep: &Upkeep) -> Fields {
    let Upkeep { forget, prune, check, stats, parallel, lock_wait, lock_alarm, retry } = upkeep;
    let forget = forget
        .as_ref()
        .map(|forget| task(&forget.schedule, Some(("retention", rules_as_written(&forget.rules)))));
    let prune = prune.as_ref().map(|prune| {
        task(&prune.schedule, prune.max_unused.as_ref().map(|max| ("max-unused", text(max))))
    });
    let check = check.as_ref().map(|check| {
        task(&check.schedule, check.read_data.as_ref().map(|data| ("read-data", text(data))))
    });
    let stats = stats.as_ref().map(|stats| task(&stats.schedule, None));
    vec![
        ("forget", forget),
        ("prune", prune),
        ("check", check),
        ("stats", stats),
        ("parallel", parallel.map(|count| Value::from(i64::from(count)))),
        ("lock-wait", lock_wait.map(text)),
        ("lock-alarm", lock_alarm.map(text)),
        ("retry", retry.as_ref().and_then(encoded_retry)),
    ]
}
