//! `holdfast ls`, `holdfast find` and `holdfast diff`.

use super::select::{Select, Whose};
use super::{Context, Exit, Failure, words};
use crate::api::{
    DiffChange, DiffRecord, DiffRequest, DiffSide, DiffTotals, Entry, FindRequest,
    ListSnapshotsRequest, LsRequest, Match,
};
use crate::clock;
use crate::model::Timestamp;

/// List what a snapshot holds
///
/// With --json an object per line; what was listed once is there at once the next time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast ls latest /home/ada --plan home --long\n  \
    holdfast ls 01234567 / --recursive --json\n  \
    holdfast ls 01234567 /home --limit 1000 --after /home/zoe")]
pub(crate) struct Ls {
    /// Its id, a unique prefix of it, or latest
    snapshot: String,
    /// A folder, or a file
    #[arg(default_value = "/")]
    path: String,
    #[command(flatten)]
    whose: Whose,
    /// Also what is in the folders below
    #[arg(long, short)]
    recursive: bool,
    /// With mode, owner, size and time
    #[arg(long, short)]
    long: bool,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Go on after this one, the last of the page before
    #[arg(long, value_name = "PATH")]
    after: Option<String>,
}

impl Ls {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let client = context.client().await?;
        let whose = self.whose.settled(&client, &[&self.snapshot]).await?;
        let request = LsRequest {
            snapshot: Some(whose.name(self.snapshot)),
            path: self.path,
            recursive: self.recursive,
            after: self.after,
            limit: self.limit,
        };
        let mut entries = client.snapshots().ls(request).await?.into_inner();
        while let Some(entry) = entries.message().await? {
            match (output.is_json(), self.long) {
                (true, _) => output.line_of(&entry)?,
                (false, true) => output.line(&long(&entry))?,
                (false, false) => output.line(&named(&entry.path, &entry.r#type))?,
            }
        }
        Ok(Exit::Done)
    }
}

/// A folder ends with `/`.
fn named(path: &str, kind: &str) -> String {
    let slash = if kind == "dir" { "/" } else { "" };
    format!("{}{slash}", words::name(path))
}

fn long(entry: &Entry) -> String {
    let size = entry.size.map_or_else(|| "–".to_owned(), words::bytes);
    let time = entry.mtime.as_deref().map_or("–", |at| at.get(..19).unwrap_or(at));
    let name = named(&entry.path, &entry.r#type);
    let Entry { permissions, uid, gid, .. } = entry;
    format!("{permissions}  {uid:>5}  {gid:>5}  {size:>10}  {time:<19}  {name}")
}

/// Look for names in snapshots, newest first
///
/// A pattern without / is that of a name; * ? and [..] are as in restic. With --json an object per match.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast find 'letter*.odt' --plan home --since 30d\n  \
    holdfast find /home/ada/taxes --latest 5 --json")]
pub(crate) struct Find {
    /// What to look for
    pattern: String,
    #[command(flatten)]
    select: Select,
    /// Only in this snapshot; may be repeated
    #[arg(long, short, value_name = "ID")]
    snapshot: Vec<String>,
    /// Whatever the case of letters
    #[arg(long, short)]
    ignore_case: bool,
    /// Give up after so many matches [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl Find {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let request = FindRequest {
            pattern: self.pattern,
            ignore_case: self.ignore_case,
            among: Some(ListSnapshotsRequest::from(self.select)),
            snapshots: self.snapshot,
            limit: self.limit,
        };
        let mut matches = context.client().await?.snapshots().find(request).await?.into_inner();
        let (mut last, now) = (None, clock::now());
        while let Some(found) = matches.message().await? {
            if output.is_json() {
                output.line_of(&found)?;
                continue;
            }
            if last.as_ref() != Some(&found.snapshot) {
                output.line(&heading(&found, now))?;
                last = Some(found.snapshot.clone());
            }
            output.line(&format!("  {}", named(&found.path, &found.r#type)))?;
        }
        if last.is_none() {
            output.note("nothing found");
        }
        Ok(Exit::Done)
    }
}

fn heading(found: &Match, now: Timestamp) -> String {
    let maker = found.instance.as_deref().unwrap_or("–");
    let plan = found.plan.as_deref().unwrap_or("–");
    let made = words::relative(&found.time, now);
    format!("{}  made {made} by {maker}, plan {plan}, repo {}", found.short_id, found.repo)
}

/// Show how two snapshots of one repo differ
///
/// + added, - removed, M another content, T another type, U another mode, owner or time (with --metadata).
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast diff 01234567 89abcdef\n  \
    holdfast diff 01234567 latest --plan home --json")]
pub(crate) struct Diff {
    /// The earlier one
    from: String,
    /// The later one
    to: String,
    #[command(flatten)]
    whose: Whose,
    /// Also where only mode, owner or times differ
    #[arg(long)]
    metadata: bool,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let client = context.client().await?;
        let whose = self.whose.settled(&client, &[&self.from, &self.to]).await?;
        let request = DiffRequest {
            from: Some(whose.clone().name(self.from)),
            to: Some(whose.name(self.to)),
            metadata: self.metadata,
        };
        let mut records = client.snapshots().diff(request).await?.into_inner();
        while let Some(record) = records.message().await? {
            if output.is_json() {
                output.line_of(&record)?;
                continue;
            }
            let DiffRecord { change, totals } = record;
            if let Some(text) = change.as_ref().map(changed).or(totals.as_ref().map(all)) {
                output.line(&text)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn changed(change: &DiffChange) -> String {
    let mark = match change.change.as_str() {
        "added" => '+',
        "removed" => '-',
        "modified" => 'M',
        "type-changed" => 'T',
        "metadata" => 'U',
        _ => '?',
    };
    format!("{mark}  {}", words::name(&change.path))
}

fn all(totals: &DiffTotals) -> String {
    let side = |side: Option<&DiffSide>, word: &str| {
        let DiffSide { files, dirs, others, bytes } = side.copied().unwrap_or_default();
        format!("{word}: {files} files, {dirs} folders, {others} others, {}", words::bytes(bytes))
    };
    let added = side(totals.added.as_ref(), "added");
    let removed = side(totals.removed.as_ref(), "removed");
    format!("\n{added}\n{removed}\nchanged: {} files", totals.changed_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_whatever_its_name() {
        let entry = Entry {
            path: "/home/two\nlines".to_owned(),
            r#type: "file".to_owned(),
            size: Some(1536),
            mtime: Some("2026-11-21T04:00:00.000Z".to_owned()),
            permissions: "-rw-r--r--".to_owned(),
            uid: 1000,
            gid: 100,
        };
        assert_eq!(
            long(&entry),
            "-rw-r--r--   1000    100     1.5 KiB  2026-11-21T04:00:00  /home/two\\nlines"
        );
        assert_eq!(named("/home", "dir"), "/home/");
    }

    #[test]
    fn differences_have_restics_marks_and_end_with_totals() {
        let change =
            |word: &str| changed(&DiffChange { path: "/x".to_owned(), change: word.to_owned() });
        let marks = ["added", "removed", "modified", "type-changed", "metadata", "suspect"];
        assert_eq!(marks.map(change).concat(), "+  /x-  /xM  /xT  /xU  /x?  /x");
        let added = Some(DiffSide { files: 2, bytes: 1024, ..DiffSide::default() });
        let totals = DiffTotals { added, changed_files: 1, ..DiffTotals::default() };
        assert!(all(&totals).contains("added: 2 files, 0 folders, 0 others, 1.0 KiB"));
    }
}
