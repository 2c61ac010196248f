//! One restic process: started tied to our life, read within limits, interrupted before killed.

use super::argv::Reading;
use super::exit::{Asked, classify};
use super::output::{Event, decode_line};
use super::redact::{Redaction, plain};
use super::{Completeness, Failure, Reason};
use crate::shutdown;
use rustix::process::{Pid, Signal, kill_process_group};
#[cfg(target_os = "linux")]
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// How long an interrupted restic may take to unlock before it is killed.
const UNLOCKING: Duration = Duration::from_secs(15);
/// How long output is still read after the process has ended: a child of it (ssh) may hold the pipe.
const DRAINING: Duration = Duration::from_secs(2);
/// Longer lines are cut.
pub(super) const LINE_LIMIT: usize = 64 << 10;
/// How much of the end of standard error is kept to tell why it failed.
const TAIL_LIMIT: usize = 16 << 10;
/// How much of its beginning: a program that runs out of memory says so first, and then much more.
const HEAD_LIMIT: usize = 2 << 10;
/// A deadline that is moved nearer when there is a reason.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A line that restic printed, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it means.
    pub event: Event,
    /// Its text.
    pub text: String,
}

/// What a restic that ended well has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How much of it was done.
    pub completeness: Completeness,
    /// Standard output, for commands that print one document.
    pub document: String,
}

/// A restic that runs. Dropped before its end, it is interrupted.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Its process id, which is also that of its process group, and stands in the lock it takes.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its standard input, where it was started with one; it is ended by dropping it.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output and standard error, for whoever reads them in another way than
    /// [`Running::finish`].
    pub(super) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for its end. Loses nothing when dropped while it waits.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    fn signal(&self, signal: Signal) {
        // While it has an id it has not been reaped, so the group is surely its own.
        let group = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(group) = group {
            // It may have ended this moment; then there is nobody to tell.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Running {
    /// Ends it and all that it has started: restic gives ssh and rclone groups of their own.
    fn kill(&self) {
        let below = self.child.id().map(descendants).unwrap_or_default();
        self.signal(Signal::KILL);
        #[cfg(target_os = "linux")]
        for child in below {
            // It may have ended with its parent.
            let _ = pidfd_send_signal(child, Signal::KILL);
        }
    }
}

/// The processes below one, each held so that its id cannot become another's before it is used.
#[cfg(target_os = "linux")]
fn descendants(root: u32) -> Vec<OwnedFd> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let children = parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid);
        found.extend(children.collect::<Vec<_>>());
    }
    let hold = |pid: &u32| {
        let held = Pid::from_raw(i32::try_from(*pid).ok()?)?;
        let held = pidfd_open(held, PidfdFlags::empty()).ok()?;
        // Still where it was: not another process with its id.
        parents.contains(&(*pid, parent_of(*pid)?)).then_some(held)
    };
    found[1..].iter().filter_map(hold).collect()
}

/// proc_pid_stat(5): `pid (comm) state ppid …`.
#[cfg(target_os = "linux")]
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Elsewhere nothing says so; what reads from a pipe of restic's ends with it.
#[cfg(not(target_os = "linux"))]
const fn descendants(_root: u32) -> Vec<OwnedFd> {
    Vec::new()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}

type Started = io::Result<Running>;

struct Order {
    command: tokio::process::Command,
    runtime: tokio::runtime::Handle,
    answer: oneshot::Sender<Started>,
}

/// The thread that starts every restic.
///
/// The kernel ties the parent-death signal to the *thread* that forked, not to its process: started
/// from a worker thread of the runtime, restic would be interrupted when that worker is retired. So
/// one thread does it that lives as long as the process.
fn starter() -> Option<&'static mpsc::Sender<Order>> {
    static STARTER: OnceLock<Option<mpsc::Sender<Order>>> = OnceLock::new();
    let start = || {
        let (orders, queue) = mpsc::channel::<Order>();
        let work = move || queue.into_iter().for_each(fulfil);
        std::thread::Builder::new().name("restic-starter".to_owned()).spawn(work).ok()?;
        Some(orders)
    };
    STARTER.get_or_init(start).as_ref()
}

