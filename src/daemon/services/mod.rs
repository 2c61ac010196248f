//! The API of this instance for the people and programs of its own machine (`proto/holdfast/api`).
//!
//! Each service translates and decides nothing that another caller would have to decide again.
//! Access is the socket's mode; who can open it may do everything.
//!
//! 1. A refused call names the field and what to do, and has changed nothing.
//! 2. No answer carries a secret, but the one that creates a token.

mod addresses;
mod grants;
mod joining;
mod ladder;
mod parting;
mod peers;
mod refuse;
mod status;
mod tokens;
mod verify;

use super::node::Node;
use crate::api::peer_service_server::PeerServiceServer;
use crate::api::status_service_server::StatusServiceServer;
use crate::api::token_service_server::TokenServiceServer;
use std::sync::Arc;
use tonic::service::Routes;

/// Everything that is answered on the socket.
pub(super) fn routes(node: Arc<Node>) -> Routes {
    Routes::new(StatusServiceServer::new(status::Service::new(Arc::clone(&node))))
        .add_service(TokenServiceServer::new(tokens::Service::new(Arc::clone(&node))))
        .add_service(PeerServiceServer::new(peers::Service::new(node)))
}
