//! What restic prints, as types: the JSON lines of a backup or restore, and whole documents.

use super::failure::{ignored_item, skipped_path};
use super::maintain::{freed, ticked};
use crate::model::{InstanceId, ItemError, PlanId, Progress, RepoGuid, Stats, Timestamp};
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// One line of a backup's or a restore's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// How far it is.
    Progress(Progress),
    /// A file could not be read.
    ItemError(ItemError),
    /// It is done.
    Summary(Summary),
    /// A prune says how much it frees.
    Freed(String),
    /// A line for the log and nothing else.
    Said,
}

/// What a backup or a restore says at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The snapshot: 8 digits in 0.14, all 64 in newer versions.
    pub snapshot: Option<SnapshotId>,
    /// What it did.
    pub stats: Stats,
    /// How many files and folders a restore wrote (0.16 and newer say it).
    pub restored: Option<u64>,
    /// How many files a restore left as they were (0.17 and newer say it); no folders.
    pub skipped: u64,
}

/// restic's id of a snapshot, whole or its beginning: 4 to 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(String);

/// Not a snapshot id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no id of a snapshot: that is 4 to 64 hexadecimal digits, as `holdfast snapshots` lists them"
)]
pub struct NotASnapshotId;

impl SnapshotId {
    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether all digits are there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.len() == 64
    }
}

impl FromStr for SnapshotId {
    type Err = NotASnapshotId;

    fn from_str(text: &str) -> Result<Self, NotASnapshotId> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if (4..=64).contains(&text.len()) && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotASnapshotId)
        }
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A snapshot, as restic lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// All 64 digits.
    pub id: SnapshotId,
    /// When the backup that made it began.
    pub time: Timestamp,
    /// The same by the clock on its wall: restic sorts by it into hours, days and so on.
    pub wall: DateTime,
    /// The host it says it is from.
    pub host: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What was saved.
    pub paths: Vec<String>,
    /// Bytes processed, where restic says so (0.17 and newer).
    pub size: Option<u64>,
}

impl Snapshot {
    /// The plan that its tag names.
    #[must_use]
    pub fn plan(&self) -> Option<PlanId> {
        self.tagged("plan:")
    }

    /// The instance that its tag names.
    #[must_use]
    pub fn instance(&self) -> Option<InstanceId> {
        self.tagged("created-by:")
    }

    fn tagged<T: FromStr>(&self, prefix: &str) -> Option<T> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(prefix)?.parse().ok())
    }
}

#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Message {
    Status(StatusMessage),
    Error(ErrorMessage),
    Summary(SummaryMessage),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct StatusMessage {
    percent_done: f64,
    total_files: u64,
    #[serde(alias = "files_restored")]
    files_done: u64,
    total_bytes: u64,
    #[serde(alias = "bytes_restored")]
    bytes_done: u64,
    seconds_remaining: Option<u64>,
    current_files: Vec<String>,
    /// Only in lines of `--verbose`, which say something else.
    action: Option<String>,
}

