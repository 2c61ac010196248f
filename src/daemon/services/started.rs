//! The answer to whoever started an operation: as it is now.

use super::refuse;
use crate::api;
use crate::daemon::Node;
use crate::model::{KeyId, Operation, OperationId, Stats};
use crate::store::history::Whose;

/// An operation of this instance that was just started; it may have ended by now.
pub(super) async fn started(node: &Node, id: OperationId) -> Result<api::Operation, tonic::Status> {
    if let Some(live) = node.engine.watch(id) {
        return Ok(document(node.key(), &live.borrow().operation));
    }
    let read = node.history.read(move |reader| reader.operation(Whose::Own, id)).await;
    let found = read.map_err(refuse::store)?.into_iter().find_map(|recorded| recorded.state);
    let lost =
        || refuse::not_found(format!("operation {id} is not in the history"), "holdfast ops");
    found.map(|operation| document(node.key(), &operation)).ok_or_else(lost)
}

fn document(origin: KeyId, operation: &Operation) -> api::Operation {
    let text = |value: &dyn std::fmt::Display| value.to_string();
    api::Operation {
        id: text(&operation.id),
        revision: operation.revision,
        origin: text(&origin),
        instance: text(&operation.instance),
        flow: text(&operation.flow),
        kind: text(&operation.kind),
        status: text(&operation.status),
        plan: operation.plan.as_ref().map(|id| text(id)),
        repo: operation.repo.as_ref().map(|id| text(id)),
        repo_guid: operation.repo_guid.as_ref().map(|guid| text(guid)),
        snapshot: operation.snapshot.clone(),
        started_at: text(&operation.started_at),
        ended_at: operation.ended_at.map(|at| text(&at)),
        message: Some(operation.message.clone()).filter(|message| !message.is_empty()),
        archived: false,
        stats: operation.stats.as_ref().map(stats),
    }
}

const fn stats(stats: &Stats) -> api::Stats {
    api::Stats {
        files_new: stats.files_new,
        files_changed: stats.files_changed,
        files_unmodified: stats.files_unmodified,
        bytes_processed: stats.bytes_processed,
        bytes_added: stats.bytes_added,
        item_errors: stats.item_errors,
    }
}
