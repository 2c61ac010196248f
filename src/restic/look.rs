//! Commands that look into snapshots, and the restore: what each is asked, as arguments.

use super::SnapshotId;
use std::fmt;
use std::str::FromStr;

/// Which entries of a snapshot are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Of which snapshot.
    pub snapshot: SnapshotId,
    /// The folders (or files), from `/` on.
    pub paths: Vec<String>,
    /// How far below them.
    pub depth: Depth,
}

/// How far below a folder a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// The folder itself and what is directly in it.
    Folder,
    /// Everything below it.
    All,
}

/// What is looked for in snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// In these.
    pub snapshots: Vec<SnapshotId>,
    /// restic's pattern: of a name, or from `/` on of a path.
    pub pattern: String,
    /// Whether the case of letters counts.
    pub letters: Letters,
}

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// `a` is not `A`.
    AsWritten,
    /// `a` is `A`.
    AnyCase,
}

/// Two snapshots that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The earlier one.
    pub from: SnapshotId,
    /// The later one.
    pub to: SnapshotId,
    /// Which changes are told.
    pub depth: Changes,
}

/// Which changes between two snapshots are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// What was added, removed, or has another content or type.
    Content,
    /// Also where only mode, owner or times differ.
    Metadata,
}

/// A file or folder that is read out of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// From which snapshot.
    pub snapshot: SnapshotId,
    /// What, from `/` on.
    pub path: String,
    /// How a folder is packed.
    pub archive: Archive,
}

/// How a folder is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// As tar, which keeps everything.
    Tar,
    /// As zip.
    Zip,
}

/// What is restored, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// From which snapshot.
    pub snapshot: SnapshotId,
    /// Into which folder; `/` is in place.
    pub target: String,
    /// Only these files and folders, literally as named; `/` stands for all.
    pub paths: Vec<String>,
    /// Only what matches these patterns of restic. With neither paths nor patterns: everything.
    pub include: Vec<String>,
    /// What happens to files that are there. `None`: as restic does it.
    pub overwrite: Option<Overwrite>,
    /// What happens to files that the snapshot does not have.
    pub extra: Extra,
    /// Whether the restored files are read again.
    pub verify: Verify,
}

crate::model::words!(
    /// What a restore does to files that are there already.
    Overwrite, "overwrite", {
        /// Replaces each of them.
        Always = "always",
        /// Replaces those whose time, size or content differ.
        IfChanged = "if-changed",
        /// Replaces those that are older than in the snapshot.
        IfNewer = "if-newer",
        /// Leaves them alone.
        Never = "never",
    }
);

/// What a restore does to files that the snapshot does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extra {
    /// They stay.
    #[default]
    Keep,
    /// They are deleted.
    Delete,
}

/// Whether a restore reads what it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// No.
    #[default]
    Skip,
    /// Yes, and compares it with the repository.
    Content,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl Listing {
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["ls", "--no-lock", "--json"]);
        if self.depth == Depth::All {
            arguments.push("--recursive".to_owned());
        }
        arguments.extend(["--".to_owned(), self.snapshot.to_string()]);
        arguments.extend_from_slice(&self.paths);
        arguments
    }
}

impl Search {
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["find", "--no-lock", "--json"]);
        if self.letters == Letters::AnyCase {
            arguments.push("--ignore-case".to_owned());
        }
        arguments.extend(self.snapshots.iter().map(|id| format!("--snapshot={id}")));
        arguments.extend(["--".to_owned(), self.pattern.clone()]);
        arguments
    }
}

impl Comparison {
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["diff", "--no-lock", "--json"]);
        if self.depth == Changes::Metadata {
            arguments.push("--metadata".to_owned());
        }
        arguments.extend(["--".to_owned(), self.from.to_string(), self.to.to_string()]);
        arguments
    }
}

