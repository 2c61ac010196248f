//! `holdfast repo`.

mod printed;
mod storage;

pub(crate) use printed::listed;
use printed::{added, kept_safe, parted, removed_here, shown};

use super::tuning::{self, Tuning};
use super::user::{same, twice};
use super::{Context, Exit, Failure, Output, parse, upkeep, watch};
use crate::api::repo_service_client::RepoServiceClient;
use crate::api::{
    AddRepoRequest, EditRepoRequest, Grant, GrantRequest, ListReposRequest, PasswordSource,
    PeerRequest, Repo, RepoList, RepoRequest, ShareRepoRequest, TakeRepoRequest,
};
use crate::clock;
use crate::model::{OperationKind, RepoId};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tonic::transport::Channel;

/// Repositories that backups go to
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Example:\n  holdfast repo add vault /srv/restic --generate-password\n  holdfast repo list"
)]
pub(crate) enum Command {
    /// List this machine's repos and the ones shared with it
    #[command(after_help = "Example:\n  holdfast repo list")]
    List,
    /// Show one repo
    #[command(
        after_help = "Example:\n  holdfast repo show vault\n  holdfast repo show vault --password"
    )]
    Show {
        #[command(flatten)]
        named: Named,
        /// Its password instead: without it nothing in the repository can be restored
        #[arg(long)]
        password: bool,
    },
    Add(Box<Add>),
    Edit(Box<Edit>),
    /// Forget about a repo; the repository and its snapshots stay where they are
    #[command(after_help = "Example:\n  holdfast repo remove vault")]
    Remove {
        #[command(flatten)]
        named: Named,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    Share(Share),
    /// Stop sharing a repo; the members' plans on it stop, nothing is deleted
    #[command(after_help = "Example:\n  holdfast repo unshare vault")]
    Unshare(Named),
    /// Create the repository of a repo that is in the config
    #[command(after_help = "Example:\n  holdfast repo init vault")]
    Init {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        wait: watch::Wait,
    },
    /// Forget snapshots by the retention of the repo, each plan of each instance by itself
    ///
    /// A plan forgets by its own retention after each of its backups. This is for what has none of its
    /// own, and in a shared repo for the plans of its members.
    #[command(after_help = "Example:\n  holdfast repo forget vault --dry-run")]
    Forget(upkeep::ForgetRepo),
    /// Remove data that no snapshot needs any more
    #[command(after_help = "Example:\n  holdfast repo prune vault")]
    Prune(upkeep::Work),
    /// Verify the repository, and read the next part of its data if `check` says so
    #[command(after_help = "Example:\n  holdfast repo check vault")]
    Check(upkeep::Work),
    /// Measure the repository
    #[command(after_help = "Example:\n  holdfast repo stats vault")]
    Stats(upkeep::Work),
    /// List what is in the repository again, and mark backups whose snapshot is gone
    #[command(after_help = "Example:\n  holdfast repo index vault")]
    Index(upkeep::Work),
    /// Remove locks whose process is known to be gone
    #[command(
        after_help = "Example:\n  holdfast repo unlock vault\n  holdfast repo unlock vault --all"
    )]
    Unlock(upkeep::Unlock),
    /// Run a restic command on the repository and print what it says
    ///
    /// It stays in the operation's log, which is all that --json and --no-wait leave it in.
    /// Location and password are the repo's. Commands that have one of their own here, or that could
    /// reach another repository or run a program, are refused.
    #[command(after_help = "Example:\n  holdfast repo run vault -- snapshots --group-by tags\n  \
        holdfast repo run vault -- forget 1a2b3c4d")]
    Run(upkeep::ByHand),
}

/// Which repo.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its id
    repo: RepoId,
}

/// Where the password comes from.
#[derive(Debug, clap::Args)]
#[group(multiple = false, id = "password")]
pub(crate) struct Password {
    /// A file with the repository's password, read at each use
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    password_file: Option<String>,
    /// A command that prints the repository's password
    #[arg(long, value_name = "COMMAND")]
    password_command: Option<String>,
    /// Read the password from standard input and keep it in the config
    #[arg(long)]
    password_stdin: bool,
}

