//! The commands that keep a repository in order, and what restic says of what it would keep.

use super::output::SnapshotDocument;
use super::{Snapshot, SnapshotId};
use crate::model::{MaxUnused, PlanId, Rules, Subset};
use serde::Deserialize;

/// Asks restic which snapshots of one plan of one instance its rules keep. Removes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choose {
    /// Of this plan.
    pub plan: PlanId,
    /// Made by an instance under one of these names.
    pub made_by: Vec<String>,
    /// By these rules.
    pub rules: Rules,
}

/// What a stats command counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// What is stored.
    Stored,
    /// What a restore of all snapshots would write.
    Restored,
}

/// What a stats command has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Measured {
    /// In bytes.
    #[serde(rename = "total_size")]
    pub bytes: u64,
    /// Of how many snapshots.
    #[serde(default, rename = "snapshots_count")]
    pub snapshots: u64,
    /// In bytes without compression, where restic says so (0.15 and newer).
    #[serde(default, rename = "total_uncompressed_size")]
    pub uncompressed: Option<u64>,
}

/// What rules keep, and what they do not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// What stays, newest first, each with the rules that keep it, in restic's words.
    pub keep: Vec<(Snapshot, Vec<String>)>,
    /// What no rule keeps.
    pub remove: Vec<Snapshot>,
}

impl Choose {
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["forget", "--dry-run", "--no-lock", "--json", "--group-by="].map(str::to_owned).into();
        // Tags with a comma between them must all be there; several options: any of them.
        let tags =
            self.made_by.iter().map(|name| format!("--tag=plan:{},created-by:{name}", self.plan));
        arguments.extend(tags);
        let counted = self.rules.counts().into_iter().filter(|(_, count)| *count > 0);
        arguments.extend(counted.map(|(name, count)| format!("--keep-{name}={count}")));
        arguments.extend(self.rules.within.map(|within| format!("--keep-within={within}")));
        arguments
    }
}

pub(super) fn forget(snapshots: &[SnapshotId]) -> Vec<String> {
    let mut arguments = vec!["forget".to_owned(), "--".to_owned()];
    arguments.extend(snapshots.iter().map(ToString::to_string));
    arguments
}

pub(super) fn prune(max_unused: Option<&MaxUnused>) -> Vec<String> {
    let mut arguments = vec!["prune".to_owned()];
    arguments.extend(max_unused.map(|amount| format!("--max-unused={amount}")));
    arguments
}

pub(super) fn check(subset: Option<Subset>) -> Vec<String> {
    let mut arguments = vec!["check".to_owned()];
    arguments.extend(subset.map(|subset| match subset.of {
        1 => "--read-data".to_owned(),
        _ => format!("--read-data-subset={subset}"),
    }));
    arguments
}

pub(super) fn stats(measure: Measure) -> Vec<String> {
    let mode = match measure {
        Measure::Stored => "--mode=raw-data",
        Measure::Restored => "--mode=restore-size",
    };
    ["stats", "--no-lock", "--json", mode].map(str::to_owned).into()
}

#[derive(Deserialize)]
struct GroupDocument {
    keep: Option<Vec<SnapshotDocument>>,
    remove: Option<Vec<SnapshotDocument>>,
    reasons: Option<Vec<ReasonDocument>>,
}

#[derive(Deserialize)]
struct ReasonDocument {
    #[serde(default)]
    matches: Vec<String>,
}

/// Reads the document of a [`Choose`]; `None` if it is not that. Without a snapshot there is no group.
pub(super) fn chosen(document: &str) -> Option<Chosen> {
    let groups: Option<Vec<GroupDocument>> = match document.trim() {
        "" => None,
        text => serde_json::from_str(text).ok()?,
    };
    let mut all = Chosen::default();
    for GroupDocument { keep, remove, reasons } in groups.unwrap_or_default() {
        let (keep, reasons) = (keep.unwrap_or_default(), reasons.unwrap_or_default());
        // In the order of what is kept; 0.14 does not name the snapshot.
        if keep.len() != reasons.len() {
            return None;
        }
        for (snapshot, reason) in keep.into_iter().zip(reasons) {
            all.keep.push((snapshot.read()?, reason.matches));
        }
        for snapshot in remove.unwrap_or_default() {
            all.remove.push(snapshot.read()?);
        }
    }
    Some(all)
}

/// Reads the document of a stats command; `None` if it is not that.
pub(super) fn measured(document: &str) -> Option<Measured> {
    serde_json::from_str(document).ok()
}

/// What a prune says it frees, as in `total prune:  14 blobs / 5.724 MiB`.
pub(super) fn freed(line: &str) -> Option<&str> {
    let (_, size) = line.strip_prefix("total prune:")?.split_once(" / ")?;
    Some(size.trim())
}

