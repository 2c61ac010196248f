//! The step between us and restic: `holdfast __guard PID [NICE] -- PROGRAM ARGS…`.
//!
//! It asks the kernel to interrupt the process when its parent dies, lets others have the processor
//! first if it is told to, and becomes restic. Only the
//! process itself can ask, between fork and exec, and without unsafe code the way to stand there is
//! to be executed: so we execute ourselves first.

use crate::model::Nice;
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

    /// The program to start and the arguments that come before those of `program`; `chain` is a
    /// program that becomes it, with its arguments.
    pub(super) fn wrap(
        &self,
        program: &std::path::Path,
        nice: Option<Nice>,
        chain: Vec<OsString>,
    ) -> (PathBuf, Vec<OsString>) {
        let mut rest = chain.into_iter().chain([program.into()]);
        match self {
            Self::None => (rest.next().unwrap_or_default().into(), rest.collect()),
            Self::Reexec(guard) => {
                let parent = std::process::id().to_string();
                let nice = nice.map(|nice| nice.get().to_string().into());
                let own = [WORD.into(), parent.into()].into_iter().chain(nice);
                (guard.clone(), own.chain(["--".into()]).chain(rest).collect())
            }
        }
    }
}

/// Becomes the program in `arguments` (`PID [NICE] -- PROGRAM ARGS…`, what follows [`WORD`]);
/// returns only if that failed, for `main` to print and exit with 127.
#[must_use]
pub fn exec(arguments: impl IntoIterator<Item = OsString>) -> io::Error {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "usage: PID [NICE] -- PROGRAM ARGS");
    let mut arguments = arguments.into_iter();
    let mut own = arguments.by_ref().take_while(|word| word != "--").map(|word| number(&word));
    let (parent, nice, more) =
        (own.next().flatten().and_then(Pid::from_raw), own.next(), own.next());
    let (Some(parent), Some(program), None) = (parent, arguments.next(), more) else {
        return usage();
    };
    let ready = tie_to(parent).and_then(|()| keep_pipes()).and_then(|()| match nice {
        None => Ok(()),
        Some(Some(nice)) => Ok(rustix::process::setpriority_process(None, nice)?),
        Some(None) => Err(usage()),
    });
    match ready {
        Ok(()) => std::process::Command::new(program).args(arguments).exec(),
        Err(error) => error,
    }
}

fn number(word: &std::ffi::OsStr) -> Option<i32> {
    word.to_str()?.parse().ok()
}

/// Gives the process a reading end of its own standard output and error.
///
/// When the daemon dies, so do the pipes' readers, and the first thing that an interrupted restic
/// does is to say so: a Go program that writes to a broken pipe there ends at once (SIGPIPE), before
/// it has unlocked. With a reader of its own the pipe is never broken.
#[cfg(target_os = "linux")]
fn keep_pipes() -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    for path in ["/proc/self/fd/1", "/proc/self/fd/2"] {
        if std::fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo()) {
            let reader = std::fs::File::open(path)?;
            rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
            // Left open on purpose: it passes through exec.
            std::mem::forget(reader);
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn keep_pipes() -> io::Result<()> {
    Ok(())
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
