//! What the looking commands print, decoded while it comes: entries of a snapshot, matches, changes
//! and what a restore would do.
//!
//! Each decoder is fed pieces as they are read and keeps no more than one item of them.

use super::{Failure, Reason, SnapshotId};
use crate::model::Timestamp;
use serde::Deserialize;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

/// Longer items are none of restic's.
const ITEM_LIMIT: usize = 64 << 10;

/// Turns output into items.
pub trait Decode: Send {
    /// What comes out.
    type Item: Send;

    /// Takes a piece of output and puts what it completes into `into`.
    ///
    /// # Errors
    /// It is not what this command prints.
    fn take(&mut self, piece: &[u8], into: &mut VecDeque<Self::Item>) -> Result<(), Failure>;

    /// Says whether the output was whole, once restic has ended well.
    ///
    /// # Errors
    /// It was not.
    fn end(&mut self) -> Result<(), Failure>;
}

crate::model::words!(
    /// What an entry of a snapshot is.
    EntryKind, "entry", {
        /// A file.
        File = "file",
        /// A folder.
        Dir = "dir",
        /// A symbolic link.
        Symlink = "symlink",
        /// A block device.
        Device = "dev",
        /// A character device.
        CharDevice = "chardev",
        /// A named pipe.
        Fifo = "fifo",
        /// A socket.
        Socket = "socket",
        /// Anything else.
        Other = "other",
    }
);

/// A file or folder of a snapshot. A name that is no text has `U+FFFD` where restic cannot say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is, from `/` on.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes, of a file.
    pub size: Option<u64>,
    /// When it was last changed.
    pub mtime: Option<Timestamp>,
    /// As `ls -l` writes it.
    pub permissions: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EntryDocument {
    struct_type: Option<String>,
    path: String,
    r#type: String,
    size: Option<u64>,
    mtime: String,
    permissions: String,
    uid: u32,
    gid: u32,
}

impl EntryDocument {
    fn read(self) -> Entry {
        let kind = EntryKind::from_str(&self.r#type).unwrap_or(EntryKind::Other);
        // restic leaves out a size of 0.
        let size = (kind == EntryKind::File).then(|| self.size.unwrap_or(0));
        let mtime = Timestamp::parse(&self.mtime);
        let Self { path, permissions, uid, gid, .. } = self;
        Entry { path, kind, size, mtime, permissions, uid, gid }
    }
}

fn unreadable(said: &[u8]) -> Failure {
    Failure::raw(Reason::Unreadable, &String::from_utf8_lossy(said))
}

fn cut_short() -> Failure {
    Failure::new(Reason::Unreadable, "its output ended early")
}

/// Whole lines of what comes in pieces.
#[derive(Debug, Default)]
struct LineFeed(Vec<u8>);

impl LineFeed {
    fn take(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            if self.0.len() + part.len() > ITEM_LIMIT {
                return Err(unreadable(&self.0));
            }
            self.0.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.0);
                each(line.trim_ascii())?;
                self.0 = line;
                self.0.clear();
            }
        }
        Ok(())
    }
}

/// Decodes `ls --json`.
#[derive(Debug, Default)]
pub struct Tree {
    lines: LineFeed,
    begun: bool,
}

impl Decode for Tree {
    type Item = Entry;

    fn take(&mut self, piece: &[u8], into: &mut VecDeque<Entry>) -> Result<(), Failure> {
        let Self { lines, begun } = self;
        lines.take(piece, |line| {
            let Ok(document) = serde_json::from_slice::<EntryDocument>(line) else {
                return if line.is_empty() { Ok(()) } else { Err(unreadable(line)) };
            };
            match document.struct_type.as_deref() {
                Some("snapshot") => *begun = true,
                Some("node") => into.push_back(document.read()),
                Some(_) | None => {}
            }
            Ok(())
        })
    }

    /// 0.14 ends well where there is no such snapshot, and lists nothing.
    fn end(&mut self) -> Result<(), Failure> {
        match self.begun {
            true => Ok(()),
            false => Err(Failure::new(Reason::NoSuchSnapshot, "")),
        }
    }
}

/// What a search finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// An entry; in which snapshot is said after it.
    Entry(Entry),
    /// The entries since the last of these are in this snapshot.
    Of(SnapshotId),
}

#[derive(Deserialize)]
struct HitsDocument {
    snapshot: String,
}

