//! `holdfast ops` and `holdfast op`.

use super::{Client, Context, Exit, Failure, Output, parse, proof, watch, words};
use crate::api::{
    ExportRequest, ListOperationsRequest, Operation, OperationDetail, OperationLogRequest,
    OperationRequest,
};
use crate::clock;
use crate::model::{OperationKind, Status, Timestamp};
use std::io::Write as _;
use std::path::PathBuf;

/// How many a person is shown without asking for more.
const SHOWN: u32 = 50;

/// Show history: what ran, when, and how it ended; oldest first
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Example:\n  holdfast ops --plan home --since 7d\n  holdfast ops --all --follow"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<OpsCommand>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, clap::Subcommand)]
enum OpsCommand {
    /// Write history as JSON lines; with --proof a third party can check it
    #[command(after_help = "Example:\n  holdfast ops export --proof --peer nas > nas.jsonl")]
    Export {
        /// With the hash chains and the signed checkpoint
        #[arg(long)]
        proof: bool,
        /// A peer's history as held here, instead of this instance's
        #[arg(long)]
        peer: Option<String>,
    },
    /// Check an export with --proof, without any daemon
    #[command(after_help = "Example:\n  holdfast ops verify nas.jsonl")]
    Verify {
        /// The export; - is standard input
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// What is held here of this peer
    #[arg(long, conflicts_with = "all")]
    peer: Option<String>,
    /// This instance's and every peer's
    #[arg(long)]
    all: bool,
    /// Of this plan
    #[arg(long)]
    plan: Option<String>,
    /// On this repo
    #[arg(long)]
    repo: Option<String>,
    /// Of this kind, such as backup
    #[arg(long, value_parser = kind)]
    kind: Option<OperationKind>,
    /// In this status, such as failed
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Begun at or after: 2026-11-21T04:00:00Z, or 2h for 2 hours ago
    #[arg(long, value_parser = parse::since)]
    since: Option<Timestamp>,
    /// The newest N only [default: 50 for people, all with --json]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Go on with what happens from now
    #[arg(long)]
    follow: bool,
}

fn kind(text: &str) -> Result<OperationKind, crate::model::UnknownWord> {
    text.parse()
}

fn status(text: &str) -> Result<Status, crate::model::UnknownWord> {
    text.parse()
}

impl Filter {
    fn request(self, output: Output) -> ListOperationsRequest {
        let limit = self.limit.or_else(|| (!output.is_json()).then_some(SHOWN));
        ListOperationsRequest {
            peer: self.peer,
            all: self.all,
            plan: self.plan,
            repo: self.repo,
            kind: self.kind.map(|kind| kind.to_string()),
            status: self.status.map(|status| status.to_string()),
            since: self.since.map(|at| at.to_string()),
            limit,
            follow: self.follow,
            flow: None,
        }
    }
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            None => list(context, self.filter).await,
            Some(OpsCommand::Export { proof, peer }) => export(context, proof, peer).await,
            Some(OpsCommand::Verify { file }) => proof::verify(context.output, &file),
        }
    }
}

async fn list(context: &Context, filter: Filter) -> Result<Exit, Failure> {
    let output = context.output;
    let by_line = output.is_json() || filter.follow;
    let client = context.client().await?;
    let request = filter.request(output);
    let none = none(&request);
    let mut operations = client.operations().list(request).await?.into_inner();
    let mut collected = Vec::new();
    while let Some(operation) = operations.message().await? {
        match by_line {
            true => output.show(&operation, || line(&operation))?,
            false => collected.push(operation),
        }
    }
    if !by_line {
        let text = match collected.as_slice() {
            [] => none,
            some => table(output, some, clock::now()),
        };
        output.say(&text)?;
    }
    Ok(Exit::Done)
}

/// What an empty list means.
fn none(request: &ListOperationsRequest) -> String {
    let ListOperationsRequest { all, limit, .. } = *request;
    let everything = ListOperationsRequest { all, limit, ..ListOperationsRequest::default() };
    let peer = request.peer.clone();
    let of_peer = ListOperationsRequest { peer, ..everything.clone() };
    match &request.peer {
        None if *request == everything => {
            "nothing has run yet: holdfast plan backup PLAN".to_owned()
        }
        Some(peer) if *request == of_peer => format!("no operation of {peer} is held here"),
        Some(_) | None => "no operation matches".to_owned(),
    }
}