/// Credentials of the storage.
#[derive(Debug, clap::Args)]
pub(crate) struct Environment {
    /// Environment for restic: NAME=VALUE, or NAME to read it from this shell; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    env: Vec<(String, String)>,
    /// A file of NAME=VALUE lines, kept in the config as --env; may be repeated
    #[arg(long, value_name = "FILE")]
    env_file: Vec<String>,
}

impl Environment {
    /// What is given by itself wins over what a file has.
    fn read(self) -> Result<Vec<(String, String)>, Failure> {
        let mut all = Vec::new();
        for file in &self.env_file {
            all.extend(storage::read_env(file)?);
        }
        all.extend(self.env);
        Ok(all)
    }
}

/// Add a repo: creates the repository, or adopts the one that is there
#[derive(Debug, clap::Args)]
#[command(after_help = storage::EXAMPLES, after_long_help = storage::HELP)]
pub(crate) struct Add {
    #[command(flatten)]
    named: Named,
    /// Where it is, as restic writes it
    #[arg(value_name = "URI", value_parser = parse::repo_uri, required_unless_present = "from")]
    uri: Option<String>,
    #[command(flatten)]
    password: Password,
    /// Make a password, keep it in the config and show it once
    #[arg(long, conflicts_with_all = ["password", "no_init"])]
    generate_password: bool,
    #[command(flatten)]
    environment: Environment,
    #[command(flatten)]
    members: Members,
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    tuning: Tuning,
    /// Save it without trying the storage; the repository is created at its first use
    #[arg(long)]
    no_test: bool,
    /// Share it with peers that may take repos
    #[arg(long)]
    shared: bool,
    /// Adopt only: an absent repository is an error
    #[arg(long)]
    no_init: bool,
    #[command(flatten)]
    upkeep: upkeep::Settings,
    /// Take a repo again that this peer shares and that was removed here
    #[arg(long, value_name = "PEER", conflicts_with_all = ["uri", "password", "generate_password", "env", "env_file", "shared", "no_init", "no_test"])]
    from: Option<String>,
}

/// What members get instead of the owner's own access.
#[derive(Debug, clap::Args)]
pub(crate) struct Members {
    /// The same repository as members reach it; {instance} stands for the member
    #[arg(long, value_name = "URI")]
    member_uri: Option<String>,
    /// A file with the password that members get
    #[arg(long, value_name = "FILE", value_parser = parse::path)]
    member_password_file: Option<String>,
}

/// What the repository is and where: for telling how many copies there are, and how far apart.
#[derive(Debug, clap::Args)]
pub(crate) struct Labels {
    /// What it is, such as disk, server or cloud; empty: not said
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Where it is, such as off-site; empty: not said
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
}

/// Of a repo, what can be changed.
const CHANGES: [&str; 23] = [
    "kind",
    "place",
    "uri",
    "password_file",
    "password_command",
    "password_stdin",
    "env",
    "env_file",
    "unset_env",
    "member_uri",
    "member_password_file",
    "forget",
    "forget_schedule",
    "prune",
    "max_unused",
    "check",
    "read_data",
    "stats",
    "parallel",
    "lock_wait",
    "lock_alarm",
    "retry_attempts",
    "retry_wait",
];

/// Change a repo; what is not given stays
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  holdfast repo edit vault --password-file /etc/holdfast/new.pass",
    group = clap::ArgGroup::new("change").multiple(true)
        .args(CHANGES)
        .args(tuning::OPTIONS)
)]
pub(crate) struct Edit {
    #[command(flatten)]
    named: Named,
    /// Where it is now
    #[arg(long, value_parser = parse::repo_uri)]
    uri: Option<String>,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    environment: Environment,
    /// Remove a variable; may be repeated
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<String>,
    #[command(flatten)]
    members: Members,
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    tuning: Tuning,
    /// Save a new location, password or environment without trying the storage
    #[arg(long)]
    no_test: bool,
    #[command(flatten)]
    upkeep: upkeep::Settings,
}

