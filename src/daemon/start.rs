//! Starts an instance, keeps it running, and stops it.

use super::areas::Areas;
use super::attend::attend_all;
use super::commands::Commands;
use super::dialing::Dialing;
use super::hooks::{self, Herald};
use super::links::{Base, Conversation, Links, Settings};
use super::logs::LogCalls;
use super::node::Node;
use super::ports::{self, StoredHistory, StoredRuns};
use super::presence::Presences;
use super::roster::Roster;
use super::scheduler::{self, PlanTasks, RepoTasks, Scheduler, Tasks};
use super::sharing::{self, Sharing};
use super::{promises, services, upkeep, warden};
use crate::config::{
    self, Config, DataDir, IdentityFileError, LiveConfig, LoadError, create_default,
    instance_of_this_host,
};
use crate::crypto::Identity;
use crate::job::Engine;
use crate::net::drive::{Ground, Pasts};
use crate::net::local::{self, LocalError, LocalSocket};
use crate::net::{
    Answers, Limits, ListenError, Listener, SyncAccept, TlsError, TlsServer, TrustedProxies, serve,
};
use crate::reconcile::Quota;
use crate::restic::{self, Locator};
use crate::session::{Local, Timing};
use crate::shutdown::{Guard, Shutdown};
use crate::store::history::Owner;
use crate::store::{DataDirLock, History, StoreError, Trust};
use crate::web::accounts::Accounts;
use crate::web::{self, Surface};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Name and version of this program, as peers see it.
const SOFTWARE: &str = concat!("holdfast ", env!("CARGO_PKG_VERSION"));
/// For the end of an interrupted run to reach who is connected.
const LAST_WORD: Duration = Duration::from_millis(500);
/// How long peers may take to hear of the stop.
const GOODBYE: Duration = Duration::from_secs(4);
/// How long everything may take to end, once restic has.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What the daemon is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The config file.
    pub config: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
    /// Addresses instead of the config's; empty: the config's.
    pub listen: Vec<SocketAddr>,
    /// The restic binary instead of the config's.
    pub restic: Option<PathBuf>,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be taken.
    #[error(transparent)]
    Config(#[from] LoadError),
    /// The identity cannot be read or made.
    #[error(transparent)]
    Identity(#[from] IdentityFileError),
    /// A database cannot be opened, or another daemon has the data directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket of the local API cannot be made.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Something of the system.
    #[error("{what}: {reason}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        reason: String,
    },
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |error| StartError::System { what, reason: error.to_string() }
}

/// Runs an instance until a signal asks it to stop.
///
/// # Errors
/// It did not start; nothing was served.
pub async fn run(options: Options) -> Result<(), StartError> {
    let guard = restic::Guard::this_program().map_err(system("this program's own path"))?;
    let instance = Instance::start(options, guard).await?;
    instance.running.until_asked().await?;
    instance.stop().await;
    Ok(())
}

/// An instance within this process, which whoever started it stops.
pub struct Instance {
    running: Running,
    shutdown: Shutdown,
}

impl Instance {
    /// Starts it; `guard` ties each restic to the life of this process.
    ///
    /// # Errors
    /// It did not start; nothing was served.
    pub async fn start(options: Options, guard: restic::Guard) -> Result<Self, StartError> {
        let opened = Opened::open(options, guard)?;
        let shutdown = Shutdown::default();
        let running = Running::start(opened, &shutdown).await?;
        Ok(Self { running, shutdown })
    }

    /// What its parts share.
    #[must_use]
    pub const fn node(&self) -> &Arc<Node> {
        &self.running.node
    }

    /// Stops it, in order.
    pub async fn stop(self) {
        self.running.stop(self.shutdown).await;
    }
}

/// Everything on disk, opened.
struct Opened {
    options: Options,
    _lock: DataDirLock,
    config: Arc<LiveConfig>,
    data: DataDir,
    identity: Arc<Identity>,
    trust: Arc<Trust>,
    history: History,
    scheduler: Arc<Scheduler>,
    guard: restic::Guard,
}

impl Opened {
    fn open(options: Options, guard: restic::Guard) -> Result<Self, StartError> {
        let data = DataDir::new(options.data_dir.clone());
        config::create_private_dir(data.path()).map_err(system("the data directory"))?;
        let lock = DataDirLock::take(data.path())?;
        let config = Arc::new(open_config(options.config.clone())?);
        let identity = Arc::new(config::read_or_create_identity(&data.identity())?);
        let trust = Arc::new(Trust::open(data.path())?);
        let owner = Owner { public_key: identity.public_key() };
        let history = open_history(&data, &trust, owner)?;
        let scheduler = Arc::new(Scheduler::open(Arc::clone(&trust), identity.key_id())?);
        Ok(Self { options, _lock: lock, config, data, identity, trust, history, scheduler, guard })
    }
}

