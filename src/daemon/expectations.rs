//! What each plan promises, in its shard of the own log: with it any peer tells by itself that a
//! backup is overdue.
//!
//! 1. Only what changed is appended.
//! 2. A good backup counts for the repository that its repo is now. One that is in another, of before
//!    the repo's location was changed, meets nothing: what was met goes back with it.
//! 3. One whose snapshot is known to be gone meets nothing either.
//! 4. A plan that was taken out of the config, or moved to another repo, promises nothing more: it
//!    would go stale for ever.

use super::ports::{Home, Repos, disabled_reason};
use super::scheduler::Agenda;
use crate::config::{Config, Plan};
use crate::freshness::{PlanRun, allowed_age, newest_there};
use crate::model::{Expectation, OperationKind, PlanId, RepoGuid, RepoId, Timestamp, Timing};
use crate::reconcile::Shard;
use crate::store::history::{HistoryReader, HistoryTx, Recorded, Whose};
use crate::store::{History, Result, Trust, trust};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many of a plan's newest backups are looked at for a good one: what lies further back is
/// remembered by `trust.db` and by the expectation before.
const LOOKED_AT: usize = 16;
/// The same where its repo was another repository before: neither memory says into which one it was,
/// and backups into the other may be many. Also where the snapshots of the newest ones are gone.
const LOOKED_AT_FAR: usize = 512;

/// Appends the expectations that changed, and says how many did. To be called at the start, when
/// the config or a received repo changed, and after each operation.
///
/// # Errors
/// The store cannot be read or written.
pub async fn refresh(
    (config, agenda): (Arc<Config>, Agenda),
    trust: &Trust,
    history: &History,
) -> Result<usize> {
    let promises = promises(config, &agenda, trust)?;
    history.write(move |tx| append(tx, promises)).await
}

/// What each plan promises, and where what it saved has to be.
type Promises = BTreeMap<(RepoId, PlanId), (Expectation, Home)>;

/// By the config and `trust.db`.
fn promises(config: Arc<Config>, agenda: &Agenda, trust: &Trust) -> Result<Promises> {
    let repos = Repos::read(Arc::clone(&config), trust)?;
    let runs = trust.plan_runs()?;
    let of_plan = |plan: &Plan| {
        let run =
            runs.iter().find(|run| run.plan == plan.id && run.repo.as_ref() == Some(&plan.repo));
        let home = Home::read(&repos, trust, &plan.repo)?;
        let met = last_success(run, &home);
        let timing = agenda.timing(plan, &config);
        let expectation = promise((plan, &config), timing, disabled_reason(plan, &repos), met);
        Ok(((plan.repo.clone(), plan.id.clone()), (expectation, home)))
    };
    config.plans.iter().map(of_plan).collect()
}

/// When the newest success that `trust.db` knows of began. It does not know into which repository that
/// was, so it says nothing of a repo that was another one before.
pub(super) fn last_success(run: Option<&trust::PlanRun>, home: &Home) -> Option<Timestamp> {
    run.filter(|_| *home == Home::Anywhere).and_then(|run| run.last_success)
}

/// What the plan promises by the configuration in effect, whatever the log says by now.
pub(super) fn promise(
    (plan, config): (&Plan, &Config),
    timing: Timing,
    disabled: Option<String>,
    last_met: Option<Timestamp>,
) -> Expectation {
    Expectation {
        repo: plan.repo.clone(),
        plan: plan.id.clone(),
        schedule: plan.schedule.to_string(),
        allowed_age: allowed_age(plan.max_age.map(|age| age.0), config.class, timing.longest_gap),
        last_met,
        enabled: disabled.is_none(),
        disabled_reason: disabled.unwrap_or_default(),
        timing,
    }
}

fn append(tx: &HistoryTx<'_>, mut promises: Promises) -> Result<usize> {
    let reader = tx.reader()?;
    let mut met_before = BTreeMap::new();
    for (_, before) in reader.expectations(Whose::Own)? {
        let key = (before.repo.clone(), before.plan.clone());
        met_before.insert(key.clone(), before.last_met);
        promises.entry(key).or_insert_with(|| (given_up(before), Home::Anywhere));
    }
    let mut own = tx.own()?;
    let mut changed = 0;
    for (key, (promise, home)) in &mut promises {
        // Of a repo that was another one before, it may have been met elsewhere.
        let before = met_before.get(key).copied().flatten().filter(|_| *home == Home::Anywhere);
        let shard = Shard { repo: promise.repo.to_string(), plan: promise.plan.to_string() };
        let runs = runs(&reader, &shard, home)?;
        promise.last_met = newest_there(&runs, promise.last_met.into_iter().chain(before));
        changed += usize::from(own.append_expectation(promise)?);
    }
    Ok(changed)
}

