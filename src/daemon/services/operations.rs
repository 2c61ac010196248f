//! What ran and what runs: list, show, watch, cancel, log text, export.

mod export;
mod listing;
mod log_text;
mod paging;
mod watching;

use super::commands;
use super::describe::{self, Names};
use super::lookup::{self, Named};
use super::refuse;
use super::stream::{Answers, streamed};
use crate::api::operation_service_server::OperationService;
use crate::api::{
    ExportRecord, ExportRequest, ListOperationsRequest, LogChunk, Operation, OperationDetail,
    OperationEvent, OperationLogRequest, OperationPage, OperationPageRequest, OperationRequest,
};
use crate::daemon::Node;
use listing::Query;
use log_text::Wanted;
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

    /// Whether [`OperationService::log`] has something to say. Of a peer's operation the text lies
    /// with the peer, who is asked when somebody wants to read it.
    async fn has_log(&self, named: &Named) -> Result<bool, Status> {
        if named.origin != self.node.key() {
            return Ok(self.node.links.is_connected(&named.origin));
        }
        let id = named.id;
        let first = self.node.history.read(move |reader| reader.log_part(id, 0, 1)).await;
        Ok(!first.map_err(refuse::store)?.text.is_empty())
    }

    async fn remove_named(&self, named: &Named) -> Result<Operation, Status> {
        let names = Names::read(&self.node).await?;
        if named.origin != self.node.key() {
            let message =
                format!("operation {} is {}'s, not ours", named.id, names.of(&named.origin));
            return Err(refuse::not_now("not-here", message, "remove it there"));
        }
        if !named.is_over(self.node.key()) {
            let message = format!("operation {} has not ended", named.id);
            let remedy = format!("wait for it, or holdfast op cancel {}", named.id);
            return Err(refuse::not_now("not-finished", message, &remedy));
        }
        let id = named.id;
        let removed = self.node.history.write(move |tx| tx.own()?.remove(id)).await;
        if !removed.map_err(refuse::store)? {
            let message = format!("operation {id} is not in the live history");
            return Err(refuse::not_found(message, "holdfast ops lists what is"));
        }
        Ok(Operation { archived: true, ..named.document(&names) })
    }

    async fn cancel_named(&self, named: &Named) -> Result<Operation, Status> {
        let names = Names::read(&self.node).await?;
        if named.is_over(self.node.key()) {
            let document = named.document(&names);
            let ended = document.ended_at.unwrap_or(document.started_at);
            let message =
                format!("operation {} has ended already: {} at {ended}", named.id, document.status);
            return Err(refuse::not_now("finished", message, ""));
        }
        match named.origin == self.node.key() {
            false => commands::cancel(&self.node, named).await?,
            true => {
                let cancelled = self.node.engine.cancel(named.id);
                cancelled.map_err(|error| refuse::not_now("finished", error.to_string(), ""))?;
            }
        }
        Ok(named.document(&names))
    }
}

#[tonic::async_trait]
impl OperationService for Service {
    type ListStream = Answers<Operation>;
    type WatchStream = Answers<OperationEvent>;
    type LogStream = Answers<LogChunk>;
    type ExportStream = Answers<ExportRecord>;

    async fn list(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let query = Query::read(&self.node, request.get_ref()).await?;
        let node = Arc::clone(&self.node);
        Ok(streamed(|outlet| listing::list(node, query, outlet)))
    }

    async fn page(
        &self,
        request: Request<OperationPageRequest>,
    ) -> Result<Response<OperationPage>, Status> {
        paging::page(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn show(
        &self,
        request: Request<OperationRequest>,
    ) -> Result<Response<OperationDetail>, Status> {
        let named = lookup::operation(&self.node, request.get_ref()).await?;
        let names = Names::read(&self.node).await?;
        let state = named.state();
        Ok(Response::new(OperationDetail {
            operation: Some(named.document(&names)),
            item_errors: state
                .map(|state| describe::item_errors(&state.item_errors))
                .unwrap_or_default(),
            item_errors_total: state.map_or(0, |state| state.item_errors.total),
            has_log: self.has_log(&named).await?,
        }))
    }

    async fn watch(
        &self,
        request: Request<OperationRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let named = lookup::operation(&self.node, request.get_ref()).await?;
        let node = Arc::clone(&self.node);
        Ok(streamed(|outlet| watching::watch(node, named, outlet)))
    }

    async fn cancel(
        &self,
        request: Request<OperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let named = lookup::operation(&self.node, request.get_ref()).await?;
        self.cancel_named(&named).await.map(Response::new)
    }

    async fn remove(
        &self,
        request: Request<OperationRequest>,
    ) -> Result<Response<Operation>, Status> {
        let named = lookup::operation(&self.node, request.get_ref()).await?;
        self.remove_named(&named).await.map(Response::new)
    }

    async fn log(
        &self,
        request: Request<OperationLogRequest>,
    ) -> Result<Response<Self::LogStream>, Status> {
        let OperationLogRequest { operation, peer, follow } = request.into_inner();
        let named = lookup::operation(&self.node, &OperationRequest { operation, peer }).await?;
        let (node, wanted) = (Arc::clone(&self.node), Wanted { named, follow });
        Ok(streamed(|outlet| log_text::read(node, wanted, outlet)))
    }

    async fn export(
        &self,
        request: Request<ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        let ExportRequest { peer, proof } = request.into_inner();
        let node = Arc::clone(&self.node);
        let origin = match peer {
            Some(peer) => lookup::origin(&node, &peer).await?,
            None => node.key(),
        };
        if !proof {
            return Ok(streamed(|outlet| export::plain(node, origin, outlet)));
        }
        let proof = export::Proof::of(&node, origin).await?;
        Ok(streamed(|outlet| proof.send(node, outlet)))
    }
}