/// Share a repo with the peers that may take it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast repo share vault --with laptop")]
pub(crate) struct Share {
    #[command(flatten)]
    named: Named,
    /// Let this peer take it; may be repeated. Every member can read all that is in the repository
    #[arg(long, value_name = "PEER")]
    with: Vec<String>,
    #[command(flatten)]
    members: Members,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => std::env::var(text).map(|value| (text.to_owned(), value)).map_err(|_| {
            format!("{text} is not set in this shell; write {text}=VALUE or export it")
        }),
    }
}

impl From<Named> for RepoRequest {
    fn from(named: Named) -> Self {
        Self { repo: named.repo.to_string() }
    }
}

impl Password {
    /// `None` where nothing was given.
    fn source(self) -> Result<Option<PasswordSource>, Failure> {
        if self.password_stdin {
            let password = parse::secret_file(&PathBuf::from("-"))?;
            return Ok(Some(PasswordSource {
                password: Some(password),
                ..PasswordSource::default()
            }));
        }
        let given = self.password_file.is_some() || self.password_command.is_some();
        let (file, command) = (self.password_file, self.password_command);
        Ok(given.then_some(PasswordSource { password: None, file, command }))
    }
}

impl Add {
    async fn run(
        self,
        output: Output,
        repos: &mut RepoServiceClient<Channel>,
    ) -> Result<Added, Failure> {
        let repo = self.named.repo.to_string();
        let (uri, peer) = match (self.uri, self.from) {
            (Some(uri), _) => (uri, None),
            (None, peer) => (String::new(), peer),
        };
        if let Some(peer) = peer {
            let repo = repos.take(TakeRepoRequest { repo, peer }).await?.into_inner();
            return Ok(Added { repo, password: None, has_secret: false });
        }
        let mut env = self.environment.read()?;
        storage::ask(output, &uri, &mut env)?;
        let made = self.generate_password.then(storage::new_password).transpose()?;
        let inline = |text| PasswordSource { password: Some(text), ..PasswordSource::default() };
        let password = match (self.password.source()?, &made) {
            (Some(source), _) => source,
            (None, Some(made)) => inline(made.clone()),
            (None, None) => inline(typed(output)?),
        };
        let request = AddRepoRequest {
            repo,
            uri,
            password: Some(password),
            env: BTreeMap::from_iter(env),
            shared: self.shared,
            member_uri: self.members.member_uri,
            member_password_file: self.members.member_password_file,
            no_init: self.no_init,
            no_test: self.no_test,
            tuning: self.tuning.values(),
            upkeep: Some(self.upkeep.into()),
            kind: self.labels.kind,
            place: self.labels.place,
        };
        let has_secret = request.password.as_ref().is_some_and(|given| given.password.is_some());
        let repo = repos.add(request).await?.into_inner();
        Ok(Added { repo, password: made, has_secret })
    }
}

/// A repo that was added, with the password that was made for it.
#[derive(serde::Serialize)]
struct Added {
    #[serde(flatten)]
    repo: Repo,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// Whether the config file has a password in it for that.
    #[serde(skip)]
    has_secret: bool,
}

/// A password typed twice without being shown.
fn typed(output: Output) -> Result<String, Failure> {
    if !output.is_interactive() {
        let message = "a repository needs a password";
        return Err(Failure::usage(
            message,
            "add --password-file FILE, --password-command, --password-stdin or --generate-password",
        ));
    }
    output.insist(
        || twice(output, "Password of the repository:"),
        |typed| match same(typed)? {
            empty if empty.is_empty() => Err(Failure::usage("the password is empty", "try again")),
            password => Ok(password),
        },
    )
}