#[derive(Deserialize)]
struct ErrorMessage {
    #[serde(default)]
    error: serde_json::Value,
    #[serde(default)]
    item: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SummaryMessage {
    files_new: u64,
    files_changed: u64,
    files_unmodified: u64,
    total_bytes_processed: u64,
    data_added: u64,
    snapshot_id: String,
    files_restored: Option<u64>,
    files_skipped: u64,
}

/// How many of the files being read are kept of a status line, and how much of each.
const CURRENT_FILES: usize = 4;
/// How much of a path or a message is kept of an item error.
const ITEM_TEXT: usize = 1024;

/// Reads one line of standard output or standard error, with whatever secrets are in it. What is not
/// understood is `Said`.
#[must_use]
pub fn decode_line(line: &str) -> Event {
    if let Some(path) = skipped_path(line) {
        return Event::ItemError(item_error(path, "it does not exist"));
    }
    if let Some((path, message)) = ignored_item(line) {
        return Event::ItemError(item_error(path, message));
    }
    if let Some((permille, files_done, files_total)) = ticked(line) {
        return Event::Progress(Progress {
            permille,
            files_done,
            files_total,
            ..Progress::default()
        });
    }
    if let Some(size) = freed(line) {
        return Event::Freed(size.to_owned());
    }
    match serde_json::from_str(line) {
        Ok(Message::Status(status)) if status.action.is_none() => Event::Progress(status.into()),
        Ok(Message::Error(error)) => {
            Event::ItemError(item_error(&error.item, &error_text(&error.error)))
        }
        Ok(Message::Summary(summary)) => Event::Summary(summary.into()),
        Ok(Message::Status(_) | Message::Other) | Err(_) => Event::Said,
    }
}

fn item_error(path: &str, message: &str) -> ItemError {
    ItemError { path: path.to_owned(), message: message.to_owned() }
}

impl Event {
    /// The same as it may be seen. Secrets are struck out before it is cut: no half of one stays.
    pub(super) fn seen(self, strike: &dyn Fn(&str) -> String) -> Self {
        let cut = |text: String| strike(&text).chars().take(ITEM_TEXT).collect::<String>();
        match self {
            Self::Progress(progress) => {
                let current_files = progress.current_files.into_iter().map(cut).collect();
                Self::Progress(Progress { current_files, ..progress })
            }
            Self::ItemError(ItemError { path, message }) => {
                Self::ItemError(ItemError { path: cut(path), message: cut(message) })
            }
            Self::Freed(size) => Self::Freed(cut(size)),
            Self::Summary(_) | Self::Said => self,
        }
    }
}

/// `{"Op":"open","Path":…,"Err":13}` (0.14), `{"message":"…"}` (0.16 and newer), or anything.
fn error_text(error: &serde_json::Value) -> String {
    let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
    if let Some(message) = text("message") {
        return message.to_owned();
    }
    let number = error.get("Err").and_then(serde_json::Value::as_i64);
    match (text("Op"), number.and_then(|number| i32::try_from(number).ok())) {
        (Some(op), Some(number)) => {
            format!("{op}: {}", std::io::Error::from_raw_os_error(number))
        }
        (Some(op), None) => op.to_owned(),
        (None, _) => error.to_string(),
    }
}

impl From<StatusMessage> for Progress {
    fn from(status: StatusMessage) -> Self {
        // A cast from floating point saturates, and takes NaN as 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let permille = ((status.percent_done * 1000.0) as u32).min(1000);
        let mut current_files = status.current_files;
        current_files.truncate(CURRENT_FILES);
        Self {
            files_done: status.files_done,
            files_total: status.total_files,
            bytes_done: status.bytes_done,
            bytes_total: status.total_bytes,
            permille,
            seconds_remaining: status.seconds_remaining,
            current_files,
        }
    }
}

impl From<SummaryMessage> for Summary {
    fn from(summary: SummaryMessage) -> Self {
        Self {
            snapshot: summary.snapshot_id.parse().ok(),
            restored: summary.files_restored,
            skipped: summary.files_skipped,
            stats: Stats {
                files_new: summary.files_new,
                files_changed: summary.files_changed,
                files_unmodified: summary.files_unmodified,
                bytes_processed: summary.total_bytes_processed,
                bytes_added: summary.data_added,
                item_errors: 0,
            },
        }
    }
}

#[derive(Deserialize)]
pub(super) struct SnapshotDocument {
    id: String,
    time: String,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    summary: Option<SnapshotSummary>,
}

#[derive(Deserialize)]
struct SnapshotSummary {
    total_bytes_processed: Option<u64>,
}

impl SnapshotDocument {
    pub(super) fn read(self) -> Option<Snapshot> {
        Some(Snapshot {
            id: self.id.parse().ok().filter(SnapshotId::is_whole)?,
            time: Timestamp::parse(&self.time)?,
            wall: wall(&self.time)?,
            host: self.hostname,
            tags: self.tags,
            paths: self.paths,
            size: self.summary.and_then(|summary| summary.total_bytes_processed),
        })
    }
}

fn wall(time: &str) -> Option<DateTime> {
    let pieces = Pieces::parse(time).ok()?;
    Some(pieces.date().to_datetime(pieces.time().unwrap_or_default()))
}

/// Reads the document of `snapshots --json`. `None` if it is not that.
pub(super) fn snapshots(document: &str) -> Option<Vec<Snapshot>> {
    let all: Option<Vec<SnapshotDocument>> = serde_json::from_str(document).ok()?;
    all.unwrap_or_default().into_iter().map(SnapshotDocument::read).collect()
}

#[derive(Deserialize)]
struct ConfigDocument {
    id: String,
}

/// Reads the guid in the document of `cat config`. `None` if it is not that.
pub(super) fn guid(document: &str) -> Option<RepoGuid> {
    serde_json::from_str::<ConfigDocument>(document).ok()?.id.parse().ok()
}

/// A lock, as `cat lock` prints it.
#[derive(Debug, Deserialize)]
pub(super) struct LockDocument {
    pub(super) time: String,
    #[serde(default)]
    pub(super) exclusive: bool,
    #[serde(default)]
    pub(super) hostname: String,
    #[serde(default)]
    pub(super) username: String,
    #[serde(default)]
    pub(super) pid: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(fixture: &str) -> Vec<Event> {
        fixture.lines().map(decode_line).collect()
    }

