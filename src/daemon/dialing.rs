//! Dials every known host, for as long as it is one.
//!
//! One task per known host. What is wanted is level, not edge: at every change of the roster the
//! set of tasks is compared with the set of known hosts, and a task reads its peer's addresses
//! afresh before each attempt.
//!
//! ```text
//!           ┌──────────── pause (back-off, or while the other direction lives) ◄───┐
//!           ▼                                                                      │
//!   dial each URL in turn, the last good one first ──► session ──► ended, refused ─┘
//! ```

use super::links::{DialFailure, Links, Visit, state_after};
use super::presence::Presences;
use super::roster::Roster;
use crate::clock;
use crate::model::{KeyId, LinkState};
use crate::net::{Awake, Backoff, Outcome, Pause};
use crate::pairing::PeerUrl;
use crate::session::{Code, Ending, Verdict};
use crate::shutdown::Guard;
use crate::store::StoreError;
use crate::store::trust::Peer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

/// How long the other direction's session may take to show itself after a `duplicate`.
const OTHER_DIRECTION: Duration = Duration::from_secs(5);
/// After a session this long a fault counts as the first.
const LONG: Duration = Duration::from_secs(600);
/// How long a session may take to say goodbye to who is dialled no longer.
const FAREWELL: Duration = Duration::from_secs(5);
/// Without a change it is looked again this often: a store that could not be read, a task that died.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// All known hosts that are being dialled.
pub struct Dialing {
    links: Arc<Links>,
    roster: Arc<Roster>,
    presences: Arc<Presences>,
    calls: Mutex<HashMap<KeyId, Arc<Call>>>,
}

/// What a dialling task can be told.
#[derive(Default)]
struct Call {
    /// Dial now, whatever the back-off says.
    at_once: Notify,
    /// The session is old: replace it.
    renew: Notify,
}

impl Dialing {
    /// Nobody yet.
    #[must_use]
    pub fn new(links: Arc<Links>, roster: Arc<Roster>, presences: Arc<Presences>) -> Arc<Self> {
        Arc::new(Self { links, roster, presences, calls: Mutex::default() })
    }

    /// Dials this known host now, if no session stands.
    pub fn at_once(&self, peer: &KeyId) {
        self.with(peer, |call| call.at_once.notify_one());
    }

    /// Replaces the session with this known host by a fresh one.
    pub fn renew(&self, peer: &KeyId) {
        self.with(peer, |call| call.renew.notify_one());
    }

    fn with(&self, peer: &KeyId, tell: impl FnOnce(&Call)) {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get(peer) {
            tell(call);
        }
    }

    /// Keeps dialling until the stop is asked for.
    pub async fn run(self: Arc<Self>, mut guard: Guard) {
        let awake = Awake::watch(guard.clone());
        let mut tasks = JoinSet::new();
        let mut running: HashMap<KeyId, AbortHandle> = HashMap::new();
        let mut changes = self.roster.changes();
        loop {
            changes.mark_unchanged();
            let wanted = self.wanted().await;
            while tasks.try_join_next().is_some() {}
            running.retain(|peer, task| {
                !task.is_finished() && (wanted.contains(peer) || self.drop_call(peer, task))
            });
            for peer in wanted {
                running
                    .entry(peer)
                    .or_insert_with(|| tasks.spawn(self.caller(peer, awake.subscribe()).keep()));
            }
            tokio::select! {
                () = guard.asked() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn wanted(&self) -> Vec<KeyId> {
        let roster = Arc::clone(&self.roster);
        let read = tokio::task::spawn_blocking(move || {
            let (peers, untold) = (roster.peers()?, roster.untold()?);
            Ok::<_, StoreError>([peers, untold].concat())
        });
        match read.await {
            Ok(Ok(peers)) => {
                let dialled = peers.iter().filter(|peer| !Roster::urls(peer).is_empty());
                dialled.map(|peer| peer.key).collect()
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "known hosts cannot be read; those dialled already go on");
                let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
                calls.keys().copied().collect()
            }
            Err(_) => Vec::new(),
        }
    }

    fn drop_call(&self, peer: &KeyId, task: &AbortHandle) -> bool {
        let task = task.clone();
        // It may be removed just now, and is being told so.
        tokio::spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            task.abort();
        });
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(peer);
        false
    }