/// Decodes `find --json`: one array on one line, `[{"matches":[{…},{…}],"hits":2,"snapshot":"…"},…]`,
/// of which no more than one match is kept.
#[derive(Debug, Default)]
pub struct Matches {
    depth: usize,
    text: Text,
    entry: Vec<u8>,
    hits: Vec<u8>,
}

/// Whether the bytes of a JSON document are within a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escaped,
}

impl Text {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Outside, b'"') | (Self::Escaped, _) => Self::Inside,
            (Self::Inside, b'"') => Self::Outside,
            (Self::Inside, b'\\') => Self::Escaped,
            (same, _) => same,
        }
    }
}

/// How deep a match stands in the document: array, hits, their array, match.
const MATCH_DEPTH: usize = 4;

impl Matches {
    fn byte(&mut self, byte: u8, into: &mut VecDeque<Match>) -> Result<(), Failure> {
        let opens = self.text == Text::Outside && matches!(byte, b'[' | b'{');
        let closes = self.text == Text::Outside && matches!(byte, b']' | b'}');
        self.text = self.text.after(byte);
        self.depth += usize::from(opens);
        self.keep(byte)?;
        if closes {
            self.depth = self.depth.checked_sub(1).ok_or_else(|| unreadable(&[byte]))?;
            self.closed(into)?;
        }
        Ok(())
    }

    fn keep(&mut self, byte: u8) -> Result<(), Failure> {
        let part = match self.depth {
            // Between the hits, and between the matches of one.
            0 | 1 => return Ok(()),
            3 if byte == b',' => return Ok(()),
            2 | 3 => &mut self.hits,
            _ => &mut self.entry,
        };
        if part.len() >= ITEM_LIMIT {
            return Err(unreadable(part));
        }
        part.push(byte);
        Ok(())
    }

    fn closed(&mut self, into: &mut VecDeque<Match>) -> Result<(), Failure> {
        if self.depth == MATCH_DEPTH - 1 && !self.entry.is_empty() {
            let entry: EntryDocument =
                serde_json::from_slice(&self.entry).map_err(|_| unreadable(&self.entry))?;
            into.push_back(Match::Entry(entry.read()));
            self.entry.clear();
        }
        if self.depth == 1 {
            let hits: HitsDocument =
                serde_json::from_slice(&self.hits).map_err(|_| unreadable(&self.hits))?;
            let snapshot = hits.snapshot.parse().map_err(|_| unreadable(&self.hits))?;
            into.push_back(Match::Of(snapshot));
            self.hits.clear();
        }
        Ok(())
    }
}

impl Decode for Matches {
    type Item = Match;

    fn take(&mut self, piece: &[u8], into: &mut VecDeque<Match>) -> Result<(), Failure> {
        piece.iter().try_for_each(|&byte| self.byte(byte, into))
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.depth == 0 { Ok(()) } else { Err(cut_short()) }
    }
}

/// A difference between two snapshots, or at the end how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One.
    Item {
        /// Where; a folder ends with `/`.
        path: String,
        /// How it differs.
        kind: ChangeKind,
    },
    /// All together; the last.
    Totals(ChangeTotals),
}

crate::model::words!(
    /// How an entry differs between two snapshots.
    ChangeKind, "change", {
        /// Only the later one has it.
        Added = "added",
        /// Only the earlier one has it.
        Removed = "removed",
        /// Its content differs.
        Modified = "modified",
        /// It is something else now, such as a link that was a file.
        Type = "type-changed",
        /// Only mode, owner or times differ.
        Metadata = "metadata",
        /// Its content differs, although nothing else of it does: damage, perhaps.
        Suspect = "suspect",
    }
);

/// How two snapshots differ in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangeTotals {
    /// Files whose content differs.
    pub changed_files: u64,
    /// What only the later one has.
    pub added: Side,
    /// What only the earlier one has.
    pub removed: Side,
}

/// What only one of two snapshots has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Files.
    pub files: u64,
    /// Folders.
    pub dirs: u64,
    /// Links and devices.
    pub others: u64,
    /// Bytes of data in the repository.
    pub bytes: u64,
}

#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum DiffDocument {
    Change {
        path: String,
        modifier: String,
    },
    Statistics {
        #[serde(default)]
        changed_files: u64,
        #[serde(default)]
        added: Side,
        #[serde(default)]
        removed: Side,
    },
    #[serde(other)]
    Other,
}

