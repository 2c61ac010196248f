//! A backup of what a command prints: its output goes into restic as it comes, and never to the disk.
//!
//! 1. restic sees the end of its input only after the command has ended well and printed something. A
//!    command that fails is answered by stopping restic, so that what it printed never becomes a
//!    snapshot.
//! 2. The command has nothing of restic's environment: it cannot learn the password of the repository.

use super::board::Active;
use super::engine::Inner;
use super::journal::Journal;
use super::script::{Group, Output, Script};
use super::{JobError, RepoSpec};
use crate::restic::{Command, Failure, Outcome, Restic};
use crate::shutdown::Shutdown;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;
use tokio::time::{sleep, timeout};

/// A command whose output is saved as one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpSpec {
    /// What is run; its time is that of the backup.
    pub script: Script,
    /// The name of the file in the snapshot.
    pub name: String,
}

/// How long what it says is still heard after its end.
const DRAINING: Duration = Duration::from_secs(2);
/// How much is handed on at once.
const PIECE: usize = 256 << 10;
/// How often a restic that is to stop gets a piece of filling.
const FILL_EVERY: Duration = Duration::from_millis(50);

/// What feeding came to.
enum Fed {
    /// All was handed over, and the command has ended well.
    All,
    /// The command failed; restic must not see an end.
    Failed(String),
    /// The command printed nothing. restic must not see an end: 0.14 fails then, and newer versions
    /// make a snapshot without the file.
    Nothing,
    /// restic takes no more.
    Unwanted,
}

impl Inner {
    /// As [`Inner::run`], with the output of a command on restic's input.
    pub(super) async fn run_fed(
        &self,
        active: &Active,
        (restic, repo): (&Restic, &RepoSpec),
        command: &Command,
        dump: &DumpSpec,
    ) -> (Journal, Result<Outcome, JobError>) {
        let restic = &restic.tuned(repo.tuning);
        let stop = Shutdown::default();
        let mut running = match restic.start_fed(&repo.access, command).await {
            Ok(running) => running,
            Err(failure) => return (Journal::default(), Err(failure.into())),
        };
        // Lives until restic has gone: dropped before, it would be an end like any other.
        let mut input = running.take_input();
        let mut cancelled = active.cancelled();
        let mut said = Output::default();
        let over = Shutdown::default();
        let feeding = async {
            let fed = tokio::select! {
                fed = feed(&dump.script, &mut input, &mut said) => fed,
                () = cancelled.asked() => Fed::Unwanted,
            };
            if !matches!(fed, Fed::All) {
                stop.ask();
                over.guard().run(fill(&mut input)).await;
            }
            fed
        };
        let mut cancel = stop.guard();
        let following = async {
            let ended = self.attend(active, restic, repo, (running, command), &mut cancel).await;
            over.ask();
            ended
        };
        let ((journal, outcome), fed) = tokio::join!(following, feeding);
        drop(input);
        let text = said.text();
        if !text.is_empty() {
            let id = active.operation().id;
            self.ports.tell(move |ports| ports.history.append_log(id, &text)).await;
        }
        (journal, judged(fed, outcome))
    }
}

/// The command is why, where it failed; else restic is, which may have gone before it.
fn judged(fed: Fed, outcome: Result<Outcome, Failure>) -> Result<Outcome, JobError> {
    match fed {
        Fed::Failed(reason) => Err(JobError::DumpFailed { reason }),
        Fed::Nothing => Err(JobError::DumpEmpty),
        Fed::All | Fed::Unwanted => Ok(outcome?),
    }
}

/// Hands on what the command prints, and ends the input once the command has ended well. In any other
/// case the input stays open: it is kept until restic has gone.
async fn feed(script: &Script, input: &mut Option<ChildStdin>, said: &mut Output) -> Fed {
    let Some(open) = input else { return Fed::Failed("restic has no input".to_owned()) };
    let mut group = match script.command().spawn() {
        Ok(child) => Group(child),
        Err(error) => {
            let program = script.argv.first().map_or("", String::as_str);
            return Fed::Failed(format!("could not be run: {program}: {error}"));
        }
    };
    let (printed, errors) = (group.0.stdout.take(), group.0.stderr.take());
    let ended = {
        let listening = listen(errors, said);
        let working = async {
            let printed = copy(printed, open).await.ok()?;
            Some((printed, group.0.wait().await))
        };
        tokio::pin!(listening, working);
        let ended = tokio::select! {
            ended = &mut working => {
                // A child of it may hold the pipe.
                let _ = timeout(DRAINING, listening).await;
                ended
            }
            () = &mut listening => working.await,
        };
        ended
    };
    match ended {
        None => {
            group.end().await;
            Fed::Unwanted
        }
        Some((0, Ok(status))) if status.success() => Fed::Nothing,
        Some((_, Ok(status))) if status.success() => {
            *input = None;
            Fed::All
        }
        Some((_, Ok(status))) => {
            let text = said.text();
            let last = text.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
            Fed::Failed(format!("failed: {status}{last}"))
        }
        Some((_, Err(error))) => Fed::Failed(error.to_string()),
    }
}

/// Keeps the input of a restic that is to stop from running dry, until it has gone.
///
/// restic 0.18 looks for the interrupt between two pieces of a file, and waits for the next one for
/// ever where nothing comes. To end the input would wake it too, and is a race: an end that is read
/// before the interrupt is the end of a good file, and becomes a snapshot. Zeros wake it and are no
/// end, whatever comes first: without an end there is no file, and without the file no snapshot.
/// Zeros are also where a piece ends soonest, after half a megabyte. The pause is for a restic that
/// does not stop: it saves some of them until it is killed, and the next prune removes them.
async fn fill(input: &mut Option<ChildStdin>) {
    let Some(open) = input else { return };
    let zeros = vec![0; PIECE];
    // It fails once nobody can read it any more.
    while open.write_all(&zeros).await.is_ok() {
        sleep(FILL_EVERY).await;
    }
}

/// How many bytes it handed on.
async fn copy(
    printed: Option<tokio::process::ChildStdout>,
    input: &mut ChildStdin,
) -> std::io::Result<u64> {
    let Some(mut printed) = printed else { return Ok(0) };
    let (mut piece, mut copied) = (vec![0; PIECE], 0);
    loop {
        let read = printed.read(&mut piece).await?;
        if read == 0 {
            input.flush().await?;
            return Ok(copied);
        }
        input.write_all(&piece[..read]).await?;
        copied += read as u64;
    }
}

async fn listen(errors: Option<tokio::process::ChildStderr>, said: &mut Output) {
    let Some(mut errors) = errors else { return };
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut piece).await {
        said.push(&piece[..read]);
    }
}
