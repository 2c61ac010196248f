//! Two instances with real histories, driven over a carrier in memory.

use super::*;
use crate::model::{Epoch, InstanceId, Operation, OperationId, OperationKind, Status};
use crate::reconcile::memory::MemoryOrigin;
use crate::reconcile::{EntryKind, Feed, FeedPast, HubLog as _, Shard};
use crate::session::{Claim, DialledBy, Errand, Local, Pairs, Timing};
use crate::store::history::{Filter, Owner, Whose};
use crate::wire::handshake::{Offer, Opening, Purpose};
use crate::wire::tell;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

const PATIENCE: Duration = Duration::from_secs(30);

/// One instance without a daemon: an identity, a history, and what its peers may do.
struct Node {
    local: Local,
    ground: Ground,
    pairs: Mutex<Pairs>,
    grants: watch::Sender<Grants>,
    closing: watch::Sender<Option<Code>>,
    current: Mutex<HashMap<KeyId, Arc<AtomicU64>>>,
    alerts: Mutex<Vec<String>>,
    opened: watch::Sender<u32>,
    _dir: tempfile::TempDir,
}

impl Node {
    fn new(seed: u8, name: &str, grants: &[&str]) -> Arc<Self> {
        let identity = Arc::new(Identity::from_seed([seed; 32]));
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner { public_key: identity.public_key() };
        let history = History::open(dir.path(), owner).unwrap();
        Arc::new(Self {
            local: Local {
                identity: Arc::clone(&identity),
                instance: name.parse().unwrap(),
                boot_id: [seed; 16],
                software: "holdfast test".to_owned(),
            },
            pairs: Mutex::new(Pairs::new(identity.key_id())),
            ground: Ground::new(identity, history),
            grants: watch::Sender::new(Grants::parse(grants.iter().copied()).unwrap()),
            closing: watch::Sender::new(None),
            current: Mutex::default(),
            alerts: Mutex::default(),
            opened: watch::Sender::new(0),
            _dir: dir,
        })
    }

    fn key(&self) -> KeyId {
        self.local.identity.key_id()
    }

    async fn run_backups(&self, repo: &str, count: u8) {
        let instance = self.local.instance.clone();
        let operations: Vec<_> = (0..count).map(|n| operation(&instance, repo, n)).collect();
        let appended = self.ground.history.write(move |tx| {
            let mut own = tx.own()?;
            operations.iter().try_for_each(|operation| own.append(operation).map(|_| ()))
        });
        appended.await.unwrap();
    }

