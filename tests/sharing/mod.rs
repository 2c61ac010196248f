//! Whole instances within the test's process, with real files, restic and TCP; and a hostile owner.

#[path = "../ports/mod.rs"]
mod ports;

use holdfast::clock;
use holdfast::config::{DataDir, LiveConfig, read_or_create_identity};
use holdfast::crypto::Identity;
use holdfast::daemon::links::{Base, Conversation, Links, Settings};
use holdfast::daemon::presence::Presences;
use holdfast::daemon::roster::Roster;
use holdfast::daemon::sharing::{Member, members};
use holdfast::daemon::{Instance, Node, Options};
use holdfast::grant::Grants;
use holdfast::model::{KeyId, PeerRole, RepoGuid, RepoId, SharedRepo};
use holdfast::net::drive::Ground;
use holdfast::net::{Answers, Limits, Listener, SyncAccept, TrustedProxies, serve};
use holdfast::reconcile::Quota;
use holdfast::restic::Guard;
use holdfast::session::{Event, Local, Send as Outgoing, Timing};
use holdfast::shutdown::Shutdown;
use holdfast::store::history::Owner;
use holdfast::store::trust::{Peer, ReceivedRepo, ReceivedState};
use holdfast::store::{History, Trust};
use holdfast::wire::{CommandRequest, CommandUpdate, SharedRepoReport, SharedRepoSet, TakenState};
use ports::free_address;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc, watch};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The grant by which a member takes repos, as in a config.
pub(crate) const CONSENT: &str = "grants = [{ permission = \"send-shared-repos\" }]";

pub(crate) fn id(text: &str) -> RepoId {
    text.parse().unwrap()
}

pub(crate) fn guid(digit: char) -> RepoGuid {
    digit.to_string().repeat(64).parse().unwrap()
}

/// The folder of an instance that may not have been started yet.
pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    fn data(&self) -> DataDir {
        DataDir::new(self.path().join("data"))
    }

    fn key(&self) -> KeyId {
        std::fs::create_dir_all(self.data().path()).unwrap();
        read_or_create_identity(&self.data().identity()).unwrap().key_id()
    }
}

/// An instance that can be stopped and started.
pub(crate) struct Machine {
    pub(crate) key: KeyId,
    dir: Dir,
    listen: SocketAddr,
    instance: Option<Instance>,
}

impl Machine {
    /// `DIR` in the config is the machine's own folder.
    fn new(dir: Dir, listen: SocketAddr, config: &str) -> Self {
        let machine = Self { key: dir.key(), dir, listen, instance: None };
        std::fs::write(machine.file(), machine.own(config)).unwrap();
        machine
    }

    pub(crate) fn own(&self, text: &str) -> String {
        text.replace("DIR", &self.dir.path().display().to_string())
    }

    fn file(&self) -> PathBuf {
        self.folder("config.toml")
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn start(&mut self) {
        let options = Options {
            config: self.file(),
            data_dir: self.dir.data().path().to_owned(),
            listen: vec![self.listen],
            restic: None,
        };
        let guard = Guard::Reexec(PathBuf::from(env!("CARGO_BIN_EXE_holdfast")));
        self.instance = Some(Instance::start(options, guard).await.unwrap());
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        self.instance.as_ref().expect("it was started").node()
    }

    pub(crate) async fn halt(&mut self) {
        self.instance.take().expect("it was started").stop().await;
    }

    pub(crate) fn rewrite_file(&self, change: impl FnOnce(String) -> String) {
        let before = std::fs::read_to_string(self.file()).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "the rewrite changes something");
        std::fs::write(self.file(), after).unwrap();
    }

    pub(crate) fn rewrite(&self, change: impl FnOnce(String) -> String) {
        self.rewrite_file(change);
        self.node().config.reload();
        assert_eq!(self.node().config.trouble(), None);
    }

    pub(crate) async fn received(&self, origin: KeyId, name: &RepoId) -> Option<ReceivedRepo> {
        let name = name.clone();
        let read = self.node().with_trust(move |trust, _| trust.received_repo(&origin, &name));
        read.await.unwrap()
    }