fn fulfil(mut order: Order) {
    let _entered = order.runtime.enter();
    let started = order.command.spawn().map(|child| Running { child });
    // Nobody waits for it any more: dropping it interrupts it.
    drop(order.answer.send(started));
}

/// Starts a program in its own process group, so that a Ctrl-C on our terminal reaches only us.
pub(super) async fn start(mut command: tokio::process::Command) -> Started {
    command.stdin(Stdio::null());
    start_with(command).await
}

/// The same, with an input that we fill.
pub(super) async fn start_fed(mut command: tokio::process::Command) -> Started {
    command.stdin(Stdio::piped());
    start_with(command).await
}

async fn start_with(mut command: tokio::process::Command) -> Started {
    let gone = || io::Error::other("the thread that starts programs is gone");
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (answer, started) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let order = Order { command, runtime, answer };
    starter().and_then(|orders| orders.send(order).ok()).ok_or_else(gone)?;
    started.await.map_err(|_| gone())?
}

/// Everything of one run that changes while it is read.
struct Reader<'a> {
    redaction: &'a Redaction,
    reading: Reading,
    on_line: &'a mut (dyn FnMut(Line) + Send),
    document: String,
    overflow: bool,
    tail: Tail,
}

impl Reader<'_> {
    fn out(&mut self, line: String) {
        match self.reading {
            Reading::Lines => self.tell(&line),
            Reading::Document(limit) if self.document.len() + line.len() < limit => {
                self.document.push_str(&line);
                self.document.push('\n');
            }
            Reading::Document(_) => self.overflow = true,
        }
    }

    fn err(&mut self, line: &str) {
        self.tail.push(&plain(line));
        self.tell(line);
    }

    /// What it means is read before secrets are struck out: one may be a word of restic's own.
    fn tell(&mut self, line: &str) {
        let line = plain(line);
        let seen = |text: &str| self.redaction.apply(text);
        (self.on_line)(Line { event: decode_line(&line).seen(&seen), text: seen(&line) });
    }

    fn outcome(self, status: ExitStatus, asked: Asked) -> Result<Outcome, Failure> {
        let seen = |text: &str| self.redaction.apply(text);
        let ended = classify(status, asked, &self.tail.text());
        let completeness = ended.map_err(|failure| failure.seen(&seen))?;
        if self.overflow {
            return Err(Failure::new(Reason::Unreadable, "it printed more than fits into memory"));
        }
        Ok(Outcome { completeness, document: self.document })
    }
}

/// The beginning and the end of standard error, with the secrets that may be in it.
#[derive(Default)]
pub(super) struct Tail {
    head: String,
    end: String,
}

impl Tail {
    pub(super) fn push(&mut self, line: &str) {
        if self.end.is_empty() && self.head.len() + line.len() < HEAD_LIMIT {
            self.head.push_str(line);
            self.head.push('\n');
            return;
        }
        self.end.push_str(line);
        self.end.push('\n');
        if self.end.len() > TAIL_LIMIT {
            let cut = self.end.len() - TAIL_LIMIT / 2;
            let cut = (cut..self.end.len()).find(|&at| self.end.is_char_boundary(at));
            self.end.drain(..cut.unwrap_or(0));
        }
    }

    pub(super) fn text(&self) -> String {
        format!("{}{}", self.head, self.end)
    }
}

/// How far the end of a process is.
pub(super) struct Ending {
    pub(super) asked: Asked,
    pub(super) status: Option<ExitStatus>,
    pub(super) deadline: Pin<Box<Sleep>>,
}

impl Ending {
    pub(super) fn new() -> Self {
        Self { asked: Asked::No, status: None, deadline: Box::pin(sleep(NEVER)) }
    }

    fn within(&mut self, time: Duration) {
        self.deadline.as_mut().reset(Instant::now() + time);
    }

    pub(super) fn is_open(&self) -> bool {
        self.status.is_none() && self.asked == Asked::No
    }

    /// It has ended: what is still in its pipes is read soon, or never.
    pub(super) fn drain(&mut self) {
        self.within(DRAINING);
    }

    /// Interrupts it.
    pub(super) fn ask(&mut self, running: &Running) {
        self.asked = Asked::ToStop;
        running.signal(Signal::INT);
        self.within(UNLOCKING);
    }

