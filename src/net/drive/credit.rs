//! How much of peers' logs may be under way to this instance at once, over all sessions.
//!
//! Every session has one batch for nothing; more comes from one pool, and goes back when the session
//! ends. What is given cannot be taken back before: the peer may send it at any time.

use crate::reconcile::MAX_BATCH_BYTES;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Payload that may be under way in all: 64 MiB.
const POOL_BYTES: usize = 64 << 20;
/// Batches beside the first that one session gets where the pool has them: with it 1 MiB.
const WINDOW: u32 = 15;

/// The pool of an instance; clones share it.
#[derive(Clone)]
pub struct Credit(Arc<Semaphore>);

impl Default for Credit {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(POOL_BYTES / MAX_BATCH_BYTES)))
    }
}

/// What one session was given.
pub(super) struct Window {
    pub(super) batches: u32,
    _held: Option<OwnedSemaphorePermit>,
}

impl Credit {
    /// As much of a window as there is.
    pub(super) fn take(&self) -> Window {
        let mut batches = WINDOW;
        while batches > 0 {
            if let Ok(held) = Arc::clone(&self.0).try_acquire_many_owned(batches) {
                return Window { batches, _held: Some(held) };
            }
            batches /= 2;
        }
        Window { batches: 0, _held: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_shared_and_what_a_session_had_comes_back() {
        let credit = Credit::default();
        let mut windows: Vec<_> = (0..100).map(|_| credit.take()).collect();
        let given: u32 = windows.iter().map(|window| window.batches).sum();
        assert_eq!(given as usize * MAX_BATCH_BYTES, POOL_BYTES, "never more than the pool");
        assert_eq!(windows[0].batches, WINDOW);
        assert_eq!(windows[99].batches, 0);
        windows.remove(0);
        assert_eq!(credit.take().batches, WINDOW);
    }
}