async fn export(context: &Context, proof: bool, peer: Option<String>) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let mut records = client.operations().export(ExportRequest { peer, proof }).await?.into_inner();
    while let Some(record) = records.message().await? {
        context.output.line_of(&proof::line(record)?)?;
    }
    Ok(Exit::Done)
}

fn line(operation: &Operation) -> String {
    let subject = [operation.repo.as_deref(), operation.plan.as_deref()];
    let subject = subject.into_iter().flatten().collect::<Vec<_>>().join("/");
    let at = operation.ended_at.as_ref().unwrap_or(&operation.started_at);
    let message = operation.message.as_deref().unwrap_or_default();
    let state = words::marked(&operation.status, words::status(&operation.status));
    format!("{at}  {}  {}  {subject}  {state}  {message}", operation.instance, operation.kind)
}

pub(crate) fn table(output: Output, operations: &[Operation], now: Timestamp) -> String {
    let row = |operation: &Operation| {
        let archived = if operation.archived { ", no longer there" } else { "" };
        let state = words::status(&operation.status);
        [
            watch::short(&operation.id).to_owned(),
            words::relative(&operation.started_at, now),
            operation.instance.clone(),
            operation.plan.clone().unwrap_or_default(),
            operation.kind.clone(),
            format!("{}{archived}", words::marked(&operation.status, state)),
            watch::took(operation).unwrap_or_default(),
            operation.message.clone().unwrap_or_default(),
        ]
    };
    output.table(
        ["id", "begun", "instance", "plan", "what", "state", "took", "remark"],
        operations.iter().map(row),
    )
}

/// One operation
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Example:\n  holdfast op show 019aa4e2-7d1c\n  holdfast op log 019aa4e2-7d1c"
)]
pub(crate) enum OpCommand {
    /// Show one operation, with the files that could not be read
    #[command(after_help = "Example:\n  holdfast op show 019aa4e2-7d1c")]
    Show(Named),
    /// Stop an operation; restic removes its lock first
    #[command(after_help = "Example:\n  holdfast op cancel 019aa4e2-7d1c")]
    Cancel(Named),
    /// Print what restic said
    #[command(after_help = "Example:\n  holdfast op log 019aa4e2-7d1c --follow")]
    Log {
        #[command(flatten)]
        named: Named,
        /// Go on until it ends
        #[arg(long)]
        follow: bool,
    },
    /// Remove one operation of this instance from the history
    ///
    /// An entry of the log says that it was removed, and peers that have it keep it as archived. No
    /// snapshot is touched.
    #[command(after_help = "Example:\n  holdfast op remove 019aa4e2-7d1c")]
    Remove {
        /// Its id; a unique prefix will do
        operation: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which operation.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its id; a unique prefix will do
    operation: String,
    /// Whose it is, where two have the same id
    #[arg(long)]
    peer: Option<String>,
}

impl From<Named> for OperationRequest {
    fn from(named: Named) -> Self {
        Self { operation: named.operation, peer: named.peer }
    }
}

impl OpCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let output = context.output;
        match self {
            Self::Show(named) => {
                let detail = client.operations().show(OperationRequest::from(named)).await?;
                let detail = detail.into_inner();
                output.show(&document(&detail)?, || shown(&detail, clock::now()))?;
            }
            Self::Cancel(named) => {
                let operation = client.operations().cancel(OperationRequest::from(named)).await?;
                let operation = operation.into_inner();
                output.show(&operation, || {
                    format!("{} is asked to stop", watch::short(&operation.id))
                })?;
            }
            Self::Log { named: Named { operation, peer }, follow } => {
                log(&client, output, OperationLogRequest { operation, peer, follow }).await?;
            }
            Self::Remove { operation, yes } => {
                if !yes && output.is_interactive() {
                    confirm(output, &operation)?;
                }
                let named = OperationRequest { operation, peer: None };
                let removed = client.operations().remove(named).await?.into_inner();
                output.show(&removed, || {
                    format!(
                        "{} of {} is removed from the history",
                        removed.kind, removed.started_at
                    )
                })?;
            }
        }
        Ok(Exit::Done)
    }
}

fn confirm(output: Output, operation: &str) -> Result<(), Failure> {
    let answer = output.ask(&format!("Remove operation {operation} from the history? [yes/no]"))?;
    match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::local("declined", "nothing was removed", "")),
    }
}

