//! The answer to whoever started an operation: as it is now.

use super::{describe, refuse};
use crate::api;
use crate::daemon::Node;
use crate::model::OperationId;
use crate::store::history::Whose;

/// An operation of this instance that was just started; it may have ended by now.
pub(super) async fn started(node: &Node, id: OperationId) -> Result<api::Operation, tonic::Status> {
    if let Some(live) = node.engine.watch(id) {
        return Ok(describe::operation(&live.borrow().operation, &node.key()));
    }
    let read = node.history.read(move |reader| reader.operation(Whose::Own, id)).await;
    let found = read.map_err(refuse::store)?.into_iter().find_map(|recorded| recorded.state);
    let lost =
        || refuse::not_found(format!("operation {id} is not in the history"), "holdfast ops");
    found.map(|operation| describe::operation(&operation, &node.key())).ok_or_else(lost)
}
