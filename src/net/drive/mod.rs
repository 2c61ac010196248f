//! The one driver of a session, for both roles: moves envelopes between a [`Link`] and a
//! [`Session`], and runs log sync beside it against the history.
//!
//! It decides nothing: who may come in and what else a message means is its [`Host`]'s. Reading
//! never waits for the peer to read; it waits only for this instance's own disk.
//!
//! 1. S5: what a hub acknowledges has been committed; the answers leave after the commit.
//! 2. S2: what an older session of the pair still brings is not written ([`Standing::current`]).
//! 3. G2: a change of grants reaches the session before its next message, and the feed before its
//!    next read.

mod credit;
mod feeding;
mod pasts;
mod running;
mod taking;
#[cfg(test)]
mod tests;

pub use credit::Credit;
pub use feeding::Feeding;
pub use pasts::Pasts;

use super::link::Link;
use crate::clock;
use crate::crypto::Identity;
use crate::grant::Grants;
use crate::model::KeyId;
use crate::reconcile::{FromHub, FromOrigin, Quota};
use crate::session::{
    Admission, Applicant, Code, Ending, Event, Now, Opened, Send as Outgoing, Session,
};
use crate::store::History;
use crate::wire::handshake::Offer;
use running::Running;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long a last message may take to leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// The daemon, as a session needs it.
pub trait Host: Send + Sync + 'static {
    /// Decides about somebody whose signature is verified; with the feed that was opened for it
    /// where it is accepted for a session.
    fn admit(
        &self,
        applicant: &Applicant,
    ) -> impl Future<Output = (Admission, Option<Feeding>)> + Send;

    /// The other side is known: what the session runs with, or the code that it is closed with.
    ///
    /// # Errors
    /// Why there is no session.
    fn stand(&self, opened: &Opened) -> Result<Standing, Code>;

    /// Everything that is not log sync. Must not block.
    fn note(&self, peer: KeyId, event: Event);

    /// The answer to a preview. Must not block.
    fn offered(&self, offer: Offer);

    /// Something about the log sync with this peer that a person should know. Must not block.
    fn alert(&self, peer: KeyId, message: String);
}

/// What an established session runs with.
pub struct Standing {
    /// The number of this session among all of its pair.
    pub generation: u64,
    /// The newest number; sessions with an older one write nothing.
    pub current: Arc<AtomicU64>,
    /// What the peer may do here.
    pub grants: watch::Receiver<Grants>,
    /// Ends the session once it holds a code.
    pub closing: watch::Receiver<Option<Code>>,
    /// What else is to be sent to this peer.
    pub outgoing: mpsc::Receiver<Box<Outgoing>>,
    /// How much of the peer's log is held.
    pub quota: Quota,
}

/// What every session of this instance uses.
#[derive(Clone)]
pub struct Ground {
    /// Who we are.
    pub identity: Arc<Identity>,
    /// Where the logs are.
    pub history: History,
    /// What earlier sessions left.
    pub pasts: Pasts,
    /// What peers may have under way to us.
    pub credit: Credit,
}

impl Ground {
    /// With no earlier sessions.
    #[must_use]
    pub fn new(identity: Arc<Identity>, history: History) -> Self {
        Self { identity, history, pasts: Pasts::default(), credit: Credit::default() }
    }
}

/// Both clocks now.
#[must_use]
pub fn now() -> Now {
    Now { monotonic: clock::monotonic(), wall: clock::now() }
}

/// Runs a session over a link until it ends, and answers how. A dialer brings the feed that its
/// errand was opened with.
pub async fn drive<H: Host>(
    session: Session,
    link: Link,
    feed: Option<Feeding>,
    ground: Ground,
    host: Arc<H>,
) -> Ending {
    // Boxed, and so is what runs: a task is as large as all that it ever holds in itself.
    let mut arriving = Box::new(Arriving { session, link, feed, host, ground });
    let arrived = arriving.handshake().await;
    let Arriving { session, link, feed, host, ground } = *arriving;
    match arrived {
        Ok((opened, standing, messages)) => {
            let feed = feed.unwrap_or_else(|| Feeding::closed(&ground, &opened.key));
            let parts = Running::new(session, ground, host, (opened, standing), feed);
            Box::new(parts).run(link, messages).await
        }
        Err(ending) => {
            farewell(session, link).await;
            ending
        }
    }
}