    /// Waits until exactly so many operations of `origin` are held and shown here.
    async fn holds(&self, origin: KeyId, count: usize) {
        let mut changes = self.ground.history.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                if self.held(origin).await == count {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        let held = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(held.is_ok(), "{} of {count} held", self.held(origin).await);
    }

    /// Waits until the roots are equal.
    async fn is_level_with(&self, origin: KeyId) {
        let mut changes = self.ground.history.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let summary = self.ground.history.read(move |r| r.summary(origin)).await.unwrap();
                if summary.is_some_and(|log| !log.behind) {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("equal roots");
    }

    async fn held(&self, origin: KeyId) -> usize {
        let filter = Filter { whose: Whose::Peer(origin), ..Filter::default() };
        let page = self.ground.history.read(move |r| r.operations(&filter, None, 10_000)).await;
        page.unwrap().operations.iter().filter(|op| !op.is_archived()).count()
    }
}

fn operation(instance: &InstanceId, repo: &str, n: u8) -> Operation {
    let at = clock::now();
    let id = OperationId::new(at, [n; 10]);
    Operation {
        status: Status::Succeeded,
        repo: Some(repo.parse().unwrap()),
        plan: Some("home".parse().unwrap()),
        ended_at: Some(at),
        message: "x".repeat(usize::from(n) * 4),
        ..Operation::begun(id, instance.clone(), OperationKind::Backup, at)
    }
}

impl Host for Node {
    async fn admit(&self, applicant: &Applicant) -> (Admission, Option<Feeding>) {
        let grants = self.grants.borrow().clone();
        let (feed, sync_hello) =
            Feeding::open(&self.ground, &applicant.key, &grants).await.unwrap();
        let opening = Opening { granted: tell(&grants), sync_hello };
        (Admission::Accept { grants, opening, urls: Vec::new() }, Some(feed))
    }

    fn stand(&self, opened: &Opened) -> Result<Standing, Code> {
        let by =
            if self.local.instance.as_str() == "hub" { DialledBy::Them } else { DialledBy::Us };
        let claim = self.pairs.lock().unwrap().claim(opened.key, by, opened.boot_id);
        let Claim::Takes { generation, .. } = claim else { return Err(Code::Duplicate) };
        let mut all = self.current.lock().unwrap();
        let current = Arc::clone(all.entry(opened.key).or_default());
        current.store(generation, Ordering::Release);
        let (_, outgoing) = mpsc::channel(1);
        Ok(Standing {
            generation,
            current,
            grants: self.grants.subscribe(),
            closing: self.closing.subscribe(),
            outgoing,
            quota: Quota::default(),
        })
    }

    fn note(&self, _: KeyId, event: Event) {
        if matches!(event, Event::Opened(_)) {
            self.opened.send_modify(|n| *n += 1);
        }
    }

    fn offered(&self, _: Offer) {}

    fn alert(&self, _: KeyId, message: String) {
        self.alerts.lock().unwrap().push(message);
    }
}

/// Both ends of a session, running.
struct Connection {
    dialer: tokio::task::JoinHandle<Ending>,
    listener: tokio::task::JoinHandle<Ending>,
}

async fn connect(dialer: &Arc<Node>, listener: &Arc<Node>) -> Connection {
    let (near, far) = Link::pair();
    let grants = dialer.grants.borrow().clone();
    let (feed, sync_hello) = Feeding::open(&dialer.ground, &listener.key(), &grants).await.unwrap();
    let errand = Errand {
        listener: listener.key(),
        purpose: Purpose::Session,
        redemption: None,
        opening: Opening { granted: tell(&grants), sync_hello },
        grants,
    };
    let ours = Session::dial(dialer.local.clone(), errand, Timing::default(), now()).unwrap();
    let theirs = Session::listen(listener.local.clone(), Timing::default(), now());
    let (a, b) = (Arc::clone(dialer), Arc::clone(listener));
    Connection {
        dialer: tokio::spawn(drive(ours, near, Some(feed), a.ground.clone(), a)),
        listener: tokio::spawn(drive(theirs, far, None, b.ground.clone(), b)),
    }
}

impl Connection {
    async fn close(self, by: &Arc<Node>) -> (Ending, Ending) {
        self.close_with(by, Code::Shutdown).await
    }

    async fn close_with(self, by: &Arc<Node>, code: Code) -> (Ending, Ending) {
        by.closing.send_replace(Some(code));
        let both = async { (self.dialer.await.unwrap(), self.listener.await.unwrap()) };
        let endings = tokio::time::timeout(PATIENCE, both).await.expect("both ends end");
        by.closing.send_replace(None);
        endings
    }
}

#[tokio::test]
async fn a_hub_holds_what_a_member_ran_before_and_while_connected() {
    let (hub, nas) = (Node::new(2, "hub", &[]), Node::new(1, "nas", &["read-operations=*"]));
    nas.run_backups("vault", 200).await;
    let connection = connect(&nas, &hub).await;
    hub.holds(nas.key(), 200).await;
    nas.run_backups("other", 3).await;
    hub.holds(nas.key(), 203).await;
    let (ours, theirs) = connection.close(&nas).await;
    assert_eq!((ours.code(), theirs.code()), ("shutdown", "shutdown"));
    assert_eq!(hub.alerts.lock().unwrap().as_slice(), &[] as &[String]);
}

#[tokio::test]
async fn both_directions_sync_over_one_session() {
    let hub = Node::new(2, "hub", &["read-operations=*"]);
    let nas = Node::new(1, "nas", &["read-operations=*"]);
    nas.run_backups("vault", 20).await;
    hub.run_backups("vault", 30).await;
    let connection = connect(&nas, &hub).await;
    hub.holds(nas.key(), 20).await;
    nas.holds(hub.key(), 30).await;
    connection.close(&hub).await;
}

#[tokio::test]
async fn r2_what_was_missed_while_apart_comes_at_the_next_session() {
    let (hub, nas) = (Node::new(2, "hub", &[]), Node::new(1, "nas", &["read-operations=*"]));
    let first = connect(&nas, &hub).await;
    nas.run_backups("vault", 5).await;
    hub.holds(nas.key(), 5).await;
    first.dialer.abort();
    let cut = tokio::time::timeout(PATIENCE, first.listener).await.unwrap().unwrap();
    assert_eq!(cut, Ending::Cut);
    nas.run_backups("later", 7).await;
    let second = connect(&nas, &hub).await;
    hub.holds(nas.key(), 12).await;
    second.close(&nas).await;
}

#[tokio::test]
async fn g2_a_running_session_hides_what_is_revoked_and_shows_it_again() {
    let (hub, nas) = (Node::new(2, "hub", &[]), Node::new(1, "nas", &["read-operations=*"]));
    nas.run_backups("vault", 4).await;
    nas.run_backups("private", 6).await;
    let connection = connect(&nas, &hub).await;
    hub.holds(nas.key(), 10).await;
    let narrowed = Grants::parse(["read-operations=*,!repo:private"]).unwrap();
    nas.grants.send_replace(narrowed);
    hub.holds(nas.key(), 4).await;
    nas.run_backups("private", 1).await;
    nas.grants.send_replace(Grants::parse(["read-operations=*"]).unwrap());
    hub.holds(nas.key(), 11).await;
    connection.close(&nas).await;
}

#[tokio::test]
async fn a_grant_given_while_connected_begins_the_sync() {
    let (hub, nas) = (Node::new(2, "hub", &[]), Node::new(1, "nas", &[]));
    nas.run_backups("vault", 4).await;
    let connection = connect(&nas, &hub).await;
    let mut opened = hub.opened.subscribe();
    tokio::time::timeout(PATIENCE, opened.wait_for(|n| *n > 0)).await.unwrap().unwrap();
    nas.grants.send_replace(Grants::parse(["read-operations=*"]).unwrap());
    hub.holds(nas.key(), 4).await;
    connection.close(&nas).await;
}

/// What a session leaves whose batches of a shard the hub has refused three times.
fn refused_three_times(origin: KeyId, repo: &str) -> FeedPast {
    let shard = Shard { repo: repo.to_owned(), plan: "home".to_owned() };
    let mut log = MemoryOrigin::new(origin, Epoch::from_bytes([3; 16]));
    log.append(&shard, OperationId::new(clock::now(), [0; 10]), EntryKind::State, "F".into());
    let (mut feed, mut out) = (Feed::new(origin), Vec::new());
    for _ in 0..3 {
        let number = feed.open(&log, &|_| true).unwrap().number;
        let heads = FromHub::Heads { number, held: Vec::new() };
        let refused = FromHub::Refused { shard: Some(shard.clone()) };
        for said in [heads, refused] {
            feed.handle(&log, &|_| true, said, clock::now(), &mut out).unwrap();
        }
    }
    assert!(feed.stopped(&Some(shard)));
    feed.into_past()
}

#[tokio::test]
async fn what_a_hub_refused_is_offered_again_after_it_said_restart() {
    let (hub, nas) = (Node::new(2, "hub", &[]), Node::new(1, "nas", &["read-operations=*"]));
    let pasts = &nas.ground.pasts;
    let life = pasts.feed(&hub.key()).0;
    pasts.keep_feed(hub.key(), (life, refused_three_times(nas.key(), "vault")));
    nas.run_backups("vault", 4).await;
    nas.run_backups("other", 2).await;
    let first = connect(&nas, &hub).await;
    hub.holds(nas.key(), 2).await;
    assert!(nas.alerts.lock().unwrap()[0].contains("\"vault\""), "it is told what is not sent");
    let (ending, _) = first.close_with(&hub, Code::Restart).await;
    assert_eq!(ending.code(), "restart");
    let second = connect(&nas, &hub).await;
    hub.holds(nas.key(), 6).await;
    hub.is_level_with(nas.key()).await;
    second.close(&nas).await;
}

#[tokio::test]
async fn what_is_noted_as_stopped_and_no_longer_remembered_is_taken_by_the_next_session() {
    let (hub, nas) = (Node::new(2, "hub", &[]), Node::new(1, "nas", &["read-operations=*"]));
    let origin = nas.key();
    nas.run_backups("vault", 4).await;
    let first = connect(&nas, &hub).await;
    hub.holds(origin, 4).await;
    first.close(&nas).await;
    let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
    let history = &hub.ground.history;
    history.write(move |tx| tx.hub(origin)?.stop(&shard, "refused")).await.unwrap();
    let stopped = async || {
        let summary = history.read(move |reader| reader.summary(origin)).await.unwrap();
        summary.unwrap().stopped.len()
    };
    assert_eq!(stopped().await, 1);
    nas.run_backups("vault", 1).await;
    let second = connect(&nas, &hub).await;
    hub.holds(origin, 5).await;
    assert_eq!(stopped().await, 0);
    second.close(&nas).await;
}