/// The letters that restic puts before a path; the one that says most counts.
fn change_kind(modifier: &str) -> ChangeKind {
    let kinds = [
        ('+', ChangeKind::Added),
        ('-', ChangeKind::Removed),
        ('T', ChangeKind::Type),
        ('?', ChangeKind::Suspect),
        ('M', ChangeKind::Modified),
    ];
    let found = kinds.iter().find(|(letter, _)| modifier.contains(*letter));
    found.map_or(ChangeKind::Metadata, |(_, kind)| *kind)
}

/// Decodes `diff --json`.
#[derive(Debug, Default)]
pub struct Differences {
    lines: LineFeed,
    ended: bool,
}

impl Decode for Differences {
    type Item = Change;

    fn take(&mut self, piece: &[u8], into: &mut VecDeque<Change>) -> Result<(), Failure> {
        let Self { lines, ended } = self;
        lines.take(piece, |line| {
            match serde_json::from_slice(line) {
                Ok(DiffDocument::Change { path, modifier }) => {
                    into.push_back(Change::Item { path, kind: change_kind(&modifier) });
                }
                Ok(DiffDocument::Statistics { changed_files, added, removed }) => {
                    *ended = true;
                    into.push_back(Change::Totals(ChangeTotals { changed_files, added, removed }));
                }
                Ok(DiffDocument::Other) => {}
                Err(_) if line.is_empty() => {}
                Err(_) => return Err(unreadable(line)),
            }
            Ok(())
        })
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.ended { Ok(()) } else { Err(cut_short()) }
    }
}

/// What a restore would do with one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What.
    pub act: PlannedAct,
    /// To which: a path of the snapshot, or of this machine where it is deleted.
    pub path: String,
    /// Its bytes in the snapshot.
    pub size: u64,
}

/// What a restore would do with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAct {
    /// Write it. restic says so also of links and folders that are there.
    Restored,
    /// Replace a file that is there.
    Updated,
    /// Leave a file that is there.
    Unchanged,
    /// Delete it.
    Deleted,
    /// Something this version does not know.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum RehearsalDocument {
    VerboseStatus {
        action: PlannedAct,
        item: String,
        #[serde(default)]
        size: u64,
    },
    Summary,
    #[serde(other)]
    Other,
}

/// Decodes `restore --dry-run --verbose=2 --json`.
#[derive(Debug, Default)]
pub struct Rehearsal {
    lines: LineFeed,
    ended: bool,
}

impl Decode for Rehearsal {
    type Item = Planned;

