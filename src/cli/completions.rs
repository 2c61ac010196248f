//! `holdfast completions` and `holdfast man`: made from the grammar itself.

use super::{Exit, Failure};
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

pub(crate) fn script(shell: Shell, mut command: clap::Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::from(shell),
        &mut command,
        "holdfast",
        &mut script,
    );
    script
}

/// Write a manual page for every command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write them to; made where it is missing
    folder: PathBuf,
}

impl ManArgs {
    pub(crate) fn run(self, command: clap::Command) -> Result<Exit, Failure> {
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(command, &self.folder))
            .map_err(|error| Failure::file(&self.folder, &error))?;
        Ok(Exit::Done)
    }
}
