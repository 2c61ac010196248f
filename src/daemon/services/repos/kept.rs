//! What became of the upkeep of this machine's repos, as the history tells it.
//!
//! 1. What failed stands until one of its kind ends well; what was cancelled, skipped or lost in
//!    between says nothing. Damage in a part of the data stands until that part, or all of it, was read
//!    well.
//! 2. What befell another repository, that had the repo's id before, says nothing of the one of now.

use super::document::says_something;
use crate::config::{Config, Retention};
use crate::model::{
    Operation, OperationId, OperationKind, ReadData, RepoGuid, RepoId, Status, Subset, Timestamp,
    what_and_remedy,
};
use crate::reconcile::Shard;
use crate::store;
use crate::store::history::HistoryReader;
use std::collections::{BTreeMap, BTreeSet};

/// How many of the newest of a kind are looked at.
const LOOKED_AT_OF_KIND: usize = 32;

/// What keeps a repo in order, the most telling first.
const UPKEEP: [OperationKind; 4] =
    [OperationKind::Check, OperationKind::Prune, OperationKind::Forget, OperationKind::Stats];

/// The upkeep of a repo.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// When the last check ended well.
    pub(super) check: Option<Timestamp>,
    /// When the last prune ended well.
    pub(super) prune: Option<Timestamp>,
    /// What failed and has not ended well since, the most telling first.
    pub(super) failing: Vec<Failing>,
}

/// Upkeep that failed and has not ended well since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon::services) struct Failing {
    /// The newest that failed.
    pub(in crate::daemon::services) operation: OperationId,
    /// When it ended.
    pub(in crate::daemon::services) since: Option<Timestamp>,
    kind: OperationKind,
    /// Whose retention it is, where it is a plan's.
    plan: Option<String>,
    message: String,
}

impl Failing {
    fn of(operation: Operation) -> Self {
        Self {
            operation: operation.id,
            since: operation.ended_at,
            kind: operation.kind,
            plan: operation.plan.map(|plan| plan.to_string()),
            message: operation.message,
        }
    }

    /// What failed, and why. What to do about it is told apart.
    pub(in crate::daemon::services) fn what(&self) -> String {
        let of = match (&self.plan, Subset::told_in(&self.message)) {
            (Some(plan), _) => format!(" of plan {plan}"),
            (None, Some(Subset { part, of: parts })) if parts > 1 => {
                format!(" of part {part} of {parts} of the data")
            }
            (None, _) => String::new(),
        };
        let (why, _) = what_and_remedy(&self.message);
        format!("the newest {}{of} failed: {why}", self.kind)
    }

    /// Where all that was said of it stands.
    pub(in crate::daemon::services) fn remedy(&self) -> String {
        format!("holdfast op log {}", self.operation)
    }

    /// The two as one message.
    pub(in crate::daemon::services) fn reason(&self) -> String {
        format!("{}. See `{}`", self.what(), self.remedy())
    }

    /// Whether that is what it failed of: then it need not be said twice.
    pub(super) fn is_of(&self, message: &str) -> bool {
        self.message == message
    }
}

/// The upkeep of each repo of the config.
///
/// # Errors
/// The history cannot be read.
pub(super) fn read(
    reader: &HistoryReader<'_>,
    config: &Config,
    guids: &BTreeMap<RepoId, RepoGuid>,
) -> store::Result<BTreeMap<RepoId, Kept>> {
    let repos = config.repos.iter();
    repos
        .map(|repo| Ok((repo.id.clone(), of(reader, config, (&repo.id, guids.get(&repo.id)))?)))
        .collect()
}

fn of(
    reader: &HistoryReader<'_>,
    config: &Config,
    (id, guid): (&RepoId, Option<&RepoGuid>),
) -> store::Result<Kept> {
    let mut kept = Kept::default();
    for kind in UPKEEP {
        let shard = Shard { repo: id.to_string(), plan: String::new() };
        let ended = ended(reader, &shard, (kind, looked_at(config, id)), guid)?;
        if kind == OperationKind::Check {
            kept.check = last_good(&ended, guid);
        }
        if kind == OperationKind::Prune {
            kept.prune = last_good(&ended, guid);
        }
        kept.failing.extend(failing(ended));
    }
    kept.failing.extend(forgets(reader, config, (id, guid))?);
    Ok(kept)
}

