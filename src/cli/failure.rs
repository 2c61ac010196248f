//! Why a command did not do what it was asked, and the exit code that says so.

use crate::api::Error;
use std::path::Path;
use tonic::{Code, Status};

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: not done, or something needs a person.
    Failed,
    /// 2: the command line is wrong.
    Usage,
    /// 3: the daemon does not answer.
    Unreachable,
    /// 127: the guard could not become the program; as a shell says it.
    NotRun,
}

impl Exit {
    /// The number of the contract.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotRun => 127,
        }
    }
}

/// Why a command failed, sorted by who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The daemon refused, or something on this machine did.
    #[error("{}", .0.message)]
    Refused(Error),
    /// The command line, or what was typed at a prompt.
    #[error("{}", .0.message)]
    Usage(Error),
    /// No daemon behind the socket.
    #[error("{}", .0.message)]
    Unreachable(Error),
    /// Whoever read our output went away (`holdfast ops | head`).
    #[error("output closed")]
    OutputClosed,
}

impl Failure {
    /// Something on this machine.
    pub(crate) fn local(code: &str, message: impl Into<String>, remedy: &str) -> Self {
        Self::Refused(Error::new(code, message, remedy))
    }

    /// The command line is wrong beyond what its grammar says.
    pub(crate) fn usage(message: impl Into<String>, remedy: &str) -> Self {
        Self::Usage(Error::new("usage", message, remedy))
    }

    /// A file that could not be read or written.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::local("file", format!("{}: {error}", path.display()), "")
    }

    /// Nothing answers at the socket.
    pub(crate) fn no_daemon(socket: &Path, reason: &str) -> Self {
        Self::Unreachable(Error::new(
            "daemon-unreachable",
            format!("no daemon answers at {}: {reason}", socket.display()),
            "start it with: holdfast run (with the same --data-dir)",
        ))
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::Failed,
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::OutputClosed => Exit::Done,
        }
    }

    /// What is shown; `None` where nobody is left to read it.
    pub(crate) const fn error(&self) -> Option<&Error> {
        match self {
            Self::Refused(error) | Self::Usage(error) | Self::Unreachable(error) => Some(error),
            Self::OutputClosed => None,
        }
    }
}

/// The daemon stopping in the middle of a call is the same as not being there.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let error = Error::of_status(&status);
        let unexplained = status.details().is_empty();
        // What the daemon answers comes without a cause; a connection that broke is one.
        let broken = std::error::Error::source(&status).is_some();
        let gone = matches!(status.code(), Code::Unavailable | Code::Cancelled);
        if unexplained && (gone || broken) {
            return Self::Unreachable(Error::new(
                "daemon-gone",
                format!("the daemon went away during the call: {}", error.message),
                "see what it says in its log, then try again",
            ));
        }
        Self::Refused(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::local("io", error.to_string(), ""),
        }
    }
}

/// The text for a person (`error: …` and what to do) or the object of the contract.
#[must_use]
pub(crate) fn render(error: &Error, json: bool) -> String {
    if json {
        return serde_json::json!({ "error": error }).to_string();
    }
    match &error.remedy {
        Some(remedy) => format!("error: {}\n  → {remedy}", error.message),
        None => format!("error: {}", error.message),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Unreachable].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }

    #[test]
    fn a_refusal_keeps_code_and_remedy() {
        let status = Error::new("expired", "token expired", "make a new one")
            .into_status(Code::FailedPrecondition);
        let failure = Failure::from(status);
        assert_eq!(failure.exit(), Exit::Failed);
        let error = failure.error().unwrap();
        assert_eq!(render(error, false), "error: token expired\n  → make a new one");
        assert_eq!(
            render(error, true),
            r#"{"error":{"code":"expired","message":"token expired","remedy":"make a new one"}}"#
        );
    }

    #[test]
    fn a_missing_remedy_is_null() {
        let text = render(&Error::new("x", "y", ""), true);
        assert_eq!(text, r#"{"error":{"code":"x","message":"y","remedy":null}}"#);
    }

    #[test]
    fn a_daemon_that_goes_away_is_unreachable_but_a_refusal_as_unavailable_is_not() {
        assert_eq!(Failure::from(Status::unavailable("closed")).exit(), Exit::Unreachable);
        let said =
            Error::new("busy", "restic is missing", "install it").into_status(Code::Unavailable);
        assert_eq!(Failure::from(said).exit(), Exit::Failed);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).exit(), Exit::Done);
    }
}
