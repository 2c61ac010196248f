//! How the link to each peer is now, as a person sees it. Level, not edge: the newest state stands.

use crate::clock;
use crate::model::{KeyId, LinkState, OperationId, Timestamp};
use crate::wire::RunProgress;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The link to one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// How it is.
    pub state: LinkState,
    /// Since when.
    pub since: Timestamp,
    /// When anything was last heard in this run of the daemon.
    pub last_heard: Option<Timestamp>,
    /// Why it is not connected.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub remedy: Option<String>,
    /// Where its session comes from or goes to.
    pub address: Option<String>,
    /// Its clock minus ours, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Its runs under way.
    pub running: BTreeMap<OperationId, RunProgress>,
    /// What of the log sync with it a person should know, since when.
    pub alert: Option<(String, Timestamp)>,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            state: LinkState::Offline,
            since: clock::now(),
            last_heard: None,
            reason: None,
            remedy: None,
            address: None,
            clock_ahead_ms: 0,
            running: BTreeMap::new(),
            alert: None,
        }
    }
}

impl Presence {
    /// The peer's clock at a time of ours.
    #[must_use]
    pub fn their_time(&self, ours: Timestamp) -> Timestamp {
        Timestamp::from_millis(ours.as_millis().saturating_add(self.clock_ahead_ms))
    }

    /// Goes into a state; one that it is in already keeps its `since`.
    pub fn becomes(&mut self, state: LinkState, why: Option<(String, String)>) {
        if self.state != state {
            (self.state, self.since) = (state, clock::now());
        }
        let (reason, remedy) = why.unzip();
        let said = |text: &String| !text.is_empty();
        (self.reason, self.remedy) = (reason.filter(said), remedy.filter(said));
        if state != LinkState::Connected {
            self.running.clear();
        }
    }
}

/// The links to all peers.
#[derive(Debug, Default)]
pub struct Presences {
    peers: Mutex<HashMap<KeyId, watch::Sender<Presence>>>,
    changes: watch::Sender<u64>,
}

impl Presences {
    fn locked(&self) -> MutexGuard<'_, HashMap<KeyId, watch::Sender<Presence>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link to this peer, now and at every change.
    #[must_use]
    pub fn watch(&self, peer: &KeyId) -> watch::Receiver<Presence> {
        self.locked().entry(*peer).or_default().subscribe()
    }

    /// The link to this peer now.
    #[must_use]
    pub fn of(&self, peer: &KeyId) -> Presence {
        self.watch(peer).borrow().clone()
    }

    /// Who is connected, and when each was last heard.
    #[must_use]
    pub fn heard(&self) -> Vec<(KeyId, Timestamp)> {
        let heard = |(key, presence): (&KeyId, &watch::Sender<Presence>)| {
            let presence = presence.borrow();
            let is_up = presence.state == LinkState::Connected;
            presence.last_heard.filter(|_| is_up).map(|at| (*key, at))
        };
        self.locked().iter().filter_map(heard).collect()
    }

    /// Changes the link to this peer.
    pub fn update(&self, peer: &KeyId, change: impl FnOnce(&mut Presence)) {
        self.locked().entry(*peer).or_default().send_modify(change);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Forgets a peer that was removed.
    pub fn forget(&self, peer: &KeyId) {
        self.locked().remove(peer);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever any link does.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_connected_was_heard_of_late() {
        let presences = Presences::default();
        let [up, down] = [1, 2].map(|n| KeyId::from_bytes([n; 32]));
        let at = Timestamp::from_millis(7);
        for (key, state) in [(up, LinkState::Connected), (down, LinkState::Offline)] {
            presences.update(&key, |presence| {
                presence.becomes(state, None);
                presence.last_heard = Some(at);
            });
        }
        assert_eq!(presences.heard(), [(up, at)]);
    }
}
