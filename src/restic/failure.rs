//! Why restic failed, and what a person can do: the one file that matches restic's text.
//!
//! Newer versions say some of it by exit code; the text decides where the code does not. Every
//! phrase here stands in a recorded output under `tests/fixtures/restic/`, or names the version of
//! restic that prints it.

use super::redact::Redaction;
use super::{Command, Feature, Version};
use crate::model::RepoAccess;
use serde::Deserialize;
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
    /// The place that is restored to is full, or its quota is.
    TargetFull,
    /// The storage was not reached.
    Unreachable,
    /// The storage refuses us.
    Denied,
    /// The storage takes what is new and lets nothing be removed.
    AppendOnly,
    /// ssh does not know the key of the server.
    HostKey,
    /// There was not enough memory.
    OutOfMemory,
    /// This restic does not have what was asked for.
    Lacks {
        /// What.
        feature: Feature,
        /// Which restic it is.
        found: Version,
    },
    /// The program that sets an I/O class is not there.
    NoIonice,
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
    /// Anything else, of a command that leaves no operation and no log.
    Unlogged {
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
                "Wait until that process has ended; once nobody works on the repository any more, `holdfast repo unlock ID --all` removes its lock"
            }
            Self::NoSpace => "Free some space there, or forget and prune old snapshots",
            Self::TargetFull => "Make room there, or restore to another place",
            Self::Unreachable => "Check the network and the uri; the next run tries again",
            Self::Denied => {
                "Check the credentials of the repo and the rights of the user that runs holdfast"
            }
            Self::AppendOnly => {
                "That is as it should be for a server that only adds: forget and prune where it runs, or with other credentials"
            }
            Self::HostKey => {
                "As the user that runs holdfast, connect once by hand with `ssh`, compare the key and accept it"
            }
            Self::OutOfMemory => {
                "Give it less to do at a time: `limits = { memory = \"…\", gogc = 20 }` on the repo, a smaller `read-concurrency`; or more memory"
            }
            Self::Lacks { .. } => "Upgrade restic, or point HOLDFAST_RESTIC at a newer one",
            Self::NoIonice => {
                "Install it (it is in the package util-linux), or take `io` out of the limits"
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
            Self::Unlogged { .. } => "Check what it was asked for; it said no more than this",
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
            | Self::AppendOnly
            | Self::TargetFull
            | Self::HostKey
            | Self::Lacks { .. }
            | Self::NoIonice
            | Self::NothingToSave
            | Self::NoSuchSnapshot
            | Self::Damaged
            | Self::Unreadable => true,
            Self::Locked { .. }
            | Self::NoSpace
            | Self::Unreachable
            | Self::OutOfMemory
            | Self::Interrupted
            | Self::Killed { .. }
            | Self::Unknown { .. }
            | Self::Unlogged { .. } => false,
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
            Self::TargetFull => f.write_str("the place that is restored to is full"),
            Self::Unreachable => f.write_str("the storage of the repository was not reached"),
            Self::Denied => f.write_str("the storage of the repository refuses access"),
            Self::AppendOnly => {
                f.write_str("the storage of the repository lets nothing be removed (append-only)")
            }
            Self::HostKey => f.write_str("ssh does not know the key of the storage's server"),
            Self::OutOfMemory => f.write_str("restic ran out of memory"),
            Self::Lacks { feature, found } => {
                let since = feature.since();
                write!(f, "{feature} needs restic {since} or newer, and this is restic {found}")
            }
            Self::NoIonice => f.write_str("there is no program `ionice` to set the I/O class with"),
            Self::NothingToSave => f.write_str("none of the paths exists"),
            Self::NoSuchSnapshot => f.write_str("there is no such snapshot in the repository"),
            Self::Interrupted => f.write_str("restic was interrupted"),
            Self::Killed { signal } => {
                write!(f, "restic was ended from outside by signal {signal}")
            }
            Self::Damaged => f.write_str("the repository is damaged"),
            Self::Unreadable => f.write_str("restic printed something unexpected"),
            Self::Unknown { code } | Self::Unlogged { code } => {
                write!(f, "restic failed with exit code {code}")
            }
        }
    }
}

/// How much is kept of what restic says of the holder of a lock.
const HOLDER: usize = 200;

impl Failure {
    /// How much of restic's words is kept with a failure.
    pub const SAID: usize = 400;

    /// A failure with what restic said, of which the telling line is kept.
    #[must_use]
    pub fn new(reason: Reason, tail: &str) -> Self {
        Self::raw(reason, tail).seen(&str::to_owned)
    }

    /// With all of the telling line, secrets too: for [`Failure::seen`].
    pub(super) fn raw(reason: Reason, tail: &str) -> Self {
        Self { reason, said: telling_line(tail).to_owned() }
    }

