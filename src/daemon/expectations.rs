//! What each plan promises, in its shard of the own log: with it any peer tells by itself that a
//! backup is overdue.
//!
//! 1. Only what changed is appended.
//! 2. A good backup counts for the repository that its repo is now. One that is in another, of before
//!    the repo's location was changed, meets nothing: what was met goes back with it.
//! 3. A plan that was taken out of the config, or moved to another repo, promises nothing more: it
//!    would go stale for ever.

use super::ports::{Home, Repos, disabled_reason};
use super::scheduler::Agenda;
use crate::config::{Config, Plan};
use crate::freshness::{self, allowed_age};
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
/// and backups into the other may be many.
const LOOKED_AT_OF_MOVED: usize = 512;

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
    for (_, before) in reader.expectations(Whose::Own)? {
        let key = (before.repo.clone(), before.plan.clone());
        match promises.get_mut(&key) {
            Some((now, Home::Anywhere)) => now.last_met = now.last_met.max(before.last_met),
            // It may have been met elsewhere.
            Some((_, Home::Only(_))) => {}
            None => drop(promises.insert(key, (given_up(before), Home::Anywhere))),
        }
    }
    let mut own = tx.own()?;
    let mut changed = 0;
    for (promise, home) in promises.values_mut() {
        let shard = Shard { repo: promise.repo.to_string(), plan: promise.plan.to_string() };
        promise.last_met = promise.last_met.max(newest_good(&reader, &shard, home)?);
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

/// When the newest good backup of a plan that the history knows, and that is in its repository, began.
pub(super) fn newest_good(
    reader: &HistoryReader<'_>,
    shard: &Shard,
    home: &Home,
) -> Result<Option<Timestamp>> {
    let limit = match home {
        Home::Anywhere => LOOKED_AT,
        // Nothing is in a repository that was not found yet.
        Home::Only(None) => return Ok(None),
        Home::Only(Some(_)) => LOOKED_AT_OF_MOVED,
    };
    let newest = reader.newest(reader.owner(), shard, Some(OperationKind::Backup), limit)?;
    let here = newest.iter().filter(|recorded| home.has(guid(recorded)));
    let good = here.filter_map(plan_run).filter(freshness::PlanRun::is_good);
    Ok(good.map(|run| run.started_at).max())
}

/// The repository that an operation was on, where that is known.
pub(super) fn guid(recorded: &Recorded) -> Option<&RepoGuid> {
    recorded.state.as_ref().and_then(|state| state.repo_guid.as_ref())
}

/// A backup as far as the state of its plan is concerned; `None` where its status is not known.
#[must_use]
pub fn plan_run(recorded: &Recorded) -> Option<freshness::PlanRun> {
    let status = recorded.status?;
    let made_snapshot = recorded.state.as_ref().is_some_and(|state| state.snapshot.is_some());
    let flow = recorded.state.as_ref().map(|state| state.flow);
    Some(freshness::PlanRun { status, started_at: recorded.started_at, made_snapshot, flow })
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