    fn caller(&self, peer: KeyId, awake: watch::Receiver<u64>) -> Caller {
        let call = Arc::<Call>::default();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.insert(peer, Arc::clone(&call));
        Caller {
            peer,
            links: Arc::clone(&self.links),
            roster: Arc::clone(&self.roster),
            presences: Arc::clone(&self.presences),
            call,
            awake,
            last_good: None,
        }
    }
}

/// Dials one known host.
struct Caller {
    peer: KeyId,
    links: Arc<Links>,
    roster: Arc<Roster>,
    presences: Arc<Presences>,
    call: Arc<Call>,
    awake: watch::Receiver<u64>,
    last_good: Option<PeerUrl>,
}

impl Caller {
    async fn keep(mut self) {
        let mut backoff = Backoff::default();
        loop {
            self.links.show_apart(&self.peer, |presence| {
                // A refusal stays in sight while it is tried again.
                if presence.state == LinkState::Offline && presence.reason.is_none() {
                    presence.becomes(LinkState::Connecting, None);
                }
            });
            let began = clock::monotonic();
            let outcome = self.attempt().await;
            if clock::monotonic().since(began) >= LONG {
                backoff.reset();
            }
            match backoff.after(outcome, random()) {
                Pause::For(pause) => {
                    if self.pause(pause).await {
                        backoff.reset();
                    }
                }
                Pause::WhileItLives => self.while_other_lives(&mut backoff).await,
            }
        }
    }

    /// One round over the URLs, up to the end of a session.
    async fn attempt(&mut self) -> Outcome {
        let mut outcome = Outcome::Unreachable;
        for url in self.urls().await {
            match self.session(&url).await {
                Ok(visit) => {
                    outcome = outcome_of(&visit);
                    self.show(state_after(&visit.ending), visit.said(&self.name().await, &url));
                    if is_farewell(&visit.ending) {
                        self.told().await;
                    }
                    if visit.stood || matches!(visit.ending, Ending::Theirs(_)) {
                        self.last_good = Some(url);
                        return outcome;
                    }
                }
                Err(failure) => {
                    tracing::debug!(%url, error = %failure, "not reached");
                    self.show(LinkState::Offline, (failure.to_string(), failure.remedy()));
                }
            }
        }
        outcome
    }

    /// The peer was removed here while it was away, and knows it now.
    async fn told(&self) {
        let (roster, peer) = (Arc::clone(&self.roster), self.peer);
        let told = tokio::task::spawn_blocking(move || roster.told(&peer)).await;
        if let Ok(Err(error)) = told {
            tracing::warn!(%error, %peer, "that it was told of its removal was not kept");
        }
    }

    /// A session and those that renew it.
    async fn session(&self, url: &PeerUrl) -> Result<Visit, DialFailure> {
        let mut sessions = JoinSet::new();
        let dial = |sessions: &mut JoinSet<_>| {
            let (links, url, peer) = (Arc::clone(&self.links), url.clone(), self.peer);
            sessions.spawn(async move { links.dial(&url, peer).await });
        };
        dial(&mut sessions);
        loop {
            tokio::select! {
                ended = sessions.join_next() => match ended {
                    Some(Ok(ended)) if sessions.is_empty() => return ended,
                    // One of two has ended: the old one was replaced, or the new one did not stand.
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Ok(Visit::cut()),
                },
                () = self.call.renew.notified() => dial(&mut sessions),
            }
        }
    }

    async fn known(&self) -> Option<Peer> {
        let (roster, key) = (Arc::clone(&self.roster), self.peer);
        let read = tokio::task::spawn_blocking(move || roster.peer(&key)).await;
        read.ok().and_then(Result::ok).flatten()
    }

    /// What it is called; its key where that cannot be read.
    async fn name(&self) -> String {
        let known = self.known().await;
        known.map_or_else(|| self.peer.to_string(), |peer| peer.instance.to_string())
    }