    /// The same as it may be seen. Secrets are struck out before it is cut: no half of one stays.
    #[must_use]
    pub(super) fn seen(self, strike: &dyn Fn(&str) -> String) -> Self {
        let cut = |text: &str, length| strike(text).chars().take(length).collect();
        let reason = match self.reason {
            Reason::Locked { holder } => Reason::Locked { holder: cut(&holder, HOLDER) },
            other => other,
        };
        Self { reason, said: cut(&self.said, Self::SAID) }
    }

    /// The same without the secrets of that access.
    #[must_use]
    pub fn redacted(self, access: &RepoAccess) -> Self {
        let redaction = Redaction::of(access);
        self.seen(&|text| redaction.apply(text))
    }

    /// The failure that an exit code and the end of standard error stand for, with all that was said.
    #[must_use]
    pub(super) fn of_exit(code: i32, tail: &str) -> Self {
        let said = plain(tail);
        let found = of_text(&said);
        let line = found.as_ref().map_or_else(|| telling_line(&said), |(_, line)| line);
        let text = found.as_ref().map(|(reason, _)| reason.clone());
        let reason = match code {
            // restic 0.17 and newer.
            10 => Reason::RepositoryMissing,
            11 => Reason::Locked { holder: holder(&said).unwrap_or_default() },
            // restic 0.17.1 and newer.
            12 => Reason::WrongPassword,
            // The guard's, when it could not become restic.
            127 => Reason::NotStarted,
            _ => text.unwrap_or(Reason::Unknown { code }),
        };
        Self::raw(reason, line)
    }

    /// The same as that command has it: a restore writes nothing into the repository but its lock, and
    /// who only looks has no operation.
    #[must_use]
    pub(super) fn of_command(self, command: &Command) -> Self {
        let reason = match (self.reason, command) {
            (Reason::NoSpace, Command::Restore(_)) if !speaks_of_lock(&self.said) => {
                Reason::TargetFull
            }
            (Reason::Unknown { code }, command) if command.only_looks() => {
                Reason::Unlogged { code }
            }
            (reason, _) => reason,
        };
        Self { reason, ..self }
    }

    /// What it is to have interrupted it, with what kept it from its end, if it said so.
    #[must_use]
    pub(super) fn interrupted(tail: &str) -> Self {
        let said = plain(tail);
        let line = of_text(&said).map(|(_, line)| line).unwrap_or_default();
        Self::raw(Reason::Interrupted, line)
    }

    /// The failure of one that was interrupted because nobody waits any longer: newer versions try
    /// for a quarter of an hour what cannot be reached.
    #[must_use]
    pub fn given_up(self) -> Self {
        if self.reason != Reason::Interrupted {
            return self;
        }
        let reason = of_text(&self.said).map_or(Reason::Unreachable, |(reason, _)| reason);
        Self { reason, ..self }
    }

    /// Whether ssh ended and restic does not say why: nobody waits for ssh's words when restic ends.
    #[must_use]
    pub(super) fn lacks_words_of_ssh(&self) -> bool {
        self.reason == Reason::Unreachable && self.said.to_lowercase().contains(SSH_ENDED)
    }

    /// The same with what ssh said of it.
    #[must_use]
    pub(super) fn with_words_of_ssh(self, words: &str) -> Self {
        let Some((reason, line)) = of_text(words) else { return self };
        Self::raw(reason, line)
    }

    /// What failed although restic ended well: newer versions of `forget` say that they could not
    /// remove a snapshot, and end with 0.
    #[must_use]
    pub(super) fn despite_success(tail: &str) -> Option<Self> {
        let said = plain(tail);
        let kept = |line: &&str| {
            line.starts_with("unable to remove ") && line.ends_with(" from the repository")
        };
        said.lines().find(kept)?;
        Some(Self::of_exit(0, &said))
    }

    fn quoted(&self) -> String {
        if self.said.is_empty() { String::new() } else { format!(" ({})", self.said) }
    }
}

