//! Shared repos: what we offer to peers and take back, what peers offer us and take back.
//!
//! It runs no restic on a peer's repository and asks nobody: what a plan on a received repo may do
//! is decided in `ports`, what of a pushed repo may be used here at all in [`crate::share`].
//!
//! ```text
//!   owner                                            member
//!   config, grants, guids ─► offer ──SharedRepos──►  take ─► received_repo
//!            │                                        ▲            │
//!            └──► withdraw ──────SharedRepoRecords────┘            │
//!   reports ◄──────────────────── SharedRepoReport ────────────────┘
//! ```
//! 1. A repo crosses only with consent on both ends: the owner's `receive-shared-repos` for it, the
//!    receiver's `send-shared-repos`.
//! 2. Absence means unknown: only a record, or the peer's verified word that it removed us, takes a
//!    repo back; a record is kept and sent until acknowledged, and acted on once.
//! 3. Nothing here deletes; a repo of the config is never replaced, one that a person deleted stays so.
//!    Where a conflict ends, plans are not led to another's repo: a person takes it for them.
//! 4. X1: what is stored of a received repo has passed [`crate::share::screen`]; the rest is listed.
//! 5. Secrets are resolved when a set is sent, and are in no log, error or report.
//! 6. Level, not edge: each session compares what it said last with what is so now.

mod keeper;
mod members;
mod offer;
mod records;
mod shelf;
mod take;
mod talk;
#[cfg(test)]
mod tests;
mod withdraw;

pub(super) use keeper::keep;
pub use members::{Member, Standing, members};
pub use offer::held_back;
pub use records::dismissed;
pub use take::{Again, delete, take};
pub(super) use talk::{Nudge, keep_told};
pub use withdraw::{peer_removed, unshare};

use super::areas::Area;
use super::node::Node;
use super::roster::Roster;
use crate::model::{KeyId, RepoId, SharedRepo};
use crate::store::trust::ReceivedRepo;
use crate::store::{Result, Trust};
use crate::wire::{SharedRepoRecord, SharedRepoReport, SharedRepoSet, TakenRepo};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, watch};

/// How many sets are worked out at a time: their secrets may come from commands.
const RESOLVED_AT_ONCE: usize = 4;
/// Characters of one text of a peer's report.
const MAX_REPORTED_TEXT: usize = 300;
/// What of a peer's list of dropped fields is kept.
const MAX_REPORTED_DROPPED: usize = 32;

/// What is known of sharing beyond config and store: of the sessions that stand.
pub struct Sharing {
    changes: watch::Sender<u64>,
    heard: Mutex<HashMap<KeyId, Heard>>,
    reports: watch::Sender<BTreeMap<KeyId, Arc<SharedRepoReport>>>,
    /// The content last sent to each peer, as a digest, and its number.
    sent: Mutex<HashMap<KeyId, ([u8; 32], u64)>>,
    /// What each peer may have and is not sent.
    unsent: Mutex<HashMap<KeyId, members::Unsent>>,
    /// See [`in_turn`].
    ledger: Mutex<()>,
    resolving: Semaphore,
}

/// What the peer of one session said last.
#[derive(Clone, Default)]
struct Heard {
    session: u64,
    revision: u64,
    /// Every repo of its newest set.
    ids: Vec<RepoId>,
    /// The same with content, where the peer may send it. Kept so that what a person allows or makes
    /// room for is taken at once.
    repos: Vec<SharedRepo>,
    /// The records of its newest message.
    seen: Vec<u64>,
}

impl Heard {
    /// Whether the peer has said anything in this session.
    const fn is_anything(&self) -> bool {
        self.revision > 0 || !self.seen.is_empty()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What each lock holds is whole between any two statements that change it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            changes: watch::Sender::default(),
            heard: Mutex::default(),
            reports: watch::Sender::default(),
            sent: Mutex::default(),
            unsent: Mutex::default(),
            ledger: Mutex::default(),
            resolving: Semaphore::new(RESOLVED_AT_ONCE),
        }
    }
}

impl Sharing {
    /// Changes whenever a received repo may have become another, or what peers may have has.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that something changed: every session says anew what is no longer as it said it.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What a peer made of the repos that it was sent, in this run of the daemon.
    #[must_use]
    pub fn reported(&self, peer: &KeyId) -> Option<Arc<SharedRepoReport>> {
        self.reports.borrow().get(peer).cloned()
    }

