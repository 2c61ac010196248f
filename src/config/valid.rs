//! The configuration as it may run: every value checked, every default filled in.

use super::hooks::{Channel, Hook};
use super::secret::{SecretError, SecretSource, Template};
use super::units::{ByteSize, Span, TrustedProxy};
use super::upkeep::Upkeep;
use crate::grant::Grants;
use crate::model::{
    InstanceId, KeyId, MachineClass, PeerRole, PlanId, RepoAccess, RepoId, Retention, Secret,
    Tuning,
};
use crate::pairing::PeerUrl;
use crate::schedule::{OnlyWhen, Retry, Schedule};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Which text a configuration was read from: equal texts, equal revisions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 8]);

impl Revision {
    /// Of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(first)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A validated file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The text that it was read from.
    pub revision: Revision,
    /// This instance's name.
    pub instance: InstanceId,
    /// What kind of machine this is.
    pub class: MachineClass,
    /// Where UI, API and sync are served.
    pub listen: Vec<SocketAddr>,
    /// How others reach this instance.
    pub urls: Vec<PeerUrl>,
    /// Earlier names whose tags count as ours; not necessarily valid instance ids.
    pub formerly: Vec<String>,
    /// How often a silent link is pinged.
    pub heartbeat: Duration,
    /// After how long a silence a link is dead.
    pub dead_after: Duration,
    /// After how long out of sight hooks are told that a peer is offline.
    pub offline_after: Duration,
    /// Where the sync path and nothing else is served.
    pub sync_listen: Vec<SocketAddr>,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How much history is kept.
    pub history: History,
    /// TLS on the listening addresses.
    pub tls: Tls,
    /// The restic binary, where it is not the one on PATH.
    pub restic: Option<PathBuf>,
    /// How many pieces of work may run restic at once.
    pub parallel: u32,
    /// The repos, in the order of the file.
    pub repos: Vec<Repo>,
    /// The plans, in the order of the file.
    pub plans: Vec<Plan>,
    /// The peers declared in the file; they win over the store.
    pub peers: Vec<DeclaredPeer>,
    /// Who may be told, in the order of the file.
    pub channels: Vec<Channel>,
    /// Who is told of everything here, and of what peers tell.
    pub hooks: Vec<Hook>,
}

impl Config {
    /// A configuration of nothing but defaults.
    #[must_use]
    pub fn new(instance: InstanceId) -> Self {
        Self {
            revision: Revision::of(""),
            instance,
            class: MachineClass::Server,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 9898))],
            urls: Vec::new(),
            formerly: Vec::new(),
            heartbeat: Self::HEARTBEAT,
            dead_after: 3 * Self::HEARTBEAT,
            offline_after: Duration::from_secs(600),
            sync_listen: Vec::new(),
            trusted_proxies: Vec::new(),
            history: History::default(),
            tls: Tls::Off,
            restic: None,
            parallel: Self::PARALLEL,
            repos: Vec::new(),
            plans: Vec::new(),
            peers: Vec::new(),
            channels: Vec::new(),
            hooks: Vec::new(),
        }
    }

    /// The default of [`Config::parallel`].
    pub const PARALLEL: u32 = 4;
    /// The default of [`Config::heartbeat`]; three of them are the default of `dead_after`.
    pub const HEARTBEAT: Duration = Duration::from_secs(15);

    /// The repo of that id.
    #[must_use]
    pub fn repo(&self, id: &RepoId) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.id == *id)
    }

    /// The plan of that id.
    #[must_use]
    pub fn plan(&self, id: &PlanId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == *id)
    }

    /// The schedule whose times a plan's runs follow: its own, or that of the plan at the head of
    /// those that it runs after.
    #[must_use]
    pub fn leading_schedule<'a>(&'a self, plan: &'a Plan) -> &'a Schedule {
        let mut schedule = &plan.schedule;
        // Nothing runs after itself, so there are no more steps than plans.
        for _ in &self.plans {
            let Schedule::After { plan } = schedule else { break };
            let Some(before) = self.plan(plan) else { break };
            schedule = &before.schedule;
        }
        schedule
    }

    /// The declared peer of that key.
    #[must_use]
    pub fn peer(&self, key: &KeyId) -> Option<&DeclaredPeer> {
        self.peers.iter().find(|peer| peer.key == *key)
    }

    /// Plans whose repo is not in the file: it has to be one that a peer sent.
    pub fn unresolved_repos(&self) -> impl Iterator<Item = (&PlanId, &RepoId)> {
        self.plans
            .iter()
            .filter(|plan| self.repo(&plan.repo).is_none())
            .map(|plan| (&plan.id, &plan.repo))
    }
}

