//! What is remembered of a peer's log sync from one session to the next.
//!
//! Refusals count over sessions: a peer that reconnects is not a new one.

use crate::model::KeyId;
use crate::reconcile::{FeedPast, Refusals};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of every peer, in memory: a restart is a reason to try again.
#[derive(Clone, Default)]
pub struct Pasts(Arc<Mutex<HashMap<KeyId, Past>>>);

#[derive(Default)]
struct Past {
    feed: FeedPast,
    refusals: Refusals,
}

impl Pasts {
    fn locked(&self) -> MutexGuard<'_, HashMap<KeyId, Past>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a feed for this hub begins with.
    pub(super) fn feed(&self, hub: &KeyId) -> FeedPast {
        self.locked().get(hub).map(|past| past.feed.clone()).unwrap_or_default()
    }

    pub(super) fn keep_feed(&self, hub: KeyId, feed: FeedPast) {
        self.locked().entry(hub).or_default().feed = feed;
    }

    /// What taking from this origin begins with.
    pub(super) fn refusals(&self, origin: &KeyId) -> Refusals {
        self.locked().get(origin).map(|past| past.refusals.clone()).unwrap_or_default()
    }

    pub(super) fn keep_refusals(&self, origin: KeyId, refusals: Refusals) {
        self.locked().entry(origin).or_default().refusals = refusals;
    }

    /// A person asks, or a scrub repaired something: the next session with this peer begins anew.
    pub fn forget(&self, peer: &KeyId) {
        self.locked().remove(peer);
    }

    /// As [`Pasts::forget`], of all.
    pub fn forget_all(&self) {
        self.locked().clear();
    }
}
