//! A restic whose standard output goes to a reader piece by piece, at the reader's speed.
//!
//! What is in files is handed on as it is: nothing is struck out of it.

use super::exit::{Asked, classify};
use super::process::{Ending, LINE_LIMIT, Lines, Running, Tail, not_started};
use super::redact::{Redaction, plain};
use super::{Command, Completeness, Failure, Reason, Restic};
use crate::model::RepoAccess;
use crate::shutdown;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How much is read at once.
const PIECE: usize = 64 << 10;
/// How long a reader may take nothing: what it holds up (a prune) goes first after that.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

impl Restic {
    /// Runs a command and hands its output to `reader`, which slows it down; a reader that goes ends
    /// it.
    ///
    /// # Errors
    /// It failed, or was stopped.
    pub async fn pour(
        &self,
        access: &RepoAccess,
        command: &Command,
        cancel: &mut shutdown::Guard,
        reader: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Completeness, Failure> {
        let running = self.start(Some(access), command).await?;
        let poured = Pour::of(running).run(&Redaction::of(access), cancel, reader).await;
        poured.map_err(|failure| failure.of_command(command))
    }
}

struct Pour {
    running: Running,
    out: Option<ChildStdout>,
    err: Lines<ChildStderr>,
    /// Read and not yet taken by the reader.
    piece: Vec<u8>,
    tail: Tail,
    ending: Ending,
}

impl Pour {
    fn of(mut running: Running) -> Self {
        let (out, err) = running.take_output();
        let (tail, ending) = (Tail::default(), Ending::new());
        Self { running, out, err: Lines::new(err, LINE_LIMIT), piece: Vec::new(), tail, ending }
    }

    async fn run(
        mut self,
        redaction: &Redaction,
        cancel: &mut shutdown::Guard,
        reader: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Completeness, Failure> {
        let mut buffer = vec![0; PIECE];
        let mut late = false;
        while self.ending.status.is_none() || self.is_read() {
            let waiting = !self.piece.is_empty() && self.ending.asked == Asked::No;
            let wants_more = self.out.is_some() && !waiting;
            tokio::select! {
                read = read(&mut self.out, &mut buffer), if wants_more => self.took(&buffer[..read]),
                room = timeout(PATIENCE, reader.reserve()), if waiting => match room {
                    Ok(Ok(room)) => self.give(room),
                    Ok(Err(_)) => self.stop(),
                    Err(_) => { late = true; self.stop(); }
                },
                line = self.err.next(), if self.err.is_open() => {
                    if let Some(line) = line { self.tail.push(&plain(&line)); }
                }
                status = self.running.wait(), if self.ending.status.is_none() => {
                    self.ending.status = Some(status.map_err(|error| not_started(&error))?);
                    self.ending.drain();
                }
                () = cancel.asked(), if self.ending.is_open() => self.stop(),
                // Whoever reads is gone, also while restic is silent.
                () = reader.closed(), if self.ending.is_open() => self.stop(),
                () = &mut self.ending.deadline, if !waiting => match self.ending.status {
                    // It has ended, and somebody else holds its pipes.
                    Some(_) => break,
                    None => self.ending.kill(&self.running),
                },
            }
        }
        let ended =
            classify(self.ending.status.unwrap_or_default(), self.ending.asked, &self.tail.text());
        let ended = ended.map_err(|failure| failure.seen(&|text| redaction.apply(text)));
        match (ended, late) {
            (Err(_), true) => Err(Failure::new(Reason::Interrupted, "nobody took what it read")),
            (ended, _) => ended,
        }
    }

    /// Once it was asked to stop, what it still prints is let go.
    fn took(&mut self, read: &[u8]) {
        if read.is_empty() {
            self.out = None;
        } else if self.ending.asked == Asked::No {
            self.piece = read.to_vec();
        }
        if self.ending.status.is_some() {
            self.ending.drain();
        }
    }

    fn give(&mut self, room: mpsc::Permit<'_, Vec<u8>>) {
        room.send(std::mem::take(&mut self.piece));
        if self.ending.status.is_some() {
            self.ending.drain();
        }
    }

    fn stop(&mut self) {
        self.piece.clear();
        self.ending.ask(&self.running);
    }

    fn is_read(&self) -> bool {
        self.out.is_some() || !self.piece.is_empty() || self.err.is_open()
    }
}

/// What cannot be read has ended: the exit status says how it went.
async fn read(out: &mut Option<ChildStdout>, buffer: &mut [u8]) -> usize {
    match out {
        Some(out) => out.read(buffer).await.unwrap_or_default(),
        None => 0,
    }
}
