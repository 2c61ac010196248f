//! Which snapshots a retention may see, and what its rules keep of them.
//!
//! restic decides what its rules keep. It cannot be told to leave a snapshot out of its view, so where
//! some have to be left out the same rules are worked out here as that restic has them; a test holds
//! the two together.
//!
//! 1. A snapshot whose time cannot be, whose tags name more than one plan or maker, or that was made
//!    while two had its maker's name, takes no slot of a rule and is never forgotten.

use super::Disputed;
use crate::model::{PlanId, Rules, Timestamp};
use crate::restic::{Chosen, Snapshot, Version};
use jiff::civil::DateTime;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// No clock that is used is further ahead; wrong time zones are within it.
const AHEAD: Duration = Duration::from_secs(24 * 3600);
/// 2000-01-01T00:00:00Z: nothing was backed up with restic before.
const EARLIEST: Timestamp = Timestamp::from_millis(946_684_800_000);

/// Why a snapshot is set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// Made in the future.
    Future,
    /// Made before there was a restic.
    Ancient,
    /// Its tags name more than one plan or more than one maker.
    Tags,
    /// Made while two had its maker's name.
    Disputed,
}

impl Oddity {
    /// Whether somebody should look: a dispute is over, and what was made in it is just kept.
    pub(super) fn is_told(self) -> bool {
        self != Self::Disputed
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future => "its time is in the future",
            Self::Ancient => "its time is before the year 2000",
            Self::Tags => "its tags name more than one plan or instance",
            Self::Disputed => "made while two had its maker's name",
        })
    }
}

/// The snapshots of one plan made by one instance (under any of its names).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pile {
    /// What rules are applied to.
    pub(super) seen: Vec<Snapshot>,
    /// What is left out.
    pub(super) apart: Vec<(Snapshot, Oddity)>,
    /// The names of the maker that stand in the tags.
    pub(super) names: BTreeSet<String>,
}

/// A plan and who made its snapshots, as tags say it.
pub(super) type Pair = (PlanId, String);

/// Sorts snapshots by plan and maker (`called` says who is meant by a name); those without both tags
/// belong to nobody and are not in it. `disputed` says when which names were two's.
pub(super) fn piles(
    snapshots: Vec<Snapshot>,
    now: Timestamp,
    called: impl Fn(&str) -> String,
    disputed: &[Disputed],
) -> BTreeMap<Pair, Pile> {
    let mut piles: BTreeMap<Pair, Pile> = BTreeMap::new();
    for snapshot in snapshots {
        let maker = tagged(&snapshot, "created-by:").next().map(str::to_owned);
        let (Some(plan), Some(maker)) = (snapshot.plan(), maker) else { continue };
        let pile = piles.entry((plan, called(&maker))).or_default();
        let is_disputed = disputed.iter().any(|times| times.covers(&maker, snapshot.time));
        pile.names.insert(maker);
        match oddity(&snapshot, now).or_else(|| is_disputed.then_some(Oddity::Disputed)) {
            Some(oddity) => pile.apart.push((snapshot, oddity)),
            None => pile.seen.push(snapshot),
        }
    }
    piles
}

fn tagged<'s>(snapshot: &'s Snapshot, prefix: &'static str) -> impl Iterator<Item = &'s str> {
    snapshot.tags.iter().filter_map(move |tag| tag.strip_prefix(prefix))
}

fn oddity(snapshot: &Snapshot, now: Timestamp) -> Option<Oddity> {
    let is_ambiguous = |prefix| tagged(snapshot, prefix).nth(1).is_some();
    let has_ambiguous_tags = || is_ambiguous("plan:") || is_ambiguous("created-by:");
    of_time(snapshot.time, now).or_else(|| has_ambiguous_tags().then_some(Oddity::Tags))
}

fn of_time(time: Timestamp, now: Timestamp) -> Option<Oddity> {
    if time > now.plus(AHEAD) {
        Some(Oddity::Future)
    } else {
        (time < EARLIEST).then_some(Oddity::Ancient)
    }
}

/// How new a snapshot is among others: one whose time cannot be comes before all whose time can, so
/// that it is the latest only where there is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Newness {
    can_be: bool,
    time: Timestamp,
}

impl Newness {
    /// As seen now.
    #[must_use]
    pub fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        let time = snapshot.time;
        Self { can_be: of_time(time, now).is_none(), time }
    }
}

/// What fills a slot of a rule that would stay empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spare {
    /// Nothing: restic 0.14.
    Nothing,
    /// The oldest snapshot: newer versions.
    Oldest,
}