    /// It did not end in time after it was asked.
    pub(super) fn kill(&mut self, running: &Running) {
        running.kill();
        self.deadline = Box::pin(sleep_until(Instant::now() + NEVER));
    }
}

impl Running {
    /// Reads its output until it has ended, and interrupts it once `cancel` asks for that.
    ///
    /// # Errors
    /// It failed, was stopped, or printed what cannot be taken.
    pub(super) async fn finish(
        mut self,
        redaction: &Redaction,
        reading: Reading,
        cancel: &mut shutdown::Guard,
        on_line: &mut (dyn FnMut(Line) + Send),
    ) -> Result<Outcome, Failure> {
        let limit = if let Reading::Document(limit) = reading { limit } else { LINE_LIMIT };
        let mut out = Lines::<ChildStdout>::new(self.child.stdout.take(), limit);
        let mut err = Lines::<ChildStderr>::new(self.child.stderr.take(), LINE_LIMIT);
        let (document, tail) = (String::new(), Tail::default());
        let mut reader = Reader { redaction, reading, on_line, document, overflow: false, tail };
        let mut ending = Ending::new();
        while ending.status.is_none() || out.is_open() || err.is_open() {
            tokio::select! {
                line = out.next(), if out.is_open() => {
                    if let Some(line) = line { reader.out(line); }
                }
                line = err.next(), if err.is_open() => {
                    if let Some(line) = line { reader.err(&line); }
                }
                status = self.child.wait(), if ending.status.is_none() => {
                    ending.status = Some(status.map_err(|error| not_started(&error))?);
                    ending.drain();
                }
                () = cancel.asked(), if ending.is_open() => {
                    ending.ask(&self);
                }
                () = &mut ending.deadline => match ending.status {
                    // It has ended, and somebody else holds its pipes.
                    Some(_) => break,
                    None => ending.kill(&self),
                },
            }
        }
        reader.outcome(ending.status.unwrap_or_default(), ending.asked)
    }
}

/// The failure of a process that the system did not let us start or wait for.
pub(super) fn not_started(error: &io::Error) -> Failure {
    Failure::new(Reason::NotStarted, &error.to_string())
}

/// Lines of a stream, each cut at a limit, whatever comes.
pub(super) struct Lines<R> {
    source: Option<BufReader<R>>,
    line: Vec<u8>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(source: Option<R>, limit: usize) -> Self {
        Self { source: source.map(BufReader::new), line: Vec::new(), limit }
    }

