//! The protocol between two instances, both roles, without I/O.
//!
//! A [`Session`] is a value: bytes and time go in, bytes and events come out. It opens no socket,
//! reads no clock and no database; what it must know of this instance it asks for with
//! [`Event::Ask`], and log sync itself is `reconcile`'s, which the driver runs beside it.
//!
//! The contract, in the order of a driver's loop:
//! 1. make it with [`Session::dial`] or [`Session::listen`];
//! 2. give it what came: [`Session::handle_envelope`], [`Session::handle_timeout`],
//!    [`Session::handle_cut`], [`Session::admit`], and what is to be sent ([`Session::send`] and
//!    its like);
//! 3. take all of [`Session::poll_event`], then all of [`Session::poll_transmit`];
//! 4. call [`Session::handle_timeout`] not later than [`Session::next_timeout`].
//!
//! After [`Event::Closed`] nothing more comes but what `poll_transmit` still holds.
//!
//! ```text
//! dialer    ExpectReply ── ExpectAnswer ─────────────┬── Established ── Closed
//! listener  ExpectHello ── ExpectAuth ── Admitting ──┘
//! ```
//!
//! Invariants: S1 no event but [`Event::HelloValid`] comes before the peer's signature over this
//! channel's transcript is verified; G2 [`Session::set_grants`] is obeyed by the next message;
//! G4 what is sent is checked against the grants when it is sent; P2 a token's secret is sealed
//! only to the authenticated listener; C1 the channel latches shut at the first record that fails.

mod close;
mod established;
mod handshake;
mod outbox;
mod pairs;
#[cfg(test)]
mod tests;

pub use close::{Code, Ending, Verdict};
pub use pairs::{Claim, DialledBy, Pairs};

use crate::crypto::{CryptoError, Identity};
use crate::grant::Grants;
use crate::model::{InstanceId, KeyId, Timestamp};
use crate::reconcile::{FromHub, FromOrigin};
use crate::wire::handshake::{Offer, Opening, Purpose, Redemption};
use crate::wire::proto::sync::Envelope;
use crate::wire::{
    CloseReason, CommandRequest, CommandUpdate, LogChunk, LogRequest, Notice, RunProgress,
    SharedRepoRecord, SharedRepoReport, SharedRepoSet, ToldGrant,
};
use established::Established;
use handshake::Handshake;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Both clocks, read together by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Never goes back: deadlines.
    pub monotonic: Timestamp,
    /// What people and peers see.
    pub wall: Timestamp,
}

/// Who this instance is in its sessions.
#[derive(Clone)]
pub struct Local {
    /// Its key.
    pub identity: Arc<Identity>,
    /// Its name.
    pub instance: InstanceId,
    /// Random per process start.
    pub boot_id: [u8; 16],
    /// Name and version of the program.
    pub software: String,
}

/// The times that a session keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often a heartbeat is sent.
    pub heartbeat: Duration,
    /// The silence after which a link is dead.
    pub dead_after: Duration,
    /// For the whole handshake.
    pub handshake: Duration,
    /// After which a session is replaced by a fresh one.
    pub renew_after: Duration,
}

impl Timing {
    /// From the heartbeat of the config: dead after three of them.
    #[must_use]
    pub fn with_heartbeat(heartbeat: Duration) -> Self {
        Self {
            heartbeat,
            dead_after: heartbeat * 3,
            handshake: Duration::from_secs(5),
            renew_after: Duration::from_secs(24 * 3600),
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::with_heartbeat(Duration::from_secs(15))
    }
}

/// What a dialer sets out to do.
#[derive(Clone)]
pub struct Errand {
    /// Who must answer: told nothing about us unless it proves this key.
    pub listener: KeyId,
    /// What for.
    pub purpose: Purpose,
    /// For the purposes preview and pair.
    pub redemption: Option<Redemption>,
    /// What the listener may do here.
    pub grants: Grants,
    /// The start of the session, as read for `grants`.
    pub opening: Opening,
}

/// Somebody whose signature is verified asks to come in.
#[derive(Clone)]
pub struct Applicant {
    /// Who.
    pub key: KeyId,
    /// The public key behind it.
    pub public_key: [u8; 32],
    /// The name it uses for itself.
    pub instance: InstanceId,
    /// What for.
    pub purpose: Purpose,
    /// Random per process start.
    pub boot_id: [u8; 16],
    /// Name and version of its program.
    pub software: String,
    /// For the purposes preview and pair.
    pub redemption: Option<Redemption>,
}

/// The driver's answer to an applicant.
#[derive(Clone)]
pub enum Admission {
    /// Come in.
    Accept {
        /// What the dialer may do here.
        grants: Grants,
        /// The same as it is told, and the SyncHello.
        opening: Opening,
        /// Where this instance is reached.
        urls: Vec<String>,
    },
    /// Answers a preview.
    Offer(Offer),
    /// No.
    Refuse(CloseReason),
}

/// The other side of a session that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Who.
    pub key: KeyId,
    /// The public key behind it.
    pub public_key: [u8; 32],
    /// The name it uses for itself.
    pub instance: InstanceId,
    /// Random per process start.
    pub boot_id: [u8; 16],
    /// Name and version of its program.
    pub software: String,
    /// What we may do there.
    pub granted: Vec<ToldGrant>,
    /// Where it says it is reached (of a listener).
    pub urls: Vec<String>,
    /// Its clock minus ours when it answered, roughly (of a listener).
    pub clock_ahead_ms: Option<i64>,
}