    fn take(&mut self, piece: &[u8], into: &mut VecDeque<Planned>) -> Result<(), Failure> {
        let Self { lines, ended } = self;
        lines.take(piece, |line| {
            match serde_json::from_slice(line) {
                Ok(RehearsalDocument::VerboseStatus { action, item, size }) => {
                    into.push_back(Planned { act: action, path: item, size });
                }
                Ok(RehearsalDocument::Summary) => *ended = true,
                Ok(RehearsalDocument::Other) => {}
                Err(_) if line.is_empty() => {}
                Err(_) => return Err(unreadable(line)),
            }
            Ok(())
        })
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.ended { Ok(()) } else { Err(cut_short()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same output of both versions.
    macro_rules! recorded {
        ($name:literal) => {
            [
                include_bytes!(concat!("../../tests/fixtures/restic/0.14/", $name)).as_slice(),
                include_bytes!(concat!("../../tests/fixtures/restic/0.18/", $name)).as_slice(),
            ]
        };
    }

    fn decode<D: Decode + Default>(output: &[u8], piece: usize) -> Result<Vec<D::Item>, Failure> {
        let (mut decoder, mut items) = (D::default(), VecDeque::new());
        for part in output.chunks(piece) {
            decoder.take(part, &mut items)?;
        }
        decoder.end()?;
        Ok(items.into())
    }

    #[test]
    fn recorded_listings_of_0_14_and_0_18_read_the_same() {
        let [old, new] = recorded!("ls.out").map(|output| decode::<Tree>(output, 7).unwrap());
        assert_eq!(old, new);
        let of = |path: &str| old.iter().find(|entry| entry.path == path).unwrap();
        assert_eq!(of("/src/new\nline").size, Some(1));
        assert_eq!(of("/src/gl*ob").kind, EntryKind::Dir);
        assert_eq!((of("/src/link").kind, of("/src/link").size), (EntryKind::Symlink, None));
        assert_eq!(of("/src/back\\slash").permissions, "-rw-r--r--");
        assert_eq!(of("/src/changed").mtime.unwrap().to_string(), "2026-11-21T10:39:11.120Z");
    }

    #[test]
    fn a_listing_without_its_snapshot_is_none() {
        let missing = decode::<Tree>(b"", 1).unwrap_err();
        assert_eq!(missing.reason, Reason::NoSuchSnapshot);
        assert_eq!(decode::<Tree>(b"usage\n", 9).unwrap_err().reason, Reason::Unreadable);
    }

    #[test]
    fn recorded_matches_of_0_14_and_0_18_name_their_snapshot() {
        for output in recorded!("find.out") {
            let found = decode::<Matches>(output, 5).unwrap();
            let told: Vec<_> = found
                .iter()
                .map(|found| match found {
                    Match::Entry(entry) => entry.path.clone(),
                    Match::Of(snapshot) => snapshot.to_string()[..8].to_owned(),
                })
                .collect();
            let both = ["/src/gl*ob/[x]?", "/src/gl*ob/x1"];
            let expected = [&both[..], &["5b0807c9"], &both[..], &["6f818222"]].concat();
            assert_eq!(told, expected);
        }
        assert_eq!(decode::<Matches>(b"[]\n", 1).unwrap(), []);
        assert!(decode::<Matches>(b"[{\"matches\":[{\"path\":\"/a\"}", 3).is_err());
        assert!(decode::<Matches>(b"]", 3).is_err());
    }

    #[test]
    fn recorded_differences_of_0_14_and_0_18_have_words_and_totals() {
        for output in recorded!("diff.out") {
            let mut all = decode::<Differences>(output, 11).unwrap();
            let Some(Change::Totals(totals)) = all.pop() else { panic!("{all:?}") };
            assert_eq!((totals.changed_files, totals.added.files, totals.removed.files), (1, 1, 1));
            let words: Vec<_> = all
                .iter()
                .map(|change| match change {
                    Change::Item { path, kind } => format!("{kind} {path}"),
                    Change::Totals(_) => panic!("twice"),
                })
                .collect();
            let expected = [
                "metadata /src/",
                "modified /src/back\\slash",
                "added /src/changed",
                "removed /src/quo\"te",
            ];
            assert_eq!(words, expected);
        }
        assert!(decode::<Differences>(b"", 1).is_err(), "without totals it is not whole");
        assert_eq!(change_kind("TM"), ChangeKind::Type);
    }

    #[test]
    fn a_recorded_rehearsal_tells_what_is_replaced_and_deleted() {
        let output = include_bytes!("../../tests/fixtures/restic/0.18/restore-dry-run.out");
        let planned = decode::<Rehearsal>(output, 13).unwrap();
        let of = |act| {
            let paths = planned.iter().filter(|one| one.act == act).map(|one| one.path.as_str());
            paths.collect::<Vec<_>>()
        };
        assert_eq!(of(PlannedAct::Updated), ["/src/changed"]);
        assert_eq!(of(PlannedAct::Deleted), ["/tmp/lk/o3/src/extra"]);
        assert!(of(PlannedAct::Restored).contains(&"/src/new\nline"));
    }

    #[test]
    fn an_endless_item_is_refused_within_the_limit() {
        let endless = vec![b'x'; ITEM_LIMIT + 10];
        assert!(decode::<Tree>(&endless, 100).is_err());
        let endless = [b"[{\"matches\":[{\"".to_vec(), endless].concat();
        assert!(decode::<Matches>(&endless, 100).is_err());
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(piece in 1_usize..400) {
            for output in recorded!("find.out") {
                let whole = decode::<Matches>(output, output.len()).unwrap();
                prop_assert_eq!(decode::<Matches>(output, piece).unwrap(), whole);
            }
            for output in recorded!("ls.out") {
                let whole = decode::<Tree>(output, output.len()).unwrap();
                prop_assert_eq!(decode::<Tree>(output, piece).unwrap(), whole);
            }
        }

        #[test]
        fn any_bytes_decode_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<Tree>(&bytes, 7);
            let _ = decode::<Matches>(&bytes, 7);
            let _ = decode::<Differences>(&bytes, 7);
            let _ = decode::<Rehearsal>(&bytes, 7);
        }
    }
}
