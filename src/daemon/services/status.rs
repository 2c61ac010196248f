//! This instance at a glance.

use crate::api::status_service_server::StatusService;
use crate::api::{GetIdentityRequest, GetStatusRequest, Identity, Status as Document};
use crate::daemon::Node;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

#[tonic::async_trait]
impl StatusService for Service {
    async fn get(&self, _: Request<GetStatusRequest>) -> Result<Response<Document>, Status> {
        let config = self.node.config.current();
        Ok(Response::new(Document {
            instance: config.instance.to_string(),
            key_id: self.node.key().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listen: self.node.listening.iter().map(ToString::to_string).collect(),
            ..Document::default()
        }))
    }

    async fn identity(&self, _: Request<GetIdentityRequest>) -> Result<Response<Identity>, Status> {
        Ok(Response::new(Identity {
            instance: self.node.config.current().instance.to_string(),
            key_id: self.node.key().to_string(),
            public_key: hex::encode(self.node.identity.public_key()),
            path: self.node.data.identity().display().to_string(),
        }))
    }
}
