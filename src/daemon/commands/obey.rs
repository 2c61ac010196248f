//! What a peer asks for is done here, as far as it may.
//!
//! 1. One command of a peer at a time, whatever sessions it has; a second try finds what became of the
//!    first.
//! 2. A refusal tells of what is here what was asked, and nothing else: the words for this machine's
//!    owner stay here.

use super::super::forgetting::may_forget;
use super::super::node::Node;
use super::{Outcome, locked};
use crate::config::Config;
use crate::grant::{Grants, Permission, Scope, Target};
use crate::job::{By, JobError, Task, UnlockScope};
use crate::model::{KeyId, OperationId, OperationKind, PlanId, RepoId};
use crate::store::{Result as Stored, StoreError};
use crate::wire::{CommandId, CommandRequest, CommandUpdate, Refusal};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// The word for what ends an operation.
const CANCEL: &str = "cancel";
/// How many of the commands of a peer that were carried out are remembered.
const REMEMBERED: usize = 128;

/// The newest commands of a peer that were carried out, oldest first. Held while one is.
type Newest = Arc<tokio::sync::Mutex<VecDeque<(CommandId, OperationId)>>>;

/// What was carried out for whom.
#[derive(Debug, Default)]
pub(super) struct Done(Mutex<HashMap<KeyId, Newest>>);

impl Done {
    fn of(&self, peer: KeyId) -> Newest {
        Arc::clone(locked(&self.0).entry(peer).or_default())
    }
}

/// What a peer may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    Backup(PlanId),
    Upkeep(RepoId, Task),
    Cancel(OperationId),
}

/// Carries out a command of a peer that may do this here now, once.
pub(in crate::daemon) async fn obey(
    node: &Node,
    peer: KeyId,
    grants: Grants,
    request: CommandRequest,
) -> CommandUpdate {
    let id = request.id;
    let newest = node.commands.done.of(peer);
    let mut done = newest.lock().await;
    if let Some((_, operation)) = done.iter().find(|(before, _)| *before == id) {
        return CommandUpdate { id, outcome: Ok(*operation) };
    }
    let outcome = carry_out(node, (peer, &grants), request).await;
    match &outcome {
        Err(Refusal { reason, .. }) => tracing::info!(%peer, reason, "a command was refused"),
        Ok(operation) => {
            if done.len() >= REMEMBERED {
                done.pop_front();
            }
            done.push_back((id, *operation));
        }
    }
    CommandUpdate { id, outcome }
}

async fn carry_out(
    node: &Node,
    (peer, grants): (KeyId, &Grants),
    request: CommandRequest,
) -> Outcome {
    let config = node.config.current();
    let repos = repos(node).await.map_err(|_| not_now())?;
    match read(&config, &repos, grants, request)? {
        Order::Cancel(operation) => cancel(node, (peer, grants), operation).await,
        Order::Backup(plan) => {
            let running = running(node);
            let begun = node.engine.backup_by(&plan, By::Person).await;
            let id = begun.map_err(|error| told(&error))?.id;
            begun_for(node, peer, (&running, id)).await;
            Ok(id)
        }
        Order::Upkeep(repo, task) => {
            if let Task::Forget(plan) = &task {
                may_forget(&config, &repo, plan.as_ref()).map_err(|error| told(&error))?;
            }
            // It takes no turn, so nothing else keeps a second one from beginning.
            if let (Task::Unlock(_), Some(id)) = (&task, unlocking(node, &repo)) {
                return Ok(id);
            }
            let running = running(node);
            let begun = node.engine.maintain(&repo, task, By::Person).await;
            let id = begun.map_err(|error| told(&error))?;
            begun_for(node, peer, (&running, id)).await;
            Ok(id)
        }
    }
}

/// Every repo that there is here, received ones too.
async fn repos(node: &Node) -> Stored<BTreeSet<RepoId>> {
    let config = node.config.current();
    let received = node.with_trust(|trust, _| trust.received_repos()).await?;
    let own = config.repos.iter().map(|repo| repo.id.clone());
    Ok::<_, StoreError>(own.chain(received.into_iter().map(|repo| repo.id)).collect())
}

fn running(node: &Node) -> BTreeSet<OperationId> {
    node.engine.live().into_iter().map(|live| live.operation.id).collect()
}

fn unlocking(node: &Node, repo: &RepoId) -> Option<OperationId> {
    let live = node.engine.live().into_iter().map(|live| live.operation);
    let mut unlocks = live.filter(|live| live.kind == OperationKind::Unlock);
    unlocks.find(|live| live.repo.as_ref() == Some(repo)).map(|live| live.id)
}

