//! `holdfast restore`.

use super::select::Whose;
use super::{Client, Context, Exit, Failure, Output, parse, watch, words};
use crate::api::{RehearsalTotals, RehearsedChange, RestoreRequest};

/// Write files of a snapshot back
///
/// Into an empty or new folder with --to, where every file keeps its whole path below it. With
/// restic 0.17 or newer also over what is there: --overwrite says which files are replaced,
/// --in-place writes where everything was and asks before it does. Ctrl-C cancels it and lets restic
/// unlock; a second Ctrl-C leaves it running.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast restore latest --plan home --to /tmp/home\n  \
    holdfast restore 01234567 --to /tmp/ada --path /home/ada/letters --verify\n  \
    holdfast restore latest --plan home --in-place --path /home/ada/letters --dry-run")]
#[command(group(clap::ArgGroup::new("place").required(true)))]
pub(crate) struct Args {
    /// Its id, a unique prefix of it, or latest
    snapshot: String,
    /// The folder; it is made, or is empty
    #[arg(long, visible_alias = "target", value_name = "DIR", group = "place", value_parser = parse::path)]
    to: Option<String>,
    /// Where everything was
    #[arg(long, group = "place")]
    in_place: bool,
    #[command(flatten)]
    whose: Whose,
    /// Only this file or folder of the snapshot, literally; may be repeated
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Only what matches this pattern of restic; may be repeated
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Which files that are there are replaced
    #[arg(long, value_name = "WHICH", value_parser = ["always", "if-changed", "if-newer", "never"])]
    overwrite: Option<String>,
    /// Delete what the snapshot does not have, below what is restored
    #[arg(long)]
    delete: bool,
    /// Read what was written again and compare it
    #[arg(long)]
    verify: bool,
    /// Only say what it would do
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    wait: watch::Wait,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let replaces = self.in_place || self.delete;
        let (dry_run, yes, wait) = (self.dry_run, self.yes, self.wait);
        if replaces && !dry_run && !yes && !output.is_interactive() {
            return Err(Failure::usage(
                "this restore writes over files, and nobody is here to be asked",
                "see what it would do with --dry-run, then give --yes",
            ));
        }
        let client = context.client().await?;
        let whose = self.whose.settled(&client, &[&self.snapshot]).await?;
        let request = RestoreRequest {
            snapshot: self.snapshot,
            repo: whose.repo,
            plan: whose.plan,
            instance: whose.instance,
            target: self.to.unwrap_or_default(),
            include: self.include,
            paths: self.path,
            in_place: self.in_place,
            overwrite: self.overwrite,
            delete: self.delete,
            verify: self.verify,
        };
        if dry_run {
            return rehearse(&client, output, request).await;
        }
        if replaces && !yes {
            confirm(&client, output, request.clone()).await?;
        }
        let pending = client.snapshots().restore(request).await?.into_inner();
        wait.follow(&client, output, pending).await
    }
}

/// Says line by line what would be done.
async fn rehearse(
    client: &Client,
    output: Output,
    request: RestoreRequest,
) -> Result<Exit, Failure> {
    let mut records = client.snapshots().rehearse(request).await?.into_inner();
    while let Some(record) = records.message().await? {
        if output.is_json() {
            output.line_of(&record)?;
            continue;
        }
        if let Some(change) = &record.change {
            output.line(&line(change))?;
        }
        if let Some(totals) = &record.totals {
            output.line(&said(totals))?;
        }
    }
    Ok(Exit::Done)
}

/// How many of the files that would be lost are named.
const NAMED: usize = 10;

/// Names what would be overwritten or deleted, and asks.
async fn confirm(client: &Client, output: Output, request: RestoreRequest) -> Result<(), Failure> {
    output.note("looking at what it would do");
    let mut records = client.snapshots().rehearse(request).await?.into_inner();
    let (mut first, mut totals) = (Vec::new(), RehearsalTotals::default());
    while let Some(record) = records.message().await? {
        let lost = record.change.filter(|change| change.act != "create");
        if first.len() < NAMED {
            first.extend(lost.as_ref().map(line));
        }
        totals = record.totals.unwrap_or(totals);
    }
    output.note(&question(&first, &totals));
    match output.ask("Restore? [yes/no]")?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::local("declined", "nothing was restored", "")),
    }
}

fn line(change: &RehearsedChange) -> String {
    format!("{:<9}  {:>10}  {}", change.act, words::bytes(change.size), words::name(&change.path))
}

fn said(totals: &RehearsalTotals) -> String {
    let RehearsalTotals { create, overwrite, delete, unchanged, bytes } = totals;
    let bytes = words::bytes(*bytes);
    format!(
        "{create} to create, {overwrite} to overwrite, {delete} to delete, {unchanged} stay as they are; {bytes} to write"
    )
}

fn question(first: &[String], totals: &RehearsalTotals) -> String {
    let lost = totals.overwrite + totals.delete;
    let named = first.len() as u64;
    let mut lines = first.to_vec();
    if lost > named {
        lines.push(format!("and {} more", lost - named));
    }
    lines.push(said(totals));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_first_and_counts_the_rest() {
        let change = RehearsedChange {
            path: "/home/ada/two\nlines".to_owned(),
            act: "overwrite".to_owned(),
            size: 1536,
        };
        let totals = RehearsalTotals { overwrite: 12, delete: 1, ..RehearsalTotals::default() };
        let text = question(&[line(&change)], &totals);
        assert_eq!(
            text,
            "overwrite     1.5 KiB  /home/ada/two\\nlines\nand 12 more\n\
             0 to create, 12 to overwrite, 1 to delete, 0 stay as they are; 0 B to write"
        );
    }
}
