//! The sessions of an instance: accepts and dials links, and keeps one session per pair of keys.
//!
//! What a session says beyond log sync goes to whoever attends it, as a [`Conversation`].
//!
//! 1. S2: who claims a pair and who is displaced is decided under one lock, for both roles.
//! 2. A claim ends with its link, so that the other direction may take the pair.
//! 3. G2: a change of a peer's grants is published to its running session by [`Links::regrant`],
//!    which reads what is stored: of two changes at once, the one published last has seen both.
//! 4. What waits for an attendant is bounded: a peer that talks faster than it is heard is cut.

mod claim;
pub mod refusals;
mod side;
mod visit;

pub use visit::{DialFailure, Visit, said, state_after};

use super::admission::Admissions;
use super::presence::Presences;
use super::roster::Roster;
use crate::grant::Grants;
use crate::model::KeyId;
use crate::net::drive::{Feeding, Ground, drive, now};
use crate::net::{Dialer, Ladder, Link};
use crate::pairing::{PeerUrl, Token};
use crate::reconcile::Quota;
use crate::session::{
    Code, DialledBy, Ending, Errand, Event, Local, Pairs, Send as Outgoing, Session, Timing,
};
use crate::store::{StoreError, Trust};
use crate::wire::handshake::{Opening, Purpose, Redemption};
use crate::wire::tell;
use claim::{Lane, Place};
use refusals::Refusals;
use side::Side;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use visit::errand;

/// What waits to be sent to one peer. Boxed, as all that sessions hand on: a channel keeps room for
/// 32 of them at each session, also at an idle one.
const OUTGOING: usize = 16;
/// What waits to be heard of one peer.
const UNHEARD: usize = 64;

/// What of this instance every session uses, and what a change of the configuration changes.
#[derive(Clone)]
pub struct Settings {
    /// Who we are.
    pub local: Local,
    /// The times that sessions keep.
    pub timing: Timing,
    /// Where we are reached.
    pub urls: Vec<String>,
    /// How much of each peer's log is held.
    pub quota: Quota,
}

/// What every session of this instance stands on.
pub struct Base {
    /// The identity and the logs.
    pub ground: Ground,
    /// The pairings.
    pub trust: Arc<Trust>,
    /// The peers.
    pub roster: Arc<Roster>,
    /// How the links to them are.
    pub presences: Arc<Presences>,
}

/// Every session of this instance.
pub struct Links {
    settings: watch::Sender<Arc<Settings>>,
    base: Base,
    admissions: Admissions,
    refusals: Refusals,
    dialer: Dialer,
    pairs: Mutex<Pairs>,
    lanes: Mutex<HashMap<KeyId, Lane>>,
    /// Held while grants are read and published, so that none is published that is older than another.
    granting: Mutex<()>,
    conversations: mpsc::UnboundedSender<Conversation>,
    dismissals: watch::Sender<BTreeSet<KeyId>>,
    stopping: AtomicBool,
}

/// A session that stands, for whoever attends it: everything that is not log sync.
pub struct Conversation {
    /// With whom.
    pub peer: KeyId,
    /// Who dialled.
    pub by: DialledBy,
    /// What the session says; first [`Event::Opened`]. Closed with the session.
    pub events: mpsc::Receiver<Box<Event>>,
    /// What is to be sent. Closed with the session.
    pub outgoing: mpsc::Sender<Box<Outgoing>>,
    /// What the peer may do here now.
    pub grants: watch::Receiver<Grants>,
}
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the lock holds is whole between any two statements that change it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
impl Links {
    /// None yet; each that will stand comes out of the receiver.
    #[must_use]
    pub fn new(
        settings: Settings,
        base: Base,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Conversation>) {
        let own = base.ground.identity.key_id();
        let (conversations, attend) = mpsc::unbounded_channel();
        let links = Arc::new(Self {
            admissions: Admissions::new(
                Arc::clone(&base.trust),
                Arc::clone(&base.roster),
                base.ground.clone(),
            ),
            refusals: Refusals::default(),
            settings: watch::Sender::new(Arc::new(settings)),
            base,
            dialer: Dialer::default(),
            pairs: Mutex::new(Pairs::new(own)),
            lanes: Mutex::default(),
            granting: Mutex::default(),
            conversations,
            dismissals: watch::Sender::default(),
            stopping: AtomicBool::new(false),
        });
        (links, attend)
    }

