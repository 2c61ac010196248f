//! The command line: what is typed, calls to the local daemon, and how the answers look.
//!
//! Decides nothing about backups or peers: all of that is the daemon's. Works offline only where a
//! command says so (`init`, `config check`, `config import-backrest`, `ops verify`, completions, man pages).
//!
//! 1. Under `--json` the documents of the machine-readable contract are printed as they arrived.
//! 2. Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not reachable.

mod client;
mod completions;
mod config;
mod demo;
mod dump;
mod elsewhere;
mod failure;
mod fleet;
mod hook;
mod identity;
mod import;
mod init;
mod join;
mod look;
mod ops;
mod output;
mod parse;
mod peer;
mod plan;
mod proof;
mod repo;
mod restore;
pub mod run;
mod schedule;
mod select;
mod snapshots;
mod status;
mod token;
mod tuning;
mod upkeep;
mod user;
mod watch;
mod words;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use failure::{Exit, Failure};

use crate::restic::guard;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use client::Client;
use output::Output;
use std::ffi::OsString;
use std::path::PathBuf;

/// Backs up every machine with restic, and lets them prove it to each other.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, about, propagate_version = true)]
#[command(after_help = "Example:\n  holdfast demo\n  holdfast init && holdfast run")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Print JSON for machines; errors too. Never prompts
    #[arg(long, global = true)]
    json: bool,
    /// The config file [default: $XDG_CONFIG_HOME/holdfast/config.toml]
    #[arg(long, global = true, env = "HOLDFAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: $XDG_DATA_HOME/holdfast]
    #[arg(long, global = true, env = "HOLDFAST_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Demo(demo::Args),
    Init(init::Args),
    Status(status::StatusArgs),
    Fleet(fleet::Fleet),
    #[command(subcommand)]
    Token(token::Command),
    Join(join::Args),
    #[command(subcommand)]
    Peer(peer::Command),
    #[command(subcommand)]
    Repo(repo::Command),
    #[command(subcommand)]
    Plan(plan::Command),
    #[command(subcommand)]
    Schedule(schedule::Command),
    Ops(ops::Args),
    #[command(subcommand)]
    Op(ops::OpCommand),
    Snapshots(snapshots::Args),
    Ls(look::Ls),
    Find(look::Find),
    Diff(look::Diff),
    Restore(restore::Args),
    Dump(dump::Dump),
    Download(dump::Download),
    #[command(subcommand)]
    Hook(hook::Command),
    #[command(subcommand)]
    Config(config::Command),
    #[command(subcommand)]
    User(user::Command),
    #[command(subcommand)]
    Identity(identity::Command),
    Completions(completions::Args),
    Man(completions::ManArgs),
}

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context {
    output: Output,
    config: PathBuf,
    data_dir: PathBuf,
}

impl Context {
    fn of(global: Global) -> Result<Self, Failure> {
        let output = Output::of_process(global.json);
        let folders = directories::ProjectDirs::from("", "", "holdfast");
        let default = |pick: fn(&directories::ProjectDirs) -> PathBuf| {
            folders.as_ref().map(pick).ok_or_else(|| {
                Failure::usage("this user has no home folder", "give --config and --data-dir")
            })
        };
        let config = match global.config {
            Some(given) => std::path::absolute(given)?,
            None => default(|folders| folders.config_dir().join("config.toml"))?,
        };
        let data_dir = match global.data_dir {
            Some(given) => std::path::absolute(given)?,
            None => default(|folders| folders.data_dir().to_owned())?,
        };
        Ok(Self { output, config, data_dir })
    }

    async fn client(&self) -> Result<Client, Failure> {
        Client::connect(&self.data_dir).await
    }
}

/// Runs the command line of this process to its exit code.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> Exit {
    if arguments.get(1).is_some_and(|word| word == guard::WORD) {
        return become_guarded(arguments);
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let output = Output::of_process(json);
    let ended = match Cli::command().try_get_matches_from(arguments) {
        Ok(matches) => changes_something(&matches).and_then(|()| {
            let cli = Cli::from_arg_matches(&matches);
            cli.map_or_else(|error| refuse(error, json), Cli::run)
        }),
        Err(error) => refuse(error, json),
    };
    ended.unwrap_or_else(|failure| {
        if let Some(error) = failure.error() {
            output.fail(error);
        }
        failure.exit()
    })
}

/// The guard of a child process: not for people, so it is no part of the grammar. It comes before
/// any thread exists, sets up this very process and becomes another.
fn become_guarded(arguments: Vec<OsString>) -> Exit {
    let error = guard::exec(arguments.into_iter().skip(2));
    eprintln!("{error}");
    Exit::NotRun
}

/// Help and version are answers; anything else that the grammar refuses is a usage error.
fn refuse(error: clap::Error, json: bool) -> Result<Exit, Failure> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion) {
        error.print()?;
        return Ok(Exit::Done);
    }
    if json {
        return Err(Failure::usage(first_paragraph(&error), "see --help"));
    }
    error.print()?;
    Ok(Exit::Usage)
}

/// An edit without any option that changes something: its options are too many for the grammar to
/// name them as missing.
fn changes_something(matches: &clap::ArgMatches) -> Result<(), Failure> {
    let root = Cli::command();
    let (mut command, mut matches, mut path) = (&root, matches, root.get_name().to_owned());
    while let Some((name, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { return Ok(()) };
        (command, matches, path) = (found, inner, format!("{path} {name}"));
    }
    // Asked of the grammar: what was read does not know in a release which groups there are.
    let edits = command.get_groups().any(|group| group.get_id() == "change");
    match edits && !matches.contains_id("change") {
        true => Err(Failure::usage(
            "nothing to change: give at least one option",
            &format!("see {path} --help"),
        )),
        false => Ok(()),
    }
}

/// What is wrong on one line, with what is missing or possible.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Cli {
    fn run(self) -> Result<Exit, Failure> {
        let context = Context::of(self.global)?;
        match self.command {
            Command::Completions(args) => args.run(Cli::command()),
            Command::Man(args) => args.run(context.output, Cli::command()),
            Command::Run(args) => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(args.run(&context))
            }
            command => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(command.run(&context))
            }
        }
    }
}

impl Command {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Demo(args) => args.run(context).await,
            Self::Init(args) => args.run(context),
            Self::Status(args) => args.run(context).await,
            Self::Fleet(args) => args.run(context).await,
            Self::Token(command) => command.run(context).await,
            Self::Join(args) => args.run(context).await,
            Self::Peer(command) => command.run(context).await,
            Self::Repo(command) => command.run(context).await,
            Self::Plan(command) => command.run(context).await,
            Self::Schedule(command) => command.run(context),
            Self::Ops(args) => args.run(context).await,
            Self::Op(command) => command.run(context).await,
            Self::Snapshots(args) => args.run(context).await,
            Self::Ls(args) => args.run(context).await,
            Self::Find(args) => args.run(context).await,
            Self::Diff(args) => args.run(context).await,
            Self::Dump(args) => args.run(context).await,
            Self::Download(args) => args.run(context).await,
            Self::Restore(args) => args.run(context).await,
            Self::Hook(command) => command.run(context).await,
            Self::Config(command) => command.run(context).await,
            Self::User(command) => command.run(context).await,
            Self::Identity(command) => command.run(context).await,
            Self::Run(_) | Self::Completions(_) | Self::Man(_) => {
                unreachable!("dispatched before the runtime starts")
            }
        }
    }
}
