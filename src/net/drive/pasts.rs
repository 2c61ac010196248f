//! What is remembered of a peer's log sync from one session to the next.
//!
//! Refusals count over sessions: a peer that reconnects is not a new one. What a session leaves
//! counts only where nothing was forgotten since it took what there was: a session that ends because
//! everything is to begin anew does not bring the old back.

use crate::model::KeyId;
use crate::reconcile::{FeedPast, Refusals};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of every peer, in memory: a restart is a reason to try again.
#[derive(Clone, Default)]
pub struct Pasts(Arc<Mutex<HashMap<KeyId, Past>>>);

#[derive(Default)]
struct Past {
    /// How often it was forgotten.
    life: Life,
    feed: FeedPast,
    refusals: Refusals,
}

/// What was taken between two times of forgetting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Life(u64);

impl Past {
    fn forget(&mut self) {
        *self = Self { life: Life(self.life.0 + 1), ..Self::default() };
    }
}

impl Pasts {
    fn locked(&self) -> MutexGuard<'_, HashMap<KeyId, Past>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a feed for this hub begins with.
    pub(super) fn feed(&self, hub: &KeyId) -> (Life, FeedPast) {
        let mut all = self.locked();
        let past = all.entry(*hub).or_default();
        (past.life, past.feed.clone())
    }

    pub(super) fn keep_feed(&self, hub: KeyId, (life, feed): (Life, FeedPast)) {
        if let Some(past) = self.locked().get_mut(&hub).filter(|past| past.life == life) {
            past.feed = feed;
        }
    }

    /// What taking from this origin begins with.
    pub(super) fn refusals(&self, origin: &KeyId) -> (Life, Refusals) {
        let mut all = self.locked();
        let past = all.entry(*origin).or_default();
        (past.life, past.refusals.clone())
    }

    pub(super) fn keep_refusals(&self, origin: KeyId, (life, refusals): (Life, Refusals)) {
        if let Some(past) = self.locked().get_mut(&origin).filter(|past| past.life == life) {
            past.refusals = refusals;
        }
    }

    /// A person asks, or a scrub repaired something: the next session with this peer begins anew.
    pub fn forget(&self, peer: &KeyId) {
        self.locked().entry(*peer).or_default().forget();
    }

    /// As [`Pasts::forget`], of all.
    pub fn forget_all(&self) {
        self.locked().values_mut().for_each(Past::forget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::model::Epoch;
    use crate::reconcile::memory::MemoryOrigin;
    use crate::reconcile::{Feed, FromHub};

    #[test]
    fn a_session_that_ends_does_not_bring_back_what_was_forgotten_meanwhile() {
        let (pasts, peer, other) =
            (Pasts::default(), KeyId::from_bytes([1; 32]), KeyId::from_bytes([2; 32]));
        let refused = || {
            let mut out = Vec::new();
            let mut feed = Feed::new(peer);
            let message = FromHub::Refused { shard: None };
            let log = MemoryOrigin::new(peer, Epoch::from_bytes([3; 16]));
            let handled = feed.handle(&log, &|_| true, message, clock::now(), &mut out);
            assert!(handled.is_ok());
            feed.into_past()
        };
        let fresh = || FeedPast::default();
        let running = pasts.feed(&peer).0;
        let others = pasts.feed(&other).0;
        pasts.forget(&peer);
        pasts.keep_feed(peer, (running, refused()));
        pasts.keep_feed(other, (others, refused()));
        assert_eq!(pasts.feed(&peer).1, fresh(), "its session began before");
        assert_ne!(pasts.feed(&other).1, fresh(), "nobody forgot this one");
        let running = pasts.feed(&other).0;
        pasts.forget_all();
        pasts.keep_feed(other, (running, refused()));
        assert_eq!(pasts.feed(&other).1, fresh());
        let next = pasts.feed(&peer).0;
        pasts.keep_feed(peer, (next, refused()));
        assert_ne!(pasts.feed(&peer).1, fresh(), "the next session counts again");
    }
}