/// What happened.
pub enum Event {
    /// The dialer knows our key id and speaks our version; nothing else is known of it.
    HelloValid,
    /// Answer with [`Session::admit`].
    Ask(Box<Applicant>),
    /// The session stands, or a probe or pairing was accepted.
    Opened(Box<Opened>),
    /// The answer to a preview.
    Offered(Offer),
    /// The peer says what we may do there.
    Granted(Vec<ToldGrant>),
    /// The peer's clock minus ours, measured by a heartbeat.
    ClockAhead {
        /// Milliseconds.
        millis: i64,
    },
    /// About the peer's log. Checkpoints are verified.
    FromOrigin(FromOrigin),
    /// About our log.
    FromHub(FromHub),
    /// A message of the own log was not sent, because the grants changed after it was read, nor the
    /// batches that waited behind it: begin again with a SyncHello.
    Withheld {
        /// Batches among them: they used no credit.
        batches: u32,
    },
    /// How far a running operation of the peer is.
    Progress(RunProgress),
    /// Repos that the peer shares.
    SharedRepos(SharedRepoSet),
    /// Repos that the peer took back.
    SharedRepoRecords(Vec<SharedRepoRecord>),
    /// What the peer made of ours.
    SharedRepoReport(SharedRepoReport),
    /// The peer wants a log text of ours; whether it may is checked by the driver (G4).
    LogRequest(LogRequest),
    /// A part of a log text of the peer's.
    LogChunk(LogChunk),
    /// The peer wants something done here; whether it may is checked by the driver (G4).
    CommandRequest(CommandRequest),
    /// What became of a command of ours.
    CommandUpdate(CommandUpdate),
    /// The peer moved, was renamed, or removed us.
    Notice(Notice),
    /// It is time for a fresh session; dial one, this one is replaced by it.
    Renew,
    /// The end.
    Closed(Ending),
}

impl Event {
    /// One word for logs: an event itself may carry what must not be printed.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HelloValid => "hello-valid",
            Self::Ask(_) => "ask",
            Self::Opened(_) => "opened",
            Self::Offered(_) => "offered",
            Self::Granted(_) => "granted",
            Self::ClockAhead { .. } => "clock-ahead",
            Self::FromOrigin(_) => "from-origin",
            Self::FromHub(_) => "from-hub",
            Self::Withheld { .. } => "withheld",
            Self::Progress(_) => "progress",
            Self::SharedRepos(_) => "shared-repos",
            Self::SharedRepoRecords(_) => "shared-repo-records",
            Self::SharedRepoReport(_) => "shared-repo-report",
            Self::LogRequest(_) => "log-request",
            Self::LogChunk(_) => "log-chunk",
            Self::CommandRequest(_) => "command-request",
            Self::CommandUpdate(_) => "command-update",
            Self::Notice(_) => "notice",
            Self::Renew => "renew",
            Self::Closed(_) => "closed",
        }
    }
}