    /// What a command prints.
    pub(crate) async fn says(&self, command: &[&str]) -> String {
        let mut holdfast = tokio::process::Command::new(env!("CARGO_BIN_EXE_holdfast"));
        holdfast.arg("--config").arg(self.file()).arg("--data-dir").arg(self.dir.data().path());
        let said = holdfast.args(command).output().await.unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    }

    /// Waits for what changes with what is shared.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let mut changes = self.node().sharing.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if holds().await {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it comes true");
    }
}

/// A hub that shares with a laptop, which dials it.
pub(crate) struct Pair {
    pub(crate) hub: Machine,
    pub(crate) laptop: Machine,
}

type Reports = watch::Receiver<BTreeMap<KeyId, Arc<SharedRepoReport>>>;

/// How the two know each other.
struct Terms<'a> {
    /// What the hub grants, such as `receive-shared-repos=*`.
    grant: &'a str,
    consent: &'a str,
    paths: &'a str,
    /// Whether the hub has the laptop in its store instead of its config.
    is_stored: bool,
}

impl<'a> Terms<'a> {
    fn new(grant: &'a str) -> Self {
        Self { grant, consent: CONSENT, paths: "\"/\"", is_stored: false }
    }
}

impl Pair {
    pub(crate) fn dir(_name: &str) -> Dir {
        Dir(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn new(grant: &str, hub: &str, laptop: &str) -> Self {
        Self::start(Self::dir("hub"), &Terms::new(grant), hub, laptop).await
    }

    pub(crate) async fn within(dir: Dir, grant: &str, hub: &str, laptop: &str) -> Self {
        Self::start(dir, &Terms::new(grant), hub, laptop).await
    }

    pub(crate) async fn without_consent(grant: &str, hub: &str) -> Self {
        let terms = Terms { consent: "grants = []", ..Terms::new(grant) };
        Self::start(Self::dir("hub"), &terms, hub, "").await
    }

    pub(crate) async fn without_paths(grant: &str, hub: &str) -> Self {
        let terms = Terms { paths: "", ..Terms::new(grant) };
        Self::start(Self::dir("hub"), &terms, hub, "").await
    }

    pub(crate) async fn paired(grant: &str, hub: &str) -> Self {
        let terms = Terms { is_stored: true, ..Terms::new(grant) };
        Self::start(Self::dir("hub"), &terms, hub, "").await
    }

    async fn start(dir: Dir, terms: &Terms<'_>, hub: &str, laptop: &str) -> Self {
        let laptop_dir = Self::dir("laptop");
        let (hub_key, laptop_key) = (dir.key(), laptop_dir.key());
        let hub_at = free_address();
        let client = if terms.is_stored {
            store_client(&dir, laptop_key, terms.grant);
            String::new()
        } else {
            declared_client(laptop_key, terms.grant)
        };
        let hub = format!("instance = \"hub\"\n{client}{hub}");
        let host = known_host(hub_key, hub_at, terms.consent, terms.paths);
        let laptop = format!("instance = \"laptop\"\n{host}{laptop}");
        let mut hub = Machine::new(dir, hub_at, &hub);
        let mut laptop = Machine::new(laptop_dir, anywhere(), &laptop);
        hub.start().await;
        laptop.start().await;
        Self { hub, laptop }
    }

    /// The hub stops, its file is another, and it comes back; the laptop dials it at once.
    pub(crate) async fn hub_comes_back(&mut self, change: impl FnOnce(String) -> String) {
        self.hub.halt().await;
        self.hub.rewrite_file(change);
        self.hub.start().await;
        self.laptop.node().dialing.at_once(&self.hub.key);
    }

    pub(crate) async fn received(&self, name: &str) -> Option<ReceivedRepo> {
        self.laptop.received(self.hub.key, &id(name)).await
    }

    pub(crate) async fn becomes(&self, name: &str, state: ReceivedState) {
        let is = || async { self.received(name).await.is_some_and(|repo| repo.state == state) };
        self.laptop.until(is).await;
    }

    /// Waits until the hub knows what became of its repo.
    pub(crate) async fn reports(&self, name: &str, state: TakenState) {
        let mut reports = self.hub.node().sharing.reports();
        let said = |reports: &BTreeMap<KeyId, Arc<SharedRepoReport>>| {
            let repos = reports.get(&self.laptop.key).map(|report| &report.repos[..]);
            repos.unwrap_or_default().iter().any(|repo| repo.id == id(name) && repo.state == state)
        };
        let waiting = reports.wait_for(said);
        tokio::time::timeout(PATIENCE, waiting).await.expect("it is reported").unwrap();
    }

    /// Waits for a report that was not there when `reports` was last looked at.
    pub(crate) async fn reports_anew(&self, mut reports: Reports, name: &str, state: TakenState) {
        tokio::time::timeout(PATIENCE, reports.changed()).await.expect("a report").unwrap();
        self.reports(name, state).await;
    }

    /// Waits until the hub sees of the members of `vault` what is looked for.
    pub(crate) async fn members<T>(&self, find: impl Fn(&mut Vec<Member>) -> Option<T>) -> T {
        let hub = self.hub.node();
        let repo = hub.config.current().repo(&id("vault")).unwrap().clone();
        let waiting = async {
            loop {
                match find(&mut members(hub, &repo).await.unwrap()) {
                    Some(found) => return found,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it is seen")
    }

    /// Waits until the laptop has acknowledged every record.
    pub(crate) async fn acknowledged(&self) {
        let (hub, laptop) = (self.hub.node(), self.laptop.key);
        let mut reports = hub.sharing.reports();
        let waiting = async {
            loop {
                reports.mark_unchanged();
                let open = hub.with_trust(move |trust, _| trust.open_records(&laptop)).await;
                if open.unwrap().is_empty() {
                    return;
                }
                reports.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the records are acknowledged");
    }

    pub(crate) async fn stop(mut self) {
        self.laptop.halt().await;
        self.hub.halt().await;
    }
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn known_host(key: KeyId, at: SocketAddr, consent: &str, paths: &str) -> String {
    format!(
        "[[known-host]]\ninstance = \"hub\"\nkey-id = \"{key}\"\nurls = [\"http://{at}\"]\n\
         {consent}\nallowed-paths = [{paths}]\n"
    )
}

fn declared_client(key: KeyId, grant: &str) -> String {
    let (permission, scopes) = grant.split_once('=').unwrap();
    let scopes: Vec<_> = scopes.split(',').map(|scope| format!("\"{scope}\"")).collect();
    format!(
        "[[authorized-client]]\ninstance = \"laptop\"\nkey-id = \"{key}\"\n\
         grants = [{{ permission = \"{permission}\", scopes = [{}] }}]\n",
        scopes.join(", ")
    )
}

fn store_client(dir: &Dir, key: KeyId, grant: &str) {
    let role = PeerRole::AuthorizedClient;
    let mut peer = Peer::new(key, "laptop".parse().unwrap(), role, clock::now());
    peer.grants = Grants::parse([grant]).unwrap();
    Trust::open(dir.data().path()).unwrap().put_peer(&peer).unwrap();
}

/// An owner that says what it likes.
pub(crate) struct Hostile {
    pub(crate) key: KeyId,
    at: SocketAddr,
    trust: Arc<Trust>,
    conversations: Mutex<mpsc::UnboundedReceiver<Conversation>>,
    _links: Arc<Links>,
    _shutdown: Shutdown,
    _dir: Dir,
}

impl Hostile {
    pub(crate) async fn listen() -> Self {
        let dir = Pair::dir("hub");
        let identity = Arc::new(Identity::from_seed([66; 32]));
        let trust = Arc::new(Trust::open(dir.path()).unwrap());
        let (links, conversations) = links(&dir, &identity, &trust);
        let listener = Listener::bind(anywhere(), Answers::SyncOnly).await.unwrap();
        let at = listener.local_address().unwrap();
        let accepting = Arc::clone(&links);
        let accept = SyncAccept {
            on_link: Arc::new(move |link| accepting.accept(link)),
            trusted_proxies: TrustedProxies::new(Vec::new()),
            limits: Limits::default(),
        };
        let shutdown = Shutdown::default();
        let guard = shutdown.guard();
        tokio::spawn(serve(vec![listener], None, accept, axum::Router::new(), guard));
        Self {
            key: identity.key_id(),
            at,
            trust,
            conversations: Mutex::new(conversations),
            _links: links,
            _shutdown: shutdown,
            _dir: dir,
        }
    }

    /// A member that takes repos from it and allows it one folder.
    pub(crate) async fn victim(&self, config: &str) -> Machine {
        self.victim_granting(CONSENT, config).await
    }

    pub(crate) async fn victim_granting(&self, consent: &str, config: &str) -> Machine {
        let dir = Pair::dir("laptop");
        let (role, name) = (PeerRole::AuthorizedClient, "laptop".parse().unwrap());
        let mut peer = Peer::new(dir.key(), name, role, clock::now());
        peer.grants = Grants::parse(["receive-shared-repos=*"]).unwrap();
        self.trust.put_peer(&peer).unwrap();
        let host = known_host(self.key, self.at, consent, "\"/allowed\"");
        let config = format!("instance = \"laptop\"\n{host}{config}");
        let mut machine = Machine::new(dir, anywhere(), &config);
        machine.start().await;
        machine
    }

    /// Asks the next that connects for all of that, one after the other; what became of each.
    pub(crate) async fn commands(&self, requests: Vec<CommandRequest>) -> Vec<CommandUpdate> {
        let asking = async {
            let mut conversation = self.conversations.lock().await.recv().await.unwrap();
            let mut updates = Vec::new();
            for request in requests {
                let request = Outgoing::CommandRequest(request);
                conversation.outgoing.send(Box::new(request)).await.unwrap();
                loop {
                    let event = conversation.events.recv().await.expect("the session stands");
                    if let Event::CommandUpdate(update) = *event {
                        updates.push(update);
                        break;
                    }
                }
            }
            updates
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the member answers")
    }

    /// Pushes to the next that connects, until it has answered.
    pub(crate) async fn pushes(&self, repos: Vec<SharedRepo>) {
        let pushing = async {
            let mut conversation = self.conversations.lock().await.recv().await.unwrap();
            let set = SharedRepoSet { revision: 1, repos, dropped: Vec::new() };
            conversation.outgoing.send(Box::new(Outgoing::SharedRepos(set))).await.unwrap();
            while let Some(event) = conversation.events.recv().await {
                if matches!(*event, Event::SharedRepoReport(_)) {
                    return;
                }
            }
            panic!("the session ended before the member answered");
        };
        tokio::time::timeout(PATIENCE, pushing).await.expect("the member answers");
    }
}

fn links(
    dir: &Dir,
    identity: &Arc<Identity>,
    trust: &Arc<Trust>,
) -> (Arc<Links>, mpsc::UnboundedReceiver<Conversation>) {
    let history = History::open(dir.path(), Owner { public_key: identity.public_key() }).unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "instance = \"hub\"\n").unwrap();
    let config = Arc::new(LiveConfig::open(file).unwrap());
    let base = Base {
        ground: Ground::new(Arc::clone(identity), history),
        trust: Arc::clone(trust),
        roster: Arc::new(Roster::new(config, Arc::clone(trust))),
        presences: Arc::<Presences>::default(),
    };
    let local = Local {
        identity: Arc::clone(identity),
        instance: "hub".parse().unwrap(),
        boot_id: [1; 16],
        software: "holdfast test".to_owned(),
    };
    let (timing, quota) = (Timing::default(), Quota::default());
    Links::new(Settings { local, timing, urls: Vec::new(), quota }, base)
}
