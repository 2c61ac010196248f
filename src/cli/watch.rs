//! Waiting for an operation: its progress, Ctrl-C, and how it ended.
//!
//! 1. The first Ctrl-C cancels the operation and waits for its end; the second leaves it running.
//! 2. Standard output carries the finished operation and nothing else; but for `repo run`, which
//!    prints what restic said.

use super::{Client, Exit, Failure, Output, ops, words};
use crate::api::{Operation, OperationEvent, OperationLogRequest, OperationRequest, Progress};
use crate::clock;
use crate::model::{OperationKind, Status, Timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;
use tonic::Streaming;

/// Whether to wait for the end.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    /// Return as soon as it is asked for
    #[arg(long)]
    no_wait: bool,
}

impl Wait {
    /// Whether nobody waits for the end.
    pub(crate) const fn is_not_wanted(&self) -> bool {
        self.no_wait
    }

    /// Shows the operation, once it has ended unless told otherwise.
    pub(crate) async fn follow(
        self,
        client: &Client,
        output: Output,
        pending: Operation,
    ) -> Result<Exit, Failure> {
        if self.no_wait {
            output.show(&pending, || {
                format!("{} is on its way: holdfast op show {}", pending.kind, short(&pending.id))
            })?;
            return Ok(Exit::Done);
        }
        let Some(finished) = finished(client, output, pending).await? else {
            return Ok(Exit::Failed);
        };
        output.show(&finished, || ended(&finished))?;
        Ok(exit_of(&finished))
    }

    /// As [`Wait::follow`], for what is run to see what restic says: standard output has that for a
    /// person, standard error how it ended.
    pub(crate) async fn follow_said(
        self,
        client: &Client,
        output: Output,
        pending: Operation,
    ) -> Result<Exit, Failure> {
        if self.no_wait || output.is_json() {
            return self.follow(client, output, pending).await;
        }
        let Some(finished) = finished(client, output, pending).await? else {
            return Ok(Exit::Failed);
        };
        let operation = finished.id.clone();
        let request = OperationLogRequest { operation, peer: None, follow: false };
        ops::log(client, output, request).await?;
        output.note(&ended(&finished));
        Ok(exit_of(&finished))
    }
}

/// Good with or without remarks; anything else is a failure.
pub(crate) fn exit_of(operation: &Operation) -> Exit {
    match operation.status.as_str() {
        "succeeded" | "warning" => Exit::Done,
        _ => Exit::Failed,
    }
}

/// One that waits its turn; its message says for what.
const PENDING: &str = Status::Pending.as_str();

fn is_finished(operation: &Operation) -> bool {
    operation.status.parse::<Status>().is_ok_and(Status::is_finished)
}

/// The finished operation; `None` where a second Ctrl-C left it running.
pub(crate) async fn finished(
    client: &Client,
    output: Output,
    pending: Operation,
) -> Result<Option<Operation>, Failure> {
    let named = OperationRequest { operation: pending.id.clone(), peer: None };
    let mut events = client.operations().watch(named.clone()).await?.into_inner();
    let mut display = Display::of(output, &pending);
    let mut interrupts = 0;
    let mut waits_for = None;
    loop {
        tokio::select! {
            next = next(&mut events) => {
                let event = next?;
                if let Some(progress) = &event.progress {
                    display.progress(progress);
                }
                let Some(operation) = event.operation else { continue };
                if is_finished(&operation) {
                    display.end();
                    return Ok(Some(operation));
                }
                let reason = operation.message.filter(|_| operation.status == PENDING);
                if reason != waits_for {
                    reason.iter().for_each(|reason| display.say(reason));
                    waits_for = reason;
                }
            }
            _ = tokio::signal::ctrl_c() => {
                interrupts += 1;
                if interrupts > 1 {
                    display.end();
                    output.note(&format!("left running: holdfast op show {}", short(&pending.id)));
                    return Ok(None);
                }
                display.say("cancelling, so that restic unlocks; Ctrl-C again leaves it running");
                client.operations().cancel(named.clone()).await?;
            }
        }
    }
}