/// Where `trust.db` says that there is a history.
const HAS_HISTORY: &str = "has-history";

fn open_history(data: &DataDir, trust: &Trust, owner: Owner) -> Result<History, StoreError> {
    if trust.meta(HAS_HISTORY)?.is_some() {
        return History::reopen(data.path(), owner);
    }
    let history = History::open(data.path(), owner)?;
    trust.set_meta(HAS_HISTORY, b"1")?;
    Ok(history)
}

fn open_config(path: PathBuf) -> Result<LiveConfig, StartError> {
    let host = instance_of_this_host();
    let host =
        host.map_err(|e| StartError::System { what: "the host name", reason: e.to_string() })?;
    if create_default(&path, &host)? {
        tracing::info!(path = %path.display(), instance = %host, "a commented config was written");
    }
    Ok(LiveConfig::open(path)?)
}

/// An instance that runs.
struct Running {
    node: Arc<Node>,
    boot_id: [u8; 16],
    proxies: TrustedProxies,
    tls: Option<TlsServer>,
    _lock: DataDirLock,
}

impl Running {
    async fn start(opened: Opened, shutdown: &Shutdown) -> Result<Self, StartError> {
        let config = opened.config.current();
        let mut boot_id = [0; 16];
        getrandom::fill(&mut boot_id).map_err(|error| StartError::System {
            what: "the system gives no random bytes",
            reason: error.to_string(),
        })?;
        let listeners = bind(&config, &opened.options.listen).await?;
        let bound = Bound {
            all: bound(&listeners, |_| true),
            ui_url: web::url(
                &bound(&listeners, |answers| answers == Answers::Everything),
                &config.tls,
            ),
        };
        let names: Vec<_> = config.urls.iter().map(|url| url.host().to_owned()).collect();
        let tls = TlsServer::configured(&config.tls, &names, opened.data.path())?;
        let socket = bind_socket(&opened.data)?;
        let settings = settings(&config, &opened.identity, boot_id);
        let (node, conversations, lock) = connect(opened, settings, bound);
        let proxies = TrustedProxies::new(config.trusted_proxies.clone());
        let running = Self { node, boot_id, proxies, tls, _lock: lock };
        running.spawn_all(conversations, listeners, socket, shutdown).await;
        Ok(running)
    }

    async fn spawn_all(
        &self,
        conversations: mpsc::UnboundedReceiver<Conversation>,
        listeners: Vec<Listener>,
        socket: LocalSocket,
        shutdown: &Shutdown,
    ) {
        let node = &self.node;
        if let Err(error) = node.engine.recover().await {
            tracing::error!(%error, "what ran when the daemon last ended is not known");
        }
        let engine = node.engine.clone();
        tokio::spawn(async move { engine.sweep().await });
        tokio::spawn(attend_all(Arc::clone(node), conversations));
        tokio::spawn(Arc::clone(&node.dialing).run(shutdown.guard()));
        tokio::spawn(sharing::keep(Arc::clone(node), shutdown.guard()));
        tokio::spawn(warden::watch(Arc::clone(node), shutdown.guard()));
        let links = Arc::clone(&node.links);
        let accept = SyncAccept {
            on_link: Arc::new(move |link| links.accept(link)),
            trusted_proxies: self.proxies.clone(),
            limits: Limits::default(),
        };
        let routes = services::routes(Arc::clone(node));
        let surface = Surface {
            routes: routes.clone(),
            downloads: Arc::new(services::Downloading::new(Arc::clone(node))),
            access: Arc::clone(&node.accounts),
            config: Arc::clone(&node.config),
            listening: bound(&listeners, |answers| answers == Answers::Everything),
        };
        let router = web::router(surface);
        tokio::spawn(serve(listeners, self.tls.clone(), accept, router, shutdown.guard()));
        let api = socket.serve(routes, shutdown.guard());
        tokio::spawn(async move {
            if let Err(error) = api.await {
                tracing::error!(%error, "the local API has ended");
            }
        });
        tokio::spawn(promises::follow(Arc::clone(node), shutdown.guard()));
        tokio::spawn(upkeep::run(Arc::clone(node), shutdown.guard()));
        tokio::spawn(upkeep::settle(Arc::clone(node), shutdown.guard()));
        tokio::spawn(upkeep::keep_heard(Arc::clone(node), shutdown.guard()));
        let herald = || Arc::clone(&node.herald);
        tokio::spawn(hooks::deliver(Arc::clone(node), herald(), shutdown.guard()));
        tokio::spawn(hooks::states(Arc::clone(node), herald(), shutdown.guard()));
        tokio::spawn(hooks::peers_operations(Arc::clone(node), herald(), shutdown.guard()));
        let kinds: Vec<Arc<dyn Tasks>> = vec![
            Arc::new(PlanTasks::new(Arc::clone(node))),
            Arc::new(RepoTasks::new(Arc::clone(node))),
        ];
        tokio::spawn(scheduler::run(Arc::clone(node), kinds, shutdown.guard()));
        self.watch_config(shutdown.guard());
        self.invite();
        tracing::info!(
            instance = %node.config.current().instance, key = %node.key(), listen = ?node.listening,
            "holdfast runs"
        );
    }

