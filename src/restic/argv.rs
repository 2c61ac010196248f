//! Commands as data, and the argument list and environment that each becomes.

use super::maintain::{self, Choose, Measure};
use super::{Guarded, SnapshotId};
use crate::model::{InstanceId, MaxUnused, PlanId, RepoAccess, Subset};
use std::ffi::OsString;

/// What restic is asked to do. `Debug` shows no secret, because there is none in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Says which restic it is.
    Version,
    /// Creates the repository.
    Init,
    /// Prints the repository's config, which has its guid.
    CatConfig,
    /// Saves files.
    Backup(Backup),
    /// Lists snapshots.
    Snapshots(SnapshotFilter),
    /// Writes files of a snapshot into a folder.
    Restore(Restore),
    /// Lists the ids of locks.
    ListLocks,
    /// Prints one lock.
    CatLock(String),
    /// Removes the locks that restic itself takes as stale.
    Unlock,
    /// Removes every lock, whoever holds it.
    UnlockAll,
    /// Says what rules keep; removes nothing.
    Choose(Choose),
    /// Removes these snapshots.
    Forget(Vec<SnapshotId>),
    /// Removes data that no snapshot needs, but for as much as may stay.
    Prune(Option<MaxUnused>),
    /// Verifies the repository, and reads a part of its data.
    Check(Option<Subset>),
    /// Counts what is stored.
    Stats(Measure),
    /// What a person gave word by word.
    Guarded(Guarded),
}

/// What a backup saves, and how it is tagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Becomes the tag `plan:ID`.
    pub plan: PlanId,
    /// Becomes the tag `created-by:INSTANCE`.
    pub instance: InstanceId,
    /// Files and folders.
    pub paths: Vec<String>,
    /// What of them is left out.
    pub exclusions: Exclusions,
}

/// What a backup leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exclusions {
    /// Patterns.
    pub exclude: Vec<String>,
    /// Patterns, whatever the case.
    pub iexclude: Vec<String>,
    /// `NAME[:HEADER]`: folders that contain such a file.
    pub exclude_if_present: Vec<String>,
    /// Whether other file systems are left out.
    pub file_systems: FileSystems,
}

/// Where a backup goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileSystems {
    /// Into mounted file systems too.
    #[default]
    All,
    /// It stays on the file system that each path is on.
    One,
}

/// Which snapshots; every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SnapshotFilter {
    /// With the tag of this plan.
    pub plan: Option<PlanId>,
    /// With the tag of this instance.
    pub instance: Option<InstanceId>,
    /// Only this one.
    pub snapshot: Option<SnapshotId>,
}

/// What is restored, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// From which snapshot.
    pub snapshot: SnapshotId,
    /// Into which folder.
    pub target: String,
    /// Only these paths (restic's patterns); all where empty.
    pub include: Vec<String>,
}

/// How much of standard output a command may fill, and how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Line by line as it comes; nothing is kept.
    Lines,
    /// As one document of at most so many bytes.
    Document(usize),
}

impl Command {
    /// The arguments, without the program. Whatever a person named comes after `--` or behind the
    /// `=` of its option, so that a leading `-` is never an option.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Version => words(&["version"]),
            Self::Init => words(&["init", "--json"]),
            Self::CatConfig => words(&["cat", "config", "--no-lock", "--json"]),
            Self::Backup(backup) => backup.arguments(),
            Self::Snapshots(filter) => filter.arguments(),
            Self::Restore(restore) => restore.arguments(),
            Self::ListLocks => words(&["list", "locks", "--no-lock", "--quiet"]),
            Self::CatLock(id) => words(&["cat", "lock", "--no-lock", "--json", "--", id]),
            Self::Unlock => words(&["unlock", "--json"]),
            Self::UnlockAll => words(&["unlock", "--remove-all"]),
            Self::Choose(choose) => choose.arguments(),
            Self::Forget(snapshots) => maintain::forget(snapshots),
            Self::Prune(max_unused) => maintain::prune(max_unused.as_ref()),
            Self::Check(subset) => maintain::check(*subset),
            Self::Stats(measure) => maintain::stats(*measure),
            Self::Guarded(guarded) => guarded.arguments(),
        }
    }

    pub(super) const fn reading(&self) -> Reading {
        match self {
            Self::Backup(_)
            | Self::Restore(_)
            | Self::Init
            | Self::Unlock
            | Self::UnlockAll
            | Self::Forget(_)
            | Self::Prune(_)
            | Self::Check(_)
            | Self::Guarded(_) => Reading::Lines,
            Self::Version | Self::CatConfig | Self::CatLock(_) | Self::Stats(_) => {
                Reading::Document(64 << 10)
            }
            Self::ListLocks => Reading::Document(1 << 20),
            Self::Snapshots(_) | Self::Choose(_) => Reading::Document(64 << 20),
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn options<'a>(name: &'a str, values: &'a [String]) -> impl Iterator<Item = String> + 'a {
    values.iter().map(move |value| format!("--{name}={value}"))
}

impl Backup {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["backup", "--json"]);
        arguments.push(format!("--tag=plan:{}", self.plan));
        arguments.push(format!("--tag=created-by:{}", self.instance));
        arguments.extend(options("exclude", &self.exclusions.exclude));
        arguments.extend(options("iexclude", &self.exclusions.iexclude));
        arguments.extend(options("exclude-if-present", &self.exclusions.exclude_if_present));
        if self.exclusions.file_systems == FileSystems::One {
            arguments.push("--one-file-system".to_owned());
        }
        arguments.push("--".to_owned());
        arguments.extend_from_slice(&self.paths);
        arguments
    }
}

