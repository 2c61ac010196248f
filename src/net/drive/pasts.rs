//! What is remembered of a peer's log sync from one session to the next.
//!
//! Refusals count over sessions: a peer that reconnects is not a new one. What a session leaves
//! counts only where nothing was forgotten since it took what there was: a session that ends because
//! everything is to begin anew does not bring the old back.

use crate::model::{KeyId, Timestamp};
use crate::reconcile::{FeedPast, Refusals};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A hub's word makes us forget what it refused at most this often: refusals stay bounded, whatever
/// it says.
const RESTARTS_APART: Duration = Duration::from_secs(600);

/// Of every peer, in memory: a restart is a reason to try again.
#[derive(Clone, Default)]
pub struct Pasts(Arc<Mutex<HashMap<KeyId, Past>>>);

#[derive(Default)]
struct Past {
    /// Of our log, with this peer as the hub.
    feed: Kept<FeedPast>,
    /// Of its log, with us as the hub.
    refusals: Kept<Refusals>,
    /// When its word last had the feed begin anew, by the monotonic clock.
    restarted: Option<Timestamp>,
}

/// What was taken between two times of forgetting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Life(u64);

/// What one session leaves to the next.
#[derive(Default)]
struct Kept<T> {
    /// How often it was forgotten.
    life: Life,
    what: T,
}

impl<T: Clone + Default> Kept<T> {
    fn take(&self) -> (Life, T) {
        (self.life, self.what.clone())
    }

    fn keep(&mut self, (life, what): (Life, T)) {
        if life == self.life {
            self.what = what;
        }
    }

    fn forget(&mut self) {
        *self = Self { life: Life(self.life.0 + 1), what: T::default() };
    }
}

impl Past {
    fn forget(&mut self) {
        self.feed.forget();
        self.refusals.forget();
    }
}

impl Pasts {
    fn locked(&self) -> MutexGuard<'_, HashMap<KeyId, Past>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a feed for this hub begins with.
    pub(super) fn feed(&self, hub: &KeyId) -> (Life, FeedPast) {
        self.locked().entry(*hub).or_default().feed.take()
    }

    pub(super) fn keep_feed(&self, hub: KeyId, left: (Life, FeedPast)) {
        self.locked().entry(hub).or_default().feed.keep(left);
    }

    /// What taking from this origin begins with.
    pub(super) fn refusals(&self, origin: &KeyId) -> (Life, Refusals) {
        self.locked().entry(*origin).or_default().refusals.take()
    }

    pub(super) fn keep_refusals(&self, origin: KeyId, left: (Life, Refusals)) {
        self.locked().entry(origin).or_default().refusals.keep(left);
    }

    /// A peer ended the session to begin anew, perhaps because a person asked there: as a hub it may
    /// take again what it refused. What it was refused here as an origin stays, and so does all
    /// where it said so a short time ago.
    pub(super) fn restarted_by(&self, peer: &KeyId, now: Timestamp) {
        let mut all = self.locked();
        let past = all.entry(*peer).or_default();
        if past.restarted.is_none_or(|last| now.since(last) >= RESTARTS_APART) {
            past.restarted = Some(now);
            past.feed.forget();
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

    const PEER: KeyId = KeyId::from_bytes([1; 32]);
    const OTHER: KeyId = KeyId::from_bytes([2; 32]);

    /// What a feed leaves that was refused once.
    fn refused() -> FeedPast {
        let mut out = Vec::new();
        let mut feed = Feed::new(PEER);
        let message = FromHub::Refused { shard: None };
        let log = MemoryOrigin::new(PEER, Epoch::from_bytes([3; 16]));
        let handled = feed.handle(&log, &|_| true, message, clock::now(), &mut out);
        assert!(handled.is_ok());
        feed.into_past()
    }

    fn fresh() -> FeedPast {
        FeedPast::default()
    }

    #[test]
    fn a_session_that_ends_does_not_bring_back_what_was_forgotten_meanwhile() {
        let pasts = Pasts::default();
        let running = pasts.feed(&PEER).0;
        let others = pasts.feed(&OTHER).0;
        pasts.forget(&PEER);
        pasts.keep_feed(PEER, (running, refused()));
        pasts.keep_feed(OTHER, (others, refused()));
        assert_eq!(pasts.feed(&PEER).1, fresh(), "its session began before");
        assert_ne!(pasts.feed(&OTHER).1, fresh(), "nobody forgot this one");
        let running = pasts.feed(&OTHER).0;
        pasts.forget_all();
        pasts.keep_feed(OTHER, (running, refused()));
        assert_eq!(pasts.feed(&OTHER).1, fresh());
        let next = pasts.feed(&PEER).0;
        pasts.keep_feed(PEER, (next, refused()));
        assert_ne!(pasts.feed(&PEER).1, fresh(), "the next session counts again");
    }

    #[test]
    fn a_hub_that_says_restart_again_and_again_is_believed_now_and_then() {
        let (pasts, start) = (Pasts::default(), Timestamp::EPOCH);
        let says_restart = |after: u64| {
            let life = pasts.feed(&PEER).0;
            pasts.restarted_by(&PEER, start.plus(Duration::from_secs(after)));
            pasts.keep_feed(PEER, (life, refused()));
            pasts.feed(&PEER).1 == fresh()
        };
        let believed = [0, 1, 599, 600, 601, 1199, 1200].map(says_restart);
        assert_eq!(believed, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn an_origin_that_says_restart_is_not_forgiven_what_it_was_refused() {
        let pasts = Pasts::default();
        let running = pasts.refusals(&PEER).0;
        pasts.restarted_by(&PEER, Timestamp::EPOCH);
        assert_eq!(pasts.refusals(&PEER).0, running, "what its session leaves is kept");
        pasts.forget(&PEER);
        assert_ne!(pasts.refusals(&PEER).0, running);
    }
}
