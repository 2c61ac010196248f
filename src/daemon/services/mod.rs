//! The API of this instance for the people and programs of its own machine (`proto/holdfast/api`).
//!
//! Each service translates and decides nothing that another caller would have to decide again.
//! Access is the socket's mode; who can open it may do everything.
//!
//! 1. A refused call names the field and what to do, and has changed nothing.
//! 2. No answer carries a secret, but the one that creates a token.

mod refuse;
mod status;

use super::node::Node;
use crate::api::status_service_server::StatusServiceServer;
use std::sync::Arc;
use tonic::service::Routes;

/// Everything that is answered on the socket.
pub(super) fn routes(node: Arc<Node>) -> Routes {
    Routes::new(StatusServiceServer::new(status::Service::new(node)))
}