    pub(super) fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// The next line; `None` at the end. Loses nothing when dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            let source = self.source.as_mut()?;
            // What cannot be read has ended: the exit status says how it went.
            let chunk = source.fill_buf().await.unwrap_or_default();
            if chunk.is_empty() {
                self.source = None;
                return (!self.line.is_empty()).then(|| self.take());
            }
            let newline = chunk.iter().position(|&byte| byte == b'\n');
            let piece = &chunk[..newline.unwrap_or(chunk.len())];
            let kept = piece.len().min(self.limit.saturating_sub(self.line.len()));
            self.line.extend_from_slice(&piece[..kept]);
            let used = newline.map_or(chunk.len(), |at| at + 1);
            source.consume(used);
            if newline.is_some() {
                return Some(self.take());
            }
        }
    }

    fn take(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RepoAccess, Secret};

    async fn lines(bytes: &[u8], limit: usize) -> Vec<String> {
        let mut lines = Lines::new(Some(bytes), limit);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn long_lines_are_cut_and_the_next_is_whole() {
        let text = format!("{}\nnext\n\nlast", "x".repeat(100_000));
        let all = lines(text.as_bytes(), 10).await;
        assert_eq!(all, ["xxxxxxxxxx", "next", "", "last"]);
    }

    /// What is told of a program that prints this, in a repository with that password.
    async fn told(script: &str, password: &str) -> (Result<Outcome, Failure>, Vec<Line>) {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", script]);
        let (never, mut lines) = (shutdown::Shutdown::default(), Vec::new());
        let secret = |text: &str| Secret::new(text.to_owned());
        let access = RepoAccess { uri: secret("/srv"), password: secret(password), env: vec![] };
        let mut on_line = |line| lines.push(line);
        let running = start(command).await.unwrap();
        let redaction = Redaction::of(&access);
        let mut cancel = never.guard();
        let ended = running.finish(&redaction, Reading::Lines, &mut cancel, &mut on_line).await;
        (ended, lines)
    }

    #[tokio::test]
    async fn a_secret_that_is_a_word_of_restics_own_changes_no_meaning() {
        let summary =
            r#"echo '{"message_type":"summary","data_added":7,"snapshot_id":"abcd1234"}'"#;
        for word in ["summary", "snap", "data", "message_type", "abcd1234"] {
            let (_, lines) = told(summary, word).await;
            let [Line { event: Event::Summary(summary), text }] = &lines[..] else {
                panic!("{word}: {lines:?}")
            };
            let snapshot = summary.snapshot.as_ref().unwrap().as_str();
            assert_eq!((snapshot, summary.stats.bytes_added), ("abcd1234", 7), "{word}");
            assert!(!text.contains(word), "{text}");
        }
        for word in ["password", "wrong", "Fatal"] {
            let wrong = "echo 'Fatal: wrong password or no key found' >&2; exit 1";
            let failure = told(wrong, word).await.0.unwrap_err();
            assert_eq!(failure.reason, Reason::WrongPassword, "{word}");
            assert!(!failure.said.contains(word), "{}", failure.said);
        }
    }

    #[tokio::test]
    async fn c2_every_text_of_an_event_and_a_failure_is_without_secrets() {
        let long = "x".repeat(Failure::SAID - 12);
        let script = format!(
            r#"echo '{{"message_type":"error","error":{{"message":"no swordfish"}},"item":"/a/swordfish"}}'
            echo '{{"message_type":"status","current_files":["/b/swordfish"]}}'
            echo 'total prune:  14 blobs / swordfish'
            echo 'Fatal: {long}swordfish' >&2; exit 1"#
        );
        let (ended, lines) = told(&script, "swordfish").await;
        assert_eq!(lines.len(), 4);
        assert!(!format!("{lines:?}").contains("swordfish"), "{lines:?}");
        let said = ended.unwrap_err().said;
        assert!(said.ends_with("x***"), "not cut in the middle of a secret: {said}");
        let locked = "echo 'repository is already locked by PID 7 on swordfish' >&2; exit 1";
        let failure = told(locked, "swordfish").await.0.unwrap_err();
        assert_eq!(failure.reason, Reason::Locked { holder: "by PID 7 on ***".to_owned() });
    }

    /// A program that ignores the interrupt, with a child in a session of its own.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_does_not_end_is_killed_with_all_that_it_started() {
        let script = "trap '' INT; setsid sleep 1000 & echo $!; while :; do sleep 1000; done";
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", script]);
        let running = start(command).await.unwrap();
        let (stop, mut child) = (shutdown::Shutdown::default(), 0_u32);
        let mut cancel = stop.guard();
        let mut on_line = |line: Line| {
            child = line.text.parse().unwrap();
            stop.ask();
            // From here no time passes but what is waited for.
            tokio::time::pause();
        };
        let redaction = Redaction::default();
        let ended = running.finish(&redaction, Reading::Lines, &mut cancel, &mut on_line).await;
        assert_eq!(ended.unwrap_err().reason, Reason::Interrupted);
        let is_gone = || match std::fs::read_to_string(format!("/proc/{child}/stat")) {
            Ok(stat) => stat.contains(") Z ") || !stat.contains("(sleep)"),
            Err(_) => true,
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !is_gone() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(child > 0 && is_gone(), "process {child} is still there");
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_lines_too() {
        assert_eq!(lines(b"\xff\xfe\nok", 10).await, ["\u{fffd}\u{fffd}", "ok"]);
    }

    #[test]
    fn the_tail_keeps_the_beginning_and_the_end_within_its_limits() {
        let mut tail = Tail::default();
        for n in 0..10_000 {
            tail.push(&format!("line ä {n}"));
            assert!(tail.text().len() <= HEAD_LIMIT + TAIL_LIMIT);
        }
        let text = tail.text();
        assert!(text.starts_with("line ä 0\n") && text.ends_with("line ä 9999\n"));
    }
}