impl Edit {
    fn request(self) -> Result<EditRepoRequest, Failure> {
        Ok(EditRepoRequest {
            repo: self.named.repo.to_string(),
            uri: self.uri,
            password: self.password.source()?,
            env: BTreeMap::from_iter(self.environment.read()?),
            tuning: self.tuning.values(),
            env_removed: self.unset_env,
            member_uri: self.members.member_uri,
            member_password_file: self.members.member_password_file,
            upkeep: Some(self.upkeep.into()),
            kind: self.labels.kind,
            place: self.labels.place,
            no_test: self.no_test,
            revision: None,
        })
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let mut repos = client.repos();
        let output = context.output;
        let repo = match self {
            Self::List => {
                let RepoList { repos: list, removed: gone } =
                    repos.list(ListReposRequest {}).await?.into_inner();
                output.show(&list, || {
                    let gone = gone.iter().map(removed_here);
                    let table = std::iter::once(listed(output, &list, clock::now()));
                    table.chain(gone).collect::<Vec<_>>().join("\n")
                })?;
                return Ok(Exit::Done);
            }
            Self::Init { named, wait } => {
                let pending = repos.init(RepoRequest::from(named)).await?.into_inner();
                return wait.follow(&client, output, pending).await;
            }
            Self::Forget(forget) => return forget.run(&client, output).await,
            Self::Prune(work) => return work.run(&client, output, OperationKind::Prune).await,
            Self::Check(work) => return work.run(&client, output, OperationKind::Check).await,
            Self::Stats(work) => return work.run(&client, output, OperationKind::Stats).await,
            Self::Index(work) => return work.run(&client, output, OperationKind::Index).await,
            Self::Unlock(unlock) => return unlock.run(&client, output).await,
            Self::Run(by_hand) => return by_hand.run(&client, output).await,
            Self::Remove { named, yes } => {
                remove(output, &mut repos, named, yes).await?;
                return Ok(Exit::Done);
            }
            Self::Show { named, password: true } => {
                let told = repos.password(RepoRequest::from(named)).await?.into_inner();
                output.show(&told, || kept_safe(&told.repo, &told.password))?;
                return Ok(Exit::Done);
            }
            Self::Show { named, password: false } => {
                repos.show(RepoRequest::from(named)).await?.into_inner()
            }
            Self::Add(add) => {
                let done = add.run(output, &mut repos).await?;
                output.show(&done, || added(&done))?;
                if done.has_secret {
                    storage::warn_of_readers(&client, output).await;
                }
                return Ok(Exit::Done);
            }
            Self::Edit(edit) => repos.edit(edit.request()?).await?.into_inner(),
            Self::Share(share) => share.run(&client).await?,
            Self::Unshare(named) => repos.unshare(RepoRequest::from(named)).await?.into_inner(),
        };
        output.show(&repo, || shown(&repo, clock::now()))?;
        Ok(Exit::Done)
    }
}

impl Share {
    async fn run(self, client: &super::Client) -> Result<Repo, Failure> {
        let repo = self.named.repo.to_string();
        // All of them are looked up first: a wrong name shares nothing.
        for peer in &self.with {
            client.peers().show(PeerRequest { peer: peer.clone() }).await?;
        }
        let request = ShareRepoRequest {
            repo: repo.clone(),
            member_uri: self.members.member_uri,
            member_password_file: self.members.member_password_file,
            revision: None,
        };
        let shared = client.repos().share(request).await?.into_inner();
        for peer in self.with {
            let permission = "receive-shared-repos".to_owned();
            let grant = Grant { permission, scopes: vec![format!("repo:{repo}")] };
            client.peers().grant(GrantRequest { peer, grants: vec![grant] }).await?;
        }
        Ok(shared)
    }
}

async fn remove(
    output: Output,
    repos: &mut RepoServiceClient<Channel>,
    named: Named,
    yes: bool,
) -> Result<(), Failure> {
    if !yes && output.is_interactive() {
        let question = format!(
            "Plans on {0} stop; the repository itself stays. Type {0} to remove it:",
            named.repo
        );
        if output.ask(&question)? != named.repo.as_str() {
            return Err(Failure::local("declined", "nothing was removed", ""));
        }
    }
    // Its owner's name stands in what is removed now. It only makes a sentence shorter: no reason to fail.
    let before = repos.show(RepoRequest { repo: named.repo.to_string() }).await.ok();
    let owner = before.and_then(|repo| repo.into_inner().origin_instance);
    let removed = repos.remove(RepoRequest::from(named)).await?.into_inner();
    output.show(&removed, || parted(&removed, owner.as_deref()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_comes_with_its_value_or_from_the_shell() {
        assert_eq!(variable("A=b=c").unwrap(), ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(variable("PATH").unwrap().0, "PATH");
        assert!(variable("HOLDFAST_NO_SUCH_VARIABLE").unwrap_err().contains("export"));
    }
}
