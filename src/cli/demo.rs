//! `holdfast demo`: three instances of this binary in a temporary folder, paired and backing up.
//!
//! An orchestrator and nothing more: every step is a call that a person could make.
//!
//! ```text
//!   nas ────┐
//!           ├──► caddy (the sync path only) ──► hub      hub shares "shared" with both
//!   laptop ─┘                                            both back up real files into it
//! ```

mod caddy;
mod machine;

use super::{Context, Exit, Failure, Output, ops, plan, watch};
use crate::api::{
    AddPlanRequest, AddRepoRequest, CreateTokenRequest, CreatedToken, FleetRequest, Grant,
    JoinRequest, ListOperationsRequest, ListReposRequest, Operation, PasswordSource, PlanRequest,
};
use crate::clock;
use crate::model::Timestamp;
use caddy::Caddy;
use machine::Machine;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The repo that the hub shares.
const REPO: &str = "shared";

/// Show three paired instances at work, in a temporary folder
///
/// hub, nas and laptop are started, paired by a token, and back real files up into a repository
/// that the hub shares. It ends by itself and leaves nothing behind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast demo --keep")]
pub(crate) struct Args {
    /// Leave the instances running, and print what to try
    #[arg(long)]
    keep: bool,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let folder = tempfile::Builder::new().prefix("holdfast-demo-").tempdir()?;
        let stage = tokio::select! {
            stage = Stage::play(context.output, folder.path()) => stage?,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::local("interrupted", "the demo was interrupted", ""));
            }
        };
        let exit = stage.report(context.output).await?;
        match self.keep {
            true => stage.keep(context.output, folder.keep())?,
            false => stage.stop().await,
        }
        Ok(exit)
    }
}

/// Says each step and how long it took.
struct Steps {
    output: Output,
    began: Timestamp,
    last: Timestamp,
}

impl Steps {
    fn new(output: Output) -> Self {
        let now = clock::monotonic();
        Self { output, began: now, last: now }
    }

    fn done(&mut self, what: &str) {
        let now = clock::monotonic();
        let took = now.since(self.last).as_millis();
        self.last = now;
        self.output.note(&format!("{took:>6} ms  {what}"));
    }
}

/// Everything that runs.
struct Stage {
    hub: Machine,
    members: [Machine; 2],
    caddy: Option<Caddy>,
    steps: Steps,
}

impl Stage {
    async fn play(output: Output, folder: &Path) -> Result<Self, Failure> {
        let mut steps = Steps::new(output);
        let hub = Machine::start(folder, "hub")?;
        let members = [Machine::start(folder, "nas")?, Machine::start(folder, "laptop")?];
        let mut hub = hub.ready().await?;
        let [nas, laptop] = members;
        let members = [nas.ready().await?, laptop.ready().await?];
        steps.done("hub, nas and laptop answer");
        let caddy = Caddy::start(folder, hub.port).await?;
        if let Some(caddy) = &caddy {
            hub.url.clone_from(&caddy.url);
            steps.done("caddy stands before the hub and lets only the sync path through");
        }
        let mut stage = Self { hub, members, caddy, steps };
        stage.share(folder).await?;
        stage.pair(folder).await?;
        stage.back_up(folder).await?;
        Ok(stage)
    }

    /// The hub makes a repository that members may take.
    async fn share(&mut self, folder: &Path) -> Result<(), Failure> {
        let password = folder.join("shared.pass");
        fs::write(&password, random_word()?).map_err(|error| Failure::file(&password, &error))?;
        let request = AddRepoRequest {
            repo: REPO.to_owned(),
            uri: text_of(&folder.join("repository")),
            password: Some(PasswordSource {
                file: Some(text_of(&password)),
                ..PasswordSource::default()
            }),
            shared: true,
            ..AddRepoRequest::default()
        };
        self.hub.client()?.repos().add(request).await?;
        self.steps.done("hub creates the repository that it shares");
        Ok(())
    }

