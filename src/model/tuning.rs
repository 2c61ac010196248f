//! How restic is run for a repo or a plan: what it may use up, and how long it may take.

use super::operation::words;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What one run of restic may use. Absent is restic's own default.
///
/// A repo's is in force for all work on it; a plan's wins over its repo's, one value at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tuning {
    /// Sent to the storage at most so fast.
    pub upload: Option<Rate>,
    /// Read from the storage at most so fast.
    pub download: Option<Rate>,
    /// How much the processor is left to others: 0 to 19.
    pub nice: Option<Nice>,
    /// When its disk accesses have their turn.
    pub io: Option<IoClass>,
    /// The memory, in bytes, that its garbage collector tries to stay below.
    pub memory: Option<u64>,
    /// How much garbage, in percent of what is in use, is left lying: less is less memory and more work.
    pub gogc: Option<u32>,
    /// How hard it compresses.
    pub compression: Option<Compression>,
    /// How large the files of the repository become.
    pub pack_size: Option<PackSize>,
    /// How long it may show no sign of life.
    pub stall_after: Option<Patience>,
    /// How long it may run.
    pub max_run: Option<Patience>,
}

/// How long something may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// At most so long.
    For(Duration),
    /// However long.
    Endless,
}

/// Bytes a second, at least 1 KiB (restic counts in KiB).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// What the system call of that name takes, of the values that take nothing from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nice(u8);

/// A size of pack files in MiB, 4 to 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackSize(u8);

/// A value that is out of its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfBounds(&'static str);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl Rate {
    /// Of so many bytes a second; what is not a whole KiB is cut off.
    ///
    /// # Errors
    /// Less than 1 KiB a second, or more than restic takes.
    pub const fn of_bytes(bytes: u64) -> Result<Self, OutOfBounds> {
        match bytes / KIB {
            0 => Err(OutOfBounds("a rate is at least 1KiB (a second)")),
            kib if kib > i32::MAX as u64 => Err(OutOfBounds("a rate is at most 2TiB (a second)")),
            kib => Ok(Self(kib)),
        }
    }

    /// In KiB a second.
    #[must_use]
    pub const fn kib(self) -> u64 {
        self.0
    }

    /// In bytes a second.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0 * KIB
    }
}

impl Nice {
    /// Of this value.
    ///
    /// # Errors
    /// Not 0 to 19.
    pub fn of(value: i64) -> Result<Self, OutOfBounds> {
        let wrong = OutOfBounds("nice is a whole number from 0 to 19, 19 leaving most to others");
        u8::try_from(value).ok().filter(|nice| *nice <= 19).map(Self).ok_or(wrong)
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl PackSize {
    /// Of so many bytes.
    ///
    /// # Errors
    /// Not a whole number of MiB from 4 to 128.
    pub fn of_bytes(bytes: u64) -> Result<Self, OutOfBounds> {
        let wrong = OutOfBounds("a pack size is a whole number of MiB from 4MiB to 128MiB");
        let whole = bytes.is_multiple_of(MIB).then_some(bytes / MIB);
        let mib = whole.and_then(|mib| u8::try_from(mib).ok());
        mib.filter(|mib| (4..=128).contains(mib)).map(Self).ok_or(wrong)
    }

    /// In MiB.
    #[must_use]
    pub const fn mib(self) -> u8 {
        self.0
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0 as u64 * MIB
    }
}

words!(
    /// When disk accesses have their turn, where the disk's scheduler knows such classes.
    IoClass, "I/O class", {
        /// As any program.
        Normal = "normal",
        /// After most others: best-effort, lowest level.
        Low = "low",
        /// Only when nobody else wants the disk.
        Idle = "idle",
    }
);

words!(
    /// How hard restic compresses.
    Compression, "compression", {
        /// As restic finds best.
        Auto = "auto",
        /// Not at all.
        Off = "off",
        /// As much as can be, taking time.
        Max = "max",
    }
);

impl Tuning {
    /// Nothing is said.
    pub const NONE: Self = Self {
        upload: None,
        download: None,
        nice: None,
        io: None,
        memory: None,
        gogc: None,
        compression: None,
        pack_size: None,
        stall_after: None,
        max_run: None,
    };

    /// How long a run may show no sign of life where nothing is said.
    pub const STALL_AFTER: Duration = Duration::from_secs(2 * 3600);

    /// These values, and `other`'s where there is none.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        macro_rules! first {
            ($($field:ident),+) => {
                Self { $($field: if self.$field.is_some() { self.$field } else { other.$field }),+ }
            };
        }
        first!(
            upload,
            download,
            nice,
            io,
            memory,
            gogc,
            compression,
            pack_size,
            stall_after,
            max_run
        )
    }

    /// How long it may show no sign of life; `None`: however long.
    #[must_use]
    pub const fn stall_limit(&self) -> Option<Duration> {
        match self.stall_after {
            None => Some(Self::STALL_AFTER),
            Some(Patience::For(time)) => Some(time),
            Some(Patience::Endless) => None,
        }
    }

    /// How long it may run; `None`: however long.
    #[must_use]
    pub const fn run_limit(&self) -> Option<Duration> {
        match self.max_run {
            Some(Patience::For(time)) => Some(time),
            Some(Patience::Endless) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plans_values_win_one_at_a_time() {
        let repo = Tuning {
            upload: Rate::of_bytes(2048).ok(),
            max_run: Some(Patience::For(Duration::from_secs(60))),
            ..Tuning::default()
        };
        let plan = Tuning {
            nice: Nice::of(10).ok(),
            max_run: Some(Patience::Endless),
            ..Tuning::default()
        };
        let both = plan.or(repo);
        assert_eq!((both.upload.unwrap().kib(), both.nice.unwrap().get()), (2, 10));
        assert_eq!((both.run_limit(), repo.run_limit()), (None, Some(Duration::from_secs(60))));
        assert_eq!(both.stall_limit(), Some(Tuning::STALL_AFTER));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        assert!(Rate::of_bytes(1023).is_err() && Rate::of_bytes(u64::MAX).is_err());
        assert_eq!(Rate::of_bytes(1500).unwrap().bytes(), 1024);
        assert!(Nice::of(-1).is_err() && Nice::of(20).is_err() && Nice::of(19).is_ok());
        assert!(PackSize::of_bytes(3 << 20).is_err() && PackSize::of_bytes(129 << 20).is_err());
        assert!(PackSize::of_bytes((4 << 20) + 1).is_err());
        assert_eq!(PackSize::of_bytes(64 << 20).unwrap().mib(), 64);
    }
}