    const VERSIONS: [&str; 2] = ["0.14", "0.18"];

    fn folder(version: &str) -> String {
        format!("{}/tests/fixtures/restic/{version}", env!("CARGO_MANIFEST_DIR"))
    }

    fn recorded(version: &str, name: &str) -> String {
        std::fs::read_to_string(format!("{}/{name}", folder(version))).unwrap()
    }

    #[test]
    fn a_recorded_backup_reads_as_progress_and_summary() {
        for version in VERSIONS {
            let events = events(&recorded(version, "backup.out"));
            let Some(Event::Summary(summary)) = events.last() else { panic!("{events:?}") };
            assert_eq!(summary.snapshot.as_ref().unwrap().is_whole(), version == "0.18");
            assert_eq!((summary.stats.files_new, summary.stats.bytes_processed), (4, 6_000_007));
            let last = events.iter().rev().find_map(|event| match event {
                Event::Progress(progress) => Some(progress.clone()),
                _ => None,
            });
            let last = last.unwrap();
            assert_eq!((last.permille, last.bytes_done, last.files_done), (1000, 6_000_007, 4));
        }
    }

    #[test]
    fn a_recorded_backup_that_skips_names_no_snapshot() {
        let events = events(&recorded("0.18", "skip-if-unchanged.out"));
        let Some(Event::Summary(summary)) = events.last() else { panic!("{events:?}") };
        assert_eq!((&summary.snapshot, summary.stats.files_unmodified), (&None, 4));
    }

    #[test]
    fn recorded_item_errors_name_path_and_cause() {
        for version in VERSIONS {
            let errors: Vec<_> = events(&recorded(version, "unreadable.err"))
                .into_iter()
                .filter_map(|event| match event {
                    Event::ItemError(error) => Some((error.path, error.message)),
                    _ => None,
                })
                .collect();
            let [(missing, why), (denied, cause)] = &errors[..] else { panic!("{errors:?}") };
            assert_eq!((missing.as_str(), why.as_str()), ("/srv/nowhere", "it does not exist"));
            assert_eq!(denied, "/proc/1/mem");
            assert!(
                cause.starts_with("open") && cause.to_lowercase().contains("permission denied")
            );
        }
    }

    /// Every line that was recorded: a JSON message of a kind that is not known is a gap here.
    #[test]
    fn every_recorded_line_is_understood() {
        #[derive(Deserialize)]
        struct Kind {
            message_type: String,
        }
        let mut lines = 0;
        for version in VERSIONS {
            for file in std::fs::read_dir(folder(version)).unwrap().map(Result::unwrap) {
                let text = std::fs::read_to_string(file.path()).unwrap();
                for line in text.lines() {
                    lines += 1;
                    let event = decode_line(line);
                    let Ok(kind) = serde_json::from_str::<Kind>(line) else { continue };
                    let is_as_told = match kind.message_type.as_str() {
                        "status" => matches!(event, Event::Progress(_)),
                        "summary" => matches!(event, Event::Summary(_)),
                        "error" => matches!(event, Event::ItemError(_)),
                        "initialized" | "exit_error" => event == Event::Said,
                        // Of `diff`, `ls` and a rehearsed restore, which `entries` decodes.
                        "change" | "statistics" | "node" | "snapshot" | "verbose_status" => {
                            event == Event::Said
                        }
                        _ => false,
                    };
                    assert!(is_as_told, "{:?}: {line}: {event:?}", file.path());
                }
            }
        }
        assert!(lines > 200, "{lines}");
    }

