//! The sessions of an instance: accepts and dials links, and keeps one session per pair of keys.
//!
//! What a session says beyond log sync goes to whoever attends it, as a [`Conversation`].
//!
//! 1. S2: who claims a pair and who is displaced is decided under one lock, for both roles.
//! 2. A claim ends with its link, so that the other direction may take the pair.
//! 3. G2: a change of a peer's grants is published to its running session by [`Links::regrant`].
//! 4. What waits for an attendant is bounded: a peer that talks faster than it is heard is cut.

use super::admission::Admissions;
use super::presence::Presences;
use super::roster::Roster;
use crate::grant::Grants;
use crate::model::{KeyId, LinkState};
use crate::net::drive::{Feeding, Ground, Host, Standing, drive, now};
use crate::net::{DialError, Dialer, Ladder, Link};
use crate::pairing::{PeerUrl, Token};
use crate::reconcile::Quota;
use crate::session::{
    Admission, Applicant, Claim, Code, DialledBy, Ending, Errand, Event, Local, Opened, Pairs,
    Send as Outgoing, Session, Timing, Verdict,
};
use crate::store::{StoreError, Trust};
use crate::wire::handshake::{Offer, Opening, Purpose, Redemption};
use crate::wire::tell;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

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
    dialer: Dialer,
    pairs: Mutex<Pairs>,
    lanes: Mutex<HashMap<KeyId, Lane>>,
    conversations: mpsc::UnboundedSender<Conversation>,
    dismissals: watch::Sender<BTreeSet<KeyId>>,
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

/// What this instance has to say to one peer's session.
struct Lane {
    current: Arc<AtomicU64>,
    grants: watch::Sender<Grants>,
    closing: Option<(u64, watch::Sender<Option<Code>>)>,
    outgoing: Option<mpsc::Sender<Box<Outgoing>>>,
}

/// Why a dialled session did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DialFailure {
    /// Nobody was reached.
    #[error(transparent)]
    Unreached(#[from] DialError),
    /// A fault of this instance.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no randomness.
    #[error(transparent)]
    Crypto(#[from] crate::crypto::CryptoError),
}

impl DialFailure {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreached(error) => error.remedy(),
            Self::Store(_) | Self::Crypto(_) => "see the log of this instance".to_owned(),
        }
    }
}

/// What came of a call on a listener.
#[derive(Debug, Clone)]
pub struct Visit {
    /// How it ended; code `done` is a yes to a preview, a pairing or a probe.
    pub ending: Ending,
    /// Whether a session stood.
    pub stood: bool,
    /// Who answered, where it accepted a call that is no session.
    pub opened: Option<Opened>,
    /// The answer to a preview.
    pub offer: Option<Offer>,
}

impl Visit {
    /// One that came to nothing.
    pub(super) const fn cut() -> Self {
        Self { ending: Ending::Cut, stood: false, opened: None, offer: None }
    }

