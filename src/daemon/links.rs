//! The sessions of an instance: accepts and dials links, and keeps one session per pair of keys.
//!
//! 1. S2: who claims a pair and who is displaced is decided under one lock, for both roles.
//! 2. A claim ends with its link, so that the other direction may take the pair.
//! 3. G2: a change of a peer's grants is published to its running session by [`Links::regrant`].

use super::admission::Admissions;
use crate::grant::Grants;
use crate::model::KeyId;
use crate::net::drive::{Feeding, Ground, Host, Standing, drive, now};
use crate::net::{DialError, Dialer, Link};
use crate::pairing::PeerUrl;
use crate::reconcile::Quota;
use crate::session::{
    Admission, Applicant, Claim, Code, DialledBy, Ending, Errand, Event, Local, Opened, Pairs,
    Send as Outgoing, Session, Timing,
};
use crate::store::{StoreError, Trust};
use crate::wire::handshake::{Opening, Purpose, Redemption};
use crate::wire::tell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// What waits to be sent to one peer.
const OUTGOING: usize = 16;

/// Every session of this instance.
pub struct Links {
    local: Local,
    timing: Timing,
    ground: Ground,
    trust: Arc<Trust>,
    admissions: Admissions,
    urls: Vec<String>,
    dialer: Dialer,
    pairs: Mutex<Pairs>,
    lanes: Mutex<HashMap<KeyId, Lane>>,
}