    #[test]
    fn files_that_a_restore_could_not_write_are_item_errors_in_both_versions() {
        let message = "open /tmp/lk/o3/src/changed: is a directory".to_owned();
        let expected = ItemError { path: "/src/changed".to_owned(), message };
        let old = include_str!("../../tests/fixtures/restic/0.14/restore-errors.err")
            .lines()
            .map(decode_line);
        assert!(old.clone().any(|event| event == Event::ItemError(expected.clone())));
        assert_eq!(old.filter(|event| matches!(event, Event::ItemError(_))).count(), 4);
        let new = include_str!("../../tests/fixtures/restic/0.18/restore-errors.err");
        let new: Vec<_> = new.lines().map(decode_line).collect();
        let Event::ItemError(error) = &new[0] else { panic!("{new:?}") };
        assert_eq!(error.path, "/src/changed");
        let ended = r#"{"message_type":"summary","total_files":16,"files_restored":16}"#;
        let Event::Summary(summary) = decode_line(ended) else { panic!() };
        assert_eq!((summary.restored, summary.skipped), (Some(16), 0));
        let kept = r#"{"message_type":"summary","total_files":1,"files_restored":1,"files_skipped":2,"bytes_skipped":6}"#;
        let Event::Summary(summary) = decode_line(kept) else { panic!() };
        assert_eq!((summary.restored, summary.skipped), (Some(1), 2));
    }

    #[test]
    fn newer_forms_are_read_too() {
        let line = r#"{"message_type":"error","error":{"message":"open /x: denied"},"item":"/x"}"#;
        let expected = ItemError { path: "/x".to_owned(), message: "open /x: denied".to_owned() };
        assert_eq!(decode_line(line), Event::ItemError(expected));
        let line =
            r#"{"message_type":"status","percent_done":0.5,"files_restored":3,"total_files":6}"#;
        let Event::Progress(progress) = decode_line(line) else { panic!() };
        assert_eq!((progress.files_done, progress.permille), (3, 500));
    }

    #[test]
    fn recorded_documents_are_read() {
        for version in VERSIONS {
            let all = snapshots(&recorded(version, "snapshots.out")).unwrap();
            assert_eq!(all[0].plan().unwrap().as_str(), "home");
            assert_eq!(all[0].instance().unwrap().as_str(), "nas");
            assert_eq!(all[0].size, (version == "0.18").then_some(6_000_007));
            assert!(guid(&recorded(version, "cat-config.out")).is_some());
            let lock: LockDocument =
                serde_json::from_str(&recorded(version, "cat-lock.out")).unwrap();
            assert_eq!((lock.hostname.as_str(), lock.exclusive), ("other", false));
            assert!(lock.pid > 0);
        }
        assert_eq!(snapshots("null"), Some(vec![]));
        assert_eq!(snapshots("{}"), None);
    }

    proptest! {
        #[test]
        fn any_text_decodes_without_panic(line in "\\PC{0,300}") {
            let _ = decode_line(&line);
            let _ = snapshots(&line);
            let _ = guid(&line);
        }

        #[test]
        fn what_is_kept_of_a_line_is_bounded(
            percent in any::<f64>(), files in 0_usize..50, length in 0_usize..5000,
        ) {
            let names: Vec<_> = (0..files).map(|_| "x".repeat(length)).collect();
            let line = serde_json::json!({
                "message_type": "status", "percent_done": percent, "current_files": names,
            });
            if let Event::Progress(progress) = decode_line(&line.to_string()).seen(&str::to_owned) {
                prop_assert!(progress.permille <= 1000);
                prop_assert!(progress.current_files.len() <= CURRENT_FILES);
                prop_assert!(progress.current_files.iter().all(|f| f.len() <= ITEM_TEXT));
            }
        }
    }
}