/// How much history is kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Our own operations.
    pub keep: Span,
    /// What peers sent.
    pub keep_peers: Span,
    /// How many bytes of payload one origin may fill.
    pub quota_per_peer: ByteSize,
}

impl Default for History {
    fn default() -> Self {
        Self {
            keep: Span::days(400),
            keep_peers: Span::days(400),
            quota_per_peer: ByteSize(4 << 30),
        }
    }
}

/// TLS on the listening addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// Plain HTTP/1.1 and h2c; the sync channel is sealed all the same.
    #[default]
    Off,
    /// A certificate made by the daemon.
    SelfSigned,
    /// PEM files.
    Files {
        /// The certificate and its chain.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// A repository of this machine's owner.
#[derive(Debug, Clone, PartialEq)]
pub struct Repo {
    /// Its id, never renamed.
    pub id: RepoId,
    /// restic's location of it, possibly with credentials.
    pub uri: Template,
    /// The password of the repository.
    pub password: SecretSource,
    /// Environment of restic for it, sorted by name.
    pub env: Vec<(String, Template)>,
    /// Where it is, in the owner's words.
    pub place: Option<String>,
    /// What it is, in the owner's words: disk, server, cloud.
    pub kind: Option<String>,
    /// Whether peers that may are sent it.
    pub shared: bool,
    /// What members use instead.
    pub member: Member,
    /// Whether it is created if it does not exist and was never known.
    pub auto_init: bool,
    /// Who is told of what happens on it.
    pub hooks: Vec<Hook>,
    /// How it is kept in order.
    pub upkeep: Upkeep,
    /// How restic is run for it.
    pub tuning: Tuning,
}

/// What members of a shared repo use instead of the owner's own way to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// Their location, in which `{instance}` stands for the member's name.
    pub uri: Option<Template>,
    /// Their password: another key of the same repository.
    pub password: Option<SecretSource>,
    /// Their environment.
    pub env: Vec<(String, Template)>,
}

impl Member {
    const NONE: Self = Self { uri: None, password: None, env: Vec::new() };
}

impl Repo {
    /// A repo with nothing but what it must have.
    #[must_use]
    pub const fn new(id: RepoId, uri: Template, password: SecretSource) -> Self {
        Self {
            id,
            uri,
            password,
            env: Vec::new(),
            place: None,
            kind: None,
            shared: false,
            member: Member::NONE,
            auto_init: true,
            hooks: Vec::new(),
            upkeep: Upkeep::NONE,
            tuning: Tuning::NONE,
        }
    }

    /// All that restic needs to open it here, every secret resolved now.
    ///
    /// # Errors
    /// A secret that cannot be had.
    pub async fn access(&self) -> Result<RepoAccess, SecretError> {
        Ok(RepoAccess {
            uri: self.uri.resolve()?,
            password: self.password.resolve().await?,
            env: resolved(&self.env)?,
        })
    }

    /// All that a member of that name may be sent, every secret resolved now.
    ///
    /// # Errors
    /// A secret that cannot be had.
    pub async fn member_access(&self, instance: &InstanceId) -> Result<RepoAccess, SecretError> {
        let uri = match &self.member.uri {
            // An instance id has no character that means something in a template.
            Some(uri) => uri.replacing("{instance}", instance.as_str()).resolve()?,
            None => self.uri.resolve()?,
        };
        let password = self.member.password.as_ref().unwrap_or(&self.password);
        let env = resolved(self.member_env())?;
        Ok(RepoAccess { uri, password: password.resolve().await?, env })
    }

