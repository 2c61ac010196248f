//! What a link may cost before it is authenticated, and cutting one that costs more.
//!
//! It counts the frames of gRPC as they arrive, before their messages are put together.

use super::half_open::HalfOpenLink;
use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a link may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The largest message before authentication, in bytes.
    pub message: usize,
    /// All that may arrive before authentication, in bytes.
    pub in_all: usize,
    /// How long authentication may take.
    pub time: Duration,
    /// The largest message after authentication, in bytes.
    pub record: usize,
}

impl Budget {
    /// What a listener gives a stranger.
    pub const LISTENER: Self = Self {
        message: 8 * 1024,
        in_all: 64 * 1024,
        time: Duration::from_secs(5),
        record: super::MAX_MESSAGE,
    };
    /// What a dialer gives what it has reached: as much, and time for a listener that is being
    /// called by everyone at once.
    pub const DIALER: Self = Self { time: Duration::from_secs(20), ..Self::LISTENER };
}

/// A message or a sum that is over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Overrun {
    /// One message.
    #[error("message of {size} bytes, at most {limit} are taken")]
    Message {
        /// As its header says.
        size: usize,
        /// The limit in force.
        limit: usize,
    },
    /// All of them, before authentication.
    #[error("{size} bytes before authentication, at most {limit} are taken")]
    InAll {
        /// So far.
        size: usize,
        /// The limit in force.
        limit: usize,
    },
    /// The frame's first byte is not zero: compression is never negotiated.
    #[error("compressed message, none are taken")]
    Compressed,
}

/// Why we cut a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CutReason {
    /// Authentication took longer than its budget.
    #[error("not authenticated within {0:?}")]
    Slow(Duration),
    /// It went so that a newer half-open link could come.
    #[error("too many half-open links")]
    Displaced,
    /// Whoever held it let go of it before it was authenticated.
    #[error("dropped before it was authenticated")]
    Dropped,
    /// The other side sent more than its budget.
    #[error("{0}")]
    Overrun(Overrun),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    HalfOpen,
    Authenticated,
    Cut(CutReason),
}

/// Shared by all parts of a link: whether it is authenticated, and whether it has been cut.
pub(super) struct Gate {
    phase: watch::Sender<Phase>,
    budget: Budget,
    since: Instant,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&*self.phase.borrow()).finish()
    }
}

impl Gate {
    pub(super) fn half_open(budget: Budget) -> Arc<Self> {
        Arc::new(Self { phase: watch::Sender::new(Phase::HalfOpen), budget, since: Instant::now() })
    }

    pub(super) fn authenticated(&self) {
        self.leave_half_open(Phase::Authenticated);
    }

    /// Cuts the link if it is still half-open.
    pub(super) fn cut_half_open(&self, reason: CutReason) {
        self.leave_half_open(Phase::Cut(reason));
    }

    fn leave_half_open(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let half_open = *phase == Phase::HalfOpen;
            if half_open {
                *phase = to;
            }
            half_open
        });
    }

    fn overrun(&self, overrun: Overrun) {
        self.phase.send_replace(Phase::Cut(CutReason::Overrun(overrun)));
    }

    /// Why the link was cut, if it was.
    pub(super) fn cut_reason(&self) -> Option<CutReason> {
        match *self.phase.borrow() {
            Phase::Cut(reason) => Some(reason),
            Phase::HalfOpen | Phase::Authenticated => None,
        }
    }

    fn is_authenticated(&self) -> bool {
        *self.phase.borrow() == Phase::Authenticated
    }

    /// Returns when the link is to end; never, while it is authenticated.
    pub(super) async fn cut(self: Arc<Self>) -> CutReason {
        let mut phase = self.phase.subscribe();
        let settled = phase.wait_for(|phase| *phase != Phase::HalfOpen);
        if tokio::time::timeout_at(self.since + self.budget.time, settled).await.is_err() {
            self.cut_half_open(CutReason::Slow(self.budget.time));
        }
        loop {
            let _ = *phase.borrow_and_update();
            if let Some(reason) = self.cut_reason() {
                return reason;
            }
            // The sender is `self`, so this waits for a change and nothing else.
            let _ = phase.changed().await;
        }
    }
}

/// Reads gRPC's frame headers (one byte, then the message's length) off the bytes that arrive.
#[derive(Debug, Default)]
pub struct FrameBudget {
    header: [u8; 5],
    filled: usize,
    message_left: usize,
    in_all: usize,
}

impl FrameBudget {
    /// Takes note of `bytes`; an error as soon as a header or the sum is over its limit.
    pub fn see(
        &mut self,
        mut bytes: &[u8],
        budget: &Budget,
        is_authenticated: bool,
    ) -> Result<(), Overrun> {
        if !is_authenticated {
            self.count(bytes.len(), budget.in_all)?;
        }
        let limit = if is_authenticated { budget.record } else { budget.message };
        while !bytes.is_empty() {
            if self.message_left > 0 {
                let part = self.message_left.min(bytes.len());
                self.message_left -= part;
                bytes.advance(part);
            } else {
                self.header_byte(bytes.get_u8(), limit)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, more: usize, limit: usize) -> Result<(), Overrun> {
        self.in_all = self.in_all.saturating_add(more);
        if self.in_all > limit {
            return Err(Overrun::InAll { size: self.in_all, limit });
        }
        Ok(())
    }

    fn header_byte(&mut self, byte: u8, limit: usize) -> Result<(), Overrun> {
        self.header[self.filled] = byte;
        self.filled += 1;
        if self.filled < self.header.len() {
            return Ok(());
        }
        self.filled = 0;
        let [compressed, length @ ..] = self.header;
        let size = u32::from_be_bytes(length) as usize;
        if compressed != 0 {
            return Err(Overrun::Compressed);
        }
        if size > limit {
            return Err(Overrun::Message { size, limit });
        }
        self.message_left = size;
        Ok(())
    }
}

/// The bytes of a link's incoming direction, passed on as long as they are within budget.
#[derive(Debug)]
pub(super) struct GatedBody<B> {
    body: B,
    frames: FrameBudget,
    gate: Arc<Gate>,
}

impl<B> GatedBody<B> {
    pub(super) fn new(body: B, half_open: &HalfOpenLink) -> Self {
        Self { body, frames: FrameBudget::default(), gate: Arc::clone(half_open.gate()) }
    }

    fn see(&mut self, bytes: &[u8]) -> Result<(), tonic::Status> {
        let authenticated = self.gate.is_authenticated();
        self.frames.see(bytes, &self.gate.budget, authenticated).map_err(|overrun| {
            self.gate.overrun(overrun);
            tonic::Status::resource_exhausted(overrun.to_string())
        })
    }
}

impl<B> Body for GatedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(broken(&error)))),
            None => return Poll::Ready(None),
        };
        let seen = frame.data_ref().map_or(Ok(()), |bytes| self.see(bytes));
        Poll::Ready(Some(seen.map(|()| frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The innermost cause says what happened; the layers around it only that something did.
fn broken(error: &(dyn std::error::Error + 'static)) -> tonic::Status {
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    tonic::Status::unavailable(innermost.unwrap_or(error).to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