/// Of a plan that the config no longer has into that repo.
fn given_up(before: Expectation) -> Expectation {
    let Expectation { repo, plan, .. } = &before;
    let disabled_reason = format!(
        "the configuration no longer has plan {plan} into repo {repo}. Nothing is expected of it"
    );
    // Without a schedule it is no plan any more, only what is left of one.
    let (schedule, timing) = (String::new(), Timing::default());
    Expectation { schedule, timing, allowed_age: None, enabled: false, disabled_reason, ..before }
}

/// When the newest good backup of a plan that the history knows, and that is in its repository, began;
/// not one whose snapshot is known to be gone.
pub(super) fn newest_good(
    reader: &HistoryReader<'_>,
    shard: &Shard,
    home: &Home,
) -> Result<Option<Timestamp>> {
    Ok(newest_there(&runs(reader, shard, home)?, None))
}

/// The newest backups of a plan that are in its repository.
fn runs(reader: &HistoryReader<'_>, shard: &Shard, home: &Home) -> Result<Vec<PlanRun>> {
    let newest = |limit| -> Result<Vec<PlanRun>> {
        let newest = reader.newest(reader.owner(), shard, Some(OperationKind::Backup), limit)?;
        let here = newest.iter().filter(|recorded| home.has(guid(recorded)));
        Ok(here.filter_map(plan_run).collect())
    };
    match home {
        // Nothing is in a repository that was not found yet.
        Home::Only(None) => Ok(Vec::new()),
        Home::Only(Some(_)) => newest(LOOKED_AT_FAR),
        Home::Anywhere => {
            let runs = newest(LOOKED_AT)?;
            let is_any_gone = runs.iter().any(|run| run.gone.is_some());
            // What is left then lies further back, and no memory tells of it.
            let is_left_further = is_any_gone && newest_there(&runs, None).is_none();
            if is_left_further { newest(LOOKED_AT_FAR) } else { Ok(runs) }
        }
    }
}

/// The repository that an operation was on, where that is known.
pub(super) fn guid(recorded: &Recorded) -> Option<&RepoGuid> {
    recorded.state.as_ref().and_then(|state| state.repo_guid.as_ref())
}

