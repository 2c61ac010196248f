//! Files out of a snapshot for a browser.

use super::dumping;
use crate::api::{DumpRequest, SnapshotName};
use crate::daemon::Node;
use crate::web::download::{Content, Download, Downloads, Wanted};
use futures_util::StreamExt as _;
use std::sync::Arc;
use tonic::Status;

/// The port of the web interface.
pub(in crate::daemon) struct Downloading {
    node: Arc<Node>,
}

impl Downloading {
    pub(in crate::daemon) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

#[tonic::async_trait]
impl Downloads for Downloading {
    async fn open(&self, wanted: &Wanted) -> Result<Download, Status> {
        let request = DumpRequest {
            snapshot: Some(SnapshotName {
                snapshot: wanted.snapshot.clone(),
                repo: Some(wanted.repo.clone()),
                ..SnapshotName::default()
            }),
            path: wanted.path.clone(),
            format: wanted.format.clone(),
        };
        let mut chunks = dumping::dump(&self.node, request).await?.into_inner();
        // The first says what it is; where nothing comes, it was refused.
        let first = chunks.next().await.transpose()?;
        let content = match first.and_then(|first| first.format).as_deref() {
            Some("file") => Content::File,
            Some("zip") => Content::Zip,
            Some("tar") => Content::Tar,
            Some(_) | None => return Err(Status::data_loss("the snapshot gave nothing")),
        };
        let pieces = chunks.map(|chunk| chunk.map(|chunk| chunk.data.into()));
        Ok(Download { content, pieces: Box::pin(pieces) })
    }
}
