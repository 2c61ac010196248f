//! Why restic failed, and what a person can do: the one file that matches restic's text.
//!
//! Newer versions say some of it by exit code; the text decides where the code does not. Every
//! phrase here stands in a recorded output under `tests/fixtures/restic/`, or names the version of
//! restic that prints it.

use std::fmt;

/// A restic that did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}. {}", self.quoted(), self.reason.remedy())]
pub struct Failure {
    /// Which kind of failure.
    pub reason: Reason,
    /// restic's own last words, without secrets, at most [`Failure::SAID`] characters.
    pub said: String,
}

/// The kinds of failure that a person treats differently.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The program could not be started.
    NotStarted,
    /// No key of the repository opens with this password.
    WrongPassword,
    /// There is no repository at its location: the storage answered, and has none.
    RepositoryMissing,
    /// There is a repository already.
    AlreadyExists,
    /// Somebody holds a lock.
    Locked {
        /// As restic names the holder.
        holder: String,
    },
    /// The storage is full, or its quota is.
    NoSpace,
    /// The storage was not reached.
    Unreachable,
    /// The storage refuses us.
    Denied,
    /// None of the paths exists.
    NothingToSave,
    /// There is no such snapshot.
    NoSuchSnapshot,
    /// We interrupted it, because somebody asked for it.
    Interrupted,
    /// A signal from outside ended it.
    Killed {
        /// Its number.
        signal: i32,
    },
    /// A check found damage.
    Damaged,
    /// What it printed is not what this command prints.
    Unreadable,
    /// Anything else.
    Unknown {
        /// restic's exit code.
        code: i32,
    },
}

impl Reason {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotStarted => "Check that restic is installed and may be executed",
            Self::WrongPassword => "Check the password of the repo in the configuration",
            Self::RepositoryMissing => {
                "Check that the uri is right and that its disk is mounted; `holdfast repo init` creates a new one"
            }
            Self::AlreadyExists => {
                "It can be used as it is, with the password that it was made with"
            }
            Self::Locked { .. } => {
                "Wait until that process has ended; if it no longer exists, `holdfast repo unlock` removes its lock"
            }
            Self::NoSpace => "Free some space there, or forget and prune old snapshots",
            Self::Unreachable => "Check the network and the uri; the next run tries again",
            Self::Denied => {
                "Check the credentials of the repo and the rights of the user that runs holdfast"
            }
            Self::NothingToSave => "Check the paths of the plan, and that their disks are mounted",
            Self::NoSuchSnapshot => "List the snapshots that there are with `holdfast snapshots`",
            Self::Interrupted => "Start it again when it suits",
            Self::Killed { .. } => {
                "Check whether the machine ran out of memory, then start it again"
            }
            Self::Damaged => {
                "See what is damaged with `holdfast op log`; keep a copy of the repository before you repair it with restic"
            }
            Self::Unreadable => "Check that the program is restic, and its version",
            Self::Unknown { .. } => "The operation's log has all that restic said",
        }
    }

    /// Whether trying again is of no use before a person has done something.
    #[must_use]
    pub const fn needs_a_person(&self) -> bool {
        match self {
            Self::NotStarted
            | Self::WrongPassword
            | Self::RepositoryMissing
            | Self::AlreadyExists
            | Self::Denied
            | Self::NothingToSave
            | Self::NoSuchSnapshot
            | Self::Damaged
            | Self::Unreadable => true,
            Self::Locked { .. }
            | Self::NoSpace
            | Self::Unreachable
            | Self::Interrupted
            | Self::Killed { .. }
            | Self::Unknown { .. } => false,
        }
    }

    /// Whether the process may have ended without removing its own lock.
    #[must_use]
    pub const fn may_leave_lock(&self) -> bool {
        matches!(self, Self::Killed { .. } | Self::Interrupted)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("restic could not be started"),
            Self::WrongPassword => f.write_str("the password does not open the repository"),
            Self::RepositoryMissing => f.write_str("there is no repository at its location"),
            Self::AlreadyExists => f.write_str("there is a repository at its location already"),
            Self::Locked { holder } => write!(f, "the repository is locked {holder}"),
            Self::NoSpace => f.write_str("the storage of the repository is full"),
            Self::Unreachable => f.write_str("the storage of the repository was not reached"),
            Self::Denied => f.write_str("the storage of the repository refuses access"),
            Self::NothingToSave => f.write_str("none of the paths exists"),
            Self::NoSuchSnapshot => f.write_str("there is no such snapshot in the repository"),
            Self::Interrupted => f.write_str("restic was interrupted"),
            Self::Killed { signal } => {
                write!(f, "restic was ended from outside by signal {signal}")
            }
            Self::Damaged => f.write_str("the repository is damaged"),
            Self::Unreadable => f.write_str("restic printed something unexpected"),
            Self::Unknown { code } => write!(f, "restic failed with exit code {code}"),
        }
    }
}

