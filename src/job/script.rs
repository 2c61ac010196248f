//! A command of the owner: started in a process group of its own, with an environment made from
//! nothing, read within limits, and killed with all that it started when its time is over.

use crate::model::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How much of what it prints is kept.
const OUTPUT_LIMIT: usize = 256 << 10;
/// How long its output is still read after its end: a child of it may hold the pipe.
const DRAINING: Duration = Duration::from_secs(2);
/// How long it has to end once it was asked to.
const ENDING: Duration = Duration::from_secs(5);

/// What of our own environment a command is given: enough to find programs and a home.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
];

/// What is run. C2: `Debug` shows neither arguments nor values.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What is added to the environment.
    pub env: Vec<(String, Secret)>,
    /// How long it may take.
    pub timeout: Duration,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({:?}, ..)", self.argv.first())
    }
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its end, or why there is none.
    pub how: How,
    /// What it printed, as far as it is kept.
    pub output: String,
}

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself.
    Exited(ExitStatus),
    /// It was killed when its time was over.
    TimedOut(Duration),
    /// A secret that it needs is not there; the output says which.
    NotReady,
    /// It could not be started or waited for.
    NotRun(std::io::ErrorKind),
}

impl Ran {
    /// Whether it went well, or why not.
    ///
    /// # Errors
    /// It failed, took too long or could not be run.
    pub fn end(&self) -> Result<(), String> {
        match self.how {
            How::Exited(status) if status.success() => Ok(()),
            How::Exited(status) => Err(format!("failed: {status}")),
            How::TimedOut(after) => Err(format!("was killed after {} s", after.as_secs())),
            How::NotReady => Err(format!("could not be run: {}", self.output)),
            How::NotRun(kind) => Err(format!("could not be run: {kind}")),
        }
    }
}

impl Script {
    /// As a process to be started: a group of its own, and nothing on its standard input.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.argv.first().map_or("", String::as_str));
        let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let own = self.env.iter().map(|(name, value)| (name, value.expose()));
        command.args(self.argv.iter().skip(1)).env_clear().envs(inherited).envs(own);
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, or until its time is over. Dropped before, all of it is killed.
    pub async fn run(&self) -> Ran {
        let mut child = match self.command().spawn() {
            Ok(child) => Group(child),
            Err(error) => return Ran { how: How::NotRun(error.kind()), output: String::new() },
        };
        let mut output = Output::default();
        let how = timeout(self.timeout, child.finish(&mut output)).await;
        let how = match how {
            Ok(Ok(status)) => How::Exited(status),
            Ok(Err(error)) => How::NotRun(error.kind()),
            Err(_) => {
                child.end().await;
                How::TimedOut(self.timeout)
            }
        };
        Ran { how, output: output.text() }
    }
}

/// A process and all that it started. Dropped, it is killed.
pub(super) struct Group(pub(super) Child);

