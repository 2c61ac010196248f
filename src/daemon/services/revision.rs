//! Which state of a repo or plan an edit was based on.
//!
//! 1. A revision tells nothing of what it marks: a short password cannot be guessed from it.

use super::refuse;
use crate::config::{EditError, Plan, Repo};
use crate::daemon::Node;
use tonic::Status;

/// Of a plan, as it is written.
pub(super) fn of_plan(node: &Node, plan: &Plan) -> String {
    hex::encode(node.identity.mark(&plan.show()))
}

/// Of a repo, as it is written, secrets included.
pub(super) fn of_repo(node: &Node, repo: &Repo) -> String {
    hex::encode(node.identity.mark(&repo.exact()))
}

/// The plan that the file has to have still, where a revision was given.
pub(super) fn same_plan(
    node: &Node,
    now: &Plan,
    revision: Option<&str>,
) -> Result<Option<Plan>, Status> {
    let is_same = revision.map(|given| given == of_plan(node, now));
    judged(is_same, now).ok_or_else(|| conflict("plan", now.id.as_str()))
}

/// The repo that the file has to have still, where a revision was given.
pub(super) fn same_repo(
    node: &Node,
    now: &Repo,
    revision: Option<&str>,
) -> Result<Option<Repo>, Status> {
    let is_same = revision.map(|given| given == of_repo(node, now));
    judged(is_same, now).ok_or_else(|| conflict("repo", now.id.as_str()))
}

/// `None` where it is another.
fn judged<T: Clone>(is_same: Option<bool>, now: &T) -> Option<Option<T>> {
    match is_same {
        None => Some(None),
        Some(true) => Some(Some(now.clone())),
        Some(false) => None,
    }
}

fn conflict(kind: &'static str, id: &str) -> Status {
    refuse::edit(EditError::Conflict { kind, id: id.to_owned() })
}