/// Messages of log sync that came with others.
#[derive(Default)]
struct Messages {
    from_origin: Vec<FromOrigin>,
    from_hub: Vec<FromHub>,
}

/// A session before it stands.
struct Arriving<H> {
    session: Session,
    link: Link,
    feed: Option<Feeding>,
    host: Arc<H>,
    ground: Ground,
}

type Arrived = (Box<Opened>, Standing, Messages);

impl<H: Host> Arriving<H> {
    async fn handshake(&mut self) -> Result<Arrived, Ending> {
        loop {
            let outcome = self.events().await;
            if let Some(outcome) = outcome {
                return outcome;
            }
            flush(&mut self.session, &mut self.link).await;
            self.wait().await;
        }
    }

    /// `Some` once the session stands or has ended.
    async fn events(&mut self) -> Option<Result<Arrived, Ending>> {
        let (mut opened, mut offered, mut messages) = (None, None, Messages::default());
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::HelloValid => self.link.half_open.valid_hello(),
                Event::Ask(applicant) => {
                    // Its signature is verified: the answer must reach it, also a refusal.
                    self.link.half_open.authenticated();
                    let (admission, feed) = self.host.admit(&applicant).await;
                    self.feed = feed;
                    self.session.admit(admission, now());
                }
                Event::Opened(other) => opened = Some(other),
                Event::FromOrigin(message) => messages.from_origin.push(message),
                Event::Offered(offer) => offered = Some(offer),
                Event::Closed(ending) => {
                    self.tell_visitor(opened, offered);
                    return Some(Err(ending));
                }
                other => tracing::debug!(event = other.name(), "not for a handshake"),
            }
        }
        let opened = opened?;
        self.link.half_open.authenticated();
        match self.host.stand(&opened) {
            Ok(standing) => Some(Ok((opened, standing, messages))),
            Err(code) => {
                self.session.close(code);
                Some(Err(Ending::Ours(code.reason())))
            }
        }
    }

    /// A call that is no session was answered.
    fn tell_visitor(&self, opened: Option<Box<Opened>>, offered: Option<Offer>) {
        if let Some(other) = opened {
            self.host.note(other.key, Event::Opened(other));
        }
        if let Some(offer) = offered {
            self.host.offered(offer);
        }
    }

    async fn wait(&mut self) {
        let deadline = until(&self.session);
        tokio::select! {
            came = self.link.incoming.next() => match came {
                Some(Ok(envelope)) => self.session.handle_envelope(envelope, now()),
                Some(Err(_)) | None => self.session.handle_cut(),
            },
            () = tokio::time::sleep(deadline) => self.session.handle_timeout(now()),
        }
    }
}

/// Sends all that the session has, for a bounded time.
async fn flush(session: &mut Session, link: &mut Link) {
    let sending = async {
        while let Some(envelope) = session.poll_transmit(now()) {
            if link.outgoing.send(envelope).await.is_err() {
                break;
            }
        }
    };
    // A peer that does not take a last message is cut.
    let _ = tokio::time::timeout(FAREWELL, sending).await;
}

/// Sends what is left, ends our direction, and lets the other side read it before the link goes.
async fn farewell(mut session: Session, mut link: Link) {
    flush(&mut session, &mut link).await;
    let Link { outgoing, mut incoming, half_open, .. } = link;
    drop(outgoing);
    let ended = async { while let Some(Ok(_)) = incoming.next().await {} };
    // Who does not end its direction in time is cut.
    let _ = tokio::time::timeout(FAREWELL, ended).await;
    drop(half_open);
}

/// How long the session may be left alone.
fn until(session: &Session) -> Duration {
    session.next_timeout().map_or(FAREWELL, |at| at.since(clock::monotonic()))
}
