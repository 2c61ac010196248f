//! How large a repository was at each measurement that this instance has made of it.

use super::super::refuse;
use crate::api::{RepoSize, RepoSizes};
use crate::daemon::Node;
use crate::model::{OperationKind, RepoId, Status as How};
use crate::store::StoreError;
use crate::store::history::{HistoryReader, PageFilter, Recorded, Turn};
use serde::Deserialize;
use tonic::Status;

/// The newest so many.
const MOST: usize = 200;
/// A log that measured is a few lines; its last one is the document.
const READ: usize = 16 << 10;

/// What a `stats` operation leaves in its log.
#[derive(Deserialize)]
struct Measurement {
    snapshots: u64,
    stored_bytes: u64,
    uncompressed_bytes: Option<u64>,
    restore_bytes: u64,
}

/// Every measurement whose log is still kept, oldest first.
pub(super) async fn sizes(node: &Node, repo: &RepoId) -> Result<RepoSizes, Status> {
    let filter = PageFilter {
        origins: vec![node.key()],
        repos: vec![repo.to_string()],
        kinds: vec![OperationKind::Stats],
        statuses: vec![How::Succeeded],
        ..PageFilter::default()
    };
    let read = node.history.read(move |reader| {
        let newest = reader.page(&filter, Turn::Newest, MOST)?.operations;
        let mut sizes = Vec::new();
        for operation in newest.iter().rev() {
            sizes.extend(size(reader, operation)?);
        }
        Ok::<_, StoreError>(sizes)
    });
    Ok(RepoSizes { repo: repo.to_string(), sizes: read.await.map_err(refuse::store)? })
}

fn size(reader: &HistoryReader<'_>, recorded: &Recorded) -> Result<Option<RepoSize>, StoreError> {
    let log = reader.log_part(recorded.id, 0, READ)?.text;
    let log = String::from_utf8_lossy(&log);
    let Some(measured) = measurement(&log) else { return Ok(None) };
    let ended = recorded.state.as_ref().and_then(|operation| operation.ended_at);
    Ok(Some(RepoSize {
        at: ended.unwrap_or(recorded.started_at).to_string(),
        stored_bytes: measured.stored_bytes,
        uncompressed_bytes: measured.uncompressed_bytes,
        restore_bytes: measured.restore_bytes,
        snapshots: measured.snapshots,
    }))
}

fn measurement(log: &str) -> Option<Measurement> {
    log.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_document_of_a_log_counts() {
        let log = "$ restic stats\n{\"snapshots\":3,\"stored_bytes\":10,\"uncompressed_bytes\":null,\"restore_bytes\":40}\n\n";
        let measured = measurement(log).unwrap();
        assert_eq!((measured.snapshots, measured.restore_bytes), (3, 40));
        assert!(measurement("scanning\n{\"snapshots\":1}\n").is_none());
    }
}