impl Failure {
    /// How much of restic's words is kept with a failure.
    pub const SAID: usize = 400;

    /// A failure with what restic said, of which the telling line is kept.
    #[must_use]
    pub fn new(reason: Reason, tail: &str) -> Self {
        Self { reason, said: telling_line(tail).chars().take(Self::SAID).collect() }
    }

    /// The failure that an exit code and the end of standard error stand for.
    #[must_use]
    pub fn of_exit(code: i32, tail: &str) -> Self {
        let reason = match code {
            // restic 0.17 and newer.
            10 => Reason::RepositoryMissing,
            11 => Reason::Locked { holder: holder(tail).unwrap_or_default() },
            12 => Reason::WrongPassword,
            // The guard's, when it could not become restic.
            127 => Reason::NotStarted,
            _ => of_text(tail).unwrap_or(Reason::Unknown { code }),
        };
        Self::new(reason, tail)
    }

    fn quoted(&self) -> String {
        if self.said.is_empty() { String::new() } else { format!(" ({})", self.said) }
    }
}

/// Phrases in lower case, and what they mean; the first that is found counts.
const PHRASES: &[(Phrase, Reason)] = &[
    (&["wrong password or no key found"], Reason::WrongPassword),
    (&["an empty password is not a password"], Reason::WrongPassword),
    (&["config file already exists"], Reason::AlreadyExists),
    (&["all target directories/files do not exist"], Reason::NothingToSave),
    (&["no matching id found"], Reason::NoSuchSnapshot),
    (&["no snapshot found"], Reason::NoSuchSnapshot),
    (&["fatal: repository contains errors"], Reason::Damaged),
    (&["no space left on device"], Reason::NoSpace),
    (&["disk quota exceeded"], Reason::NoSpace),
    // What the storage answers when it was reached and has no such file: a local disk, sftp, a
    // rest-server, S3 and its like. Only of the config file: anything else missing is damage.
    (&["unable to open config file", "no such file or directory"], Reason::RepositoryMissing),
    (&["unable to open config file", "file does not exist"], Reason::RepositoryMissing),
    (&["unable to open config file", "<config/> does not exist"], Reason::RepositoryMissing),
    (&["unable to open config file", "http response (404)"], Reason::RepositoryMissing),
    (
        &["unable to open config file", "the specified key does not exist"],
        Reason::RepositoryMissing,
    ),
    (
        &["unable to open config file", "the specified bucket does not exist"],
        Reason::RepositoryMissing,
    ),
    (&["http response (401)"], Reason::Denied),
    (&["http response (403)"], Reason::Denied),
    (&["access denied"], Reason::Denied),
    (&["permission denied"], Reason::Denied),
    (&["connection refused"], Reason::Unreachable),
    (&["connection reset"], Reason::Unreachable),
    (&["no such host"], Reason::Unreachable),
    (&["no route to host"], Reason::Unreachable),
    (&["network is unreachable"], Reason::Unreachable),
    (&["i/o timeout"], Reason::Unreachable),
    (&["could not resolve hostname"], Reason::Unreachable),
    (&["unable to start the sftp session"], Reason::Unreachable),
];

/// Texts that must all stand in one line.
type Phrase = &'static [&'static str];