/// A backup as far as the state of its plan is concerned; `None` where its status is not known.
#[must_use]
pub fn plan_run(recorded: &Recorded) -> Option<PlanRun> {
    let status = recorded.status?;
    let (state, started_at) = (recorded.state.as_ref(), recorded.started_at);
    let made_snapshot = state.is_some_and(|state| state.snapshot.is_some());
    let flow = state.map(|state| state.flow);
    let gone = state.filter(|state| state.snapshot_gone.is_some());
    let gone = gone.map(|state| state.ended_at.unwrap_or(started_at));
    Some(PlanRun { status, started_at, made_snapshot, flow, gone })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::model::{KeyId, Operation, OperationId, Secret, Status};
    use crate::store::history::Owner;
    use crate::store::trust::{OpenRun, Place, ReceivedRepo, ReceivedState, RunEnd};
    use std::time::Duration;
    use tempfile::TempDir;

    struct Machine {
        _folder: TempDir,
        trust: Trust,
        history: History,
    }

    fn config(repo: &str, more: &str) -> Arc<Config> {
        let text = format!(
            "instance = \"nas\"\n[[repo]]\nid = \"vault\"\nuri = \"/srv\"\npassword = \"x\"\n\
             [[plan]]\nid = \"home\"\nrepo = \"{repo}\"\npaths = [\"/home\"]\n{more}"
        );
        Arc::new(parse(&text).unwrap())
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn backup(n: u8, status: Status) -> Operation {
        let id = OperationId::from_bytes([n; 16]);
        Operation {
            status,
            repo: Some("vault".parse().unwrap()),
            plan: Some("home".parse().unwrap()),
            ..Operation::begun(id, "nas".parse().unwrap(), OperationKind::Backup, at(i64::from(n)))
        }
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let trust = Trust::open(folder.path()).unwrap();
            let history = History::open(folder.path(), Owner { public_key: [1; 32] }).unwrap();
            Self { _folder: folder, trust, history }
        }

        async fn refresh(&self, config: &Arc<Config>) -> usize {
            let agenda = Agenda::new(KeyId::from_bytes([0; 32]));
            refresh((Arc::clone(config), agenda), &self.trust, &self.history).await.unwrap()
        }

        /// Of plan home into that repo.
        async fn promised(&self, repo: &str) -> Expectation {
            let all = self.history.read(|reader| reader.expectations(Whose::Own)).await.unwrap();
            all.into_iter().find(|(_, found)| found.repo.as_str() == repo).unwrap().1
        }

        async fn record(&self, operation: Operation) {
            self.history.write(move |tx| tx.own()?.append(&operation)).await.unwrap();
        }

        fn run(&self, n: u8, end: RunEnd) {
            let Operation { id: operation, repo, plan, started_at: since, .. } =
                backup(n, Status::Running);
            let repo = repo.unwrap();
            let run = OpenRun { operation, repo, plan, pid: 1, since, ended: None };
            self.trust.run_started(&run).unwrap();
            self.trust.run_ended(operation, Status::Succeeded, end, at(99)).unwrap();
        }
    }

    #[tokio::test]
    async fn only_what_changed_is_appended() {
        let machine = Machine::new();
        let first = config("vault", "max-age = \"36h\"");
        assert_eq!(machine.refresh(&first).await, 1);
        assert_eq!(machine.refresh(&first).await, 0);
        let promised = machine.promised("vault").await;
        assert_eq!(promised.schedule, "manual");
        assert_eq!(promised.allowed_age, Some(Duration::from_secs(36 * 3600)));
        assert_eq!((promised.last_met, promised.enabled), (None, true));
        assert_eq!(machine.refresh(&config("vault", "")).await, 1);
        assert_eq!(machine.promised("vault").await.allowed_age, None);
    }

    #[tokio::test]
    async fn last_met_is_the_newest_good_backup_that_anything_knows() {
        let (machine, config) = (Machine::new(), config("vault", ""));
        machine.record(backup(2, Status::Succeeded)).await;
        machine.record(backup(3, Status::Failed)).await;
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(2)), "of the history");
        machine.run(5, RunEnd::Good);
        machine.run(6, RunEnd::NotGood);
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(5)), "of trust.db");
        let found = Operation { snapshot: Some("ab".repeat(32)), ..backup(7, Status::Lost) };
        machine.record(found).await;
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(7)), "lost and found");
        for n in 8..30 {
            machine.record(backup(n, Status::Failed)).await;
        }
        assert_eq!(machine.refresh(&config).await, 0, "what lies far back stays met");
    }

    #[tokio::test]
    async fn a_backup_whose_snapshot_is_gone_meets_nothing_whatever_remembers_it() {
        let (machine, config) = (Machine::new(), config("vault", ""));
        let saved = |n: u8| Operation {
            snapshot: Some("ab".repeat(32)),
            ended_at: Some(at(i64::from(n) + 5)),
            ..backup(n, Status::Succeeded)
        };
        let gone = |n| Operation { snapshot_gone: Some(at(200)), revision: 9, ..saved(n) };
        machine.record(saved(10)).await;
        machine.record(saved(20)).await;
        // restic began a moment after its operation.
        machine.run(22, RunEnd::Good);
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(22)));
        machine.record(gone(10)).await;
        assert_eq!(machine.refresh(&config).await, 0, "as retention does it");
        machine.record(gone(20)).await;
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, None, "nothing is left");
        for n in 30..60 {
            machine.record(gone(n)).await;
        }
        machine.record(saved(15)).await;
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(15)), "far back");

        let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
        let read = machine.history.read(move |reader| reader.own_backups(&shard, 2));
        let (_, indexed) = read.await.unwrap();
        let told: Vec<_> = indexed.iter().map(|one| (one.started_at, one.gone)).collect();
        let expected = [(at(59), Some(at(64))), (at(58), Some(at(63))), (at(15), None)];
        assert_eq!(told, expected, "what is left stands behind the newest");
    }

    #[tokio::test]
    async fn what_is_only_remembered_is_not_known_to_be_gone() {
        let (machine, config) = (Machine::new(), config("vault", ""));
        machine.run(50, RunEnd::Good);
        let gone = Operation {
            snapshot: Some("ab".repeat(32)),
            ended_at: Some(at(15)),
            snapshot_gone: Some(at(99)),
            ..backup(10, Status::Succeeded)
        };
        machine.record(gone).await;
        machine.refresh(&config).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(50)));
    }

    fn keep_guid(machine: &Machine, location: &str, guid: &RepoGuid) {
        let (repo, place) = ("vault".parse().unwrap(), Place::of(location));
        machine.trust.keep_repo_guid(&repo, &place, guid, at(1)).unwrap();
    }

    fn into(guid: &RepoGuid, backup: Operation) -> Operation {
        Operation { repo_guid: Some(guid.clone()), ..backup }
    }

    #[tokio::test]
    async fn what_is_in_the_repository_before_meets_nothing_in_the_one_that_it_is_now() {
        let machine = Machine::new();
        let [old, new] = ["ab", "cd"].map(|digits| digits.repeat(32).parse::<RepoGuid>().unwrap());
        let first = config("vault", "");
        let moved = |uri: &str| {
            let text = format!(
                "instance = \"nas\"\n[[repo]]\nid = \"vault\"\nuri = \"{uri}\"\npassword = \"x\"\n\
                 [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"/home\"]\n"
            );
            Arc::new(parse(&text).unwrap())
        };
        machine.record(into(&old, backup(2, Status::Succeeded))).await;
        machine.run(3, RunEnd::Good);
        machine.refresh(&first).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(3)), "no guid is known yet");
        keep_guid(&machine, "/srv", &old);
        assert_eq!(machine.refresh(&first).await, 0, "it is the only one");

        assert_eq!(machine.refresh(&moved("/mnt")).await, 1);
        assert_eq!(machine.promised("vault").await.last_met, None, "nothing was found there yet");
        keep_guid(&machine, "/mnt", &new);
        machine.record(into(&new, backup(4, Status::Failed))).await;
        machine.record(backup(5, Status::Succeeded)).await;
        assert_eq!(machine.refresh(&moved("/mnt")).await, 0, "which one that was is not known");
        machine.record(into(&new, backup(6, Status::Succeeded))).await;
        machine.refresh(&moved("/mnt")).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(6)));
        machine.refresh(&moved("/srv")).await;
        assert_eq!(machine.promised("vault").await.last_met, Some(at(2)), "pointed back");
        keep_guid(&machine, "/copy", &old);
        machine.refresh(&moved("/copy")).await;
        assert_eq!(
            machine.promised("vault").await.last_met,
            Some(at(2)),
            "the same, moved by hand"
        );
    }

    #[tokio::test]
    async fn a_plan_that_moved_or_went_promises_nothing_more() {
        let machine = Machine::new();
        machine.refresh(&config("vault", "max-age = \"1d\"")).await;
        machine.run(5, RunEnd::Good);
        assert_eq!(machine.refresh(&config("other", "max-age = \"1d\"")).await, 2);
        let before = machine.promised("vault").await;
        assert_eq!((before.allowed_age, before.enabled), (None, false));
        assert!(before.disabled_reason.contains("no longer has plan home into repo vault"));
        let now = machine.promised("other").await;
        assert_eq!(now.last_met, None, "what went elsewhere does not count");
        let nothing = Arc::new(Config::new("nas".parse().unwrap()));
        assert_eq!(machine.refresh(&nothing).await, 1);
        assert_eq!(machine.refresh(&nothing).await, 0);
    }

    #[tokio::test]
    async fn a_disabled_plan_says_why_and_keeps_its_allowed_age() {
        let machine = Machine::new();
        machine.refresh(&config("vault", "max-age = \"1d\"\nenabled = false")).await;
        let off = machine.promised("vault").await;
        assert!(off.disabled_reason.contains("enabled = false"), "{}", off.disabled_reason);
        assert!(!off.enabled && off.allowed_age.is_some());

        let shared = config("shared", "max-age = \"1d\"");
        machine.refresh(&shared).await;
        assert!(machine.promised("shared").await.disabled_reason.contains("there is no repo"));
        let repo = |state| ReceivedRepo {
            origin: KeyId::from_bytes([7; 32]),
            id: "shared".parse().unwrap(),
            guid: "ab".repeat(32).parse().unwrap(),
            uri: Secret::new("/srv/shared".to_owned()),
            password: Some(Secret::new("x".to_owned())),
            env: Vec::new(),
            state,
            detail: String::new(),
            dropped: Vec::new(),
            revision: 1,
            changed_at: at(1),
        };
        machine.trust.put_received_repos(&[repo(ReceivedState::Taken)]).unwrap();
        assert_eq!(machine.refresh(&shared).await, 1);
        assert!(machine.promised("shared").await.enabled);
        machine.trust.put_received_repos(&[repo(ReceivedState::Disabled)]).unwrap();
        assert_eq!(machine.refresh(&shared).await, 1);
        let withdrawn = machine.promised("shared").await;
        assert!(withdrawn.disabled_reason.contains("withdrawn"), "{withdrawn:?}");
        assert!(withdrawn.allowed_age.is_some(), "it still goes stale");
    }
}
