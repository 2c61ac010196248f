//! `holdfast completions` and `holdfast man`: made from the grammar itself.

use super::{Exit, Failure, Output};
use clap::ValueHint;
use std::io::Write as _;
use std::path::PathBuf;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast completions bash > \
    ~/.local/share/bash-completion/completions/holdfast")]
pub(crate) struct Args {
    /// bash, zsh or fish
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

impl Args {
    pub(crate) fn run(self, command: clap::Command) -> Result<Exit, Failure> {
        std::io::stdout().write_all(&script(self.shell, command))?;
        Ok(Exit::Done)
    }
}

pub(crate) fn script(shell: Shell, command: clap::Command) -> Vec<u8> {
    let mut command = with_hints(command);
    let positionals = match shell {
        Shell::Fish => fish_positionals(&command),
        Shell::Bash | Shell::Zsh => String::new(),
    };
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::from(shell),
        &mut command,
        "holdfast",
        &mut script,
    );
    script.extend_from_slice(positionals.as_bytes());
    script
}

/// Says of every value whether it is a file: a shell that does not know offers files for ids.
fn with_hints(command: clap::Command) -> clap::Command {
    command.mut_args(hinted).mut_subcommands(with_hints)
}

fn hinted(arg: clap::Arg) -> clap::Arg {
    if !arg.get_action().takes_values() || arg.get_value_hint() != ValueHint::Unknown {
        return arg;
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
    let hint = match name {
        Some("FILE") => ValueHint::FilePath,
        Some("DIR") => ValueHint::DirPath,
        Some("PATH" | "URI") => ValueHint::AnyPath,
        Some("COMMAND") => ValueHint::CommandString,
        _ => ValueHint::Other,
    };
    arg.value_hint(hint)
}

/// What stands at a place of its own, which the generated script for fish leaves to file names.
fn fish_positionals(command: &clap::Command) -> String {
    let mut lines = String::new();
    for first in command.get_subcommands() {
        let using = format!("__fish_holdfast_using_subcommand {}", first.get_name());
        lines.extend(fish_line(first, &using));
        for second in first.get_subcommands() {
            let using = format!("{using}; and __fish_seen_subcommand_from {}", second.get_name());
            lines.extend(fish_line(second, &using));
        }
    }
    lines
}

/// `None` where files are what is wanted, or another word that the script has.
fn fish_line(command: &clap::Command, using: &str) -> Option<String> {
    let is_file = |arg: &clap::Arg| arg.get_value_hint() != ValueHint::Other;
    if command.has_subcommands() || command.get_positionals().any(is_file) {
        return None;
    }
    let values = command.get_positionals().flat_map(clap::Arg::get_possible_values);
    let words: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
    let words = match words.as_slice() {
        [] => String::new(),
        words => format!(" -a \"{}\"", words.join(" ")),
    };
    Some(format!("complete -c holdfast -n \"{using}\" -f{words}\n"))
}

/// Write a manual page for every command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write them to; made where it is missing
    folder: PathBuf,
}

impl ManArgs {
    pub(crate) fn run(self, output: Output, command: clap::Command) -> Result<Exit, Failure> {
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(command, &self.folder))
            .map_err(|error| Failure::file(&self.folder, &error))?;
        let folder = self.folder.display().to_string();
        let document = serde_json::json!({ "folder": folder });
        output.show(&document, || format!("the manual pages are in {folder}"))?;
        Ok(Exit::Done)
    }
}