impl Group {
    pub(super) fn signal(&self, signal: Signal) {
        // While it has an id it has not been reaped, so the group is surely its own.
        let group = self.0.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(group) = group {
            // It may have ended this moment; then there is nobody to tell.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Asks it to end, and kills it if it does not.
    pub(super) async fn end(&mut self) {
        self.signal(Signal::TERM);
        tokio::select! {
            _ = self.0.wait() => {}
            () = sleep(ENDING) => self.signal(Signal::KILL),
        }
    }

    async fn finish(&mut self, output: &mut Output) -> std::io::Result<ExitStatus> {
        let (mut out, mut err) = (self.0.stdout.take(), self.0.stderr.take());
        let mut buffers = [[0; 4096]; 2];
        let [first, second] = &mut buffers;
        let mut status = None;
        loop {
            let is_open = out.is_some() || err.is_some();
            if let (Some(status), false) = (status, is_open) {
                return Ok(status);
            }
            tokio::select! {
                read = read(&mut out, first), if out.is_some() => take(&mut out, output, first, read),
                read = read(&mut err, second), if err.is_some() => take(&mut err, output, second, read),
                ended = self.0.wait(), if status.is_none() => status = Some(ended?),
                () = sleep(DRAINING), if status.is_some() => (out, err) = (None, None),
            }
        }
    }
}

async fn read(source: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match source {
        // What cannot be read has ended.
        Some(source) => source.read(buffer).await.unwrap_or_default(),
        None => 0,
    }
}

fn take<R>(source: &mut Option<R>, output: &mut Output, buffer: &[u8], read: usize) {
    output.push(&buffer[..read]);
    if read == 0 {
        *source = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// What a command printed: the beginning, and a note where more was.
#[derive(Debug, Default)]
pub(super) struct Output {
    kept: Vec<u8>,
    more: bool,
}

impl Output {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = OUTPUT_LIMIT - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.more |= bytes.len() > room;
    }

    pub(super) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept).replace('\0', "\u{fffd}");
        if self.more { format!("{text}\n(the rest of the output was not kept)\n") } else { text }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Instant;

    fn script(text: &str) -> Script {
        let argv = ["/bin/sh", "-c", text].map(str::to_owned).to_vec();
        let env = vec![("HOLDFAST_EVENT".to_owned(), Secret::new("late".to_owned()))];
        Script { argv, env, timeout: Duration::from_secs(60) }
    }

    #[tokio::test]
    async fn a_command_is_told_by_its_environment_and_heard_on_both_outputs() {
        let ran = script("echo $HOLDFAST_EVENT; echo oops >&2; cat; env").run().await;
        assert_eq!(ran.end(), Ok(()));
        assert!(ran.output.contains("late\n") && ran.output.contains("oops\n"), "{}", ran.output);
        let strange: Vec<_> = ran
            .output
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| !INHERITED.contains(name))
            .filter(|(name, _)| !["HOLDFAST_EVENT", "PWD", "SHLVL", "_", "OLDPWD"].contains(name))
            .collect();
        assert_eq!(strange, [], "nothing else of our environment reaches it");
    }

    #[tokio::test]
    async fn a_command_that_fails_or_is_not_there_says_so() {
        let said = script("exit 3").run().await.end().unwrap_err();
        assert!(said.contains("exit status: 3"), "{said}");
        let absent = Script { argv: vec!["/no/such/program".to_owned()], ..script("") };
        let said = absent.run().await.end().unwrap_err();
        assert!(said.contains("could not be run"), "{said}");
    }

    /// Whether a process of that id is there and not only waits to be reaped.
    fn is_alive(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }

    async fn gone(file: &Path) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match std::fs::read_to_string(file) {
                Ok(pid) if !pid.trim().is_empty() && !is_alive(&pid) => return,
                _ => assert!(Instant::now() < deadline, "it still runs"),
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn when_its_time_is_over_it_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let text = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let slow = Script { timeout: Duration::from_millis(700), ..script(&text) };
        let ran = slow.run().await;
        assert!(ran.end().unwrap_err().contains("was killed"), "{ran:?}");
        gone(&file).await;
    }

    #[tokio::test]
    async fn dropped_before_its_end_it_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = script(&format!("echo $$ > {}; exec sleep 1000", file.display()));
        let written = async {
            while std::fs::read_to_string(&file).unwrap_or_default().trim().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = script.run() => panic!("it ended"),
            () = written => {}
        }
        gone(&file).await;
    }

    #[tokio::test]
    async fn a_flood_of_output_is_kept_to_its_limit_and_does_not_hold_it_up() {
        let ran = script("yes | head -c 3000000; echo end").run().await;
        assert_eq!(ran.end(), Ok(()));
        assert!(ran.output.len() < OUTPUT_LIMIT + 100 && ran.output.ends_with("not kept)\n"));
    }

    #[tokio::test]
    async fn a_child_that_holds_its_output_does_not_hold_it_up() {
        let ran = script("sleep 1000 & echo done").run().await;
        assert_eq!((ran.end(), ran.output.as_str()), (Ok(()), "done\n"));
    }
}
