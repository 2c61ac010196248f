//! restic as the rest of the program calls it.

use super::argv::environment;
use super::maintain::{chosen, measured};
use super::output::{guid, snapshots};
use super::process::{not_started, start};
use super::redact::Redaction;
use super::tuning;
use super::{
    Choose, Chosen, Command, Failure, Guard, Line, Measure, Measured, Outcome, Reason, Running,
    Snapshot, SnapshotFilter, Version, VersionError,
};
use crate::model::{RepoAccess, RepoGuid, Tuning};
use crate::shutdown::{self, Shutdown};
use std::path::{Path, PathBuf};
use tokio::sync::OnceCell;

/// A restic that was found and is new enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restic {
    program: PathBuf,
    version: Version,
    guard: Guard,
    tuning: Tuning,
}

/// Finds restic when it is first needed, and looks again as long as there is none: a daemon runs,
/// pairs and serves without it.
#[derive(Debug)]
pub struct Locator {
    program: Option<PathBuf>,
    guard: Guard,
    found: OnceCell<Restic>,
}

impl Locator {
    /// Will look for `program`, or for `restic` on `PATH`.
    #[must_use]
    pub const fn new(program: Option<PathBuf>, guard: Guard) -> Self {
        Self { program, guard, found: OnceCell::const_new() }
    }

    /// The restic to use.
    ///
    /// # Errors
    /// None there, or too old.
    pub async fn restic(&self) -> Result<Restic, VersionError> {
        let locate = || Restic::locate(self.program.as_deref(), self.guard.clone());
        self.found.get_or_try_init(locate).await.cloned()
    }
}

impl Restic {
    /// Runs `program version`, with `restic` on `PATH` where none is named.
    ///
    /// # Errors
    /// It cannot be run, is no restic, or is older than [`Version::OLDEST`].
    pub async fn locate(program: Option<&Path>, guard: Guard) -> Result<Self, VersionError> {
        let program = program.unwrap_or(Path::new("restic")).to_owned();
        let tuning = Tuning::default();
        let mut restic = Self { program, version: Version::OLDEST, guard, tuning };
        let never = Shutdown::default();
        let running = restic.start(None, &Command::Version).await;
        let outcome = match running {
            Ok(running) => restic.drive(running, None, &Command::Version, &mut never.guard()).await,
            Err(failure) => Err(failure),
        };
        let not_runnable =
            |failure| VersionError::NotRunnable { program: restic.program.clone(), failure };
        let printed = outcome.map_err(not_runnable)?.document;
        restic.version = Version::accept(&restic.program, &printed)?;
        Ok(restic)
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The same, whose runs use up no more than that.
    #[must_use]
    pub fn tuned(&self, tuning: Tuning) -> Self {
        Self { tuning, ..self.clone() }
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts a command; [`Restic::follow`] sees it to its end.
    ///
    /// # Errors
    /// The program does not start, or lacks what the command needs.
    pub async fn start(
        &self,
        access: Option<&RepoAccess>,
        command: &Command,
    ) -> Result<Running, Failure> {
        self.check(command)?;
        let path = std::env::var_os("PATH");
        let chain = tuning::before(&self.tuning, path.as_deref())?;
        let (program, before) = self.guard.wrap(&self.program, self.tuning.nice, chain);
        let mut process = tokio::process::Command::new(program);
        process.args(before).args(command.tuned(&self.tuning));
        process.env_clear();
        process.envs(environment(access, self.version, |name| std::env::var_os(name)));
        process.envs(tuning::environment(&self.tuning));
        start(process).await.map_err(|error| not_started(&error))
    }

    /// Reads what a started `command` prints until it has ended; each line is told to `on_line`.
    /// Once `cancel` asks, it is interrupted, and killed if it does not end by itself.
    ///
    /// # Errors
    /// It failed, or was stopped.
    pub async fn follow(
        &self,
        (running, command): (Running, &Command),
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
        on_line: &mut (dyn FnMut(Line) + Send),
    ) -> Result<Outcome, Failure> {
        running.finish(&Redaction::of(access), command.reading(), cancel, on_line).await
    }

    async fn drive(
        &self,
        running: Running,
        access: Option<&RepoAccess>,
        command: &Command,
        cancel: &mut shutdown::Guard,
    ) -> Result<Outcome, Failure> {
        let redaction = access.map(Redaction::of).unwrap_or_default();
        running.finish(&redaction, command.reading(), cancel, &mut |_| {}).await
    }

    /// Runs a command whose lines nobody needs to see.
    ///
    /// # Errors
    /// It failed, or was stopped.
    pub async fn run(
        &self,
        access: &RepoAccess,
        command: &Command,
        cancel: &mut shutdown::Guard,
    ) -> Result<Outcome, Failure> {
        let running = self.start(Some(access), command).await?;
        self.drive(running, Some(access), command, cancel).await
    }

    /// restic's id of the repository.
    ///
    /// # Errors
    /// It cannot be opened, or is not there.
    pub async fn guid(
        &self,
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
    ) -> Result<RepoGuid, Failure> {
        let outcome = self.run(access, &Command::CatConfig, cancel).await?;
        guid(&outcome.document).ok_or_else(|| unreadable(&outcome.document))
    }

    /// What the rules keep of the snapshots of one plan and its maker. Removes nothing.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn choose(
        &self,
        access: &RepoAccess,
        choose: Choose,
        cancel: &mut shutdown::Guard,
    ) -> Result<Chosen, Failure> {
        let outcome = self.run(access, &Command::Choose(choose), cancel).await?;
        chosen(&outcome.document).ok_or_else(|| unreadable(&outcome.document))
    }

    /// How much there is.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn measure(
        &self,
        access: &RepoAccess,
        measure: Measure,
        cancel: &mut shutdown::Guard,
    ) -> Result<Measured, Failure> {
        let outcome = self.run(access, &Command::Stats(measure), cancel).await?;
        measured(&outcome.document).ok_or_else(|| unreadable(&outcome.document))
    }

    /// The snapshots that meet the filter, in restic's order (oldest first).
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn snapshots(
        &self,
        access: &RepoAccess,
        filter: SnapshotFilter,
        cancel: &mut shutdown::Guard,
    ) -> Result<Vec<Snapshot>, Failure> {
        let outcome = self.run(access, &Command::Snapshots(filter), cancel).await?;
        snapshots(&outcome.document).ok_or_else(|| unreadable(&outcome.document))
    }
}

pub(super) fn unreadable(document: &str) -> Failure {
    Failure::new(Reason::Unreadable, &document.chars().take(80).collect::<String>())
}
