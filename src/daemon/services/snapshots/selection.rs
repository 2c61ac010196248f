//! Which snapshots are meant.

use super::super::refuse;
use super::usable_repos;
use crate::api::ListSnapshotsRequest;
use crate::clock;
use crate::daemon::Node;
use crate::job::Newness;
use crate::model::{PlanId, RepoId, Timestamp};
use crate::restic::{Snapshot, SnapshotFilter};
use std::collections::HashMap;
use tonic::Status;

/// The names under which an instance made its snapshots.
#[derive(Debug)]
pub(super) struct Makers(Vec<String>);

impl Makers {
    pub(super) fn named(node: &Node, instance: &str) -> Self {
        let config = node.config.current();
        let mut names = vec![instance.to_owned()];
        if instance == config.instance.as_str() {
            names.extend(config.formerly.iter().cloned());
        }
        Self(names)
    }

    pub(super) fn include(&self, snapshot: &Snapshot) -> bool {
        tagged(snapshot, "created-by:").is_some_and(|maker| self.0.contains(&maker))
    }
}

/// As it is written: older tools allowed names that are none here.
pub(super) fn tagged(snapshot: &Snapshot, tag: &str) -> Option<String> {
    snapshot.tags.iter().find_map(|text| text.strip_prefix(tag)).map(str::to_owned)
}

/// Conditions that must all hold.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) repos: Vec<RepoId>,
    plan: Option<PlanId>,
    makers: Option<Makers>,
    tags: Vec<String>,
    host: Option<String>,
    paths: Vec<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    latest: Option<usize>,
}

fn time(name: &str, text: Option<&String>) -> Result<Option<Timestamp>, Status> {
    let read = |text: &String| {
        let wrong = || refuse::invalid(format!("{name} {text:?} is no time"), "write RFC 3339");
        Timestamp::parse(text).ok_or_else(wrong)
    };
    text.map(read).transpose()
}

impl Selection {
    pub(super) async fn of(node: &Node, request: ListSnapshotsRequest) -> Result<Self, Status> {
        let repos = match &request.repo {
            Some(repo) => vec![refuse::field("repo", repo)?],
            None => usable_repos(node).await?,
        };
        Ok(Self {
            repos,
            plan: request.plan.map(|plan| refuse::field("plan", &plan)).transpose()?,
            makers: request.instance.map(|instance| Makers::named(node, &instance)),
            tags: request.tags,
            host: request.host,
            paths: request.paths,
            since: time("since", request.since.as_ref())?,
            until: time("until", request.until.as_ref())?,
            latest: request.latest.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        })
    }

    /// What restic can leave out by itself.
    pub(super) fn filter(&self) -> SnapshotFilter {
        SnapshotFilter { plan: self.plan.clone(), ..SnapshotFilter::default() }
    }

    /// Those that meet all conditions, in the order that they had.
    pub(super) fn take(&self, found: Vec<Snapshot>) -> Vec<Snapshot> {
        let mut taken: Vec<_> = found.into_iter().filter(|one| self.meets(one)).collect();
        if let Some(count) = self.latest {
            let newest = newest_of_each(&taken, count);
            let mut keep = newest.into_iter();
            taken.retain(|_| keep.next().unwrap_or(false));
        }
        taken
    }

    fn meets(&self, snapshot: &Snapshot) -> bool {
        let covers = |path: &String| snapshot.paths.iter().any(|saved| is_within(path, saved));
        self.plan.as_ref().is_none_or(|plan| snapshot.plan().as_ref() == Some(plan))
            && self.makers.as_ref().is_none_or(|makers| makers.include(snapshot))
            && self.tags.iter().all(|tag| snapshot.tags.contains(tag))
            && self.host.as_ref().is_none_or(|host| snapshot.host == *host)
            && self.paths.iter().all(covers)
            && self.since.is_none_or(|since| snapshot.time >= since)
            && self.until.is_none_or(|until| snapshot.time < until)
    }
}