    /// The reports of all peers, now and at every change.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<BTreeMap<KeyId, Arc<SharedRepoReport>>> {
        self.reports.subscribe()
    }

    /// Whether the owner of a received repo is connected and has said what it shares, but not this
    /// one: nothing was taken back, but a person should know.
    #[must_use]
    pub fn is_unconfirmed(&self, repo: &ReceivedRepo) -> bool {
        let heard = locked(&self.heard);
        heard.get(&repo.origin).is_some_and(|h| h.revision > 0 && !h.ids.contains(&repo.id))
    }

    /// A session with this peer begins; its number. Nothing was heard in it.
    pub(super) fn begins(&self, peer: KeyId) -> u64 {
        let mut heard = locked(&self.heard);
        let session = heard.get(&peer).map_or(0, |before| before.session).wrapping_add(1);
        heard.insert(peer, Heard { session, ..Heard::default() });
        session
    }

    /// That session has ended.
    pub(super) fn ended(&self, peer: &KeyId, session: u64) {
        if let Some(heard) = locked(&self.heard).get_mut(peer).filter(|h| h.session == session) {
            *heard = Heard { session, ..Heard::default() };
        }
    }

    fn has_heard(&self, peer: &KeyId) -> bool {
        locked(&self.heard).get(peer).is_some_and(Heard::is_anything)
    }

    fn note(&self, peer: &KeyId, session: u64, note: impl FnOnce(&mut Heard)) -> bool {
        let mut heard = locked(&self.heard);
        let current = heard.get_mut(peer).filter(|heard| heard.session == session);
        current.map(note).is_some()
    }

    /// What a peer took back is not what it says it shares.
    fn unsay(&self, peer: &KeyId, is_taken_back: impl Fn(&RepoId) -> bool) {
        if let Some(heard) = locked(&self.heard).get_mut(peer) {
            heard.ids.retain(|id| !is_taken_back(id));
            heard.repos.retain(|repo| !is_taken_back(&repo.id));
        }
    }

    /// Everything pushed in a session that stands, with its content.
    fn pushed(&self) -> Vec<(KeyId, Heard)> {
        let heard = locked(&self.heard);
        let pushed = heard.iter().filter(|(_, heard)| !heard.repos.is_empty());
        pushed.map(|(key, heard)| (*key, heard.clone())).collect()
    }

    /// Whether it is another than before.
    fn keep_report(&self, peer: KeyId, report: SharedRepoReport) -> bool {
        let report = Arc::new(report);
        let mut before = None;
        self.reports.send_modify(|reports| before = reports.insert(peer, Arc::clone(&report)));
        before != Some(report)
    }

    /// Forgets what a removed peer said and was sent.
    fn forget(&self, peer: &KeyId) {
        locked(&self.sent).remove(peer);
        locked(&self.unsent).remove(peer);
        self.reports.send_if_modified(|reports| reports.remove(peer).is_some());
    }
}

/// A call to the store of which only one runs at a time: what a peer may hold, or what is received,
/// is read, decided and written in one go.
async fn in_turn<T: Send + 'static>(
    node: &Node,
    call: impl FnOnce(&Sharing, &Trust, &Roster) -> Result<T> + Send + 'static,
) -> Result<T> {
    let sharing = Arc::clone(&node.sharing);
    let in_turn = move |trust: &Trust, roster: &Roster| {
        let _turn = locked(&sharing.ledger);
        call(&sharing, trust, roster)
    };
    node.with_trust(in_turn).await
}

/// A peer says what it shares with us.
pub(super) async fn heard_set(node: &Node, peer: KeyId, session: u64, set: SharedRepoSet) {
    take::heard(node, peer, session, set).await;
}

/// A peer takes repos back.
pub(super) async fn heard_records(
    node: &Node,
    peer: KeyId,
    session: u64,
    records: Vec<SharedRepoRecord>,
) {
    records::heard(node, peer, session, records).await;
}

/// A peer says what it made of our repos.
pub(super) async fn heard_report(node: &Node, peer: KeyId, report: SharedRepoReport) {
    withdraw::acknowledged(node, peer, report.acknowledged.clone()).await;
    let offered = node.with_trust(move |trust, _| trust.offered_to(&peer)).await;
    let offered = offered.unwrap_or_default();
    // What it was never offered it has nothing to say about, and there is no end to what it could.
    let is_ours = |taken: &TakenRepo| offered.iter().any(|offered| offered.repo == taken.id);
    let repos = report.repos.into_iter().filter(is_ours).map(shortened).collect();
    let is_news = node.sharing.keep_report(peer, SharedRepoReport { repos, ..report });
    if is_news {
        node.areas.changed(Area::Repos);
        node.areas.changed(Area::Attention);
    }
}

/// As much of a report as is worth being shown.
fn shortened(mut taken: TakenRepo) -> TakenRepo {
    let cut = |text: &mut String| *text = text.chars().take(MAX_REPORTED_TEXT).collect();
    cut(&mut taken.detail);
    taken.dropped.truncate(MAX_REPORTED_DROPPED);
    taken.dropped.iter_mut().for_each(cut);
    taken
}