    async fn urls(&self) -> Vec<PeerUrl> {
        let peer = self.known().await;
        let mut urls = peer.as_ref().map(Roster::urls).unwrap_or_default();
        if let Some(at) =
            self.last_good.as_ref().and_then(|good| urls.iter().position(|u| u == good))
        {
            urls[..=at].rotate_right(1);
        }
        urls
    }

    fn show(&self, state: LinkState, why: (String, String)) {
        self.links.show_apart(&self.peer, |presence| presence.becomes(state, Some(why)));
    }

    /// Waits; `true` if there is a reason to believe that it works now.
    async fn pause(&self, pause: Duration) -> bool {
        let (mut awake, mut changes) = (self.awake.clone(), self.roster.changes());
        awake.mark_unchanged();
        changes.mark_unchanged();
        tokio::select! {
            () = tokio::time::sleep(pause) => false,
            Ok(()) = awake.changed() => true,
            () = self.call.at_once.notified() => true,
            () = self.moved(&mut changes) => true,
        }
    }

    /// Returns when the peer's addresses are others.
    async fn moved(&self, changes: &mut watch::Receiver<u64>) {
        let before = self.urls().await;
        while changes.changed().await.is_ok() {
            if self.urls().await != before {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn while_other_lives(&self, backoff: &mut Backoff) {
        let mut presence = self.presences.watch(&self.peer);
        let is_up = |presence: &super::presence::Presence| presence.state == LinkState::Connected;
        let came = tokio::time::timeout(OTHER_DIRECTION, presence.wait_for(is_up)).await.is_ok();
        if came {
            // An error means that the peer was removed: this task ends with it.
            let _ = presence.wait_for(|presence| !is_up(presence)).await;
            backoff.reset();
        } else if let Pause::For(pause) = backoff.after(Outcome::Unreachable, random()) {
            self.pause(pause).await;
        }
    }
}

/// Whether the peer answered, and was told that it is one no longer.
fn is_farewell(ending: &Ending) -> bool {
    matches!(ending, Ending::Ours(reason) if Code::parse(&reason.code) == Some(Code::Removed))
}

fn outcome_of(visit: &Visit) -> Outcome {
    match visit.ending.verdict() {
        // Who never got as far as a session, or has a fault of its own, is asked less and less often.
        Verdict::Retry if visit.stood && !is_fault(&visit.ending) => Outcome::Lost,
        Verdict::Retry => Outcome::Unreachable,
        Verdict::Refused | Verdict::Incompatible => Outcome::Refused(retry_after(&visit.ending)),
        Verdict::Duplicate => Outcome::Duplicate,
    }
}

/// An ending that the next session may have at once again: a full disk, a broken protocol.
fn is_fault(ending: &Ending) -> bool {
    let code = Code::parse(ending.code());
    matches!(code, Some(Code::Internal | Code::Protocol | Code::Busy))
}

fn retry_after(ending: &Ending) -> Option<Duration> {
    match ending {
        Ending::Ours(reason) | Ending::Theirs(reason) => {
            Some(Duration::from_secs(u64::from(reason.retry_after_s))).filter(|d| !d.is_zero())
        }
        Ending::Cut
        | Ending::Silent(_)
        | Ending::HandshakeTimeout
        | Ending::NotAuthenticated(_)
        | Ending::Incompatible(_) => None,
    }
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness every pause is the longest of its kind.
    getrandom::fill(&mut bytes).map_or(u32::MAX, |()| u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_a_fault_ends_at_once_is_not_dialled_again_at_once_for_ever() {
        let visit = |code: Code| {
            let ending = Ending::Theirs(code.reason());
            outcome_of(&Visit { ending, stood: true, ..Visit::cut() })
        };
        for fault in [Code::Internal, Code::Protocol, Code::Busy] {
            assert_eq!(visit(fault), Outcome::Unreachable, "{}", fault.as_str());
        }
        assert_eq!(visit(Code::Restart), Outcome::Lost);
        let cut = Visit { stood: true, ..Visit::cut() };
        assert_eq!(outcome_of(&cut), Outcome::Lost);
    }
}
