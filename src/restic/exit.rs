//! What the end of a restic process means.

use super::{Failure, Reason};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// How much of what was asked for was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All.
    Whole,
    /// A snapshot was made, without some files that could not be read (exit code 3).
    Partial,
}

/// Whether we had asked it to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    ToStop,
}

/// Reads an exit status together with the end of standard error.
///
/// # Errors
/// Everything but 0 and 3, and those where it says that it failed all the same. A restic that was asked to stop and finished all the same has finished.
pub(super) fn classify(
    status: ExitStatus,
    asked: Asked,
    tail: &str,
) -> Result<Completeness, Failure> {
    let code = status.code();
    if let (Some(0 | 3), Some(failure)) = (code, Failure::despite_success(tail)) {
        return Err(failure);
    }
    match (code, asked) {
        (Some(0), _) => Ok(Completeness::Whole),
        (Some(3), _) => Ok(Completeness::Partial),
        // Whatever it said on its way out, the reason is that we asked.
        (_, Asked::ToStop) => Err(Failure::interrupted(tail)),
        // restic caught an interrupt that was not ours: 128 + SIGINT.
        (Some(130), Asked::No) => Err(Failure::new(Reason::Killed { signal: 2 }, "")),
        (Some(code), Asked::No) => Err(Failure::of_exit(code, tail)),
        (None, Asked::No) => {
            let signal = status.signal().unwrap_or_default();
            Err(Failure::new(Reason::Killed { signal }, ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn exited(code: i32) -> i32 {
        code << 8
    }

    #[test]
    fn every_way_to_end_has_its_meaning() {
        let killed = |signal| Some(Reason::Killed { signal });
        for (raw, asked, expected) in [
            (exited(0), Asked::No, None),
            (exited(3), Asked::No, None),
            (exited(0), Asked::ToStop, None),
            (exited(1), Asked::No, Some(Reason::Unknown { code: 1 })),
            (exited(130), Asked::No, killed(2)),
            (exited(130), Asked::ToStop, Some(Reason::Interrupted)),
            (9, Asked::No, killed(9)),
            (9, Asked::ToStop, Some(Reason::Interrupted)),
        ] {
            let end = classify(ExitStatus::from_raw(raw), asked, "");
            assert_eq!(end.err().map(|failure| failure.reason), expected, "{raw} {asked:?}");
        }
        let kept = "unable to remove snapshot/ab from the repository";
        let failed = classify(ExitStatus::from_raw(exited(0)), Asked::No, kept).unwrap_err();
        assert_eq!(failed.reason, Reason::Unknown { code: 0 });
        let partial = classify(ExitStatus::from_raw(exited(3)), Asked::No, "");
        assert_eq!(partial, Ok(Completeness::Partial));
    }
}
