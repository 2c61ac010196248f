//! Which restic it is, and whether it is new enough.

use super::Failure;
use std::fmt;
use std::path::PathBuf;

/// A version of restic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

/// Why there is no restic to work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The program could not be run.
    #[error(
        "restic could not be run as {program:?}: {failure}. Install restic {} or newer, or say where it is with `restic` in the config or HOLDFAST_RESTIC",
        Version::OLDEST
    )]
    NotRunnable {
        /// What was run.
        program: PathBuf,
        /// How that ended.
        failure: Failure,
    },
    /// It printed something else than a version of restic.
    #[error(
        "{program:?} does not say which restic it is but {said:?}. Point HOLDFAST_RESTIC at a restic program"
    )]
    Unrecognised {
        /// What was run.
        program: PathBuf,
        /// The beginning of what it printed.
        said: String,
    },
    /// Too old.
    #[error(
        "{program:?} is restic {found}, and {} or newer is needed. Upgrade it, or point HOLDFAST_RESTIC at a newer one",
        Version::OLDEST
    )]
    TooOld {
        /// What was run.
        program: PathBuf,
        /// Its version.
        found: Version,
    },
}

impl Version {
    /// The oldest that works: JSON for every command used here, repository format 2.
    pub const OLDEST: Self = Self::of(0, 14, 0);

    /// Of these numbers.
    #[must_use]
    pub const fn of(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads what `restic version` prints: `restic 0.14.0 compiled with go1.19 on linux/amd64`,
    /// also `restic 0.17.0-dev (compiled manually) …`.
    #[must_use]
    pub fn parse(printed: &str) -> Option<Self> {
        let mut words = printed.lines().next()?.split_ascii_whitespace();
        if words.next()? != "restic" {
            return None;
        }
        let number = words.next()?;
        let number = number.split(['-', '+']).next()?;
        let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let patch = parts.next().unwrap_or(Some(0))?;
        Some(Self { major, minor, patch })
    }

    /// The version that `program` printed, if it is new enough.
    ///
    /// # Errors
    /// Not restic, or older than [`Version::OLDEST`].
    pub fn accept(program: &std::path::Path, printed: &str) -> Result<Self, VersionError> {
        let program = || program.to_owned();
        let Some(found) = Self::parse(printed) else {
            let said = printed.trim().chars().take(80).collect();
            return Err(VersionError::Unrecognised { program: program(), said });
        };
        if found < Self::OLDEST {
            return Err(VersionError::TooOld { program: program(), found });
        }
        Ok(found)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn reads_the_forms_restic_has_printed() {
        let version = |minor, patch| Some(Version { major: 0, minor, patch });
        for (printed, expected) in [
            ("restic 0.14.0 compiled with go1.19.8 on linux/amd64\n", version(14, 0)),
            (
                "restic 0.16.4-dev (compiled manually) compiled with go1.22 on linux/amd64",
                version(16, 4),
            ),
            ("restic 0.18 compiled", version(18, 0)),
            ("rustic 0.14.0", None),
            ("restic zero.1.2", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(printed), expected, "{printed:?}");
        }
    }

    #[test]
    fn an_old_restic_is_refused_with_both_versions_and_a_remedy() {
        let error =
            Version::accept(Path::new("/usr/bin/restic"), "restic 0.12.1 compiled").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("0.12.1") && text.contains("0.14.0") && text.contains("HOLDFAST_RESTIC")
        );
    }
}