/// What this instance has to say to one peer's session.
struct Lane {
    current: Arc<AtomicU64>,
    grants: watch::Sender<Grants>,
    closing: Option<(u64, watch::Sender<Option<Code>>)>,
    outgoing: Option<mpsc::Sender<Outgoing>>,
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the lock holds is whole between any two statements that change it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links {
    /// None yet.
    #[must_use]
    pub fn new(
        local: Local,
        timing: Timing,
        ground: Ground,
        trust: Arc<Trust>,
        urls: Vec<String>,
    ) -> Arc<Self> {
        let own = ground.identity.key_id();
        Arc::new(Self {
            admissions: Admissions::new(Arc::clone(&trust), ground.clone()),
            local,
            timing,
            ground,
            trust,
            urls,
            dialer: Dialer::default(),
            pairs: Mutex::new(Pairs::new(own)),
            lanes: Mutex::default(),
        })
    }

    /// Runs a session over a link that somebody dialled, in a task of its own.
    pub fn accept(self: &Arc<Self>, link: Link) {
        let address = link.remote.client.map(|client| client.to_string());
        let host = Arc::new(Side::new(self, DialledBy::Them, address));
        let session = Session::listen(self.local.clone(), self.timing, now());
        let ground = self.ground.clone();
        tokio::spawn(async move {
            let ending = drive(session, link, None, ground, host).await;
            tracing::debug!(code = ending.code(), "a session that was accepted has ended");
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
    ) -> Result<Ending, DialFailure> {
        let trust = Arc::clone(&self.trust);
        let read = tokio::task::spawn_blocking(move || trust.peer(&listener)).await;
        let peer = read.unwrap_or(Err(StoreError::Closed))?;
        let grants = peer.map(|peer| peer.grants).unwrap_or_default();
        let (feed, sync_hello) = Feeding::open(&self.ground, &grants).await?;
        let opening = Opening { granted: tell(&grants), sync_hello };
        let errand =
            Errand { listener, purpose: Purpose::Session, redemption: None, grants, opening };
        self.run(url, errand, Some(feed)).await
    }

    /// Redeems a token with its listener. [`Ending::Theirs`] with code `done` is a yes.
    ///
    /// # Errors
    /// Nobody was reached.
    pub async fn pair(
        self: &Arc<Self>,
        url: &PeerUrl,
        listener: KeyId,
        redemption: Redemption,
    ) -> Result<Ending, DialFailure> {
        let errand = Errand {
            listener,
            purpose: Purpose::Pair,
            redemption: Some(redemption),
            grants: Grants::none(),
            opening: Opening::default(),
        };
        self.run(url, errand, None).await
    }

    async fn run(
        self: &Arc<Self>,
        url: &PeerUrl,
        errand: Errand,
        feed: Option<Feeding>,
    ) -> Result<Ending, DialFailure> {
        let link = self.dialer.dial(url).await?;
        let session = Session::dial(self.local.clone(), errand, self.timing, now())?;
        let host = Arc::new(Side::new(self, DialledBy::Us, None));
        Ok(drive(session, link, feed, self.ground.clone(), host).await)
    }

    /// The running session with this peer obeys these grants before its next message.
    pub fn regrant(&self, peer: &KeyId, grants: Grants) {
        if let Some(lane) = locked(&self.lanes).get(peer) {
            lane.grants.send_replace(grants);
        }
    }

    /// Ends the running session with this peer, if there is one.
    pub fn close(&self, peer: &KeyId, code: Code) {
        if let Some((_, closing)) = locked(&self.lanes).get(peer).and_then(|l| l.closing.as_ref()) {
            closing.send_replace(Some(code));
        }
    }

    fn claim(&self, opened: &Opened, by: DialledBy) -> Result<Standing, Code> {
        let peer = self.trust.peer(&opened.key).map_err(|_| Code::Internal)?;
        let peer = peer.filter(|peer| peer.removed_at.is_none()).ok_or(Code::UnknownPeer)?;
        let generation = match locked(&self.pairs).claim(opened.key, by, opened.boot_id) {
            Claim::Takes { generation, .. } => generation,
            Claim::Duplicate => return Err(Code::Duplicate),
            Claim::Clone => return Err(Code::Clone),
            Claim::SelfDial => return Err(Code::SelfDial),
        };
        Ok(self.take_lane(opened.key, generation, peer.grants))
    }

    fn take_lane(&self, peer: KeyId, generation: u64, grants: Grants) -> Standing {
        let mut lanes = locked(&self.lanes);
        let lane = lanes.entry(peer).or_insert_with(|| Lane {
            current: Arc::default(),
            grants: watch::Sender::new(Grants::none()),
            closing: None,
            outgoing: None,
        });
        let (closing, outgoing) = (watch::Sender::new(None), mpsc::channel(OUTGOING));
        lane.current.store(generation, Ordering::Release);
        lane.grants.send_replace(grants);
        lane.outgoing = Some(outgoing.0);
        let standing = Standing {
            generation,
            current: Arc::clone(&lane.current),
            grants: lane.grants.subscribe(),
            closing: closing.subscribe(),
            outgoing: outgoing.1,
            quota: Quota::default(),
        };
        if let Some((_, displaced)) = lane.closing.replace((generation, closing)) {
            displaced.send_replace(Some(Code::Replaced));
        }
        standing
    }
}

/// One link's view of the instance: who dialled it, and from where.
struct Side {
    links: Arc<Links>,
    by: DialledBy,
    address: Option<String>,
    claimed: Mutex<Option<(KeyId, u64)>>,
}

impl Side {
    fn new(links: &Arc<Links>, by: DialledBy, address: Option<String>) -> Self {
        Self { links: Arc::clone(links), by, address, claimed: Mutex::default() }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Some((peer, generation)) = locked(&self.claimed).take() {
            locked(&self.links.pairs).ended(peer, generation);
        }
    }
}

impl Host for Side {
    async fn admit(&self, applicant: &Applicant) -> (Admission, Option<Feeding>) {
        let urls = self.links.urls.clone();
        self.links.admissions.decide(applicant, urls, self.address.clone()).await
    }

    fn stand(&self, opened: &Opened) -> Result<Standing, Code> {
        let standing = self.links.claim(opened, self.by)?;
        *locked(&self.claimed) = Some((opened.key, standing.generation));
        Ok(standing)
    }

    fn note(&self, peer: KeyId, event: Event) {
        tracing::debug!(%peer, event = event.name(), "a session says");
    }

    fn alert(&self, peer: KeyId, message: String) {
        tracing::warn!(%peer, message, "log sync needs a look");
    }
}