    /// Where the first user may come from elsewhere, they need what only this machine's owner sees.
    fn invite(&self) {
        let beyond = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        // Those of `sync-listen` were bound last; they do not answer browsers.
        let sync_only = self.node.config.current().sync_listen.len();
        let answering = self.node.listening.len().saturating_sub(sync_only);
        if !self.node.listening.iter().take(answering).any(beyond) {
            return;
        }
        match self.node.accounts.invite() {
            // Not through the log, which is kept and passed on: this is to be read once.
            Ok(Some(code)) => eprintln!(
                "No user exists yet. To create the first one from another machine, open the web \
                 interface and type this code (until the daemon is restarted): {}",
                code.expose()
            ),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "no code for the first user was made"),
        }
    }

    fn watch_config(&self, guard: Guard) {
        match config::watch(Arc::clone(&self.node.config), guard.clone()) {
            Ok(watching) => drop(tokio::spawn(watching)),
            Err(error) => {
                tracing::warn!(%error, "the config file is not watched; SIGHUP has it read again");
            }
        }
        let follower = Follower {
            node: Arc::clone(&self.node),
            boot_id: self.boot_id,
            proxies: self.proxies.clone(),
        };
        tokio::spawn(follower.follow(guard));
    }

    /// Waits for a signal that asks to stop; SIGHUP has config and certificate read again.
    async fn until_asked(&self) -> Result<(), StartError> {
        let on = |kind| signal(kind).map_err(system("signals"));
        let (mut terminate, mut interrupt) =
            (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
        let mut hangup = on(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = hangup.recv() => self.read_again(),
            }
        }
    }

    fn read_again(&self) {
        let outcome = self.node.config.reload();
        tracing::info!(?outcome, "the config was read again");
        let config = self.node.config.current();
        let names: Vec<_> = config.urls.iter().map(|url| url.host().to_owned()).collect();
        let renewed = TlsServer::configured(&config.tls, &names, self.node.data.path());
        match (&self.tls, renewed) {
            (Some(tls), Ok(Some(renewed))) => tls.replace(&renewed),
            (_, Err(error)) => tracing::error!(%error, "the certificate stays as it was"),
            (None, Ok(Some(_))) | (Some(_), Ok(None)) => {
                tracing::warn!("TLS is switched on or off by a restart");
            }
            (None, Ok(None)) => {}
        }
    }

    /// Restic first, so that it unlocks and its end is recorded and sent; then everything else.
    async fn stop(self, shutdown: Shutdown) {
        tracing::info!("stopping");
        let was_at_work = !self.node.engine.live().is_empty();
        self.node.engine.stop().await;
        if was_at_work {
            tokio::time::sleep(LAST_WORD).await;
        }
        if tokio::time::timeout(GOODBYE, self.node.links.stop()).await.is_err() {
            tracing::warn!("not every peer was told of the stop in time");
        }
        if tokio::time::timeout(STOP_WITHIN, shutdown.complete()).await.is_err() {
            tracing::warn!("not everything ended in time");
        }
        self.node.history.close().await;
        tracing::info!("stopped");
    }
}

/// Where this instance listens.
struct Bound {
    all: Vec<SocketAddr>,
    ui_url: Option<String>,
}

/// The addresses of those listeners that answer so.
fn bound(listeners: &[Listener], which: impl Fn(Answers) -> bool) -> Vec<SocketAddr> {
    let chosen = listeners.iter().filter(|listener| which(listener.answers()));
    chosen.filter_map(|listener| listener.local_address().ok()).collect()
}

/// Binds every address, before anything is served.
async fn bind(config: &Config, instead: &[SocketAddr]) -> Result<Vec<Listener>, ListenError> {
    let listen = if instead.is_empty() { &config.listen[..] } else { instead };
    let everything = listen.iter().map(|address| (*address, Answers::Everything));
    let sync = config.sync_listen.iter().map(|address| (*address, Answers::SyncOnly));
    let mut listeners = Vec::new();
    for (address, answers) in everything.chain(sync) {
        listeners.push(Listener::bind(address, answers).await?);
    }
    Ok(listeners)
}