/// What failed of the retentions that plans into the repo have now.
fn forgets(
    reader: &HistoryReader<'_>,
    config: &Config,
    (id, guid): (&RepoId, Option<&RepoGuid>),
) -> store::Result<Vec<Failing>> {
    let keeps = |plan: &&crate::config::Plan| {
        plan.repo == *id && matches!(plan.retention, Retention::Keep(_))
    };
    let mut found = Vec::new();
    for plan in config.plans.iter().filter(keeps) {
        let shard = Shard { repo: id.to_string(), plan: plan.id.to_string() };
        found.extend(failing(ended(
            reader,
            &shard,
            (OperationKind::Forget, LOOKED_AT_OF_KIND),
            guid,
        )?));
    }
    Ok(found)
}

/// The newest of a kind whose end says something of the repository that it is now, newest first. What
/// failed before it was known on which one says it of the location.
fn ended(
    reader: &HistoryReader<'_>,
    shard: &Shard,
    (kind, count): (OperationKind, usize),
    guid: Option<&RepoGuid>,
) -> store::Result<Vec<Operation>> {
    let newest = reader.newest(reader.owner(), shard, Some(kind), count)?;
    let is_of_it = |one: &Operation| one.repo_guid.is_none() || one.repo_guid.as_ref() == guid;
    let states = newest.into_iter().filter_map(|recorded| recorded.state);
    Ok(states.filter(|one| says_something(one) && is_of_it(one)).collect())
}

/// How many are looked at: of checks that read parts of the data, a round of them and more.
fn looked_at(config: &Config, id: &RepoId) -> usize {
    let repo = config.repos.iter().find(|repo| repo.id == *id);
    let check = repo.and_then(|repo| repo.upkeep.check.as_ref());
    let parts = check.and_then(|check| check.read_data.as_ref()).map_or(1, ReadData::parts);
    LOOKED_AT_OF_KIND.max(2 * usize::from(parts))
}

/// The newest that failed, unless it has been well since; they are told newest first.
fn failing(ended: Vec<Operation>) -> Option<Failing> {
    let mut well = Well::default();
    for one in ended {
        match one.status {
            Status::Failed if !well.answers(&one) => return Some(Failing::of(one)),
            Status::Failed => {}
            _ => well.hear(&one),
        }
    }
    None
}

/// What ended well later than what is asked of.
#[derive(Default)]
struct Well {
    is_any: bool,
    parts: BTreeSet<(u16, u16)>,
}

impl Well {
    fn hear(&mut self, one: &Operation) {
        self.is_any = true;
        self.parts.extend(Subset::told_in(&one.message).map(|Subset { part, of }| (of, part)));
    }

    /// Whether that shows that what failed is well again.
    fn answers(&self, failed: &Operation) -> bool {
        let Some(Subset { part, of }) = Subset::told_in(&failed.message) else {
            return self.is_any;
        };
        let is_whole = |of: u16| (1..=of).all(|part| self.parts.contains(&(of, part)));
        self.parts.contains(&(of, part)) || self.parts.iter().any(|(of, _)| is_whole(*of))
    }
}

fn last_good(ended: &[Operation], guid: Option<&RepoGuid>) -> Option<Timestamp> {
    let is_good =
        |one: &&Operation| one.status == Status::Succeeded && one.repo_guid.as_ref() == guid;
    ended.iter().filter(is_good).find_map(|one| one.ended_at)
}