impl From<Version> for Spare {
    fn from(version: Version) -> Self {
        let first = Version { major: 0, minor: 15, patch: 0 };
        if version < first { Self::Nothing } else { Self::Oldest }
    }
}

/// One rule that counts, on its way through the snapshots.
struct Bucket {
    left: u32,
    of: fn(DateTime, usize) -> i64,
    last: i64,
    name: &'static str,
}

fn buckets(rules: &Rules) -> [Bucket; 6] {
    let bucket = |left, name, of| Bucket { left, of, last: -1, name };
    [
        bucket(rules.last, "last", |_, at| i64::try_from(at).unwrap_or(i64::MAX)),
        bucket(rules.hourly, "hourly", |at, _| day(at) * 100 + i64::from(at.hour())),
        bucket(rules.daily, "daily", |at, _| day(at)),
        bucket(rules.weekly, "weekly", |at, _| week(at)),
        bucket(rules.monthly, "monthly", |at, _| day(at) / 100),
        bucket(rules.yearly, "yearly", |at, _| i64::from(at.year())),
    ]
}

fn day(at: DateTime) -> i64 {
    i64::from(at.year()) * 10_000 + i64::from(at.month()) * 100 + i64::from(at.day())
}

/// As ISO 8601 counts them.
fn week(at: DateTime) -> i64 {
    let week = at.date().iso_week_date();
    i64::from(week.year()) * 100 + i64::from(week.week())
}

/// What the rules keep.
pub(super) fn choose(rules: &Rules, spare: Spare, mut snapshots: Vec<Snapshot>) -> Chosen {
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.time));
    let newest = snapshots.first().map(|snapshot| snapshot.time);
    let since = newest.zip(rules.within).map(|(newest, within)| newest.minus(within.duration()));
    let mut buckets = buckets(rules);
    let mut chosen = Chosen::default();
    let count = snapshots.len();
    for (at, snapshot) in snapshots.into_iter().enumerate() {
        let within = since.is_some_and(|since| snapshot.time > since);
        let within = rules.within.filter(|_| within).map(|within| format!("within {within}"));
        let fills = spare == Spare::Oldest && at + 1 == count;
        let counted = buckets.iter_mut().filter_map(|bucket| bucket.take(&snapshot, at, fills));
        let reasons: Vec<_> = within.into_iter().chain(counted).collect();
        match reasons.is_empty() {
            true => chosen.remove.push(snapshot),
            false => chosen.keep.push((snapshot, reasons)),
        }
    }
    chosen
}

