//! How large a repository was at each measurement that this instance has made of it.

use super::super::refuse;
use crate::api::{self, RepoSize, RepoSizes};
use crate::daemon::Node;
use crate::model::{KeyId, OperationKind, RepoId, Status as How};
use crate::store::StoreError;
use crate::store::history::{HistoryReader, PageFilter, Recorded, Turn};
use serde::Deserialize;
use tonic::Status;

/// The newest so many.
const MOST: usize = 200;
/// How many are looked at for the newest whose log is kept.
const LOOKED_AT: usize = 8;
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
    let filter = measured(node.key(), repo.as_str());
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

fn measured(own: KeyId, repo: &str) -> PageFilter {
    PageFilter {
        origins: vec![own],
        repos: vec![repo.to_owned()],
        kinds: vec![OperationKind::Stats],
        statuses: vec![How::Succeeded],
        ..PageFilter::default()
    }
}

/// The newest measurement of each that is the same repository as now, as far as its log is kept.
pub(super) async fn newest(node: &Node, repos: &mut [api::Repo]) -> Result<(), Status> {
    let wanted: Vec<_> = repos.iter().map(|repo| (repo.id.clone(), repo.guid.clone())).collect();
    let read = node.history.read(move |reader| {
        let all = wanted.iter().map(|(id, guid)| newest_of(reader, id, guid.as_deref()));
        all.collect::<Result<Vec<_>, StoreError>>()
    });
    for (repo, size) in repos.iter_mut().zip(read.await.map_err(refuse::store)?) {
        repo.size = size;
    }
    Ok(())
}

fn newest_of(
    reader: &HistoryReader<'_>,
    id: &str,
    guid: Option<&str>,
) -> Result<Option<RepoSize>, StoreError> {
    let newest = reader.page(&measured(reader.owner(), id), Turn::Newest, LOOKED_AT)?.operations;
    let is_of_it = |recorded: &&Recorded| {
        let of = recorded.state.as_ref().and_then(|one| one.repo_guid.as_ref());
        of.map(ToString::to_string).as_deref() == guid
    };
    for recorded in newest.iter().filter(is_of_it) {
        if let Some(size) = size(reader, recorded)? {
            return Ok(Some(size));
        }
    }
    Ok(None)
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
