//! Commands as data, and the argument list and environment that each becomes.

use super::look::{Comparison, Dump, Listing, Restore, Search};
use super::maintain::{self, Choose, Measure};
use super::{Feature, Guarded, SnapshotId, Version, tuning};
use crate::model::{InstanceId, MaxUnused, PlanId, RepoAccess, Secret, Subset, Tuning};
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
    /// Says what a backup would save; saves nothing.
    Try(Backup),
    /// Lists snapshots.
    Snapshots(SnapshotFilter),
    /// Writes files of a snapshot into a folder.
    Restore(Restore),
    /// Says what a restore would write.
    Rehearse(Restore),
    /// Lists what a snapshot holds.
    Ls(Listing),
    /// Looks for names in snapshots.
    Find(Search),
    /// Compares two snapshots.
    Diff(Comparison),
    /// Prints a file, or a folder as an archive.
    Dump(Dump),
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
    /// The name of the file that standard input becomes, in place of paths.
    pub stdin: Option<String>,
    /// How it is gone about.
    pub manner: Manner,
}

/// How a backup is gone about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manner {
    /// How many files are read at a time; restic's own number where absent.
    pub read_concurrency: Option<u8>,
    /// What becomes of a run that finds nothing changed.
    pub unchanged: Unchanged,
    /// The host that the snapshot says it is from; the machine's own name where absent.
    pub host: Option<String>,
}

/// What becomes of a run that finds nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unchanged {
    /// A snapshot like the last one.
    #[default]
    Saved,
    /// No snapshot.
    Skipped,
}

/// What a backup leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exclusions {
    /// Patterns.
    pub exclude: Vec<String>,
    /// Patterns, whatever the case.
    pub iexclude: Vec<String>,
    /// Files with patterns in them, one a line.
    pub exclude_file: Vec<String>,
    /// Files with patterns in them, whatever the case.
    pub iexclude_file: Vec<String>,
    /// `NAME[:HEADER]`: folders that contain such a file.
    pub exclude_if_present: Vec<String>,
    /// Files of more bytes than that.
    pub larger_than: Option<u64>,
    /// Folders that say of themselves that they are caches.
    pub caches: Caches,
    /// Whether other file systems are left out.
    pub file_systems: FileSystems,
}

/// What becomes of folders with a `CACHEDIR.TAG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Caches {
    /// Saved as any other.
    #[default]
    Saved,
    /// Left out but for the tag.
    LeftOut,
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
            Self::Try(backup) => backup.trial(),
            Self::Snapshots(filter) => filter.arguments(),
            Self::Restore(restore) => restore.arguments(),
            Self::Rehearse(restore) => restore.rehearsal(),
            Self::Ls(listing) => listing.arguments(),
            Self::Find(search) => search.arguments(),
            Self::Diff(comparison) => comparison.arguments(),
            Self::Dump(dump) => dump.arguments(),
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

    /// The same, with what the run may use up.
    pub(super) fn tuned(&self, limits: &Tuning) -> Vec<String> {
        let mut arguments = self.arguments();
        arguments.splice(1..1, tuning::options(limits));
        arguments
    }

    /// What it needs of restic beyond the oldest version.
    pub(super) fn needs(&self) -> Vec<Feature> {
        match self {
            Self::Backup(backup) | Self::Try(backup) => backup.needs(),
            Self::Version
            | Self::Init
            | Self::CatConfig
            | Self::Snapshots(_)
            | Self::Restore(_)
            | Self::Rehearse(_)
            | Self::Ls(_)
            | Self::Find(_)
            | Self::Diff(_)
            | Self::Dump(_)
            | Self::ListLocks
            | Self::CatLock(_)
            | Self::Unlock
            | Self::UnlockAll
            | Self::Choose(_)
            | Self::Forget(_)
            | Self::Prune(_)
            | Self::Check(_)
            | Self::Stats(_)
            | Self::Guarded(_) => Vec::new(),
        }
    }

    /// Whether it changes nothing, and what it says is in the log of no operation.
    pub(super) const fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Try(_)
                | Self::Rehearse(_)
                | Self::Ls(_)
                | Self::Find(_)
                | Self::Diff(_)
                | Self::Dump(_)
                | Self::Snapshots(_)
        )
    }

    pub(super) const fn reading(&self) -> Reading {
        match self {
            Self::Backup(_)
            | Self::Try(_)
            | Self::Restore(_)
            | Self::Init
            | Self::Unlock
            | Self::UnlockAll
            | Self::Forget(_)
            | Self::Prune(_)
            | Self::Check(_)
            | Self::Guarded(_) => Reading::Lines,
            // These are poured: nothing of them is kept.
            Self::Rehearse(_) | Self::Ls(_) | Self::Find(_) | Self::Diff(_) | Self::Dump(_) => {
                Reading::Lines
            }
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
        arguments.extend(self.manner.arguments());
        arguments.extend(self.exclusions.arguments());
        if let Some(name) = &self.stdin {
            arguments.extend(["--stdin".to_owned(), format!("--stdin-filename={name}")]);
            return arguments;
        }
        arguments.push("--".to_owned());
        arguments.extend_from_slice(&self.paths);
        arguments
    }

    /// It writes nothing, so it needs no lock either.
    fn trial(&self) -> Vec<String> {
        let mut arguments = self.arguments();
        arguments.splice(1..1, words(&["--dry-run", "--no-lock"]));
        arguments
    }

    fn needs(&self) -> Vec<Feature> {
        let concurrency = self.manner.read_concurrency.map(|_| Feature::ReadConcurrency);
        let skip = self.manner.unchanged == Unchanged::Skipped;
        concurrency.into_iter().chain(skip.then_some(Feature::SkipIfUnchanged)).collect()
    }
}

