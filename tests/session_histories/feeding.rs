//! The origin's side of one session, as `net::drive::feeding` and `running` do it: one read of the
//! own log is under way at a time, under the grants of its start.

use crate::instance::{Database, sees};
use holdfast::crypto::Identity;
use holdfast::grant::{Grants, Permission};
use holdfast::model::{KeyId, Timestamp};
use holdfast::reconcile::memory::Chain;
use holdfast::reconcile::{BatchLimits, Feed, FeedOutput, FromHub, FromOrigin, Shard, SyncHello};
use holdfast::session::{Send, Session};

/// The feed of one session, and what waits for it.
pub struct Feeding {
    feed: Feed,
    greeted: bool,
    said: Vec<FromHub>,
    announce: bool,
    again: bool,
    unsent: u32,
    /// The last read found something, or something changed since.
    hungry: bool,
    /// A read is under way; this is what it will answer.
    job: Option<Read>,
}

/// What came of a read.
struct Read {
    outputs: Vec<FeedOutput>,
    next: Vec<FromOrigin>,
}

impl Feeding {
    pub fn closed(key: KeyId, limits: BatchLimits) -> Self {
        Self {
            feed: Feed::new(key).with_limits(limits),
            greeted: false,
            said: Vec::new(),
            announce: false,
            again: false,
            unsent: 0,
            hungry: true,
            job: None,
        }
    }

    /// For a handshake that carries the SyncHello.
    pub fn open(
        key: KeyId,
        limits: BatchLimits,
        database: &Database,
        grants: &Grants,
    ) -> (Self, Option<SyncHello>) {
        let mut feeding = Self::closed(key, limits);
        if !grants.has(Permission::ReadOperations) {
            return (feeding, None);
        }
        let hello = feeding.feed.open(&database.log, &|shard| sees(grants, shard)).unwrap();
        feeding.greeted = true;
        (feeding, Some(hello))
    }

    pub fn hear(&mut self, message: FromHub) {
        self.said.push(message);
        self.hungry = true;
    }

    /// The own log grew, or grants changed.
    pub fn announce(&mut self) {
        self.announce = true;
        self.hungry = true;
    }

    /// So many batches were read and not sent.
    pub fn start_over(&mut self, batches: u32) {
        self.again = true;
        self.unsent += batches;
    }

    /// Time has passed.
    pub fn wake(&mut self) {
        self.hungry = true;
    }

    pub fn checkpoint_due(&self) -> Option<Timestamp> {
        self.feed.next_checkpoint_at().filter(|_| self.job.is_none())
    }

    /// Begins to read if there is cause to; whether it did.
    pub fn start(
        &mut self,
        session: &Session,
        database: &Database,
        identity: &Identity,
        wall: Timestamp,
    ) -> bool {
        let read = session.wants_origin();
        let due = self.announce || self.again || !self.said.is_empty() || (self.hungry && read);
        if !due || !session.is_established() || self.job.is_some() {
            return false;
        }
        self.hungry &= !read;
        self.job = Some(self.work((session.grants(), read), database, identity, wall));
        true
    }

    fn work(
        &mut self,
        (grants, read): (&Grants, bool),
        database: &Database,
        identity: &Identity,
        wall: Timestamp,
    ) -> Read {
        let (log, mut outputs) = (&database.log, Vec::new());
        let visible = |shard: &Shard| sees(grants, shard);
        let may = grants.has(Permission::ReadOperations);
        self.feed.unsent(std::mem::take(&mut self.unsent));
        if std::mem::take(&mut self.again) || (may && !self.greeted) {
            self.feed.retry();
            self.greeted = may;
        }
        for message in std::mem::take(&mut self.said) {
            self.feed.handle(log, &visible, message, wall, &mut outputs).unwrap();
        }
        if std::mem::take(&mut self.announce) {
            self.feed.announce(log, &visible, &mut outputs).unwrap();
        }
        let sign = |epoch: &_, root: &_, time| identity.sign_checkpoint(epoch, root, time);
        let next = if read && self.greeted && outputs.is_empty() {
            self.feed.next_few(log, &visible, wall, &sign).unwrap()
        } else {
            Vec::new()
        };
        Read { outputs, next }
    }

    /// The read is done: its messages go to the session.
    pub fn done(&mut self, session: &mut Session, database: &mut Database) {
        let Some(Read { outputs, next }) = self.job.take() else { return };
        self.hungry |= !next.is_empty() || !outputs.is_empty();
        for output in outputs {
            match output {
                FeedOutput::Send(message) => session.send(Send::FromOrigin(message)),
                FeedOutput::Heal { shard, found } => database.log.heal(&shard, &found),
                FeedOutput::Scrub(shard) => {
                    database.log.shards.get_mut(&shard).map(Chain::scrub);
                }
                FeedOutput::Alert(_) => {}
            }
        }
        for message in next {
            session.send(Send::FromOrigin(message));
        }
    }
}