impl Dump {
    pub(super) fn arguments(&self) -> Vec<String> {
        let archive = match self.archive {
            Archive::Tar => "--archive=tar",
            Archive::Zip => "--archive=zip",
        };
        let mut arguments = words(&["dump", "--no-lock", archive, "--"]);
        arguments.extend([self.snapshot.to_string(), self.path.clone()]);
        arguments
    }
}

impl Restore {
    pub(super) fn arguments(&self) -> Vec<String> {
        self.with(&["restore", "--json"])
    }

    /// The same without writing anything: restic 0.17 and newer say what they would do.
    pub(super) fn rehearsal(&self) -> Vec<String> {
        self.with(&["restore", "--no-lock", "--json", "--dry-run", "--verbose=2"])
    }

    fn with(&self, first: &[&str]) -> Vec<String> {
        let mut arguments = words(first);
        arguments.push(format!("--target={}", self.target));
        if !self.paths.iter().any(|path| path == "/") {
            let literal = self.paths.iter().map(|path| literal(path));
            let patterns = literal.chain(self.include.iter().cloned());
            arguments.extend(patterns.map(|pattern| format!("--include={pattern}")));
        }
        arguments.extend(self.overwrite.map(|overwrite| format!("--overwrite={overwrite}")));
        if self.extra == Extra::Delete {
            arguments.push("--delete".to_owned());
        }
        if self.verify == Verify::Content {
            arguments.push("--verify".to_owned());
        }
        arguments.extend(["--".to_owned(), self.snapshot.to_string()]);
        arguments
    }
}

/// The pattern that matches this path and no other: restic's patterns are those of Go's
/// `filepath.Match`, component by component.
#[must_use]
pub fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for letter in path.chars() {
        if matches!(letter, '\\' | '*' | '?' | '[') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::restic::Command;

    fn id(digits: &str) -> SnapshotId {
        digits.repeat(32).parse().unwrap()
    }

    pub(in crate::restic) fn restore() -> Restore {
        Restore {
            snapshot: id("ab"),
            target: "--x".to_owned(),
            paths: vec![r"/home/a*b/[x]?\y".to_owned()],
            include: vec!["*.txt".to_owned()],
            overwrite: Some(Overwrite::IfChanged),
            extra: Extra::Delete,
            verify: Verify::Content,
        }
    }

    #[test]
    fn x1_what_a_person_named_is_never_an_option() {
        let search = Search {
            snapshots: vec![id("ab"), id("cd")],
            pattern: "--password-command=id".to_owned(),
            letters: Letters::AnyCase,
        };
        let arguments = Command::Find(search).arguments();
        assert_eq!(arguments[3], "--ignore-case");
        assert_eq!(arguments[5], format!("--snapshot={}", id("cd")));
        assert_eq!(arguments[6..], ["--", "--password-command=id"]);
        let dump = Dump { snapshot: id("ab"), path: "-x".to_owned(), archive: Archive::Zip };
        let arguments = Command::Dump(dump).arguments();
        assert_eq!(arguments[2..4], ["--archive=zip", "--"]);
        assert_eq!(arguments.last().unwrap(), "-x");
    }

    #[test]
    fn paths_of_a_restore_are_literal_and_patterns_are_not() {
        let arguments = Command::Restore(restore()).arguments();
        let expected = [
            "restore",
            "--json",
            "--target=--x",
            r"--include=/home/a\*b/\[x]\?\\y",
            "--include=*.txt",
            "--overwrite=if-changed",
            "--delete",
            "--verify",
            "--",
        ];
        assert_eq!(arguments[..9], expected);
        let all = Restore { paths: vec!["/".to_owned()], ..restore() };
        assert!(!all.arguments().concat().contains("--include"));
    }

    #[test]
    fn a_rehearsal_writes_nothing_and_locks_nothing() {
        let arguments = Command::Rehearse(restore()).arguments();
        for word in ["--dry-run", "--no-lock", "--verbose=2"] {
            assert!(arguments.iter().any(|argument| argument == word), "{word}: {arguments:?}");
        }
        assert!(!restore().arguments().concat().contains("--dry-run"));
    }
}