impl Manner {
    fn arguments(&self) -> impl Iterator<Item = String> {
        let host = self.host.as_ref().map(|host| format!("--host={host}"));
        let concurrency = self.read_concurrency.map(|n| format!("--read-concurrency={n}"));
        let skip = self.unchanged == Unchanged::Skipped;
        let skip = skip.then(|| "--skip-if-unchanged".to_owned());
        [host, concurrency, skip].into_iter().flatten()
    }
}

impl Exclusions {
    fn arguments(&self) -> Vec<String> {
        let lists = [
            ("exclude", &self.exclude),
            ("iexclude", &self.iexclude),
            ("exclude-file", &self.exclude_file),
            ("iexclude-file", &self.iexclude_file),
            ("exclude-if-present", &self.exclude_if_present),
        ];
        let listed = lists.into_iter().flat_map(|(name, values)| options(name, values));
        let larger = self.larger_than.map(|bytes| format!("--exclude-larger-than={bytes}"));
        let caches = (self.caches == Caches::LeftOut).then(|| "--exclude-caches".to_owned());
        let one = self.file_systems == FileSystems::One;
        let one = one.then(|| "--one-file-system".to_owned());
        listed.chain(larger).chain(caches).chain(one).collect()
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

/// What of our own environment restic is given: enough to find programs, its cache, the person's ssh
/// keys and the way out of the network. Nothing else of ours reaches it.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CACHE_HOME",
    // Where rclone has its remotes.
    "XDG_CONFIG_HOME",
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
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
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

/// The whole environment of one restic process of that version, given a way to look ours up.
///
/// Not `Debug`: it holds the secrets.
pub(super) fn environment(
    access: Option<&RepoAccess>,
    version: Version,
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
        let uri = location(access, version);
        all.push(("RESTIC_REPOSITORY".to_owned(), uri.expose().into()));
        all.push(("RESTIC_PASSWORD".to_owned(), access.password.expose().into()));
    }
    all
}

/// Where the repository is, as a restic of that version is told: one that does not know the
/// variables for a REST server's credentials finds them in the location.
fn location(access: &RepoAccess, version: Version) -> Secret {
    let variable = |wanted: &str| {
        let found = access.env.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| percent_encoded(value.expose()))
    };
    let uri = access.uri.expose();
    let (Some(url), Some(user)) = (uri.strip_prefix("rest:"), variable("RESTIC_REST_USERNAME"))
    else {
        return access.uri.clone();
    };
    let Some((scheme, rest)) = url.split_once("://") else { return access.uri.clone() };
    let names_user = rest.split('/').next().is_some_and(|authority| authority.contains('@'));
    if names_user || version.has(Feature::RestCredentials) {
        return access.uri.clone();
    }
    let password = variable("RESTIC_REST_PASSWORD").unwrap_or_default();
    Secret::new(format!("rest:{scheme}://{user}:{password}@{rest}"))
}

