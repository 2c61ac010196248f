//! Whether there is room for a restore, before anything is written.
//!
//! Of a whole snapshot newer versions of restic know the bytes; everything else is listed and added up.

use super::super::stream::{Answers, Outlet, Stop, streamed};
use super::super::{blocking, refuse};
use super::selection::is_within;
use super::{named, restoring};
use crate::api::{RestoreRequest, RestoreRoom};
use crate::daemon::Node;
use crate::job::RestoreRequest as Wish;
use crate::restic::{Depth, EntryKind, Listing};
use rustix::fs::{Access, access, statvfs};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::{Response, Status};

/// How often what is known so far is told.
const TOLD_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn room(
    node: &Arc<Node>,
    request: RestoreRequest,
) -> Result<Response<Answers<RestoreRoom>>, Status> {
    let wish = restoring::wish(node, request).await?;
    let target = wish.target().to_owned();
    let place = blocking(move || place(&target)).await?;
    let size = whole_size(node, &wish).await?;
    let node = Arc::clone(node);
    Ok(streamed(move |outlet| async move {
        match size {
            Some(bytes) => outlet.send(RestoreRoom { bytes, done: true, ..place }).await,
            None => add_up(&node, &wish, place, &outlet).await,
        }
    }))
}

/// What is known of the folder, or of the nearest one above it that is there.
fn place(target: &Path) -> Result<RestoreRoom, Status> {
    let is_there = |folder: &&Path| std::fs::symlink_metadata(folder).is_ok();
    let folder = target.ancestors().find(is_there).unwrap_or(Path::new("/"));
    let about = statvfs(folder).map_err(|error| {
        let message = format!("{}: {error}", folder.display());
        refuse::not_now("file", message, "choose another folder")
    })?;
    Ok(RestoreRoom {
        folder: folder.to_string_lossy().into_owned(),
        is_there: folder == target,
        writable: folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        free: about.f_bavail.saturating_mul(about.f_frsize),
        ..RestoreRoom::default()
    })
}

/// What restic says of the whole, where that is wanted and it does.
async fn whole_size(node: &Node, wish: &Wish) -> Result<Option<u64>, Status> {
    if !(wish.paths.is_empty() && wish.include.is_empty()) {
        return Ok(None);
    }
    let (snapshot, repo) = (wish.snapshot.as_str().to_owned(), Some(wish.repo.to_string()));
    let name = crate::api::SnapshotName { snapshot, repo, ..Default::default() };
    Ok(named::find(node, &name).await?.snapshot.size)
}

/// What has to be listed: the paths, and the folders that the patterns begin with. What matches in them is
/// known to restic only: all of it is the most that it can be.
fn reach(wish: &Wish) -> Vec<String> {
    let named = wish.paths.iter().cloned();
    let mut all: Vec<String> = named.chain(wish.include.iter().map(|one| begin(one))).collect();
    if all.is_empty() || all.iter().any(|path| path == "/") {
        return vec!["/".to_owned()];
    }
    all.sort();
    all.dedup();
    all
}

/// The path that everything begins with that a pattern matches.
fn begin(pattern: &str) -> String {
    let names = pattern.strip_prefix('/').into_iter().flat_map(|rest| rest.split('/'));
    let plain = names.take_while(|name| !name.contains(['*', '?', '[', '\\']));
    let path: String = plain.filter(|name| !name.is_empty()).flat_map(|name| ["/", name]).collect();
    if path.is_empty() { "/".to_owned() } else { path }
}

async fn add_up(
    node: &Node,
    wish: &Wish,
    place: RestoreRoom,
    outlet: &Outlet<RestoreRoom>,
) -> Result<(), Stop> {
    let reach = reach(wish);
    let (snapshot, depth) = (wish.snapshot.clone(), Depth::All);
    let listing = Listing { snapshot, paths: reach.clone(), depth };
    let mut entries = node.engine.ls(&wish.repo, listing).await.map_err(refuse::job)?;
    let (mut files, mut bytes, mut told) = (0_u64, 0_u64, Instant::now());
    while let Some(entry) = entries.next().await {
        let entry = entry.map_err(refuse::job)?;
        let is_wanted = reach.iter().any(|path| is_within(&entry.path, path));
        if is_wanted && entry.kind == EntryKind::File {
            files += 1;
            bytes = bytes.saturating_add(entry.size.unwrap_or(0));
        }
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            outlet.send(RestoreRoom { bytes, files: Some(files), ..place.clone() }).await?;
        }
    }
    outlet.send(RestoreRoom { bytes, files: Some(files), done: true, ..place }).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_looked_for_below_the_folder_that_it_begins_with() {
        for (pattern, path) in [
            ("/home/ada/**/*.odt", "/home/ada"),
            ("/home/ada/letter.odt", "/home/ada/letter.odt"),
            ("/*/x", "/"),
            (r"/srv/a\[1]", "/srv"),
            ("*.odt", "/"),
            ("/", "/"),
        ] {
            assert_eq!(begin(pattern), path, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_there_yet_has_the_room_of_what_is_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let there = place(folder.path()).unwrap();
        assert!(there.is_there && there.writable && there.free > 0, "{there:?}");
        let new = place(&folder.path().join("a/b")).unwrap();
        assert_eq!((new.is_there, new.folder), (false, there.folder));
    }
}
