//! What a peer asks for is done here, as far as it may.

use super::super::node::Node;
use super::{Outcome, REMEMBERED};
use crate::config::Config;
use crate::grant::{Grants, Permission, Target};
use crate::job::{By, Task, UnlockScope};
use crate::model::{KeyId, OperationId, OperationKind, PlanId, RepoId, what_and_remedy};
use crate::wire::{CommandRequest, CommandUpdate, Refusal};

/// The word for what ends an operation.
const CANCEL: &str = "cancel";

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
    let known = |(by, done, _): &&(KeyId, _, _)| *by == peer && *done == id;
    let before = node.commands.done().iter().find(known).map(|(_, _, operation)| *operation);
    if let Some(operation) = before {
        return CommandUpdate { id, outcome: Ok(operation) };
    }
    let outcome = carry_out(node, &grants, request).await;
    if let Ok(operation) = &outcome {
        let mut done = node.commands.done();
        if done.len() >= REMEMBERED {
            done.pop_front();
        }
        done.push_back((peer, id, *operation));
    }
    note(node, peer, &outcome).await;
    CommandUpdate { id, outcome }
}

async fn carry_out(node: &Node, grants: &Grants, request: CommandRequest) -> Outcome {
    let order = read(&node.config.current(), grants, request)?;
    let started = match order {
        Order::Backup(plan) => node.engine.backup_by(&plan, By::Person).await.map(|run| run.id),
        Order::Upkeep(repo, task) => node.engine.maintain(&repo, task, By::Person).await,
        Order::Cancel(operation) => {
            if !may_cancel(node, grants, operation) {
                return Err(not_granted());
            }
            node.engine.cancel(operation).map(|()| operation)
        }
    };
    started.map_err(|error| {
        let message = error.to_string();
        let (reason, remedy) = what_and_remedy(&message);
        Refusal { reason: reason.to_owned(), remedy: remedy.unwrap_or_default().to_owned() }
    })
}

/// The operation's log says who asked for it; so does ours.
async fn note(node: &Node, peer: KeyId, outcome: &Outcome) {
    let name = node.with_trust(move |_, roster| roster.peer(&peer)).await.ok().flatten();
    let name = name.map_or_else(|| peer.to_string(), |peer| peer.instance.to_string());
    match outcome {
        Err(Refusal { reason, .. }) => tracing::info!(%peer, name, reason, "a command was refused"),
        Ok(operation) => {
            tracing::info!(%peer, name, %operation, "a command of a peer is carried out");
            let (operation, said) = (*operation, format!("asked for by {name} ({peer})\n"));
            let kept = node.history.write(move |tx| tx.append_log(operation, said.as_bytes()));
            if let Err(error) = kept.await {
                tracing::warn!(%error, %operation, "who asked for an operation is not in its log");
            }
        }
    }
}

/// What a request means, where the peer may have it.
fn read(config: &Config, grants: &Grants, request: CommandRequest) -> Result<Order, Refusal> {
    let CommandRequest { kind, repo, plan, operation, .. } = request;
    if kind == CANCEL {
        return operation.map(Order::Cancel).ok_or_else(|| unknown(&kind));
    }
    let kind: OperationKind = kind.parse().map_err(|_| unknown(&kind))?;
    match (kind, repo, plan) {
        (OperationKind::Backup, _, Some(plan)) => {
            let repo = config.plan(&plan).map(|plan| plan.repo.clone());
            may(grants, repo.as_ref(), Some(&plan))?;
            Ok(Order::Backup(plan))
        }
        (OperationKind::Forget, _, Some(plan)) => {
            let repo = config.plan(&plan).map(|plan| plan.repo.clone());
            may(grants, repo.as_ref(), Some(&plan))?;
            let repo = repo.ok_or_else(|| no_plan(&plan))?;
            Ok(Order::Upkeep(repo, Task::Forget(Some(plan))))
        }
        (kind, Some(repo), None) => {
            let task = task(kind).ok_or_else(|| unknown(kind.as_str()))?;
            may(grants, Some(&repo), None)?;
            // The retention of a repo weighs the snapshots of every plan into it.
            if task == Task::Forget(None) {
                let plans = config.plans.iter().filter(|plan| plan.repo == repo);
                plans.map(|plan| &plan.id).try_for_each(|id| may(grants, Some(&repo), Some(id)))?;
            }
            Ok(Order::Upkeep(repo, task))
        }
        (kind, _, _) => Err(unknown(kind.as_str())),
    }
}

/// The work on a repo that may be asked for from elsewhere: with what is stored, and never a command.
const fn task(kind: OperationKind) -> Option<Task> {
    match kind {
        OperationKind::Forget => Some(Task::Forget(None)),
        OperationKind::Prune => Some(Task::Prune),
        OperationKind::Check => Some(Task::Check),
        OperationKind::Stats => Some(Task::Stats),
        OperationKind::Index => Some(Task::Index),
        // Who works on the repository only somebody there can know.
        OperationKind::Unlock => Some(Task::Unlock(UnlockScope::Stale)),
        OperationKind::Backup
        | OperationKind::Restore
        | OperationKind::Hook
        | OperationKind::Command
        | OperationKind::Init => None,
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

fn no_plan(plan: &PlanId) -> Refusal {
    Refusal { reason: format!("there is no plan {plan}"), remedy: String::new() }
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
        read(&parse(CONFIG).unwrap(), &grants, request(kind, repo, plan))
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
