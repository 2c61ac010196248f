//! The step between us and restic: `holdfast __guard PID -- PROGRAM ARGS…`.
//!
//! It asks the kernel to interrupt the process when its parent dies, and becomes restic. Only the
//! process itself can ask, between fork and exec, and without unsafe code the way to stand there is
//! to be executed: so we execute ourselves first.

use rustix::process::Pid;
#[cfg(target_os = "linux")]
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

/// The word that makes our own binary the guard.
pub const WORD: &str = "__guard";

/// How a restic is tied to our life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// Through this program, which is ourselves: restic is interrupted when we die.
    Reexec(PathBuf),
    /// Not at all: where no holdfast binary is at hand, as in unit tests.
    None,
}

impl Guard {
    /// This very program.
    ///
    /// # Errors
    /// The system does not say which program it runs.
    pub fn this_program() -> io::Result<Self> {
        std::env::current_exe().map(Self::Reexec)
    }

    /// The program to start and the arguments that come before `arguments`.
    pub(super) fn wrap(&self, program: &std::path::Path) -> (PathBuf, Vec<OsString>) {
        match self {
            Self::None => (program.to_owned(), Vec::new()),
            Self::Reexec(guard) => {
                let parent = std::process::id().to_string();
                let before = vec![WORD.into(), parent.into(), "--".into(), program.into()];
                (guard.clone(), before)
            }
        }
    }
}

/// Becomes the program in `arguments` (`PID -- PROGRAM ARGS…`, what follows [`WORD`]); returns only
/// if that failed, for `main` to print and exit with 127.
#[must_use]
pub fn exec(arguments: impl IntoIterator<Item = OsString>) -> io::Error {
    let mut arguments = arguments.into_iter();
    let parent =
        arguments.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok()).and_then(Pid::from_raw);
    let separator = arguments.next();
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return io::Error::new(io::ErrorKind::InvalidInput, "usage: __guard PID -- PROGRAM ARGS");
    };
    if separator.is_none_or(|separator| separator != "--") {
        return io::Error::new(io::ErrorKind::InvalidInput, "no -- before the program");
    }
    if let Err(error) = tie_to(parent) {
        return error;
    }
    std::process::Command::new(program).args(arguments).exec()
}

#[cfg(target_os = "linux")]
fn tie_to(parent: Pid) -> io::Result<()> {
    // An interrupt, not a kill: restic removes its lock on the way out.
    set_parent_process_death_signal(Some(Signal::INT))?;
    // The parent may have died before the line above; then no signal will ever come.
    if getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the daemon that started this is gone"))
    }
}

/// Elsewhere the kernel has no such signal: a restic outlives a daemon that was killed, and its lock
/// is not ours to remove while it lives.
#[cfg(not(target_os = "linux"))]
fn tie_to(_parent: Pid) -> io::Result<()> {
    Ok(())
}