async fn cancel(node: &Node, (peer, grants): (KeyId, &Grants), operation: OperationId) -> Outcome {
    let not_running = || Refusal {
        reason: "it is not under way there (any more), or it is not granted".to_owned(),
        remedy: String::new(),
    };
    if !may_cancel(node, grants, operation) {
        return Err(not_running());
    }
    node.engine.cancel(operation).map_err(|_| not_running())?;
    note(node, peer, (operation, "asked to stop by")).await;
    Ok(operation)
}

/// Of what was under way already somebody else was the first to ask.
async fn begun_for(node: &Node, peer: KeyId, (running, id): (&BTreeSet<OperationId>, OperationId)) {
    if !running.contains(&id) {
        note(node, peer, (id, "asked for by")).await;
    }
}

/// The operation's log says who asked; so does ours.
async fn note(node: &Node, peer: KeyId, (operation, what): (OperationId, &'static str)) {
    let name = node.with_trust(move |_, roster| roster.peer(&peer)).await.ok().flatten();
    let name = name.map_or_else(|| peer.to_string(), |peer| peer.instance.to_string());
    tracing::info!(%peer, name, %operation, "an operation is {what} a peer");
    let said = format!("{what} {name} ({peer})\n");
    let kept = node.history.write(move |tx| tx.append_log(operation, said.as_bytes()));
    if let Err(error) = kept.await {
        tracing::warn!(%error, %operation, "who asked is not in the log of the operation");
    }
}

/// What a request means, where there is such a thing and the peer may have it.
fn read(
    config: &Config,
    repos: &BTreeSet<RepoId>,
    grants: &Grants,
    request: CommandRequest,
) -> Result<Order, Refusal> {
    let CommandRequest { kind, repo, plan, operation, .. } = request;
    if kind == CANCEL {
        return operation.map(Order::Cancel).ok_or_else(|| unknown(&kind));
    }
    let kind: OperationKind = kind.parse().map_err(|_| unknown(&kind))?;
    match (kind, repo, plan) {
        (OperationKind::Backup | OperationKind::Forget, _, Some(plan)) => {
            let repo = config.plan(&plan).map(|plan| plan.repo.clone()).ok_or_else(not_granted)?;
            may(grants, Some(&repo), Some(&plan))?;
            Ok(match kind {
                OperationKind::Backup => Order::Backup(plan),
                _ => Order::Upkeep(repo, Task::Forget(Some(plan))),
            })
        }
        (kind, Some(repo), None) => {
            let task = task(kind).ok_or_else(|| unknown(kind.as_str()))?;
            if !repos.contains(&repo) {
                return Err(not_granted());
            }
            may(grants, Some(&repo), None)?;
            // The retention of a repo weighs the snapshots of every plan into it, of removed ones too.
            if task == Task::Forget(None) && leaves_out_a_plan(grants) {
                return Err(not_granted());
            }
            Ok(Order::Upkeep(repo, task))
        }
        (kind, _, _) => Err(unknown(kind.as_str())),
    }
}

fn leaves_out_a_plan(grants: &Grants) -> bool {
    let scopes = grants.scopes(Permission::RunOperations);
    scopes.is_some_and(|scopes| scopes.iter().any(|scope| matches!(scope, Scope::NotPlan(_))))
}

/// The work on a repo that may be asked for from elsewhere: with what is stored, and never a command.
const fn task(kind: OperationKind) -> Option<Task> {
    match kind {
        // Who works on the repository only somebody there can know.
        OperationKind::Unlock => Some(Task::Unlock(UnlockScope::Stale)),
        kind => Task::of(kind),
    }
}

/// Whether an operation is under way that the peer could have started.
fn may_cancel(node: &Node, grants: &Grants, operation: OperationId) -> bool {
    let live = node.engine.live().into_iter().find(|live| live.operation.id == operation);
    live.is_some_and(|live| {
        let live = live.operation;
        let is_kind = live.kind == OperationKind::Backup || task(live.kind).is_some();
        is_kind && may(grants, live.repo.as_ref(), live.plan.as_ref()).is_ok()
    })
}

fn may(grants: &Grants, repo: Option<&RepoId>, plan: Option<&PlanId>) -> Result<(), Refusal> {
    let target = Target { repo: repo.map(RepoId::as_str), plan: plan.map(PlanId::as_str) };
    grants.allow(Permission::RunOperations, target).then_some(()).ok_or_else(not_granted)
}

fn not_granted() -> Refusal {
    Refusal {
        reason: "there is no such thing there, or it is not granted".to_owned(),
        remedy: "ask its owner for run-operations".to_owned(),
    }
}

fn not_now() -> Refusal {
    Refusal {
        reason: "it cannot be done there now".to_owned(),
        remedy: "see the status of that machine, there".to_owned(),
    }
}

/// What a peer is told of why something does not begin.
fn told(error: &JobError) -> Refusal {
    let there = |reason: &str| Refusal {
        reason: reason.to_owned(),
        remedy: "on that machine it can be changed".to_owned(),
    };
    match error {
        JobError::KeepsAll { .. } => there("the plan keeps all its snapshots"),
        JobError::NoRetention { .. } => there("the repo has no retention of its own"),
        JobError::OwnersWork { .. } => Refusal {
            reason: "the repo is somebody else's, who keeps it in order".to_owned(),
            remedy: "ask its owner".to_owned(),
        },
        JobError::Stopping => Refusal {
            reason: "its daemon is stopping".to_owned(),
            remedy: "try again once it runs".to_owned(),
        },
        // The others speak of files, other peers and storages of this machine.
        _ => not_now(),
    }
}

fn unknown(kind: &str) -> Refusal {
    Refusal {
        reason: format!("{kind} cannot be asked for from elsewhere, or not so"),
        remedy: "do it on that machine".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::parse;

    const CONFIG: &str = r#"
instance = "cabin"
[[repo]]
id = "vault"
uri = "/srv"
password = "x"
[[repo]]
id = "other"
uri = "/other"
password = "x"
[[plan]]
id = "home"
repo = "vault"
paths = ["/home"]
[[plan]]
id = "secret"
repo = "vault"
paths = ["/secret"]
"#;

    fn request(kind: &str, repo: &str, plan: &str) -> CommandRequest {
        CommandRequest {
            id: [1; 16],
            kind: kind.to_owned(),
            repo: (!repo.is_empty()).then(|| repo.parse().unwrap()),
            plan: (!plan.is_empty()).then(|| plan.parse().unwrap()),
            operation: None,
        }
    }

    fn asked(grant: &str, kind: &str, repo: &str, plan: &str) -> Result<Order, Refusal> {
        let grants = Grants::parse([grant]).unwrap();
        let repos = ["vault", "other"].map(|id| id.parse().unwrap()).into();
        read(&parse(CONFIG).unwrap(), &repos, &grants, request(kind, repo, plan))
    }

    #[test]
    fn what_is_granted_is_done_with_what_is_stored() {
        let all = "run-operations=*";
        let (vault, home): (RepoId, PlanId) = ("vault".parse().unwrap(), "home".parse().unwrap());
        assert_eq!(asked(all, "backup", "", "home").unwrap(), Order::Backup(home.clone()));
        // The repo of a plan is told by the plan, whatever else is said.
        let forget = Order::Upkeep(vault.clone(), Task::Forget(Some(home)));
        assert_eq!(asked(all, "forget", "other", "home").unwrap(), forget);
        for (kind, task) in [
            ("forget", Task::Forget(None)),
            ("prune", Task::Prune),
            ("check", Task::Check),
            ("stats", Task::Stats),
            ("index", Task::Index),
            ("unlock", Task::Unlock(UnlockScope::Stale)),
        ] {
            let order = Order::Upkeep(vault.clone(), task);
            assert_eq!(asked("run-operations=repo:vault", kind, "vault", "").unwrap(), order);
        }
    }

    #[test]
    fn what_is_not_granted_and_what_is_not_there_are_answered_alike() {
        for (grant, kind, repo, plan) in [
            ("run-operations=plan:home", "backup", "", "secret"),
            ("run-operations=plan:home", "backup", "", "nothing"),
            ("run-operations=*", "backup", "", "nothing"),
            ("run-operations=*", "forget", "", "nothing"),
            ("run-operations=*", "prune", "nothing", ""),
            ("run-operations=*,!repo:other", "prune", "other", ""),
            ("run-operations=*,!plan:gone", "forget", "vault", ""),
            ("run-operations=plan:home", "prune", "vault", ""),
            ("run-operations=plan:home", "prune", "nothing", ""),
            ("run-operations=repo:vault", "check", "other", ""),
            ("run-operations=!plan:secret", "backup", "", "secret"),
            // The other plan's snapshots would be weighed as well.
            ("run-operations=!plan:secret", "forget", "vault", ""),
            ("write-config=*", "backup", "", "home"),
            ("read-operations=*", "prune", "vault", ""),
        ] {
            let refused = asked(grant, kind, repo, plan).unwrap_err();
            assert_eq!(refused, not_granted(), "{grant} {kind} {repo} {plan}");
        }
        assert!(asked("run-operations=!plan:secret", "prune", "vault", "").is_ok());
    }

    #[test]
    fn no_command_no_restore_and_nothing_unknown_is_asked_for() {
        for kind in ["command", "restore", "hook", "init", "backup", "cancel", "", "rm -rf /"] {
            let refused = asked("run-operations=*", kind, "vault", "").unwrap_err();
            assert!(refused.reason.contains("cannot be asked for"), "{kind}: {refused:?}");
        }
    }
}
