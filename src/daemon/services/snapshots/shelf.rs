//! Listings that were made before, in the data directory: a snapshot never changes.
//!
//! 1. A listing is on the shelf whole or not at all.
//! 2. One listing and all together stay within their limits; the oldest go first.
//! 3. A shelf that cannot be read or written costs time and nothing else.
//! 4. A page in the middle of a folder is found without reading what is before it.

use crate::api::Entry;
use crate::model::RepoGuid;
use crate::restic::{Depth, Listing};
use sha2::{Digest as _, Sha256};
use std::cmp::Ordering;
use std::io::{self, BufRead as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, BufWriter, Lines};

/// How many bytes are kept.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Of one listing.
    listing: u64,
    /// In all.
    shelf: u64,
}

/// A folder of a million files is 150 to 250 MB: listing it again takes restic a quarter of a minute.
const LIMITS: Limits = Limits { listing: 256 << 20, shelf: 512 << 20 };

/// The folder of listings.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    folder: PathBuf,
    limits: Limits,
}

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
        Self { folder: data.join("cache").join("listings"), limits: LIMITS }
    }

    /// `None` where it is not there.
    pub(super) async fn get(&self, name: &str) -> Option<Shelved> {
        let file = File::open(self.folder.join(name)).await.ok()?;
        Some(Shelved(BufReader::new(file).lines()))
    }

    /// From the entry after that path on. `None` where it is not found at once: a folder's entries are
    /// in the order of their paths, those of all folders are not.
    pub(super) async fn get_after(&self, name: &str, path: &str) -> Option<Shelved> {
        let (file, path) = (self.folder.join(name), path.to_owned());
        let sought = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::open(file)?;
            let Some(behind) = behind(&file, &path)? else { return Ok(None) };
            file.seek(SeekFrom::Start(behind))?;
            io::Result::Ok(Some(file))
        });
        let file = File::from_std(sought.await.ok()?.ok()??);
        Some(Shelved(BufReader::new(file).lines()))
    }

    /// `None` where nothing can be kept.
    pub(super) async fn fill(&self, name: String) -> Option<Filling> {
        let folder = self.folder.clone();
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
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            all.push((about.modified()?, about.len(), entry.path()));
        }
        all.sort();
        let mut total: u64 = all.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in all {
            if total <= self.limits.shelf {
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
        self.size = self.size.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if self.size > self.shelf.limits.listing {
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
            path.persist(shelf.folder.join(name)).map_err(|error| error.error)?;
            shelf.trim()
        });
        kept.await.map_err(io::Error::other)?
    }
}

/// Where the line behind that of a path begins, if it is where the order of paths has it.
fn behind(file: &std::fs::File, path: &str) -> io::Result<Option<u64>> {
    let mut lines = io::BufReader::new(file);
    // The line that is sought begins between these.
    let (mut low, mut high) = (0, file.metadata()?.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let (begin, line) = line_from(&mut lines, middle)?;
        if begin >= high {
            high = middle;
            continue;
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { return Ok(None) };
        let end = begin + u64::try_from(line.len()).unwrap_or_default();
        match entry.path.as_str().cmp(path) {
            Ordering::Equal => return Ok(Some(end)),
            Ordering::Less => low = end,
            Ordering::Greater => high = middle,
        }
    }
    Ok(None)
}

/// The first line that begins there or later, and where; an empty one at the end of the file.
fn line_from(lines: &mut io::BufReader<&std::fs::File>, at: u64) -> io::Result<(u64, Vec<u8>)> {
    let mut line = Vec::new();
    // The end of the line before shows where one begins.
    let mut begin = lines.seek(SeekFrom::Start(at.saturating_sub(1)))?;
    if at > 0 {
        begin += u64::try_from(lines.read_until(b'\n', &mut line)?).unwrap_or_default();
        line.clear();
    }
    lines.read_until(b'\n', &mut line)?;
    Ok((begin, line))
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

    async fn kept(shelf: &Shelf, name: &str, paths: &[String]) {
        let mut filling = shelf.fill(name.to_owned()).await.unwrap();
        for path in paths {
            filling = filling.put(&entry(path)).await.unwrap();
        }
        filling.keep().await.unwrap();
    }

    #[tokio::test]
    async fn any_page_of_a_folder_is_found_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::below(folder.path());
        // Lines of many lengths, so that no middle falls on the beginning of one by chance.
        let of = |n: usize| format!("/a/{n:04}{}", "\n".repeat(n % 37));
        let paths: Vec<String> =
            ["/".to_owned(), "/a".to_owned()].into_iter().chain((0..500).map(of)).collect();
        kept(&shelf, "one", &paths).await;
        for (at, path) in paths.iter().enumerate() {
            let mut shelved = shelf.get_after("one", path).await.unwrap();
            let next = shelved.next().await.map(|entry| entry.path);
            assert_eq!(next.as_ref(), paths.get(at + 1));
        }
        for absent in ["", "/a/0007", "/a/02505", "/b"] {
            assert!(shelf.get_after("one", absent).await.is_none(), "{absent}");
        }
        kept(&shelf, "none", &[]).await;
        assert!(shelf.get_after("none", "/a").await.is_none());
    }

    #[tokio::test]
    async fn what_is_not_in_order_is_not_found_rather_than_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::below(folder.path());
        let paths = ["/b", "/b/c", "/b.x", "/a"].map(str::to_owned);
        kept(&shelf, "all", &paths).await;
        for (at, path) in paths.iter().enumerate() {
            if let Some(mut shelved) = shelf.get_after("all", path).await {
                let next = shelved.next().await.map(|entry| entry.path);
                assert_eq!(next.as_ref(), paths.get(at + 1));
            }
        }
    }

    #[tokio::test]
    async fn the_shelf_stays_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { listing: 32 << 20, shelf: 128 << 20 };
        let shelf = Shelf { limits, ..Shelf::below(folder.path()) };
        let large = entry(&"x".repeat(8 << 20));
        for name in 0..20 {
            let filling = shelf.fill(name.to_string()).await.unwrap();
            filling.put(&large).await.unwrap().put(&large).await.unwrap().keep().await.unwrap();
        }
        let files = std::fs::read_dir(&shelf.folder).unwrap();
        let total: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(total <= limits.shelf && total > limits.shelf / 2, "{total}");
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