/// Whether a path is a folder or something in it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// For each snapshot, whether it is among the newest so many of those that belong together.
fn newest_of_each(snapshots: &[Snapshot], count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..snapshots.len()).collect();
    let now = clock::now();
    order.sort_by_key(|&at| std::cmp::Reverse(Newness::of(&snapshots[at], now)));
    let (mut seen, mut keep) = (HashMap::new(), vec![false; snapshots.len()]);
    for at in order {
        let taken: &mut usize = seen.entry(group(&snapshots[at])).or_default();
        *taken += 1;
        keep[at] = *taken <= count;
    }
    keep
}

/// What was made again and again: a plan of an instance, else the same paths on the same host.
fn group(snapshot: &Snapshot) -> (Option<String>, Option<String>, &str, &[String]) {
    match (tagged(snapshot, "plan:"), tagged(snapshot, "created-by:")) {
        (Some(plan), maker) => (Some(plan), maker, "", &[]),
        (None, maker) => (None, maker, &snapshot.host, &snapshot.paths),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    pub(crate) fn snapshot(digit: u8, day: i64, tags: &[&str], path: &str) -> Snapshot {
        Snapshot {
            id: format!("{digit:x}").repeat(64).parse().unwrap(),
            time: Timestamp::from_millis(day * 86_400_000),
            wall: jiff::civil::DateTime::default(),
            host: "box".to_owned(),
            tags: tags.iter().map(ToString::to_string).collect(),
            paths: vec![path.to_owned()],
            size: None,
        }
    }

    fn all() -> Vec<Snapshot> {
        let home = ["plan:home", "created-by:nas"];
        vec![
            snapshot(1, 1, &home, "/home"),
            snapshot(2, 2, &home, "/home"),
            snapshot(3, 3, &["plan:home", "created-by:MyHost"], "/home"),
            snapshot(4, 4, &["weekly"], "/srv/data"),
            snapshot(5, 5, &["weekly"], "/srv/data"),
        ]
    }

    fn taken(selection: &Selection) -> String {
        let taken = selection.take(all());
        taken.iter().map(|snapshot| &snapshot.id.as_str()[..1]).collect()
    }

    #[test]
    fn what_is_in_a_folder_begins_with_all_of_its_name() {
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && is_within("/a", "/"));
        assert!(!is_within("/ab", "/a") && !is_within("/", "/a"));
    }

    #[test]
    fn an_earlier_name_counts_and_another_does_not() {
        let makers = Makers(vec!["nas".to_owned(), "MyHost".to_owned()]);
        assert_eq!(taken(&Selection { makers: Some(makers), ..Default::default() }), "123");
        let makers = Makers(vec!["hub".to_owned()]);
        assert_eq!(taken(&Selection { makers: Some(makers), ..Default::default() }), "");
    }

    #[test]
    fn every_condition_must_hold() {
        assert_eq!(taken(&Selection::default()), "12345");
        let tags = vec!["weekly".to_owned()];
        assert_eq!(taken(&Selection { tags, ..Default::default() }), "45");
        let at = |day: i64| Some(Timestamp::from_millis(day * 86_400_000));
        let span = Selection { since: at(2), until: at(4), ..Default::default() };
        assert_eq!(taken(&span), "23");
        let plan = Some("home".parse().unwrap());
        assert_eq!(taken(&Selection { plan, since: at(3), ..Default::default() }), "3");
        let host = Some("other".to_owned());
        assert_eq!(taken(&Selection { host, ..Default::default() }), "");
    }

    #[test]
    fn a_path_was_saved_with_the_folder_that_it_is_in() {
        let of =
            |path: &str| taken(&Selection { paths: vec![path.to_owned()], ..Default::default() });
        assert_eq!(of("/home/ada/letter"), "123");
        assert_eq!(of("/srv/data"), "45");
        assert_eq!(of("/srv"), "", "only a part of it was saved");
        assert_eq!(of("/homes"), "");
        assert!(is_within("/anything", "/"));
    }

    #[test]
    fn the_latest_are_counted_for_each_plan_of_each_instance() {
        assert_eq!(taken(&Selection { latest: Some(1), ..Default::default() }), "235");
        assert_eq!(taken(&Selection { latest: Some(9), ..Default::default() }), "12345");
    }
}