/// How far a command without JSON is, in thousandths, with how many of how many:
/// `[0:07] 42.00%  21 / 50 packs`.
pub(super) fn ticked(line: &str) -> Option<(u32, u64, u64)> {
    let (clock, rest) = line.strip_prefix('[')?.split_once("] ")?;
    if !clock.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let (percent, counted) = rest.trim().split_once('%')?;
    let (whole, part) = percent.trim().split_once('.')?;
    let tenth = part.chars().next()?.to_digit(10)?;
    let (done, total) = counted.trim().split_once(" / ")?;
    let total = total.split(' ').next()?;
    let permille = whole.parse::<u32>().ok()?.checked_mul(10)?.checked_add(tenth)?;
    Some((permille.min(1000), done.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/restic/keep/", $name))
        };
    }

    #[test]
    fn only_snapshots_of_one_plan_and_its_maker_are_seen() {
        let choose = Choose {
            plan: "home".parse().unwrap(),
            made_by: vec!["nas".to_owned(), "MyHost".to_owned()],
            rules: "last=3,yearly=2,within=36h".parse().unwrap(),
        };
        assert_eq!(
            choose.arguments(),
            [
                "forget",
                "--dry-run",
                "--no-lock",
                "--json",
                "--group-by=",
                "--tag=plan:home,created-by:nas",
                "--tag=plan:home,created-by:MyHost",
                "--keep-last=3",
                "--keep-yearly=2",
                "--keep-within=36h",
            ]
        );
    }

    #[test]
    fn amounts_and_parts_are_behind_their_option() {
        let max = "10%".parse().unwrap();
        assert_eq!(prune(Some(&max)), ["prune", "--max-unused=10%"]);
        assert_eq!(prune(None), ["prune"]);
        assert_eq!(check(Some(Subset { part: 3, of: 20 })), ["check", "--read-data-subset=3/20"]);
        assert_eq!(check(Some(Subset { part: 1, of: 1 })), ["check", "--read-data"]);
        assert_eq!(check(None), ["check"]);
        let id: SnapshotId = "ab".repeat(32).parse().unwrap();
        assert_eq!(forget(std::slice::from_ref(&id)), ["forget", "--", id.as_str()]);
    }

    #[test]
    fn a_recorded_dry_run_of_0_14_tells_what_stays_and_why() {
        let chosen = chosen(fixture!("forget-dry-run.out")).unwrap();
        let [(newest, reasons)] = &chosen.keep[..] else { panic!("{chosen:?}") };
        assert_eq!(newest.time.to_string(), "2026-11-02T11:00:00.000Z");
        assert_eq!(*reasons, ["within 1h", "daily snapshot"]);
        assert_eq!(chosen.remove.len(), 2);
        assert!(chosen.remove.iter().all(|snapshot| snapshot.plan().is_some()));
    }

    macro_rules! of_0_18 {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/restic/0.18/", $name))
        };
    }

    #[test]
    fn what_0_18_says_is_read_too() {
        let dry = chosen(of_0_18!("forget-dry.out")).unwrap();
        assert!(dry.keep.iter().all(|(_, reasons)| !reasons.is_empty()), "{dry:?}");
        assert!(!dry.keep.is_empty());
        assert!(measured(of_0_18!("stats.out")).is_some());
        assert!(of_0_18!("prune.out").lines().any(|line| freed(line).is_some()));
    }

    #[test]
    fn no_snapshot_is_no_group_and_anything_else_is_not_understood() {
        for nothing in ["", "null\n", "[]"] {
            assert_eq!(chosen(nothing), Some(Chosen::default()), "{nothing:?}");
        }
        for bad in ["{}", "[{\"keep\":[{}]}]", "x"] {
            assert_eq!(chosen(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn recorded_stats_of_0_14_are_read() {
        let stored = measured(fixture!("stats-raw-data.out")).unwrap();
        assert_eq!((stored.snapshots, stored.uncompressed), (1, None));
        assert!(stored.bytes > 3_000_000);
        assert_eq!(measured(fixture!("stats-restore-size.out")).unwrap().bytes, 3_000_000);
        assert_eq!(measured("{}"), None);
    }

    #[test]
    fn a_recorded_prune_and_check_of_0_14_say_how_far_they_are() {
        let lines = || fixture!("prune.out").lines().chain(fixture!("check.out").lines());
        let freed: Vec<_> = lines().filter_map(freed).collect();
        assert_eq!(freed, ["5.724 MiB"]);
        let ticks: Vec<_> = lines().filter_map(ticked).collect();
        assert!(ticks.contains(&(1000, 6, 6)) && ticks.len() == 7, "{ticks:?}");
        assert_eq!(ticked("[1:02:03] 42.57%  21 / 50 packs"), Some((425, 21, 50)));
        for other in ["[0:00] 100.00%", "[x] 1.00%  1 / 1 packs", "", "[0:00] "] {
            assert_eq!(ticked(other), None, "{other:?}");
        }
    }
}