/// As it may stand between `://` and `@` of a URL.
pub(super) fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rate;

    const OLD: Version = Version::OLDEST;

    fn backup() -> Backup {
        Backup {
            plan: "home".parse().unwrap(),
            instance: "nas".parse().unwrap(),
            paths: vec!["--password-command=id".to_owned(), "/home".to_owned()],
            exclusions: Exclusions {
                exclude: vec!["*.cache".to_owned(), "--x".to_owned()],
                iexclude: vec!["*.TMP".to_owned()],
                exclude_file: vec!["/etc/patterns".to_owned()],
                iexclude_file: vec!["-".to_owned()],
                exclude_if_present: vec![".nobackup".to_owned()],
                larger_than: Some(1 << 30),
                caches: Caches::LeftOut,
                file_systems: FileSystems::One,
            },
            stdin: None,
            manner: Manner {
                read_concurrency: Some(4),
                unchanged: Unchanged::Skipped,
                host: Some("--tag=x".to_owned()),
            },
        }
    }

    #[test]
    fn x1_standard_input_is_saved_under_a_name_that_is_no_option() {
        let dump = Backup { stdin: Some("--x".to_owned()), paths: Vec::new(), ..backup() };
        let arguments = Command::Backup(dump).arguments();
        assert_eq!(arguments[arguments.len() - 2..], ["--stdin", "--stdin-filename=--x"]);
    }

    #[test]
    fn a_backup_is_tried_as_it_is_made_without_a_lock() {
        let (mut made, tried) =
            (Command::Backup(backup()).arguments(), Command::Try(backup()).arguments());
        made.splice(1..1, ["--dry-run".to_owned(), "--no-lock".to_owned()]);
        assert_eq!(tried, made);
        assert_eq!(Command::Try(backup()).needs(), Command::Backup(backup()).needs());
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
                "--host=--tag=x",
                "--read-concurrency=4",
                "--skip-if-unchanged",
                "--exclude=*.cache",
                "--exclude=--x",
                "--iexclude=*.TMP",
                "--exclude-file=/etc/patterns",
                "--iexclude-file=-",
                "--exclude-if-present=.nobackup",
                "--exclude-larger-than=1073741824",
                "--exclude-caches",
                "--one-file-system",
                "--",
                "--password-command=id",
                "/home",
            ]
        );
    }

    #[test]
    fn a_plain_backup_needs_nothing_new_and_says_no_more_than_it_must() {
        let (exclusions, manner) = (Exclusions::default(), Manner::default());
        let plain = Backup { exclusions, manner, paths: vec!["/home".to_owned()], ..backup() };
        assert!(Command::Backup(plain.clone()).needs().is_empty());
        let expected =
            ["backup", "--json", "--tag=plan:home", "--tag=created-by:nas", "--", "/home"];
        assert_eq!(Command::Backup(plain).arguments(), expected);
        let needs = Command::Backup(backup()).needs();
        assert_eq!(needs, [Feature::ReadConcurrency, Feature::SkipIfUnchanged]);
    }

    #[test]
    fn limits_stand_behind_the_command_and_before_the_paths() {
        let limits = Tuning { upload: Rate::of_bytes(2048).ok(), ..Tuning::default() };
        let arguments = Command::Backup(backup()).tuned(&limits);
        assert_eq!(arguments[..3], ["backup", "--limit-upload=2", "--json"]);
        assert_eq!(Command::Init.tuned(&limits), ["init", "--limit-upload=2", "--json"]);
        assert_eq!(Command::Init.tuned(&Tuning::default()), Command::Init.arguments());
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
        let all = environment(Some(&access(&[])), OLD, |_| None);
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
        let all = environment(Some(&hostile), OLD, |_| None);
        let of = |name: &str| {
            all.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of("RESTIC_REPOSITORY"), ["/srv/repo"]);
        assert_eq!(of("AWS_KEY"), ["k"]);
        assert!(of("RESTIC_PASSWORD_COMMAND").is_empty());
    }

    #[test]
    fn only_listed_names_of_our_environment_are_inherited() {
        let all = environment(None, OLD, |name| Some(format!("value of {name}").into()));
        assert!(all.iter().any(|(name, _)| name == "PATH"));
        assert_eq!(all.len(), INHERITED.len() + 1);
    }

    #[test]
    fn a_restic_that_does_not_know_rest_credentials_is_told_them_in_its_location() {
        let env = [("RESTIC_REST_USERNAME", "n@s"), ("RESTIC_REST_PASSWORD", "a/b:c")];
        let told = |uri: &str, env: &[(&str, &str)], version| {
            let access = RepoAccess { uri: Secret::new(uri.to_owned()), ..access(env) };
            location(&access, version).expose().to_owned()
        };
        let uri = "rest:https://vault.example:8000/nas";
        assert_eq!(told(uri, &env, OLD), "rest:https://n%40s:a%2Fb%3Ac@vault.example:8000/nas");
        assert_eq!(told(uri, &env, Feature::RestCredentials.since()), uri);
        assert_eq!(told(uri, &[], OLD), uri);
        // What the location itself says comes first, as restic has it.
        let named = "rest:https://other@vault.example/nas";
        assert_eq!(told(named, &env, OLD), named);
        assert_eq!(told("s3:https://vault.example/nas", &env, OLD), "s3:https://vault.example/nas");
    }
}