    /// What sessions that begin from now on use.
    pub fn resettle(&self, settings: Settings) {
        self.settings.send_replace(Arc::new(settings));
    }

    /// What sessions use that begin now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// Changes whenever [`Links::settings`] does.
    #[must_use]
    pub fn resettled(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// Who was refused here.
    #[must_use]
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Runs a session over a link that somebody dialled, in a task of its own.
    pub fn accept(self: &Arc<Self>, link: Link) {
        let address = link.remote.client.map(|client| client.to_string());
        let side = Arc::new(Side::new(self, DialledBy::Them, address));
        let settings = self.settings();
        let session = Session::listen(settings.local.clone(), jittered(settings.timing), now());
        let (links, ground) = (Arc::clone(self), self.base.ground.clone());
        tokio::spawn(async move {
            let ending = drive(session, link, None, ground, Arc::clone(&side)).await;
            tracing::debug!(code = ending.code(), "a session that was accepted has ended");
            links.settle(&side, &ending);
        });
    }

    /// Dials a known host and runs a session until it ends.
    ///
    /// # Errors
    /// Nobody was reached, or the own log cannot be read.
    pub async fn dial(
        self: &Arc<Self>,
        url: &PeerUrl,
        listener: KeyId,
    ) -> Result<Visit, DialFailure> {
        let roster = Arc::clone(&self.base.roster);
        let read = tokio::task::spawn_blocking(move || roster.peer(&listener)).await;
        let peer = read.unwrap_or(Err(StoreError::Closed))?;
        let grants = peer.map(|peer| peer.grants).unwrap_or_default();
        let (feed, sync_hello) = Feeding::open(&self.base.ground, &listener, &grants).await?;
        let opening = Opening { granted: tell(&grants), sync_hello };
        let errand =
            Errand { listener, purpose: Purpose::Session, redemption: None, grants, opening };
        let link = self.dialer.dial(url).await?;
        let visit = self.run(link, self.session(errand)?, Some(feed)).await?;
        self.note_dismissal(listener, &visit.ending);
        Ok(visit)
    }

    /// Presents a token to the listener that it names and to no other: to see what it offers, or to
    /// pair. `grants` is what the listener is told that it may do here. The way there is noted on
    /// `ladder`.
    ///
    /// # Errors
    /// Nobody was reached.
    pub async fn present(
        self: &Arc<Self>,
        url: &PeerUrl,
        token: &Token,
        (purpose, grants): (Purpose, &Grants),
        ladder: &mut Ladder,
    ) -> Result<Visit, DialFailure> {
        let link = self.dialer.climb(url, ladder).await?;
        let redemption = Redemption { secret: token.secret.reveal(), grants: tell(grants) };
        let mut session = self.session(errand(token.listener, purpose, Some(redemption)))?;
        session.expect_instance(token.instance.clone());
        self.run(link, session, None).await
    }

    /// Climbs to a listener and asks whether it would take a session; each step is noted.
    ///
    /// # Errors
    /// Nobody was reached.
    pub async fn probe(
        self: &Arc<Self>,
        url: &PeerUrl,
        listener: KeyId,
        ladder: &mut Ladder,
    ) -> Result<Visit, DialFailure> {
        let link = self.dialer.climb(url, ladder).await?;
        self.run(link, self.session(errand(listener, Purpose::Probe, None))?, None).await
    }

    fn session(&self, errand: Errand) -> Result<Session, DialFailure> {
        let settings = self.settings();
        Ok(Session::dial(settings.local.clone(), errand, jittered(settings.timing), now())?)
    }

    async fn run(
        self: &Arc<Self>,
        link: Link,
        session: Session,
        feed: Option<Feeding>,
    ) -> Result<Visit, DialFailure> {
        let address = Some(link.remote.socket.to_string());
        let side = Arc::new(Side::new(self, DialledBy::Us, address));
        let ground = self.base.ground.clone();
        let ending = drive(session, link, feed, ground, Arc::clone(&side)).await;
        let stood = self.settle(&side, &ending);
        let (opened, offer) = std::mem::take(&mut *locked(&side.heard));
        Ok(Visit { ending, stood, opened, offer })
    }

    /// The running session with this peer obeys the grants that it has now, before its next message.
    /// Reads the store, so it blocks.
    pub fn regrant(&self, peer: &KeyId) {
        let _turn = locked(&self.granting);
        match self.grants_of(peer) {
            Ok(grants) => self.publish(peer, grants),
            Err(error) => {
                tracing::error!(%error, %peer, "its grants cannot be read; its session ends");
                self.publish(peer, Grants::none());
                self.close(peer, Code::Internal);
            }
        }
    }

    /// As [`Links::regrant`], for every peer.
    pub fn regrant_all(&self) {
        let peers: Vec<_> = locked(&self.lanes).keys().copied().collect();
        peers.iter().for_each(|peer| self.regrant(peer));
    }

    fn grants_of(&self, peer: &KeyId) -> Result<Grants, StoreError> {
        let known = self.base.roster.peer(peer)?.filter(|known| known.removed_at.is_none());
        Ok(known.map(|known| known.grants).unwrap_or_default())
    }

    fn publish(&self, peer: &KeyId, grants: Grants) {
        if let Some(lane) = locked(&self.lanes).get(peer) {
            lane.grants.send_if_modified(|now| {
                let is_changed = *now != grants;
                *now = grants;
                is_changed
            });
        }
    }

    /// Ends the running session with this peer, if there is one.
    pub fn close(&self, peer: &KeyId, code: Code) {
        if let Some((_, closing)) = locked(&self.lanes).get(peer).and_then(|l| l.closing.as_ref()) {
            closing.send_replace(Some(code));
        }
    }

    /// Ends that session, and none that has taken its place.
    fn close_one(&self, place: &Place, code: Code) {
        if let Some((generation, closing)) =
            locked(&self.lanes).get(&place.peer).and_then(|lane| lane.closing.as_ref())
            && *generation == place.generation
        {
            closing.send_replace(Some(code));
        }
    }

    /// Ends every session, lets none begin any more, and returns once all have said goodbye.
    pub async fn stop(&self) {
        {
            // Whoever claims a pair holds this until its lane can be seen.
            let _pairs = locked(&self.pairs);
            self.stopping.store(true, Ordering::Release);
        }
        self.close_all(Code::Shutdown);
        let mut changes = self.base.presences.changes();
        loop {
            changes.mark_unchanged();
            if self.connected().is_empty() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends every running session.
    pub fn close_all(&self, code: Code) {
        for lane in locked(&self.lanes).values() {
            if let Some((_, closing)) = &lane.closing {
                closing.send_replace(Some(code));
            }
        }
    }

    /// Whether a session with this peer stands.
    #[must_use]
    pub fn is_connected(&self, peer: &KeyId) -> bool {
        self.generation(peer).is_some()
    }

    /// The number of the session that stands with this peer.
    #[must_use]
    pub fn generation(&self, peer: &KeyId) -> Option<u64> {
        locked(&self.pairs).current(peer)
    }

    /// Every peer with a session that stands.
    #[must_use]
    pub fn connected(&self) -> Vec<KeyId> {
        let peers: Vec<_> = locked(&self.lanes).keys().copied().collect();
        peers.into_iter().filter(|peer| self.is_connected(peer)).collect()
    }

    /// The way to say something to this peer, where a session stands.
    #[must_use]
    pub fn outgoing(&self, peer: &KeyId) -> Option<mpsc::Sender<Box<Outgoing>>> {
        let lanes = locked(&self.lanes);
        lanes.get(peer)?.outgoing.clone().filter(|outgoing| !outgoing.is_closed())
    }

    /// A person picked the real one of two machines with this key: whoever connects next is it.
    pub fn forget_clone(&self, peer: &KeyId) {
        locked(&self.pairs).forget_clone(peer);
    }

    /// Every peer whose last word, its key being verified, was that it removed us.
    #[must_use]
    pub fn dismissals(&self) -> watch::Receiver<BTreeSet<KeyId>> {
        self.dismissals.subscribe()
    }

    fn note_dismissal(&self, peer: KeyId, ending: &Ending) {
        let Ending::Theirs(reason) = ending else { return };
        if matches!(Code::parse(&reason.code), Some(Code::Denied | Code::Removed)) {
            self.dismissals.send_if_modified(|dismissed| dismissed.insert(peer));
        }
    }
}

/// Renewals of sessions that began together do not come together.
fn jittered(timing: Timing) -> Timing {
    let mut random = [0; 4];
    // Without randomness they come together, and nothing else is wrong.
    let _ = getrandom::fill(&mut random);
    let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
    let earlier = timing.renew_after.mul_f64(0.1 * share);
    Timing {
        renew_after: timing.renew_after.saturating_sub(earlier).max(Duration::from_secs(1)),
        ..timing
    }
}