/// Prints what restic said.
pub(super) async fn log(
    client: &Client,
    output: Output,
    request: OperationLogRequest,
) -> Result<(), Failure> {
    let mut chunks = client.operations().log(request).await?.into_inner();
    let mut stdout = std::io::stdout();
    let mut is_empty = true;
    while let Some(chunk) = chunks.message().await? {
        is_empty = false;
        match output.is_json() {
            true => output.line_of(&chunk)?,
            false => stdout.write_all(chunk.text.as_bytes())?,
        }
    }
    if is_empty {
        output.note("nothing was said: see holdfast op show");
    }
    Ok(stdout.flush()?)
}

/// The operation as in `ops`, with what only its detail has.
fn document(detail: &OperationDetail) -> Result<serde_json::Value, Failure> {
    let internal = |error: serde_json::Error| Failure::local("internal", error.to_string(), "");
    let mut document = serde_json::to_value(&detail.operation).map_err(internal)?;
    document["item_errors"] = serde_json::to_value(&detail.item_errors).map_err(internal)?;
    document["item_errors_total"] = detail.item_errors_total.into();
    document["has_log"] = detail.has_log.into();
    Ok(document)
}

fn shown(detail: &OperationDetail, now: Timestamp) -> String {
    let Some(operation) = &detail.operation else { return "no such operation".to_owned() };
    let mut lines = vec![
        format!("{}  {}", operation.id, operation.instance),
        watch::ended(operation),
        format!("  begun {}", words::relative(&operation.started_at, now)),
    ];
    lines.extend(operation.repo.as_ref().map(|repo| format!("  repo {repo}")));
    lines.extend(operation.archived.then(|| "  no longer on its origin; kept here".to_owned()));
    lines
        .extend(detail.item_errors.iter().map(|item| format!("  {}: {}", item.path, item.message)));
    let untold = detail.item_errors_total.saturating_sub(detail.item_errors.len() as u64);
    lines.extend((untold > 0).then(|| format!("  and {untold} more, in its log")));
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::ItemError;

    fn failed() -> Operation {
        Operation {
            id: "019aa4e2-7d1c-7000-8000-000000000000".to_owned(),
            instance: "nas".to_owned(),
            kind: "backup".to_owned(),
            status: "failed".to_owned(),
            plan: Some("home".to_owned()),
            repo: Some("vault".to_owned()),
            started_at: "2026-11-21T03:00:00.000Z".to_owned(),
            ended_at: Some("2026-11-21T03:02:00.000Z".to_owned()),
            message: Some("the repository is locked".to_owned()),
            archived: true,
            ..Operation::default()
        }
    }

    #[test]
    fn the_table_marks_what_is_archived() {
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let table = table(Output::plain(), &[failed()], now);
        let row = table.lines().nth(1).unwrap();
        assert!(row.starts_with("019aa4e2-7d1c  1 h ago  nas"), "{row}");
        assert!(
            row.contains("✗ failed, no longer there  2 min  the repository is locked"),
            "{row}"
        );
    }

    #[test]
    fn followed_operations_are_one_line_each() {
        assert_eq!(
            line(&failed()),
            "2026-11-21T03:02:00.000Z  nas  backup  vault/home  ✗ failed  the repository is locked"
        );
    }

    #[test]
    fn the_detail_is_the_operation_and_more() {
        let error = ItemError { path: "/x".to_owned(), message: "denied".to_owned() };
        let detail = OperationDetail {
            operation: Some(failed()),
            item_errors: vec![error],
            item_errors_total: 7,
            has_log: true,
        };
        let document = document(&detail).unwrap();
        assert_eq!(document["status"], "failed");
        assert_eq!(document["item_errors"][0]["path"], "/x");
        assert!(shown(&detail, Timestamp::EPOCH).ends_with("/x: denied\n  and 6 more, in its log"));
    }

    #[test]
    fn a_list_of_no_operations_is_not_asked_for() {
        use clap::Parser as _;
        let parsed =
            |limit: &str| crate::cli::Cli::try_parse_from(["holdfast", "ops", "--limit", limit]);
        assert!(parsed("1").is_ok());
        let refused = parsed("0").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("0 is not in 1.."), "{refused}");
    }

    #[test]
    fn empty_history_says_the_next_step_and_a_filter_that_nothing_matches() {
        let shown = ListOperationsRequest { limit: Some(SHOWN), ..Default::default() };
        assert!(none(&shown).contains("holdfast plan backup"));
        let of_plan = ListOperationsRequest { plan: Some("home".to_owned()), ..shown.clone() };
        assert_eq!(none(&of_plan), "no operation matches");
        let of_peer = ListOperationsRequest { peer: Some("nas".to_owned()), ..shown };
        assert_eq!(none(&of_peer), "no operation of nas is held here");
    }
}
