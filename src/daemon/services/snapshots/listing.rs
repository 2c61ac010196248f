//! What a snapshot holds, in pages or all at once.

use super::super::refuse;
use super::super::stream::{Answers, Outlet, Stop, streamed};
use super::shelf::{self, Filling, Shelf, Shelved};
use super::{named, paths};
use crate::api::{Entry, LsRequest, SnapshotName};
use crate::daemon::Node;
use crate::model::RepoId;
use crate::restic::{self, Depth, Listing, SnapshotId};
use std::sync::Arc;
use tonic::{Response, Status};

pub(super) async fn ls(
    node: &Arc<Node>,
    request: LsRequest,
) -> Result<Response<Answers<Entry>>, Status> {
    let given = if request.path.is_empty() { "/" } else { &request.path };
    let path = paths::path(given)?;
    let depth = if request.recursive { Depth::All } else { Depth::Folder };
    let name = request.snapshot.unwrap_or_default();
    let page = Page::of(path.clone(), request.after, request.limit);
    let listing = |snapshot| Listing { snapshot, paths: vec![path], depth };
    // The next page of what was named in full needs no restic to say which snapshot that is.
    let (repo, listing) = match exact(&name) {
        Some((repo, id)) if shelved(node, &repo, &listing.clone()(id.clone())).await.is_some() => {
            (repo, listing(id))
        }
        Some(_) | None => {
            let found = named::find(node, &name).await?;
            (found.repo, listing(found.snapshot.id))
        }
    };
    let node = Arc::clone(node);
    Ok(streamed(|outlet| send(node, repo, listing, page, outlet)))
}

/// What is named so that nothing has to be looked up.
fn exact(name: &SnapshotName) -> Option<(RepoId, SnapshotId)> {
    let repo = name.repo.as_ref()?.parse().ok()?;
    let id: SnapshotId = name.snapshot.parse().ok()?;
    id.is_whole().then_some((repo, id))
}

async fn shelved(node: &Node, repo: &RepoId, listing: &Listing) -> Option<Shelved> {
    let guid = node.engine.known_guid(repo).await?;
    Shelf::below(node.data.path()).get(&shelf::name(&guid, listing)).await
}

/// Which entries of a listing are wanted.
#[derive(Debug, Clone)]
struct Page {
    folder: String,
    after: Option<String>,
    left: Option<u32>,
    there: bool,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Skipped,
    Wanted,
    /// The page is full.
    Beyond,
}

impl Page {
    fn of(folder: String, after: Option<String>, limit: Option<u32>) -> Self {
        let there = folder == "/";
        Self { folder, after, left: limit, there }
    }

    /// What it goes on after is found, and so is its folder.
    fn begins_here(&mut self) {
        self.after = None;
        self.there = true;
    }

    fn next(&mut self, entry: &Entry) -> Fate {
        self.there = self.there || entry.path == self.folder;
        if let Some(after) = &self.after {
            if entry.path == *after {
                self.after = None;
            }
            return Fate::Skipped;
        }
        // What is in the folder was asked for; a file is itself.
        if entry.path == self.folder && entry.r#type == "dir" {
            return Fate::Skipped;
        }
        match &mut self.left {
            Some(0) => Fate::Beyond,
            Some(left) => {
                *left -= 1;
                Fate::Wanted
            }
            None => Fate::Wanted,
        }
    }

    /// Whether what was asked for was there at all.
    fn end(&self, snapshot: &SnapshotId) -> Result<(), Stop> {
        if !self.there {
            return Err(paths::absent(snapshot, std::slice::from_ref(&self.folder)).into());
        }
        match &self.after {
            None => Ok(()),
            Some(after) => {
                let message = format!("after {after:?}: the listing has no such entry");
                Err(refuse::invalid(message, "give the path of the last entry of the page before")
                    .into())
            }
        }
    }
}