/// Phrases in lower case, and what they mean; the first that is found counts.
const PHRASES: &[(Phrase, Reason)] = &[
    (&["wrong password or no key found"], Reason::WrongPassword),
    (&["an empty password is not"], Reason::WrongPassword),
    (&["config file already exists"], Reason::AlreadyExists),
    (&["all target directories/files do not exist"], Reason::NothingToSave),
    (&["all source directories/files do not exist"], Reason::NothingToSave),
    (&["no matching id found"], Reason::NoSuchSnapshot),
    (&["no snapshot found"], Reason::NoSuchSnapshot),
    (&["fatal: repository contains errors"], Reason::Damaged),
    (&["no space left on device"], Reason::NoSpace),
    (&["disk quota exceeded"], Reason::NoSpace),
    // The runtime of Go.
    (&["out of memory"], Reason::OutOfMemory),
    (&["cannot allocate memory"], Reason::OutOfMemory),
    (&["failed to reserve page summary memory"], Reason::OutOfMemory),
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
    // 0.18 asks again and again, and never comes to say that it is fatal.
    (
        &["(<config/>) returned error", "the specified bucket does not exist"],
        Reason::RepositoryMissing,
    ),
    (&["host key verification failed"], Reason::HostKey),
    // 0.14 and 0.18 say it of a server that answers 403, and S3 of a policy.
    (&["blob not removed", "403"], Reason::AppendOnly),
    (&["remove(", "403"], Reason::AppendOnly),
    (&["remove(", "access denied"], Reason::AppendOnly),
    (&["http response (401)"], Reason::Denied),
    (&["http response (403)"], Reason::Denied),
    (&["access denied"], Reason::Denied),
    (&["access key id you provided does not exist"], Reason::Denied),
    (&["request signature we calculated does not match"], Reason::Denied),
    (&["permission denied"], Reason::Denied),
    (&["operation not permitted"], Reason::Denied),
    (&["connection refused"], Reason::Unreachable),
    (&["connection reset"], Reason::Unreachable),
    (&["connection timed out"], Reason::Unreachable),
    (&["no such host"], Reason::Unreachable),
    (&["no route to host"], Reason::Unreachable),
    (&["network is unreachable"], Reason::Unreachable),
    (&["i/o timeout"], Reason::Unreachable),
    (&["could not resolve hostname"], Reason::Unreachable),
    (&["failed to verify certificate"], Reason::Unreachable),
    (&[SSH_ENDED], Reason::Unreachable),
];

const SSH_ENDED: &str = "unable to start the sftp session";

/// Texts that must all stand in one line.
type Phrase = &'static [&'static str];

/// What it means, and the line that says so.
fn of_text(tail: &str) -> Option<(Reason, &str)> {
    if let Some(holder) = holder(tail) {
        return Some((Reason::Locked { holder }, telling_line(tail)));
    }
    let lines: Vec<_> = tail.lines().map(|line| (line.to_lowercase(), line.trim())).collect();
    let stands = |phrase: Phrase| {
        let whole = |(lower, _): &&(String, &str)| phrase.iter().all(|part| lower.contains(part));
        // The last of them is restic's own word, the ones before are its attempts.
        lines.iter().rev().find(whole).map(|(_, line)| *line)
    };
    PHRASES.iter().find_map(|(phrase, reason)| Some((reason.clone(), stands(phrase)?)))
}

#[derive(Deserialize)]
struct ExitError {
    message_type: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: ItemError,
}

#[derive(Deserialize, Default)]
struct ItemError {
    message: String,
}

/// With the errors that newer versions print as JSON (0.18 with `--json`) as the text they hold.
fn plain(tail: &str) -> String {
    let text = |line: &str| match serde_json::from_str::<ExitError>(line) {
        Ok(error) if error.message_type == "exit_error" => error.message,
        Ok(error) if error.message_type == "error" => error.error.message,
        Ok(_) | Err(_) => line.to_owned(),
    };
    tail.lines().map(|line| text(line) + "\n").collect()
}

/// Who holds the lock, and since when where it is said: `by PID 20175 on other by root (UID 0, GID 0),
/// since 2026-11-21 11:17:17 (3s ago)`, or `exclusively by …`.
fn holder(tail: &str) -> Option<String> {
    let (_, said) = tail.split_once("repository is already locked ")?;
    let mut lines = said.lines().map(str::trim);
    let holder = lines.next().unwrap_or_default();
    let since = lines.next().and_then(|line| line.strip_prefix("lock was created at "));
    Some(since.map_or_else(|| holder.to_owned(), |since| format!("{holder}, since {since}")))
}

/// Whether it is the lock that was not written: `unable to create lock in backend: …` (0.18), or
/// `write /repo/locks/ID-tmp-123: …` (0.14).
fn speaks_of_lock(said: &str) -> bool {
    said.contains("create lock in backend") || (said.contains("/locks/") && said.contains("-tmp-"))
}

/// restic's last `Fatal:` line, or Go's, or else its last line that says something.
fn telling_line(tail: &str) -> &str {
    let lines = || tail.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let begins = |word| lines().find(|line: &&str| line.starts_with(word));
    let fatal = begins("Fatal:").or_else(|| begins("fatal error:"));
    fatal.or_else(|| lines().next()).unwrap_or_default()
}

/// The path that a line of standard error says is not there (`PATH does not exist, skipping`):
/// restic 0.14 leaves it out and still ends with 0.
#[must_use]
pub(super) fn skipped_path(line: &str) -> Option<&str> {
    line.strip_suffix(" does not exist, skipping").filter(|path| !path.is_empty())
}

/// The path and the reason in a line of standard error about a file that was not restored
/// (`ignoring error for PATH: REASON`): restic 0.14 goes on and fails at the end.
#[must_use]
pub(super) fn ignored_item(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("ignoring error for ")?.split_once(": ")
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
