//! One session's side of sharing: says what has changed since it was said last.

use super::super::node::Node;
use super::offer::{Offer, commit, offer_for};
use super::take::report;
use super::withdraw::open_records;
use crate::grant::{Grants, Permission};
use crate::model::KeyId;
use crate::session::Send as Outgoing;
use crate::store::Result;
use crate::wire::{SharedRepoRecord, SharedRepoReport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

/// When a secret that could not be had is asked for again, and records that were not acknowledged are
/// said again.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Has a session say its set again, though nothing changed here: the peer may take it only now.
pub(in super::super) type Nudge = Arc<Notify>;

/// What was said in this session.
struct Said {
    revision: Option<u64>,
    records: Vec<SharedRepoRecord>,
    /// When these are said again, as long as they are open.
    again_at: Instant,
    report: Option<SharedRepoReport>,
}

impl Said {
    fn nothing() -> Self {
        Self { revision: None, records: Vec::new(), again_at: Instant::now(), report: None }
    }
}

struct Talk {
    node: Arc<Node>,
    peer: KeyId,
    outgoing: mpsc::Sender<Box<Outgoing>>,
    grants: watch::Receiver<Grants>,
    said: Said,
}

/// Keeps one peer told for as long as its session stands.
pub(in super::super) async fn keep_told(
    node: Arc<Node>,
    peer: KeyId,
    outgoing: mpsc::Sender<Box<Outgoing>>,
    grants: watch::Receiver<Grants>,
    nudge: Nudge,
) {
    let ended = outgoing.clone();
    let talk = Talk { node, peer, outgoing, grants, said: Said::nothing() };
    tokio::select! {
        () = ended.closed() => {}
        () = talk.go_on(&nudge) => {}
    }
}

impl Talk {
    async fn go_on(mut self, nudge: &Notify) {
        let mut changes = self.node.sharing.changes();
        let mut grants = self.grants.clone();
        loop {
            changes.mark_unchanged();
            grants.mark_unchanged();
            let lacks_secret = self.say_all().await.unwrap_or_else(|error| {
                tracing::error!(%error, peer = %self.peer, "what is shared cannot be read");
                true
            });
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                // What was on its way under other grants may have been withheld.
                Ok(()) = grants.changed() => self.said.revision = None,
                () = nudge.notified() => self.said.revision = None,
                () = tokio::time::sleep(ASK_AGAIN), if lacks_secret => {}
                // The peer could not keep them, as where its disk was full, and tells us nothing of it.
                () = tokio::time::sleep_until(self.said.again_at), if !self.said.records.is_empty() =>
                    self.said.records.clear(),
            }
        }
    }

    /// The set goes before the records: what a set names is in no record that is open, and a set of
    /// before must not come after one.
    async fn say_all(&mut self) -> Result<bool> {
        let lacks_secret = self.say_set().await?;
        self.say_records().await?;
        self.say_report().await?;
        Ok(lacks_secret)
    }

    async fn say(&self, message: Outgoing) {
        // A session that has ended takes nothing; the next one says it again.
        let _ = self.outgoing.send(Box::new(message)).await;
    }

    async fn say_set(&mut self) -> Result<bool> {
        let may_have_any = self.grants.borrow().has(Permission::ReceiveSharedRepos);
        if !may_have_any && self.said.revision.is_none() {
            return Ok(false);
        }
        let key = self.peer;
        let peer = self.node.with_trust(move |_, roster| roster.peer(&key)).await?;
        let offer = match &peer {
            Some(peer) => offer_for(&self.node, peer).await?,
            None => Offer::default(),
        };
        let set = commit(&self.node, key, offer.repos).await?;
        if self.said.revision != Some(set.revision) {
            self.said.revision = Some(set.revision);
            self.say(Outgoing::SharedRepos(set)).await;
        }
        Ok(offer.lacks_secret)
    }

    async fn say_records(&mut self) -> Result<()> {
        let open = open_records(&self.node, self.peer).await?;
        if self.said.records != open {
            self.said.records.clone_from(&open);
            self.said.again_at = Instant::now() + ASK_AGAIN;
            if !open.is_empty() {
                self.say(Outgoing::SharedRepoRecords(open)).await;
            }
        }
        Ok(())
    }

    async fn say_report(&mut self) -> Result<()> {
        if !self.node.sharing.has_heard(&self.peer) {
            return Ok(());
        }
        let (sharing, key) = (Arc::clone(&self.node.sharing), self.peer);
        let read = self.node.with_trust(move |trust, roster| match roster.peer(&key)? {
            Some(peer) => report(&sharing, trust, &peer),
            None => Ok(None),
        });
        let report = read.await?;
        if report.is_some() && self.said.report != report {
            self.said.report.clone_from(&report);
            if let Some(report) = report {
                self.say(Outgoing::SharedRepoReport(report)).await;
            }
        }
        Ok(())
    }
}