async fn send(
    node: Arc<Node>,
    repo: RepoId,
    listing: Listing,
    mut page: Page,
    outlet: Outlet<Entry>,
) -> Result<(), Stop> {
    let snapshot = listing.snapshot.clone();
    let shelf = Shelf::below(node.data.path());
    let guid = node.engine.known_guid(&repo).await;
    let name = guid.map(|guid| shelf::name(&guid, &listing));
    if let Some(name) = &name {
        // A page is cut from a listing that is there, so that the next one costs nothing.
        if page.left.is_some() && shelf.get(name).await.is_none() {
            fill(&node, &repo, &listing, shelf.fill(name.clone()).await).await?;
        }
        if let Some(mut shelved) = from_shelf(&shelf, name, &mut page).await {
            while let Some(entry) = shelved.next().await {
                if give(&mut page, entry, &outlet).await? == Fate::Beyond {
                    return Ok(());
                }
            }
            return page.end(&snapshot);
        }
    }
    let mut filling = match name {
        Some(name) if page.left.is_none() => shelf.fill(name).await,
        Some(_) | None => None,
    };
    let mut entries = node.engine.ls(&repo, listing).await.map_err(refuse::job)?;
    while let Some(entry) = entries.next().await {
        let entry = document(entry.map_err(refuse::job)?);
        filling = put(filling, &entry).await;
        if give(&mut page, entry, &outlet).await? == Fate::Beyond {
            return Ok(());
        }
    }
    keep(filling).await;
    page.end(&snapshot)
}

/// A listing that is there: from where the page begins, or from its beginning.
async fn from_shelf(shelf: &Shelf, name: &str, page: &mut Page) -> Option<Shelved> {
    if let Some(after) = &page.after
        && let Some(shelved) = shelf.get_after(name, after).await
    {
        page.begins_here();
        return Some(shelved);
    }
    shelf.get(name).await
}

async fn give(page: &mut Page, entry: Entry, outlet: &Outlet<Entry>) -> Result<Fate, Stop> {
    let fate = page.next(&entry);
    if fate == Fate::Wanted {
        outlet.send(entry).await?;
    }
    Ok(fate)
}

/// Lists onto the shelf alone, as far as it fits there.
async fn fill(
    node: &Node,
    repo: &RepoId,
    listing: &Listing,
    mut filling: Option<Filling>,
) -> Result<(), Stop> {
    let mut entries = node.engine.ls(repo, listing.clone()).await.map_err(refuse::job)?;
    while filling.is_some() {
        let Some(entry) = entries.next().await else { break };
        filling = put(filling, &document(entry.map_err(refuse::job)?)).await;
    }
    keep(filling).await;
    Ok(())
}

async fn put(filling: Option<Filling>, entry: &Entry) -> Option<Filling> {
    match filling {
        Some(filling) => filling.put(entry).await,
        None => None,
    }
}

async fn keep(filling: Option<Filling>) {
    if let Some(filling) = filling
        && let Err(error) = filling.keep().await
    {
        tracing::debug!(%error, "a listing was not kept");
    }
}

fn document(entry: restic::Entry) -> Entry {
    Entry {
        path: entry.path,
        r#type: entry.kind.to_string(),
        size: entry.size,
        mtime: entry.mtime.map(|at| at.to_string()),
        permissions: entry.permissions,
        uid: entry.uid,
        gid: entry.gid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: &str) -> Entry {
        Entry { path: path.to_owned(), r#type: kind.to_owned(), ..Entry::default() }
    }

    fn shown(page: &mut Page) -> Vec<String> {
        let all = [("/a", "dir"), ("/a/b", "file"), ("/a/c", "dir"), ("/a/d", "file")];
        let all = all.map(|(path, kind)| entry(path, kind));
        let wanted = all.into_iter().filter(|entry| page.next(entry) == Fate::Wanted);
        wanted.map(|entry| entry.path).collect()
    }

    #[test]
    fn a_page_begins_after_the_last_one_and_ends_at_its_limit() {
        let page =
            |after: Option<&str>, limit| Page::of("/a".to_owned(), after.map(str::to_owned), limit);
        assert_eq!(shown(&mut page(None, None)), ["/a/b", "/a/c", "/a/d"]);
        assert_eq!(shown(&mut page(None, Some(2))), ["/a/b", "/a/c"]);
        assert_eq!(shown(&mut page(Some("/a/c"), Some(2))), ["/a/d"]);
        let mut lost = page(Some("/gone"), None);
        assert_eq!(shown(&mut lost), Vec::<String>::new());
        assert!(lost.there && lost.after.is_some());
        let mut file = Page::of("/a/b".to_owned(), None, None);
        assert_eq!(file.next(&entry("/a/b", "file")), Fate::Wanted, "a file is itself");
    }
}
