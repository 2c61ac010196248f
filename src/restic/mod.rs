//! Runs restic: commands as data, its output and its ends as types.
//!
//! Pure parts (`argv`, `look`, `pattern`, `output`, `entries`, `exit`, `failure`, `feature`, `version`) and one
//! process part (`process`, `pour`, `guard`, `ssh`); `sieve` reads files with patterns and looks for tags in folders. It knows nothing of plans' schedules, of history or of
//! peers, and decides no retry.
//!
//! 1. A secret reaches restic through the environment of that one process, never through argv, and
//!    is struck out of whatever restic prints before anyone sees it (C2).
//! 2. restic's text is matched in `failure` only; could-not-read is never not-there.
//! 3. No line, document or tail is kept beyond its limit, whatever restic prints.
//! 4. A restic that we started does not outlive us, and is interrupted before it is killed.
//! 5. A lock is removed only if its process is known to be gone, or if a person says so.

mod argv;
mod call;
mod entries;
mod exit;
mod failure;
mod feature;
pub mod guard;
mod guarded;
mod locks;
mod look;
mod maintain;
mod output;
mod pattern;
mod pour;
mod process;
mod redact;
mod sieve;
mod ssh;
mod tuning;
mod version;

pub use argv::{
    Backup, Caches, Command, Exclusions, FileSystems, Manner, SnapshotFilter, Unchanged,
};
pub use call::{Locator, Restic};
pub use entries::{
    Change, ChangeKind, ChangeTotals, Decode, Differences, Entry, EntryKind, Match, Matches,
    Planned, PlannedAct, Rehearsal, Side, Tree,
};
pub use exit::Completeness;
pub use failure::{Failure, Reason};
pub use feature::Feature;
pub use guard::Guard;
pub use guarded::{Guarded, NotAllowed, Reach};
pub use locks::{Cleared, Lock, OwnRun, Unlocking};
pub use look::{
    Archive, Changes, Comparison, Depth, Dump, Extra, Letters, Listing, Overwrite, Restore, Search,
    Verify, literal,
};
pub use maintain::{Choose, Chosen, Measure, Measured};
pub use output::{Event, Snapshot, SnapshotId, Summary, decode_line};
pub use pattern::pattern_fault;
pub use process::{Line, Outcome, Running};
pub use sieve::{Pattern, Sieve, SieveError, clean};
pub use version::{Version, VersionError};