fn bind_socket(data: &DataDir) -> Result<LocalSocket, LocalError> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    LocalSocket::bind(&local::socket_path(data.path(), runtime_dir.as_deref())?)
}

fn settings(config: &Config, identity: &Arc<Identity>, boot_id: [u8; 16]) -> Settings {
    let timing = Timing::with_heartbeat(config.heartbeat);
    Settings {
        local: Local {
            identity: Arc::clone(identity),
            instance: config.instance.clone(),
            boot_id,
            software: SOFTWARE.to_owned(),
        },
        timing: Timing { dead_after: config.dead_after, ..timing },
        urls: config.urls.iter().map(ToString::to_string).collect(),
        quota: Quota { payload_bytes: config.history.quota_per_peer.0, ..Quota::default() },
    }
}

/// Connects the parts, none of which does anything yet.
fn connect(
    opened: Opened,
    settings: Settings,
    bound: Bound,
) -> (Arc<Node>, mpsc::UnboundedReceiver<Conversation>, DataDirLock) {
    let Opened { options, _lock: lock, config, data, identity, trust, history, scheduler, guard } =
        opened;
    let roster = Arc::new(Roster::new(Arc::clone(&config), Arc::clone(&trust)));
    let (presences, pasts) = (Arc::<Presences>::default(), Pasts::default());
    let base = Base {
        ground: Ground {
            pasts: pasts.clone(),
            ..Ground::new(Arc::clone(&identity), history.clone())
        },
        trust: Arc::clone(&trust),
        roster: Arc::clone(&roster),
        presences: Arc::clone(&presences),
    };
    let (links, conversations) = Links::new(settings, base);
    let dialing = Dialing::new(Arc::clone(&links), Arc::clone(&roster), Arc::clone(&presences));
    let journal = Arc::new(StoredHistory::new(history.clone()));
    let runs = Arc::new(StoredRuns::new(Arc::clone(&trust)));
    let ports = ports::connect(
        Arc::clone(&config),
        Arc::clone(&trust),
        Arc::clone(&journal),
        Arc::clone(&runs),
        Handle::current(),
    );
    let herald = Herald::new(
        Arc::clone(&config),
        Arc::clone(&trust),
        history.clone(),
        identity.key_id(),
        Handle::current(),
    );
    let herald = Arc::new(herald);
    let engine = Engine::with_hooks(
        locator(options.restic, Arc::clone(&config), guard),
        ports,
        Arc::<Herald>::clone(&herald),
    );
    let (log_calls, commands) = (LogCalls::default(), Commands::default());
    let accounts = Arc::new(Accounts::new(Arc::clone(&trust), identity.key_id()));
    let node = Node {
        accounts,
        config,
        data,
        identity,
        trust,
        history,
        journal,
        runs,
        engine,
        scheduler,
        roster,
        presences,
        links,
        dialing,
        sharing: Arc::<Sharing>::default(),
        log_calls,
        commands,
        pasts,
        herald,
        areas: Areas::default(),
        listening: bound.all,
        ui_url: bound.ui_url,
    };
    (Arc::new(node), conversations, lock)
}

/// restic as the command line names it, else as the config does at the time.
fn locator(given: Option<PathBuf>, config: Arc<LiveConfig>, guard: restic::Guard) -> Locator {
    Locator::following(move || given.clone().or_else(|| config.current().restic.clone()), guard)
}

/// Carries every change of the configuration to where it counts.
struct Follower {
    node: Arc<Node>,
    boot_id: [u8; 16],
    proxies: TrustedProxies,
}

impl Follower {
    async fn follow(self, mut guard: Guard) {
        let mut changes = self.node.config.subscribe();
        while guard.run(changes.changed()).await.is_some_and(|changed| changed.is_ok()) {
            let snapshot = changes.borrow_and_update().clone();
            if let Some(trouble) = &snapshot.trouble {
                tracing::error!(%trouble, "the config file is not taken; the last good one stays");
                continue;
            }
            self.apply(&snapshot.config).await;
        }
    }

    async fn apply(&self, config: &Config) {
        let node = &self.node;
        let before = node.links.settings().quota;
        node.links.resettle(settings(config, &node.identity, self.boot_id));
        if node.links.settings().quota != before {
            node.restart_troubled();
        }
        self.proxies.replace(config.trusted_proxies.clone());
        node.regrant_all().await;
        node.roster.changed();
        tracing::info!(revision = %config.revision, "another configuration is in effect");
    }
}