fn of_text(tail: &str) -> Option<Reason> {
    if let Some(holder) = holder(tail) {
        return Some(Reason::Locked { holder });
    }
    let lines: Vec<String> = tail.lines().map(str::to_lowercase).collect();
    let stands =
        |phrase: Phrase| lines.iter().any(|line| phrase.iter().all(|part| line.contains(part)));
    PHRASES.iter().find(|(phrase, _)| stands(phrase)).map(|(_, reason)| reason.clone())
}

/// Who holds the lock: `by PID 20175 on other by root (UID 0, GID 0)`, or `exclusively by …`.
fn holder(tail: &str) -> Option<String> {
    let (_, holder) = tail.split_once("repository is already locked ")?;
    Some(holder.lines().next().unwrap_or_default().trim().chars().take(200).collect())
}

/// restic's last `Fatal:` line, or else its last line that says something.
fn telling_line(tail: &str) -> &str {
    let lines = || tail.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    lines().find(|line| line.starts_with("Fatal:")).or_else(|| lines().next()).unwrap_or_default()
}

/// The path that a line of standard error says is not there (`PATH does not exist, skipping`):
/// restic 0.14 leaves it out and still ends with 0.
#[must_use]
pub(super) fn skipped_path(line: &str) -> Option<&str> {
    line.strip_suffix(" does not exist, skipping").filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `exit N` in the first line, standard error in the rest.
    fn recorded(fixture: &str) -> Reason {
        let (first, stderr) = fixture.split_once('\n').unwrap();
        let code = first.strip_prefix("exit ").unwrap().parse().unwrap();
        Failure::of_exit(code, stderr).reason
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/restic/0.14/", $name))
        };
    }

    #[test]
    fn recorded_failures_of_0_14_are_told_apart() {
        let locked = "by PID 20175 on other by root (UID 0, GID 0)".to_owned();
        for (fixture, expected) in [
            (fixture!("wrong-password.err"), Reason::WrongPassword),
            (fixture!("empty-password.err"), Reason::WrongPassword),
            (fixture!("missing-local.err"), Reason::RepositoryMissing),
            (fixture!("missing-rest.err"), Reason::RepositoryMissing),
            (fixture!("init-exists.err"), Reason::AlreadyExists),
            (fixture!("locked.err"), Reason::Locked { holder: locked }),
            (fixture!("no-space.err"), Reason::NoSpace),
            (fixture!("refused.err"), Reason::Unreachable),
            (fixture!("no-host.err"), Reason::Unreachable),
            (fixture!("sftp-refused.err"), Reason::Unreachable),
            (fixture!("rest-401.err"), Reason::Denied),
            (fixture!("nothing-to-save.err"), Reason::NothingToSave),
            (fixture!("no-snapshot.err"), Reason::NoSuchSnapshot),
            (fixture!("keep/check-damaged.err"), Reason::Damaged),
            (fixture!("bad-flag.err"), Reason::Unknown { code: 1 }),
        ] {
            assert_eq!(recorded(fixture), expected, "{fixture}");
        }
    }

    #[test]
    fn codes_of_newer_versions_need_no_text() {
        assert_eq!(Failure::of_exit(10, "").reason, Reason::RepositoryMissing);
        assert_eq!(Failure::of_exit(11, "").reason, Reason::Locked { holder: String::new() });
        assert_eq!(Failure::of_exit(12, "").reason, Reason::WrongPassword);
    }

    #[test]
    fn could_not_read_is_never_not_there() {
        let text = "Fatal: unable to open config file: Stat: read /x/config: input/output error\n\
                    Is there a repository at the following location?\n/x";
        assert_eq!(Failure::of_exit(1, text).reason, Reason::Unknown { code: 1 });
        // A pack that is gone is damage, not a missing repository.
        let text = "Fatal: load data/ab: no such file or directory";
        assert_eq!(Failure::of_exit(1, text).reason, Reason::Unknown { code: 1 });
    }

    #[test]
    fn a_failure_reads_as_what_happened_and_what_to_do() {
        let failure = Failure::of_exit(1, "noise\nFatal: wrong password or no key found\n");
        assert_eq!(
            failure.to_string(),
            "the password does not open the repository (Fatal: wrong password or no key found). \
             Check the password of the repo in the configuration"
        );
    }
}
