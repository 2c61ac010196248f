//! Listings that were made before, in the data directory: a snapshot never changes.
//!
//! 1. A listing is on the shelf whole or not at all.
//! 2. One listing and all together stay within their limits; the oldest go first.
//! 3. A shelf that cannot be read or written costs time and nothing else.

use crate::api::Entry;
use crate::model::RepoGuid;
use crate::restic::{Depth, Listing};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, BufWriter, Lines};

/// The largest listing that is kept: some hundred thousand entries.
const LISTING_BYTES: u64 = 32 << 20;
/// How much is kept in all.
const SHELF_BYTES: u64 = 128 << 20;

/// The folder of listings.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

/// A listing on its way to the shelf.
pub(super) struct Filling {
    file: BufWriter<File>,
    path: tempfile::TempPath,
    size: u64,
    shelf: Shelf,
    name: String,
}

/// A listing from the shelf.
pub(super) struct Shelved(Lines<BufReader<File>>);

/// Which listing of which repository.
pub(super) fn name(guid: &RepoGuid, listing: &Listing) -> String {
    let mut digest = Sha256::new();
    let depth: &[u8] = match listing.depth {
        Depth::Folder => b"folder",
        Depth::All => b"all",
    };
    digest.update(guid.to_string());
    digest.update(listing.snapshot.as_str());
    digest.update(depth);
    for path in &listing.paths {
        digest.update([0]);
        digest.update(path);
    }
    hex::encode(digest.finalize())
}

impl Shelf {
    pub(super) fn below(data: &Path) -> Self {
        Self(data.join("cache").join("listings"))
    }

    /// `None` where it is not there.
    pub(super) async fn get(&self, name: &str) -> Option<Shelved> {
        let file = File::open(self.0.join(name)).await.ok()?;
        Some(Shelved(BufReader::new(file).lines()))
    }

    /// `None` where nothing can be kept.
    pub(super) async fn fill(&self, name: String) -> Option<Filling> {
        let folder = self.0.clone();
        let made = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            tempfile::Builder::new().prefix(".new-").tempfile_in(&folder)
        });
        let (file, path) = made.await.ok()?.ok()?.into_parts();
        let file = BufWriter::new(File::from_std(file));
        Some(Filling { file, path, size: 0, shelf: self.clone(), name })
    }

    /// Removes the oldest until the rest fits.
    fn trim(&self) -> io::Result<()> {
        let mut all: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            let about = entry.metadata()?;
            all.push((about.modified()?, about.len(), entry.path()));
        }
        all.sort();
        let mut total: u64 = all.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in all {
            if total <= SHELF_BYTES {
                break;
            }
            std::fs::remove_file(path)?;
            total = total.saturating_sub(size);
        }
        Ok(())
    }
}

impl Shelved {
    /// The next entry; `None` at its end, or where it is damaged.
    pub(super) async fn next(&mut self) -> Option<Entry> {
        let line = self.0.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }
}

impl Filling {
    /// Adds an entry. `None` once the listing is too large for the shelf, or cannot be written.
    pub(super) async fn put(mut self, entry: &Entry) -> Option<Self> {
        let mut line = serde_json::to_vec(entry).ok()?;
        line.push(b'\n');
        self.size += u64::try_from(line.len()).unwrap_or(LISTING_BYTES);
        if self.size > LISTING_BYTES {
            return None;
        }
        self.file.write_all(&line).await.ok()?;
        Some(self)
    }

    /// The listing is whole.
    pub(super) async fn keep(mut self) -> io::Result<()> {
        self.file.flush().await?;
        let (path, shelf, name) = (self.path, self.shelf, self.name);
        let kept = tokio::task::spawn_blocking(move || {
            path.persist(shelf.0.join(name)).map_err(|error| error.error)?;
            shelf.trim()
        });
        kept.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listing(paths: &[&str], depth: Depth) -> Listing {
        let paths = paths.iter().map(ToString::to_string).collect();
        Listing { snapshot: "ab".repeat(32).parse().unwrap(), paths, depth }
    }

    fn entry(path: &str) -> Entry {
        Entry { path: path.to_owned(), ..Entry::default() }
    }

    #[tokio::test]
    async fn a_listing_is_there_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::below(folder.path());
        let filling = shelf.fill("one".to_owned()).await.unwrap();
        let filling = filling.put(&entry("/a\nb")).await.unwrap();
        assert!(shelf.get("one").await.is_none());
        filling.keep().await.unwrap();
        let mut shelved = shelf.get("one").await.unwrap();
        assert_eq!(shelved.next().await.unwrap().path, "/a\nb");
        assert!(shelved.next().await.is_none());
        drop(shelf.fill("two".to_owned()).await.unwrap());
        let left = std::fs::read_dir(folder.path().join("cache/listings")).unwrap().count();
        assert_eq!(left, 1, "what was not whole leaves nothing");
    }

    #[tokio::test]
    async fn the_shelf_stays_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::below(folder.path());
        let large = entry(&"x".repeat(8 << 20));
        for name in 0..20 {
            let filling = shelf.fill(name.to_string()).await.unwrap();
            filling.put(&large).await.unwrap().put(&large).await.unwrap().keep().await.unwrap();
        }
        let files = std::fs::read_dir(&shelf.0).unwrap();
        let total: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(total <= SHELF_BYTES && total > SHELF_BYTES / 2, "{total}");
        let mut filling = shelf.fill("large".to_owned()).await;
        for _ in 0..5 {
            filling = match filling {
                Some(filling) => filling.put(&large).await,
                None => None,
            };
        }
        assert!(filling.is_none(), "one listing has a limit too");
    }

    #[test]
    fn every_listing_has_its_own_name() {
        let guid: RepoGuid = "cd".repeat(32).parse().unwrap();
        let other: RepoGuid = "ef".repeat(32).parse().unwrap();
        let of = |paths: &[&str], depth| name(&guid, &listing(paths, depth));
        let names = [
            of(&["/a"], Depth::All),
            of(&["/a"], Depth::Folder),
            of(&["/a", "/b"], Depth::All),
            name(&other, &listing(&["/a"], Depth::All)),
        ];
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