async fn next(events: &mut Streaming<OperationEvent>) -> Result<OperationEvent, Failure> {
    events.message().await?.ok_or_else(|| {
        let message = "the daemon stopped telling about the operation before its end";
        Failure::Unreachable(crate::api::Error::new("daemon-gone", message, "see holdfast ops"))
    })
}

/// Progress on standard error: a bar on a terminal, else a line now and then, under `--json` nothing.
enum Display {
    Bar(ProgressBar),
    Lines { output: Output, title: String, said: Option<Said> },
}

/// What a line of progress last told.
struct Said {
    at: Timestamp,
    permille: u32,
}

impl Display {
    fn of(output: Output, operation: &Operation) -> Self {
        let subject = operation.plan.as_ref().or(operation.repo.as_ref());
        let title = subject.unwrap_or(&operation.kind).clone();
        if !output.is_json() && std::io::stderr().is_terminal() {
            return Self::Bar(bar(title));
        }
        Self::Lines { output, title, said: None }
    }

    fn progress(&mut self, progress: &Progress) {
        match self {
            Self::Bar(bar) => {
                if bar.length().is_none() {
                    bar.set_length(1000);
                    bar.set_style(measuring());
                }
                bar.set_position(u64::from(progress.permille));
                bar.set_message(measured(progress));
            }
            Self::Lines { output, title, said } => {
                let now = clock::monotonic();
                if said.as_ref().is_none_or(|before| is_due(before, progress.permille, now)) {
                    let percent = progress.permille / 10;
                    output.note(&format!("{title}: {percent} %, {}", measured(progress)));
                    *said = Some(Said { at: now, permille: progress.permille });
                }
            }
        }
    }

    fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.println(text),
            Self::Lines { output, .. } => output.note(text),
        }
    }

    fn end(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => {}
        }
    }
}