impl SnapshotFilter {
    fn arguments(&self) -> Vec<String> {
        // Reading the list needs no lock: it must work on a locked or append-only repository.
        let mut arguments = words(&["snapshots", "--no-lock", "--json"]);
        // Tags with a comma between them must all be there (several options: any of them).
        let plan = self.plan.as_ref().map(|plan| format!("plan:{plan}"));
        let instance = self.instance.as_ref().map(|instance| format!("created-by:{instance}"));
        let tags: Vec<_> = plan.into_iter().chain(instance).collect();
        if !tags.is_empty() {
            arguments.push(format!("--tag={}", tags.join(",")));
        }
        if let Some(snapshot) = &self.snapshot {
            arguments.extend(["--".to_owned(), snapshot.to_string()]);
        }
        arguments
    }
}

impl Restore {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["restore", "--json"]);
        arguments.push(format!("--target={}", self.target));
        arguments.extend(options("include", &self.include));
        arguments.extend(["--".to_owned(), self.snapshot.to_string()]);
        arguments
    }
}

/// What of our own environment restic is given: enough to find programs, its cache, the person's ssh
/// keys and the way out of the network. Nothing else of ours reaches it.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CACHE_HOME",
    "RESTIC_CACHE_DIR",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Names that a repo's own environment never sets: restic would take them before what we give it,
/// and one of them names a command.
const OURS: &[&str] = &[
    "RESTIC_REPOSITORY",
    "RESTIC_REPOSITORY_FILE",
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_PASSWORD_COMMAND",
    "RESTIC_PROGRESS_FPS",
];

/// The whole environment of one restic process, given a way to look ours up.
///
/// Not `Debug`: it holds the secrets.
pub(super) fn environment(
    access: Option<&RepoAccess>,
    inherited: impl Fn(&str) -> Option<OsString>,
) -> Vec<(String, OsString)> {
    let mut all: Vec<(String, OsString)> = INHERITED
        .iter()
        .filter_map(|&name| inherited(name).map(|value| (name.to_owned(), value)))
        .collect();
    // A status line every quarter second is all that a person can follow.
    all.push(("RESTIC_PROGRESS_FPS".to_owned(), "4".into()));
    if let Some(access) = access {
        let own = access.env.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
        all.extend(own.map(|(name, value)| (name.clone(), value.expose().into())));
        all.push(("RESTIC_REPOSITORY".to_owned(), access.uri.expose().into()));
        all.push(("RESTIC_PASSWORD".to_owned(), access.password.expose().into()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn backup() -> Backup {
        Backup {
            plan: "home".parse().unwrap(),
            instance: "nas".parse().unwrap(),
            paths: vec!["--password-command=id".to_owned(), "/home".to_owned()],
            exclusions: Exclusions {
                exclude: vec!["*.cache".to_owned(), "--x".to_owned()],
                iexclude: vec!["*.TMP".to_owned()],
                exclude_if_present: vec![".nobackup".to_owned()],
                file_systems: FileSystems::One,
            },
        }
    }

    #[test]
    fn x1_paths_and_patterns_are_never_options() {
        let arguments = Command::Backup(backup()).arguments();
        assert_eq!(
            arguments,
            [
                "backup",
                "--json",
                "--tag=plan:home",
                "--tag=created-by:nas",
                "--exclude=*.cache",
                "--exclude=--x",
                "--iexclude=*.TMP",
                "--exclude-if-present=.nobackup",
                "--one-file-system",
                "--",
                "--password-command=id",
                "/home",
            ]
        );
    }

    #[test]
    fn tags_of_a_filter_must_all_be_there() {
        let filter = SnapshotFilter {
            plan: Some("home".parse().unwrap()),
            instance: Some("nas".parse().unwrap()),
            snapshot: None,
        };
        let arguments = Command::Snapshots(filter).arguments();
        assert_eq!(arguments.last().unwrap(), "--tag=plan:home,created-by:nas");
    }

    fn access(env: &[(&str, &str)]) -> RepoAccess {
        let secret = |text: &str| Secret::new(text.to_owned());
        RepoAccess {
            uri: secret("/srv/repo"),
            password: secret("swordfish"),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), secret(value))).collect(),
        }
    }

    #[test]
    fn c2_secrets_are_in_the_environment_and_never_in_argv() {
        let all = environment(Some(&access(&[])), |_| None);
        assert!(all.contains(&("RESTIC_PASSWORD".to_owned(), "swordfish".into())));
        for command in [Command::Init, Command::CatConfig, Command::Backup(backup())] {
            assert!(!command.arguments().concat().contains("swordfish"));
        }
    }

    #[test]
    fn x1_a_repo_cannot_name_a_password_command_or_another_repository() {
        let hostile = access(&[
            ("RESTIC_PASSWORD_COMMAND", "id"),
            ("RESTIC_REPOSITORY", "/x"),
            ("AWS_KEY", "k"),
        ]);
        let all = environment(Some(&hostile), |_| None);
        let of = |name: &str| {
            all.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of("RESTIC_REPOSITORY"), ["/srv/repo"]);
        assert_eq!(of("AWS_KEY"), ["k"]);
        assert!(of("RESTIC_PASSWORD_COMMAND").is_empty());
    }

    #[test]
    fn only_listed_names_of_our_environment_are_inherited() {
        let all = environment(None, |name| Some(format!("value of {name}").into()));
        assert!(all.iter().any(|(name, _)| name == "PATH"));
        assert_eq!(all.len(), INHERITED.len() + 1);
    }
}
