//! What not every version of restic has: what is asked of one that lacks it is refused, never left out.

use super::{Command, Failure, Reason, Restic, Version};
use std::fmt;

/// Something that restic learned after [`Version::OLDEST`], as its own change log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// `backup --read-concurrency`.
    ReadConcurrency,
    /// `--retry-lock`.
    RetryLock,
    /// `restore --json` says how far it is, and what could not be restored (0.17.1).
    RestoreProgress,
    /// Credentials of a REST server in `RESTIC_REST_USERNAME` and `RESTIC_REST_PASSWORD`.
    RestCredentials,
    /// `backup --skip-if-unchanged`.
    SkipIfUnchanged,
    /// `backup --stdin-from-command`.
    StdinFromCommand,
    /// `restore` into a folder that has something in it, as `--overwrite` says.
    RestoreOverwrite,
    /// `restore --delete`.
    RestoreDelete,
    /// `restore --dry-run`.
    RestoreDryRun,
    /// `check --json`.
    CheckSummary,
}

impl Feature {
    /// All of them, oldest first.
    pub const ALL: &[Self] = &[
        Self::ReadConcurrency,
        Self::RetryLock,
        Self::RestoreProgress,
        Self::RestCredentials,
        Self::SkipIfUnchanged,
        Self::StdinFromCommand,
        Self::RestoreOverwrite,
        Self::RestoreDelete,
        Self::RestoreDryRun,
        Self::CheckSummary,
    ];

    const fn facts(self) -> (&'static str, Version) {
        match self {
            Self::ReadConcurrency => ("`backup --read-concurrency`", Version::of(0, 15, 0)),
            Self::RetryLock => ("`--retry-lock`", Version::of(0, 16, 0)),
            Self::RestoreProgress => ("progress of a restore", Version::of(0, 16, 0)),
            Self::RestCredentials => ("REST credentials in variables", Version::of(0, 16, 1)),
            Self::SkipIfUnchanged => ("`backup --skip-if-unchanged`", Version::of(0, 17, 0)),
            Self::StdinFromCommand => ("`backup --stdin-from-command`", Version::of(0, 17, 0)),
            Self::RestoreOverwrite => ("`restore --overwrite`", Version::of(0, 17, 0)),
            Self::RestoreDelete => ("`restore --delete`", Version::of(0, 17, 0)),
            Self::RestoreDryRun => ("`restore --dry-run`", Version::of(0, 17, 0)),
            Self::CheckSummary => ("`check --json`", Version::of(0, 18, 0)),
        }
    }

    /// The first version that has it.
    #[must_use]
    pub const fn since(self) -> Version {
        self.facts().1
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().0)
    }
}

impl Version {
    /// Whether a restic of this version has it.
    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        self >= feature.since()
    }
}

impl Restic {
    /// Refuses what this restic lacks.
    ///
    /// # Errors
    /// It lacks it; both versions are named.
    pub fn require(&self, feature: Feature) -> Result<(), Failure> {
        let found = self.version();
        if found.has(feature) {
            return Ok(());
        }
        Err(Failure::new(Reason::Lacks { feature, found }, ""))
    }

    /// Refuses a command that needs what this restic lacks.
    pub(super) fn check(&self, command: &Command) -> Result<(), Failure> {
        command.needs().into_iter().try_for_each(|feature| self.require(feature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_listed_in_the_order_in_which_they_came() {
        let since: Vec<_> = Feature::ALL.iter().map(|feature| feature.since()).collect();
        assert!(since.is_sorted(), "{since:?}");
        assert!(since.iter().all(|version| *version > Version::OLDEST));
        assert!(Feature::ALL.iter().all(|feature| Version::of(0, 18, 0).has(*feature)));
    }

    #[test]
    fn what_is_lacking_is_said_with_both_versions() {
        let (feature, found) = (Feature::SkipIfUnchanged, Version::OLDEST);
        let said = Failure::new(Reason::Lacks { feature, found }, "").to_string();
        assert_eq!(
            said,
            "`backup --skip-if-unchanged` needs restic 0.17.0 or newer, and this is restic 0.14.0. \
             Upgrade restic, or point HOLDFAST_RESTIC at a newer one"
        );
    }
}
