//! One restic process: started tied to our life, read within limits, interrupted before killed.

use super::argv::Reading;
use super::exit::{Asked, classify};
use super::output::{Event, decode_line};
use super::redact::Redaction;
use super::{Completeness, Failure, Reason};
use crate::shutdown;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// How long an interrupted restic may take to unlock before it is killed.
const UNLOCKING: Duration = Duration::from_secs(15);
/// How long output is still read after the process has ended: a child of it (ssh) may hold the pipe.
const DRAINING: Duration = Duration::from_secs(2);
/// Longer lines are cut.
const LINE_LIMIT: usize = 64 << 10;
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

    fn signal(&self, signal: Signal) {
        // While it has an id it has not been reaped, so the group is surely its own.
        let group = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(group) = group {
            // It may have ended this moment; then there is nobody to tell.
            let _ = kill_process_group(group, signal);
        }
    }
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
    let gone = || io::Error::other("the thread that starts programs is gone");
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
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
        self.tail.push(&self.redaction.apply(line));
        self.tell(line);
    }

    fn tell(&mut self, line: &str) {
        let text = self.redaction.apply(line);
        (self.on_line)(Line { event: decode_line(&text), text });
    }

    fn outcome(self, status: ExitStatus, asked: Asked) -> Result<Outcome, Failure> {
        let completeness = classify(status, asked, &self.tail.text())?;
        if self.overflow {
            return Err(Failure::new(Reason::Unreadable, "it printed more than fits into memory"));
        }
        Ok(Outcome { completeness, document: self.document })
    }
}

/// The beginning and the end of standard error.
#[derive(Default)]
struct Tail {
    head: String,
    end: String,
}

impl Tail {
    fn push(&mut self, line: &str) {
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

    fn text(&self) -> String {
        format!("{}{}", self.head, self.end)
    }
}

/// How far the end of a process is.
struct Ending {
    asked: Asked,
    status: Option<ExitStatus>,
    deadline: Pin<Box<Sleep>>,
}

impl Ending {
    fn new() -> Self {
        Self { asked: Asked::No, status: None, deadline: Box::pin(sleep(NEVER)) }
    }

    fn within(&mut self, time: Duration) {
        self.deadline.as_mut().reset(Instant::now() + time);
    }

    fn is_open(&self) -> bool {
        self.status.is_none() && self.asked == Asked::No
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
                    ending.within(DRAINING);
                }
                () = cancel.asked(), if ending.is_open() => {
                    ending.asked = Asked::ToStop;
                    self.signal(Signal::INT);
                    ending.within(UNLOCKING);
                }
                () = &mut ending.deadline => match ending.status {
                    // It has ended, and somebody else holds its pipes.
                    Some(_) => break,
                    None => {
                        self.signal(Signal::KILL);
                        ending.deadline = Box::pin(sleep_until(Instant::now() + NEVER));
                    }
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
struct Lines<R> {
    source: Option<BufReader<R>>,
    line: Vec<u8>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(source: Option<R>, limit: usize) -> Self {
        Self { source: source.map(BufReader::new), line: Vec::new(), limit }
    }

    fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// The next line; `None` at the end. Loses nothing when dropped while it waits.
    async fn next(&mut self) -> Option<String> {
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
