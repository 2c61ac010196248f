//! The origin's side: reads the own log for one peer, beside the runtime.
//!
//! One job is under way at a time. It takes what the hub said meanwhile, then reads at most one
//! message to send; so a slow peer slows only its own reading.

use super::pasts::Life;
use super::{Ground, Identity};
use crate::grant::{Grants, Permission, Target};
use crate::model::KeyId;
use crate::reconcile::{Feed, FeedOutput, FeedPast, FromHub, FromOrigin, Shard, SyncHello};
use crate::store::{History, StoreError};
use std::sync::Arc;

/// The feed of one session, and whether it has said its SyncHello.
#[derive(Debug)]
pub struct Feeding {
    feed: Feed,
    life: Life,
    greeted: bool,
}

/// What one job is to do.
pub(super) struct Work {
    pub(super) grants: Grants,
    pub(super) said: Vec<FromHub>,
    pub(super) announce: bool,
    pub(super) again: bool,
    /// Batches that were read and never left.
    pub(super) unsent: u32,
    pub(super) read: bool,
}

/// What came of it.
pub(super) struct Read {
    pub(super) feeding: Feeding,
    pub(super) outputs: Vec<FeedOutput>,
    /// The next messages of the own log, if there are any now.
    pub(super) next: Vec<FromOrigin>,
}

/// Whether these grants let their holder see the shard.
fn sees(grants: &Grants, shard: &Shard) -> bool {
    grants.allow(Permission::ReadOperations, Target::shard(&shard.repo, &shard.plan))
}

impl Feeding {
    /// For a peer that may read no operations yet.
    #[must_use]
    pub fn closed(ground: &Ground, hub: &KeyId) -> Self {
        let (life, past) = ground.pasts.feed(hub);
        Self { feed: Feed::resumed(ground.identity.key_id(), past), life, greeted: false }
    }

    /// What the next session with this hub begins with.
    pub(super) fn into_past(self) -> (Life, FeedPast) {
        (self.life, self.feed.into_past())
    }

    /// For a session whose handshake carries the SyncHello; `None` beside it where the peer may
    /// read no operations.
    ///
    /// # Errors
    /// The own log cannot be read.
    pub async fn open(
        ground: &Ground,
        hub: &KeyId,
        grants: &Grants,
    ) -> Result<(Self, Option<SyncHello>), StoreError> {
        let mut feeding = Self::closed(ground, hub);
        if !grants.has(Permission::ReadOperations) {
            return Ok((feeding, None));
        }
        let grants = grants.clone();
        ground
            .history
            .read(move |reader| {
                let hello = feeding.feed.open(&reader.own(), &|shard| sees(&grants, shard))?;
                feeding.greeted = true;
                Ok((feeding, Some(hello)))
            })
            .await
    }

    /// When a checkpoint that is only held back by its rate will be due.
    pub(super) fn checkpoint_due(&self) -> Option<crate::model::Timestamp> {
        self.feed.next_checkpoint_at()
    }

    /// One job.
    pub(super) async fn work(
        mut self,
        work: Work,
        history: &History,
        identity: Arc<Identity>,
    ) -> Result<Read, StoreError> {
        history
            .read(move |reader| {
                let (log, mut outputs) = (reader.own(), Vec::new());
                let visible = |shard: &Shard| sees(&work.grants, shard);
                let now = crate::clock::now();
                let may = work.grants.has(Permission::ReadOperations);
                self.feed.unsent(work.unsent);
                if work.again || (may && !self.greeted) {
                    self.feed.retry();
                    self.greeted = may;
                }
                for message in work.said {
                    self.feed.handle(&log, &visible, message, now, &mut outputs)?;
                }
                if work.announce {
                    self.feed.announce(&log, &visible, &mut outputs)?;
                }
                let sign = |epoch: &_, root: &_, time| identity.sign_checkpoint(epoch, root, time);
                // A repair goes before the next read; what was said goes before what is new.
                let next = if work.read && self.greeted && outputs.is_empty() {
                    self.feed.next_few(&log, &visible, now, &sign)?
                } else {
                    Vec::new()
                };
                Ok(Read { feeding: self, outputs, next })
            })
            .await
    }
}