    /// The environment of members: the owner's own, unless they have a way or credentials of their own.
    #[must_use]
    pub fn member_env(&self) -> &[(String, Template)] {
        let is_own = self.member.uri.is_some() || !self.member.env.is_empty();
        if is_own { &self.member.env } else { &self.env }
    }
}

fn resolved(env: &[(String, Template)]) -> Result<Vec<(String, Secret)>, SecretError> {
    env.iter().map(|(name, value)| Ok((name.clone(), value.resolve()?))).collect()
}

/// What to back up, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its id, never renamed.
    pub id: PlanId,
    /// The repo, of the file or received from a peer.
    pub repo: RepoId,
    /// What to back up; absolute.
    pub paths: Vec<String>,
    /// restic's `--exclude` patterns.
    pub exclude: Vec<String>,
    /// restic's `--iexclude` patterns.
    pub iexclude: Vec<String>,
    /// restic's `--exclude-file` files; absolute.
    pub exclude_file: Vec<String>,
    /// restic's `--iexclude-file` files; absolute.
    pub iexclude_file: Vec<String>,
    /// restic's `--exclude-if-present` names.
    pub exclude_if_present: Vec<String>,
    /// Files of more bytes than that are left out.
    pub exclude_larger_than: Option<ByteSize>,
    /// Whether folders that say of themselves that they are caches are left out.
    pub exclude_caches: bool,
    /// Whether other file systems below the paths are left out.
    pub one_file_system: bool,
    /// How many files are read at a time.
    pub read_concurrency: Option<u8>,
    /// Whether a run that finds nothing changed makes no snapshot.
    pub skip_if_unchanged: bool,
    /// The host that its snapshots say they are from; the machine's own where absent.
    pub host: Option<String>,
    /// When it runs.
    pub schedule: Schedule,
    /// What a run that is due waits for.
    pub only_when: OnlyWhen,
    /// When a run that failed is tried again.
    pub retry: Retry,
    /// How late a run may be; `None`: as its schedule says.
    pub grace: Option<Span>,
    /// What is forgotten.
    pub retention: Retention,
    /// How old the newest good backup may be; `None`: any age, as nothing is scheduled.
    pub max_age: Option<Span>,
    /// Whether it may run.
    pub enabled: bool,
    /// Who is told of what happens to it.
    pub hooks: Vec<Hook>,
    /// A command whose output is saved, in place of paths.
    pub stdin: Option<Stdin>,
    /// How restic is run for it; what is not said here its repo says.
    pub tuning: Tuning,
}

/// A command whose output is saved as one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stdin {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The name of the file in the snapshot.
    pub name: String,
}

impl Plan {
    /// A plan with nothing but what it must have.
    #[must_use]
    pub fn new(id: PlanId, repo: RepoId, paths: Vec<String>) -> Self {
        Self {
            id,
            repo,
            paths,
            exclude: Vec::new(),
            iexclude: Vec::new(),
            exclude_file: Vec::new(),
            iexclude_file: Vec::new(),
            exclude_if_present: Vec::new(),
            exclude_larger_than: None,
            exclude_caches: false,
            one_file_system: false,
            read_concurrency: None,
            skip_if_unchanged: false,
            host: None,
            schedule: Schedule::Manual,
            only_when: OnlyWhen::default(),
            retry: Retry::default(),
            grace: None,
            retention: Retention::None,
            max_age: None,
            enabled: true,
            hooks: Vec::new(),
            stdin: None,
            tuning: Tuning::NONE,
        }
    }
}

/// A peer that the owner wrote down by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPeer {
    /// Whether we dial it or it dials us.
    pub role: PeerRole,
    /// Its name.
    pub instance: InstanceId,
    /// Its key.
    pub key: KeyId,
    /// Where it is reached; none for a client.
    pub urls: Vec<PeerUrl>,
    /// What it may do here.
    pub grants: Grants,
    /// Whether its repos may use commands, such as rclone remotes.
    pub allow_remote_commands: bool,
    /// Where it may restore, point a plan or a local repo.
    pub allowed_paths: Vec<PathBuf>,
}