/// What the driver may ask to be sent.
pub enum Send {
    /// About our own log; what was read together (see [`Session::wants_origin`]).
    FromOrigin(FromOrigin),
    /// About the peer's log, once it is durable.
    FromHub(FromHub),
    /// Latest wins per operation.
    Progress(RunProgress),
    /// Latest wins.
    SharedRepos(SharedRepoSet),
    /// Latest wins.
    SharedRepoRecords(Vec<SharedRepoRecord>),
    /// Latest wins.
    SharedRepoReport(SharedRepoReport),
    /// One outstanding.
    LogRequest(LogRequest),
    /// One outstanding.
    LogChunk(LogChunk),
    /// One outstanding.
    CommandRequest(CommandRequest),
    /// One outstanding.
    CommandUpdate(CommandUpdate),
    /// We moved, were renamed, or removed the peer.
    Notice(Notice),
}

enum State {
    Handshake(Box<Handshake>),
    Established(Box<Established>),
    Closed,
}

/// See the module.
pub struct Session {
    local: Local,
    timing: Timing,
    grants: Grants,
    /// What a dialer's listener has to be called.
    expected: Option<InstanceId>,
    state: State,
    deadline: Timestamp,
    transmit: VecDeque<Envelope>,
    events: VecDeque<Event>,
    skipped: u64,
}

impl Session {
    /// A dialer, with its first envelope ready to be sent.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn dial(
        local: Local,
        errand: Errand,
        timing: Timing,
        now: Now,
    ) -> Result<Self, CryptoError> {
        let mut session = Self::new(local, timing, now, errand.grants.clone());
        let (handshake, hello) = Handshake::dial(errand)?;
        session.state = State::Handshake(Box::new(handshake));
        session.transmit.push_back(hello);
        Ok(session)
    }

    /// A dialer tells a listener with another name nothing more, a token least of all.
    pub fn expect_instance(&mut self, instance: InstanceId) {
        self.expected = Some(instance);
    }

    /// A listener, for a stream that was just accepted.
    #[must_use]
    pub fn listen(local: Local, timing: Timing, now: Now) -> Self {
        let mut session = Self::new(local, timing, now, Grants::none());
        session.state = State::Handshake(Box::new(Handshake::ExpectHello));
        session
    }

    fn new(local: Local, timing: Timing, now: Now, grants: Grants) -> Self {
        Self {
            local,
            timing,
            grants,
            expected: None,
            state: State::Closed,
            deadline: now.monotonic.plus(timing.handshake),
            transmit: VecDeque::new(),
            events: VecDeque::new(),
            skipped: 0,
        }
    }

    /// Takes one envelope from the carrier.
    pub fn handle_envelope(&mut self, envelope: Envelope, now: Now) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Handshake(handshake) => self.step(*handshake, envelope, now),
            State::Established(established) => self.receive(established, envelope, now),
            State::Closed => {}
        }
    }

    /// Answers [`Event::Ask`]. Ignored when nobody waits for it any more.
    pub fn admit(&mut self, admission: Admission, now: Now) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Handshake(handshake) => self.answer(*handshake, admission, now),
            other @ (State::Established(_) | State::Closed) => self.state = other,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        match &mut self.state {
            State::Handshake(_) if now.monotonic >= self.deadline => {
                self.end(Ending::HandshakeTimeout);
            }
            State::Established(_) => self.keep_time(now),
            State::Handshake(_) | State::Closed => {}
        }
    }

    /// When [`Session::handle_timeout`] is due, by the monotonic clock.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match &self.state {
            State::Handshake(_) => Some(self.deadline),
            State::Established(established) => Some(established.next_timeout()),
            State::Closed => None,
        }
    }

    /// The link is gone.
    pub fn handle_cut(&mut self) {
        self.end(Ending::Cut);
    }

    /// The next envelope to be sent. Sealed only now, so the most urgent goes first.
    pub fn poll_transmit(&mut self, now: Now) -> Option<Envelope> {
        self.transmit.pop_front().or_else(|| self.seal_next(now))
    }

    /// Whether [`Session::poll_transmit`] may have something.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        let waiting = match &self.state {
            State::Established(established) => !established.outbox.is_empty(),
            State::Handshake(_) | State::Closed => false,
        };
        waiting || !self.transmit.is_empty()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Ends the session with a close that the peer is told.
    pub fn close(&mut self, code: Code) {
        self.close_for(code.reason());
    }

    /// Whether the session stands.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Messages and fields of a kind that this version does not know.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn end(&mut self, ending: Ending) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
        }
        // Endings are said once: the first one is the cause.
        if !self.events.iter().any(|event| matches!(event, Event::Closed(_))) {
            self.event(Event::Closed(ending));
        }
    }
}
