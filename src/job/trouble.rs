//! What keeps a repo from being used, read back from what its newest operation said.
//!
//! The log keeps an operation's end as a sentence; the sentences are those of [`JobError`](super::JobError),
//! and the tests here hold the two together.

use crate::restic::Reason;

/// What keeps a repo from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The repository that was there is not.
    Missing,
    /// Somebody holds a lock.
    Locked {
        /// As restic names the holder.
        by: String,
    },
    /// The storage was not reached.
    Unreachable,
    /// No key of the repository opens with the password there is.
    WrongPassword,
}

impl Trouble {
    /// What the message of a failed operation says of its repo; `None` if the repo is not the reason.
    #[must_use]
    pub fn of_message(message: &str) -> Option<Self> {
        let says = |reason: Reason| message.starts_with(&reason.to_string());
        let locked = Reason::Locked { holder: String::new() }.to_string();
        if let Some(rest) = message.strip_prefix(&locked) {
            return Some(Self::Locked { by: holder(rest) });
        }
        if says(Reason::RepositoryMissing) || is_known_but_missing(message) {
            return Some(Self::Missing);
        }
        if says(Reason::WrongPassword) {
            return Some(Self::WrongPassword);
        }
        says(Reason::Unreachable).then_some(Self::Unreachable)
    }
}

/// `PID 20175 on other by root` of `by PID 20175 on other by root (UID 0, GID 0) (…`.
fn holder(rest: &str) -> String {
    let holder = rest.split(" (").next().unwrap_or_default();
    let holder = holder.trim().trim_start_matches("by ");
    holder.chars().take(200).collect()
}

/// As [`JobError::KnownButMissing`](super::JobError::KnownButMissing) says it.
fn is_known_but_missing(message: &str) -> bool {
    let words: Vec<_> = message.splitn(6, ' ').collect();
    matches!(words.as_slice(), ["repo", _, "is", "missing:", "repository", _])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::job::JobError;
    use crate::restic::Failure;

    fn of(error: JobError) -> Option<Trouble> {
        Trouble::of_message(&error.to_string())
    }

    fn failed(reason: Reason, tail: &str) -> JobError {
        Failure::new(reason, tail).into()
    }

    #[test]
    fn what_an_operation_said_of_its_repo_reads_back() {
        let (repo, guid) = ("vault".parse().unwrap(), "ab".repeat(32).parse().unwrap());
        assert_eq!(of(JobError::KnownButMissing { repo, guid }), Some(Trouble::Missing));
        let missing = failed(Reason::RepositoryMissing, "Fatal: unable to open config file");
        assert_eq!(of(missing), Some(Trouble::Missing));
        let unreachable = failed(Reason::Unreachable, "Fatal: dial tcp: connection refused");
        assert_eq!(of(unreachable), Some(Trouble::Unreachable));
        let password = failed(Reason::WrongPassword, "Fatal: wrong password or no key found");
        assert_eq!(of(password), Some(Trouble::WrongPassword));
        let holder = "by PID 20175 on other by root (UID 0, GID 0)".to_owned();
        let by = "PID 20175 on other by root".to_owned();
        let locked = failed(Reason::Locked { holder }, "Fatal: unable to create lock");
        assert_eq!(of(locked), Some(Trouble::Locked { by }));
    }

    #[test]
    fn other_failures_say_nothing_of_the_repo() {
        for reason in [Reason::NothingToSave, Reason::NoSpace] {
            assert_eq!(of(failed(reason, "Fatal: x")), None);
        }
        assert_eq!(of(JobError::Stopping), None);
    }
}
