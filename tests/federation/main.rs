//! Two instances over real TCP with real databases: pair with a token, then hold each other's log.
#![allow(clippy::unwrap_used)]

mod mitm;
mod renewal;

use holdfast::clock;
use holdfast::config::LiveConfig;
use holdfast::crypto::Identity;
use holdfast::daemon::links::{Base, Links, Settings};
use holdfast::daemon::presence::Presences;
use holdfast::daemon::roster::Roster;
use holdfast::grant::Grants;
use holdfast::model::{
    KeyId, LinkState, Operation, OperationId, OperationKind, PeerRole, Status, Timestamp,
};
use holdfast::net::drive::Ground;
use holdfast::net::{
    Answers, Ladder, Limits, Listener, SyncAccept, TlsServer, TrustedProxies, serve,
};
use holdfast::pairing::{PairingSecret, PeerUrl, Token, TokenRow};
use holdfast::reconcile::Quota;
use holdfast::session::{Code, Ending, Local, Timing};
use holdfast::shutdown::Shutdown;
use holdfast::store::history::{Filter, Owner, Whose};
use holdfast::store::trust::Peer;
use holdfast::store::{History, Trust};
use holdfast::wire::handshake::Purpose;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

struct Instance {
    links: Arc<Links>,
    trust: Arc<Trust>,
    history: History,
    presences: Arc<Presences>,
    name: &'static str,
    key: KeyId,
    _dir: tempfile::TempDir,
}

fn instance(seed: u8, name: &'static str) -> Instance {
    let dir = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::from_seed([seed; 32]));
    let owner = Owner { public_key: identity.public_key() };
    let history = History::open(dir.path(), owner).unwrap();
    let trust = Arc::new(Trust::open(dir.path()).unwrap());
    let ground = Ground::new(Arc::clone(&identity), history.clone());
    let local = Local {
        identity: Arc::clone(&identity),
        instance: name.parse().unwrap(),
        boot_id: [seed; 16],
        software: "holdfast test".to_owned(),
    };
    let file = dir.path().join("config.toml");
    std::fs::write(&file, format!("instance = \"{name}\"\n")).unwrap();
    let config = Arc::new(LiveConfig::open(file).unwrap());
    let presences = Arc::<Presences>::default();
    let base = Base {
        ground,
        trust: Arc::clone(&trust),
        roster: Arc::new(Roster::new(config, Arc::clone(&trust))),
        presences: Arc::clone(&presences),
    };
    let (timing, quota) = (Timing::default(), Quota::default());
    // Nobody attends these sessions: log sync needs nobody.
    let (links, _) = Links::new(Settings { local, timing, urls: Vec::new(), quota }, base);
    Instance { links, trust, history, presences, name, key: identity.key_id(), _dir: dir }
}

impl Instance {
    /// Listens on a free port; the URL of it.
    async fn listen(&self, shutdown: &Shutdown) -> PeerUrl {
        let address = self.listen_with(None, shutdown).await;
        format!("http://{address}").parse().unwrap()
    }

    async fn listen_with(&self, tls: Option<TlsServer>, shutdown: &Shutdown) -> SocketAddr {
        let listener =
            Listener::bind("127.0.0.1:0".parse().unwrap(), Answers::SyncOnly).await.unwrap();
        let address = listener.local_address().unwrap();
        let links = Arc::clone(&self.links);
        let accept = SyncAccept {
            on_link: Arc::new(move |link| links.accept(link)),
            trusted_proxies: TrustedProxies::new(Vec::new()),
            limits: Limits::default(),
        };
        let guard = shutdown.guard();
        tokio::spawn(serve(vec![listener], tls, accept, axum::Router::new(), guard));
        address
    }

    fn knows(&self, other: &Instance, grants: &[&str]) {
        let name = other.name.parse().unwrap();
        let mut peer = Peer::new(other.key, name, PeerRole::KnownHost, clock::now());
        peer.grants = Grants::parse(grants.iter().copied()).unwrap();
        self.trust.put_peer(&peer).unwrap();
    }

