//! Paths of a snapshot as a person names them.

use super::super::refuse;
use super::named::Found;
use crate::daemon::Node;
use crate::restic::{Depth, EntryKind, Listing, SnapshotId};
use std::collections::BTreeMap;
use tonic::Status;

/// How many paths one call may name, and how much text they may be: they become arguments.
const MOST: usize = 1000;
const MOST_BYTES: usize = 96 << 10;

/// A path from `/` on, without a `/` at its end.
pub(super) fn path(text: &str) -> Result<String, Status> {
    let wrong = |why: &str| {
        refuse::invalid(format!("path {text:?} {why}"), "write it as holdfast ls shows it")
    };
    if !text.starts_with('/') {
        return Err(wrong("does not begin with /"));
    }
    if text.contains('\0') {
        return Err(wrong("has a zero byte"));
    }
    if text.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(wrong("has a . or .. in it"));
    }
    let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty()).collect();
    Ok(format!("/{}", parts.join("/")))
}

/// All of them, no more than fit.
pub(super) fn paths(given: &[String]) -> Result<Vec<String>, Status> {
    let bytes: usize = given.iter().map(String::len).sum();
    if given.len() > MOST || bytes > MOST_BYTES {
        let message =
            format!("{} paths of {bytes} bytes: at most {MOST} of {MOST_BYTES}", given.len());
        return Err(refuse::invalid(message, "name the folder that they are in"));
    }
    given.iter().map(|text| path(text)).collect()
}

/// What each of these is in a snapshot; refused where one is not there.
pub(super) async fn kinds(
    node: &Node,
    found: &Found,
    paths: &[String],
) -> Result<BTreeMap<String, EntryKind>, Status> {
    let mut kinds = BTreeMap::new();
    let mut wanted: Vec<String> = paths.iter().filter(|path| *path != "/").cloned().collect();
    if wanted.len() < paths.len() {
        kinds.insert("/".to_owned(), EntryKind::Dir);
    }
    wanted.sort();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(kinds);
    }
    let (snapshot, paths) = (found.snapshot.id.clone(), wanted.clone());
    let listing = Listing { snapshot, paths, depth: Depth::Folder };
    let mut entries = node.engine.ls(&found.repo, listing).await.map_err(refuse::job)?;
    while let Some(entry) = entries.next().await {
        let entry = entry.map_err(refuse::job)?;
        if let Ok(at) = wanted.binary_search(&entry.path) {
            wanted.remove(at);
            kinds.insert(entry.path, entry.kind);
        }
        if wanted.is_empty() {
            return Ok(kinds);
        }
    }
    Err(absent(&found.snapshot.id, &wanted))
}

/// There is no such thing in the snapshot.
pub(super) fn absent(snapshot: &SnapshotId, paths: &[String]) -> Status {
    let named: Vec<_> = paths.iter().take(5).map(|path| format!("{path:?}")).collect();
    let more = if paths.len() > 5 { " and others" } else { "" };
    let id = super::short(snapshot);
    let message = format!("snapshot {id} has no {}{more}", named.join(", "));
    refuse::not_found(message, "holdfast ls shows what it has")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_ls_shows_and_nothing_else() {
        assert_eq!(path("/").unwrap(), "/");
        assert_eq!(path("/home//ada/").unwrap(), "/home/ada");
        assert_eq!(path("/a\nb/-x/*?[").unwrap(), "/a\nb/-x/*?[");
        assert_eq!(path("/a/...").unwrap(), "/a/...");
        for wrong in ["", "home", "/a/../b", "/./a", "/a\0"] {
            assert!(path(wrong).unwrap_err().message().contains("path"), "{wrong:?}");
        }
        assert!(paths(&vec!["/x".to_owned(); MOST + 1]).is_err());
        assert!(paths(&["/".repeat(MOST_BYTES + 1)]).is_err());
    }
}