/// A check that failed with that message.
#[cfg(test)]
pub(in crate::daemon::services) fn failed_check(message: &str) -> Failing {
    Failing {
        operation: OperationId::from_bytes([2; 16]),
        since: Some(Timestamp::from_millis(2)),
        kind: OperationKind::Check,
        plan: None,
        message: message.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::store::History;
    use crate::store::history::Owner;

    const DAMAGED: &str = "the repository is damaged (Fatal: x). See what is damaged";

    fn guid(digits: &str) -> RepoGuid {
        digits.repeat(32).parse().unwrap()
    }

    fn at(n: u8) -> Timestamp {
        Timestamp::from_millis(i64::from(n))
    }

    fn operation(n: u8, kind: OperationKind, status: Status) -> Operation {
        let id = OperationId::from_bytes([n; 16]);
        Operation {
            status,
            repo: Some("vault".parse().unwrap()),
            repo_guid: Some(guid("ab")),
            ended_at: Some(at(n)),
            message: if status == Status::Failed { DAMAGED } else { "no errors" }.to_owned(),
            ..Operation::begun(id, "nas".parse().unwrap(), kind, at(n))
        }
    }

    /// The upkeep of a repo, and of a plan into it, with that retention, of which this is told.
    async fn kept(retention: &str, told: Vec<Operation>) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path(), Owner { public_key: [1; 32] }).unwrap();
        for operation in told {
            history.write(move |tx| tx.own()?.append(&operation)).await.unwrap();
        }
        let text = format!(
            "instance = \"nas\"\n[[repo]]\nid = \"vault\"\nuri = \"/srv\"\npassword = \"x\"\n\
             [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"/home\"]\n{retention}"
        );
        let config = parse(&text).unwrap();
        let guids = BTreeMap::from([("vault".parse().unwrap(), guid("ab"))]);
        let read = history.read(move |reader| read(reader, &config, &guids)).await.unwrap();
        read.into_values().next().unwrap()
    }

    #[tokio::test]
    async fn a_check_that_found_damage_stands_until_one_ends_well() {
        use OperationKind::{Check, Prune};
        use Status::{Cancelled, Failed, Succeeded};
        let mut told = vec![
            operation(1, Check, Succeeded),
            operation(2, Check, Failed),
            operation(3, Check, Cancelled),
            operation(4, Prune, Succeeded),
        ];
        let found = kept("", told.clone()).await;
        assert_eq!((found.check, found.prune), (Some(at(1)), Some(at(4))));
        let [failing] = found.failing.as_slice() else { panic!("{found:?}") };
        let what = "the newest check failed: the repository is damaged (Fatal: x)";
        assert_eq!((failing.what().as_str(), failing.since), (what, Some(at(2))));
        let id = OperationId::from_bytes([2; 16]);
        assert_eq!(failing.remedy(), format!("holdfast op log {id}"));
        assert_eq!(failing.reason(), format!("{what}. See `holdfast op log {id}`"));

        told.push(operation(5, Check, Succeeded));
        let mended = kept("", told).await;
        assert_eq!((mended.check, mended.failing), (Some(at(5)), vec![]));
    }

    #[test]
    fn damage_in_a_part_stands_until_that_part_was_read_well() {
        use OperationKind::Check;
        use Status::{Failed, Succeeded};
        let read = |n, part: &str| {
            let words = part.parse::<Subset>().unwrap().in_words();
            let message = format!("no errors; {words}");
            Operation { message, ..operation(n, Check, Succeeded) }
        };
        let message = format!("{DAMAGED}. Of it, part 2 of 3 of the data was read");
        let damaged = Operation { message, ..operation(1, Check, Failed) };
        let after = |parts: &[&str]| {
            let later = parts.iter().enumerate().map(|(n, part)| read(n as u8 + 2, part));
            let mut ended: Vec<_> = [damaged.clone()].into_iter().chain(later).collect();
            ended.reverse();
            failing(ended)
        };
        let what = "the newest check of part 2 of 3 of the data failed: the repository is damaged (Fatal: x)";
        for parts in [&[][..], &["3/3", "1/3"], &["2/4"], &["1/4", "2/4", "3/4"]] {
            assert_eq!(after(parts).unwrap().what(), what, "{parts:?}");
        }
        for parts in [&["3/3", "1/3", "2/3"][..], &["1/1"], &["1/2", "2/2"]] {
            assert_eq!(after(parts), None, "{parts:?}");
        }
    }

    #[tokio::test]
    async fn each_kind_stands_for_itself_and_another_repository_for_nothing() {
        use OperationKind::{Check, Forget, Prune, Stats};
        let failed = |n, kind| operation(n, kind, Status::Failed);
        let elsewhere = Operation { repo_guid: Some(guid("cd")), ..failed(9, Check) };
        let unopened = Operation { repo_guid: None, ..failed(3, Stats) };
        let told = vec![failed(1, Prune), failed(2, Forget), unopened, elsewhere];
        let kinds: Vec<_> = kept("", told).await.failing.iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [Prune, Forget, Stats]);
    }

    #[tokio::test]
    async fn the_retention_of_a_plan_is_told_with_it_as_long_as_it_has_one() {
        let plan = Some("home".parse().unwrap());
        let of_plan = |n, status| Operation {
            plan: plan.clone(),
            ..operation(n, OperationKind::Forget, status)
        };
        let keep = "retention = { last = 1 }";
        let found = kept(keep, vec![of_plan(1, Status::Failed)]).await;
        assert!(found.failing[0].what().starts_with("the newest forget of plan home failed: "));
        let mended = vec![of_plan(1, Status::Failed), of_plan(2, Status::Succeeded)];
        assert_eq!(kept(keep, mended).await.failing, vec![]);
        assert_eq!(kept("", vec![of_plan(1, Status::Failed)]).await.failing, vec![]);
    }
}
