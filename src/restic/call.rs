//! restic as the rest of the program calls it.

use super::argv::environment;
use super::maintain::{chosen, measured};
use super::output::{guid, snapshots};
use super::process::{not_started, start, start_fed};
use super::redact::Redaction;
use super::{
    Choose, Chosen, Command, Failure, Guard, Line, Measure, Measured, Outcome, Reason, Running,
    Snapshot, SnapshotFilter, Version, VersionError,
};
use super::{ssh, tuning};
use crate::model::{RepoAccess, RepoGuid, Tuning};
use crate::shutdown::{self, Shutdown};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// A restic that was found and is new enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restic {
    program: PathBuf,
    version: Version,
    guard: Guard,
    tuning: Tuning,
}

/// Finds restic when it is first needed, and looks again as long as there is none, when another program
/// is meant, and when its file is another than before: a daemon runs, pairs and serves without it, and
/// outlives its upgrade.
pub struct Locator {
    named: Box<dyn Fn() -> Option<PathBuf> + Send + Sync>,
    guard: Guard,
    found: Mutex<Option<(Stamp, Restic)>>,
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locator").field("named", &(self.named)()).finish_non_exhaustive()
    }
}

/// Which file a program is: another one after an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    modified: (i64, i64),
}

impl Stamp {
    /// Of the program of that name; `None` where there is no such file.
    fn of(program: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let of = |path: &Path| {
            let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
            let (file, modified) =
                ((found.dev(), found.ino()), (found.mtime(), found.mtime_nsec()));
            Some(Self { file, modified })
        };
        if program.components().count() > 1 {
            return of(program);
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find_map(|folder| of(&folder.join(program)))
    }
}

impl Locator {
    /// Will look for `program`, or for `restic` on `PATH`.
    #[must_use]
    pub fn new(program: Option<PathBuf>, guard: Guard) -> Self {
        Self::following(move || program.clone(), guard)
    }

    /// As [`Locator::new`], for whichever program is named when one is needed.
    #[must_use]
    pub fn following(
        named: impl Fn() -> Option<PathBuf> + Send + Sync + 'static,
        guard: Guard,
    ) -> Self {
        Self { named: Box::new(named), guard, found: Mutex::const_new(None) }
    }

    /// The restic to use.
    ///
    /// # Errors
    /// None there, or too old.
    pub async fn restic(&self) -> Result<Restic, VersionError> {
        let mut found = self.found.lock().await;
        let program = (self.named)().unwrap_or_else(|| PathBuf::from("restic"));
        let stamp = Stamp::of(&program);
        if let (Some(now), Some((before, restic))) = (stamp, found.as_ref())
            && (now, &program) == (*before, &restic.program)
        {
            return Ok(restic.clone());
        }
        let restic = Restic::locate(Some(&program), self.guard.clone()).await?;
        *found = stamp.map(|stamp| (stamp, restic.clone()));
        Ok(restic)
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
        start(self.process(access, command)?).await.map_err(|error| not_started(&error))
    }

    /// As [`Restic::start`], with an input that is ours to fill: [`Running::take_input`].
    ///
    /// # Errors
    /// As [`Restic::start`].
    pub async fn start_fed(
        &self,
        access: &RepoAccess,
        command: &Command,
    ) -> Result<Running, Failure> {
        let process = self.process(Some(access), command)?;
        start_fed(process).await.map_err(|error| not_started(&error))
    }

    fn process(
        &self,
        access: Option<&RepoAccess>,
        command: &Command,
    ) -> Result<tokio::process::Command, Failure> {
        self.check(command)?;
        let path = std::env::var_os("PATH");
        let chain = tuning::before(&self.tuning, path.as_deref())?;
        let (program, before) = self.guard.wrap(&self.program, self.tuning.nice, chain);
        let mut process = tokio::process::Command::new(program);
        process.args(before).args(command.tuned(&self.tuning));
        process.env_clear();
        process.envs(self.environment(access));
        process.envs(tuning::environment(&self.tuning));
        Ok(process)
    }

    fn environment(&self, access: Option<&RepoAccess>) -> Vec<(String, OsString)> {
        environment(access, self.version, |name| std::env::var_os(name))
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
        let redaction = Redaction::of(access);
        let ended = running.finish(&redaction, command.reading(), cancel, on_line).await;
        ended.map_err(|failure| failure.of_command(command))
    }

    async fn drive(
        &self,
        running: Running,
        access: Option<&RepoAccess>,
        command: &Command,
        cancel: &mut shutdown::Guard,
    ) -> Result<Outcome, Failure> {
        let redaction = access.map(Redaction::of).unwrap_or_default();
        let ended = running.finish(&redaction, command.reading(), cancel, &mut |_| {}).await;
        ended.map_err(|failure| failure.of_command(command))
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
        let outcome = match self.run(access, &Command::CatConfig, cancel).await {
            Err(failure) if failure.lacks_words_of_ssh() => {
                let environment = self.environment(None);
                let failure = ssh::explained(failure, access.uri.expose(), environment).await;
                return Err(failure.redacted(access));
            }
            ended => ended?,
        };
        guid(&outcome.document).ok_or_else(|| unreadable(&outcome.document, access))
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
        chosen(&outcome.document).ok_or_else(|| unreadable(&outcome.document, access))
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
        measured(&outcome.document).ok_or_else(|| unreadable(&outcome.document, access))
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
        snapshots(&outcome.document).ok_or_else(|| unreadable(&outcome.document, access))
    }
}

pub(super) fn unreadable(document: &str, access: &RepoAccess) -> Failure {
    let said = document.lines().next().unwrap_or_default();
    Failure::raw(Reason::Unreadable, said).redacted(access)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn another_program_that_is_named_is_used_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let install = |version: &str| {
            let program = folder.path().join(version);
            std::fs::write(&program, format!("#!/bin/sh\necho restic {version} compiled\n"))
                .unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            program
        };
        let named = std::sync::Arc::new(std::sync::Mutex::new(folder.path().join("none")));
        let asked = std::sync::Arc::clone(&named);
        let locator = Locator::following(move || Some(asked.lock().unwrap().clone()), Guard::None);
        assert!(locator.restic().await.is_err());
        for (version, expected) in [("0.14.0", 14), ("0.18.1", 18)] {
            *named.lock().unwrap() = install(version);
            assert_eq!(locator.restic().await.unwrap().version().minor, expected);
        }
    }

    #[tokio::test]
    async fn a_restic_that_was_upgraded_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("restic");
        let install = |version: &str| {
            let new = folder.path().join("new");
            std::fs::write(&new, format!("#!/bin/sh\necho restic {version} compiled\n")).unwrap();
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
            std::fs::rename(&new, &program).unwrap();
        };
        let locator = Locator::new(Some(program.clone()), Guard::None);
        assert!(locator.restic().await.is_err());
        install("0.14.0");
        assert_eq!(locator.restic().await.unwrap().version(), Version::of(0, 14, 0));
        install("0.18.1");
        assert_eq!(locator.restic().await.unwrap().version(), Version::of(0, 18, 1));
    }
}