/// Until restic says how far it is (0.14 never does of a restore) only the time is known.
fn bar(title: String) -> ProgressBar {
    let bar = ProgressBar::no_length().with_prefix(title).with_style(waiting());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn waiting() -> ProgressStyle {
    let style = "{prefix} {spinner}  under way for {elapsed}; how far it is, is not known";
    ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn measuring() -> ProgressStyle {
    let style = "{prefix} {bar:16} {percent:>3} %  {wide_msg}";
    ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line for each tenth, and one after half a minute without.
fn is_due(before: &Said, permille: u32, now: Timestamp) -> bool {
    permille / 100 > before.permille / 100
        || now.since(before.at) >= Duration::from_secs(30) && permille > before.permille
}

fn measured(progress: &Progress) -> String {
    // Before restic has counted what there is, more is done than there is.
    if progress.files_done > progress.files_total {
        let bytes = words::bytes(progress.bytes_done);
        return format!("{bytes}, {} files so far", progress.files_done);
    }
    let left = progress
        .seconds_remaining
        .map(|seconds| format!(", {} left", words::duration(Duration::from_secs(seconds))));
    // Upkeep counts neither files nor bytes.
    if progress.files_total == 0 && progress.bytes_total == 0 {
        return format!("under way{}", left.unwrap_or_default());
    }
    // A narrow terminal cuts the end off: what matters least stands there.
    format!(
        "{} of {}{}, {} of {} files",
        words::bytes(progress.bytes_done),
        words::bytes(progress.bytes_total),
        left.unwrap_or_default(),
        progress.files_done,
        progress.files_total,
    )
}

/// Enough of a UUIDv7 to be unique on one machine: its milliseconds.
pub(crate) fn short(id: &str) -> &str {
    id.get(..13).unwrap_or(id)
}

/// How long it took, if it has ended.
pub(crate) fn took(operation: &Operation) -> Option<String> {
    let ended = Timestamp::parse(operation.ended_at.as_deref()?)?;
    let time = ended.since(Timestamp::parse(&operation.started_at)?);
    Some(match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        _ => words::duration(time),
    })
}

/// The end of an operation in a few lines.
pub(crate) fn ended(operation: &Operation) -> String {
    let subject =
        operation.plan.as_ref().or(operation.repo.as_ref()).unwrap_or(&operation.instance);
    let status = words::marked(&operation.status, words::status(&operation.status));
    let mut lines = vec![match took(operation) {
        Some(time) => format!("{status}  {} of {subject} in {time}", operation.kind),
        None => format!("{status}  {} of {subject}", operation.kind),
    }];
    lines.extend(operation.stats.as_ref().map(counted));
    lines.extend(
        operation.snapshot.as_ref().map(|id| format!("snapshot {}", id.get(..8).unwrap_or(id))),
    );
    let says_more = |text: &&String| **text != operation.status;
    lines.extend(operation.message.as_ref().filter(says_more).cloned());
    let troubled = matches!(operation.status.as_str(), "failed" | "warning" | "lost");
    if troubled || operation.kind == OperationKind::Command.as_str() {
        lines.push(format!("more: holdfast op log {}", short(&operation.id)));
    }
    lines.join("\n  ")
}

fn counted(stats: &crate::api::Stats) -> String {
    let errors = match stats.item_errors {
        0 => String::new(),
        n => format!("; {n} could not be read"),
    };
    format!(
        "{} new, {} changed, {} unmodified files; {} read, {} added{errors}",
        stats.files_new,
        stats.files_changed,
        stats.files_unmodified,
        words::bytes(stats.bytes_processed),
        words::bytes(stats.bytes_added),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::Stats;

    fn backup(status: &str) -> Operation {
        Operation {
            id: "019aa4e2-7d1c-7000-8000-000000000000".to_owned(),
            kind: "backup".to_owned(),
            plan: Some("home".to_owned()),
            status: status.to_owned(),
            started_at: "2026-11-21T04:00:00.000Z".to_owned(),
            ended_at: Some("2026-11-21T04:00:03.200Z".to_owned()),
            stats: Some(Stats {
                files_new: 2,
                bytes_added: 1536,
                item_errors: 1,
                ..Stats::default()
            }),
            message: Some("1 file could not be read".to_owned()),
            snapshot: Some("0123456789abcdef".to_owned()),
            ..Operation::default()
        }
    }

    #[test]
    fn the_end_of_a_backup_says_what_was_done_and_where_to_look() {
        assert_eq!(
            ended(&backup("warning")),
            "! warnings  backup of home in 3.2 s\n  \
             2 new, 0 changed, 0 unmodified files; 0 B read, 1.5 KiB added; 1 could not be read\n  \
             snapshot 01234567\n  1 file could not be read\n  more: holdfast op log 019aa4e2-7d1c"
        );
    }

    #[test]
    fn a_message_that_repeats_the_state_is_not_shown() {
        let cancelled = Operation { message: Some("cancelled".to_owned()), ..backup("cancelled") };
        assert_eq!(ended(&cancelled).matches("cancelled").count(), 1);
    }

    #[test]
    fn only_a_good_end_is_exit_0() {
        let exits = ["succeeded", "warning", "failed", "cancelled", "skipped", "lost"]
            .map(|status| exit_of(&backup(status)).code());
        assert_eq!(exits, [0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn lines_of_progress_come_by_tenths() {
        let said = Said { at: Timestamp::EPOCH, permille: 150 };
        assert!(!is_due(&said, 199, Timestamp::from_millis(1000)));
        assert!(is_due(&said, 200, Timestamp::from_millis(1000)));
        assert!(is_due(&said, 151, Timestamp::from_millis(30_000)));
        assert!(!is_due(&said, 150, Timestamp::from_millis(60_000)));
    }

    #[test]
    fn progress_names_files_bytes_and_time_left() {
        let pruning = Progress { permille: 300, ..Progress::default() };
        assert_eq!(measured(&pruning), "under way");
        let progress = Progress {
            files_done: 3,
            files_total: 10,
            bytes_done: 1024,
            bytes_total: 4096,
            seconds_remaining: Some(75),
            ..Progress::default()
        };
        assert_eq!(measured(&progress), "1.0 KiB of 4.0 KiB, 1 min 15 s left, 3 of 10 files");
        let uncounted = Progress { files_done: 1, bytes_done: 0, ..Progress::default() };
        assert_eq!(measured(&uncounted), "0 B, 1 files so far");
    }
}