impl Bucket {
    /// Why this rule keeps the snapshot, if it does; one that `fills` takes a slot that is left.
    fn take(&mut self, snapshot: &Snapshot, at: usize, fills: bool) -> Option<String> {
        if self.left == 0 {
            return None;
        }
        let value = (self.of)(snapshot.wall, at);
        let is_new = value != self.last;
        if !is_new && !fills {
            return None;
        }
        self.last = value;
        self.left -= 1;
        let name = self.name;
        Some(if is_new { format!("{name} snapshot") } else { format!("oldest {name} snapshot") })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn snapshot(n: u8, time: &str, tags: &[&str]) -> Snapshot {
        Snapshot {
            id: hex::encode([n; 32]).parse().unwrap(),
            time: Timestamp::parse(time).unwrap(),
            wall: time.trim_end_matches('Z').parse().unwrap(),
            host: "nas".to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            paths: Vec::new(),
            size: None,
        }
    }

    fn kept(rules: &str, times: &[&str]) -> Vec<(String, String)> {
        let all = times.iter().zip(0..).map(|(time, n)| snapshot(n, time, &[])).collect();
        let chosen = choose(&rules.parse().unwrap(), Spare::Nothing, all);
        assert_eq!(chosen.keep.len() + chosen.remove.len(), times.len());
        let row = |(kept, why): (Snapshot, Vec<String>)| (kept.wall.to_string(), why.join(", "));
        chosen.keep.into_iter().map(row).collect()
    }

    fn row(time: &str, why: &str) -> (String, String) {
        (time.to_owned(), why.to_owned())
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_time() {
        let times = [
            "2026-11-01T10:00:00Z",
            "2026-11-02T10:00:00Z",
            "2026-11-02T10:30:00Z",
            "2026-11-02T11:00:00Z",
        ];
        assert_eq!(
            kept("daily=1,hourly=2", &times),
            [
                row("2026-11-02T11:00:00", "hourly snapshot, daily snapshot"),
                row("2026-11-02T10:30:00", "hourly snapshot"),
            ]
        );
        assert_eq!(kept("within=1h", &times).len(), 2, "exactly as old as that is too old");
    }

    #[test]
    fn the_oldest_fills_a_slot_that_is_left_where_restic_has_it_so() {
        let times = ["2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "2026-11-02T11:00:00Z"];
        assert_eq!(kept("daily=5", &times).len(), 2);
        let all = || times.iter().zip(0..).map(|(time, n)| snapshot(n, time, &[])).collect();
        let rules = "daily=5".parse().unwrap();
        let chosen = choose(&rules, Spare::Oldest, all());
        assert_eq!(chosen.keep.last().unwrap().1, ["oldest daily snapshot"]);
        let full = "daily=2".parse().unwrap();
        assert_eq!(choose(&full, Spare::Oldest, all()).keep.len(), 2);
    }

    #[test]
    fn a_week_belongs_to_the_year_of_its_thursday() {
        let times = ["2026-12-31T10:00:00Z", "2027-01-01T10:00:00Z", "2027-01-04T10:00:00Z"];
        let kept = kept("weekly=2", &times);
        let times: Vec<_> = kept.iter().map(|(time, _)| &time[..10]).collect();
        assert_eq!(times, ["2027-01-04", "2027-01-01"]);
    }

    #[test]
    fn the_latest_is_one_whose_time_can_be_unless_there_is_no_other() {
        let now = Timestamp::parse("2026-11-21T04:00:00Z").unwrap();
        let latest = |times: &[&str]| {
            let all = times.iter().zip(0..).map(|(time, n)| snapshot(n, time, &[]));
            all.max_by_key(|snapshot| Newness::of(snapshot, now)).unwrap().wall.to_string()
        };
        let (good, ahead, wrong, old) = (
            "2026-11-20T03:00:00Z",
            "2026-11-22T03:00:00Z",
            "2040-01-01T00:00:00Z",
            "1980-01-01T00:00:00Z",
        );
        assert_eq!(latest(&[good, wrong, old]), "2026-11-20T03:00:00");
        assert_eq!(latest(&[good, ahead, wrong]), "2026-11-22T03:00:00", "a wrong time zone");
        assert_eq!(latest(&[wrong, old]), "2040-01-01T00:00:00");
    }

    #[test]
    fn impossible_times_and_double_tags_are_set_apart() {
        let now = Timestamp::parse("2026-11-21T04:00:00Z").unwrap();
        let tags = ["plan:home", "created-by:nas"];
        let twice = ["plan:home", "created-by:nas", "created-by:laptop"];
        let piles = piles(
            vec![
                snapshot(1, "2026-11-21T03:00:00Z", &tags),
                snapshot(2, "2026-11-22T03:59:00Z", &tags),
                snapshot(3, "2026-11-22T04:01:00Z", &tags),
                snapshot(4, "1999-12-31T00:00:00Z", &tags),
                snapshot(5, "2026-11-21T03:00:00Z", &twice),
                snapshot(6, "2026-11-21T03:00:00Z", &["plan:home"]),
                snapshot(7, "2026-11-21T03:00:00Z", &["created-by:nas"]),
                snapshot(8, "2026-11-21T03:00:00Z", &["plan:home", "created-by:laptop"]),
                snapshot(9, "2026-11-20T03:00:00Z", &tags),
                snapshot(10, "2026-11-20T03:00:00Z", &["plan:home", "created-by:laptop"]),
            ],
            now,
            str::to_owned,
            &[Disputed {
                name: "nas".to_owned(),
                since: Timestamp::parse("2026-11-20T02:00:00Z").unwrap(),
                until: Some(Timestamp::parse("2026-11-20T03:00:00Z").unwrap()),
            }],
        );
        let names: Vec<_> = piles.keys().map(|(_, maker)| maker.as_str()).collect();
        assert_eq!(names, ["laptop", "nas"], "what lacks a tag is nobody's");
        let ours = &piles[&("home".parse().unwrap(), "nas".to_owned())];
        let first = |snapshot: &Snapshot| snapshot.id.as_str()[..2].to_owned();
        assert_eq!(ours.seen.iter().map(first).collect::<Vec<_>>(), ["01", "02"]);
        let apart: Vec<_> = ours.apart.iter().map(|(s, why)| (first(s), *why)).collect();
        let expected = [
            ("03", Oddity::Future),
            ("04", Oddity::Ancient),
            ("05", Oddity::Tags),
            ("09", Oddity::Disputed),
        ];
        assert_eq!(apart, expected.map(|(id, why)| (id.to_owned(), why)));
    }
}