    /// Whether the errand was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        Code::parse(self.ending.code()) == Some(Code::Done)
    }
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
            settings: watch::Sender::new(Arc::new(settings)),
            base,
            dialer: Dialer::default(),
            pairs: Mutex::new(Pairs::new(own)),
            lanes: Mutex::default(),
            conversations,
            dismissals: watch::Sender::default(),
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
    /// pair. `grants` is what the listener is told that it may do here.
    ///
    /// # Errors
    /// Nobody was reached.
    pub async fn present(
        self: &Arc<Self>,
        url: &PeerUrl,
        token: &Token,
        purpose: Purpose,
        grants: &Grants,
    ) -> Result<Visit, DialFailure> {
        let link = self.dialer.dial(url).await?;
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

    /// The running session with this peer obeys these grants before its next message.
    pub fn regrant(&self, peer: &KeyId, grants: Grants) {
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
        locked(&self.pairs).current(peer).is_some()
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
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn forget_clone(&self, peer: &KeyId) -> Result<(), StoreError> {
        locked(&self.pairs).forget_clone(peer);
        self.base.trust.forget_boots(peer)
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

    fn claim(&self, opened: &Opened, by: DialledBy) -> Result<Claimed, Code> {
        let peer = self.base.roster.peer(&opened.key).map_err(|_| Code::Internal)?;
        let peer = peer.filter(|peer| peer.removed_at.is_none()).ok_or(Code::UnknownPeer)?;
        // Held until the lane is taken: of two that claim at once, the newer displaces the older.
        let mut pairs = locked(&self.pairs);
        match pairs.claim(opened.key, by, opened.boot_id) {
            Claim::Takes { generation, .. } => {
                Ok(self.take_lane((opened.key, by), generation, peer.grants))
            }
            Claim::Duplicate => Err(Code::Duplicate),
            Claim::Clone => {
                // Nobody knows which of the two is connected now: both are refused.
                self.close(&opened.key, Code::Clone);
                Err(Code::Clone)
            }
            Claim::SelfDial => Err(Code::SelfDial),
        }
    }

    fn take_lane(
        &self,
        (peer, by): (KeyId, DialledBy),
        generation: u64,
        grants: Grants,
    ) -> Claimed {
        let mut lanes = locked(&self.lanes);
        let lane = lanes.entry(peer).or_insert_with(|| Lane {
            current: Arc::default(),
            grants: watch::Sender::new(Grants::none()),
            closing: None,
            outgoing: None,
        });
        let closing = watch::Sender::new(None);
        let (outgoing, to_send) = mpsc::channel(OUTGOING);
        let (events, heard) = mpsc::channel(UNHEARD);
        lane.current.store(generation, Ordering::Release);
        lane.grants.send_replace(grants);
        lane.outgoing = Some(outgoing.clone());
        let standing = Standing {
            generation,
            current: Arc::clone(&lane.current),
            grants: lane.grants.subscribe(),
            closing: closing.subscribe(),
            outgoing: to_send,
            quota: self.settings.borrow().quota,
        };
        if let Some((_, displaced)) = lane.closing.replace((generation, closing)) {
            displaced.send_replace(Some(Code::Replaced));
        }
        let grants = lane.grants.subscribe();
        let conversation = Conversation { peer, by, events: heard, outgoing, grants };
        Claimed { standing, events, conversation }
    }

    /// A link has ended: the pair is free, and how the peer is now can be seen. Whether a session
    /// stood on it.
    fn settle(&self, side: &Side, ending: &Ending) -> bool {
        let Some(place) = locked(&side.claimed).take() else { return false };
        self.release(&place);
        self.note_dismissal(place.peer, ending);
        if !self.is_connected(&place.peer) {
            self.base.presences.update(&place.peer, |presence| {
                presence.becomes(state_after(ending), Some(said(ending)));
            });
            self.base.roster.heard(&place.peer, None);
        }
        true
    }

    fn release(&self, place: &Place) {
        locked(&self.pairs).ended(place.peer, place.generation);
        // The lane stays: its number is what keeps this session's last messages from being written
        // once another one stands.
        if let Some(lane) = locked(&self.lanes).get_mut(&place.peer)
            && lane.current.load(Ordering::Acquire) == place.generation
        {
            (lane.closing, lane.outgoing) = (None, None);
        }
    }
}

/// What a person sees after a session with this ending.
#[must_use]
pub fn state_after(ending: &Ending) -> LinkState {
    match ending.verdict() {
        Verdict::Retry | Verdict::Duplicate => LinkState::Offline,
        Verdict::Refused => LinkState::Refused,
        Verdict::Incompatible => LinkState::Incompatible,
    }
}

/// The reason of an ending and its remedy.
#[must_use]
pub fn said(ending: &Ending) -> (String, String) {
    (ending.code().to_owned(), ending.remedy())
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

fn errand(listener: KeyId, purpose: Purpose, redemption: Option<Redemption>) -> Errand {
    let (grants, opening) = (Grants::none(), Opening::default());
    Errand { listener, purpose, redemption, grants, opening }
}

/// A pair taken by a session.
struct Claimed {
    standing: Standing,
    events: mpsc::Sender<Box<Event>>,
    conversation: Conversation,
}

/// What a link holds of its pair until it ends.
struct Place {
    peer: KeyId,
    generation: u64,
    events: mpsc::Sender<Box<Event>>,
}

/// One link's view of the instance: who dialled it, and from where.
struct Side {
    links: Arc<Links>,
    by: DialledBy,
    address: Option<String>,
    claimed: Mutex<Option<Place>>,
    /// What a listener said to a call that is no session.
    heard: Mutex<(Option<Opened>, Option<Offer>)>,
}

impl Side {
    fn new(links: &Arc<Links>, by: DialledBy, address: Option<String>) -> Self {
        let (claimed, heard) = (Mutex::default(), Mutex::default());
        Self { links: Arc::clone(links), by, address, claimed, heard }
    }

    fn refused(&self, peer: KeyId, code: Code) {
        if code == Code::Clone {
            let why = Some((code.as_str().to_owned(), code.remedy().to_owned()));
            let refused = |presence: &mut super::presence::Presence| {
                presence.becomes(LinkState::Refused, why);
            };
            self.links.base.presences.update(&peer, refused);
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // A task that was cut off in the middle leaves its pair as well.
        if let Some(place) = locked(&self.claimed).take() {
            self.links.release(&place);
        }
    }
}

impl Host for Side {
    async fn admit(&self, applicant: &Applicant) -> (Admission, Option<Feeding>) {
        let urls = self.links.settings().urls.clone();
        self.links.admissions.decide(applicant, urls, self.address.clone()).await
    }

    fn stand(&self, opened: &Opened) -> Result<Standing, Code> {
        let claimed = self.links.claim(opened, self.by);
        let Claimed { standing, events, conversation } =
            claimed.inspect_err(|code| self.refused(opened.key, *code))?;
        let place = Place { peer: opened.key, generation: standing.generation, events };
        *locked(&self.claimed) = Some(place);
        self.links.dismissals.send_if_modified(|dismissed| dismissed.remove(&opened.key));
        self.links.base.presences.update(&opened.key, |presence| {
            presence.becomes(LinkState::Connected, None);
            presence.alert = None;
            presence.address.clone_from(&self.address);
        });
        // Nobody attends: then sessions do log sync and nothing else.
        let _ = self.links.conversations.send(conversation);
        Ok(standing)
    }

    fn note(&self, peer: KeyId, event: Event) {
        let claimed = locked(&self.claimed);
        let Some(place) = claimed.as_ref() else {
            if let Event::Opened(opened) = event {
                locked(&self.heard).0 = Some(*opened);
            }
            return;
        };
        match place.events.try_send(Box::new(event)) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            // The newest will come again.
            Err(mpsc::error::TrySendError::Full(event)) if matches!(*event, Event::Progress(_)) => {
            }
            Err(mpsc::error::TrySendError::Full(event)) => {
                tracing::warn!(%peer, event = event.name(), "a peer says more than can be heard");
                self.links.close(&peer, Code::Busy);
            }
        }
    }

    fn offered(&self, offer: Offer) {
        locked(&self.heard).1 = Some(offer);
    }

    fn alert(&self, peer: KeyId, message: String) {
        tracing::warn!(%peer, message, "log sync needs a look");
        let since = crate::clock::now();
        self.links.base.presences.update(&peer, |presence| presence.alert = Some((message, since)));
    }
}