    async fn backs_up(&self, count: u8) {
        let name = self.name.parse().unwrap();
        let operations: Vec<_> = (0..count).map(|n| backup(&name, n)).collect();
        let appended = self.history.write(move |tx| {
            let mut own = tx.own()?;
            operations.iter().try_for_each(|operation| own.append(operation).map(|_| ()))
        });
        appended.await.unwrap();
    }

    async fn connects(&self, other: &Instance) {
        self.becomes(other, LinkState::Connected).await;
    }

    async fn becomes(&self, other: &Instance, state: LinkState) {
        let mut presence = self.presences.watch(&other.key);
        let became = presence.wait_for(|presence| presence.state == state);
        tokio::time::timeout(PATIENCE, became).await.expect("the link changes").unwrap();
    }

    async fn holds(&self, origin: KeyId, count: usize) {
        let mut changes = self.history.changes();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let filter = Filter { whose: Whose::Peer(origin), ..Filter::default() };
                let page = self.history.read(move |r| r.operations(&filter, None, 1_000)).await;
                if page.unwrap().operations.len() == count {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the operations arrive");
    }
}

fn backup(instance: &holdfast::model::InstanceId, n: u8) -> Operation {
    let at = clock::now();
    let id = OperationId::new(at, [n; 10]);
    Operation {
        status: Status::Succeeded,
        repo: Some("vault".parse().unwrap()),
        plan: Some("home".parse().unwrap()),
        ended_at: Some(at),
        ..Operation::begun(id, instance.clone(), OperationKind::Backup, at)
    }
}

fn token(secret: &PairingSecret) -> TokenRow {
    TokenRow {
        id: "0a0b0c0d".parse().unwrap(),
        secret_hash: secret.hash(),
        label: "nas".to_owned(),
        created_at: Timestamp::EPOCH,
        expires_at: None,
        max_uses: 1,
        uses: 0,
        revoked: false,
        grants: Grants::none(),
        asks: Grants::parse(["read-operations=*"]).unwrap(),
        replaces: None,
    }
}

#[tokio::test]
async fn two_instances_pair_with_a_token_and_the_hub_sees_every_run() {
    let (hub, nas) = (instance(2, "hub"), instance(1, "nas"));
    let shutdown = Shutdown::default();
    let url = hub.listen(&shutdown).await;
    nas.backs_up(10).await;

    let stranger = nas.links.dial(&url, hub.key).await.unwrap();
    assert_eq!(stranger.ending.code(), "unknown-peer");

    let secret = PairingSecret::from_bytes([7; 32]);
    hub.trust.add_token(&token(&secret)).unwrap();
    let named = |name: &str| Token {
        listener: hub.key,
        instance: name.parse().unwrap(),
        secret: PairingSecret::from_bytes([7; 32]),
    };
    let none = Grants::none();
    let wrong = nas
        .links
        .present(&url, &named("nas"), (Purpose::Pair, &none), &mut Ladder::default())
        .await
        .unwrap();
    assert_eq!(wrong.ending.code(), "wrong-instance");
    assert_eq!(hub.trust.tokens().unwrap()[0].uses, 0, "another name is not told the token");
    let paired = nas
        .links
        .present(&url, &named("hub"), (Purpose::Pair, &none), &mut Ladder::default())
        .await
        .unwrap();
    assert!(paired.is_done());
    assert_eq!(paired.opened.unwrap().instance.as_str(), "hub");
    nas.knows(&hub, &["read-operations=*"]);

    let links = Arc::clone(&nas.links);
    let (to, hub_key) = (url.clone(), hub.key);
    let session = tokio::spawn(async move { links.dial(&to, hub_key).await });
    hub.holds(nas.key, 10).await;
    nas.backs_up(5).await;
    hub.holds(nas.key, 15).await;

    hub.links.close(&nas.key, Code::Removed);
    let ending = tokio::time::timeout(PATIENCE, session).await.unwrap().unwrap().unwrap();
    assert_eq!(ending.ending.code(), "removed");
    shutdown.complete().await;
}

#[tokio::test]
async fn s2_a_second_session_of_the_same_dialer_replaces_the_first() {
    let (hub, nas) = (instance(2, "hub"), instance(1, "nas"));
    let shutdown = Shutdown::default();
    let url = hub.listen(&shutdown).await;
    hub.knows(&nas, &[]);
    nas.knows(&hub, &["read-operations=*"]);
    nas.backs_up(1).await;
    let dial = |links: Arc<Links>, url: PeerUrl, key| {
        tokio::spawn(async move { links.dial(&url, key).await })
    };
    let first = dial(Arc::clone(&nas.links), url.clone(), hub.key);
    hub.holds(nas.key, 1).await;
    let second = dial(Arc::clone(&nas.links), url, hub.key);
    let ending = tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap().unwrap();
    assert_eq!(ending.ending.code(), "replaced");
    nas.backs_up(2).await;
    hub.holds(nas.key, 3).await;
    nas.links.close(&hub.key, Code::Shutdown);
    let ending = tokio::time::timeout(PATIENCE, second).await.unwrap().unwrap().unwrap();
    assert_eq!(ending.ending.code(), "shutdown");
    shutdown.complete().await;
}

#[tokio::test]
async fn s2_of_two_machines_with_one_key_the_connected_one_is_refused_as_well() {
    let (hub, nas, twin) = (instance(2, "hub"), instance(1, "nas"), instance(1, "nas"));
    let settings = Settings::clone(&twin.links.settings());
    let local = Local { boot_id: [9; 16], ..settings.local };
    twin.links.resettle(Settings { local, ..settings });
    let shutdown = Shutdown::default();
    let url = hub.listen(&shutdown).await;
    hub.knows(&nas, &[]);
    nas.knows(&hub, &["read-operations=*"]);
    twin.knows(&hub, &["read-operations=*"]);
    nas.backs_up(1).await;
    let dial = |one: &Instance| {
        let (links, url, key) = (Arc::clone(&one.links), url.clone(), hub.key);
        tokio::spawn(async move { links.dial(&url, key).await.unwrap().ending })
    };
    let first = dial(&nas);
    hub.holds(nas.key, 1).await;
    let connected = dial(&twin);
    let ending = tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap();
    assert_eq!(ending.code(), "replaced");
    let returned = tokio::time::timeout(PATIENCE, dial(&nas)).await.unwrap().unwrap();
    assert_eq!(returned.code(), "clone", "its boot id was seen before the other's");
    let ending = tokio::time::timeout(PATIENCE, connected).await.unwrap().unwrap();
    assert_eq!(ending.code(), "clone", "nobody knows which of them is real");

    let probe = async |one: &Instance| {
        let mut ladder = Ladder::default();
        one.links.probe(&url, hub.key, &mut ladder).await.unwrap().ending
    };
    assert_eq!(probe(&nas).await, Ending::Theirs(Code::Clone.reason()));
    assert_eq!(probe(&twin).await, Ending::Theirs(Code::Clone.reason()));
    assert_eq!(hub.links.refusals().all(), [], "its peer's own line tells of it");
    hub.links.forget_clone(&nas.key);
    for one in [&nas, &twin, &nas] {
        assert_eq!(probe(one).await.code(), "done", "a probe is no boot that was seen");
    }
    shutdown.complete().await;
}

#[tokio::test]
async fn s2_after_a_session_has_ended_the_other_direction_may_take_the_pair() {
    let (a, b) = (instance(1, "a"), instance(2, "b"));
    let (smaller, larger) = if a.key < b.key { (a, b) } else { (b, a) };
    let shutdown = Shutdown::default();
    let (to_smaller, to_larger) = (smaller.listen(&shutdown).await, larger.listen(&shutdown).await);
    smaller.knows(&larger, &["read-operations=*"]);
    larger.knows(&smaller, &["read-operations=*"]);
    smaller.backs_up(1).await;
    let (links, key) = (Arc::clone(&smaller.links), larger.key);
    let first = tokio::spawn(async move { links.dial(&to_larger, key).await });
    larger.holds(smaller.key, 1).await;
    let refused = larger.links.dial(&to_smaller, smaller.key).await.unwrap();
    assert_eq!(refused.ending.code(), "duplicate", "the session dialled by the smaller key stays");

    larger.links.close(&smaller.key, Code::Shutdown);
    let ended = tokio::time::timeout(PATIENCE, first).await.unwrap().unwrap().unwrap();
    assert_eq!(ended.ending.code(), "shutdown");
    larger.backs_up(2).await;
    let (links, key) = (Arc::clone(&larger.links), smaller.key);
    let second = tokio::spawn(async move {
        loop {
            // Either side may still be taking its leave.
            let ending = links.dial(&to_smaller, key).await.unwrap();
            if ending.ending.code() != "duplicate" {
                return ending;
            }
        }
    });
    smaller.holds(larger.key, 2).await;
    larger.links.close(&smaller.key, Code::Shutdown);
    let ended = tokio::time::timeout(PATIENCE, second).await.unwrap().unwrap();
    assert_eq!(ended.ending.code(), "shutdown");
    shutdown.complete().await;
}

#[tokio::test]
async fn g2_a_running_session_obeys_the_grants_that_are_stored() {
    let (hub, nas) = (instance(2, "hub"), instance(1, "nas"));
    let shutdown = Shutdown::default();
    let url = hub.listen(&shutdown).await;
    hub.knows(&nas, &[]);
    nas.knows(&hub, &["read-operations=repo:other"]);
    nas.backs_up(3).await;
    let (links, key) = (Arc::clone(&nas.links), hub.key);
    let session = tokio::spawn(async move { links.dial(&url, key).await });
    hub.connects(&nas).await;
    nas.knows(&hub, &["read-operations=*"]);
    nas.links.regrant(&hub.key);
    hub.holds(nas.key, 3).await;
    session.abort();
    shutdown.complete().await;
}

#[tokio::test]
async fn a_session_whose_task_is_cut_off_is_not_seen_as_connected() {
    let (hub, nas) = (instance(2, "hub"), instance(1, "nas"));
    let shutdown = Shutdown::default();
    let url = hub.listen(&shutdown).await;
    hub.knows(&nas, &[]);
    nas.knows(&hub, &[]);
    let (links, key) = (Arc::clone(&nas.links), hub.key);
    let session = tokio::spawn(async move { links.dial(&url, key).await });
    nas.connects(&hub).await;
    session.abort();
    nas.becomes(&hub, LinkState::Offline).await;
    assert!(!nas.links.is_connected(&hub.key));
    shutdown.complete().await;
}

#[tokio::test]
async fn a_stop_says_goodbye_to_everybody_and_lets_nobody_in_after() {
    let (hub, nas) = (instance(2, "hub"), instance(1, "nas"));
    let shutdown = Shutdown::default();
    let url = hub.listen(&shutdown).await;
    hub.knows(&nas, &[]);
    nas.knows(&hub, &[]);
    let (links, to, key) = (Arc::clone(&nas.links), url.clone(), hub.key);
    let session = tokio::spawn(async move { links.dial(&to, key).await });
    hub.connects(&nas).await;
    tokio::time::timeout(PATIENCE, hub.links.stop()).await.expect("all have ended");
    let ending = tokio::time::timeout(PATIENCE, session).await.unwrap().unwrap().unwrap();
    assert_eq!(ending.ending.code(), "shutdown");
    let late = nas.links.dial(&url, hub.key).await.unwrap();
    assert_eq!(late.ending.code(), "shutdown");
    assert!(!hub.links.is_connected(&nas.key));
    shutdown.complete().await;
}