    /// One token for both; each grants what it asks for, and one folder for the shared repository.
    async fn pair(&mut self, folder: &Path) -> Result<(), Failure> {
        let token = self.token().await?;
        for member in &self.members {
            let request = JoinRequest {
                token: token.token.clone(),
                urls: vec![self.hub.url.clone()],
                grants: Vec::new(),
                accept_asks: true,
                allowed_paths: vec![text_of(&folder.join("repository"))],
            };
            let joined = member.client()?.peers().join(request).await?.into_inner();
            if joined.state != "connected" {
                let message = format!("{} joined, but is {}", member.name, joined.state);
                return Err(Failure::local("demo", message, &member.see_log()));
            }
        }
        self.steps.done("nas and laptop join with the hub's token");
        for member in &self.members {
            member.holds_repo().await?;
        }
        self.steps.done("the shared repository arrives on both");
        Ok(())
    }

    async fn token(&self) -> Result<CreatedToken, Failure> {
        let grant = |permission: &str, scopes: &[&str]| Grant {
            permission: permission.to_owned(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
        };
        let request = CreateTokenRequest {
            label: "demo".to_owned(),
            ttl_s: Some(900),
            max_uses: 2,
            grants: vec![grant("receive-shared-repos", &["repo:shared"])],
            asks: vec![grant("send-shared-repos", &[]), grant("read-operations", &["*"])],
            replaces: None,
            urls: vec![self.hub.url.clone()],
        };
        Ok(self.hub.client()?.tokens().create(request).await?.into_inner())
    }

    /// Both at once, into one repository.
    async fn back_up(&mut self, folder: &Path) -> Result<(), Failure> {
        let mut pending = Vec::new();
        for member in &self.members {
            let files = folder.join(&member.name).join("files");
            write_files(&files, &member.name)?;
            let plan = format!("{}-files", member.name);
            let mut plans = member.client()?.plans();
            let request = AddPlanRequest {
                plan: plan.clone(),
                repo: REPO.to_owned(),
                paths: vec![text_of(&files)],
                ..AddPlanRequest::default()
            };
            plans.add(request).await?;
            pending.push(plans.backup(PlanRequest { plan }).await?.into_inner());
        }
        for (member, operation) in self.members.iter().zip(pending) {
            member.backed_up(self.steps.output, operation).await?;
        }
        self.steps.done("nas and laptop back up into it");
        self.seen().await?;
        self.steps.done("the hub sees both");
        Ok(())
    }

    /// Waits until the hub holds a good backup of each member.
    async fn seen(&self) -> Result<(), Failure> {
        let request = ListOperationsRequest {
            all: true,
            kind: Some("backup".to_owned()),
            status: Some("succeeded".to_owned()),
            follow: true,
            ..ListOperationsRequest::default()
        };
        let mut operations = self.hub.client()?.operations().list(request).await?.into_inner();
        let mut missing: Vec<_> = self.members.iter().map(|member| member.name.as_str()).collect();
        let watching = async {
            while !missing.is_empty() {
                let Some(operation) = operations.message().await? else { break };
                missing.retain(|name| *name != operation.instance);
            }
            Ok::<_, Failure>(missing.is_empty())
        };
        let in_time = tokio::time::timeout(PATIENCE, watching).await;
        if in_time.unwrap_or(Ok(false))? {
            return Ok(());
        }
        let message = "the hub does not see the backups of both members";
        Err(Failure::local("demo", message, &self.hub.see_log()))
    }

    /// What the hub sees.
    async fn report(&self, output: Output) -> Result<Exit, Failure> {
        let client = self.hub.client()?;
        let plans = client.plans().fleet(FleetRequest {}).await?.into_inner().plans;
        let request = ListOperationsRequest { all: true, ..ListOperationsRequest::default() };
        let mut stream = client.operations().list(request).await?.into_inner();
        let mut operations: Vec<Operation> = Vec::new();
        while let Some(operation) = stream.message().await? {
            operations.push(operation);
        }
        let took = clock::monotonic().since(self.steps.began);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let document = serde_json::json!({
            "fleet": plans, "operations": operations, "took_ms": took_ms, "proxy": self.caddy.is_some(),
        });
        let now = clock::now();
        output.show(&document, || {
            format!(
                "\nWhat the hub sees\n\n{}\n\n{}\n\nall of it in {:.1} s",
                plan::listed(output, &plans, now),
                ops::table(output, &operations, now),
                took.as_secs_f64(),
            )
        })?;
        Ok(Exit::Done)
    }

    async fn stop(self) {
        let Self { hub, members, caddy, .. } = self;
        for member in members {
            member.stop().await;
        }
        hub.stop().await;
        drop(caddy);
    }

    /// Lets go of everything, and says how to reach and how to end it.
    fn keep(self, output: Output, folder: PathBuf) -> Result<(), Failure> {
        let machines = [&self.hub, &self.members[0], &self.members[1]];
        let mut pids: Vec<_> = machines.iter().filter_map(|machine| machine.pid()).collect();
        pids.extend(self.caddy.as_ref().and_then(Caddy::pid));
        let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
        let data_dir = |machine: &Machine| text_of(&machine.data_dir);
        let (hub, nas) = (data_dir(&self.hub), data_dir(&self.members[0]));
        let holdfast = as_typed(std::env::args_os().next());
        let text = format!(
            "\nThey go on. Try:\n\n  \
             {holdfast} --data-dir {hub} status\n  \
             {holdfast} --data-dir {hub} ops --all --follow\n  \
             {holdfast} --data-dir {hub} peer show nas\n  \
             {holdfast} --data-dir {nas} plan backup nas-files\n  \
             {holdfast} --data-dir {nas} snapshots\n  \
             {holdfast} --data-dir {hub} peer revoke nas receive-shared-repos\n\n\
             hub answers at {}\nall files are in {}\n\nstop them: kill {} && rm -r {}",
            self.hub.url,
            folder.display(),
            pids.join(" "),
            folder.display(),
        );
        let document = serde_json::json!({
            "folder": folder, "hub": self.hub.url, "pids": pids,
            "data_dirs": machines.map(|machine| &machine.data_dir),
        });
        let shown = output.show(&document, || text);
        let Self { hub, members, caddy, .. } = self;
        hub.release();
        members.into_iter().for_each(Machine::release);
        if let Some(caddy) = caddy {
            caddy.release();
        }
        shown
    }
}

impl Machine {
    /// Waits until the shared repo arrived.
    async fn holds_repo(&self) -> Result<(), Failure> {
        let mut repos = self.client()?.repos();
        let ready = async {
            let mut pause = tokio::time::interval(Duration::from_millis(50));
            loop {
                pause.tick().await;
                let list = repos.list(ListReposRequest {}).await?.into_inner().repos;
                if list.iter().any(|repo| repo.id == REPO && repo.origin.is_some()) {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap_or_else(|_| {
            let message = format!("the shared repository did not arrive on {}", self.name);
            Err(Failure::local("demo", message, &self.see_log()))
        })
    }

    async fn backed_up(&self, output: Output, pending: Operation) -> Result<(), Failure> {
        let finished = watch::finished(self.client()?, output, pending).await?;
        match finished {
            Some(operation) if watch::exit_of(&operation) == Exit::Done => Ok(()),
            Some(operation) => {
                let message = operation.message.unwrap_or(operation.status);
                Err(Failure::local(
                    "demo",
                    format!("backup on {}: {message}", self.name),
                    &self.see_log(),
                ))
            }
            None => Err(Failure::local("interrupted", "the demo was interrupted", "")),
        }
    }
}

/// A few hundred real files with some megabytes in them, different on each machine.
fn write_files(folder: &Path, seed: &str) -> Result<(), Failure> {
    for number in 0..200_u32 {
        let folder = folder.join(format!("folder-{}", number % 10));
        let file = folder.join(format!("file-{number}.txt"));
        let line = format!("{seed} keeps line {number} of its files\n");
        let content = line.repeat(usize::try_from(number * 7 % 900).unwrap_or(0) + 1);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, content))
            .map_err(|error| Failure::file(&file, &error))?;
    }
    Ok(())
}

/// How this program was called, so that what is printed can be typed: it may not be on PATH.
fn as_typed(program: Option<OsString>) -> String {
    program.map_or_else(|| "holdfast".to_owned(), |path| text_of(Path::new(&path)))
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

/// 32 random bytes in hexadecimal.
fn random_word() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::local("random", error.to_string(), ""))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_two_machines_differ() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["nas", "laptop"] {
            write_files(&folder.path().join(name), name).unwrap();
        }
        let read =
            |name: &str| fs::read(folder.path().join(name).join("folder-3/file-13.txt")).unwrap();
        assert_ne!(read("nas"), read("laptop"));
    }
}
